//! What a command reports while it runs, to a console or to anything else that listens.

use crate::output::progress::Progress;

/// What a session tells while it works.
///
/// # Examples
///
/// ```
/// use netsocket_client::output::progress::Progress;
/// use netsocket_client::output::listener::Listener;
///
/// /// Shows nothing, and keeps what is said.
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
/// minutes.notice("connected anew");
/// assert_eq!(minutes.0, ["connected anew"]);
/// ```
pub trait Listener {
    /// A transfer begins: where its progress is shown. `name` tells it from others at the same time, and is empty where
    /// there are none.
    fn transfer(&mut self, name: &str) -> Progress;
    /// Something that a person may want to know.
    fn notice(&mut self, text: &str);
}
