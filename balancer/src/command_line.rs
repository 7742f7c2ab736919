//! The command line of the program: the flags that settings begin with, and the commands beside serving.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use netsocket_settings::{CommonCommand, Flag, Layers};

use crate::ctl;

/// TCP load balancer: picks a healthy backend for each client, relays the bytes.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "netsocket-balancer", version)]
pub struct Flags {
    /// Settings file (TOML)
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check the settings, print OK or every problem
    #[arg(long)]
    pub check_config: bool,
    /// Addresses for clients [default: 0.0.0.0:8081]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// A backend; repeat for more
    #[arg(long = "backend", value_name = "NAME=HOST:PORT")]
    pub backends: Vec<String>,
    /// Admin HTTP: page, API [default: 127.0.0.1:8404]
    #[arg(long, global = true, value_name = "ADDR|unix:PATH")]
    pub admin: Option<String>,
    /// Send telemetry to this Kafka broker
    #[arg(long, value_name = "HOST:PORT")]
    pub kafka: Option<String>,
    /// A command instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A command instead of serving.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Query or change a running balancer through its admin HTTP
    Ctl(ctl::Arguments),
    /// Print the hash of the secret on standard input, for a secret file
    HashSecret,
    /// For completion scripts: print the names that fit behind these words.
    #[command(hide = true)]
    CompleteWords {
        /// The words before the one that is completed.
        #[arg(last = true)]
        words: Vec<String>,
    },
    /// Commands that every server has.
    #[command(flatten)]
    Common(CommonCommand),
}

impl Flags {
    /// The layers of settings, with this command line on top.
    #[must_use]
    pub fn layers(&self) -> Layers<'_> {
        let single = [
            ("listen", &self.listen),
            ("admin", &self.admin),
            ("kafka", &self.kafka),
        ];
        let mut flags: Vec<(&'static str, Flag)> = single
            .into_iter()
            .filter_map(|(key, value)| Some((key, Flag::One(value.clone()?))))
            .collect();
        if !self.backends.is_empty() {
            flags.push(("backends", Flag::Many(self.backends.clone())));
        }
        Layers {
            file: self.config.as_deref(),
            flags,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BackendAddress, Config};
    use crate::core::backend::Attributes;

    fn backend(name: &str, host: &str, port: u16) -> BackendAddress {
        BackendAddress {
            name: name.into(),
            host: host.into(),
            port,
            attributes: Attributes::default(),
        }
    }

    #[test]
    fn the_help_fits_a_terminal() {
        let help = <Flags as clap::CommandFactory>::command().render_long_help();
        let help = help.to_string();
        let wide = help.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None);
    }

    /// The lines of the table in the manual are the usage of the program, but for the flags that are not worth a line there.
    #[test]
    fn the_manual_has_the_usage_of_every_ctl_command() {
        const PAGE: &str = include_str!("../../docs/operations.md");
        let mut program = <Flags as clap::CommandFactory>::command();
        program.build();
        let ctl = program.find_subcommand("ctl").unwrap();
        let rows = PAGE.lines().filter(|line| line.starts_with("  | `ctl "));
        let cells = rows.filter_map(|row| row.split(" | ").nth(1));
        let codes = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
        let documented: Vec<String> = codes.map(|code| code.replace("\\|", "|")).collect();
        let mut all = Vec::new();
        for command in ctl.get_subcommands().filter(|it| it.get_name() != "help") {
            let usage = command.clone().render_usage().to_string();
            let lines = usage.lines().map(|line| {
                let line = line.trim_start_matches("Usage:").trim();
                let line = line.trim_start_matches("netsocket-balancer ");
                line.replace(" [OPTIONS]", "").replace(['<', '>'], "")
            });
            all.extend(lines);
            for line in documented.iter().filter(|it| is_of(it, command.get_name())) {
                let flags = line
                    .split(['[', ']', ' '])
                    .filter_map(|it| it.strip_prefix("--"));
                for flag in flags {
                    let known = command
                        .get_arguments()
                        .any(|it| it.get_long() == Some(flag));
                    assert!(known, "{line}");
                }
            }
        }
        // What is in brackets with dashes is an option.
        let bare = |line: &str| {
            let mut bare = line.to_owned();
            while let Some(begin) = bare.find(" [--") {
                let end = bare[begin..].find(']').unwrap() + begin;
                bare.replace_range(begin..=end, "");
            }
            bare
        };
        let mut documented: Vec<String> = documented.iter().map(|line| bare(line)).collect();
        all.sort_unstable();
        documented.sort_unstable();
        assert_eq!(documented, all);
    }

    #[test]
    fn the_help_of_ctl_fits_a_terminal() {
        let mut program = <Flags as clap::CommandFactory>::command();
        program.build();
        let ctl = program.find_subcommand_mut("ctl").unwrap();
        let mut helps = vec![ctl.render_long_help().to_string()];
        let commands = ctl.get_subcommands_mut();
        helps.extend(commands.map(|it| it.render_long_help().to_string()));
        assert!(helps.len() > 20, "each command has its own");
        for line in helps.iter().flat_map(|help| help.lines()) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    fn is_of(line: &str, command: &str) -> bool {
        line.split(' ').nth(1) == Some(command)
    }

    #[test]
    fn flags_replace_the_file_and_the_environment_is_comma_separated() {
        let env = |name: &str| (name == "NETSOCKET_BACKENDS").then(|| "a=h:1, b=h:2".to_owned());
        let config = Config::load(&Flags::default().layers(), env).unwrap();
        assert_eq!(
            config.backends,
            [backend("a", "h", 1), backend("b", "h", 2)]
        );

        let flags = Flags {
            backends: vec!["c=h:3".into()],
            listen: Some("127.0.0.1:0".into()),
            ..Flags::default()
        };
        let config = Config::load(&flags.layers(), env).unwrap();
        assert_eq!(config.backends, [backend("c", "h", 3)]);
        assert_eq!(config.listen.to_string(), "127.0.0.1:0");
    }
}
