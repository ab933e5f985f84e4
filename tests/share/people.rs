//! Sharing: what others see and may do before, while and after something is shared with them.

use super::{ALICE, BOB, CAROL, World, get, set};
use crate::support::{errno, noise, sh, soon};
use osirisfs::store::ErrorKind;
use std::fs;
use std::os::unix::fs::MetadataExt;

fn text(path: std::path::PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What boto3 as the same user may do: list, read `f`, write `new`, delete it.
fn with_boto3(world: &World, user: &str) -> String {
    let script = "
def may(what):
    try:
        what()
        return '+'
    except Exception as e:
        return '-'
print(may(lambda: s3.list_objects_v2(Bucket=bucket)) + may(lambda: s3.get_object(Bucket=bucket, Key='f')) +
      may(lambda: s3.put_object(Bucket=bucket, Key='boto', Body=b'x')) + may(lambda: s3.delete_object(Bucket=bucket, Key='boto')))";
    world.boto3(user, script).ok().trim().to_owned()
}

/// The trap of every newcomer: after `share` bob can list *and* read.
pub fn a_bucket_by_policy(world: &World) {
    world.put(ALICE, "f", "old");
    assert!(world.mount_fails(BOB).contains("does not let you use"));
    assert_eq!(with_boto3(world, BOB), "----");
    let said = world.command(ALICE, &["share", world.bucket(), "--with", BOB]).ok();
    assert!(said.contains(&format!("osirisfs mount {}", world.bucket())), "{said}");
    world.put(ALICE, "later", "new");
    assert_eq!(with_boto3(world, BOB), "++--");
    let theirs = world.mount(BOB, "", &[]);
    assert_eq!((text(theirs.path("f")), text(theirs.path("later"))), ("old".into(), "new".into()));
    // Nothing can be written, and that shows at once: no write bits, an error at open.
    for path in [theirs.root().to_owned(), theirs.path("f")] {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o222, 0);
    }
    assert_eq!(errno(fs::OpenOptions::new().write(true).open(theirs.path("f"))), libc::EACCES);
    assert_eq!(errno(fs::write(theirs.path("new"), "x")), libc::EACCES);
    assert_eq!(errno(fs::create_dir(theirs.path("d"))), libc::EACCES);
    assert_eq!(errno(fs::remove_file(theirs.path("f"))), libc::EACCES);
    assert_eq!(errno(fs::rename(theirs.path("f"), theirs.path("g"))), libc::EACCES);
    assert_eq!(errno(fs::metadata(theirs.path("none"))), libc::ENOENT);
    assert!(world.mount_fails(CAROL).contains("does not let you use"));

    world.command(ALICE, &["share", world.bucket(), "--with", BOB, "--write"]).ok();
    assert_eq!(with_boto3(world, BOB), "++++");
    let shown = world.command(ALICE, &["share", world.bucket()]).ok();
    assert!(shown.contains("bob_wsu may read, write, delete in all of it (by policy)"), "{shown}");
    assert!(shown.contains("bob_wsu may list in the bucket (by policy)"), "{shown}");
    // The mount that is there notices.
    soon("the right to write", || fs::write(theirs.path("new"), "by bob").is_ok());
    assert_ne!(fs::metadata(theirs.path("new")).unwrap().mode() & 0o200, 0);
    fs::write(theirs.path("f"), "changed by bob").unwrap();
    fs::write(theirs.path("large"), noise(20 << 20)).unwrap();
    fs::create_dir(theirs.path("d")).unwrap();
    sh(
        theirs.root(),
        "mv new d/moved; chmod 600 d/moved; sync d/moved; rm later; mv d e; setfattr -n user.x -v 1 f; sync f",
    )
    .ok();
    let mine = world.mount(ALICE, "", &[]);
    assert_eq!((text(mine.path("f")), text(mine.path("e/moved"))), ("changed by bob".into(), "by bob".into()));
    assert_eq!(fs::metadata(mine.path("large")).unwrap().len(), 20 << 20);
    assert_eq!(fs::read(mine.path("large")).unwrap().len(), 20 << 20);
    // By the objects' lists too: the policy may go.
    world.command(ALICE, &["share", world.bucket(), "--revoke", BOB]).ok();
    for key in ["f", "e/moved", "large"] {
        drop(world.now(world.store(ALICE).get(key, Default::default())));
        let acl = get(&mine.path(key), "acl").unwrap();
        assert!(acl.contains("id:alice_um:FULL_CONTROL"), "{key}: {acl}");
    }
    // What bob wrote is his object, and he may still look at those; nothing else.
    assert_eq!(with_boto3(world, BOB).get(..1), Some("-"));
    world.put(ALICE, "private", "x");
    assert_eq!(world.get(BOB, "private").unwrap_err().kind, ErrorKind::Denied);
    soon("the end of the share", || {
        fs::write(theirs.path("again"), "x").is_err_and(|e| e.raw_os_error() == Some(libc::EACCES))
    });
    let none = world.command(ALICE, &["share", world.bucket(), "--revoke", BOB]).fails();
    assert!(none.contains("names bob_wsu"), "{none}");
    assert!(world.command(ALICE, &["share", world.bucket()]).ok().contains("Nobody else"));
    assert!(world.command(BOB, &["share", world.bucket(), "--with", CAROL]).fails().contains("not yours"));
}

/// Rights on a folder alone: it can be mounted, and nothing else can.
pub fn a_folder_by_policy(world: &World) {
    for key in ["d/f", "d/sub/g", "other", "e/x"] {
        world.put(ALICE, key, "text");
    }
    let folder = format!("{}/d", world.bucket());
    world.command(ALICE, &["share", &folder, "--with", BOB, "--write"]).ok();
    let theirs = world.mount(BOB, "d", &["--max-age", "0"]);
    assert_eq!((text(theirs.path("f")), text(theirs.path("sub/g"))), ("text".into(), "text".into()));
    assert_eq!(errno(fs::metadata(theirs.path("none"))), libc::ENOENT);
    fs::write(theirs.path("new"), "by bob").unwrap();
    fs::create_dir(theirs.path("dir")).unwrap();
    sh(theirs.root(), "mv new dir/x; mv dir moved; echo more >> moved/x; rm f; test ! -e f; ! rmdir sub 2>/dev/null")
        .ok();
    drop(theirs);
    let mine = world.mount(ALICE, "", &[]);
    assert_eq!(text(mine.path("d/moved/x")), "by bobmore\n");
    assert!(!mine.path("d/f").exists() && mine.path("other").exists());
    assert!(world.mount_fails(BOB).contains("does not let you use"));
    assert!(world.get(BOB, "other").is_err() && world.get(BOB, "e/x").is_err());
    assert_eq!(world.get(BOB, "d/sub/g").unwrap(), "text");
    // A second share of the same bucket leaves the first alone; revoking one folder leaves the other.
    let other = format!("{}/e", world.bucket());
    world.command(ALICE, &["share", &other, "--with", BOB]).ok();
    assert_eq!(world.get(BOB, "e/x").unwrap(), "text");
    world.command(ALICE, &["share", &folder, "--revoke", BOB]).ok();
    assert_eq!(world.get(BOB, "e/x").unwrap(), "text");
    assert!(world.get(BOB, "d/sub/g").is_err());
}

/// The other way: lists of the bucket and of each object.
pub fn a_bucket_by_lists(world: &World) {
    for n in 0..40 {
        world.put(ALICE, &format!("d/{n}"), "text");
    }
    world.put(ALICE, "f", "old");
    let share = |words: &[&str]| world.command(ALICE, &[&["share", world.bucket(), "--by", "acl"], words].concat());
    let said = share(&["--with", BOB, "--write"]).ok();
    assert!(said.contains("41 objects") && said.contains("41 lists were changed"), "{said}");
    assert!(share(&["--with", BOB, "--write"]).ok().contains("0 lists were changed"), "what is done is passed over");
    assert!(share(&["--with", "nobody_ever"]).fails().contains("does not know nobody_ever"));
    assert_eq!(with_boto3(world, BOB), "++++");
    assert_eq!(with_boto3(world, CAROL), "----");
    let theirs = world.mount(BOB, "", &[]);
    assert_eq!(text(theirs.path("d/7")), "text");
    fs::write(theirs.path("new"), "by bob").unwrap();
    // A rewrite by bob makes the object his, and keeps the list: alice and whoever else may go on.
    let mine = world.mount(ALICE, "", &["--max-age", "0"]);
    set(&mine.path("f"), "acl.carol_msu", "READ").unwrap();
    fs::write(theirs.path("f"), "by bob").unwrap();
    assert_eq!((text(mine.path("new")), text(mine.path("f"))), ("by bob".into(), "by bob".into()));
    assert_eq!(get(&mine.path("f"), "owner").unwrap(), BOB);
    assert_eq!(world.get(CAROL, "f").unwrap(), "by bob");
    let shown = world.command(ALICE, &["share", world.bucket()]).ok();
    assert!(shown.contains("bob_wsu may write and delete in it"), "{shown}");
    // A new object of alice's is hers alone, and says so: EACCES for that one only.
    world.put(ALICE, "closed", "x");
    let fresh = world.mount(BOB, "", &[]);
    let closed = fs::metadata(fresh.path("closed")).unwrap();
    assert_eq!((closed.len(), closed.mode() & 0o777), (1, 0));
    assert_eq!(errno(fs::read(fresh.path("closed"))), libc::EACCES);
    assert_eq!(sh(fresh.root(), "ls -l | grep -c -- '^----------.*closed'").ok().trim(), "1");
    assert_eq!(text(fresh.path("f")), "by bob");
    assert_eq!(errno(fs::metadata(fresh.path("none"))), libc::ENOENT);

    let said = share(&["--revoke", BOB]).ok();
    assert!(said.contains("any more"), "{said}");
    assert_eq!(with_boto3(world, BOB).get(..1), Some("-"));
    assert_eq!(world.get(BOB, "d/7").unwrap_err().kind, ErrorKind::Denied);
    assert_eq!(world.get(ALICE, "f").unwrap(), "by bob");
}

/// New objects take the bucket's list over, by the mount's option or the bucket's attribute.
pub fn new_objects_inherit(world: &World) {
    let plain = world.mount(ALICE, "", &[]);
    set(plain.root(), "acl.bob_wsu", "READ").unwrap();
    fs::write(plain.path("plain"), "x").unwrap();
    assert!(world.get(BOB, "plain").is_err());
    let mine = world.mount(ALICE, "", &["--inherit-acl"]);
    fs::create_dir(mine.path("d")).unwrap();
    fs::write(mine.path("d/f"), "x").unwrap();
    fs::write(mine.path("large"), noise(17 << 20)).unwrap();
    std::os::unix::fs::symlink("d/f", mine.path("link")).unwrap();
    assert_eq!((world.get(BOB, "d/f").unwrap(), world.get(BOB, "link").unwrap()), ("x".into(), "d/f".into()));
    world.now(world.store(BOB).head("large"));
    world.now(world.store(BOB).head("d/"));
    // What is there keeps its own list.
    fs::write(mine.path("plain"), "y").unwrap();
    assert!(world.get(BOB, "plain").is_err());
    for junk in ["", "yes", "2"] {
        assert!(set(plain.root(), "inherit-acl", junk).is_err());
    }
    set(plain.root(), "inherit-acl", "1").unwrap();
    fs::write(plain.path("now"), "x").unwrap();
    assert_eq!(world.get(BOB, "now").unwrap(), "x");
    let next = world.mount(ALICE, "", &[]);
    assert_eq!(get(next.root(), "inherit-acl").unwrap(), "1");
    fs::write(next.path("next"), "x").unwrap();
    assert_eq!(world.get(BOB, "next").unwrap(), "x");
    super::remove(next.root(), "inherit-acl").unwrap();
    fs::write(next.path("closed"), "x").unwrap();
    assert!(world.get(BOB, "closed").is_err());
}

/// Where nothing may be listed, a name that is not there is refused, not absent.
pub fn what_cannot_be_listed(world: &World) {
    world.put(ALICE, "f", "text");
    let mine = world.mount(ALICE, "", &[]);
    let bucket = world.bucket();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":["arn:aws:iam::bob_wsu:user/bob_wsu"]}},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::{bucket}/*"]}},{{"Effect":"Allow","Principal":{{"AWS":["arn:aws:iam::bob_wsu:user/bob_wsu"]}},"Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::{bucket}"],"Condition":{{"StringLike":{{"s3:prefix":[".osirisfs/*"]}}}}}}]}}"#
    );
    set(mine.root(), "policy", &policy).unwrap();
    let theirs = world.mount(BOB, "", &["--read-only"]);
    assert_eq!(text(theirs.path("f")), "text");
    assert_eq!(errno(fs::metadata(theirs.path("none"))), libc::EACCES);
    assert_eq!(errno(fs::read_dir(theirs.root()).and_then(|mut d| d.next().unwrap())), libc::EACCES);
}

/// Objects that name no owner show the local user of their S3 owner.
pub fn owners_are_mapped(world: &World) {
    world.command(ALICE, &["share", world.bucket(), "--with", BOB, "--write"]).ok();
    world.put(ALICE, "hers", "x");
    world.put(BOB, "his", "x");
    let map = world.folder(ALICE).join("map");
    fs::write(&map, "# people of this machine\nbob_wsu = 4711\ncarol_msu = 4712\n").unwrap();
    let mine = world.mount(ALICE, "", &["--owner-map", "map", "--uid", "77", "--max-age", "0"]);
    let uid = |name: &str| fs::metadata(mine.path(name)).unwrap().uid();
    assert_eq!((uid("hers"), uid("his")), (77, 4711));
    fs::read(mine.path("his")).unwrap();
    assert_eq!(uid("his"), 4711);
    // What an object says itself counts more.
    std::os::unix::fs::chown(mine.path("his"), Some(12), None).unwrap();
    fs::File::open(mine.path("his")).unwrap().sync_all().unwrap();
    assert_eq!(uid("his"), 12);
    fs::write(&map, "bob_wsu = no-such-user-here\n").unwrap();
    let said = world.command(ALICE, &["mount", "--owner-map", "map", world.bucket(), "at"]).fails();
    assert!(said.contains("no local user no-such-user-here"), "{said}");
}
