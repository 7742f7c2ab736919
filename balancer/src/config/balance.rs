//! The key `balance`, and what other balancers call its values.

use netsocket_settings::{Check, Scalar, nearest};

use crate::core::balance::Policy;

/// Words of HAProxy and nginx, and what comes closest.
const OTHER_WORDS: [(&str, Policy); 11] = [
    ("leastconn", Policy::LeastConnections),
    ("least_conn", Policy::LeastConnections),
    ("least-conn", Policy::LeastConnections),
    ("roundrobin", Policy::RoundRobin),
    ("round_robin", Policy::RoundRobin),
    ("static-rr", Policy::RoundRobin),
    ("rr", Policy::RoundRobin),
    ("ip_hash", Policy::Source),
    ("hash", Policy::Source),
    ("random", Policy::TwoChoices),
    ("consistent", Policy::Maglev),
];

pub(super) fn balance(check: &mut Check, entry: Option<&Scalar>, default: Policy) -> Policy {
    let Some(entry) = entry else { return default };
    let given = entry.as_str();
    given.parse().unwrap_or_else(|_| {
        let labels = Policy::ALL.map(Policy::label);
        let small = given.to_ascii_lowercase();
        let other = OTHER_WORDS.iter().find(|(word, _)| *word == small);
        let meant = other.map(|(_, policy)| policy.label());
        let meant = meant.or_else(|| nearest(&small, labels));
        let meant = meant.map(|label| format!("; did you mean {label}?"));
        let allowed = labels.join(", ") + &meant.unwrap_or_default();
        check.problem("balance", given, allowed);
        default
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_other_balancers_are_understood_and_not_taken() {
        let labels = Policy::ALL.map(Policy::label).join(", ");
        for (given, meant) in [
            ("leastconn", "; did you mean least-connections?"),
            ("least_conn", "; did you mean least-connections?"),
            ("RoundRobin", "; did you mean round-robin?"),
            ("ip_hash", "; did you mean source?"),
            ("random", "; did you mean two-choices?"),
            ("maglv", "; did you mean maglev?"),
            ("magic wand", ""),
        ] {
            let mut check = Check::default();
            assert_eq!(
                balance(&mut check, Some(&given.into()), Policy::Source),
                Policy::Source
            );
            let said = check.finish(()).unwrap_err().to_string();
            assert_eq!(
                said,
                format!("settings: balance = {given:?}: {labels}{meant}")
            );
        }
        let mut check = Check::default();
        assert_eq!(
            balance(&mut check, Some(&"maglev".into()), Policy::Source),
            Policy::Maglev
        );
        assert!(check.finish(()).is_ok());
    }
}
