//! What the rest of the program expects of a store, one function an aspect. Each makes its keys below a prefix of its
//! own and deletes them again, so that several can run at once and against a bucket in use.

#![allow(dead_code)] // not every user of this module runs every case

mod append;
mod list;
mod objects;
mod policy;
mod write;

pub use append::*;
pub use list::*;
pub use objects::*;
pub use policy::*;
pub use write::*;

/// Hands the names of all cases to a macro that makes tests of them.
macro_rules! each_case {
    ($make:ident) => {
        $make! {
            buckets_and_users,
            certificates,
            objects_keep_bytes_and_headers,
            bodies_of_all_kinds,
            ranges_and_conditions_of_reading,
            odd_keys,
            parts_of_odd_keys,
            pages_of_a_listing,
            quirks_are_probed_and_cleaned_up,
            conditions_of_writing,
            one_winner_of_many,
            multipart_uploads,
            copies,
            access_control_lists,
            buckets_and_policies,
            all_buckets_together,
            tags,
            deleting_many,
            one_request_each,
            appends,
            what_appends_keep,
            one_of_many_appends,
        }
    };
}
pub(crate) use each_case;

use bytes::Bytes;
use osirisfs::store::{
    Body, Condition, Credentials, GetRequest, ListRequest, Result, Store, StoreConfig, Stored, WriteHeaders,
};
use std::path::PathBuf;
use std::time::Duration;

/// A service, a bucket that exists, and its owner.
pub struct Target {
    pub endpoint: String,
    pub bucket: String,
    pub access_key: String,
    pub secret_key: String,
    pub ca_file: Option<PathBuf>,
    /// The token of bob_wsu, another user.
    pub bob: String,
}

impl Target {
    pub fn config(&self) -> StoreConfig {
        let credentials = Credentials { access_key: self.access_key.clone(), secret_key: self.secret_key.clone() };
        StoreConfig {
            ca_file: self.ca_file.clone(),
            max_connections: 16,
            ask_for: Duration::from_secs(20),
            store_for: Duration::from_secs(60),
            ..StoreConfig::new(&self.endpoint, &self.bucket, credentials)
        }
    }

    pub fn store(&self) -> Store {
        Store::new(self.config()).expect("the configuration is good")
    }

    /// Somebody who owns nothing here.
    pub fn other(&self) -> Store {
        let credentials = Credentials { access_key: self.bob.clone(), secret_key: String::new() };
        Store::new(StoreConfig { credentials, ..self.config() }).expect("the configuration is good")
    }
}

/// A prefix that no other test uses.
pub fn prefix(name: &str) -> String {
    let random: String = std::iter::repeat_with(fastrand::alphanumeric).take(10).collect();
    format!("contract/{name}-{random}/")
}

pub async fn put(store: &Store, key: &str, bytes: impl Into<Bytes>) -> Stored {
    let body = Body::from(bytes.into());
    store.put(key, body, &WriteHeaders::default(), &Condition::Always).await.unwrap_or_else(|e| panic!("{key:?}: {e}"))
}

pub async fn get(store: &Store, key: &str, request: GetRequest) -> Result<Vec<u8>> {
    let mut body = store.get(key, request).await?;
    let mut bytes = Vec::new();
    while let Some(frame) = body.next().await? {
        bytes.extend_from_slice(&frame);
    }
    assert_eq!(bytes.len() as u64, body.range.end - body.range.start);
    Ok(bytes)
}

pub async fn whole(store: &Store, key: &str) -> Vec<u8> {
    get(store, key, GetRequest::default()).await.unwrap_or_else(|e| panic!("{key:?}: {e}"))
}

/// Random bytes.
pub fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::fill(&mut bytes);
    bytes
}

/// Deletes all below a prefix and checks that nothing is left, uploads neither.
pub async fn clean(store: &Store, prefix: &str) {
    for upload in store.list_uploads(prefix).await.unwrap() {
        store.abort_upload(&upload.key, &upload.id).await.unwrap();
    }
    let keys = all_keys(store, prefix).await;
    let refused = store.delete_many(&keys).await.unwrap();
    assert!(refused.is_empty(), "{refused:?}");
    assert!(all_keys(store, prefix).await.is_empty());
}

pub async fn all_keys(store: &Store, prefix: &str) -> Vec<String> {
    let (mut keys, mut from) = (Vec::new(), None);
    loop {
        let request = ListRequest { prefix: prefix.into(), from, ..ListRequest::default() };
        let page = store.list(request).await.unwrap();
        keys.extend(page.objects.into_iter().map(|object| object.key));
        from = page.next;
        if from.is_none() {
            return keys;
        }
    }
}
