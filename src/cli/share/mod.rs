//! `osirisfs share`: let others in, see who is in, and take it back.

mod lists;
mod policy;

use super::effective;
use super::exit::{Failure, USAGE};
use super::speak;
use crate::config::{Env, Reach, Settings, resolve};
use crate::store::{Acl, ErrorKind, Grantee, ListRequest, Store, StoreError};
use policy::{Share, Without};

#[derive(clap::Args)]
pub struct Args {
    /// A bucket of yours, or a folder of it
    #[arg(value_name = "BUCKET[/PREFIX]")]
    source: String,

    /// Let this user (an S3 user id, such as bob_wsu) list and read it
    #[arg(long, value_name = "USER", conflicts_with = "revoke")]
    with: Option<String>,

    /// Let the user write and delete too
    #[arg(long, requires = "with")]
    write: bool,

    /// Take back what this user may do
    #[arg(long, value_name = "USER")]
    revoke: Option<String>,

    /// How: by the bucket's policy (one request, old and new objects), or by access control lists (of each object there is now)
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    by: By,

    /// How to reach the service, and as whom
    #[command(flatten)]
    reach: Reach,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// By policy where the service takes one, else by lists
    #[default]
    Auto,
    /// By policy
    Policy,
    /// By lists
    Acl,
}

/// Does it.
pub fn run(args: Args) -> Result<(), Failure> {
    speak::hide_memory();
    let settings = settings(&args)?;
    speak::runtime()?.block_on(async {
        let store = Store::new(settings.store_config()).map_err(told)?;
        store.find_way().await;
        // Whoever waits for the first answer waits at a terminal.
        let first = store.with_deadline(speak::PATIENCE.min(settings.ask_for));
        let acl = first.get_bucket_acl().await.map_err(|error| match error.kind {
            ErrorKind::Denied => {
                Failure::other(format!("{} is not yours to share: only its owner can let others in", settings.bucket))
            }
            _ => told(error),
        })?;
        let ours = Work { args: &args, settings: &settings, store: &store, acl };
        match (&args.with, &args.revoke) {
            (Some(user), _) => ours.share(check(user)?).await,
            (None, Some(user)) => ours.revoke(check(user)?).await,
            (None, None) => ours.show().await,
        }
    })
}

/// The settings of a mount of the same place: credentials and address are found in the same way.
fn settings(args: &Args) -> Result<Settings, Failure> {
    let env = Env::of_process();
    let said = effective::of_bucket(&args.source, &[], None, &env)?;
    let mut options = said.options;
    options.reach = args.reach.clone().over(options.reach);
    let settings = resolve(&options, said.kernel, &env)?;
    if settings.bucket.is_empty() {
        return Err(Failure { code: USAGE, text: "say which bucket is to be shared".to_owned() });
    }
    Ok(settings)
}

fn check(user: &str) -> Result<&str, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '$');
    if user.is_empty() || !user.chars().all(plain) {
        return Err(Failure::other(format!("{user:?} is no S3 user id: write it as in bob_wsu")));
    }
    Ok(user)
}

fn told(error: StoreError) -> Failure {
    Failure::other(match error.kind {
        ErrorKind::NoSuchBucket => "there is no such bucket: check its name".to_owned(),
        ErrorKind::BadCredentials => format!("the service does not accept your token: {error}"),
        _ => error.to_string(),
    })
}

struct Work<'a> {
    args: &'a Args,
    settings: &'a Settings,
    store: &'a Store,
    /// The bucket's own list, which tells the owner.
    acl: Acl,
}

impl Work<'_> {
    fn of<'a>(&'a self, user: &'a str) -> Share<'a> {
        Share {
            bucket: &self.settings.bucket,
            prefix: &self.settings.prefix,
            owner: &self.acl.owner,
            user,
            write: self.args.write,
        }
    }

    fn place(&self) -> String {
        self.settings.source()
    }

    async fn share(&self, user: &str) -> Result<(), Failure> {
        if user == self.acl.owner {
            return Err(Failure::other(format!("{user} owns {}", self.settings.bucket)));
        }
        if self.args.by == By::Acl {
            self.share_by_lists(user).await?;
        } else if let Err(why) = self.share_by_policy(user).await {
            // Only a service without policies is a reason to do it in another way.
            if self.args.by == By::Policy || !why.unsupported {
                return Err(why.failure);
            }
            println!("{}: by access control lists, then, of each object there is now.", why.failure.text);
            self.share_by_lists(user).await?;
        }
        println!("{user} mounts it with:\n    osirisfs mount {} FOLDER", self.place());
        Ok(())
    }

    async fn share_by_policy(&self, user: &str) -> Result<(), Refused> {
        let before = self.store.get_policy().await.map_err(Refused::from)?;
        let wanted = policy::with(before.as_deref(), self.of(user)).map_err(Refused::text)?;
        self.store.put_policy(&wanted).await.map_err(Refused::from)?;
        let stored = self.store.get_policy().await.map_err(Refused::from)?;
        if !stored.as_deref().is_some_and(|stored| same(stored, &wanted)) {
            return Err(Refused::text(
                "the service stored another policy than was sent: somebody else has changed it just now; try again",
            ));
        }
        let deeds = if self.args.write { "list, read, write and delete" } else { "list and read" };
        println!("{user} may now {deeds} everything in {}, also what is yet to come.", self.place());
        Ok(())
    }

    async fn share_by_lists(&self, user: &str) -> Result<(), Failure> {
        let prefix = &self.settings.prefix;
        if self.args.write && !prefix.is_empty() {
            return Err(Failure::other(
                "lists let somebody write to a whole bucket or not at all: share the bucket, or share by policy",
            ));
        }
        let grants: &[&str] = if self.args.write { &["READ", "WRITE"] } else { &["READ"] };
        if let Some(acl) = lists::changed(&self.acl, user, grants) {
            self.store.put_bucket_acl(&acl).await.map_err(|error| match error.kind {
                ErrorKind::UnknownGrantee => Failure::other(format!(
                    "the service does not know {user}: check the id; it knows a user from the first login on"
                )),
                _ => told(error),
            })?;
        }
        // A writer must be able to read a list to keep it.
        let of_object: &[&str] = if self.args.write { &["READ", "READ_ACP"] } else { &["READ"] };
        let walked = lists::walk(self.store, prefix, user, of_object).await.map_err(broken_off)?;
        if !self.keeps(user, grants, of_object).await.map_err(told)? {
            return Err(Failure::other(
                "the service keeps other lists than were sent: somebody else has changed them just now; try again",
            ));
        }
        println!(
            "{user} may now read {} objects in {} ({} lists were changed){}.",
            walked.objects - walked.refused.len(),
            self.place(),
            walked.changed,
            if self.args.write { ", and write and delete" } else { "" }
        );
        if !prefix.is_empty() {
            println!("{user} sees the names of everything in {}: lists know no folders.", self.settings.bucket);
        }
        println!("New objects need it again, unless they are written through a mount with --inherit-acl.");
        self.report(walked)
    }

    /// Whether the service keeps what was sent: looked at are the bucket's list and that of one object.
    async fn keeps(&self, user: &str, of_bucket: &[&str], of_object: &[&str]) -> Result<bool, StoreError> {
        if !lists::gives(&self.store.get_bucket_acl().await?, user, of_bucket) {
            return Ok(false);
        }
        let one = ListRequest { prefix: self.settings.prefix.clone(), max_keys: 1, ..ListRequest::default() };
        let Some(first) = self.store.list(one).await?.objects.into_iter().next() else { return Ok(true) };
        match self.store.get_acl(&first.key).await {
            Ok(acl) => Ok(acl.owner == user || lists::gives(&acl, user, of_object)),
            // Somebody else's, which is reported, or removed meanwhile.
            Err(error) if error.kind == ErrorKind::Denied || error.is_not_found() => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn report(&self, walked: lists::Walked) -> Result<(), Failure> {
        let Some((key, error)) = walked.refused.first() else { return Ok(()) };
        let count = walked.refused.len();
        Err(Failure::other(format!(
            "{count} objects belong to others who keep them to themselves, such as {key}: {error}"
        )))
    }

    async fn revoke(&self, user: &str) -> Result<(), Failure> {
        if user == self.acl.owner {
            return Err(Failure::other(format!("{user} owns {}", self.settings.bucket)));
        }
        let mut found = false;
        match self.store.get_policy().await {
            Ok(before) => match policy::without(before.as_deref(), self.of(user)).map_err(Failure::other)? {
                Without::Same => {}
                Without::Nothing => {
                    self.store.delete_policy().await.map_err(told)?;
                    found = true;
                }
                Without::Policy(left) => {
                    self.store.put_policy(&left).await.map_err(told)?;
                    found = true;
                }
            },
            Err(error) if error.kind == ErrorKind::Unsupported => {}
            Err(error) => return Err(told(error)),
        }
        let whole = self.settings.prefix.is_empty();
        let by_list = self.acl.grants.iter().any(|grant| grant.grantee == Grantee::Id(user.to_owned()));
        if let Some(acl) = lists::changed(&self.acl, user, &[]).filter(|_| by_list && whole) {
            self.store.put_bucket_acl(&acl).await.map_err(told)?;
            found = true;
        }
        let mut walked = lists::Walked::default();
        if by_list || self.args.by == By::Acl {
            walked = lists::walk(self.store, &self.settings.prefix, user, &[]).await.map_err(broken_off)?;
            found |= walked.changed > 0;
            println!("{} of {} objects named {user} in their lists.", walked.changed, walked.objects);
        }
        if !found {
            return Err(Failure::other(format!(
                "neither the policy nor the list of {} names {user}; --by acl looks at each object too",
                self.settings.bucket
            )));
        }
        println!("{user} has no rights in {} any more that were given to {user} alone.", self.place());
        if by_list && !whole {
            let bucket = &self.settings.bucket;
            println!(
                "The list of {bucket} still names {user}: osirisfs share {bucket} --revoke {user} ends that, too."
            );
        }
        self.report(walked)
    }

    async fn show(&self) -> Result<(), Failure> {
        println!("{} belongs to {}.", self.settings.bucket, self.acl.owner);
        let mut others = 0;
        for grant in &self.acl.grants {
            let who = match &grant.grantee {
                Grantee::Id(id) if *id == self.acl.owner => continue,
                Grantee::Id(id) => id.as_str(),
                Grantee::Group(uri) if uri.ends_with("/AllUsers") => "everybody, also without a login,",
                Grantee::Group(uri) if uri.ends_with("/AuthenticatedUsers") => "everybody with a login",
                Grantee::Group(uri) => uri.as_str(),
                Grantee::BucketOwner => continue,
            };
            let may = match grant.permission.as_str() {
                "READ" => "list the names in it (by the bucket's list; each object has a list of its own)",
                "WRITE" => "write and delete in it (by the bucket's list)",
                "READ_ACP" => "see its list",
                "WRITE_ACP" => "change its list",
                _ => "list, write and delete in it, and change its list",
            };
            println!("{who} may {may}.");
            others += 1;
        }
        match self.store.get_policy().await {
            Ok(None) => {}
            Ok(Some(policy)) => {
                for line in policy::words(&policy, &self.settings.bucket).map_err(Failure::other)? {
                    println!("{line} (by policy).");
                    others += 1;
                }
            }
            Err(error) if error.kind == ErrorKind::Unsupported => {}
            Err(error) => return Err(told(error)),
        }
        if others == 0 {
            println!("Nobody else may list or write in it.");
        }
        Ok(())
    }
}

/// Why a policy could not be made.
struct Refused {
    /// The service has no policies.
    unsupported: bool,
    failure: Failure,
}

impl Refused {
    fn text(text: impl Into<String>) -> Refused {
        Refused { unsupported: false, failure: Failure::other(text) }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        let unsupported = error.kind == ErrorKind::Unsupported;
        let text = if unsupported { "the service takes no policy".to_owned() } else { told(error).text };
        Refused { unsupported, failure: Failure::other(text) }
    }
}

/// The same JSON, however it is written.
fn same(one: &str, other: &str) -> bool {
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    parse(one).is_some() && parse(one) == parse(other)
}

fn broken_off(error: StoreError) -> Failure {
    let failure = told(error);
    Failure { text: format!("{}; give the same command again, what is done is passed over", failure.text), ..failure }
}
