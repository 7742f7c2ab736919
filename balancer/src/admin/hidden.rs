//! What stands for a secret where settings are shown or logged.

/// In the place of the value of one of [`crate::config::SECRET_KEYS`].
pub(super) const HIDDEN: &str = "(hidden)";
