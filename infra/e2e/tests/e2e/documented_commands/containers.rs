//! `docker`: options by its own help, files, targets and arguments of builds, services, and the programs in the containers.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;

use e2e::markdown::Document;
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

/// What was said to a command, each of which takes a while.
static SAID: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

fn said(command: &mut Command) -> String {
    let mut said = SAID.lock().unwrap();
    let text = said.entry(format!("{command:?}"));
    text.or_insert_with(|| String::from_utf8(tool::output(command)).unwrap())
        .clone()
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
    let [image, arguments @ ..] = rest else {
        return Err("which image?".to_owned());
    };
    let target = image.trim_start_matches("netsocket-");
    let mut words = dockerfile::Image::of(target).entrypoint;
    words.extend_from_slice(arguments);
    let call = Call {
        environment,
        words,
        ..Call::default()
    };
    programs::judge(&call, false)
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
    let file = match (file, of_page(typed)) {
        (Some(file), _) if file == compose::FILE => Some(file.to_owned()),
        (Some(file), _) => return Err(format!("there is no {file}")),
        (None, shown) => shown.map(|text| own.write("compose.yaml", text).display().to_string()),
    };
    let services = file.map(|file| compose(&["--file", &file, "config", "--services"]));
    let serves = |name: &str| {
        let services = services.as_deref().ok_or("which file?")?;
        match services.lines().any(|service| service == name) {
            true => Ok(()),
            false => Err(format!("there is no service {name}")),
        }
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
        ("exec", [service, program, words @ ..]) if program == "influx" => {
            serves(service)?;
            influx(words)
        }
        ("exec", [service, program, ..]) if program == "rm" => serves(service),
        ("exec", [service, words @ ..]) => {
            serves(service)?;
            let call = Call {
                words: words.to_vec(),
                ..Call::default()
            };
            programs::judge(&call, false)
        }
        _ => rest.iter().try_for_each(|service| serves(service)),
    }
}

/// The commands of InfluxDB's client that take a path, with options, as its manual has them: it is in the image only.
const INFLUX: [(&str, &[&str]); 2] = [
    ("backup", &["--token", "--host"]),
    ("restore", &["--token", "--host", "--full"]),
];

fn influx(words: &[String]) -> Verdict {
    let [command, path, options @ ..] = words else {
        return Err("which command, and what path?".to_owned());
    };
    let known = INFLUX.iter().find(|(known, _)| known == command);
    let (_, known) = known.ok_or("there is no such command")?;
    let mut given = options.iter().filter(|it| it.starts_with('-'));
    match given.find(|option| !known.contains(&option.as_str())) {
        Some(option) => Err(format!("there is no option {option}")),
        None if path.starts_with('/') => Ok(()),
        None => Err("the path comes first".to_owned()),
    }
}

/// The file that the page shows, if it shows one.
fn of_page(typed: &Typed) -> Option<String> {
    let mut shown = Document::read(&typed.page).texts("yaml").into_iter();
    shown.find(|text| text.starts_with("services:"))
}
