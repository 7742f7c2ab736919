//! The completion scripts, each in its own shell at a terminal: commands, their options, and every flag that takes a path.
//!
//! In place of the program, the shell runs a function that writes its arguments down: what is judged is what the program
//! would get.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use e2e::fleet::Balancer;
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::terminal::Terminal;
use e2e::{PATIENCE, eventually, tool};

use crate::world::World;

crate::tests![
    #[needs(Shells)]
    bash_completes,
    #[needs(Shells)]
    zsh_completes,
    #[needs(Shells)]
    fish_completes,
];

/// The flag with a directory of the server, where a shell cannot look.
const REMOTE: &str = "--below";

/// Where the arguments are written down.
const RECORD: &str = "record";

/// What is typed before flags: the words after the program, and those that print the help with the flags.
const PLACES: [(Program, &str, &str); 8] = [
    (Program::Client, "", "--help"),
    (Program::Client, "get ", "help get"),
    (Program::Client, "archive ", "help archive"),
    (Program::Client, "w24ft ", "help w24ft"),
    (Program::Fileserver, "", "--help"),
    (Program::Balancer, "", "--help"),
    (Program::Balancer, "ctl ", "ctl --help"),
    (Program::Collector, "", "--help"),
];

/// A shell, set up as the documentation says.
struct Shell {
    name: &'static str,
    /// The script of a program, below the home directory.
    script: fn(&str) -> String,
    /// What it reads at its start, and where that is below the home directory.
    start: (&'static str, &'static str),
    arguments: &'static [&'static str],
    /// Defines a function in place of a program.
    stub: fn(&str) -> String,
}

const BASH: Shell = Shell {
    name: "bash",
    script: |program| format!(".local/share/bash-completion/completions/{program}"),
    start: (".bashrc", ". /usr/share/bash-completion/bash_completion\n"),
    arguments: &["--noprofile", "-i"],
    stub: posix_stub,
};

const ZSH: Shell = Shell {
    name: "zsh",
    script: |program| format!(".zfunc/_{program}"),
    start: (
        ".zshrc",
        "fpath+=(~/.zfunc)\nautoload -Uz compinit\ncompinit -u\n",
    ),
    arguments: &["-d", "-i"],
    stub: posix_stub,
};

const FISH: Shell = Shell {
    name: "fish",
    script: |program| format!(".config/fish/completions/{program}.fish"),
    start: (".config/fish/config.fish", "set -g fish_greeting\n"),
    arguments: &["-i"],
    stub: |program| {
        format!("function {program}; printf '%s\\n' $argv > new; mv new {RECORD}; end\n")
    },
};

fn posix_stub(program: &str) -> String {
    format!("{program}() {{ printf '%s\\n' \"$@\" > new; mv new {RECORD}; }}\n")
}

/// A flag and whether it takes a directory.
struct Flag {
    name: String,
    is_directory: bool,
}

/// The flags that take a path, as help shows them: `--config <FILE>`, `-o, --output FILE|DIR`.
fn flags(program: Program, help: &str) -> Vec<Flag> {
    let text = tool::output(Command::new(program.path()).args(help.split(' ')));
    let text = String::from_utf8(text).unwrap();
    let pattern = regex::Regex::new(r"(--[a-z-]+)[ =]<?([A-Z|]*)").unwrap();
    pattern
        .captures_iter(&text)
        .filter(|found| &found[1] != REMOTE)
        .filter(|found| {
            found[2]
                .split('|')
                .any(|name| ["FILE", "DIR"].contains(&name))
        })
        .map(|found| Flag {
            name: found[1].to_owned(),
            is_directory: &found[2] == "DIR",
        })
        .collect()
}

fn bash_completes(_: &World) {
    completes(&BASH);
}

fn zsh_completes(_: &World) {
    completes(&ZSH);
}

fn fish_completes(_: &World) {
    completes(&FISH);
}

fn completes(shell: &Shell) {
    let home = home(shell);
    let mut terminal = start(shell, home.path());
    completes_commands(shell, &mut terminal, home.path());
    completes_words(shell, &mut terminal, home.path());
    completes_paths(shell, &mut terminal, home.path());
    completes_names(shell, &mut terminal, home.path());
    completes_redirections(shell, &mut terminal, home.path());
    completes_what_is_here(shell, &mut terminal, home.path());
}

/// Behind `<` and `>` stands a file, whatever the program takes there. What the program reads is written down.
fn completes_redirections(shell: &Shell, terminal: &mut Terminal, home: &Path) {
    fs::write(home.join("loc list.txt"), "").unwrap();
    for keys in [
        "netsocket < l\tx y\r",
        "netsocket --json < l\tx y\r",
        "netsocket --config set.toml < l\tx y\r",
        "netsocket ls <l\tx y\r",
        "netsocket ls > l\tx y\r",
        "netsocket-balancer > l\tx y\r",
        "netsocket-balancer ctl status 2> l\tx y\r",
        "netsocket-fileserver > l\tx y\r",
    ] {
        let got = performed(terminal, home, keys);
        // A word that was not completed is an argument of its own.
        assert!(got.ends_with("x\ny\n"), "{}: {keys:?}: {got}", shell.name);
        assert!(!got.contains("list"), "{}: {keys:?}: {got}", shell.name);
    }
    assert!(!home.join("l").exists() && !home.join("ls").exists());
    fs::remove_file(home.join("loc list.txt")).unwrap();
}

/// Files of this machine are offered where they are meant, and not in place of names on the server.
fn completes_what_is_here(shell: &Shell, terminal: &mut Terminal, home: &Path) {
    fs::write(home.join("loc.txt"), "").unwrap();
    fs::create_dir(home.join("locals")).unwrap();
    for (typed, got) in [
        ("stat loc.\t", "stat loc."),
        ("cat loc.\t", "cat loc."),
        ("ls -l loc.\t", "ls -l loc."),
        ("find --below loc\t", "find --below loc"),
        ("w24fn loc.\t", "w24fn loc."),
        ("dirlist loc.\t", "dirlist loc."),
        ("--server loc.\t", "--server loc."),
        ("get loc.\t", "get loc."),
        ("--server a:1 get loc.\t", "--server a:1 get loc."),
        ("archive loc.\t", "archive loc."),
        ("get x loc.\t", "get x loc.txt"),
        (
            "--server a:1 get x -f loc.\t",
            "--server a:1 get x -f loc.txt",
        ),
        ("get -o loc.\t", "get -o loc.txt"),
        ("-o loc.\t", "-o loc.txt"),
        ("--config loc.\t", "--config loc.txt"),
        ("archive --extract loc\t", "archive --extract locals/"),
        ("lcd loc\t", "lcd locals/"),
        ("lls -l loc\t", "lls -l locals/"),
        ("lmkdir loc\t", "lmkdir locals/"),
    ] {
        let said = performed(terminal, home, &format!("netsocket {typed}\r"));
        let want = got.replace(' ', "\n") + "\n";
        // zsh takes away a slash that it has added.
        let is_right = said == want || (shell.name == "zsh" && said == want.replace("/\n", "\n"));
        assert!(is_right, "{}: {typed:?}: {said}", shell.name);
    }
    fs::remove_file(home.join("loc.txt")).unwrap();
    fs::remove_dir(home.join("locals")).unwrap();
}

/// Names that only the running balancer knows; where it does not answer, nothing, and no files.
fn completes_names(shell: &Shell, terminal: &mut Terminal, home: &Path) {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let balancer = Balancer::start("", &[("alpha", nowhere), ("beta", nowhere)], None);
    let admin = balancer.admin.0;
    for (typed, got) in [
        (
            format!("--admin {admin} ctl drain al\t"),
            format!("--admin {admin} ctl drain alpha"),
        ),
        (
            format!("ctl drain --admin={admin} --wait be\t"),
            format!("ctl drain --admin={admin} --wait beta"),
        ),
        (
            format!("ctl --admin {admin} kill --backend al\t"),
            format!("ctl --admin {admin} kill --backend alpha"),
        ),
        (
            format!("ctl --admin {admin} add def\t"),
            format!("ctl --admin {admin} add default"),
        ),
        (
            format!("ctl --admin {admin} drain my\t"),
            format!("ctl --admin {admin} drain my"),
        ),
        (
            format!("ctl --admin {nowhere} drain my\t"),
            format!("ctl --admin {nowhere} drain my"),
        ),
        ("ctl relay sp\t".to_owned(), "ctl relay splice".to_owned()),
        ("ctl status my\t".to_owned(), "ctl status my".to_owned()),
        // What is not for people is not offered.
        ("complete-w\t".to_owned(), "complete-w".to_owned()),
    ] {
        let keys = format!("netsocket-balancer {typed}\r");
        let said = performed(terminal, home, &keys);
        assert_eq!(
            said,
            got.replace(' ', "\n") + "\n",
            "{}: {keys:?}",
            shell.name
        );
    }
}

/// A command, an option of it, and one of the words that this takes.
fn completes_commands(shell: &Shell, terminal: &mut Terminal, home: &Path) {
    for (keys, begin, end) in [
        ("netsocket fin\t--lar\t1M\r", "find\n--larger", "1M\n"),
        (
            "netsocket find --sort mod\t\r",
            "find\n--sort\n",
            "modified\n",
        ),
        (
            "netsocket get a b --no-re\t\r",
            "get\na\nb\n",
            "--no-resume\n",
        ),
        ("netsocket ls docs --lon\t\r", "ls\ndocs\n", "--long\n"),
        ("netsocket get --fo\t\r", "get\n", "--force\n"),
        // By another name.
        ("netsocket mge\t--fo\t\r", "mget\n", "--force\n"),
        ("netsocket dir --lon\t\r", "dir\n", "--long\n"),
        ("netsocket dir --con\t\r", "dir\n", "--con\n"),
        // A place on this machine.
        ("netsocket get x my\t\r", "get\nx\nmy files", "\n"),
        ("netsocket mget x -f my\t\r", "mget\nx\n-f\nmy files", "\n"),
        (
            "netsocket-balancer ct\tdrai\t--dead\t9s\r",
            "ctl\ndrain\n--deadline",
            "9s\n",
        ),
    ] {
        let got = performed(terminal, home, keys);
        let shell = shell.name;
        assert!(
            got.starts_with(begin) && got.ends_with(end),
            "{shell}: {got}"
        );
    }
}

/// Where one of some words is meant, no file is offered, not even the one that begins like it.
fn completes_words(shell: &Shell, terminal: &mut Terminal, home: &Path) {
    fs::write(home.join("zebra"), "").unwrap();
    for program in Program::ALL {
        let keys = format!("{} completions z\t\r", program.name());
        let got = performed(terminal, home, &keys);
        assert_eq!(got, "completions\nzsh\n", "{}: {keys:?}", shell.name);
    }
    fs::remove_file(home.join("zebra")).unwrap();
}

fn completes_paths(shell: &Shell, terminal: &mut Terminal, home: &Path) {
    let mut count = 0;
    for (program, words, help) in PLACES {
        for Flag { name, is_directory } in flags(program, help) {
            let (key, file) = if is_directory {
                ("a", "my files/another dir/")
            } else {
                ("k", "my files/key file.pem")
            };
            for (sign, expected) in [
                (" ", format!("{name}\n{file}\n")),
                ("=", format!("{name}={file}\n")),
            ] {
                let program = program.name();
                let keys = format!("{program} {words}{name}{sign}my\t{key}\t\r");
                // zsh takes away a slash that it has added.
                let got = performed(terminal, home, &keys).replace("dir\n", "dir/\n");
                let words = words.replace(' ', "\n");
                assert_eq!(
                    got,
                    format!("{words}{expected}"),
                    "{}: {keys:?}",
                    shell.name
                );
                count += 1;
            }
        }
    }
    // Six flags of the client, five of the file server, and two or more of the others.
    assert!(count >= 2 * 13, "{count}");
}

/// A home directory with the scripts of all programs, and a file and a directory with blanks in their names.
fn home(shell: &Shell) -> Scratch {
    let home = Scratch::new("shell");
    let put = |path: &str, text: &[u8]| {
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("my files/key file.pem", b"");
    put("my files/another dir/x", b"");
    let (file, text) = shell.start;
    let mut start = text.to_owned();
    for program in Program::ALL {
        let script = tool::output(Command::new(program.path()).args(["completions", shell.name]));
        put(&(shell.script)(program.name()), &script);
        start += &(shell.stub)(program.name());
    }
    put(file, start.as_bytes());
    home
}

fn start(shell: &Shell, home: &Path) -> Terminal {
    let programs = Program::Balancer.path();
    let programs = programs.parent().unwrap();
    let mut command = Command::new(shell.name);
    command
        .args(shell.arguments)
        // The stubs stand before the programs; only what asks for names passes them by.
        .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
        .env("HOME", home)
        .env("TERM", "xterm")
        .env("LC_ALL", "C.UTF-8")
        .current_dir(home);
    Terminal::start(&command)
}

/// Types a line and gives back the arguments of the function, one a line.
fn performed(terminal: &mut Terminal, home: &Path, keys: &str) -> String {
    terminal.wait_for_line_editor();
    terminal.press(keys);
    let record = home.join(RECORD);
    let shown = || terminal.shown();
    let got = eventually(PATIENCE, &format!("{keys:?} on {:?}", shown()), || {
        fs::read_to_string(&record).ok()
    });
    fs::remove_file(&record).unwrap();
    got
}
