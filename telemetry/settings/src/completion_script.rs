//! The completion scripts for shells, generated from a program's command line.
//!
//! Owns: that a flag with a path is completed as a path, blanks included, and no other flag is. Does not own: the flags of
//! any program, and arguments without a flag that are paths ([`path_operands`]).

use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;

use self::path_operands::PathOperand;

mod live;
mod path_operands;

/// The completion script of `program` for a shell. Which flags take a path is told by the names of their values, `FILE` or
/// `DIR`, unless the program says what a flag takes; other words are no paths unless it says so.
///
/// # Examples
///
/// ```
/// use clap::{Arg, Command};
/// use clap_complete::Shell;
/// use netsocket_settings::completion_script;
///
/// let flag = Arg::new("key").long("key").value_name("FILE");
/// let script = completion_script(Shell::Zsh, Command::new("example").arg(flag));
/// assert!(String::from_utf8(script)?.contains(":FILE:_files"));
/// # Ok::<(), std::string::FromUtf8Error>(())
/// ```
#[must_use]
pub fn completion_script(shell: Shell, program: Command) -> Vec<u8> {
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    let mut program = with_hints(program);
    clap_complete::generate(shell, &mut program, &name, &mut script);
    match (shell, String::from_utf8(script)) {
        (Shell::Bash, Ok(text)) => for_bash(&program, &text).into_bytes(),
        (Shell::Zsh, Ok(text)) => for_zsh(&program, text).into_bytes(),
        (Shell::Fish, Ok(text)) => for_fish(&program, text).into_bytes(),
        (_, Ok(text)) => text.into_bytes(),
        (_, Err(error)) => error.into_bytes(),
    }
}

/// The hidden subcommand of a program that knows more words than its command line has: names of what it works with. It gets the
/// words before the one that is completed, prints those that fit there, and fails where it knows none.
pub(crate) const LIVE: &str = "complete-words";

/// The same for a server. If the program has a subcommand [`LIVE`], that is asked.
pub(crate) fn server_script(shell: Shell, program: Command) -> Vec<u8> {
    let is_live = program.find_subcommand(LIVE).is_some();
    let name = program.get_name().to_owned();
    let mut script = match String::from_utf8(completion_script(shell, program)) {
        Ok(script) => without_live(shell, &script),
        Err(error) => return error.into_bytes(),
    };
    let parts = name.replace('-', "_");
    match shell {
        Shell::Bash if is_live => {
            script = script.replace("complete -F _", "complete -F _live_");
            let function = name.replace('-', "__");
            script = format!("{}\n{script}", live::BASH.replace("NAME", &function));
        }
        Shell::Zsh if is_live => {
            script = live::in_zsh(&name, &script);
        }
        Shell::Fish if is_live => {
            let live = live::FISH.replace("NAME", &name);
            script.push_str(&live.replace("FUNCTION", &parts));
        }
        _ => {}
    }
    script.into_bytes()
}

/// The flags that take a path, as words.
fn path_flags(program: &Command) -> String {
    let takes_path =
        |flag: &&Arg| flag.get_action().takes_values() && flag.get_value_hint() != ValueHint::Other;
    let words = |flag: &Arg| {
        let long = flag.get_long().map(|long| format!("--{long}"));
        let short = flag.get_short().map(|short| format!("-{short}"));
        long.into_iter().chain(short)
    };
    let mut paths: Vec<String> = flags(program).filter(takes_path).flat_map(words).collect();
    paths.sort_unstable();
    paths.dedup();
    paths.join(" ")
}

/// A script without what is not typed by people; clap has it among the other subcommands.
fn without_live(shell: Shell, script: &str) -> String {
    let lines = script.lines().filter_map(|line| match shell {
        Shell::Bash if line.trim_start().starts_with("opts=") => {
            Some(line.replace(&format!(" {LIVE}"), ""))
        }
        Shell::Zsh if line.starts_with(&format!("'{LIVE}:")) => None,
        Shell::Fish if line.contains(&format!("-a \"{LIVE}\"")) => None,
        _ => Some(line.to_owned()),
    });
    lines.map(|line| line + "\n").collect()
}

fn with_hints(command: Command) -> Command {
    command.mut_args(with_hint).mut_subcommands(with_hints)
}

fn with_hint(argument: Arg) -> Arg {
    // That of every path, if nothing else was said.
    let is_told = !matches!(
        argument.get_value_hint(),
        ValueHint::Unknown | ValueHint::AnyPath
    );
    if is_told || argument.is_positional() || !argument.get_action().takes_values() {
        return argument;
    }
    let names = argument.get_value_names().unwrap_or_default().join("|");
    let has = |wanted: &str| names.split('|').any(|name| name == wanted);
    // clap treats other paths differently from files: bash would cut them at blanks.
    if has("FILE") {
        argument.value_hint(ValueHint::FilePath)
    } else if has("DIR") {
        argument.value_hint(ValueHint::DirPath)
    } else if names.contains("PATH") {
        // Something with a path in it, as unix:PATH.
        argument
    } else {
        argument.value_hint(ValueHint::Other)
    }
}

/// For zsh, a colon in the name of a value would begin what completes it, and the flag would take one value more.
fn for_zsh(program: &Command, script: String) -> String {
    let names = flags(program).flat_map(|flag| flag.get_value_names().unwrap_or_default());
    let mut names: Vec<&str> = names.map(|name| name.as_str()).collect();
    names.retain(|name| name.contains(':'));
    names.sort_unstable();
    names.dedup();
    let script = names.into_iter().fold(script, |script, name| {
        let escaped = name.replace(':', "\\:");
        script.replace(&format!("]:{name}:"), &format!("]:{escaped}:"))
    });
    script.lines().map(operands_in_zsh).collect()
}

/// A line of clap's script for zsh. Behind operands with two colons zsh knows no flags; and where an operand has nothing to be
/// completed from, it lists the flag that is meant instead of completing it.
fn operands_in_zsh(line: &str) -> String {
    let line = match line.strip_prefix("'*::") {
        Some(rest) => format!("'*:{rest}"),
        None => line.to_owned(),
    };
    let is_operand = ["'*:", "':"].iter().any(|begin| line.starts_with(begin));
    match line.strip_suffix(":' \\") {
        Some(before) if is_operand => format!("{before}:( )' \\\n"),
        _ => line + "\n",
    }
}

/// Of words that are no flags, clap tells fish nothing: it would offer files where one of some words is meant.
fn words_in_fish(program: &Command) -> String {
    let name = program.get_name();
    let function = format!("__fish_{}_using_subcommand", name.replace('-', "_"));
    let mut lines = String::new();
    for command in program.get_subcommands() {
        let at = format!("{function} {}", command.get_name());
        let inner = command.get_subcommands().map(|inner| {
            let word = inner.get_name();
            (
                format!("{at}; and __fish_seen_subcommand_from {word}"),
                inner,
            )
        });
        for (at, command) in std::iter::once((at.clone(), command)).chain(inner) {
            let positional = command.get_arguments().filter(|it| it.is_positional());
            let values = positional.flat_map(Arg::get_possible_values);
            let words: Vec<String> = values
                .filter(|value| !value.is_hide_set())
                .map(|value| value.get_name().to_owned())
                .collect();
            if !words.is_empty() {
                let words = words.join(" ");
                lines.push_str(&format!(
                    "complete -c {name} -n \"{at}\" -f -a \"{words}\"\n"
                ));
            }
        }
    }
    lines
}

/// fish offers files unless it is told not to. While the value of a flag is missing, none of clap's lines applies, so this
/// looks at the word before.
fn for_fish(program: &Command, script: String) -> String {
    let name = program.get_name();
    let paths = path_flags(program);
    let operands = PathOperand::all(program);
    format!(
        "{script}{}{}complete -c {name} -f -n 'not contains -- (commandline -opc)[-1] {paths}; and not string match -q -- \"-*\" (commandline -ct){}'\n",
        words_in_fish(program),
        path_operands::in_fish(name, &operands),
        path_operands::files_in_fish(name, &operands),
    )
}

/// All flags, also those of subcommands.
fn flags(program: &Command) -> Box<dyn Iterator<Item = &Arg> + '_> {
    let own = program.get_arguments().filter(|it| !it.is_positional());
    Box::new(own.chain(program.get_subcommands().flat_map(flags)))
}

/// clap's line of bash that looks which flag the word is for.
const PREVIOUS: &str = "    prev=\"$3\"\n";

/// For bash, `--flag=value` is three words. clap takes the sign for the flag, and would complete a command behind it.
const FLAG_BEFORE_SIGN: &str = r#"    if [[ "${cur}" == "=" ]]; then
        cur=""
        prev="${COMP_WORDS[COMP_CWORD-1]}"
    elif [[ "${prev}" == "=" ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi
"#;

/// For bash, a file behind `<` or `>` is a word like any other. The status is for who calls the function.
const REDIRECTION: &str = r#"    local sign
    for sign in "${cur}" "${prev}"; do
        if [[ "${sign}" == *[\<\>]* && "${sign}" != *[!0-9\<\>\&\|]* ]]; then
            compopt -o default 2>/dev/null
            return 1
        fi
    done
"#;

/// What clap_complete 4.6 leaves to be mended in its script for bash.
fn for_bash(program: &Command, script: &str) -> String {
    let name = program.get_name();
    let begin = format!("{PREVIOUS}{FLAG_BEFORE_SIGN}{REDIRECTION}");
    let script = script.replacen(PREVIOUS, &begin, 1);
    // Where the script knows nothing, no file is meant.
    let script = script.replace(" -o bashdefault -o default", "");
    // It writes the dash of a program's name in two ways, and so never comes to the options of a subcommand.
    let [here, there] = ["__subcmd__", "__"].map(|dash| name.replace('-', dash));
    let script = script.replace(&here, &there);
    let script: String = script.lines().map(flags_apart).collect();
    path_operands::in_bash(name, &PathOperand::all(program), &script)
}

/// A line of clap's script for bash. It offers flags among commands, and what stands for an argument in the usage: here, flags
/// are offered behind a dash, and else only words that can be typed.
fn flags_apart(line: &str) -> String {
    let words = line.trim_start().strip_prefix("opts=\"");
    let Some(words) = words.and_then(|words| words.strip_suffix('"')) else {
        return format!("{line}\n");
    };
    let (flags, words): (Vec<&str>, Vec<&str>) = words
        .split_whitespace()
        .filter(|word| !word.starts_with(['[', '<']))
        .partition(|word| word.starts_with('-'));
    if flags.is_empty() {
        return format!("{line}\n");
    }
    let indent = &line[..line.len() - line.trim_start().len()];
    let (flags, words) = (flags.join(" "), words.join(" "));
    format!("{indent}opts=\"{words}\"\n{indent}[[ \"${{cur}}\" == -* ]] && opts=\"{flags}\"\n")
}

#[cfg(test)]
mod tests {
    use clap::ArgAction;

    use super::*;

    fn program() -> Command {
        let flag =
            |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
        Command::new("example")
            .args([flag("key", "FILE"), flag("server", "HOST:PORT")])
            .args([flag("output", "FILE|DIR"), flag("admin", "ADDR|unix:PATH")])
            .arg(Arg::new("quiet").long("quiet").action(ArgAction::SetTrue))
            .subcommand(Command::new("unpack").arg(flag("extract", "DIR")))
    }

    #[test]
    fn paths_are_told_by_the_names_of_their_values() {
        let script = String::from_utf8(completion_script(Shell::Zsh, program())).unwrap();
        for line in [
            "--key=[]:FILE:_files'",
            "--output=[]:FILE|DIR:_files'",
            "--extract=[]:DIR:_files -/'",
            "--server=[]:HOST\\:PORT:'",
            "--admin=[]:ADDR|unix\\:PATH:_default'",
        ] {
            assert!(script.contains(line), "{line}: {script}");
        }
    }

    #[test]
    fn fish_is_told_which_words_there_are() {
        let shell = Arg::new("shell").value_parser(["bash", "zsh"]);
        let mode = Arg::new("mode").value_parser(["copy"]);
        let program = program().name("an-example");
        let program = program
            .subcommand(Command::new("completions").arg(shell))
            .subcommand(Command::new("ctl").subcommand(Command::new("relay").arg(mode)));
        let script = String::from_utf8(completion_script(Shell::Fish, program)).unwrap();
        for line in [
            "complete -c an-example -n \"__fish_an_example_using_subcommand completions\" -f -a \"bash zsh\"\n",
            "complete -c an-example -n \"__fish_an_example_using_subcommand ctl; and __fish_seen_subcommand_from relay\" -f -a \"copy\"\n",
        ] {
            assert!(script.contains(line), "{line}: {script}");
        }
        // The name of a function that clap defines.
        assert!(script.contains("function __fish_an_example_using_subcommand\n"));
        assert!(!script.contains("using_subcommand unpack\" -f -a"));
    }

    #[test]
    fn bash_knows_the_flag_before_an_equals_sign() {
        let script = String::from_utf8(completion_script(Shell::Bash, program())).unwrap();
        assert!(script.contains(FLAG_BEFORE_SIGN), "{script}");
        assert!(script.contains(REDIRECTION), "{script}");
        assert!(!script.contains("-o bashdefault"), "{script}");
    }

    #[test]
    fn zsh_knows_flags_before_and_behind_operands() {
        let words = Arg::new("words").num_args(0..).value_hint(ValueHint::Other);
        let paths = Arg::new("paths")
            .num_args(0..)
            .value_hint(ValueHint::DirPath);
        let commands = [("find", words), ("lls", paths)]
            .map(|(name, argument)| Command::new(name).arg(argument));
        let first = Arg::new("first")
            .required(true)
            .value_hint(ValueHint::Other);
        let program = program()
            .subcommands(commands)
            .subcommand(Command::new("get").arg(first));
        let script = completion_script(Shell::Zsh, program);
        let script = String::from_utf8(script).unwrap();
        for line in [
            "'*:words:( )' \\\n",
            "'*:paths:_files -/' \\\n",
            "':first:( )' \\\n",
        ] {
            assert!(script.contains(line), "{line}: {script}");
        }
        assert!(!script.contains("'*::words"), "{script}");
    }

    #[test]
    fn bash_offers_flags_behind_a_dash() {
        let name = Arg::new("name").required(true);
        let command = Command::new("drain").arg(name);
        let script = completion_script(Shell::Bash, program().subcommand(command));
        let script = String::from_utf8(script).unwrap();
        let lines: Vec<&str> = script.lines().map(str::trim).collect();
        let flags_behind = |words: &str| {
            let at = lines.iter().position(|line| *line == words);
            at.map(|at| lines[at + 1])
        };
        let flags = flags_behind("opts=\"unpack drain help\"").unwrap();
        let begin = "[[ \"${cur}\" == -* ]] && opts=\"";
        assert!(
            flags.starts_with(begin) && flags.contains(" --server "),
            "{script}"
        );
        assert!(flags_behind("opts=\"\"").is_some(), "{script}");
        assert!(!script.contains("<NAME>"), "{script}");
    }

    #[test]
    fn bash_finds_subcommands_of_a_program_with_a_dash() {
        let program = program().name("an-example");
        let script = String::from_utf8(completion_script(Shell::Bash, program)).unwrap();
        let (cmd, case) = (
            "cmd=\"an__example__subcmd__unpack\"",
            "        an__example__subcmd__unpack)\n",
        );
        assert!(script.contains(cmd) && script.contains(case), "{script}");
    }

    #[test]
    fn no_server_completes_a_name_as_a_file() {
        let name = Arg::new("name").required(true);
        let program = program()
            .subcommand(Command::new("drain").arg(name))
            .subcommand(Command::new(LIVE).hide(true));
        let script = |shell| String::from_utf8(server_script(shell, program.clone())).unwrap();
        let (bash, zsh, fish) = (script(Shell::Bash), script(Shell::Zsh), script(Shell::Fish));
        assert!(!bash.contains("-o bashdefault"), "{bash}");
        assert!(
            bash.contains("complete -F _live_example -o nosort example\n"),
            "{bash}"
        );
        assert!(zsh.contains("':name:_example_live' \\"), "{zsh}");
        assert!(
            zsh.contains("_example() {\n    local -a live_words="),
            "{zsh}"
        );
        // A path in it may still be one.
        assert!(zsh.contains("unix\\:PATH:_default'"), "{zsh}");
        let paths = "(commandline -opc)[-1] --admin --extract --key --output;";
        assert!(fish.contains(paths), "{fish}");
        for script in [&bash, &zsh, &fish] {
            assert!(script.contains(&format!(" {LIVE} -- ")), "{script}");
        }
        // It is no word to offer.
        let opts: Vec<_> = bash.lines().filter(|line| line.contains("opts=")).collect();
        assert!(opts.iter().any(|line| line.contains(" drain")), "{opts:?}");
        assert!(!opts.iter().any(|line| line.contains(LIVE)), "{opts:?}");
        assert!(
            zsh.contains("\n'drain:") && !zsh.contains(&format!("\n'{LIVE}:")),
            "{zsh}"
        );
        assert!(
            fish.contains("-a \"drain\"") && !fish.contains(&format!("-a \"{LIVE}\"")),
            "{fish}"
        );
    }
}
