//! `infra/docker/Dockerfile`, built by Docker's engine FROM scratch with programs that are there already, and run.

use std::net::SocketAddr;

use e2e::admin::Admin;
use e2e::client::Client;
use e2e::compose;
use e2e::docker::{Docker, Networks, STEP};
use e2e::process::Ran;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, dockerfile, eventually, files, http, netns, release, tool};
use serde_json::Value;

use crate::world::World;

crate::tests![
    every_file_of_an_image_reaches_its_build,
    #[needs(Docker)]
    images_serve_and_drain,
    #[needs(DockerNetworks)]
    replicas_of_compose_come_and_go,
];

/// The tag that compose starts unless it is told otherwise.
const TAG: &str = "0.1.0";

/// As many descriptors as any machine of tests has.
const OPEN_FILES: &str = "4096";

/// What is left out of a build cannot be copied in it.
fn every_file_of_an_image_reaches_its_build(_: &World) {
    let ignored = files::text("infra/docker/Dockerfile.dockerignore");
    for target in ["balancer", "fileserver", "collector", "client"] {
        for (source, _) in dockerfile::Image::of(target).files {
            assert!(files::path(&source).is_file(), "{source}");
            let kept = ignored.lines().filter_map(|line| line.strip_prefix('!'));
            let mut kept = kept.map(|pattern| pattern.trim_end_matches('*'));
            assert!(kept.any(|kept| source.starts_with(kept)), "{source}");
        }
    }
}

/// A context as the Dockerfile wants it, with static programs in `prebuilt`.
fn context() -> Scratch {
    let context = Scratch::new("context");
    let programs = release::static_programs().unwrap();
    let mut command = tool::tool("cp");
    command
        .arg("-r")
        .arg(programs)
        .arg(context.path().join("prebuilt"));
    tool::output(&mut command);
    let copy = ["LICENSE-MIT", "LICENSE-APACHE", "infra"];
    let copy = copy.map(files::path);
    std::fs::create_dir(context.path().join("infra")).unwrap();
    for file in &copy[..2] {
        std::fs::copy(file, context.path().join(file.file_name().unwrap())).unwrap();
    }
    for folder in ["config", "docker"] {
        let mut command = tool::tool("cp");
        command
            .arg("-r")
            .arg(copy[2].join(folder))
            .arg(context.path().join("infra"));
        tool::output(&mut command);
    }
    context
}

/// Images of these targets.
fn build(docker: &Docker, targets: &[&str]) {
    let context = context();
    for target in targets {
        let tag = format!("netsocket-{target}:{TAG}");
        let file = context.path().join(dockerfile::FILE);
        docker.run(&[
            "build",
            "--quiet",
            "--build-arg=PROGRAMS=prebuilt",
            "--build-arg=VERSION=7.7",
            &format!("--target={target}"),
            &format!("--tag={tag}"),
            &format!("--file={}", file.display()),
            context.path().to_str().unwrap(),
        ]);
        let version = "{{index .Config.Labels \"org.opencontainers.image.version\"}}";
        assert_eq!(docker.inspect(&tag, version), "7.7");
        assert_eq!(docker.inspect(&tag, "{{.Config.User}}"), "65532:65532");
    }
}

fn images_serve_and_drain(world: &World) {
    let docker = Docker::start(Networks::Shared);
    build(&docker, &["fileserver", "balancer", "collector", "client"]);
    let image = |target: &str| format!("netsocket-{target}:{TAG}");
    let tree = format!("{}:/srv/files:ro", world.few_files().display());
    let hardened = [
        "run",
        "--detach",
        "--network=host",
        "--read-only",
        "--cap-drop=ALL",
    ];
    let start = |words: &[&str]| docker.run(&[&hardened[..], words].concat());
    start(&[
        "--name=server",
        "--volume",
        &tree,
        "--tmpfs=/tmp",
        &image("fileserver"),
    ]);
    let backend = "NETSOCKET_BACKENDS=server=127.0.0.1:9000";
    start(&["--name=balancer", "--env", backend, &image("balancer")]);
    for name in ["server", "balancer"] {
        eventually(PATIENCE, "a healthy container", || {
            let state: Value =
                serde_json::from_str(&docker.inspect(name, "{{json .State}}")).unwrap();
            assert_eq!(
                state["Running"],
                true,
                "{name}: {}",
                docker.run(&["logs", name])
            );
            (state["Health"]["Status"] == "healthy").then_some(())
        });
    }
    // By our client in its own image, and from outside.
    let asked = [
        "run",
        "--rm",
        "--network=host",
        &image("client"),
        "w24fn",
        "one.txt",
    ];
    assert!(docker.run(&asked).starts_with("FilePath: apples/one.txt"));
    netns::inside(docker.engine(), || {
        let client = Client::of(SocketAddr::from(([127, 0, 0, 1], 8081)));
        assert_eq!(client.run(&["w24ft", "bin"]).code, Some(0));
        let page = http::get(SocketAddr::from(([127, 0, 0, 1], 8404)), "/readyz").unwrap();
        assert_eq!((page.status, page.body.as_str()), (200, "ready\n"));
    });
    // Operators have the program in the container, and nothing else: there is no shell.
    let table = docker.run(&["exec", "balancer", "netsocket-balancer", "ctl", "backends"]);
    assert!(table.contains("server"), "{table}");
    let shell = Ran::of(docker.command(&["exec", "balancer", "sh"]), PATIENCE);
    assert_ne!(shell.code, Some(0));
    for name in ["balancer", "server"] {
        docker.run(&["stop", "--time=30", name]);
        assert_eq!(
            docker.inspect(name, "{{.State.ExitCode}}"),
            "0",
            "{}",
            docker.run(&["logs", name])
        );
    }
}

/// The file itself, by the real engine with its own networks and names; only services of ours, as Kafka and the others
/// cannot be fetched.
fn replicas_of_compose_come_and_go(_: &World) {
    let docker = Docker::start(Networks::Bridges);
    build(&docker, &["fileserver", "balancer"]);
    let compose = |words: &[&str]| {
        let file = files::path(compose::FILE);
        let before = [
            "--project-name",
            "netsocket",
            "--file",
            file.to_str().unwrap(),
        ];
        let mut command = docker.compose(&[&before[..], words].concat());
        command.envs([("COMPOSE_PROFILES", ""), ("NETSOCKET_KAFKA", "")]);
        command.envs([("OPEN_FILES", OPEN_FILES), ("NETSOCKET_TAG", TAG)]);
        let ran = Ran::of(command, STEP);
        assert_eq!(ran.code, Some(0), "{words:?}: {}", ran.stderr);
    };
    let scale = |count: usize| {
        let scale = format!("--scale=fileserver={count}");
        compose(&[
            "up",
            "--no-build",
            "--detach",
            &scale,
            "balancer",
            "fileserver",
        ]);
    };
    let admin = Admin(SocketAddr::from(([127, 0, 0, 1], 8404)));
    let client = Client::of(SocketAddr::from(([127, 0, 0, 1], 8081)));
    scale(5);
    netns::inside(docker.engine(), || {
        eventually(PATIENCE, "the published ports", || {
            http::get(admin.0, "/healthz").ok()
        });
        eventually(PATIENCE, "five replicas", || {
            (admin.up() == 5).then_some(())
        });
        eventually(PATIENCE, "sessions on each of them", || {
            assert_eq!(client.run(&["w24fn", "protocol.md"]).code, Some(0));
            let served = |backend: &Value| backend["total"].as_u64() > Some(0);
            admin.backends().iter().all(served).then_some(())
        });
    });
    scale(2);
    netns::inside(docker.engine(), || {
        eventually(PATIENCE, "two replicas", || {
            (admin.backends().len() == 2).then_some(())
        });
        assert_eq!(client.run(&["w24ft", "md"]).code, Some(0));
    });
    compose(&["stop"]);
    let codes = docker.run(&[
        "inspect",
        "--format",
        "{{.State.ExitCode}}",
        "netsocket_balancer_1",
        "netsocket_fileserver_1",
    ]);
    assert_eq!(codes, "0\n0");
}
