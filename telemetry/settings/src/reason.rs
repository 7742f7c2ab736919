//! The text of a system error inside one of our messages.

use std::io;

/// The system's text as the end of a sentence: without the number that Rust adds, starting in lower case.
///
/// # Examples
/// ```
/// let missing = std::fs::read("/no/such/file").unwrap_err();
/// assert_eq!(netsocket_settings::reason(&missing), "no such file or directory");
/// ```
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_reads_as_the_end_of_a_sentence() {
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(reason(&refused), "connection refused");
    }
}
