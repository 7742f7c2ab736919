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

/// The same of a file or directory. Where a relative path leads nowhere, it says from where: a path in a settings file does not
/// begin at that file. A `~` is not expanded: no shell reads a settings file, and bash leaves it alone in `--config=~/b.toml`.
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
/// let said = file_reason(Path::new("~/ca.pem"), &missing);
/// assert!(said.ends_with("; ~ is not expanded here: write the whole path"), "{said}");
/// ```
#[must_use]
pub fn file_reason(path: &Path, error: &io::Error) -> String {
    let said = reason(error);
    if path.is_absolute() || error.kind() != io::ErrorKind::NotFound {
        return said;
    }
    if path.as_os_str().as_encoded_bytes().starts_with(b"~") {
        return format!("{said}; ~ is not expanded here: write the whole path");
    }
    match std::env::current_dir() {
        Ok(current) => {
            let current = current.display();
            format!("{said}; a relative path begins at the current directory, {current}")
        }
        Err(_) => said,
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
