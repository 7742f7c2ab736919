//! What the kernel still holds for a peer. A reset throws it away, so it is waited for, within a bound, before a
//! connection is reset on purpose.

#![expect(
    unsafe_code,
    reason = "no safe interface asks for the length of a socket's send queue"
)]

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::ioctl::{Getter, Opcode, ioctl};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// How long a peer may take none of what is left for it before it is reset all the same.
const STALL_LIMIT: Duration = Duration::from_secs(5);
/// The first pause between two looks at the queue; on a local network it is empty by then.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_millis(50);

/// `SIOCOUTQ` of tcp(7), which Linux gives the number of `TIOCOUTQ`.
const SIOCOUTQ: Opcode = 0x5411;

/// Waits until the peer's system has acknowledged everything that was written to `stream`, or until it has taken
/// nothing for [`STALL_LIMIT`].
pub(crate) async fn delivered(stream: &TcpStream) {
    let mut pause = FIRST_PAUSE;
    let mut left = unsent(stream);
    let mut progress = Instant::now();
    while let Ok(count) = left
        && count > 0
        && progress.elapsed() < STALL_LIMIT
    {
        sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
        left = unsent(stream);
        if left.as_ref().is_ok_and(|&now| now < count) {
            progress = Instant::now();
        }
    }
}

/// Bytes in the send queue that the peer has not acknowledged.
fn unsent(stream: &TcpStream) -> io::Result<i32> {
    // SAFETY: SIOCOUTQ writes one C int through its argument and has no other effect; the getter's output is that int.
    let count = unsafe { ioctl(stream.as_fd(), Getter::<SIOCOUTQ, i32>::new()) }?;
    Ok(count)
}
