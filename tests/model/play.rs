//! Playing a list of operations on both sides.

use super::ops::Op;
use super::side::{Side, set_times};
use super::tree::{differences, raw_differences, snapshot};
use crate::common::{House, Mount};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A list that takes longer than this hangs.
const LONGEST: Duration = Duration::from_secs(180);

/// What was found wrong: after how many operations, and what.
#[derive(Debug)]
pub struct Wrong {
    pub after: usize,
    pub what: String,
}

/// Plays a list on a fresh bucket. `options` are those of the mount.
pub fn play(ops: &[Op], options: &[&str]) -> Result<(), Wrong> {
    let house = House::new();
    let plain = house.path("plain");
    std::fs::create_dir(&plain).unwrap();
    let mount = house.mount(options);
    let guard = Guard::start(mount.path.clone(), mount.pid);
    let mut game =
        Game { mounted: Side::new(mount.path.clone()), plain: Side::new(plain), house, mount, options, guard };
    for (at, op) in ops.iter().enumerate() {
        game.guard.at(format!("operation {at}: {op:?}"));
        game.step(op).map_err(|what| Wrong { after: at + 1, what: format!("{op:?}: {what}") })?;
    }
    game.guard.at("the end".to_owned());
    game.end().map_err(|what| Wrong { after: ops.len(), what: format!("at the end: {what}") })
}

struct Game<'a> {
    mounted: Side,
    plain: Side,
    mount: Mount,
    guard: Guard,
    house: House,
    options: &'a [&'a str],
}

impl Game<'_> {
    fn step(&mut self, op: &Op) -> Result<(), String> {
        match op {
            Op::Compare => return self.compare("now", false),
            Op::DropCaches => {
                std::fs::write("/proc/sys/vm/drop_caches", "2").map_err(|e| e.to_string())?;
                return Ok(());
            }
            Op::Wait => std::thread::sleep(Duration::from_millis(1300)),
            Op::Remount => {
                self.close_all();
                self.remount();
                return self.compare("after a fresh mount", false);
            }
            _ => {}
        }
        let (is, wanted) = (self.mounted.apply(op), self.plain.apply(op));
        if is != wanted {
            let first = match (&is, &wanted) {
                (super::side::Outcome::Bytes(is), super::side::Outcome::Bytes(wanted)) => {
                    super::tree::content_differs(is, wanted).unwrap_or_default()
                }
                _ => String::new(),
            };
            return Err(format!("gave {is:?}, should give {wanted:?} {first}"));
        }
        Ok(())
    }

    fn close_all(&mut self) {
        self.mounted.close_all();
        self.plain.close_all();
    }

    fn remount(&mut self) {
        self.mount.umount_well();
        self.mount = self.house.mount(self.options);
        self.guard.watch(self.mount.path.clone(), self.mount.pid);
    }

    fn compare(&self, when: &str, dir_times: bool) -> Result<(), String> {
        let (is, wanted) = (snapshot(&self.mount.path)?, snapshot(&self.plain.root)?);
        report(when, differences(&is, &wanted, dir_times))
    }

    fn end(&mut self) -> Result<(), String> {
        self.close_all();
        self.compare("after the last close", false)?;
        // Directories have times of their own once they are set.
        let wanted = snapshot(&self.plain.root)?;
        for (n, (path, _)) in wanted.iter().filter(|(_, node)| node.is_dir()).enumerate() {
            for root in [&self.plain.root, &self.mount.path] {
                set_times(&root.join(path), 1_000_000_000 + n as i64, 7).map_err(|e| format!("utimens {path}: {e}"))?;
            }
        }
        self.compare("after the times of directories", true)?;
        let before = snapshot(&self.mount.path)?;
        self.remount();
        let after = snapshot(&self.mount.path)?;
        for (path, node) in &before {
            if after.get(path).is_some_and(|now| now.exact_mtime != node.exact_mtime) {
                let now = after[path].exact_mtime;
                return Err(format!("{path}: mtime {:?} before and {now:?} after a fresh mount", node.exact_mtime));
            }
        }
        self.compare("after a fresh mount", true)?;
        self.mount.umount_well();
        report("as raw objects", raw_differences(&self.house.bucket(), &snapshot(&self.plain.root)?))
    }
}

fn report(when: &str, differences: Vec<String>) -> Result<(), String> {
    if differences.is_empty() { Ok(()) } else { Err(format!("{when}:\n  {}", differences.join("\n  "))) }
}

/// Ends the mount if the test hangs in it.
struct Guard {
    shared: Arc<Mutex<Watched>>,
}

struct Watched {
    mount: Option<(PathBuf, i32)>,
    at: String,
}

impl Guard {
    fn start(path: PathBuf, pid: i32) -> Guard {
        let shared = Arc::new(Mutex::new(Watched { mount: Some((path, pid)), at: String::new() }));
        let weak = Arc::downgrade(&shared);
        let began = Instant::now();
        std::thread::spawn(move || {
            while began.elapsed() < LONGEST {
                std::thread::sleep(Duration::from_millis(200));
                if weak.strong_count() == 0 {
                    return;
                }
            }
            if let Some(shared) = weak.upgrade() {
                let watched = shared.lock().unwrap();
                eprintln!("it hangs at {}", watched.at);
                if let Some((path, _)) = &watched.mount {
                    let _ = osirisfs::mount::unmount::by_force(Path::new(path));
                }
            }
        });
        Guard { shared }
    }

    fn at(&self, what: String) {
        self.shared.lock().unwrap().at = what;
    }

    fn watch(&self, path: PathBuf, pid: i32) {
        self.shared.lock().unwrap().mount = Some((path, pid));
    }
}
