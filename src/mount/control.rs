//! How `osirisfs umount` finds and speaks to the daemon of a mount: a Unix socket, JSON lines both ways.
//!
//! The socket's name is abstract and made of the mount's device number, which the mount table tells for a path and which
//! is unique while the mount lives. So there is no folder to agree on, nothing to clean up after a crash, and no file that
//! a daemon must be able to reach. Anybody could take such a name first; therefore several names are tried, and a client
//! believes only a server of the mount's owner.

use super::status::Status;
use super::table::Mount;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

/// So many names are tried.
const NAMES: u32 = 4;

/// What a client asks: one JSON object a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Store everything that is pending, and say when that is done. The connection then stays open; its end tells that
    /// the daemon has ended.
    Sync,
    /// Say how the mount is doing.
    Status,
}

/// What is still to be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Files and directories.
    pub files: usize,
    /// Bytes of these that the service does not have yet.
    pub bytes: u64,
}

/// What the daemon says: one JSON object a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Say {
    /// So much is still to be stored.
    Pending(Left),
    /// Everything was tried; these (path, reason) could not be stored.
    Synced(Vec<(String, String)>),
    /// How the mount is doing.
    Status(Box<Status>),
    /// The mount has ended, and these could not be stored. The last line.
    Ended(Vec<(String, String)>),
    /// The asker may not ask.
    Denied,
}

/// Opens the socket of a mount.
pub fn listen(mount: &Mount) -> io::Result<UnixListener> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for n in 0..NAMES {
        match UnixListener::bind_addr(&address(mount, n)?) {
            Ok(listener) => return Ok(listener),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// Connects to the daemon of a mount. Gives also its process id (0 if it lives in another pid namespace).
pub fn connect(mount: &Mount) -> io::Result<(UnixStream, i32)> {
    for n in 0..NAMES {
        let Ok(stream) = UnixStream::connect_addr(&address(mount, n)?) else { continue };
        let peer = getsockopt(&stream, PeerCredentials)?;
        if Some(peer.uid()) == mount.owner {
            return Ok((stream, peer.pid()));
        }
    }
    Err(io::Error::from(io::ErrorKind::ConnectionRefused))
}

/// Whether the other end of a connection may ask a daemon of this user.
pub fn may_ask(peer_uid: u32, owner: u32) -> bool {
    peer_uid == 0 || peer_uid == owner
}

fn address(mount: &Mount, n: u32) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("osirisfs-{}-{n}", mount.device))
}

#[cfg(test)]
mod tests;
