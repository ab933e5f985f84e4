//! Log lines: which, and where to. No credential passes: whatever a library writes, the token and the secret are blotted
//! out of the finished line.

use crate::config::{ConfigError, Settings};
use crate::store::{CredentialSource, Credentials};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::SystemTime;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Where the system log listens (journald listens there too).
const SYSLOG: &str = "/dev/log";

/// Whether standard error is the journal, so that a daemon keeps it. systemd sets the variable to the number of device and
/// inode (systemd.exec(5)); a program that redirects its standard error inherits it all the same.
pub fn stderr_is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    nix::sys::stat::fstat(io::stderr()).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Looks whether logging will work, while there is still somebody to tell.
pub fn check(settings: &Settings) -> Result<(), ConfigError> {
    filter(&settings.log, settings.log_requests)?;
    if let Some(path) = &settings.log_file {
        open(path).map_err(|e| {
            ConfigError::new(format!("the log file {} cannot be written: {e}", path.display()), "correct --log-file")
        })?;
    }
    Ok(())
}

/// Starts logging. To be called once.
pub fn start(settings: &Settings) -> Result<(), ConfigError> {
    let target = Target::of(settings);
    let timed = matches!(target, Target::File(_)) || (matches!(target, Target::Stderr) && !stderr_is_journal());
    let colours = matches!(target, Target::Stderr) && io::stderr().is_terminal();
    hide(&settings.credentials);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(&settings.log, settings.log_requests)?)
        .with_ansi(colours)
        .with_writer(Log { target: Arc::new(target) });
    // A logger that is there already (in tests) stays.
    let _ = if timed {
        let builder = builder.with_filter_reloading();
        let handle = builder.reload_handle();
        keep(move |filter| handle.reload(filter).is_ok());
        builder.try_init()
    } else {
        let builder = builder.without_time().with_filter_reloading();
        let handle = builder.reload_handle();
        keep(move |filter| handle.reload(filter).is_ok());
        builder.try_init()
    };
    std::panic::set_hook(Box::new(|panic| tracing::error!("internal error: {panic}")));
    Ok(())
}

type Reload = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;

/// Changes the filter of the logger that was started. One for the process, as the logger is.
static RELOAD: OnceLock<Reload> = OnceLock::new();

fn keep(reload: impl Fn(EnvFilter) -> bool + Send + Sync + 'static) {
    let _ = RELOAD.set(Box::new(reload));
}

/// Logs with another filter from here on.
pub fn change(settings: &Settings) -> Result<(), ConfigError> {
    let filter = filter(&settings.log, settings.log_requests)?;
    if let Some(reload) = RELOAD.get() {
        reload(filter);
    }
    Ok(())
}

/// A plain level is for this program; libraries are then heard from `warn` on, because at `debug` the HTTP library
/// describes every byte. Anything else is a filter of `tracing_subscriber` as it is.
///
/// `requests` adds a line for each request.
fn filter(text: &str, requests: bool) -> Result<EnvFilter, ConfigError> {
    let filter = plain_filter(text)?;
    if !requests {
        return Ok(filter);
    }
    let directive = format!("{}=debug", crate::store::REQUESTS).parse();
    Ok(directive.map_or(plain_filter(text)?, |directive| filter.add_directive(directive)))
}

fn plain_filter(text: &str) -> Result<EnvFilter, ConfigError> {
    let wrong = || {
        ConfigError::new(
            format!("\"{text}\" is not a log level"),
            "write off, error, warn, info, debug or trace (or a filter such as osirisfs::store=debug)",
        )
    };
    match text {
        "off" => Ok(EnvFilter::new("off")),
        "error" => Ok(EnvFilter::new("error")),
        "warn" | "info" | "debug" | "trace" => Ok(EnvFilter::new(format!("warn,osirisfs={text}"))),
        // A bare word would be taken for the name of a module, and say nothing for ever.
        _ if text.contains(['=', ',']) => EnvFilter::try_new(text).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

enum Target {
    Stderr,
    File(File),
    Syslog(UnixDatagram),
    Nowhere,
}

impl Target {
    fn of(settings: &Settings) -> Target {
        if let Some(path) = &settings.log_file {
            return open(path).map_or(Target::Nowhere, Target::File);
        }
        if settings.foreground || stderr_is_journal() {
            return Target::Stderr;
        }
        let syslog = || {
            let socket = UnixDatagram::unbound()?;
            socket.connect(SYSLOG)?;
            // A log that is full must not hold up a file system.
            socket.set_nonblocking(true)?;
            io::Result::Ok(socket)
        };
        syslog().map_or(Target::Nowhere, Target::Syslog)
    }
}

/// What must never be seen, in the forms in which it travels.
struct Secrets(Vec<Vec<u8>>);

/// A mount may get new credentials while it logs.
static SECRETS: RwLock<Secrets> = RwLock::new(Secrets(Vec::new()));

/// From now on no log line shows these.
pub fn hide(credentials: &Credentials) {
    SECRETS.write().unwrap_or_else(PoisonError::into_inner).add(credentials);
}

/// The same source; what it gives is hidden from the log.
pub fn hiding(source: CredentialSource) -> CredentialSource {
    CredentialSource::new(source.words().to_owned(), move || source.read().inspect(hide))
}

impl Secrets {
    fn add(&mut self, credentials: &Credentials) {
        for key in [&credentials.access_key, &credentials.secret_key] {
            let encoded = percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC);
            for form in [key.clone().into_bytes(), encoded.to_string().into_bytes()] {
                if !form.is_empty() && !self.0.contains(&form) {
                    self.0.push(form);
                }
            }
        }
    }

    fn blotted(&self, line: &[u8]) -> Vec<u8> {
        let mut line = line.to_vec();
        for secret in &self.0 {
            while let Some(at) = line.windows(secret.len()).position(|window| window == secret) {
                line.splice(at..at + secret.len(), b"<hidden>".iter().copied());
            }
        }
        line
    }
}

/// The last warnings and errors, for those who ask the daemon how it is doing. One for the process, as the logger is.
static RECENT: Mutex<VecDeque<(SystemTime, String)>> = Mutex::new(VecDeque::new());
/// So many.
const REMEMBERED: usize = 20;

/// The last warnings and errors, the newest last.
pub fn recent() -> Vec<(SystemTime, String)> {
    RECENT.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

fn remember(line: &[u8]) {
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    if recent.len() == REMEMBERED {
        recent.pop_front();
    }
    recent.push_back((SystemTime::now(), message_of(&String::from_utf8_lossy(line))));
}

/// A line without its time, level, colours and the name of its module.
fn message_of(line: &str) -> String {
    let line = console::strip_ansi_codes(line);
    let levels = ["ERROR ", " WARN "];
    let rest = levels.iter().find_map(|level| line.split_once(level)).map_or(line.as_ref(), |(_, rest)| rest);
    rest.split_once(": ").map_or(rest, |(_, message)| message).trim().to_owned()
}

/// Gives a writer for each line.
struct Log {
    target: Arc<Target>,
}

struct Line {
    target: Arc<Target>,
    level: Level,
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { target: self.target.clone(), level: Level::INFO }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        Line { level: *meta.level(), ..self.make_writer() }
    }
}

impl Write for Line {
    /// tracing_subscriber formats a whole line and writes it at once, so a secret is never split between two calls.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let clean = SECRETS.read().unwrap_or_else(PoisonError::into_inner).blotted(line);
        if self.level <= Level::WARN {
            remember(&clean);
        }
        match &*self.target {
            Target::Stderr if stderr_is_journal() => {
                let mut line = format!("<{}>", severity(self.level)).into_bytes();
                line.extend_from_slice(&clean);
                io::stderr().write_all(&line)?;
            }
            Target::Stderr => io::stderr().write_all(&clean)?,
            Target::File(file) => (&*file).write_all(&clean)?,
            Target::Syslog(socket) => {
                let mut message = syslog_head(self.level).into_bytes();
                message.extend_from_slice(clean.trim_ascii());
                socket.send(&message)?;
            }
            Target::Nowhere => {}
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `<PRIORITY>name[pid]: ` as syslog(3) sends it: facility daemon (3) times 8 plus the severity.
fn syslog_head(level: Level) -> String {
    format!("<{}>osirisfs[{}]: ", 3 * 8 + severity(level), std::process::id())
}

/// The numbers of syslog(3); journald reads them at the beginning of a line, too (sd-daemon(3)).
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests;
