//! What to say of a key that nobody knows.

use crate::nearest::{longer, nearest};
use crate::programs::Program;
use crate::words_of_others::{self, Meant, bare};

/// So many known keys fit into a line.
const FEW: usize = 12;
/// The end of a word is looked up with a slip in it from this length on.
const LONG: usize = 4;

/// Words that people use for a key of ours, without what stands between their parts.
const SYNONYMS: [(&[&str], &str); 4] = [
    (
        &[
            "rootdir",
            "dir",
            "directory",
            "path",
            "share",
            "documentroot",
        ],
        "root",
    ),
    (&["port", "address", "bindaddress", "host"], "listen"),
    (&["cert", "certificate", "tlscert"], "tls_certificate"),
    (&["certificatekey", "privatekey"], "tls_key"),
];

/// What is said of a key that is not one of `known`, in the file of a program: where it belongs, if it is a key of the top or of
/// another program; our word for one of HAProxy's; else which one was probably meant, else which ones there are. Where they are too many for a line, the
/// file that lists all keys of the program is named.
///
/// # Examples
///
/// ```
/// use netsocket_settings::{BALANCER, COLLECTOR, unknown_key};
///
/// let known = ["listen", "max_connections"];
/// let said = |key| unknown_key(key, &known, &BALANCER);
/// assert_eq!(said("max_connection"), "unknown key; did you mean max_connections?");
/// assert_eq!(said("zeal"), "unknown key; known are listen, max_connections");
/// // Whatever is appended to a file lands in its last table.
/// assert_eq!(said("idle_timeout"), "a key of the top: it belongs before the first [table]");
/// let said = unknown_key("rescan_interval", COLLECTOR.keys, &COLLECTOR);
/// assert_eq!(said, "a key of netsocket-fileserver, not of netsocket-collector");
/// ```
#[must_use]
pub fn unknown_key(name: &str, known: &[&str], program: &Program) -> String {
    match (own_word(name, known), words_of_others::meant(name, known)) {
        (Some(own), Some(Meant { whose, ours })) if own != ours => {
            return format!(
                "unknown key; did you mean {own}? What {whose} calls {name} is {ours} here"
            );
        }
        (_, Some(Meant { whose, ours })) => {
            return format!("{whose}'s word; here it is {ours}");
        }
        (Some(own), None) => return format!("unknown key; did you mean {own}?"),
        (None, None) => {}
    }
    if program.keys.contains(&name) && !known.contains(&name) {
        return "a key of the top: it belongs before the first [table]".to_owned();
    }
    let exact = exact_end(name, known);
    let mut meant = meant(name, known);
    let not_here = match elsewhere(name, program) {
        Some(said) => {
            // Near is not near enough where it is right elsewhere.
            meant = exact
                .or_else(|| with_prefix(name, known))
                .or_else(|| only_longer(name, known));
            said
        }
        None if meant.is_some() => "unknown key".to_owned(),
        None => near_elsewhere(name, program).unwrap_or_else(|| "unknown key".to_owned()),
    };
    if let Some(key) = meant {
        return format!("{not_here}; did you mean {key}?");
    }
    if known.len() <= FEW {
        return format!("{not_here}; known are {}", known.join(", "));
    }
    let several: Vec<&str> = longer(name, known.iter().copied()).collect();
    if (2..=FEW).contains(&several.len()) {
        return format!("{not_here}; here there are {}", several.join(", "));
    }
    if not_here.contains(program.name) {
        return not_here;
    }
    format!("{not_here}; {} lists all", program.key_list)
}

/// Whose key it is, if it is that of other programs.
fn elsewhere(name: &str, program: &Program) -> Option<String> {
    let owners = program.sisters().filter(|it| it.keys.contains(&name));
    let owners: Vec<&str> = owners.map(|it| it.name).collect();
    if owners.is_empty() {
        return None;
    }
    let owners = owners.join(" and ");
    Some(format!("a key of {owners}, not of {}", program.name))
}

/// The same of a key that was mistyped.
fn near_elsewhere(name: &str, program: &Program) -> Option<String> {
    let near = |sister: Program| {
        let near = nearest(name, sister.keys.iter().copied())?;
        Some((strsim::damerau_levenshtein(name, near), near))
    };
    // One that this program has too is none of its sister's.
    let others = program.sisters().filter_map(near);
    let others = others.filter(|(_, key)| !program.keys.contains(key));
    let (_, key) = others.min_by_key(|(distance, _)| *distance)?;
    let owner = elsewhere(key, program)?;
    Some(format!("unknown key; {key} is {owner}"))
}

/// The key that was probably meant, if any.
pub(crate) fn meant_key<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    own_word(name, known)
        .or_else(|| Some(words_of_others::meant(name, known)?.ours))
        .or_else(|| meant(name, known))
}

/// The key that is the same but for what stands between its parts, and capitals.
fn own_word<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = bare(name);
    let own = || known.iter().find(|key| bare(key) == name);
    let synonym = || {
        let (_, ours) = SYNONYMS.iter().find(|(words, _)| words.contains(&&*name))?;
        known.iter().find(|key| *key == ours)
    };
    own().or_else(synonym).copied()
}

fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    // As other formats and the environment spell keys.
    let name = &name.to_ascii_lowercase().replace(['-', ' '], "_");
    let near = nearest(name, known.iter().copied());
    let end = without_prefix(name, known);
    match (near, end) {
        // `influx_org` is `org` rather than `influx_url`: nothing is wrong with what stands before.
        (Some(near), Some(end)) => {
            let prefix = name.strip_suffix(end);
            let is_end = prefix.is_some_and(|prefix| near.starts_with(prefix));
            Some(if is_end { end } else { near })
        }
        (near, end) => near.or(end),
    }
}

/// The only key that has one word more in front, as `kafka_topic` has for `topic`.
fn with_prefix<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let end = format!("_{name}");
    let is_longer = |key: &&&str| {
        let word = key.strip_suffix(&end);
        word.is_some_and(|word| !word.contains('_'))
    };
    let mut longer = known.iter().filter(is_longer);
    let only = longer.next()?;
    longer.next().is_none().then_some(only)
}

/// The only key that goes on behind this one, as `token_file` does behind `token`.
fn only_longer<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let mut all = longer(name, known.iter().copied());
    let only = all.next()?;
    all.next().is_none().then_some(only)
}

fn exact_end<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let mut ends = name.match_indices('_').map(|(at, _)| &name[at + 1..]);
    ends.find_map(|end| known.iter().find(|key| **key == end))
        .copied()
}

/// The key that a longer one ends with, as `influx_tokn` does with `token`.
fn without_prefix<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let ends = name.match_indices('_').map(|(at, _)| &name[at + 1..]);
    let mut long = ends.filter(|end| end.len() >= LONG);
    exact_end(name, known).or_else(|| long.find_map(|end| nearest(end, known.iter().copied())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::{BALANCER, CLIENT, COLLECTOR, FILE_SERVER};

    #[test]
    fn what_people_call_it_leads_to_ours() {
        let said = |name: &str| unknown_key(name, FILE_SERVER.keys, &FILE_SERVER);
        for (name, meant) in [
            ("root_dir", "root"),
            ("directory", "root"),
            ("share", "root"),
            ("port", "listen"),
            ("cert", "tls_certificate"),
        ] {
            assert_eq!(said(name), format!("unknown key; did you mean {meant}?"));
        }
        let of_tls = said("tls");
        assert!(
            of_tls.contains("not of netsocket-fileserver; here there are tls_certificate, "),
            "{of_tls}"
        );
    }

    #[test]
    fn many_keys_are_not_listed() {
        let said = |key| unknown_key(key, BALANCER.keys, &BALANCER);
        assert_eq!(said("zeal"), "unknown key; docs/configuration.md lists all");
        assert_eq!(
            said("chekc_interval"),
            "unknown key; did you mean check_interval?"
        );
    }

    #[test]
    fn a_key_of_another_program_is_said_to_be_one() {
        for (program, typed, expected) in [
            (
                BALANCER,
                "root",
                "a key of netsocket-fileserver, not of netsocket-balancer",
            ),
            (
                BALANCER,
                "index",
                "a key of netsocket-fileserver, not of netsocket-balancer",
            ),
            (
                BALANCER,
                "influx_url",
                "a key of netsocket-collector, not of netsocket-balancer",
            ),
            (
                BALANCER,
                "token_file",
                "a key of netsocket-fileserver and netsocket, not of netsocket-balancer; did you mean admin_token_file?",
            ),
            (
                BALANCER,
                "topic",
                "a key of netsocket-collector, not of netsocket-balancer; did you mean kafka_topic?",
            ),
            (
                FILE_SERVER,
                "backend",
                "unknown key; backends is a key of netsocket-balancer, not of netsocket-fileserver",
            ),
            (
                FILE_SERVER,
                "check",
                "a key of netsocket-balancer, not of netsocket-fileserver",
            ),
            (
                COLLECTOR,
                "listen",
                "a key of netsocket-balancer and netsocket-fileserver, not of netsocket-collector",
            ),
            (
                FILE_SERVER,
                "check_interval",
                "a key of netsocket-balancer, not of netsocket-fileserver",
            ),
            (
                CLIENT,
                "token",
                "a key of netsocket-collector, not of netsocket; did you mean token_file?",
            ),
            (BALANCER, "Check", "unknown key; did you mean check?"),
            (FILE_SERVER, "LISTEN", "unknown key; did you mean listen?"),
            (
                BALANCER,
                "NETSOCKET_WORKERS",
                "unknown key; did you mean workers?",
            ),
            (
                CLIENT,
                "retry_deadlin",
                "unknown key; did you mean retry_deadline?",
            ),
        ] {
            assert_eq!(unknown_key(typed, program.keys, &program), expected);
        }
        // In a table, too, and then with what that has.
        assert_eq!(
            unknown_key("root", &["interval", "rise"], &BALANCER),
            "a key of netsocket-fileserver, not of netsocket-balancer; known are interval, rise"
        );
    }

    #[test]
    fn an_own_word_in_another_spelling_comes_before_those_of_others() {
        let said = |key| unknown_key(key, BALANCER.keys, &BALANCER);
        assert_eq!(
            said("log-format"),
            "unknown key; did you mean log_format? What HAProxy calls log-format is access_log_format here"
        );
        for (typed, meant) in [
            ("idle-timeout", "idle_timeout"),
            ("idleTimeout", "idle_timeout"),
            ("access log target", "access_log_target"),
        ] {
            let expected = format!("unknown key; did you mean {meant}?");
            assert_eq!(said(typed), expected);
        }
    }

    #[test]
    fn a_prefix_too_many_hides_no_key() {
        const KNOWN: [&str; 5] = ["token", "org", "influx_url", "log", "access_log"];
        for (typed, meant) in [
            ("influx_tokn", Some("token")),
            ("influx_org", Some("org")),
            ("netsocket_influx_org", Some("org")),
            ("influx_rl", Some("influx_url")),
            ("acces_log", Some("access_log")),
            ("zeal_rg", None),
        ] {
            let own = Program {
                name: "own",
                key_list: "all.toml",
                keys: &KNOWN,
            };
            let said = unknown_key(typed, &KNOWN, &own);
            let expected = match meant {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("unknown key; known are {}", KNOWN.join(", ")),
            };
            assert!(said.ends_with(&expected), "{typed}: {said}");
        }
    }
}
