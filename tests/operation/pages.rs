//! Man pages and completions, as their readers take them.

use crate::house::*;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

#[test]
fn man_pages_render_without_warnings_and_name_every_option() {
    let house = House::new();
    let output = house.run(&["man-pages", "pages"]);
    assert!(output.status.success(), "{output:?}");
    let pages: Vec<PathBuf> = fs::read_dir(house.path("pages")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let page =
        |name: &str| pages.iter().find(|path| path.ends_with(name)).unwrap_or_else(|| panic!("{name}: {pages:?}"));
    for name in ["osirisfs.1", "osirisfs-mount.1", "osirisfs-umount.1", "osirisfs-run.1", "osirisfs-status.1"] {
        page(name);
    }
    for path in &pages {
        // Another name of a page, which man(1) finds once both are installed.
        if let Some(other) = fs::read_to_string(path).unwrap().strip_prefix(".so man8/") {
            page(other.trim_end());
            continue;
        }
        let mut man = Command::new("man");
        man.args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
            .arg(path)
            .env("MANWIDTH", "100")
            .env("LC_ALL", "C.UTF-8");
        let output = man.output().expect("man is installed (scripts/test)");
        assert!(output.status.success() && output.stderr.is_empty(), "{}: {output:?}", path.display());
    }
    let help = String::from_utf8(house.run(&["mount", "--help"]).stdout).unwrap();
    let text = |name: &str| fs::read_to_string(page(name)).unwrap().replace("\\-", "-");
    let (mount, helper, conf) = (text("osirisfs-mount.1"), text("mount.osirisfs.8"), text("osirisfs.conf.5"));
    let options: Vec<&str> = help
        .lines()
        .filter_map(|line| line.trim().split(' ').find(|word| word.starts_with("--")))
        .map(|word| word.trim_end_matches([',', ';', '.']))
        .collect();
    assert!(options.len() > 25, "{help}");
    for option in options {
        assert!(mount.contains(option), "{option} is not in osirisfs-mount(1)");
        let name = option.trim_start_matches('-').replace('-', "_");
        for (page, text) in [("mount.osirisfs(8)", &helper), ("osirisfs.conf(5)", &conf)] {
            assert!(name == "help" || text.contains(&name), "{name} is not in {page}");
        }
    }
}

#[test]
fn completions_load_in_bash_and_complete() {
    let house = House::new();
    for (shell, word) in [("zsh", "#compdef osirisfs"), ("fish", "complete -c osirisfs"), ("bash", "complete -F")] {
        let text = String::from_utf8(house.run(&["completions", shell]).stdout).unwrap();
        assert!(text.contains(word), "{shell}");
        fs::write(house.path(shell), text).unwrap();
    }
    let script = r#"set -eu; . ./bash; complete -p osirisfs >/dev/null
        COMP_WORDS=(osirisfs mount --cache-s) COMP_CWORD=2 COMPREPLY=(); _osirisfs osirisfs --cache-s mount; echo "${COMPREPLY[*]}"
        COMP_WORDS=(osirisfs um) COMP_CWORD=1 COMPREPLY=(); _osirisfs osirisfs um osirisfs; echo "${COMPREPLY[*]}""#;
    let output = Command::new("bash").args(["-c", script]).current_dir(house.path("")).output().unwrap();
    let words = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success() && words.lines().eq(["--cache-size", "umount"]), "{output:?}");
}
