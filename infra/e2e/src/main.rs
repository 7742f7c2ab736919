//! `cargo xtask readers`: lets every reader of the table read our archives, and says what came of it.

use std::collections::BTreeSet;
use std::process::ExitCode;

use e2e::program;
use e2e::readers::archives::Archives;
use e2e::readers::reader::Reader;
use e2e::readers::report::{self, Line};
use e2e::readers::sample::Sample;
use e2e::readers::toolbox::Toolbox;
use e2e::readers::{catalogue, run};
use e2e::requirement::{REQUIRE_STACK, stack_is_required};

/// Prints the rows of `docs/archives.md` instead.
const TABLE: &str = "--table";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words == [TABLE] {
        print_table();
        return ExitCode::SUCCESS;
    }
    let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let is_asked = |reader: &&Reader| {
        let name = reader.name.to_lowercase();
        words.is_empty() || words.iter().any(|word| name.contains(word.as_str()))
    };
    let readers: Vec<&'static Reader> = catalogue::all().filter(is_asked).collect();
    if readers.is_empty() {
        eprintln!("no reader is called {}", words.join(" or "));
        return ExitCode::from(2);
    }
    let code = read(&readers);
    program::remove_copies();
    code
}

fn print_table() {
    let toolbox = Toolbox::open();
    let mut names = BTreeSet::new();
    for reader in catalogue::all() {
        if names.insert(reader.name) {
            let version = match toolbox.provide(reader.needs) {
                Ok(()) => run::version(reader, &toolbox),
                Err(reason) => reason,
            };
            let cells = report::cells(reader.name).join(" | ");
            println!("| {} | {version} | {cells} |", reader.name);
        }
    }
}

fn read(readers: &[&'static Reader]) -> ExitCode {
    let toolbox = Toolbox::open();
    let sample = Sample::plant();
    let archives = Archives::make(&sample).with_ordinary_ones(&sample);
    let (mut read, mut problems, mut skipped) = (0, 0, BTreeSet::new());
    for reader in readers {
        if let Err(reason) = toolbox.provide(reader.needs) {
            skipped.insert((reader.name, reason));
            continue;
        }
        for format in reader.formats {
            let these = (&sample, &archives);
            let line = Line::of(reader, *format, these, &toolbox).beside_ordinary(these, &toolbox);
            println!("{line}");
            read += 1;
            problems += usize::from(line.problem().is_some());
        }
    }
    for (name, reason) in &skipped {
        println!("skipped: {name}: {reason}");
    }
    println!(
        "{read} archives read, {problems} not as expected, {} readers skipped",
        skipped.len()
    );
    if stack_is_required() && !skipped.is_empty() {
        eprintln!("{REQUIRE_STACK}=1 allows no skip");
        return ExitCode::FAILURE;
    }
    match problems {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
