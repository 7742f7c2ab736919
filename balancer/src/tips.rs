//! What a command or flag was most likely meant to be that is called otherwise here: by HAProxy or nginx, or one level up.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use netsocket_settings::{BALANCER, with_key_tip, with_only_tip};

/// Words, and our commands for them.
const COMMANDS: [(&str, &[&str]); 21] = [
    ("undrain", &["ready"]),
    ("enable", &["ready"]),
    ("up", &["ready"]),
    ("disable", &["maintenance", "drain"]),
    ("down", &["maintenance", "drain"]),
    ("maint", &["maintenance"]),
    ("stop", &["drain", "maintenance"]),
    ("show", &["status", "backends", "sessions"]),
    ("list", &["backends", "sessions"]),
    ("stat", &["status", "backends"]),
    ("stats", &["status", "backends"]),
    ("servers", &["backends"]),
    ("sess", &["sessions"]),
    ("info", &["status"]),
    ("events", &["transitions"]),
    ("history", &["transitions"]),
    ("shutdown", &["kill"]),
    ("delete", &["remove"]),
    ("del", &["remove"]),
    ("config", &["save", "diff"]),
    ("set", &["weight", "set-pool", "set-service"]),
];
/// Flags of programs that ask a server, and ours.
const ASKING: [&str; 6] = ["--host", "--port", "--server", "--url", "-p", "-s"];
/// Takes a name only behind a flag.
const SESSIONS: &str = "netsocket-balancer ctl sessions";

/// Gives an error about an unknown command or argument a better tip than a word that looks like it. `program` knows all
/// commands.
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
/// assert!(said("netsocket-balancer ctl sessions a").contains("'--backend a'"));
/// assert!(said("netsocket-balancer --check-kind=tcp").contains("not a flag: 'check_kind'"));
/// ```
#[must_use]
pub fn with_tip(mut error: clap::Error, program: &clap::Command) -> clap::Error {
    if error.kind() == ErrorKind::UnknownArgument {
        return with_flag(error);
    }
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let before = if usage(&error).contains(" ctl ") {
        ""
    } else {
        "ctl "
    };
    let ctl = program.find_subcommand("ctl");
    let of_ctl = ctl.and_then(|ctl| ctl.find_subcommand(word));
    let meant: Vec<String> = match (of_ctl, COMMANDS.iter().find(|(other, _)| other == word)) {
        // It is no word of the level where it was written, or it would not be an error.
        (Some(_), _) => vec![format!("ctl {word}")],
        (None, Some((_, commands))) => {
            let commands = commands.iter();
            commands.map(|it| format!("{before}{it}")).collect()
        }
        (None, None) => return error,
    };
    error.insert(
        ContextKind::SuggestedSubcommand,
        ContextValue::Strings(meant),
    );
    error
}

/// The line of the command that was read so far.
fn usage(error: &clap::Error) -> String {
    error
        .get(ContextKind::Usage)
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn with_flag(error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let usage = usage(&error);
    let flag = word.split('=').next().unwrap_or(word);
    let tip = if usage.contains(" ctl") && ASKING.contains(&flag) {
        "the balancer is found by '--admin IP:PORT', or '--config FILE'".to_owned()
    } else if usage.contains(SESSIONS) && !word.starts_with('-') {
        format!("for the sessions of a backend, write '--backend {word}'")
    } else {
        return with_key_tip(error, &BALANCER);
    };
    with_only_tip(error, tip)
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
            let error = Flags::try_parse_from(["netsocket-balancer", word]).unwrap_err();
            let said = with_tip(error, &program).to_string();
            assert!(said.contains(&format!("'ctl {}'", commands[0])), "{said}");
        }
    }

    #[test]
    fn flags_of_others_lead_to_ours() {
        for (flag, ours) in [
            ("-f", "'--config FILE'"),
            ("-s", "'ctl reload'"),
            ("-p", "'--listen ADDR' for a port"),
            ("--port", "'--listen ADDR'"),
            ("--bind=:80", "'--listen ADDR'"),
            ("--verbose", "NETSOCKET_LOG=debug"),
            ("--daemon", "stays in the foreground"),
            ("-D", "stays in the foreground"),
            ("--check", "'--check-config'"),
        ] {
            let error = Flags::try_parse_from(["netsocket-balancer", flag, "x"]).unwrap_err();
            let said = with_tip(error, &Flags::command()).to_string();
            assert!(said.contains(ours), "{said}");
            assert!(!said.contains("similar"), "{said}");
        }
        for flag in ASKING {
            let line = ["netsocket-balancer", "ctl", "status", flag, "x"];
            let error = Flags::try_parse_from(line).unwrap_err();
            let said = with_tip(error, &Flags::command()).to_string();
            assert!(said.contains("'--admin IP:PORT'"), "{said}");
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
