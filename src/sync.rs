//! A mutex that knows its place in the lock order.
//!
//! The order stands in `docs/ARCHITECTURE.md`. Debug builds check at each lock that a thread takes ranks only upwards;
//! release builds pay nothing.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard};

/// State of one inode.
pub const STATE: u8 = 10;
/// The inode table.
pub const TABLE: u8 = 20;
/// The set of inodes with something to store.
pub const DIRTY: u8 = 30;
/// The block cache, flights included.
pub const CACHE: u8 = 40;
/// Leaves: locked for a few instructions, nothing is locked inside.
pub const LEAF: u8 = 50;

/// A mutex of rank `R`. While it is held, only mutexes of a higher rank may be locked by the same thread.
#[derive(Debug, Default)]
pub struct Ranked<const R: u8, T>(Mutex<T>);

impl<const R: u8, T> Ranked<R, T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Ranked(Mutex::new(value))
    }

    /// Locks. A panic of another holder is not passed on: the state rooms keep their invariants between statements,
    /// and a file system that answers is worth more than one that stops.
    pub fn lock(&self) -> Guard<'_, R, T> {
        order::enter(R);
        Guard(self.0.lock().unwrap_or_else(|poison| poison.into_inner()))
    }
}

/// Holds a [`Ranked`] mutex.
pub struct Guard<'a, const R: u8, T>(MutexGuard<'a, T>);

impl<const R: u8, T> Deref for Guard<'_, R, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<const R: u8, T> DerefMut for Guard<'_, R, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<const R: u8, T> Drop for Guard<'_, R, T> {
    fn drop(&mut self) {
        order::leave(R);
    }
}

#[cfg(debug_assertions)]
mod order {
    use std::cell::RefCell;

    thread_local! {
        static HELD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn enter(rank: u8) {
        HELD.with_borrow_mut(|held| {
            if let Some(top) = held.last() {
                assert!(rank > *top, "lock order: rank {rank} taken while holding rank {top}");
            }
            held.push(rank);
        });
    }

    pub(super) fn leave(rank: u8) {
        HELD.with_borrow_mut(|held| {
            if let Some(at) = held.iter().rposition(|r| *r == rank) {
                held.remove(at);
            }
        });
    }
}

#[cfg(not(debug_assertions))]
mod order {
    pub(super) fn enter(_: u8) {}
    pub(super) fn leave(_: u8) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upwards_is_allowed_and_released() {
        let (a, b) = (Ranked::<STATE, _>::new(1), Ranked::<TABLE, _>::new(2));
        for _ in 0..2 {
            let first = a.lock();
            let second = b.lock();
            assert_eq!(*first + *second, 3);
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "lock order")]
    fn downwards_is_refused() {
        let (a, b) = (Ranked::<STATE, _>::new(1), Ranked::<TABLE, _>::new(2));
        let _second = b.lock();
        let _first = a.lock();
    }
}
