//! How bytes are relayed, and how long a session may be idle.

use std::str::FromStr;
use std::time::Duration;

/// How bytes are relayed.
///
/// # Examples
///
/// ```
/// use netsocket_balancer::Config;
/// use netsocket_balancer::config::RelayMode;
///
/// assert_eq!(Config::default().relay, RelayMode::Auto);
/// assert_eq!("splice".parse(), Ok(RelayMode::Splice));
/// assert_eq!(RelayMode::Copy.as_str(), "copy");
/// assert!("fast".parse::<RelayMode>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RelayMode {
    /// Chosen for each direction by its traffic.
    #[default]
    Auto,
    /// Always through a buffer of the process.
    Copy,
    /// Always by splice(2), if a pipe is available.
    Splice,
}

impl RelayMode {
    /// Every mode, in the order of their numbers.
    pub(crate) const ALL: [Self; 3] = [Self::Auto, Self::Copy, Self::Splice];

    /// Its value in the settings and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Copy => "copy",
            Self::Splice => "splice",
        }
    }
}

impl FromStr for RelayMode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or(())
    }
}

/// Idle timeouts of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleLimits {
    /// While both directions are open and the client is waited for.
    pub client: Duration,
    /// While both directions are open and the backend is waited for.
    pub backend: Duration,
    /// After one of them has ended.
    pub half_closed: Duration,
}
