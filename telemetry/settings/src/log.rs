//! Logging: structured lines on standard error, one event per line.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::layers::Key;

/// The keys that every program has: which lines are logged, and in which format.
pub const LOG_KEYS: [Key; 2] = [
    Key {
        name: "log",
        env: Some("NETSOCKET_LOG"),
        flag: None,
    },
    Key {
        name: "log_format",
        env: Some("NETSOCKET_LOG_FORMAT"),
        flag: None,
    },
];

/// The format of a log line.
///
/// # Examples
///
/// ```
/// use netsocket_settings::LogFormat;
///
/// assert_eq!("json".parse(), Ok(LogFormat::Json));
/// assert_eq!(LogFormat::default().as_str(), "text");
/// assert!("yaml".parse::<LogFormat>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// `time LEVEL target: message key=value …`, for people.
    #[default]
    Text,
    /// One JSON object per line, for machines.
    Json,
}

impl LogFormat {
    /// The word for it in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

/// Starts logging to standard error for the whole process. A second call in one process keeps the first.
///
/// `filter` is a `tracing-subscriber` filter such as `info` or `warn,netsocket_balancer=debug`.
///
/// # Examples
///
/// ```
/// use netsocket_settings::{LogFormat, init_log};
/// use tracing::{Level, enabled};
///
/// init_log("warn,netsocket_balancer=debug", LogFormat::Text);
/// assert!(enabled!(target: "netsocket_balancer", Level::DEBUG));
/// assert!(enabled!(target: "hyper", Level::WARN) && !enabled!(target: "hyper", Level::INFO));
/// ```
pub fn init_log(filter: &str, format: LogFormat) {
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_span_events(FmtSpan::NONE)
        .with_env_filter(EnvFilter::new(filter));
    // An error only says that logging has been started before, as tests in one process do.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
