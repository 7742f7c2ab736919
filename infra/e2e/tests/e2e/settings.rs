//! Settings of all four programs: what is right is said in one line, what is wrong names the thing and ends with 2.

use std::process::Command;

use e2e::PATIENCE;
use e2e::influx::TOKEN;
use e2e::process::{Process, Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;

use crate::world::World;

crate::tests![
    versions,
    right_settings,
    variables_that_are_misspelt_are_warnings,
    a_start_warns_of_variables_that_are_misspelt,
    a_check_of_a_collector_says_that_a_token_is_missing,
    no_program_takes_a_variable_of_another_for_a_slip,
    names_without_an_address_are_warnings,
    warnings_come_with_problems,
    a_log_level_that_would_silence_a_program_is_refused,
    what_stops_a_start_stops_the_check,
    unknown_keys,
    wrong_values_are_named_together,
    flags_beat_environment_beats_file,
    unknown_flags,
];

/// A program with a home of its own and what it cannot do without.
fn program(program: Program, home: &Scratch) -> Command {
    let mut command = clean_command(program.path());
    command.env("HOME", home.path());
    match program {
        Program::Balancer => command.args(["--backend", "server=127.0.0.1:9000"]),
        Program::Collector => command.env("INFLUXDB_TOKEN", TOKEN),
        // On all addresses, where it listens by default, it warns.
        Program::Fileserver => command.env("NETSOCKET_LISTEN", "127.0.0.1:9000"),
        Program::Client => &mut command,
    };
    command
}

fn run(mut command: Command, words: &[&str]) -> Ran {
    command.args(words);
    Ran::of(command, PATIENCE)
}

fn versions(_: &World) {
    let home = Scratch::new("home");
    for each in Program::ALL {
        let ran = run(program(each, &home), &["--version"]);
        let said = String::from_utf8(ran.stdout).unwrap();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(
            said.starts_with(each.name()) && said.lines().count() == 1,
            "{said}"
        );
    }
}

fn right_settings(_: &World) {
    let home = Scratch::new("home");
    let file = home.write("right.toml", "log = 'warn'\nlog_format = 'json'\n");
    for each in Program::ALL {
        for words in [
            &["--check-config"][..],
            &["--check-config", "--config", file.to_str().unwrap()],
        ] {
            let ran = run(program(each, &home), words);
            let said = [String::from_utf8(ran.stdout).unwrap(), ran.stderr].concat();
            assert_eq!(ran.code, Some(0), "{}: {said}", each.name());
            assert_eq!(said.lines().count(), 1, "{}: {said}", each.name());
            assert!(said.starts_with("OK: "), "{}: {said}", each.name());
        }
    }
}

fn variables_that_are_misspelt_are_warnings(_: &World) {
    let home = Scratch::new("home");
    for each in Program::ALL {
        let mut command = program(each, &home);
        command
            .env("NETSOCKET_LOG_FROMAT", "json")
            .env("NETSOCKET_FOO", "1");
        let ran = run(command, &["--check-config"]);
        let expected = format!(
            "{}: warning: NETSOCKET_LOG_FROMAT: no such setting; did you mean NETSOCKET_LOG_FORMAT?\n",
            each.name()
        );
        assert_eq!((ran.code, ran.stderr), (Some(0), expected));
    }
}

/// Also where nobody has checked before.
fn a_start_warns_of_variables_that_are_misspelt(_: &World) {
    for each in [Program::Balancer, Program::Fileserver, Program::Collector] {
        let home = Scratch::new("home");
        let mut command = program(each, &home);
        command.env("NETSOCKET_LOG_FROMAT", "json");
        match each {
            Program::Collector => command.args(["--admin=127.0.0.1:0", "--kafka=127.0.0.1:1"]),
            Program::Balancer => command.args(["--listen=127.0.0.1:0", "--admin=127.0.0.1:0"]),
            _ => command.arg("--listen=127.0.0.1:0"),
        };
        let mut process = Process::start(each.name(), command, home);
        process.logs("NETSOCKET_LOG_FROMAT: no such setting; did you mean NETSOCKET_LOG_FORMAT?");
    }
}

/// A collector is checked where its token is not.
fn a_check_of_a_collector_says_that_a_token_is_missing(_: &World) {
    let home = Scratch::new("home");
    let mut command = clean_command(Program::Collector.path());
    command.env("HOME", home.path());
    let ran = run(command, &["--check-config", "--kafka=127.0.0.1:9092"]);
    let expected =
        "netsocket-collector: warning: INFLUXDB_TOKEN is not set: a start needs it\n".to_owned();
    assert_eq!((ran.code, ran.stderr), (Some(0), expected));
}

/// All of them may be set in one environment.
fn no_program_takes_a_variable_of_another_for_a_slip(_: &World) {
    let home = Scratch::new("home");
    let pattern = regex::Regex::new("NETSOCKET_[A-Z0-9_]*[A-Z0-9]").unwrap();
    let mut names = std::collections::BTreeSet::new();
    for page in [
        "docs/configuration.md",
        "docs/limits.md",
        "docs/client.md",
        "docs/telemetry.md",
        "docs/tls.md",
    ] {
        let text = e2e::files::text(page);
        names.extend(pattern.find_iter(&text).map(|it| it.as_str().to_owned()));
    }
    assert!(names.len() > 70, "{names:?}");
    for each in Program::ALL {
        let mut command = program(each, &home);
        // Not set is what is empty.
        command.envs(names.iter().map(|name| (name, "")));
        if each == Program::Fileserver {
            command.arg("--listen=127.0.0.1:9000");
        }
        let ran = run(command, &["--check-config"]);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(0), ""),
            "{}",
            each.name()
        );
    }
}

/// The system refuses a label this long without a question to the network.
fn names_without_an_address_are_warnings(_: &World) {
    let home = Scratch::new("home");
    let host = format!("{}.example", "x".repeat(64));
    for (each, flags, count) in [
        (
            Program::Balancer,
            format!("--backend=a={host}:1 --backend=b=127.0.0.1:1 --kafka={host}:9092"),
            2,
        ),
        (
            Program::Fileserver,
            format!("--listen=127.0.0.1:1 --kafka={host}:9092,127.0.0.1:1"),
            1,
        ),
        (
            Program::Collector,
            format!("--kafka={host}:9092 --influx-url=http://{host}:8086"),
            2,
        ),
        (Program::Client, format!("--server={host}:1,127.0.0.1:1"), 1),
    ] {
        let mut command = clean_command(each.path());
        command
            .env("HOME", home.path())
            // Without it the collector has one more.
            .env("INFLUXDB_TOKEN", TOKEN)
            .arg("--check-config")
            .args(flags.split(' '));
        let ran = Ran::of(command, PATIENCE);
        let said = String::from_utf8(ran.stdout).unwrap();
        assert!(
            ran.code == Some(0) && said.contains("OK"),
            "{said}{}",
            ran.stderr
        );
        let warning = format!(": cannot resolve {host}: ");
        let warnings: Vec<&str> = ran.stderr.lines().collect();
        assert_eq!(warnings.len(), count, "{}: {}", each.name(), ran.stderr);
        for line in warnings {
            assert!(
                line.contains("warning: ") && line.contains(&warning),
                "{line}"
            );
        }
    }
}

/// Who mends a file wants to know all of it in one run.
fn warnings_come_with_problems(_: &World) {
    let home = Scratch::new("home");
    let host = format!("{}.example", "x".repeat(64));
    let file = home.write("wrong.toml", "log_format = 'xml'\n");
    for (each, flag) in [
        (Program::Balancer, format!("--backend=b={host}:1")),
        (Program::Fileserver, format!("--kafka={host}:9092")),
        (Program::Collector, format!("--kafka={host}:9092")),
    ] {
        let mut command = program(each, &home);
        command.env("NETSOCKET_LOG_FROMAT", "json");
        command.arg(flag).arg("--config").arg(&file);
        let ran = run(command, &["--check-config"]);
        let lines: Vec<&str> = ran.stderr.lines().collect();
        assert_eq!((ran.code, lines.len()), (Some(2), 3), "{}", ran.stderr);
        assert!(lines[0].contains("warning: NETSOCKET_LOG_FROMAT"));
        assert!(lines[1].contains("warning: ") && lines[1].contains("cannot resolve"));
        assert!(lines[2].contains("log_format = \"xml\": text or json"));
    }
}

fn a_log_level_that_would_silence_a_program_is_refused(_: &World) {
    let home = Scratch::new("home");
    let file = home.write("wrong.toml", "log = 'warning'\n");
    let file = file.to_str().unwrap();
    for each in Program::ALL {
        for words in [
            &["--config", file][..],
            &["--config", file, "--check-config"],
        ] {
            let ran = run(program(each, &home), words);
            assert_eq!(ran.code, Some(2), "{}: {}", each.name(), ran.stderr);
            let place = format!("{file}:1:1: log = \"warning\": error, warn, info");
            assert!(ran.stderr.contains(&place), "{}", ran.stderr);
            assert!(
                ran.stderr.trim_end().ends_with("; did you mean warn?"),
                "{}",
                ran.stderr
            );
        }
        let mut command = program(each, &home);
        command.env("NETSOCKET_LOG", "info,hyper=warn");
        assert_eq!(run(command, &["--check-config"]).code, Some(0));
    }
}

/// Each with the line that it is on, by `--check-config` and by a start.
fn what_stops_a_start_stops_the_check(_: &World) {
    let home = Scratch::new("home");
    let here = home.path().display();
    home.write("empty", "");
    home.write("plain", "pbkdf2-sha256:1:half\n");
    for (key, value, reason) in [
        ("admin_token_file", "nope", "no such file or directory"),
        ("admin_token_file", "empty", "contains no token"),
        ("admin_read_token_file", "nope", "no such file or directory"),
        ("admin_read_token_file", "plain", "not a hash"),
        ("pid_file", "nope/x", "nope: no such file or directory"),
        ("pid_file", ".", "is a directory, a file is needed"),
        ("access_log_target", "nope/x.log", "nope: no such file"),
        ("access_log.target", "plain/x.log", "is not a directory"),
        ("admin", "unix:nope/s", "nope: no such file or directory"),
        ("listen", "unix:nope/s", "nope: no such file or directory"),
    ] {
        let path = match value.strip_prefix("unix:") {
            Some(path) => format!("unix:{here}/{path}"),
            None => format!("{here}/{value}"),
        };
        // Of the last part of a key with dots.
        let column = key.find('.').map_or(1, |dot| dot + 2);
        let file = home.write("wrong.toml", format!("workers = 1\n{key} = '{path}'\n"));
        let file = file.to_str().unwrap();
        for words in [
            &["--config", file][..],
            &["--config", file, "--check-config"],
        ] {
            let ran = run(program(Program::Balancer, &home), words);
            assert_eq!(ran.code, Some(2), "{key}: {}", ran.stderr);
            let place = format!("netsocket-balancer: {file}:2:{column}: {key} = \"{path}\": ");
            assert!(
                ran.stderr.starts_with(&place) && ran.stderr.contains(reason),
                "{place} {reason}\n{}",
                ran.stderr
            );
        }
    }
    let one = "listen = '0.0.0.0:18081'\nadmin = '127.0.0.1:18081'\n";
    let file = home.write("wrong.toml", one);
    let words = &["--check-config", "--config", file.to_str().unwrap()];
    let ran = run(program(Program::Balancer, &home), words);
    let expected = format!(
        "netsocket-balancer: {}:2:1: admin = \"127.0.0.1:18081\": another address: service default listens for clients on \
         0.0.0.0:18081\n",
        file.display()
    );
    assert_eq!((ran.code, ran.stderr), (Some(2), expected));
}

fn unknown_keys(_: &World) {
    let home = Scratch::new("home");
    let file = home.write("wrong.toml", "lisen = '127.0.0.1:1'\nlog = 'warn'\n");
    let file = file.to_str().unwrap();
    for each in Program::ALL {
        for words in [
            &["--config", file][..],
            &["--config", file, "--check-config"],
        ] {
            let ran = run(program(each, &home), words);
            assert_eq!(ran.code, Some(2), "{}: {}", each.name(), ran.stderr);
            assert_eq!(
                ran.stderr.lines().count(),
                1,
                "{}: {}",
                each.name(),
                ran.stderr
            );
            assert!(
                ran.stderr.contains(file) && ran.stderr.contains("lisen"),
                "{}",
                ran.stderr
            );
        }
    }
}

fn wrong_values_are_named_together(_: &World) {
    let home = Scratch::new("home");
    let text = "check_interval = 'soon'\nworkers = -1\nidle_timeout = '2 parsecs'\n";
    let file = home.write("wrong.toml", text);
    let mut command = clean_command(Program::Balancer.path());
    command.args(["--backend", "a=127.0.0.1:1", "--backend", "a=127.0.0.1:2"]);
    command.args(["--backend", "b=nowhere", "--listen", "here"]);
    command.arg("--config").arg(file);
    let ran = Ran::of(command, PATIENCE);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    for named in [
        "check_interval",
        "soon",
        "workers",
        "-1",
        "idle_timeout",
        "parsecs",
        "nowhere",
        "--listen",
        "here",
    ] {
        assert!(ran.stderr.contains(named), "{named}: {}", ran.stderr);
    }
    // Six things are wrong: three in the file, a name given twice, an address without a port, a place to listen.
    assert!(ran.stderr.lines().count() >= 6, "{}", ran.stderr);
}

fn flags_beat_environment_beats_file(_: &World) {
    let home = Scratch::new("home");
    // Each place names another closed port; the client says which one it tried.
    let file = home.write("client.toml", "server = '127.0.0.1:1'\n");
    let base = || {
        let mut command = program(Program::Client, &home);
        command.arg("--config").arg(&file);
        command
    };
    let from_file = run(base(), &["dirlist", "-a"]);
    assert!(
        from_file.stderr.contains("127.0.0.1:1:"),
        "{}",
        from_file.stderr
    );
    assert_eq!(from_file.code, Some(3));
    let mut with_environment = base();
    with_environment.env("NETSOCKET_SERVER", "127.0.0.1:2");
    let from_environment = run(with_environment, &["dirlist", "-a"]);
    assert!(
        from_environment.stderr.contains("127.0.0.1:2:"),
        "{}",
        from_environment.stderr
    );
    let mut with_flag = base();
    with_flag.env("NETSOCKET_SERVER", "127.0.0.1:2");
    let from_flag = run(with_flag, &["--server", "127.0.0.1:3", "dirlist", "-a"]);
    assert!(
        from_flag.stderr.contains("127.0.0.1:3:"),
        "{}",
        from_flag.stderr
    );
}

fn unknown_flags(_: &World) {
    let home = Scratch::new("home");
    for each in Program::ALL {
        let ran = run(program(each, &home), &["--no-such-flag"]);
        assert_eq!(ran.code, Some(2), "{}: {}", each.name(), ran.stderr);
        assert!(ran.stderr.contains("--no-such-flag"), "{}", ran.stderr);
    }
}
