//! The commands.

mod config;
mod control;
mod daemon;
mod demo;
mod doctor;
mod effective;
mod exit;
mod fstab;
mod helper;
mod list;
mod logging;
mod login;
mod metrics;
mod mount;
mod notify;
mod pages;
mod progress;
mod prompt;
mod recover;
mod run;
mod serve_s3;
mod served;
mod share;
mod sites;
mod speak;
mod status;
mod umount;
mod unit;

use clap::{CommandFactory, Parser, Subcommand};
use exit::Failure;
use std::ffi::OsString;

const EXAMPLES: &str = "\
Examples:
  osirisfs login
  osirisfs mount yourcou-data ~/data
  osirisfs mount --profile yourname_yourcou yourcou-data/run7 ~/run7
  osirisfs umount ~/data
  osirisfs run yourcou-data -- ./job.sh {}
  osirisfs demo

Exit codes:
  0  done
  1  it could not be done; one line on standard error says why and what to do
  2  wrong options
  3  files could not be stored; their names are on standard error
  4  the mount is in use";

const MOUNT_EXAMPLES: &str = "\
Examples:
  osirisfs mount --token-file ~/.osiris-token yourcou-data ~/data
  osirisfs mount --profile yourname_yourcou --read-only yourcou-data/run7 ~/run7
  osirisfs mount ~/buckets                   all your buckets, each a folder
  osirisfs mount --endpoint http://127.0.0.1:8000 --foreground --log debug test /mnt
  mount -t osirisfs -o token_file=/root/token,allow_other,_netdev yourcou-data /data

The command returns when the mount answers; the daemon goes on in the background.
The token or key is taken from --token-file, else --profile, else OSIRIS_TOKEN or
AWS_ACCESS_KEY_ID (and AWS_SECRET_ACCESS_KEY, which may be empty), else what osirisfs login
has kept, else the default profile of ~/.aws/credentials, ~/.s3cfg, ~/.passwd-s3fs,
/etc/passwd-s3fs. A file with a token must have mode 0600. A running mount takes a changed
token from there when the service refuses the old one.";

const LOGIN_EXAMPLES: &str = "\
Examples:
  osirisfs login                          asks for the token
  osirisfs login < token                  reads it from a file or pipe
  osirisfs login --keys                   asks for an access key and a secret key
  osirisfs login --keys < credentials     the file that COmanage offers

The token is kept in ~/.config/osirisfs/credentials, which only you can read, in a profile
named after your S3 user id. With several tokens, one for each COU, give mount --profile.";

const SHARE_EXAMPLES: &str = "\
Examples:
  osirisfs share yourcou-data --with bob_wsu             bob_wsu may list and read all of it
  osirisfs share yourcou-data/run7 --with bob_wsu --write
  osirisfs share yourcou-data                            who may do what
  osirisfs share yourcou-data --revoke bob_wsu";

const STATUS_EXAMPLES: &str = "\
Examples:
  osirisfs status                         all of your mounts
  osirisfs status --watch ~/data          drawn again every second; q ends it
  osirisfs status --json ~/data | jq .pending";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  osirisfs doctor                         this machine, the service, who you are
  osirisfs doctor yourcou-data
  osirisfs doctor -o token_file=/etc/osirisfs/token,site=um yourcou-data";

const UNIT_EXAMPLES: &str = "\
Examples:
  osirisfs unit yourcou-data /data -o token_file=/etc/osirisfs/token,allow_other
  osirisfs unit yourcou-data /data --automount --idle 600 --write /etc/systemd/system
  osirisfs unit --user yourcou-data ~/data --write ~/.config/systemd/user";

const RECOVER_EXAMPLES: &str = "\
Examples:
  osirisfs recover                        what could not be stored
  osirisfs recover --store                all of it, where it belongs
  osirisfs recover --store 20261126-051233-4f2a7c
  osirisfs recover --export ~/saved 20261126-051233-4f2a7c
  osirisfs recover --drop 20261126-051233-4f2a7c
  osirisfs recover --cache-dir /scratch/cache --store

What somebody else has stored meanwhile under the same name is not overwritten: both are
kept, one as NAME.conflict-HOST-TIME. An entry that is stored is removed.

Exit codes:
  0  done: what was to be stored is stored
  1  it could not be done, or the exported file lacks bytes; standard error says which
  3  not all could be stored; what could not be stays";

const COMPLETIONS_HELP: &str = "\
Examples:
  osirisfs completions bash > ~/.local/share/bash-completion/completions/osirisfs
  osirisfs completions zsh > ~/.zfunc/_osirisfs
  osirisfs completions fish > ~/.config/fish/completions/osirisfs.fish";

const RUN_HELP: &str = "\
The command finds the mount at $OSIRISFS_MOUNT, and wherever one of its words is {}:
  osirisfs run yourcou-data/run7 -- sh -c 'cd $OSIRISFS_MOUNT && ./job'
  osirisfs run -o ro yourcou-data -- tar -cf /scratch/all.tar -C {} .

SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 (and SIGINT without a terminal) are passed on to the command.

Exit codes:
  0    the command succeeded, and all data is stored
  3    the command succeeded, but files could not be stored; they are named
  4    the command succeeded, but processes that it left behind still use the mount
  125  the bucket could not be mounted; the command was not run
  126  the command could not be run; 127 it was not found
  else the exit code of the command, or 128 and the number of the signal that ended it";

/// Mount OSiRIS (Ceph RADOS Gateway) S3 buckets as a file system
#[derive(Parser)]
#[command(name = "osirisfs", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Mount a bucket, a folder of it, or all your buckets
    #[command(after_help = MOUNT_EXAMPLES, args_override_self = true, allow_missing_positional = true)]
    Mount(Box<mount::Args>),
    /// Unmount: wait until everything is stored and the daemon has ended
    #[command(alias = "unmount")]
    Umount(umount::Args),
    /// Let others into a bucket of yours, show who is in, take it back
    #[command(after_help = SHARE_EXAMPLES)]
    Share(share::Args),
    /// Keep your token (or key pair) for this machine, after a look whether the service takes it
    #[command(after_help = LOGIN_EXAMPLES)]
    Login(login::LoginArgs),
    /// Forget what login kept
    Logout(login::LogoutArgs),
    /// Ask the service who you are
    Whoami(login::WhoamiArgs),
    /// Show which gateways can be reached, and how well
    Sites(sites::Args),
    /// Show how a mount is doing: the service, the cache, what waits to be stored, what went wrong
    #[command(after_help = STATUS_EXAMPLES)]
    Status(status::Args),
    /// List the mounts of this machine
    List(list::Args),
    /// Look whether everything that a mount needs is in order, and say what to do
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(doctor::Args),
    /// Run a command with a bucket mounted, and unmount when it has ended: for batch jobs
    #[command(after_help = RUN_HELP)]
    Run(run::Args),
    /// List what mounts could not store, and store it after all
    #[command(after_help = RECOVER_EXAMPLES)]
    Recover(Box<recover::Args>),
    /// Print systemd units for a mount
    #[command(after_help = UNIT_EXAMPLES)]
    Unit(unit::Args),
    /// Translate lines of /etc/fstab for s3fs into ours
    Fstab(fstab::Args),
    /// Show which options a mount has, and where each came from
    Config(config::Args),
    /// Try it out on this machine: a server, a mount, files copied in and compared
    Demo(demo::Args),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(pages::Completions),
    /// Write the man pages into a folder, for packages
    #[command(hide = true)]
    ManPages(pages::ManPages),
    /// Run the embedded S3 server by itself, for scripts and tests
    #[command(hide = true)]
    ServeS3(serve_s3::Args),
}

/// Runs the command that these words (the first is the program's name) ask for, and gives the exit code.
pub fn main(words: Vec<OsString>) -> u8 {
    let called_as_helper = helper::translate(&words);
    let as_helper = called_as_helper.is_some();
    let words = called_as_helper.unwrap_or(words);
    let code = match Cli::try_parse_from(&words) {
        Ok(cli) => match run_command(cli.command, &words) {
            Ok(()) => exit::DONE,
            Err(failure) => failure.report(),
        },
        Err(error) => {
            // Help and version are "errors" of clap with exit code 0.
            let _ = error.print();
            error.exit_code() as u8
        }
    };
    if as_helper { helper::exit_code(code) } else { code }
}

fn run_command(command: Command, words: &[OsString]) -> Result<(), Failure> {
    match command {
        Command::Mount(args) => mount::run(*args, words),
        Command::Umount(args) => umount::run(args),
        Command::Share(args) => share::run(args),
        Command::Login(args) => login::login(args),
        Command::Logout(args) => login::logout(args),
        Command::Whoami(args) => login::whoami(args),
        Command::Sites(args) => sites::run(args),
        Command::Status(args) => status::run(args),
        Command::List(args) => list::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Run(args) => run::run(args),
        Command::Recover(args) => recover::run(*args),
        Command::Unit(args) => unit::run(args),
        Command::Fstab(args) => fstab::run(args),
        Command::Config(args) => config::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Completions(args) => pages::completions(args),
        Command::ManPages(args) => pages::man_pages(args),
        Command::ServeS3(args) => serve_s3::run(args),
    }
}

/// The definition of `osirisfs mount`, whose long options `-o` may name.
fn mount_command() -> clap::Command {
    Cli::command().find_subcommand("mount").cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests;
