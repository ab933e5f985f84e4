//! dd, find, du, df, stat, and many of them at once.

use crate::support::{Service, assert_same, pattern, sh};
use std::fs;
use std::os::unix::fs::MetadataExt;

pub fn dd_with_holes(service: &Service) {
    let mut m = service.mount();
    fs::write(service.folder().join("in"), pattern(1, 1 << 20)).unwrap();
    let source = service.folder().join("in");
    let script = format!(
        "dd if={0} of=f bs=64K seek=100 count=4 status=none; dd if={0} of=f bs=64K count=2 conv=notrunc status=none\n\
         dd if=/dev/null of=f bs=1M seek=20 status=none conv=notrunc; truncate -s 20M f\n\
         dd if=f of=g bs=1M conv=sparse,fsync status=none; cp --sparse=always f h; cmp f g; cmp f h; stat -c %s f g h",
        source.display()
    );
    assert_eq!(sh(m.root(), &script).ok(), "20971520\n".repeat(3));
    let mut want = vec![0; 20 << 20];
    want[..128 << 10].copy_from_slice(&pattern(1, 1 << 20)[..128 << 10]);
    want[6400 << 10..6656 << 10].copy_from_slice(&pattern(1, 1 << 20)[..256 << 10]);
    m.again();
    for name in ["f", "g", "h"] {
        assert_same(name, &fs::read(m.path(name)).unwrap(), &want);
    }
}

/// Sixteen programs write files of all sizes at the same time, two of them into one directory each.
pub fn sixteen_writers(service: &Service) {
    let mut m = service.mount();
    let script = "mkdir d0 d1 d2 d3 d4 d5 d6 d7\n\
        work() { for n in 1 2 3 4 5 6; do head -c $((n * n * 40000 + $1)) /dev/urandom > d$(($1 % 8))/f$1-$n; done; \
                 (cd d$(($1 % 8)); sha256sum f$1-*) > d$(($1 % 8))/sums$1; mv d$(($1 % 8))/f$1-1 d$((($1 + 1) % 8))/moved$1; }\n\
        for w in $(seq 16); do work $w & pids+=($!); done; for p in \"${pids[@]}\"; do wait $p; done";
    sh(m.root(), script).ok();
    m.again();
    let check = "for w in $(seq 16); do (cd d$((w % 8)); grep -v -e -1$ sums$w | sha256sum -c --quiet; \
        test $(grep -e -1$ sums$w | cut -d' ' -f1) = $(sha256sum < ../d$(((w + 1) % 8))/moved$w | cut -d' ' -f1)); done\n\
        find . -type f | wc -l";
    assert_eq!(sh(m.root(), check).ok(), "112\n");
}

pub fn find_du_df_stat(service: &Service) {
    let mut m = service.mount();
    let make = "mkdir -p a/b c; head -c 700001 /dev/zero > a/f; head -c 5000 /dev/zero > a/b/g; : > c/empty; ln -s f a/link\n\
        touch -d '2001-02-03 04:05:06 UTC' c/empty; chmod 4755 a/b/g";
    sh(m.root(), make).ok();
    for _ in 0..2 {
        let find = |what: &str| sh(m.root(), &format!("find . -mindepth 1 {what} | LC_ALL=C sort")).ok();
        assert_eq!(find("-type f -size +100k"), "./a/f\n");
        assert_eq!(find("-type d"), "./a\n./a/b\n./c\n");
        assert_eq!(find("-not -newermt 2010-01-01"), "./c/empty\n");
        assert_eq!(find("-perm -4000"), "./a/b/g\n");
        assert_eq!(find("-empty"), "./c/empty\n");
        assert_eq!(sh(m.root(), "du -B1 a/f a/b/g").ok(), "700416\ta/f\n5120\ta/b/g\n");
        assert_eq!(
            sh(m.root(), "du --apparent-size -B1 a/f; stat -c '%A %h %s %F' a/b/g a/link").ok(),
            "700001\ta/f\n-rwsr-xr-x 1 5000 regular file\nlrwxrwxrwx 1 1 symbolic link\n"
        );
        // A plain df looks at every mount of the machine, and other tests leave dead ones for a while.
        let df = "df -B1 . | tail -n 1 | awk '{ print ($2 > 0), ($4 > 0), ($2 >= $3) }'; df -i . > /dev/null; \
                  df --output=fstype . | tail -n 1; stat -f -c %l .; (df 2> /dev/null || true) | grep -c \"$(pwd -P)$\"";
        let said = sh(m.root(), df).ok();
        assert!(said == "1 1 1\nfuse.osirisfs\n255\n1\n", "{said}");
        assert_eq!(sh(m.root(), "ls -lR . | grep '?????' || true").ok(), "");
        m.again();
    }
    assert_eq!(fs::metadata(m.path("a/f")).unwrap().blocks(), 1368);
}

/// Many programs list and read the same things at the same time.
pub fn many_readers(service: &Service) {
    let m = service.mount();
    let s3 = service.s3();
    let large = pattern(3, 20 << 20);
    s3.put("large", large.clone());
    s3.put_many((0..300).map(|n| (format!("d/f{n:03}"), format!("content {n}"))));
    fs::write(service.folder().join("large"), &large).unwrap();
    let script = format!(
        "pids=(); for n in 1 2 3 4; do\n\
         \x20 cmp large {0} & pids+=($!); (cat d/* | md5sum > {1}/sum$n) & pids+=($!)\n\
         \x20 (ls -l d | md5sum > {1}/list$n) & pids+=($!); tail -c +$((n * 3000001)) large | cmp - <(tail -c +$((n * 3000001)) {0}) & pids+=($!)\n\
         done; for p in \"${{pids[@]}}\"; do wait $p; done; sort -u {1}/sum? | wc -l; sort -u {1}/list? | wc -l",
        service.folder().join("large").display(),
        service.folder().display()
    );
    assert_eq!(sh(m.root(), &script).ok(), "1\n1\n");
}
