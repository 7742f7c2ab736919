//! Arguments without a flag that are paths of this machine: `lcd DIR`, and the second one of `get`.
//!
//! Owns: that they are completed as such in bash and fish; clap does so for zsh. Does not own: paths of flags.

use clap::{Arg, Command, ValueHint};

/// The first argument of a subcommand that is a path; those behind it are, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathOperand {
    command: String,
    /// How many others stand before it.
    before: usize,
    is_directory: bool,
}

impl PathOperand {
    /// Those of all subcommands.
    pub(super) fn all(program: &Command) -> Vec<Self> {
        let of = |command: &Command| {
            let operands: Vec<&Arg> = command.get_positionals().collect();
            let is_path = |operand: &&Arg| {
                matches!(
                    operand.get_value_hint(),
                    ValueHint::FilePath | ValueHint::DirPath
                )
            };
            let before = operands.iter().position(is_path)?;
            Some(Self {
                command: command.get_name().to_owned(),
                before,
                is_directory: operands[before].get_value_hint() == ValueHint::DirPath,
            })
        };
        program.get_subcommands().filter_map(of).collect()
    }
}

/// Before clap's lines for the subcommand: where these know nothing, a path is meant, or a path if another word is there.
const BASH: &str = r#"            local -i at operands=0
            for ((at = COMP_CWORD - 1; at > 0; at--)); do
                case "${COMP_WORDS[at]}" in
                    COMMAND) break ;;
                    -*) ;;
                    *) operands+=1 ;;
                esac
            done
            [[ "${cur}" != -* ]] && ((operands >= BEFORE)) && compopt -o KIND 2>/dev/null
"#;

/// A script of bash, with these paths.
pub(super) fn in_bash(name: &str, operands: &[PathOperand], script: &str) -> String {
    let name = name.replace('-', "__");
    operands.iter().fold(script.to_owned(), |script, operand| {
        let command = &operand.command;
        let label = format!("        {name}__subcmd__{command})\n");
        let kind = match operand.is_directory {
            true => "dirnames",
            false => "default",
        };
        let lines = BASH
            .replace("COMMAND", command)
            .replace("BEFORE", &operand.before.to_string())
            .replace("KIND", kind);
        script.replacen(&label, &format!("{label}{lines}"), 1)
    })
}

/// Tells whether one of some commands has so many arguments.
const FISH: &str = "function __fish_FUNCTION_has_operands
    set -l least $argv[1]
    set -l commands $argv[2..]
    set -l words (commandline -opc)
    set -e words[1]
    argparse -s (__fish_FUNCTION_global_optspecs) -- $words 2>/dev/null
    or return 1
    contains -- $argv[1] $commands
    and test (count (string match -v -- '-*' $argv)) -gt $least
end
";

/// The lines of fish for directories, and the function that [`files_in_fish`] calls.
pub(super) fn in_fish(name: &str, operands: &[PathOperand]) -> String {
    if operands.is_empty() {
        return String::new();
    }
    let function = name.replace('-', "_");
    let directories = operands.iter().filter(|operand| operand.is_directory);
    let directories = directories.map(|operand| {
        let (command, before) = (&operand.command, operand.before);
        format!(
            "complete -c {name} -n \"__fish_{function}_has_operands {before} {command}\" -f -a \"(__fish_complete_directories (commandline -ct))\"\n"
        )
    });
    FISH.replace("FUNCTION", &function) + &directories.collect::<String>()
}

/// The condition of fish under which no file is meant.
pub(super) fn files_in_fish(name: &str, operands: &[PathOperand]) -> String {
    let function = name.replace('-', "_");
    let files = operands.iter().filter(|operand| !operand.is_directory);
    let conditions = files.map(|operand| {
        let (command, before) = (&operand.command, operand.before);
        format!("; and not __fish_{function}_has_operands {before} {command}")
    });
    conditions.collect()
}
