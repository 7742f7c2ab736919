//! What the documents say can be done: links lead somewhere, configurations are taken by the programs that they are for, and
//! flags of command lines are known.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::PATIENCE;
use e2e::influx::TOKEN;
use e2e::process::{Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;

use crate::world::World;

crate::tests![
    links_lead_somewhere,
    configurations_are_taken,
    #[needs(Peers)]
    configurations_of_others_are_taken,
    flags_are_known,
    objects_can_be_read,
];

/// What stands before a block that is a whole configuration: `<!-- config: PROGRAM -->`.
const MARK: &str = "<!-- config: ";

struct Document {
    path: PathBuf,
    text: String,
}

/// A fenced block: the program that its mark names, the language behind the fence, and its lines.
struct Block<'a> {
    program: Option<&'a str>,
    language: &'a str,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn documents() -> Vec<Document> {
    let root = root();
    let mut all = Vec::new();
    let mut directories = vec![root.join("docs")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                all.push(path);
            }
        }
    }
    all.extend(["README.md", "CHANGELOG.md"].map(|name| root.join(name)));
    all.sort();
    let read = |path: PathBuf| Document {
        text: fs::read_to_string(&path).unwrap(),
        path,
    };
    all.into_iter().map(read).collect()
}

impl Document {
    /// The fenced blocks.
    fn blocks(&self) -> Vec<Block<'_>> {
        let mut all = Vec::new();
        let mut open: Option<Block<'_>> = None;
        let mut mark = None;
        for line in self.text.lines() {
            let is_fence = line.trim_start().starts_with("```");
            match &mut open {
                Some(_) if is_fence => all.extend(open.take()),
                Some(block) => {
                    block.text += line;
                    block.text.push('\n');
                }
                None if is_fence => {
                    open = Some(Block {
                        program: mark.take(),
                        language: line.trim_start().trim_start_matches('`'),
                        text: String::new(),
                    });
                }
                None => {
                    let marked = line.strip_prefix(MARK);
                    let named = marked.and_then(|rest| rest.strip_suffix(" -->"));
                    // An empty line may stand between.
                    mark = named.or(mark.filter(|_| line.is_empty()));
                }
            }
        }
        all
    }

    /// What its headings are linked by.
    fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        let mut fenced = false;
        for line in self.text.lines() {
            fenced ^= line.trim_start().starts_with("```");
            let heading = line.trim_start_matches('#');
            if !fenced && heading.len() < line.len() && heading.starts_with(' ') {
                anchors.insert(anchor(heading.trim()));
            }
        }
        anchors
    }

    /// The targets of its links, outside of blocks and of words set as code.
    fn links(&self) -> Vec<&str> {
        let mut links = Vec::new();
        let mut fenced = false;
        for line in self.text.lines() {
            fenced ^= line.trim_start().starts_with("```");
            let parts = if fenced { "" } else { line }.split("](").skip(1);
            links.extend(parts.filter_map(|part| part.split_once(')').map(|(target, _)| target)));
        }
        links
    }
}

/// As the usual viewers form it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|character| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        _ if character.is_alphanumeric() => Some(character.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
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
            let target = match file {
                "" => document.path.clone(),
                file => document.path.parent().unwrap().join(file),
            };
            let target = target.canonicalize().ok();
            let has_part = part.is_empty()
                || all.iter().any(|other| {
                    target.as_deref() == Some(&other.path) && other.anchors().contains(part)
                });
            if target.is_none() || !has_part {
                lost.push(format!("{}: {link}", document.path.display()));
            }
        }
    }
    assert!(count > 50, "only {count} links were found");
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

/// Every marked block of this program, through `check`, which says what is wrong.
fn check(program: &str, check: impl Fn(&str) -> Option<String>) {
    let mut count = 0;
    for document in documents() {
        for block in document.blocks() {
            if block.program == Some(program) {
                count += 1;
                if let Some(problem) = check(&block.text) {
                    let path = document.path.display();
                    panic!("{path}: {program} refuses\n{}\n{problem}", block.text);
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
const KEYS: &str = "configuration.md";

fn configurations_are_taken(_: &World) {
    let scratch = Scratch::new("documents");
    let mut count = 0;
    for document in documents() {
        if document.path.ends_with(KEYS) {
            continue;
        }
        for block in document.blocks() {
            if block.language != "toml" {
                continue;
            }
            count += 1;
            let file = scratch.write("balancer.toml", &block.text);
            let mut command = clean_command(Program::Balancer.path());
            command.arg("--check-config").arg("--config").arg(file);
            let problem = problem(command).unwrap_or_default();
            let path = document.path.display();
            assert!(problem.is_empty(), "{path}: {}\n{problem}", block.text);
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

/// The long flags of a program, its subcommands' included.
fn known(program: Program, words: &[&str]) -> String {
    let mut command = clean_command(program.path());
    command.env("INFLUXDB_TOKEN", TOKEN);
    command.args(words).arg("--help");
    String::from_utf8(Ran::of(command, PATIENCE).stdout).unwrap()
}

fn flags_are_known(_: &World) {
    let mut unknown = Vec::new();
    let mut count = 0;
    for document in documents() {
        for block in document.blocks() {
            for line in block.text.lines() {
                let Some(line) = line.trim_start().strip_prefix("$ ") else {
                    continue;
                };
                let mut words = line.split_whitespace();
                let Some(name) = words.next() else { continue };
                let Some(program) = Program::ALL.into_iter().find(|known| known.name() == name)
                else {
                    continue;
                };
                let words: Vec<&str> = words.take_while(|word| *word != "|").collect();
                let subcommand = words.iter().take_while(|word| !word.starts_with('-'));
                let path: Vec<&str> = subcommand.copied().take(2).collect();
                // The help of what the first words name, as far as they name something.
                let help: String = (0..=path.len())
                    .map(|n| known(program, &path[..n]))
                    .collect();
                for flag in words.iter().filter(|word| word.starts_with("--")) {
                    count += 1;
                    let flag = flag.split('=').next().unwrap_or(flag);
                    if !help.contains(flag) {
                        unknown.push(format!("{}: {line}: {flag}", document.path.display()));
                    }
                }
            }
        }
    }
    assert!(count > 10, "only {count} flags were found");
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
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
            let path = document.path.display();
            assert!(outcome.is_ok(), "{path}: {outcome:?}\n{}", block.text);
        }
    }
    assert!(count > 3, "only {count} objects were found");
}
