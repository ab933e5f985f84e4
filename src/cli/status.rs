//! `osirisfs status`: how a mount is doing, in lines, as JSON, or as a picture that is drawn again every second.

mod facts;
mod screen;
mod view;
mod watch;

#[cfg(test)]
mod tests;

use super::exit::{FAILED, Failure};
use super::umount;
use crate::config::Env;
use crate::mount::control::{self, Ask, Say};
use crate::mount::status::Status;
use crate::mount::table::{self, Mount};
use crate::mount::{MountError, check};
use facts::Speed;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A daemon that has not answered after this time is busy or stuck.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long is measured, for the speed of one look.
const MEASURED: Duration = Duration::from_millis(400);

#[derive(clap::Args)]
pub struct Args {
    /// Where the bucket is mounted [default: all of your mounts]
    #[arg(value_name = "MOUNTPOINT")]
    mountpoint: Option<PathBuf>,

    /// One JSON object for each mount, for programs
    #[arg(long)]
    json: bool,

    /// Look again every second, until q or Ctrl-C
    #[arg(long, conflicts_with = "json")]
    watch: bool,
}

/// Shows.
pub fn run(args: Args) -> Result<(), Failure> {
    let mounts = wanted(&args)?;
    if args.watch {
        return watch::run(mounts.iter().map(Client::of).collect::<Result<_, _>>()?);
    }
    let mut failed = None;
    for (number, mount) in mounts.iter().enumerate() {
        match Client::of(mount).and_then(|mut client| client.measured()) {
            Ok((status, speed)) => {
                let text = match args.json {
                    true => serde_json::to_string(&status).unwrap_or_default() + "\n",
                    false => view::text(&status, speed, console::colors_enabled()),
                };
                let gap = if number > 0 && !args.json { "\n" } else { "" };
                // A reader that has gone away (head) wants no more.
                let _ = std::io::stdout().write_all(format!("{gap}{text}").as_bytes());
            }
            Err(failure) => {
                failed = failed.map(|before: Failure| before.report()).map(|_| failure.clone()).or(Some(failure))
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

fn wanted(args: &Args) -> Result<Vec<Mount>, Failure> {
    if let Some(path) = &args.mountpoint {
        let path = check::real(&Env::of_process().absolute(path))?;
        return Ok(vec![umount::find(&path)?]);
    }
    let mounts = table::all().map_err(|e| MountError::System(format!("/proc/self/mountinfo: {e}")))?;
    let mine: Vec<Mount> = mounts.into_iter().filter(|m| m.is_ours() && umount::may_unmount(m)).collect();
    if mine.is_empty() {
        return Err(Failure::other("nothing of yours is mounted; osirisfs mount BUCKET FOLDER mounts a bucket"));
    }
    Ok(mine)
}

/// The daemon of a mount at the other end of its socket.
pub struct Client {
    place: PathBuf,
    stream: UnixStream,
    lines: std::io::Lines<BufReader<UnixStream>>,
}

impl Client {
    /// Connects.
    pub fn of(mount: &Mount) -> Result<Client, Failure> {
        let place = mount.mountpoint.clone();
        let Ok((stream, _)) = control::connect(mount) else {
            let place = place.display();
            let text = match check::is_dead(&mount.mountpoint) {
                true => format!("the daemon of {place} has died; clear it: osirisfs umount {place}, or mount it again"),
                false => format!("the daemon of {place} does not answer; its log says more"),
            };
            return Err(Failure { code: FAILED, text });
        };
        let open = || -> std::io::Result<Client> {
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(Client { place: mount.mountpoint.clone(), lines: BufReader::new(stream.try_clone()?).lines(), stream })
        };
        open().map_err(|e| Failure::other(format!("{}: {e}", place.display())))
    }

    /// Asks.
    pub fn ask(&mut self) -> Result<Status, Failure> {
        let place = self.place.display().to_string();
        let gone = |why: String| {
            Failure::other(format!("the daemon of {place} does not tell its status: {why}; is it just ending?"))
        };
        let mut line = serde_json::to_vec(&Ask::Status).map_err(|e| gone(e.to_string()))?;
        line.push(b'\n');
        self.stream.write_all(&line).map_err(|e| gone(e.to_string()))?;
        let answer = self.lines.next().transpose().map_err(|e| gone(e.to_string()))?;
        match serde_json::from_str(&answer.ok_or_else(|| gone("it has ended".to_owned()))?) {
            Ok(Say::Status(status)) => Ok(*status),
            Ok(Say::Denied) => Err(MountError::NotYours(self.place.clone()).into()),
            Ok(_) => Err(gone("it is ending".to_owned())),
            Err(e) => Err(gone(format!("it is of another version ({e})"))),
        }
    }

    /// Asks, and once more a moment later if bytes are moving.
    fn measured(&mut self) -> Result<(Status, Speed), Failure> {
        let first = self.ask()?;
        if first.pending.is_empty() && first.requests.values().all(|requests| requests.in_flight == 0) {
            return Ok((first, Speed::default()));
        }
        let begun = Instant::now();
        std::thread::sleep(MEASURED);
        let second = self.ask()?;
        let speed = Speed::between(&first, &second, begun.elapsed());
        Ok((second, speed))
    }
}
