//! fuser's trait over the core: what is in memory is answered at once on the FUSE thread, the rest is spawned.

use super::answer::{answer_attr, answer_empty, answer_entry, answer_found, answer_space, answer_target};
use super::convert::{change, errno};
use super::later::{Adapter, caller, guarded};
use super::meter::Op;
use crate::fs::{At, Found, RenameRule};
use fuser::*;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Largest write the kernel may send (its own limit is 1 MiB unless `max_pages_limit` was raised).
const MAX_WRITE: u32 = 1024 * 1024;
/// Requests that the kernel may have in flight for read-ahead and the like.
const MAX_BACKGROUND: u16 = 256;

impl Filesystem for Adapter {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // One by one: an unknown flag refuses the whole set.
        for flag in [
            InitFlags::FUSE_PARALLEL_DIROPS,
            // Always with attributes: the kernel's own guess (AUTO) makes `find -size` look each name up.
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_ATOMIC_O_TRUNC,
            // Pages go when the etag changes (at open), not when a time does.
            InitFlags::FUSE_EXPLICIT_INVAL_DATA,
            InitFlags::FUSE_ASYNC_DIO,
            InitFlags::FUSE_DIRECT_IO_ALLOW_MMAP,
            // Else the kernel asks for security.capability before each write. Clearing suid is then our duty.
            InitFlags::FUSE_HANDLE_KILLPRIV_V2,
        ] {
            let _ = config.add_capabilities(flag);
        }
        let _ = config.set_max_write(MAX_WRITE);
        let _ = config.set_max_background(MAX_BACKGROUND);
        let _ = config.set_congestion_threshold(MAX_BACKGROUND / 4 * 3);
        let _ = config.set_time_granularity(Duration::from_nanos(1));
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.meter.call(Op::Lookup);
        // What is asked for ahead is begun here.
        let _runtime = self.runtime.enter();
        guarded(|| {
            if let Some(known) = self.fs.try_lookup(parent.0, name) {
                return answer_found(reply, known);
            }
            let (fs, name) = (self.fs.clone(), name.to_owned());
            let undo = self.unmention();
            let work = async move { fs.lookup(parent.0, &name).await };
            self.later_or_undo(
                (Op::Lookup, request),
                work,
                |r| answer_found(reply, r),
                move |found| {
                    if let Found::Entry(entry) = found {
                        undo(entry);
                    }
                },
            );
        });
    }

    fn forget(&self, _request: &Request, ino: INodeNo, count: u64) {
        guarded(|| self.fs.forget(ino.0, count));
    }

    fn getattr(&self, request: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        self.meter.call(Op::Getattr);
        guarded(|| {
            if let Some(known) = self.fs.try_getattr(ino.0) {
                return answer_attr(reply, known);
            }
            let fs = self.fs.clone();
            self.later((Op::Getattr, request), async move { fs.getattr(ino.0).await }, |r| answer_attr(reply, r));
        });
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        self.meter.call(Op::Setattr);
        guarded(|| {
            let mut change = change(mode, uid, gid, size, atime, mtime);
            change.clear_suid |= size.is_some() && !caller(request).keeps_suid();
            if let Some(known) = self.fs.try_setattr(ino.0, &change) {
                return answer_attr(reply, known);
            }
            let fs = self.fs.clone();
            self.later((Op::Setattr, request), async move { fs.setattr(ino.0, change).await }, |r| {
                answer_attr(reply, r)
            });
        });
    }

    fn readlink(&self, request: &Request, ino: INodeNo, reply: ReplyData) {
        self.meter.call(Op::Readlink);
        let fs = self.fs.clone();
        self.later((Op::Readlink, request), async move { fs.readlink(ino.0).await }, |r| answer_target(reply, r));
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        rdev: u32,
        reply: ReplyEntry,
    ) {
        self.meter.call(Op::Mknod);
        let (fs, name, caller) = (self.fs.clone(), name.to_owned(), caller(request));
        let work = async move { fs.mknod(parent.0, &name, mode, rdev, caller).await };
        self.later_or_undo((Op::Mknod, request), work, |r| answer_entry(reply, r), self.unmention());
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, _umask: u32, reply: ReplyEntry) {
        self.meter.call(Op::Mkdir);
        let (fs, name, caller) = (self.fs.clone(), name.to_owned(), caller(request));
        let work = async move { fs.mkdir(parent.0, &name, mode, caller).await };
        self.later_or_undo((Op::Mkdir, request), work, |r| answer_entry(reply, r), self.unmention());
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.meter.call(Op::Unlink);
        let (fs, name) = (self.fs.clone(), name.to_owned());
        self.later((Op::Unlink, request), async move { fs.unlink(parent.0, &name).await }, |r| answer_empty(reply, r));
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.meter.call(Op::Rmdir);
        let (fs, name) = (self.fs.clone(), name.to_owned());
        self.later((Op::Rmdir, request), async move { fs.rmdir(parent.0, &name).await }, |r| answer_empty(reply, r));
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        self.meter.call(Op::Symlink);
        let (fs, name, target, caller) =
            (self.fs.clone(), name.to_owned(), target.as_os_str().to_owned(), caller(request));
        let work = async move { fs.symlink(parent.0, &name, &target, caller).await };
        self.later_or_undo((Op::Symlink, request), work, |r| answer_entry(reply, r), self.unmention());
    }

    fn rename(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        self.meter.call(Op::Rename);
        let rule = match flags {
            flags if flags.is_empty() => RenameRule::Replace,
            RenameFlags::RENAME_NOREPLACE => RenameRule::NoReplace,
            _ => return reply.error(Errno::EINVAL),
        };
        let (fs, name, newname) = (self.fs.clone(), name.to_owned(), newname.to_owned());
        let work = async move { fs.rename(parent.0, &name, newparent.0, &newname, rule).await };
        self.later((Op::Rename, request), work, |r| answer_empty(reply, r));
    }

    fn link(&self, _request: &Request, _ino: INodeNo, _parent: INodeNo, _name: &OsStr, reply: ReplyEntry) {
        // S3 has no second name for an object.
        reply.error(Errno::EPERM);
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        self.meter.call(Op::Open);
        self.open_file(request, ino.0, flags.0, reply);
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        self.meter.call(Op::Create);
        self.create_file(request, parent.0, name, mode, flags, reply);
    }

    fn read(
        &self,
        request: &Request,
        ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.meter.call(Op::Read);
        guarded(|| self.read_file(request, (ino.0, fh.0), offset, size, reply));
    }

    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        data: &[u8],
        write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        self.meter.call(Op::Write);
        let clear = write_flags.contains(WriteFlags::FUSE_WRITE_KILL_SUIDGID);
        guarded(|| self.write_file(request, (ino.0, fh.0), offset, data, clear, reply));
    }

    fn flush(&self, request: &Request, ino: INodeNo, fh: FileHandle, _lock_owner: LockOwner, reply: ReplyEmpty) {
        self.meter.call(Op::Flush);
        guarded(|| {
            if self.fs.flush_is_idle(ino.0, fh.0) {
                return reply.ok();
            }
            let (fs, pid) = (self.fs.clone(), request.pid());
            self.later((Op::Flush, request), async move { fs.flush(ino.0, fh.0, pid).await }, |r| {
                answer_empty(reply, r)
            });
        });
    }

    fn release(
        &self,
        _request: &Request,
        ino: INodeNo,
        fh: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.meter.call(Op::Release);
        guarded(|| {
            let _runtime = self.runtime.enter();
            self.fs.release(ino.0, fh.0);
            reply.ok();
        });
    }

    fn fsync(&self, request: &Request, ino: INodeNo, fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        self.meter.call(Op::Fsync);
        let fs = self.fs.clone();
        self.later((Op::Fsync, request), async move { fs.fsync(ino.0, fh.0).await }, |r| answer_empty(reply, r));
    }

    fn opendir(&self, request: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        self.meter.call(Op::Opendir);
        guarded(|| self.open_dir(request, ino.0, reply));
    }

    fn readdir(&self, request: &Request, ino: INodeNo, fh: FileHandle, offset: u64, reply: ReplyDirectory) {
        self.meter.call(Op::Readdir);
        guarded(|| self.read_dir(request, (ino.0, fh.0), offset, reply));
    }

    fn readdirplus(&self, request: &Request, ino: INodeNo, fh: FileHandle, offset: u64, reply: ReplyDirectoryPlus) {
        self.meter.call(Op::Readdir);
        guarded(|| self.read_dir_plus(request, (ino.0, fh.0), offset, reply));
    }

    fn releasedir(&self, _request: &Request, ino: INodeNo, fh: FileHandle, _flags: OpenFlags, reply: ReplyEmpty) {
        guarded(|| {
            self.fs.releasedir(ino.0, fh.0);
            reply.ok();
        });
    }

    fn fsyncdir(&self, request: &Request, ino: INodeNo, fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        self.meter.call(Op::Fsyncdir);
        let fs = self.fs.clone();
        self.later((Op::Fsyncdir, request), async move { fs.fsyncdir(ino.0, fh.0).await }, |r| answer_empty(reply, r));
    }

    fn statfs(&self, request: &Request, ino: INodeNo, reply: ReplyStatfs) {
        self.meter.call(Op::Statfs);
        let fs = self.fs.clone();
        self.later((Op::Statfs, request), async move { fs.space(ino.0).await }, |r| answer_space(reply, r));
    }

    fn setxattr(
        &self,
        request: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        self.meter.call(Op::Setxattr);
        guarded(|| self.set_xattr(request, ino.0, name, value, flags, reply));
    }

    fn getxattr(&self, request: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        self.meter.call(Op::Getxattr);
        guarded(|| self.get_xattr(request, ino.0, name, size, reply));
    }

    fn listxattr(&self, request: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        self.meter.call(Op::Listxattr);
        guarded(|| self.list_xattrs(request, ino.0, size, reply));
    }

    fn removexattr(&self, request: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.meter.call(Op::Removexattr);
        guarded(|| self.remove_xattr(request, ino.0, name, reply));
    }

    fn fallocate(
        &self,
        request: &Request,
        ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        self.meter.call(Op::Fallocate);
        let fs = self.fs.clone();
        self.later(
            (Op::Fallocate, request),
            async move { fs.fallocate(ino.0, fh.0, offset, length, mode).await },
            |r| answer_empty(reply, r),
        );
    }

    fn lseek(&self, _request: &Request, ino: INodeNo, fh: FileHandle, offset: i64, whence: i32, reply: ReplyLseek) {
        guarded(|| {
            let (Ok(from), true) = (u64::try_from(offset), matches!(whence, libc::SEEK_DATA | libc::SEEK_HOLE)) else {
                return reply.error(Errno::EINVAL);
            };
            match self.fs.seek(ino.0, fh.0, from, whence == libc::SEEK_HOLE) {
                Ok(at) => reply.offset(at as i64),
                Err(error) => reply.error(errno(&error)),
            }
        });
    }

    // Not offered. fuser's own answer logs a warning, at each isatty(3).
    #[rustfmt::skip]
    fn ioctl(
        &self, _: &Request, _: INodeNo, _: FileHandle, _: IoctlFlags, _: u32, _: &[u8], _: u32, reply: ReplyIoctl,
    ) {
        reply.error(Errno::ENOTTY);
    }

    fn copy_file_range(
        &self,
        request: &Request,
        ino_in: INodeNo,
        fh_in: FileHandle,
        offset_in: u64,
        ino_out: INodeNo,
        fh_out: FileHandle,
        offset_out: u64,
        len: u64,
        _flags: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        let from = At { ino: ino_in.0, fh: fh_in.0, offset: offset_in };
        let to = At { ino: ino_out.0, fh: fh_out.0, offset: offset_out };
        self.copy_range(request, from, to, len, reply);
    }
}
