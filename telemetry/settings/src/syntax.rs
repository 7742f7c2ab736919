//! What is said of a file that is not valid TOML.

use std::ops::Range;

use toml::de::{DeTable, DeValue, Error};

use crate::places::position;
use crate::problem::{Problem, Problems};
use crate::unclosed::{Outline, Unclosed, outline};

/// Stands for a key that is there twice.
const STAND_IN: &str = "netsocket-stand-in";

/// What is wrong where a file is not valid TOML: with line and column, and the line below. Mistakes that follow from an
/// earlier one are left out.
pub(crate) fn syntax(file: &str, text: &str, errors: &[Error]) -> Problems {
    let Outline { unclosed, values } = outline(text);
    let begin = |error: &Error| error.span().map_or(0, |span| span.start);
    let follows = |it: &Unclosed, error: &Error| {
        it.range.start <= begin(error) && begin(error) <= it.range.end
    };
    let own = errors
        .iter()
        .filter(|error| !unclosed.iter().any(|it| follows(it, error)));
    let own = own.map(|error| (begin(error), said(text, error)));
    let caused = unclosed
        .iter()
        .filter(|it| errors.iter().any(|error| follows(it, error)));
    let caused = caused.map(|it| {
        let Unclosed {
            what,
            closer,
            range,
        } = it;
        (
            range.start,
            format!("the {what} that begins here is not closed: {closer} is missing"),
        )
    });
    let mut all: Vec<(usize, String)> = own.chain(caused).collect();
    all.sort_by_key(|(start, _)| *start);
    all.dedup_by(|(later, _), (earlier, _)| is_one(text, &values, *earlier, *later));
    let problem = |(start, said): (usize, String)| {
        let (line, column) = position(text, start);
        Problem {
            origin: format!("{file}:{line}:{column}"),
            key: String::new(),
            given: String::new(),
            allowed: format!("{said}\n{}", excerpt(text, line, column)),
        }
    };
    Problems(all.into_iter().map(problem).collect())
}

/// Whether two mistakes are in the same line, or in the same value.
fn is_one(text: &str, values: &[Range<usize>], earlier: usize, later: usize) -> bool {
    let is_one_value = values
        .iter()
        .any(|value| value.contains(&earlier) && value.contains(&later));
    is_one_value || position(text, earlier).0 == position(text, later).0
}

fn said(text: &str, error: &Error) -> String {
    if let Some(twice) = duplicate(text, error) {
        return twice;
    }
    let said = error
        .message()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    // An address without quotes begins as a number does.
    let is_bare = [
        "string values must be quoted",
        "invalid float",
        "invalid boolean",
    ];
    let start = error.span().map_or(0, |span| span.start);
    let rest = text.get(start..).unwrap_or_default();
    let rest = rest.lines().next().unwrap_or_default().trim();
    if is_bare.iter().any(|begin| said.starts_with(begin)) {
        return bare(text, start, rest);
    }
    if said.starts_with("invalid unquoted key") && rest.starts_with(':') {
        return "= stands between a key and its value, not :".to_owned();
    }
    if said.starts_with("invalid key-value pair") && rest.starts_with('{') {
        return "looks like JSON; a line is KEY = VALUE, as TOML has it".to_owned();
    }
    said
}

/// What is said of a value that has no quotes and is no other either, and of which `rest` is left in its line.
fn bare(text: &str, start: usize, rest: &str) -> String {
    let line = text.get(..start).unwrap_or_default().lines().next_back();
    let before = line.unwrap_or_default().trim_end();
    let word: String = rest
        .chars()
        .take_while(|it| it.is_ascii_alphanumeric())
        .collect();
    let is_alone = rest[word.len()..].trim_start().is_empty()
        || rest[word.len()..].trim_start().starts_with('#');
    let meant = match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some("true"),
        "false" | "no" | "off" => Some("false"),
        _ => None,
    };
    let said = "neither a number nor true or false; a text is written in quotes";
    match (rest.chars().next(), meant) {
        (None | Some('#'), _) if before.ends_with('=') => "the value is missing".to_owned(),
        (Some('“' | '”' | '„' | '‘' | '’'), _) => {
            "the quotes of a text are straight: \" or '".to_owned()
        }
        (_, Some(meant)) if is_alone => format!("{said}; did you mean {meant}?"),
        (_, None)
            if is_alone
                && ["null", "none", "nil"].contains(&word.to_ascii_lowercase().as_str()) =>
        {
            format!("{said}; a key that is not set is left out")
        }
        _ => said.to_owned(),
    }
}

/// Of a key that is there twice: its name with what it is in, and where the first is. The reader tells the place of the second
/// alone: with another name there, what is left beside it is the first.
fn duplicate(text: &str, error: &Error) -> Option<String> {
    let span = error
        .span()
        .filter(|_| error.message() == "duplicate key")?;
    let name = text.get(span.clone())?.trim_matches(['"', '\'']);
    let renamed = format!("{}{STAND_IN}{}", &text[..span.start], &text[span.end..]);
    let (table, _) = DeTable::parse_recoverable(&renamed);
    let Some((path, first)) = beside(table.get_ref(), "", name) else {
        return Some(format!("{name}: duplicate key"));
    };
    let line = position(text, first).0;
    Some(format!(
        "{path}: duplicate key; the first is in line {line}"
    ))
}

/// The path and the place of the key of this name in the table that has the stand-in.
fn beside(table: &DeTable<'_>, path: &str, name: &str) -> Option<(String, usize)> {
    let dot = if path.is_empty() { "" } else { "." };
    if table.contains_key(STAND_IN) {
        let (key, _) = table.get_key_value(name)?;
        return Some((format!("{path}{dot}{name}"), key.span().start));
    }
    table.iter().find_map(|(key, value)| {
        let path = format!("{path}{dot}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(table) => beside(table, &path, name),
            DeValue::Array(elements) => {
                let tables = elements.iter().enumerate();
                let mut tables =
                    tables.filter_map(|(index, it)| Some((index, it.get_ref().as_table()?)));
                tables.find_map(|(index, it)| beside(it, &format!("{path}[{index}]"), name))
            }
            _ => None,
        }
    })
}

/// The line, with a mark below.
fn excerpt(text: &str, line: usize, column: usize) -> String {
    let shown = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    // As wide as what stands before the mark, tabs included.
    let before = shown.chars().take(column.saturating_sub(1));
    let before: String = before
        .map(|it| if it == '\t' { '\t' } else { ' ' })
        .collect();
    format!("{number} | {shown}\n{margin} | {before}^")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toml_file::parse;

    #[test]
    fn what_is_there_twice_is_named_with_the_place_of_the_first() {
        for (text, expected) in [
            ("listen = 'a'\n[x]\nlisten = 'b'\n[y]\n", &[][..]),
            (
                "listen = 'a'\nt = { listen = 'b' }\n\nlisten = 'c'\n",
                &["x:4:1: listen: duplicate key; the first is in line 1"],
            ),
            (
                "[check]\nrise = 1\n\"rise\" = 2\n[check]\nfall = 3\n",
                &[
                    "x:3:1: check.rise: duplicate key; the first is in line 2",
                    "x:4:2: check: duplicate key; the first is in line 1",
                ],
            ),
            (
                "[[backends]]\nname = 'a'\n[[backends]]\nname = 'b'\nname = 'c'\n",
                &["x:5:1: backends[1].name: duplicate key; the first is in line 4"],
            ),
            (
                "a = { b = 1, b = 2 }\nc.d = 1\nc.d = 2\n",
                &[
                    "x:1:14: a.b: duplicate key; the first is in line 1",
                    "x:3:3: c.d: duplicate key; the first is in line 2",
                ],
            ),
        ] {
            let errors = parse(text).err().unwrap_or_default();
            let problems = syntax("x", text, &errors).0.into_iter();
            let first = problems.map(|it| it.to_string().lines().next().unwrap().to_owned());
            assert_eq!(first.collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn what_other_formats_have_is_told_how_it_is_written_here() {
        let said = "x:1:5: neither a number nor true or false; a text is written in quotes";
        for (text, expected) in [
            ("a = True\n", format!("{said}; did you mean true?")),
            ("a = off # why\n", format!("{said}; did you mean false?")),
            (
                "a = none\n",
                format!("{said}; a key that is not set is left out"),
            ),
            (
                "a = “b”\n",
                "x:1:5: the quotes of a text are straight: \" or '".to_owned(),
            ),
            ("a =\n", "x:1:4: the value is missing".to_owned()),
            (
                "a: 5\n",
                "x:1:2: = stands between a key and its value, not :".to_owned(),
            ),
            (
                "{\"a\": 5}\n",
                "x:1:1: looks like JSON; a line is KEY = VALUE, as TOML has it".to_owned(),
            ),
        ] {
            assert_eq!(lines(text), [expected], "{text}");
        }
    }

    /// What is said of a text, without the lines that it shows.
    fn lines(text: &str) -> Vec<String> {
        let errors = parse(text).unwrap_err();
        let problems = syntax("x", text, &errors).0.into_iter();
        let first = problems.map(|it| it.to_string().lines().next().unwrap().to_owned());
        first.collect()
    }

    #[test]
    fn one_thing_that_is_not_closed_is_one_problem_where_it_begins() {
        let text = "\nbackends = [\"a=127.0.0.1:1\"\nadmin = \"127.0.0.1:8404\"\n[check]\ninterval = \"1s\"\n";
        let said = syntax("x", text, &parse(text).unwrap_err()).to_string();
        assert_eq!(
            said,
            "x:2:12: the array that begins here is not closed: ] is missing\n\
             2 | backends = [\"a=127.0.0.1:1\"\n  \
             |            ^"
        );
        for (text, expected) in [
            (
                "t = { a = 1\nb = 2\nc = [1]\n",
                "x:1:5: the inline table that begins here is not closed: } is missing",
            ),
            (
                "s = \"\"\"abc\nd = 1\n[e]\n",
                "x:1:5: the string that begins here is not closed: \"\"\" is missing",
            ),
            (
                "backends = [\"a=h:1, \"b=h:2\"]\nc = 1\nd = 2\n",
                "x:1:22: missing comma between array elements, expected `,`",
            ),
            (
                "s = [1}\nd = 1\n",
                "x:1:5: the array that begins here is not closed: ] is missing",
            ),
            (
                "t = [\nname = 'a',\naddress = 'b'\n]\nc = 2\n",
                "x:2:1: neither a number nor true or false; a text is written in quotes",
            ),
            (
                "listen \"x\"\nadmin = 1\n",
                "x:1:8: key with no value, expected `=`",
            ),
            (
                "[check\ninterval = 1\n",
                "x:1:7: unclosed table, expected `]`",
            ),
        ] {
            assert_eq!(lines(text), [expected], "{text}");
        }
    }

    #[test]
    fn mistakes_that_have_nothing_to_do_with_each_other_are_all_told() {
        assert_eq!(
            lines("b = 'x\nc = 127.0.0.1:1\nd = [1 2]\ne = ['y'\nf = 1\ng =\n"),
            [
                "x:1:5: the string that begins here is not closed: ' is missing",
                "x:2:10: neither a number nor true or false; a text is written in quotes",
                "x:3:6: neither a number nor true or false; a text is written in quotes",
                "x:4:5: the array that begins here is not closed: ] is missing",
            ]
        );
    }
}
