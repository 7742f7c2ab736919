//! What a command was most likely meant to be that is called otherwise here: by HAProxy, or one level up.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Words, and our commands for them.
const COMMANDS: [(&str, &[&str]); 9] = [
    ("undrain", &["ready"]),
    ("enable", &["ready"]),
    ("disable", &["maintenance", "drain"]),
    ("show", &["status", "backends", "sessions"]),
    ("list", &["backends", "sessions"]),
    ("info", &["status"]),
    ("shutdown", &["kill"]),
    ("delete", &["remove"]),
    ("set", &["weight", "set-pool", "set-service"]),
];

/// Gives an error about an unknown command a better tip than a word that looks like it. `program` knows all commands.
///
/// # Examples
///
/// ```
/// use clap::{CommandFactory as _, Parser as _};
/// use netsocket_balancer::{Flags, with_tip};
///
/// let said = |line: &str| {
///     let error = Flags::try_parse_from(line.split(' ')).unwrap_err();
///     with_tip(error, &Flags::command()).to_string()
/// };
/// assert!(said("netsocket-balancer ctl undrain a").contains("'ready'"));
/// assert!(said("netsocket-balancer status").contains("'ctl status'"));
/// ```
#[must_use]
pub fn with_tip(mut error: clap::Error, program: &clap::Command) -> clap::Error {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let ctl = program.find_subcommand("ctl");
    let of_ctl = ctl.and_then(|ctl| ctl.find_subcommand(word));
    let meant: Vec<String> = match (of_ctl, COMMANDS.iter().find(|(other, _)| other == word)) {
        // It is no word of the level where it was written, or it would not be an error.
        (Some(_), _) => vec![format!("ctl {word}")],
        (None, Some((_, commands))) => commands.iter().map(|it| (*it).to_owned()).collect(),
        (None, None) => return error,
    };
    error.insert(
        ContextKind::SuggestedSubcommand,
        ContextValue::Strings(meant),
    );
    error
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::command_line::Flags;

    #[test]
    fn commands_of_others_lead_to_ours() {
        let program = Flags::command();
        let ctl = program.find_subcommand("ctl").unwrap();
        for (word, commands) in COMMANDS {
            assert!(ctl.find_subcommand(word).is_none(), "{word}");
            let line = ["netsocket-balancer", "ctl", word, "x"];
            let error = Flags::try_parse_from(line).unwrap_err();
            let said = with_tip(error, &program).to_string();
            for command in commands {
                assert!(ctl.find_subcommand(command).is_some(), "{command}");
                assert!(said.contains(&format!("'{command}'")), "{said}");
            }
        }
    }

    #[test]
    fn other_words_keep_their_tips() {
        let line = ["netsocket-balancer", "ctl", "statsu"];
        let error = Flags::try_parse_from(line).unwrap_err();
        let said = with_tip(error, &Flags::command()).to_string();
        assert!(
            said.contains("'status'") && !said.contains("'ctl status'"),
            "{said}"
        );
    }
}
