use super::*;
use crate::draft::{Stream, part_range};

const MIB: u64 = 1 << 20;

fn about() -> About {
    let mut headers = ObjectHeaders { content_type: Some("text/plain".to_owned()), ..ObjectHeaders::default() };
    headers.user.insert("mode".to_owned(), "33188".to_owned());
    About {
        endpoint: "https://rgw.example.org".to_owned(),
        bucket: "um-lab".to_owned(),
        prefix: "run7/".to_owned(),
        key: "run7/a \"b\"\nü".to_owned(),
        path: "a \"b\"\nü".to_owned(),
        uid: 1000,
        user: Some("alice_um".to_owned()),
        when: 1_700_000_000,
        why: "PutObject: HTTP 503 SlowDown".to_owned(),
        mtime_set: true,
        headers,
    }
}

/// A draft whose first parts are on their way or there.
fn streaming(states: &[PartState]) -> Draft {
    let mut draft = Draft::new_file();
    draft.extents.write(0..40 * MIB);
    let mut stream = Stream::new("f".to_owned(), 0);
    for (number, state) in (1..).zip(states) {
        draft.extents.set(part_range(number), Source::Part(number));
        stream.parts.insert(number, state.clone());
        stream.next = number + 1;
    }
    draft.stream = Some(stream);
    draft
}

fn sent(number: u32) -> PartState {
    PartState::Sent(PartDone { number, etag: ETag::new(&format!("tag{number}")) })
}

fn written(record: &Record) -> Record {
    let record = Record { data: "data-1".to_owned(), ..record.clone() };
    let back = Record::read(&record.text().unwrap()).unwrap();
    assert_eq!(back, record);
    back
}

#[test]
fn a_record_is_read_back_as_it_was() {
    let mut draft = Draft::new_file();
    draft.extents = Extents::of_base(10 * MIB);
    draft.extents.write(3..9);
    draft.extents.punch(MIB..2 * MIB);
    draft.extents.write(12 * MIB..12 * MIB + 1);
    draft.base = Some(crate::draft::Base {
        id: crate::cache::Identity::new(&"um-lab".into(), "run7/f", &ETag::new("tag")),
        etag: ETag::new("tag"),
        size: 10 * MIB,
        appendable: None,
    });
    let record = written(&Record::of(&draft, about(), false));
    assert_eq!(record.map(), draft.extents);
    assert_eq!(record.here(), [3..9, 12 * MIB..12 * MIB + 1]);
    assert_eq!(record.bytes_here(), 7);
    assert!(record.needs_base());
    assert_eq!(record.base, Some(BaseTag { etag: "tag".to_owned(), size: 10 * MIB }));
}

#[test]
fn parts_that_the_service_has_are_named_and_the_others_are_here() {
    let draft = streaming(&[sent(1), PartState::Failed, sent(3)]);
    draft.stream.as_ref().unwrap().upload.set("id".to_owned()).unwrap();
    let record = written(&Record::of(&draft, about(), true));
    assert_eq!(record.sent().iter().map(|part| part.number).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(record.here(), [part_range(2), 24 * MIB..40 * MIB]);
    let upload = record.upload.unwrap();
    assert!(upload.behind && upload.id == "id");
}

#[test]
fn an_upload_that_has_nothing_is_not_named() {
    let draft = streaming(&[PartState::Failed, PartState::Sending]);
    draft.stream.as_ref().unwrap().upload.set("id".to_owned()).unwrap();
    let record = written(&Record::of(&draft, about(), false));
    assert_eq!(record.upload, None);
    assert_eq!(record.extents, [Run { start: 0, end: 40 * MIB, source: Source::Local }]);
    // Begun or not.
    let record = written(&Record::of(&streaming(&[PartState::Failed]), about(), false));
    assert_eq!(record.upload, None);
}

#[test]
fn the_time_alone_is_no_news() {
    let draft = streaming(&[]);
    let record = Record::of(&draft, about(), false);
    let later = Record::of(&draft, About { when: 1_700_000_060, ..about() }, false);
    assert!(record.says(&later) && record.says(&Record { data: "data-2".to_owned(), ..record.clone() }));
    assert!(!record.says(&Record::of(&draft, About { why: "HTTP 403".to_owned(), ..about() }, false)));
    let mut more = streaming(&[]);
    more.extents.write(0..41 * MIB);
    assert!(!record.says(&Record::of(&more, about(), false)));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let good = Record { data: "data-1".to_owned(), ..Record::of(&streaming(&[]), about(), false) };
    assert!(Record::read(&good.text().unwrap()).is_ok());
    let refused = |spoil: &dyn Fn(&mut Record)| {
        let mut bad = good.clone();
        spoil(&mut bad);
        Record::read(&bad.text().unwrap()).unwrap_err().to_string()
    };
    assert!(refused(&|record| record.version = 2).contains("newer"));
    assert!(refused(&|record| record.size += 1).contains("end at byte"));
    assert!(refused(&|record| record.extents[0].start = 1).contains("do not touch"));
    assert!(refused(&|record| record.extents[0].source = Source::Part(1)).contains("part 1"));
    assert!(refused(&|record| record.extents[0].source = Source::Base).contains("base"));
    for name in ["", "../data-1", ".", "/etc/passwd"] {
        assert!(refused(&|record| record.data = name.to_owned()).contains("no name"), "{name:?}");
    }
    assert!(Record::read("{}").is_err() && Record::read("").is_err());
}
