//! `osirisfs serve-s3`: the embedded server by itself, for scripts and tests.

use super::exit::Failure;
use crate::server::{Limits, Server, ServerConfig, Style, User};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

#[derive(clap::Args)]
pub struct Args {
    /// Where to listen; port 0 is any free port
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))]
    listen: SocketAddr,

    /// Where objects are kept [default: in memory]
    #[arg(long, value_name = "PATH")]
    data_dir: Option<PathBuf>,

    /// A user: ID (gets the token that is printed), ID:TOKEN, or ID:KEY:SECRET [default: demo]
    #[arg(long = "user", value_name = "ID[:KEY[:SECRET]]")]
    users: Vec<String>,

    /// A bucket to make at the start; it belongs to the first user
    #[arg(long = "bucket", value_name = "NAME")]
    buckets: Vec<String>,

    /// Which release of RGW to behave like
    #[arg(long, value_enum, default_value_t = StyleName::Rgw16, value_name = "RELEASE")]
    style: StyleName,
}

/// [`Style`] as an option.
#[derive(Clone, Copy, clap::ValueEnum)]
enum StyleName {
    Rgw16,
    Rgw20,
}

/// Serves until a signal comes. The first line on standard output is the endpoint, then one line `ID TOKEN` for each user;
/// the server answers when they are there.
pub fn run(args: Args) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::other(format!("the server cannot be started: {e}"));
    let mut users: Vec<User> = args.users.iter().map(|text| user(text)).collect();
    if users.is_empty() {
        users.push(user("demo"));
    }
    let owner = users[0].id.clone();
    let config = ServerConfig {
        listen: args.listen,
        data_dir: args.data_dir,
        users: users.clone(),
        buckets: args.buckets.into_iter().map(|bucket| (bucket, owner.clone())).collect(),
        style: match args.style {
            StyleName::Rgw16 => Style::Rgw16,
            StyleName::Rgw20 => Style::Rgw20,
        },
        limits: Limits::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(failed)?;
    runtime
        .block_on(async {
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut terminate = signal(SignalKind::terminate())?;
            let server = Server::start(config).await?;
            println!("{}", server.endpoint());
            for user in &users {
                println!("{} {}", user.id, user.access_key);
            }
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            server.stop().await;
            Ok(())
        })
        .map_err(failed)
}

fn user(text: &str) -> User {
    let mut parts = text.splitn(3, ':');
    let id = parts.next().unwrap_or_default().to_owned();
    let access_key = parts.next().filter(|key| !key.is_empty()).map_or_else(|| Server::token(&id), str::to_owned);
    let secret_key = parts.next().map(str::to_owned);
    User { id, access_key, secret_key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_as_written() {
        assert_eq!(user("alice_um").access_key, Server::token("alice_um"));
        assert_eq!(user("alice_um").secret_key, None);
        assert_eq!(user("bob_wsu:KEY").access_key, "KEY");
        let pair = user("bob_wsu:KEY:SE:CRET");
        assert_eq!((pair.id.as_str(), pair.access_key.as_str()), ("bob_wsu", "KEY"));
        assert_eq!(pair.secret_key.as_deref(), Some("SE:CRET"));
    }
}
