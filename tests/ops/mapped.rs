//! mmap(2), by Python: mapping is unsafe in Rust.

use super::{read, write};
use crate::support::{Service, assert_same, pattern, python, sh};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::process::Command;

pub fn shared_mapping(service: &Service) {
    let mut m = service.mount();
    let script = "import mmap, os\n\
        f = os.open('f', os.O_RDWR | os.O_CREAT)\n\
        os.ftruncate(f, 65536)\n\
        with mmap.mmap(f, 65536, mmap.MAP_SHARED) as map:\n\
        \x20   map[10] = 1; map[4096] = 2; map[65535] = 3\n\
        \x20   map.flush()\n\
        os.close(f)\n";
    python(m.root(), script).ok();
    let mut want = vec![0; 65536];
    (want[10], want[4096], want[65535]) = (1, 2, 3);
    assert_same("now", &read(&m.path("f")), &want);
    m.again();
    assert_same("fresh", &read(&m.path("f")), &want);
}

/// Stores into a mapping of an existing file, with the descriptor closed before, as linkers do.
pub fn mapping_outlives_its_descriptor(service: &Service) {
    let mut m = service.mount();
    let mut bytes = pattern(1, 3_000_000);
    write(&m.path("f"), &bytes);
    let script = "import mmap, os\n\
        f = os.open('f', os.O_RDWR)\n\
        map = mmap.mmap(f, 0, mmap.MAP_SHARED)\n\
        os.close(f)\n\
        map[1000000:1000004] = b'maps'\n\
        map.flush()\n\
        map[2999996:3000000] = b'ends'\n\
        map.close()\n";
    python(m.root(), script).ok();
    bytes[1_000_000..1_000_004].copy_from_slice(b"maps");
    bytes[2_999_996..].copy_from_slice(b"ends");
    assert_same("now", &read(&m.path("f")), &bytes);
    m.again();
    assert_same("fresh", &read(&m.path("f")), &bytes);
}

pub fn private_mapping(service: &Service) {
    let m = service.mount();
    let bytes = pattern(2, 200_000);
    write(&m.path("f"), &bytes);
    let script = "import mmap, os, hashlib\n\
        f = os.open('f', os.O_RDONLY)\n\
        map = mmap.mmap(f, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)\n\
        before = hashlib.md5(map).digest()\n\
        assert before == hashlib.md5(os.pread(f, 200000, 0)).digest()\n\
        map[5:8] = b'own'\n\
        assert os.pread(f, 200000, 0)[5:8] != b'own'\n";
    python(m.root(), script).ok();
    assert_same("unchanged", &read(&m.path("f")), &bytes);
}

/// A write through a descriptor is seen in a mapping and the other way round.
pub fn mappings_and_writes_are_one(service: &Service) {
    let m = service.mount();
    write(&m.path("f"), vec![b'.'; 10_000]);
    let script = "import mmap, os\n\
        f = os.open('f', os.O_RDWR)\n\
        map = mmap.mmap(f, 0, mmap.MAP_SHARED)\n\
        os.pwrite(f, b'written', 5000)\n\
        assert map[5000:5007] == b'written'\n\
        map[6000:6006] = b'mapped'\n\
        assert os.pread(f, 6, 6000) == b'mapped'\n\
        os.fsync(f)\n";
    python(m.root(), script).ok();
    let got = read(&m.path("f"));
    assert_eq!((&got[5000..5007], &got[6000..6006]), (&b"written"[..], &b"mapped"[..]));
}

/// A compiler writes a program, and it runs.
pub fn programs_run(service: &Service) {
    let mut m = service.mount();
    let make = "printf '#include <stdio.h>\\nint main(void){puts(\"it runs\");}\\n' > p.c; cc -o p p.c; ./p";
    assert_eq!(sh(m.root(), make).ok(), "it runs\n");
    m.again();
    assert_eq!(sh(m.root(), "./p; rm p p.c").ok(), "it runs\n");
}

/// Nothing changes a program that runs (ETXTBSY): not even an open for reading that truncates, of which the kernel asks the
/// file system before it looks itself.
pub fn running_programs_stay(service: &Service) {
    let mut m = service.mount();
    // Copied by another process, so that no child of another test has it open for writing when it is started.
    sh(m.root(), "cp $(command -v sleep) s && chmod 755 s").ok();
    let program = read(&m.path("s"));
    let mut running = Command::new(m.path("s")).arg("60").spawn().unwrap();
    for flags in [OFlags::RDONLY | OFlags::TRUNC, OFlags::WRONLY, OFlags::RDWR, OFlags::WRONLY | OFlags::TRUNC] {
        let refused = rustix::fs::open(m.path("s"), flags, Mode::empty());
        assert_eq!(refused.err(), Some(Errno::TXTBSY), "{flags:?}");
    }
    assert_eq!(running.try_wait().unwrap(), None);
    running.kill().unwrap();
    running.wait().unwrap();
    m.again();
    assert_same("unchanged", &read(&m.path("s")), &program);
    drop(rustix::fs::open(m.path("s"), OFlags::RDONLY | OFlags::TRUNC, Mode::empty()).unwrap());
    assert_eq!(read(&m.path("s")), b"");
}
