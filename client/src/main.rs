//! The `netsocket` program.

use std::process::ExitCode;

use netsocket_client::command_line::args::Args;

fn main() -> ExitCode {
    netsocket_client::run(Args::from_process()).into()
}
