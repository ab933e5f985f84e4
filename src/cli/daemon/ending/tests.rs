use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

fn answer(kind: Option<ErrorKind>) -> StoreResult<()> {
    kind.map_or(Ok(()), |kind| Err(StoreError::local(kind, "HeadBucket", "")))
}

const TEST_GRACE: Duration = Duration::from_millis(300);
const TEST_PULSE: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_service_that_is_silent_is_given_up_after_the_grace_time() {
    let began = std::time::Instant::now();
    silence(TEST_GRACE, TEST_PULSE, || async { answer(Some(ErrorKind::Unreachable)) }).await;
    assert!(began.elapsed() >= TEST_GRACE, "{:?}", began.elapsed());
    silence(TEST_GRACE, TEST_PULSE, std::future::pending::<StoreResult<()>>).await;
}

#[tokio::test]
async fn a_service_that_answers_now_and_then_is_not_given_up() {
    let asked = AtomicUsize::new(0);
    let ask = || {
        let n = asked.fetch_add(1, Ordering::Relaxed);
        async move { answer((!n.is_multiple_of(3)).then_some(ErrorKind::Timeout)) }
    };
    assert!(tokio::time::timeout(TEST_GRACE * 4, silence(TEST_GRACE, TEST_PULSE, ask)).await.is_err());
}

#[test]
fn refusals_are_signs_of_life() {
    assert!(is_sign_of_life(&answer(None)));
    assert!(is_sign_of_life(&answer(Some(ErrorKind::Denied))));
    assert!(is_sign_of_life(&answer(Some(ErrorKind::Quota))));
    assert!(!is_sign_of_life(&answer(Some(ErrorKind::Server))));
    assert!(!is_sign_of_life(&answer(Some(ErrorKind::Dns))));
}
