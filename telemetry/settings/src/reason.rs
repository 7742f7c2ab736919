//! The text of a system error inside one of our messages.

use std::io;
use std::path::Path;

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

/// The same of a file. Where a relative path leads nowhere, it says from where: a path in a settings file does not begin at
/// that file.
///
/// # Examples
///
/// ```
/// use std::path::Path;
///
/// use netsocket_settings::file_reason;
///
/// let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
/// let said = file_reason(Path::new("ca.pem"), &missing);
/// assert!(said.contains("; a relative path begins at the current directory, /"), "{said}");
/// let said = file_reason(Path::new("/ca.pem"), &missing);
/// assert!(!said.contains("relative"), "{said}");
/// ```
#[must_use]
pub fn file_reason(path: &Path, error: &io::Error) -> String {
    let said = reason(error);
    match std::env::current_dir() {
        Ok(current) if path.is_relative() && error.kind() == io::ErrorKind::NotFound => {
            let current = current.display();
            format!("{said}; a relative path begins at the current directory, {current}")
        }
        _ => said,
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
