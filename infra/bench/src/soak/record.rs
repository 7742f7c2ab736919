//! What has happened so far.

use std::time::Duration;

use tokio::time::Instant;

use super::sample::Sample;
use crate::failure::Outcome;

/// How long a server that was killed is away. As long again, clients may still be led to it.
pub(super) const DEAD: Duration = Duration::from_secs(2);

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) samples: Vec<Sample>,
    pub(super) kills: Vec<Instant>,
    /// Downloads that came to their end.
    pub(super) downloads: u64,
    /// Those whose digest was not the right one.
    pub(super) wrong: Vec<String>,
    /// Connections that downloads lost and made up for by themselves.
    pub(super) resumed: u64,
    /// Runs of a client that gave up while a server was killed; each was repeated.
    pub(super) excused: u64,
    /// Downloads that were given up for no reason.
    pub(super) given_up: Vec<String>,
    pub(super) flows: u64,
    pub(super) flows_wrong: Vec<String>,
    /// Of downloads and flows.
    pub(super) bytes: u64,
    /// New connections, and those that were refused, reset, or not answered in time.
    pub(super) dialed: u64,
    pub(super) undialed: u64,
    /// Idle sessions that did not survive.
    pub(super) lost: u64,
    /// What ought not to happen at all.
    pub(super) faults: Vec<String>,
}

impl Record {
    /// Keeps a look at the balancer, with what had been done by then.
    pub(super) fn looked(&mut self, sample: Sample) -> Sample {
        let sample = Sample {
            downloads: self.downloads,
            wrong: self.wrong.len(),
            kills: self.kills.len(),
            bytes: self.bytes,
            ..sample
        };
        self.samples.push(sample);
        sample
    }

    pub(super) fn downloaded(&mut self, words: &[String], is_right: bool) {
        self.downloads += 1;
        if !is_right {
            self.wrong.push(format!("{words:?}: another digest"));
        }
    }

    /// Says whether there was a reason: a server that was killed while the client ran, or shortly before.
    pub(super) fn gave_up(
        &mut self,
        words: &[String],
        said: &str,
        began: Instant,
        ended: Instant,
    ) -> bool {
        let is_reason = |kill: &&Instant| **kill <= ended && **kill + 2 * DEAD >= began;
        let is_excused = self.kills.iter().rev().find(is_reason).is_some();
        if is_excused {
            self.excused += 1;
            eprintln!("given up while a server was killed: {words:?}: {said}");
        } else {
            self.given_up.push(format!("{words:?}: {said}"));
        }
        is_excused
    }

    pub(super) fn flowed(&mut self, ended: Outcome<u64>) {
        match ended {
            Ok(bytes) => {
                self.flows += 1;
                self.bytes += bytes;
            }
            Err(failure) => self.flows_wrong.push(failure.to_string()),
        }
    }

    pub(super) fn fault(&mut self, said: String) {
        eprintln!("{said}");
        self.faults.push(said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kill_at_that_time_is_a_reason_to_give_up() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut record = Record {
            kills: vec![at(10), at(20)],
            ..Record::default()
        };
        let words = ["get".to_owned()];
        assert!(!record.gave_up(&words, "?", at(1), at(9)));
        assert!(record.gave_up(&words, "?", at(9), at(11)));
        assert!(record.gave_up(&words, "?", at(12), at(13)));
        assert!(!record.gave_up(&words, "?", at(15), at(19)));
        assert_eq!((record.excused, record.given_up.len()), (2, 2));
    }
}
