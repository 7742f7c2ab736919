//! Parses arguments into options, values and operands.
//!
//! `--name value`, `--name=value`, `-n value`, `-nvalue`, and combined short options (`-ltr`). Everything after `--` is an
//! operand, and so is `-`. Does not own: which options a command has ([`crate::command_line::commands`]) or what they do.

use netsocket_protocol::name::Name;
use netsocket_settings::nearest;

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
    /// The option as it is typed, without its value.
    #[must_use]
    pub(crate) fn shortest(&self) -> String {
        match self.short {
            Some(short) => format!("-{short}"),
            None => format!("--{}", self.long),
        }
    }

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

/// Options with a list, to which each value adds.
const REPEATABLE: [&str; 1] = ["ext"];

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

    /// The value of the option.
    #[must_use]
    pub(crate) fn value(&self, long: &str) -> Option<&[u8]> {
        let given = self
            .options
            .iter()
            .rev()
            .find(|(spec, _)| spec.long == long);
        given.and_then(|(_, value)| value.as_deref())
    }

    /// Every option, in order, with its value.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static OptionSpec, Option<&[u8]>)> {
        let options = self.options.iter();
        options.map(|(spec, value)| (*spec, value.as_deref()))
    }

    /// The option with one value that was given twice.
    fn repeated(&self) -> Option<&'static OptionSpec> {
        let with_value = || self.given().filter(|(_, value)| value.is_some());
        with_value()
            .enumerate()
            .find(|(at, (spec, _))| {
                let mut before = with_value().take(*at);
                !REPEATABLE.contains(&spec.long) && before.any(|(other, _)| other == *spec)
            })
            .map(|(_, (spec, _))| spec)
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

/// Why arguments are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OptionProblem {
    /// There is no such option.
    #[error("there is no option {option}")]
    Unknown {
        /// As typed, with its dashes.
        option: String,
        /// The long option that may have been meant.
        near: Option<&'static str>,
    },
    /// The option takes no value.
    #[error("--{0} takes no value")]
    NoValue(&'static str),
    /// The option needs a value.
    #[error("--{0} needs a value, {1}")]
    NeedsValue(&'static str, &'static str),
    /// The option has one value, and was given twice.
    #[error("{0} given more than once")]
    Repeated(String),
}

/// Parses the arguments of a command.
///
/// # Errors
/// The problem with the first invalid argument.
pub(crate) fn parse(
    specs: &[&'static OptionSpec],
    words: &[Vec<u8>],
) -> Result<ParsedOptions, OptionProblem> {
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
                    .ok_or_else(|| unknown(specs, name))?;
                let value = value_of(spec, value, &mut words)?;
                parsed.options.push((spec, value));
            }
            [b'-', letters @ ..] if !letters.is_empty() => {
                if let Some(problem) = long_with_one_dash(specs, letters) {
                    return Err(problem);
                }
                short(specs, letters, &mut words, &mut parsed)?;
            }
            operand => parsed.operands.push(operand.to_vec()),
        }
    }
    match parsed.repeated() {
        Some(spec) => Err(OptionProblem::Repeated(spec.shortest())),
        None => Ok(parsed),
    }
}

/// The shortest word that is taken for a mistyped long option rather than for short ones.
const LONG_ENOUGH: usize = 4;

/// Whether `-larger` was typed for `--larger`. Refused even where its letters could be options: in `-force`, `-o` would
/// save to a file `rce`.
fn long_with_one_dash(specs: &[&'static OptionSpec], letters: &[u8]) -> Option<OptionProblem> {
    let (word, _) = split_value(letters);
    let of = |letter: &u8| {
        let letter = char::from(*letter);
        specs.iter().find(|spec| spec.short == Some(letter))
    };
    // The first letter that is no flag: it has a value, or is unknown.
    let other = word
        .iter()
        .map(of)
        .find(|spec| spec.is_none_or(|spec| spec.value.is_some()))?;
    let exact = specs.iter().find(|spec| spec.long.as_bytes() == word);
    let near = match exact {
        Some(spec) => (word.len() > 1).then_some(spec.long),
        // What follows is its value.
        None if other.is_some() || word.len() < LONG_ENOUGH => None,
        None => {
            let longs = specs.iter().map(|spec| spec.long);
            nearest(&Name::from(word).to_string(), longs)
        }
    };
    near.map(|near| OptionProblem::Unknown {
        option: format!("-{}", Name::from(word)),
        near: Some(near),
    })
}

/// Parses combined short options. The last one may take its value from the rest of the word or from the next word.
fn short<'a>(
    specs: &[&'static OptionSpec],
    letters: &[u8],
    words: &mut impl Iterator<Item = &'a Vec<u8>>,
    parsed: &mut ParsedOptions,
) -> Result<(), OptionProblem> {
    for (at, letter) in letters.iter().enumerate() {
        let spec = specs
            .iter()
            .find(|spec| spec.short == Some(char::from(*letter)))
            .ok_or_else(|| OptionProblem::Unknown {
                option: format!("-{}", Name::from(&[*letter][..])),
                near: None,
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
) -> Result<Option<Vec<u8>>, OptionProblem> {
    match (spec.value, value) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(OptionProblem::NoValue(spec.long)),
        (Some(_), Some(value)) => Ok(Some(value)),
        (Some(shown), None) => match words.next() {
            Some(value) => Ok(Some(value.clone())),
            None => Err(OptionProblem::NeedsValue(spec.long, shown)),
        },
    }
}

fn unknown(specs: &[&'static OptionSpec], name: &[u8]) -> OptionProblem {
    let shown = Name::from(name).to_string();
    let near = nearest(&shown, specs.iter().map(|spec| spec.long));
    OptionProblem::Unknown {
        option: format!("--{shown}"),
        near,
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

    const FORCE: OptionSpec = OptionSpec {
        long: "force",
        short: Some('f'),
        value: None,
        about: "",
    };

    fn parse(line: &str) -> Result<ParsedOptions, OptionProblem> {
        super::parse(&SPECS, &words(line))
    }

    #[test]
    fn options_values_and_operands_are_told_apart() {
        for line in [
            "-l a --output f b --ext e",
            "-lof a b --ext=e",
            "-lo f --ext e -- a b",
            "a --long b -o=f --ext e",
            "-l a b -of --ext e",
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
        let unknown = |option: &str, near| OptionProblem::Unknown {
            option: option.to_owned(),
            near,
        };
        for (line, said) in [
            ("--lnog", unknown("--lnog", Some("long"))),
            ("--colour", unknown("--colour", None)),
            ("-lz", unknown("-z", None)),
            ("--long=1", OptionProblem::NoValue("long")),
            ("--output", OptionProblem::NeedsValue("output", "FILE")),
            ("-o", OptionProblem::NeedsValue("output", "FILE")),
        ] {
            assert_eq!(parse(line).unwrap_err(), said, "{line}");
        }
    }

    #[test]
    fn a_long_option_with_one_dash_is_no_file_name() {
        const WITH_FORCE: [&OptionSpec; 4] = [&LONG, &OUTPUT, &EXT, &FORCE];
        for (line, option, near) in [
            ("-ext pdf", "-ext", Some("ext")),
            ("-ext=pdf", "-ext", Some("ext")),
            ("-force", "-force", Some("force")),
            ("-output f", "-output", Some("output")),
            ("-utput f", "-utput", Some("output")),
            ("-lnog", "-lnog", Some("long")),
            ("-long", "-long", Some("long")),
            ("-exx", "-e", None),
        ] {
            let refused = super::parse(&WITH_FORCE, &words(line)).unwrap_err();
            let expected = OptionProblem::Unknown {
                option: option.to_owned(),
                near,
            };
            assert_eq!(refused, expected, "{line}");
        }
        for (line, value) in [("-oforce", "force"), ("-lfoutput", "utput"), ("-ou", "u")] {
            let parsed = super::parse(&WITH_FORCE, &words(line)).unwrap();
            assert_eq!(parsed.value("output"), Some(value.as_bytes()), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_words_panic(words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..8), 0..6)) {
            let _ = super::parse(&SPECS, &words);
        }
    }
}
