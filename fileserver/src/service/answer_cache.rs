//! Answers that may be given again while nothing in the tree has changed.
//!
//! The kernel reports each change to the index, so a revision of the index stands for a state of the tree. Without an
//! index there is no revision, and nothing is kept.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The most answers, and the most bytes that they take together.
const MAX_ENTRIES: usize = 512;
const MAX_BYTES: usize = 32 << 20;

/// Larger answers are made anew each time.
const MAX_ANSWER: usize = 4 << 20;

/// Kept answers.
#[derive(Debug, Default)]
pub(crate) struct AnswerCache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    revision: u64,
    bytes: usize,
    answers: HashMap<Vec<u8>, Arc<dyn Any + Send + Sync>>,
}

impl AnswerCache {
    /// The answer under a key, if it was kept at this revision.
    pub(crate) fn get<T: Any + Send + Sync>(&self, key: &[u8], revision: u64) -> Option<Arc<T>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.revision != revision {
            if kept.revision < revision {
                *kept = Kept::default();
            }
            return None;
        }
        let answer = Arc::clone(kept.answers.get(key)?);
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
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = kept.answers.len() >= MAX_ENTRIES || kept.bytes + bytes > MAX_BYTES;
        // A request that took long may come with an old one.
        if kept.revision > revision {
            return;
        }
        if kept.revision < revision || is_full {
            *kept = Kept {
                revision,
                ..Kept::default()
            };
        }
        if kept.answers.insert(key, answer).is_none() {
            kept.bytes += bytes;
        }
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
        for number in 0..2_000_u32 {
            cache.put(
                number.to_le_bytes().to_vec(),
                1,
                MAX_ANSWER / 2,
                Arc::new(number),
            );
            let kept = cache.0.lock().unwrap();
            assert!(kept.bytes <= MAX_BYTES && kept.answers.len() <= MAX_ENTRIES);
        }
        assert!(cache.get::<u32>(&1_999_u32.to_le_bytes(), 1).is_some());
    }
}
