//! The settings of `netsocket-collector`: its keys, its defaults, and what is allowed.

use std::fmt;

use netsocket_settings::{Check, Key, LOG_KEYS, Layers, LogFormat, Problems, Scalar, load};
use serde::Deserialize;
use url::Url;

use crate::brokers::parse_brokers;
use crate::names::{ENV_INFLUXDB_TOKEN, ENV_KAFKA, TOPIC};

/// Where Kafka listens by default.
const DEFAULT_KAFKA: &str = "127.0.0.1:9092";
/// Where InfluxDB listens by default.
const DEFAULT_INFLUX_URL: &str = "http://127.0.0.1:8086";
/// The organisation of the original system.
const DEFAULT_ORG: &str = "root";
/// The bucket of the original system.
const DEFAULT_BUCKET: &str = "root";
/// Our own lines from `info` on. rskafka tells every attempt to connect; we tell the first of a row.
const DEFAULT_LOG: &str = "info,rskafka=off";

/// Every key, and its names in the environment and on the command line. The token has no flag: command lines are
/// visible to everyone on the machine.
pub const KEYS: [Key; 8] = [
    Key {
        name: "kafka",
        env: Some(ENV_KAFKA),
        flag: Some("--kafka"),
    },
    Key {
        name: "topic",
        env: Some("NETSOCKET_TOPIC"),
        flag: Some("--topic"),
    },
    Key {
        name: "influx_url",
        env: Some("NETSOCKET_INFLUX_URL"),
        flag: Some("--influx-url"),
    },
    Key {
        name: "org",
        env: Some("NETSOCKET_INFLUX_ORG"),
        flag: Some("--org"),
    },
    Key {
        name: "bucket",
        env: Some("NETSOCKET_INFLUX_BUCKET"),
        flag: Some("--bucket"),
    },
    Key {
        name: "token",
        env: Some(ENV_INFLUXDB_TOKEN),
        flag: None,
    },
    LOG_KEYS[0],
    LOG_KEYS[1],
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    kafka: Option<Scalar>,
    topic: Option<Scalar>,
    influx_url: Option<Scalar>,
    org: Option<Scalar>,
    bucket: Option<Scalar>,
    token: Option<Scalar>,
    log: Option<Scalar>,
    log_format: Option<Scalar>,
}

/// An API token of InfluxDB, which no log line and no message shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token of visible ASCII characters, as InfluxDB makes them; anything else could not be sent. None otherwise.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let sound = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        sound.then(|| Self(text.to_owned()))
    }

    pub(super) fn into_secret(self) -> String {
        self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Scheme, host and port of an InfluxDB. The crate `influxdb2` panics on a URL that it cannot parse and silently drops
/// a path, so both are refused here, by the same parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InfluxUrl(String);

impl InfluxUrl {
    /// Reads `http://HOST[:PORT]` or `https://HOST[:PORT]`; None for anything else, or anything more.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text.trim()).ok()?;
        let bare = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        bare.then(|| Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The URL as text, parsed before.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The validated settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `HOST:PORT` of the Kafka brokers to start from.
    pub kafka: Vec<String>,
    /// The topic to read.
    pub topic: String,
    /// Where InfluxDB listens.
    pub influx_url: InfluxUrl,
    /// InfluxDB's organisation.
    pub org: String,
    /// InfluxDB's bucket.
    pub bucket: String,
    /// None where it is not set, which is fine for a check of the settings only.
    pub token: Option<Token>,
    /// Which log lines are written.
    pub log: String,
    /// Their form.
    pub log_format: LogFormat,
}

impl Config {
    /// Reads the settings from their layers; see [`netsocket_settings::load`].
    ///
    /// # Errors
    /// Everything that is wrong with them, at once.
    pub fn load(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let (raw, mut check) = load::<Raw>(&KEYS, layers, variable)?.into_check();
        let kafka = vec![DEFAULT_KAFKA.to_owned()];
        let kafka = check.read_with(
            "kafka",
            raw.kafka.as_ref(),
            kafka,
            "HOST:PORT, or several with commas between",
            |text| parse_brokers(text).ok(),
        );
        let mut name = |key,
                        entry: Option<Scalar>,
                        default: &str,
                        allowed,
                        read: fn(&str) -> Option<String>| {
            check.read_with(key, entry.as_ref(), default.to_owned(), allowed, read)
        };
        let topic = name(
            "topic",
            raw.topic,
            TOPIC,
            "a topic name: letters, digits, '.', '_', '-'",
            topic,
        );
        let org = name("org", raw.org, DEFAULT_ORG, "a name", not_empty);
        let bucket = name("bucket", raw.bucket, DEFAULT_BUCKET, "a name", not_empty);
        let log = name(
            "log",
            raw.log,
            DEFAULT_LOG,
            "a log filter such as info",
            not_empty,
        );
        let config = Self {
            kafka,
            topic,
            influx_url: check.read_with(
                "influx_url",
                raw.influx_url.as_ref(),
                InfluxUrl(DEFAULT_INFLUX_URL.to_owned()),
                "http://HOST:PORT or https://HOST:PORT, without user or path",
                InfluxUrl::parse,
            ),
            org,
            bucket,
            token: token(&mut check, raw.token.as_ref()),
            log,
            log_format: check.parse(
                "log_format",
                raw.log_format.as_ref(),
                LogFormat::Text,
                "text or json",
            ),
        };
        check.finish(config)
    }
}

/// A wrong token is a problem like any other, but the message does not repeat it.
fn token(check: &mut Check, entry: Option<&Scalar>) -> Option<Token> {
    let token = Token::new(entry?.as_str());
    if token.is_none() {
        check.problem(
            "token",
            "",
            "an API token of InfluxDB: visible ASCII characters",
        );
    }
    token
}

fn not_empty(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Kafka's own rule for topic names.
fn topic(text: &str) -> Option<String> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let legal =
        (1..=249).contains(&text.len()) && text.bytes().all(sound) && text != "." && text != "..";
    legal.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use netsocket_settings::Flag;

    use super::*;

    fn with_env(pairs: &[(&str, &str)]) -> Result<Config, Problems> {
        Config::load(&Layers::default(), |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_settings_it_is_the_original_system() {
        let config = with_env(&[("INFLUXDB_TOKEN", "secret==")]).unwrap();
        assert_eq!(config.kafka, ["127.0.0.1:9092"]);
        assert_eq!(config.topic, "system_stats");
        assert_eq!(
            Some(config.influx_url.clone()),
            InfluxUrl::parse(DEFAULT_INFLUX_URL)
        );
        assert_eq!(
            (config.org.as_str(), config.bucket.as_str()),
            ("root", "root")
        );
        assert_eq!(config.token, Token::new("secret=="));
        assert!(
            !format!("{config:?}").contains("secret"),
            "no log line may show it"
        );
        assert_eq!(with_env(&[]).unwrap().token, None);
    }

    #[test]
    fn flags_beat_the_environment() {
        let layers = Layers {
            file: None,
            flags: vec![("kafka", Flag::One("a:1,b:2".into()))],
        };
        let config = Config::load(&layers, |name| {
            (name == "NETSOCKET_KAFKA").then(|| "c:3".to_owned())
        })
        .unwrap();
        assert_eq!(config.kafka, ["a:1", "b:2"]);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let problems = with_env(&[
            ("NETSOCKET_KAFKA", "kafka"),
            ("NETSOCKET_TOPIC", "a b"),
            ("NETSOCKET_INFLUX_URL", "localhost:8086"),
            ("NETSOCKET_INFLUX_ORG", " "),
            ("INFLUXDB_TOKEN", "se cret"),
            ("NETSOCKET_LOG_FORMAT", "xml"),
        ])
        .unwrap_err();
        let text = problems.to_string();
        let named: Vec<&str> = text
            .lines()
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert_eq!(named.len(), 6, "{text}");
        for env in [
            "NETSOCKET_KAFKA",
            "NETSOCKET_TOPIC",
            "NETSOCKET_INFLUX_URL",
            "NETSOCKET_INFLUX_ORG",
            "INFLUXDB_TOKEN",
            "NETSOCKET_LOG_FORMAT",
        ] {
            assert!(named.contains(&env), "{env}: {text}");
        }
        assert!(!text.contains("cret"), "{text}");
    }

    #[test]
    fn a_url_is_scheme_host_and_port() {
        for good in [
            "http://127.0.0.1:8086",
            "https://influx.example/",
            "http://[::1]:1",
        ] {
            assert!(InfluxUrl::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:8086",
            "ftp://a",
            "http://",
            "http://a/influx",
            "http://a?b",
            "http://a#b",
            "http://user@a",
            "http://:pw@a",
            "http://a:99999",
            "/3242/23",
        ] {
            assert!(InfluxUrl::parse(bad).is_none(), "{bad}");
        }
    }
}
