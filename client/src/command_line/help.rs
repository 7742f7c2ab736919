//! Help texts: the list of commands, and the description of one.

use crate::command_line::commands::{self, CommandSpec, Group};

/// Printed after the list.
const END: &str = "Type help COMMAND for details. Commands that download take -o FILE, or -o -\n\
                   for standard output.\n";

/// The list of commands, one line each, at most 80 columns wide.
#[must_use]
pub(crate) fn list() -> String {
    let groups = [
        (Group::Remote, "Query and download:"),
        (Group::Local, "Local commands:"),
        (Group::Original, "Original commands:"),
    ];
    let mut text = String::new();
    for (group, title) in groups {
        text.push_str(title);
        text.push('\n');
        for command in commands::all().filter(|command| command.group == group) {
            text.push_str(&row(&typed(&command), command.about));
        }
    }
    text + END
}

/// The name, its aliases and, if they are short, the arguments.
fn typed(command: &CommandSpec) -> String {
    let names = [&[command.name][..], command.aliases].concat().join(", ");
    // Long argument lists appear in `help COMMAND`.
    match command.arguments {
        arguments if arguments.is_empty() || arguments.len() > WIDTH - 6 => names,
        arguments if command.name == "!" => format!("{names}{arguments}"),
        arguments => format!("{names} {arguments}"),
    }
}

/// Width of the left column.
const WIDTH: usize = 25;

fn row(typed: &str, about: &str) -> String {
    format!("  {typed:WIDTH$}  {about}\n")
}

/// The description of one command.
#[must_use]
pub(crate) fn of(command: &CommandSpec) -> String {
    let mut text = format!("{}\n{}\n", command.usage(), sentence(command.about));
    if !command.aliases.is_empty() {
        text.push_str(&format!("Also: {}\n", command.aliases.join(", ")));
    }
    if !command.details.is_empty() {
        text.push('\n');
        text.push_str(command.details);
        text.push('\n');
    }
    let rows: Vec<(String, &str)> = command
        .options()
        .map(|spec| (spec.typed(), spec.about))
        .collect();
    if !rows.is_empty() {
        text.push('\n');
    }
    for (typed, about) in rows {
        if typed.len() > WIDTH {
            text.push_str(&format!("  {typed}\n{}", row("", about)));
        } else {
            text.push_str(&row(&typed, about));
        }
    }
    text
}

/// Turns a phrase into a sentence.
#[must_use]
pub(crate) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use netsocket_protocol::command::COMMANDS;

    use super::*;

    #[test]
    fn the_list_has_a_line_for_each_command() {
        let list = list();
        let rows = list.lines().filter(|line| line.starts_with("  ")).count();
        assert_eq!(rows, commands::all().count());
        assert!(
            list.lines().all(|line| line.chars().count() <= 80),
            "{list}"
        );
        for part in [
            "  w24fz SIZE1 SIZE2  ",
            "  dirlist -a | -t  ",
            "  find  ",
            "  quit, exit, bye  ",
        ] {
            assert!(list.contains(part), "{part}: {list}");
        }
        for usage in COMMANDS {
            assert!(list.contains(usage.about), "{}", usage.name);
        }
    }

    #[test]
    fn help_of_a_command_names_each_option() {
        for command in commands::all() {
            let help = of(&command);
            assert!(help.starts_with(&command.usage()), "{help}");
            for spec in command.options() {
                assert!(help.contains(&spec.typed()) && help.contains(spec.about));
            }
            assert!(
                help.lines().all(|line| line.chars().count() <= 80),
                "{help}"
            );
        }
    }
}
