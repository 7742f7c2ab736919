//! Why a measurement did not come about: one sentence for the person who reads the table.

use std::fmt;

/// One sentence that names the thing that failed. Nothing acts on its kind: every failure is shown, counted, and the
/// run goes on with the next peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// A failure that says `said`.
    pub fn new(said: impl Into<String>) -> Self {
        Self(said.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// The result of everything here that can fail.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Turns another error into a [`Failure`] that says what was being done.
pub trait Explain<T> {
    /// `what` names the thing, as in `wrk: No such file`.
    ///
    /// # Errors
    /// The error of `self`, with `what` before it.
    fn explain(self, what: &str) -> Outcome<T>;
}

impl<T, E: fmt::Display> Explain<T> for Result<T, E> {
    fn explain(self, what: &str) -> Outcome<T> {
        self.map_err(|error| Failure::new(format!("{what}: {error}")))
    }
}
