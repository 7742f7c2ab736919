//! How DNS names of backends are resolved, again and again.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use netsocket_settings::Check;

use super::bounds::{DAY, HOUR, SHORTEST};
use super::keys::{Entries, Entry};

/// Minimum time between two queries for a name, even if the TTL is shorter.
pub const DEFAULT_DNS_MIN_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum time between two queries for a name, even if the TTL is longer. Some servers, such as Docker's, give a TTL of
/// ten minutes for what changes in seconds.
pub const DEFAULT_DNS_MAX_INTERVAL: Duration = Duration::from_secs(10);
/// How long backends are kept that an empty answer no longer contains.
pub const DEFAULT_DNS_HOLD: Duration = Duration::from_secs(30);

/// How often DNS is queried, and how long a missing server is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Minimum time between two queries.
    pub min_interval: Duration,
    /// Maximum time between two queries.
    pub max_interval: Duration,
    /// How long backends are kept that an empty or incomplete answer no longer contains.
    pub hold: Duration,
}

const DNS_PORT: u16 = 53;

pub(super) fn default_rules() -> Rules {
    Rules {
        min_interval: DEFAULT_DNS_MIN_INTERVAL,
        max_interval: DEFAULT_DNS_MAX_INTERVAL,
        hold: DEFAULT_DNS_HOLD,
    }
}

pub(super) fn rules(check: &mut Check, entries: &Entries) -> Rules {
    let defaults = default_rules();
    let mut time = |key, default, bounds| {
        let Entry { key, value } = entries.get(key);
        check.duration(&key, value, default, bounds)
    };
    // Who sets one of both only, means the other to follow where it must.
    let max = time("dns_max_interval", Duration::MAX, 10 * SHORTEST..=HOUR);
    let least = defaults.min_interval.min(max);
    let min_interval = time("dns_min_interval", least, 10 * SHORTEST..=HOUR);
    let max_interval = match max {
        Duration::MAX => defaults.max_interval.max(min_interval),
        max => max,
    };
    let hold = time("dns_hold", defaults.hold, Duration::ZERO..=DAY);
    let entry = entries.get("dns_max_interval");
    if let (Some(given), true) = (entry.value, max_interval < min_interval) {
        let allowed = format!("not shorter than dns_min_interval, {min_interval:?}");
        check.problem(&entry.key, given.as_str(), allowed);
    }
    Rules {
        min_interval,
        max_interval,
        hold,
    }
}

pub(super) fn servers(check: &mut Check, entries: &Entries) -> Vec<SocketAddr> {
    let Entry { key, value } = entries.get("dns_server");
    let form = "IP or IP:PORT of a DNS server, or several separated by commas";
    check.read_list(&key, value, Vec::new(), form, |text| {
        text.split(',').map(|part| server(part.trim())).collect()
    })
}

fn server(text: &str) -> Option<SocketAddr> {
    let ip = text.parse().map(|ip: IpAddr| (ip, DNS_PORT).into());
    let address = ip.or_else(|_| text.parse()).ok();
    address.filter(|address: &SocketAddr| address.port() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::load::tests::load_text;
    use crate::config::{IpFamily, Question};

    const ONE: &str = "backends = ['a=h:1']\n";

    fn load(text: &str) -> Result<Config, String> {
        load_text(text).map_err(|problems| {
            assert_eq!(problems.0.len(), 1, "{text}: {problems}");
            problems.to_string()
        })
    }

    fn backend(name: &str, rest: &str) -> String {
        format!("[[backends]]\nname = '{name}'\n{rest}\n")
    }

    #[test]
    fn groups_are_told_from_backends_with_an_address() {
        let text = backend("a", "address = 'h:1'\nresolve = 'once'")
            + &backend(
                "b",
                "address = 'files.example:9'\nresolve = 'dns'\nweight = 3\nip_family = 'ipv4'",
            )
            + &backend(
                "c",
                "address = '_files._tcp.example'\nresolve = 'srv'\nbackup = true",
            );
        let config = load(&text).unwrap();
        assert_eq!(config.backends.len(), 1);
        let questions: Vec<_> = config.groups.iter().map(|group| &group.question).collect();
        let host = Question::Addresses {
            host: "files.example".into(),
            port: 9,
            family: IpFamily::V4,
        };
        let service = Question::Services {
            name: "_files._tcp.example".into(),
            family: IpFamily::Any,
        };
        assert_eq!(questions, [&host, &service]);
        assert_eq!(config.groups[0].attributes.weight, 3);
        assert!(config.groups[1].attributes.backup);
    }

    #[test]
    fn servers_with_and_without_a_port() {
        let config = load(&format!("{ONE}dns_server = '10.0.0.2, [::1]:5353,::2'")).unwrap();
        let servers = config.dns_servers.iter().map(ToString::to_string);
        assert_eq!(
            servers.collect::<Vec<_>>(),
            ["10.0.0.2:53", "[::1]:5353", "[::2]:53"]
        );
    }

    #[test]
    fn one_interval_moves_the_other_where_that_is_not_set() {
        let seconds = |text: &str| {
            let rules = load(&format!("{ONE}[dns]\n{text}")).unwrap().discovery;
            (rules.min_interval, rules.max_interval)
        };
        let of = |min, max| (Duration::from_millis(min), Duration::from_millis(max));
        assert_eq!(seconds(""), of(1000, 10_000));
        assert_eq!(seconds("max_interval = '500ms'"), of(500, 500));
        assert_eq!(seconds("min_interval = '1m'"), of(60_000, 60_000));
        assert_eq!(
            seconds("min_interval = '2s'\nmax_interval = '3s'"),
            of(2000, 3000)
        );
    }

    #[test]
    fn wrong_settings_are_named() {
        let cases = [
            (
                backend("a", "address = 'h:1'\nresolve = 'a'"),
                "backends[0].resolve = \"a\": once, dns or srv",
            ),
            (
                backend("a", "address = 'h:1'\nresolve = 'dns'\nip_family = 'ipv5'"),
                "backends[0].ip_family = \"ipv5\": any, ipv4 or ipv6",
            ),
            (
                backend("a", "address = 'h:1'\nip_family = 'ipv6'"),
                "backends[0].ip_family = \"ipv6\": only with resolve = \"dns\" or \"srv\"",
            ),
            (
                backend("a", "address = '10.0.0.7:1'\nresolve = 'dns'"),
                "backends[0].address = \"10.0.0.7:1\": NAME:PORT",
            ),
            (
                backend("a", "address = 'files.example'\nresolve = 'dns'"),
                "backends[0].address = \"files.example\": NAME:PORT",
            ),
            (
                backend("a", "address = '_f._tcp.example:9'\nresolve = 'srv'"),
                "backends[0].address = \"_f._tcp.example:9\": the name of a service without a port",
            ),
            (
                backend(
                    "a",
                    "address = '_f._tcp.example'\nresolve = 'srv'\nweight = 2",
                ),
                "backends[0].weight = 2: not with resolve = \"srv\": the SRV records contain the weights",
            ),
            (
                backend("a", "address = 'h:1'\nresolve = 'dns'")
                    + &backend("a-10-0-0-7", "address = 'h:1'"),
                "backends[1].name = \"a-10-0-0-7\": another name: backends of group a have names like this",
            ),
            (
                backend("a", "address = 'h:1'\nresolve = 'dns'") + &backend("a", "address = 'h:1'"),
                "backends[1].name = \"a\": a name may be used only once; backends[0] has it",
            ),
            (
                format!("{ONE}dns_server = 'localhost'"),
                "dns_server = \"localhost\": IP or IP:PORT",
            ),
            (
                format!("{ONE}dns_server = '10.0.0.2:0'"),
                "dns_server = \"10.0.0.2:0\": IP or IP:PORT",
            ),
            (
                format!("{ONE}[dns]\nmin_interval = '9s'\nmax_interval = '8s'"),
                "dns.max_interval = \"8s\": not shorter than dns_min_interval, 9s",
            ),
            (
                format!("{ONE}dns_hold = '2d'"),
                "dns_hold = \"2d\": a duration",
            ),
        ];
        for (text, expected) in cases {
            let problem = load(&text).expect_err(&text);
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }
}
