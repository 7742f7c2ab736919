//! What to say of a key that nobody knows.

use crate::nearest::nearest;

/// So many known keys fit into a line.
const FEW: usize = 12;
/// The end of a word is looked up with a slip in it from this length on.
const LONG: usize = 4;

/// What is said of a key that is not one of `known`: which one was probably meant, else which ones there are. Where they are
/// too many for a line, `list` is named: what lists all keys of the program.
///
/// # Examples
///
/// ```
/// use netsocket_settings::unknown_key;
///
/// let known = ["listen", "max_connections"];
/// let said = |key| unknown_key(key, &known, "all.toml");
/// assert_eq!(said("max_connection"), "unknown key; did you mean max_connections?");
/// assert_eq!(said("zeal"), "unknown key; known are listen, max_connections");
/// ```
#[must_use]
pub fn unknown_key(name: &str, known: &[&str], list: &str) -> String {
    if let Some(key) = meant(name, known) {
        return format!("unknown key; did you mean {key}?");
    }
    if known.len() <= FEW {
        return format!("unknown key; known are {}", known.join(", "));
    }
    format!("unknown key; {list} lists all")
}

fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
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

/// The key that a longer one ends with, as `influx_tokn` does with `token`.
fn without_prefix<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let ends = || name.match_indices('_').map(|(at, _)| &name[at + 1..]);
    let exact = ends().find_map(|end| known.iter().find(|key| **key == end));
    let mut long = ends().filter(|end| end.len() >= LONG);
    exact
        .copied()
        .or_else(|| long.find_map(|end| nearest(end, known.iter().copied())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_keys_are_not_listed() {
        let names: Vec<String> = (0..80)
            .map(|number| format!("a_long_name_{number}"))
            .collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(
            unknown_key("zeal", &known, "all.toml"),
            "unknown key; all.toml lists all"
        );
        assert_eq!(
            unknown_key("a_long_nmae_7", &known, "all.toml"),
            "unknown key; did you mean a_long_name_7?"
        );
    }

    #[test]
    fn a_prefix_too_many_hides_no_key() {
        let known = ["token", "org", "influx_url", "log", "access_log"];
        for (typed, meant) in [
            ("influx_tokn", Some("token")),
            ("influx_org", Some("org")),
            ("netsocket_influx_org", Some("org")),
            ("influx_rl", Some("influx_url")),
            ("acces_log", Some("access_log")),
            ("zeal_rg", None),
        ] {
            let said = unknown_key(typed, &known, "all.toml");
            let expected = match meant {
                Some(meant) => format!("unknown key; did you mean {meant}?"),
                None => format!("unknown key; known are {}", known.join(", ")),
            };
            assert_eq!(said, expected, "{typed}");
        }
    }
}
