//! A token is a password: nothing that the program says, writes or leaves in /proc shows it.

use crate::house::*;
use osirisfs::server::Fault;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Looks for a token in all forms in which it could show.
struct Hunt(Vec<Vec<u8>>);

impl Hunt {
    fn of(token: &str) -> Hunt {
        let in_url = token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        // What Server::token makes a token of.
        Hunt([token, &in_url, "pw-alice_um"].map(|form| form.as_bytes().to_vec()).to_vec())
    }

    fn finds(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|form| bytes.windows(form.len()).any(|window| window == form))
    }

    #[track_caller]
    fn in_bytes(&self, what: &str, bytes: &[u8]) {
        assert!(
            !self.finds(bytes),
            "the token is in {what}: {}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(4000)])
        );
    }

    /// Everything that a command says.
    #[track_caller]
    fn in_command(&self, house: &House, words: &[&str]) {
        let output = house.run(words);
        self.in_bytes(&format!("the output of {words:?}"), &output.stdout);
        self.in_bytes(&format!("the errors of {words:?}"), &output.stderr);
    }

    /// All files below a folder but those that hold the token by intent. Gives how many there were.
    fn in_files(&self, folder: &Path, but: &[&str]) -> usize {
        let mut count = 0;
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() {
                count += self.in_files(&path, but);
            } else if kind.is_file() && !but.iter().any(|name| path.ends_with(name)) {
                self.in_bytes(&path.display().to_string(), &fs::read(&path).unwrap());
                count += 1;
            }
        }
        count
    }

    /// What /proc shows of a process and of all that it has started; open files too, those without a name among them.
    fn in_process(&self, pid: i32) {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        for name in ["cmdline", "environ", "comm", "status", "mountinfo"] {
            // A child may end at any time.
            let bytes = fs::read(proc.join(name)).unwrap_or_default();
            self.in_bytes(&format!("/proc/{pid}/{name}"), &bytes);
        }
        for entry in fs::read_dir(proc.join("fd")).into_iter().flatten().flatten() {
            if fs::metadata(entry.path()).is_ok_and(|meta| meta.is_file())
                && let Ok(bytes) = fs::read(entry.path())
            {
                self.in_bytes(&format!("{}, {:?}", entry.path().display(), fs::read_link(entry.path())), &bytes);
            }
        }
        for child in children(pid) {
            self.in_process(child);
        }
    }
}

fn children(pid: i32) -> Vec<i32> {
    let parent = |stat: &str| stat.rsplit(") ").next()?.split(' ').nth(1)?.parse::<i32>().ok();
    let all = fs::read_dir("/proc").unwrap().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_string_lossy().parse::<i32>().ok());
    numbers
        .filter(|n| fs::read_to_string(format!("/proc/{n}/stat")).is_ok_and(|stat| parent(&stat) == Some(pid)))
        .collect()
}

#[test]
fn the_token_is_nowhere_to_be_seen() {
    let house = House::new();
    let hunt = Hunt::of(&house.token);
    assert!(hunt.finds(&fs::read(house.path("token")).unwrap()), "the hunt finds what is there");
    // Not only this program's own words: those of every library, down to the bytes on the wire.
    let words = ["--log", "trace,osirisfs=trace", "--log-file", "log", "--log-requests", "--cache-dir", "cache"];
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let pid = house.mount(&[&words[..], &["--metrics", &port, "--token-grace", "1s"]].concat());
    let at = |name: &str| house.mountpoint().join(name);
    fs::write(at("small"), "x").unwrap();
    fs::write(at("large"), vec![7; 20 << 20]).unwrap();
    fs::rename(at("small"), at("moved")).unwrap();
    fs::read(at("large")).unwrap();
    fs::read_dir(house.mountpoint()).unwrap().count();
    let open = fs::File::create(at("open")).unwrap();
    (&open).write_all(&[1; 100_000]).unwrap();
    hunt.in_process(pid);
    let mut page = String::new();
    let mut metrics = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    metrics.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    metrics.read_to_string(&mut page).unwrap();
    assert!(page.contains("osirisfs_"), "{page}");
    hunt.in_bytes("the metrics", page.as_bytes());

    // Now the service refuses it, and repeats it as Amazon does.
    let endpoint = house.endpoint();
    let common = ["--endpoint", &endpoint, "--token-file", "token"];
    house.server.as_ref().unwrap().on_request(Box::new(|_| Fault::Status(403, "InvalidAccessKeyId")));
    assert!(fs::metadata(at("new")).is_err());
    assert!(open.sync_all().is_err());
    let dash_o = format!("endpoint={endpoint},token_file=token");
    let (known, inline) = (format!("[default]\ntoken = \"{}\"\n", house.token), format!("token={}", house.token));
    fs::write(house.path("wrong.toml"), known).unwrap();
    for words in [
        &["status", "mount"][..],
        &["status", "mount", "--json"],
        &["list"],
        &[&["whoami"][..], &common].concat(),
        &[&["share", BUCKET][..], &common].concat(),
        &[&["login"][..], &common].concat(),
        &[&["mount", BUCKET, "elsewhere"][..], &common].concat(),
        &["doctor", BUCKET, "-o", &dash_o],
        &["config", "--show", BUCKET, "-o", &dash_o],
        &["run", BUCKET, "-o", &dash_o, "--", "true"],
        // It is no word for a command line, and is not repeated there.
        &["mount", BUCKET, "elsewhere", "-o", &inline],
        &["mount", BUCKET, "elsewhere", "--config", "wrong.toml"],
        &["mount", BUCKET, "elsewhere", "--endpoint", &house.token],
    ] {
        hunt.in_command(&house, words);
    }
    house.refuse_nothing();
    drop(open);
    assert!(house.umount(&[]).status.success());
    assert!(hunt.in_files(house.dir.path(), &["token", "wrong.toml"]) > 0);
    let log = fs::read_to_string(house.path("log")).unwrap();
    assert!(log.contains("TRACE") && log.contains("<hidden>"), "the log had something to hide");
}

#[test]
fn a_token_of_the_environment_does_not_stay_there() {
    let house = House::new();
    let (endpoint, hunt) = (house.endpoint(), Hunt::of(&house.token));
    for (name, value) in [
        ("OSIRIS_TOKEN", house.token.clone()),
        ("OSIRIS_TOKEN", format!("{}:anything", house.token)),
        ("AWS_ACCESS_KEY_ID", house.token.clone()),
    ] {
        let mut mount = house.command(&["mount", "--endpoint", &endpoint, BUCKET, "mount"]);
        let output = mount.env(name, value).env("AWS_SECRET_ACCESS_KEY", "anything").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let pid = house.daemon();
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap();
        assert!(environ.windows(5).any(|bytes| bytes == b"PATH="), "the rest stays");
        hunt.in_process(pid);
        fs::write(house.mountpoint().join("file"), "x").unwrap();
        // Options are read again from what the daemon remembers.
        kill(pid, nix::sys::signal::SIGUSR1);
        fs::read(house.mountpoint().join("file")).unwrap();
        assert!(house.umount(&[]).status.success());
    }
}

/// A core file would hold everything that the memory holds.
#[test]
fn no_core_holds_the_token() {
    let house = House::new();
    let spawn = |program: &str, words: &[&str]| {
        let mut command = Command::new("sh");
        // Where this machine writes a core file to a folder at all, it is this one.
        command.args(["-c", "ulimit -c unlimited; exec \"$0\" \"$@\"", program]).args(words);
        command.current_dir(house.dir.path()).env_clear().env("PATH", "/usr/bin:/bin").process_group(0);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut sleep = spawn("sleep", &["60"]);
    let exec = || fs::read_to_string(format!("/proc/{}/comm", sleep.id())).is_ok_and(|name| name == "sleep\n");
    soon("the other program", exec);
    kill(sleep.id() as i32, nix::sys::signal::SIGABRT);
    if !sleep.wait().unwrap().core_dumped() {
        eprintln!("this machine writes no cores of anybody: nothing to see");
        return;
    }
    let endpoint = house.endpoint();
    let words = [&house.mount_words(&endpoint)[..], &["--foreground"]].concat();
    let mut daemon = spawn(PROGRAM, &words);
    soon("the mount", || house.in_table().is_some_and(|mount| osirisfs::mount::control::connect(&mount).is_ok()));
    fs::write(house.mountpoint().join("file"), "x").unwrap();
    kill(daemon.id() as i32, nix::sys::signal::SIGABRT);
    let ended = daemon.wait().unwrap();
    assert!(ended.signal() == Some(libc::SIGABRT) && !ended.core_dumped(), "{ended:?}");
    while house.in_table().is_some() {
        osirisfs::mount::unmount::by_force(&house.mountpoint()).unwrap();
    }
    Hunt::of(&house.token).in_files(house.dir.path(), &["token"]);
}
