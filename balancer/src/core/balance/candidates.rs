//! What a policy chooses from.

/// The candidates for one session, by their position in the set that the policy was prepared for.
pub trait Candidates {
    /// Number of candidates.
    fn count(&self) -> usize;
    /// The weight, above zero.
    fn weight(&self, index: usize) -> u32;
    /// Open sessions.
    fn active(&self, index: usize) -> u64;
    /// Whether this session may use it: not tried before by this session, and not full.
    fn is_open(&self, index: usize) -> bool;
    /// Takes a slot there. Returns false if it has become full in the meantime.
    fn acquire(&self, index: usize) -> bool;
}
