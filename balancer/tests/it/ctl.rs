//! `netsocket-balancer ctl`: the program against a balancer.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::Output;

use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::peers::{Echo, Puppet, converse};
use crate::process::program;
use crate::running::{Balancer, soon};
use crate::services::start;

/// Runs `ctl` with these arguments, while the balancer of the test goes on.
pub async fn ctl(admin: SocketAddr, arguments: &[&str]) -> Output {
    let mut command = program();
    command
        .args(["ctl", "--admin", &admin.to_string()])
        .args(arguments);
    let run = spawn_blocking(move || command.output().unwrap());
    soon(run).await.unwrap()
}

pub fn said(output: &Output) -> (Option<i32>, &str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// What is printed where all went well.
pub async fn done(admin: SocketAddr, arguments: &[&str]) -> String {
    let output = ctl(admin, arguments).await;
    let (code, out, error) = said(&output);
    assert_eq!((code, error), (Some(0), ""), "{arguments:?}");
    out.to_owned()
}

pub async fn echo() -> (Balancer, Echo) {
    let echo = Echo::start("echo").await;
    let balancer = Balancer::start(&[("echo", echo.address)]).await;
    balancer.up(1).await;
    (balancer, echo)
}

#[tokio::test]
async fn reads() {
    let (balancer, echo) = echo().await;
    let admin = balancer.admin;
    converse(balancer.connect().await).await;
    balancer.record().await;
    let status = done(admin, &["status"]).await;
    assert!(status.starts_with("balancer     ready, "), "{status}");
    assert!(
        status.contains("backends     The backend is up\n"),
        "{status}"
    );
    assert!(status.contains("ended        1 normally\n"), "{status}");
    let backends = done(admin, &["backends"]).await;
    let (head, row) = backends.trim_end().split_once('\n').unwrap();
    assert!(head.starts_with("NAME  ADDRESS"), "{head}");
    assert!(
        row.starts_with(&format!("echo  {}  up ", echo.address)),
        "{row}"
    );
    assert!(row.ends_with("first check passed"), "{row}");
    let transitions = done(admin, &["transitions"]).await;
    assert!(
        transitions.contains("  echo     down  up  first check passed\n"),
        "{transitions}"
    );
    assert_eq!(done(admin, &["relay"]).await, "mode: auto\n");
    let top = done(admin, &["top", "--count", "2"]).await;
    assert_eq!(top.matches("balancer     ready").count(), 2, "{top}");
    // It is no terminal.
    assert!(!top.contains('\x1b'));
    let json: Value = serde_json::from_str(&done(admin, &["--json", "backends"]).await).unwrap();
    assert_eq!(json["pools"][0]["backends"][0]["name"], "echo");
    let event = done(admin, &["top", "--json", "--count", "1"]).await;
    assert!(serde_json::from_str::<Value>(&event).is_ok());
}

#[tokio::test]
async fn changes() {
    let (balancer, _echo) = echo().await;
    let admin = balancer.admin;
    let drained = done(admin, &["drain", "echo", "--deadline", "10s", "--wait"]).await;
    let expected = "echo: draining, weight 1; set to drain from 127.0.0.1; 0 sessions left; \
        no other healthy backend takes sessions now\necho: 0 sessions left, 0 closed\n";
    assert_eq!(drained, expected);
    assert_eq!(
        done(admin, &["ready", "echo"]).await,
        "echo: up, weight 1; set to ready from 127.0.0.1\n"
    );
    assert_eq!(
        done(admin, &["weight", "echo", "7"]).await,
        "echo: up, weight 7\n"
    );
    assert!(
        done(admin, &["maintenance", "echo"])
            .await
            .starts_with("echo: maintenance, ")
    );
    assert_eq!(done(admin, &["relay", "copy"]).await, "mode: copy\n");
}

#[tokio::test]
async fn a_drain_with_wait_comes_back_when_the_last_session_is_closed() {
    let (balancer, client, backend) = Puppet::session(|_| {}).await;
    let output = done(
        balancer.admin,
        &[
            "drain",
            "puppet",
            "--deadline",
            "300ms",
            "--spread",
            "100ms",
            "--wait",
        ],
    )
    .await;
    assert!(
        output
            .starts_with("puppet: draining, weight 1; set to drain from 127.0.0.1; 1 session left"),
        "{output}"
    );
    assert!(
        output.ends_with("puppet: 0 sessions left, 1 closed\n"),
        "{output}"
    );
    assert_eq!(balancer.record().await.termination.code(), "KD");
    drop((client, backend));
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let (balancer, client, backend) = Puppet::session(|_| {}).await;
    let admin = balancer.admin;
    let list = done(admin, &["sessions", "--backend", "puppet"]).await;
    let row = list.lines().nth(1).unwrap();
    assert!(
        row.contains(&client.local_addr().unwrap().to_string()),
        "{list}"
    );
    let id = row.split(' ').next().unwrap();
    assert_eq!(done(admin, &["kill", id]).await, "ended 1 session\n");
    assert_eq!(balancer.record().await.termination.code(), "KD");
    assert_eq!(
        done(admin, &["kill", "--backend", "puppet"]).await,
        "ended 0 sessions of backend puppet\n"
    );
    let output = ctl(admin, &["kill", id]).await;
    assert_eq!(
        said(&output),
        (
            Some(1),
            "",
            format!(
                "netsocket-balancer: no session {id} is open; `ctl sessions` lists those that are\n"
            )
            .as_str()
        )
    );
    drop((client, backend));
}

#[tokio::test]
async fn exit_codes_tell_refusal_usage_and_no_answer_apart() {
    let (balancer, _echo) = echo().await;
    let admin = balancer.admin;
    let output = ctl(admin, &["drain", "x"]).await;
    let unknown = "netsocket-balancer: no backend \"x\"; known backends: echo\n";
    assert_eq!(said(&output), (Some(1), "", unknown));
    // What could never be right is not asked for: nobody has to be there.
    let nobody = crate::peers::Refuses::start().address;
    for (wrong, expected) in [
        ("weight echo 999", "weight must be 0 to 256, got 999"),
        ("weight echo -1", "weight must be 0 to 256, got -1"),
        ("weight echo abc", "weight must be 0 to 256, got abc"),
        (
            "drain echo --deadline 30",
            "deadline must be a time such as 30s or 5m, at most 24h, got 30; did you mean 30s?",
        ),
        (
            "drain echo --deadline 9s --spread 1m",
            "spread must not exceed the deadline, got spread 1m and deadline 9s",
        ),
        (
            "add a=nowhere",
            "add: the backend must be NAME=HOST:PORT, got a=nowhere",
        ),
        (
            "add a=127.0.0.1:1 --set max_connection=9",
            "--set max_connection: unknown key; did you mean max_connections?",
        ),
        (
            "kill abc",
            "kill: the ID of a session is like 0-1f-a3, got abc; or --backend NAME",
        ),
    ] {
        let words: Vec<_> = wrong.split(' ').collect();
        let expected = format!("netsocket-balancer: {expected}\n");
        for admin in [admin, nobody] {
            let output = ctl(admin, &words).await;
            assert_eq!(said(&output), (Some(2), "", expected.as_str()), "{wrong}");
        }
    }
    // What the balancer alone knows, it refuses.
    let output = ctl(admin, &["weight", "x", "7"]).await;
    assert_eq!(said(&output), (Some(1), "", unknown));
    let add = ["add", "a=127.0.0.1:1", "--weight", "-1"];
    let output = ctl(admin, &add).await;
    assert!(
        said(&output)
            .2
            .contains("'-1' for '--weight <WEIGHT>': must be 0 to 256")
    );
    let output = ctl(admin, &["kill"]).await;
    assert!(
        said(&output)
            .2
            .contains("ctl kill [OPTIONS] --backend <NAME>")
    );
    let output = ctl(admin, &["undrain", "echo"]).await;
    assert!(said(&output).2.contains("'ready'"));
    let output = ctl(admin, &["remove-pool", "default"]).await;
    let (code, _, error) = said(&output);
    assert_eq!(code, Some(1), "{error}");
    for wrong in [
        &["frobnicate"][..],
        &["kill"],
        &["relay", "fast"],
        &["top", "--count", "0"],
        &["top", "--count", "-1"],
        &[],
    ] {
        assert_eq!(ctl(admin, wrong).await.status.code(), Some(2), "{wrong:?}");
    }
    let token = ["--token-file", "/nowhere/token", "status"];
    assert_eq!(ctl(admin, &token).await.status.code(), Some(2));
    // Startup but not listening: refused.
    let refuses = crate::peers::Refuses::start();
    let output = ctl(refuses.address, &["status"]).await;
    let (code, _, error) = said(&output);
    assert_eq!(code, Some(3));
    let place = refuses.address;
    assert!(
        error.starts_with(&format!("netsocket-balancer: cannot connect to {place}: ")),
        "{error}"
    );
}

/// A backend that serves is not replaced by a slip.
#[tokio::test]
async fn add_replaces_nothing_unless_it_is_told_to() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let (at_a, at_b) = (a.address, b.address);
    let settings = format!("listen = '127.0.0.1:0'\nbackends = ['a={at_a}', 'b={at_b}']\n");
    let balancer = start(&settings).await;
    balancer.up(2).await;
    let admin = balancer.admin;
    let again = format!("a={at_b}");
    let output = ctl(admin, &["add", &again]).await;
    let expected = format!(
        "netsocket-balancer: there is a backend called a at {at_a}: `ctl add --replace` puts this one in its place, \
         `ctl weight` changes its weight alone\n"
    );
    assert_eq!(said(&output), (Some(1), "", expected.as_str()));
    let addresses = || {
        let backends = balancer.pool.backends().into_iter();
        let addresses = backends.map(|backend| backend.address().to_string());
        addresses.collect::<Vec<_>>()
    };
    assert_eq!(addresses(), [at_a.to_string(), at_b.to_string()]);
    let replaced = done(admin, &["add", &again, "--replace"]).await;
    let expected = format!(
        "applied, generation 2\nadded         a\nremoved       a\n\
         warning: backends a and b are both {at_b}: it gets twice the sessions\n"
    );
    assert_eq!(replaced, expected);
    assert_eq!(addresses(), [at_b.to_string(), at_b.to_string()]);
    let new = format!("c={at_a}");
    assert!(
        done(admin, &["add", &new])
            .await
            .ends_with("added         c\n")
    );
    // The API replaces unless it is told not to, whatever it is about.
    let path = "/api/v1/pools/p";
    let body = format!(r#"{{"backends":["b={at_b}"]}}"#);
    let unless = "If-None-Match: *\r\n";
    assert_eq!(balancer.put(path, unless, &body).await.0, 200);
    let (status, said) = balancer.put(path, unless, &body).await;
    assert_eq!((status, said.as_str()), (412, "there is a pool called p\n"));
    assert_eq!(balancer.put(path, "", &body).await.0, 200);
}

#[tokio::test]
async fn who_adds_and_removes_is_among_the_changes() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let (at_a, at_b) = (a.address, b.address);
    let settings = format!("listen = '127.0.0.1:0'\nbackends = ['a={at_a}']\n");
    let balancer = start(&settings).await;
    balancer.up(1).await;
    let admin = balancer.admin;
    for words in [
        format!("add b={at_b} --weight 2 --drained"),
        format!("add b={at_b} --weight 3 --replace"),
        "remove b".to_owned(),
    ] {
        done(admin, &words.split(' ').collect::<Vec<_>>()).await;
    }
    let told = done(admin, &["transitions"]).await;
    let mut lines = told.lines().filter(|line| line.contains("  b "));
    for expected in [
        "  added from 127.0.0.1",
        "  set to drain from 127.0.0.1",
        "  weight 3  set from 127.0.0.1",
        "  leaving   removed from 127.0.0.1",
    ] {
        assert!(
            lines.any(|line| line.ends_with(expected)),
            "{expected}: {told}"
        );
    }
}

#[tokio::test]
async fn who_takes_out_the_last_backend_is_told() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let (at_a, at_b) = (a.address, b.address);
    let settings = format!("listen = '127.0.0.1:0'\nbackends = ['a={at_a}', 'b={at_b}']\n");
    let balancer = start(&settings).await;
    balancer.up(2).await;
    let admin = balancer.admin;
    let alone = "; no other healthy backend takes sessions now\n";
    for (words, last) in [
        (&["drain", "a"][..], false),
        (&["drain", "b"], true),
        (&["ready", "b"], false),
        (&["weight", "b", "0"], true),
        (&["weight", "b", "1"], false),
        (&["maintenance", "b"], true),
    ] {
        let said = done(admin, words).await;
        assert_eq!(said.ends_with(alone), last, "{words:?}: {said}");
    }
    let removed = done(admin, &["remove", "b"]).await;
    let warning = "warning: no other healthy backend takes sessions now\n";
    assert!(removed.ends_with(warning), "{removed}");
}

#[tokio::test]
async fn a_token_is_sent_where_one_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, token: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, token).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (right, wrong) = (file("right", "s3cret\n"), file("wrong", "other\n"));
    let echo = Echo::start("echo").await;
    let balancer = Balancer::start_with(&[("echo", echo.address)], |config| {
        config.admin_token_file = Some(right.clone().into());
    })
    .await;
    let drain = ["--token-file", &right, "drain", "echo"];
    done(balancer.admin, &drain).await;
    let output = ctl(balancer.admin, &["--token-file", &wrong, "ready", "echo"]).await;
    let expected = "netsocket-balancer: the token is wrong\n";
    assert_eq!(said(&output), (Some(1), "", expected));
}

#[tokio::test]
async fn a_server_that_is_not_a_balancer_is_recognised() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = spawn_blocking(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"SSH-2.0-x\r\n\r\n").unwrap();
    });
    let output = ctl(address, &["status"]).await;
    let expected = format!("netsocket-balancer: {address}: not an admin HTTP server\n");
    assert_eq!(said(&output), (Some(3), "", expected.as_str()));
    soon(peer).await.unwrap();
}

/// A file server behind the port for clients, another program's admin HTTP, a page for everything.
#[tokio::test]
async fn another_http_server_is_not_taken_for_a_balancer() {
    for answer in [
        "404 Not Found\r\n\r\n{\"detail\":\"there is no file api/v1/pools\",\"status\":404}\n",
        "404 Not Found\r\n\r\n",
        "405 Method Not Allowed\r\n\r\n",
        "404 Not Found\r\n\r\n<html>\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // For as long as the test runs.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                let _ = std::io::Read::read(&mut stream, &mut request);
                let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes());
            }
        });
        let expected =
            format!("netsocket-balancer: {address}: this is not a balancer's admin address\n");
        for command in [&["status"][..], &["drain", "a"], &["top", "--count", "1"]] {
            let output = ctl(address, command).await;
            assert_eq!(
                said(&output),
                (Some(3), "", expected.as_str()),
                "{answer:?} {command:?}"
            );
        }
    }
}

/// What shells ask for.
#[tokio::test]
async fn names_are_completed_by_the_balancer() {
    let (balancer, _echo) = echo().await;
    let complete = async |words: String| {
        let mut command = program();
        command
            .args(["complete-words", "--"])
            .args(words.split(' '));
        let run = spawn_blocking(move || command.output().unwrap());
        let output = soon(run).await.unwrap();
        let (code, out, error) = said(&output);
        assert_eq!(error, "");
        (code, out.to_owned())
    };
    let admin = balancer.admin;
    for (words, names) in [
        ("drain", "echo\n"),
        ("kill --backend", "echo\n"),
        ("remove", "echo\ndefault\n"),
        ("add", "default\n"),
        ("remove-pool", ""),
        ("kill", ""),
    ] {
        let got = complete(format!("ctl --admin {admin} {words}")).await;
        assert_eq!(got, (Some(0), names.to_owned()), "{words}");
    }
    let nothing = (Some(1), String::new());
    assert_eq!(
        complete(format!("ctl --admin {admin} status")).await,
        nothing
    );
    // Nobody answers there, or never.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for address in [
        crate::peers::Refuses::start().address,
        silent.local_addr().unwrap(),
    ] {
        assert_eq!(
            complete(format!("ctl --admin {address} drain")).await,
            nothing
        );
    }
}

/// What stands in the address bar is as good as what stands in the settings.
#[tokio::test]
async fn the_address_may_be_the_url_of_the_page() {
    let (balancer, _echo) = echo().await;
    for (admin, code, told) in [
        (format!("http://{}/", balancer.admin), 0, ""),
        ("localhost".to_owned(), 2, "did you mean localhost:8404?"),
        (
            format!("https://{}", balancer.admin),
            2,
            "with --ca-file FILE?",
        ),
    ] {
        let mut command = program();
        command.args(["ctl", "--admin", &admin, "backends"]);
        let run = spawn_blocking(move || command.output().unwrap());
        let output = soon(run).await.unwrap();
        let (given, _, error) = said(&output);
        assert_eq!(given, Some(code), "{error}");
        assert!(error.contains(told), "{error}");
    }
}

#[tokio::test]
async fn a_reload_says_what_it_changed() {
    let (balancer, _echo) = echo().await;
    let admin = balancer.admin;
    assert_eq!(done(admin, &["reload"]).await, "reloaded, generation 2\n");
    {
        let mut settings = balancer.settings.lock().unwrap();
        settings.timeouts.idle = std::time::Duration::from_secs(7);
        settings.workers = 3.try_into().unwrap();
    }
    let text = "reloaded, generation 3\nchanged       idle_timeout\nneeds restart workers\n";
    assert_eq!(done(admin, &["reload"]).await, text);
    // A name that the resolver refuses without a question to the network.
    balancer.settings.lock().unwrap().backends[0].host = "x".repeat(64);
    let output = ctl(admin, &["reload"]).await;
    let (code, out, error) = said(&output);
    assert_eq!((code, out), (Some(1), ""), "{error}");
    assert!(error.contains("backend echo="), "{error}");
}
