//! The same as other programs see it: lists by boto3 and s3cmd, and what each person sees and may do by boto3.

use super::{ALICE, BOB, CAROL, World, get, sorted};
use crate::support::{Mount, errno, sh};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Lists in the form of the attribute, bucket first, then the object `f`: owner and grants.
const LISTS: &str = "
def lines(acl):
    for grant in acl['Grants']:
        who = grant['Grantee']
        kind = 'id:' + who['ID'] if who['Type'] == 'CanonicalUser' else 'group:' + who['URI'].rsplit('/', 1)[1]
        yield kind + ':' + grant['Permission']
for acl in s3.get_bucket_acl(Bucket=bucket), s3.get_object_acl(Bucket=bucket, Key='f'):
    print(acl['Owner']['ID'], *sorted(lines(acl)))
";

/// What the attributes say of a place, in the same form.
fn by_attributes(m: &Mount) -> String {
    let one = |place: &Path| {
        let said = sh(
            place.parent().unwrap(),
            &format!("getfattr --absolute-names --only-values -n user.osiris.acl {:?}", place),
        );
        let list = said.ok();
        format!("{} {}\n", get(place, "owner").unwrap(), sorted(&list).join(" "))
    };
    one(m.root()) + &one(&m.path("f"))
}

/// The grants that `s3cmd info` prints of the bucket and of `f`, in the same form but without owners.
fn by_s3cmd(world: &World) -> Vec<String> {
    let bucket = format!("s3://{}", world.bucket());
    let said = world.s3cmd(ALICE, &["info", &bucket, &format!("{bucket}/f")]).ok();
    let parts = said.split("(object):").map(|part| {
        let lines = part.lines().filter_map(|line| line.trim().strip_prefix("ACL:"));
        let mut grants: Vec<String> = lines
            .map(|line| {
                let (who, what) = line.trim().rsplit_once(": ").unwrap();
                match who.rsplit_once('/') {
                    _ if who == "*anon*" => format!("group:AllUsers:{what}"),
                    Some((_, group)) => format!("group:{group}:{what}"),
                    None => format!("id:{who}:{what}"),
                }
            })
            .collect();
        grants.sort();
        grants.join(" ")
    });
    parts.collect()
}

#[track_caller]
fn all_agree(world: &World, m: &Mount, what: &str) {
    let (ours, boto3) = (by_attributes(m), world.boto3(ALICE, LISTS).ok());
    assert_eq!(ours, boto3, "{what}: boto3");
    let without_owner = |line: &str| line.split_once(' ').unwrap().1.to_owned();
    assert_eq!(by_s3cmd(world), ours.lines().map(without_owner).collect::<Vec<_>>(), "{what}: s3cmd");
}

/// Lists that setfattr sets are those that boto3 and s3cmd show, and the other way round.
pub fn lists_are_the_same_to_all(world: &World) {
    let m = world.mount(ALICE, "", &["--max-age", "0"]);
    fs::write(m.path("f"), "content").unwrap();
    let whole = "id:alice_um:FULL_CONTROL\nid:bob_wsu:READ\nid:bob_wsu:READ_ACP\nid:carol_msu:WRITE_ACP\n\
                 group:AuthenticatedUsers:READ";
    let script = format!(
        "for place in . f; do setfattr -n user.osiris.acl -v '{whole}' $place
        setfattr -n user.osiris.acl.group:AllUsers -v READ_ACP $place
        setfattr -n user.osiris.acl.carol_msu -v READ,WRITE $place; done; setfattr -x user.osiris.acl.id:bob_wsu f"
    );
    sh(m.root(), &script).ok();
    all_agree(world, &m, "by setfattr");
    assert_eq!(get(&m.path("f"), "acl").unwrap().lines().count(), 5);
    // Now they set, and we show: one list by boto3, one by s3cmd.
    let script = "
acl = s3.get_bucket_acl(Bucket=bucket)
owner = {'Type': 'CanonicalUser', 'ID': acl['Owner']['ID']}
everybody = {'Type': 'Group', 'URI': 'http://acs.amazonaws.com/groups/global/AllUsers'}
grants = [{'Grantee': owner, 'Permission': 'FULL_CONTROL'}, {'Grantee': everybody, 'Permission': 'READ'}]
s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy={'Owner': acl['Owner'], 'Grants': grants})
";
    world.boto3(ALICE, script).ok();
    world.s3cmd(ALICE, &["setacl", "--acl-grant=read:bob_wsu", &format!("s3://{}/f", world.bucket())]).ok();
    assert_eq!(get(&m.path("f"), "acl.bob_wsu").unwrap(), "READ");
    all_agree(world, &m, "by the others");
}

/// What boto3 lets everybody do, a line a person: what the root and the folder `d` list, what `f`, `d/g` and `none` read,
/// and whether something can be written and removed beside them.
const DEEDS: &str = "
from botocore.exceptions import ClientError
def may(work):
    try:
        return work()
    except ClientError as error:
        code = error.response['Error']['Code']
        return {'NoSuchKey': 'none', '404': 'none', 'AccessDenied': '-', '403': '-'}.get(code, code)
def names(s3, prefix):
    page = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter='/')
    keys = [o['Key'] for o in page.get('Contents', [])] + [p['Prefix'] for p in page.get('CommonPrefixes', [])]
    keys = [key[len(prefix):].rstrip('/') for key in keys]
    return '+'.join(sorted(key for key in keys if key and key != '.osirisfs'))
def missing(s3, key):
    said = may(lambda: read(s3, key))
    # RGW before 20 tells only who may list all. Who may list the folder sees there that it is not in it.
    if said == '-' and may(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=key)['KeyCount']) == 0:
        return 'none'
    return said
def read(s3, key):
    return s3.get_object(Bucket=bucket, Key=key)['Body'].read().decode()
def write(s3, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b'x')
    s3.delete_object(Bucket=bucket, Key=key)
    return 'ok'
for name, s3 in everybody.items():
    print(name, *[may(lambda: names(s3, p)) + ' ' + may(lambda: read(s3, p + key)) + ' ' +
                  missing(s3, p + 'none') + ' ' + may(lambda: write(s3, p + 'new'))
                  for p, key in (('', 'f'), ('d/', 'g'))])
";

/// The same through mounts: one of the bucket, one of the folder.
fn by_mounts(world: &World) -> String {
    let mut all = String::new();
    for user in [ALICE, BOB, CAROL] {
        all += user;
        for (below, file) in [("", "f"), ("d", "g")] {
            let seen = world.try_mount(user, below, &["--max-age", "0"]).map(|m| seen(&m, file));
            // What may not be listed cannot be mounted.
            write!(all, " {}", seen.as_deref().unwrap_or("- - - -")).unwrap();
        }
        all.push('\n');
    }
    all
}

fn seen(m: &Mount, file: &str) -> String {
    let refused = |e: std::io::Error| match errno(Err::<(), _>(e)) {
        libc::EACCES => "-".to_owned(),
        libc::ENOENT => "none".to_owned(),
        other => panic!("errno {other}"),
    };
    let names = fs::read_dir(m.root()).and_then(|dir| {
        let names: std::io::Result<Vec<_>> =
            dir.map(|entry| entry.map(|entry| entry.file_name().into_string().unwrap())).collect();
        let mut names = names?;
        names.sort();
        Ok(names.join("+"))
    });
    let read = |name: &str| fs::read_to_string(m.path(name)).unwrap_or_else(refused);
    let written = fs::write(m.path("new"), "x").and_then(|()| fs::remove_file(m.path("new")));
    let written = written.map_or_else(refused, |()| "ok".to_owned());
    format!("{} {} {} {written}", names.unwrap_or_else(refused), read(file), read("none"))
}

/// Its name, what alice does, and what bob and carol see then.
type Stage<'a> = (&'a str, &'a [&'a [&'a str]], [String; 2]);

/// Before, while and after something is shared, by policy and by lists, each person sees and may do through mounts what
/// the same person may do with boto3.
pub fn each_sees_what_boto3_sees(world: &World) {
    world.put(ALICE, "f", "text");
    world.put(ALICE, "d/g", "inner");
    let (bucket, folder) = (world.bucket().to_owned(), format!("{}/d", world.bucket()));
    let own = "d+f text none ok g inner none ok";
    let nothing = "- - - -";
    let stages: [Stage; 4] = [
        ("nobody", &[], [format!("{nothing} {nothing}"), format!("{nothing} {nothing}")]),
        (
            "by policy",
            &[&["share", &bucket, "--with", BOB, "--write"], &["share", &folder, "--with", CAROL]],
            [own.to_owned(), format!("{nothing} g inner none -")],
        ),
        (
            "bob's is taken back, carol's is changed",
            &[&["share", &bucket, "--revoke", BOB], &["share", &folder, "--with", CAROL, "--write"]],
            [format!("{nothing} {nothing}"), format!("{nothing} g inner none ok")],
        ),
        (
            "by lists",
            &[&["share", &folder, "--revoke", CAROL], &["share", &bucket, "--by", "acl", "--with", BOB]],
            ["d+f text none - g inner none -".to_owned(), format!("{nothing} {nothing}")],
        ),
    ];
    for (what, commands, [bob, carol]) in stages {
        for words in commands {
            world.command(ALICE, words).ok();
        }
        let expected = format!("{ALICE} {own}\n{BOB} {bob}\n{CAROL} {carol}\n");
        assert_eq!(world.boto3(ALICE, DEEDS).ok(), expected, "{what}: boto3");
        assert_eq!(by_mounts(world), expected, "{what}: mounts");
    }
}
