//! The operations of the model test, and how they are drawn from a seed.

use super::side::Side;

/// Bytes to write: told by a seed, so that a list of operations can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    pub seed: u64,
    pub len: usize,
}

/// How a handle is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    pub read: bool,
    pub write: bool,
    pub append: bool,
    pub create: bool,
    pub exclusive: bool,
    pub truncate: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Open with O_CREAT and O_TRUNC, write, close.
    Put(String, Fill),
    Append(String, Fill),
    WriteAt(String, u64, Fill),
    Truncate(String, u64),
    Read(String, u64, usize),
    ReadAll(String),
    Mkdir(String, u32),
    Rmdir(String),
    Unlink(String),
    Rename(String, String),
    RenameNew(String, String),
    Symlink(String, String),
    /// A target of so many bytes.
    LongSymlink(usize, String),
    Readlink(String),
    Chmod(String, u32),
    Utimens(String, i64, i64),
    SetXattr(String, &'static str, Fill),
    RemoveXattr(String, &'static str),
    GetXattr(String, &'static str),
    ListXattr(String),
    Stat(String),
    List(String),
    /// Operations on one of a few handles that live on across the others.
    Open(usize, String, How),
    Close(usize),
    HandleWrite(usize, u64, Fill),
    HandleRead(usize, u64, usize),
    HandleTruncate(usize, u64),
    HandleSync(usize),
    HandleStat(usize),
    HandlePunch(usize, u64, u64),
    HandleAllocate(usize, u64, u64),
    CopyRange(usize, u64, usize, u64, usize),
    /// Another S3 client puts or deletes an object.
    OtherPuts(String, Fill),
    OtherDeletes(String),
    /// Compare both trees now.
    Compare,
    /// The kernel forgets what it knows.
    DropCaches,
    /// Long enough for attributes to be stored in the background.
    Wait,
    /// Close all handles, unmount, mount.
    Remount,
}

pub const SLOTS: usize = 4;
/// Few names, so that operations meet; by depth.
const NAMES: [&[&str]; 3] = [&["a", "b", "a!", "é c"], &["a", "x", "d.txt"], &["y", "%41+"]];
const XATTRS: [&str; 3] = ["user.one", "user.Two", "user.three.é"];
const MIB: u64 = 1 << 20;

/// What sizes a list of operations is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    Small,
    /// Around the borders of single PUT, streaming and parts.
    Large,
}

/// Draws operations. It does them in a folder of its own, so that most find something to work on.
pub struct Source {
    rng: fastrand::Rng,
    sizes: Sizes,
    /// Whether another client takes part.
    other: bool,
    dirs: Vec<String>,
    others: Vec<String>,
    open: Vec<usize>,
}

impl Source {
    pub fn new(seed: u64, sizes: Sizes, other: bool) -> Source {
        let rng = fastrand::Rng::with_seed(seed);
        Source { rng, sizes, other, dirs: Vec::new(), others: Vec::new(), open: Vec::new() }
    }

    pub fn list(&mut self, count: usize) -> Vec<Op> {
        let folder = tempfile::tempdir().unwrap();
        let mut side = Side::new(folder.path().to_owned());
        let mut list = Vec::with_capacity(count);
        while list.len() < count {
            let op = self.op();
            side.apply(&op);
            side.other_client(&op);
            if op == Op::Remount {
                side.close_all();
            }
            self.dirs.clear();
            self.others.clear();
            self.look(&side.root, "");
            self.open = side.open_slots();
            list.push(op);
        }
        list
    }

    /// Sees what is there, in an order that does not depend on the disk.
    fn look(&mut self, root: &std::path::Path, dir: &str) {
        let mut names: Vec<_> = std::fs::read_dir(root.join(dir)).unwrap().flatten().collect();
        names.sort_by_key(|entry| entry.file_name());
        for entry in names {
            let name = entry.file_name().into_string().unwrap();
            let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.look(root, &path);
                self.dirs.push(path);
            } else {
                self.others.push(path);
            }
        }
    }

    /// Any path.
    fn path(&mut self) -> String {
        let depth = self.rng.choice([1, 1, 1, 2, 2, 2, 3]).unwrap_or(1);
        let names: Vec<&str> =
            NAMES[..depth].iter().map(|names| self.rng.choice(*names).copied().unwrap_or("a")).collect();
        names.join("/")
    }

    /// A path for something new, mostly in a directory that is there.
    fn place(&mut self) -> String {
        if self.rng.u32(0..4) == 0 {
            return self.path();
        }
        let parent = self.rng.choice(&self.dirs).cloned();
        let parent = parent.filter(|parent| parent.matches('/').count() + 1 < NAMES.len() && self.rng.u32(0..3) > 0);
        let depth = parent.as_ref().map_or(0, |parent| parent.matches('/').count() + 1);
        let name = self.rng.choice(NAMES[depth]).copied().unwrap_or("a");
        parent.map_or(name.to_owned(), |parent| format!("{parent}/{name}"))
    }

    /// Mostly a file or link that is there.
    fn file(&mut self) -> String {
        match self.rng.u32(0..8) {
            0 => self.path(),
            1 => self.dir(),
            _ => self.rng.choice(&self.others).cloned().unwrap_or_else(|| self.path()),
        }
    }

    /// Mostly a directory that is there.
    fn dir(&mut self) -> String {
        match self.rng.u32(0..8) {
            0 => self.path(),
            _ => self.rng.choice(&self.dirs).cloned().unwrap_or_else(|| self.path()),
        }
    }

    /// Something that is there, or a place for something new.
    fn any_place(&mut self) -> String {
        if self.rng.bool() { self.any() } else { self.place() }
    }

    fn any(&mut self) -> String {
        if self.rng.u32(0..3) == 0 { self.dir() } else { self.file() }
    }

    fn offset(&mut self) -> u64 {
        let near = |rng: &mut fastrand::Rng, border: u64| border.saturating_sub(5000) + rng.u64(0..10_000);
        match (self.sizes, self.rng.u32(0..20)) {
            (Sizes::Large, 0..=2) => near(&mut self.rng, 16 * MIB),
            (Sizes::Large, 3..=4) => near(&mut self.rng, 24 * MIB),
            (Sizes::Large, 5) => near(&mut self.rng, 8 * MIB),
            (Sizes::Large, 6..=8) => self.rng.u64(0..34 * MIB),
            (_, 9) => near(&mut self.rng, 128 << 10),
            (_, 10) => self.rng.u64(0..MIB),
            (_, 11..=13) => 0,
            (_, 14..=15) => 4096,
            _ => self.rng.u64(0..9000),
        }
    }

    fn len(&mut self) -> usize {
        let near = |rng: &mut fastrand::Rng, border: usize| border - 2000 + rng.usize(0..4000);
        match (self.sizes, self.rng.u32(0..20)) {
            (Sizes::Large, 0) => near(&mut self.rng, 16 << 20),
            (Sizes::Large, 1) => near(&mut self.rng, 24 << 20),
            (Sizes::Large, 2) => self.rng.usize(0..33 << 20),
            (Sizes::Large, 3..=5) => self.rng.usize(0..6 << 20),
            (_, 6) => near(&mut self.rng, 128 << 10),
            (_, 7) => self.rng.usize(0..300_000),
            (_, 8) => 0,
            (_, 9) => 4096,
            _ => self.rng.usize(0..6000),
        }
    }

    fn fill(&mut self) -> Fill {
        Fill { seed: self.rng.u64(..), len: self.len() }
    }

    fn slot(&mut self) -> usize {
        self.rng.choice(&self.open).copied().unwrap_or_else(|| self.rng.usize(0..SLOTS))
    }

    fn how(&mut self) -> How {
        let write = self.rng.u32(0..4) > 0;
        let append = write && self.rng.u32(0..4) == 0;
        let create = write && self.rng.bool();
        How {
            read: !write || self.rng.bool(),
            write,
            append,
            create,
            exclusive: create && self.rng.u32(0..3) == 0,
            truncate: write && !append && self.rng.u32(0..4) == 0,
        }
    }

    fn op(&mut self) -> Op {
        if self.other && self.rng.u32(0..12) == 0 {
            return if self.rng.u32(0..3) > 0 {
                Op::OtherPuts(self.any_place(), self.fill())
            } else {
                Op::OtherDeletes(self.file())
            };
        }
        let xattr = self.rng.choice(XATTRS).unwrap_or("user.one");
        match self.rng.u32(0..1000) {
            0..70 => Op::Put(self.place(), self.fill()),
            70..110 => Op::Append(self.any_place(), self.fill()),
            110..160 => Op::WriteAt(self.file(), self.offset(), self.fill()),
            160..190 => Op::Truncate(self.file(), self.offset()),
            190..230 => Op::Read(self.file(), self.offset(), self.len()),
            230..250 => Op::ReadAll(self.file()),
            250..310 => Op::Mkdir(self.place(), self.rng.choice([0o755, 0o700, 0o1777, 0o500]).unwrap_or(0o755)),
            310..330 => Op::Rmdir(self.dir()),
            330..360 => Op::Unlink(self.file()),
            360..430 => Op::Rename(self.any(), self.any_place()),
            430..450 => Op::RenameNew(self.any(), self.any_place()),
            450..475 => match self.rng.u32(0..6) {
                0 => Op::LongSymlink(self.rng.usize(1..4000), self.place()),
                1 => Op::Symlink("/nowhere/ü %41".to_owned(), self.place()),
                _ => Op::Symlink(self.path(), self.place()),
            },
            475..485 => Op::Readlink(self.file()),
            485..515 => Op::Chmod(self.any(), self.rng.u32(0..0o10000)),
            515..550 => Op::Utimens(self.any(), self.rng.i64(-1000..1_300_000_000), self.rng.i64(0..1_000_000_000)),
            550..570 => {
                let len = self.rng.usize(0..200);
                Op::SetXattr(self.any(), xattr, Fill { seed: self.rng.u64(..), len })
            }
            570..580 => Op::RemoveXattr(self.any(), xattr),
            580..590 => Op::GetXattr(self.any(), xattr),
            590..600 => Op::ListXattr(self.any()),
            600..630 => Op::Stat(self.any()),
            630..660 => Op::List(if self.rng.bool() { String::new() } else { self.dir() }),
            660..730 => Op::Open(self.rng.usize(0..SLOTS), self.any_place(), self.how()),
            730..755 => Op::Close(self.slot()),
            755..830 => Op::HandleWrite(self.slot(), self.offset(), self.fill()),
            830..880 => Op::HandleRead(self.slot(), self.offset(), self.len()),
            880..900 => Op::HandleTruncate(self.slot(), self.offset()),
            900..915 => Op::HandleSync(self.slot()),
            915..930 => Op::HandleStat(self.slot()),
            930..945 => Op::HandlePunch(self.slot(), self.offset(), 1 + self.offset()),
            945..955 => Op::HandleAllocate(self.slot(), self.offset(), 1 + self.offset()),
            955..970 => Op::CopyRange(self.slot(), self.offset(), self.slot(), self.offset(), self.len()),
            970..985 => Op::Compare,
            985..993 => Op::DropCaches,
            993..996 => Op::Wait,
            _ => Op::Remount,
        }
    }
}
