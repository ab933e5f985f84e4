//! The configuration files of a machine and its user, and how they, the environment and the command line weigh.
//!
//! From the most to the least: command line; `-o`; environment; the user's file; the machine's file. Within a file the
//! section of the bucket goes before what stands above it.

use super::file::{self, Entry, File, Site};
use super::{ConfigError, Env, Origin, Origins};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Options that answer the same question: one that is said hides what files of less weight say of the others.
const SAME_QUESTION: &[&[&str]] = &[&["token_file", "profile"], &["endpoint", "site"]];

/// Variables that say what an option says.
const VARIABLES: &[(&str, &[&str])] = &[
    ("endpoint", &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]),
    ("region", &["AWS_REGION", "AWS_DEFAULT_REGION"]),
    ("ca_file", &["AWS_CA_BUNDLE"]),
    ("token_file", &["OSIRIS_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"]),
];

/// Those that were read, the one of less weight first.
#[derive(Clone, Debug, Default)]
pub struct Files {
    read: Vec<(PathBuf, File)>,
    /// Those that were looked for.
    looked: Vec<PathBuf>,
}

impl Files {
    /// Reads `/etc/osirisfs.conf` and `~/.config/osirisfs/config.toml`, or one file that was named instead of both.
    pub fn find(named: Option<&Path>, env: &Env, own: &clap::Command) -> Result<Files, ConfigError> {
        let mut files = Files::default();
        let looked: Vec<PathBuf> = match named {
            Some(path) => vec![env.absolute(path)],
            None => [Some(env.system_config.clone()), env.user_config()].into_iter().flatten().collect(),
        };
        for path in looked {
            match file::read(&path, env, own)? {
                Some(file) => files.read.push((path.clone(), file)),
                None if named.is_some() => {
                    return Err(ConfigError::new(
                        format!("the configuration file {} does not exist", path.display()),
                        "correct --config",
                    ));
                }
                None => {}
            }
            files.looked.push(path);
        }
        Ok(files)
    }

    /// A site by its name; the user's file goes before the machine's.
    pub fn site(&self, name: &str) -> Option<&Site> {
        self.read.iter().rev().find_map(|(_, file)| file.sites.get(name))
    }

    /// All sites that the files name.
    pub fn sites(&self) -> BTreeMap<&str, &Site> {
        self.read.iter().flat_map(|(_, file)| &file.sites).map(|(name, site)| (name.as_str(), site)).collect()
    }

    /// The buckets that have a section.
    pub fn buckets(&self) -> BTreeSet<&str> {
        self.read.iter().flat_map(|(_, file)| file.buckets.keys()).map(String::as_str).collect()
    }

    /// The files that were looked for, and whether each is there.
    pub fn looked(&self) -> impl Iterator<Item = (&Path, bool)> {
        self.looked.iter().map(|path| (path.as_path(), self.read.iter().any(|(read, _)| read == path)))
    }

    /// What the files add to what was said: flags to be put before it, and where each came from. `given` are the options
    /// that the command line and `-o` name.
    pub fn under(&self, given: &Origins, bucket: &str, env: &Env) -> (Vec<String>, Origins) {
        let mut said: BTreeMap<String, Entry> = BTreeMap::new();
        for (_, file) in &self.read {
            for layer in [Some(&file.all), file.buckets.get(bucket)].into_iter().flatten() {
                layer.iter().for_each(|entry| hide(&mut said, &entry.name));
                said.extend(layer.iter().map(|entry| (entry.name.clone(), entry.clone())));
            }
        }
        for (name, variables) in VARIABLES {
            if variables.iter().any(|variable| env.var(variable).is_some()) {
                hide(&mut said, name);
            }
        }
        given.0.keys().for_each(|name| hide(&mut said, name));
        let mut origins = given.clone();
        origins.0.extend(said.values().map(|entry| (entry.name.clone(), entry.origin.clone())));
        (said.into_values().filter_map(|entry| entry.flag).collect(), origins)
    }
}

/// The first variable that is set and says the same as this option.
pub fn variable(name: &str, env: &Env) -> Option<(&'static str, String)> {
    let (_, variables) = VARIABLES.iter().find(|(option, _)| *option == name)?;
    variables.iter().find_map(|variable| Some((*variable, env.var(variable)?.to_owned())))
}

/// The origins of what was said in the command's words.
pub fn given(words: &clap::ArgMatches, dash_o: &super::dash_o::DashO) -> Origins {
    let by_user = |id: &&clap::Id| words.value_source(id.as_str()) == Some(clap::parser::ValueSource::CommandLine);
    let by_flag = words.ids().filter(by_user).map(|id| (id.as_str().to_owned(), Origin::CommandLine));
    let name =
        |flag: &String| super::names::canonical(flag.trim_start_matches('-').split('=').next().unwrap_or_default());
    let mut origins = Origins(dash_o.flags.iter().map(|flag| (name(flag), Origin::DashO)).collect());
    if dash_o.read_only.is_some() {
        origins.0.insert("read_only".to_owned(), Origin::DashO);
    }
    origins.0.extend(by_flag);
    origins
}

fn hide(said: &mut BTreeMap<String, Entry>, name: &str) {
    said.remove(name);
    for group in SAME_QUESTION.iter().filter(|group| group.contains(&name)) {
        group.iter().for_each(|other| drop(said.remove(*other)));
    }
}

#[cfg(test)]
mod tests;
