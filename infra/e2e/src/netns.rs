//! A network of its own for a process with fixed ports.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Starts the command's program in a new network with a loopback interface and nothing else. The process id is that
/// of the program: every step before it replaces itself.
#[must_use]
pub fn isolated(mut unshare: Command) -> Command {
    unshare.args([
        "--net",
        "--",
        "sh",
        "-c",
        "ip link set lo up && exec \"$@\"",
        "sh",
    ]);
    unshare
}

/// Does something in the network of another process, children included.
///
/// # Panics
/// Where this process may not enter it, or `action` panics.
pub fn inside<T: Send>(process: u32, action: impl FnOnce() -> T + Send) -> T {
    let network = File::open(format!("/proc/{process}/ns/net")).expect("the network of a process");
    // A thread enters a network alone, and this one ends in it.
    let entered = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("the right to enter a network");
            action()
        });
        thread.join()
    });
    entered.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
