//! Those who watch a mount: status, list, doctor, metrics, and the log.

use crate::house::*;
use osirisfs::server::Fault;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

/// What a consumer of JSON reads.
fn jq(text: &[u8], filter: &str) -> String {
    let mut child = Command::new("jq")
        .args(["-er", filter])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("jq is installed (scripts/test)");
    child.stdin.take().unwrap().write_all(text).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{filter}: {}", String::from_utf8_lossy(text));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_status_tells_what_the_mount_has_done() {
    let house = House::new();
    house.mount(&[]);
    fs::write(house.mountpoint().join("a"), vec![1; 300_000]).unwrap();
    let output = house.run(&["status", "mount", "--json"]);
    assert_eq!(jq(&output.stdout, ".source"), BUCKET);
    assert_eq!(jq(&output.stdout, ".user"), "alice_um");
    assert_eq!(jq(&output.stdout, ".bytes_up >= 300000"), "true");
    assert_eq!(jq(&output.stdout, ".requests.PutObject.ended >= 1 and .retries == 0"), "true");
    assert_eq!(jq(&output.stdout, ".pending | length"), "0");
    assert_eq!(jq(&output.stdout, ".service.clock_ahead | fabs < 5"), "true");
    let words = house.run(&["status", "mount"]);
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.starts_with(&format!("{BUCKET} on ")) && words.contains("everything is stored"), "{words}");
    assert!(!words.contains('\x1b') && !words.contains(&house.token), "{words}");
    // Without a mount point: all of mine, this one among them.
    let all = house.run(&["status", "--json"]);
    let all = String::from_utf8(all.stdout).unwrap();
    let place = house.mountpoint().display().to_string();
    assert!(all.lines().any(|line| line.contains(&place)), "{all}");
    assert!(house.umount(&[]).status.success());
    let output = house.run(&["status", "mount"]);
    assert!(output.status.code() == Some(1) && words_of(&output).contains("nothing is mounted"), "{output:?}");
}

#[test]
fn the_cache_counts_what_it_saves() {
    let house = House::new();
    house.mount(&[]);
    fs::write(house.mountpoint().join("a"), vec![1; 3 << 20]).unwrap();
    assert!(house.umount(&[]).status.success());
    house.mount(&[]);
    let file = house.mountpoint().join("a");
    fs::read(&file).unwrap();
    let first = json(&house.run(&["status", "mount", "--json"]));
    assert!(first["cache"]["used"].as_u64() >= Some(3 << 20), "{first}");
    nix::unistd::sync();
    fs::write("/proc/sys/vm/drop_caches", "1").unwrap();
    fs::read(&file).unwrap();
    let second = json(&house.run(&["status", "mount", "--json"]));
    let hits = |status: &Value| status["cache"]["hits"].as_u64().unwrap();
    assert!(hits(&second) >= hits(&first) + 10, "{first} {second}");
    assert_eq!(second["bytes_down"], first["bytes_down"]);
    assert!(house.umount(&[]).status.success());
}

#[test]
fn what_waits_and_what_went_wrong_is_shown() {
    let house = House::new();
    house.mount(&["--retry-for", "1s"]);
    house.refuse("lost.txt");
    let _ = fs::write(house.mountpoint().join("lost.txt"), "precious");
    let output = house.run(&["status", "mount", "--json"]);
    assert_eq!(jq(&output.stdout, ".pending[0] | .path + \" \" + (.bytes | tostring)"), "lost.txt 8");
    assert!(jq(&output.stdout, ".troubles[-1].what").contains("500"));
    assert_eq!(jq(&output.stdout, "(.troubles[-1].when > 1700000000) and (.log | length > 0)"), "true");
    let words = String::from_utf8(house.run(&["status", "mount"]).stdout).unwrap();
    assert!(words.contains("1 file, 0 B of 8 B sent") && words.contains("lost.txt"), "{words}");
    let list = json(&house.run(&["list", "--json"]));
    let place = house.mountpoint().display().to_string();
    let row = list.as_array().unwrap().iter().find(|row| row["mountpoint"] == place.as_str()).unwrap().clone();
    assert_eq!(
        (row["state"].as_str(), row["pending"].as_u64(), row["user"].as_str()),
        (Some("storing"), Some(1), Some("root"))
    );
    house.refuse_nothing();
    assert!(house.umount(&[]).status.success());
}

#[test]
fn a_dead_mount_is_listed_as_such() {
    let house = House::new();
    let pid = house.mount(&[]);
    kill(pid, nix::sys::signal::SIGKILL);
    soon("the death of the daemon", || is_gone(pid));
    soon("a dead mount", || nix::sys::statfs::statfs(&house.mountpoint()).is_err());
    let words = String::from_utf8(house.run(&["list"]).stdout).unwrap();
    let place = house.mountpoint().display().to_string();
    assert!(words.lines().any(|line| line.contains(&place) && line.contains("dead")), "{words}");
    let output = house.run(&["status", "mount"]);
    assert!(output.status.code() == Some(1) && words_of(&output).contains("has died"), "{output:?}");
    assert!(house.umount(&[]).status.success());
}

#[test]
fn watch_draws_again_and_again_and_ends_when_nobody_looks() {
    let house = House::new();
    house.mount(&[]);
    let mut child = house.command(&["status", "--watch", "mount"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut seen, mut buffer) = (String::new(), [0; 4096]);
    while seen.matches("to store").count() < 3 {
        let len = stdout.read(&mut buffer).unwrap();
        assert!(len > 0, "{seen}");
        seen += &String::from_utf8_lossy(&buffer[..len]);
    }
    drop(stdout);
    assert!(child.wait().unwrap().success(), "a reader that goes away ends it");
    assert!(house.umount(&[]).status.success());
}

/// The command at a terminal of 120 columns: script(1) lends it one, and hands its own input on as keys.
fn at_a_terminal(house: &House, words: &str) -> Command {
    let inside = format!("stty columns 120 rows 40; exec {PROGRAM} {words}");
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &inside, "/dev/null"]).env_clear().env("TERM", "xterm-256color");
    script.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("SHELL", "/bin/sh").current_dir(house.path(""));
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    script
}

#[test]
fn at_a_terminal_the_watcher_gets_a_picture_and_his_terminal_back() {
    let house = House::new();
    house.mount(&[]);
    fs::write(house.mountpoint().join("a"), vec![1; 300_000]).unwrap();
    let mut child = at_a_terminal(&house, "status --watch mount").spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut seen, mut buffer) = (String::new(), [0; 4096]);
    while !(seen.contains("everything is stored") && seen.contains("q ends")) {
        let len = stdout.read(&mut buffer).unwrap();
        assert!(len > 0, "{seen}");
        seen += &String::from_utf8_lossy(&buffer[..len]);
    }
    // The other screen of the terminal, with frames.
    assert!(seen.contains("\x1b[?1049h") && seen.contains('╭') && seen.contains("traffic"), "{seen}");
    child.stdin.take().unwrap().write_all(b"q").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success() && rest.contains("\x1b[?1049l"), "{rest}");
    assert!(house.umount(&[]).status.success());
}

#[test]
fn at_a_terminal_umount_shows_how_far_it_is() {
    let house = House::new();
    house.mount(&[]);
    // Attributes are stored a second later, or by umount; and that takes its time here.
    fs::write(house.mountpoint().join("a"), "x").unwrap();
    house.server.as_ref().unwrap().on_request(Box::new(|request| match request.op {
        "CopyObject" => Fault::Delay(Duration::from_secs(4)),
        _ => Fault::Pass,
    }));
    fs::set_permissions(house.mountpoint().join("a"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let output = at_a_terminal(&house, "umount mount").output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert!(words.contains("storing [") && words.contains("1 file, 0 B left"), "{words}");
    // Without a terminal nothing of the kind.
    house.mount(&[]);
    fs::set_permissions(house.mountpoint().join("a"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let output = house.umount(&[]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn metrics_are_such_as_prometheus_reads() {
    let house = House::new();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    house.mount(&["--metrics", &port.to_string()]);
    fs::write(house.mountpoint().join("a"), vec![1; 300_000]).unwrap();
    let get = |path: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = get("/metrics");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain"), "{head}");
    let put = body.lines().find(|line| {
        line.starts_with("osirisfs_request_duration_seconds_count") && line.contains("operation=\"PutObject\"")
    });
    assert!(put.is_some_and(|line| line.contains("bucket=\"cou-data\"") && !line.ends_with(" 0")), "{body}");
    let infinite = body.lines().any(|line| line.contains("le=\"+Inf\"") && line.contains("PutObject"));
    let calls = body
        .lines()
        .find(|line| line.starts_with("osirisfs_operations_total{") && line.contains("operation=\"write\""));
    assert!(calls.is_some_and(|line| !line.ends_with(" 0")), "{body}");
    // A close waits for the service.
    let flush = body.lines().find(|line| {
        line.starts_with("osirisfs_operation_duration_seconds_sum{") && line.contains("operation=\"flush\"")
    });
    assert!(flush.is_some(), "{body}");
    assert!(infinite && body.contains("# TYPE osirisfs_pending_files gauge"), "{body}");
    assert!(get("/").starts_with("HTTP/1.1 404"));
    assert!(!body.contains(&house.token));
    promtool(body);
    assert!(house.umount(&[]).status.success());
}

/// `promtool check metrics`.
fn promtool(text: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool is installed (scripts/test)");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn each_request_is_logged_when_asked_for_and_the_token_never() {
    let house = House::new();
    house.mount(&["--log-requests", "--log-file", "log"]);
    fs::write(house.mountpoint().join("some file"), "x").unwrap();
    assert!(house.umount(&[]).status.success());
    let log = fs::read_to_string(house.path("log")).unwrap();
    let put = log.lines().find(|line| line.contains("PutObject") && line.contains("some file"));
    let put = put.unwrap_or_else(|| panic!("{log}"));
    for part in ["osirisfs::requests", "status=200", "ms=", "up=1", "request=\"tx"] {
        assert!(put.contains(part), "{part}: {put}");
    }
    assert!(!log.contains(&house.token));
}
