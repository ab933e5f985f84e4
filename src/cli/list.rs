//! `osirisfs list`: the mounts of this machine.

use super::exit::Failure;
use super::status::Client;
use super::umount;
use crate::mount::MountError;
use crate::mount::check;
use crate::mount::table::{self, Mount};
use serde::Serialize;
use std::io::Write;

#[derive(clap::Args)]
pub struct Args {
    /// A JSON array, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    source: String,
    mountpoint: String,
    user: String,
    state: &'static str,
    /// Files that are not stored yet, if we may know.
    pending: Option<usize>,
}

/// Prints.
pub fn run(args: Args) -> Result<(), Failure> {
    let mounts = table::all().map_err(|e| MountError::System(format!("/proc/self/mountinfo: {e}")))?;
    let rows: Vec<Row> = mounts.into_iter().filter(Mount::is_ours).map(row).collect();
    let text = match args.json {
        true => serde_json::to_string(&rows).unwrap_or_default() + "\n",
        false => table_of(&rows),
    };
    // A reader that has gone away (head) wants no more.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

fn row(mount: Mount) -> Row {
    let status = match umount::may_unmount(&mount) {
        true => Client::of(&mount).and_then(|mut client| client.ask()).ok(),
        false => None,
    };
    let state = match &status {
        Some(status) if !status.pending.is_empty() => "storing",
        Some(_) => "ok",
        None if check::is_dead(&mount.mountpoint) => "dead",
        None if umount::may_unmount(&mount) => "does not answer",
        None => "of another user",
    };
    let owner = mount.owner.map(|uid| {
        let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
        user.map_or_else(|| uid.to_string(), |user| user.name)
    });
    Row {
        source: mount.source,
        mountpoint: mount.mountpoint.display().to_string(),
        user: owner.unwrap_or_default(),
        state,
        pending: status.map(|status| status.pending.len()),
    }
}

fn table_of(rows: &[Row]) -> String {
    let mut lines = vec![["BUCKET", "MOUNTPOINT", "USER", "STATE", "TO STORE"].map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        let pending = row.pending.map_or_else(|| "?".to_owned(), |count| count.to_string());
        [row.source.clone(), row.mountpoint.clone(), row.user.clone(), row.state.to_owned(), pending]
    }));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let line = |cells: &[String; 5]| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(line).collect()
}
