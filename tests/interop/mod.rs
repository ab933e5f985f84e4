//! Other clients of the same bucket: what they wrote looks right here, what is written here looks right to them.

#![allow(dead_code)] // not every user runs every case

pub mod clients;
pub mod s3fs;

use crate::support::{Ran, Service, run, run_for};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A token's secret is not looked at; some clients take no empty one.
const SECRET: &str = "unused";

/// Where another client finds the mounted part of the bucket: `s3://BUCKET/PREFIX`.
fn url(service: &Service) -> String {
    let (bucket, prefix) = service.bucket();
    format!("s3://{bucket}/{prefix}")
}

fn config(service: &Service, name: &str, text: &str) -> PathBuf {
    let path = service.folder().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path
}

/// `s3cmd WORDS` in a folder.
fn s3cmd(service: &Service, dir: &Path, words: &[&str]) -> Ran {
    let host = service.endpoint().replace("http://", "");
    let text = format!(
        "[default]\naccess_key = {}\nsecret_key = {SECRET}\nhost_base = {host}\nhost_bucket = {host}\nuse_https = False\n",
        service.access_key()
    );
    let config = config(service, "s3cmd.ini", &text);
    run(dir, "s3cmd", &[&["-c", config.to_str().unwrap(), "--no-progress"], words].concat())
}

/// `rclone WORDS`; the remote is `s3:`.
fn rclone(service: &Service, dir: &Path, words: &[&str]) -> Ran {
    let text = format!(
        "[s3]\ntype = s3\nprovider = Ceph\naccess_key_id = {}\nsecret_access_key = {SECRET}\nendpoint = {}\n",
        service.access_key(),
        service.endpoint()
    );
    let config = config(service, "rclone.conf", &text);
    run(dir, "rclone", &[&["--config", config.to_str().unwrap()], words].concat())
}

/// The remote name of the mounted part for rclone.
fn remote(service: &Service) -> String {
    url(service).replace("s3://", "s3:")
}

/// A Python script with `s3`, `bucket` and `prefix` at hand.
fn boto3(service: &Service, dir: &Path, script: &str) -> Ran {
    let (bucket, prefix) = service.bucket();
    let head = format!(
        "import boto3, botocore.config, sys, os\n\
         config = botocore.config.Config(s3={{'addressing_style': 'path'}}, request_checksum_calculation='when_required',\n\
         \x20   response_checksum_validation='when_required')\n\
         s3 = boto3.client('s3', endpoint_url='{}', region_name='us-east-1', aws_access_key_id='{}',\n\
         \x20   aws_secret_access_key='{SECRET}', config=config)\n\
         bucket, prefix = '{bucket}', '{prefix}'\n{script}",
        service.endpoint(),
        service.access_key()
    );
    let path = config(service, "script.py", &head);
    run(dir, &crate::support::venv_python(), &[path.to_str().unwrap()])
}

/// A mount of the same bucket by s3fs.
struct S3fs {
    at: PathBuf,
}

impl S3fs {
    fn mount(service: &Service) -> S3fs {
        let secret = config(service, "s3fs.passwd", &format!("{}:{SECRET}", service.access_key()));
        let (bucket, prefix) = service.bucket();
        let at = service.folder().canonicalize().unwrap().join("s3fs");
        fs::create_dir_all(&at).unwrap();
        let source =
            if prefix.is_empty() { bucket.to_owned() } else { format!("{bucket}:/{}", prefix.trim_end_matches('/')) };
        let options =
            format!("url={},use_path_request_style,use_xattr,passwd_file={}", service.endpoint(), secret.display());
        run(service.folder(), "s3fs", &[&source, at.to_str().unwrap(), "-o", &options]).ok();
        let mount = S3fs { at };
        // It answers 0 before it is mounted.
        crate::support::soon("the mount of s3fs", || mount.is_mounted());
        mount
    }

    fn is_mounted(&self) -> bool {
        let table = fs::read_to_string("/proc/self/mounts").unwrap();
        table.lines().any(|line| line.split(' ').nth(1) == self.at.to_str() && line.contains("fuse.s3fs"))
    }

    fn umount(self) {}
}

impl Drop for S3fs {
    fn drop(&mut self) {
        let at = self.at.to_str().unwrap();
        for flags in ["-u", "-uz"] {
            if self.is_mounted() {
                run_for(Duration::from_secs(30), Path::new("/"), "fusermount3", &[flags, at]);
            }
        }
    }
}
