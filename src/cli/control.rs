//! The daemon's side of the control socket: stores everything when asked, and tells how that went.

use crate::mount::control::{Ask, Left, Say, may_ask};
use crate::mount::status::Status;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{mpsc, watch};

/// How often a waiting client hears how much is left.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Files that could not be stored: path and reason.
pub type NotStored = Vec<(String, String)>;

/// What is still to be stored. The file system is the one there is; tests have another.
pub trait Backlog: Send + Sync + 'static {
    /// How much.
    fn pending(&self) -> impl Future<Output = Left> + Send;
    /// Stores all of it; gives what could not be stored.
    fn sync_all(&self) -> impl Future<Output = NotStored> + Send;
    /// Writes down what is not stored, because the mount ends without it; gives what that is.
    fn keep_all(&self, why: &str) -> impl Future<Output = NotStored> + Send;
    /// How the mount is doing.
    fn status(&self) -> impl Future<Output = Status> + Send;
}

/// The socket at work.
pub struct Control {
    /// Tells the clients that the mount has ended.
    end: watch::Sender<Option<NotStored>>,
    /// Open as long as a client is being served.
    all_served: mpsc::Receiver<()>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Control {
    /// Answers on this socket; only root and `owner` may ask.
    pub fn start<B: Backlog>(
        socket: std::os::unix::net::UnixListener,
        backlog: Arc<B>,
        owner: u32,
    ) -> io::Result<Control> {
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UnixListener::from_std(socket)?;
        let (end, ended) = watch::channel(None);
        let (serving, all_served) = mpsc::channel(1);
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = socket.accept().await else {
                    // Out of descriptors: others will be closed.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let (backlog, ended, serving) = (backlog.clone(), ended.clone(), serving.clone());
                tokio::spawn(async move {
                    if let Err(e) = serve(stream, &*backlog, owner, ended).await {
                        tracing::debug!("a client of the control socket went away: {e}");
                    }
                    drop(serving);
                });
            }
        });
        Ok(Control { end, all_served, accepting })
    }

    /// Serves who is connected, and nobody else: when the kernel has let go of a mount, another may get its device number, by
    /// which clients find the socket.
    pub fn stop_accepting(&self) {
        self.accepting.abort();
    }

    /// Tells all clients that the mount has ended and what was not stored. Their connections end with the process.
    pub async fn ended(mut self, not_stored: NotStored) {
        self.stop_accepting();
        let _ = self.end.send(Some(not_stored));
        // A client that does not read must not keep the daemon.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.all_served.recv()).await;
    }
}

async fn serve<B: Backlog>(
    stream: UnixStream,
    backlog: &B,
    owner: u32,
    mut ended: watch::Receiver<Option<NotStored>>,
) -> io::Result<()> {
    let allowed = may_ask(stream.peer_cred()?.uid(), owner);
    let (read, mut write) = stream.into_split();
    if !allowed {
        return say(&mut write, &Say::Denied).await;
    }
    let mut asks = BufReader::new(read).lines();
    loop {
        let line = tokio::select! {
            line = asks.next_line() => line?,
            () = until_end(&mut ended) => {
                let not_stored = ended.borrow().clone().unwrap_or_default();
                return say(&mut write, &Say::Ended(not_stored)).await;
            }
        };
        match line.map(|line| serde_json::from_str(&line)) {
            None => return Ok(()),
            Some(Ok(Ask::Status)) => say(&mut write, &Say::Status(Box::new(backlog.status().await))).await?,
            Some(Ok(Ask::Sync)) => sync(backlog, &mut write, &mut ended).await?,
            Some(Err(e)) => return Err(io::Error::new(io::ErrorKind::InvalidData, e)),
        }
    }
}

async fn until_end(ended: &mut watch::Receiver<Option<NotStored>>) {
    let _ = ended.wait_for(Option::is_some).await;
}

async fn sync<B: Backlog>(
    backlog: &B,
    write: &mut OwnedWriteHalf,
    ended: &mut watch::Receiver<Option<NotStored>>,
) -> io::Result<()> {
    let mut work = std::pin::pin!(backlog.sync_all());
    loop {
        tokio::select! {
            biased;
            not_stored = &mut work => return say(write, &Say::Synced(not_stored)).await,
            // The mount ends without it: the caller tells the client so.
            () = until_end(ended) => return Ok(()),
            () = tokio::time::sleep(PROGRESS_EVERY) => say(write, &Say::Pending(backlog.pending().await)).await?,
        }
    }
}

async fn say(write: &mut OwnedWriteHalf, what: &Say) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    write.write_all(&line).await
}

#[cfg(test)]
mod tests;
