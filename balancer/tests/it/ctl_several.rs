//! `netsocket-balancer ctl` with several names: all of them are there, or nothing is changed.

use serde_json::Value;

use crate::ctl::{ctl, done, said};
use crate::peers::{Echo, Puppet};
use crate::running::Balancer;
use crate::services::start;

/// With a pool `files` beside the default one; nothing is gone before the end of the test.
async fn two_pools() -> (Balancer, Echo) {
    let echo = Echo::start("echo").await;
    let at = echo.address;
    let settings = format!(
        "listen = '127.0.0.1:0'\nbackends = ['a={at}', 'b={at}', 'c={at}']\n\
         [[pools]]\nname = 'files'\nbackends = ['a={at}', 'm={at}', 'n={at}']\n\
         [[pools]]\nname = 'p'\nbackends = ['x={at}']\n[[pools]]\nname = 'q'\nbackends = ['y={at}']\n"
    );
    let balancer = start(&settings).await;
    balancer.up(3).await;
    (balancer, echo)
}

fn states(json: &str) -> Vec<String> {
    let status: Value = serde_json::from_str(json).unwrap();
    let pools = status["pools"].as_array().unwrap().iter();
    let backends = pools.flat_map(|pool| pool["backends"].as_array().unwrap());
    let state = |it: &Value| format!("{} {} {}", it["name"], it["admin"], it["weight"]);
    backends.map(|it| state(it).replace('"', "")).collect()
}

#[tokio::test]
async fn several_backends_are_changed_by_one_command() {
    let (balancer, _echo) = two_pools().await;
    let admin = balancer.admin;
    for (words, line) in [
        (
            &["maintenance", "b", "files/a"][..],
            ": maintenance, weight 1; ",
        ),
        (
            &["drain", "b", "files/a", "--wait"],
            ": draining, weight 1; ",
        ),
        (&["ready", "b", "files/a"], ", weight 1; set to ready from "),
        (&["weight", "b", "files/a", "7"], ", weight 7\n"),
    ] {
        let out = done(admin, words).await;
        for name in ["b: ", "files/a: "] {
            let mut lines = out.split_inclusive('\n');
            let said = lines.find(|it| it.starts_with(name)).unwrap_or_default();
            assert!(said.contains(line), "{words:?}: {out}");
        }
        let waits = words.contains(&"--wait");
        assert_eq!(out.lines().count(), if waits { 4 } else { 2 }, "{out}");
    }
    // The same one, by two names.
    let twice = ["--json", "ready", "b", "default/b", "b"];
    assert_eq!(done(admin, &twice).await.lines().count(), 1);
}

#[tokio::test]
async fn a_wrong_name_among_others_changes_nothing() {
    let (balancer, _echo) = two_pools().await;
    let admin = balancer.admin;
    let before = states(&done(admin, &["--json", "backends"]).await);
    let known = "known backends: a, b, c, files/a, files/m, files/n, p/x, q/y\n";
    for words in [
        &["drain", "b", "x1", "c", "z9"][..],
        &["maintenance", "b", "x1", "z9"],
        &["ready", "x1", "z9"],
        &["weight", "b", "x1", "z9", "3"],
    ] {
        let output = ctl(admin, words).await;
        let mut expected = String::new();
        for name in ["x1", "z9"] {
            expected.push_str(&format!(
                "netsocket-balancer: no backend \"{name}\"; {known}"
            ));
        }
        expected.push_str("netsocket-balancer: nothing was changed\n");
        assert_eq!(said(&output), (Some(1), "", expected.as_str()), "{words:?}");
    }
    // Of two pools with one of that name.
    let output = ctl(admin, &["maintenance", "b", "a"]).await;
    let (code, _, error) = said(&output);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("say which of default/a, files/a\n"),
        "{error}"
    );
    for words in [
        &["remove", "b", "x1"][..],
        &["remove-pool", "p", "x1"],
        &["remove-service", "s", "t"],
    ] {
        let output = ctl(admin, words).await;
        let (code, out, error) = said(&output);
        assert_eq!((code, out), (Some(1), ""), "{words:?}: {error}");
        assert!(error.ends_with("nothing was changed\n"), "{error}");
    }
    assert_eq!(states(&done(admin, &["--json", "backends"]).await), before);
}

#[tokio::test]
async fn several_are_removed_with_one_answer() {
    let (balancer, _echo) = two_pools().await;
    let admin = balancer.admin;
    let removed = done(admin, &["remove", "a", "b"]).await;
    assert_eq!(removed, "applied, generation 3\nremoved       a, b\n");
    let removed = done(admin, &["remove", "files", "m", "n"]).await;
    assert_eq!(
        removed,
        "applied, generation 5\nremoved       files/m, files/n\n"
    );
    let removed = done(admin, &["remove-pool", "p", "q"]).await;
    assert!(removed.contains("removed       p/x, q/y\n"), "{removed}");
}

#[tokio::test]
async fn what_is_refused_among_others_changes_nothing() {
    let (balancer, echo) = two_pools().await;
    let admin = balancer.admin;
    let service = r#"{"listen":"127.0.0.1:0","pool":"p"}"#;
    done(admin, &["set-service", "s", service]).await;
    let before = done(admin, &["save"]).await;
    for (words, refused) in [
        (
            &["remove", "a", "b", "c"][..],
            "c is the last backend of pool default",
        ),
        (
            &["remove", "default/a", "files/a", "files/m", "files/n"],
            "n is the last backend of pool files",
        ),
        (&["remove-pool", "q", "p"], "service s uses pool p"),
        (
            &["remove-service", "s", "default"],
            "service default cannot be removed",
        ),
    ] {
        let output = ctl(admin, words).await;
        let (code, out, error) = said(&output);
        assert_eq!((code, out), (Some(1), ""), "{words:?}: {error}");
        assert!(error.contains(refused), "{words:?}: {error}");
        assert!(error.ends_with("nothing was changed\n"), "{error}");
    }
    assert_eq!(done(admin, &["save"]).await, before);
    drop(echo);
}

#[tokio::test]
async fn several_sessions_are_ended_by_one_command() {
    let (balancer, client, backend) = Puppet::session(|_| {}).await;
    let admin = balancer.admin;
    let list = done(admin, &["sessions"]).await;
    let id = list.lines().nth(1).unwrap().split(' ').next().unwrap();
    let output = ctl(admin, &["kill", "0-0-ffff", id]).await;
    let error =
        "netsocket-balancer: no session 0-0-ffff is open; `ctl sessions` lists those that are\n";
    assert_eq!(said(&output), (Some(1), "ended 1 session\n", error));
    let output = ctl(admin, &["kill", "0-0-ffff", "abc"]).await;
    assert_eq!(said(&output).0, Some(2));
    drop((client, backend));
}
