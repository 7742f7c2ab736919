//! Checks every command in README and docs, in blocks and in words set as code, with the program that can tell whether it is right: the
//! program itself, or the tool that reads its arguments. A command that no check knows is an error.
//!
//! The output in `console` blocks is compared in [`crate::walkthroughs`]; commands that are run there are not checked again here.

mod containers;
mod machines;
mod programs;
mod tasks;
mod tools;

use std::sync::LazyLock;

use e2e::console::{self, Example};
use e2e::files;
use e2e::markdown::{Block, Document, documents};
use e2e::shell::{Call, statements};
use e2e::tool;

use crate::walkthroughs;
use crate::world::World;

crate::tests![
    every_program_has_a_check,
    shells_read_it,
    tasks_are_known,
    tools_are_known,
    scripts_can_be_run,
    #[needs(Root)]
    our_programs_take_it,
    #[needs(Followed)]
    addresses_are_served,
    #[needs(DockerNetworks)]
    containers_can_be_made,
    #[needs(Systemd)]
    units_are_there,
    #[needs(Kubernetes)]
    clusters_have_it,
    #[needs(Release)]
    a_release_has_it,
    #[needs(Prometheus)]
    rules_are_checked,
];

/// A command as a reader sees it.
pub(crate) struct Typed {
    /// The page, from the root of the project.
    page: String,
    line: usize,
    /// As it is written.
    text: String,
    call: Call,
    /// Set as code within a sentence, where required arguments may be missing.
    is_named: bool,
}

/// Why a command is wrong.
type Verdict = Result<(), String>;

/// Languages of blocks that contain no commands.
const OTHER_LANGUAGES: [&str; 8] = [
    "haproxy", "hex", "ini", "json", "nginx", "text", "toml", "yaml",
];

/// Pages on which words set as code may be commands of the client's prompt.
const PROMPT_PAGES: [&str; 3] = ["README.md", "docs/client.md", "docs/transfer.md"];

/// The placeholders of a synopsis, and an example of each.
const PLACEHOLDERS: [(&str, &str); 13] = [
    ("CASE", "bulk1"),
    ("COMMAND", "ls"),
    ("DATE", "2024-01-01"),
    ("HOST:PORT", "127.0.0.1:1"),
    ("ID", "7"),
    ("MODE", "copy"),
    ("N", "3"),
    ("OPTION", ""),
    ("PART", "client"),
    ("SIZE1", "1"),
    ("SIZE2", "2"),
    ("TIME", "30s"),
    ("URL", "http://127.0.0.1:1"),
];

/// All commands, page by page.
static TYPED: LazyLock<Vec<Typed>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for page in documents() {
        if page.name == "CHANGELOG.md" {
            continue;
        }
        for block in page.blocks() {
            in_block(&page, &block, &mut all);
        }
        for (line, code) in page.code() {
            set_as_code(&page, line, &code, &mut all);
        }
    }
    all
});

fn in_block(page: &Document, block: &Block<'_>, all: &mut Vec<Typed>) {
    let place = format!("{}:{}", page.name, block.line);
    let unreadable = |error: String| -> Vec<_> { panic!("{place}: {error}") };
    let statements = match block.language {
        "sh" => statements(&block.text).unwrap_or_else(unreadable),
        "console" => {
            let examples = console::examples(&block.text);
            let examples = examples.unwrap_or_else(|error| panic!("{place}: {error}"));
            assert!(
                examples.iter().all(Example::shows_nothing)
                    || walkthroughs::is_followed(&page.name, block.heading),
                "{place}: no test compares this output with the real one"
            );
            examples
                .into_iter()
                .map(|example| example.statement)
                .collect()
        }
        other => {
            assert!(
                OTHER_LANGUAGES.contains(&other),
                "{place}: unknown language {other:?}; put commands into a block sh or console"
            );
            return;
        }
    };
    for statement in statements {
        if walkthroughs::follows(&page.name, block.heading, &statement) {
            continue;
        }
        all.extend(statement.calls.into_iter().map(|call| Typed {
            page: page.name.clone(),
            line: block.line,
            text: statement.text.clone(),
            call: as_oneself(call),
            is_named: false,
        }));
    }
}

/// Words set as code are a command if the first is a program that has a check, and there are more.
fn set_as_code(page: &Document, line: usize, code: &str, all: &mut Vec<Typed>) {
    let Ok(statements) = statements(&meant(code)) else {
        return;
    };
    for mut call in statements.into_iter().flat_map(|statement| statement.calls) {
        if call.words.len() < 2 || call.program().starts_with('-') {
            continue;
        }
        match call.program() {
            "ctl" | "health" => call.words.insert(0, "netsocket-balancer".to_owned()),
            name if PROMPT_PAGES.contains(&page.name.as_str())
                && programs::COMMANDS.contains(&name) =>
            {
                call.words.insert(0, "netsocket".to_owned());
            }
            _ => {}
        }
        let call = as_oneself(call);
        if is_judged(call.program()) {
            all.push(Typed {
                page: page.name.clone(),
                line,
                text: code.to_owned(),
                call,
                is_named: true,
            });
        }
    }
}

/// A synopsis as a command: with every optional word, and the first of each choice.
fn meant(code: &str) -> String {
    let words = code.split_whitespace().map(|word| {
        let word = word.replace(['[', ']', '…'], "").replace("...", "");
        let first = match word.as_str() {
            "|" => "|",
            word => word.split('|').next().unwrap_or_default(),
        };
        let known = PLACEHOLDERS.iter().find(|(name, _)| *name == first);
        known.map_or(first, |(_, value)| value).to_owned()
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Without the `sudo` before it.
fn as_oneself(mut call: Call) -> Call {
    if call.program() == "sudo" {
        call.words.remove(0);
    }
    call
}

/// The programs that have a check. Each list belongs to one of the tests above.
const JUDGED: [&[&str]; 10] = [
    tasks::PROGRAMS,
    programs::PROGRAMS,
    containers::PROGRAMS,
    machines::UNITS,
    machines::CLUSTERS,
    machines::PACKAGES,
    tools::SHELL,
    tools::SCRIPTS,
    tools::HTTP,
    tools::RULES,
];

fn is_judged(program: &str) -> bool {
    JUDGED.iter().any(|programs| programs.contains(&program))
}

/// Pages whose commands are covered by tests that do the same in another way: the page, the programs, and the tests.
const PROVED: [(&str, &[&str], &[&str]); 2] = [
    (
        "docs/several-balancers.md",
        &["birdc", "ip", "sysctl"],
        &["anycast::", "two_balancers::"],
    ),
    ("docs/http.md", &["curl"], &["http_tls::"]),
];

/// Whether the page of a command has such tests, and they are there.
fn is_proved(typed: &Typed) -> bool {
    let is_there = |tests: &&str| crate::names().iter().any(|test| test.starts_with(*tests));
    let mut proofs = PROVED.iter();
    proofs.any(|(page, programs, tests)| {
        *page == typed.page
            && programs.contains(&typed.call.program())
            && tests.iter().any(is_there)
    })
}

fn every_program_has_a_check(_: &World) {
    let mut wrong = Vec::new();
    for typed in TYPED.iter() {
        if !is_judged(typed.call.program()) && !is_proved(typed) {
            wrong.push(typed.complaint("no test checks this program"));
        }
        let files = typed
            .call
            .words
            .iter()
            .filter(|word| word.starts_with("infra/"));
        let mut lost = files.filter(|file| machines::found(file, &files::path("")).is_empty());
        wrong.extend(
            lost.next()
                .map(|file| typed.complaint(&format!("there is no {file}"))),
        );
    }
    assert!(
        TYPED.len() > 150,
        "only {} commands were found",
        TYPED.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The blocks as they are, loops and all.
fn shells_read_it(_: &World) {
    for page in documents() {
        for block in page.blocks().iter().filter(|block| block.language == "sh") {
            let mut bash = tool::tool("bash");
            let output = bash.args(["-n", "-c", &block.text]).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{}:{}: {said}",
                page.name,
                block.line
            );
        }
    }
}

impl Typed {
    fn complaint(&self, why: &str) -> String {
        let Self {
            page,
            line,
            text,
            call,
            ..
        } = self;
        format!(
            "{page}:{line}: {text}\n    {}: {}",
            call.words.join(" "),
            why.trim_end()
        )
    }
}

/// Checks every command of these programs.
fn judge(programs: &[&str], judge: impl Fn(&Typed) -> Verdict) {
    let all = || {
        TYPED
            .iter()
            .filter(|typed| programs.contains(&typed.call.program()))
            .filter(|typed| !is_proved(typed))
    };
    assert!(all().count() > 0, "no page uses {programs:?}");
    let wrong: Vec<String> = all()
        .filter_map(|typed| judge(typed).err().map(|why| typed.complaint(&why)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn tasks_are_known(_: &World) {
    judge(tasks::PROGRAMS, tasks::judge);
}

fn our_programs_take_it(_: &World) {
    judge(programs::PROGRAMS, |typed| {
        programs::judge(&typed.call, typed.is_named)
    });
}

fn containers_can_be_made(_: &World) {
    judge(containers::PROGRAMS, containers::judge);
}

fn units_are_there(_: &World) {
    judge(machines::UNITS, machines::unit);
}

fn clusters_have_it(_: &World) {
    judge(machines::CLUSTERS, machines::cluster);
}

fn a_release_has_it(world: &World) {
    judge(machines::PACKAGES, |typed| {
        machines::package(typed, world.release())
    });
}

fn tools_are_known(_: &World) {
    judge(tools::SHELL, tools::shell);
}

fn scripts_can_be_run(_: &World) {
    judge(tools::SCRIPTS, tools::script);
}

fn addresses_are_served(_: &World) {
    let asked = tools::Asked::start();
    judge(tools::HTTP, |typed| asked.answers(typed));
}

fn rules_are_checked(_: &World) {
    judge(tools::RULES, tools::rules);
}
