//! `osirisfs sites`: what can be reached.

use super::exit::Failure;
use super::speak;
use crate::config::aws_files::Profile;
use crate::config::{Env, Origins, Reach, Site, Way, sites};
use crate::store::{Credentials, ErrorKind, Reached, Result as StoreResult, StoreConfig, StoreError, Survey, survey};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    way: Way,
}

/// Asks every address of every site, and prints how each answered.
pub fn run(args: Args) -> Result<(), Failure> {
    let env = Env::of_process();
    let (reach, _, known) = speak::with_files(Reach { way: args.way, ..Reach::default() }, &env)?;
    let wanted = match (&reach.way.endpoint, reach.way.site.as_deref()) {
        (Some(endpoint), _) => vec![("-".to_owned(), Site::at(endpoint))],
        (None, None | Some(sites::AUTO)) => known.all(),
        (None, Some(names)) => names.split(',').map(str::to_owned).zip(known.choose(names)?).collect(),
    };
    let asked: Result<Vec<_>, Failure> = wanted
        .into_iter()
        .map(|(name, site)| {
            let profile = Profile { region: site.region, ca_file: site.ca_file, ..Profile::default() };
            let way = Way { endpoint: Some(site.endpoint), site: None, ..reach.way.clone() };
            let reach = Reach { way, ..Reach::default() };
            let service = reach.service(&profile, &Origins::default(), &env, &known)?;
            let nobody = Credentials { access_key: String::new(), secret_key: String::new() };
            Ok((name, service.store_config("", nobody)))
        })
        .collect();
    let asked = asked?;
    let answers = speak::runtime()?.block_on(futures::future::join_all(asked.iter().map(|(_, config)| survey(config))));
    let mut any = false;
    for ((name, config), answer) in asked.iter().zip(&answers) {
        println!("{name:<8} {}", config.endpoint);
        any |= print(config, answer);
    }
    if any { Ok(()) } else { Err(Failure::other("no gateway can be used; check the network, a firewall or a proxy")) }
}

/// Gives whether one of them can be used.
fn print(config: &StoreConfig, answer: &StoreResult<Survey>) -> bool {
    match answer {
        Ok(Survey::Proxy) => {
            println!("         by way of the proxy that the environment names");
            true
        }
        Ok(Survey::Addresses(all)) => {
            all.iter().for_each(|one| println!("         {}", line(config, one)));
            all.iter().any(|one| one.http.is_ok())
        }
        Err(error) if error.kind == ErrorKind::Dns => {
            println!("         its name cannot be resolved: {}", error.message);
            false
        }
        Err(error) => {
            println!("         {}", error.message);
            false
        }
    }
}

fn line(config: &StoreConfig, one: &Reached) -> String {
    let address = one.address.to_string();
    let connect = match &one.connect {
        Ok(time) => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        Err(why) => return format!("{address:<24} cannot be reached: {why}"),
    };
    let tls = match (&one.http, config.endpoint.starts_with("https:")) {
        (_, false) => "no TLS",
        (Err(StoreError { kind: ErrorKind::Tls, .. }), _) => "TLS REFUSED",
        (Err(StoreError { kind: ErrorKind::Timeout | ErrorKind::Unreachable, .. }), _) => "TLS not reached",
        (_, true) if config.network.no_tls_verify => "TLS not verified",
        (_, true) => "TLS verified",
    };
    let says = match &one.http {
        Ok(status) => format!("answers ({status})"),
        Err(error) => error.message.clone(),
    };
    format!("{address:<24} {connect:>9}   {tls:<16} {says}")
}
