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
