//! `osirisfs login`, `osirisfs logout`, `osirisfs whoami`: the tokens of a person.

use super::exit::Failure;
use super::{prompt, speak};
use crate::config::aws_files::Profile;
use crate::config::profiles::Profiles;
use crate::config::{ConfigError, Env, Reach};

#[derive(clap::Args)]
pub struct LoginArgs {
    #[command(flatten)]
    reach: Reach,

    /// Ask for an access key and a secret key in place of a token
    #[arg(long)]
    keys: bool,

    /// Your COU, with whose name those of your buckets begin: kept in the profile, for mkdir in a mount of all buckets
    #[arg(long, value_name = "NAME")]
    cou: Option<String>,
}

/// Asks for the token, unless an option says where it is; tries it; keeps it.
pub fn login(args: LoginArgs) -> Result<(), Failure> {
    speak::hide_memory();
    let env = Env::of_process();
    let own = own(&env)?;
    let given = args.reach.token_file.is_some() || args.reach.profile.is_some();
    let (reach, origins, sites) = speak::with_files(args.reach, &env)?;
    let (credentials, profile) = if given {
        let found = reach.credentials("", &env)?;
        (found.credentials, found.profile)
    } else {
        (prompt::credentials(args.keys)?, Profile::default())
    };
    let service = reach.service(&profile, &origins, &env, &sites)?;
    let (id, _) = speak::who_am_i(service.store_config("", credentials.clone()), "what was given")?;
    // It becomes the name of a section.
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'[' | b']')) {
        return Err(Failure::other(format!(
            "{} accepts the credentials, but does not say whose they are; use them with --token-file",
            service.endpoint
        )));
    }
    own.save(&id, &credentials, &Profile { cou: args.cou, ..service.to_keep() })?;
    println!("You are {id} at {}.", service.endpoint);
    println!("Your credentials are kept in {}, profile {id}.", own.path().display());
    let several = own.names()?.len() > 1;
    let option = if several { format!("--profile {id} ") } else { String::new() };
    println!("To mount a bucket: osirisfs mount {option}BUCKET FOLDER");
    Ok(())
}

#[derive(clap::Args)]
pub struct LogoutArgs {
    /// Which profile to forget; needed only if there are several
    #[arg(value_name = "PROFILE")]
    profile: Option<String>,

    /// Forget all
    #[arg(long, conflicts_with = "profile")]
    all: bool,
}

/// Forgets what login kept.
pub fn logout(args: LogoutArgs) -> Result<(), Failure> {
    let own = own(&Env::of_process())?;
    let names = own.names()?;
    let forget = match (&args.profile, names.as_slice()) {
        (Some(name), _) => vec![name.clone()],
        (None, []) => return Err(Failure::other("you are not logged in")),
        (None, [_]) => names,
        (None, _) if args.all => names,
        (None, several) => {
            return Err(ConfigError::new(
                format!("you are logged in as {}", several.join(" and as ")),
                "say which to forget, or --all",
            )
            .into());
        }
    };
    for name in &forget {
        if !own.forget(name)? {
            let text = format!("there is no profile \"{name}\" in {}; nothing was changed", own.path().display());
            return Err(Failure::other(text));
        }
        println!("{name} is forgotten here. The token itself stays valid until you make a new one or it expires.");
    }
    Ok(())
}

#[derive(clap::Args)]
pub struct WhoamiArgs {
    #[command(flatten)]
    reach: Reach,

    /// List the profiles that login has made, and ask nobody
    #[arg(long)]
    all: bool,
}

/// Asks the service who we are.
pub fn whoami(args: WhoamiArgs) -> Result<(), Failure> {
    speak::hide_memory();
    let env = Env::of_process();
    if args.all {
        for name in own(&env)?.names()? {
            println!("{name}");
        }
        return Ok(());
    }
    let (reach, origins, sites) = speak::with_files(args.reach, &env)?;
    let found = reach.credentials("", &env)?;
    let service = reach.service(&found.profile, &origins, &env, &sites)?;
    let (id, endpoint) = speak::who_am_i(service.store_config("", found.credentials), &found.from)?;
    println!("{id}");
    println!("  at {endpoint}");
    println!("  by {}", found.from);
    Ok(())
}

fn own(env: &Env) -> Result<Profiles, ConfigError> {
    Profiles::of(env).ok_or_else(|| {
        ConfigError::new("you have no home folder to keep a token in", "set HOME, or use --token-file with mount")
    })
}
