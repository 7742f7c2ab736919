//! A set of HTTP statuses, as people write it: `200-399`, `200,204,301-302`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Ranges of statuses, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

/// A text that is not a set of statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a set of statuses")]
pub struct StatusError;

impl Statuses {
    /// Whether the set contains a status.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl Default for Statuses {
    /// 200 to 399, which also pass in HAProxy.
    fn default() -> Self {
        Self(vec![200..=399])
    }
}

impl FromStr for Statuses {
    type Err = StatusError;

    fn from_str(text: &str) -> Result<Self, StatusError> {
        let status = |text: &str| {
            let number: u16 = text.trim().parse().map_err(|_| StatusError)?;
            if (100..=599).contains(&number) {
                Ok(number)
            } else {
                Err(StatusError)
            }
        };
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = status(first)?..=status(last)?;
            if range.is_empty() {
                Err(StatusError)
            } else {
                Ok(range)
            }
        };
        text.split(',')
            .map(range)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match (range.start(), range.end()) {
                (first, last) if first == last => write!(f, "{comma}{first}")?,
                (first, last) => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let set: Statuses = "200, 204,300-302".parse().unwrap();
        assert_eq!(set.to_string(), "200,204,300-302");
        let inside: Vec<u16> = (100..600).filter(|&status| set.contains(status)).collect();
        assert_eq!(inside, [200, 204, 300, 301, 302]);
        assert_eq!(
            Statuses::default().to_string().parse(),
            Ok(Statuses::default())
        );
        for wrong in ["", "ok", "99", "600", "300-200", "200-", "200,,201"] {
            assert_eq!(wrong.parse::<Statuses>(), Err(StatusError), "{wrong}");
        }
    }
}
