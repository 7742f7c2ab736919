//! Every command over both wires, through the balancer, against what `find`, `stat` and `tar` say of the same tree.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use e2e::archive::{self, Entries, Entry};
use e2e::client::Client;
use e2e::fleet::{Fleet, Plan};
use e2e::old_client::OldClient;
use e2e::oracle::{self, Found};
use e2e::tree::{HARD_NAMES, SMALL_FILES};
use serde_json::{Value, json};

use crate::world::World;

crate::tests![
    old_wire_lists_and_finds,
    old_wire_archives,
    new_wire_lists_and_finds,
    new_wire_archives,
    new_wire_answers_in_json,
    dates_divide_the_tree,
    copies_of_a_name_all_arrive,
];

/// For the archive of ten thousand files on a busy machine.
const LONG: Duration = Duration::from_secs(90);

/// Where the file servers live, unless a test says otherwise: half an hour off, so that no offset can be forgotten.
const ZONE: &str = "IST-5:30";

/// Files that must not be found, whatever they are asked by.
const NOT_FOUND: [&[u8]; 11] = [
    b"no such file.txt",
    b"outside.txt",
    b".hidden.txt",
    b"in hidden.txt",
    b"config.txt",
    b"inside.txt",
    b"pipe.txt",
    b"socket.txt",
    b"link to file.txt",
    b"dangling.txt",
    b"docs",
];

/// Whether a file is meant.
type Condition = fn(&Found) -> bool;

/// How many of [`archive_commands`] mean no file.
const WITHOUT_FILES: usize = 4;

/// Archive commands, each with the condition that it puts, as `find`'s words would be.
fn archive_commands() -> Vec<(&'static str, Condition)> {
    vec![
        ("w24fz 0 0", |f| f.size == 0),
        ("w24fz 511 513", |f| (511..=513).contains(&f.size)),
        ("w24fz 65536 1048577", |f| {
            (65_536..=1_048_577).contains(&f.size)
        }),
        ("w24fz 8388608 8388608", |f| f.size == 8_388_608),
        ("w24fz 99999999999 18446744073709551615", |_| false),
        ("w24ft txt", |f| f.has_extension("txt")),
        ("w24ft TXT", |f| f.has_extension("TXT")),
        ("w24ft tar.gz md", |f| {
            f.has_extension("tar.gz") || f.has_extension("md")
        }),
        ("w24ft gz deep mode", |f| {
            ["gz", "deep", "mode"]
                .iter()
                .any(|ext| f.has_extension(ext))
        }),
        ("w24ft long", |f| f.has_extension("long")),
        ("w24ft small", |f| f.has_extension("small")),
        ("w24fdb 1971-01-01", |_| false),
        ("w24fda 2525-12-31", |_| false),
    ]
}

fn old_wire_lists_and_finds(world: &World) {
    let (root, fleet) = start(world);
    let mut old = OldClient::open(fleet.address()).unwrap();
    let by_name = oracle::directories(&root);
    let by_birth = oracle::directories_by_birth(&root);
    assert!(by_name.len() > 15, "the tree has directories: {by_name:?}");
    assert_same(&old.text("dirlist -a").unwrap(), &lines(&by_name));
    assert_same(&old.text("dirlist -t").unwrap(), &lines(&by_birth));
    for found in asked_for(&root) {
        let shown = [root.as_os_str().as_bytes(), b"/", &found.path].concat();
        let answer = old.text([b"w24fn ", found.name()].concat()).unwrap();
        assert_same(&answer, &oracle::file_lines(&root, ZONE, &found, &shown));
    }
    for name in NOT_FOUND {
        let answer = old.text([b"w24fn ", name].concat()).unwrap();
        assert_same(&answer, b"File not found");
    }
    old.quit().unwrap();
}

fn new_wire_lists_and_finds(world: &World) {
    let (root, fleet) = start(world);
    let client = Client::of(fleet.address());
    let directories = [
        ("-a", oracle::directories(&root)),
        ("-t", oracle::directories_by_birth(&root)),
    ];
    for (order, expected) in directories {
        let ran = client.run(&["dirlist", order]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_same(&ran.stdout, &lines(&expected));
    }
    for found in asked_for(&root) {
        let ran = client.run(&[OsStr::new("w24fn"), OsStr::from_bytes(found.name())]);
        assert_eq!(ran.code, Some(0), "{found:?}: {}", ran.stderr);
        assert_same(
            &ran.stdout,
            &oracle::file_lines(&root, ZONE, &found, &found.path),
        );
    }
    for name in NOT_FOUND {
        let ran = client.run(&[OsStr::new("w24fn"), OsStr::from_bytes(name)]);
        assert_eq!(ran.code, Some(1), "{}: {}", name.escape_ascii(), ran.stderr);
        assert_same(&ran.stdout, b"File not found\n");
    }
}

fn old_wire_archives(world: &World) {
    let (root, fleet) = start(world);
    let files = oracle::readable_files(&root);
    let mut old = OldClient::open(fleet.address()).unwrap();
    let mut refused = 0;
    for (command, wanted) in archive_commands() {
        let wanted: Vec<&Found> = files.iter().filter(|file| wanted(file)).collect();
        match old.archive(command).unwrap() {
            Some(bytes) => assert_holds(command, &archive::unpack_bytes(&bytes), &root, &wanted),
            None => {
                assert!(
                    wanted.is_empty(),
                    "{command}: no, but there are {}",
                    wanted.len()
                );
                refused += 1;
            }
        }
    }
    assert_eq!(refused, WITHOUT_FILES);
    old.quit().unwrap();
}

fn new_wire_archives(world: &World) {
    let (root, fleet) = start(world);
    let files = oracle::readable_files(&root);
    let client = Client::of(fleet.address());
    for (command, wanted) in archive_commands() {
        let wanted: Vec<&Found> = files.iter().filter(|file| wanted(file)).collect();
        let words: Vec<&str> = command.split(' ').collect();
        let ran = client.run_within(&words, LONG);
        let target = client.default_archive();
        if wanted.is_empty() {
            assert_eq!(ran.code, Some(1), "{command}: {}", ran.stderr);
            assert_same(&ran.stdout, b"No file found\n");
            assert!(
                !target.exists(),
                "{command}: nothing is written for nothing"
            );
            continue;
        }
        assert_eq!(ran.code, Some(0), "{command}: {}", ran.stderr);
        assert_holds(command, &archive::unpack(&target), &root, &wanted);
        assert!(client.left_over().is_empty(), "{:?}", client.left_over());
        std::fs::remove_file(target).unwrap();
    }
    assert_eq!(
        files
            .iter()
            .filter(|file| file.has_extension("small"))
            .count(),
        SMALL_FILES
    );
}

fn new_wire_answers_in_json(world: &World) {
    let (root, fleet) = start(world);
    let client = Client::of(fleet.address());
    let (code, said) = client.json(&["dirlist", "-a"]);
    let names: Vec<Value> = oracle::directories(&root)
        .iter()
        .map(|dir| name_in_json(&dir.path))
        .collect();
    assert_eq!((code, &said["names"]), (Some(0), &json!(names)));

    let (code, said) = client.json(&["w24fn", "readme.md"]);
    let found = oracle::files(&root)
        .into_iter()
        .find(|file| file.name() == b"readme.md")
        .unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(said["file"]["path"], "docs/readme.md");
    assert_eq!(said["file"]["size"], found.size);

    let (code, said) = client.json(&["w24fn", "no such file"]);
    assert_eq!((code, &said["file"]), (Some(1), &Value::Null));

    let (code, said) = client.json(&["w24ft", "md"]);
    assert_eq!((code, &said["files"]), (Some(0), &json!(2)));
    let saved = std::fs::read(client.default_archive()).unwrap();
    assert_eq!(said["bytes"], saved.len());
    assert_eq!(said["digest"], blake3::hash(&saved).to_hex().as_str());

    let (code, said) = client.json(&["w24fz", "2", "1"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said["error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("SIZE1")),
        "{said}"
    );
}

/// The file servers live in a time zone where midnight lies between the births of two parts of the tree.
fn dates_divide_the_tree(world: &World) {
    let tree = world.tree();
    let root = tree.root();
    let zone = tree.time_zone();
    let plan = Plan {
        time_zone: &zone,
        ..Plan::over(&root)
    };
    let fleet = plan.start();
    let day = oracle::day(tree.midnight);
    let files = oracle::readable_files(&root);
    let (younger, older): (Vec<&Found>, Vec<&Found>) = files
        .iter()
        .partition(|file| file.born >= (tree.midnight, 0));
    assert!(older.len() >= HARD_NAMES.len() && younger.len() > SMALL_FILES);
    let client = Client::of(fleet.address());
    let mut old = OldClient::open(fleet.address()).unwrap();
    for (command, wanted) in [("w24fdb", older), ("w24fda", younger)] {
        let line = format!("{command} {day}");
        let bytes = old.archive(&line).unwrap().unwrap();
        assert_holds(&line, &archive::unpack_bytes(&bytes), &root, &wanted);
        let ran = client.run_within(&[command, &day], LONG);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
        assert_holds(
            &line,
            &archive::unpack(&client.default_archive()),
            &root,
            &wanted,
        );
    }
}

fn copies_of_a_name_all_arrive(world: &World) {
    let (root, fleet) = start(world);
    let client = Client::of(fleet.address());
    let target = client.home().join("copies.tar.gz");
    let words = [
        "-o".as_ref(),
        target.as_os_str(),
        "w24ft".as_ref(),
        "pdf".as_ref(),
    ];
    let ran = client.run(&words);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let entries = archive::unpack(&target);
    let of = |dir: &str, name: &str| archive::of_file(&root.join("copies").join(dir).join(name));
    let expected: Entries = [
        ("report.pdf", of("a", "report.pdf")),
        ("report (1).pdf", of("c", "report (1).pdf")),
        ("report (2).pdf", of("b", "report.pdf")),
        ("report (3).pdf", of("d", "report.pdf")),
    ]
    .into_iter()
    .map(|(name, entry)| (name.as_bytes().to_vec(), entry))
    .collect();
    assert_eq!(entries, expected);
    assert!(
        ran.stderr.contains("copies/b/report.pdf"),
        "a word about new names: {}",
        ran.stderr
    );
}

fn start(world: &World) -> (std::path::PathBuf, Fleet) {
    let root = world.tree().root().canonicalize().unwrap();
    let plan = Plan {
        time_zone: ZONE,
        ..Plan::over(&root)
    };
    let fleet = plan.start();
    (root, fleet)
}

/// The files that are asked for by name: every hard name, and what is odd in other ways. Of several files of one name
/// the first is meant.
fn asked_for(root: &Path) -> Vec<Found> {
    let files = oracle::files(root);
    let hard = HARD_NAMES.map(|path| OsString::from(OsStr::from_bytes(path)));
    let mut names: Vec<Vec<u8>> = hard
        .iter()
        .map(|path| Path::new(path).file_name().unwrap().as_bytes().to_vec())
        .collect();
    for name in [
        "top.md",
        "report.pdf",
        "sparse.img",
        "0.dat",
        "locked.txt",
        "bottom.deep",
        "00042.small",
        "4755.mode",
        "2644.mode",
        "1644.mode",
    ] {
        names.push(name.into());
    }
    names.push(format!("{}.long", "n".repeat(250)).into());
    names.push(format!("{}.long", "ö".repeat(125)).into());
    names
        .iter()
        .map(|name| {
            let found = files.iter().find(|file| file.name() == name.as_slice());
            found
                .unwrap_or_else(|| panic!("{} is in the tree", name.escape_ascii()))
                .clone()
        })
        .collect()
}

fn lines(found: &[Found]) -> Vec<u8> {
    found
        .iter()
        .flat_map(|found| [&found.path[..], b"\n"].concat())
        .collect()
}

fn name_in_json(name: &[u8]) -> Value {
    match std::str::from_utf8(name) {
        Ok(text) => json!(text),
        Err(_) => {
            let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "hex": hex })
        }
    }
}

fn assert_same(got: &[u8], expected: &[u8]) {
    assert!(
        got == expected,
        "got      {}\nexpected {}",
        got.escape_ascii(),
        expected.escape_ascii()
    );
}

/// The archive holds exactly the wanted files: the same bytes, times and rights, each under its base name, the first of
/// those that share one.
fn assert_holds(command: &str, entries: &Entries, root: &Path, wanted: &[&Found]) {
    let mut expected: Vec<Entry> = Vec::new();
    let mut firsts: BTreeMap<&[u8], Entry> = BTreeMap::new();
    for file in wanted {
        let entry = archive::of_file(&root.join(OsStr::from_bytes(&file.path)));
        firsts.entry(file.name()).or_insert_with(|| entry.clone());
        expected.push(entry);
    }
    for (name, entry) in firsts {
        assert_eq!(
            entries.get(name),
            Some(&entry),
            "{command}: {}",
            name.escape_ascii()
        );
    }
    let sorted = |mut entries: Vec<Entry>| {
        entries.sort_by_key(|entry| (*entry.digest.as_bytes(), entry.modified, entry.mode));
        entries
    };
    let got = sorted(entries.values().cloned().collect());
    assert_eq!(got.len(), expected.len(), "{command}: the number of files");
    assert!(
        got == sorted(expected),
        "{command}: other files than those asked for"
    );
}
