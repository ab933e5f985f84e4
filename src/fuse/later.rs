//! How a request is worked on: at once on the FUSE thread, or as a task that a signal to the caller cuts short.

use super::meter::{Meter, Op};
use super::watch::Watch;
use crate::fs::{Caller, Entry, FsError, Opened, Result, Volumes};
use fuser::{FopenFlags, Request};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The adapter of one mount.
pub(super) struct Adapter {
    pub(super) fs: Arc<Volumes>,
    pub(super) runtime: Handle,
    pub(super) meter: Arc<Meter>,
    watch: Arc<Watch>,
}

impl Adapter {
    pub(super) fn new(fs: Arc<Volumes>, runtime: Handle, meter: Arc<Meter>) -> Adapter {
        Adapter { fs, runtime, meter, watch: Watch::start() }
    }

    /// Does `work` on the runtime and hands its end to `answer`; a signal to the waiting thread answers EINTR first.
    pub(super) fn later<T: Send + 'static>(
        &self,
        (op, request): (Op, &Request),
        work: impl Future<Output = Result<T>> + Send + 'static,
        answer: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        self.later_or_undo((op, request), work, answer, |_| {});
    }

    /// [`Adapter::later`] for work whose end the kernel must hear of: if the caller was interrupted and never will,
    /// `undo` takes it back.
    pub(super) fn later_or_undo<T: Send + 'static>(
        &self,
        (op, request): (Op, &Request),
        work: impl Future<Output = Result<T>> + Send + 'static,
        answer: impl FnOnce(Result<T>) + Send + 'static,
        undo: impl FnOnce(T) + Send + 'static,
    ) {
        let timed = self.meter.wait(op);
        let (watched, interrupted) = self.watch.begin(request.pid());
        self.runtime.spawn(async move {
            // A task of its own: it goes on to its end if the caller is interrupted.
            let mut task = tokio::spawn(work);
            let ended = tokio::select! {
                done = &mut task => Some(done.unwrap_or(Err(FsError::internal()))),
                Ok(()) = interrupted => None,
            };
            drop(watched);
            if let Some(result) = ended {
                timed.end(result.as_ref().err().map(FsError::errno));
                return answer(result);
            }
            timed.end(Some(libc::EINTR));
            answer(Err(FsError::Errno(libc::EINTR, "interrupted by a signal")));
            if let Ok(Ok(done)) = task.await {
                undo(done);
            }
        });
    }
}

impl Adapter {
    /// Takes back one mention of a number that the kernel was never told.
    pub(super) fn unmention(&self) -> impl FnOnce(Entry) + Send + use<> {
        let fs = self.fs.clone();
        move |entry| fs.forget(entry.attr.ino, 1)
    }
}

/// A panic must not end the FUSE thread: the request is answered EIO by its dropped reply, the mount lives on.
pub(super) fn guarded(work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        tracing::error!("a request failed by a fault in the program; please report it");
    }
}

pub(super) fn open_flags(opened: &Opened, flags: i32) -> FopenFlags {
    let mut answer = FopenFlags::empty();
    if opened.keep_cache {
        answer |= FopenFlags::FOPEN_KEEP_CACHE;
    }
    if flags & libc::O_ACCMODE == libc::O_RDONLY {
        // Nothing to store at close.
        answer |= FopenFlags::FOPEN_NOFLUSH;
    }
    answer
}

pub(super) fn caller(request: &Request) -> Caller {
    Caller { uid: request.uid(), gid: request.gid(), pid: request.pid() }
}
