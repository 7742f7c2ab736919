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
    doubts: Vec<Problem>,
}

impl<T> Judged<T> {
    /// In the order of the file; what has no line there comes first.
    pub(crate) fn new(value: T, mut problems: Vec<Problem>, mut doubts: Vec<Problem>) -> Self {
        problems.sort_by_cached_key(Problem::place);
        doubts.sort_by_cached_key(Problem::place);
        Self {
            value,
            problems,
            doubts,
        }
    }

    /// What is allowed and most likely not wanted, a line each.
    ///
    /// # Examples
    ///
    /// ```
    /// use netsocket_settings::Check;
    ///
    /// let mut check = Check::default();
    /// check.doubt("token_file", "/t", "a token of 3 characters can be guessed");
    /// let judged = check.judged(1);
    /// let said = "settings: token_file = \"/t\": a token of 3 characters can be guessed";
    /// assert_eq!(judged.doubts(), [said]);
    /// assert!(judged.finish().is_ok());
    /// ```
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        self.doubts.iter().map(Problem::to_string).collect()
    }

    /// The value and [`Self::doubts`], if nothing is wrong: for a start, which warns of them.
    ///
    /// # Errors
    /// Everything that is wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// use netsocket_settings::Check;
    ///
    /// let (value, doubts) = Check::default().judged(1).finish_with_doubts()?;
    /// assert!(value == 1 && doubts.is_empty());
    /// # Ok::<(), netsocket_settings::Problems>(())
    /// ```
    pub fn finish_with_doubts(self) -> Result<(T, Vec<String>), Problems> {
        let doubts = self.doubts();
        Ok((self.finish()?, doubts))
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
