//! The program: everything is in the library.

use std::process::ExitCode;

/// The S3 client allocates much and briefly: with glibc's allocator that was a sixth of the daemon's time.
#[global_allocator]
static ALLOCATOR: osirisfs::sys::Allocator = osirisfs::sys::Allocator;

fn main() -> ExitCode {
    ExitCode::from(osirisfs::cli::main(std::env::args_os().collect()))
}
