//! The settings of `netsocket-collector`: keys, defaults and allowed values.

use std::fmt;
use std::net::SocketAddr;

use netsocket_settings::{
    COLLECTOR, Check, Judged, Key, LOG_KEYS, Layers, LogFilter, LogFormat, Problems, Scalar,
    address_form, load, parse_socket_address, short_token, with_commas,
};
use serde::Deserialize;
use url::Url;

use crate::kafka::Security;
use crate::kafka::parse_brokers;
use crate::names::{ENV_INFLUXDB_TOKEN, ENV_KAFKA, TOPIC};
use crate::settings::{ACCESS_KEYS, RawAccess, TOPIC_RULE, access, topic_name};

/// Where Kafka listens by default.
const DEFAULT_KAFKA: &str = "127.0.0.1:9092";
/// Where InfluxDB listens by default.
const DEFAULT_INFLUX_URL: &str = "http://127.0.0.1:8086";
/// The organisation of the original system.
const DEFAULT_ORG: &str = "root";
/// The bucket of the original system.
const DEFAULT_BUCKET: &str = "root";
/// Where `/metrics` and `/healthz` are served by default: beside the balancer's.
const DEFAULT_ADMIN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8405);
/// `info` and above: what the other programs have, although the collector itself does not read through rskafka.
const DEFAULT_LOG: &str = "info,rskafka=off";

/// Every key, and its names in the environment and on the command line. The token has no flag: command lines are
/// visible to everyone on the machine.
pub(super) const KEYS: [Key; 16] = [
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
        name: "position_bucket",
        env: Some("NETSOCKET_INFLUX_POSITION_BUCKET"),
        flag: Some("--position-bucket"),
    },
    Key {
        name: "admin",
        env: Some("NETSOCKET_ADMIN"),
        flag: Some("--admin"),
    },
    Key {
        name: "token",
        env: Some(ENV_INFLUXDB_TOKEN),
        flag: None,
    },
    ACCESS_KEYS[0],
    ACCESS_KEYS[1],
    ACCESS_KEYS[2],
    ACCESS_KEYS[3],
    ACCESS_KEYS[4],
    ACCESS_KEYS[5],
    LOG_KEYS[0],
    LOG_KEYS[1],
];

/// What is said of environment variables that are probably misspelt.
pub fn misspelt_variables(set: impl IntoIterator<Item = String>) -> Vec<String> {
    netsocket_settings::misspelt_variables(&KEYS, &COLLECTOR, set)
}

/// Serde cannot deny unknown fields beside a flattened struct; the table of keys does.
#[derive(Debug, Deserialize)]
struct Raw {
    #[serde(flatten)]
    access: RawAccess,
    #[serde(default, deserialize_with = "with_commas")]
    kafka: Option<Scalar>,
    topic: Option<Scalar>,
    influx_url: Option<Scalar>,
    org: Option<Scalar>,
    bucket: Option<Scalar>,
    position_bucket: Option<Scalar>,
    admin: Option<Scalar>,
    token: Option<Scalar>,
    log: Option<Scalar>,
    log_format: Option<Scalar>,
}

/// An InfluxDB API token, which is never logged or shown.
///
/// # Examples
///
/// ```
/// use netsocket_telemetry::collector::Token;
///
/// let token = Token::new("secret").expect("visible characters");
/// assert_eq!(format!("{token:?}"), "Token(…)");
/// assert_eq!(Token::new("two words"), None);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token of visible ASCII characters, as InfluxDB creates them; anything else could not be sent and gives None.
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
///
/// # Examples
///
/// ```
/// use netsocket_telemetry::collector::InfluxUrl;
///
/// let url = InfluxUrl::parse("http://influxdb:8086/").expect("scheme, host and port");
/// assert_eq!(url.as_str(), "http://influxdb:8086");
/// assert_eq!(InfluxUrl::parse("http://influxdb:8086/api"), None);
/// ```
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
///
/// # Examples
///
/// ```
/// use netsocket_settings::Layers;
/// use netsocket_telemetry::collector::Config;
///
/// let variable = |name: &str| (name == "INFLUXDB_TOKEN").then(|| "secret".to_owned());
/// let config = Config::load(&Layers::default(), variable)?;
/// assert_eq!(config.topic, "system_stats");
/// assert!(config.token.is_some());
/// # Ok::<(), netsocket_settings::Problems>(())
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    /// `HOST:PORT` of the Kafka bootstrap brokers.
    pub kafka: Vec<String>,
    /// TLS and SASL to Kafka.
    pub security: Security,
    /// The topic to read.
    pub topic: String,
    /// Where InfluxDB listens.
    pub influx_url: InfluxUrl,
    /// InfluxDB's organisation.
    pub org: String,
    /// InfluxDB's bucket.
    pub bucket: String,
    /// The bucket that stores the offsets; None for the same one.
    pub position_bucket: Option<String>,
    /// Where `/metrics` and `/healthz` are served.
    pub admin: SocketAddr,
    /// None if it is not set, which is fine when the settings are only checked.
    pub token: Option<Token>,
    /// Which log lines are written.
    pub log: LogFilter,
    /// The format of log lines.
    pub log_format: LogFormat,
}

impl Config {
    /// Reads the settings from their layers; see [`netsocket_settings::load`].
    ///
    /// # Errors
    /// Every problem at once.
    pub fn load(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        Self::judge(layers, variable)?.finish()
    }

    /// The same, as far as it could be judged.
    ///
    /// # Errors
    /// Why there is nothing to judge.
    pub fn judge(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Judged<Self>, Problems> {
        let (raw, mut check) = load::<Raw>(&KEYS, &COLLECTOR, layers, variable)?.into_check();
        let kafka = vec![DEFAULT_KAFKA.to_owned()];
        let kafka = check.read_list(
            "kafka",
            raw.kafka.as_ref(),
            kafka,
            "HOST:PORT, or a comma-separated list of them",
            |text| parse_brokers(text).ok(),
        );
        let mut name = |key,
                        entry: Option<Scalar>,
                        default: &str,
                        allowed,
                        read: fn(&str) -> Option<String>| {
            check.read_with(key, entry.as_ref(), default.to_owned(), allowed, read)
        };
        let topic = name("topic", raw.topic, TOPIC, TOPIC_RULE, topic_name);
        let org = name("org", raw.org, DEFAULT_ORG, "a name", not_empty);
        let bucket = name("bucket", raw.bucket, DEFAULT_BUCKET, "a name", not_empty);
        let position_bucket = raw.position_bucket;
        let position_bucket = position_bucket
            .map(|entry| name("position_bucket", Some(entry), "", "a name", not_empty));
        let config = Self {
            kafka,
            security: access(&mut check, &raw.access),
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
            position_bucket,
            admin: check.read_with(
                "admin",
                raw.admin.as_ref(),
                DEFAULT_ADMIN,
                &address_form("IP:PORT", raw.admin.as_ref(), "127.0.0.1"),
                parse_socket_address,
            ),
            token: token(&mut check, raw.token.as_ref()),
            log: check.log_filter(raw.log.as_ref(), LogFilter::by_default(DEFAULT_LOG)),
            log_format: check.parse(
                "log_format",
                raw.log_format.as_ref(),
                LogFormat::Text,
                "text or json",
            ),
        };
        Ok(check.judged(config))
    }
}

/// A wrong token is a problem like any other, but the message does not repeat it.
fn token(check: &mut Check, entry: Option<&Scalar>) -> Option<Token> {
    let given = entry?.as_str();
    let token = Token::new(given);
    if token.is_none() {
        check.problem_at("token", "an InfluxDB API token: visible ASCII characters");
    } else if let Some(said) = short_token(given.trim()) {
        check.doubt_at("token", said);
    }
    token
}

fn not_empty(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
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
        assert_eq!(config.position_bucket, None);
        assert_eq!(config.admin.to_string(), "127.0.0.1:8405");
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
    fn brokers_may_be_a_list() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let brokers = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            let layers = Layers {
                file: Some(file.path()),
                flags: vec![],
            };
            Config::load(&layers, |_| None).map(|config| config.kafka)
        };
        assert_eq!(brokers("kafka = ['a:1', 'b:2']\n").unwrap(), ["a:1", "b:2"]);
        let said = brokers("kafka = []\n").unwrap_err().to_string();
        assert!(
            said.ends_with(": kafka: a list of at least one, not an empty list"),
            "{said}"
        );
        let said = brokers("kafka = { a = 1 }\n").unwrap_err().to_string();
        assert!(
            said.ends_with(": kafka: a single value, or a list of at least one, not a table"),
            "{said}"
        );
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
            ("NETSOCKET_ADMIN", "nowhere"),
            ("NETSOCKET_KAFKA_SASL", "magic"),
        ])
        .unwrap_err();
        let text = problems.to_string();
        let named: Vec<&str> = text
            .lines()
            .map(|line| line.split(':').next().unwrap())
            .collect();
        // A mechanism without user and password is two problems more.
        assert_eq!(named.len(), 10, "{text}");
        for env in [
            "NETSOCKET_KAFKA",
            "NETSOCKET_TOPIC",
            "NETSOCKET_INFLUX_URL",
            "NETSOCKET_INFLUX_ORG",
            "INFLUXDB_TOKEN",
            "NETSOCKET_LOG_FORMAT",
            "NETSOCKET_ADMIN",
            "NETSOCKET_KAFKA_SASL",
        ] {
            assert!(named.contains(&env), "{env}: {text}");
        }
        assert!(!text.contains("cret"), "{text}");
    }

    #[test]
    fn the_example_file_has_every_key() {
        let text = include_str!("../../../infra/config/collector.toml");
        for key in &KEYS {
            let is_entry = |line: &&str| {
                let line = line.strip_prefix('#').unwrap_or(line);
                let rest = line.strip_prefix(key.name);
                rest.is_some_and(|rest| rest.starts_with(" = "))
            };
            assert_eq!(text.lines().filter(is_entry).count(), 1, "{}", key.name);
        }
        let lines = text.lines().map(|line| {
            let bare = line.strip_prefix('#').filter(|it| !it.starts_with(' '));
            // These files are not there.
            bare.filter(|it| !it.starts_with("kafka_tls_"))
                .unwrap_or(line)
        });
        let all: Vec<&str> = lines.collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), all.join("\n")).unwrap();
        let layers = Layers {
            file: Some(file.path()),
            flags: Vec::new(),
        };
        Config::load(&layers, |_| None).unwrap_or_else(|problems| panic!("{problems}"));
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

    #[test]
    fn other_programs_know_the_keys() {
        let mut keys: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        keys.sort_unstable();
        assert_eq!(keys, COLLECTOR.keys);
    }
}
