use super::*;

fn settings() -> Settings {
    let mut settings = Settings::sample("b", Path::new("/m"));
    settings.credentials.access_key = "eyJ+hush/hush==".to_owned();
    settings
}

#[test]
fn secrets_are_blotted_out_of_lines_in_both_forms() {
    let mut secrets = Secrets(Vec::new());
    secrets.add(&settings().credentials);
    let line = b"a eyJ+hush/hush== b eyJ%2Bhush%2Fhush%3D%3D c eyJ+hush/hush==\n";
    assert_eq!(secrets.blotted(line), b"a <hidden> b <hidden> c <hidden>\n");
    assert_eq!(secrets.blotted(b"nothing"), b"nothing");
}

#[test]
fn a_logged_token_does_not_reach_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings();
    settings.log_file = Some(dir.path().join("log"));
    hide(&settings.credentials);
    let log = Log { target: Arc::new(Target::of(&settings)) };
    let subscriber = tracing_subscriber::fmt().with_writer(log).with_ansi(false).finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(header = "Credential=eyJ+hush/hush==/2025", "sent");
    });
    let text = std::fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(text.contains("sent") && text.contains("<hidden>") && !text.contains("hush"), "{text}");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(dir.path().join("log")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn levels() {
    for good in ["off", "error", "warn", "info", "debug", "trace", "osirisfs::store=debug", "warn,osirisfs=trace"] {
        assert!(filter(good, true).is_ok(), "{good}");
    }
    for wrong in ["loud", "", "osirisfs=loud"] {
        assert!(filter(wrong, true).is_err(), "{wrong}");
    }
}

#[test]
fn a_log_file_that_cannot_be_written_is_named() {
    let mut settings = settings();
    settings.log_file = Some("/nonexistent/log".into());
    assert!(check(&settings).unwrap_err().message.contains("/nonexistent/log"));
}

#[test]
fn priorities_of_the_system_log() {
    assert!(syslog_head(Level::ERROR).starts_with("<27>osirisfs["));
    assert!(syslog_head(Level::TRACE).starts_with("<31>"));
}
