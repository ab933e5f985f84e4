use super::facts::Speed;
use super::screen::{self, Seen};
use super::view::text;
use crate::mount::status::{Cache, Event, Gateway, Operation, Pending, Requests, Status};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::collections::BTreeMap;

fn quiet() -> Status {
    Status { source: "um-data".into(), mountpoint: "/m".into(), ..Status::default() }
}

fn busy() -> Status {
    let mut status = quiet();
    status.pending = (0..9).map(|n| Pending { path: format!("f{n}"), bytes: 100, sent: 50 }).collect();
    status.conflicts = 2;
    status.cache = Cache { used: 50, size: 100, hits: 3, misses: 1 };
    status.service.no_tls_verify = true;
    status.service.refused_for = Some(7);
    status.service.honours = Some(BTreeMap::from([("match_put".to_owned(), true)]));
    let gateway = |address: &str, left_out| Gateway { address: address.into(), handshake_us: Some(1500), left_out };
    status.service.gateways = vec![gateway("192.0.2.1:443", false), gateway("192.0.2.2:443", true)];
    status.troubles = vec![Event { when: 0, what: "PutObject: HTTP 500".into() }];
    status.requests = BTreeMap::from([("GetObject".to_owned(), Requests { in_flight: 4, ..Requests::default() })]);
    status.operations =
        BTreeMap::from([("read".to_owned(), Operation { calls: 1234, waiting: 3, ..Operation::default() })]);
    status
}

#[test]
fn the_words_tell_what_is_pending_and_what_is_wrong() {
    let words = text(&quiet(), Speed::default(), false);
    assert!(words.starts_with("um-data on /m\n") && words.contains("everything is stored"), "{words}");
    assert!(!words.contains('\x1b') && !words.contains("conflicts"), "{words}");
    let words = text(&busy(), Speed { up: 10.0, ..Speed::default() }, false);
    for part in ["192.0.2.1:443  1.5 ms", "192.0.2.2:443  does not", "not verified", "refused the token or key for 7 s"]
    {
        assert!(words.contains(part), "{part}: {words}");
    }
    for part in ["9 files, 450 B of 900 B sent, 00:00:45 left", "[============            ] f0", "and 4 more"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(words.contains("does not answer") && words.contains("conflicts") && words.contains("HTTP 500"), "{words}");
    assert!(words.contains("1,234 calls") && words.contains("3 waiting"), "{words}");
    assert!(text(&busy(), Speed::default(), true).contains('\x1b'));
}

/// What a terminal of this size shows.
fn drawn(status: Status, size: (u16, u16)) -> String {
    let speeds = (0..200).map(|n| Speed { up: f64::from(n) * 1e4, ..Speed::default() }).collect();
    let seen = Seen { status, speed: Speed { up: 10.0, ..Speed::default() }, speeds };
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal.draw(|frame| screen::draw(frame, &seen, (0, 2))).unwrap();
    terminal.backend().to_string()
}

#[test]
fn the_picture_shows_all_of_it() {
    let picture = drawn(busy(), (120, 40));
    for part in [
        "um-data on /m",
        "192.0.2.1:443",
        "does not answer, left out",
        "not verified",
        "match_put yes",
        "75 % of reads found in it",
        "50 B of 100 B in use",
        "4 reads and 0 writes in flight",
        "9 files, 450 B of 900 B sent, 00:00:45 left",
        "3 more are not shown",
        "2 files were changed by others",
        "PutObject: HTTP 500",
        "1.99 MB/s",
        "Tab shows the next mount (1 of 2)",
    ] {
        assert!(picture.contains(part), "{part}:\n{picture}");
    }
    let picture = drawn(quiet(), (100, 30));
    assert!(picture.contains("everything is stored") && picture.contains("nothing has gone wrong"), "{picture}");
}

#[test]
fn a_small_terminal_is_no_reason_to_break_off() {
    for size in [(1, 1), (20, 5), (40, 12), (300, 3)] {
        drawn(busy(), size);
    }
}
