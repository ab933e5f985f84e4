//! The block cache over a store: what an open brings along meets what is here already.

mod support;

use osirisfs::cache::{BLOCK, BlockCache, Fetcher, Identity, Origin};
use osirisfs::store::{Credentials, GetRequest, Store, StoreConfig};
use std::sync::Arc;
use support::{Service, assert_same, pattern};

/// A body that an open has begun fills the blocks that are missing, wherever others are here between them.
#[test]
fn a_body_meets_blocks_that_are_here() {
    let service = Service::embedded();
    let bytes = pattern(3, 20 * BLOCK as usize + 100);
    service.s3().put("f", bytes.clone());
    let bucket: Arc<str> = service.bucket().0.into();
    let credentials = Credentials { access_key: service.access_key(), secret_key: String::new() };
    service.block_on(async {
        let store = Store::new(StoreConfig::new(service.endpoint(), &*bucket, credentials)).unwrap();
        for here in [&[][..], &[0], &[7], &[20], &[3, 4, 11], &[0, 5, 20]] {
            let cache = BlockCache::new(64 << 20);
            let fetcher = Fetcher::new(cache.clone(), store.clone());
            let request = GetRequest { range: Some(0..bytes.len() as u64), ..GetRequest::default() };
            let body = store.get("f", request).await.unwrap();
            let (etag, size) = (body.info.etag.clone(), body.info.size);
            let origin = Origin { id: Identity::new(&bucket, "f", &etag), key: "f".into(), etag, size };
            for block in here {
                let start = *block as usize * BLOCK as usize;
                cache.insert(&origin.id, *block, &bytes[start..bytes.len().min(start + BLOCK as usize)]);
            }
            fetcher.adopt(&origin, body);
            let read = fetcher.read(&origin, 0..size).await.unwrap();
            assert_same(&format!("{here:?} were here"), &read.concat(), &bytes);
        }
    });
}
