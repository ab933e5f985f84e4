//! Access control lists, policies and types as extended attributes.

use super::{ALICE, BOB, CAROL, World, get, list, remove, set, sorted};
use crate::support::{errno, noise, sh};
use osirisfs::store::ErrorKind;
use rustix::io::Errno;
use std::fs;
use std::path::Path;

const SHARED: &str = "id:alice_um:FULL_CONTROL\nid:bob_wsu:READ";

fn stored(world: &World, key: &str) -> Vec<String> {
    let acl = world.now(world.store(ALICE).get_acl(key));
    let mut lines: Vec<String> =
        acl.grants.iter().map(|grant| format!("{:?} {}", grant.grantee, grant.permission)).collect();
    lines.sort();
    lines
}

pub fn lists_are_set_and_read_back(world: &World) {
    world.put(ALICE, "plain/x", "");
    let m = world.mount(ALICE, "", &[]);
    let file = m.path("f");
    fs::write(&file, "content").unwrap();
    assert!(world.get(BOB, "f").is_err());
    set(&file, "acl", SHARED).unwrap();
    assert_eq!(sorted(&get(&file, "acl").unwrap()), sorted(SHARED));
    assert_eq!(world.get(BOB, "f").unwrap(), "content");
    assert_eq!(stored(world, "f"), ["Id(\"alice_um\") FULL_CONTROL", "Id(\"bob_wsu\") READ"]);
    // The programs that people use say the same.
    let script = "acl = s3.get_object_acl(Bucket=bucket, Key='f')\n\
                  print(sorted((g['Grantee']['ID'], g['Permission']) for g in acl['Grants']))";
    assert_eq!(world.boto3(ALICE, script).ok().trim(), "[('alice_um', 'FULL_CONTROL'), ('bob_wsu', 'READ')]");
    let said = sh(m.root(), "getfattr --absolute-names --only-values -n user.osiris.acl f").ok();
    assert_eq!(sorted(&said), sorted(SHARED));
    // Groups; and a list that is shorter again.
    set(&file, "acl", "group:AuthenticatedUsers:READ\nid:alice_um:FULL_CONTROL\n").unwrap();
    assert_eq!(world.get(CAROL, "f").unwrap(), "content");
    set(&file, "acl", "id:alice_um:FULL_CONTROL").unwrap();
    assert!(world.get(BOB, "f").is_err() && world.get(CAROL, "f").is_err());
    // An open file that was never stored is stored first.
    let new = fs::File::create(m.path("new")).unwrap();
    std::io::Write::write_all(&mut &new, b"bytes").unwrap();
    set(&m.path("new"), "acl", SHARED).unwrap();
    assert_eq!(world.get(BOB, "new").unwrap(), "bytes");
    drop(new);
    // A folder's list is its marker's, which is made if there is none.
    set(&m.path("plain"), "acl", SHARED).unwrap();
    assert_eq!(stored(world, "plain/"), ["Id(\"alice_um\") FULL_CONTROL", "Id(\"bob_wsu\") READ"]);
    assert_eq!(sorted(&get(&m.path("plain"), "acl").unwrap()), sorted(SHARED));
}

/// A list without the owner's full control gets it: RGW would refuse the owner his own object.
pub fn nobody_locks_himself_out(world: &World) {
    let m = world.mount(ALICE, "", &[]);
    fs::write(m.path("f"), "content").unwrap();
    for place in [m.path("f"), m.root().to_owned()] {
        for list in ["id:bob_wsu:READ", "", "id:alice_um:READ"] {
            set(&place, "acl", list).unwrap();
            assert!(get(&place, "acl").unwrap().contains("id:alice_um:FULL_CONTROL"), "{list}");
        }
        set(&place, "acl.alice_um", "READ").unwrap();
        assert!(get(&place, "acl").unwrap().contains("id:alice_um:FULL_CONTROL"));
        assert_eq!(remove(&place, "acl.alice_um"), Err(Errno::PERM));
    }
    assert_eq!(world.get(ALICE, "f").unwrap(), "content");
    world.now(world.store(ALICE).head_bucket());
}

pub fn junk_and_strangers(world: &World) {
    let m = world.mount(ALICE, "", &[]);
    fs::write(m.path("f"), "").unwrap();
    for place in [m.path("f"), m.root().to_owned()] {
        let before = get(&place, "acl").unwrap();
        for junk in ["bob_wsu:READ", "id:bob_wsu:SING", "group:Friends:READ", "id:alice_um"] {
            assert_eq!(set(&place, "acl", junk), Err(Errno::INVAL), "{junk}");
        }
        assert_eq!(set(&place, "acl.bob_wsu", ""), Err(Errno::INVAL));
        assert_eq!(set(&place, "acl.canned", "mine"), Err(Errno::INVAL));
        // Whom the service has never seen.
        assert_eq!(set(&place, "acl.nobody_ever", "READ"), Err(Errno::NXIO));
        assert!(m.log().contains("nobody_ever"), "{}", m.log());
        for (fact, value) in [("owner", "bob_wsu"), ("bucket", "other"), ("etag", "x"), ("key", "x"), ("new", "x")] {
            assert_eq!(set(&place, fact, value), Err(Errno::PERM), "{fact}");
        }
        // What is there already may be set, so that restoring attributes works.
        for fact in ["owner", "bucket", "key", "acl"] {
            set(&place, fact, &get(&place, fact).unwrap()).unwrap();
        }
        for fact in ["owner", "acl", "policy", "bucket"] {
            assert_eq!(remove(&place, fact), Err(Errno::PERM), "{fact}");
        }
        assert_eq!(get(&place, "acl").unwrap(), before);
    }
    assert_eq!(set(m.root(), "acl.canned", "bucket-owner-read"), Err(Errno::INVAL));
    assert_eq!(set(&m.path("f"), "policy", "{}"), Err(Errno::PERM));
    // Who may only look may not change.
    set(&m.path("f"), "acl", SHARED).unwrap();
    set(m.root(), "acl.bob_wsu", "READ").unwrap();
    let theirs = world.mount(BOB, "", &[]);
    assert_eq!(get(&theirs.path("f"), "acl"), Err(Errno::ACCESS));
    assert_eq!(set(&theirs.path("f"), "acl", "id:bob_wsu:FULL_CONTROL"), Err(Errno::ACCESS));
    assert_eq!(set(&theirs.path("f"), "acl.canned", "public-read"), Err(Errno::ACCESS));
    assert_eq!(get(theirs.root(), "acl"), Err(Errno::ACCESS));
    assert_eq!(get(theirs.root(), "policy"), Err(Errno::ACCESS));
}

pub fn one_grantee(world: &World) {
    let m = world.mount(ALICE, "", &[]);
    fs::write(m.path("f"), "content").unwrap();
    for place in [m.path("f"), m.root().to_owned()] {
        assert_eq!(get(&place, "acl.bob_wsu"), Err(Errno::NODATA));
        set(&place, "acl.bob_wsu", "READ").unwrap();
        set(&place, "acl.id:carol_msu", "READ,READ_ACP").unwrap();
        set(&place, "acl.group:AllUsers", "READ_ACP").unwrap();
        assert_eq!(get(&place, "acl.bob_wsu").unwrap(), "READ");
        let mut carol = get(&place, "acl.carol_msu").unwrap().split(',').map(str::to_owned).collect::<Vec<_>>();
        carol.sort();
        assert_eq!(carol, ["READ", "READ_ACP"]);
        assert_eq!(get(&place, "acl.group:AllUsers").unwrap(), "READ_ACP");
        assert_eq!(get(&place, "acl").unwrap().lines().count(), 5);
        set(&place, "acl.bob_wsu", "WRITE").unwrap();
        assert_eq!(get(&place, "acl.bob_wsu").unwrap(), "WRITE");
        remove(&place, "acl.bob_wsu").unwrap();
        assert_eq!(remove(&place, "acl.bob_wsu"), Err(Errno::NODATA));
        assert_eq!(get(&place, "acl.bob_wsu"), Err(Errno::NODATA));
    }
    let said = sh(m.root(), "setfattr -n user.osiris.acl.bob_wsu -v READ f && setfattr -x user.osiris.acl.bob_wsu f");
    said.ok();
}

pub fn canned_lists(world: &World) {
    let m = world.mount(ALICE, "", &[]);
    let file = m.path("f");
    fs::write(&file, "content").unwrap();
    set(&file, "acl.canned", "public-read").unwrap();
    assert_eq!(sorted(&get(&file, "acl").unwrap()), ["group:AllUsers:READ", "id:alice_um:FULL_CONTROL"]);
    assert_eq!(get(&file, "acl.canned"), Err(Errno::NODATA));
    // The next write carries it.
    fs::write(&file, "changed").unwrap();
    assert_eq!(world.get(CAROL, "f").unwrap(), "changed");
    set(&file, "acl.canned", "private").unwrap();
    assert_eq!(get(&file, "acl").unwrap(), "id:alice_um:FULL_CONTROL");
    fs::write(&file, "again").unwrap();
    assert_eq!(world.get(CAROL, "f").unwrap_err().kind, ErrorKind::Denied);
    set(m.root(), "acl.canned", "authenticated-read").unwrap();
    world.now(world.store(CAROL).head_bucket());
    set(m.root(), "acl.canned", "private").unwrap();
    assert!(world.try_now(world.store(CAROL).head_bucket()).is_err());
}

/// A bucket's root lists what can be read of the bucket; a folder and a file list nothing.
pub fn what_a_bucket_lists(world: &World) {
    let m = world.mount(ALICE, "", &["--max-age", "0"]);
    fs::create_dir(m.path("d")).unwrap();
    fs::write(m.path("d/f"), "").unwrap();
    let names = |words: &[&str]| words.iter().map(|word| format!("user.osiris.{word}")).collect::<Vec<_>>();
    assert_eq!(list(m.root()), names(&["acl", "bucket", "owner"]));
    assert_eq!((list(&m.path("d")).len(), list(&m.path("d/f")).len()), (0, 0));
    let said = sh(m.root(), "getfattr --absolute-names -d .").ok();
    assert!(said.contains(&format!("user.osiris.bucket=\"{}\"", world.bucket())), "{said}");
    assert!(said.contains("user.osiris.acl=\"id:alice_um:FULL_CONTROL\""), "{said}");
    set(m.root(), "acl.bob_wsu", "READ").unwrap();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":["arn:aws:iam::bob_wsu:user/bob_wsu"]}},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::{}/*"]}}]}}"#,
        world.bucket()
    );
    set(m.root(), "policy", &policy).unwrap();
    assert_eq!(list(m.root()), names(&["acl", "bucket", "owner", "policy"]));
    // Whoever may not read the list does not find it listed: rsync -X and cp -a of the root work for him too.
    let theirs = world.mount(BOB, "", &[]);
    assert_eq!(list(theirs.root()), names(&["bucket"]));
    // A folder of a bucket is a folder.
    assert_eq!(list(world.mount(ALICE, "d", &[]).root()), names(&[]));
}

pub fn policies(world: &World) {
    let m = world.mount(ALICE, "", &["--max-age", "0"]);
    fs::write(m.path("f"), "content").unwrap();
    assert_eq!(get(m.root(), "policy").unwrap(), "");
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":["arn:aws:iam::bob_wsu:user/bob_wsu"]}},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::{}/*"]}}]}}"#,
        world.bucket()
    );
    set(m.root(), "policy", &policy).unwrap();
    assert_eq!(get(m.root(), "policy").unwrap(), policy);
    assert_eq!(world.get(BOB, "f").unwrap(), "content");
    assert!(world.get(CAROL, "f").is_err());
    assert_eq!(set(m.root(), "policy", "junk"), Err(Errno::INVAL));
    assert_eq!(get(m.root(), "policy").unwrap(), policy);
    set(m.root(), "policy", "").unwrap();
    assert_eq!(get(m.root(), "policy").unwrap(), "");
    assert!(world.get(BOB, "f").is_err());
}

pub fn types_are_set(world: &World) {
    let m = world.mount(ALICE, "", &[]);
    let file = m.path("f.txt");
    fs::write(&file, "a,b").unwrap();
    set(&file, "acl", SHARED).unwrap();
    rustix::fs::setxattr(&file, "user.mine", b"1", rustix::fs::XattrFlags::empty()).unwrap();
    assert_eq!(get(&file, "content-type").unwrap(), "text/plain");
    set(&file, "content-type", "text/csv; charset=utf-8").unwrap();
    assert_eq!(get(&file, "content-type").unwrap(), "text/csv; charset=utf-8");
    let head = world.now(world.store(ALICE).head("f.txt"));
    assert_eq!(head.headers.content_type.as_deref(), Some("text/csv; charset=utf-8"));
    assert_eq!(stored(world, "f.txt").len(), 2, "the list stays");
    fs::write(&file, "c,d").unwrap();
    let head = world.now(world.store(ALICE).head("f.txt"));
    assert_eq!(head.headers.content_type.as_deref(), Some("text/csv; charset=utf-8"));
    assert_eq!(list(&file), ["user.mine"]);
    for junk in ["", " ", "a\nb", "é"] {
        assert_eq!(set(&file, "content-type", junk), Err(Errno::INVAL), "{junk:?}");
    }
    let large = m.path("large");
    fs::write(&large, noise(6 << 20)).unwrap();
    set(&large, "content-type", "application/x-hdf5").unwrap();
    let head = world.now(world.store(ALICE).head("large"));
    assert_eq!((head.headers.content_type.as_deref(), head.size), (Some("application/x-hdf5"), 6 << 20));
}

/// What was set through the mount is there after everything that can be done to the file.
pub fn lists_survive_every_verb(world: &World) {
    let mut m = world.mount(ALICE, "", &[]);
    let same = |name: &str| assert_eq!(sorted_list(&m.path(name)), sorted(SHARED), "{name}");
    fs::write(m.path("f"), "content").unwrap();
    set(&m.path("f"), "acl", SHARED).unwrap();
    let script = "chmod 600 f; sync f; echo more >> f; truncate -s 3 f; touch -d 2001-01-01 f; sync f
        setfattr -n user.x -v 1 f; sync f; mv f g; printf x | dd of=g conv=notrunc bs=1 seek=1 status=none; cp /dev/null g
        head -c 20000000 /dev/urandom > g; mkdir d; mv g d/h; mv d e; chmod 644 e/h; sync e/h";
    sh(m.root(), script).ok();
    same("e/h");
    assert_eq!(stored(world, "e/h").len(), 2);
    m.again();
    assert_eq!(sorted_list(&m.path("e/h")), sorted(SHARED));
}

fn sorted_list(path: &Path) -> Vec<String> {
    sorted(&get(path, "acl").unwrap()).into_iter().map(str::to_owned).collect()
}

/// cp, rsync and tar of files and folders neither see nor copy any of it.
pub fn nothing_is_copied_about(world: &World) {
    let m = world.mount(ALICE, "", &[]);
    fs::create_dir(m.path("d")).unwrap();
    fs::write(m.path("d/f"), "content").unwrap();
    set(&m.path("d/f"), "acl", SHARED).unwrap();
    set(&m.path("d"), "acl", SHARED).unwrap();
    let script = "cp -a d e; rsync -aX d/ r/; mkdir t; tar --xattrs -cf - d | tar --xattrs -C t -xf -";
    sh(m.root(), script).ok();
    for name in ["e", "e/f", "r", "r/f", "t/d", "t/d/f"] {
        assert_eq!(get(&m.path(name), "acl").unwrap(), "id:alice_um:FULL_CONTROL", "{name}");
        assert_eq!(list(&m.path(name)).len(), 0, "{name}");
    }
    assert_eq!(errno(fs::read(m.path("none"))), libc::ENOENT);
}
