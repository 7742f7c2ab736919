//! What a program's help says of its options, for programs whose help has one option a line.

/// Options as they are typed: each with its value where it takes one.
pub type Given<'a> = Vec<(&'a str, Option<&'a str>)>;

/// Cuts words into the options before the first other word, and the rest.
///
/// # Errors
/// Which word the help does not know, or has no value.
pub fn cut<'a>(help: &str, words: &'a [String]) -> Result<(Given<'a>, &'a [String]), String> {
    let mut given = Vec::new();
    let mut words = words;
    while let [word, rest @ ..] = words {
        if !word.starts_with('-') || word == "-" {
            break;
        }
        words = rest;
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        let takes_value = takes_value(help, name).ok_or(format!("there is no option {name}"))?;
        let value = match (value, words) {
            (None, [value, rest @ ..]) if takes_value => {
                words = rest;
                Some(value.as_str())
            }
            (None, []) if takes_value => return Err(format!("{name} needs a value")),
            (Some(_), _) if !takes_value => return Err(format!("{name} takes no value")),
            (value, _) => value,
        };
        given.push((name, value));
    }
    Ok((given, words))
}

/// Whether an option takes a value; none where there is no such option. A line is `-t, --tag list   What it does`.
fn takes_value(help: &str, name: &str) -> Option<bool> {
    help.lines().find_map(|line| {
        let mut rest = line.trim_start();
        let mut is_meant = false;
        while rest.starts_with('-') {
            let end = rest.find([' ', ',', '=']).unwrap_or(rest.len());
            let (option, behind) = rest.split_at(end);
            is_meant |= option == name;
            match behind.strip_prefix(", ") {
                Some(next) => rest = next.trim_start(),
                None => {
                    let value = behind.strip_prefix([' ', '=']);
                    let has_value =
                        value.is_some_and(|value| !value.is_empty() && !value.starts_with(' '));
                    return is_meant.then_some(has_value);
                }
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "\
Usage: docker run [OPTIONS] IMAGE

Options:
      --add-host list      Add a host
  -d, --detach             Run in background
  -t, --tty
      --file=FILE          A file
";

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(ToOwned::to_owned).collect()
    }

    #[test]
    fn options_end_with_the_first_other_word() {
        let words = words("-d --add-host a --file=b --tty image --detach -x");
        let (given, rest) = cut(HELP, &words).unwrap();
        let expected = [
            ("-d", None),
            ("--add-host", Some("a")),
            ("--file", Some("b")),
            ("--tty", None),
        ];
        assert_eq!(given, expected);
        assert_eq!(rest, ["image", "--detach", "-x"]);
    }

    #[test]
    fn wrong_options_are_found() {
        for line in ["--detached", "-x", "--add-host", "--detach=yes", "--add"] {
            assert!(cut(HELP, &words(line)).is_err(), "{line}");
        }
    }
}
