//! SQLite and HDF5: programs that write in the middle of files, lock them and believe fsync.

use crate::support::{Service, assert_same, run, sh, venv_python};
use std::fs;

pub fn sqlite_rollback_journal(service: &Service) {
    let mut m = service.mount();
    let script = "sqlite3 db 'PRAGMA journal_mode=DELETE; CREATE TABLE t (n INTEGER PRIMARY KEY, s TEXT);'\n\
        (for b in $(seq 20); do echo 'BEGIN;'; for n in $(seq 50); do echo \"INSERT INTO t (s) VALUES ('row $b $n');\"; done; \
        echo 'COMMIT;'; done) | sqlite3 db\n\
        sqlite3 db 'PRAGMA integrity_check; SELECT count(*) FROM t; DELETE FROM t WHERE n % 3 = 0; SELECT count(*) FROM t;'";
    assert_eq!(sh(m.root(), script).ok(), "delete\nok\n1000\n667\n");
    m.again();
    let check =
        "sqlite3 db 'PRAGMA integrity_check; SELECT count(*), max(n) FROM t; VACUUM; PRAGMA integrity_check;'; ls";
    assert_eq!(sh(m.root(), check).ok(), "ok\n667|1000\nok\ndb\n");
}

/// Several processes insert at the same time, and one is killed in the middle.
pub fn sqlite_many_processes(service: &Service) {
    let mut m = service.mount();
    fs::write(service.folder().join("insert.py"), INSERT).unwrap();
    let insert = service.folder().join("insert.py");
    let script = format!(
        "sqlite3 db 'CREATE TABLE t (who INTEGER, n INTEGER);'\n\
         for who in 1 2; do python3 {0} $who 200 & pids[$who]=$!; done\n\
         python3 {0} 3 1000000 & pids[3]=$!\n\
         wait ${{pids[1]}} ${{pids[2]}}; kill -9 ${{pids[3]}}; wait ${{pids[3]}} || true",
        insert.display()
    );
    sh(m.root(), &script).ok();
    m.again();
    let check = "sqlite3 db 'PRAGMA integrity_check; SELECT who, count(*), max(n) FROM t WHERE who < 3 GROUP BY who; \
                 SELECT count(*) = max(n) FROM t WHERE who = 3;'";
    let said = sh(m.root(), check).ok();
    assert!(said.starts_with("ok\n1|200|200\n2|200|200\n") && !said.ends_with("\n0\n"), "{said}");
}

const INSERT: &str = "import sqlite3, sys\n\
    db = sqlite3.connect('db', timeout=60, isolation_level=None)\n\
    for n in range(1, int(sys.argv[2]) + 1):\n\
    \x20   db.execute('INSERT INTO t VALUES (?, ?)', (int(sys.argv[1]), n))\n";

/// The write-ahead log lives in shared memory between the processes of this machine.
pub fn sqlite_write_ahead_log(service: &Service) {
    let mut m = service.mount();
    let script = "sqlite3 db 'PRAGMA journal_mode=WAL; CREATE TABLE t (n INTEGER);'\n\
        for n in $(seq 10); do sqlite3 db \"INSERT INTO t VALUES ($n);\"; done\n\
        sqlite3 db 'PRAGMA integrity_check; SELECT sum(n) FROM t;'";
    assert_eq!(sh(m.root(), script).ok(), "wal\nok\n55\n");
    m.again();
    assert_eq!(sh(m.root(), "sqlite3 db 'PRAGMA integrity_check; SELECT sum(n) FROM t;'").ok(), "ok\n55\n");
}

pub fn hdf5(service: &Service) {
    let mut m = service.mount();
    let python = venv_python();
    let write = "import h5py, numpy as np\n\
        with h5py.File('data.h5', 'w') as f:\n\
        \x20   f.create_dataset('grid', data=np.arange(3000000, dtype='i4').reshape(1000, 3000), chunks=(100, 300), compression='gzip')\n\
        \x20   f['grid'].attrs['unit'] = 'metres'\n\
        with h5py.File('data.h5', 'r+') as f:\n\
        \x20   f['grid'][500, 100:200] = -1\n\
        \x20   g = f.create_dataset('grow', (10,), maxshape=(None,), chunks=True)\n\
        \x20   for n in range(20):\n\
        \x20       g.resize((10 * (n + 1),)); g[10 * n:] = n; f.flush()\n";
    run(m.root(), &python, &["-c", write]).ok();
    m.again();
    let read = "import h5py\n\
        with h5py.File('data.h5', 'r') as f:\n\
        \x20   print(f['grid'][499, 100], f['grid'][500, 150], f['grid'][999, 2999], f['grid'].attrs['unit'], f['grow'][:].sum())\n";
    assert_eq!(run(m.root(), &python, &["-c", read]).ok(), "1497100 -1 2999999 metres 1900.0\n");
}

/// Appending to and updating a zip archive, which reads its end and rewrites it.
pub fn zip(service: &Service) {
    let m = service.mount();
    let script = "import zipfile, os\n\
        blob = os.urandom(2000000)\n\
        for n in range(5):\n\
        \x20   with zipfile.ZipFile('a.zip', 'a') as z:\n\
        \x20       z.writestr(f'member{n}', blob[n:]); z.writestr(f'text{n}', 'x' * 1000, zipfile.ZIP_DEFLATED)\n\
        with zipfile.ZipFile('a.zip') as z:\n\
        \x20   assert z.testzip() is None and len(z.namelist()) == 10 and z.read('member4') == blob[4:]\n";
    crate::support::python(m.root(), script).ok();
    assert_same("at the service", &service.s3().get("a.zip"), &fs::read(m.path("a.zip")).unwrap());
}
