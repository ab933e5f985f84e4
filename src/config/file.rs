//! One configuration file: TOML whose keys are the long options of `osirisfs mount`.
//!
//! ```toml
//! cache_size = "1G"
//!
//! [bucket.yourcou-data]
//! read_only = true
//!
//! [site.chicago]
//! endpoint = "https://rgw.example.org"
//! ```

use super::{ConfigError, Env, Origin, names};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What may stand in a section `[site.NAME]`.
const SITE_KEYS: &[&str] = &["endpoint", "region", "ca_file"];

/// Sections, beside the options above all of them.
const SECTIONS: &[&str] = &["bucket", "site"];

/// A file that was read.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// What holds for every mount.
    pub all: Vec<Entry>,
    /// What holds for the mounts of one bucket.
    pub buckets: BTreeMap<String, Vec<Entry>>,
    /// Services by name.
    pub sites: BTreeMap<String, Site>,
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// With underscores.
    pub name: String,
    /// The flag that says the same; nothing for a switch that is off.
    pub flag: Option<String>,
    /// Where it stands.
    pub origin: Origin,
}

/// A service that has a name: `[site.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its address.
    pub endpoint: String,
    /// Region to sign with.
    pub region: Option<String>,
    /// Authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// Where this stands.
    pub origin: Origin,
}

/// Reads a file; a missing one says nothing. `own` is the command whose long options are the keys.
pub fn read(path: &Path, env: &Env, own: &clap::Command) -> Result<Option<File>, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(e) => {
            return Err(ConfigError::new(
                format!("the configuration file {} cannot be read: {e}", path.display()),
                "make it readable, or remove it",
            ));
        }
    };
    refuse_if_others_can_write(path)?;
    parse(&text, path, env, own).map(Some)
}

/// Whoever may write it could send the token to a server of his own.
fn refuse_if_others_can_write(path: &Path) -> Result<(), ConfigError> {
    let meta = std::fs::metadata(path)
        .map_err(|e| ConfigError::new(format!("{} cannot be looked at: {e}", path.display()), "check the path"))?;
    let me = nix::unistd::geteuid().as_raw();
    if meta.uid() != 0 && meta.uid() != me {
        return Err(ConfigError::new(
            format!("the configuration file {} belongs to another user", path.display()),
            "make a copy that belongs to you",
        ));
    }
    if meta.permissions().mode() & 0o022 != 0 {
        return Err(ConfigError::new(
            format!("the configuration file {} can be changed by other users", path.display()),
            format!("run: chmod go-w {}", path.display()),
        ));
    }
    Ok(())
}

/// Reads the text of a file.
pub fn parse(text: &str, path: &Path, env: &Env, own: &clap::Command) -> Result<File, ConfigError> {
    let reader = Reader { text, path, env, own };
    // The message alone: the parser's full report repeats the line.
    let table = DeTable::parse(text).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start);
        reader.wrong(at, e.message().lines().collect::<Vec<_>>().join(", "), "correct that line (the file is TOML)")
    })?;
    let mut file = File::default();
    for (key, value) in table.get_ref() {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("bucket", DeValue::Table(buckets)) => {
                for (bucket, entries) in buckets {
                    let section = format!("[bucket.{}]", bucket.get_ref());
                    let entries = reader.section(bucket, entries, &section)?;
                    file.buckets.insert(bucket.get_ref().to_string(), entries);
                }
            }
            ("site", DeValue::Table(sites)) => {
                for (name, keys) in sites {
                    file.sites.insert(name.get_ref().to_string(), reader.site(name, keys)?);
                }
            }
            _ => file.all.extend(reader.entry(key, value, "", &file.all)?),
        }
    }
    Ok(file)
}

type Key<'i> = Spanned<Cow<'i, str>>;
type Value<'i> = Spanned<DeValue<'i>>;

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    env: &'a Env,
    own: &'a clap::Command,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }

    fn wrong(&self, at: usize, what: impl AsRef<str>, remedy: impl Into<String>) -> ConfigError {
        let what = format!("{} line {}: {}", self.path.display(), self.line(at), what.as_ref());
        ConfigError::new(what, remedy)
    }

    fn origin(&self, at: usize, section: &str) -> Origin {
        Origin::File { path: self.path.to_owned(), section: section.to_owned(), line: self.line(at) }
    }

    fn section(&self, name: &Key, value: &Value, section: &str) -> Result<Vec<Entry>, ConfigError> {
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.no_section(name, section));
        };
        let mut entries = Vec::new();
        for (key, value) in table {
            entries.extend(self.entry(key, value, section, &entries)?);
        }
        Ok(entries)
    }

    fn no_section(&self, name: &Key, section: &str) -> ConfigError {
        let what = format!("{section} must be a section");
        self.wrong(name.span().start, what, format!("write {section} on a line of its own, and the options below it"))
    }

    /// One option; nothing if it is said already.
    fn entry(&self, key: &Key, value: &Value, section: &str, so_far: &[Entry]) -> Result<Option<Entry>, ConfigError> {
        let (name, at) = (key.get_ref().as_ref(), key.span().start);
        let arg = names::find(name, self.own).filter(|arg| !arg.is_hide_set() && arg.get_id() != "config");
        let Some(arg) = arg else {
            let sections = if section.is_empty() { SECTIONS } else { &[] };
            let suggestion = names::suggestion(name, self.own, sections);
            return Err(self.wrong(at, format!("unknown key \"{name}\""), suggestion));
        };
        let name = names::canonical(name);
        if so_far.iter().any(|entry| entry.name == name) {
            return Err(self.wrong(at, format!("{name} is there twice"), "leave one out"));
        }
        let long = arg.get_long().unwrap_or_default();
        let flag = if arg.get_action().takes_values() {
            let text = self.text_of(&name, value)?;
            let is_path = arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == "PATH"));
            let text = if is_path { self.path_of(at, &name, &text)?.display().to_string() } else { text };
            Some(format!("--{long}={text}"))
        } else {
            let DeValue::Boolean(on) = value.get_ref() else {
                return Err(self.wrong(at, format!("{name} is a switch"), format!("write {name} = true or false")));
            };
            on.then(|| format!("--{long}"))
        };
        if let Some(flag) = &flag {
            self.check(at, flag)?;
        }
        Ok(Some(Entry { name, flag, origin: self.origin(at, section) }))
    }

    fn text_of(&self, name: &str, value: &Value) -> Result<String, ConfigError> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Integer(number) => Ok(number.as_str().replace('_', "")),
            DeValue::Float(number) => Ok(number.as_str().replace('_', "")),
            _ => {
                let what = format!("{name} needs a text or a number");
                Err(self.wrong(value.span().start, what, format!("write {name} = \"VALUE\"")))
            }
        }
    }

    /// A file has no current folder that relative paths could start from.
    fn path_of(&self, at: usize, name: &str, text: &str) -> Result<PathBuf, ConfigError> {
        if !text.starts_with('/') && !text.starts_with("~/") {
            let what = format!("{name} = \"{text}\" is relative to no folder");
            return Err(self.wrong(at, what, "write the whole path, from / or ~/ on"));
        }
        Ok(self.env.absolute(Path::new(text)))
    }

    /// Whether clap takes the value.
    fn check(&self, at: usize, flag: &str) -> Result<(), ConfigError> {
        match self.own.clone().ignore_errors(false).no_binary_name(true).try_get_matches_from([flag, "bucket", "/"]) {
            Ok(_) => Ok(()),
            Err(e) => {
                let text = e.to_string();
                let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
                Err(self.wrong(at, first, "osirisfs mount --help says what it can be"))
            }
        }
    }

    fn site(&self, name: &Key, value: &Value) -> Result<Site, ConfigError> {
        let section = format!("[site.{}]", name.get_ref());
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.no_section(name, &section));
        };
        let mut said = BTreeMap::new();
        for (key, value) in table {
            let (key, at) = (names::canonical(key.get_ref()), key.span().start);
            if !SITE_KEYS.contains(&key.as_str()) {
                let remedy = match names::nearest(&key, SITE_KEYS.iter().copied()) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("a site has {}", SITE_KEYS.join(", ")),
                };
                return Err(self.wrong(at, format!("unknown key \"{key}\" in {section}"), remedy));
            }
            said.insert(key.clone(), (at, self.text_of(&key, value)?));
        }
        let at = name.span().start;
        let Some((at_endpoint, endpoint)) = said.remove("endpoint") else {
            return Err(self.wrong(at, format!("{section} has no endpoint"), "add endpoint = \"https://HOST\""));
        };
        let endpoint =
            super::parse::endpoint(&endpoint).map_err(|e| self.wrong(at_endpoint, e.message, "correct the address"))?;
        let ca_file = said.remove("ca_file").map(|(at, text)| self.path_of(at, "ca_file", &text)).transpose()?;
        let region = said.remove("region").map(|(_, text)| text);
        Ok(Site { endpoint, region, ca_file, origin: self.origin(at, &section) })
    }
}

#[cfg(test)]
mod tests;
