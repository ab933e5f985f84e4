//! One side of the comparison: a folder on which operations are done, plain or mounted.

use super::ops::{Fill, How, Op, SLOTS};
use crate::support::{pattern, threads_of};
use rustix::fs::{AtFlags, CWD, FallocateFlags, RenameFlags, Timespec, Timestamps, XattrFlags};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What an operation gave: bytes or words, or an errno.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Bytes(Vec<u8>),
    Words(String),
    Errno(i32),
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Done => f.write_str("done"),
            Outcome::Bytes(bytes) => {
                write!(
                    f,
                    "{} bytes {:02x?}{}",
                    bytes.len(),
                    &bytes[..bytes.len().min(16)],
                    if bytes.len() > 16 { ".." } else { "" }
                )
            }
            Outcome::Words(words) => f.write_str(words),
            Outcome::Errno(errno) => write!(f, "{}", io::Error::from_raw_os_error(*errno)),
        }
    }
}

/// An operation that takes longer is told of, with what the threads of this process, servers among them, wait for.
const SLOW: Duration = Duration::from_secs(20);
/// The longest operation of all, in seconds.
static SLOWEST: AtomicU64 = AtomicU64::new(0);

/// How far the times of the two sides may be apart that were set to the time of an operation, in seconds.
pub fn apart_at_most() -> i64 {
    30 + SLOWEST.load(Relaxed) as i64
}

pub struct Side {
    pub root: PathBuf,
    handles: [Option<File>; SLOTS],
}

type Result = io::Result<Outcome>;

impl Side {
    pub fn new(root: PathBuf) -> Side {
        Side { root, handles: [const { None }; SLOTS] }
    }

    pub fn apply(&mut self, op: &Op) -> Outcome {
        let began = Instant::now();
        let outcome = self.run(op);
        let took = began.elapsed();
        SLOWEST.fetch_max(took.as_secs(), Relaxed);
        if took > SLOW {
            let threads = threads_of(&[std::process::id() as i32]);
            eprintln!("{op:?} took {took:?} in {}\n{threads}", self.root.display());
        }
        match outcome {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Errno(error.raw_os_error().unwrap_or_else(|| panic!("{op:?}: {error}"))),
        }
    }

    pub fn open_slots(&self) -> Vec<usize> {
        (0..SLOTS).filter(|slot| self.handles[*slot].is_some()).collect()
    }

    pub fn close_all(&mut self) {
        self.handles = [const { None }; SLOTS];
    }

    /// Does on a plain folder what another S3 client's operation means there. `false`: that means nothing here, or what
    /// it means depends on who came first: an open file, a directory, a path through a link.
    pub fn other_client(&self, op: &Op) -> bool {
        let (path, bytes) = match op {
            Op::OtherPuts(path, fill) => (path, Some(pattern(fill.seed, fill.len))),
            Op::OtherDeletes(path) => (path, None),
            _ => return false,
        };
        let at = self.at(path);
        let is_dir = |path: &Path| fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
        let parents = at.ancestors().skip(1).take(path.matches('/').count()).all(is_dir);
        let there = fs::symlink_metadata(&at).ok();
        let number = there.as_ref().map(MetadataExt::ino);
        let open = self.handles.iter().flatten().any(|file| Some(file.metadata().unwrap().ino()) == number);
        if !parents || open || there.as_ref().is_some_and(|meta| meta.is_dir()) || (there.is_none() && bytes.is_none())
        {
            return false;
        }
        if there.is_some() {
            fs::remove_file(&at).unwrap();
        }
        if let Some(bytes) = bytes {
            fs::write(&at, bytes).unwrap();
            fs::set_permissions(&at, fs::Permissions::from_mode(0o644)).unwrap();
        }
        true
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn run(&mut self, op: &Op) -> Result {
        match op {
            Op::Put(path, fill) => {
                let file = OpenOptions::new().write(true).create(true).truncate(true).open(self.at(path))?;
                write_and_close(file, 0, *fill)
            }
            Op::Append(path, fill) => {
                let file = OpenOptions::new().append(true).create(true).open(self.at(path))?;
                write_and_close(file, 0, *fill)
            }
            Op::WriteAt(path, offset, fill) => {
                let file = OpenOptions::new().write(true).open(self.at(path))?;
                write_and_close(file, *offset, *fill)
            }
            Op::Truncate(path, size) => done(nix::unistd::truncate(&self.at(path), *size as i64)),
            Op::Read(path, offset, len) => read(&File::open(self.at(path))?, *offset, *len),
            Op::ReadAll(path) => fs::read(self.at(path)).map(Outcome::Bytes),
            Op::Mkdir(path, mode) => fs::DirBuilder::new().mode(*mode).create(self.at(path)).map(|()| Outcome::Done),
            Op::Rmdir(path) => fs::remove_dir(self.at(path)).map(|()| Outcome::Done),
            Op::Unlink(path) => done(nix::unistd::unlink(&self.at(path))),
            Op::Rename(from, to) => fs::rename(self.at(from), self.at(to)).map(|()| Outcome::Done),
            Op::RenameNew(from, to) => {
                done(rustix::fs::renameat_with(CWD, self.at(from), CWD, self.at(to), RenameFlags::NOREPLACE))
            }
            Op::Symlink(target, path) => std::os::unix::fs::symlink(target, self.at(path)).map(|()| Outcome::Done),
            Op::LongSymlink(len, path) => {
                std::os::unix::fs::symlink("x".repeat(*len), self.at(path)).map(|()| Outcome::Done)
            }
            Op::Readlink(path) => fs::read_link(self.at(path)).map(|target| Outcome::Words(words(&target))),
            Op::Chmod(path, mode) => {
                fs::set_permissions(self.at(path), fs::Permissions::from_mode(*mode)).map(|()| Outcome::Done)
            }
            Op::Utimens(path, secs, nanos) => done(set_times(&self.at(path), *secs, *nanos)),
            Op::SetXattr(path, name, fill) => {
                let value = pattern(fill.seed, fill.len);
                done(rustix::fs::lsetxattr(self.at(path), *name, &value, XattrFlags::empty()))
            }
            Op::RemoveXattr(path, name) => done(rustix::fs::lremovexattr(self.at(path), *name)),
            Op::GetXattr(path, name) => Ok(Outcome::Bytes(xattr(&self.at(path), name)?)),
            Op::ListXattr(path) => Ok(Outcome::Words(xattr_names(&self.at(path))?.join(" "))),
            Op::Stat(path) => fs::symlink_metadata(self.at(path)).map(|meta| Outcome::Words(stat(&meta))),
            Op::List(path) => list(&self.at(path)).map(|names| Outcome::Words(names.join("|"))),
            Op::Open(slot, path, how) => {
                let file = open(&self.at(path), *how)?;
                self.handles[*slot] = Some(file);
                Ok(Outcome::Done)
            }
            Op::OtherPuts(..) | Op::OtherDeletes(_) => Ok(Outcome::Done),
            Op::Compare | Op::DropCaches | Op::Wait | Op::Remount => Ok(Outcome::Done),
            _ => self.run_on_handle(op),
        }
    }

    fn run_on_handle(&mut self, op: &Op) -> Result {
        let slot = match op {
            Op::Close(slot)
            | Op::HandleWrite(slot, ..)
            | Op::HandleRead(slot, ..)
            | Op::HandleTruncate(slot, ..)
            | Op::HandleSync(slot)
            | Op::HandleStat(slot)
            | Op::HandlePunch(slot, ..)
            | Op::HandleAllocate(slot, ..)
            | Op::CopyRange(slot, ..) => *slot,
            other => unreachable!("{other:?}"),
        };
        let Some(file) = self.handles[slot].as_ref() else { return Ok(Outcome::Words("not open".to_owned())) };
        match op {
            Op::Close(_) => {
                if let Some(file) = self.handles[slot].take() {
                    return done(close(file));
                }
                Ok(Outcome::Done)
            }
            Op::HandleWrite(_, offset, fill) => {
                file.write_all_at(&pattern(fill.seed, fill.len), *offset).map(|()| Outcome::Done)
            }
            Op::HandleRead(_, offset, len) => read(file, *offset, *len),
            Op::HandleTruncate(_, size) => file.set_len(*size).map(|()| Outcome::Done),
            Op::HandleSync(_) => file.sync_all().map(|()| Outcome::Done),
            Op::HandleStat(_) => file.metadata().map(|meta| Outcome::Words(stat(&meta))),
            Op::HandlePunch(_, offset, len) => {
                let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                done(rustix::fs::fallocate(file, how, *offset, *len))
            }
            // Whether allocating what is there already changes the time differs between file systems.
            Op::HandleAllocate(_, offset, len) if offset + len <= file.metadata()?.len() => Ok(Outcome::Done),
            Op::HandleAllocate(_, offset, len) => {
                done(rustix::fs::fallocate(file, FallocateFlags::empty(), *offset, *len))
            }
            Op::CopyRange(_, from, target, to, len) => {
                let Some(target) = self.handles[*target].as_ref() else { return Ok(Outcome::Done) };
                let (mut from, mut to, mut left) = (*from, *to, *len);
                while left > 0 {
                    let copied = rustix::fs::copy_file_range(file, Some(&mut from), target, Some(&mut to), left)?;
                    left -= copied;
                    if copied == 0 {
                        break;
                    }
                }
                Ok(Outcome::Words(format!("{} copied", len - left)))
            }
            other => unreachable!("{other:?}"),
        }
    }
}

fn done<E: Into<io::Error>>(result: std::result::Result<(), E>) -> Result {
    result.map(|()| Outcome::Done).map_err(Into::into)
}

fn open(path: &Path, how: How) -> io::Result<File> {
    let mut flags = 0;
    for (on, flag) in [
        (how.create, libc::O_CREAT),
        (how.exclusive, libc::O_EXCL),
        (how.truncate, libc::O_TRUNC),
        (how.append, libc::O_APPEND),
    ] {
        flags |= if on { flag } else { 0 };
    }
    // OpenOptions refuses some combinations that open(2) takes: these go by custom flags.
    OpenOptions::new().read(how.read).write(how.write).custom_flags(flags).mode(0o640).open(path)
}

fn write_and_close(file: File, offset: u64, fill: Fill) -> Result {
    file.write_all_at(&pattern(fill.seed, fill.len), offset)?;
    done(close(file))
}

/// Closes with the error that dropping would hide.
fn close(file: File) -> nix::Result<()> {
    nix::unistd::close(std::os::fd::OwnedFd::from(file))
}

fn read(file: &File, offset: u64, len: usize) -> Result {
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
            0 => break,
            n => filled += n,
        }
    }
    bytes.truncate(filled);
    Ok(Outcome::Bytes(bytes))
}

pub fn set_times(path: &Path, secs: i64, nanos: i64) -> rustix::io::Result<()> {
    let time = Timespec { tv_sec: secs, tv_nsec: nanos };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
}

pub fn xattr(path: &Path, name: &str) -> io::Result<Vec<u8>> {
    let mut value = vec![0; 65536];
    let len = rustix::fs::lgetxattr(path, name, &mut value[..])?;
    value.truncate(len);
    Ok(value)
}

pub fn xattr_names(path: &Path) -> io::Result<Vec<String>> {
    let mut names = vec![0; 65536];
    let len = rustix::fs::llistxattr(path, &mut names[..])?;
    names.truncate(len);
    let mut names: Vec<String> = String::from_utf8_lossy(&names)
        .split('\0')
        .filter(|name| name.starts_with("user."))
        .map(str::to_owned)
        .collect();
    names.sort();
    Ok(names)
}

fn words(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A time that a program set is kept; others are told apart by the clock of the machine, which both sides share.
pub fn time(meta: &fs::Metadata) -> String {
    if meta.mtime() < SET_BEFORE { format!("{}.{:09}", meta.mtime(), meta.mtime_nsec()) } else { "now".to_owned() }
}

/// Times that the operations set lie before this.
pub const SET_BEFORE: i64 = 1_400_000_000;

fn stat(meta: &fs::Metadata) -> String {
    if meta.is_dir() {
        return format!("dir {:o}", meta.mode());
    }
    format!("{:o} size {} mtime {}", meta.mode(), meta.size(), time(meta))
}

/// Sorted names, directories with a slash.
fn list(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
        names.push(format!("{}{slash}", entry.file_name().to_string_lossy()));
    }
    names.sort();
    Ok(names)
}
