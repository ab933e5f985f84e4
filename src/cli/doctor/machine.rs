//! This machine: FUSE, and the folder for data that does not fit in memory.

use super::{Report, Verdict};
use crate::config::Settings;
use crate::fs;
use crate::mount::{device, fusermount};
use nix::sys::statvfs::statvfs;
use std::io::Write;
use std::time::Instant;

/// Less room than this is soon full.
const ROOM: u64 = 2 << 30;
/// So much is written to see how fast the folder is.
const SAMPLE: usize = 32 << 20;

pub fn look(report: &mut Report) {
    match device::check() {
        Ok(()) => report.say("fuse", "/dev/fuse can be opened", Verdict::Good),
        Err(e) => report.say("fuse", e.message(), Verdict::Bad(e.remedy())),
    }
    match fusermount::find() {
        Ok(path) => report.say("fusermount", path.display().to_string(), Verdict::Good),
        Err(e) if nix::unistd::geteuid().is_root() => {
            report.say("fusermount", "not there", Verdict::Note(format!("root needs none, others do: {}", e.remedy())));
        }
        Err(e) => report.say("fusermount", e.message(), Verdict::Bad(e.remedy())),
    }
    let release =
        nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default();
    let pages = std::fs::read_to_string("/proc/sys/fs/fuse/max_pages_limit");
    let pages = pages.map_or("256 (fixed)".to_owned(), |limit| limit.trim().to_owned());
    let passthrough = if version(&release) >= (6, 9) { "yes" } else { "no" };
    let found = format!("{release}: pages a request {pages}, passthrough {passthrough}");
    let verdict = match version(&release) < (4, 20) {
        true => Verdict::Note("kernels before 4.20 read and write 128 KiB at a time: slower".to_owned()),
        false => Verdict::Good,
    };
    report.say("kernel", found, verdict);
}

fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

pub fn cache(settings: &Settings, report: &mut Report) {
    let folder = fs::Options::of(settings).scratch;
    let free = match statvfs(&folder) {
        Ok(space) => space.blocks_available() * space.fragment_size(),
        Err(e) => {
            let found = format!("{}: {e}", folder.display());
            return report.say("cache folder", found, Verdict::Bad("choose another with cache_dir".to_owned()));
        }
    };
    let speed = || -> std::io::Result<f64> {
        let mut file = tempfile::tempfile_in(&folder)?;
        let sample = vec![7; SAMPLE];
        let begun = Instant::now();
        file.write_all(&sample)?;
        file.sync_data()?;
        Ok(SAMPLE as f64 / begun.elapsed().as_secs_f64() / 1e6)
    };
    match speed() {
        Err(e) => {
            let found = format!("{} cannot be written: {e}", folder.display());
            report.say("cache folder", found, Verdict::Bad("choose another with cache_dir".to_owned()));
        }
        Ok(speed) => {
            let found = format!("{}: {} free, writes {speed:.0} MB/s", folder.display(), indicatif::DecimalBytes(free));
            let verdict = match free < ROOM {
                true => Verdict::Note(
                    "files that are being written need room there: choose another with cache_dir".to_owned(),
                ),
                false => Verdict::Good,
            };
            report.say("cache folder", found, verdict);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_of_kernels() {
        assert_eq!(version("6.18.0-rc1"), (6, 18));
        assert_eq!(version("4.19.0-27-amd64"), (4, 19));
        assert_eq!(version(""), (0, 0));
    }
}
