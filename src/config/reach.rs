//! How to reach the service, and as whom: the options that all commands share which speak to it.

use super::aws_files::Profile;
use super::credentials::{self, Found, Wanted};
use super::{ConfigError, Env, parse};
use crate::store::{CredentialSource, Credentials};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Their heading in `--help`.
pub(super) const SERVICE: &str = "Service and credentials";

/// Where OSiRIS answers.
const DEFAULT_ENDPOINT: &str = "https://rgw.osris.org";

/// RGW takes any region; this is the one that every S3 program uses when told nothing.
const DEFAULT_REGION: &str = "us-east-1";

/// A program that gives credentials is not run more often than this.
const RUN_AGAIN: Duration = Duration::from_secs(10);

/// What the user said.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Reach {
    /// Address of the service [default: the profile's endpoint_url, else https://rgw.osris.org]
    #[arg(long, value_name = "URL", help_heading = SERVICE)]
    pub endpoint: Option<String>,

    /// Region to sign with; OSiRIS takes any [default: us-east-1]
    #[arg(long, value_name = "NAME", help_heading = SERVICE)]
    pub region: Option<String>,

    /// File that holds your token (or ACCESS_KEY:SECRET_KEY) and that only you can read (chmod 600)
    #[arg(long, value_name = "PATH", help_heading = SERVICE)]
    pub token_file: Option<PathBuf>,

    /// Who to be: a profile that osirisfs login made, else one of ~/.aws/credentials and ~/.aws/config
    #[arg(long, value_name = "NAME", help_heading = SERVICE)]
    pub profile: Option<String>,

    /// PEM file of certificate authorities to trust beside those of the system
    #[arg(long, value_name = "PATH", help_heading = SERVICE)]
    pub ca_file: Option<PathBuf>,
}

/// Where to go.
#[derive(Clone, Debug)]
pub struct Service {
    /// Base URL, without a slash at the end.
    pub endpoint: String,
    /// Region to sign with.
    pub region: String,
    /// Extra certificate authorities (PEM).
    pub ca_file: Option<PathBuf>,
}

impl Service {
    /// What a profile must say so that the same service is found again.
    pub fn to_keep(&self) -> Profile {
        let unless = |value: &String, default: &str| (value != default).then(|| value.clone());
        Profile {
            endpoint: unless(&self.endpoint, DEFAULT_ENDPOINT),
            region: unless(&self.region, DEFAULT_REGION),
            ca_file: self.ca_file.clone(),
            ..Profile::default()
        }
    }
}

impl Reach {
    /// Where to go, by options, environment and profile.
    pub fn service(&self, profile: &Profile, env: &Env) -> Result<Service, ConfigError> {
        let endpoint = self
            .endpoint
            .as_deref()
            .or_else(|| env.var("AWS_ENDPOINT_URL_S3"))
            .or_else(|| env.var("AWS_ENDPOINT_URL"))
            .or(profile.endpoint.as_deref())
            .unwrap_or(DEFAULT_ENDPOINT);
        let region = self
            .region
            .as_deref()
            .or_else(|| env.var("AWS_REGION"))
            .or_else(|| env.var("AWS_DEFAULT_REGION"))
            .or(profile.region.as_deref())
            .unwrap_or(DEFAULT_REGION);
        let ca_file = self
            .ca_file
            .clone()
            .or_else(|| env.var("AWS_CA_BUNDLE").map(PathBuf::from))
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
        Ok(Service { endpoint: parse::endpoint(endpoint)?, region: region.to_owned(), ca_file })
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
