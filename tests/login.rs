//! Who I am: login, logout, whoami, and tokens that change, fail or are doubted while a bucket is mounted.
//!
//! Needs root and /dev/fuse.

#[path = "command/house.rs"]
mod house;

use house::*;
use osirisfs::server::{Fault, Server, User};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Another token of alice's.
const RENEWED: &str = "eyJSR1dfVE9LRU4iOnsidmVyc2lvbiI6MSwidHlwZSI6ImxkYXAiLCJpZCI6ImFsaWNlX3VtIiwia2V5IjoibmV3In19";

fn alice(access_key: &str) -> User {
    User { id: "alice_um".to_owned(), access_key: access_key.to_owned(), secret_key: None }
}

/// Has a file open, in a process of its own: in this one each start of a program closes a duplicate of every descriptor, and
/// so stores the file too early.
struct Writer {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Writer {
    fn open(path: &Path) -> Writer {
        let script = "import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
print('open', flush=True)
sys.stdin.readline()
os.write(fd, b'x')
try:
    os.fsync(fd)
    print(0)
except OSError as error:
    print(error.errno)
";
        let mut command = Command::new("python3");
        command.args(["-c", script]).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut writer = Writer { child, said };
        assert_eq!(writer.line(), "open");
        writer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The error number of fsync(2); 0: none.
    fn write_and_fsync(mut self) -> i32 {
        self.child.stdin.take().unwrap().write_all(b"\n").unwrap();
        let errno = self.line().parse().unwrap();
        self.child.wait().unwrap();
        errno
    }
}

impl House {
    fn give(&self, words: &[&str], input: &str) -> Output {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn let_in(&self, users: &[User]) {
        self.server.as_ref().unwrap().set_users(users);
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    fn lines(&self, words: &str) -> usize {
        self.log().lines().filter(|line| line.contains(words)).count()
    }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn errno_of_list(house: &House) -> Option<i32> {
    // Asks the service whatever was known before.
    fs::metadata(house.mountpoint().join(format!("no-{}", fastrand::u64(..)))).err().and_then(|e| e.raw_os_error())
}

#[test]
fn login_keeps_the_token_and_mount_needs_nothing_more() {
    let house = House::new();
    let endpoint = house.endpoint();
    let login = house.give(&["login", "--endpoint", &endpoint], &format!("{}\n", house.token));
    assert!(login.status.success(), "{login:?}");
    assert!(out(&login).contains("You are alice_um at") && !format!("{login:?}").contains(&house.token));
    let kept = house.path(".config/osirisfs/credentials");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&kept).unwrap().starts_with("[alice_um]\n"));

    let mount = house.run(&["mount", BUCKET, "mount"]);
    assert!(mount.status.success(), "{mount:?}");
    assert!(house.umount(&[]).status.success());
    let whoami = house.run(&["whoami"]);
    assert!(out(&whoami).starts_with("alice_um\n") && out(&whoami).contains(&endpoint), "{whoami:?}");
    assert_eq!(out(&house.run(&["whoami", "--all"])), "alice_um\n");

    let logout = house.run(&["logout"]);
    assert!(logout.status.success() && !fs::read_to_string(&kept).unwrap().contains(&house.token), "{logout:?}");
    let mount = house.run(&["mount", BUCKET, "mount"]);
    assert!(words_of(&mount).contains("run osirisfs login"), "{mount:?}");
    assert!(words_of(&house.run(&["logout"])).contains("not logged in"));
}

/// Names of new buckets must begin with it.
#[test]
fn a_profile_knows_the_cou() {
    let house = House::new();
    let endpoint = house.endpoint();
    assert!(house.give(&["login", "--endpoint", &endpoint, "--cou", "um"], &house.token).status.success());
    let shown = out(&house.run(&["config", "--show"]));
    assert!(shown.lines().any(|line| line.starts_with("cou = \"um\"") && line.contains("# profile")), "{shown}");
    let mount = house.run(&["mount", "mount"]);
    assert!(mount.status.success(), "{mount:?}");
    let refused = fs::create_dir(house.mountpoint().join("wsu-data")).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
    fs::create_dir(house.mountpoint().join("um-data")).unwrap();
    assert!(house.umount(&[]).status.success());
}

#[test]
fn one_person_may_have_several_tokens() {
    let house = House::new();
    let endpoint = house.endpoint();
    let dave = User { id: "dave_vai".to_owned(), access_key: "DAVE".to_owned(), secret_key: Some("hush-hush".into()) };
    house.let_in(&[alice(&house.token), dave]);
    assert!(house.give(&["login", "--endpoint", &endpoint], &house.token).status.success());
    let file = "[someone]\naws_access_key_id = DAVE\naws_secret_access_key = hush-hush\n";
    let login = house.give(&["login", "--keys", "--endpoint", &endpoint], file);
    assert!(out(&login).contains("You are dave_vai") && out(&login).contains("--profile dave_vai"), "{login:?}");
    let mount = house.run(&["mount", BUCKET, "mount"]);
    assert_eq!(mount.status.code(), Some(2));
    assert!(words_of(&mount).contains("alice_um and as dave_vai"), "{mount:?}");
    assert!(house.run(&["mount", "--profile", "alice_um", BUCKET, "mount"]).status.success());
    assert!(house.umount(&[]).status.success());
    assert!(out(&house.run(&["whoami", "--profile", "dave_vai"])).starts_with("dave_vai\n"));
    assert!(!house.run(&["logout"]).status.success());
    assert!(house.run(&["logout", "dave_vai"]).status.success());
    assert_eq!(out(&house.run(&["whoami", "--all"])), "alice_um\n");
}

#[test]
fn what_the_service_does_not_accept_is_not_kept() {
    let house = House::new();
    let endpoint = house.endpoint();
    for (given, expected) in [
        (Server::token("mallory_um"), "does not accept the token or key"),
        ("nonsense".to_owned(), "it is no token or key that it knows"),
        ("two words".to_owned(), "neither a token nor a key"),
        (String::new(), "nothing was given"),
    ] {
        let login = house.give(&["login", "--endpoint", &endpoint], &given);
        assert!(!login.status.success() && words_of(&login).contains(expected), "{expected}: {login:?}");
        assert!(words_of(&login).lines().count() == 1 && (given.is_empty() || !words_of(&login).contains(&given)));
    }
    let open = house.path("open");
    fs::write(&open, &house.token).unwrap();
    let login = house.run(&["login", "--endpoint", &endpoint, "--token-file", "open"]);
    assert!(words_of(&login).contains(&format!("run: chmod 600 {}", open.display())), "{login:?}");
    assert!(!house.path(".config").exists());
}

/// A terminal shows all that it does not hide.
#[test]
fn a_token_that_is_typed_does_not_show() {
    let house = House::new();
    let script = r#"
import os, pty, sys, termios, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:3] + ["--endpoint", sys.argv[3]])
seen = b""
while b"Token" not in seen:
    seen += os.read(fd, 1000)
while termios.tcgetattr(fd)[3] & termios.ECHO:
    time.sleep(0.01)
os.write(fd, os.environ["WORD"].encode() + b"\n")
try:
    while True:
        more = os.read(fd, 1000)
        if not more:
            break
        seen += more
except OSError:
    pass
print(seen.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;
    let mut python = Command::new("python3");
    python.args(["-c", script, PROGRAM, "login", &house.endpoint()]).env_clear();
    python.env("PATH", "/usr/bin:/bin").env("HOME", house.dir.path()).env("WORD", &house.token);
    let output = python.output().unwrap();
    let seen = out(&output);
    assert!(seen.contains("it is not shown") && seen.contains("You are alice_um"), "{output:?}");
    assert!(!seen.contains(&house.token) && seen.trim().ends_with('0'), "{output:?}");
}

#[test]
fn a_token_that_was_changed_on_disk_is_picked_up_by_the_mount() {
    let house = House::new();
    house.mount(&["--log", "trace", "--log-file", "log"]);
    house.let_in(&[alice(RENEWED)]);
    house.secret("token", RENEWED);
    fs::write(house.mountpoint().join("file"), "written with the new token").unwrap();
    assert_eq!(errno_of_list(&house), Some(libc::ENOENT));
    assert_eq!(house.lines("new credentials are taken from token file"), 1);
    assert_eq!(house.lines("does not accept"), 0);
    assert!(house.umount(&[]).status.success());
    for secret in [house.token.as_str(), RENEWED] {
        assert!(!house.log().contains(secret), "a token is in the log");
    }
}

#[test]
fn a_token_of_login_is_renewed_by_login() {
    let house = House::new();
    let endpoint = house.endpoint();
    assert!(house.give(&["login", "--endpoint", &endpoint], &house.token).status.success());
    let mount = house.run(&["mount", "--log-file", "log", BUCKET, "mount"]);
    assert!(mount.status.success(), "{mount:?}");
    house.let_in(&[alice(RENEWED)]);
    assert!(house.give(&["login", "--endpoint", &endpoint], RENEWED).status.success());
    assert_eq!(errno_of_list(&house), Some(libc::ENOENT));
    assert!(house.umount(&[]).status.success());
}

#[test]
fn a_token_that_is_refused_for_good_is_told_once_and_the_mount_stays() {
    let house = House::new();
    let pid = house.mount(&["--log-file", "log", "--token-grace", "1s"]);
    fs::write(house.mountpoint().join("file"), "before").unwrap();
    let other = Writer::open(&house.mountpoint().join("other"));
    house.let_in(&[]);
    let began = Instant::now();
    for _ in 0..5 {
        assert_eq!(errno_of_list(&house), Some(libc::EACCES));
    }
    assert_eq!(other.write_and_fsync(), libc::EACCES);
    assert!(began.elapsed() < Duration::from_secs(8), "each waits anew: {:?}", began.elapsed());
    assert!(house.in_table().is_some() && !is_gone(pid));
    assert_eq!(house.lines("does not accept the token or key"), 1, "{}", house.log());
    let status = out(&house.run(&["status", "mount"]));
    assert!(status.contains("it has refused the token or key for"), "{status}");

    house.let_in(&[alice(&house.token)]);
    assert_eq!(errno_of_list(&house), Some(libc::ENOENT));
    assert_eq!(fs::read(house.mountpoint().join("file")).unwrap(), b"before");
    assert_eq!(house.lines("accepts the credentials again"), 1);
    assert!(house.umount(&[]).status.success());
    // What could not be stored then was stored later.
    house.mount(&[]);
    assert_eq!(fs::read(house.mountpoint().join("other")).unwrap(), b"x");
    assert!(house.umount(&[]).status.success());
}

/// RGW calls every token invalid while its user directory is away.
#[test]
fn a_token_that_worked_is_believed_for_a_while() {
    let house = House::new();
    house.mount(&["--log-file", "log"]);
    let until = Instant::now() + Duration::from_secs(3);
    house.server.as_ref().unwrap().on_request(Box::new(move |_| {
        if Instant::now() < until { Fault::Status(403, "InvalidAccessKeyId") } else { Fault::Pass }
    }));
    fs::write(house.mountpoint().join("file"), "in between").unwrap();
    assert_eq!(errno_of_list(&house), Some(libc::ENOENT));
    assert!(Instant::now() >= until);
    assert_eq!(house.lines("does not accept"), 0, "{}", house.log());
    assert!(house.umount(&[]).status.success());
}

#[test]
fn a_program_of_the_profile_is_asked_again() {
    let house = House::new();
    fs::create_dir(house.path(".aws")).unwrap();
    // It also tells what it was given.
    let print = "#!/bin/sh\ncat /proc/$$/environ /proc/$$/cmdline >\"$(dirname \"$0\")/seen\"\nprintf '{\"Version\":1,\"AccessKeyId\":\"%s\"}' $(cat \"$(dirname \"$0\")/token\")\n";
    house.secret("print", print);
    fs::set_permissions(house.path("print"), fs::Permissions::from_mode(0o700)).unwrap();
    let config = format!(
        "[profile p]\ncredential_process = '{}'\nendpoint_url = {}\n",
        house.path("print").display(),
        house.endpoint()
    );
    fs::write(house.path(".aws/config"), config).unwrap();
    let mut mount = house.command(&["mount", "--profile", "p", BUCKET, "mount"]);
    let mount = mount.env("OSIRIS_TOKEN", &house.token).output().unwrap();
    assert!(mount.status.success(), "{mount:?}");
    house.let_in(&[alice(RENEWED)]);
    house.secret("token", RENEWED);
    // It is not run more often than every ten seconds.
    assert_eq!(errno_of_list(&house), Some(libc::ENOENT));
    // What the daemon starts does not find in its environment what the mount was given in its own.
    let seen = fs::read_to_string(house.path("seen")).unwrap();
    assert!(seen.contains("PATH=") && !seen.contains(&house.token) && !seen.contains(RENEWED), "{seen}");
    assert!(house.umount(&[]).status.success());
}
