//! Several listeners, services and pools in one balancer.

use std::net::SocketAddr;

use netsocket_balancer::{Config, ListenAddress};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::configuration::load;
use crate::peers::{Echo, converse};
use crate::restart::Family;
use crate::running::{Balancer, eventually, read_to_end, soon};
use crate::systemd::activated;

/// The settings of a file.
pub fn settings(text: &str) -> Config {
    load(text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Starts one with the services and pools of `text`.
pub async fn start(text: &str) -> Balancer {
    Balancer::start_with(&[], |config| apply(config, text)).await
}

/// The same with checks all the time.
pub async fn start_checking(text: &str) -> Balancer {
    let head = "admin = '127.0.0.1:0'\nworkers = 2\naccess_log_target = 'off'\n";
    let text = format!("{head}{text}");
    Balancer::start_with(&[], |config| *config = settings(&text)).await
}

/// What is wrong with a file.
pub fn problems(text: &str) -> String {
    load(text).unwrap_err().to_string()
}

/// Gives `config` the services and pools of `text`.
fn apply(config: &mut Config, text: &str) {
    let head =
        "admin = '127.0.0.1:0'\nworkers = 2\naccess_log_target = 'off'\ncheck_interval = '10m'\n";
    *config = settings(&format!("{head}{text}"));
}

async fn reload(balancer: &Balancer, text: &str) -> Value {
    apply(&mut balancer.settings.lock().unwrap(), text);
    let (status, answer) = balancer.post("/api/v1/reload", "").await;
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(&answer).unwrap()
}

fn backend(name: &str, address: SocketAddr) -> String {
    format!("'{name}={address}'")
}

/// Whether a service resets a client, which may come before the client knows that it is connected.
pub async fn refuses(balancer: &Balancer, service: &str) -> bool {
    let mut own = balancer.listens.iter().filter(|(name, _)| name == service);
    let address = own.find_map(|(_, address)| address.tcp()).unwrap();
    match soon(TcpStream::connect(address)).await {
        Ok(mut client) => read_to_end(&mut client).await.1,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[tokio::test]
async fn one_service_listens_at_several_addresses() {
    let echo = Echo::start("echo").await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clients");
    let address = |text: &str| text.parse::<ListenAddress>().unwrap();
    let balancer = Balancer::start_with(&[("echo", echo.address)], |config| {
        let all = [
            "127.0.0.1:0".to_owned(),
            "[::1]:0".to_owned(),
            format!("unix:{}", path.display()),
        ];
        config.listen = all
            .iter()
            .map(|text| address(text))
            .collect::<Vec<_>>()
            .into();
    })
    .await;
    balancer.up(1).await;
    assert_eq!(balancer.listens.len(), 3);
    for (service, address) in balancer.listens.clone() {
        assert_eq!(service, "default");
        if let Some(address) = address.tcp() {
            assert_eq!(
                converse(soon(TcpStream::connect(address)).await.unwrap()).await,
                "echo"
            );
        }
    }
    let mut client = soon(UnixStream::connect(&path)).await.unwrap();
    let mut said = [0; 5];
    soon(client.read_exact(&mut said)).await.unwrap();
    assert_eq!(&said, b"echo\n");
    soon(client.write_all(b"more")).await.unwrap();
    soon(client.shutdown()).await.unwrap();
    let mut rest = Vec::new();
    soon(client.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"more");
    let records = balancer.records_of(3).await;
    assert!(
        records
            .iter()
            .all(|record| record.termination.code() == "--"),
        "{records:?}"
    );
    assert_eq!(records[2].client.to_string(), "127.0.0.1:0");
    balancer.stop().await;
    assert!(!path.exists(), "the socket's file goes with it");
}

#[tokio::test]
async fn services_have_their_own_pools_limits_and_counters() {
    let (a, b, c) = (
        Echo::start("a").await,
        Echo::start("b").await,
        Echo::start("c").await,
    );
    let text = format!(
        "[[pools]]\nname = 'files'\nbackends = [{}, {}]\n\
         [[services]]\nname = 'one'\nlisten = '127.0.0.1:0'\npool = 'files'\n\
         [[services]]\nname = 'two'\nlisten = '127.0.0.1:0'\npool = 'files'\n\
         [[services]]\nname = 'three'\nlisten = '127.0.0.1:0'\nbackends = [{}]\ndeny = '127.0.0.0/8'\n\
         [[services]]\nname = 'four'\nlisten = '127.0.0.1:0'\npool = 'three'\n",
        backend("a", a.address),
        backend("b", b.address),
        backend("x", c.address),
    );
    // A pool of a service is its own.
    let text = text.replace(
        "pool = 'three'",
        &format!("backends = [{}]", backend("a", c.address)),
    );
    let balancer = start(&text).await;
    // Round robin is exact for each of the two that share a pool, however their clients mix.
    let mut turns = [Vec::new(), Vec::new()];
    for (service, name) in
        [0, 0, 1, 0, 1, 1, 1, 0].map(|service| (service, ["one", "two"][service]))
    {
        turns[service].push(converse(balancer.connect_to(name).await).await);
    }
    for turns in turns {
        assert_eq!((&turns[0], &turns[1]), (&turns[2], &turns[3]));
        assert_ne!(turns[0], turns[1]);
    }
    assert!(refuses(&balancer, "three").await, "three is denied");
    assert_eq!(converse(balancer.connect_to("four").await).await, "c");

    let records = balancer.records_of(10).await;
    let denied = records
        .iter()
        .find(|record| record.termination.code() == "PR")
        .unwrap();
    assert_eq!(denied.service.as_deref(), Some("three"));
    let (_, page) = balancer.get("/metrics").await;
    for line in [
        "netsocket_sessions_total{service=\"one\",termination=\"--\"} 4",
        "netsocket_sessions_total{service=\"three\",termination=\"PR\"} 1",
        "netsocket_sessions_active{service=\"four\"} 0",
        "netsocket_refused_total{service=\"three\",reason=\"denied\"} 1",
        "netsocket_refused_total{service=\"one\",reason=\"denied\"} 0",
        "netsocket_service_backends_up{service=\"one\"} 2",
        "netsocket_service_backends_up{service=\"four\"} 1",
        "netsocket_backend_sessions_total{pool=\"files\",backend=\"a\"} 4",
        "netsocket_backend_sessions_total{pool=\"four\",backend=\"a\"} 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    let (_, pools) = balancer.get("/api/v1/pools").await;
    let pools: Value = serde_json::from_str(&pools).unwrap();
    assert_eq!(pools["pools"].as_array().unwrap().len(), 3);
    assert_eq!(pools["services"][1]["name"], "two");
    assert_eq!(
        (
            &pools["services"][1]["pool"],
            &pools["services"][1]["total"]
        ),
        (&"files".into(), &4.into())
    );
    assert_eq!(pools["services"][2]["refused"]["denied"], 1);
    assert_eq!(pools["state"], "ready");
    // Two pools have a backend of that name.
    let (status, said) = balancer.get("/api/v1/backends/a").await;
    assert_eq!(
        (status, said.contains("files/a, four/a")),
        (409, true),
        "{said}"
    );
    let (status, said) = balancer.post("/api/v1/backends/four%2Fa/drain", "").await;
    assert_eq!(
        (status, said.contains("\"pool\":\"four\"")),
        (200, true),
        "{said}"
    );
    assert!(
        refuses(&balancer, "four").await,
        "its only backend is drained"
    );
    // Ready for others, but not for those of that service.
    let (_, pools) = balancer.get("/api/v1/pools").await;
    let pools: Value = serde_json::from_str(&pools).unwrap();
    assert_eq!(
        (&pools["ready"], &pools["state"]),
        (&true.into(), &"emergency".into())
    );
    let alert = &pools["alerts"][0];
    assert_eq!(
        alert["what"],
        "Operators have taken out every backend of pool four"
    );
    assert_eq!(alert["clients"], "are refused (SC)");
    let (_, page) = balancer.get("/metrics").await;
    assert!(page.contains("netsocket_service_backends_up{service=\"four\"} 0\n"));
    assert_eq!(converse(balancer.connect_to("one").await).await.len(), 1);
}

#[tokio::test]
async fn a_reload_adds_changes_and_removes_services_without_a_stalled_session() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let one = |idle: &str| {
        format!(
            "[[services]]\nname = 'one'\nlisten = '127.0.0.1:0'\nbackends = [{}]\nidle_timeout = '{idle}'\n",
            backend("a", a.address)
        )
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("two");
    let two = format!(
        "[[services]]\nname = 'two'\nlisten = 'unix:{}'\nbackends = [{}]\n",
        path.display(),
        backend("b", b.address)
    );
    let balancer = start(&one("1m")).await;
    let mut stays = balancer.connect_to("one").await;
    let mut name = [0; 2];
    soon(stays.read_exact(&mut name)).await.unwrap();

    let changes = reload(&balancer, &format!("{}{two}", one("2m"))).await;
    let told = serde_json::json!([
        "service one changed: idle_timeout",
        "service two added",
        "pool two added"
    ]);
    assert_eq!(changes["services"], told, "{changes}");
    assert_eq!(changes["backends"]["added"], serde_json::json!(["two/b"]));
    eventually("the new pool is checked", || path.exists()).await;
    let mut client = soon(UnixStream::connect(&path)).await.unwrap();
    // Its backend may not have been checked yet: the last resort does not take what was never checked.
    let mut said = Vec::new();
    soon(async {
        while client.read_buf(&mut said).await.unwrap_or(0) == 0 {
            client = UnixStream::connect(&path).await.unwrap();
        }
    })
    .await;
    assert!(said.starts_with(b"b"), "{said:?}");

    // It goes, and comes back, while a session of its goes on; and so does one of the other.
    let changes = reload(&balancer, &one("2m")).await;
    assert_eq!(
        changes["services"],
        serde_json::json!(["service two removed", "pool two removed"])
    );
    eventually("the socket is closed", || !path.exists()).await;
    soon(client.write_all(b"still here")).await.unwrap();
    soon(client.shutdown()).await.unwrap();
    soon(client.read_to_end(&mut said)).await.unwrap();
    assert!(said.ends_with(b"still here"), "{said:?}");
    soon(stays.write_all(b"still")).await.unwrap();
    soon(stays.shutdown()).await.unwrap();
    assert_eq!(read_to_end(&mut stays).await, (b"still".to_vec(), false));
    reload(&balancer, &format!("{}{two}", one("2m"))).await;
    eventually("the socket is back", || path.exists()).await;
    eventually("it counts", || {
        balancer
            .records()
            .iter()
            .any(|it| it.service.as_deref() == Some("two"))
    })
    .await;
    let (_, page) = balancer.get("/metrics").await;
    let counted = "netsocket_sessions_total{service=\"two\",termination=\"--\"} 1";
    assert!(page.lines().any(|line| line == counted), "{page}");
}

#[tokio::test]
async fn a_reload_that_cannot_bind_changes_nothing() {
    let echo = Echo::start("echo").await;
    let one = format!(
        "[[services]]\nname = 'one'\nlisten = '127.0.0.1:0'\nbackends = [{}]\n",
        backend("a", echo.address)
    );
    let balancer = start(&one).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let two = one
        .replace("one", "two")
        .replace("127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    apply(
        &mut balancer.settings.lock().unwrap(),
        &format!("{one}{two}"),
    );
    let (status, said) = balancer.post("/api/v1/reload", "").await;
    assert_eq!(status, 422);
    assert!(
        said.starts_with("service two: listen 127.0.0.1:") && said.contains("in use"),
        "{said}"
    );
    assert_eq!(converse(balancer.connect_to("one").await).await, "echo");
}

/// At an address, and at a path.
async fn greeted(address: SocketAddr, path: &std::path::Path) {
    let client = soon(TcpStream::connect(address)).await.unwrap();
    assert_eq!(converse(client).await, "echo");
    let mut client = soon(UnixStream::connect(path)).await.unwrap();
    let mut said = [0; 5];
    soon(client.read_exact(&mut said)).await.unwrap();
    assert_eq!(&said, b"echo\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_hands_over_the_sockets_of_every_service() {
    let echo = Echo::start("echo").await;
    let bind = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (web, admin) = (bind(), bind());
    let known = web.local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (file, path) = (dir.path().join("balancer.toml"), dir.path().join("clients"));
    let text = format!(
        "[[services]]\nname = 'inside'\nlisten = 'unix:{}'\n[[services]]\nname = 'web'\nlisten = 'fd:web'\n",
        path.display()
    );
    std::fs::write(&file, text).unwrap();
    let family = Family::start(
        |_| {
            let mut command = activated(&web, &admin, "web:admin");
            command.arg("--config").arg(&file);
            command
        },
        echo.address,
    );
    family.first.ready().await;
    for _ in 0..3 {
        greeted(family.first.address, &path).await;
        greeted(known, &path).await;
        family.restart().await;
    }
    // The old process is gone, and with it nothing that the new one needs.
    greeted(known, &path).await;
}

#[tokio::test]
async fn sockets_that_nobody_passed_or_needs_are_all_named() {
    let bind = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("balancer.toml");
    // An address that is taken hides none of it: nothing is bound before all is known.
    let taken = bind();
    let text = format!(
        "backends = ['a=127.0.0.1:9']\n[[services]]\nname = 'x'\nlisten = ['fd:one', 'fd:two']\n\
         [[services]]\nname = 'y'\nlisten = 'fd:three'\n\
         [[services]]\nname = 'z'\nlisten = '{}'\n",
        taken.local_addr().unwrap()
    );
    std::fs::write(&file, text).unwrap();
    let mut command = activated(&bind(), &bind(), "three:four");
    let output = command.arg("--config").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    for expected in [
        "balancer.toml:4:1: service x: listen fd:one: no such socket from systemd; it passed: three, four",
        "balancer.toml:4:1: service x: listen fd:two: no such socket",
        "2 sockets by the names \"three:four\"",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

/// The lines of a log once there are so many.
async fn lines(path: &std::path::Path, count: usize) -> Vec<String> {
    let read = || std::fs::read_to_string(path).unwrap_or_default();
    eventually("lines of the access log", || {
        read().lines().count() >= count
    })
    .await;
    read().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn each_service_has_the_access_log_that_it_asks_for() {
    let echo = Echo::start("echo").await;
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let text = |own: &str| {
        format!(
            "admin = '127.0.0.1:0'\nworkers = 2\naccess_log_target = '{}'\nbackends = [{}]\n\
             [[services]]\nname = 'top'\nlisten = '127.0.0.1:0'\n\
             [[services]]\nname = 'own'\nlisten = '127.0.0.1:0'\naccess_log = {{ target = '{own}', format = 'json' }}\n\
             [[services]]\nname = 'quiet'\nlisten = '127.0.0.1:0'\naccess_log_target = 'off'\n",
            path("top").display(),
            backend("echo", echo.address)
        )
    };
    let first = path("own").display().to_string();
    let balancer = Balancer::start_with(&[], |config| *config = settings(&text(&first))).await;
    balancer.up(1).await;
    for service in ["top", "own", "quiet", "top"] {
        assert_eq!(converse(balancer.connect_to(service).await).await, "echo");
    }
    let top = lines(&path("top"), 2).await;
    assert!(
        top.iter().all(|line| line.contains(" top default/echo ")),
        "{top:?}"
    );
    let own = lines(&path("own"), 1).await;
    let line: Value = serde_json::from_str(&own[0]).unwrap();
    assert_eq!(
        (top.len(), own.len(), &line["frontend"]),
        (2, 1, &"own".into())
    );

    // A place that cannot be opened changes nothing; another one is taken.
    *balancer.settings.lock().unwrap() = settings(&text("/nowhere/at/all"));
    let (status, answer) = balancer.post("/api/v1/reload", "").await;
    assert!(
        status >= 400 && answer.contains("access_log_target /nowhere/at/all"),
        "{status} {answer}"
    );
    assert_eq!(converse(balancer.connect_to("own").await).await, "echo");
    lines(&path("own"), 2).await;
    let second = path("second").display().to_string();
    *balancer.settings.lock().unwrap() = settings(&text(&second));
    let (status, answer) = balancer.post("/api/v1/reload", "").await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(converse(balancer.connect_to("own").await).await, "echo");
    lines(&path("second"), 1).await;
    assert_eq!(lines(&path("own"), 2).await.len(), 2);
    let (_, metrics) = balancer.get("/metrics").await;
    let written = "netsocket_access_log_lines_total{result=\"written\"} 5";
    assert!(metrics.contains(written), "{metrics}");
}
