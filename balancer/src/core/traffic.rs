//! How many bytes a session has moved.

/// Bytes delivered to the other side's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// From the client to the backend.
    pub up: u64,
    /// From the backend to the client.
    pub down: u64,
}

impl Traffic {
    /// What has come since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            up: self.up.saturating_sub(before.up),
            down: self.down.saturating_sub(before.down),
        }
    }

    /// Both directions.
    pub(crate) fn sum(self) -> u64 {
        self.up + self.down
    }
}
