//! The FUSE adapter: decode, call, reply, map the error to an errno.

mod adapter;
mod answer;
mod convert;
mod dirs;
mod files;
mod later;
mod meter;
mod watch;
mod xattrs;

use crate::config::Settings;
pub use crate::fs::BOUNDS_MS;
use crate::fs::Volumes;
use fuser::{Config, Session, SessionACL};
use later::Adapter;
pub use meter::Calls;
use meter::Meter;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::watch as channel;

/// A running FUSE session.
#[derive(Clone)]
pub struct Mounted {
    ended: channel::Receiver<bool>,
    meter: Arc<Meter>,
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mounted").field("ended", &*self.ended.borrow()).finish_non_exhaustive()
    }
}

impl Mounted {
    /// Waits until the kernel has let go of the mount.
    pub async fn ended(&self) {
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    /// What the kernel has asked for, by operation.
    pub fn calls(&self) -> BTreeMap<&'static str, Calls> {
        self.meter.snapshot()
    }
}

/// Serves a file system on a `/dev/fuse` descriptor that is mounted already. Returns when the kernel has sent INIT and
/// the threads run.
pub fn serve(fd: OwnedFd, fs: Arc<Volumes>, settings: &Settings, runtime: Handle) -> io::Result<Mounted> {
    let mut config = Config::default();
    config.n_threads = Some(settings.threads.max(1));
    config.clone_fd = settings.threads > 1;
    // Who may use the mount is the kernel's business (allow_other, default_permissions).
    let acl = SessionACL::All;
    config.acl = acl;
    let meter = Arc::new(Meter::default());
    let session = Session::from_fd(Adapter::new(fs, runtime, meter.clone()), fd, acl, config)?;
    let (sender, ended) = channel::channel(false);
    std::thread::Builder::new().name("fuse".into()).spawn(move || {
        if let Err(error) = session.run() {
            tracing::error!(%error, "the FUSE session ended");
        }
        sender.send_replace(true);
    })?;
    Ok(Mounted { ended, meter })
}
