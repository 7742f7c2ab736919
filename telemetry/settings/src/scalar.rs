//! A setting before it is parsed: any single value, kept as the text that was given.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A string, number or boolean from any layer, as text.
///
/// Raw structs use it so that a wrong type in one key does not hide the problems of the others: every entry is
/// read, and each is judged by [`crate::Check`].
///
/// # Examples
///
/// ```
/// use config::{Config, File, FileFormat};
/// use netsocket_settings::Scalar;
///
/// let file = File::from_str("port = 8081\nhost = \"::1\"\nfast = true", FileFormat::Toml);
/// let file = Config::builder().add_source(file).build()?;
/// assert_eq!(file.get::<Scalar>("port")?.as_str(), "8081");
/// assert_eq!(file.get::<Scalar>("host")?.as_str(), "::1");
/// assert_eq!(file.get::<Scalar>("fast")?.as_str(), "true");
/// # Ok::<(), config::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar(pub String);

impl Scalar {
    /// The text as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// For a key whose text has commas between parts, in `deserialize_with`: a list of single values is that text. A list without
/// any is none.
///
/// # Errors
/// Those of the deserializer; and for whatever else there is.
///
/// # Examples
///
/// ```
/// use netsocket_settings::{Scalar, with_commas};
///
/// let list = serde_json::json!(["a:1", "b:2"]);
/// assert_eq!(with_commas(&list)?, Some(Scalar("a:1,b:2".to_owned())));
/// assert!(with_commas(&serde_json::json!([])).is_err());
/// assert!(with_commas(&serde_json::json!([["a"]])).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn with_commas<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Scalar>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(untagged, expecting = "a single value, or a list of at least one")]
    enum Commas {
        Single(Scalar),
        List(Vec<Scalar>),
    }
    match Commas::deserialize(deserializer)? {
        Commas::Single(text) => Ok(Some(text)),
        Commas::List(list) if list.is_empty() => Err(de::Error::custom("a list of at least one")),
        Commas::List(list) => {
            let texts: Vec<String> = list.into_iter().map(|it| it.0).collect();
            Ok(Some(Scalar(texts.join(","))))
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;

        impl Visitor<'_> for ScalarVisitor {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a single value")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Scalar, E> {
                Ok(Scalar(value.to_owned()))
            }
        }

        deserializer.deserialize_any(ScalarVisitor)
    }
}
