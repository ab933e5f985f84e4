//! Where memory comes from.

use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

/// The allocator of the program: mimalloc, but for the largest pieces, which the kernel gives and takes back. fuser zeroes a
/// buffer of 16 MiB for each of its threads, of which requests touch a sixteenth: in memory that was used before, as an
/// allocator's is, all of it would be ours for good.
pub struct Allocator;

/// Pieces from this size on have mappings of their own.
const LARGE: usize = 8 << 20;

fn is_large(layout: &Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= 4096
}

// SAFETY: which of the two a piece is of follows from its layout alone, so each goes back to where it came from. A new mapping
// has at least the size and, as a page, the alignment that were asked for, and is zero.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_large(&layout) {
            return unsafe { MiMalloc.alloc(layout) };
        }
        super::fresh(layout.size()).map_or(std::ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { if is_large(&layout) { self.alloc(layout) } else { MiMalloc.alloc_zeroed(layout) } }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if is_large(&layout) {
            unsafe { libc::munmap(at.cast(), layout.size()) };
        } else {
            unsafe { MiMalloc.dealloc(at, layout) };
        }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller vouches for the size, as for that of `alloc`.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if !is_large(&layout) && !is_large(&wanted) {
            return unsafe { MiMalloc.realloc(at, layout, size) };
        }
        unsafe {
            let new = self.alloc(wanted);
            if !new.is_null() {
                std::ptr::copy_nonoverlapping(at, new, layout.size().min(size));
                self.dealloc(at, layout);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Allocator, LARGE};
    use std::alloc::{GlobalAlloc, Layout};

    #[test]
    fn pieces_grow_and_shrink_across_the_border() {
        let layout = |size| Layout::from_size_align(size, 16).unwrap();
        let sizes = [100, LARGE - 1, LARGE, LARGE + 5, 3 * LARGE, LARGE, 1000, 2 * LARGE, 64];
        // SAFETY: each piece is used within its size, and given back once with the layout that it has.
        unsafe {
            let mut at = Allocator.alloc_zeroed(layout(sizes[0]));
            assert_eq!(std::slice::from_raw_parts(at, sizes[0]), [0; 100]);
            at.write_bytes(7, 50);
            for pair in sizes.windows(2) {
                at = Allocator.realloc(at, layout(pair[0]), pair[1]);
                assert!(at.addr().is_multiple_of(16) && std::slice::from_raw_parts(at, 50) == [7; 50], "{pair:?}");
                at.add(pair[1] - 1).write(9);
            }
            Allocator.dealloc(at, layout(sizes[sizes.len() - 1]));
            let zeroed = Allocator.alloc_zeroed(layout(LARGE));
            assert_eq!((*zeroed, *zeroed.add(LARGE - 1)), (0, 0));
            Allocator.dealloc(zeroed, layout(LARGE));
        }
    }
}
