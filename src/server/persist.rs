//! The on-disk form of the server: bodies as files, metadata as one small JSON file per bucket and object.
//!
//! Layout below the data folder:
//!
//! ```text
//! blobs/ID                      one received body
//! buckets/NAME/bucket.json      owner, creation time, access control list
//! buckets/NAME/objects/ID.json  one object: key, attributes, which parts of which blobs
//! ```
//!
//! Records are replaced by rename, so a reader sees a whole old or a whole new one. Nothing is synced to the disk: the
//! data outlives the process, not a power cut. Uploads that were not completed are forgotten at a restart.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::access::Acl;

/// The data folder.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    next: AtomicU64,
    /// Set when the server ends: from then on a blob that is dropped keeps its file.
    closing: AtomicBool,
}

/// A file with a body in it. It is removed when the last object or part that uses it is gone.
#[derive(Debug)]
pub(crate) struct Blob {
    id: u64,
    disk: Arc<Disk>,
}

impl Blob {
    /// Its id, by which records name it.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Opens it for reading.
    pub(crate) fn open(&self) -> io::Result<File> {
        File::open(self.disk.blob_path(self.id))
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        if !self.disk.closing.load(Ordering::Acquire)
            && let Err(error) = fs::remove_file(self.disk.blob_path(self.id))
        {
            tracing::warn!(%error, blob = self.id, "cannot remove a body file");
        }
    }
}

/// What is kept of a bucket.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BucketRecord {
    pub(crate) created_ms: u64,
    pub(crate) acl: Acl,
    /// Its policy, as it was sent.
    #[serde(default)]
    pub(crate) policy: Option<String>,
}

/// What is kept of an object.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ObjectRecord {
    pub(crate) key: String,
    pub(crate) etag: String,
    pub(crate) modified_ms: u64,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) acl: Acl,
    pub(crate) appends: u32,
    pub(crate) parts: Vec<u64>,
    /// Blob, first byte in it, length.
    pub(crate) body: Vec<(u64, u64, u64)>,
}

/// A bucket as found on the disk, with its objects and their record ids.
pub(crate) struct LoadedBucket {
    pub(crate) name: String,
    pub(crate) record: BucketRecord,
    pub(crate) objects: Vec<(u64, ObjectRecord)>,
}

/// Everything found on the disk.
pub(crate) struct Loaded {
    pub(crate) buckets: Vec<LoadedBucket>,
    /// The blobs that some object uses.
    pub(crate) blobs: HashMap<u64, Arc<Blob>>,
}

impl Disk {
    /// Opens or creates a data folder and reads what is in it. Body files that no object uses are removed.
    pub(crate) fn open(root: &Path) -> io::Result<(Arc<Self>, Loaded)> {
        fs::create_dir_all(root.join("blobs"))?;
        fs::create_dir_all(root.join("buckets"))?;
        let disk = Arc::new(Self { root: root.to_owned(), next: AtomicU64::new(1), closing: AtomicBool::new(false) });
        let mut loaded = Loaded { buckets: Vec::new(), blobs: HashMap::new() };
        let mut last = 0;
        for entry in fs::read_dir(root.join("buckets"))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let record: BucketRecord = read_json(&entry.path().join("bucket.json"))?;
            let mut objects = Vec::new();
            for entry in fs::read_dir(entry.path().join("objects"))? {
                let path = entry?.path();
                // A temporary file of a write that did not get to its rename.
                if path.extension().is_none_or(|extension| extension != "json") {
                    fs::remove_file(&path)?;
                    continue;
                }
                let Some(id) = parse_id(&path) else { continue };
                let object: ObjectRecord = read_json(&path)?;
                last = last.max(id);
                objects.push((id, object));
            }
            loaded.buckets.push(LoadedBucket { name, record, objects });
        }
        for (blob, ..) in loaded.buckets.iter().flat_map(|b| &b.objects).flat_map(|(_, object)| &object.body) {
            last = last.max(*blob);
            let create = || Arc::new(Blob { id: *blob, disk: disk.clone() });
            loaded.blobs.entry(*blob).or_insert_with(create);
        }
        for entry in fs::read_dir(root.join("blobs"))? {
            let path = entry?.path();
            if parse_id(&path).is_none_or(|id| !loaded.blobs.contains_key(&id)) {
                fs::remove_file(&path)?;
            }
        }
        disk.next.store(last + 1, Ordering::Relaxed);
        Ok((disk, loaded))
    }

    /// From now on dropped blobs keep their files.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// A number that no blob and no record has.
    pub(crate) fn new_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A new body file.
    pub(crate) fn create_blob(this: &Arc<Self>) -> io::Result<(Arc<Blob>, File)> {
        let id = this.new_id();
        let file = File::options().write(true).create_new(true).open(this.blob_path(id))?;
        Ok((Arc::new(Blob { id, disk: this.clone() }), file))
    }

    /// Keeps a bucket.
    pub(crate) fn save_bucket(&self, name: &str, record: &BucketRecord) -> io::Result<()> {
        fs::create_dir_all(self.bucket_path(name).join("objects"))?;
        write_json(&self.bucket_path(name).join("bucket.json"), record)
    }

    /// Forgets a bucket; it has no objects.
    pub(crate) fn remove_bucket(&self, name: &str) -> io::Result<()> {
        fs::remove_dir_all(self.bucket_path(name))
    }

    /// Keeps an object.
    pub(crate) fn save_object(&self, bucket: &str, id: u64, record: &ObjectRecord) -> io::Result<()> {
        write_json(&self.object_path(bucket, id), record)
    }

    /// Forgets an object.
    pub(crate) fn remove_object(&self, bucket: &str, id: u64) -> io::Result<()> {
        fs::remove_file(self.object_path(bucket, id))
    }

    fn blob_path(&self, id: u64) -> PathBuf {
        self.root.join("blobs").join(format!("{id:016x}"))
    }

    fn bucket_path(&self, name: &str) -> PathBuf {
        self.root.join("buckets").join(name)
    }

    fn object_path(&self, bucket: &str, id: u64) -> PathBuf {
        self.bucket_path(bucket).join("objects").join(format!("{id:016x}.json"))
    }
}

fn parse_id(path: &Path) -> Option<u64> {
    u64::from_str_radix(path.file_stem()?.to_str()?, 16).ok()
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let text = fs::read(path)?;
    serde_json::from_slice(&text)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display())))
}

fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let temporary = path.with_extension("new");
    fs::write(&temporary, serde_json::to_vec(value)?)?;
    fs::rename(&temporary, path)
}
