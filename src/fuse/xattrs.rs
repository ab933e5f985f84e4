//! Extended attributes.

use super::answer::{answer_empty, answer_xattr};
use super::later::Adapter;
use super::meter::Op;
use crate::fs::Result;
use fuser::{Errno, ReplyEmpty, ReplyXattr, Request};
use std::ffi::OsStr;

impl Adapter {
    pub(super) fn set_xattr(
        &self,
        request: &Request,
        ino: u64,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        reply: ReplyEmpty,
    ) {
        let Some(name) = name.to_str().map(str::to_owned) else { return reply.error(Errno::EOPNOTSUPP) };
        let (fs, value) = (self.fs.clone(), value.to_vec());
        let (create, replace) = (flags & libc::XATTR_CREATE != 0, flags & libc::XATTR_REPLACE != 0);
        let work = async move { fs.setxattr(ino, &name, &value, create, replace).await };
        self.later((Op::Setxattr, request), work, |r| answer_empty(reply, r));
    }

    pub(super) fn get_xattr(&self, request: &Request, ino: u64, name: &OsStr, size: u32, reply: ReplyXattr) {
        let Some(name) = name.to_str().map(str::to_owned) else { return reply.error(Errno::EOPNOTSUPP) };
        if let Some(known) = self.fs.try_getxattr(ino, &name) {
            return answer_xattr(reply, known, size);
        }
        let fs = self.fs.clone();
        self.later((Op::Getxattr, request), async move { fs.getxattr(ino, &name).await }, move |r| {
            answer_xattr(reply, r, size)
        });
    }

    pub(super) fn list_xattrs(&self, request: &Request, ino: u64, size: u32, reply: ReplyXattr) {
        if let Some(known) = self.fs.try_listxattr(ino) {
            return answer_xattr(reply, joined(known), size);
        }
        let fs = self.fs.clone();
        self.later((Op::Listxattr, request), async move { fs.listxattr(ino).await }, move |r| {
            answer_xattr(reply, joined(r), size)
        });
    }

    pub(super) fn remove_xattr(&self, request: &Request, ino: u64, name: &OsStr, reply: ReplyEmpty) {
        let Some(name) = name.to_str().map(str::to_owned) else { return reply.error(Errno::EOPNOTSUPP) };
        let fs = self.fs.clone();
        self.later((Op::Removexattr, request), async move { fs.removexattr(ino, &name).await }, |r| {
            answer_empty(reply, r)
        });
    }
}

/// Each name with a NUL behind it.
fn joined(names: Result<Vec<String>>) -> Result<Vec<u8>> {
    names.map(|names| names.iter().flat_map(|name| name.bytes().chain(std::iter::once(0))).collect())
}
