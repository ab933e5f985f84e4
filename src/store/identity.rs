//! The credentials that requests are signed with: renewed where they came from, believed for a while when the service
//! refuses what it took before.

use super::{CredentialSource, Credentials, StoreConfig};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// They can be replaced while the store is in use.
pub(super) struct SharedCredentials {
    /// All that were used so far; the last ones sign.
    used: RwLock<Vec<Credentials>>,
    source: Option<CredentialSource>,
    /// One look at the source at a time: it may be a program.
    looking: tokio::sync::Mutex<()>,
    grace: Duration,
    begun: Instant,
    /// Nanoseconds from `begun` to the last answer that shows that the service knows the user, plus one.
    accepted: AtomicU64,
    /// Whether `standing` has something to forget at the next such answer.
    refused: AtomicBool,
    standing: Mutex<Standing>,
}

#[derive(Default)]
struct Standing {
    /// Since when the service refuses them.
    refused: Option<Instant>,
    /// The log has it.
    told: bool,
}

impl SharedCredentials {
    pub(super) fn new(config: &StoreConfig) -> Arc<SharedCredentials> {
        Arc::new(SharedCredentials {
            used: RwLock::new(vec![config.credentials.clone()]),
            source: config.source.clone(),
            looking: tokio::sync::Mutex::default(),
            grace: config.token_grace,
            begun: Instant::now(),
            accepted: AtomicU64::new(0),
            refused: AtomicBool::new(false),
            standing: Mutex::default(),
        })
    }

    /// What the next request is signed with.
    pub(super) fn now(&self) -> Credentials {
        let used = self.used.read().unwrap_or_else(PoisonError::into_inner);
        used.last().cloned().unwrap_or_else(|| Credentials { access_key: String::new(), secret_key: String::new() })
    }

    /// Counts the replacements.
    pub(super) fn generation(&self) -> usize {
        self.used.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(super) fn set(&self, credentials: Credentials) {
        // Whether the service knows these is not known.
        self.accepted.store(0, Ordering::Relaxed);
        self.used.write().unwrap_or_else(PoisonError::into_inner).push(credentials);
    }

    /// Takes credentials out of a message: some services repeat the access key in theirs, and a token is one.
    pub(super) fn hide_in(&self, message: &mut String) {
        for used in self.used.read().unwrap_or_else(PoisonError::into_inner).iter() {
            for word in [&used.access_key, &used.secret_key] {
                if !word.is_empty() && message.contains(word.as_str()) {
                    *message = message.replace(word.as_str(), "(hidden)");
                }
            }
        }
    }

    /// Whether there are other credentials than those of this generation: looks at the source.
    pub(super) async fn renewed(&self, generation: usize) -> bool {
        let Some(source) = &self.source else { return self.generation() != generation };
        let _one = self.looking.lock().await;
        if self.generation() != generation {
            return true;
        }
        let reading = source.clone();
        let Ok(Some(there)) = tokio::task::spawn_blocking(move || reading.read()).await else { return false };
        if there == self.now() {
            return false;
        }
        tracing::info!("new credentials are taken from {}", source.words());
        self.set(there);
        true
    }

    /// An answer shows that the service knows the user.
    pub(super) fn accept(&self) {
        let at = self.begun.elapsed().as_nanos() as u64 + 1;
        self.accepted.store(at, Ordering::Relaxed);
        if self.refused.swap(false, Ordering::Relaxed) && std::mem::take(&mut *self.standing()).told {
            tracing::info!("the service accepts the credentials again");
        }
    }

    /// Whether it did so within this time.
    pub(super) fn accepted_within(&self, time: Duration) -> bool {
        let at = Duration::from_nanos(self.accepted.load(Ordering::Relaxed));
        !at.is_zero() && self.begun.elapsed() < at + time
    }

    /// The service says that it does not know the user. Whether it may think better of it: RGW says so of every token
    /// while its LDAP server is away (measured on 16.2 and 20.2).
    pub(super) fn may_be_an_outage(&self) -> bool {
        let worked = self.accepted.load(Ordering::Relaxed) > 0;
        self.refused.store(true, Ordering::Relaxed);
        let since = *self.standing().refused.get_or_insert_with(Instant::now);
        worked && since.elapsed() < self.grace
    }

    /// The program that asked gets an error. The log says why, once.
    pub(super) fn give_up(&self) {
        self.refused.store(true, Ordering::Relaxed);
        let mut standing = self.standing();
        standing.refused.get_or_insert_with(Instant::now);
        if !std::mem::replace(&mut standing.told, true) {
            let from = self.source.as_ref().map_or("the command", CredentialSource::words);
            tracing::error!(
                "the service does not accept the token or key (from {from}): programs get \"permission denied\" until it \
                 does or until there is another one (osirisfs login); the mount stays"
            );
        }
    }

    /// How long the service has refused them by now.
    pub(super) fn refused_for(&self) -> Option<Duration> {
        self.standing().refused.map(|since| since.elapsed())
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SharedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedCredentials(hidden)")
    }
}
