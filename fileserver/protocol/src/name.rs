//! File names and paths as on Linux: bytes, usually but not always UTF-8.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// A name or a path, byte for byte.
///
/// In JSON it is a string if it is valid UTF-8, otherwise `{"hex":"…"}` with two lower-case digits per byte.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::name::Name;
///
/// let name = Name::from("café.txt");
/// assert_eq!(serde_json::to_string(&name)?, r#""café.txt""#);
///
/// // Latin-1, with a line break that could forge a log line.
/// let name = Name::from(&b"caf\xe9\n.txt"[..]);
/// assert_eq!(name.to_string(), r"caf\xe9\n.txt");
/// assert_eq!(serde_json::to_string(&name)?, r#"{"hex":"636166e90a2e747874"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Name(pub Vec<u8>);

impl Name {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<&[u8]> for Name {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Name {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// For logs and messages: bytes that are not printable text are escaped, so that a name can neither forge a log line
/// nor control a terminal.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() {
                    write!(f, "{}", c.escape_default())?
                } else {
                    write!(f, "{c}")?
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("hex", &to_hex(&self.0))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or {\"hex\": \"…\"}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Name, E> {
                Ok(Name::from(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Name, A::Error> {
                let Some((key, value)) = map.next_entry::<String, String>()? else {
                    return Err(de::Error::missing_field("hex"));
                };
                if key != "hex" {
                    return Err(de::Error::unknown_field(&key, &["hex"]));
                }
                if map.next_key::<String>()?.is_some() {
                    return Err(de::Error::custom("more than one key"));
                }
                from_hex(&value)
                    .map(Name)
                    .ok_or_else(|| de::Error::custom("not pairs of hexadecimal digits"))
            }
        }

        deserializer.deserialize_any(NameVisitor)
    }
}

/// Encodes bytes as two lower-case hexadecimal digits each.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::name::to_hex;
///
/// assert_eq!(to_hex(&[0x0a, 0xff]), "0aff");
/// ```
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Decodes pairs of hexadecimal digits; `None` for any other text.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::name::from_hex;
///
/// assert_eq!(from_hex("0aff"), Some(vec![0x0a, 0xff]));
/// assert_eq!(from_hex("0af"), None);
/// ```
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_stays_text_and_other_bytes_are_hex() {
        assert_eq!(
            serde_json::to_string(&Name::from("a b\n")).unwrap(),
            "\"a b\\n\""
        );
        assert_eq!(
            serde_json::to_string(&Name(vec![b'a', 0xff])).unwrap(),
            "{\"hex\":\"61ff\"}"
        );
    }

    #[test]
    fn wrong_forms_are_refused() {
        for json in [
            "{}",
            "3",
            "{\"hex\":\"6\"}",
            "{\"hex\":\"zz\"}",
            "{\"hax\":\"61\"}",
            "{\"hex\":\"61\",\"b\":\"\"}",
        ] {
            assert!(serde_json::from_str::<Name>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_shown_name_has_no_control_characters() {
        let name = Name(b"a\x1b[2Jb\n\xffc".to_vec());
        assert_eq!(name.to_string(), "a\\u{1b}[2Jb\\n\\xffc");
    }

    proptest! {
        #[test]
        fn every_name_survives_json(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let name = Name(bytes);
            let json = serde_json::to_string(&name).unwrap();
            prop_assert_eq!(serde_json::from_str::<Name>(&json).unwrap(), name);
        }
    }
}
