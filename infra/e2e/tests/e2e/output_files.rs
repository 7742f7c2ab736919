//! Where `-o` leads: descriptors, links and FIFOs.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use e2e::client::Client;
use e2e::fleet::{FileServer, Plan};
use e2e::process::{Process, Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::tree::{noise, put};
use e2e::{PATIENCE, loopback};

use crate::world::World;

crate::tests![
    names_of_standard_output_mean_standard_output,
    a_descriptor_is_written_at_its_position,
    a_descriptor_that_cannot_be_written_is_refused,
    a_link_means_the_file_that_it_names,
    a_fifo_is_written_and_stays,
    a_reader_that_leaves_is_no_error,
];

/// More than a pipe holds.
const LARGE: usize = 3 << 20;

/// A file server, and a directory in which a shell runs the client.
struct Service {
    server: FileServer,
    client: Client,
    tree: Scratch,
}

impl Service {
    fn start() -> Self {
        let tree = Scratch::new("output");
        put(tree.path(), b"big.txt", &noise(b"big", LARGE));
        put(tree.path(), b"small.txt", b"small\n");
        let address = (loopback::own_address(), 0).into();
        let server = FileServer::start_at(&Plan::over(tree.path()), "server", address);
        let client = Client::of(server.address);
        Self {
            server,
            client,
            tree,
        }
    }

    /// Runs a script in which `netsocket` asks the server.
    fn shell(&self, script: &str) -> Ran {
        let mut shell = clean_command("bash");
        let program = Program::Client.path();
        let function = format!(
            "netsocket() {{ '{}' --server {} \"$@\"; }}",
            program.display(),
            self.server.address
        );
        shell
            .current_dir(self.home())
            .env("HOME", self.home())
            .args(["-c", &format!("{function}\n{script}")]);
        Ran::of(shell, PATIENCE)
    }

    /// Runs a command whose standard output is a pipe without a reader, and returns what it says about that.
    fn with_closed_pipe(&self, words: &str) -> (Option<i32>, String) {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut command = self.client.command();
        command.current_dir(self.home()).args(words.split(' '));
        let mut process = Process::start_with_output("netsocket", command, writer.into());
        let code = process.wait(PATIENCE).code();
        (code, process.log())
    }

    fn home(&self) -> &Path {
        self.client.home()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home().join(name)
    }

    fn content(&self, name: &str) -> Vec<u8> {
        fs::read(self.tree.path().join(name)).unwrap()
    }
}

fn names_of_standard_output_mean_standard_output(_: &World) {
    let service = Service::start();
    symlink("/dev/stdout", service.file("first")).unwrap();
    symlink("first", service.file("second")).unwrap();
    let names = [
        "-",
        "/dev/stdout",
        "/dev/fd/1",
        "/proc/self/fd/1",
        "/proc/thread-self/fd/1",
        "second",
    ];
    let archive = service.shell("netsocket archive -o -").stdout;
    assert!(archive.starts_with(b"\x1f\x8b"));
    let flat = service.shell("netsocket -o - w24ft txt").stdout;
    for name in names {
        for (command, expected) in [
            (
                format!("netsocket get big.txt -o {name}"),
                &service.content("big.txt"),
            ),
            (format!("netsocket archive -o {name}"), &archive),
            (format!("netsocket -o {name} w24ft txt"), &flat),
            (
                format!("netsocket --json get small.txt -o {name}"),
                &service.content("small.txt"),
            ),
        ] {
            // Into a file: nothing may replace it, and what was there before stays.
            let ran = service.shell(&format!("echo before > out; {command} >> out; cat out"));
            assert_eq!(ran.code, Some(0), "{command}: {}", ran.stderr);
            let rest = ran.stdout.strip_prefix(b"before\n").unwrap_or_default();
            assert!(rest == &expected[..], "{command}: {} bytes", rest.len());
            assert!(ran.stderr.contains("saved"), "{command}: {}", ran.stderr);
            let ran = service.shell(&format!("{command} | cat"));
            assert!(ran.stdout == *expected, "{command} into a pipe");
        }
        let ran = service.shell(&format!("netsocket get big.txt small.txt -o {name}"));
        assert_eq!(ran.code, Some(2), "{name}: {}", ran.stderr);
    }
}

fn a_descriptor_is_written_at_its_position(_: &World) {
    let service = Service::start();
    let script = "exec 3>>log; echo one >&3; netsocket get small.txt -o /dev/fd/3; \
                  netsocket get small.txt -o /proc/self/fd/3; echo two >&3";
    let ran = service.shell(script);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let log = fs::read_to_string(service.file("log")).unwrap();
    assert_eq!(log, "one\nsmall\nsmall\ntwo\n");
    // Standard output has the results, as with any file.
    let said = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(said, "saved /dev/fd/3: 6 B\nsaved /proc/self/fd/3: 6 B\n");
    // Unless it is the same pipe.
    let ran = service.shell("netsocket get small.txt -o /dev/fd/3 3>&1");
    assert_eq!((ran.code, &ran.stdout[..]), (Some(0), &b"small\n"[..]));
    assert!(ran.stderr.contains("saved /dev/fd/3"), "{}", ran.stderr);
}

fn a_descriptor_that_cannot_be_written_is_refused(_: &World) {
    let service = Service::start();
    for (script, said) in [
        (
            "netsocket get small.txt -o /dev/fd/9",
            "/dev/fd/9: there is no such descriptor",
        ),
        (
            "netsocket get small.txt -o /dev/stdin </dev/null",
            "it is open for reading only",
        ),
        (
            "netsocket get small.txt -o /dev/stderr",
            "-o cannot be standard error",
        ),
        (
            "netsocket archive -o /proc/self/fd/2",
            "-o cannot be standard error",
        ),
        (
            "netsocket get small.txt -o /dev/full",
            "no space left on device",
        ),
    ] {
        let ran = service.shell(script);
        assert!(matches!(ran.code, Some(2 | 4)), "{script}: {:?}", ran.code);
        assert!(ran.stderr.contains(said), "{script}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{script}");
    }
}

fn a_link_means_the_file_that_it_names(_: &World) {
    let service = Service::start();
    symlink("target", service.file("link")).unwrap();
    symlink("link", service.file("chain")).unwrap();
    symlink("nowhere/target", service.file("astray")).unwrap();
    for content in ["big.txt", "small.txt"] {
        let ran = service.shell(&format!("netsocket get {content} -o chain"));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let target = service.file("target");
        assert!(target.symlink_metadata().unwrap().is_file());
        assert!(fs::read(target).unwrap() == service.content(content));
        for link in ["link", "chain"] {
            assert!(service.file(link).is_symlink(), "{link} stays");
        }
    }
    let ran = service.shell("netsocket get small.txt -o astray");
    assert_eq!(ran.code, Some(4));
    assert!(
        ran.stderr.contains("astray: there is no directory "),
        "{}",
        ran.stderr
    );
}

fn a_fifo_is_written_and_stays(_: &World) {
    let service = Service::start();
    let script = "mkfifo fifo; cat fifo > copy & netsocket get big.txt -o fifo; wait $!";
    let ran = service.shell(script);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(fs::read(service.file("copy")).unwrap() == service.content("big.txt"));
    let fifo = service.file("fifo").symlink_metadata().unwrap();
    assert!(fifo.file_type().is_fifo() && fifo.nlink() == 1);
    // Its reader leaves: no error either, and the next command runs.
    let script =
        "head -c 5 fifo > copy &\nnetsocket <<'END'\nget big.txt -o fifo\nget small.txt\nEND\n";
    let ran = service.shell(script);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(fs::read(service.file("small.txt")).unwrap(), b"small\n");
}

fn a_reader_that_leaves_is_no_error(_: &World) {
    let service = Service::start();
    for (command, code) in [
        ("get big.txt -o -", 0),
        ("get big.txt -o /dev/stdout", 0),
        ("--json get big.txt -o -", 0),
        // An archive that is cut off is of no use.
        ("archive -o -", 4),
        ("-o - w24ft txt", 4),
        ("archive --format tar -o /proc/self/fd/1", 4),
    ] {
        let ran = service.shell(&format!(
            "netsocket {command} | head -c 5; code=${{PIPESTATUS[0]}}; echo; echo $code"
        ));
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(said.ends_with(&format!("\n{code}\n")), "{command}: {said}");
        assert_eq!(ran.stderr, "", "{command}");
    }
    // What only prints text, into a pipe that nobody reads.
    for words in [
        "ls",
        "ls -l",
        "find",
        "stat big.txt",
        "status",
        "pwd",
        "help",
        "man",
        "completions bash",
        "dirlist -a",
        "w24fn small.txt",
        "--help",
        "--version",
        "--json find",
        "--json help",
        "get small.txt -o saved",
    ] {
        let (code, said) = service.with_closed_pipe(words);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{words}");
    }
}
