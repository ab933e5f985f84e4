//! `osirisfs doctor`.

use crate::house::*;
use osirisfs::server::Fault;
use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

#[test]
fn doctor_is_content_or_says_what_to_do() {
    let house = House::new();
    let options = format!("endpoint={},token_file=token", house.endpoint());
    let output = house.run(&["doctor", BUCKET, "-o", &options]);
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    for line in [
        "fuse",
        "kernel",
        "cache folder",
        "name",
        "connection",
        "clock",
        "user",
        "service",
        "bucket",
        "versions",
        "writing",
        "conditions",
    ] {
        assert!(words.lines().any(|l| l.starts_with("ok  ") && l[5..].starts_with(line)), "{line}: {words}");
    }
    assert!(words.contains("you are alice_um"), "{words}");
    // Without a bucket the credentials are tried all the same.
    let output = house.run(&["doctor", "-o", &options]);
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && words.contains("you are alice_um") && !words.contains("bucket  "), "{words}");
    house.secret("other", "no-token-of-anybody");
    let output = house.run(&["doctor", "-o", &format!("endpoint={},token_file=other", house.endpoint())]);
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(1) && words.contains("BAD  user"), "{words}");
    // It leaves nothing behind.
    let pid = house.mount(&[]);
    assert_eq!(fs::read_dir(house.mountpoint()).unwrap().count(), 0);
    assert!(house.umount(&[]).status.success() && is_gone(pid));

    let options = "endpoint=http://127.0.0.1:1,token_file=token";
    let output = house.run(&["doctor", BUCKET, "-o", options]);
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(1) && words.lines().any(|l| l.starts_with("BAD  connection")), "{words}");
    let output = house.run(&["doctor", "no-bucket", "-o", &format!("endpoint={},token_file=token", house.endpoint())]);
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.code() == Some(1) && words.contains("BAD  bucket") && words.contains("check its spelling"),
        "{words}"
    );
    let output = house.run(&["doctor", BUCKET, "-o", "token_file=nowhere"]);
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(1) && words.contains("BAD  settings"), "{words}");
    assert!(!words.contains(&house.token));
}

#[test]
fn doctor_sees_who_may_only_read() {
    let house = House::new();
    house.server.as_ref().unwrap().on_request(Box::new(|request| {
        if request.op == "PutObject" { Fault::Status(403, "AccessDenied") } else { Fault::Pass }
    }));
    let options = format!("endpoint={},token_file=token", house.endpoint());
    let output = house.run(&["doctor", BUCKET, "-o", &options]);
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.code() == Some(1) && words.contains("BAD  writing") && words.contains("mount it with ro"),
        "{words}"
    );
    let output = house.run(&["doctor", BUCKET, "-o", &format!("{options},ro")]);
    assert!(output.status.success(), "{output:?}");
}

/// openssl(1) as a service with a certificate that nobody has signed, on this port.
fn tls_service(house: &House, port: u16) -> Child {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem"]);
    openssl
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    let made = openssl.current_dir(house.path("")).output().expect("openssl is installed (scripts/test)");
    assert!(made.status.success(), "{made:?}");
    let mut openssl = Command::new("openssl");
    openssl.args(["s_server", "-quiet", "-www", "-key", "key.pem", "-cert", "cert.pem"]);
    openssl.args(["-accept", &format!("127.0.0.1:{port}")]).current_dir(house.path("")).stdin(Stdio::null());
    let service = openssl.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    soon("the TLS service", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    service
}

#[test]
fn doctor_looks_at_certificates() {
    let house = House::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut service = tls_service(&house, port);
    let look = |more: &str| {
        let options = format!("endpoint=https://localhost:{port},resolve=localhost:127.0.0.1,token_file=token{more}");
        let output = house.run(&["doctor", BUCKET, "-o", &options]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let (unknown, known) = (look(""), look(",ca_file=cert.pem"));
    service.kill().unwrap();
    service.wait().unwrap();
    let line = |words: &str, begin: &str| words.lines().any(|line| line.starts_with(begin));
    assert!(line(&unknown, "BAD  tls") && unknown.contains("ca_file"), "{unknown}");
    assert!(line(&known, "ok   tls"), "{known}");
}
