//! How to reach the service, and as whom: the options that all commands share which speak to it.

use super::aws_files::Profile;
use super::credentials::{self, Found, Wanted};
use super::service::{Service, Weighed};
use super::{ConfigError, Env, Files, Origins, Sites, parse};
use crate::store::{CredentialSource, Credentials};
use clap::{Args, FromArgMatches};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Their heading in `--help`.
pub(super) const SERVICE: &str = "Service and credentials";

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

impl Reach {
    /// Where to go, by options, environment and profile.
    pub fn service(
        &self,
        profile: &Profile,
        origins: &Origins,
        env: &Env,
        sites: &Sites,
    ) -> Result<Service, ConfigError> {
        let name = self.profile.as_deref().or_else(|| env.var("AWS_PROFILE"));
        let named = name.is_some() && !origins.is_of_file("profile");
        let by = Weighed { way: &self.way, profile, profile_name: name.unwrap_or("default"), named, origins, env };
        by.service(sites)
    }

    /// The same with what the configuration files say beside it, and where that came from.
    pub fn under(self, files: &Files, env: &Env) -> Result<(Reach, Origins), ConfigError> {
        let own = Reach::augment_args(clap::Command::new("osirisfs").no_binary_name(true));
        let (flags, origins) = files.under(&Origins::default(), "", env);
        let ours = |flag: &String| {
            let name = flag.trim_start_matches('-').split('=').next().unwrap_or_default();
            own.get_arguments().any(|arg| arg.get_long() == Some(name))
        };
        let said: Vec<String> = flags.into_iter().filter(ours).collect();
        // They were read like this before.
        let wrong = |e: clap::Error| ConfigError::new(e.to_string(), "correct the configuration file");
        let matches = own.clone().try_get_matches_from(said).map_err(wrong)?;
        let below = Reach::from_arg_matches(&matches).map_err(wrong)?;
        let mut kept = Origins::default();
        for name in ["endpoint", "site", "region", "ca_file", "profile"] {
            let given = match name {
                "endpoint" | "site" => self.way.endpoint.is_some() || self.way.site.is_some(),
                "region" => self.way.region.is_some(),
                "ca_file" => self.way.ca_file.is_some(),
                _ => self.profile.is_some() || self.token_file.is_some(),
            };
            if !given && let Some(origin) = origins.0.get(name) {
                kept.0.insert(name.to_owned(), origin.clone());
            }
        }
        Ok((self.over(below), kept))
    }

    /// What is said here, and for the rest what is said `below`.
    pub fn over(self, below: Reach) -> Reach {
        let (way, low) = (self.way, below.way);
        let somewhere = way.endpoint.is_some() || way.site.is_some();
        let someone = self.token_file.is_some() || self.profile.is_some();
        let way = Way {
            endpoint: if somewhere { way.endpoint } else { low.endpoint },
            site: if somewhere { way.site } else { low.site },
            region: way.region.or(low.region),
            ca_file: way.ca_file.or(low.ca_file),
            no_tls_verify: way.no_tls_verify || low.no_tls_verify,
            resolve: if way.resolve.is_empty() { low.resolve } else { way.resolve },
        };
        Reach {
            way,
            token_file: if someone { self.token_file } else { below.token_file },
            profile: if someone { self.profile } else { below.profile },
        }
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
