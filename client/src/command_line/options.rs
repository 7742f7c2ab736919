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
    /// The option in its shortest form, without its value.
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

/// Options for which `-` is standard output.
const STDOUT_OPTIONS: [&str; 1] = ["output"];

/// The parsed arguments of a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ParsedOptions {
    options: Vec<Given>,
    /// The operands, in order.
    pub(crate) operands: Vec<Vec<u8>>,
}

/// An option, its value, and whether its long name was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Given {
    spec: &'static OptionSpec,
    is_long: bool,
    value: Option<Vec<u8>>,
}

impl Given {
    /// The option as it was typed, with its dashes.
    fn typed(&self) -> String {
        match self.is_long {
            true => format!("--{}", self.spec.long),
            false => self.spec.shortest(),
        }
    }
}

impl ParsedOptions {
    /// Whether the option was given.
    #[must_use]
    pub(crate) fn has(&self, long: &str) -> bool {
        self.latest(long).is_some()
    }

    fn latest(&self, long: &str) -> Option<&Given> {
        self.options
            .iter()
            .rev()
            .find(|given| given.spec.long == long)
    }

    /// The option as it was typed, for messages.
    #[must_use]
    pub(crate) fn typed(&self, long: &str) -> String {
        self.latest(long)
            .map_or_else(|| format!("--{long}"), Given::typed)
    }

    /// The value of the option.
    #[must_use]
    pub(crate) fn value(&self, long: &str) -> Option<&[u8]> {
        self.latest(long)?.value.as_deref()
    }

    /// Every option, in order, with its value.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static OptionSpec, Option<&[u8]>)> {
        let options = self.options.iter();
        options.map(|given| (given.spec, given.value.as_deref()))
    }

    /// The option with one value that was given twice.
    fn repeated(&self) -> Option<&Given> {
        let is_repeated = |(at, given): &(usize, &Given)| {
            let mut before = self.options[..*at].iter();
            given.value.is_some()
                && !REPEATABLE.contains(&given.spec.long)
                && before.any(|other| other.spec == given.spec)
        };
        let mut numbered = self.options.iter().enumerate();
        numbered.find(is_repeated).map(|(_, given)| given)
    }

    /// The options whose name `is_wanted` accepts, each as `--name` or `--name=value`.
    pub(crate) fn words(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<Vec<u8>> {
        self.options
            .iter()
            .filter(|given| is_wanted(given.spec.long))
            .map(|Given { spec, value, .. }| match value {
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
    /// There is no such letter in a word of several.
    #[error("there is no option -{}", Name::from(&.word[..]))]
    UnknownLetter {
        /// The word, without its dash.
        word: Vec<u8>,
        /// Where the letter is in it.
        at: usize,
    },
    /// The option takes no value.
    #[error("--{0} takes no value")]
    NoValue(&'static str),
    /// The option needs a value.
    #[error("{0} needs a value, {1}")]
    NeedsValue(String, &'static str),
    /// The value looks like another option.
    #[error("{0} needs a value, {1}, before {2}; {3}={2} if {2} is meant")]
    LooksLikeOption(String, &'static str, String, String),
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
                let mut given = Given {
                    spec,
                    is_long: true,
                    value,
                };
                given.complete(&mut words)?;
                parsed.options.push(given);
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
        Some(given) => Err(OptionProblem::Repeated(given.typed())),
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
            .ok_or_else(|| unknown_letter(letters, at))?;
        let mut given = Given {
            spec,
            is_long: false,
            value: None,
        };
        if spec.value.is_none() {
            parsed.options.push(given);
            continue;
        }
        let rest = &letters[at + 1..];
        let rest = rest.strip_prefix(b"=").unwrap_or(rest);
        given.value = (!rest.is_empty()).then(|| rest.to_vec());
        given.complete(words)?;
        parsed.options.push(given);
        break;
    }
    Ok(())
}

fn unknown_letter(letters: &[u8], at: usize) -> OptionProblem {
    match letters {
        [one] => OptionProblem::Unknown {
            option: format!("-{}", Name::from(&[*one][..])),
            near: None,
        },
        several => OptionProblem::UnknownLetter {
            word: several.to_vec(),
            at,
        },
    }
}

fn split_value(long: &[u8]) -> (&[u8], Option<Vec<u8>>) {
    match long.iter().position(|byte| *byte == b'=') {
        Some(at) => (&long[..at], Some(long[at + 1..].to_vec())),
        None => (long, None),
    }
}

impl Given {
    /// Takes the value from the next word if the option needs one that is not in its own.
    fn complete<'a>(
        &mut self,
        words: &mut impl Iterator<Item = &'a Vec<u8>>,
    ) -> Result<(), OptionProblem> {
        let Some(shown) = self.spec.value else {
            return match self.value {
                Some(_) => Err(OptionProblem::NoValue(self.spec.long)),
                None => Ok(()),
            };
        };
        if self.value.is_none() {
            self.value = words.next().cloned();
            self.check_next_word(shown)?;
        }
        // A variable of a shell that is not set must not mean the root.
        match self.value.as_ref().is_none_or(Vec::is_empty) {
            true => Err(OptionProblem::NeedsValue(self.typed(), shown)),
            false => Ok(()),
        }
    }
}

impl Given {
    /// Refuses a value from the next word that is probably an option: `-o -f` would save to a file `-f`.
    fn check_next_word(&self, shown: &'static str) -> Result<(), OptionProblem> {
        match self.value.as_deref() {
            Some(b"-") if STDOUT_OPTIONS.contains(&self.spec.long) => Ok(()),
            Some(value) if value.starts_with(b"-") => {
                let (typed, value) = (self.typed(), Name::from(value).to_string());
                let long = format!("--{}", self.spec.long);
                Err(OptionProblem::LooksLikeOption(typed, shown, value, long))
            }
            _ => Ok(()),
        }
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
mod tests;
