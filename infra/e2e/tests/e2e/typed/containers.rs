//! `docker`: options by its own help, files, targets and arguments of builds, services, and the programs in the containers.

use std::process::Command;

use e2e::process::clean_command;
use e2e::scratch::Scratch;
use e2e::shell::Call;
use e2e::{compose, docker, dockerfile, files, options, tool};

use super::{Typed, Verdict, programs};

pub(super) const PROGRAMS: &[&str] = &["docker", "docker-compose"];

pub(super) fn judge(typed: &Typed) -> Verdict {
    match typed.call.arguments() {
        _ if typed.call.program() == "docker-compose" => of_compose(typed, typed.call.arguments()),
        [name, words @ ..] if name == "compose" => of_compose(typed, words),
        [name, words @ ..] => {
            let client = docker::client()?;
            let help = said(clean_command(client).args([name, "--help"]));
            let (given, rest) = options::cut(&help, words)?;
            match name.as_str() {
                "build" => build(&given, rest),
                "run" => run(&given, rest),
                _ => Ok(()),
            }
        }
        [] => Ok(()),
    }
}

fn said(command: &mut Command) -> String {
    String::from_utf8(tool::output(command)).unwrap()
}

/// From the root of the project, as it says.
fn build(given: &options::Given<'_>, rest: &[String]) -> Verdict {
    let text = files::text(dockerfile::FILE);
    for (option, value) in given {
        let value = value.unwrap_or_default();
        let is_right = match *option {
            "--file" => value == dockerfile::FILE,
            "--target" => text.contains(&format!(" AS {value}\n")),
            "--build-arg" => {
                let name = value.split('=').next().unwrap_or_default();
                let mut lines = text.lines().filter_map(|line| line.strip_prefix("ARG "));
                lines.any(|line| line.split('=').next() == Some(name))
            }
            _ => true,
        };
        if !is_right {
            return Err(format!("there is no {option} {value}"));
        }
    }
    match rest {
        [context] if context == "." => Ok(()),
        _ => Err("the context is the root of the project".to_owned()),
    }
}

/// An image of ours, with the environment and the arguments that its program gets.
fn run(given: &options::Given<'_>, rest: &[String]) -> Verdict {
    let variables = given.iter().filter(|(option, _)| *option == "--env");
    let variables = variables.filter_map(|(_, value)| value.as_ref()?.split_once('='));
    let environment = variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let call = Call {
        environment,
        words: rest.to_vec(),
        ..Call::default()
    };
    programs::judge(&call)
}

fn of_compose(typed: &Typed, words: &[String]) -> Verdict {
    let compose = |words: &[&str]| {
        let mut command = tool::tool("docker-compose");
        command
            .current_dir(files::path(""))
            .envs(typed.call.environment.iter().cloned());
        said(command.args(words))
    };
    let (given, rest) = options::cut(&compose(&["--help"]), words)?;
    let [name, words @ ..] = rest else {
        return Ok(());
    };
    let file = given
        .iter()
        .find_map(|(option, value)| value.filter(|_| *option == "--file"));
    let own = Scratch::new("compose");
    let file = match file {
        Some(file) if file == compose::FILE => file.to_owned(),
        Some(file) => return Err(format!("there is no {file}")),
        None => own
            .write("compose.yaml", of_page(typed)?)
            .display()
            .to_string(),
    };
    let services = compose(&["--file", &file, "config", "--services"]);
    let serves = |name: &str| match services.lines().any(|service| service == name) {
        true => Ok(()),
        false => Err(format!("there is no service {name}")),
    };
    let (given, rest) = options::cut(&compose(&[name, "--help"]), words)?;
    for (option, value) in given {
        if option == "--scale" {
            serves(
                value
                    .unwrap_or_default()
                    .split('=')
                    .next()
                    .unwrap_or_default(),
            )?;
        }
    }
    match (name.as_str(), rest) {
        ("exec", [service, words @ ..]) => {
            serves(service)?;
            programs::judge(&Call {
                words: words.to_vec(),
                ..Call::default()
            })
        }
        _ => rest.iter().try_for_each(|service| serves(service)),
    }
}

/// The file that the page shows.
fn of_page(typed: &Typed) -> Result<String, String> {
    let page = e2e::markdown::Document::read(typed.page.clone());
    let mut blocks = page.blocks().into_iter();
    let block =
        blocks.find(|block| block.language == "yaml" && block.text.starts_with("services:"));
    block
        .map(|block| block.text)
        .ok_or("which file?".to_owned())
}
