//! Where each value came from: for `osirisfs config --show`, and to weigh files against environment and profile.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    CommandLine,
    /// `-o`, or the options of a line of fstab.
    DashO,
    /// A variable.
    Environment(&'static str),
    /// A configuration file.
    File {
        /// Which.
        path: PathBuf,
        /// `[bucket.NAME]`, or nothing for what stands above all sections.
        section: String,
        /// Line, from 1.
        line: usize,
    },
    /// A profile of the AWS files.
    Profile(String),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::CommandLine => f.write_str("command line"),
            Origin::DashO => f.write_str("-o"),
            Origin::Environment(name) => write!(f, "{name} in the environment"),
            Origin::File { path, section, line } if section.is_empty() => write!(f, "{} line {line}", path.display()),
            Origin::File { path, section, line } => write!(f, "{} line {line}, {section}", path.display()),
            Origin::Profile(name) => write!(f, "profile {name}"),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// The origin of each option that was said, by its name with underscores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(pub BTreeMap<String, Origin>);

impl Origins {
    /// Where an option came from.
    pub fn of(&self, name: &str) -> Origin {
        self.0.get(name).cloned().unwrap_or(Origin::Default)
    }

    /// Whether a configuration file said it, and nobody of more weight.
    pub fn is_of_file(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Origin::File { .. }))
    }
}
