//! Why an option is refused that a command has not, and what may have been meant.
//!
//! Does not own: what is known from other tools ([`crate::command_line::habits`]), nor parsing
//! ([`crate::command_line::options`]).

use netsocket_protocol::name::Name;

use crate::command_line::args::Args;
use crate::command_line::command_options::GENERAL;
use crate::command_line::commands::CommandSpec;
use crate::command_line::habits;
use crate::command_line::options::OptionProblem;
use crate::command_line::quote::pasteable;

/// The refusal of the `words` of a command that was typed as `typed`.
pub(super) fn refusal(
    command: &CommandSpec,
    typed: &str,
    problem: &OptionProblem,
    words: &[Vec<u8>],
) -> String {
    let (option, near) = match problem {
        OptionProblem::Unknown { option, near } => (option.clone(), *near),
        OptionProblem::UnknownLetter { word, at } => (letter_or_word(command, word, *at), None),
        other => return other.to_string(),
    };
    let refusal = of_option(command, typed, &option, near);
    match file_with_dash(&option, words) {
        Some(file) => format!("{refusal} (./{file} if a file is meant)"),
        None => refusal,
    }
}

/// What to name of a word of several letters: the unknown one if the others are options, here or elsewhere. Else it is no
/// bundle, and what is known of one letter does not concern it.
fn letter_or_word(command: &CommandSpec, word: &[u8], at: usize) -> String {
    let whole = || format!("-{}", Name::from(word));
    let letter = format!("-{}", Name::from(&word[at..=at]));
    let is_elsewhere = |letter: &str| habits::for_option(command.name, letter).is_some();
    let is_known = |byte: &u8| {
        let byte = char::from(*byte);
        command.options().any(|spec| spec.short == Some(byte)) || is_elsewhere(&format!("-{byte}"))
    };
    let rest = &word[at + 1..];
    // A value may follow: `-j4`.
    let is_bundle =
        rest.iter().all(is_known) || rest.first().is_some_and(|next| !next.is_ascii_alphabetic());
    let is_one_word = habits::for_option(command.name, &format!("-{}", whole())).is_some();
    match is_bundle && !is_one_word && (at > 0 || is_elsewhere(&letter)) {
        true => letter,
        false => whole(),
    }
}

fn of_option(command: &CommandSpec, typed: &str, option: &str, near: Option<&str>) -> String {
    let is_word_with_one_dash = !option.starts_with("--") && option.len() > "-x".len();
    let instead = match is_word_with_one_dash {
        true => habits::for_option(command.name, &format!("-{option}")),
        false => habits::for_option(command.name, option),
    };
    // A command that lacks one of these has no use for it before its name either.
    let is_general = GENERAL
        .iter()
        .any(|spec| option.strip_prefix("--") == Some(spec.long));
    if instead.is_none() && !is_general && Args::has_flag(option) {
        return format!(
            "{typed} has no option {option}; put it before the command: netsocket {option} … {typed}"
        );
    }
    match (instead, near) {
        // It is there, with two dashes.
        (Some(_), Some(near)) if option.trim_start_matches('-') == near => {
            format!("{typed} has no option {option}; did you mean --{near}?")
        }
        (Some(instead), _) => format!("{typed} has no option {option}: {instead}"),
        (None, Some(near)) => format!("{typed} has no option {option}; did you mean --{near}?"),
        (None, None) if option == "-h" || option == "-?" => {
            format!("{typed} has no option {option}; did you mean --help?")
        }
        (None, None) => format!("{typed} has no option {option}"),
    }
}

/// The word with an unknown option that may be the name of a file: no option has a dot.
fn file_with_dash(option: &str, words: &[Vec<u8>]) -> Option<String> {
    let mut words = words.iter().take_while(|word| *word != b"--");
    let file = words.find(|word| {
        let shown = Name::from(&word[..]).to_string();
        let is_it = match option.strip_prefix("--") {
            Some(_) => shown.starts_with(option),
            None => !shown.starts_with("--") && shown.contains(option.trim_start_matches('-')),
        };
        shown.starts_with('-') && is_it && shown.contains('.') && !shown.contains('=')
    });
    file.map(|file| pasteable(file))
}
