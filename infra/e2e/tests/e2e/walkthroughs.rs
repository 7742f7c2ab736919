//! Follows pages of the documentation step by step, each on a machine of its own: runs the commands, and compares the output with
//! what the page shows.

mod comparison;
mod terminal;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use e2e::console::{self, Example};
use e2e::kafka::{self, Release};
use e2e::lan::FileSystem;
use e2e::markdown::Document;
use e2e::old_client::OldClient;
use e2e::process::Ran;
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::shell::Statement;
use e2e::tree::{noise, put};
use e2e::{PATIENCE, eventually, influx};
use rustix::process::Signal;

use crate::demo::{Demo, START};
use crate::world::World;
use comparison::{Ignore, alike};
use terminal::{HOME, Terminal, as_input};

crate::tests![
    #[needs(Followed)]
    the_demo,
    #[needs(FollowedDownloads)]
    downloads_over_http,
    #[needs(Followed)]
    the_client,
    #[needs(Followed)]
    running_it_by_hand,
    #[needs(Followed)]
    operations,
    #[needs(Followed)]
    tls,
    #[needs(FollowedWithStack)]
    telemetry,
];

const README: &str = "README.md";
const HTTP: &str = "docs/http.md";
/// The parts of that page that the demo has the files for.
const OVER_HTTP: [&str; 6] = [
    "Look around",
    "Download a file",
    "Download a directory",
    "Search",
    "Parameters that are not known",
    "Copy and mount",
];
const CLIENT: &str = "docs/client.md";
const OPERATIONS: &str = "docs/operations.md";
const FROM_C: (&str, &str) = (
    "docs/migrating-from-c.md",
    "In five steps, with the old system running",
);
const TLS: (&str, &str) = ("docs/tls.md", "From nothing to a first session");
const TELEMETRY: (&str, &str) = ("docs/telemetry.md", "From nothing to a first graph");

/// The parts that are followed: page and heading, or an empty heading for the whole page.
const FOLLOWED: [(&str, &str); 16] = [
    (README, "The demo"),
    (README, "A tour"),
    (README, "Run it by hand"),
    (HTTP, OVER_HTTP[0]),
    (HTTP, OVER_HTTP[1]),
    (HTTP, OVER_HTTP[2]),
    (HTTP, OVER_HTTP[3]),
    (HTTP, OVER_HTTP[4]),
    (HTTP, OVER_HTTP[5]),
    (CLIENT, ""),
    FROM_C,
    (OPERATIONS, "Watch"),
    (OPERATIONS, "Drain a backend"),
    (OPERATIONS, "Reload"),
    TLS,
    TELEMETRY,
];

/// Whether a part of a page is followed here.
pub(crate) fn is_followed(page: &str, heading: &str) -> bool {
    let mut parts = FOLLOWED.iter();
    parts.any(|(name, part)| *name == page && (part.is_empty() || *part == heading))
}

/// Whether this statement is run here.
pub(crate) fn follows(page: &str, heading: &str, statement: &Statement) -> bool {
    is_followed(page, heading) && terminal::is_run(statement)
}

/// The files of a machine on which a page is followed.
fn files(tree: &Path) -> FileSystem {
    let mut files = FileSystem::new("terminal");
    let programs = Program::Client.path();
    files.bind(programs.parent().unwrap(), "/netsocket");
    files.bind(tree, "/srv/files");
    files.bind(Path::new("/etc/ssl"), "/etc/ssl");
    files.write("/etc/hosts", "127.0.0.1 localhost files.example\n");
    for place in ["/tmp", "/run/netsocket", HOME] {
        files.memory(place, "mode=755");
    }
    files
}

fn nothing(_: &mut Terminal, _: &str) {}

/// The session of the page, then the tour while another demo runs.
fn the_demo(_: &World) {
    let example = demo_of_readme();
    let home = Scratch::new("home");
    let demo = Demo::at_home(&home, &[]);
    let input = as_input(&example.session);
    let temporary = demo.temporary.path().display().to_string();
    let ran = Ran::with_input(demo.command, input.as_bytes(), START);
    let said = String::from_utf8(ran.stdout).unwrap() + &ran.stderr;
    let said = said
        .replace(home.path().to_str().unwrap(), HOME)
        .replace(&temporary, "/tmp");
    let lines = said.lines();
    // The program's name is printed only if its output is a pipe.
    let lines = lines.map(|line| line.strip_prefix("netsocket: ").unwrap_or(line));
    let shown = example.shown.iter().map(String::as_str);
    assert_eq!(
        alike(lines, Ignore::Times),
        alike(shown, Ignore::Times),
        "{said}"
    );

    let kept = fs::read_dir(demo.temporary.path()).unwrap().next().unwrap();
    assert!(kept.unwrap().path().join("downloads/report.pdf").exists());

    let (mut process, _temporary) = Demo::at_home(&home, &["--no-client"]).start();
    let mut terminal = Terminal::beside(process.id(), &home);
    // It draws a meter where it writes to no terminal.
    terminal
        .instead
        .push(("curl ".to_owned(), "curl --silent ".to_owned()));
    assert!(terminal.follow(README, "A tour", nothing) > 8);
    process.signal(Signal::INT);
    assert_eq!(process.wait(PATIENCE).code(), Some(0));
}

fn downloads_over_http(_: &World) {
    let home = Scratch::new("home");
    let (mut process, _temporary) = Demo::at_home(&home, &["--no-client"]).start();
    let mut terminal = Terminal::beside(process.id(), &home);
    terminal
        .instead
        .push(("curl ".to_owned(), "curl --silent ".to_owned()));
    for heading in OVER_HTTP {
        assert!(terminal.follow(HTTP, heading, nothing) > 0, "{heading}");
    }
    for made in [
        "documents.tar",
        "documents.tar.zst",
        "report.pdf",
        "copy/letter.txt",
        "documents/report.pdf",
    ] {
        assert!(home.path().join(made).exists(), "{made}");
    }
    process.signal(Signal::INT);
    assert_eq!(process.wait(PATIENCE).code(), Some(0));
}

fn demo_of_readme() -> Example {
    let page = Document::read(README);
    let blocks = page.blocks();
    let block = blocks
        .iter()
        .find(|block| block.heading == "The demo" && block.language == "console");
    console::examples(&block.expect("a session").text)
        .unwrap()
        .remove(0)
}

/// The tree of the client's page.
fn tree() -> Scratch {
    let root = Scratch::new("manual");
    for (path, size) in [
        ("documents/report.pdf", 76_000),
        ("documents/archive/2024/report.pdf", 39_000),
        ("documents/archive/2024/scan.pdf", 1_200_000),
        ("music/song.mp3", 3_000_000),
        ("music/covers/front.jpg", 20_000),
        ("pictures/sea.jpg", 1_150_000),
        ("pictures/sky.jpg", 1_003_827),
        ("projects/hello/hello.c", 400),
        ("projects/hello/README", 500),
    ] {
        let path = path.as_bytes();
        put(root.path(), path, &noise(path, size));
    }
    let letter = format!("{}\n", "l".repeat(65));
    put(root.path(), b"documents/letter.txt", letter.as_bytes());
    let notes = format!("{0}\n{0}\n{0}n\n", "n".repeat(15));
    put(root.path(), b"notes.txt", notes.as_bytes());
    put(root.path(), b".hidden/secret.txt", b"nobody sees this");
    root
}

const SERVERS: [(&str, u16); 3] = [("server", 9000), ("mirror1", 9001), ("mirror2", 9002)];

fn the_client(_: &World) {
    let tree = tree();
    let mut terminal = Terminal::with(files(tree.path()));
    terminal.serve_files(&SERVERS);
    let backends = SERVERS.map(|(name, port)| format!(" --backend {name}=127.0.0.1:{port}"));
    terminal.serve(&format!("netsocket-balancer{}", backends.concat()));
    terminal.wait_until_ready(SERVERS.len());
    terminal.run("mkdir -p .local/share/bash-completion/completions .local/share/man/man1 .zfunc .config/fish/completions");
    assert!(terminal.follow(CLIENT, "", nothing) > 15);
    for made in [
        "r.pdf",
        "unpacked/projects/hello/hello.c",
        "newest.pdf",
        ".zfunc/_netsocket",
    ] {
        terminal.run(&format!("test -s {made}"));
    }
}

fn running_it_by_hand(world: &World) {
    for ((page, heading), servers) in [((README, "Run it by hand"), 2), (FROM_C, 3)] {
        let mut terminal = Terminal::with(files(&world.few_files()));
        terminal.run("mkdir documents");
        let count = terminal.follow(page, heading, |terminal, typed| {
            // A reader is slower than the first health checks.
            if typed.starts_with("netsocket ") {
                terminal.wait_until_ready(servers);
            }
        });
        assert_eq!(count, servers + 2, "{page}");
    }
}

/// The balancer's settings on the page about operations, before and after the change.
const SETTINGS: [&str; 2] = [
    "backends = ['server=127.0.0.1:9000', 'mirror1=127.0.0.1:9001']\npid_file = '/run/netsocket/balancer.pid'\nworkers = 1\n",
    "backends = ['server=127.0.0.1:9000', 'mirror3=127.0.0.1:9002']\npid_file = '/run/netsocket/balancer.pid'\nworkers = 2\n\
     idle_timeout = '7m'\n",
];

fn operations(world: &World) {
    let settings = Scratch::new("settings");
    settings.write("balancer.toml", SETTINGS[0]);
    let mut files = files(&world.few_files());
    files.bind(settings.path(), "/etc/netsocket");
    let mut terminal = Terminal::with(files);
    terminal.serve_files(&SERVERS[..2]);
    terminal.serve("netsocket-balancer --config /etc/netsocket/balancer.toml");
    terminal.wait_until_ready(2);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 8081));
    let held = terminal.inside(|| [0; 6].map(|_| OldClient::open(address).unwrap()));
    eventually(
        PATIENCE,
        "sessions, and how long their connects took",
        || {
            let said = terminal.run("netsocket-balancer ctl backends");
            (!said.contains('–')).then_some(())
        },
    );
    terminal
        .run("mkdir -p .local/share/bash-completion/completions .zfunc .config/fish/completions");
    assert_eq!(terminal.follow(OPERATIONS, "Watch", nothing), 4);
    terminal.run("test -s .zfunc/_netsocket-balancer");

    // The test does not wait as long as an operator would.
    terminal
        .instead
        .push(("--deadline 30s".to_owned(), "--deadline 2s".to_owned()));
    assert_eq!(terminal.follow(OPERATIONS, "Drain a backend", nothing), 2);
    drop(held);

    let count = terminal.follow(OPERATIONS, "Reload", |terminal, typed| {
        if typed.ends_with("ctl reload") {
            terminal.server_says("settings reloaded");
            settings.write("balancer.toml", SETTINGS[1]);
        }
    });
    assert_eq!(count, 2);
}

fn tls(world: &World) {
    let mut terminal = Terminal::with(files(&world.few_files()));
    let server = "netsocket-fileserver --root /srv/files --listen 0.0.0.0:9000 --tls-certificate server.pem --tls-key server.key";
    let count = terminal.follow(TLS.0, TLS.1, |terminal, typed| {
        // The page says in words that Alice has a token file, and that another server requires client certificates.
        if typed.contains("--token-file token ") {
            terminal.run("head --bytes=64 tokens > token; chmod 600 token");
        } else if typed.contains("--client-certificate") {
            terminal.end_server();
            terminal.serve(&format!("{server} --tls-client-ca ca.pem"));
        } else if typed.contains("s_client") {
            terminal.end_server();
            terminal.serve(server);
        }
    });
    assert_eq!(count, 11);
    assert!(
        terminal.said.contains("Verify return code: 0 (ok)"),
        "{}",
        terminal.said
    );
}

/// What a release of Kafka has in its directory, and the page uses.
fn kafka_release(home: &Scratch) {
    for (name, class) in [
        ("bin/kafka-storage.sh", "kafka.tools.StorageTool"),
        ("bin/kafka-server-start.sh", "kafka.Kafka"),
        ("bin/kafka-topics.sh", "org.apache.kafka.tools.TopicCommand"),
    ] {
        let script = put(
            home.path(),
            name.as_bytes(),
            kafka::script(Release::V3, class).as_bytes(),
        );
        fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // As the release has it, but for the place of the data.
    let settings = format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.bootstrap.servers=localhost:9093\n\
         listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n\
         advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\ncontroller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\nlog.dirs={}/logs\n\
         offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n",
        home.path().display()
    );
    put(
        home.path(),
        b"config/server.properties",
        settings.as_bytes(),
    );
}

fn telemetry(_: &World) {
    let home = Scratch::new("home");
    kafka_release(&home);
    let mut terminal = Terminal::here(&home);
    let count = terminal.follow(TELEMETRY.0, TELEMETRY.1, |terminal, typed| {
        if typed.contains(" setup ") {
            // Whoever watched the records has seen enough.
            terminal.end_server();
            // Its own home is that of the user, whatever the environment says.
            let places = ["bolt", "sqlite", "engine"]
                .map(|place| format!(" --{place}-path \"$HOME/{place}\""));
            let program = influx::program().unwrap();
            terminal.serve(&format!("{}{}", program.display(), places.concat()));
        }
        if typed.starts_with("export ") {
            let mut lines = terminal.said.lines();
            let token = lines
                .find(|line| line.starts_with("INFLUXDB_TOKEN="))
                .expect("a token")
                .to_owned();
            terminal
                .instead
                .push(("INFLUXDB_TOKEN=...".to_owned(), token));
        }
    });
    assert_eq!(count, 10);
    eventually(PATIENCE, "everything stored", || {
        let said = terminal.run("curl -s http://127.0.0.1:8405/healthz");
        said.contains("\"lag\":0").then_some(())
    });
}
