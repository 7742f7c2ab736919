//! The interface through which a running command reports progress and notices.

use crate::output::progress::Progress;

/// Receives progress and notices while a command runs.
///
/// # Examples
///
/// ```
/// use netsocket_client::output::progress::Progress;
/// use netsocket_client::output::listener::Listener;
///
/// /// Shows no progress and records notices.
/// #[derive(Default)]
/// struct Minutes(Vec<String>);
///
/// impl Listener for Minutes {
///     fn transfer(&mut self, _name: &str) -> Progress {
///         Progress::hidden()
///     }
///
///     fn notice(&mut self, text: &str) {
///         self.0.push(text.to_owned());
///     }
/// }
///
/// let mut minutes = Minutes::default();
/// minutes.notice("reconnecting");
/// assert_eq!(minutes.0, ["reconnecting"]);
/// ```
pub trait Listener {
    /// A transfer begins; returns where to show its progress. `name` distinguishes parallel transfers and is empty if
    /// there is only one.
    fn transfer(&mut self, name: &str) -> Progress;
    /// A notice for the user.
    fn notice(&mut self, text: &str);
}
