//! The list of Kafka bootstrap brokers, and who we are to them.

/// The client id in the brokers' logs and quotas.
pub(super) const CLIENT_ID: &str = "netsocket";

/// The text is not a list of brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("HOST:PORT of a Kafka broker, or a comma-separated list of them")]
pub struct BrokersError;

/// Parses `HOST:PORT[,HOST:PORT…]`. A host is a name, an IPv4 address or an IPv6 address in brackets. Names are resolved
/// when a connection is made, so a broker that does not exist yet is not an error.
///
/// # Errors
/// [`BrokersError`] if any part of the list is not a `HOST:PORT`.
///
/// # Examples
///
/// ```
/// use netsocket_telemetry::{BrokersError, parse_brokers};
///
/// assert_eq!(parse_brokers("kafka-1:9092, [::1]:9092"), Ok(vec![
///     "kafka-1:9092".to_owned(),
///     "[::1]:9092".to_owned(),
/// ]));
/// assert_eq!(parse_brokers("kafka-1"), Err(BrokersError));
/// ```
pub fn parse_brokers(text: &str) -> Result<Vec<String>, BrokersError> {
    text.split(',').map(|part| host_port(part.trim())).collect()
}

fn host_port(text: &str) -> Result<String, BrokersError> {
    let (host, port) = text.rsplit_once(':').ok_or(BrokersError)?;
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|inner| inner.contains(':')),
        None => Some(host).filter(|host| !host.contains(':')),
    };
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    let bare = bare.filter(|bare| !bare.is_empty() && bare.chars().all(sound));
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|&port| digits && port != 0);
    if bare.is_some() && port.is_some() {
        Ok(text.to_owned())
    } else {
        Err(BrokersError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_or_several() {
        assert_eq!(
            parse_brokers("kafka:9092"),
            Ok(vec!["kafka:9092".to_owned()])
        );
        assert_eq!(
            parse_brokers("a.example:1, 10.0.0.7:65535,[::1]:9092"),
            Ok(vec![
                "a.example:1".to_owned(),
                "10.0.0.7:65535".to_owned(),
                "[::1]:9092".to_owned()
            ])
        );
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "",
            "kafka",
            "kafka:",
            ":9092",
            "kafka:0",
            "kafka:65536",
            "a:1,",
            "::1:9092",
            "[]:1",
            "[a]:1",
            "[::1]",
            "http://a:1",
            "a b:1",
            "a:+1",
        ] {
            assert_eq!(parse_brokers(text), Err(BrokersError), "{text}");
        }
    }
}
