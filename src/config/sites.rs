//! Where OSiRIS can be reached: one name for all gateways, one for those of each campus; and other sites by name.

use super::{ConfigError, Files};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// All gateways, and when these do not answer those of one campus.
pub const AUTO: &str = "auto";

/// Names of OSiRIS's gateways. Certificates are for these names.
const OSIRIS: [(&str, &str); 5] = [
    ("all", "https://rgw.osris.org"),
    ("um", "https://rgw-um.osris.org"),
    ("wsu", "https://rgw-wsu.osris.org"),
    ("msu", "https://rgw-msu.osris.org"),
    ("vai", "https://rgw-vai-int.osris.org"),
];

/// A name for some gateways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its address.
    pub endpoint: String,
    /// Region to sign with.
    pub region: Option<String>,
    /// Authorities to trust.
    pub ca_file: Option<PathBuf>,
}

impl Site {
    /// One that is just an address.
    pub fn at(endpoint: &str) -> Site {
        Site { endpoint: endpoint.to_owned(), region: None, ca_file: None }
    }
}

/// The sites of other services, by their names.
#[derive(Clone, Debug, Default)]
pub struct Sites(pub BTreeMap<String, Site>);

impl Sites {
    /// Those that the configuration files name.
    pub fn of(files: &Files) -> Sites {
        let site = |site: &super::file::Site| Site {
            endpoint: site.endpoint.clone(),
            region: site.region.clone(),
            ca_file: site.ca_file.clone(),
        };
        Sites(files.sites().into_iter().map(|(name, one)| (name.to_owned(), site(one))).collect())
    }

    /// What `--site` means: the sites to use, in the order of preference.
    pub fn choose(&self, words: &str) -> Result<Vec<Site>, ConfigError> {
        if words.trim() == AUTO {
            return Ok(OSIRIS.iter().map(|(_, endpoint)| Site::at(endpoint)).collect());
        }
        words.split(',').map(|name| self.find(name.trim())).collect()
    }

    fn find(&self, name: &str) -> Result<Site, ConfigError> {
        if let Some(site) = self.0.get(name) {
            return Ok(site.clone());
        }
        match OSIRIS.iter().find(|(known, _)| *known == name) {
            Some((_, endpoint)) => Ok(Site::at(endpoint)),
            None => {
                let names: Vec<String> = self.all().into_iter().map(|(name, _)| name).collect();
                Err(ConfigError::new(
                    format!("there is no site \"{name}\""),
                    format!("write {AUTO}, {}, or give --endpoint", names.join(", ")),
                ))
            }
        }
    }

    /// All that there are, with their names.
    pub fn all(&self) -> Vec<(String, Site)> {
        let osiris = OSIRIS.iter().filter(|(name, _)| !self.0.contains_key(*name));
        let osiris = osiris.map(|(name, endpoint)| ((*name).to_owned(), Site::at(endpoint)));
        osiris.chain(self.0.iter().map(|(name, site)| (name.clone(), site.clone()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(words: &str) -> Vec<String> {
        let own = Site { region: Some("eu".into()), ..Site::at("https://s3.chicago.example.org") };
        let sites = Sites([("chicago".to_owned(), own)].into());
        sites.choose(words).map_or_else(|e| vec![e.to_string()], |all| all.into_iter().map(|s| s.endpoint).collect())
    }

    #[test]
    fn sites_by_name() {
        assert_eq!(endpoints("all"), ["https://rgw.osris.org"]);
        assert_eq!(endpoints("um,wsu"), ["https://rgw-um.osris.org", "https://rgw-wsu.osris.org"]);
        assert_eq!(endpoints("vai"), ["https://rgw-vai-int.osris.org"]);
        assert_eq!(endpoints("chicago"), ["https://s3.chicago.example.org"]);
        let auto = endpoints("auto");
        assert_eq!((auto.len(), auto[0].as_str()), (5, "https://rgw.osris.org"));
        assert!(endpoints("ohio")[0].contains("no site \"ohio\"") && endpoints("ohio")[0].contains("chicago"));
        assert!(endpoints("")[0].contains("no site"));
    }
}
