//! flock(2) and fcntl(2) locks between programs of this machine.

use super::{open_rw, write};
use crate::support::{Service, errno, python, run, sh};
use nix::fcntl::{FcntlArg, Flock, FlockArg, fcntl};
use std::io::Error;

pub fn flock(service: &Service) {
    let m = service.mount();
    write(&m.path("f"), "");
    let held = Flock::lock(open_rw(&m.path("f")), FlockArg::LockExclusiveNonblock).unwrap();
    let second = Flock::lock(open_rw(&m.path("f")), FlockArg::LockExclusiveNonblock).map_err(|(_, e)| Error::from(e));
    assert_eq!(errno(second), libc::EWOULDBLOCK);
    assert_eq!(run(m.root(), "flock", &["-n", "f", "true"]).code, Some(1));
    drop(held);
    assert_eq!(run(m.root(), "flock", &["-n", "f", "true"]).code, Some(0));
    // One that waits gets it.
    let said = sh(m.root(), "(flock 9; sleep 0.3; echo first) 9>f & sleep 0.1; flock f echo second; wait").ok();
    assert_eq!(said, "first\nsecond\n");
}

pub fn record_locks(service: &Service) {
    let m = service.mount();
    write(&m.path("f"), "0123456789");
    let file = open_rw(&m.path("f"));
    let lock = libc::flock { l_type: libc::F_WRLCK as i16, l_whence: 0, l_start: 2, l_len: 3, l_pid: 0 };
    fcntl(&file, FcntlArg::F_SETLK(&lock)).unwrap();
    let script = "import fcntl\n\
        f = open('f', 'r+b')\n\
        fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 2, 0)\n\
        fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 5)\n\
        try:\n    fcntl.lockf(f, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 4)\n\
        except BlockingIOError: print('held')\n";
    assert_eq!(python(m.root(), script).ok(), "held\n");
    let unlock = libc::flock { l_type: libc::F_UNLCK as i16, ..lock };
    fcntl(&file, FcntlArg::F_SETLK(&unlock)).unwrap();
    assert_eq!(python(m.root(), script).ok(), "");
}
