//! What `cargo xtask dist` makes: the same bytes each time, complete, and Debian packages that come, work and go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::client::Client;
use e2e::process::{Process, clean_command};
use e2e::scratch::Scratch;
use e2e::{PATIENCE, files, http, release, tool};

use crate::world::World;

crate::tests![
    #[needs(Release)]
    the_same_programs_give_the_same_bytes,
    #[needs(Release)]
    the_tarball_is_complete,
    #[needs(Release)]
    line_tables_come_beside_the_programs,
    #[needs(Release)]
    packages_come_work_and_go,
    a_missing_tool_is_named,
];

/// The names and bytes of all that was made.
fn made(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = files::below(out).into_iter();
    files
        .map(|path| {
            let name = path.strip_prefix(out).unwrap().display().to_string();
            (name, fs::read(path).unwrap())
        })
        .collect()
}

fn the_same_programs_give_the_same_bytes(world: &World) {
    let again = release::make();
    let (first, second) = (made(world.release()), made(again.path()));
    // The tarball, the one of line tables, four packages, the sums of these.
    assert_eq!(first.len(), 7, "{:?}", first.keys());
    for (name, bytes) in &first {
        assert!(second[name] == *bytes, "{name} differs");
    }
}

fn the_tarball_is_complete(world: &World) {
    let out = world.release();
    let sums = tool::output(
        tool::tool("sha256sum")
            .args(["--check", "SHA256SUMS"])
            .current_dir(out),
    );
    assert_eq!(String::from_utf8(sums).unwrap().matches(": OK").count(), 6);
    let tarball = only(out, ".tar.gz");
    let listed = tool::output(tool::tool("tar").args(["-tvzf"]).arg(&tarball));
    for line in String::from_utf8(listed).unwrap().lines() {
        assert!(
            line.contains(" 0/0 ") && line.contains(" 2023-11-14 22:13 "),
            "{line}"
        );
    }
    let root = unpacked(&tarball);
    let sums = tool::output(
        tool::tool("sha256sum")
            .args(["--check", "--quiet", "SHA256SUMS"])
            .current_dir(root.path()),
    );
    assert_eq!(sums, b"");
    let programs = [
        "netsocket",
        "netsocket-balancer",
        "netsocket-collector",
        "netsocket-fileserver",
    ];
    for name in programs {
        let place = |path: String| root.path().join(path);
        let version = tool::output(Command::new(place(format!("usr/bin/{name}"))).arg("--version"));
        assert!(
            String::from_utf8(version).unwrap().starts_with(name),
            "{name}"
        );
        let page = fs::read_to_string(place(format!("usr/share/man/man1/{name}.1"))).unwrap();
        assert!(
            page.contains(".SH SYNOPSIS") && page.contains("config"),
            "{page}"
        );
        let script = place(format!("usr/share/bash-completion/completions/{name}"));
        tool::output(tool::tool("bash").arg("-n").arg(script));
        for script in [
            format!("usr/share/zsh/vendor-completions/_{name}"),
            format!("usr/share/fish/vendor_completions.d/{name}.fish"),
        ] {
            let text = fs::read_to_string(place(script)).unwrap();
            assert!(text.contains(name), "{text}");
        }
        let parts =
            fs::read_to_string(place(format!("usr/share/doc/{name}/{name}.cdx.json"))).unwrap();
        assert_parts(name, &parts);
    }
    for unit in [
        "netsocket-balancer.service",
        "netsocket-fileserver@.service",
        "netsocket-collector.service",
    ] {
        assert!(
            root.path()
                .join("usr/lib/systemd/system")
                .join(unit)
                .is_file(),
            "{unit}"
        );
    }
}

/// A tarball without the folder that all of it is in.
fn unpacked(tarball: &Path) -> Scratch {
    let root = Scratch::new("root");
    let mut unpack = tool::tool("tar");
    unpack
        .args(["-xz", "--strip-components=1", "-f"])
        .arg(tarball)
        .arg("-C")
        .arg(root.path());
    tool::output(&mut unpack);
    root
}

/// Programs are stripped of them; the files beside them name the line of an address.
fn line_tables_come_beside_the_programs(world: &World) {
    let (release, debug) = (
        unpacked(&only(world.release(), ".tar.gz")),
        unpacked(&only(world.release(), ".tgz")),
    );
    assert_eq!(files::below(debug.path()).len(), 4);
    for (name, entry, source) in [
        ("netsocket", "netsocket::main", "client/src/main.rs:"),
        (
            "netsocket-balancer",
            "netsocket_balancer::main",
            "balancer/src/main.rs:",
        ),
        (
            "netsocket-collector",
            "netsocket_collector::main",
            "telemetry/src/main.rs:",
        ),
        (
            "netsocket-fileserver",
            "netsocket_fileserver::main",
            "fileserver/src/main.rs:",
        ),
    ] {
        let program = release.path().join("usr/bin").join(name);
        let tables = debug
            .path()
            .join(format!("usr/lib/debug/usr/bin/{name}.debug"));
        let symbols = tool::output(tool::tool("nm").arg("--demangle").arg(&program));
        let symbols = String::from_utf8(symbols).unwrap();
        let main = symbols.lines().find_map(|line| {
            let (address, symbol) = line.split_once(" t ")?;
            (symbol == entry || symbol.starts_with(&format!("{entry}::h"))).then_some(address)
        });
        let main = main.unwrap_or_else(|| panic!("{name} has no {entry}"));
        let line = |file: &Path| {
            let mut command = tool::tool("addr2line");
            command.arg("--exe").arg(file).arg(main);
            String::from_utf8(tool::output(&mut command)).unwrap()
        };
        assert!(line(&tables).contains(source), "{}", line(&tables));
        assert!(line(&program).starts_with("??"), "{name} has line tables");
    }
}

/// The list of parts names what the program is made of, with a version, a licence and a sum for each.
fn assert_parts(program: &str, text: &str) {
    let list: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(list["bomFormat"], "CycloneDX", "{program}");
    let parts = list["components"].as_array().unwrap();
    let tokio = parts.iter().find(|part| part["name"] == "tokio");
    let tokio = tokio.unwrap_or_else(|| panic!("{program} has no tokio"));
    let version = tokio["version"].as_str().unwrap();
    assert_eq!(tokio["purl"], format!("pkg:cargo/tokio@{version}"));
    assert_eq!(tokio["licenses"][0]["expression"], "MIT");
    assert_eq!(tokio["hashes"][0]["content"].as_str().unwrap().len(), 64);
    let named = |name: &str| parts.iter().any(|part| part["name"] == name);
    for test in ["libtest-mimic", "proptest", "rcgen"] {
        assert!(!named(test), "{program}: tests are no part");
    }
    let stores = program == "netsocket-collector";
    assert_eq!(named("influxdb2"), stores, "{program}");
    // Our own packages are named by their places in the project, wherever that is.
    for name in text.split("path+file:///").skip(1) {
        let (place, _) = name.split_once('#').unwrap();
        assert!(files::path(place).join("Cargo.toml").is_file(), "{place}");
    }
    let listed = parts.iter().map(|part| {
        let word = |key: &str| part[key].as_str().unwrap().to_owned();
        (word("name"), word("version"))
    });
    let own = list["metadata"]["component"]["bom-ref"].as_str().unwrap();
    let (_, own) = own.rsplit_once('#').unwrap();
    let (own, version) = own.split_once('@').unwrap();
    let listed: BTreeSet<_> = listed
        .chain([(own.to_owned(), version.to_owned())])
        .collect();
    let left_out: Vec<_> = linked(own).difference(&listed).cloned().collect();
    assert_eq!(left_out, [], "{program}");
}

/// What cargo links into the programs of a package, tests and build scripts left out: names and versions.
fn linked(package: &str) -> BTreeSet<(String, String)> {
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--locked", "--manifest-path"])
        .arg(files::path("Cargo.toml"))
        .args(["--package", package, "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}"]);
    let tree = String::from_utf8(tool::output(&mut tree)).unwrap();
    let lines = tree.lines().map(|line| {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let version = words.next().unwrap().strip_prefix('v').unwrap();
        (name.to_owned(), version.to_owned())
    });
    lines.collect()
}

/// Nothing is built, nor begun, where a tool is missing: one line tells what to type.
fn a_missing_tool_is_named(_: &World) {
    let (home, out) = (Scratch::new("no-tools"), Scratch::new("no-release"));
    let mut dist = clean_command(release::xtask());
    dist.env("CARGO", env!("CARGO"))
        .env("CARGO_HOME", home.path())
        .env("PATH", "/usr/bin:/bin")
        .args(["dist", "--out"])
        .arg(out.path());
    let output = dist.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), said.lines().count()),
        (Some(1), 1),
        "{said}"
    );
    for tool in ["cargo-deb", "cargo-cyclonedx"] {
        let install = format!("{tool} (cargo install --locked {tool}@");
        assert!(said.contains(&install), "{said}");
    }
    assert_eq!(files::below(out.path()), Vec::<PathBuf>::new());
}

/// The one file of that ending.
fn only(folder: &Path, ending: &str) -> PathBuf {
    let mut files = files::below(folder);
    files.retain(|file| file.to_str().unwrap().ends_with(ending));
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// `dpkg` over a root of its own. Scripts of packages run here, with that root named to them.
fn dpkg(root: &Path, words: &[&str]) -> Command {
    let mut command = clean_command("dpkg");
    command
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .args([
            "--force-script-chrootless",
            "--force-not-root",
            "--force-depends",
        ])
        .arg(format!("--root={}", root.display()))
        .args(words);
    command
}

fn packages_come_work_and_go(world: &World) {
    let root = Scratch::new("debian");
    for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "etc", "srv"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    for file in ["status", "available"] {
        fs::write(root.path().join("var/lib/dpkg").join(file), "").unwrap();
    }
    let empty = installed(root.path());
    let packages: Vec<PathBuf> = files::below(world.release())
        .into_iter()
        .filter(|file| file.extension().is_some_and(|kind| kind == "deb"))
        .collect();
    tool::output(dpkg(root.path(), &["--install"]).args(&packages));

    // All files of the tarball are there.
    let listed = tool::output(
        tool::tool("tar")
            .arg("-tzf")
            .arg(only(world.release(), ".tar.gz")),
    );
    for name in String::from_utf8(listed).unwrap().lines() {
        let (_, name) = name.split_once('/').unwrap();
        assert!(
            name == "SHA256SUMS" || root.path().join(name).exists(),
            "{name}"
        );
    }

    // Users are made, programs start with what was installed, and a change to settings is kept.
    let users = fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    assert!(
        users.contains("\nnetsocket-fileserver:") || users.starts_with("netsocket-fileserver:"),
        "{users}"
    );
    assert!(root.path().join("srv/files").is_dir());
    serves(root.path(), world);
    let settings = root.path().join("etc/netsocket/balancer.toml");
    let text = fs::read_to_string(&settings).unwrap() + "# changed\n";
    fs::write(&settings, &text).unwrap();
    let mut again = dpkg(
        root.path(),
        &["--force-confdef", "--force-confold", "--install"],
    );
    tool::output(again.args(&packages));
    assert_eq!(fs::read_to_string(&settings).unwrap(), text);

    let names = [
        "netsocket",
        "netsocket-balancer",
        "netsocket-collector",
        "netsocket-fileserver",
    ];
    tool::output(dpkg(root.path(), &["--remove"]).args(names));
    assert!(
        settings.is_file(),
        "settings stay until the package is purged"
    );
    assert!(!root.path().join("usr/bin/netsocket-balancer").exists());
    tool::output(dpkg(root.path(), &["--purge"]).args(&names[1..]));
    assert_eq!(installed(root.path()), empty);
}

/// All files but those of dpkg itself and of the users that were made.
fn installed(root: &Path) -> Vec<PathBuf> {
    let mut files = files::below(root);
    files.retain(|file| {
        let name = file.strip_prefix(root).unwrap();
        let name = name.to_str().unwrap();
        let users = [
            "etc/passwd",
            "etc/group",
            "etc/shadow",
            "etc/gshadow",
            "etc/.pwd.lock",
        ];
        !name.starts_with("var/lib/dpkg/") && !users.iter().any(|user| name.starts_with(user))
    });
    files
}

/// Balancer and file server by hand, from the installed programs and settings.
fn serves(root: &Path, world: &World) {
    let command = |name: &str, settings: &str| {
        let mut command = clean_command(root.join("usr/bin").join(name));
        command.env("NETSOCKET_LOG_FORMAT", "json").arg("--config");
        command.arg(root.join("etc/netsocket").join(settings));
        command
    };
    let mut server = command("netsocket-fileserver", "fileserver.toml");
    server
        .args(["--listen", "127.0.0.1:0", "--root"])
        .arg(world.few_files());
    let mut server = Process::start("server", server, Scratch::new("server"));
    let mut balancer = command("netsocket-balancer", "balancer.toml");
    let backend = format!("server={}", server.listening("address"));
    balancer.args([
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--backend",
        &backend,
    ]);
    let mut balancer = Process::start("balancer", balancer, Scratch::new("balancer"));
    let address = balancer.listening("address");
    let admin = balancer.listening("admin");
    e2e::eventually(PATIENCE, "a ready balancer", || {
        (http::get(admin, "/readyz").ok()?.status == 200).then_some(())
    });
    assert_eq!(Client::of(address).run(&["w24fn", "one.txt"]).code, Some(0));
    assert_eq!(balancer.terminate(), Some(0));
    assert_eq!(server.terminate(), Some(0));
}
