//! Replies: a result of the core as the kernel wants it.

use super::convert::{GENERATION, errno, file_attr, no_attr};
use crate::fs::{Entry, Found, Result, Space};
use bytes::Bytes;
use fuser::{Errno, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyStatfs, ReplyXattr};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn answer_entry(reply: ReplyEntry, result: Result<Entry>) {
    match result {
        Ok(entry) => reply.entry_with_ttls(&entry.ttl, &entry.name_ttl, &file_attr(&entry.attr), GENERATION),
        Err(error) => reply.error(errno(&error)),
    }
}

pub(super) fn answer_found(reply: ReplyEntry, result: Result<Found>) {
    match result {
        Ok(Found::Entry(entry)) => answer_entry(reply, Ok(entry)),
        Ok(Found::Absent(ttl)) if ttl.is_zero() => reply.error(Errno::ENOENT),
        Ok(Found::Absent(ttl)) => reply.entry_with_ttls(&Duration::ZERO, &ttl, &no_attr(), GENERATION),
        Err(error) => reply.error(errno(&error)),
    }
}

pub(super) fn answer_attr(reply: ReplyAttr, result: Result<Entry>) {
    match result {
        Ok(entry) => reply.attr(&entry.ttl, &file_attr(&entry.attr)),
        Err(error) => reply.error(errno(&error)),
    }
}

pub(super) fn answer_empty(reply: ReplyEmpty, result: Result<()>) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(errno(&error)),
    }
}

pub(super) fn answer_target(reply: ReplyData, result: Result<Arc<str>>) {
    match result {
        Ok(target) => reply.data(target.as_bytes()),
        Err(error) => reply.error(errno(&error)),
    }
}

pub(super) fn answer_space(reply: ReplyStatfs, result: Result<Space>) {
    const UNIT: u64 = 4096;
    match result {
        Ok(space) => {
            let [all, free, available] = [space.bytes, space.free, space.available].map(|bytes| bytes / UNIT);
            reply.statfs(all, free, available, space.files, space.files_free, UNIT as u32, 255, UNIT as u32);
        }
        Err(error) => reply.error(errno(&error)),
    }
}

pub(super) fn answer_xattr(reply: ReplyXattr, result: Result<Vec<u8>>, size: u32) {
    match result {
        // Size 0 asks how long the value is.
        Ok(value) if size == 0 => reply.size(value.len() as u32),
        Ok(value) if value.len() > size as usize => reply.error(Errno::ERANGE),
        Ok(value) => reply.data(&value),
        Err(error) => reply.error(errno(&error)),
    }
}

/// fuser replies with one slice: several are joined in a buffer that each thread keeps, since fresh memory for each
/// read would cost more in page faults than the copy itself.
pub(super) fn answer_data(reply: ReplyData, slices: &[Bytes]) {
    thread_local! {
        static JOINED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    match slices {
        [] => reply.data(&[]),
        [one] => reply.data(one),
        several => JOINED.with_borrow_mut(|joined| {
            joined.clear();
            for slice in several {
                joined.extend_from_slice(slice);
            }
            reply.data(joined);
        }),
    }
}
