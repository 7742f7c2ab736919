//! Words of HAProxy's and nginx's configurations, and the keys that mean the same here.

/// Each word of HAProxy's with our keys: the first of them that may stand where the word does is meant.
const HAPROXY: [(&str, &[&str]); 35] = [
    ("maxconn", &["max_connections"]),
    ("check", &["check_kind", "kind"]),
    ("inter", &["check_interval", "interval"]),
    ("fastinter", &["check_fast_interval", "fast_interval"]),
    ("downinter", &["check_down_interval", "down_interval"]),
    ("rise", &["check_rise", "rise"]),
    ("fall", &["check_fall", "fall"]),
    ("port", &["check_port"]),
    ("addr", &["check_address"]),
    ("agent-check", &["agent_address", "agent_port"]),
    ("agent-addr", &["agent_address"]),
    ("agent-port", &["agent_port"]),
    ("agent-inter", &["agent_interval"]),
    ("send-proxy", &["proxy_send"]),
    ("send-proxy-v2", &["proxy_send"]),
    ("accept-proxy", &["proxy_from"]),
    ("on-marked-down", &["on_down"]),
    ("slowstart", &["slow_start"]),
    ("maxqueue", &["queue_length"]),
    ("server", &["backends", "address"]),
    ("frontend", &["services"]),
    ("stats", &["admin"]),
    ("log-format", &["access_log_format"]),
    ("default_backend", &["pool"]),
    ("use_backend", &["routes"]),
    ("bind", &["listen"]),
    ("nbthread", &["workers"]),
    ("ssl", &["tls", "backend_tls"]),
    ("resolvers", &["dns_server"]),
    ("nbproc", &["workers"]),
    ("timeout client", &["client_idle_timeout"]),
    ("timeout server", &["backend_idle_timeout"]),
    ("timeout connect", &["connect_timeout"]),
    ("timeout queue", &["queue_timeout"]),
    ("timeout check", &["check_timeout"]),
];
/// The same of nginx's.
const NGINX: [(&str, &[&str]); 5] = [
    ("worker_processes", &["workers"]),
    ("worker_connections", &["max_connections"]),
    ("upstream", &["backends"]),
    ("proxy_pass", &["backends"]),
    ("proxy_connect_timeout", &["connect_timeout"]),
];

/// A word of another program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Meant<'a> {
    /// Whose it is.
    pub(crate) whose: &'static str,
    /// The key that means the same.
    pub(crate) ours: &'a str,
}

/// The key that means the same as this word of HAProxy's or nginx's, among those that are known.
pub(crate) fn meant<'a>(word: &str, known: &[&'a str]) -> Option<Meant<'a>> {
    if known.contains(&word.to_ascii_lowercase().as_str()) {
        // It is ours, in capitals.
        return None;
    }
    let word = bare(word);
    let of = |whose, words: &[(&str, &[&str])]| {
        let (_, all) = words.iter().find(|(theirs, _)| bare(theirs) == word)?;
        let known_as = |ours: &&str| known.iter().find(|known| *known == ours);
        let ours = all.iter().find_map(known_as).copied()?;
        Some(Meant { whose, ours })
    };
    of("HAProxy", &HAPROXY).or_else(|| of("nginx", &NGINX))
}

/// A word as it is whatever stands between its parts: `max_conn` is `maxconn`.
pub(crate) fn bare(word: &str) -> String {
    word.replace(['-', '_', ' ', '.'], "").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use crate::programs::{BALANCER, COLLECTOR, FILE_SERVER};
    use crate::unknown_key::unknown_key;

    #[test]
    fn words_of_haproxy_are_translated_where_the_key_is_known() {
        let of_backends = ["name", "max_connections", "check_kind", "check_interval"];
        let of_check = ["interval", "kind"];
        for (word, known, program, ours) in [
            ("maxconn", &of_backends[..], BALANCER, "max_connections"),
            ("check", &of_backends, BALANCER, "check_kind"),
            ("inter", &of_backends, BALANCER, "check_interval"),
            ("inter", &of_check, BALANCER, "interval"),
            ("maxconn", BALANCER.keys, BALANCER, "max_connections"),
            ("frontend", BALANCER.keys, BALANCER, "services"),
            ("stats", BALANCER.keys, BALANCER, "admin"),
            ("bind", FILE_SERVER.keys, FILE_SERVER, "listen"),
            ("max_conn", BALANCER.keys, BALANCER, "max_connections"),
            (
                "timeout_client",
                BALANCER.keys,
                BALANCER,
                "client_idle_timeout",
            ),
            (
                "timeout server",
                BALANCER.keys,
                BALANCER,
                "backend_idle_timeout",
            ),
            ("server", BALANCER.keys, BALANCER, "backends"),
            ("server", &["name", "address"], BALANCER, "address"),
        ] {
            let said = unknown_key(word, known, &program);
            assert_eq!(said, format!("HAProxy's word; here it is {ours}"));
        }
        let said = unknown_key("worker_processes", BALANCER.keys, &BALANCER);
        assert_eq!(said, "nginx's word; here it is workers");
        for (known, program) in [(&of_backends[..], BALANCER), (COLLECTOR.keys, COLLECTOR)] {
            assert!(!unknown_key("bind", known, &program).contains("HAProxy"));
        }
    }
}
