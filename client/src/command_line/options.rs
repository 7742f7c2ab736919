//! Parses arguments into options, values and operands.
//!
//! `--name value`, `--name=value`, `-n value`, `-nvalue`, and combined short options (`-ltr`). Everything after `--` is an
//! operand, and so is `-`. Does not own: which options a command has ([`crate::command_line::commands`]) or what they do.

use netsocket_protocol::name::Name;

use crate::command_line::suggestions;

/// One option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OptionSpec {
    /// The long name, without `--`.
    pub(crate) long: &'static str,
    /// The short name, without `-`.
    pub(crate) short: Option<char>,
    /// The placeholder of its value in help; `None` for a flag.
    pub(crate) value: Option<&'static str>,
    /// One line of help.
    pub(crate) about: &'static str,
}

impl OptionSpec {
    /// The option as help shows it: `-o, --output FILE`.
    #[must_use]
    pub(crate) fn typed(&self) -> String {
        let short = self
            .short
            .map_or_else(String::new, |short| format!("-{short}, "));
        let value = self
            .value
            .map_or_else(String::new, |value| format!(" {value}"));
        format!("{short}--{}{value}", self.long)
    }
}

/// The parsed arguments of a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ParsedOptions {
    options: Vec<(&'static OptionSpec, Option<Vec<u8>>)>,
    /// The operands, in order.
    pub(crate) operands: Vec<Vec<u8>>,
}

impl ParsedOptions {
    /// Whether the option was given.
    #[must_use]
    pub(crate) fn has(&self, long: &str) -> bool {
        self.options.iter().any(|(spec, _)| spec.long == long)
    }

    /// The value of the option; the last one if it was given several times.
    #[must_use]
    pub(crate) fn value(&self, long: &str) -> Option<&[u8]> {
        let given = self
            .options
            .iter()
            .rev()
            .find(|(spec, _)| spec.long == long);
        given.and_then(|(_, value)| value.as_deref())
    }

    /// The options whose name `is_wanted` accepts, each as `--name` or `--name=value`.
    pub(crate) fn words(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<Vec<u8>> {
        self.options
            .iter()
            .filter(|(spec, _)| is_wanted(spec.long))
            .map(|(spec, value)| match value {
                Some(value) => [b"--", spec.long.as_bytes(), b"=", value].concat(),
                None => format!("--{}", spec.long).into_bytes(),
            })
            .collect()
    }
}

/// Parses the arguments of a command.
///
/// # Errors
/// A message about the first invalid argument.
pub(crate) fn parse(
    command: &str,
    specs: &[&'static OptionSpec],
    words: &[Vec<u8>],
) -> Result<ParsedOptions, String> {
    let mut parsed = ParsedOptions::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match &word[..] {
            b"--" => {
                parsed.operands.extend(words.cloned());
                break;
            }
            [b'-', b'-', long @ ..] => {
                let (name, value) = split_value(long);
                let spec = specs
                    .iter()
                    .find(|spec| spec.long.as_bytes() == name)
                    .ok_or_else(|| unknown(command, specs, name))?;
                let value = value_of(spec, value, &mut words)?;
                parsed.options.push((spec, value));
            }
            [b'-', letters @ ..] if !letters.is_empty() => {
                short(command, specs, letters, &mut words, &mut parsed)?;
            }
            operand => parsed.operands.push(operand.to_vec()),
        }
    }
    Ok(parsed)
}

/// Parses combined short options. The last one may take its value from the rest of the word or from the next word.
fn short<'a>(
    command: &str,
    specs: &[&'static OptionSpec],
    letters: &[u8],
    words: &mut impl Iterator<Item = &'a Vec<u8>>,
    parsed: &mut ParsedOptions,
) -> Result<(), String> {
    for (at, letter) in letters.iter().enumerate() {
        let spec = specs
            .iter()
            .find(|spec| spec.short == Some(char::from(*letter)))
            .ok_or_else(|| {
                let letter = Name::from(&[*letter][..]);
                format!("{command} has no option -{letter}")
            })?;
        if spec.value.is_none() {
            parsed.options.push((spec, None));
            continue;
        }
        let rest = &letters[at + 1..];
        let rest = rest.strip_prefix(b"=").unwrap_or(rest);
        let value = (!rest.is_empty()).then(|| rest.to_vec());
        let value = value_of(spec, value, words)?;
        parsed.options.push((spec, value));
        break;
    }
    Ok(())
}

fn split_value(long: &[u8]) -> (&[u8], Option<Vec<u8>>) {
    match long.iter().position(|byte| *byte == b'=') {
        Some(at) => (&long[..at], Some(long[at + 1..].to_vec())),
        None => (long, None),
    }
}

fn value_of<'a>(
    spec: &OptionSpec,
    value: Option<Vec<u8>>,
    words: &mut impl Iterator<Item = &'a Vec<u8>>,
) -> Result<Option<Vec<u8>>, String> {
    match (spec.value, value) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(format!("--{} takes no value", spec.long)),
        (Some(_), Some(value)) => Ok(Some(value)),
        (Some(shown), None) => match words.next() {
            Some(value) => Ok(Some(value.clone())),
            None => Err(format!("--{} needs a value, {shown}", spec.long)),
        },
    }
}

fn unknown(command: &str, specs: &[&'static OptionSpec], name: &[u8]) -> String {
    let shown = Name::from(name);
    let known = specs.iter().map(|spec| spec.long);
    match suggestions::nearest(&shown.to_string(), known) {
        Some(near) => format!("{command} has no option --{shown}; did you mean --{near}?"),
        None => format!("{command} has no option --{shown}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONG: OptionSpec = OptionSpec {
        long: "long",
        short: Some('l'),
        value: None,
        about: "",
    };
    const OUTPUT: OptionSpec = OptionSpec {
        long: "output",
        short: Some('o'),
        value: Some("FILE"),
        about: "",
    };
    const EXT: OptionSpec = OptionSpec {
        long: "ext",
        short: None,
        value: Some("EXT"),
        about: "",
    };
    const SPECS: [&OptionSpec; 3] = [&LONG, &OUTPUT, &EXT];

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect()
    }

    fn parse(line: &str) -> Result<ParsedOptions, String> {
        super::parse("x", &SPECS, &words(line))
    }

    #[test]
    fn options_values_and_operands_are_told_apart() {
        for line in [
            "-l a --output f b --ext e",
            "-lof a b --ext=e",
            "-lo f --ext e -- a b",
            "a --long b -o=f -of --ext e",
        ] {
            let parsed = parse(line).unwrap();
            assert!(parsed.has("long"), "{line}");
            assert_eq!(parsed.value("output"), Some(&b"f"[..]), "{line}");
            assert_eq!(parsed.operands, words("a b"), "{line}");
            assert_eq!(
                parsed.words(|name| name == "ext"),
                words("--ext=e"),
                "{line}"
            );
        }
        assert_eq!(parse("-").unwrap().operands, words("-"));
        assert_eq!(parse("-- -l --ext").unwrap().operands, words("-l --ext"));
        assert_eq!(parse("--ext=").unwrap().value("ext"), Some(&b""[..]));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, said) in [
            ("--lnog", "x has no option --lnog; did you mean --long?"),
            ("--colour", "x has no option --colour"),
            ("-lz", "x has no option -z"),
            ("--long=1", "--long takes no value"),
            ("--output", "--output needs a value, FILE"),
            ("-o", "--output needs a value, FILE"),
        ] {
            assert_eq!(parse(line).unwrap_err(), said, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_words_panic(words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..8), 0..6)) {
            let _ = super::parse("x", &SPECS, &words);
        }
    }
}
