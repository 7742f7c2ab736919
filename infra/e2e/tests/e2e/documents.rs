//! What the documents show: links lead somewhere, configurations are taken by the programs that they are for, and objects are JSON.
//! What they tell people to type is judged by [`crate::documented_commands`] and [`crate::walkthroughs`].

use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::markdown::documents;
use e2e::process::{Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, files};
use netsocket_credentials::authority::Authority;

use crate::world::World;

crate::tests![
    links_lead_somewhere,
    configurations_are_taken,
    #[needs(Peers)]
    configurations_of_others_are_taken,
    objects_can_be_read,
    tables_name_tests_that_are_there,
];

/// What happens to the pipeline when something goes wrong is said with the test that has shown it.
fn tables_name_tests_that_are_there(_: &World) {
    let page = include_str!("../../../../docs/telemetry.md");
    let (_, table) = page.split_once("| what happens | ").expect("the table");
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut number = 0;
    for row in rows {
        let test = row.trim_end_matches(" |").rsplit("| ").next().unwrap();
        for test in test.split(", ") {
            let test = test.trim_matches('`');
            let is_there = crate::names().iter().any(|name| name.starts_with(test));
            assert!(test == "unit" || is_there, "no test begins with {test}");
        }
        number += 1;
    }
    assert!(number > 15, "{number} rows");
}

fn links_lead_somewhere(_: &World) {
    let all = documents();
    let mut lost = Vec::new();
    let mut count = 0;
    for document in &all {
        for link in document.links() {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let place = files::path(&document.name);
            let target = match file {
                "" => Some(place),
                file => place.parent().unwrap().join(file).canonicalize().ok(),
            };
            let is_target = |name: &str| target.as_ref() == Some(&files::path(name));
            let has_part = part.is_empty()
                || all
                    .iter()
                    .any(|other| is_target(&other.name) && other.anchors().contains(part));
            if target.is_none() || !has_part {
                lost.push(format!("{}: {link}", document.name));
            }
        }
    }
    assert!(count > 50, "only {count} links were found");
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

/// Every block that is marked `<!-- config: PROGRAM -->`, through `check`, which says what is wrong.
fn check(program: &str, check: impl Fn(&str) -> Option<String>) {
    let mut count = 0;
    for document in documents() {
        for block in document.blocks() {
            let mark = block.mark.and_then(|mark| mark.strip_prefix("config: "));
            if mark == Some(program) {
                count += 1;
                if let Some(problem) = check(&block.text) {
                    let name = &document.name;
                    panic!("{name}: {program} refuses\n{}\n{problem}", block.text);
                }
            }
        }
    }
    assert!(count > 0, "no configuration of {program} was found");
}

fn problem(command: Command) -> Option<String> {
    let ran = Ran::of(command, PATIENCE);
    (ran.code != Some(0)).then_some(ran.stderr)
}

/// The page whose blocks are single keys; the balancer's own tests take them one by one.
const KEYS: &str = "docs/configuration.md";

/// Where pages have certificates, keys, tokens and secrets; the files that they name there are made for them.
const CREDENTIALS: [&str; 2] = ["/etc/netsocket/tls", "/etc/netsocket"];

fn make_credentials(dir: &Scratch) {
    let authority = Authority::new("documents");
    let _ = authority.write(dir.path(), "ca");
    for name in ["site", "other"] {
        let _ = authority.issue(&[name]).write(dir.path(), name);
    }
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    dir.write("both.pem", read("site.pem") + &read("site.key"));
    for name in ["token", "read.token"] {
        dir.write(name, "a-token\n");
    }
}

fn configurations_are_taken(_: &World) {
    let scratch = Scratch::new("documents");
    make_credentials(&scratch);
    let credentials = scratch.path().display().to_string();
    let mut count = 0;
    for document in documents() {
        if document.name == KEYS {
            continue;
        }
        for block in document.blocks() {
            if block.language != "toml" {
                continue;
            }
            count += 1;
            let text = block.text.clone();
            let text = CREDENTIALS
                .iter()
                .fold(text, |text, place| text.replace(place, &credentials));
            let file = scratch.write("balancer.toml", text);
            let mut command = clean_command(Program::Balancer.path());
            command.arg("--check-config").arg("--config").arg(file);
            let problem = problem(command).unwrap_or_default();
            assert!(
                problem.is_empty(),
                "{}: {}\n{problem}",
                document.name,
                block.text
            );
        }
    }
    assert!(count > 5, "only {count} configurations were found");
}

fn configurations_of_others_are_taken(_: &World) {
    let scratch = Scratch::new("documents");
    check("haproxy", |text| {
        let file = scratch.write("haproxy.cfg", text);
        let mut command = Command::new("haproxy");
        command.args(["-c", "-f"]).arg(file);
        problem(command)
    });
    check("nginx", |text| {
        let module = "/usr/lib/nginx/modules/ngx_stream_module.so";
        let load = format!("load_module {module};\n");
        let load = if Path::new(module).exists() {
            &load
        } else {
            ""
        };
        let file = scratch.write("nginx.conf", format!("{load}{text}"));
        let pid = scratch.path().join("pid").display().to_string();
        let mut command = Command::new("nginx");
        command.args(["-t", "-e", "stderr", "-g", &format!("pid {pid};"), "-c"]);
        command.arg(file);
        problem(command)
    });
}

/// JSON is one object, or one a line.
fn objects_can_be_read(_: &World) {
    let mut count = 0;
    for document in documents() {
        for block in document.blocks() {
            if block.language != "json" {
                continue;
            }
            count += 1;
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).map(drop);
            let mut lines = block.text.lines().filter(|line| !line.is_empty());
            let outcome = read(&block.text).or_else(|_| lines.try_for_each(read));
            let name = &document.name;
            assert!(outcome.is_ok(), "{name}: {outcome:?}\n{}", block.text);
        }
    }
    assert!(count > 3, "only {count} objects were found");
}
