//! Whether to look for a client's first bytes before its backend is dialled. Plain code.
//!
//! Where they are there already, the backend's end of the handshake can carry them: one packet fewer for each session.
//! Where clients speak later, or not first, looking is a system call for nothing. So a worker goes by what it found
//! with the clients before.

/// What a hit adds, and the most that is remembered.
const MAX: u8 = 16;
/// What a miss takes.
const MISS: u8 = 2;
/// After so many clients in a row at which it did not look it looks at one again.
const PROBE_AFTER: u8 = 15;

/// What a worker has found so far.
#[derive(Debug, Default)]
pub(crate) struct EarlyRead {
    credit: u8,
    skipped: u8,
}

impl EarlyRead {
    /// Whether to look at this client.
    pub(crate) fn should_try(&mut self) -> bool {
        if self.credit > 0 || self.skipped >= PROBE_AFTER {
            self.skipped = 0;
            return true;
        }
        self.skipped += 1;
        false
    }

    /// What a look found.
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
