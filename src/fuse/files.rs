//! Requests of open files, as far as they are more than a call.

use super::answer::answer_data;
use super::convert::{GENERATION, errno, file_attr};
use super::later::{Adapter, caller, open_flags};
use super::meter::Op;
use crate::fs::{At, Entry, Opened, Result};
use fuser::{Errno, FileHandle, FopenFlags, ReplyCreate, ReplyData, ReplyOpen, ReplyWrite, Request};
use std::ffi::OsStr;

impl Adapter {
    pub(super) fn open_file(&self, request: &Request, ino: u64, flags: i32, reply: ReplyOpen) {
        let (fs, undo) = (self.fs.clone(), self.fs.clone());
        let answer = move |result: Result<Opened>| match result {
            Ok(opened) => reply.opened(FileHandle(opened.fh), open_flags(&opened, flags)),
            Err(error) => reply.error(errno(&error)),
        };
        let clear_suid = !caller(request).keeps_suid();
        let work = async move { fs.open(ino, flags, clear_suid).await };
        self.later_or_undo((Op::Open, request), work, answer, move |opened| undo.release(ino, opened.fh));
    }

    pub(super) fn create_file(
        &self,
        request: &Request,
        parent: u64,
        name: &OsStr,
        mode: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let (fs, name, caller) = (self.fs.clone(), name.to_owned(), caller(request));
        let work = async move { fs.create(parent, &name, mode, flags, caller).await };
        let (undo, unmention) = (self.fs.clone(), self.unmention());
        let undo = move |(entry, opened): (Entry, Opened)| {
            undo.release(parent, opened.fh);
            unmention(entry);
        };
        let answer = move |result: Result<(Entry, Opened)>| match result {
            Ok((entry, opened)) => {
                let (attr, fh) = (file_attr(&entry.attr), FileHandle(opened.fh));
                // A new file's close always stores it, also if it was opened for reading.
                let flags = open_flags(&opened, flags) & !FopenFlags::FOPEN_NOFLUSH;
                reply.created(&entry.ttl, &attr, GENERATION, fh, flags);
            }
            Err(error) => reply.error(errno(&error)),
        };
        self.later_or_undo((Op::Create, request), work, answer, undo);
    }

    pub(super) fn read_file(&self, request: &Request, (ino, fh): (u64, u64), offset: u64, size: u32, reply: ReplyData) {
        // try_read may spawn the fetching of what comes next.
        let _runtime = self.runtime.enter();
        match self.fs.try_read(ino, fh, offset, size) {
            Some(Ok(slices)) => return answer_data(reply, &slices),
            Some(Err(error)) => return reply.error(errno(&error)),
            None => {}
        }
        let fs = self.fs.clone();
        self.later((Op::Read, request), async move { fs.read(ino, fh, offset, size).await }, |result| match result {
            Ok(slices) => answer_data(reply, &slices),
            Err(error) => reply.error(errno(&error)),
        });
    }

    pub(super) fn write_file(
        &self,
        request: &Request,
        (ino, fh): (u64, u64),
        offset: u64,
        data: &[u8],
        clear: bool,
        reply: ReplyWrite,
    ) {
        // try_write may spawn the upload of a part.
        let _runtime = self.runtime.enter();
        match self.fs.try_write(ino, fh, offset, data, clear) {
            Some(Ok(written)) => return reply.written(written),
            Some(Err(error)) => return reply.error(errno(&error)),
            None => {}
        }
        let (fs, data) = (self.fs.clone(), data.to_vec());
        let work = async move { fs.write(ino, fh, offset, &data, clear).await };
        self.later((Op::Write, request), work, |result| match result {
            Ok(written) => reply.written(written),
            Err(error) => reply.error(errno(&error)),
        });
    }
    pub(super) fn copy_range(&self, request: &Request, from: At, to: At, len: u64, reply: ReplyWrite) {
        self.meter.call(Op::CopyFileRange);
        let fs = self.fs.clone();
        self.later(
            (Op::CopyFileRange, request),
            async move { fs.copy_range(from, to, len).await },
            |done| match done {
                // No more than was asked for, and the kernel asks for less than 2 GiB.
                Ok(Some(copied)) => reply.written(copied as u32),
                // The kernel reads and writes this time, and asks again the next.
                Ok(None) => reply.error(Errno::EOPNOTSUPP),
                Err(error) => reply.error(errno(&error)),
            },
        );
    }
}
