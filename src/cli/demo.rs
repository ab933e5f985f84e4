//! `osirisfs demo`: the main job shown end to end, without an account anywhere. It starts the embedded server on this
//! machine, mounts a bucket of it by the same command that a user runs, copies files in with cp, and looks in two
//! independent ways whether they are all there: through a fresh mount, and by asking the server itself.

mod bucket;
mod steps;
mod tree;

use super::exit::Failure;
use std::path::{Path, PathBuf};
use std::time::Duration;
use steps::Demo;

#[derive(clap::Args)]
pub struct Args {
    /// Show it once, compare everything, clean up, and end; exit code 0 only if all matched
    #[arg(long)]
    once: bool,

    /// Folder to copy in [default: a part of this machine's documentation, and some made-up files]
    #[arg(long, value_name = "FOLDER")]
    source: Option<PathBuf>,
}

/// Runs the demo and cleans up after it, also at Ctrl-C.
pub fn run(args: Args) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::other(format!("the demo cannot be started: {e}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(failed)?;
    let outcome = runtime.block_on(async {
        // From here on a signal ends the demo by way of its cleaning up.
        let mut signals = steps::Signals::catch().map_err(failed)?;
        let folder = tempfile::Builder::new().prefix("osirisfs-demo-").tempdir().map_err(failed)?;
        let mut demo = Demo::start(folder.path()).await?;
        let shown = tokio::select! {
            shown = show(&mut demo, &args) => shown,
            () = signals.any() => Err(Failure::other("interrupted")),
        };
        let waited = match (&shown, args.once) {
            (Ok(()), false) => {
                invite(&demo);
                signals.any().await;
                println!();
                Ok(())
            }
            _ => Ok(()),
        };
        let cleaned = demo.clean_up().await;
        shown.and(waited).and(cleaned)
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    if outcome.is_ok() && args.once {
        println!("\nEverything matched, and nothing was left behind.");
    }
    outcome
}

async fn show(demo: &mut Demo, args: &Args) -> Result<(), Failure> {
    demo.mount().await?;
    let source = demo.choose_files(args.source.as_deref()).await?;
    demo.copy_in(&source).await?;
    demo.unmount().await?;
    demo.mount().await?;
    demo.compare_with_mount(&source).await?;
    demo.compare_with_server(&source).await?;
    demo.show_attributes(&source).await
}

fn invite(demo: &Demo) {
    println!(
        "\nThe bucket stays mounted on {mount} until you press Ctrl-C. Try in another terminal:\n\
         \n  ls -l {mount}\n  echo hello > {mount}/hello.txt\n  getfattr -d -m user.osiris {mount}/hello.txt\n\
         \nThe same bucket with any S3 program:\n\
         \n  export AWS_ACCESS_KEY_ID=$(cat {token}) AWS_SECRET_ACCESS_KEY=x\n  aws --endpoint-url {endpoint} s3 ls {bucket}\n",
        mount = shown(demo.mountpoint()),
        token = shown(demo.token_file()),
        endpoint = demo.endpoint(),
        bucket = steps::BUCKET,
    );
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
