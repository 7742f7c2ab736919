//! Dates in front of lines. Sessions of one second share most of it, so it is kept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Local, Utc};

/// The clock that dates of text lines are read from. JSON always has UTC, and says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Zone {
    /// That of this machine, as HAProxy's `%t`.
    #[default]
    Local,
    /// UTC.
    Utc,
}

/// `06/Feb/2026:12:12:51`, of HAProxy.
pub(super) const TEXT_DATE: &str = "%d/%b/%Y:%H:%M:%S";
/// `2026-02-06T12:12:51`, of RFC 3339.
pub(super) const JSON_DATE: &str = "%Y-%m-%dT%H:%M:%S";
/// `Feb  6 12:12:51`, of RFC 3164.
pub(super) const SYSLOG_DATE: &str = "%b %e %H:%M:%S";

/// Writes dates in one form.
#[derive(Debug)]
pub(super) struct Dates {
    form: &'static str,
    zone: Zone,
    second: Option<u64>,
    text: String,
}

impl Dates {
    pub(super) fn new(form: &'static str, zone: Zone) -> Self {
        Self {
            form,
            zone,
            second: None,
            text: String::new(),
        }
    }

    /// The date without what is smaller than a second, and the milliseconds. What is before 1970 is taken for 1970.
    pub(super) fn of(&mut self, time: SystemTime) -> (&str, u32) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.second != Some(since.as_secs()) {
            self.second = Some(since.as_secs());
            self.write(UNIX_EPOCH + Duration::from_secs(since.as_secs()));
        }
        (&self.text, since.subsec_millis())
    }

    fn write(&mut self, time: SystemTime) {
        use std::fmt::Write as _;

        self.text.clear();
        // Writing to a string fails for a wrong form only, and the tests know them all.
        let _ = match self.zone {
            Zone::Local => write!(
                self.text,
                "{}",
                DateTime::<Local>::from(time).format(self.form)
            ),
            Zone::Utc => write!(
                self.text,
                "{}",
                DateTime::<Utc>::from(time).format(self.form)
            ),
        };
    }
}
