//! Why a client was refused.

use crate::core::termination::Termination;

/// Why a client was refused. Each follows from the settings; none is a malfunction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The address is on the deny list, or there is an allow list without it.
    #[error("address not allowed")]
    Denied,
    /// The listener is at its connection limit.
    #[error("listener full")]
    ListenerFull,
    /// The address is at its connection limit.
    #[error("too many connections from this address")]
    AddressFull,
    /// The address opens connections faster than its rate limit.
    #[error("too many new connections from this address")]
    AddressRate,
    /// All clients together open connections faster than the rate limit.
    #[error("too many new connections")]
    Rate,
}

impl Refusal {
    /// Every reason, in the order of the checks.
    pub const ALL: [Self; 5] = [
        Self::Denied,
        Self::ListenerFull,
        Self::AddressFull,
        Self::AddressRate,
        Self::Rate,
    ];

    /// A short, stable label for logs, metrics and the API.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::ListenerFull => "listener_full",
            Self::AddressFull => "address_full",
            Self::AddressRate => "address_rate",
            Self::Rate => "rate",
        }
    }

    /// The termination code of a session refused for this reason.
    #[must_use]
    pub fn termination(self) -> Termination {
        match self {
            Self::Denied => Termination::Denied,
            Self::ListenerFull => Termination::ListenerFull,
            Self::AddressFull => Termination::AddressFull,
            Self::AddressRate => Termination::AddressRate,
            Self::Rate => Termination::Rate,
        }
    }

    /// The position in [`Self::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_label_and_a_code_of_its_own() {
        let labels: BTreeSet<_> = Refusal::ALL.map(Refusal::label).into();
        let codes: BTreeSet<_> = Refusal::ALL.map(|it| it.termination().code()).into();
        assert_eq!((labels.len(), codes.len()), (5, 5));
        for (position, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal.index(), position);
            assert!(refusal.termination().is_refusal());
        }
    }
}
