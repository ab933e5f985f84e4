use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::client::{BUCKET, Client, object, start};
use osirisfs::server::Fault;

#[tokio::test]
async fn a_status_in_place_of_the_work() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    let left = Arc::new(AtomicU32::new(2));
    server.on_request(Box::new(move |request| {
        let fails = request.op == "PutObject" && left.load(Ordering::SeqCst) > 0;
        if fails {
            left.fetch_sub(1, Ordering::SeqCst);
            Fault::Status(503, "SlowDown")
        } else {
            Fault::Pass
        }
    }));
    for _ in 0..2 {
        let refused = alice.send("PUT", &object("k"), &[], vec![0; 3_000_000]).await;
        assert_eq!(refused.error(), (503, "SlowDown"));
        assert_eq!(alice.get(&object("k")).await.status, 404);
    }
    assert_eq!(alice.put("k", "x").await.status, 200);
}

#[tokio::test]
async fn a_lost_answer_is_not_a_lost_write() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    server.on_request(Box::new(|request| if request.op == "PutObject" { Fault::AfterWork } else { Fault::Pass }));
    assert!(alice.try_send("PUT", &object("k"), &[], "x").await.is_err());
    assert_eq!(alice.get(&object("k")).await.text(), "x");
}

#[tokio::test]
async fn a_cut_body() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    alice.put("k", vec![1; 3_000_000]).await;
    server.on_request(Box::new(
        |request| {
            if request.range.is_some() { Fault::CutBodyAt(1_500_000) } else { Fault::Pass }
        },
    ));
    server.log().clear();
    assert!(alice.try_send("GET", &object("k"), &[("range", "bytes=0-")], "").await.is_err());
    assert_eq!(server.log().entries()[0].down, 1_500_000);
    assert_eq!(alice.get(&object("k")).await.body.len(), 3_000_000);
}

#[tokio::test]
async fn a_delay() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    server.on_request(Box::new(|_| Fault::Delay(Duration::from_millis(120))));
    let begin = Instant::now();
    assert_eq!(alice.head(&format!("/{BUCKET}")).await.status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn the_log_counts_requests_and_bytes() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    alice.put("d/k", "hello").await;
    alice.send("GET", &object("d/k"), &[("range", "bytes=1-3")], "").await;
    alice.get(&format!("/{BUCKET}?list-type=2&prefix=d/")).await;
    alice.get(&object("none")).await;
    let log = server.log();
    assert_eq!((log.count("GetObject"), log.count("PutObject"), log.total()), (2, 1, 4));
    let entries = log.entries();
    let seen: Vec<_> = entries.iter().map(|entry| (entry.op, entry.key.as_str(), entry.status, entry.up)).collect();
    let expected = [("PutObject", "d/k", 200, 5), ("GetObject", "d/k", 206, 0), ("ListObjectsV2", "d/", 200, 0)];
    assert_eq!(seen[..3], expected);
    assert_eq!(entries[1].down, 3);
    log.clear();
    assert_eq!((log.total(), log.entries().len()), (0, 0));
}

#[tokio::test]
async fn stop_lets_requests_end_and_closes_the_port() {
    let server = start().await;
    let address = server.addr();
    let alice = Client::of(&server, "alice_um");
    server.on_request(Box::new(|_| Fault::Delay(Duration::from_millis(200))));
    let slow = tokio::spawn(async move { alice.put("k", "x").await.status });
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop().await;
    assert_eq!(slow.await.expect("no panic"), 200);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
