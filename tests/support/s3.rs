//! The bucket as another S3 client sees it.

use bytes::Bytes;
use osirisfs::store::{
    Acl, Body, Condition, GetRequest, ListRequest, ObjectInfo, PendingUpload, Store, StoreError, Tail, WriteHeaders,
};
use std::future::Future;
use tokio::runtime::Handle;

/// Another client. Keys are below the mounted part of the bucket.
pub struct S3 {
    store: Store,
    runtime: Handle,
    prefix: String,
}

impl S3 {
    pub(super) fn new(store: Store, runtime: Handle, prefix: String) -> S3 {
        S3 { store, runtime, prefix }
    }

    /// The whole key.
    pub fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn now<T>(&self, what: &str, work: impl Future<Output = Result<T, StoreError>>) -> T {
        self.runtime.block_on(work).unwrap_or_else(|e| panic!("{what:?}: {e}"))
    }

    pub fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        self.put_with(key, bytes, &WriteHeaders::default());
    }

    pub fn put_with(&self, key: &str, bytes: impl Into<Bytes>, with: &WriteHeaders) {
        let body = Body::from(bytes.into());
        self.now(key, self.store.put(&self.key(key), body, with, &Condition::Always));
    }

    /// An object that can be appended to, of these pieces.
    pub fn append(&self, key: &str, pieces: &[&'static str]) {
        let (whole, with, mut tail) = (self.key(key), WriteHeaders::default(), None::<Tail>);
        for piece in pieces {
            let body = Body::from(Bytes::from_static(piece.as_bytes()));
            let etag = self.now(key, self.store.append(&whole, tail.as_ref(), body, &with, false)).etag;
            tail = Some(Tail { etag, size: tail.map_or(0, |tail| tail.size) + piece.len() as u64 });
        }
    }

    /// An object by multipart upload, with parts of at most 16 MiB.
    pub fn put_parts(&self, key: &str, bytes: &[u8], with: &WriteHeaders) {
        let whole = self.key(key);
        let id = self.now(key, self.store.create_upload(&whole, with));
        let parts = bytes.chunks(16 << 20).enumerate().map(|(n, part)| {
            let body = Body::from(Bytes::copy_from_slice(part));
            self.now(key, self.store.upload_part(&whole, &id, n as u32 + 1, body))
        });
        let parts: Vec<_> = parts.collect();
        self.now(key, self.store.complete_upload(&whole, &id, &parts, &Condition::Always));
        // RGW 16 takes no tags when an upload begins.
        if !with.tags.is_empty() {
            self.now(key, self.store.put_tags(&whole, &with.tags));
        }
    }

    /// Many small objects, several at a time.
    pub fn put_many(&self, objects: impl IntoIterator<Item = (String, String)>) {
        use futures::stream::{StreamExt, TryStreamExt};
        let puts = futures::stream::iter(objects).map(|(key, text)| async move {
            let body = Body::from(Bytes::from(text));
            self.store.put(&self.key(&key), body, &WriteHeaders::default(), &Condition::Always).await
        });
        self.now("many", puts.buffer_unordered(16).try_collect::<Vec<_>>());
    }

    pub fn get(&self, key: &str) -> Vec<u8> {
        self.now(key, async {
            let mut body = self.store.get(&self.key(key), GetRequest::default()).await?;
            let mut bytes = Vec::new();
            while let Some(frame) = body.next().await? {
                bytes.extend_from_slice(&frame);
            }
            Ok(bytes)
        })
    }

    pub fn text(&self, key: &str) -> String {
        String::from_utf8(self.get(key)).unwrap()
    }

    /// What HEAD says; `None`: there is no such object.
    pub fn find(&self, key: &str) -> Option<ObjectInfo> {
        match self.runtime.block_on(self.store.head(&self.key(key))) {
            Ok(info) => Some(info),
            Err(error) if error.is_not_found() => None,
            Err(error) => panic!("{key:?}: {error}"),
        }
    }

    pub fn head(&self, key: &str) -> ObjectInfo {
        self.find(key).unwrap_or_else(|| panic!("no object {key:?}"))
    }

    /// A header of user metadata.
    pub fn meta(&self, key: &str, name: &str) -> Option<String> {
        self.head(key).headers.user.get(name).cloned()
    }

    pub fn delete(&self, key: &str) {
        self.now(key, self.store.delete(&self.key(key)));
    }

    pub fn acl(&self, key: &str) -> Acl {
        self.now(key, self.store.get_acl(&self.key(key)))
    }

    pub fn put_acl(&self, key: &str, acl: &Acl) {
        self.now(key, self.store.put_acl(&self.key(key), acl));
    }

    pub fn tags(&self, key: &str) -> Vec<(String, String)> {
        // RGW 16 answers an empty body of an object without tags.
        if self.head(key).tag_count == 0 {
            return Vec::new();
        }
        self.now(key, self.store.get_tags(&self.key(key)))
    }

    /// Keys that begin with this, without those of osirisfs itself.
    pub fn keys(&self, below: &str) -> Vec<String> {
        self.all_keys(below).into_iter().filter(|key| !key.split('/').any(|name| name == ".osirisfs")).collect()
    }

    /// All keys that begin with this.
    pub fn all_keys(&self, below: &str) -> Vec<String> {
        let (mut keys, mut from) = (Vec::new(), None);
        loop {
            let request = ListRequest { prefix: self.key(below), from, ..ListRequest::default() };
            let page = self.now(below, self.store.list(request));
            keys.extend(page.objects.into_iter().map(|object| object.key[self.prefix.len()..].to_owned()));
            from = page.next;
            if from.is_none() {
                return keys;
            }
        }
    }

    /// Uploads that were begun and not ended.
    pub fn uploads(&self) -> Vec<PendingUpload> {
        self.now("uploads", self.store.list_uploads(&self.prefix))
    }

    /// Gives an upload up.
    pub fn abort(&self, upload: &PendingUpload) {
        self.now(&upload.key, self.store.abort_upload(&upload.key, &upload.id));
    }

    /// Removes everything below the mounted part.
    pub fn delete_all(&self) {
        for upload in self.uploads() {
            self.now(&upload.key, self.store.abort_upload(&upload.key, &upload.id));
        }
        let keys: Vec<String> = self.all_keys("").iter().map(|key| self.key(key)).collect();
        for batch in keys.chunks(1000) {
            self.now("all", self.store.delete_many(batch));
        }
    }
}
