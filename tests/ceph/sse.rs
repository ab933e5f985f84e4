//! SSE-C, which RGW takes over TLS only.

use crate::ops::{read, write};
use crate::share::{ALICE, World, get};
use crate::support::{Mount, PROGRAM, assert_same, errno, pattern, run, sh};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Everything works on objects that the service can only read with the user's key, and nobody else reads them.
pub fn customer_keys(world: &World) {
    let key = world.folder(ALICE).join("key");
    crate::support::write_secret(&key, &format!("{KEY}\n"));
    world.put(ALICE, "plain", "not encrypted");
    let mut m = world.mount(ALICE, "", &["--sse-c-key-file", "key"]);
    assert_eq!(read(&m.path("plain")), b"not encrypted");
    let mut large = pattern(1, 24 << 20);
    write(&m.path("f"), "content");
    write(&m.path("large"), &large);
    fs::create_dir(m.path("d")).unwrap();
    write(&m.path("d/g"), pattern(2, 6 << 20));
    sh(
        m.root(),
        "chmod 600 f; sync f; echo more >> f; mv f moved; chmod 640 d/g; sync d/g; mv d e; chmod 400 large; sync large",
    )
    .ok();
    // A small change: the rest is copied inside the service.
    fs::OpenOptions::new().write(true).open(m.path("large")).unwrap().write_all_at(b"changed", 9 << 20).unwrap();
    large[9 << 20..(9 << 20) + 7].copy_from_slice(b"changed");
    m.again();
    assert_eq!(read(&m.path("moved")), b"contentmore\n");
    assert_same("renamed with its directory", &read(&m.path("e/g")), &pattern(2, 6 << 20));
    assert_same("changed in the middle", &read(&m.path("large")), &large);
    assert_eq!(fs::metadata(m.path("e/g")).unwrap().mode() & 0o777, 0o640);
    assert_eq!(get(&m.path("moved"), "owner").unwrap(), ALICE);
    assert!(!m.log().contains(KEY) && !m.log().contains("0123456789abcdef"));
    large_ones(world);
    // Without the key it is there, and closed.
    let keyless = world.mount(ALICE, "", &["--max-age", "0"]);
    let closed = fs::metadata(keyless.path("moved")).unwrap();
    assert_eq!((closed.len(), closed.mode() & 0o777), (12, 0));
    assert_eq!(errno(fs::read(keyless.path("moved"))), libc::EACCES);
    assert_eq!(errno(fs::read(keyless.path("large"))), libc::EACCES);
    assert_eq!(read(&keyless.path("plain")), b"not encrypted");
    assert_eq!(keyless.log().matches("--sse-c-key-file").count(), 1, "{}", keyless.log());
    drop(keyless);
    // The key is a secret.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let said = world.command(ALICE, &["mount", "--sse-c-key-file", "key", world.bucket(), "at"]).fails();
    assert!(said.contains("chmod 600"), "{said}");
}

/// What is larger than a copy may be is copied by parts inside the service. (In the test above it was larger than what is
/// fetched and sent again.)
fn large_ones(world: &World) {
    // No multiple of anything.
    let content = pattern(7, (19 << 20) + 12_345);
    let mut m = world.mount(ALICE, "", &["--sse-c-key-file", "key", "--copy-limit", "8M"]);
    fs::create_dir(m.path("dir")).unwrap();
    write(&m.path("dir/f"), &content);
    let open = fs::File::open(m.path("dir/f")).unwrap();
    let before = bytes_down(&m);
    let script =
        "setfattr -n user.colour -v blue dir/f; sync dir/f; mv dir/f dir/g; chmod 604 dir/g; mv dir to; mv to/g to/h";
    sh(m.root(), script).ok();
    assert!(bytes_down(&m) - before < 1 << 20, "copied inside the service, not fetched");
    sh(m.root(), "cp to/h kept; rm to/h; sync kept").ok();
    let mut bytes = vec![0; content.len()];
    open.read_exact_at(&mut bytes, 0).unwrap();
    assert_same("the removed file that is open", &bytes, &content);
    drop(open);
    sh(m.root(), "setfattr -n user.colour -v blue kept; mv kept to/kept; chmod 604 to/kept; sync to/kept").ok();
    m.again();
    assert_same("kept", &read(&m.path("to/kept")), &content);
    assert_eq!(sh(m.root(), "getfattr -n user.colour --only-values to/kept; stat -c ' %a' to/kept").ok(), "blue 604\n");
}

fn bytes_down(m: &Mount) -> u64 {
    let said = run(m.root(), PROGRAM, &["status", "--json", m.root().to_str().unwrap()]).ok();
    serde_json::from_str::<serde_json::Value>(&said).unwrap()["bytes_down"].as_u64().unwrap()
}
