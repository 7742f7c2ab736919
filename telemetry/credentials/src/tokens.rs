//! Token files: one token per line; empty lines are ignored, and so is everything after a `#`.

use std::fs;
use std::path::Path;

use crate::error::{FileError, Problem};

/// The shortest token, in characters: a shorter one can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// The longest token, in characters.
const LONGEST_TOKEN: usize = 512;

/// Every token of a file, in its order; at least one.
///
/// # Errors
/// [`FileError`] if the file cannot be read, contains no token, or has a line that is not one: the message names the line.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::tokens;
///
/// let file = tempfile::NamedTempFile::new()?;
/// std::fs::write(file.path(), "# backups\n0123456789abcdef  # until May\n\n")?;
/// assert_eq!(tokens(file.path())?, ["0123456789abcdef"]);
///
/// std::fs::write(file.path(), "# backups\nsecret\n")?;
/// let error = tokens(file.path()).unwrap_err().to_string();
/// assert!(error.contains("line 2: ") && !error.contains("secret"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn tokens(path: &Path) -> Result<Vec<String>, FileError> {
    let text = fs::read_to_string(path)
        .map_err(|error| FileError::new(path, Problem::unreadable(path, &error)))?;
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let word = line.split('#').next().unwrap_or_default().trim();
        if word.is_empty() {
            continue;
        }
        if !is_token(word) {
            let rule = format!(
                "line {number}: a token has {SHORTEST_TOKEN} to {LONGEST_TOKEN} visible ASCII characters, none of them a '#'"
            );
            return Err(FileError::unusable(path, rule));
        }
        found.push(word.to_owned());
    }
    if found.is_empty() {
        return Err(FileError::new(path, Problem::Missing("token")));
    }
    Ok(found)
}

fn is_token(word: &str) -> bool {
    (SHORTEST_TOKEN..=LONGEST_TOKEN).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<String>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let name = file.path().display().to_string();
        tokens(file.path()).map_err(|error| error.to_string().replace(&name, "FILE"))
    }

    #[test]
    fn comments_and_empty_lines_are_no_tokens() {
        let text = b"# who may read\n\nalice-0123456789abc  # Alice\r\n  bob-0123456789abcdef\n";
        assert_eq!(
            read(text).unwrap(),
            ["alice-0123456789abc", "bob-0123456789abcdef"]
        );
    }

    #[test]
    fn what_is_no_token_is_told_by_its_line_and_not_shown() {
        let long = "x".repeat(LONGEST_TOKEN + 1);
        for bad in [
            "short",
            "two words that are long",
            "0123456789abcdefé",
            &long,
        ] {
            let said = read(format!("# first\n{bad}\n").as_bytes()).unwrap_err();
            assert!(
                said.starts_with("FILE: line 2: ") && !said.contains(bad),
                "{said}"
            );
        }
        assert_eq!(read(b"# nobody\n").unwrap_err(), "FILE: no token in it");
        assert!(read(b"\xff\xfe").is_err());
        let missing = tokens(Path::new("/nonexistent/tokens")).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "/nonexistent/tokens: no such file or directory"
        );
    }
}
