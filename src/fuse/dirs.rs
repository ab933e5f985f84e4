//! Reading directories.

use super::convert::{GENERATION, errno, file_attr, file_type};
use super::later::Adapter;
use crate::fs::Result;
use fuser::{INodeNo, ReplyDirectory, ReplyDirectoryPlus, Request};

impl Adapter {
    pub(super) fn read_dir(&self, request: &Request, fh: u64, offset: u64, mut reply: ReplyDirectory) {
        let fs = self.fs.clone();
        let work = {
            let fs = fs.clone();
            async move { fs.prepare_dir(fh, offset).await }
        };
        self.later(request, work, move |prepared| {
            let filled = prepared.and_then(|()| {
                fs.fill_dir(fh, offset, false, &mut |row| {
                    reply.add(INodeNo(row.ino), row.next, file_type(row.kind), &row.name)
                })
            });
            match filled {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(errno(&error)),
            }
        });
    }

    pub(super) fn read_dir_plus(&self, request: &Request, fh: u64, offset: u64, mut reply: ReplyDirectoryPlus) {
        let fs = self.fs.clone();
        let finish = move |prepared: Result<()>| {
            let filled = prepared.and_then(|()| {
                fs.fill_dir(fh, offset, true, &mut |row| match &row.entry {
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
        if self.fs.dir_ready(fh, offset).unwrap_or(false) {
            return finish(Ok(()));
        }
        let fs = self.fs.clone();
        self.later(request, async move { fs.prepare_dir(fh, offset).await }, finish);
    }
}
