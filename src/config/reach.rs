//! How to reach the service, and as whom: the options that all commands share which speak to it.

use super::aws_files::Profile;
use super::credentials::{self, Found, Wanted};
use super::sites::{self, Site, Sites};
use super::{ConfigError, Env, parse};
use crate::store::{CredentialSource, Credentials, Network, Proxies, StoreConfig};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Their heading in `--help`.
pub(super) const SERVICE: &str = "Service and credentials";

/// RGW takes any region; this is the one that every S3 program uses when told nothing.
const DEFAULT_REGION: &str = "us-east-1";

/// A program that gives credentials is not run more often than this.
const RUN_AGAIN: Duration = Duration::from_secs(10);

/// Where to go, as the user said it.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Way {
    /// Address of the service [default: the profile's endpoint_url, else OSiRIS]
    #[arg(long, value_name = "URL", conflicts_with = "site", help_heading = SERVICE)]
    pub endpoint: Option<String>,

    /// Which gateways of OSiRIS: all, um, wsu, msu, vai, a site of the configuration file, several (um,wsu), or auto:
    /// all of them, and those of one site when these do not answer [default: auto]
    #[arg(long, value_name = "SITE", help_heading = SERVICE)]
    pub site: Option<String>,

    /// Region to sign with; OSiRIS takes any [default: us-east-1]
    #[arg(long, value_name = "NAME", help_heading = SERVICE)]
    pub region: Option<String>,

    /// PEM file of certificate authorities to trust beside those of the system
    #[arg(long, value_name = "PATH", help_heading = SERVICE)]
    pub ca_file: Option<PathBuf>,

    /// Trust any certificate: whoever stands on the way can then read the token
    #[arg(long, help_heading = SERVICE)]
    pub no_tls_verify: bool,

    /// Use these addresses for this name, in place of the name server's [may be repeated]
    #[arg(long, value_name = "HOST:ADDR[,ADDR]", value_parser = parse::resolve, help_heading = SERVICE)]
    pub resolve: Vec<(String, Vec<IpAddr>)>,
}

/// Where to go, and as whom.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Reach {
    /// Where to go
    #[command(flatten)]
    pub way: Way,

    /// File that holds your token (or ACCESS_KEY:SECRET_KEY) and that only you can read (chmod 600)
    #[arg(long, value_name = "PATH", help_heading = SERVICE)]
    pub token_file: Option<PathBuf>,

    /// Who to be: a profile that osirisfs login made, else one of ~/.aws/credentials and ~/.aws/config
    #[arg(long, value_name = "NAME", help_heading = SERVICE)]
    pub profile: Option<String>,
}

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

impl Way {
    /// Where to go, by options, environment and profile.
    pub fn service(&self, profile: &Profile, env: &Env, sites: &Sites) -> Result<Service, ConfigError> {
        let by_variable = || env.var("AWS_ENDPOINT_URL_S3").or_else(|| env.var("AWS_ENDPOINT_URL"));
        let said = self.endpoint.as_deref().or_else(|| if self.site.is_none() { by_variable() } else { None });
        let site = self.site.as_deref().or_else(|| if said.is_none() { profile.site.as_deref() } else { None });
        let said = said.or_else(|| if site.is_none() { profile.endpoint.as_deref() } else { None });
        let chosen = match said {
            Some(endpoint) => vec![Site::at(endpoint)],
            None => sites.choose(site.unwrap_or(sites::AUTO))?,
        };
        let of_site = |get: fn(&Site) -> Option<String>| chosen.iter().find_map(get);
        let region = self
            .region
            .clone()
            .or_else(|| env.var("AWS_REGION").or_else(|| env.var("AWS_DEFAULT_REGION")).map(str::to_owned))
            .or_else(|| of_site(|site| site.region.clone()))
            .or_else(|| profile.region.clone())
            .unwrap_or_else(|| DEFAULT_REGION.to_owned());
        let ca_file = self
            .ca_file
            .clone()
            .or_else(|| env.var("AWS_CA_BUNDLE").map(PathBuf::from))
            .or_else(|| chosen.iter().find_map(|site| site.ca_file.clone()))
            .or_else(|| profile.ca_file.clone())
            .map(|path| env.absolute(&path));
        if let Some(path) = &ca_file
            && let Err(e) = std::fs::File::open(path)
        {
            return Err(ConfigError::new(
                format!("the file of certificate authorities {} cannot be read: {e}", path.display()),
                "correct --ca-file",
            ));
        }
        let endpoints: Result<Vec<String>, _> = chosen.iter().map(|site| parse::endpoint(&site.endpoint)).collect();
        let mut endpoints = endpoints?.into_iter();
        Ok(Service {
            endpoint: endpoints.next().unwrap_or_default(),
            site: site.map(str::to_owned),
            region,
            ca_file,
            network: Network {
                others: endpoints.collect(),
                resolve: self.resolve.clone(),
                no_tls_verify: self.no_tls_verify,
                proxies: proxies(env),
            },
        })
    }
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

impl Reach {
    /// Where to go, by options, environment and profile.
    pub fn service(&self, profile: &Profile, env: &Env, sites: &Sites) -> Result<Service, ConfigError> {
        self.way.service(profile, env, sites)
    }

    /// Who asks.
    pub fn credentials(&self, bucket: &str, env: &Env) -> Result<Found, ConfigError> {
        credentials::find(&self.wanted(bucket), env)
    }

    fn wanted<'a>(&'a self, bucket: &'a str) -> Wanted<'a> {
        Wanted { token_file: self.token_file.as_deref(), profile: self.profile.as_deref(), bucket }
    }

    /// Where the credentials that were found can be found anew.
    pub fn source(&self, found: &Found, bucket: &str, env: &Env) -> CredentialSource {
        let (reach, bucket, env, by_program) = (self.clone(), bucket.to_owned(), env.clone(), found.by_program);
        let last = Mutex::new(Instant::now());
        CredentialSource::new(found.from.as_str(), move || -> Option<Credentials> {
            if by_program {
                let mut last = last.lock().ok()?;
                if last.elapsed() < RUN_AGAIN {
                    return None;
                }
                *last = Instant::now();
            }
            match reach.credentials(&bucket, &env) {
                Ok(found) => Some(found.credentials),
                Err(error) => {
                    tracing::debug!("no new credentials: {error}");
                    None
                }
            }
        })
    }
}

#[cfg(test)]
mod tests;
