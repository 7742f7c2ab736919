//! Sizes as find(1) counts them: in whole units, rounded up.
//!
//! Does not own: the other primaries of find(1) ([`crate::command_line::posix_find`]).

use netsocket_protocol::name::Name;

/// All conditions about the size, which are one option here.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    /// As typed.
    typed: Vec<String>,
    least: Option<u64>,
    most: Option<u64>,
}

impl Sizes {
    /// Adds a condition to those before. Returns the option that says all of them.
    ///
    /// # Errors
    /// No size meets all.
    pub(crate) fn and(&mut self, typed: String, (least, most): Range) -> Result<Vec<u8>, String> {
        self.typed.push(typed);
        self.least = self.least.max(least);
        self.most = match (self.most, most) {
            (Some(before), Some(most)) => Some(before.min(most)),
            (before, most) => before.or(most),
        };
        if let (Some(least), Some(most)) = (self.least, self.most)
            && least > most
        {
            return Err(format!(
                "no file is {}: as in find(1), a size is rounded up to whole units; \
                 --larger 10k --smaller 1M counts bytes",
                self.typed.join(" and ")
            ));
        }
        let said = |bound: Option<u64>| bound.map_or_else(String::new, |bound| bound.to_string());
        let (least, most) = (said(self.least), said(self.most));
        Ok(format!("--size={least}..{most}").into_bytes())
    }
}

/// The least and the largest size.
pub(crate) type Range = (Option<u64>, Option<u64>);

/// `+10k`, `-10k` or `10k`: as find(1) counts, in whole units, rounded up.
pub(crate) fn range(value: &[u8]) -> Result<Range, String> {
    let wrong = || {
        format!(
            "'{}' is not a size for -size: +N, -N or N with c (bytes), k, M or G",
            Name::from(value)
        )
    };
    let text = std::str::from_utf8(value).map_err(|_| wrong())?;
    let (sign, text) = match text.as_bytes().first() {
        Some(sign @ (b'+' | b'-')) => (Some(*sign), &text[1..]),
        _ => (None, text),
    };
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'c') => (&text[..text.len() - 1], 1),
        Some(b'w') => (&text[..text.len() - 1], 2),
        Some(b'b') => (&text[..text.len() - 1], 512),
        Some(b'k') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 512_u64),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let most = count.checked_mul(unit).ok_or_else(wrong)?;
    let below = count.checked_sub(1).map(|below| below * unit);
    Ok(match (sign, below) {
        (Some(b'+'), _) => (Some(most.saturating_add(1)), None),
        (Some(_), Some(below)) => (None, Some(below)),
        (None, Some(below)) => (Some(below + 1), Some(most)),
        (None, None) => (Some(0), Some(0)),
        // Nothing is smaller than nothing.
        (Some(_), None) => return Err("no file is smaller than 0".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_counted_as_find_does() {
        for (typed, ours) in [
            ("+1M", "1048577.."),
            ("-1M", "..0"),
            ("1M", "1..1048576"),
            ("2", "513..1024"),
            ("3c", "3..3"),
            ("0", "0..0"),
        ] {
            let option = range(typed.as_bytes())
                .and_then(|range| Sizes::default().and(String::new(), range));
            assert_eq!(option, Ok(format!("--size={ours}").into_bytes()), "{typed}");
        }
        for typed in [
            "",
            "M",
            "+",
            "1kB",
            "-0",
            "99999999999999999999",
            "18446744073709551615G",
        ] {
            assert!(range(typed.as_bytes()).is_err(), "{typed}");
        }
    }
}
