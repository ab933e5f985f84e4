//! What can be wrong with what the user gave: each error says what and what to do. None ever holds a credential.

use std::fmt;

/// A wrong option, file or variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl ConfigError {
    /// An error from its two sentences.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> ConfigError {
        ConfigError { message: message.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.remedy)
    }
}

impl std::error::Error for ConfigError {}
