//! The `netsocket` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    netsocket_client::run(&words).into()
}
