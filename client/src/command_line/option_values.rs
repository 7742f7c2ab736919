//! Values of options that several commands have.
//!
//! Does not own: which options there are ([`crate::command_line::command_options`]).

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use crate::command_line::command::{ListFormat, SaveOptions};
use crate::command_line::options::ParsedOptions;

/// A word as a path of this machine.
pub(super) fn path(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

/// How entries are printed.
pub(super) fn list_format(parsed: &ParsedOptions) -> ListFormat {
    ListFormat {
        long: parsed.has("long"),
        null: parsed.has("null"),
        one: parsed.has("one"),
    }
}

/// How downloads are saved.
pub(super) fn save(parsed: &ParsedOptions) -> SaveOptions {
    SaveOptions {
        output: parsed.value("output").map(|value| path(value.to_vec())),
        resume: !parsed.has("no-resume"),
        force: parsed.has("force"),
    }
}

/// A number from 1 on, in digits only.
pub(super) fn number(word: &[u8]) -> Option<NonZeroUsize> {
    // `from_str` would take a plus sign.
    let digits = word.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(word).ok().filter(|_| digits)?;
    text.parse().ok()
}
