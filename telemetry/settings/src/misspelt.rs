//! Environment variables that are probably misspelt: they would be ignored in silence.

use crate::layers::Key;

/// What all programs' variables begin with.
const PREFIX: &str = "NETSOCKET_";

/// What is said of each variable that no key has, but for a slip of the fingers. Others are left alone: they may be those of
/// another program, and an orchestrator makes some of its own.
///
/// # Examples
///
/// ```
/// use netsocket_settings::{Key, misspelt_variables};
///
/// const KEYS: [Key; 3] = [
///     Key { name: "listen", env: Some("NETSOCKET_LISTEN"), flag: None },
///     Key { name: "root", env: Some("NETSOCKET_ROOT"), flag: None },
///     Key { name: "ca_file", env: Some("NETSOCKET_CA_FILE"), flag: None },
/// ];
/// // An orchestrator sets the last but one for a service that is called netsocket.
/// let set = ["NETSOCKET_LISTN", "NETSOCKET_CA", "NETSOCKET_ROTO", "NETSOCKET_LISTEN", "NETSOCKET_PORT", "LISTEN"];
/// assert_eq!(
///     misspelt_variables(&KEYS, set.map(str::to_owned)),
///     [
///         "NETSOCKET_CA: no such setting; did you mean NETSOCKET_CA_FILE?",
///         "NETSOCKET_LISTN: no such setting; did you mean NETSOCKET_LISTEN?",
///         "NETSOCKET_ROTO: no such setting; did you mean NETSOCKET_ROOT?",
///     ],
/// );
/// ```
pub fn misspelt_variables(keys: &[Key], set: impl IntoIterator<Item = String>) -> Vec<String> {
    let known = || keys.iter().filter_map(|key| key.env);
    let said = |name: String| {
        let word = name.strip_prefix(PREFIX)?;
        if known().any(|env| env == name) {
            return None;
        }
        // `NETSOCKET_TOKEN` for `NETSOCKET_TOKEN_FILE`.
        let begun = |env: &&str| {
            env.strip_prefix(&name)
                .is_some_and(|rest| rest.starts_with('_'))
        };
        let mut longer = known().filter(begun);
        if let (Some(only), None) = (longer.next(), longer.next()) {
            return Some(format!("{name}: no such setting; did you mean {only}?"));
        }
        let distances = known().filter_map(|env| {
            let distance = strsim::damerau_levenshtein(word, env.strip_prefix(PREFIX)?);
            Some((distance, env))
        });
        let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
        let is_slip = distance <= 2 && distance * 4 <= word.len();
        is_slip.then(|| format!("{name}: no such setting; did you mean {nearest}?"))
    };
    let mut all: Vec<String> = set.into_iter().filter_map(said).collect();
    all.sort_unstable();
    all
}
