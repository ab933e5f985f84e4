//! A bucket that is full again and again. What finds no room there is EDQUOT, but the bytes of a file stay with the mount, which
//! goes on showing them, and are stored when there is room.

use super::ops::Op;
use super::side::Side;
use crate::support::Service;
use osirisfs::server::QuotaOf;
use std::fs;

/// So many operations find room, then as many do not.
const TURN: usize = 20;

/// Whether operation number `at` finds the bucket full. An unmount waits for room.
pub fn is_full(at: usize, op: &Op) -> bool {
    at / TURN % 2 == 1 && *op != Op::Remount
}

/// Fills the bucket up, or gives it room.
pub fn set(service: &Service, full: bool) {
    service.server().set_quota(QuotaOf::Bucket(service.bucket().0.to_owned()), full.then_some(1));
}

/// Does on the plain folder what the mount has done although it said EDQUOT: the bytes of a file are either all there or as
/// before, and everything else was not done.
pub fn follow(op: &Op, mounted: &Side, plain: &mut Side) -> Result<(), String> {
    match op {
        Op::Close(_) | Op::HandleSync(_) => drop(plain.apply(op)),
        Op::Put(path, _) | Op::Append(path, _) | Op::WriteAt(path, ..) | Op::Truncate(path, _) => {
            let content = |side: &Side| fs::read(side.at(path)).map_err(|error| error.kind());
            let is = content(mounted);
            if is == content(plain) {
                return Ok(());
            }
            plain.apply(op);
            if is != content(plain) {
                let bytes = is.map(|bytes| bytes.len());
                return Err(format!("was refused, and left {bytes:?} bytes that are neither the old nor the new ones"));
            }
        }
        _ => {}
    }
    Ok(())
}
