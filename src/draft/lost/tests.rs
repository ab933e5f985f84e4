use super::*;
use crate::cache::BlockCache;
use crate::draft::{About, Room, Source, part_range};
use crate::store::ETag;

const MIB: u64 = 1 << 20;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Writes the draft down as it is.
fn keep(lost: &mut Lost, draft: &Draft) -> io::Result<()> {
    let record = Record::of(draft, About { key: "f".to_owned(), ..About::default() }, false);
    let mut bytes = Vec::new();
    for range in record.here() {
        let mut at = range.start;
        for segment in draft.scratch.segments(range)? {
            let len = segment.len();
            bytes.push((at, segment));
            at += len;
        }
    }
    lost.write(record, Some(bytes), draft.changes)
}

#[test]
fn a_draft_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let memory = BlockCache::new(8 * MIB);
    let room = Room { folder: folder.path(), memory: &memory };
    let all = folder.path().join("cache/lost+found");
    let mut draft = Draft::new_file();
    // Some of it in memory, some in the scratch file, with a hole.
    let bytes: Vec<u8> = (0..6 * MIB).map(|n| (n % 251) as u8).collect();
    draft.write(0, &bytes, room).unwrap();
    draft.write(9 * MIB + 5, b"end", room).unwrap();
    draft.write(MIB, b"changed", room).unwrap();
    let mut lost = Lost::make(&all).unwrap();
    keep(&mut lost, &draft).unwrap();
    let name = lost.folder().file_name().unwrap().to_str().unwrap().to_owned();

    let found = list(&all).unwrap();
    assert!(found.len() == 1 && found[0].name == name && found[0].held);
    assert!(Lost::take(&all, &name).unwrap().is_none(), "its daemon lives");
    drop(lost);
    assert!(!list(&all).unwrap()[0].held);

    let taken = Lost::take(&all, &name).unwrap().unwrap();
    let back = taken.draft(None, 0).unwrap();
    assert_eq!(back.extents, draft.extents);
    for range in taken.record().unwrap().here() {
        assert!(back.scratch.read(range.clone()).unwrap() == draft.scratch.read(range).unwrap());
    }
    assert!(back.dirty && back.stream.is_none() && taken.has_bytes(back.changes));
    // Bytes of holes take no room, and nobody else can read the others.
    let file = taken.data().unwrap().metadata().unwrap();
    assert!(file.blocks() * 512 < 8 * MIB && file.len() == 9 * MIB + 8);
    assert_eq!(file.mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&all).unwrap().mode() & 0o777, 0o700);
    taken.remove().unwrap();
    assert!(list(&all).unwrap().is_empty() && names(&all).is_empty());
}

#[test]
fn parts_of_an_upload_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let memory = BlockCache::new(64 * MIB);
    let room = Room { folder: folder.path(), memory: &memory };
    let mut draft = Draft::new_file();
    draft.write(0, &vec![7; 20 * MIB as usize], room).unwrap();
    let mut stream = Stream::new("f".to_owned(), 0);
    stream.upload.set("id".to_owned()).unwrap();
    stream.parts.insert(1, PartState::Sent(PartDone { number: 1, etag: ETag::new("one") }));
    stream.parts.insert(2, PartState::Failed);
    stream.next = 3;
    for number in [1, 2] {
        draft.extents.set(part_range(number), Source::Part(number));
    }
    draft.scratch.forget(part_range(1));
    draft.stream = Some(stream);
    let mut lost = Lost::make(folder.path()).unwrap();
    keep(&mut lost, &draft).unwrap();
    assert_eq!(uploads(folder.path()), HashSet::from(["id".to_owned()]));
    let back = lost.draft(None, 4).unwrap();
    let stream = back.stream.as_ref().unwrap();
    assert!(matches!(&stream.parts[&1], PartState::Sent(part) if part.etag == ETag::new("one")));
    assert!(stream.broken() && stream.next == 3 && stream.meta_changes == 4);
    assert_eq!(stream.upload.get().map(String::as_str), Some("id"));
    assert!(back.scratch.read(part_range(2)).unwrap()[..] == vec![7; 8 * MIB as usize][..]);
    lost.strike().unwrap();
    assert!(uploads(folder.path()).is_empty());
}

#[test]
fn a_new_state_replaces_the_old_one_and_a_failure_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let memory = BlockCache::new(8 * MIB);
    let room = Room { folder: folder.path(), memory: &memory };
    let mut draft = Draft::new_file();
    draft.write(0, b"first", room).unwrap();
    let mut lost = Lost::make(folder.path()).unwrap();
    keep(&mut lost, &draft).unwrap();
    draft.write(5, b" and second", room).unwrap();
    assert!(!lost.has_bytes(draft.changes));
    keep(&mut lost, &draft).unwrap();
    assert_eq!(names(lost.folder()), ["data-2", "lock", "record"]);
    assert_eq!(io::read_to_string(lost.data().unwrap()).unwrap(), "first and second");

    // The bytes of the next one are not to be had.
    let closed = std::sync::Arc::new(OpenOptions::new().write(true).open(lost.folder().join(LOCK)).unwrap());
    let unreadable = vec![(0, Segment::File { file: closed, offset: 0, len: 16 })];
    let record = lost.record().unwrap().clone();
    assert!(lost.write(record, Some(unreadable), draft.changes + 1).is_err());
    assert_eq!(names(lost.folder()), ["data-2", "lock", "record"]);
    assert!(lost.has_bytes(draft.changes) && !lost.has_bytes(draft.changes + 1));
    assert_eq!(io::read_to_string(lost.data().unwrap()).unwrap(), "first and second");

    // The same bytes are not written again.
    let mut record = lost.record().unwrap().clone();
    record.about.why = "again".to_owned();
    lost.write(record, None, draft.changes).unwrap();
    assert_eq!(names(lost.folder()), ["data-2", "lock", "record"]);
    let found = list(folder.path()).unwrap();
    assert_eq!(found[0].record.as_ref().unwrap().about.why, "again");
}

#[test]
fn what_is_no_entry_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    assert!(list(&folder.path().join("missing")).unwrap().is_empty());
    // What fsck(8) has found.
    fs::create_dir(folder.path().join("#12")).unwrap();
    let making = Lost::make(folder.path()).unwrap();
    assert!(list(folder.path()).unwrap().is_empty(), "it is not written yet");
    for name in ["..", "#12", "20261126-051233", "20261126-051233-4f2a7c/.."] {
        assert!(Lost::take(folder.path(), name).is_err(), "{name}");
    }
    drop(making);
    tidy(folder.path());
    assert_eq!(names(folder.path()).len(), 2, "it may be made just now");
    let old = std::time::SystemTime::now() - 2 * UNFINISHED;
    for name in names(folder.path()) {
        File::open(folder.path().join(name)).unwrap().set_modified(old).unwrap();
    }
    tidy(folder.path());
    assert_eq!(names(folder.path()), ["#12"]);
}

#[test]
fn data_that_is_cut_short_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let memory = BlockCache::new(8 * MIB);
    let mut draft = Draft::new_file();
    draft.write(0, b"content", Room { folder: folder.path(), memory: &memory }).unwrap();
    let mut lost = Lost::make(folder.path()).unwrap();
    keep(&mut lost, &draft).unwrap();
    let path = lost.folder().join("data-1");
    OpenOptions::new().write(true).open(path).unwrap().set_len(3).unwrap();
    assert!(lost.draft(None, 0).unwrap_err().to_string().contains("cut short"));
}
