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

/// An answer and its bytes.
type Answer = (Arc<dyn Any + Send + Sync>, usize);

type Answers = HashMap<Vec<u8>, Answer>;

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

/// Answers that are kept no longer. Closing their descriptors takes long, so it is dropped where nobody waits for it.
#[derive(Debug, Default)]
#[must_use = "dropped only once the lock is free"]
struct Forgotten {
    earlier: Answers,
    replaced: Option<Answer>,
}

impl Kept {
    fn put(&mut self, key: Vec<u8>, answer: Answer, most: usize) -> Forgotten {
        let (mut forgotten, bytes) = (Forgotten::default(), answer.1);
        if self.recent.len() >= most / 2 || self.recent_bytes + bytes > MAX_BYTES / 2 {
            let recent = std::mem::take(&mut self.recent);
            forgotten.earlier = std::mem::replace(&mut self.earlier, recent);
            self.recent_bytes = 0;
        }
        forgotten.replaced = self.recent.insert(key, answer);
        let replaced = forgotten.replaced.as_ref().map_or(0, |(_, bytes)| *bytes);
        self.recent_bytes = self.recent_bytes + bytes - replaced;
        forgotten
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
            let forgotten = is_old.then(|| std::mem::take(&mut *kept));
            drop(kept);
            drop(forgotten);
            return None;
        }
        let (answer, forgotten) = match kept.recent.get(key) {
            Some((answer, _)) => (Arc::clone(answer), None),
            None => {
                let (key, answer) = kept.earlier.remove_entry(key)?;
                let forgotten = kept.put(key, answer.clone(), self.max_entries);
                (answer.0, Some(forgotten))
            }
        };
        drop(kept);
        drop(forgotten);
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
        let old = (kept.revision < revision).then(|| {
            let new = Kept {
                revision,
                ..Kept::default()
            };
            std::mem::replace(&mut *kept, new)
        });
        let forgotten = kept.put(key, (answer, bytes), self.max_entries);
        drop(kept);
        drop((old, forgotten));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

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

    /// Notes, when it is dropped, whether somebody holds the lock of the cache.
    #[derive(Debug)]
    struct Descriptor {
        cache: Weak<AnswerCache>,
        closed: Arc<Mutex<Vec<bool>>>,
    }

    impl Drop for Descriptor {
        fn drop(&mut self) {
            if let Some(cache) = self.cache.upgrade() {
                let is_free = cache.kept.try_lock().is_ok();
                self.closed.lock().unwrap().push(is_free);
            }
        }
    }

    #[test]
    fn descriptors_are_closed_while_nobody_waits() {
        let cache = Arc::new(AnswerCache {
            max_entries: 4,
            kept: Mutex::default(),
        });
        let closed = Arc::new(Mutex::new(Vec::new()));
        let put = |key: u8, revision| {
            let descriptor = Descriptor {
                cache: Arc::downgrade(&cache),
                closed: Arc::clone(&closed),
            };
            cache.put(vec![key], revision, 1, Arc::new(descriptor));
        };
        let closed = || std::mem::take(&mut *closed.lock().unwrap());
        put(1, 1);
        put(1, 1);
        assert_eq!(closed(), [true], "replaced");
        put(2, 1);
        put(3, 1);
        put(4, 1);
        assert!(closed().is_empty());
        put(5, 1);
        assert_eq!(closed(), [true; 2], "too many");
        put(6, 1);
        assert!(cache.get::<Descriptor>(&[3], 1).is_some());
        assert_eq!(closed(), [true], "moved to the recent ones");
        put(1, 2);
        assert_eq!(closed(), [true; 3], "of an old revision");
        put(2, 1);
        assert_eq!(closed(), [true], "of an older one");
        assert!(cache.get::<Descriptor>(&[1], 3).is_none());
        assert_eq!(closed(), [true], "asked for at a newer one");
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
