//! Sizes as find(1) counts them: in whole units, rounded up.
//!
//! Does not own: the other primaries of find(1) ([`crate::command_line::posix_find`]).

use netsocket_protocol::find;
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
            "'{}' is not a size for -size: +N, -N or N with c (bytes), k, M, G or T",
            Name::from(value)
        )
    };
    let text = std::str::from_utf8(value).map_err(|_| wrong())?;
    let (sign, text) = match text.as_bytes().first() {
        Some(sign @ (b'+' | b'-')) => (Some(*sign), &text[1..]),
        _ => (None, text),
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = unit(&text[digits.len()..]).ok_or_else(wrong)?;
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

/// The bytes of a unit. Find(1) has single letters; the others can mean nothing else.
fn unit(name: &str) -> Option<u64> {
    Some(match name {
        "c" => 1,
        "w" => 2,
        "b" | "" => 512,
        "B" => return None,
        name => find::size(&format!("1{name}"))?,
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
            ("+10KB", "10241.."),
            ("-1MiB", "..0"),
            ("2kb", "1025..2048"),
            ("+1T", "1099511627777.."),
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
            "1B",
            "1x",
            "1.5k",
            "-0",
            "99999999999999999999",
            "18446744073709551615G",
        ] {
            assert!(range(typed.as_bytes()).is_err(), "{typed}");
        }
    }
}
