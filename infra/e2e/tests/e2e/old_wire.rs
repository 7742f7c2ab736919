//! The old wire, byte for byte as the description of the old system says.

use std::io;
use std::net::SocketAddr;

use e2e::fleet::Plan;
use e2e::old_client::{OldClient, Pace, command, frame};
use e2e::{PATIENCE, archive, eventually};

use crate::world::World;

crate::tests![
    port_question,
    advertised_port,
    text_answers,
    archive_answers,
    wrong_commands_do_not_end_a_session,
    commands_reach_no_shell,
    too_large_is_no,
];

/// What comes back for `sent`, to the end of the connection.
fn answer(server: SocketAddr, pace: Pace, sent: &[u8]) -> io::Result<Vec<u8>> {
    let mut client = OldClient::silent(server, pace)?;
    client.write(sent)?;
    client.rest()
}

fn port_question(world: &World) {
    let fleet = Plan::over(&world.few_files()).start();
    let said = answer(fleet.address(), Pace::Whole, b"0").unwrap();
    assert_eq!(said, b"000000000000000000000000000000048081");
    assert_eq!(OldClient::ask_port(fleet.address()).unwrap(), b"8081");
    // A client that says that nothing more comes need not be waited for.
    let mut client = OldClient::silent(fleet.address(), Pace::Whole).unwrap();
    client.write(b"0").unwrap();
    client.finish().unwrap();
    assert_eq!(client.rest().unwrap(), frame(b"8081"));
}

fn advertised_port(world: &World) {
    let root = world.few_files();
    let plan = Plan {
        server_settings: "advertise_port = 18081\n",
        ..Plan::over(&root)
    };
    let fleet = plan.start();
    let said = answer(fleet.address(), Pace::Whole, b"0").unwrap();
    assert_eq!(said, b"0000000000000000000000000000000518081");
}

/// Whole sessions as bytes: with the opening byte and without, at once and byte by byte.
fn text_answers(world: &World) {
    let fleet = Plan::over(&world.few_files()).start();
    let commands = [
        command("dirlist -a"),
        command("w24fn no such file"),
        command("dirlist -t"),
        command("quitc"),
    ]
    .concat();
    assert!(commands.starts_with(b"00000000000000000000000000000011dirlist -a\n"));
    let expected = concat!(
        "00000000000000000000000000000013apples\npears\n",
        "00000000000000000000000000000014File not found",
        "00000000000000000000000000000013apples\npears\n",
    );
    for opening in [&b"1"[..], b""] {
        for pace in [Pace::Whole, Pace::ByteByByte] {
            let said = answer(fleet.address(), pace, &[opening, &commands].concat()).unwrap();
            assert_eq!(
                String::from_utf8_lossy(&said),
                expected,
                "{opening:?} {pace:?}"
            );
        }
    }
}

fn archive_answers(world: &World) {
    let fleet = Plan::over(&world.few_files()).start();
    for pace in [Pace::Whole, Pace::ByteByByte] {
        let sent = [
            &b"1"[..],
            &command("w24ft none"),
            &command("w24ft txt"),
            &command("quitc"),
        ]
        .concat();
        let said = answer(fleet.address(), pace, &sent).unwrap();
        let expected = b"00000000000000000000000000000002no00000000000000000000000000000003yes";
        let (words, rest) = said.split_at(expected.len());
        assert_eq!(words, expected);
        let (length, archive) = rest.split_at(32);
        assert_eq!(length, format!("{:032}", archive.len()).as_bytes());
        assert_eq!(archive[..2], [0x1f, 0x8b], "gzip");
        let names: Vec<Vec<u8>> = archive::unpack_bytes(archive).into_keys().collect();
        assert_eq!(names, [b"one.txt", b"two.txt"]);
    }
}

fn wrong_commands_do_not_end_a_session(world: &World) {
    let fleet = Plan::over(&world.few_files()).start();
    let mut client = OldClient::open(fleet.address()).unwrap();
    for line in [
        "dirlist",
        "dirlist -x",
        "w24fn",
        "w24fn ",
        "hello",
        "",
        "w24fn a/b",
        "DIRLIST -a",
    ] {
        let said = String::from_utf8(client.text(line).unwrap()).unwrap();
        assert!(
            !said.is_empty() && !said.contains("apples"),
            "{line:?}: {said:?}"
        );
    }
    for line in [
        "w24fz",
        "w24fz 2 1",
        "w24fz -1 5",
        "w24ft",
        "w24ft a b c d",
        "w24fdb yesterday",
        "w24fda 2024-13-01",
    ] {
        assert_eq!(client.archive(line).unwrap(), None, "{line:?}");
    }
    assert_eq!(client.text("dirlist -a").unwrap(), b"apples\npears\n");
    client.quit().unwrap();
}

/// The old server pasted commands into `bash -c`.
fn commands_reach_no_shell(world: &World) {
    let fleet = Plan::over(&world.few_files()).start();
    // Where the file servers may write, so that only their restraint keeps it away.
    let marker =
        std::env::temp_dir().join(format!("netsocket-e2e-injected-{}", std::process::id()));
    let touch = format!("touch {}", marker.display());
    let mut client = OldClient::open(fleet.address()).unwrap();
    for line in [
        format!("w24fn x; {touch}"),
        format!("w24fn $({touch})"),
        format!("w24fn `{touch}`"),
        format!("w24fn x'; {touch}; '"),
        format!("w24fn x\n{touch}"),
        format!("dirlist -a; {touch}"),
    ] {
        client.text(&line).unwrap();
    }
    for line in [
        format!("w24ft txt;{touch}"),
        format!("w24fz 0 1;{touch}"),
        format!("w24fdb 2024-01-01;{touch}"),
        format!("w24ft $({touch})"),
    ] {
        assert_eq!(client.archive(&line).unwrap(), None, "{line}");
    }
    assert_eq!(client.text("dirlist -a").unwrap(), b"apples\npears\n");
    assert!(!marker.exists(), "a command ran in a shell");
    client.quit().unwrap();
}

fn too_large_is_no(world: &World) {
    let root = world.few_files();
    let plan = Plan {
        server_settings: "spool_limit = '1M'\n",
        ..Plan::over(&root)
    };
    let fleet = plan.start();
    let mut client = OldClient::open(fleet.address()).unwrap();
    assert_eq!(client.archive("w24ft bin").unwrap(), None, "3 MiB of noise");
    assert!(
        client.archive("w24ft txt").unwrap().is_some(),
        "the session goes on"
    );
    client.quit().unwrap();
    eventually(PATIENCE, "a line in a log about the limit", || {
        let logs = fleet.servers.iter().map(|server| server.process.log());
        let said = logs.flat_map(|log| log.lines().map(ToOwned::to_owned).collect::<Vec<_>>());
        said.into_iter()
            .find(|line| line.contains("limit"))
            .map(drop)
    });
}
