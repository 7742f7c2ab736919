//! Settings as far as they could be judged, and what is wrong with them.

use crate::problem::{Problem, Problems};

/// A value in which a default stands for everything that is wrong, and what that is.
///
/// # Examples
///
/// ```
/// use netsocket_settings::Check;
///
/// let mut check = Check::default();
/// check.problem("workers", "many", "a whole number");
/// let judged = check.judged(1);
/// assert_eq!(judged.value, 1);
/// assert!(judged.finish().is_err());
/// ```
#[derive(Debug)]
pub struct Judged<T> {
    /// Not to be used but for looking further, where something is wrong.
    pub value: T,
    problems: Vec<Problem>,
}

impl<T> Judged<T> {
    /// In the order of the file; what has no line there comes first.
    pub(crate) fn new(value: T, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_cached_key(Problem::place);
        Self { value, problems }
    }

    /// The value, if nothing is wrong.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn finish(self) -> Result<T, Problems> {
        match self.problems.is_empty() {
            true => Ok(self.value),
            false => Err(Problems(self.problems)),
        }
    }
}
