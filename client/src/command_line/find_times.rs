//! Ages as find(1) counts them: `-mtime` in whole days, rounded down, `-mmin` in minutes, rounded up.
//!
//! Does not own: the other primaries of find(1) ([`crate::command_line::posix_find`]), nor ages as they are typed here
//! ([`crate::command_line::age`]).

use netsocket_protocol::name::Name;

use crate::command_line::age::Age;

/// Our options for `-mtime`, `-mmin`, `-Btime` and `-Bmin` with that value; `None` for other primaries.
///
/// # Errors
/// The value is none, or no file is of that age.
pub(crate) fn options(primary: &[u8], value: &[u8]) -> Option<Result<Vec<Vec<u8>>, String>> {
    let (what, unit) = match primary {
        b"-mtime" => ("modified", Unit::Days),
        b"-mmin" => ("modified", Unit::Minutes),
        b"-Btime" => ("born", Unit::Days),
        b"-Bmin" => ("born", Unit::Minutes),
        _ => return None,
    };
    let between = between(unit, value).map_err(|problem| {
        let (primary, value) = (Name::from(primary), Name::from(value));
        format!("'{value}' is not a value of {primary}: {problem}")
    });
    Some(between.map(|(after, before)| {
        let option = |side: &str, age: String| format!("--{what}-{side}={age}").into_bytes();
        let after = after.map(|age| option("after", age));
        let before = before.map(|age| option("before", age));
        after.into_iter().chain(before).collect()
    }))
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    Days,
    Minutes,
}

/// The ages after and before which a file is from.
type Between = (Option<String>, Option<String>);

fn between(unit: Unit, value: &[u8]) -> Result<Between, String> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let (sign, digits) = match text.as_bytes().first() {
        Some(sign @ (b'+' | b'-')) => (Some(*sign), &text[1..]),
        _ => (None, text),
    };
    let (name, word) = match unit {
        Unit::Days => ("days", "d"),
        Unit::Minutes => ("minutes", "min"),
    };
    // As find(1) of BSD and macOS has it: exactly that age, with its unit.
    if let (Some(sign), Some(_)) = (sign, Age::parse(digits.as_bytes())?) {
        let age = Some(digits.to_owned());
        return Ok(match sign {
            b'-' => (age, None),
            _ => (None, age),
        });
    }
    let count: u64 = match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse().ok(),
        false => None,
    }
    .ok_or_else(|| format!("use -N, +N or N {name}, such as -7"))?;
    let age = |count: u64| {
        let age = format!("{count}{word}");
        // It must not be too old.
        Age::parse(age.as_bytes()).map(|_| Some(age))
    };
    let none = || Err(format!("no file is younger than 0 {name}"));
    let more = count.saturating_add(1);
    Ok(match (sign, unit, count) {
        (Some(b'-'), _, 0) | (None, Unit::Minutes, 0) => return none(),
        (Some(b'-'), ..) => (age(count)?, None),
        (Some(_), Unit::Days, _) => (None, age(more)?),
        (Some(_), Unit::Minutes, _) => (None, age(count)?),
        (None, Unit::Days, 0) => (age(1)?, None),
        (None, Unit::Days, _) => (age(more)?, age(count)?),
        (None, Unit::Minutes, _) => (age(count)?, age(count - 1)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(primary: &str, value: &str) -> Result<String, String> {
        let options = options(primary.as_bytes(), value.as_bytes()).unwrap();
        options.map(|options| String::from_utf8(options.join(&b' ')).unwrap())
    }

    #[test]
    fn ages_are_counted_as_find_does() {
        for (primary, value, ours) in [
            ("-mtime", "-7", "--modified-after=7d"),
            ("-mtime", "+30", "--modified-before=31d"),
            ("-mtime", "0", "--modified-after=1d"),
            ("-mtime", "2", "--modified-after=3d --modified-before=2d"),
            ("-mmin", "-60", "--modified-after=60min"),
            ("-mmin", "+60", "--modified-before=60min"),
            ("-mmin", "5", "--modified-after=5min --modified-before=4min"),
            ("-mtime", "-2w", "--modified-after=2w"),
            ("-mtime", "+1h30m", "--modified-before=1h30m"),
            ("-Btime", "-1", "--born-after=1d"),
            ("-Bmin", "+1", "--born-before=1min"),
        ] {
            assert_eq!(
                said(primary, value).as_deref(),
                Ok(ours),
                "{primary} {value}"
            );
        }
        assert_eq!(options(b"-atime", b"1"), None);
    }

    #[test]
    fn what_is_no_age_says_what_is() {
        for (primary, value, problem) in [
            (
                "-mtime",
                "x",
                "'x' is not a value of -mtime: use -N, +N or N days, such as -7",
            ),
            ("-mmin", "", "use -N, +N or N minutes"),
            ("-mtime", "--7", "use -N, +N or N days"),
            ("-mtime", "-0", "no file is younger than 0 days"),
            ("-mmin", "0", "no file is younger than 0 minutes"),
            ("-mtime", "-3M", "months and years differ in length"),
            (
                "-mtime",
                "-18446744073709551615",
                "more than a thousand years",
            ),
        ] {
            let error = said(primary, value).unwrap_err();
            assert!(error.contains(problem), "{primary} {value}: {error}");
        }
    }
}
