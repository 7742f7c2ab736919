//! Shell completions and the man page, generated from the definition of the command line and the table of commands.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, CommandFactory as _, ValueHint};

use crate::command_line::args::Args;
use crate::command_line::commands::{self, CommandSpec, Operand};
use crate::command_line::help;
use crate::command_line::options::OptionSpec;
use crate::command_line::posix_find;
use crate::outcome::exit::EXITS;

/// The name under which the program is installed.
const NAME: &str = "netsocket";

/// The completion script for one of [`commands::SHELLS`].
#[must_use]
pub(crate) fn completions(shell: &str) -> Vec<u8> {
    use clap_complete::Shell;
    let shell = match shell {
        "zsh" => Shell::Zsh,
        "fish" => Shell::Fish,
        _ => Shell::Bash,
    };
    // The other words for them are not offered.
    let with_values = |flag: Arg| flag.value_parser(PossibleValuesParser::new(["on", "off"]));
    let script =
        netsocket_settings::completion_script(shell, definition().mut_arg("tls", with_values));
    match (shell, String::from_utf8(script)) {
        (Shell::Bash, Ok(script)) => with_primaries_in_bash(&script).into_bytes(),
        (Shell::Fish, Ok(script)) => (script + &primaries_in_fish()).into_bytes(),
        (_, Ok(script)) => script.into_bytes(),
        (_, Err(error)) => error.into_bytes(),
    }
}

/// Adds the conditions of find(1), which have one dash: clap knows no such options.
fn with_primaries_in_bash(script: &str) -> String {
    let primaries = posix_find::EQUAL.join(" ");
    let mut is_in_one = false;
    let lines = script.lines().map(|line| {
        if let Some(function) = line.trim().strip_suffix(')') {
            let command = function.strip_prefix("netsocket__subcmd__");
            is_in_one = match command {
                Some(command) => posix_find::is_taken_by(command),
                None => is_in_one,
            };
        }
        match is_in_one && line.contains("&& opts=\"") {
            true => line.replacen("opts=\"", &format!("opts=\"{primaries} "), 1) + "\n",
            false => format!("{line}\n"),
        }
    });
    lines.collect()
}

/// The same in fish, which has a form for options with one dash.
fn primaries_in_fish() -> String {
    let commands = commands::all().filter(|command| posix_find::is_taken_by(command.name));
    let lines = commands.flat_map(|command| {
        posix_find::EQUAL.iter().map(move |primary| {
            let value = match posix_find::takes_value(primary.as_bytes()) {
                true => " -x",
                false => " -f",
            };
            let word = primary.trim_start_matches('-');
            format!(
                "complete -c {NAME} -n \"__fish_{NAME}_using_subcommand {}\" -o {word}{value}\n",
                command.name
            )
        })
    });
    lines.collect()
}

/// The commands with an option of that name.
#[must_use]
pub(crate) fn commands_with_option(option: &str) -> Vec<&'static str> {
    commands::all()
        .filter(|command| command.options().any(|spec| spec.long == option))
        .map(|command| command.name)
        .collect()
}

/// The whole command line as a clap definition.
fn definition() -> clap::Command {
    let program = Args::command();
    // Its operands are the commands: zsh would look for them behind one more word.
    let flags = program.get_arguments();
    let flags = flags.filter(|argument| !argument.is_positional()).cloned();
    // `!` is available only at the prompt and in a batch.
    let typed = commands::all().filter(|command| command.name != "!");
    clap::Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .args(flags)
        .subcommands(typed.flat_map(by_each_name))
        .disable_help_subcommand(true)
}

/// A command once for each of its names: not all shells complete clap's aliases. `?` is a pattern in all of them.
fn by_each_name(spec: CommandSpec) -> impl Iterator<Item = clap::Command> {
    let aliases = spec.aliases.iter().filter(|alias| **alias != "?");
    let names = std::iter::once(spec.name).chain(aliases.copied());
    names.map(move |name| subcommand(name, spec))
}

fn subcommand(name: &'static str, spec: CommandSpec) -> clap::Command {
    let definition = clap::Command::new(name)
        .about(spec.about)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(spec.options().map(argument));
    let operand = Arg::new("operand").num_args(0..).action(ArgAction::Append);
    match spec.operand {
        Operand::Nothing => definition,
        // Behind a file of the server there may be a place on this machine.
        Operand::RemoteFile if spec.name == "get" => {
            let first = Arg::new("path").required(true).value_hint(ValueHint::Other);
            definition
                .arg(first)
                .arg(operand.value_hint(ValueHint::FilePath))
        }
        Operand::RemoteFile | Operand::RemoteDirectory => {
            definition.arg(operand.value_hint(ValueHint::Other))
        }
        Operand::LocalDirectory => definition.arg(operand.value_hint(ValueHint::DirPath)),
        Operand::Command => {
            let names = commands::words().filter(|word| *word != "?");
            definition.arg(operand.value_parser(PossibleValuesParser::new(names)))
        }
        Operand::Word(words) => {
            // Words with a dash would be completed as options.
            let words = words.iter().filter(|word| !word.starts_with('-'));
            definition.arg(operand.value_parser(PossibleValuesParser::new(words)))
        }
    }
}

fn argument(spec: &'static OptionSpec) -> Arg {
    let mut argument = Arg::new(spec.long).long(spec.long).help(spec.about);
    if let Some(short) = spec.short {
        argument = argument.short(short);
    }
    let Some(value) = spec.value else {
        return argument.action(ArgAction::SetTrue);
    };
    let argument = argument.value_name(value).action(ArgAction::Set);
    match spec.long {
        // On the server, where a shell cannot look.
        "below" => argument.value_hint(ValueHint::Other),
        "format" => argument.value_parser(PossibleValuesParser::new(commands::FORMATS)),
        "sort" => {
            let keys = netsocket_protocol::query::Sort::ALL.map(|sort| sort.word());
            argument.value_parser(PossibleValuesParser::new(keys))
        }
        _ => argument,
    }
}

/// The man page.
#[must_use]
pub(crate) fn page() -> Vec<u8> {
    let program =
        Args::command().mut_arg("words", |words| words.help("A command and its arguments"));
    let man = clap_mangen::Man::new(program);
    let mut page = Vec::new();
    // Writing to memory cannot fail.
    let _ = man.render_title(&mut page);
    let _ = man.render_name_section(&mut page);
    let _ = man.render_synopsis_section(&mut page);
    let _ = man.render_description_section(&mut page);
    let _ = man.render_options_section(&mut page);
    page.extend_from_slice(own_sections().as_bytes());
    page
}

/// The sections that clap cannot generate.
fn own_sections() -> String {
    let mut text = ".SH COMMANDS\n".to_owned();
    for command in commands::all() {
        text.push_str(&format!(
            ".SS \"{} {}\"\n{}\n",
            escaped(command.name),
            escaped(command.arguments),
            escaped(&help::sentence(command.about))
        ));
        if !command.aliases.is_empty() {
            text.push_str(&format!(
                "Also: {}.\n",
                escaped(&command.aliases.join(", "))
            ));
        }
        if !command.details.is_empty() {
            let details = command.details.replace('\n', " ");
            text.push_str(&format!(".PP\n{}\n", escaped(&details)));
        }
        for spec in command.options() {
            let typed = escaped(&spec.typed());
            text.push_str(&format!(".TP\n\\fB{typed}\\fR\n{}\n", escaped(spec.about)));
        }
    }
    text.push_str(".SH \"EXIT STATUS\"\n");
    for (exit, about) in EXITS {
        text.push_str(&format!(
            ".TP\n\\fB{}\\fR\n{}\n",
            exit.code(),
            escaped(about)
        ));
    }
    text.push_str(
        ".SH ENVIRONMENT\n\
         .TP\n\\fBNETSOCKET_SERVER\\fR, and \\fBNETSOCKET_\\fR followed by another settings key\nOverride the settings file.\n\
         .TP\n\\fBNO_COLOR\\fR\nDisables colours if set and not empty.\n\
         .TP\n\\fBLS_COLORS\\fR\nColours for names, as printed by dircolors.\n\
         .SH FILES\n\
         .TP\n\\fI~/.config/netsocket/client.toml\\fR\nThe settings.\n\
         .TP\n\\fI~/.local/state/netsocket/history\\fR\nThe history of the prompt.\n",
    );
    text
}

/// Escapes a text for troff.
fn escaped(text: &str) -> String {
    let text = text
        .replace('\\', "\\(rs")
        .replace('-', "\\-")
        .replace('"', "\\(dq");
    // At the beginning of a line these start a troff request.
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn the_page_and_each_script_name_every_command_and_option() {
        let page = String::from_utf8(page()).unwrap();
        let scripts = commands::SHELLS.map(|shell| String::from_utf8(completions(shell)).unwrap());
        for command in commands::all() {
            assert!(page.contains(&format!(".SS \"{} ", escaped(command.name))));
            for spec in command.options() {
                assert!(page.contains(&escaped(spec.long)), "{}", spec.long);
                for script in &scripts {
                    assert!(script.contains(spec.long), "{}", spec.long);
                }
            }
        }
        assert!(page.contains("\\fB130\\fR"));
    }

    #[test]
    fn the_values_of_a_switch_are_completed() {
        for (shell, values) in [
            ("zsh", "(on off)"),
            ("fish", "-a \"on\\t''\noff\\t''\""),
            ("bash", "\"on off\""),
        ] {
            let script = String::from_utf8(completions(shell)).unwrap();
            assert!(script.contains(values), "{shell}");
        }
    }

    #[test]
    fn bash_and_fish_complete_the_conditions_of_find() {
        let script = String::from_utf8(completions("fish")).unwrap();
        assert!(script.contains("using_subcommand archive\" -o mtime -x\n"));
        let script = String::from_utf8(completions("bash")).unwrap();
        for (command, is_with) in [("find", true), ("archive", true), ("get", false)] {
            let label = format!("netsocket__subcmd__{command})");
            let (_, after) = script.rsplit_once(&label).unwrap();
            let mut lines = after.lines();
            let options = lines.find(|line| line.contains("&& opts=")).unwrap();
            assert_eq!(
                options.contains("\"-name -iname -type"),
                is_with,
                "{command}"
            );
        }
    }

    #[test]
    fn an_alias_completes_as_what_it_stands_for() {
        for (shell, lines) in [
            ("bash", ["netsocket,mget)", "netsocket__subcmd__mget)\n"]),
            ("zsh", ["'mget:Download", "\n(mget)\n"]),
            (
                "fish",
                ["-a \"mget\"", "using_subcommand mget\" -s f -l force"],
            ),
        ] {
            let script = String::from_utf8(completions(shell)).unwrap();
            for line in lines {
                let found = script.to_lowercase().contains(&line.to_lowercase());
                assert!(found, "{shell}: {line}");
            }
            assert!(!script.contains("netsocket,?"), "{shell}");
        }
    }

    #[test]
    fn what_troff_would_take_for_its_own_is_escaped() {
        assert_eq!(escaped(".x -y\\ 'z'"), "\\&.x \\-y\\(rs 'z'");
    }

    #[test]
    fn an_output_has_its_commands() {
        let names = ["get", "archive", "w24fz", "w24ft", "w24fdb", "w24fda"];
        assert_eq!(commands_with_option("output"), names);
    }
}
