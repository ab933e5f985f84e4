//! Pieces of a few pages, cut from large mappings: the memory of each goes back to the kernel as soon as nobody has it.
//!
//! An allocator keeps what is freed until all that lies beside it is free as well, and until the thread that asked for it asks
//! again. Blocks of the cache come and go one by one, on any thread. (A mapping for each would be more than a process may have.)

use super::aligned;
use std::collections::{BTreeMap, BTreeSet};
use std::ptr::NonNull;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// Bytes of a mapping that is cut up, and what it is aligned to.
const SHEET: usize = 2 << 20;

/// Bytes of a page of this kernel: what it takes back at least. (4 KiB on x86-64, up to 64 KiB elsewhere.)
static PAGE: LazyLock<usize> = LazyLock::new(|| {
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    page.and_then(|page| usize::try_from(page).ok()).unwrap_or(64 << 10)
});

static SHEETS: Mutex<Sheets> = Mutex::new(Sheets { by_address: BTreeMap::new(), with_room: BTreeSet::new() });

struct Sheets {
    by_address: BTreeMap<usize, Sheet>,
    /// Those with a free piece, by its size in bytes, and by address: low ones are filled first, so that others become empty.
    with_room: BTreeSet<(usize, usize)>,
}

/// A mapping that is cut into pieces of one size.
struct Sheet {
    at: NonNull<u8>,
    /// Bytes of a piece.
    size: usize,
    /// Numbers of the pieces that nobody has.
    free: Vec<u16>,
}

// SAFETY: it owns plain bytes.
unsafe impl Send for Sheet {}

impl Sheet {
    fn new(size: usize) -> Option<Sheet> {
        let at = aligned(SHEET, SHEET)?;
        // SAFETY: this mapping is ours alone. With huge pages the first piece would take the memory of all; where the kernel has
        // none, it refuses, and nothing is lost.
        unsafe { libc::madvise(at.as_ptr().cast(), SHEET, libc::MADV_NOHUGEPAGE) };
        Some(Sheet { at, size, free: (0..(SHEET / size) as u16).rev().collect() })
    }

    fn is_unused(&self) -> bool {
        self.free.len() == SHEET / self.size
    }
}

impl Drop for Sheet {
    fn drop(&mut self) {
        // SAFETY: a mapping of this length that nobody else ends, and nobody has a piece of it.
        unsafe { libc::munmap(self.at.as_ptr().cast(), SHEET) };
    }
}

impl Sheets {
    fn lock() -> MutexGuard<'static, Sheets> {
        SHEETS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&mut self, sheet: Sheet) {
        let address = sheet.at.addr().get();
        self.with_room.insert((sheet.size, address));
        self.by_address.insert(address, sheet);
    }

    fn take(&mut self, size: usize) -> Option<NonNull<u8>> {
        let first = *self.with_room.range((size, 0)..=(size, usize::MAX)).next()?;
        let sheet = self.by_address.get_mut(&first.1)?;
        let number = sheet.free.pop()?;
        if sheet.free.is_empty() {
            self.with_room.remove(&first);
        }
        // SAFETY: pieces lie within the mapping.
        Some(unsafe { sheet.at.add(usize::from(number) * size) })
    }

    /// Takes a piece back. A sheet of which nobody has one any more comes back, to be ended after the lock.
    fn put(&mut self, at: usize, size: usize) -> Option<Sheet> {
        let address = at - at % SHEET;
        let sheet = self.by_address.get_mut(&address)?;
        sheet.free.push(((at - address) / size) as u16);
        if sheet.is_unused() {
            self.with_room.remove(&(size, address));
            return self.by_address.remove(&address);
        }
        self.with_room.insert((size, address));
        None
    }
}

/// Whole pages that nobody else has.
pub struct Carved {
    at: NonNull<u8>,
    size: usize,
}

impl Carved {
    /// A piece of at least `len` bytes, in whole pages. `None`: it would be less than a page or too large for this, or there is no
    /// memory.
    pub fn new(len: usize) -> Option<Carved> {
        let size = len.next_multiple_of(*PAGE);
        if len < *PAGE || size > SHEET / 8 {
            return None;
        }
        let taken = Sheets::lock().take(size);
        let at = match taken {
            Some(at) => at,
            None => {
                let sheet = Sheet::new(size)?;
                let mut sheets = Sheets::lock();
                sheets.add(sheet);
                sheets.take(size)?
            }
        };
        Some(Carved { at, size })
    }

    /// Where it begins.
    pub fn at(&self) -> NonNull<u8> {
        self.at
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Drop for Carved {
    fn drop(&mut self) {
        // SAFETY: whole pages of a private mapping that are ours alone; whoever has them next finds zeros.
        unsafe { libc::madvise(self.at.as_ptr().cast(), self.size, libc::MADV_DONTNEED) };
        let unused = Sheets::lock().put(self.at.addr().get(), self.size);
        drop(unused);
    }
}

#[cfg(test)]
mod tests {
    use super::{Carved, PAGE, SHEET, Sheets};

    /// Sheets of pieces of this size.
    fn sheets(size: usize) -> usize {
        Sheets::lock().by_address.values().filter(|sheet| sheet.size == size).count()
    }

    fn write(piece: &Carved, byte: u8) {
        // SAFETY: the piece has as many bytes, and nobody else has them.
        unsafe { piece.at().as_ptr().write_bytes(byte, piece.size()) };
    }

    fn read(piece: &Carved) -> &[u8] {
        // SAFETY: the piece has as many bytes; they are zero or were written.
        unsafe { std::slice::from_raw_parts(piece.at().as_ptr(), piece.size()) }
    }

    #[test]
    fn pieces_do_not_overlap_and_an_unused_sheet_goes() {
        // A size that no other test of this program asks for.
        let (len, size) = (6 * *PAGE + 1, 7 * *PAGE);
        let each = SHEET / size;
        let mut pieces: Vec<Carved> = (0..3 * each).map(|_| Carved::new(len).unwrap()).collect();
        for (n, piece) in pieces.iter().enumerate() {
            assert_eq!((piece.size(), piece.at().addr().get() % *PAGE), (size, 0));
            write(piece, n as u8);
        }
        assert_eq!(sheets(size), 3);
        // Every second one goes; what stays is untouched, and what comes in its place is zero.
        let mut n = 0;
        pieces.retain(|_| {
            n += 1;
            n % 2 == 1
        });
        let fresh: Vec<Carved> = (pieces.len()..3 * each).map(|_| Carved::new(len).unwrap()).collect();
        assert_eq!(sheets(size), 3);
        assert!(pieces.iter().enumerate().all(|(n, piece)| read(piece).iter().all(|byte| *byte == 2 * n as u8)));
        assert!(fresh.iter().all(|piece| read(piece).iter().all(|byte| *byte == 0)));
        drop((pieces, fresh));
        assert_eq!(sheets(size), 0);
    }

    #[test]
    fn less_than_a_page_and_much_more_are_for_others() {
        assert!(Carved::new(*PAGE - 1).is_none() && Carved::new(SHEET).is_none());
        assert_eq!(Carved::new(*PAGE).unwrap().size(), *PAGE);
    }
}
