//! Time-outs that a standstill does not use up.
//!
//! A virtual machine that its host stops, for a snapshot or to move it, goes on with a clock that is a minute later; so does
//! a process after SIGSTOP and SIGCONT. All that had a time-out is late then, though nobody had the time to answer: a file would
//! not be stored that one more attempt stores. So waiting is counted in naps: one that took longer by the clock counts as no
//! longer than it was to be.

use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// The longest nap, and so the most of a standstill that counts.
const NAP: Duration = Duration::from_secs(1);

/// The time was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late;

/// Time for something that takes several steps.
#[derive(Debug)]
pub struct Patience {
    left: Duration,
}

impl Patience {
    /// As much as this.
    pub fn of(total: Duration) -> Patience {
        Patience { left: total }
    }

    /// What is not used up.
    pub fn left(&self) -> Duration {
        self.left
    }

    /// More of it.
    pub fn add(&mut self, more: Duration) {
        self.left += more;
    }

    /// Works on one step, `limit` at most.
    pub async fn spend<F: Future>(&mut self, limit: Duration, work: F) -> Result<F::Output, Late> {
        let mut rest = limit.min(self.left);
        let mut work = std::pin::pin!(work);
        while !rest.is_zero() {
            let (nap, begun) = (rest.min(NAP), Instant::now());
            let done = tokio::time::timeout(nap, &mut work).await;
            let spent = if done.is_ok() { begun.elapsed().min(nap) } else { nap };
            rest -= spent;
            self.left -= spent;
            if let Ok(done) = done {
                return Ok(done);
            }
        }
        Err(Late)
    }

    /// Sleeps, if there is time for more than that.
    pub async fn sleep(&mut self, time: Duration) -> Result<(), Late> {
        if time >= self.left {
            return Err(Late);
        }
        // It never ends by itself.
        let _ = self.spend(time, std::future::pending::<()>()).await;
        Ok(())
    }
}

/// Works on one thing, `limit` at most.
pub async fn timeout<F: Future>(limit: Duration, work: F) -> Result<F::Output, Late> {
    Patience::of(limit).spend(limit, work).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    /// Stops this thread, which is all of its runtime.
    async fn stand_still(time: Duration) {
        std::thread::sleep(time);
        tokio::task::yield_now().await;
    }

    #[tokio::test]
    async fn what_takes_too_long_is_late() {
        let begun = Instant::now();
        assert_eq!(timeout(Duration::from_millis(1200), pending::<()>()).await, Err(Late));
        assert!(begun.elapsed() >= Duration::from_millis(1200), "{:?}", begun.elapsed());
        assert_eq!(timeout(Duration::from_secs(9), ready(7)).await, Ok(7));
        assert_eq!(timeout(Duration::ZERO, pending::<()>()).await, Err(Late));
    }

    #[tokio::test]
    async fn a_standstill_is_not_counted() {
        let mut patience = Patience::of(Duration::from_secs(3));
        let work = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            stand_still(Duration::from_secs(4)).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!(patience.spend(Duration::from_secs(60), work).await, Ok(()));
        assert!(patience.left() > Duration::from_millis(1500), "{:?}", patience.left());
    }

    #[tokio::test]
    async fn steps_share_the_time() {
        let mut patience = Patience::of(Duration::from_millis(300));
        assert_eq!(patience.spend(Duration::from_millis(100), pending::<()>()).await, Err(Late));
        assert_eq!(patience.left(), Duration::from_millis(200));
        assert_eq!(patience.sleep(Duration::from_millis(50)).await, Ok(()));
        assert_eq!(patience.sleep(Duration::from_millis(200)).await, Err(Late));
        assert_eq!(patience.left(), Duration::from_millis(150));
        assert_eq!(patience.spend(Duration::MAX, pending::<()>()).await, Err(Late));
        assert_eq!(patience.left(), Duration::ZERO);
    }
}
