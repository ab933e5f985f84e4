//! Memory for blocks: filled by one while others read, and used again.

use super::aligned;
use super::carved::Carved;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A buffer that one writer fills from the front while others already read what is filled.
///
/// Blocks that arrive in one transfer share a buffer, so that a read over several of them is one slice and needs no
/// copy. Safe Rust cannot lend the front of a buffer while its back is being written.
pub struct Slab {
    memory: Memory,
    capacity: usize,
    filled: AtomicUsize,
}

/// Bytes that nobody else has: where they are, and how many.
struct Memory {
    at: NonNull<u8>,
    len: usize,
    source: Source,
}

/// Where memory comes from, and goes back to.
enum Source {
    /// A mapping of its own.
    Mapping,
    /// A part of a mapping.
    Sheet(#[expect(dead_code, reason = "goes back when it is dropped")] Carved),
    /// A `Vec` of this capacity.
    Allocator,
}

// SAFETY: bytes before `filled` are initialised and never written again; bytes from there on are touched by the only
// `SlabWriter` alone. `filled` is raised with Release after the bytes were written, and read with Acquire.
unsafe impl Sync for Slab {}
// SAFETY: it owns plain bytes.
unsafe impl Send for Slab {}

/// Slabs of at least this size have mappings of their own, smaller ones are cut from such: they come and go in any order, and an
/// allocator that puts several side by side keeps the memory of all while one of them lives (measured: 450 MiB for 256).
const MAPPED: usize = 128 << 10;
/// Slabs of these sizes are used again: the kernel clears each page of fresh memory, which took half of the time of
/// reading a large file.
const POOLED: [usize; 6] = [HUGE, 1 << 20, 512 << 10, 256 << 10, 128 << 10, 32 << 10];
/// A huge page of x86-64 and of most others.
const HUGE: usize = 2 << 20;

/// Bytes that may wait for their next use, whatever [`keep_spare`] says: twice what a reader leaves behind at a time.
const LEAST_SPARE: usize = 8 << 20;
/// More than a reader with a wide window leaves behind before it asks for more.
const MOST_SPARE: usize = 64 << 20;

static SPARES: Mutex<Spares> = Mutex::new(Spares { by_size: [const { Vec::new() }; POOLED.len()], bytes: 0 });
/// How many bytes may wait now.
static SPARE: AtomicUsize = AtomicUsize::new(LEAST_SPARE);

struct Spares {
    by_size: [Vec<Memory>; POOLED.len()],
    bytes: usize,
}

/// How many bytes of slabs that nobody has may wait for their next use (within bounds): what the caller's memory does not
/// take of what it may have.
pub fn keep_spare(bytes: u64) {
    let most = usize::try_from(bytes).unwrap_or(MOST_SPARE).clamp(LEAST_SPARE, MOST_SPARE);
    if SPARE.swap(most, Ordering::Relaxed) > most {
        let out = Spares::lock().shrink(most);
        // Given to the kernel after the lock.
        drop(out);
    }
}

impl Spares {
    fn lock() -> MutexGuard<'static, Spares> {
        SPARES.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&mut self, pool: usize) -> Option<Memory> {
        let memory = self.by_size[pool].pop()?;
        self.bytes -= POOLED[pool];
        Some(memory)
    }

    fn shrink(&mut self, most: usize) -> Vec<Memory> {
        let mut out = Vec::new();
        while self.bytes > most {
            out.extend((0..POOLED.len()).find_map(|pool| self.take(pool)));
        }
        out
    }

    /// Keeps it, in place of those of other sizes, which are not wanted now. What comes back goes to the kernel.
    fn put(&mut self, pool: usize, memory: Memory) -> Vec<Memory> {
        let mut out = Vec::new();
        while self.bytes + POOLED[pool] > SPARE.load(Ordering::Relaxed) {
            let other = (0..POOLED.len()).filter(|other| *other != pool).find_map(|other| self.take(other));
            let Some(other) = other else {
                out.push(memory);
                return out;
            };
            out.push(other);
        }
        self.by_size[pool].push(memory);
        self.bytes += POOLED[pool];
        out
    }
}

fn pool_of(len: usize) -> Option<usize> {
    POOLED.iter().position(|pooled| *pooled == len)
}

// SAFETY: it owns plain bytes.
unsafe impl Send for Memory {}

impl Memory {
    fn new(len: usize) -> Memory {
        if len >= MAPPED
            && let Some(at) = map(len)
        {
            return Memory { at, len, source: Source::Mapping };
        }
        if len < MAPPED
            && let Some(piece) = Carved::new(len)
        {
            return Memory { at: piece.at(), len: piece.size(), source: Source::Sheet(piece) };
        }
        // Tiny, or there are as many mappings as a process may have.
        let mut bytes = ManuallyDrop::new(Vec::<u8>::with_capacity(len));
        // SAFETY: the pointer of a Vec is never null.
        let at = unsafe { NonNull::new_unchecked(bytes.as_mut_ptr()) };
        Memory { at, len: bytes.capacity(), source: Source::Allocator }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        match self.source {
            // SAFETY: a mapping of this length that nobody else ends.
            Source::Mapping => unsafe {
                libc::munmap(self.at.as_ptr().cast(), self.len);
            },
            Source::Sheet(_) => {}
            // SAFETY: made by a Vec of this capacity (0 where there is nothing); nobody else frees it.
            Source::Allocator => drop(unsafe { Vec::from_raw_parts(self.at.as_ptr(), 0, self.len) }),
        }
    }
}

/// A mapping for a slab. From the size of a huge page on it is laid so that it can be made of them: one fault instead of 512
/// (which took a quarter of the time of reading a large file).
fn map(len: usize) -> Option<NonNull<u8>> {
    if !len.is_multiple_of(HUGE) {
        return super::fresh(len);
    }
    let at = aligned(len, HUGE)?;
    // SAFETY: the mapping is ours alone.
    unsafe { libc::madvise(at.as_ptr().cast(), len, libc::MADV_HUGEPAGE) };
    Some(at)
}

/// The one who may fill a [`Slab`].
#[derive(Debug)]
pub struct SlabWriter(Arc<Slab>);

impl Slab {
    /// An empty buffer for `capacity` bytes, and its writer.
    pub fn with_capacity(capacity: usize) -> (Arc<Slab>, SlabWriter) {
        let spare = pool_of(capacity).and_then(|pool| Spares::lock().take(pool));
        let memory = spare.unwrap_or_else(|| Memory::new(capacity));
        let slab = Arc::new(Slab { memory, capacity, filled: AtomicUsize::new(0) });
        (slab.clone(), SlabWriter(slab))
    }

    /// Bytes that it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes of memory that it takes, filled or not.
    pub fn footprint(&self) -> usize {
        self.memory.len
    }

    /// The bytes of `range`, as far as they are filled.
    pub fn get(&self, range: Range<usize>) -> &[u8] {
        let end = range.end.min(self.filled.load(Ordering::Acquire));
        let start = range.start.min(end);
        // SAFETY: `start..end` lies before `filled`: initialised, and never written again while `self` lives.
        unsafe { std::slice::from_raw_parts(self.memory.at.as_ptr().add(start), end - start) }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        if let Some(pool) = pool_of(self.capacity) {
            let none = Memory { at: NonNull::dangling(), len: 0, source: Source::Allocator };
            let memory = std::mem::replace(&mut self.memory, none);
            // Given to the kernel after the lock.
            let out = Spares::lock().put(pool, memory);
            drop(out);
        }
    }
}

impl fmt::Debug for Slab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slab({} of {})", self.filled.load(Ordering::Relaxed), self.capacity)
    }
}

impl SlabWriter {
    /// Appends what fits; gives back how much that is.
    pub fn append(&mut self, data: &[u8]) -> usize {
        let slab = &*self.0;
        let at = slab.filled.load(Ordering::Relaxed);
        let len = data.len().min(slab.capacity - at);
        // SAFETY: `at..at + len` lies inside the buffer and behind `filled`, where nobody reads; this is the only
        // writer, borrowed mutably. `data` cannot overlap it: no slice of these bytes has been lent yet.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), slab.memory.at.as_ptr().add(at), len) };
        slab.filled.store(at + len, Ordering::Release);
        len
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;

    #[test]
    fn a_slab_shows_what_is_filled() {
        let (slab, mut writer) = Slab::with_capacity(6);
        assert_eq!(slab.get(0..6), b"");
        assert_eq!(writer.append(b"abcd"), 4);
        assert_eq!((slab.get(1..3), slab.get(2..9), slab.get(5..6)), (&b"bc"[..], &b"cd"[..], &b""[..]));
        let early = slab.get(0..4);
        assert_eq!(writer.append(b"efgh"), slab.capacity() - 4);
        assert_eq!((early, &slab.get(0..6)[4..]), (&b"abcd"[..], &b"ef"[..]));
        assert_eq!(writer.append(b"x"), 0);
    }

    #[test]
    fn one_fills_while_others_read() {
        let (slab, mut writer) = Slab::with_capacity(1 << 20);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while slab.get(0..1 << 20).len() < 1 << 20 {
                        let seen = slab.get(0..1 << 20);
                        assert!(seen.iter().enumerate().all(|(at, byte)| *byte == (at / 4096) as u8));
                    }
                });
            }
            for n in 0..256 {
                writer.append(&[n as u8; 4096]);
            }
        });
    }
}
