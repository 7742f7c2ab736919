//! Words of HAProxy's configuration, and the keys that mean the same here.

/// Each word with our keys: the first of them that may stand where the word does is meant.
const WORDS: [(&str, &[&str]); 29] = [
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
    ("server", &["backends"]),
    ("frontend", &["services"]),
    ("stats", &["admin"]),
    ("log-format", &["access_log_format"]),
    ("default_backend", &["pool"]),
    ("use_backend", &["routes"]),
    ("bind", &["listen"]),
    ("nbthread", &["workers"]),
    ("ssl", &["tls", "backend_tls"]),
    ("resolvers", &["dns_server"]),
];

/// The key that means the same as this word of HAProxy's, among those that are known.
pub(crate) fn meant<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    if known.contains(&word.as_str()) {
        // It is ours, in capitals.
        return None;
    }
    let (_, ours) = WORDS.iter().find(|(theirs, _)| *theirs == word)?;
    let known_as = |ours: &&str| known.iter().find(|known| *known == ours);
    ours.iter().find_map(known_as).copied()
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
        ] {
            let said = unknown_key(word, known, &program);
            assert_eq!(said, format!("HAProxy's word; here it is {ours}"));
        }
        for (known, program) in [(&of_backends[..], BALANCER), (COLLECTOR.keys, COLLECTOR)] {
            assert!(!unknown_key("bind", known, &program).contains("HAProxy"));
        }
    }
}
