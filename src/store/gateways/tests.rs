use super::*;

fn at(last: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, last], 7480))
}

async fn gateways(addresses: &[SocketAddr], spare: bool) -> (Arc<Gateways>, Arc<Mutex<Vec<SocketAddr>>>) {
    let name = Arc::new(Mutex::new(addresses.to_vec()));
    let gateways = Gateways::new("rgw.example.org", 7480, Lookup::Made(name.clone()), spare);
    gateways.look_up().await.unwrap();
    (gateways, name)
}

async fn chosen(gateways: &Arc<Gateways>) -> Arc<Gateway> {
    gateways.choose(&[]).await.unwrap().unwrap()
}

#[tokio::test]
async fn requests_are_spread_by_what_is_on_its_way() {
    let (gateways, _) = gateways(&[at(1), at(2), at(3)], false).await;
    let mut flights = Vec::new();
    for _ in 0..30 {
        flights.push(chosen(&gateways).await.enter());
    }
    for gateway in gateways.all().iter() {
        let n = gateway.in_flight.load(Ordering::Relaxed);
        assert!((7..=13).contains(&n), "{}: {n}", gateway.address);
    }
    drop(flights);
    assert!(gateways.all().iter().all(|gateway| gateway.in_flight.load(Ordering::Relaxed) == 0));
    // One request after the other stays on a connection that is open.
    let first = chosen(&gateways).await.address;
    for _ in 0..5 {
        assert_eq!(chosen(&gateways).await.address, first);
    }
}

#[tokio::test]
async fn near_gateways_are_preferred_until_they_are_busy() {
    let (gateways, _) = gateways(&[at(1), at(2)], false).await;
    gateways.connected(at(1), Duration::from_millis(100));
    gateways.connected(at(2), Duration::from_millis(5));
    let mut flights = Vec::new();
    for _ in 0..6 {
        let gateway = chosen(&gateways).await;
        assert_eq!(gateway.address, at(2));
        flights.push(gateway.enter());
    }
    for _ in 0..10 {
        flights.push(chosen(&gateways).await.enter());
    }
    assert!(gateways.all()[0].in_flight.load(Ordering::Relaxed) > 0);
}

#[tokio::test]
async fn errors_count_and_are_forgotten() {
    let (gateways, _) = gateways(&[at(1), at(2)], false).await;
    let all = gateways.all();
    for _ in 0..10 {
        all[0].outcome(false);
    }
    for _ in 0..5 {
        assert_eq!(chosen(&gateways).await.address, at(2));
    }
    assert!(current((1.0, Some(Instant::now() - 2 * FORGET))) < 0.3);
    for _ in 0..40 {
        all[0].outcome(true);
    }
    assert_eq!(lock(&all[0].health).errors.0, 0.0);
}

#[tokio::test]
async fn a_gateway_that_is_left_out_comes_back_when_it_answers() {
    let (gateways, _) = gateways(&[at(1), at(2)], false).await;
    let answers = Arc::new(AtomicBool::new(false));
    let probe = answers.clone();
    gateways.set_probe(Box::new(move |_| {
        let answer = probe.load(Ordering::Relaxed);
        Box::pin(async move { answer })
    }));
    let first = gateways.all()[0].clone();
    let mut deaths = first.deaths();
    gateways.leave_out(&first, "it was unplugged");
    assert!(deaths.has_changed().unwrap() && gateways.any_healthy());
    deaths.mark_unchanged();
    for _ in 0..5 {
        assert_eq!(chosen(&gateways).await.address, at(2));
    }
    tokio::time::sleep(3 * ASK_AGAIN.0).await;
    assert!(first.is_out(), "it does not answer yet");
    answers.store(true, Ordering::Relaxed);
    tokio::time::timeout(ASK_AGAIN.1, async {
        while first.is_out() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    assert!(!deaths.has_changed().unwrap());
}

#[tokio::test]
async fn the_last_gateway_stays_unless_there_is_another_name() {
    let (alone, _) = gateways(&[at(1)], false).await;
    alone.leave_out(&alone.all()[0], "no");
    assert!(alone.any_healthy());
    let (with_other, _) = gateways(&[at(1)], true).await;
    with_other.leave_out(&with_other.all()[0], "no");
    assert!(!with_other.any_healthy());
    assert_eq!(chosen(&with_other).await.address, at(1), "better than none");
}

#[tokio::test]
async fn the_name_is_looked_up_anew_and_what_is_known_stays_known() {
    let (gateways, name) = gateways(&[at(1), at(2)], false).await;
    gateways.connected(at(2), Duration::from_millis(7));
    *name.lock().unwrap() = vec![at(2), at(3), at(3)];
    // Not asked again at once.
    chosen(&gateways).await;
    assert_eq!(gateways.all().len(), 2);
    *lock(&gateways.looked) = Instant::now().checked_sub(2 * LOOK_AGAIN);
    chosen(&gateways).await;
    tokio::time::timeout(Duration::from_secs(5), async {
        while gateways.all()[0].address != at(2) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    let all: Vec<_> = gateways.all().iter().map(|gateway| gateway.address).collect();
    assert_eq!(all, [at(2), at(3)]);
    assert_eq!(gateways.all()[0].handshake(), Some(Duration::from_millis(7)));
    // A name that stands for nothing now keeps its gateways.
    name.lock().unwrap().clear();
    *lock(&gateways.looked) = Instant::now().checked_sub(2 * LOOK_AGAIN);
    gateways.look_up().await.unwrap();
    assert_eq!(gateways.all().len(), 2);
    assert!(super::super::gateways::Gateways::new("x", 1, Lookup::Fixed(vec![]), false).look_up().await.is_err());
}

#[tokio::test]
async fn gateways_that_have_just_failed_a_request_are_not_chosen_for_it() {
    let (gateways, _) = gateways(&[at(1), at(2)], false).await;
    assert_eq!(gateways.choose(&[at(1)]).await.unwrap().unwrap().address, at(2));
    assert!(gateways.choose(&[at(1), at(2)]).await.unwrap().is_none());
}

#[tokio::test]
async fn a_gateway_that_hangs_is_avoided() {
    let (gateways, _) = gateways(&[at(1), at(2)], false).await;
    let first = gateways.all()[0].clone();
    let mut hanging = first.enter();
    hanging.since = Instant::now().checked_sub(2 * HANGING).unwrap();
    drop(hanging);
    for _ in 0..5 {
        assert_eq!(chosen(&gateways).await.address, at(2));
    }
    lock(&first.health).errors = (0.0, None);
    let mut slow = first.enter();
    slow.since = Instant::now().checked_sub(2 * HANGING).unwrap();
    slow.answered();
    drop(slow);
    assert_eq!(lock(&first.health).errors.0, 0.0, "an answer that took long is an answer");
}
