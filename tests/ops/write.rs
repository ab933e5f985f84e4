//! Writes in any order, against a model in memory.

use super::{open_rw, read, write};
use crate::support::{Mount, Service, assert_same, errno, noise, pattern};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;

/// One step of a program that changes a file, done to the file and to the model.
fn step(rng: &mut fastrand::Rng, file: &File, model: &mut Vec<u8>, largest: usize) {
    match rng.u8(..10) {
        0 => {
            let size = rng.usize(..largest);
            file.set_len(size as u64).unwrap();
            model.resize(size, 0);
        }
        1 => {
            file.sync_all().unwrap();
        }
        2..=4 => {
            let at = rng.usize(..=model.len());
            let want = &model[at..(at + rng.usize(..100_000)).min(model.len())];
            let mut got = vec![0; want.len()];
            file.read_exact_at(&mut got, at as u64).unwrap();
            assert_same("a read in between", &got, want);
        }
        _ => {
            let at = rng.usize(..largest - 100_000);
            let most = if rng.bool() { 100 } else { 100_000 };
            let bytes = noise(1 + rng.usize(..most));
            file.write_all_at(&bytes, at as u64).unwrap();
            if model.len() < at + bytes.len() {
                model.resize(at + bytes.len(), 0);
            }
            model[at..at + bytes.len()].copy_from_slice(&bytes);
        }
    }
}

fn random_program(m: &mut Mount, seed: u64, largest: usize, opens: usize, steps: usize) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let path = m.path("f");
    let mut model = pattern(seed, rng.usize(..largest));
    write(&path, &model);
    for open in 0..opens {
        let file = open_rw(&path);
        for _ in 0..steps {
            step(&mut rng, &file, &mut model, largest);
        }
        drop(file);
        if open % 3 == 2 {
            m.again();
        }
        assert_same(&format!("seed {seed}, open {open}"), &read(&path), &model);
    }
}

pub fn small_file_in_any_order(service: &Service) {
    let mut m = service.mount();
    for seed in 0..4 {
        random_program(&mut m, seed, 500_000, 6, 40);
    }
}

/// Large enough for multipart uploads, with copied parts in between.
pub fn large_file_in_any_order(service: &Service) {
    let mut m = service.mount();
    random_program(&mut m, 7, 60 << 20, 3, 12);
}

/// A sequential writer of a large file that goes back to its head at the end, as tar, zip and HDF5 writers do.
pub fn large_file_with_a_late_header(service: &Service) {
    let mut m = service.mount();
    let mut bytes = pattern(4, 50 << 20);
    let mut file = File::create(m.path("f")).unwrap();
    for piece in bytes.chunks(700_001) {
        file.write_all(piece).unwrap();
    }
    file.write_all_at(b"HEADER", 0).unwrap();
    bytes[..6].copy_from_slice(b"HEADER");
    let mut head = [0; 10];
    file.sync_data().unwrap();
    File::open(m.path("f")).unwrap().read_exact(&mut head).unwrap();
    assert_eq!(head, bytes[..10]);
    file.write_all_at(b"tail", (30 << 20) - 2).unwrap();
    bytes[(30 << 20) - 2..(30 << 20) + 2].copy_from_slice(b"tail");
    drop(file);
    assert_same("now", &read(&m.path("f")), &bytes);
    m.again();
    assert_same("fresh", &read(&m.path("f")), &bytes);
    if !service.is_plain() {
        assert_eq!(service.s3().uploads().len(), 0);
    }
}

/// Several writers of one file, each with its own handle and its own region.
pub fn many_writers_of_one_file(service: &Service) {
    let mut m = service.mount();
    let path = m.path("f");
    let bytes = pattern(6, 24 << 20);
    write(&path, "");
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (bytes, path) = (&bytes, &path);
            scope.spawn(move || {
                let file = open_rw(path);
                for block in (worker..bytes.len() / 65_536).step_by(8) {
                    file.write_all_at(&bytes[block * 65_536..(block + 1) * 65_536], block as u64 * 65_536).unwrap();
                }
            });
        }
    });
    assert_same("now", &read(&path), &bytes);
    m.again();
    assert_same("fresh", &read(&path), &bytes);
}

/// A shell empties a file, closes one of two descriptors, and looks only at what the next write says: there it hears that
/// another client has stored the file meanwhile.
pub fn a_conflict_is_told_to_the_duplicate(service: &Service) {
    let m = service.mount();
    write(&m.path("f"), "old");
    let file = File::create(m.path("f")).unwrap();
    service.s3().put("f", "theirs");
    assert_eq!(errno(nix::unistd::close(file.try_clone().unwrap()).map_err(std::io::Error::from)), libc::ESTALE);
    assert_eq!(errno((&file).write_all(b"lost")), libc::ESTALE);
    drop(file);
    assert_eq!(service.s3().get("f"), b"theirs");
}
