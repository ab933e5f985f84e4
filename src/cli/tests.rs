use super::*;

fn parsed(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' '))
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn unknown_words_get_a_suggestion() {
    let error = parsed("osirisfs moutn b /m").err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("mount"), "{error}");
    let error = parsed("osirisfs mount --cache-siz 5 b /m").err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("--cache-size"), "{error}");
}

#[test]
fn both_names_of_umount() {
    assert!(matches!(parsed("osirisfs umount /m").map(|c| c.command), Ok(Command::Umount(_))));
    assert!(matches!(parsed("osirisfs unmount -l /m").map(|c| c.command), Ok(Command::Umount(_))));
    assert!(parsed("osirisfs umount").is_err());
}

#[test]
fn every_option_of_mount_is_documented_and_grouped() {
    let command = mount_command();
    for arg in command.get_arguments().filter(|arg| arg.get_long().is_some() && !arg.is_hide_set()) {
        assert!(arg.get_help().is_some(), "{}", arg.get_id());
        assert!(arg.get_help_heading().is_some() || arg.get_id() == "help", "{}", arg.get_id());
    }
}

/// What the documents show after `osirisfs`, as far as a shell hands it to the program.
fn shown(text: &str) -> Vec<(String, bool)> {
    let words = |line: &str| {
        let line = line.split(" | ").next().unwrap_or_default();
        let line = [" # ", " > ", " && ", " || ", "; "]
            .iter()
            .fold(line, |line, end| line.split(end).next().unwrap_or_default());
        line.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect::<Vec<_>>().join(" ")
    };
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(code) = line.strip_prefix("    ") {
            let code = code.trim_start_matches("sudo ").trim_start_matches("exec ");
            if code.starts_with("osirisfs ") {
                found.push((words(code), true));
            }
        } else {
            let inline = line.split('`').skip(1).step_by(2).filter(|code| code.starts_with("osirisfs "));
            found.extend(inline.map(|code| (words(code), false)));
        }
    }
    found
}

#[test]
fn commands_in_the_documents_are_such_as_the_program_takes() {
    use clap::error::ErrorKind::{DisplayHelp, MissingRequiredArgument};
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut count = 0;
    for path in docs.chain([root.join("README.md"), root.join("packaging/osirisfs.conf")]) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for (line, whole) in shown(&text) {
            count += 1;
            match parsed(&line).map_err(|e| e.kind()) {
                Ok(_) | Err(DisplayHelp) => {}
                // In a sentence a command may stand without its words.
                Err(MissingRequiredArgument) if !whole => {}
                Err(kind) => panic!("{}: {line}: {kind:?}", path.display()),
            }
        }
    }
    assert!(count > 30, "only {count} commands were found");
}
