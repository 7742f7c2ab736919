//! Environment variables that are probably misspelt: they would be ignored in silence.

use crate::layers::Key;
use crate::nearest::longer;
use crate::programs::Program;

/// What all programs' variables begin with.
const PREFIX: &str = "NETSOCKET_";
/// So many are named at most.
const FEW: usize = 5;

/// What is said of each variable that no key has, but for a slip of the fingers. Others are left alone: they may be those of
/// another program, and an orchestrator makes some of its own.
///
/// # Examples
///
/// ```
/// use netsocket_settings::{FILE_SERVER, Key, misspelt_variables};
///
/// const KEYS: [Key; 3] = [
///     Key { name: "listen", env: Some("NETSOCKET_LISTEN"), flag: None },
///     Key { name: "root", env: Some("NETSOCKET_ROOT"), flag: None },
///     Key { name: "ca_file", env: Some("NETSOCKET_CA_FILE"), flag: None },
/// ];
/// // An orchestrator sets the last but one for a service that is called netsocket.
/// let set = ["NETSOCKET_LISTN", "NETSOCKET_CA", "NETSOCKET_ROTO", "NETSOCKET_LISTEN", "NETSOCKET_PORT", "LISTEN"];
/// assert_eq!(
///     misspelt_variables(&KEYS, &FILE_SERVER, set.map(str::to_owned)),
///     [
///         "NETSOCKET_CA: no such setting; did you mean NETSOCKET_CA_FILE?",
///         "NETSOCKET_LISTN: no such setting; did you mean NETSOCKET_LISTEN?",
///         "NETSOCKET_ROTO: no such setting; did you mean NETSOCKET_ROOT?",
///     ],
/// );
/// ```
pub fn misspelt_variables(
    keys: &[Key],
    program: &Program,
    set: impl IntoIterator<Item = String>,
) -> Vec<String> {
    let is_of_others = |word: &str| {
        let key = word.to_ascii_lowercase();
        program.sisters().any(|it| it.keys.contains(&key.as_str()))
    };
    let known = || keys.iter().filter_map(|key| key.env);
    let said = |name: String| {
        let word = name.strip_prefix(PREFIX)?;
        if known().any(|env| env == name) {
            return None;
        }
        if let Some(env) = by_key(word, keys).filter(|_| !is_of_others(word)) {
            return Some(format!("{name}: no such setting; did you mean {env}?"));
        }
        if word == "CONFIG" {
            return Some(format!(
                "{name}: no such setting; --config FILE names the file"
            ));
        }
        let distances = known().map(|env| {
            let distance =
                strsim::damerau_levenshtein(word, env.strip_prefix(PREFIX).unwrap_or(env));
            (distance, env)
        });
        let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
        let is_slip = distance <= 2 && distance * 4 <= word.len();
        let meant = match is_slip {
            true => vec![nearest],
            // Those of other programs may stand in the same environment.
            false if is_of_others(word) => return None,
            false => few_longer(&name, known()),
        };
        let (last, others) = meant.split_last()?;
        let list = match others {
            [] => (*last).to_owned(),
            others => format!("{} or {last}", others.join(", ")),
        };
        Some(format!("{name}: no such setting; did you mean {list}?"))
    };
    let mut all: Vec<String> = set.into_iter().filter_map(said).collect();
    all.sort_unstable();
    all
}

/// The variable of a key, or the whole of one, that is called otherwise: `INFLUXDB_TOKEN` for `NETSOCKET_TOKEN`.
fn by_key(word: &str, keys: &[Key]) -> Option<&'static str> {
    let is_it = |key: &&Key| key.env == Some(word) || key.name.eq_ignore_ascii_case(word);
    keys.iter().find(is_it)?.env
}

/// Those that go on behind a name, if they are few: `NETSOCKET_TOKEN_FILE` for `NETSOCKET_TOKEN`.
fn few_longer<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let longer: Vec<_> = longer(name, known).collect();
    match longer.len() {
        0..=FEW => longer,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::{BALANCER, COLLECTOR};

    #[test]
    fn a_variable_without_the_prefix_is_meant_by_one_that_has_it() {
        const KEYS: [Key; 2] = [
            Key {
                name: "token",
                env: Some("INFLUXDB_TOKEN"),
                flag: None,
            },
            Key {
                name: "org",
                env: Some("NETSOCKET_INFLUX_ORG"),
                flag: None,
            },
        ];
        for (word, meant) in [
            ("TOKEN", "INFLUXDB_TOKEN"),
            ("INFLUXDB_TOKEN", "INFLUXDB_TOKEN"),
            ("INFLUX_TOKEN", "INFLUXDB_TOKEN"),
            ("ORG", "NETSOCKET_INFLUX_ORG"),
        ] {
            let name = format!("{PREFIX}{word}");
            let expected = format!("{name}: no such setting; did you mean {meant}?");
            assert_eq!(misspelt_variables(&KEYS, &COLLECTOR, [name]), [expected]);
        }
        // That of the client and the file server may stand in the same environment.
        let file = format!("{PREFIX}TOKEN_FILE");
        assert_eq!(misspelt_variables(&KEYS, &COLLECTOR, [file]), [""; 0]);
    }

    #[test]
    fn a_slip_comes_before_what_goes_on_and_what_goes_on_is_listed_if_it_is_little() {
        let keys = [
            "BACKENDS",
            "BACKEND_IDLE_TIMEOUT",
            "ACCESS_LOG_TARGET",
            "ACCESS_LOG_SCOPE",
            "TOKEN_FILE_AGE",
            "CHECK_A",
            "CHECK_B",
            "CHECK_C",
            "CHECK_D",
            "CHECK_E",
            "CHECK_F",
        ]
        .map(|name| format!("{PREFIX}{name}").leak() as &'static str)
        .map(|env| Key {
            name: env,
            env: Some(env),
            flag: None,
        });
        let said = |name: &str| misspelt_variables(&keys, &BALANCER, [format!("{PREFIX}{name}")]);
        for (name, meant) in [
            ("BACKEND", "did you mean NETSOCKET_BACKENDS?"),
            (
                "ACCESS_LOG",
                "did you mean NETSOCKET_ACCESS_LOG_TARGET or NETSOCKET_ACCESS_LOG_SCOPE?",
            ),
            ("CONFIG", "--config FILE names the file"),
        ] {
            let expected = format!("{PREFIX}{name}: no such setting; {meant}");
            assert_eq!(said(name), [expected]);
        }
        // The last one is a key of the client.
        for name in ["CHECK", "SERVICE_HOST", "BACKENDS", "TOKEN_FILE"] {
            assert_eq!(said(name), [""; 0]);
        }
    }
}
