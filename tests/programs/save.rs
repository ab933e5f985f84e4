//! How editors and programs save: a temporary file, then a rename.

use crate::support::{Service, python, run, sh};
use std::fs;

/// A reader never finds the file missing, empty or mixed while another program replaces it again and again.
pub fn write_and_replace(service: &Service) {
    let m = service.mount();
    let reader = "import hashlib, os, time\n\
        open('ready', 'w').close(); reads = 0\n\
        while not os.path.exists('done'):\n\
        \x20   data = open('f', 'rb').read()\n\
        \x20   size, digest = int(data[:8]), data[8:24]\n\
        \x20   assert len(data) == 24 + size, (len(data), size)\n\
        \x20   assert hashlib.md5(data[24:]).digest() == digest\n\
        \x20   reads += 1\n\
        print(reads)\n";
    let writer = "import hashlib, os, random, time\n\
        def save():\n\
        \x20   body = os.urandom(random.randrange(1, 300000))\n\
        \x20   with open('.t', 'wb') as t:\n\
        \x20       t.write(b'%08d' % len(body) + hashlib.md5(body).digest() + body)\n\
        \x20   os.chmod('.t', 0o640)\n\
        \x20   os.replace('.t', 'f')\n\
        save()\n\
        while not os.path.exists('ready'): time.sleep(0.01)\n\
        for n in range(100): save()\n\
        open('done', 'w').close()\n";
    let root = m.root();
    let reads = std::thread::scope(|scope| {
        let writer = scope.spawn(|| python(root, writer).ok());
        while !m.path("f").exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let reads = python(root, reader).ok();
        writer.join().unwrap();
        reads.trim().parse::<u32>().unwrap()
    });
    assert!(reads >= 20, "only {reads} reads");
    assert_eq!(service.s3().keys(""), ["done", "f", "ready"]);
    assert_eq!(service.s3().meta("f", "mode").as_deref(), Some(&*0o100640.to_string()));
    fs::remove_file(m.path("f")).unwrap();
}

/// A backup is made by rename, then the new text goes under the old name (as vi and Emacs do it by default).
pub fn editor_with_backup(service: &Service) {
    let mut m = service.mount();
    let script = "printf 'one\\n' > note.txt; chmod 644 note.txt; chown 1234:1234 note.txt\n\
        for text in two three four; do\n\
        \x20   mv note.txt note.txt~\n\
        \x20   printf \"$text\\n\" > note.txt; chmod --reference=note.txt~ note.txt; chown --reference=note.txt~ note.txt\n\
        \x20   sync note.txt\n\
        done\n\
        : > .note.txt.swp; rm .note.txt.swp\n\
        sed -i s/four/five/ note.txt; cat note.txt note.txt~; stat -c '%a %u' note.txt; ls -A";
    assert_eq!(sh(m.root(), script).ok(), "five\nthree\n644 1234\nnote.txt\nnote.txt~\n");
    m.again();
    assert_eq!(
        sh(m.root(), "cat note.txt; stat -c '%a %u' note.txt; ls -A").ok(),
        "five\n644 1234\nnote.txt\nnote.txt~\n"
    );
}

/// Output that several commands share, as shell scripts write logs.
pub fn shared_output(service: &Service) {
    let mut m = service.mount();
    let script = "{ echo one; echo two >&2; printf three; } > log 2>&1; { echo; date +%Y > /dev/null; echo four; } >> log\n\
        for n in $(seq 30); do echo $n >> log; done; seq 31 40 | tee -a log > /dev/null; wc -l < log";
    assert_eq!(sh(m.root(), script).ok(), "44\n");
    m.again();
    let said = run(m.root(), "head", &["-n", "5", "log"]).ok();
    assert_eq!(said, "one\ntwo\nthree\nfour\n1\n");
    assert_eq!(sh(m.root(), "tail -n 1 log; tail -c +5 log | head -n 1").ok(), "40\ntwo\n");
}

/// A program that follows a log sees what another appends.
pub fn tail_f(service: &Service) {
    let m = service.mount();
    let script = "echo first > log; timeout 5 tail -n +1 -f --pid=$$ log > out & tail=$!\n\
        for n in 1 2 3; do sleep 0.2; echo line$n >> log; done; sleep 1.2; kill $tail; wait $tail || true; cat out";
    assert_eq!(sh(m.root(), script).ok(), "first\nline1\nline2\nline3\n");
}
