//! Why a connection to a backend failed.
//!
//! Does not own what follows a failure: the session and the health check decide that.

use std::io;

use rustix::io::Errno;

use crate::core::side::Side;

/// Why a connection to a backend failed.
///
/// # Examples
///
/// ```
/// use netsocket_balancer::ConnectFailure;
///
/// const ECONNREFUSED: i32 = 111;
/// let refused = std::io::Error::from_raw_os_error(ECONNREFUSED);
/// let failure = ConnectFailure::from(&refused);
/// assert_eq!(failure.label(), "refused");
/// assert!(failure.is_retryable());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ConnectFailure {
    /// Nothing listens on the address.
    #[error("connection refused")]
    Refused,
    /// No answer within the timeout.
    #[error("no answer in time")]
    TimedOut,
    /// The host or network is unreachable.
    #[error("host unreachable")]
    Unreachable,
    /// The connection was reset immediately.
    #[error("connection reset")]
    Reset,
    /// All local ports towards this backend are in use.
    #[error("no local port left")]
    NoLocalPort,
    /// This process or machine has no descriptor for another socket.
    #[error("no descriptor left")]
    NoDescriptor,
    /// The system has no memory for another socket.
    #[error("no memory for a socket")]
    NoMemory,
    /// The backend accepted, and no TLS could be agreed on.
    #[error("TLS handshake failed")]
    Tls,
    /// Any other error of the system.
    #[error("connect failed")]
    Other,
}

impl ConnectFailure {
    /// Which side caused it.
    #[must_use]
    pub fn side(self) -> Side {
        match self {
            Self::NoLocalPort | Self::NoDescriptor | Self::NoMemory => Side::Internal,
            _ => Side::Backend,
        }
    }

    /// Whether another backend may succeed. Local ports are counted per destination, so running out of them is worth a
    /// retry elsewhere; descriptors and memory are not.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        !matches!(self, Self::NoDescriptor | Self::NoMemory)
    }

    /// A short, stable label for logs, metrics and the API.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::TimedOut => "timeout",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::NoLocalPort => "no-local-port",
            Self::NoDescriptor => "no-descriptor",
            Self::NoMemory => "no-memory",
            Self::Tls => "tls",
            Self::Other => "other",
        }
    }
}

impl From<&io::Error> for ConnectFailure {
    fn from(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            // No file where a unix socket should be.
            Some(Errno::CONNREFUSED | Errno::NOENT) => Self::Refused,
            // The queue of a unix socket is full: a connect to it does not wait.
            Some(Errno::TIMEDOUT | Errno::AGAIN) => Self::TimedOut,
            Some(Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::HOSTDOWN | Errno::NETDOWN) => {
                Self::Unreachable
            }
            Some(Errno::CONNRESET | Errno::CONNABORTED | Errno::PIPE) => Self::Reset,
            Some(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE) => Self::NoLocalPort,
            Some(Errno::MFILE | Errno::NFILE) => Self::NoDescriptor,
            // The last is what a user gets who watches too many sockets.
            Some(Errno::NOBUFS | Errno::NOMEM | Errno::NOSPC) => Self::NoMemory,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_a_side_and_say_whether_to_retry() {
        let cases = [
            (
                Errno::CONNREFUSED,
                ConnectFailure::Refused,
                Side::Backend,
                true,
            ),
            (
                Errno::HOSTUNREACH,
                ConnectFailure::Unreachable,
                Side::Backend,
                true,
            ),
            (
                Errno::TIMEDOUT,
                ConnectFailure::TimedOut,
                Side::Backend,
                true,
            ),
            (Errno::CONNRESET, ConnectFailure::Reset, Side::Backend, true),
            (
                Errno::ADDRNOTAVAIL,
                ConnectFailure::NoLocalPort,
                Side::Internal,
                true,
            ),
            (
                Errno::MFILE,
                ConnectFailure::NoDescriptor,
                Side::Internal,
                false,
            ),
            (
                Errno::NOBUFS,
                ConnectFailure::NoMemory,
                Side::Internal,
                false,
            ),
            (Errno::PERM, ConnectFailure::Other, Side::Backend, true),
        ];
        for (errno, failure, side, retryable) in cases {
            let mapped = ConnectFailure::from(&io::Error::from(errno));
            assert_eq!(
                (mapped, mapped.side(), mapped.is_retryable()),
                (failure, side, retryable)
            );
        }
    }
}
