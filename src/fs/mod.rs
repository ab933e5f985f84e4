//! The file system core: POSIX verbs over the rooms below. Knows nothing of FUSE.
//!
//! One file a group of verbs. Each verb has an async method that may ask the service; those that can often be answered
//! from memory have a `try_` twin that never waits, for the FUSE thread.

mod acl;
mod acl_set;
mod acl_text;
mod append;
mod apply;
mod attr;
mod background;
mod clone;
mod commit;
mod conflict;
mod create;
mod error;
mod handle;
mod lookup;
mod lost;
mod meta_commit;
mod open;
mod options;
mod orphan;
mod read;
mod readdir;
mod recover;
mod remove;
mod rename;
mod rename_dir;
mod resolve;
mod rights;
mod send;
mod setattr;
mod statahead;
mod statfs;
mod stream;
mod sync;
mod top;
mod unseen;
mod uploads;
mod volumes;
mod watched;
mod write;
mod xattr;

pub use attr::{Attr, Entry};
pub use background::Unstored;
pub use clone::At;
pub use create::Caller;
pub use error::{FsError, Result};
pub use handle::Opened;
pub use lookup::Found;
pub use options::Options;
pub use read::Slices;
pub use readdir::Row;
pub use recover::Recovered;
pub use rename::RenameRule;
pub use setattr::{Change, SetTime};
pub use statfs::Space;
pub use volumes::Volumes;
pub use watched::{Todo, Watched};

/// What could not be stored, as the next process finds it.
pub use crate::draft::lost as found;

/// Calls of the kernel are counted by the same classes of time as requests.
pub use crate::store::{BOUNDS_MS, class_of};

use crate::cache::{BlockCache, Fetcher, Identity, Origin};
use crate::draft::{Base, Lanes, Room};
use crate::inode::{Inode, Marker, Object, State, Table};
use crate::meta::{self, Attrs, Kind, Time};
use crate::names::Name;
use crate::store::{ETag, ObjectHeaders, ObjectInfo, Store, StoreError};
use crate::sync::{DIRTY, LEAF, Ranked};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Instant, SystemTime};
use tokio::sync::RwLock;

/// Requests that one operation may have in flight when it walks over many keys.
const WIDE: usize = 32;
/// Parts that one operation copies or sends side by side.
const PARTS: usize = 12;

/// A mounted bucket.
pub struct Fs {
    me: Weak<Fs>,
    options: Options,
    store: Store,
    bucket: Arc<str>,
    /// The bucket belongs to the user.
    own: bool,
    /// The user's id, if it could be learnt.
    user: Option<String>,
    rights: Ranked<LEAF, rights::Rights>,
    warned: std::sync::atomic::AtomicBool,
    /// The root of the bucket. Held, so that its number stays.
    root: Arc<Inode>,
    table: Arc<Table>,
    fetch: Fetcher,
    handles: handle::Handles,
    /// Inodes with something to store that no open handle will store.
    dirty: Ranked<DIRTY, HashMap<u64, background::Waiting>>,
    /// Held for reading by whatever turns a name into a key and uses it for a write, for writing by the renaming of a
    /// directory: then no key below it may be in use.
    tree: RwLock<()>,
    lanes: Arc<Lanes>,
    heads: statahead::Heads,
    uploads: uploads::Uploads,
    space: Ranked<LEAF, statfs::Known>,
    facts: Ranked<LEAF, acl::BucketFacts>,
    hidden: std::sync::atomic::AtomicUsize,
    /// The last thing that was to be stored was stored.
    storing_works: std::sync::atomic::AtomicBool,
    conflicts: std::sync::atomic::AtomicU64,
    /// One file at a time is written down that could not be stored. Innermost of what is held while something is waited for.
    keeping: tokio::sync::Mutex<()>,
    /// What could not be stored could not be kept either, and that was told.
    lost_trouble: std::sync::atomic::AtomicBool,
}

/// What all buckets of a mount share.
#[derive(Clone)]
struct House {
    table: Arc<Table>,
    fetch: Fetcher,
    lanes: Arc<Lanes>,
}

impl House {
    fn new(table: Table, options: &Options, store: &Store) -> House {
        let (table, cache) = (Arc::new(table), BlockCache::new(options.cache_size));
        background::start_sweeping(&table, &cache);
        House { table, fetch: Fetcher::new(cache, store.clone()), lanes: Arc::default() }
    }
}

impl Fs {
    /// Opens a bucket: asks the service whether it is there and may be seen. `within`: as one of many in a mount.
    async fn start(
        options: Options,
        store: Store,
        within: Option<(&House, &Name)>,
    ) -> std::result::Result<Arc<Fs>, StoreError> {
        let bucket: Arc<str> = store.bucket().into();
        let root_key = root_marker(&options.prefix);
        let asked = Instant::now();
        let (info, marker) = futures::future::join(store.head_bucket(), store.head(&root_key)).await;
        let info = info?;
        // In somebody else's bucket: what may be done there, and as whom.
        let ask = !info.own && !options.read_only;
        let write = if ask { store.may_write().await? } else { true };
        let user = match &options.me {
            Some(user) => Some(user.clone()),
            None if ask && write => store.user_id().await.ok(),
            None => None,
        };
        let (attrs, xattrs) = match &marker {
            Ok(marker) => meta::decode(&marker.headers, true, 0, marker.modified, &options.defaults),
            Err(_) => meta::decode(&ObjectHeaders::default(), true, 0, SystemTime::now(), &options.defaults),
        };
        let mut root = State::new(Attrs { kind: Kind::Dir, ..attrs }, xattrs);
        root.asked = Some(asked);
        if let Some(dir) = root.dir.as_mut() {
            dir.marker = if marker.is_ok() { Marker::Present } else { Marker::Absent };
        }
        if let Ok(marker) = &marker {
            root.object = Some(Arc::new(object(&bucket, &root_key, marker)));
        }
        let (house, root) = match within {
            None => {
                let house = House::new(Table::new(&options.prefix, root), &options, &store);
                let root = house.table.root().clone();
                (house, root)
            }
            Some((house, name)) => {
                let unknown = || State::new(root.attrs.clone(), meta::Xattrs::new());
                let inode = house.table.bucket(name, unknown);
                *inode.state() = root;
                (house.clone(), inode)
            }
        };
        let fs = Arc::new_cyclic(|me| Fs {
            me: me.clone(),
            root,
            table: house.table,
            fetch: house.fetch.over(store.clone()),
            handles: handle::Handles::default(),
            dirty: Ranked::new(HashMap::new()),
            tree: RwLock::new(()),
            lanes: house.lanes,
            heads: statahead::Heads::default(),
            uploads: uploads::Uploads::default(),
            space: Ranked::new(Fs::first_space(asked, &info)),
            facts: Ranked::new(acl::BucketFacts::default()),
            hidden: Default::default(),
            own: info.own,
            user,
            rights: Ranked::new(rights::Rights::new(write)),
            warned: Default::default(),
            storing_works: Default::default(),
            conflicts: Default::default(),
            keeping: Default::default(),
            lost_trouble: Default::default(),
            options,
            bucket,
            store,
        });
        background::start(&fs);
        if !fs.options.read_only {
            fs.note_probes();
            tokio::spawn(fs.clone().give_up_left());
        }
        Ok(fs)
    }

    /// Where bytes that are not stored yet may be kept.
    fn room(&self) -> Room<'_> {
        Room { folder: &self.options.scratch, memory: self.fetch.cache() }
    }

    /// The store below, for its counters.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Inodes in the table.
    pub fn known_inodes(&self) -> usize {
        self.table.len()
    }

    /// Whether this is the root of the bucket.
    fn is_root(&self, ino: u64) -> bool {
        ino == self.root.ino
    }

    fn inode(&self, ino: u64) -> Result<Arc<Inode>> {
        self.table.get(ino).ok_or(FsError::stale())
    }

    /// The key of a file, or of a directory's marker. [`FsError::stale`] if the name is gone.
    fn key(&self, ino: u64, is_dir: bool) -> Result<String> {
        if self.is_root(ino) {
            return Ok(root_marker(&self.options.prefix));
        }
        if is_dir {
            return self.table.dir_key(ino).ok_or(FsError::stale());
        }
        Ok(self.table.file_key(ino).ok_or(FsError::stale())??)
    }

    /// Where the bytes of an inode's stored object can be fetched.
    fn origin(&self, inode: &Inode, state: &State, base: &Base) -> Result<Origin> {
        let key = match &state.orphan {
            Some(key) => key.clone(),
            None => self.key(inode.ino, false)?,
        };
        Ok(Origin { id: base.id.clone(), key, etag: base.etag.clone(), size: base.size })
    }

    fn identity(&self, key: &str, etag: &ETag) -> Arc<Identity> {
        Identity::new(&self.bucket, key, etag)
    }
}

/// What a HEAD says, as the object behind an inode.
fn object(bucket: &Arc<str>, key: &str, info: &ObjectInfo) -> Object {
    Object {
        id: Identity::new(bucket, key, &info.etag),
        etag: info.etag.clone(),
        size: info.size,
        modified: info.modified,
        listed: None,
        headers: Some(info.headers.clone()),
        tag_count: info.tag_count,
        acl: None,
        cold: info.headers.storage_class.as_deref().is_some_and(is_cold) && !info.restored,
        appendable: info.appendable.then(Instant::now),
    }
}

fn is_cold(class: &str) -> bool {
    matches!(class, "GLACIER" | "DEEP_ARCHIVE")
}

fn base_of(object: &Object) -> Base {
    let Object { id, etag, size, appendable, .. } = object;
    Base { id: id.clone(), etag: etag.clone(), size: *size, appendable: *appendable }
}

/// Where the root directory keeps its own attributes: a bucket's root has no key of its own.
fn root_marker(prefix: &str) -> String {
    if prefix.is_empty() { format!("{}/root", crate::names::RESERVED) } else { prefix.to_string() }
}

fn now() -> Time {
    Time::from(SystemTime::now())
}
