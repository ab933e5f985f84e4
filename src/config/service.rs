//! Where to go: what options, environment, profile and files say of the service, by their weight.

use super::aws_files::Profile;
use super::reach::Way;
use super::sites::{self, Site, Sites};
use super::{ConfigError, Env, Origin, Origins, files, parse};
use crate::store::{Credentials, Network, Proxies, StoreConfig};
use std::path::{Path, PathBuf};

/// RGW takes any region; this is the one that every S3 program uses when told nothing.
const DEFAULT_REGION: &str = "us-east-1";

/// Where to go.
#[derive(Clone, Debug)]
pub struct Service {
    /// Base URL, without a slash at the end.
    pub endpoint: String,
    /// The site that was asked for.
    pub site: Option<String>,
    /// Region to sign with.
    pub region: String,
    /// Extra certificate authorities (PEM).
    pub ca_file: Option<PathBuf>,
    /// Other addresses of the service, and how to get there.
    pub network: Network,
    /// Who said the address or the site, the region, and the authorities.
    pub origins: [Origin; 3],
}

impl Service {
    /// What a profile must say so that the same service is found again.
    pub fn to_keep(&self) -> Profile {
        let by_address = self.site.is_none() && self.network.others.is_empty();
        Profile {
            endpoint: by_address.then(|| self.endpoint.clone()),
            site: self.site.clone(),
            region: (self.region != DEFAULT_REGION).then(|| self.region.clone()),
            ca_file: self.ca_file.clone(),
            ..Profile::default()
        }
    }

    /// For a store of this service.
    pub fn store_config(&self, bucket: &str, credentials: Credentials) -> StoreConfig {
        StoreConfig {
            region: self.region.clone(),
            ca_file: self.ca_file.clone(),
            network: self.network.clone(),
            ..StoreConfig::new(&self.endpoint, bucket, credentials)
        }
    }
}

/// All who have a say.
pub(super) struct Weighed<'a> {
    pub(super) way: &'a Way,
    pub(super) profile: &'a Profile,
    pub(super) profile_name: &'a str,
    /// Flag, `-o` or environment named the profile.
    pub(super) named: bool,
    pub(super) origins: &'a Origins,
    pub(super) env: &'a Env,
}

/// The address itself, or a name for it.
#[derive(Clone)]
enum Place {
    At(String),
    Site(String),
}

impl Weighed<'_> {
    /// A flag or `-o`, a profile that login has made, the environment, a profile that one of these named, a configuration
    /// file, any other profile, the default.
    pub(super) fn service(&self, sites: &Sites) -> Result<Service, ConfigError> {
        let (way, profile) = (self.way, self.profile);
        let site = |name: &Option<String>| name.clone().map(Place::Site);
        let (option, said) = match &way.endpoint {
            Some(endpoint) => ("endpoint", Some(Place::At(endpoint.clone()))),
            None => ("site", site(&way.site)),
        };
        let of_profile = profile.endpoint.clone().map(Place::At).or_else(|| site(&profile.site));
        let variable = files::variable("endpoint", self.env).map(|(name, value)| (name, Place::At(value)));
        let (place, who) = self
            .pick(option, said, variable, of_profile)
            .unwrap_or_else(|| (Place::Site(sites::AUTO.to_owned()), Origin::Default));
        let (chosen, site) = match place {
            Place::At(endpoint) => (vec![Site::at(&endpoint)], None),
            Place::Site(name) => (sites.choose(&name)?, Some(name).filter(|_| who != Origin::Default)),
        };

        let of_site = chosen.iter().find_map(|site| site.region.clone());
        let variable = files::variable("region", self.env);
        let (region, region_from) = self
            .pick("region", way.region.clone(), variable, of_site.or_else(|| profile.region.clone()))
            .unwrap_or_else(|| (DEFAULT_REGION.to_owned(), Origin::Default));

        let of_site = chosen.iter().find_map(|site| site.ca_file.clone());
        let variable = files::variable("ca_file", self.env).map(|(name, value)| (name, PathBuf::from(value)));
        let ca = self.pick("ca_file", way.ca_file.clone(), variable, of_site.or_else(|| profile.ca_file.clone()));
        let (ca_file, ca_from) = ca.map_or((None, Origin::Default), |(path, from)| (Some(path), from));
        let ca_file = ca_file.map(|path| self.env.absolute(&path));
        ca_file.as_deref().map(readable).transpose()?;

        let endpoints: Result<Vec<String>, _> = chosen.iter().map(|site| parse::endpoint(&site.endpoint)).collect();
        let mut endpoints = endpoints?.into_iter();
        Ok(Service {
            endpoint: endpoints.next().unwrap_or_default(),
            site,
            region,
            ca_file,
            network: Network {
                others: endpoints.collect(),
                resolve: way.resolve.clone(),
                no_tls_verify: way.no_tls_verify,
                proxies: proxies(self.env),
            },
            origins: [who, region_from, ca_from],
        })
    }

    fn pick<T: Clone>(
        &self,
        option: &str,
        said: Option<T>,
        variable: Option<(&'static str, T)>,
        of_profile: Option<T>,
    ) -> Option<(T, Origin)> {
        let of_file = self.origins.is_of_file(option);
        let origin = match self.origins.of(option) {
            // Options that were made without words.
            Origin::Default => Origin::CommandLine,
            origin => origin,
        };
        let said = said.map(|value| (value, origin));
        let of_profile = of_profile.map(|value| (value, Origin::Profile(self.profile_name.to_owned())));
        let by_user = said.clone().filter(|_| !of_file);
        let by_variable = variable.map(|(name, value)| (value, Origin::Environment(name)));
        let by_login = of_profile.clone().filter(|_| self.profile.kept);
        let by_named = of_profile.clone().filter(|_| self.named);
        by_user.or(by_login).or(by_variable).or(by_named).or(said).or(of_profile)
    }
}

fn readable(ca_file: &Path) -> Result<(), ConfigError> {
    std::fs::File::open(ca_file).map(drop).map_err(|e| {
        ConfigError::new(
            format!("the file of certificate authorities {} cannot be read: {e}", ca_file.display()),
            "correct --ca-file",
        )
    })
}

/// Proxies by the variables that curl and others read; the lower-case ones count more.
fn proxies(env: &Env) -> Proxies {
    let var = |low: &str| env.var(low).or_else(|| env.var(&low.to_uppercase())).map(str::to_owned);
    Proxies {
        http: var("http_proxy").or_else(|| var("all_proxy")),
        https: var("https_proxy").or_else(|| var("all_proxy")),
        none_for: var("no_proxy"),
    }
}

#[cfg(test)]
mod tests;
