//! Words of HAProxy's configuration, and the keys that mean the same here.

/// Each word with our keys: the first of them that may stand where the word does is meant.
const WORDS: [(&str, &[&str]); 26] = [
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
    ("default_backend", &["pool"]),
    ("use_backend", &["routes"]),
    ("bind", &["listen"]),
    ("nbthread", &["workers"]),
    ("ssl", &["tls", "backend_tls"]),
    ("resolvers", &["dns_server"]),
];

/// The key that means the same as this word of HAProxy's, among those that are known.
pub(super) fn meant<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let (_, ours) = WORDS.iter().find(|(theirs, _)| *theirs == word)?;
    let known_as = |ours: &&str| known.iter().find(|known| *known == ours);
    ours.iter().find_map(known_as).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::entry_keys::{BACKEND_CHECK_KEYS, BACKEND_KEYS};
    use crate::config::keys::unknown_key;

    #[test]
    fn words_of_haproxy_are_translated() {
        let of_backends = [&BACKEND_KEYS[..], &BACKEND_CHECK_KEYS[..]].concat();
        for (word, ours) in [
            ("maxconn", "max_connections"),
            ("inter", "check_interval"),
            ("check", "check_kind"),
            ("send-proxy-v2", "proxy_send"),
        ] {
            let said = unknown_key(word, &of_backends);
            assert_eq!(said, format!("HAProxy's word; here it is {ours}"));
        }
        assert_eq!(meant("inter", &["interval", "kind"]), Some("interval"));
        assert_eq!(meant("bind", &of_backends), None);
    }
}
