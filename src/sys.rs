//! The only module with unsafe code: the system calls that no crate wraps safely, each with its reason.
#![allow(unsafe_code)]

use nix::unistd::ForkResult;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

mod allocator;
mod carved;
mod slab;

pub use allocator::Allocator;
pub use slab::{Slab, SlabWriter, keep_spare};

/// How long a thread that was joined may take to be gone: the kernel lets its joiner go on before it has taken it off the
/// list, which on a busy machine shows.
const LEAVING: Duration = Duration::from_secs(2);

fn alone() -> io::Result<()> {
    let begun = Instant::now();
    loop {
        match std::fs::read_dir("/proc/self/task")?.count() {
            1 => return Ok(()),
            _ if begun.elapsed() < LEAVING => std::thread::sleep(Duration::from_millis(1)),
            threads => return Err(io::Error::other(format!("not in a process of {threads} threads"))),
        }
    }
}

/// Splits the process in two. Refused when it has more than one thread: in the child the others would be missing
/// together with the locks that they hold.
pub fn fork() -> io::Result<ForkResult> {
    alone()?;
    // SAFETY: there is one thread, so no lock (of the allocator, of standard output) is held by anybody else and the
    // child may go on as an ordinary program.
    Ok(unsafe { nix::unistd::fork() }?)
}

/// Empties a variable of the environment in the very memory where the kernel has put it: /proc/PID/environ shows that
/// memory for as long as the process lives. Refused when there is more than one thread, which might be reading it.
pub fn wipe_variable(name: &CStr) -> io::Result<()> {
    alone()?;
    // SAFETY: there is one thread, so nobody else reads or changes the environment. getenv(3) gives null or a string that
    // ends in a zero byte and lies in writable memory of this process; its bytes up to there are ours to change.
    unsafe {
        let value = libc::getenv(name.as_ptr());
        if !value.is_null() {
            std::ptr::write_bytes(value, 0, libc::strlen(value));
        }
    }
    Ok(())
}

/// Takes over a descriptor that a message of a Unix socket (SCM_RIGHTS) brought.
pub fn received_fd(fd: RawFd) -> Option<OwnedFd> {
    if fd < 0 {
        return None;
    }
    // SAFETY: recvmsg(2) has made this descriptor for us; nothing else in the process knows its number.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The value of an extended attribute; `None` if there is no such attribute.
pub fn getxattr(path: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    let path = c_string(path.as_os_str().as_bytes())?;
    let name = c_string(name.as_bytes())?;
    let mut value = vec![0u8; 4096];
    loop {
        match getxattr_into(&path, &name, &mut value) {
            Ok(len) => {
                value.truncate(len);
                return Ok(Some(value));
            }
            // XATTR_SIZE_MAX of the kernel is 64 KiB.
            Err(e) if e.raw_os_error() == Some(libc::ERANGE) && value.len() < 65536 => value.resize(65536, 0),
            Err(e) if e.raw_os_error() == Some(libc::ENODATA) => return Ok(None),
            Err(e) => return Err(e),
        }
    }
}

fn getxattr_into(path: &CStr, name: &CStr, value: &mut [u8]) -> io::Result<usize> {
    // SAFETY: both strings end in a zero byte, and the kernel writes at most `value.len()` bytes to `value`.
    let len = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    if len < 0 { Err(io::Error::last_os_error()) } else { Ok(len as usize) }
}

/// Sets an extended attribute.
pub fn setxattr(path: &Path, name: &str, value: &[u8]) -> io::Result<()> {
    let path = c_string(path.as_os_str().as_bytes())?;
    let name = c_string(name.as_bytes())?;
    // SAFETY: both strings end in a zero byte, and the kernel reads `value.len()` bytes of `value`.
    let rc = unsafe { libc::setxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

/// A fresh mapping, which no other memory shares; its bytes are zero. `None`: there is no memory, or there are as many mappings as
/// a process may have.
fn fresh(len: usize) -> Option<NonNull<u8>> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new anonymous mapping, at an address that the kernel chooses.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, -1, 0) };
    if at == libc::MAP_FAILED { None } else { NonNull::new(at.cast()) }
}

/// A [`fresh`] mapping that begins at a multiple of `align`, a power of two of pages.
fn aligned(len: usize, align: usize) -> Option<NonNull<u8>> {
    let at = fresh(len + align)?;
    let before = at.as_ptr().align_offset(align);
    // SAFETY: the mapping is longer by `align`, so `begin..begin + len` lies in it. Its ends that are not wanted belong to nobody
    // yet.
    unsafe {
        let begin = at.as_ptr().add(before);
        if before > 0 {
            libc::munmap(at.as_ptr().cast(), before);
        }
        if align > before {
            libc::munmap(begin.add(len).cast(), align - before);
        }
        NonNull::new(begin)
    }
}
