//! Secrets on their way in: typed without echo, or from a pipe.

use super::exit::Failure;
use crate::config::{ConfigError, aws_files, credentials};
use crate::store::Credentials;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use std::io::{IsTerminal, Read, Write, stdin};
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};

/// Longer than any token or key file.
const LONGEST: u64 = 64 << 10;

/// Asks at the terminal, or reads what a pipe has.
pub fn credentials(keys: bool) -> Result<Credentials, Failure> {
    if !stdin().is_terminal() {
        let mut text = String::new();
        let read = stdin().lock().take(LONGEST).read_to_string(&mut text);
        read.map_err(|e| Failure::other(format!("standard input cannot be read: {e}")))?;
        return Ok(given(&text, keys)?);
    }
    if keys {
        let access = line("Access key: ", true)?;
        let secret = line("Secret key (it is not shown): ", false)?;
        return Ok(given(&format!("{access}\n{secret}\n"), true)?);
    }
    Ok(given(&line("Token (it is not shown): ", false)?, false)?)
}

/// What a pipe may hold: a token; a key pair as two lines or as `ACCESS:SECRET`; or the file with both that COmanage
/// offers, which has the form of `~/.aws/credentials`.
fn given(text: &str, keys: bool) -> Result<Credentials, ConfigError> {
    let place = "what was given";
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    if lines.iter().any(|line| line.starts_with("aws_access_key_id")) {
        let ini = aws_files::ini(text, Path::new("standard input"))?;
        let keys = ini.iter().find_map(|(_, section)| {
            let access = section.get("aws_access_key_id")?;
            Some((access.trim(), section.get("aws_secret_access_key").unwrap_or_default().trim()))
        });
        let (access, secret) = keys.unwrap_or_default();
        return credentials::checked(access, secret, place);
    }
    match lines[..] {
        [] => Err(ConfigError::new("nothing was given", "paste the token, or send it through a pipe")),
        [one] => {
            let found = credentials::token_or_pair(one, place)?;
            if keys && found.secret_key.is_empty() {
                return Err(ConfigError::new("the secret key is missing", "give both keys, or leave out --keys"));
            }
            Ok(found)
        }
        [access, secret] => credentials::checked(access, secret, place),
        _ => Err(ConfigError::new(
            "what was given has more lines than a token or a key pair",
            "give the token in one line and nothing else",
        )),
    }
}

/// One line from the terminal.
fn line(question: &str, echo: bool) -> Result<String, Failure> {
    let failed = |e: std::io::Error| Failure::other(format!("the terminal cannot be read: {e}"));
    let silence = if echo { None } else { Some(Silence::begin().map_err(failed)?) };
    eprint!("{question}");
    let _ = std::io::stderr().flush();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let answer = runtime.block_on(async {
        // Ctrl-C must not leave a terminal that shows nothing.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let reading = tokio::task::spawn_blocking(|| {
            let mut text = String::new();
            stdin().read_line(&mut text).map(|_| text)
        });
        tokio::select! {
            text = reading => Ok(Some(text??)),
            _ = interrupt.recv() => Ok(None),
        }
    });
    // The thread that reads may wait for ever.
    runtime.shutdown_background();
    if silence.is_some() {
        eprintln!();
    }
    drop(silence);
    answer.map_err(failed)?.ok_or_else(|| Failure::other("interrupted; nothing was changed"))
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence(Termios);

impl Silence {
    fn begin() -> std::io::Result<Silence> {
        let before = tcgetattr(stdin())?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(stdin(), SetArg::TCSAFLUSH, &silent)?;
        Ok(Silence(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), SetArg::TCSAFLUSH, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(text: &str, keys: bool) -> String {
        match given(text, keys) {
            Ok(found) => format!("{}:{}", found.access_key, found.secret_key),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_a_pipe_may_hold() {
        assert_eq!(pair("VE9LRU4=\n", false), "VE9LRU4=:");
        assert_eq!(pair("\n# mine\nKEY:SECRET\n", true), "KEY:SECRET");
        assert_eq!(pair("KEY\nSECRET\n", true), "KEY:SECRET");
        let file = "[alice_um]\naws_access_key_id = KEY\naws_secret_access_key = SEC=RET\n";
        assert_eq!(pair(file, true), "KEY:SEC=RET");
        assert!(pair("", false).contains("nothing was given"));
        assert!(pair("KEY\n", true).contains("secret key is missing"));
        let spoilt = pair("two words\n", false);
        assert!(spoilt.contains("neither a token nor a key") && !spoilt.contains("two words"));
        assert!(pair("a\nb\nc\n", false).contains("more lines"));
    }
}
