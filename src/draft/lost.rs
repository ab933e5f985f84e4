//! The folder `lost+found`: what could not be stored, one folder an entry, in each the bytes and their record.
//!
//! The bytes are on the disk before the record is put there by renaming, and a new record names a new file of bytes: an
//! entry is whole or it is not there. Whoever stores it holds the entry's lock, so that no two do.

use super::{Base, Draft, PartState, Scratch, Stream};
use crate::store::{PartDone, Segment};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use time::macros::format_description;

pub use super::extents::Source;
pub use super::record::Record;

const RECORD: &str = "record";
const LOCK: &str = "lock";
const DATA: &str = "data-";

/// A folder without a record is of a daemon that was killed while it wrote it, or of one that is writing it just now.
const UNFINISHED: Duration = Duration::from_secs(3600);

/// An entry, held by its lock. Dropping it leaves it on the disk, for anybody to store.
#[derive(Debug)]
pub struct Lost {
    folder: PathBuf,
    _lock: Flock<File>,
    /// Nothing before it was first written.
    record: Option<Box<Record>>,
    /// The count of changes of the draft whose bytes are in the file.
    changes: u64,
    /// Data files so far.
    written: u32,
}

/// An entry as it is seen from outside.
#[derive(Debug)]
pub struct Found {
    /// Its name in the folder.
    pub name: String,
    /// Somebody holds it: a daemon that still tries to store it.
    pub held: bool,
    /// What it is, if that can be read.
    pub record: io::Result<Record>,
}

impl Lost {
    /// An entry without a record yet, in this folder, which is made if it is missing.
    pub fn make(all: &Path) -> io::Result<Lost> {
        prepare(all)?;
        let now = time::OffsetDateTime::now_utc();
        let stamp = now.format(format_description!("[year][month][day]-[hour][minute][second]"));
        let folder = all.join(format!("{}-{:06x}", stamp.map_err(io::Error::other)?, fastrand::u32(..1 << 24)));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(LOCK));
        let lock = file.and_then(|file| Ok(Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, e)| e)?));
        match lock {
            Ok(lock) => Ok(Lost { folder, _lock: lock, record: None, changes: 0, written: 0 }),
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                Err(error)
            }
        }
    }

    /// Takes an entry that nobody holds; `None`: somebody does.
    pub fn take(all: &Path, name: &str) -> io::Result<Option<Lost>> {
        let folder = folder_of(all, name)?;
        let Some(lock) = lock(&folder)? else { return Ok(None) };
        let record = read(&folder)?;
        let number = record.data.strip_prefix(DATA).and_then(|number| number.parse().ok());
        Ok(Some(Lost { folder, _lock: lock, record: Some(Box::new(record)), changes: 0, written: number.unwrap_or(0) }))
    }

    /// The same without a look at its record, say to remove it.
    pub fn take_any(all: &Path, name: &str) -> io::Result<Option<Lost>> {
        let folder = folder_of(all, name)?;
        let lock = lock(&folder)?;
        Ok(lock.map(|lock| Lost { folder, _lock: lock, record: None, changes: 0, written: 0 }))
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it is, once it was written.
    pub fn record(&self) -> Option<&Record> {
        self.record.as_deref()
    }

    /// Whether the bytes of a draft that has changed so often are here.
    pub fn has_bytes(&self, changes: u64) -> bool {
        self.record.is_some() && self.changes == changes
    }

    /// Writes the record, and before it the bytes, each with its offset, if they are others. On an error what was there
    /// before is still there.
    pub fn write(&mut self, record: Record, bytes: Option<Vec<(u64, Segment)>>, changes: u64) -> io::Result<()> {
        let before = self.record.as_ref().map(|record| record.data.clone());
        let data = match (bytes, &before) {
            (None, Some(data)) => data.clone(),
            (None, None) => return Err(io::Error::other("no bytes were given")),
            (Some(bytes), _) => {
                self.written += 1;
                let name = format!("{DATA}{}", self.written);
                let path = self.folder.join(&name);
                if let Err(error) = write_data(&path, record.size, &bytes) {
                    // Room for others, and nothing that could be taken for the bytes.
                    let _ = fs::remove_file(&path);
                    return Err(error);
                }
                name
            }
        };
        let mut record = record;
        record.data = data;
        self.put(&record)?;
        if let Some(old) = before.filter(|old| *old != record.data) {
            let _ = fs::remove_file(self.folder.join(old));
        }
        let first = self.record.replace(Box::new(record)).is_none();
        self.changes = changes;
        if first {
            // The names of the entry and, if it was made for it, of the folder of all.
            for above in self.folder.ancestors().skip(1).take(2) {
                File::open(above)?.sync_all()?;
            }
        }
        Ok(())
    }

    /// Puts the record there, whole.
    fn put(&self, record: &Record) -> io::Result<()> {
        let new = self.folder.join("record.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(record.text()?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, self.folder.join(RECORD))?;
        File::open(&self.folder)?.sync_all()
    }

    /// It is no entry any longer: what is left of it is rubbish.
    pub fn strike(&self) -> io::Result<()> {
        match fs::remove_file(self.folder.join(RECORD)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes all of it.
    pub fn remove(self) -> io::Result<()> {
        self.strike()?;
        fs::remove_dir_all(&self.folder)
    }

    /// The bytes, to be read.
    pub fn data(&self) -> io::Result<File> {
        data(&self.folder, self.record.as_ref().ok_or_else(|| io::Error::other("it has no record"))?)
    }

    /// The draft again. `meta_changes`: the count of changes of attributes that the headers of its upload carry.
    pub fn draft(&self, base: Option<Base>, meta_changes: u64) -> io::Result<Draft> {
        let record = self.record.as_ref().ok_or_else(|| io::Error::other("it has no record"))?;
        let mut draft = Draft::new_file();
        draft.extents = record.map();
        draft.base = base;
        draft.changes = self.changes;
        // Read-only: what is sent from here is not given back before all is stored.
        draft.scratch = Scratch::of_file(self.data()?, record.here());
        if let Some(upload) = &record.upload {
            let mut stream = Stream::new(record.about.key.clone(), meta_changes);
            let _ = stream.upload.set(upload.id.clone());
            for part in &upload.parts {
                let done = |etag: &String| PartDone { number: part.number, etag: crate::store::ETag::new(etag) };
                let state = part.etag.as_ref().map_or(PartState::Failed, |etag| PartState::Sent(done(etag)));
                stream.parts.insert(part.number, state);
                stream.next = stream.next.max(part.number + 1);
            }
            draft.stream = Some(stream);
        }
        Ok(draft)
    }
}

/// The record of an entry and its bytes, to be read, whoever holds it.
pub fn peek(all: &Path, name: &str) -> io::Result<(Record, File)> {
    let folder = folder_of(all, name)?;
    let record = read(&folder)?;
    let file = data(&folder, &record)?;
    Ok((record, file))
}

/// The entries of a folder, by name and so by time. A folder that is not there has none.
pub fn list(all: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for (name, folder) in folders(all)? {
        match read(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            record => found.push(Found { name, held: matches!(lock(&folder), Ok(None)), record }),
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Ids of the uploads that entries need: nobody may give them up.
pub fn uploads(all: &Path) -> HashSet<String> {
    let Ok(folders) = folders(all) else { return HashSet::new() };
    let id = |(_, folder): (String, PathBuf)| {
        // Of whatever form the record is.
        let text = io::read_to_string(open_ours(&folder.join(RECORD), false).ok()?).ok()?;
        let record: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(record.get("upload")?.get("id")?.as_str()?.to_owned())
    };
    folders.into_iter().filter_map(id).collect()
}

/// Removes what a daemon left that was killed while it wrote an entry.
pub fn tidy(all: &Path) {
    let Ok(folders) = folders(all) else { return };
    for (_, folder) in folders {
        let age = fs::metadata(&folder).and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
        let old = age.is_some_and(|age| age > UNFINISHED);
        let unfinished = !fs::exists(folder.join(RECORD)).unwrap_or(true);
        if old && unfinished && !matches!(lock(&folder), Ok(None)) {
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// Folders whose names are those of entries. Others are somebody else's: `lost+found` of a disk is a folder of fsck(8), too.
fn folders(all: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(all) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter(|name| is_name(name)).map(|name| (name.clone(), all.join(name))).collect())
}

/// `20261126-051233-4f2a7c`.
fn is_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let digits = |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_hexdigit());
    matches!(parts[..], [day, time, random] if digits(day, 8) && digits(time, 6) && digits(random, 6))
}

/// The folder of an entry, by a name that somebody gave.
fn folder_of(all: &Path, name: &str) -> io::Result<PathBuf> {
    if is_name(name) { Ok(all.join(name)) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// Makes the folder, for us alone.
fn prepare(all: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(all)?;
    let meta = fs::symlink_metadata(all)?;
    if !meta.is_dir() || meta.uid() != nix::unistd::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to somebody else"));
    }
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(all, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn read(folder: &Path) -> io::Result<Record> {
    Record::read(&io::read_to_string(open_ours(&folder.join(RECORD), false)?)?)
}

fn data(folder: &Path, record: &Record) -> io::Result<File> {
    let file = open_ours(&folder.join(&record.data), false)?;
    if file.metadata()?.len() != record.size {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its data file is cut short"));
    }
    Ok(file)
}

/// The lock of an entry; `None`: somebody holds it.
fn lock(folder: &Path) -> io::Result<Option<Flock<File>>> {
    let mut file = open_ours(&folder.join(LOCK), true)?;
    // Whoever lists holds it for a moment, too.
    for _ in 0..4 {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(Some(lock)),
            Err((back, Errno::EAGAIN)) => file = back,
            Err((_, errno)) => return Err(errno.into()),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(None)
}

/// Opens a file only if it is ours: what somebody else has put there could send our token to him.
fn open_ours(path: &Path, write: bool) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(write).custom_flags(libc::O_NOFOLLOW).open(path)?;
    let meta = file.metadata()?;
    if meta.uid() != nix::unistd::geteuid().as_raw() || !meta.is_file() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to somebody else"));
    }
    Ok(file)
}

fn write_data(path: &Path, size: u64, bytes: &[(u64, Segment)]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.set_len(size)?;
    for (at, segment) in bytes {
        match segment {
            Segment::Bytes(bytes) => file.write_all_at(bytes, *at)?,
            Segment::File { file: from, offset, len } => copy(from, *offset, &file, *at, *len)?,
            // It has only holes yet.
            Segment::Zeros(_) => {}
        }
    }
    file.sync_all()
}

/// Copies within the kernel where the file systems can, else by way of memory.
pub fn copy(from: &File, offset: u64, to: &File, at: u64, len: u64) -> io::Result<()> {
    let (mut offset, mut at, mut left) = (offset, at, len);
    while left > 0 {
        match rustix::fs::copy_file_range(from, Some(&mut offset), to, Some(&mut at), left as usize) {
            Ok(0) | Err(_) => break,
            Ok(done) => left -= done as u64,
        }
    }
    let mut buffer = vec![0; left.min(1 << 20) as usize];
    while left > 0 {
        let piece = left.min(buffer.len() as u64) as usize;
        from.read_exact_at(&mut buffer[..piece], offset)?;
        to.write_all_at(&buffer[..piece], at)?;
        (offset, at, left) = (offset + piece as u64, at + piece as u64, left - piece as u64);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
