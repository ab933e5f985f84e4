//! Reading directories.

use super::convert::{GENERATION, errno, file_attr, file_type};
use super::later::Adapter;
use super::meter::Op;
use crate::fs::Result;
use fuser::{FileHandle, FopenFlags, INodeNo, ReplyDirectory, ReplyDirectoryPlus, ReplyOpen, Request};

impl Adapter {
    pub(super) fn open_dir(&self, request: &Request, ino: u64, reply: ReplyOpen) {
        let answer = |reply: ReplyOpen, opened: Result<u64>| match opened {
            Ok(fh) => reply.opened(FileHandle(fh), FopenFlags::empty()),
            Err(error) => reply.error(errno(&error)),
        };
        if let Some(opened) = self.fs.try_opendir(ino) {
            return answer(reply, opened);
        }
        let (fs, undo) = (self.fs.clone(), self.fs.clone());
        let work = async move { fs.opendir(ino).await };
        self.later_or_undo(
            (Op::Opendir, request),
            work,
            move |opened| answer(reply, opened),
            move |fh| undo.releasedir(ino, fh),
        );
    }

    pub(super) fn read_dir(&self, request: &Request, (ino, fh): (u64, u64), offset: u64, mut reply: ReplyDirectory) {
        let fs = self.fs.clone();
        let work = {
            let fs = fs.clone();
            async move { fs.prepare_dir(ino, fh, offset).await }
        };
        self.later((Op::Readdir, request), work, move |prepared| {
            let filled = prepared.and_then(|()| {
                fs.fill_dir(ino, fh, offset, false, &mut |row| {
                    reply.add(INodeNo(row.ino), row.next, file_type(row.kind), &row.name)
                })
            });
            match filled {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(errno(&error)),
            }
        });
    }

    pub(super) fn read_dir_plus(
        &self,
        request: &Request,
        (ino, fh): (u64, u64),
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let fs = self.fs.clone();
        let finish = move |prepared: Result<()>| {
            let filled = prepared.and_then(|()| {
                fs.fill_dir(ino, fh, offset, true, &mut |row| match &row.entry {
                    Some(entry) => {
                        let attr = file_attr(&entry.attr);
                        reply.add(INodeNo(row.ino), row.next, &row.name, &entry.ttl, &attr, GENERATION)
                    }
                    None => false,
                })
            });
            match filled {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(errno(&error)),
            }
        };
        if self.fs.dir_ready(ino, fh, offset).unwrap_or(false) {
            return finish(Ok(()));
        }
        let fs = self.fs.clone();
        self.later((Op::Readdir, request), async move { fs.prepare_dir(ino, fh, offset).await }, finish);
    }
}
