//! The client's manual, `docs/client.md`: its examples are run against real servers and print what the page shows.

use std::process::Command;

use e2e::PATIENCE;
use e2e::client::Client;
use e2e::fleet::Plan;
use e2e::process::{Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::tree::{noise, put};

use crate::world::World;

crate::tests![every_example_is_as_it_is, the_first_look_works];

const PAGE: &str = include_str!("../../../../docs/client.md");

/// What stands before a command of a shell.
const SHELL: &str = "$ ";

/// The tree of the page.
fn tree() -> Scratch {
    let root = Scratch::new("manual");
    for (path, size) in [
        ("documents/report.pdf", 76_000),
        ("documents/archive/2024/report.pdf", 39_000),
        ("documents/archive/2024/scan.pdf", 1_200_000),
        ("music/song.mp3", 3_000_000),
        ("music/covers/front.jpg", 20_000),
        ("pictures/sea.jpg", 1_150_000),
        ("pictures/sky.jpg", 1_003_827),
        ("projects/hello/hello.c", 400),
        ("projects/hello/README", 500),
    ] {
        let path = path.as_bytes();
        put(root.path(), path, &noise(path, size));
    }
    let letter = format!("{}\n", "l".repeat(65));
    put(root.path(), b"documents/letter.txt", letter.as_bytes());
    let notes = format!("{0}\n{0}\n{0}\n", "n".repeat(15));
    put(root.path(), b"notes.txt", format!("{notes}\n").as_bytes());
    put(root.path(), b".hidden/secret.txt", b"nobody sees this");
    root
}

/// The console examples of the page, without their fences.
fn examples() -> impl Iterator<Item = &'static str> {
    PAGE.split("```console\n")
        .skip(1)
        .map(|rest| rest.split_once("```").expect("a closing fence").0)
}

/// Commands of a shell and what is printed behind each.
fn commands(example: &'static str) -> Vec<(String, Vec<&'static str>)> {
    let mut commands: Vec<(String, Vec<&str>)> = Vec::new();
    let mut is_here_document = false;
    for line in example.lines() {
        if let Some(command) = line.strip_prefix(SHELL) {
            is_here_document = command.contains("<<");
            commands.push((command.to_owned(), Vec::new()));
            continue;
        }
        let (command, printed) = commands.last_mut().expect("a command comes first");
        if is_here_document {
            *command += &format!("\n{line}");
            is_here_document = line != "END";
        } else {
            printed.push(line);
        }
    }
    commands
}

/// A line without what differs from run to run: each number is one mark, each run of blanks one blank.
fn shape(line: &str) -> String {
    let mut shape = String::new();
    for c in line.chars() {
        let c = if c.is_ascii_digit() || matches!(c, '.' | ':') {
            '#'
        } else {
            c
        };
        if !(matches!(c, '#' | ' ') && shape.ends_with(c)) {
            shape.push(c);
        }
    }
    for unit in ["KiB", "MiB"] {
        shape = shape.replace(&format!("# {unit}"), "# B");
    }
    NAMES
        .iter()
        .fold(shape, |shape, name| shape.replace(name, "NAME"))
}

/// Whichever of the three servers answers; numbers are marks already.
const NAMES: [&str; 2] = ["mirror#", "server"];

fn shapes<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    // What goes to standard error may come before or behind.
    let mut shapes: Vec<String> = lines.map(shape).collect();
    shapes.sort();
    shapes
}

fn every_example_is_as_it_is(_: &World) {
    let root = tree();
    let fleet = Plan::over(root.path()).start();
    let home = Scratch::new("home");
    for directory in [
        ".local/share/bash-completion/completions",
        ".local/share/man/man1",
        ".zfunc",
        ".config/fish/completions",
    ] {
        std::fs::create_dir_all(home.path().join(directory)).unwrap();
    }
    let mut count = 0;
    for (line, printed) in examples()
        .filter(|example| example.starts_with(SHELL) && !example.contains("netsocket> "))
        .flat_map(commands)
    {
        let mut command = clean_command("sh");
        let programs = Program::Client.path();
        let programs = programs.parent().expect("a directory").display();
        command
            .env("PATH", format!("{programs}:/usr/bin:/bin"))
            .env("HOME", home.path())
            .env("NETSOCKET_SERVER", fleet.address().to_string())
            .current_dir(home.path())
            .args(["-c", &format!("exec 2>&1; {line}")]);
        let ran = Ran::of(command, PATIENCE);
        let said = String::from_utf8(ran.stdout).unwrap();
        assert_eq!(ran.code, Some(0), "{line}: {said}");
        assert_eq!(
            shapes(said.lines()),
            shapes(printed.iter().copied()),
            "{line}:\n{said}"
        );
        count += 1;
    }
    assert!(count > 18, "{count}");
    for made in [
        "r.pdf",
        "reports.tar.gz",
        "unpacked/projects/hello/hello.c",
        "Pictures/sea.jpg",
        "newest.pdf",
        ".zfunc/_netsocket",
    ] {
        assert!(home.path().join(made).is_file(), "{made}");
    }
}

/// The session of the prompt, as a batch: what differs is that names are in columns only on a terminal.
fn the_first_look_works(_: &World) {
    let root = tree();
    let fleet = Plan::over(root.path()).start();
    let session = examples()
        .find(|example| example.contains("netsocket> "))
        .expect("a session");
    let prompt = |line: &'static str| match line.split_once("> ") {
        Some((before, command)) if before.starts_with("netsocket") => Some(command),
        _ => None,
    };
    let typed: Vec<&str> = session.lines().filter_map(prompt).collect();
    let shown = session
        .lines()
        .skip(2)
        .filter(|line| prompt(line).is_none());
    let shown: Vec<String> = shown
        .flat_map(|line| match line.contains("/  ") {
            true if !line.starts_with("drwx") => {
                line.split_whitespace().map(str::to_owned).collect()
            }
            _ => vec![line.to_owned()],
        })
        .collect();
    let client = Client::of(fleet.address());
    let mut command: Command = client.command();
    command.current_dir(client.home());
    let ran = Ran::with_input(command, typed.join("\n").as_bytes(), PATIENCE);
    let said = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(ran.code, Some(0), "{said}{}", ran.stderr);
    assert_eq!(
        shapes(said.lines()),
        shapes(shown.iter().map(String::as_str)),
        "{said}"
    );
}
