//! The one retry loop: an allowance of time for the whole operation, a time-out for each attempt, growing pauses between them.

use super::errors_from_sdk::{Failure, Outcome, from_sdk};
use super::exchange::{Answer, Exchange, Extra};
use super::limits::Permit;
use super::{ErrorKind, Result, Store, StoreError};
use crate::patience::Patience;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::error::Error;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Wrong bytes that stay wrong are no accident of the wire.
const CORRUPT_TRIES: u32 = 4;
/// The clock was learned and is still refused.
const CLOCK_TRIES: u32 = 2;

/// Other credentials were found so often, and were refused as well.
const RENEWALS: u32 = 3;

/// The name under which requests are logged, for filters.
pub const REQUESTS: &str = "osirisfs::requests";

/// An answer to a question that moves no bytes.
pub(super) const ASKING: Duration = Duration::from_secs(30);
/// Requests for which the service itself copies or joins bytes before it answers.
pub(super) const COPYING: Duration = Duration::from_secs(600);

/// Time for an upload: the service's own time and a slow line.
pub(super) fn uploading(bytes: u64) -> Duration {
    Duration::from_secs(60 + bytes / (32 << 10))
}

/// The pause before attempt `number + 1`; `random` is from 0 to 1.
pub(super) fn pause(number: u32, random: f64) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(1 << number.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
    full.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

/// A successful attempt.
pub(super) struct Done<T> {
    pub(super) output: T,
    pub(super) answer: Answer,
    /// The place among the connections; kept for as long as a body is read.
    pub(super) permit: Permit,
}

/// The attempts of one operation.
pub(super) struct Tries {
    store: Store,
    op: &'static str,
    key: String,
    patience: Patience,
    number: u32,
    corrupt: u32,
    clock: u32,
    /// Which credentials signed the last attempt.
    signed: usize,
    /// Which of the service's names it went to.
    place: usize,
    /// When it began.
    begun: Instant,
    /// So many of them were refused and replaced.
    renewed: u32,
    /// A refusal without a name was looked into.
    asked: bool,
    upload: u64,
    /// The last attempt had little of its own time left: that nothing came says nothing.
    hasty: bool,
    /// What the one before ended with.
    earlier: Option<StoreError>,
    /// An earlier attempt may have been carried out though no answer said so.
    pub(super) unclear: bool,
}

impl Tries {
    pub(super) fn new(store: &Store, op: &'static str, key: &str, total: Duration) -> Tries {
        Tries {
            store: store.clone(),
            op,
            key: key.to_owned(),
            patience: Patience::of(total),
            number: 0,
            corrupt: 0,
            clock: 0,
            signed: 0,
            place: 0,
            begun: Instant::now(),
            renewed: 0,
            asked: false,
            upload: 0,
            hasty: false,
            earlier: None,
            unclear: false,
        }
    }

    /// Says how many bytes each attempt sends.
    pub(super) fn with_upload(mut self, bytes: u64) -> Tries {
        self.upload = bytes;
        self
    }

    /// Goes on for longer than the allowance.
    pub(super) fn allow(&mut self, more: Duration) {
        self.patience.add(more);
    }

    /// A store for questions that belong to this operation: they end when it ends.
    pub(super) fn asker(&self) -> Store {
        Store { ask_for: self.patience.left(), ..self.store.clone() }
    }

    /// One attempt: waits for a connection's place, sends, waits for the answer at most `limit`.
    pub(super) async fn attempt<T, E, F, Fut>(&mut self, limit: Duration, extra: Extra, call: F) -> Outcome<Done<T>>
    where
        F: FnOnce(&Client, Exchange) -> Fut,
        Fut: Future<Output = std::result::Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let inner = self.store.inner.clone();
        let waiting = inner.limits.enter(self.op == "GetObject");
        let Ok(permit) = self.patience.spend(Duration::MAX, waiting).await else {
            let error = StoreError::local(ErrorKind::Timeout, self.op, "all connections are busy");
            return Err(Failure::fatal(error));
        };
        self.number += 1;
        inner.counters.attempt(self.op);
        let exchange = Exchange::new(self.store.with_key(self.op, extra), self.op == "GetObject");
        self.signed = inner.credentials.generation();
        self.place = inner.places.current();
        let begun = Instant::now();
        self.begun = begun;
        self.hasty = self.patience.left() < limit / 4;
        let on_its_way = inner.counters.meter.begin(self.op);
        let outcome = self.patience.spend(limit, call(inner.places.client(), exchange.clone())).await;
        let answer = exchange.answer();
        self.store.note_server(answer.as_ref().and_then(|answer| answer.header("server")));
        drop(on_its_way);
        if let Some(answer) = &answer {
            inner.counters.meter.answered(answer.header("date").and_then(|date| httpdate::parse_http_date(date).ok()));
        }
        // Who is not known gets 403 (401 from some), and 5xx says nothing.
        if answer.as_ref().is_some_and(|answer| answer.status < 500 && !matches!(answer.status, 401 | 403)) {
            inner.credentials.accept();
        }
        let took = begun.elapsed();
        let ms = took.as_millis() as u64;
        let result = match (outcome, answer) {
            (Ok(Ok(_)), Some(answer)) if answer.cut => {
                Err(Failure::nonsense(self.op, &answer, "the document breaks off"))
            }
            (Ok(Ok(output)), Some(answer)) => Ok(Done { output, answer, permit }),
            (Ok(Ok(_)), None) => Err(Failure::unclear(self.op, ErrorKind::Server, "no answer was seen")),
            (Ok(Err(error)), answer) => {
                let mut failure = from_sdk(self.op, answer.as_ref(), error);
                inner.credentials.hide_in(&mut failure.error.message);
                Err(failure)
            }
            (Err(_), _) => Err(Failure::unclear(self.op, ErrorKind::Timeout, format!("no answer in {ms} ms"))),
        };
        let error = result.as_ref().err().map(|failure| &failure.error);
        inner.counters.meter.ended(self.op, &self.key, took, error);
        self.log(&result, ms);
        result
    }

    fn log<T>(&self, result: &Outcome<Done<T>>, ms: u64) {
        let (op, key, tries, up) = (self.op, self.key.as_str(), self.number, self.upload);
        match result {
            Ok(done) => {
                let down = done.answer.number("content-length").unwrap_or(0);
                let (status, request) = (done.answer.status, done.answer.request_id().unwrap_or_default());
                tracing::debug!(target: REQUESTS, op, key, status, ms, up, down, tries, request);
            }
            Err(failure) => {
                let status = failure.error.status.unwrap_or(0);
                tracing::debug!(target: REQUESTS, op, key, status, ms, up, tries, error = %failure.error);
            }
        }
    }

    /// After a failure: pauses and returns, so that the caller tries again, or gives the error that ends it all.
    pub(super) async fn again(&mut self, mut failure: Box<Failure>) -> Result<()> {
        self.unclear |= failure.unclear;
        if self.clock_was_wrong(&failure) || self.refused(&mut failure).await {
            return Ok(());
        }
        let lost = matches!(failure.error.kind, ErrorKind::Unreachable | ErrorKind::Dns | ErrorKind::Tls);
        if lost && failure.retry {
            let inner = self.store.inner.clone();
            if self.patience.spend(Duration::MAX, inner.places.leave(self.place)).await == Ok(true) {
                return Ok(());
            }
        }
        if !failure.retry {
            if failure.is(ErrorKind::BadCredentials) {
                self.store.inner.credentials.give_up();
            }
            return Err(failure.error);
        }
        if failure.is(ErrorKind::Corrupt) {
            self.corrupt += 1;
            if self.corrupt >= CORRUPT_TRIES {
                return Err(failure.error);
            }
        }
        let wait = pause(self.number, fastrand::f64()).max(failure.after.unwrap_or_default());
        if wait >= self.patience.left() {
            if failure.is(ErrorKind::BadCredentials) {
                self.store.inner.credentials.give_up();
            }
            // What answered all the time is to be named, not that the last moment was too short for one more answer.
            let earlier = self.earlier.take().filter(|_| self.hasty && failure.is(ErrorKind::Timeout));
            return Err(earlier.unwrap_or(failure.error));
        }
        self.store.inner.counters.meter.retry();
        self.earlier = Some(failure.error);
        let _ = self.patience.sleep(wait).await;
        Ok(())
    }

    /// After a refusal: whether to try again at once, because there are other credentials now. A refusal that may pass
    /// is marked as worth another try.
    async fn refused(&mut self, failure: &mut Failure) -> bool {
        if !failure.is(ErrorKind::Denied) && !failure.is(ErrorKind::BadCredentials) {
            return false;
        }
        let inner = self.store.inner.clone();
        if self.renewed < RENEWALS && inner.credentials.renewed(self.signed).await {
            self.renewed += 1;
            return true;
        }
        // An answer to HEAD does not tell a user who is not known from one who may not look at this object.
        let unnamed = failure.is(ErrorKind::Denied) && failure.error.code.is_empty();
        if unnamed && !self.asked && !inner.credentials.accepted_within(self.begun.elapsed()) {
            self.asked = true;
            let asker = self.asker();
            let named = self.patience.spend(Duration::MAX, Box::pin(asker.who_am_i())).await;
            match named {
                Ok(Ok(_)) => return true,
                Ok(Err(named)) if named.kind == ErrorKind::BadCredentials => {
                    failure.error = StoreError { op: self.op, ..named };
                }
                Ok(Err(_)) | Err(_) => {}
            }
            return false;
        }
        if failure.error.code == "InvalidAccessKeyId" {
            failure.retry |= inner.credentials.may_be_an_outage();
        }
        false
    }

    /// A signature is good for some minutes (15 on Amazon and RGW) around the service's time. HEAD answers have no
    /// code: there a 403 with a `Date` far from ours is taken for one.
    fn clock_was_wrong(&mut self, failure: &Failure) -> bool {
        let Some(date) = failure.date else { return false };
        let clock = &self.store.inner.clock;
        let named = failure.is(ErrorKind::ClockSkew);
        let unnamed = failure.is(ErrorKind::Denied) && failure.error.code.is_empty() && {
            let ours = clock.now();
            let apart = date.duration_since(ours).unwrap_or_else(|e| e.duration());
            apart > Duration::from_secs(240)
        };
        if !(named || unnamed) || self.clock >= CLOCK_TRIES {
            return false;
        }
        self.clock += 1;
        let seconds = clock.learn(date);
        if !self.store.inner.warned_of_clock.swap(true, std::sync::atomic::Ordering::Relaxed) {
            tracing::warn!(
                "this machine's clock differs from the service's by {seconds} s; requests are signed with the service's time"
            );
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        for number in 1..100 {
            let (low, high) = (pause(number, 0.0), pause(number, 1.0));
            assert!(low >= FIRST_PAUSE / 2 && high <= LONGEST_PAUSE && low * 2 == high, "{number}: {low:?} {high:?}");
            assert!(pause(number + 1, 0.5) >= pause(number, 0.5));
        }
        assert_eq!(pause(1, 1.0), FIRST_PAUSE);
        assert_eq!(pause(50, 1.0), LONGEST_PAUSE);
    }

    #[test]
    fn fewer_than_forty_tries_in_thirty_seconds() {
        let (mut spent, mut tries) = (Duration::ZERO, 1);
        while spent < Duration::from_secs(30) {
            spent += pause(tries, 0.0);
            tries += 1;
        }
        assert!(tries < 40, "{tries}");
    }

    #[test]
    fn a_slow_line_may_upload_a_big_part() {
        // 64 KiB/s for 8 MiB takes 128 s.
        assert!(uploading(8 << 20) > Duration::from_secs(128));
    }
}
