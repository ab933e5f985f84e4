//! Exit codes, and errors on their way to standard error.

use crate::config::ConfigError;
use crate::mount::MountError;

/// It was done.
pub const DONE: u8 = 0;
/// It could not be done.
pub const FAILED: u8 = 1;
/// Wrong options.
pub const USAGE: u8 = 2;
/// Files could not be stored.
pub const NOT_STORED: u8 = 3;
/// The mount is in use.
pub const BUSY: u8 = 4;

/// Why a command failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Exit code.
    pub code: u8,
    /// The line for standard error.
    pub text: String,
}

impl Failure {
    /// A failure without a name of its own.
    pub fn other(text: impl Into<String>) -> Failure {
        Failure { code: FAILED, text: text.into() }
    }

    /// An exit code alone: somebody else has said why.
    pub fn told(code: u8) -> Failure {
        Failure { code, text: String::new() }
    }

    /// Says it, and gives the exit code.
    pub fn report(&self) -> u8 {
        if !self.text.is_empty() {
            eprintln!("osirisfs: {}", self.text);
        }
        self.code
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure { code: USAGE, text: error.to_string() }
    }
}

impl From<MountError> for Failure {
    fn from(error: MountError) -> Failure {
        let code = match error {
            MountError::NotStored(_) => NOT_STORED,
            MountError::Busy { .. } => BUSY,
            _ => FAILED,
        };
        Failure { code, text: error.to_string() }
    }
}
