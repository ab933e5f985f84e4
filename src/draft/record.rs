//! What is written down of a draft that could not be stored, so that another process can store it: a small JSON file
//! beside the bytes. What a newer version writes is refused, not guessed at.

use super::{Draft, Extents, PartState, Source};
use crate::store::{ETag, ObjectHeaders, PartDone};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
use std::ops::Range;

/// The form of the records that are written here.
const VERSION: u32 = 1;

/// What could not be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// Whose file it is, and why it is here.
    #[serde(flatten)]
    pub about: About,
    /// Size of the file in bytes.
    pub size: u64,
    /// The file beside the record that has the bytes, each at its own offset.
    pub data: String,
    /// Where each byte is: runs that touch each other, from 0 to the size.
    pub extents: Vec<Run>,
    /// The object that the file was opened with; nothing of a new file.
    pub base: Option<BaseTag>,
    /// A multipart upload that has some of the bytes.
    pub upload: Option<Upload>,
}

/// Whose file it is, and why it is here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Address of the service.
    pub endpoint: String,
    /// Bucket.
    pub bucket: String,
    /// The mounted part of it: empty or ending in `/`.
    pub prefix: String,
    /// Key.
    pub key: String,
    /// Path below the mount point.
    pub path: String,
    /// Who ran the daemon.
    pub uid: u32,
    /// As whom at the service, if that was known.
    pub user: Option<String>,
    /// When, in seconds since 1970.
    pub when: u64,
    /// Why.
    pub why: String,
    /// A program set the modification time.
    pub mtime_set: bool,
    /// What is to be sent with it: attributes, extended attributes and all else that its headers say.
    pub headers: ObjectHeaders,
}

/// Bytes that come from one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// First byte.
    pub start: u64,
    /// Behind the last one.
    pub end: u64,
    /// From where. A part that the service does not have yet is in the data file.
    pub source: Source,
}

/// Which version of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseTag {
    /// Its tag.
    pub etag: String,
    /// Its size.
    pub size: u64,
}

/// A multipart upload that has some of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Its id.
    pub id: String,
    /// The attributes that its headers carry are older than those of the record.
    pub behind: bool,
    /// Its parts.
    pub parts: Vec<Part>,
}

/// A part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its number.
    pub number: u32,
    /// Its tag; nothing while the service does not have it.
    pub etag: Option<String>,
}

impl Record {
    /// Of a draft as it is now. `behind`: the headers of its upload carry older attributes.
    pub fn of(draft: &Draft, about: About, behind: bool) -> Record {
        let upload = draft.stream.as_ref().and_then(|stream| {
            let parts: Vec<Part> = stream.parts.iter().map(|(number, state)| Part::of(*number, state)).collect();
            let some = parts.iter().any(|part| part.etag.is_some());
            let id = stream.upload.get().filter(|_| some)?.clone();
            Some(Upload { id, behind, parts })
        });
        let mut extents = Extents::empty();
        for (range, source) in draft.extents.pieces(0..draft.extents.size()) {
            // Of an upload that has nothing yet nobody needs to know.
            let source = if upload.is_none() && source.is_part() { Source::Local } else { source };
            extents.set(range, source);
        }
        let run = |(range, source): (Range<u64>, Source)| Run { start: range.start, end: range.end, source };
        Record {
            version: VERSION,
            about,
            size: extents.size(),
            data: String::new(),
            extents: extents.pieces(0..extents.size()).map(run).collect(),
            base: draft.base.as_ref().map(|base| BaseTag { etag: base.etag.as_str().to_owned(), size: base.size }),
            upload,
        }
    }

    /// Reads one, and looks whether it makes sense.
    pub fn read(text: &str) -> io::Result<Record> {
        #[derive(Deserialize)]
        struct Form {
            version: u32,
        }
        let Form { version } = serde_json::from_str(text)?;
        if version != VERSION {
            return Err(wrong(format!("of form {version}, which a newer osirisfs has written")));
        }
        let record: Record = serde_json::from_str(text)?;
        let mut at = 0;
        for run in &record.extents {
            if run.start != at || run.end <= run.start {
                return Err(wrong(format!("its runs do not touch at byte {at}")));
            }
            at = run.end;
        }
        if at != record.size {
            return Err(wrong(format!("its runs end at byte {at} of {}", record.size)));
        }
        let parts: BTreeSet<u32> = record.upload.iter().flat_map(|upload| &upload.parts).map(|p| p.number).collect();
        for run in &record.extents {
            match run.source {
                Source::Part(number) if !parts.contains(&number) => {
                    return Err(wrong(format!("no upload has its part {number}")));
                }
                Source::Base if record.base.is_none() => return Err(wrong("it has no base".to_owned())),
                _ => {}
            }
        }
        // A path out of the folder is not followed.
        if record.data.is_empty() || record.data.contains('/') || record.data.starts_with('.') {
            return Err(wrong(format!("{:?} is no name of a data file", record.data)));
        }
        Ok(record)
    }

    /// As text.
    pub fn text(&self) -> io::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Whether it says the same, apart from when.
    pub fn says(&self, other: &Record) -> bool {
        let timeless = |record: &Record| {
            let about = About { when: 0, ..record.about.clone() };
            Record { about, data: String::new(), ..record.clone() }
        };
        timeless(self) == timeless(other)
    }

    /// The bytes that are in the data file.
    pub fn here(&self) -> Vec<Range<u64>> {
        let sent = |number: u32| self.sent().iter().any(|part| part.number == number);
        let here = |run: &&Run| match run.source {
            Source::Local => true,
            Source::Part(number) => !sent(number),
            Source::Base | Source::Hole => false,
        };
        self.extents.iter().filter(here).map(|run| run.start..run.end).collect()
    }

    /// How many bytes are in the data file.
    pub fn bytes_here(&self) -> u64 {
        self.here().iter().map(|range| range.end - range.start).sum()
    }

    /// Whether some bytes are those of the object that the file was opened with.
    pub fn needs_base(&self) -> bool {
        self.extents.iter().any(|run| run.source == Source::Base)
    }

    /// Parts that the service has.
    pub fn sent(&self) -> Vec<PartDone> {
        let parts = self.upload.iter().flat_map(|upload| &upload.parts);
        parts.filter_map(|part| Some(PartDone { number: part.number, etag: ETag::new(part.etag.as_ref()?) })).collect()
    }

    /// The interval map.
    pub fn map(&self) -> Extents {
        let mut map = Extents::empty();
        for run in &self.extents {
            map.set(run.start..run.end, run.source);
        }
        map
    }
}

impl Part {
    fn of(number: u32, state: &PartState) -> Part {
        let etag = match state {
            PartState::Sent(done) => Some(done.etag.as_str().to_owned()),
            PartState::Sending | PartState::Failed => None,
        };
        Part { number, etag }
    }
}

fn wrong(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests;
