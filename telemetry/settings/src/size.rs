//! Sizes in bytes as people write them: a whole number and an optional suffix.

/// The text is not a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a size is a whole number of bytes, or of k, M, G or T (powers of 1024): 4096, 64k, 2G")]
pub struct SizeError;

/// Reads `4096`, `64k`, `10M`, `2G`, `1T`, in either case and with an optional `iB`, `B` or `i` behind the letter.
/// All suffixes are powers of 1024.
///
/// # Errors
/// [`SizeError`] for anything else, and for what does not fit in 64 bits.
///
/// # Examples
///
/// ```
/// use netsocket_settings::{SizeError, parse_size};
///
/// assert_eq!(parse_size("4096"), Ok(4096));
/// assert_eq!(parse_size("64k"), Ok(64 << 10));
/// assert_eq!(parse_size("2 GiB"), Ok(2 << 30));
/// assert_eq!(parse_size("1.5M"), Err(SizeError));
/// ```
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| SizeError)?;
    let shift = match suffix.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "ki" | "kib" => 10,
        "m" | "mb" | "mi" | "mib" => 20,
        "g" | "gb" | "gi" | "gib" => 30,
        "t" | "tb" | "ti" | "tib" => 40,
        _ => return Err(SizeError),
    };
    number.checked_mul(1 << shift).ok_or(SizeError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_suffix() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("1k", 1024),
            ("2MiB", 2 << 20),
            ("3 G", 3 << 30),
            ("1t", 1 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "k",
            "-1",
            "1.5M",
            "10 apples",
            "99999999999999999999",
            "18446744073709551615k",
        ] {
            assert_eq!(parse_size(text), Err(SizeError), "{text}");
        }
    }
}
