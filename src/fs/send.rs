//! What goes with a write, and what it is made of: headers, ACL, tags; bodies from a draft's pieces.

use super::{Fs, FsError, Result};
use crate::draft::Source;
use crate::inode::{Inode, Object};
use crate::meta::{self, Kind};
use crate::store::{Acl, Body, ErrorKind, Grant, ObjectHeaders, Segment, WriteHeaders};
use std::ops::Range;
use std::sync::Arc;

impl Fs {
    /// Everything that a rewrite of this inode's object must carry, because the service keeps nothing of the old
    /// object: standard headers, foreign user metadata, our attributes, the ACL, tags.
    pub(super) async fn write_headers(self: &Arc<Self>, inode: &Arc<Inode>) -> Result<WriteHeaders> {
        let object = self.known_object(inode).await?;
        let (attrs, xattrs, content_changed) = {
            let state = inode.state();
            let changed = state.draft.as_ref().is_some_and(|draft| draft.dirty);
            (state.attrs.clone(), state.xattrs.clone(), changed)
        };
        let mut headers = match object.as_ref().and_then(|object| object.headers.as_ref()) {
            Some(headers) => ObjectHeaders::clone(headers),
            None => self.first_headers(inode, attrs.kind),
        };
        if content_changed {
            meta::content_changed(&mut headers);
        }
        if let Some(new) = &inode.state().new_type {
            headers.content_type = Some(new.to_string());
        }
        meta::encode(&attrs, &xattrs, &mut headers)?;
        if object.is_none() {
            return Ok(WriteHeaders { headers, grants: self.new_grants().await?, tags: Vec::new() });
        }
        let key = self.key(inode.ino, attrs.kind == Kind::Dir)?;
        let tags = self.tags(inode, &key).await?;
        Ok(WriteHeaders { headers, grants: self.grants(inode, &key).await?, tags })
    }

    /// The tags of the inode's object.
    pub(super) async fn tags(&self, inode: &Inode, key: &str) -> Result<Vec<(String, String)>> {
        let count = inode.state().object.as_ref().map_or(0, |object| object.tag_count);
        if count == 0 { Ok(Vec::new()) } else { Ok(self.store.get_tags(key).await?) }
    }

    /// Tags of an object whose bytes have just been stored: without them it is stored all the same.
    pub(super) async fn put_back_tags(&self, key: &str, tags: &[(String, String)]) {
        if !tags.is_empty()
            && let Err(error) = self.store.put_tags(key, tags).await
        {
            tracing::warn!(key, %error, "stored, but without its tags");
        }
    }

    /// Headers of an object that is not there yet.
    pub(super) fn first_headers(&self, inode: &Inode, kind: Kind) -> ObjectHeaders {
        let content_type = match kind {
            Kind::Dir => Some(meta::DIRECTORY.to_string()),
            Kind::Symlink => Some(meta::SYMLINK.to_string()),
            _ => self.table.place(inode.ino).and_then(|(_, name)| meta::content_type(name.as_str())),
        };
        ObjectHeaders { content_type, ..ObjectHeaders::default() }
    }

    /// The stored object with its headers; they are asked for if only a listing is known.
    pub(super) async fn known_object(self: &Arc<Self>, inode: &Arc<Inode>) -> Result<Option<Arc<Object>>> {
        let (object, is_dir) = {
            let state = inode.state();
            (state.object.clone(), state.is_dir())
        };
        let Some(object) = object else { return Ok(None) };
        if object.headers.is_some() {
            return Ok(Some(object));
        }
        let key = self.key(inode.ino, is_dir)?;
        let info = self.store.head(&key).await?;
        if info.etag != object.etag {
            return Err(FsError::Conflict(None));
        }
        let mut now = super::object(&self.bucket, &key, &info);
        now.id = object.id.clone();
        let now = Arc::new(now);
        inode.state().object = Some(now.clone());
        Ok(Some(now))
    }

    /// The grants to send with a write over the inode's object so that its ACL stays: none if it is private.
    pub(super) async fn grants(self: &Arc<Self>, inode: &Arc<Inode>, key: &str) -> Result<Vec<Grant>> {
        let Some(object) = inode.state().object.clone() else { return self.new_grants().await };
        let acl = match &object.acl {
            Some(known) => known.clone(),
            None => {
                let acl = self.readable_acl(key).await?;
                let mut state = inode.state();
                if let Some(now) = &state.object
                    && now.etag == object.etag
                {
                    let mut now = Object::clone(now);
                    now.acl = Some(acl.clone());
                    state.object = Some(Arc::new(now));
                }
                acl
            }
        };
        // Unknown is what this mount has made, with the list of a new object, and what may not be read.
        match acl {
            Some(acl) => Ok(self.grants_of(&acl)),
            None => self.new_grants().await,
        }
    }

    /// The same for an object that no inode stands for.
    pub(super) async fn grants_at(&self, key: &str) -> Result<Vec<Grant>> {
        Ok(self.readable_acl(key).await?.map_or_else(|| self.default_grants(), |acl| self.grants_of(&acl)))
    }

    async fn readable_acl(&self, key: &str) -> Result<Option<Arc<Acl>>> {
        match self.store.get_acl(key).await {
            Ok(acl) => Ok(Some(Arc::new(acl))),
            // Not the owner and no READ_ACP: what cannot be read cannot be kept.
            Err(error) if error.kind == ErrorKind::Denied => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The bytes of a range of the draft as a body. Bytes of the base are read through the cache.
    pub(super) async fn body(&self, inode: &Inode, range: Range<u64>) -> Result<Body> {
        enum Part {
            Ready(Segment),
            Base(crate::cache::Origin, Range<u64>),
        }
        let parts = {
            let state = inode.state();
            let draft = state.draft.as_ref().ok_or(FsError::internal())?;
            let mut parts = Vec::new();
            for (piece, source) in draft.extents.pieces(range.clone()) {
                parts.push(match source {
                    Source::Local => {
                        parts.extend(draft.scratch.segments(piece)?.into_iter().map(Part::Ready));
                        continue;
                    }
                    Source::Hole => Part::Ready(Segment::Zeros(piece.end - piece.start)),
                    Source::Base => {
                        let base = draft.base.as_ref().ok_or(FsError::internal())?;
                        Part::Base(self.origin(inode, &state, base)?, piece)
                    }
                    Source::Part(_) => return Err(FsError::internal()),
                });
            }
            parts
        };
        let mut body = Body::new();
        for part in parts {
            match part {
                Part::Ready(segment) => body.push(segment),
                Part::Base(origin, piece) => {
                    for bytes in self.read_base(&origin, piece).await? {
                        body.push(Segment::Bytes(bytes));
                    }
                }
            }
        }
        debug_assert_eq!(body.len(), range.end - range.start);
        Ok(body)
    }
}
