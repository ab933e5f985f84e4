//! Extended attributes: `user.*` is stored with the object, `user.osiris.*` shows what the service says of it.

use super::{Fs, FsError, Result};
use crate::inode::Inode;
use crate::meta;
use std::sync::Arc;

/// Attributes of this prefix are the service's facts. They are reachable by name and, but for those of a bucket, not
/// listed, so that `cp -a` and `rsync -X` do not copy them about.
pub(super) const VIRTUAL: &str = "user.osiris.";
/// The prefix of attributes that users may set.
const USER: &str = "user.";

impl Fs {
    /// The value of an attribute, if it can be told from memory.
    pub fn try_getxattr(&self, ino: u64, name: &str) -> Option<Result<Vec<u8>>> {
        if !name.starts_with(USER) {
            // ENODATA for capabilities: EOPNOTSUPP there would make some tools fail. EOPNOTSUPP for the rest: the
            // kernel then stops asking for labels and POSIX ACLs on every `ls -l`.
            let none = if name == "security.capability" { FsError::no_xattr() } else { FsError::unsupported() };
            return Some(Err(none));
        }
        if name.starts_with(VIRTUAL) {
            return None;
        }
        let inode = match self.inode(ino) {
            Ok(inode) => inode,
            Err(error) => return Some(Err(error)),
        };
        let value = inode.state().xattrs.get(name).cloned();
        Some(value.ok_or(FsError::no_xattr()))
    }

    /// The value of an attribute.
    pub async fn getxattr(self: &Arc<Self>, ino: u64, name: &str) -> Result<Vec<u8>> {
        match (self.try_getxattr(ino, name), name.strip_prefix(VIRTUAL)) {
            (Some(known), _) => known,
            (None, Some(fact)) => self.fact(&self.inode(ino)?, fact).await,
            (None, None) => Err(FsError::no_xattr()),
        }
    }

    /// Names of the attributes that are set, if memory knows them all.
    pub fn try_listxattr(&self, ino: u64) -> Option<Result<Vec<String>>> {
        match self.inode(ino) {
            Ok(inode) if self.is_bucket(&inode) => None,
            inode => Some(inode.map(|inode| names_of(&inode))),
        }
    }

    /// Names of the attributes that are set; of a bucket's root also what the service says of the bucket.
    pub async fn listxattr(self: &Arc<Self>, ino: u64) -> Result<Vec<String>> {
        let inode = self.inode(ino)?;
        let mut names = names_of(&inode);
        names.extend(self.listed_facts(&inode).await);
        Ok(names)
    }

    /// Sets an attribute. `create`: only if it is not there; `replace`: only if it is.
    pub async fn setxattr(
        self: &Arc<Self>,
        ino: u64,
        name: &str,
        value: &[u8],
        create: bool,
        replace: bool,
    ) -> Result<()> {
        self.writable()?;
        if !name.starts_with(USER) {
            return Err(FsError::unsupported());
        }
        let inode = self.inode(ino)?;
        if let Some(fact) = name.strip_prefix(VIRTUAL) {
            if create || replace {
                match self.fact(&inode, fact).await {
                    Ok(_) if create => return Err(FsError::exists()),
                    Err(error) if replace => return Err(error),
                    _ => {}
                }
            }
            return self.set_fact(&inode, fact, value).await;
        }
        {
            let mut state = inode.state();
            let there = state.xattrs.contains_key(name);
            if create && there {
                return Err(FsError::exists());
            }
            if replace && !there {
                return Err(FsError::no_xattr());
            }
            let mut xattrs = meta::Xattrs::clone(&state.xattrs);
            xattrs.insert(name.to_string(), value.to_vec());
            meta::check_xattrs(&xattrs)?;
            state.xattrs = Arc::new(xattrs);
            state.attrs.ctime = super::now();
            state.touch_meta();
        }
        self.store_xattrs(&inode);
        Ok(())
    }

    /// Removes an attribute.
    pub async fn removexattr(self: &Arc<Self>, ino: u64, name: &str) -> Result<()> {
        self.writable()?;
        if !name.starts_with(USER) {
            return Err(FsError::unsupported());
        }
        let inode = self.inode(ino)?;
        if let Some(fact) = name.strip_prefix(VIRTUAL) {
            return self.remove_fact(&inode, fact).await;
        }
        {
            let mut state = inode.state();
            let mut xattrs = meta::Xattrs::clone(&state.xattrs);
            xattrs.remove(name).ok_or(FsError::no_xattr())?;
            state.xattrs = Arc::new(xattrs);
            state.attrs.ctime = super::now();
            state.touch_meta();
        }
        self.store_xattrs(&inode);
        Ok(())
    }

    fn store_xattrs(&self, inode: &Arc<Inode>) {
        let carried = {
            let state = inode.state();
            state.unlinked || state.writers > 0 && state.draft.as_ref().is_some_and(|draft| draft.dirty)
        };
        if !carried {
            self.store_soon(inode);
        }
    }
}

fn names_of(inode: &Inode) -> Vec<String> {
    inode.state().xattrs.keys().cloned().collect()
}
