//! The FUSE adapter: decode, call, reply, map the error to an errno.
//!
//! STAND-IN of the cli branch: an empty root directory. To be replaced at merge.

use crate::config::Settings;
use crate::fs::Fs;
use fuser::{Errno, FileAttr, FileHandle, FileType, Filesystem, INodeNo, ReplyAttr, ReplyDirectory, Request, Session};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::watch;

/// A running FUSE session.
pub struct Mounted {
    ended: watch::Receiver<bool>,
}

impl Mounted {
    /// Returns when the kernel has let go of the mount.
    pub async fn ended(&self) {
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }
}

/// Answers the kernel's requests from now on.
pub fn serve(fd: OwnedFd, fs: Arc<Fs>, settings: &Settings, _runtime: tokio::runtime::Handle) -> io::Result<Mounted> {
    let root = Root { _fs: fs, uid: settings.uid, gid: settings.gid, mode: settings.dir_mode };
    let acl = if settings.allow_other { fuser::SessionACL::All } else { fuser::SessionACL::Owner };
    let session = Session::from_fd(root, fd, acl, fuser::Config::default())?;
    let (sender, ended) = watch::channel(false);
    std::thread::Builder::new().name("fuse".to_owned()).spawn(move || {
        let _ = session.run();
        let _ = sender.send(true);
    })?;
    Ok(Mounted { ended })
}

struct Root {
    _fs: Arc<Fs>,
    uid: u32,
    gid: u32,
    mode: u16,
}

impl Filesystem for Root {
    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        let attr = FileAttr {
            ino,
            size: 0,
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: FileType::Directory,
            perm: self.mode,
            nlink: 2,
            uid: self.uid,
            gid: self.gid,
            rdev: 0,
            flags: 0,
            blksize: 4096,
        };
        reply.attr(&Duration::ZERO, &attr);
    }

    fn readdir(&self, _req: &Request, ino: INodeNo, _fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        if ino != INodeNo::ROOT {
            return reply.error(Errno::ENOTDIR);
        }
        for (n, name) in [".", ".."].iter().enumerate().skip(offset as usize) {
            if reply.add(INodeNo::ROOT, n as u64 + 1, FileType::Directory, name) {
                break;
            }
        }
        reply.ok();
    }
}
