//! s3cmd, rclone and boto3.

use super::{boto3, rclone, remote, s3cmd, url};
use crate::programs::assert_same_tree;
use crate::support::{Service, assert_same, pattern, sh};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// A small tree of plain files with times and modes, outside of the mount.
fn files(service: &Service) -> std::path::PathBuf {
    let make = "mkdir -p files/sub; cd files; echo text > a.txt; head -c 20000000 /dev/urandom > large.bin; : > empty\n\
        echo inner > 'sub/b c+d%é.html'; chmod 640 a.txt; chmod 755 'sub/b c+d%é.html'; chown 1234:2345 a.txt\n\
        touch -d '2009-02-13 23:31:30 UTC' a.txt; touch -d '2001-01-01 UTC' large.bin";
    sh(service.folder(), make).ok();
    service.folder().join("files")
}

fn contents(root: &std::path::Path) -> String {
    sh(root, "find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum").ok()
}

/// `s3cmd put` keeps attributes in one header of its own.
pub fn what_s3cmd_wrote_shows_here(service: &Service) {
    let files = files(service);
    s3cmd(service, &files, &["put", "--recursive", "--preserve", "--multipart-chunk-size-mb=8", "./", &url(service)])
        .ok();
    let m = service.mount();
    let look = "stat -c '%a %u:%g %Y %n' a.txt large.bin 'sub/b c+d%é.html'";
    assert_eq!(sh(m.root(), look).ok(), sh(&files, look).ok());
    assert_same_tree("content", &contents(m.root()), &contents(&files));
    // A change here is seen by s3cmd, its header included.
    sh(
        m.root(),
        "touch -d '2011-11-11 UTC' a.txt; chmod 600 a.txt; echo more >> a.txt; touch -d '2011-11-11 UTC' a.txt",
    )
    .ok();
    m.umount();
    fs::create_dir(service.folder().join("out")).unwrap();
    s3cmd(service, service.folder(), &["sync", &url(service), "out/"]).ok();
    let back = service.folder().join("out/a.txt");
    assert_eq!(fs::read_to_string(&back).unwrap(), "text\nmore\n");
    assert_eq!((fs::metadata(&back).unwrap().mtime(), fs::metadata(&back).unwrap().mode()), (1320969600, 0o100600));
}

pub fn s3cmd_shows_what_is_written_here(service: &Service) {
    let m = service.mount();
    let files = files(service);
    sh(m.root(), &format!("cp -a {}/* .", files.display())).ok();
    m.umount();
    fs::create_dir(service.folder().join("out")).unwrap();
    s3cmd(service, service.folder(), &["sync", &url(service), "out/"]).ok();
    assert_same_tree("content", &contents(&service.folder().join("out")), &contents(&files));
    let again = s3cmd(service, service.folder(), &["sync", "--dry-run", "--no-preserve", "files/", &url(service)]).ok();
    assert!(!again.contains("upload:"), "nothing is new to s3cmd: {again}");
    let info = s3cmd(service, service.folder(), &["info", &format!("{}sub/b c+d%é.html", url(service))]).ok();
    assert!(info.contains("text/html"), "{info}");
}

pub fn what_rclone_wrote_shows_here(service: &Service) {
    let files = files(service);
    sh(&files, "touch -d '2009-02-13 23:31:30.123456789 UTC' a.txt").ok();
    rclone(service, service.folder(), &["copy", "files", &remote(service), "--s3-upload-cutoff", "8M"]).ok();
    let m = service.mount();
    let look = "stat -c '%.9Y %n' a.txt large.bin empty 'sub/b c+d%é.html'";
    assert_eq!(sh(m.root(), look).ok(), sh(&files, look).ok());
    assert_same_tree("content", &contents(m.root()), &contents(&files));
    // Attributes and data that change here agree with rclone's own notes of them.
    sh(m.root(), "echo more >> a.txt; printf x | dd of=large.bin bs=1 seek=9000000 conv=notrunc status=none").ok();
    sh(&files, "echo more >> a.txt; printf x | dd of=large.bin bs=1 seek=9000000 conv=notrunc status=none").ok();
    m.umount();
    rclone(service, service.folder(), &["check", "files", &remote(service), "--download"]).ok();
    rclone(service, service.folder(), &["check", "files", &remote(service)]).ok();
}

pub fn rclone_shows_what_is_written_here(service: &Service) {
    let m = service.mount();
    let files = files(service);
    sh(m.root(), &format!("cp -a {}/* .; mkdir emptydir", files.display())).ok();
    m.umount();
    rclone(service, service.folder(), &["check", "files", &remote(service), "--download"]).ok();
    let listed = rclone(service, service.folder(), &["lsl", &remote(service)]).ok();
    assert!(listed.contains("5 2009-02-13 23:31:30.000000000 a.txt"), "{listed}");
    let again = rclone(service, service.folder(), &["sync", "files", &remote(service), "-v", "--dry-run"]);
    assert!(!again.err.contains("Copied") && !again.err.contains("copy"), "nothing is new to rclone: {}", again.err);
    again.ok();
    // What it moves inside the bucket moves here, attributes included.
    let to = format!("{}moved.txt", remote(service));
    rclone(service, service.folder(), &["moveto", &format!("{}a.txt", remote(service)), &to]).ok();
    let m = service.mount();
    assert_eq!(
        sh(m.root(), "stat -c '%a %u:%g %Y' moved.txt; ls; cat moved.txt").ok(),
        "640 1234:2345 1234567890\nempty\nemptydir\nlarge.bin\nmoved.txt\nsub\ntext\n"
    );
}

pub fn what_boto3_wrote_shows_here(service: &Service) {
    let bytes = pattern(1, 20_000_000);
    fs::write(service.folder().join("large"), &bytes).unwrap();
    let script = "from boto3.s3.transfer import TransferConfig\n\
        s3.put_object(Bucket=bucket, Key=prefix + 'plain', Body=b'hello')\n\
        s3.put_object(Bucket=bucket, Key=prefix + 'deep/er/file', Body=b'', ContentType='text/x-mine')\n\
        s3.put_object(Bucket=bucket, Key=prefix + 'typed', Body=b'x', Metadata={'mode': '33184', 'uid': '7', 'gid': '8', 'mtime': '1234567890.5', 'colour': 'blue'})\n\
        s3.put_object(Bucket=bucket, Key=prefix + 'dir/', Body=b'')\n\
        s3.upload_file('large', bucket, prefix + 'large', Config=TransferConfig(multipart_threshold=1 << 20, multipart_chunksize=8 << 20))\n\
        s3.copy_object(Bucket=bucket, Key=prefix + 'copied', CopySource={'Bucket': bucket, 'Key': prefix + 'typed'})\n";
    boto3(service, service.folder(), script).ok();
    let mut m = service.mount();
    let look =
        "stat -c '%A %u:%g %s %n' plain typed copied dir deep deep/er/file; stat -c %.9Y typed; cat plain; echo; ls";
    let want = "-rw-r--r-- 0:0 5 plain\n-rw-r----- 7:8 1 typed\n-rw-r----- 7:8 1 copied\ndrwxr-xr-x 0:0 4096 dir\n\
                drwxr-xr-x 0:0 4096 deep\n-rw-r--r-- 0:0 0 deep/er/file\n1234567890.500000000\nhello\n\
                copied\ndeep\ndir\nlarge\nplain\ntyped\n";
    assert_eq!(sh(m.root(), look).ok(), want);
    assert_same("large", &fs::read(m.path("large")).unwrap(), &bytes);
    sh(m.root(), "echo more >> typed; chmod 600 deep/er/file").ok();
    m.again();
    let check = "h = s3.head_object(Bucket=bucket, Key=prefix + 'typed')\n\
        print(h['Metadata']['colour'], h['Metadata']['mode'], h['ContentLength'])\n\
        print(s3.head_object(Bucket=bucket, Key=prefix + 'deep/er/file')['ContentType'])\n";
    assert_eq!(boto3(service, service.folder(), check).ok(), "blue 33184 6\ntext/x-mine\n");
}

pub fn boto3_shows_what_is_written_here(service: &Service) {
    let m = service.mount();
    let make = "mkdir d; echo text > d/a.txt; echo '{}' > d/b.json; echo x > noext; head -c 30000000 /dev/zero > d/zeros.bin; \
                ln -s a.txt d/l; touch -d '2009-02-13 23:31:30.25 UTC' d/a.txt; chmod 604 d/a.txt";
    sh(m.root(), make).ok();
    m.umount();
    let script = "import hashlib\n\
        keys = [o['Key'][len(prefix):] for o in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)['Contents']]\n\
        print(' '.join(k for k in keys if not k.startswith('.osirisfs/')))\n\
        for k in ['d/', 'd/a.txt', 'd/b.json', 'd/l', 'noext']:\n\
        \x20   o = s3.get_object(Bucket=bucket, Key=prefix + k); m = o['Metadata']\n\
        \x20   print(k, o['ContentType'], m['mode'], m['uid'], o['Body'].read())\n\
        print(s3.head_object(Bucket=bucket, Key=prefix + 'd/a.txt')['Metadata']['mtime'])\n\
        print(hashlib.md5(s3.get_object(Bucket=bucket, Key=prefix + 'd/zeros.bin')['Body'].read()).hexdigest())\n";
    let want = "d/ d/a.txt d/b.json d/l d/zeros.bin noext\n\
        d/ application/x-directory 16877 0 b''\n\
        d/a.txt text/plain 33156 0 b'text\\n'\n\
        d/b.json application/json 33188 0 b'{}\\n'\n\
        d/l application/octet-stream 41471 0 b'a.txt'\n\
        noext application/octet-stream 33188 0 b'x\\n'\n\
        1234567890.250000000\n";
    let said = boto3(service, service.folder(), script).ok();
    let sum = sh(service.folder(), "head -c 30000000 /dev/zero | md5sum | cut -d' ' -f1").ok();
    assert_eq!(said, format!("{want}{sum}"));
}
