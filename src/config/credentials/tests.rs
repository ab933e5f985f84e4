use super::*;
use std::os::unix::fs::PermissionsExt;

/// A home folder with an AWS credentials file of two profiles and a token file.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Home {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".aws")).unwrap();
        let home = Home { dir };
        home.write(
            ".aws/credentials",
            "[default]\naws_access_key_id=D\n[alice_um]\naws_access_key_id=A\naws_secret_access_key=S\n",
            0o600,
        );
        home.write("token", "\n# my token\nT0KEN==\n", 0o600);
        home
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn find(
        &self,
        token_file: Option<&str>,
        profile: Option<&str>,
        vars: &[(&str, &str)],
    ) -> Result<Found, ConfigError> {
        find(&wanted(token_file.map(Path::new), profile), &Env::made_up(vars, self.dir.path()))
    }

    /// `access:secret` of what is found, or the error's words.
    fn keys(&self, token_file: Option<&str>, profile: Option<&str>, vars: &[(&str, &str)]) -> String {
        match self.find(token_file, profile, vars) {
            Ok(found) => format!("{}:{}", found.credentials.access_key, found.credentials.secret_key),
            Err(error) => error.to_string(),
        }
    }
}

fn wanted<'a>(token_file: Option<&'a Path>, profile: Option<&'a str>) -> Wanted<'a> {
    Wanted { token_file, profile, bucket: "cou-data" }
}

const ENVIRONMENT: &[(&str, &str)] =
    &[("OSIRIS_TOKEN", "ENVTOKEN"), ("AWS_ACCESS_KEY_ID", "ENVKEY"), ("AWS_SECRET_ACCESS_KEY", "ENVSECRET")];

#[test]
fn the_order_of_sources() {
    let home = Home::new();
    assert_eq!(home.keys(Some("token"), Some("alice_um"), ENVIRONMENT), "T0KEN==:");
    assert_eq!(home.keys(None, Some("alice_um"), ENVIRONMENT), "A:S");
    assert_eq!(home.keys(None, None, ENVIRONMENT), "ENVTOKEN:");
    assert_eq!(home.keys(None, None, &ENVIRONMENT[1..]), "ENVKEY:ENVSECRET");
    assert_eq!(home.keys(None, None, &[]), "D:");
    assert_eq!(home.keys(None, None, &[("AWS_PROFILE", "alice_um")]), "A:S");
}

#[test]
fn a_secret_may_be_empty_or_missing() {
    let home = Home::new();
    assert_eq!(home.keys(None, None, &[("AWS_ACCESS_KEY_ID", "K")]), "K:");
    assert_eq!(home.keys(None, None, &[("AWS_ACCESS_KEY_ID", "K"), ("AWS_SECRET_ACCESS_KEY", "")]), "K:");
}

#[test]
fn a_pair_in_the_token_file() {
    let home = Home::new();
    home.write("pair", "KEY:SECRET/x\n", 0o600);
    assert_eq!(home.keys(Some("pair"), None, &[]), "KEY:SECRET/x");
}

#[test]
fn files_that_others_can_read_are_refused_with_the_command_to_run() {
    let home = Home::new();
    for mode in [0o644, 0o640, 0o604, 0o660] {
        home.write("token", "T0KEN", mode);
        let error = home.keys(Some("token"), None, &[]);
        assert!(error.contains("chmod 600 ") && error.contains(&format!("{mode:04o}")), "{mode:o}: {error}");
        assert!(!error.contains("T0KEN"), "{error}");
    }
    home.write(".aws/credentials", "[default]\naws_access_key_id=D\n", 0o644);
    assert!(home.keys(None, None, &[]).contains("chmod 600 "));
    home.write("token", "T0KEN", 0o400);
    assert_eq!(home.keys(Some("token"), None, &[]), "T0KEN:");
}

#[test]
fn when_nothing_is_found_the_error_says_where_was_looked() {
    let home = tempfile::tempdir().unwrap();
    let error = find(&wanted(None, None), &Env::made_up(&[], home.path())).map(|_| ()).unwrap_err();
    for place in ["--token-file", "--profile", "OSIRIS_TOKEN", "AWS_ACCESS_KEY_ID", ".aws/credentials", ".aws/config"] {
        assert!(error.message.contains(place), "{place}: {error}");
    }
}

#[test]
fn what_was_named_must_be_there() {
    let home = Home::new();
    assert!(home.keys(Some("nowhere"), None, ENVIRONMENT).contains("does not exist"));
    assert!(home.keys(None, Some("bob_wsu"), ENVIRONMENT).contains("no profile \"bob_wsu\""));
    home.write(".aws/config", "[profile sso]\nsso_session = x\n[profile bare]\nregion=eu\n", 0o600);
    assert!(home.keys(None, Some("sso"), &[]).contains("sso_session"));
    assert!(home.keys(None, Some("bare"), &[]).contains("no aws_access_key_id"));
}

#[test]
fn what_cannot_be_a_token_is_not_repeated() {
    let home = Home::new();
    for text in ["two words", "sm\u{f6}rg\u{e5}s"] {
        home.write("token", text, 0o600);
        let error = home.keys(Some("token"), None, &[]);
        assert!(error.contains("neither a token nor a key") && !error.contains(text), "{error}");
    }
    home.write("token", "\n \n", 0o600);
    assert!(home.keys(Some("token"), None, &[]).contains("is empty"));
}

#[test]
fn temporary_credentials_are_refused() {
    let home = Home::new();
    let vars = [("AWS_ACCESS_KEY_ID", "K"), ("AWS_SECRET_ACCESS_KEY", "S"), ("AWS_SESSION_TOKEN", "T")];
    assert!(home.keys(None, None, &vars).contains("temporary credentials"));
}

#[test]
fn what_login_made_comes_before_other_files() {
    let home = Home::new();
    let own = Profiles::of(&Env::made_up(&[], home.dir.path())).unwrap();
    let save = |name: &str, key: &str| {
        let credentials = Credentials { access_key: key.into(), secret_key: String::new() };
        own.save(name, &credentials, &Profile::default()).unwrap();
    };
    save("alice_um", "NEWER");
    assert_eq!(home.keys(None, None, &[]), "NEWER:");
    assert_eq!(home.keys(None, Some("alice_um"), ENVIRONMENT), "NEWER:");
    save("alice_wsu", "OTHER");
    let error = home.keys(None, None, &[]);
    assert!(error.contains("alice_um and as alice_wsu") && error.contains("--profile"), "{error}");
    assert_eq!(home.keys(None, Some("alice_wsu"), &[]), "OTHER:");
    assert_eq!(home.keys(None, Some("default"), &[]), "D:");
    assert_eq!(home.keys(None, None, &[("AWS_PROFILE", "alice_wsu")]), "OTHER:");
}

#[test]
fn what_s3cmd_and_s3fs_use_comes_last() {
    let home = Home::new();
    home.write(".passwd-s3fs", "cou-data:F:G\nH:I\n", 0o600);
    home.write(".s3cfg", "[default]\naccess_key=C\nsecret_key=E\nhost_base=rgw.example.org\n", 0o600);
    assert_eq!(home.keys(None, None, &[]), "D:");
    std::fs::remove_dir_all(home.dir.path().join(".aws")).unwrap();
    let found = home.find(None, None, &[]).unwrap();
    assert_eq!(found.credentials.access_key, "C");
    assert_eq!(found.profile.endpoint.as_deref(), Some("https://rgw.example.org"));
    std::fs::remove_file(home.dir.path().join(".s3cfg")).unwrap();
    assert_eq!(home.keys(None, None, &[]), "F:G");
    home.write(".passwd-s3fs", "H:I\n", 0o644);
    assert!(home.keys(None, None, &[]).contains("chmod 600 "));
    home.write(".s3cfg", "[default]\naccess_key=C\n", 0o640);
    assert!(home.keys(None, None, &[]).contains("chmod 600 "));
}

#[test]
fn a_program_may_print_the_keys() {
    let home = Home::new();
    home.write("print", "#!/bin/sh\necho '{\"Version\":1,\"AccessKeyId\":\"PRINTED\"}'\n", 0o700);
    let program = home.dir.path().join("print");
    home.write(".aws/config", &format!("[profile p]\ncredential_process = {}\n", program.display()), 0o644);
    assert_eq!(home.keys(None, Some("p"), &[]), "PRINTED:");
    assert!(home.find(None, Some("p"), &[]).unwrap().by_program);
}
