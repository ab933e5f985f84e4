//! Playing a list of operations on both sides.

use super::full;
use super::ops::Op;
use super::side::{Outcome, Side, set_times};
use super::tree::{differences, raw_differences, snapshot};
use super::weather::Weather;
use crate::support::{Lived, Mount, Proxy, Service, pattern};
use osirisfs::server::{Limits, Style};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A list that takes longer than this hangs.
const LONGEST: Duration = Duration::from_secs(180);

/// What was found wrong: after how many operations, and what.
#[derive(Debug)]
pub struct Wrong {
    pub after: usize,
    pub what: String,
}

/// How many operations did not fail, on both sides, and how many the mount alone has refused for want of room.
#[derive(Clone, Copy, Debug, Default)]
pub struct Played {
    pub succeeded: usize,
    pub refused: usize,
}

/// The mount under test.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub flags: &'static [&'static str],
    /// The release of RGW that the embedded server is like.
    pub style: Style,
    /// What happens on the way to it.
    pub weather: Weather,
}

impl Setup {
    /// A fresh bucket; or a fresh folder on a real gateway, if the environment wants that.
    pub fn service(&self) -> Service {
        match std::env::var("OSIRISFS_MODEL_SERVICE").as_deref() {
            Ok("rgw") if self.weather != Weather::Full => Service::rgw(),
            _ => Service::embedded_as(self.style, Limits::default()),
        }
    }

    /// Mounts it, through a proxy if the weather is not fair. The mount needs the proxy to its end: it is to be dropped first.
    pub fn mount(&self, service: &Service) -> (Option<Proxy>, Mount) {
        match self.weather.before(service) {
            Some(proxy) => {
                let mount = service.mount_through(&proxy, self.flags);
                (Some(proxy), mount)
            }
            None => (None, service.mount_with(self.flags)),
        }
    }
}

/// Plays a list on a fresh bucket.
pub fn play(ops: &[Op], setup: Setup) -> Result<Played, Wrong> {
    let service = setup.service();
    let plain = service.folder().join("plain");
    std::fs::create_dir(&plain).unwrap();
    let (proxy, mount) = setup.mount(&service);
    let guard = Guard::start(mount.root().to_owned());
    let mut game = Game {
        mounted: Side::new(mount.root().to_owned()),
        plain: Side::new(plain),
        service,
        mount,
        guard,
        _proxy: proxy,
        played: Played::default(),
    };
    for (at, op) in ops.iter().enumerate() {
        game.guard.at(format!("operation {at}: {op:?}"));
        if setup.weather == Weather::Full {
            full::set(&game.service, full::is_full(at, op));
        }
        let step = game.step(op);
        if setup.weather == Weather::Full && (step.is_err() || at + 1 == ops.len()) {
            // Also a mount that has failed is to end.
            full::set(&game.service, false);
        }
        step.map_err(|what| Wrong { after: at + 1, what: format!("{op:?}: {what}") })?;
    }
    game.guard.at("the end".to_owned());
    game.end().map_err(|what| Wrong { after: ops.len(), what: format!("at the end: {what}") })?;
    Ok(game.played)
}

struct Game {
    mounted: Side,
    plain: Side,
    mount: Mount,
    guard: Guard,
    // After the mount, which needs it to its end.
    _proxy: Option<Proxy>,
    service: Service,
    played: Played,
}

impl Game {
    fn step(&mut self, op: &Op) -> Result<(), String> {
        match op {
            Op::Compare => return self.compare("now", false),
            Op::DropCaches => {
                std::fs::write("/proc/sys/vm/drop_caches", "2").map_err(|e| e.to_string())?;
                return Ok(());
            }
            Op::OtherPuts(path, _) | Op::OtherDeletes(path) => return self.other_client(op, path),
            Op::Wait => std::thread::sleep(Duration::from_millis(1300)),
            Op::Remount => {
                self.close_all();
                self.mount.again();
                return self.compare("after a fresh mount", false);
            }
            _ => {}
        }
        let is = self.mounted.apply(op);
        // Only a full bucket gives it.
        if is == Outcome::Errno(libc::EDQUOT) {
            self.played.refused += 1;
            return full::follow(op, &self.mounted, &mut self.plain);
        }
        let wanted = self.plain.apply(op);
        if is != wanted {
            let first = match (&is, &wanted) {
                (Outcome::Bytes(is), Outcome::Bytes(wanted)) => {
                    super::tree::content_differs(is, wanted).unwrap_or_default()
                }
                _ => String::new(),
            };
            return Err(format!("gave {is:?}, should give {wanted:?} {first}"));
        }
        let idle = Outcome::Words("not open".to_owned());
        self.played.succeeded += usize::from(!matches!(is, Outcome::Errno(_)) && is != idle);
        Ok(())
    }

    fn other_client(&mut self, op: &Op, path: &str) -> Result<(), String> {
        // What waits to be stored here would rightly win over an older version.
        if let Ok(file) = std::fs::File::open(self.mounted.at(path)) {
            file.sync_all().map_err(|error| format!("fsync {path}: {error}"))?;
        }
        // A link cannot be opened; its folder stores its attributes.
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        if let Ok(dir) = std::fs::File::open(self.mounted.at(above)) {
            dir.sync_all().map_err(|error| format!("fsync {above}: {error}"))?;
        }
        if self.plain.other_client(op) {
            match op {
                Op::OtherPuts(_, fill) => self.service.s3().put(path, pattern(fill.seed, fill.len)),
                _ => self.service.s3().delete(path),
            }
            self.played.succeeded += 1;
        }
        Ok(())
    }

    fn close_all(&mut self) {
        self.mounted.close_all();
        self.plain.close_all();
    }

    fn compare(&self, when: &str, dir_times: bool) -> Result<(), String> {
        let (is, wanted) = (snapshot(self.mount.root())?, snapshot(&self.plain.root)?);
        report(when, differences(&is, &wanted, dir_times))
    }

    fn end(&mut self) -> Result<(), String> {
        self.close_all();
        self.compare("after the last close", false)?;
        // Directories have times of their own once they are set.
        let wanted = snapshot(&self.plain.root)?;
        for (n, (path, _)) in wanted.iter().filter(|(_, node)| node.is_dir()).enumerate() {
            for root in [self.plain.root.as_path(), self.mount.root()] {
                set_times(&root.join(path), 1_000_000_000 + n as i64, 7).map_err(|e| format!("utimens {path}: {e}"))?;
            }
        }
        self.compare("after the times of directories", true)?;
        let before = snapshot(self.mount.root())?;
        self.mount.again();
        let after = snapshot(self.mount.root())?;
        for (path, node) in &before {
            if after.get(path).is_some_and(|now| now.exact_mtime != node.exact_mtime) {
                let now = after[path].exact_mtime;
                return Err(format!("{path}: mtime {:?} before and {now:?} after a fresh mount", node.exact_mtime));
            }
        }
        self.compare("after a fresh mount", true)?;
        report("as raw objects", raw_differences(&self.service.s3(), &snapshot(&self.plain.root)?))
    }
}

fn report(when: &str, differences: Vec<String>) -> Result<(), String> {
    if differences.is_empty() { Ok(()) } else { Err(format!("{when}:\n  {}", differences.join("\n  "))) }
}

/// Ends the mount if the test hangs in it.
pub struct Guard {
    at: Arc<Mutex<String>>,
}

impl Guard {
    pub fn start(mountpoint: PathBuf) -> Guard {
        let at = Arc::new(Mutex::new(String::new()));
        let weak = Arc::downgrade(&at);
        std::thread::spawn(move || {
            let mut lived = Lived::from_now();
            while lived.so_far() < LONGEST {
                std::thread::sleep(Duration::from_millis(200));
                if weak.strong_count() == 0 {
                    return;
                }
            }
            if let Some(at) = weak.upgrade() {
                eprintln!("it hangs at {}", at.lock().unwrap());
                let _ = osirisfs::mount::unmount::by_force(&mountpoint);
            }
        });
        Guard { at }
    }

    pub fn at(&self, what: String) {
        *self.at.lock().unwrap() = what;
    }
}
