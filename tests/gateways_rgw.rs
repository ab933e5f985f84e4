//! Several real gateways behind one name, over TLS; gateways and the user directory killed and restarted.
//!
//! Not part of a plain `cargo test` (see `Cargo.toml`): `scripts/test` starts three gateways and calls it, or
//!
//! ```text
//! scripts/rgw up --gateways 3 && eval "$(scripts/rgw env)" && cargo test --test gateways_rgw -- --test-threads=1
//! ```

#[path = "gateways/copying.rs"]
mod copying;
#[path = "gateways/killed.rs"]
mod killed;
#[path = "gateways/proxy.rs"]
mod proxy;
mod support;

use copying::copies_outlive;
use proxy::HttpProxy;
use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::{Mount, PROGRAM, Service, errno, pattern, soon};

const RESOLVE: &str = "localhost:127.0.0.1,127.0.0.2,127.0.0.3";

fn var(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: see the head of this file"))
}

fn script(words: &[&str]) -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/rgw");
    // It waits until its standard input ends.
    let mut command = Command::new("sh");
    command.args(["-c", "cat >/dev/null; exec \"$0\" \"$@\"", script]).args(words);
    command.args(["--release", &var("OSIRISFS_RGW_RELEASE"), "--dir", &var("OSIRISFS_RGW_DIR")]);
    command
}

/// `scripts/rgw` with these words.
fn rgw(words: &[&str]) {
    let output = script(words).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
}

/// The same as soon as its standard input is closed.
fn rgw_later(words: &[&str]) -> Child {
    script(words).stdin(Stdio::piped()).spawn().unwrap()
}

fn mount(service: &Service, more: &[&str]) -> Mount {
    assert_eq!(var("OSIRISFS_RGW_GATEWAYS"), "3");
    let ca = var("OSIRISFS_RGW_CA_FILE");
    let flags = [&["--resolve", RESOLVE, "--ca-file", &ca], more].concat();
    service.mount_at(&var("OSIRISFS_RGW_TLS_ENDPOINT"), &flags)
}

fn command(service: &Service, words: &[&str], vars: &[(&str, &str)]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(words).current_dir(service.folder()).env_clear().env("HOME", service.folder());
    command.envs(vars.iter().copied()).output().unwrap()
}

#[test]
fn gateways_are_killed_and_come_back_during_rsync() {
    let service = Service::rgw();
    let source = tempfile::tempdir().unwrap();
    for n in 0..80 {
        fs::write(source.path().join(format!("f{n}")), pattern(n, 2000 + n as usize * 1000)).unwrap();
    }
    fs::write(source.path().join("large"), pattern(5, 40 << 20)).unwrap();
    let mut mount = mount(&service, &[]);
    copies_outlive(&mut mount, source.path(), || {
        for name in ["rgw", "rgw-2", "rgw-3"] {
            rgw(&["kill", name]);
            std::thread::sleep(Duration::from_millis(700));
            rgw(&["start", name]);
            std::thread::sleep(Duration::from_millis(1500));
        }
    });
}

/// The gateway says of every token that it is invalid while it cannot ask its LDAP server.
#[test]
fn the_user_directory_is_away_for_a_while() {
    let service = Service::rgw();
    let mount = mount(&service, &["--max-age", "0"]);
    fs::write(mount.path("file"), "before").unwrap();
    rgw(&["kill", "slapd"]);
    let back = std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(4));
        rgw(&["start", "slapd"]);
    });
    let began = Instant::now();
    fs::write(mount.path("other"), "in between").unwrap();
    assert_eq!(fs::read_to_string(mount.path("file")).unwrap(), "before");
    let took = began.elapsed();
    back.join().unwrap();
    assert!(!mount.log().contains("does not accept"), "{}", mount.log());
    eprintln!("waited {took:?} for the user directory");
}

#[test]
fn a_token_that_is_refused_for_good() {
    let service = Service::rgw();
    let mount = mount(&service, &["--max-age", "0", "--token-grace", "1s"]);
    fs::write(mount.path("file"), "before").unwrap();
    rgw(&["kill", "slapd"]);
    for _ in 0..3 {
        assert_eq!(errno(fs::metadata(mount.path("no-such-file"))), libc::EACCES);
    }
    assert_eq!(mount.log().matches("does not accept the token or key").count(), 1, "{}", mount.log());
    rgw(&["start", "slapd"]);
    soon("the token is good again", || fs::read_to_string(mount.path("file")).is_ok());
}

#[test]
fn certificates_are_verified_unless_it_is_said_in_full() {
    let service = Service::rgw();
    // The certificate is for localhost.
    let endpoint = var("OSIRISFS_RGW_TLS_ENDPOINT").replace("localhost", "127.0.0.1");
    let ca = var("OSIRISFS_RGW_CA_FILE");
    let whoami = ["whoami", "--token-file", "token", "--endpoint", &endpoint];
    for more in [&[][..], &["--ca-file", &ca][..]] {
        let output = command(&service, &[&whoami[..], more].concat(), &[]);
        assert!(String::from_utf8_lossy(&output.stderr).contains("is not trusted"), "{output:?}");
        let output = command(&service, &[&["sites", "--endpoint", &endpoint][..], more].concat(), &[]);
        assert!(String::from_utf8_lossy(&output.stdout).contains("TLS REFUSED"), "{output:?}");
        assert_eq!(output.status.code(), Some(1));
    }
    let output = command(&service, &[&whoami[..], &["--no-tls-verif"]].concat(), &[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = command(&service, &[&whoami[..], &["--no-tls-verify"]].concat(), &[]);
    assert!(output.stdout.starts_with(b"alice_um\n"), "{output:?}");
    let named = var("OSIRISFS_RGW_TLS_ENDPOINT");
    let words = ["sites", "--endpoint", &named, "--resolve", RESOLVE, "--ca-file", &ca];
    let output = command(&service, &words, &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.matches("TLS verified").count(), 3, "{text}");
}

#[test]
fn a_proxy_carries_tls() {
    let service = Service::rgw();
    let endpoint = var("OSIRISFS_RGW_TLS_ENDPOINT");
    let server = endpoint.replace("https://localhost", "127.0.0.1").parse().unwrap();
    let proxy = HttpProxy::before(server);
    // Only the proxy knows this name, for which the gateway has no certificate.
    let port = endpoint.rsplit(':').next().unwrap();
    let hidden = format!("rgw.behind.invalid:{port}");
    let words = ["whoami", "--token-file", "token", "--endpoint", &format!("https://{hidden}"), "--no-tls-verify"];
    let output = command(&service, &words, &[("HTTPS_PROXY", &proxy.url())]);
    assert!(output.stdout.starts_with(b"alice_um\n"), "{output:?}");
    let heads = proxy.heads();
    assert!(heads[0].starts_with(&format!("CONNECT {hidden} ")), "{heads:?}");
    assert!(!heads.concat().contains(&service.access_key()));
}
