//! The root of a mount of all buckets: their names, making and removing them, opening one when it is first used.

use super::{Attr, Entry, Found, Fs, FsError, House, Options, Result, Row, Watched};
use crate::inode::{Inode, State, Table};
use crate::meta::{self, Attrs, Kind, Xattrs};
use crate::names::Name;
use crate::store::{ErrorKind, ListRequest, ObjectHeaders, Store, StoreError};
use crate::sync::{LEAF, Ranked};
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// `.` and `..` come first.
const DOTS: usize = 2;

/// All buckets of a user.
pub struct Top {
    options: Options,
    /// Of no bucket: asks what concerns the user.
    pub(super) store: Store,
    pub(super) space: Ranked<LEAF, super::statfs::Known>,
    house: House,
    /// Buckets in use, by name.
    open: Ranked<LEAF, HashMap<String, Arc<Fs>>>,
    /// One bucket is opened at a time, and once.
    opening: tokio::sync::Mutex<()>,
    /// The user's own buckets, and when that was asked.
    own: Ranked<LEAF, Option<(Instant, Arc<BTreeSet<String>>)>>,
    /// Open directories, each with the names that it shows.
    handles: Ranked<LEAF, Walks>,
}

/// Open directories: the last number given out, and the names of each that is being read.
#[derive(Default)]
struct Walks {
    last: u64,
    names: HashMap<u64, Option<Arc<Vec<Name>>>>,
}

impl Top {
    pub(super) async fn start(options: Options, store: Store) -> std::result::Result<Arc<Top>, StoreError> {
        let (asked, own) = (Instant::now(), store.list_buckets().await?);
        let house = House::new(Table::of_buckets(State::new(attrs(&options), Xattrs::new())), &options, &store);
        Ok(Arc::new(Top {
            options,
            store,
            space: Ranked::new(None),
            house,
            open: Ranked::new(HashMap::new()),
            opening: tokio::sync::Mutex::new(()),
            own: Ranked::new(Some((asked, Arc::new(own.into_iter().collect())))),
            handles: Ranked::new(Walks::default()),
        }))
    }

    /// The bucket of an inode; `None`: it has not been opened yet.
    pub(super) fn known(&self, ino: u64) -> Result<Option<Arc<Fs>>> {
        let name = self.name_of(ino)?;
        Ok(self.open.lock().get(name.as_str()).cloned())
    }

    /// The name of the bucket that an inode is in.
    fn name_of(&self, ino: u64) -> Result<Name> {
        let inode = self.house.table.get(ino).ok_or(FsError::stale())?;
        let (_, name) = self.house.table.place(inode.bucket).ok_or(FsError::stale())?;
        Ok(name)
    }

    /// Opens the bucket of an inode.
    pub(super) async fn open(&self, ino: u64) -> Result<Arc<Fs>> {
        self.open_named(&self.name_of(ino)?).await
    }

    async fn open_named(&self, name: &Name) -> Result<Arc<Fs>> {
        let _one = self.opening.lock().await;
        let known = self.open.lock().get(name.as_str()).cloned();
        if let Some(fs) = known {
            return Ok(fs);
        }
        let store = self.store.for_bucket(name.as_str(), &format!("{}/probe-", crate::names::RESERVED));
        let fs = Fs::start(self.options.clone(), store, Some((&self.house, name))).await?;
        self.open.lock().insert(name.as_str().to_owned(), fs.clone());
        Ok(fs)
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// A mount in which no bucket has been used yet.
    pub(super) fn watched(&self) -> Watched {
        let cache = self.house.fetch.cache();
        Watched {
            user: self.options.me.clone(),
            cache: (cache.bytes(), cache.capacity(), cache.used()),
            todo: Vec::new(),
            conflicts: 0,
            inodes: self.house.table.len(),
        }
    }

    pub(super) fn in_use(&self) -> Vec<Arc<Fs>> {
        self.open.lock().values().cloned().collect()
    }

    /// One's own buckets and those that are to be shown beside; `None`: they must be asked for.
    fn fresh_names(&self) -> Option<BTreeSet<String>> {
        let own = self.own.lock().clone();
        let (_, own) = own.filter(|(asked, _)| asked.elapsed() < self.options.max_age)?;
        Some(own.iter().chain(&self.options.also).cloned().collect())
    }

    async fn names(&self) -> Result<BTreeSet<String>> {
        if let Some(known) = self.fresh_names() {
            return Ok(known);
        }
        let asked = Instant::now();
        let own: Arc<BTreeSet<String>> = Arc::new(self.store.list_buckets().await?.into_iter().collect());
        *self.own.lock() = Some((asked, own.clone()));
        Ok(own.iter().chain(&self.options.also).cloned().collect())
    }

    /// A name that a bucket can have.
    fn bucket_name(&self, name: &OsStr) -> Option<Name> {
        let name = Name::new(name).ok()?;
        let text = name.as_str();
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        let fits = (3..=255).contains(&text.len()) && text.chars().all(known) && !text.starts_with('.');
        fits.then_some(name)
    }

    /// A bucket that is there, whether or not it has been used.
    fn placeholder(&self, name: &Name) -> Arc<Inode> {
        self.house.table.bucket(name, || State::new(attrs(&self.options), Xattrs::new()))
    }

    fn mention(&self, inode: &Inode) -> Entry {
        self.house.table.count(inode.ino, 1);
        self.entry(inode)
    }

    fn entry(&self, inode: &Inode) -> Entry {
        let known = self.known(inode.ino).ok().flatten();
        let state = inode.state();
        match known {
            Some(fs) => fs.entry(inode, &state),
            None => {
                let ttl = self.options.max_age;
                Entry { attr: Attr::bare(inode.ino, &state.attrs), ttl, name_ttl: ttl }
            }
        }
    }

    pub(super) fn try_lookup(&self, name: &OsStr) -> Option<Result<Found>> {
        let Some(name) = self.bucket_name(name) else { return Some(Ok(Found::Absent(self.options.max_age))) };
        let listed = self.fresh_names().is_some_and(|names| names.contains(name.as_str()));
        let used = self.open.lock().contains_key(name.as_str());
        (listed || used).then(|| Ok(Found::Entry(self.mention(&self.placeholder(&name)))))
    }

    pub(super) async fn lookup(&self, name: &OsStr) -> Result<Found> {
        if let Some(known) = self.try_lookup(name) {
            return known;
        }
        let Some(name) = self.bucket_name(name) else { return Ok(Found::Absent(self.options.max_age)) };
        if self.names().await?.contains(name.as_str()) {
            return Ok(Found::Entry(self.mention(&self.placeholder(&name))));
        }
        // Not one's own: whoever may look into it finds it by its name.
        match self.open_named(&name).await {
            Ok(_) => Ok(Found::Entry(self.mention(&self.placeholder(&name)))),
            Err(error) if error.is_not_found() => Ok(Found::Absent(self.options.max_age)),
            // A name that the service gives no bucket.
            Err(FsError::Store(error)) if matches!(error.kind, ErrorKind::BadName | ErrorKind::BadRequest) => {
                Ok(Found::Absent(self.options.max_age))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn forget(&self, ino: u64, n: u64) {
        self.house.table.forget(ino, n);
    }

    pub(super) fn getattr(&self, ino: u64) -> Result<Entry> {
        let inode = self.house.table.get(ino).ok_or(FsError::stale())?;
        Ok(self.entry(&inode))
    }

    /// Makes a bucket.
    pub(super) async fn mkdir(&self, name: &OsStr) -> Result<Entry> {
        if self.options.read_only {
            return Err(FsError::read_only());
        }
        let text = name.to_string_lossy().into_owned();
        let name = self.fit_for_a_bucket(name)?;
        match self.lookup(name.as_ref()).await {
            Ok(Found::Absent(_)) => {}
            Ok(Found::Entry(entry)) => {
                self.forget(entry.attr.ino, 1);
                return Err(FsError::exists());
            }
            // Somebody else's, who keeps it to himself.
            Err(error) if error.is_denied() => return Err(FsError::exists()),
            Err(error) => return Err(error),
        }
        let store = self.store.for_bucket(name.as_str(), "");
        if let Err(error) = store.create_bucket(self.options.placement.as_deref()).await {
            tracing::warn!(bucket = text, %error, "the bucket could not be made; OSiRIS wants its name in lower case \
                and beginning with the name of your COU (--cou)");
            return Err(match error.kind {
                ErrorKind::BadName | ErrorKind::BadRequest => FsError::invalid(),
                _ => error.into(),
            });
        }
        *self.own.lock() = None;
        self.open_named(&name).await?;
        Ok(self.mention(&self.placeholder(&name)))
    }

    /// Checks a name before a bucket is made of it.
    fn fit_for_a_bucket(&self, name: &OsStr) -> Result<Name> {
        let known = self.bucket_name(name).ok_or(FsError::invalid())?;
        if let Some(cou) = &self.options.cou {
            let lower = !known.as_str().contains(|c: char| c.is_ascii_uppercase());
            if !lower || !known.as_str().starts_with(cou.as_str()) {
                tracing::warn!(
                    bucket = known.as_str(),
                    cou,
                    "OSiRIS takes only names in lower case that begin with the \
                    name of the COU"
                );
                return Err(FsError::invalid());
            }
        }
        Ok(known)
    }

    /// Removes an empty bucket.
    pub(super) async fn rmdir(&self, name: &OsStr) -> Result<()> {
        if self.options.read_only {
            return Err(FsError::read_only());
        }
        let name = self.bucket_name(name).ok_or(FsError::not_found())?;
        let fs = self.open_named(&name).await?;
        fs.check_empty_bucket().await?;
        fs.store().delete_bucket().await?;
        self.open.lock().remove(name.as_str());
        *self.own.lock() = None;
        self.house.table.unlink(self.placeholder(&name).ino);
        Ok(())
    }

    pub(super) fn opendir(&self) -> u64 {
        let mut handles = self.handles.lock();
        handles.last += 1;
        let fh = handles.last;
        handles.names.insert(fh, None);
        fh
    }

    pub(super) fn releasedir(&self, fh: u64) {
        let gone = self.handles.lock().names.remove(&fh);
        drop(gone);
    }

    pub(super) fn dir_ready(&self, fh: u64) -> bool {
        self.handles.lock().names.get(&fh).is_some_and(Option::is_some)
    }

    pub(super) async fn prepare_dir(&self, fh: u64, offset: u64) -> Result<()> {
        if offset > 0 && self.dir_ready(fh) {
            return Ok(());
        }
        let names = self.names().await?;
        let names = names.iter().filter_map(|name| self.bucket_name(name.as_ref())).collect();
        self.handles.lock().names.insert(fh, Some(Arc::new(names)));
        Ok(())
    }

    pub(super) fn fill_dir(&self, fh: u64, offset: u64, plus: bool, add: &mut dyn FnMut(&Row) -> bool) -> Result<()> {
        let names = self.handles.lock().names.get(&fh).cloned().flatten().ok_or(FsError::bad_handle())?;
        let root = self.house.table.root();
        let count = names.len() + DOTS;
        for at in usize::try_from(offset).unwrap_or(usize::MAX).min(count)..count {
            let (inode, name) = match at.checked_sub(DOTS) {
                None => (root.clone(), ["..", "."][usize::from(at == 0)].to_owned()),
                Some(index) => (self.placeholder(&names[index]), names[index].as_str().to_owned()),
            };
            // The kernel does not count `.` and `..`.
            let counted = plus && at >= DOTS;
            let entry = match (plus, counted) {
                (_, true) => Some(self.mention(&inode)),
                (true, false) => Some(self.entry(&inode)),
                _ => None,
            };
            let row = Row { ino: inode.ino, next: at as u64 + 1, kind: Kind::Dir, name, entry };
            if add(&row) {
                if counted {
                    self.forget(inode.ino, 1);
                }
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Fs {
    /// ENOTEMPTY if the bucket holds anything but objects of our own, which are removed.
    async fn check_empty_bucket(self: &Arc<Self>) -> Result<()> {
        if !self.pending().is_empty() {
            return Err(FsError::not_empty());
        }
        let ours = format!("{}/", crate::names::RESERVED);
        loop {
            let page = self.store.list(ListRequest::default()).await?;
            let keys: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
            if keys.iter().any(|key| !key.starts_with(&ours)) {
                return Err(FsError::not_empty());
            }
            if keys.is_empty() {
                return Ok(());
            }
            if let Some((_, error)) = self.store.delete_many(&keys).await?.into_iter().next() {
                return Err(error.into());
            }
        }
    }
}

/// How a bucket looks that nobody has looked into, and the root of all.
fn attrs(options: &Options) -> Attrs {
    let (attrs, _) = meta::decode(&ObjectHeaders::default(), true, 0, SystemTime::now(), &options.defaults);
    Attrs { kind: Kind::Dir, ..attrs }
}
