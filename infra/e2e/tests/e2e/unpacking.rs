//! `archive --extract`: what it makes is what `tar` makes of the same archive.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use e2e::client::Client;
use e2e::fleet::{FileServer, Plan};
use e2e::process::Ran;
use e2e::scratch::Scratch;
use e2e::tree::{noise, put};
use e2e::{PATIENCE, loopback, tool};

use crate::world::World;

crate::tests![
    permissions_are_those_of_tar,
    holes_take_no_space,
    the_bytes_of_the_files_are_counted,
    a_directory_is_fetched_under_its_own_name,
    a_copy_is_that_of_cp,
    several_sources_need_a_directory,
];

fn served(tree: &Path) -> (FileServer, Client) {
    let address = (loopback::own_address(), 0).into();
    let server = FileServer::start_at(&Plan::over(tree), "server", address);
    let client = Client::of(server.address);
    (server, client)
}

/// The permissions of everything below a directory, by path.
fn modes(top: &Path) -> BTreeMap<String, u32> {
    let mut modes = BTreeMap::new();
    let mut left = vec![top.to_path_buf()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let there = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            modes.insert(name, there.mode() & 0o7777);
            if there.is_dir() {
                left.push(path);
            }
        }
    }
    modes
}

/// Runs a command with another umask.
fn with_umask(umask: &str, command: &Command) -> Ran {
    let mut shell = Command::new("sh");
    let script = format!("umask {umask}; exec \"$@\"");
    shell.args(["-c", &script, "sh"]).arg(command.get_program());
    shell.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Ran::of(shell, PATIENCE)
}

/// As `get -r` of sftp does: without the directories above.
fn a_directory_is_fetched_under_its_own_name(_: &World) {
    let tree = Scratch::new("recursive");
    for path in ["a/b/one", "a/b/c/two", "a/beside", "three"] {
        put(tree.path(), path.as_bytes(), path.as_bytes());
    }
    let (_server, client) = served(tree.path());
    let into = Scratch::new("into");
    let place = into.path().to_str().unwrap();
    let ran = client.run(&["get", "-r", "a/b", "three", "-o", place]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for (made, from) in [
        ("b/one", "a/b/one"),
        ("b/c/two", "a/b/c/two"),
        ("three", "three"),
    ] {
        let content = fs::read(into.path().join(made)).unwrap();
        assert_eq!(content, from.as_bytes(), "{made}");
    }
    let mut names: Vec<_> = modes(into.path()).into_keys().collect();
    names.sort_unstable();
    assert_eq!(names, ["b", "b/c", "b/c/two", "b/one", "three"]);
    // What is there is kept.
    fs::write(into.path().join("b/one"), "mine").unwrap();
    let ran = client.run(&["get", "-r", "a/b", "-o", place]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_eq!(fs::read(into.path().join("b/one")).unwrap(), b"mine");
    let ran = client.run(&["get", "-r", "/", "-o", place, "--force"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let beside = fs::read(into.path().join("a/beside")).unwrap();
    assert_eq!(beside, b"a/beside");
}

/// Where it goes and what is in it, whatever there is before.
fn a_copy_is_that_of_cp(_: &World) {
    let tree = Scratch::new("copied");
    for path in ["a/b/one", "a/beside", "three"] {
        put(tree.path(), path.as_bytes(), path.as_bytes());
    }
    for path in ["a/none", "a/none/deep/er", "a/b/none", "empty"] {
        fs::create_dir_all(tree.path().join(path)).unwrap();
    }
    for number in 0..100 {
        fs::create_dir_all(tree.path().join(format!("many/{number}/x"))).unwrap();
    }
    let (_server, client) = served(tree.path());
    for (line, there) in [
        ("a", &[][..]),
        ("a .", &[]),
        ("a out", &[]),
        ("a out/", &[]),
        ("a out", &["out"]),
        ("a out/", &["out/a/more"]),
        ("a ./x/out", &["x"]),
        ("a/. out", &[]),
        ("a/. out", &["out"]),
        ("a/b/.", &[]),
        ("a/b out", &[]),
        ("a/b out", &["out"]),
        ("a/b .", &[]),
        ("empty", &[]),
        ("empty out", &[]),
        ("empty out", &["out/empty"]),
        ("many out", &[]),
        ("a empty three out", &["out"]),
        ("three out", &[]),
        ("three out", &["out"]),
    ] {
        let (ours, theirs) = (Scratch::new("ours"), Scratch::new("theirs"));
        for place in [&ours, &theirs] {
            for path in there {
                fs::create_dir_all(place.path().join(path)).unwrap();
            }
        }
        let words: Vec<&str> = line.split(' ').collect();
        let mut get = client.command();
        get.current_dir(ours.path())
            .args(["get", "-r"])
            .args(&words);
        let ran = Ran::of(get, PATIENCE);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
        let mut cp = tool::tool("cp");
        cp.current_dir(theirs.path()).arg("-r");
        // Without a last operand, as with `.`.
        let (sources, last) = match &words[..] {
            [only] => (&[*only][..], "."),
            [sources @ .., last] => (sources, *last),
            [] => unreachable!(),
        };
        cp.args(sources.iter().map(|source| tree.path().join(source)));
        cp.arg(last);
        assert_eq!(Ran::of(cp, PATIENCE).code, Some(0), "{line}");
        let modes = (modes(ours.path()), modes(theirs.path()));
        assert_eq!(modes.0, modes.1, "{line} with {there:?}");
    }
}

/// Nothing is saved before that is known.
fn several_sources_need_a_directory(_: &World) {
    let tree = Scratch::new("several");
    for path in ["a", "b", "c", "d/e"] {
        put(tree.path(), path.as_bytes(), path.as_bytes());
    }
    let (_server, client) = served(tree.path());
    let run = |into: &Scratch, words: &str| {
        let mut get = client.command();
        get.current_dir(into.path()).args(words.split(' '));
        Ran::of(get, PATIENCE)
    };
    for words in [
        "get a b out",
        "get -r a d out",
        "get -r d a ./out",
        "get a b -o out",
        "mget {a,b} out",
    ] {
        let into = Scratch::new("nothing");
        let ran = run(&into, words);
        assert_eq!(ran.code, Some(2), "{words}: {}", ran.stderr);
        let said = "not a directory on this machine";
        let said = ran.stderr.contains(said) || ran.stderr.contains("neither a directory");
        assert!(said, "{words}: {}", ran.stderr);
        assert!(modes(into.path()).is_empty(), "{words}");
    }
    // Those that are all on the server go on.
    let into = Scratch::new("all");
    assert_eq!(run(&into, "get a b c").code, Some(0));
    let names: Vec<_> = modes(into.path()).into_keys().collect();
    assert_eq!(names, ["a", "b", "c"]);
}

fn permissions_are_those_of_tar(_: &World) {
    let tree = Scratch::new("modes");
    for (path, mode) in [
        ("plain", 0o644),
        ("d/program", 0o755),
        ("d/e/shared", 0o666),
        ("d/e/read-only", 0o444),
        ("set-id", 0o6755),
    ] {
        let path = put(tree.path(), path.as_bytes(), b"content");
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let (_server, client) = served(tree.path());
    let archive = client.home().join("all.tar.gz");
    let ran = client.run(&["archive", "-o", archive.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for umask in ["000", "022", "027", "077"] {
        let (ours, theirs) = (Scratch::new("ours"), Scratch::new("theirs"));
        let mut command = client.command();
        command.args(["archive", "--extract"]).arg(ours.path());
        let ran = with_umask(umask, &command);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let mut tar = tool::tool("tar");
        // As for an ordinary user, whoever runs the tests.
        tar.args(["--no-same-permissions", "--no-same-owner", "-xzf"])
            .arg(&archive)
            .arg("--directory")
            .arg(theirs.path());
        assert_eq!(with_umask(umask, &tar).code, Some(0));
        assert_eq!(modes(ours.path()), modes(theirs.path()), "{umask}");
    }
    let kept = Scratch::new("kept");
    let mut command = client.command();
    command
        .args(["archive", "-p", "--extract"])
        .arg(kept.path());
    assert_eq!(with_umask("077", &command).code, Some(0));
    let modes = modes(kept.path());
    let mode = |path: &str| modes[path];
    assert_eq!((mode("plain"), mode("d/e/shared")), (0o644, 0o666));
    assert_eq!(mode("set-id"), 0o755, "never as another user");
    let ran = client.run(&["archive", "--preserve-permissions"]);
    assert_eq!(ran.code, Some(2), "it is about unpacking: {}", ran.stderr);
}

fn holes_take_no_space(_: &World) {
    let tree = Scratch::new("sparse");
    let length = 100 << 20;
    let data = noise(b"data", 70_000);
    let sparse = File::create(tree.path().join("disk.img")).unwrap();
    sparse.set_len(length).unwrap();
    // At the beginning, in the middle, across the end of a block of the archive, and before a hole at the end.
    for at in [0, 10 << 20, (30 << 20) - 30_000, (77 << 20) + 1234] {
        sparse.write_all_at(&data, at).unwrap();
    }
    put(tree.path(), b"empty.img", b"");
    File::create(tree.path().join("hole.img"))
        .unwrap()
        .set_len(5 << 20)
        .unwrap();
    put(tree.path(), b"plain", &noise(b"plain", 3 << 20));
    let (_server, client) = served(tree.path());
    let into = Scratch::new("unpacked");
    let ran = client.run(&["archive", "--extract", into.path().to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let (mut ours, mut theirs) = (0, 0);
    for name in ["disk.img", "empty.img", "hole.img", "plain"] {
        let (from, to) = (tree.path().join(name), into.path().join(name));
        assert!(fs::read(&from).unwrap() == fs::read(&to).unwrap(), "{name}");
        ours += to.metadata().unwrap().blocks() * 512;
        theirs += from.metadata().unwrap().blocks() * 512;
    }
    // The blocks of the archive cut a block of a file in two now and then.
    assert!(ours <= theirs + (256 << 10), "{ours} bytes, not {theirs}");
}

fn the_bytes_of_the_files_are_counted(_: &World) {
    let tree = Scratch::new("zeros");
    for name in ["a", "b/c", "b/d"] {
        put(tree.path(), name.as_bytes(), &vec![0; 100_000]);
    }
    let (_server, client) = served(tree.path());
    let into = client.home().join("copy");
    let words = ["archive", "--extract", into.to_str().unwrap()];
    let ran = client.run(&words);
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(said.ends_with("/copy: 3 files, 293.0 KiB\n"), "{said}");
    // A second run finds them there, and they count all the same.
    let (code, line) = client.json(&words);
    assert_eq!(
        (code, line["file_bytes"].as_u64()),
        (Some(0), Some(300_000))
    );
    assert!(line["bytes"].as_u64().unwrap() < 10_000, "{line}");
}
