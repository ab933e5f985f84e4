//! What the service says of an object, as text for extended attributes.

use super::{Fs, FsError, Result};
use crate::inode::{Inode, ROOT};
use crate::store::{Acl, Grantee};
use std::sync::Arc;

/// URI of the groups, before their name.
const GROUPS: &str = "http://acs.amazonaws.com/groups/global/";

impl Fs {
    /// One fact: `owner`, `acl`, `etag`, `bucket`, `key`, `content-type`, `storage-class`. ENODATA if there is none.
    pub(super) async fn fact(self: &Arc<Self>, inode: &Arc<Inode>, fact: &str) -> Result<Vec<u8>> {
        let (is_dir, object) = {
            let state = inode.state();
            (state.is_dir(), state.object.clone())
        };
        let bucket_root = inode.ino == ROOT && self.options.prefix.is_empty();
        let key = self.key(inode.ino, is_dir)?;
        let text = match fact {
            "bucket" => Some(self.bucket.to_string()),
            "key" if bucket_root => Some(String::new()),
            "key" => Some(key),
            "etag" => object.map(|object| object.etag.as_str().to_string()),
            "content-type" | "storage-class" => {
                let headers = self.known_object(inode).await?.and_then(|object| object.headers.clone());
                headers.and_then(|headers| match fact {
                    "content-type" => headers.content_type.clone(),
                    _ => headers.storage_class.clone(),
                })
            }
            "owner" | "acl" => {
                let acl = if bucket_root {
                    self.store.get_bucket_acl().await?
                } else if object.is_none() {
                    return Err(FsError::no_xattr());
                } else {
                    self.store.get_acl(&key).await?
                };
                Some(if fact == "owner" { acl.owner.clone() } else { acl_text(&acl) })
            }
            _ => None,
        };
        text.map(String::into_bytes).ok_or(FsError::no_xattr())
    }
}

/// One grant a line: `id:bob_wsu:READ`, `group:AllUsers:READ`.
fn acl_text(acl: &Acl) -> String {
    let lines = acl.grants.iter().map(|grant| match &grant.grantee {
        Grantee::Id(id) => format!("id:{id}:{}", grant.permission),
        Grantee::Group(uri) => format!("group:{}:{}", uri.strip_prefix(GROUPS).unwrap_or(uri), grant.permission),
    });
    lines.collect::<Vec<_>>().join("\n")
}
