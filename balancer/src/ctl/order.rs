//! Commands with arguments of two kinds: what is missing is named, and what is in the wrong order is answered with the right one.

use super::error::CtlError;
use super::values;

/// The backends, and behind them the weight of each.
pub(super) fn weighed(words: &[String]) -> Result<(&[String], u32), CtlError> {
    let is_weight = |word: &String| values::weight(word).is_ok();
    match words {
        [] => Err(CtlError::Usage(
            "weight: the names of backends and the weight are missing".to_owned(),
        )),
        [only] if is_weight(only) => Err(missing(&format!(
            "weight: before {only} the name of a backend"
        ))),
        [name] => Err(missing(&format!(
            "weight: the weight, 0 to 256, behind {name}"
        ))),
        [first, names @ ..]
            if is_weight(first) && names.last().is_some_and(|it| !is_weight(it)) =>
        {
            let names = names.join(" ");
            Err(CtlError::Usage(format!(
                "weight: the weight stands behind the names; did you mean `ctl weight {names} {first}`?"
            )))
        }
        [names @ .., weight] => Ok((names, values::weight(weight)?)),
    }
}

/// The name of a pool or service, and its table.
pub(super) fn with_table<'a>(
    command: &str,
    name: &'a str,
    table: Option<&'a str>,
) -> Result<(&'a str, &'a str), CtlError> {
    let is_table = |word: &str| word.trim_start().starts_with('{');
    match table {
        None if is_table(name) => Err(missing(&format!("{command}: the name before the table"))),
        None => Err(missing(&format!(
            "{command}: the table, as JSON, behind {name}"
        ))),
        Some(table) if is_table(name) && !is_table(table) => Err(CtlError::Usage(format!(
            "{command}: the table stands behind the name; did you mean `ctl {command} {table} '{name}'`?"
        ))),
        Some(table) => Ok((name, table)),
    }
}

/// A backend that is added stands behind its pool.
pub(super) fn pool_first(place: &[String]) -> Result<(), CtlError> {
    match place {
        [backend, pool] if backend.contains('=') && !pool.contains('=') => {
            Err(CtlError::Usage(format!(
                "add: the pool stands before the backend; did you mean `ctl add {pool} {backend}`?"
            )))
        }
        _ => Ok(()),
    }
}

fn missing(what: &str) -> CtlError {
    CtlError::Usage(format!("{what} is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn said<T: std::fmt::Debug>(judged: Result<T, CtlError>) -> String {
        let error = judged.unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    #[test]
    fn a_weight_stands_behind_the_names() {
        for (line, names, weight) in [("a 5", 1, 5), ("a b 0", 2, 0), ("5 7", 1, 7)] {
            let words = words(line);
            assert_eq!(weighed(&words).unwrap(), (&words[..names], weight));
        }
        let order = "weight: the weight stands behind the names; did you mean";
        for (line, expected) in [
            (
                "",
                "weight: the names of backends and the weight are missing".to_owned(),
            ),
            (
                "a",
                "weight: the weight, 0 to 256, behind a is missing".to_owned(),
            ),
            (
                "5",
                "weight: before 5 the name of a backend is missing".to_owned(),
            ),
            ("5 a", format!("{order} `ctl weight a 5`?")),
            ("5 a b", format!("{order} `ctl weight a b 5`?")),
            ("a 257", "weight must be 0 to 256, got 257".to_owned()),
            ("a b", "weight must be 0 to 256, got b".to_owned()),
        ] {
            assert_eq!(said(weighed(&words(line))), expected);
        }
    }

    #[test]
    fn a_table_stands_behind_the_name_and_a_backend_behind_its_pool() {
        let table = "{\"backends\": []}";
        assert_eq!(
            with_table("set-pool", "p", Some(table)).unwrap(),
            ("p", table)
        );
        assert_eq!(
            said(with_table("set-pool", table, Some("p"))),
            format!(
                "set-pool: the table stands behind the name; did you mean `ctl set-pool p '{table}'`?"
            )
        );
        assert_eq!(
            said(with_table("set-service", table, None)),
            "set-service: the name before the table is missing"
        );
        assert_eq!(
            said(with_table("set-service", "s", None)),
            "set-service: the table, as JSON, behind s is missing"
        );
        assert!(pool_first(&words("p a=h:1")).is_ok() && pool_first(&words("a=h:1")).is_ok());
        assert_eq!(
            said(pool_first(&words("a=h:1 p"))),
            "add: the pool stands before the backend; did you mean `ctl add p a=h:1`?"
        );
    }
}
