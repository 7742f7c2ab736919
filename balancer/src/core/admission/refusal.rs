//! Why a client was not let in.

use crate::core::termination::Termination;

/// The reason of a refusal. All of them are as configured; none is a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The address is on the deny list, or not on the allow list.
    #[error("address not allowed")]
    Denied,
    /// The listener has as many connections as it may.
    #[error("listener full")]
    ListenerFull,
    /// The address has as many connections as it may.
    #[error("too many connections of this address")]
    AddressFull,
    /// The address connects too often.
    #[error("too many new connections of this address")]
    AddressRate,
    /// All clients together connect too often.
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

    /// A short stable word for logs, metrics and the API.
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

    /// How a session that is refused for this ends.
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
