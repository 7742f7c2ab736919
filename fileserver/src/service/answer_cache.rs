//! Answers that may be given again while nothing in the tree has changed.
//!
//! The kernel reports each change to the index, so a revision of the index stands for a state of the tree. Without an
//! index there is no revision, and nothing is kept.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Resource, getrlimit};

/// The most answers, at least and at most: many of them have a descriptor.
const ENTRIES: (u64, u64) = (64, 4096);

/// The share of all descriptors that answers may have.
const DESCRIPTORS: u64 = 8;

/// The most bytes that they take together.
const MAX_BYTES: usize = 32 << 20;

/// Larger answers are made anew each time.
const MAX_ANSWER: usize = 4 << 20;

type Answers = HashMap<Vec<u8>, (Arc<dyn Any + Send + Sync>, usize)>;

/// Kept answers.
#[derive(Debug)]
pub(crate) struct AnswerCache {
    max_entries: usize,
    kept: Mutex<Kept>,
}

/// The answers of a revision. When there are too many, those are forgotten that were not asked for since half of them came.
#[derive(Debug, Default)]
struct Kept {
    revision: u64,
    recent: Answers,
    recent_bytes: usize,
    earlier: Answers,
}

impl Kept {
    fn put(&mut self, key: Vec<u8>, bytes: usize, answer: Arc<dyn Any + Send + Sync>, most: usize) {
        if self.recent.len() >= most / 2 || self.recent_bytes + bytes > MAX_BYTES / 2 {
            self.earlier = std::mem::take(&mut self.recent);
            self.recent_bytes = 0;
        }
        if self.recent.insert(key, (answer, bytes)).is_none() {
            self.recent_bytes += bytes;
        }
    }
}

impl Default for AnswerCache {
    fn default() -> Self {
        let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        let most = (limit / DESCRIPTORS).clamp(ENTRIES.0, ENTRIES.1);
        Self {
            max_entries: usize::try_from(most).unwrap_or_default(),
            kept: Mutex::default(),
        }
    }
}

impl AnswerCache {
    /// The answer under a key, if it was kept at this revision.
    pub(crate) fn get<T: Any + Send + Sync>(&self, key: &[u8], revision: u64) -> Option<Arc<T>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.revision != revision {
            let is_old = kept.revision < revision;
            let old = is_old.then(|| std::mem::take(&mut *kept));
            drop(kept);
            // Closing many descriptors takes long, so nobody waits for it.
            drop(old);
            return None;
        }
        let answer = match kept.recent.get(key) {
            Some((answer, _)) => Arc::clone(answer),
            None => {
                let (key, (answer, bytes)) = kept.earlier.remove_entry(key)?;
                kept.put(key, bytes, Arc::clone(&answer), self.max_entries);
                answer
            }
        };
        drop(kept);
        answer.downcast().ok()
    }

    /// Keeps an answer of so many bytes that was made at this revision.
    pub(crate) fn put<T: Any + Send + Sync>(
        &self,
        key: Vec<u8>,
        revision: u64,
        bytes: usize,
        answer: Arc<T>,
    ) {
        if bytes > MAX_ANSWER {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // A request that took long may come with an old one.
        if kept.revision > revision {
            return;
        }
        if kept.revision < revision {
            *kept = Kept {
                revision,
                ..Kept::default()
            };
        }
        kept.put(key, bytes, answer, self.max_entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_as_long_as_nothing_changes() {
        let cache = AnswerCache::default();
        cache.put(b"a".to_vec(), 1, 10, Arc::new(7_u32));
        assert_eq!(cache.get::<u32>(b"a", 1).as_deref(), Some(&7));
        assert!(cache.get::<u64>(b"a", 1).is_none() && cache.get::<u32>(b"b", 1).is_none());
        assert!(cache.get::<u32>(b"a", 2).is_none());
        cache.put(b"b".to_vec(), 2, 10, Arc::new(8_u32));
        assert!(cache.get::<u32>(b"a", 1).is_none() && cache.get::<u32>(b"a", 2).is_none());
        // Made before the change, and finished after it.
        cache.put(b"a".to_vec(), 1, 10, Arc::new(7_u32));
        assert!(cache.get::<u32>(b"a", 2).is_none() && cache.get::<u32>(b"b", 2).is_some());
    }

    #[test]
    fn memory_is_bounded() {
        let cache = AnswerCache::default();
        cache.put(b"large".to_vec(), 1, MAX_ANSWER + 1, Arc::new(()));
        assert!(cache.get::<()>(b"large", 1).is_none());
        let asked_for = 7_u32;
        for number in 0..20_000_u32 {
            let (key, bytes) = (number.to_le_bytes().to_vec(), 1 + number as usize % 9_000);
            cache.put(key, 1, bytes, Arc::new(number));
            let kept = cache.kept.lock().unwrap();
            let all = kept.recent.values().chain(kept.earlier.values());
            assert!(all.map(|(_, bytes)| bytes).sum::<usize>() <= MAX_BYTES);
            assert!(kept.recent.len() + kept.earlier.len() <= cache.max_entries);
            drop(kept);
            let is_kept = cache.get::<u32>(&asked_for.to_le_bytes(), 1).is_some();
            assert_eq!(is_kept, number >= asked_for, "{number}");
        }
        assert!(cache.get::<u32>(&19_999_u32.to_le_bytes(), 1).is_some());
        assert!(cache.get::<u32>(&8_u32.to_le_bytes(), 1).is_none());
    }
}
