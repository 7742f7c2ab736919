//! Decides whether to read a client's first bytes early, before connecting to its backend. Plain code.
//!
//! If they have arrived already, the last packet of the handshake with the backend can carry them: one packet fewer for each
//! session. If clients send later, or wait for the server, the read is a wasted system call. So a worker decides by what it
//! found with earlier clients.

/// Maximum credit; a hit adds one.
const MAX: u8 = 16;
/// What a miss subtracts.
const MISS: u8 = 2;
/// After this many skipped clients it tries again.
const PROBE_AFTER: u8 = 15;

/// The history of one worker.
#[derive(Debug, Default)]
pub(crate) struct EarlyRead {
    credit: u8,
    skipped: u8,
}

impl EarlyRead {
    /// Whether to try an early read for this client.
    pub(crate) fn should_try(&mut self) -> bool {
        if self.credit > 0 || self.skipped >= PROBE_AFTER {
            self.skipped = 0;
            return true;
        }
        self.skipped += 1;
        false
    }

    /// Records the result of an early read.
    pub(crate) fn record(&mut self, bytes: bool) {
        self.credit = if bytes {
            (self.credit + 1).min(MAX)
        } else {
            self.credit.saturating_sub(MISS)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often it looks at 1600 clients of which `hits` in 16 have sent something.
    fn looks(hits: usize) -> usize {
        let mut early_read = EarlyRead::default();
        let client = |number: usize| {
            let looks = early_read.should_try();
            if looks {
                // Spread over each sixteen.
                early_read.record(number * 7 % 16 < hits);
            }
            looks
        };
        (0..1600).map(client).filter(|&looks| looks).count()
    }

    #[test]
    fn looks_where_it_pays() {
        assert_eq!(looks(0), 100);
        assert!(looks(4) < 400, "{}", looks(4));
        assert!(looks(15) > 1500, "{}", looks(15));
    }
}
