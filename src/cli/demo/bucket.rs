//! Compares a tree of files with what a bucket holds, by S3.

use super::tree::{Entry, What, hex_md5};
use crate::store::{GetRequest, ListRequest, Result, Store};
use md5_many::{Digest, Md5};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What differs between the files of the tree and the objects of the bucket, in words. Objects for folders and links are
/// the file system's own business; what may not be is an object that stands for nothing in the tree.
pub async fn differences(store: &Store, entries: &BTreeMap<PathBuf, Entry>) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    for (path, entry) in entries {
        let What::File { size, md5 } = &entry.what else { continue };
        let key = path.to_string_lossy();
        match object_md5(store, &key).await {
            Ok((length, sum)) if length == *size && sum == *md5 => {}
            Ok((length, _)) => {
                differences.push(format!("the object {key} has {length} bytes, or others than the file"))
            }
            Err(e) if e.is_not_found() => differences.push(format!("there is no object {key}")),
            Err(e) => return Err(e),
        }
    }
    let known: BTreeSet<String> = entries.keys().map(|path| path.to_string_lossy().into_owned()).collect();
    let mut from = None;
    loop {
        let request = ListRequest { from, ..ListRequest::default() };
        let page = store.list(request).await?;
        for object in page.objects {
            let name = object.key.trim_end_matches('/');
            if !known.contains(name) && !name.starts_with(".osirisfs/") {
                differences.push(format!("the object {} stands for no file", object.key));
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(differences);
        }
    }
}

async fn object_md5(store: &Store, key: &str) -> Result<(u64, String)> {
    let mut body = store.get(key, GetRequest::default()).await?;
    let (mut length, mut sum) = (0, Md5::new());
    while let Some(bytes) = body.next().await? {
        length += bytes.len() as u64;
        sum.update(&bytes);
    }
    Ok((length, hex_md5(sum)))
}
