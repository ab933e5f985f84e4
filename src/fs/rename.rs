//! Renaming: on S3 a copy inside the service and a delete.

use super::{Fs, FsError, Result};
use crate::inode::{Inode, Object};
use crate::meta;
use crate::names::{self, Name};
use crate::store::Stored;
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Instant;

/// What renameat2(2) asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenameRule {
    /// What stands under the new name is replaced.
    Replace,
    /// EEXIST if the new name is taken.
    NoReplace,
}

/// Both ends of a rename.
pub(super) struct Ends {
    pub(super) inode: Arc<Inode>,
    pub(super) from: (u64, Name),
    pub(super) to: (u64, Name),
    /// What stands under the new name now.
    pub(super) replaced: Option<Arc<Inode>>,
}

impl Fs {
    /// Renames a file or a directory by POSIX rules.
    pub async fn rename(
        self: &Arc<Self>,
        parent: u64,
        name: &OsStr,
        new_parent: u64,
        new_name: &OsStr,
        rule: RenameRule,
    ) -> Result<()> {
        self.writable()?;
        let (name, new_name) = (Name::new(name)?, Name::new(new_name)?);
        let inode = self.resolve(parent, &name).await?.ok_or(FsError::not_found())?;
        let replaced = match rule {
            RenameRule::Replace => self.resolve(new_parent, &new_name).await?,
            RenameRule::NoReplace => self.resolve_anew(new_parent, &new_name).await?,
        };
        let is_dir = inode.state().is_dir();
        if let Some(there) = &replaced {
            if rule == RenameRule::NoReplace {
                return Err(FsError::exists());
            }
            if there.ino == inode.ino {
                return Ok(());
            }
            match (is_dir, there.state().is_dir()) {
                (true, false) => return Err(FsError::not_dir()),
                (false, true) => return Err(FsError::is_dir()),
                _ => {}
            }
        }
        if is_dir && self.table.is_within(new_parent, inode.ino) {
            return Err(FsError::invalid());
        }
        let ends = Ends { inode, from: (parent, name), to: (new_parent, new_name), replaced };
        if is_dir { self.rename_dir(ends).await } else { self.rename_file(ends).await }
    }

    async fn rename_file(self: &Arc<Self>, ends: Ends) -> Result<()> {
        let _tree = self.tree.read().await;
        // Gates in ascending order of their numbers.
        let (_first, _second);
        match &ends.replaced {
            Some(there) if there.ino < ends.inode.ino => {
                _first = Some(there.gate.write().await);
                _second = Some(ends.inode.gate.write().await);
            }
            Some(there) => {
                _first = Some(ends.inode.gate.write().await);
                _second = Some(there.gate.write().await);
            }
            None => {
                _first = Some(ends.inode.gate.write().await);
                _second = None;
            }
        }
        self.check_still_named(&ends.inode, ends.from.0, &ends.from.1)?;
        self.commit_content(&ends.inode).await?;
        let source = self.key(ends.inode.ino, false)?;
        let target = names::file_key(&self.table.dir_key(ends.to.0).ok_or(FsError::stale())?, &ends.to.1)?;
        let kept = match &ends.replaced {
            Some(there) => Some((there, self.orphan(there).await?)),
            None => None,
        };
        let changes = ends.inode.state().meta_changes;
        let copied = match self.keep_directory(ends.from.0, &ends.from.1).await {
            Ok(()) => self.copy_to(&ends, &source, &target).await,
            Err(error) => Err(error),
        };
        let (stored, headers) = match (copied, kept) {
            (Ok(copied), _) => copied,
            (Err(error), kept) => {
                if let Some((there, kept)) = kept {
                    self.restore(there, kept);
                }
                return Err(error);
            }
        };
        if let Err(error) = self.store.delete(&source).await {
            // Both names stand now; nothing is lost. The program hears of it.
            if let Some(there) = &ends.replaced {
                self.unname(there);
            }
            self.name_changed(ends.to.0, &ends.to.1, true, true);
            return Err(error.into());
        }
        {
            let mut state = ends.inode.state();
            if let Some(was) = state.object.take() {
                let same = was.etag == stored.etag;
                let mut now = Object::clone(&was);
                now.etag = stored.etag.clone();
                now.listed = None;
                now.modified = std::time::SystemTime::now();
                if !same {
                    now.id = self.identity(&target, &stored.etag);
                    if state.pages.as_ref() == Some(&was.id) {
                        state.pages = Some(now.id.clone());
                    }
                }
                if let Some(headers) = headers {
                    // Only a copy that keeps them can be appended to as well.
                    now.appendable = None;
                    now.headers = Some(Arc::new(headers));
                    state.meta_stored = changes;
                }
                let base = super::base_of(&now);
                if let Some(draft) = state.draft.as_mut()
                    && draft.base.is_some()
                {
                    draft.base = Some(base);
                }
                state.object = Some(Arc::new(now));
            }
            state.attrs.ctime = super::now();
            state.asked = Some(Instant::now());
        }
        self.forget_if_stored(&ends.inode);
        self.moved(&ends);
        Ok(())
    }

    /// Copies a file to its new key. What waits to be stored of its attributes goes along.
    async fn copy_to(
        self: &Arc<Self>,
        ends: &Ends,
        source: &str,
        target: &str,
    ) -> Result<(Stored, Option<crate::store::ObjectHeaders>)> {
        let object = self.known_object(&ends.inode).await?.ok_or(FsError::stale())?;
        let default = |name: &Name| meta::content_type(name.as_str());
        // A temporary file that becomes what it was written for gets the type of its final name.
        let typed = object.headers.as_ref().and_then(|headers| headers.content_type.clone());
        let is_default = typed.is_none() || typed == default(&ends.from.1);
        let new_type = default(&ends.to.1).filter(|new| is_default && Some(new) != typed.as_ref());
        let dirty = ends.inode.state().meta_dirty();
        // A copy that keeps the headers does not keep the storage class.
        let classed = object.headers.as_ref().is_some_and(|headers| headers.storage_class.is_some());
        if !dirty && new_type.is_none() && !classed && object.size <= self.options.copy_limit {
            let grants = self.grants(&ends.inode, source).await?;
            let stored = self.store.copy(source, Some(&object.etag), target, None, &grants).await?;
            return Ok((stored, None));
        }
        let mut with = self.write_headers(&ends.inode).await?;
        if new_type.is_some() && ends.inode.state().attrs.kind == meta::Kind::File {
            with.headers.content_type = new_type;
        }
        let stored = if object.size > self.options.copy_limit {
            self.copy_by_parts(source, &object, target, &with).await?
        } else {
            self.store.copy(source, Some(&object.etag), target, Some(&with), &with.grants).await?
        };
        if !with.tags.is_empty() {
            self.store.put_tags(target, &with.tags).await?;
        }
        Ok((stored, Some(with.headers)))
    }

    /// The table and both directories follow a rename that is done.
    pub(super) fn moved(self: &Arc<Self>, ends: &Ends) {
        if let Some(there) = &ends.replaced {
            self.unname(there);
        }
        self.table.rename(ends.inode.ino, ends.to.0, &ends.to.1);
        self.name_changed(ends.from.0, &ends.from.1, false, true);
        self.name_changed(ends.to.0, &ends.to.1, true, true);
    }
}
