//! The service: name, port, answer, clock, and what the credentials may do with the bucket.

use super::{Report, Verdict};
use crate::cli::exit::Failure;
use crate::config::{Settings, parse};
use crate::mount::MountError;
use crate::store::{
    Body, Condition, ErrorKind, GetRequest, Reached, Store, StoreConfig, StoreError, Survey, WriteHeaders, survey,
};
use std::time::{Duration, Instant};

/// For each question.
const ASKING: Duration = Duration::from_secs(10);
/// RGW and Amazon refuse requests whose time is further off than a quarter of an hour.
const CLOCK: i64 = 300;

pub fn look(settings: Settings, with_bucket: bool, report: &mut Report) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::other(format!("the service cannot be looked at: {e}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    if !runtime.block_on(ways(&settings, report)) {
        return Ok(());
    }
    if settings.network.no_tls_verify {
        let remedy =
            "the service may be anybody: leave out --no-tls-verify, and give --ca-file for a private authority";
        report.say("certificates", "not verified", Verdict::Note(remedy.to_owned()));
    }
    if parse::readable_on_the_way(&settings.endpoint) {
        let remedy = "a token sent there can be read on the way: use https if the service has it";
        report.say("encryption", "none", Verdict::Note(remedy.to_owned()));
    }
    runtime.block_on(answers(settings, with_bucket, report));
    // Requests that nobody waits for any more do not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(())
}

/// Whether any gateway behind any of the service's names takes a connection. One is enough for a mount.
async fn ways(settings: &Settings, report: &mut Report) -> bool {
    let config = settings.store_config();
    let names: Vec<&String> = std::iter::once(&settings.endpoint).chain(&settings.network.others).collect();
    let asking = names.iter().map(|name| {
        let one = StoreConfig { endpoint: (*name).clone(), ..config.clone() };
        async move { survey(&one).await }
    });
    let found = futures::future::join_all(asking).await;
    let all = || found.iter().flatten();
    let any = all().any(|found| match found {
        Survey::Proxy => true,
        Survey::Addresses(all) => all.iter().any(|one| one.connect.is_ok()),
    });
    let verdict = |remedy: &str| if any { Verdict::Note(remedy.to_owned()) } else { Verdict::Bad(remedy.to_owned()) };
    for (name, found) in names.iter().zip(&found) {
        match found {
            Ok(Survey::Proxy) => {
                report.say("name", format!("{name} by the proxy that the environment names"), Verdict::Good);
            }
            Ok(Survey::Addresses(all)) => {
                let list: Vec<String> = all.iter().map(|one| one.address.ip().to_string()).collect();
                report.say("name", format!("{name} is {}", list.join(", ")), Verdict::Good);
                for one in all {
                    match &one.connect {
                        Ok(time) => {
                            let words = format!("{} in {:.1} ms", one.address, time.as_secs_f64() * 1e3);
                            report.say("connection", words, Verdict::Good);
                            tls(settings, name, one, report);
                        }
                        Err(why) => {
                            let remedy = verdict("check the network, and a firewall or proxy on the way");
                            report.say("connection", format!("{}: {why}", one.address), remedy);
                        }
                    }
                }
            }
            Err(error) => {
                let remedy = verdict("check the spelling of the endpoint, and the name server (/etc/resolv.conf)");
                report.say("name", format!("{name} cannot be resolved: {}", error.message), remedy);
            }
        }
    }
    any
}

/// Whether the gateway has a certificate that is good for the name.
fn tls(settings: &Settings, name: &str, one: &Reached, report: &mut Report) {
    if !name.starts_with("https:") || settings.network.no_tls_verify {
        return;
    }
    match &one.http {
        Err(error) if error.kind == ErrorKind::Tls => {
            let remedy = "give the file of its authority with ca_file, or tell the administrator of the service";
            report.say("tls", format!("{}: {}", one.address, error.message), Verdict::Bad(remedy.to_owned()));
        }
        Err(error) if matches!(error.kind, ErrorKind::Timeout | ErrorKind::Unreachable) => {
            let remedy = "something on the way may let connections through and nothing else";
            report.say("tls", format!("{}: {}", one.address, error.message), Verdict::Note(remedy.to_owned()));
        }
        // It has answered, whatever that was.
        _ => report.say("tls", format!("{} has a certificate for its name", one.address), Verdict::Good),
    }
}

async fn answers(settings: Settings, with_bucket: bool, report: &mut Report) {
    let error_of = |error: StoreError| MountError::Service {
        error: Box::new(error),
        endpoint: settings.endpoint.clone(),
        bucket: settings.bucket.clone(),
        credentials_from: settings.credentials_from.clone(),
    };
    let store = match Store::new(settings.store_config()) {
        Ok(store) => store.with_deadline(ASKING),
        Err(error) => {
            let error = error_of(error);
            return report.say("service", error.message(), Verdict::Bad(error.remedy()));
        }
    };
    store.find_way().await;
    let begun = Instant::now();
    let user = store.user_id().await;
    let took = begun.elapsed().as_millis();
    clock(&store, report);
    let name = store.server().unwrap_or_else(|| "does not say what it is".to_owned());
    match user {
        Ok(user) => report.say("user", format!("you are {user}"), Verdict::Good),
        // Some may use a bucket and not ask for their buckets.
        Err(error) if error.kind == ErrorKind::Denied && with_bucket => {
            let remedy = "whether the credentials are good shows with the bucket";
            report.say("user", format!("not told: {error}"), Verdict::Note(remedy.to_owned()));
        }
        Err(error) => {
            let refused = matches!(error.kind, ErrorKind::BadCredentials | ErrorKind::Denied);
            let what = if refused { "user" } else { "service" };
            let error = error_of(error);
            return report.say(what, error.message(), Verdict::Bad(error.remedy()));
        }
    }
    report.say("service", format!("{name}, answers in {took} ms"), Verdict::Good);
    if !with_bucket {
        return;
    }
    match store.head_bucket().await {
        Err(error) => {
            let error = error_of(error);
            return report.say("bucket", error.message(), Verdict::Bad(error.remedy()));
        }
        Ok(info) => {
            let used = indicatif::DecimalBytes(info.bytes.unwrap_or(0));
            let quota =
                info.quota_bytes.map(|quota| format!(" of {}", indicatif::DecimalBytes(quota))).unwrap_or_default();
            let yours = info.user_quota_bytes.map(indicatif::DecimalBytes);
            let yours = yours.map(|quota| format!("; all your buckets may hold {quota}")).unwrap_or_default();
            let found = format!("{} may be used; {used}{quota} in it{yours}", settings.bucket);
            report.say("bucket", found, Verdict::Good);
        }
    }
    versions(&store, report).await;
    if settings.read_only {
        return report.say("writing", "not tried: read-only", Verdict::Good);
    }
    round_trip(&settings, &store, report).await;
    honours(&store, report).await;
}

fn clock(store: &Store, report: &mut Report) {
    let Some(ahead) = store.metered().clock_ahead else { return };
    let found =
        format!("the service's is {} s {} this machine's", ahead.abs(), if ahead < 0 { "behind" } else { "ahead of" });
    let verdict = match ahead.abs() > CLOCK {
        true => Verdict::Bad("set the clock: timedatectl set-ntp true".to_owned()),
        false => Verdict::Good,
    };
    report.say("clock", found, verdict);
}

/// A versioned bucket grows with every change, and RGW honours no conditions there.
async fn versions(store: &Store, report: &mut Report) {
    match store.is_versioned().await {
        Ok(false) => report.say("versions", "old versions are not kept", Verdict::Good),
        Ok(true) => {
            let remedy = "they count for the quota, and two writers at the same moment may not notice each other: \
                          turn versioning off if it is not needed";
            report.say("versions", "old versions are kept", Verdict::Note(remedy.to_owned()));
        }
        Err(error) => {
            report.say("versions", format!("not told: {error}"), Verdict::Note("nothing to be done".to_owned()))
        }
    }
}

/// A small object is stored, read and deleted.
async fn round_trip(settings: &Settings, store: &Store, report: &mut Report) {
    let key = format!("{}.osirisfs/doctor-{}-{}", settings.prefix, std::process::id(), fastrand::u64(..));
    let body = || Body::from(bytes::Bytes::from_static(b"osirisfs doctor was here"));
    let begun = Instant::now();
    if let Err(error) = store.put(&key, body(), &WriteHeaders::default(), &Condition::Always).await {
        let remedy = match error.kind {
            ErrorKind::Denied => "mount it with ro, or ask the owner of the bucket for the right to write",
            ErrorKind::Quota => "the quota is used up: delete something, or ask for more",
            _ => "look at the log of the service",
        };
        return report.say("writing", error.to_string(), Verdict::Bad(remedy.to_owned()));
    }
    let read = async {
        let (mut body, mut bytes) = (store.get(&key, GetRequest::default()).await?, Vec::new());
        while let Some(frame) = body.next().await? {
            bytes.extend_from_slice(&frame);
        }
        Ok::<_, StoreError>(bytes == b"osirisfs doctor was here")
    };
    let read = read.await;
    let deleted = store.delete(&key).await;
    let took = begun.elapsed().as_millis();
    match (read, deleted) {
        (Ok(true), Ok(_)) => {
            report.say("writing", format!("stored, read and deleted an object in {took} ms"), Verdict::Good)
        }
        (Ok(false), _) => {
            let remedy = "something on the way changes data: do not use it".to_owned();
            report.say("writing", "other bytes came back than were stored", Verdict::Bad(remedy));
        }
        (Err(error), _) => {
            report.say("reading", error.to_string(), Verdict::Bad("ask the owner for the right to read".to_owned()))
        }
        (_, Err(error)) => {
            let remedy = format!("files cannot be removed or renamed; {key} stays behind");
            report.say("deleting", error.to_string(), Verdict::Bad(remedy));
        }
    }
}

async fn honours(store: &Store, report: &mut Report) {
    match store.quirks().await {
        Err(error) => report.say("conditions", error.to_string(), Verdict::Note("they could not be tried".to_owned())),
        Ok(quirks) => {
            let word = |yes: bool| if yes { "yes" } else { "no" };
            let found = format!(
                "new files only if absent: {}, changes only of what was read: {}, the same for big files: {}",
                word(quirks.exclusive_put),
                word(quirks.match_put),
                word(quirks.conditional_complete)
            );
            let verdict = match quirks.exclusive_put && quirks.match_put {
                true => Verdict::Good,
                false => Verdict::Note(
                    "two writers at the same moment may not notice each other (is the bucket versioned?)".to_owned(),
                ),
            };
            report.say("conditions", found, verdict);
        }
    }
}
