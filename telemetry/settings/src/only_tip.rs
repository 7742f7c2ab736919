//! The tip below an error about a command line.

use clap::error::{ContextKind, ContextValue};

/// The error with this tip, in place of what clap would suggest.
///
/// # Examples
///
/// ```
/// use netsocket_settings::with_only_tip;
///
/// let error = clap::Command::new("x").try_get_matches_from(["x", "y"]).unwrap_err();
/// let said = with_only_tip(error, "x takes nothing".to_owned()).to_string();
/// assert!(said.contains("tip: x takes nothing"));
/// ```
#[must_use]
pub fn with_only_tip(mut error: clap::Error, tip: String) -> clap::Error {
    error.remove(ContextKind::SuggestedSubcommand);
    error.remove(ContextKind::SuggestedArg);
    error.insert(
        ContextKind::Suggested,
        ContextValue::StyledStrs(vec![tip.into()]),
    );
    error
}
