//! `osirisfs completions` and the man pages: made from the same definitions as `--help`.

use super::Cli;
use super::exit::Failure;
use clap::CommandFactory;
use clap_mangen::roff::{Roff, bold, italic, roman};
use std::io::Write;
use std::path::{Path, PathBuf};

/// `osirisfs completions`
#[derive(clap::Args)]
pub struct Completions {
    /// Which shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Prints what makes the shell complete our words.
pub fn completions(args: Completions) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "osirisfs", &mut text);
    // A reader that has gone away wants no more.
    let _ = std::io::stdout().write_all(&text);
    Ok(())
}

/// `osirisfs man-pages`
#[derive(clap::Args)]
pub struct ManPages {
    /// Where to write them
    folder: PathBuf,
}

/// Writes all man pages.
pub fn man_pages(args: ManPages) -> Result<(), Failure> {
    write_all(&args.folder)
        .map_err(|e| Failure::other(format!("the man pages cannot be written into {}: {e}", args.folder.display())))
}

fn write_all(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)?;
    std::fs::write(folder.join("mount.osirisfs.8"), helper_page().to_roff())?;
    // The other names of the helper show the same page.
    for alias in ["umount.osirisfs", "mount.fuse.osirisfs", "umount.fuse.osirisfs"] {
        std::fs::write(folder.join(format!("{alias}.8")), ".so man8/mount.osirisfs.8\n")?;
    }
    std::fs::write(folder.join("osirisfs.conf.5"), conf_page().to_roff())
}

/// A page that belongs to no command of ours.
fn page(name: &str, section: &str, what: &str) -> Roff {
    let version = format!("osirisfs {}", env!("CARGO_PKG_VERSION"));
    let mut page = Roff::new();
    page.control("TH", [name, section, "", version.as_str()]);
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{name} - {what}"))]);
    page
}

fn paragraph(page: &mut Roff, text: &str) {
    page.control("PP", []);
    page.text([roman(text)]);
}

fn verbatim(page: &mut Roff, text: &str) {
    page.control("PP", []);
    page.control("nf", []);
    page.control("RS", ["4"]);
    for line in text.lines() {
        page.text([roman(line)]);
    }
    page.control("RE", []);
    page.control("fi", []);
}

fn helper_page() -> Roff {
    let mut page = page("mount.osirisfs", "8", "mount a bucket by mount(8) or fstab(5)");
    page.control("SH", ["SYNOPSIS"]);
    page.text([
        bold("mount -t osirisfs"),
        roman(" ["),
        bold("-o"),
        roman(" "),
        italic("OPTIONS"),
        roman("] "),
        italic("BUCKET"),
        roman("[/"),
        italic("PREFIX"),
        roman("] "),
        italic("MOUNTPOINT"),
    ]);
    page.control("SH", ["DESCRIPTION"]);
    let text = "This is the helper that mount(8) and systemd call for the type osirisfs (or fuse.osirisfs). It does what \
                osirisfs mount does. A mount that is there already is left alone, so that mount -a can be repeated. \
                umount(8) calls its counterpart, which waits until everything is stored.";
    paragraph(&mut page, text);
    paragraph(&mut page, "systemd gives its helpers no HOME and no PATH. Say token_file= here or in osirisfs.conf(5).");
    page.control("SH", ["OPTIONS"]);
    let text = "Those of mount(8) mean what they mean there: ro, rw, noexec, nosuid, nodev, noatime, nodiratime, sync, dirsync, \
                remount (with these), and, for mount(8) and systemd alone, _netdev, nofail, noauto, user, comment=, x-*. \
                nosuid and nodev are always on unless suid or dev is said. A comma in a value is written \\,. \
                Unknown options are refused.";
    paragraph(&mut page, text);
    options(&mut page, |name, value| match value {
        Some(value) => vec![bold(name.to_owned()), roman("="), italic(value.to_owned())],
        None => vec![bold(name.to_owned())],
    });
    page.control("SH", ["EXIT STATUS"]);
    paragraph(&mut page, "0 mounted; 1 wrong options; 32 it could not be mounted.");
    page.control("SH", ["EXAMPLES"]);
    verbatim(
        &mut page,
        "yourcou-data /data osirisfs token_file=/etc/osirisfs/token,allow_other,_netdev,nofail,x-systemd.automount 0 0",
    );
    page.control("SH", ["SEE ALSO"]);
    paragraph(&mut page, "osirisfs(1), osirisfs-mount(1), osirisfs.conf(5), fstab(5), systemd.mount(5)");
    page
}

fn conf_page() -> Roff {
    let mut page = page("osirisfs.conf", "5", "settings of osirisfs");
    page.control("SH", ["SYNOPSIS"]);
    page.text([italic("/etc/osirisfs.conf"), roman(", "), italic("~/.config/osirisfs/config.toml")]);
    page.control("SH", ["DESCRIPTION"]);
    let text = "Both files are TOML. Their keys are the long options of osirisfs mount, with _ or -. A section [bucket.NAME] holds \
                for the mounts of one bucket. A section [site.NAME] with endpoint, region and ca_file gives a service a name. Paths begin \
                with / or ~/. An unknown key is an error. A file that others can change is refused.";
    paragraph(&mut page, text);
    let text = "What goes before what: the command line; -o or the line of fstab; the environment (AWS_ENDPOINT_URL, AWS_REGION, \
                AWS_CA_BUNDLE, OSIRIS_TOKEN, AWS_ACCESS_KEY_ID, AWS_PROFILE); a profile that was named by one of these; the user's file; the \
                machine's file; the default profile; the default. Within a file the section of the bucket goes first. A token_file or profile \
                hides both of those of less weight.";
    paragraph(&mut page, text);
    paragraph(&mut page, "osirisfs config --show BUCKET prints every value and where it came from.");
    page.control("SH", ["KEYS"]);
    options(&mut page, |name, value| match value {
        Some(value) => vec![bold(name.to_owned()), roman(" = "), italic(value.to_owned())],
        None => vec![bold(name.to_owned()), roman(" = true or false")],
    });
    page.control("SH", ["EXAMPLES"]);
    verbatim(&mut page, include_str!("../../packaging/osirisfs.conf"));
    page.control("SH", ["SEE ALSO"]);
    paragraph(&mut page, "osirisfs(1), osirisfs-mount(1), mount.osirisfs(8)");
    page
}

/// All options of a mount that `-o` and files may name.
fn options(page: &mut Roff, form: impl Fn(&str, Option<&str>) -> Vec<clap_mangen::roff::Inline>) {
    for arg in super::mount_command().get_arguments().filter(|arg| !arg.is_hide_set()) {
        let Some(long) = arg.get_long().filter(|long| *long != "help") else { continue };
        let name = long.replace('-', "_");
        let value = arg.get_value_names().and_then(|names| names.first()).map(|name| name.to_string());
        let value = value.filter(|_| arg.get_action().takes_values());
        page.control("TP", []);
        page.text(form(&name, value.as_deref()));
        let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if arg.get_action().takes_values() && !defaults.is_empty() {
            help += &format!(" [default: {}]", defaults.join(" "));
        }
        let possible: Vec<_> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if arg.get_action().takes_values() && !possible.is_empty() {
            help += &format!(" [one of: {}]", possible.join(", "));
        }
        page.text([roman(help)]);
    }
}
