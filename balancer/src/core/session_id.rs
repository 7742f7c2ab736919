//! The ID of an open session, for the queue, the API and messages between threads.

use std::fmt;
use std::str::FromStr;

/// The slot of a session in its worker's table.
pub(crate) type Index = u32;

/// Unique among the open sessions of a balancer and not reused soon: the worker, the slot in its table, and a serial
/// number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SessionId {
    /// The number of the worker.
    pub(crate) worker: u16,
    pub(crate) index: Index,
    pub(crate) serial: u16,
}

impl SessionId {
    /// As one number below 2^64.
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.worker) << 48 | u64::from(self.index) << 16 | u64::from(self.serial)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "each part is cut out of the number at its own width"
    )]
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self {
            worker: (bits >> 48) as u16,
            index: (bits >> 16) as Index,
            serial: bits as u16,
        }
    }
}

impl fmt::Display for SessionId {
    /// `1-2f-a03`: worker, slot and serial number in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}-{:x}", self.worker, self.index, self.serial)
    }
}

/// A text that is not a session ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a session ID, such as 0-1f-a3")]
pub(crate) struct SessionIdError;

impl FromStr for SessionId {
    type Err = SessionIdError;

    fn from_str(text: &str) -> Result<Self, SessionIdError> {
        let mut parts = text.split('-');
        let mut part = || {
            let digits = parts.next().filter(|digits| !digits.starts_with('+'));
            digits.and_then(|digits| u64::from_str_radix(digits, 16).ok())
        };
        let id = (|| {
            Some(Self {
                worker: part()?.try_into().ok()?,
                index: part()?.try_into().ok()?,
                serial: part()?.try_into().ok()?,
            })
        })();
        match (id, parts.next()) {
            (Some(id), None) => Ok(id),
            _ => Err(SessionIdError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_again() {
        for id in [
            SessionId {
                worker: 0,
                index: 0,
                serial: 0,
            },
            SessionId {
                worker: u16::MAX,
                index: Index::MAX,
                serial: u16::MAX,
            },
            SessionId {
                worker: 1,
                index: 0x2f,
                serial: 0xa03,
            },
        ] {
            assert_eq!(SessionId::from_bits(id.to_bits()), id);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for wrong in ["", "1-2", "1-2-3-4", "1-2-x", "1--3", "10000-0-0", "+1-0-0"] {
            assert_eq!(wrong.parse::<SessionId>(), Err(SessionIdError), "{wrong}");
        }
    }
}
