//! Why bytes are no PROXY header.

/// What is wrong with a header. All of it is the peer's doing, and none of it gets better by reading on: the connection
/// is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Error {
    /// The first bytes are those of something else.
    #[error("no PROXY header")]
    NotProxy,
    /// No end of the line within the limit of version 1, or a longer header of version 2 than is taken.
    #[error("PROXY header longer than {max} bytes")]
    TooLong {
        /// The limit, in bytes.
        max: usize,
    },
    /// A version that does not exist.
    #[error("PROXY header of version {0}")]
    BadVersion(u8),
    /// A command that does not exist.
    #[error("PROXY header with the unknown command {0}")]
    BadCommand(u8),
    /// A family or transport that does not exist; 0 where it was spelled out, in version 1.
    #[error("PROXY header with the unknown address family {0:#04x}")]
    BadFamily(u8),
    /// Addresses or ports that are not written as they must be, or that do not fit into the header's own length.
    #[error("PROXY header with bad addresses")]
    BadAddress,
    /// Extra fields that do not fill their place exactly.
    #[error("PROXY header with broken extra fields")]
    BadTlv,
    /// The checksum that the header carries is not its own.
    #[error("PROXY header with a wrong checksum")]
    BadChecksum,
}

impl Error {
    /// A short stable word for logs and metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::NotProxy => "not_proxy",
            Self::TooLong { .. } => "too_long",
            Self::BadVersion(_) => "bad_version",
            Self::BadCommand(_) => "bad_command",
            Self::BadFamily(_) => "bad_family",
            Self::BadAddress => "bad_address",
            Self::BadTlv => "bad_tlv",
            Self::BadChecksum => "bad_checksum",
        }
    }
}
