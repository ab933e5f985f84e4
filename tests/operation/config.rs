//! Configuration files, as the program reads them.

use crate::house::*;
use std::fs;
use std::path::Path;

/// Writes the user's file of the house.
fn configure(house: &House, text: &str) {
    fs::create_dir_all(house.path(".config/osirisfs")).unwrap();
    fs::write(house.path(".config/osirisfs/config.toml"), text).unwrap();
}

#[test]
fn a_mount_takes_its_options_from_the_users_file() {
    let house = House::new();
    let text = format!(
        "endpoint = \"{}\"\ntoken_file = \"~/token\"\nfile_mode = \"0640\"\n[bucket.{BUCKET}]\nread_only = true\n",
        house.endpoint()
    );
    configure(&house, &text);
    let output = house.run(&["mount", BUCKET, "mount"]);
    assert!(output.status.success(), "{output:?}");
    assert!(fs::write(house.mountpoint().join("x"), "x").is_err(), "the bucket's section says read_only");
    assert!(house.umount(&[]).status.success());
    let output = house.run(&["mount", "-o", "rw", BUCKET, "mount"]);
    assert!(output.status.success(), "{output:?}");
    fs::write(house.mountpoint().join("x"), "x").unwrap();
    assert!(house.umount(&[]).status.success());
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_a_suggestion() {
    let house = House::new();
    configure(&house, "\ncache_sise = \"1G\"\n");
    let output = house.run(&["mount", BUCKET, "mount"]);
    let words = words_of(&output);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("config.toml line 2") && words.contains("\"cache_size\""), "{words}");
    assert!(house.in_table().is_none());
}

#[test]
fn show_tells_each_value_and_its_origin_and_is_itself_a_configuration_file() {
    let house = House::new();
    let file = house.path(".config/osirisfs/config.toml");
    configure(&house, "token_file = \"~/token\"\n[bucket.cou-data]\nuid = 7\n[site.x]\nendpoint = \"https://h\"\n");
    let mut command = house.command(&["config", "--show", BUCKET, "-o", "max_age=9,ro"]);
    let output = command.env("AWS_ENDPOINT_URL", "https://e.example.org").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |name: &str| {
        let found = text.lines().find(|line| line.trim_start_matches("# ").starts_with(&format!("{name} =")));
        found.unwrap_or_else(|| panic!("{name} is missing in:\n{text}")).to_owned()
    };
    assert!(line("uid").starts_with("uid = \"7\"") && line("uid").contains("line 3, [bucket.cou-data]"), "{text}");
    assert!(line("max_age").ends_with("# -o") && line("read_only").starts_with("read_only = true"), "{text}");
    assert!(line("endpoint").contains("e.example.org") && line("endpoint").contains("AWS_ENDPOINT_URL"), "{text}");
    assert!(line("cache_size").ends_with("# default") && line("gid").contains("group of who mounts"), "{text}");
    assert!(line("token_file").contains(file.to_str().unwrap()) && !text.contains(&house.token), "{text}");
    assert!(text.contains("[site.x]") && text.contains("from token file"), "{text}");
    // What was printed says the same when it is read.
    fs::write(house.path("printed.toml"), &text).unwrap();
    let again = house.run(&["config", "--show", "--config", "printed.toml", BUCKET]);
    assert!(again.status.success(), "{again:?}");
    let again = String::from_utf8(again.stdout).unwrap();
    let values = |text: &str| -> Vec<String> {
        let said = text.lines().filter(|line| !line.starts_with('#'));
        said.map(|line| line.split('#').next().unwrap().trim().to_owned()).collect()
    };
    assert_eq!(values(&text), values(&again));
}

#[test]
fn the_packaged_file_is_all_comments_and_right_when_they_are_taken_away() {
    let house = House::new();
    let packaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/osirisfs.conf");
    let text = fs::read_to_string(packaged).unwrap();
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "it changes nothing as it is");
    // A comment of words has a blank after its sign, a value has none.
    let in_force = |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or("").to_owned();
    let values: Vec<String> = text.lines().map(in_force).collect();
    fs::write(house.path("conf"), values.join("\n")).unwrap();
    let output = house.run(&["config", "--show", "--config", "conf"]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("[site.chicago]"));
}
