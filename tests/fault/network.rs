//! A line that is dead or slow: limits, signals, unmounting.

use super::support::{
    Line, Mount, PROGRAM, Service, Spoil, assert_same, errno, pattern, python, run_for, sh, soon, within,
};
use super::{IMPATIENT, MIB, gave_up};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What starts the tests in the background may have had SIGINT ignored, which is inherited.
fn spawn(mount: &Mount, script: &str) -> Child {
    Command::new("env")
        .args(["--default-signal", "sh", "-c", script])
        .current_dir(mount.root())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// A program that waits on the mount ends when it is told to.
fn ends_by(signal: Signal, mut child: Child, what: &str) {
    std::thread::sleep(Duration::from_millis(700));
    assert!(child.try_wait().unwrap().is_none(), "{what} waits");
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(2), "{what}: {signal} does not end it within 2 s");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn signals_free_a_program_that_waits() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put("f", pattern(1, MIB));
    service.s3().put("d/g", "g");
    let mount = service.mount_through(&proxy, &["--max-age", "0"]);
    for signal in [Signal::SIGKILL, Signal::SIGINT, Signal::SIGTERM] {
        // Opening a file, looking into a directory, storing.
        for script in ["exec cat f", "exec ls d", "exec dd if=/dev/zero of=new bs=1M count=1 status=none"] {
            proxy.line(Line::Silent);
            ends_by(signal, spawn(&mount, script), script);
            proxy.line(Line::Good);
            sh(mount.root(), "rm -f new; ls d; cat f > /dev/null").ok();
        }
    }
}

/// G8: the service is away for a while.
#[test]
fn an_absent_service_is_an_error_within_the_limit_and_is_found_again() {
    for line in [Line::Silent, Line::Cut] {
        let service = Service::embedded();
        let proxy = service.proxy();
        service.s3().put("d/f", "hello");
        let mount = service.mount_through(&proxy, &[&IMPATIENT[..], &["--max-age", "0"]].concat());
        // A program of its own writes: a descriptor of this process would also be closed by other tests' children.
        let script = "import os, time\nf = os.open('w', os.O_CREAT | os.O_WRONLY)\ntime.sleep(2)\nos.write(f, b'written')\n\
                      os.fsync(f)";
        let at = mount.root().to_owned();
        let writing = std::thread::spawn(move || run_for(Duration::from_secs(60), &at, "python3", &["-c", script]));
        soon("the program has begun", || mount.path("w").exists());
        proxy.line(line);
        let root = mount.root().to_owned();
        let outcomes = within(Duration::from_secs(60), "all calls", move || {
            let timed = |work: &mut dyn FnMut() -> io::Result<()>| {
                let began = Instant::now();
                (work(), began.elapsed())
            };
            [
                timed(&mut || fs::read(root.join("d/f")).map(drop)),
                timed(&mut || {
                    fs::read_dir(root.join("d")).and_then(|dir| dir.collect::<io::Result<Vec<_>>>()).map(drop)
                }),
                timed(&mut || fs::create_dir(root.join("new"))),
            ]
        });
        for (number, (outcome, took)) in outcomes.into_iter().enumerate() {
            let errno = errno(outcome);
            assert!(gave_up(errno), "{line:?}, call {number}: {errno}");
            assert!(took < Duration::from_secs(12), "{line:?}, call {number}: {took:?}");
        }
        let told = writing.join().unwrap().fails();
        assert!(told.contains("[Errno"), "{told}");
        // The folder above is not held up.
        let above = service.folder().to_owned();
        within(Duration::from_secs(1), "ls of the folder above", move || fs::read_dir(above).unwrap().count());
        proxy.line(Line::Good);
        let began = Instant::now();
        assert_eq!(fs::read(mount.path("d/f")).unwrap(), b"hello");
        fs::create_dir(mount.path("after")).unwrap();
        assert!(began.elapsed() < Duration::from_secs(5), "{line:?}: {:?}", began.elapsed());
        // What was reported as not stored is stored all the same by and by.
        soon("the write", || service.s3().find("w").is_some_and(|info| info.size == 7));
        assert_eq!(service.s3().text("w"), "written");
    }
}

fn store(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    Ok(nix::unistd::close(std::os::fd::OwnedFd::from(file))?)
}

#[test]
fn unmounting_works_while_the_network_is_dead() {
    for line in [Line::Silent, Line::Cut] {
        let service = Service::embedded();
        let proxy = service.proxy();
        service.s3().put("f", "hello");
        let mount = service.mount_through(&proxy, &[]);
        assert_eq!(fs::read(mount.path("f")).unwrap(), b"hello");
        proxy.line(line);
        let began = Instant::now();
        mount.umount();
        assert!(began.elapsed() < Duration::from_secs(5), "{line:?}: {:?}", began.elapsed());
    }
}

#[test]
fn unmounting_says_what_could_not_be_stored() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let mount = service.mount_through(&proxy, &IMPATIENT);
    let file = File::create(mount.path("lost")).unwrap();
    proxy.line(Line::Silent);
    assert!(gave_up(errno(within(Duration::from_secs(30), "writing", move || store(file, b"x")))));
    let at = mount.root().to_str().unwrap().to_owned();
    let ended = run_for(Duration::from_secs(60), service.folder(), PROGRAM, &["umount", &at]);
    assert!(ended.fails().contains("lost"), "the file is named");
    let forced = Instant::now();
    run_for(Duration::from_secs(30), service.folder(), PROGRAM, &["umount", "--force", &at]);
    assert!(forced.elapsed() < Duration::from_secs(10), "{:?}", forced.elapsed());
    assert!(osirisfs::mount::table::at(mount.root()).unwrap().is_none(), "it is gone");
}

/// G10: slow is not dead.
#[test]
fn a_slow_copy_is_asked_for_once() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put("a", "aaa");
    let mount = service.mount_through(&proxy, &[]);
    proxy.rule(|request| if request.op == "CopyObject" { Spoil::Hold(Duration::from_secs(15)) } else { Spoil::Pass });
    let (from, to) = (mount.path("a"), mount.path("b"));
    within(Duration::from_secs(40), "mv", move || fs::rename(from, to)).unwrap();
    assert_eq!(proxy.count("CopyObject"), 1, "{:?}", proxy.counts());
    assert_eq!(service.s3().keys(""), ["b"]);
}

#[test]
fn slow_lines_and_slow_programs_are_waited_for() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put("down", pattern(2, 4 * MIB));
    let mount = service.mount_through(&proxy, &["--ask-for", "5s"]);
    // A download that pauses for longer than a question may take.
    proxy.rule(|request| match request.op {
        "GetObject" => Spoil::Pause { after: 300_000, for_: Duration::from_secs(4) },
        _ => Spoil::Pass,
    });
    let path = mount.path("down");
    let read = within(Duration::from_secs(60), "cat", move || fs::read(path)).unwrap();
    assert_same("down", &read, &pattern(2, 4 * MIB));
    // 64 KiB a second upwards, and a program that thinks for a while between two writes.
    proxy.repair();
    proxy.limit(64 << 10, 0);
    // (By a program of its own: closing a descriptor that another test's child has inherited would store, too.)
    let (first, second) = (service.folder().join("first"), service.folder().join("second"));
    fs::write(&first, pattern(3, MIB / 2)).unwrap();
    fs::write(&second, pattern(4, MIB / 2)).unwrap();
    let script = format!(
        "import time\nout = open('up', 'wb', buffering=0)\nout.write(open({first:?}, 'rb').read())\ntime.sleep(6)\n\
         out.write(open({second:?}, 'rb').read())\nout.close()"
    );
    python(mount.root(), &script).ok();
    let puts = proxy.requests().iter().filter(|request| request.op == "PutObject" && request.key == "up").count();
    assert_eq!(puts, 1, "{:?}", proxy.counts());
    let wanted = [pattern(3, MIB / 2), pattern(4, MIB / 2)].concat();
    assert_same("up", &service.s3().get("up"), &wanted);
}

/// A daemon that stood still (its machine was stopped, or SIGSTOP) has not waited in that time: what broke meanwhile is
/// tried again, though by the clock the time for it is over.
#[test]
fn a_standstill_is_no_waiting() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put("there", pattern(5, 1000));
    let mount = service.mount_through(&proxy, &IMPATIENT);
    let asked = Arc::new(AtomicU32::new(0));
    let seen = asked.clone();
    // The first GET and the first PUT are lost while the daemon stands still.
    proxy.rule(move |request| {
        let bit = if request.op == "GetObject" { 1 } else { 2 };
        if matches!(request.op, "GetObject" | "PutObject") && seen.fetch_or(bit, Relaxed) & bit == 0 {
            std::thread::sleep(Duration::from_secs(3));
            return Spoil::Reset;
        }
        Spoil::Pass
    });
    let (there, new) = (mount.path("there"), mount.path("new"));
    let reading = std::thread::spawn(move || fs::read(there));
    let writing = std::thread::spawn(move || fs::write(new, pattern(6, 1000)));
    soon("both requests", || asked.load(Relaxed) == 3);
    let daemon = Pid::from_raw(mount.daemon());
    kill(daemon, Signal::SIGSTOP).unwrap();
    std::thread::sleep(Duration::from_secs(7));
    kill(daemon, Signal::SIGCONT).unwrap();
    assert_same("there", &reading.join().unwrap().unwrap(), &pattern(5, 1000));
    writing.join().unwrap().unwrap();
    assert_same("new", &service.s3().get("new"), &pattern(6, 1000));
}
