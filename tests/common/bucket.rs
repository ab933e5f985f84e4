//! The bucket as another S3 client sees it: raw objects, past every mount.

use osirisfs::store::{
    Body, Condition, Credentials, GetRequest, ListEntry, ListRequest, ObjectHeaders, ObjectInfo, PendingUpload, Result,
    Segment, Store, StoreConfig, WriteHeaders,
};
use std::time::Duration;

pub struct Bucket {
    runtime: tokio::runtime::Handle,
    store: Store,
}

impl Bucket {
    pub fn new(runtime: tokio::runtime::Handle, endpoint: &str, token: &str, bucket: &str) -> Bucket {
        let _inside = runtime.enter();
        let store = Store::new(StoreConfig {
            endpoint: endpoint.to_owned(),
            region: "us-east-1".to_owned(),
            bucket: bucket.to_owned(),
            credentials: Credentials { access_key: token.to_owned(), secret_key: String::new() },
            ca_file: None,
            max_connections: 16,
            ask_for: Duration::from_secs(10),
            store_for: Duration::from_secs(60),
            probe_prefix: ".osirisfs/probe-".to_owned(),
        });
        Bucket { runtime: runtime.clone(), store: store.unwrap() }
    }

    pub fn put(&self, key: &str, bytes: &[u8]) {
        self.put_with(key, bytes, ObjectHeaders::default());
    }

    pub fn put_with(&self, key: &str, bytes: &[u8], headers: ObjectHeaders) {
        let mut body = Body::new();
        body.push(Segment::Bytes(bytes::Bytes::copy_from_slice(bytes)));
        let with = WriteHeaders { headers, ..WriteHeaders::default() };
        self.runtime.block_on(self.store.put(key, body, &with, &Condition::Always)).unwrap();
    }

    /// Puts many small objects at the same time.
    pub fn put_many(&self, objects: impl IntoIterator<Item = (String, Vec<u8>)>) {
        use futures::stream::StreamExt;
        let put = |(key, bytes): (String, Vec<u8>)| async move {
            let mut body = Body::new();
            body.push(Segment::Bytes(bytes.into()));
            self.store.put(&key, body, &WriteHeaders::default(), &Condition::Always).await.unwrap();
        };
        self.runtime.block_on(futures::stream::iter(objects).for_each_concurrent(16, put));
    }

    pub fn get(&self, key: &str) -> Result<Vec<u8>> {
        self.runtime.block_on(async {
            let mut body = self.store.get(key, GetRequest::default()).await?;
            let mut bytes = Vec::new();
            while let Some(frame) = body.next().await? {
                bytes.extend_from_slice(&frame);
            }
            Ok(bytes)
        })
    }

    pub fn head(&self, key: &str) -> Result<ObjectInfo> {
        self.runtime.block_on(self.store.head(key))
    }

    pub fn delete(&self, key: &str) {
        self.runtime.block_on(self.store.delete(key)).unwrap();
    }

    /// Every object below a prefix.
    pub fn list(&self, prefix: &str) -> Vec<ListEntry> {
        self.runtime.block_on(async {
            let (mut found, mut from) = (Vec::new(), None);
            loop {
                let request = ListRequest { prefix: prefix.to_owned(), from, ..ListRequest::default() };
                let page = self.store.list(request).await.unwrap();
                found.extend(page.objects);
                from = page.next;
                if from.is_none() {
                    return found;
                }
            }
        })
    }

    pub fn keys(&self, prefix: &str) -> Vec<String> {
        self.list(prefix).into_iter().map(|entry| entry.key).collect()
    }

    pub fn uploads(&self) -> Vec<PendingUpload> {
        self.runtime.block_on(self.store.list_uploads("")).unwrap()
    }
}
