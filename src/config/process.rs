//! `credential_process` of an AWS profile: a program that prints the keys.

use super::{ConfigError, credentials};
use crate::store::Credentials;
use serde::Deserialize;
use std::process::{Command, Stdio};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    version: u32,
    access_key_id: String,
    #[serde(default)]
    secret_access_key: String,
    session_token: Option<String>,
}

/// Runs it, without a shell, as the AWS programs do. What it prints is never repeated.
pub fn run(line: &str, profile: &str) -> Result<Credentials, ConfigError> {
    let wrong = |why: String| {
        ConfigError::new(
            format!("the credential_process of the profile \"{profile}\" {why}"),
            "run the command by hand to see what it says",
        )
    };
    let words = shlex::split(line).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| wrong("is no command line: a quote is not closed".to_owned()))?;
    let output = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|e| wrong(format!("cannot be run: {}: {e}", words[0])))?;
    if !output.status.success() {
        return Err(wrong(format!("failed with {}", output.status)));
    }
    let printed: Printed = serde_json::from_slice(&output.stdout)
        .map_err(|_| wrong("did not print the JSON object that it should (Version, AccessKeyId, ...)".to_owned()))?;
    if printed.version != 1 {
        return Err(wrong(format!("prints version {}, and only 1 is known", printed.version)));
    }
    let place = format!("the credential_process of the profile \"{profile}\"");
    if printed.session_token.is_some_and(|token| !token.is_empty()) {
        return Err(credentials::temporary(&place));
    }
    credentials::checked(&printed.access_key_id, &printed.secret_access_key, &place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_prints() {
        let print = |json: &str| run(&format!("printf '%s' '{json}'"), "p");
        let found = print(r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S"}"#).unwrap();
        assert_eq!((found.access_key.as_str(), found.secret_key.as_str()), ("A", "S"));
        assert_eq!(print(r#"{"Version":1,"AccessKeyId":"T"}"#).unwrap().secret_key, "");
        for (json, expected) in [
            (r#"{"Version":2,"AccessKeyId":"hush"}"#, "version 2"),
            (r#"{"Version":1,"AccessKeyId":"hush","SessionToken":"x"}"#, "temporary"),
            ("hush", "did not print"),
        ] {
            let error = print(json).err().unwrap().to_string();
            assert!(error.contains(expected) && !error.contains("hush"), "{error}");
        }
        assert!(run("/nonexistent/program", "p").err().unwrap().message.contains("cannot be run"));
        assert!(run("false", "p").err().unwrap().message.contains("failed"));
        assert!(run("'open", "p").err().unwrap().message.contains("not closed"));
    }
}
