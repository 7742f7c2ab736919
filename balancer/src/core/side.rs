//! Which side of a session caused an event.

/// The party of a session that caused an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client that connected to the balancer.
    Client,
    /// The server that the balancer picked.
    Backend,
    /// The balancer itself or its machine.
    Internal,
}

impl Side {
    /// The other end of a relay; the balancer itself has none.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Client => Self::Backend,
            Self::Backend => Self::Client,
            Self::Internal => Self::Internal,
        }
    }
}
