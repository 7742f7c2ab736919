//! `netsocket-balancer ctl` and `health` where a file of settings says which balancer is meant, and the file as what `ctl` writes.

use std::io::Write as _;
use std::path::Path;
use std::process::Output;

use tokio::task::spawn_blocking;

use crate::ctl::{ctl, done, echo, said};
use crate::peers::Echo;
use crate::process::{Program, program};
use crate::running::soon;
use crate::services::start;

/// Runs the program with this file of settings.
async fn with_file(file: &Path, arguments: &[&str]) -> Output {
    let mut command = program();
    command.arg("--config").arg(file).args(arguments);
    let run = spawn_blocking(move || command.output().unwrap());
    soon(run).await.unwrap()
}

#[tokio::test]
async fn the_address_and_the_token_come_from_the_settings_too() {
    let (balancer, _echo) = echo().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("balancer.toml");
    std::fs::write(&file, format!("admin = '{}'\n", balancer.admin)).unwrap();
    let run = async |arguments: Vec<String>, variable: Option<String>| {
        let mut command = program();
        command.args(arguments);
        if let Some(address) = variable {
            command.env("NETSOCKET_ADMIN", address);
        }
        let output = soon(spawn_blocking(move || command.output().unwrap()))
            .await
            .unwrap();
        output.status.code()
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let config = format!("ctl status --config {}", file.display());
    assert_eq!(run(words(&config), None).await, Some(0));
    let config = format!("--config {} ctl status", file.display());
    assert_eq!(run(words(&config), None).await, Some(0));
    let address = balancer.admin.to_string();
    assert_eq!(run(words("ctl status"), Some(address)).await, Some(0));
    assert_eq!(
        run(words("ctl status"), Some("nowhere".into())).await,
        Some(2)
    );
}

/// A shell empties the file of `> FILE` before `ctl` reads it.
#[tokio::test]
async fn the_file_of_the_settings_is_saved_over_but_not_when_it_is_empty() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let settings = format!(
        "listen = '127.0.0.1:0'\nbackends = ['a={}', 'b={}']\n",
        a.address, b.address
    );
    let balancer = start(&settings).await;
    balancer.up(2).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("balancer.toml");
    std::fs::write(&file, format!("admin = '{}'\n", balancer.admin)).unwrap();
    let run = async |arguments: &[&str]| with_file(&file, arguments).await;
    let shown = file.to_str().unwrap();
    let output = run(&["ctl", "save", "-o", shown]).await;
    let expected = format!("netsocket-balancer: wrote {shown}\n");
    assert_eq!(said(&output), (Some(0), "", expected.as_str()));
    let saved = std::fs::read_to_string(&file).unwrap();
    assert_eq!(saved, done(balancer.admin, &["save"]).await);
    assert!(saved.contains("backends = "), "{saved}");

    std::fs::write(&file, "").unwrap();
    for arguments in [&["ctl", "save"][..], &["ctl", "status"], &["health"]] {
        let output = run(arguments).await;
        let (code, out, error) = said(&output);
        assert_eq!((code, out), (Some(2), ""));
        assert!(
            error.contains("says nothing, so it is not known which balancer is meant"),
            "{error}"
        );
    }
    // The last one of a pool, by its name.
    done(balancer.admin, &["remove", "a"]).await;
    let output = ctl(balancer.admin, &["remove", "b"]).await;
    let expected = "netsocket-balancer: b is the last backend of pool default and stays: `ctl drain b` keeps new sessions away\n";
    assert_eq!(said(&output), (Some(1), "", expected));
    let output = ctl(balancer.admin, &["remove-service", "default"]).await;
    assert!(
        said(&output)
            .2
            .contains("service default cannot be removed at run time: it is what `listen` and `backends` at the top")
    );
}

/// `ctl` and `health` with a file in which everything else may be wrong.
#[tokio::test]
async fn an_invalid_file_does_not_prevent_queries() {
    let (balancer, _echo) = echo().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("balancer.toml");
    let run = async |words: &str, text: &str| {
        std::fs::write(&file, text).unwrap();
        with_file(&file, &words.split(' ').collect::<Vec<_>>()).await
    };
    let admin = format!("admin = '{}'\n", balancer.admin);
    for (wrong, told) in [
        (
            "lissten = 'x'\n",
            "lissten: unknown key; run --check-config to see all problems",
        ),
        (
            "lissten = 'x'\nzeal = 1\n",
            "lissten: unknown key, and 1 more; run --check-config to see all problems",
        ),
        (
            "workers = [1]\n",
            ":1:1: workers: a single value, not a list; run --check-config to see all problems",
        ),
        (
            "connect_timeout = \n",
            "run --check-config to see all problems",
        ),
    ] {
        for words in ["ctl drain echo", "ctl ready echo", "health"] {
            let output = run(words, &format!("{wrong}{admin}")).await;
            let (code, out, error) = said(&output);
            assert_eq!(code, Some(0), "{words}, {wrong}: {error}");
            assert!(out.starts_with("echo: ") || out == "ok\n", "{out}");
            let expected = format!("netsocket-balancer: warning: {}:1:", file.display());
            assert!(
                error.starts_with(&expected) && error.contains(told),
                "{error}"
            );
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
    // Where the balancer is cannot be known: then that is asked for, and nothing else.
    for text in [
        "admin = 'nowhere'\n",
        "admin = [\n",
        "admin = 7\nlissten = 'x'\n",
    ] {
        for words in ["ctl status", "health"] {
            let output = run(words, text).await;
            let (code, _, error) = said(&output);
            assert_eq!(code, Some(2), "{words}, {text}: {error}");
            assert!(
                error.contains(
                    "netsocket-balancer: --admin: says where the balancer is, whatever the settings say: "
                ),
                "{error}"
            );
        }
        let words = format!("ctl --admin {} status", balancer.admin);
        let output = run(&words, text).await;
        let (code, out, error) = said(&output);
        assert_eq!(code, Some(0), "{error}");
        assert!(out.starts_with("balancer     ready, "), "{out}");
        assert!(
            error.starts_with("netsocket-balancer: warning: "),
            "{error}"
        );
        let words = format!("health --admin {}", balancer.admin);
        assert_eq!(said(&run(&words, text).await).0, Some(0));
    }
    std::fs::remove_file(&file).unwrap();
    let mut command = program();
    command.args(["ctl", "status", "--config"]).arg(&file);
    let output = soon(spawn_blocking(move || command.output().unwrap()))
        .await
        .unwrap();
    let (code, _, error) = said(&output);
    assert_eq!(code, Some(2));
    assert!(
        error.contains("cannot be read") && error.contains("--admin"),
        "{error}"
    );
}

/// Its answer says everything about the file.
#[tokio::test]
async fn a_reload_warns_of_no_problem_that_it_tells_anyway() {
    let (balancer, _echo) = echo().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "admin = '{}'\nlissten = 'x'\n", balancer.admin).unwrap();
    for (action, warns) in [("status", true), ("reload", false)] {
        let output = with_file(file.path(), &["ctl", action]).await;
        let (code, _, error) = said(&output);
        assert_eq!(code, Some(0), "{error}");
        assert_eq!(error.contains("lissten"), warns, "{error}");
    }
}

/// It is compared with its flags, and what is saved says how to use it.
#[tokio::test]
async fn a_balancer_without_a_file_says_so() {
    let echo = Echo::start("echo").await;
    let balancer = Program::start(echo.address);
    let admin = balancer.admin.tcp().unwrap();
    let flags = "its flags and environment (it has no settings file)\n";
    let same = format!("the running settings are those of {flags}");
    assert_eq!(done(admin, &["diff"]).await, same);
    let states = format!("{same}weights and drains set by ctl are not compared\n");
    let name = "echo";
    for (set, undo) in [
        (&["weight", name, "5"][..], &["weight", name, "1"][..]),
        (&["drain", name], &["ready", name]),
        (&["maintenance", name], &["ready", name]),
    ] {
        done(admin, set).await;
        assert_eq!(done(admin, &["diff"]).await, states, "{set:?}");
        done(admin, undo).await;
        assert_eq!(done(admin, &["diff"]).await, same, "{undo:?}");
    }
    let add = format!("more={}", echo.address);
    done(admin, &["add", &add]).await;
    let output = ctl(admin, &["diff"]).await;
    let told = format!("netsocket-balancer: compared with {flags}");
    let line = "backend more added\n";
    assert_eq!(said(&output), (Some(0), line, told.as_str()));
    let saved = done(admin, &["save"]).await;
    assert!(saved.starts_with("# From a balancer"), "{saved}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(saved.as_bytes()).unwrap();
    let output = with_file(file.path(), &["--check-config"]).await;
    assert_eq!(said(&output).0, Some(0), "{saved}");
}
