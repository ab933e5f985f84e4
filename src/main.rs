//! The program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(osirisfs::cli::main(std::env::args_os().collect()))
}
