//! Zips that are made on the fly, through the balancer: as programs of others read them, and as downloads of them end.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use e2e::process::{Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually, files, tree};

use crate::http_downloads::{LONG, RATE, Site};
use crate::world::World;

crate::tests![
    #[needs(Unzippers)]
    every_file_is_unpacked_by_programs_of_others,
    #[needs(Unzippers)]
    a_zip_beyond_4_gib_is_read_and_takes_no_memory,
    #[needs(Unzippers)]
    a_file_that_changes_ends_the_download_with_an_error,
    #[needs(Unzippers)]
    nothing_is_appended_to_a_part_of_a_zip,
    #[needs(Unzippers)]
    the_command_that_the_client_suggests_makes_a_zip,
];

/// Odd, so the time of MS-DOS, in steps of two seconds, cannot say it.
const MODIFIED: u64 = 1_700_000_001;

/// Contents, permission bits and times of files, by their names.
type Files = BTreeMap<Vec<u8>, (Vec<u8>, u32, i64)>;

fn files_of(root: &Path) -> Files {
    let read = |path: PathBuf| {
        let about = fs::metadata(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().as_os_str();
        let content = fs::read(&path).unwrap();
        let rest = (content, about.mode() & 0o7777, about.mtime());
        (name.as_bytes().to_vec(), rest)
    };
    files::below(root).into_iter().map(read).collect()
}

/// Every hard name, no content, contents around a block, and a directory without files.
fn plant() -> Scratch {
    let root = Scratch::new("zip-tree");
    let hard = tree::HARD_NAMES.map(|name| (name.to_vec(), name.to_vec()));
    let sizes = [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1];
    let sizes = sizes.map(|size| {
        let name = format!("sizes/{size}").into_bytes();
        (name, tree::noise(b"size", size))
    });
    for (name, content) in hard.into_iter().chain(sizes) {
        let path = tree::put(root.path(), &name, &content);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(MODIFIED);
        let file = File::options().append(true).open(&path).unwrap();
        file.set_modified(time).unwrap();
    }
    fs::create_dir(root.path().join("nothing")).unwrap();
    root
}

/// Runs a program where names are UTF-8.
fn read_by(words: &[&str], place: &Path) -> Ran {
    let mut command = clean_command(words[0]);
    command.env("LC_ALL", "C.UTF-8").current_dir(place);
    command.args(&words[1..]);
    Ran::of(command, LONG)
}

/// The length that an answer to a HEAD announces.
fn announced(site: &Site, url: &str) -> u64 {
    let ran = site.run("curl", &["-sSI", url]);
    let head = String::from_utf8(ran.stdout).unwrap();
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "));
    length.expect("a length").trim().parse().unwrap()
}

fn every_file_is_unpacked_by_programs_of_others(_: &World) {
    let site = Site::over(plant());
    let url = site.url("?archive=zip");
    let ran = site.run("curl", &["-sSOJ", "-D", "head", &url]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let zip = site.target("files.zip");
    let length = fs::metadata(&zip).unwrap().len();
    let head = fs::read_to_string(site.target("head")).unwrap();
    assert!(
        head.contains(&format!("content-length: {length}\r\n")),
        "{head}"
    );
    assert!(head.contains("accept-ranges: none\r\n"), "{head}");
    assert_eq!(announced(&site, &url), length);
    let zip = zip.display().to_string();
    let all = files_of(site.root.path());
    for words in [
        &["unzip", "-q", &zip][..],
        &["7zz", "x", "-y", &zip],
        &["bsdtar", "-xf", &zip],
        &["python3", "-m", "zipfile", "-e", &zip, "."],
    ] {
        let place = Scratch::new("unzipped");
        let ran = read_by(words, place.path());
        assert_eq!(ran.code, Some(0), "{words:?}: {}", ran.stderr);
        assert!(!place.path().join("nothing").exists());
        let mut unpacked = files_of(place.path());
        let mut expected = all.clone();
        match words[0] {
            // It keeps no times and permissions, and takes names that are not UTF-8 for those of MS-DOS.
            "python3" => {
                for (_, mode, time) in unpacked.values_mut() {
                    (*mode, *time) = (0o644, MODIFIED.cast_signed());
                }
                let raw = expected
                    .remove(&b"bytes-\xff\xfe/raw-\x80\xff.txt"[..])
                    .unwrap();
                let renamed = "bytes-\u{a0}\u{25a0}/raw-\u{c7}\u{a0}.txt";
                expected.insert(renamed.as_bytes().to_vec(), raw);
            }
            // It leaves bytes out of names that it cannot show.
            "unzip" => {
                let shown = |name: &[u8]| {
                    let hidden = |byte: &u8| matches!(byte, b'\n' | b'\t' | 0x1b | 7 | 0xff);
                    name.iter().copied().filter(|byte| !hidden(byte)).collect()
                };
                expected = expected
                    .into_iter()
                    .map(|(name, rest)| (shown(&name), rest))
                    .collect();
            }
            _ => {}
        }
        let names = |files: &Files| -> Vec<String> {
            files
                .keys()
                .map(|name| name.escape_ascii().to_string())
                .collect()
        };
        assert_eq!(names(&unpacked), names(&expected), "{words:?}");
        assert!(unpacked == expected, "{words:?}");
    }
}

/// Contents, sizes and offsets need 64 bits. The file is a hole but for a few bytes, and so is the zip.
fn a_zip_beyond_4_gib_is_read_and_takes_no_memory(_: &World) {
    const LARGE: u64 = (4 << 30) + (3 << 20);
    let root = Scratch::new("zip-large");
    let large = tree::put(root.path(), b"large.img", b"");
    let large = File::options().write(true).open(large).unwrap();
    large.set_len(LARGE).unwrap();
    for at in [5 << 20, LARGE - 6] {
        large.write_all_at(b"island", at).unwrap();
    }
    tree::put(root.path(), b"later.txt", b"later\n");
    let site = Site::over(root);
    let peaks = || {
        site.fleet
            .servers
            .each_ref()
            .map(|server| server.process.peak_memory())
    };
    let url = site.url("?archive=zip");
    let ran = site.run("curl", &["-sSo", "small.zip", &format!("{url}&find=*.txt")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let before = peaks();
    let script =
        "set -e; curl -sS \"$1\" | dd of=large.zip bs=1M iflag=fullblock conv=sparse status=none";
    let ran = site.run("sh", &["-c", script, "sh", &url]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for (before, after) in before.into_iter().zip(peaks()) {
        assert!(after < before + (64 << 20), "{before} {after}");
    }
    let zip = site.target("large.zip");
    let length = fs::metadata(&zip).unwrap().len();
    assert!(length > LARGE);
    assert_eq!(announced(&site, &url), length);
    let script = "import sys, zipfile\n\
                  archive = zipfile.ZipFile('large.zip')\n\
                  assert archive.testzip() is None\n\
                  print([(i.filename, i.file_size) for i in archive.infolist()], archive.read('later.txt'))";
    let known = format!("[('large.img', {LARGE}), ('later.txt', 6)] b'later\\n'\n");
    for (words, said) in [
        (&["python3", "-c", script][..], known.as_str()),
        (&["7zz", "t", "large.zip"], "Everything is Ok"),
        // bsdtar compares checksums while it unpacks.
        (
            &["sh", "-c", "bsdtar -xOf large.zip | tail -c 12"],
            "islandlater\n",
        ),
    ] {
        let ran = read_by(words, site.place.path());
        let out = String::from_utf8_lossy(&ran.stdout);
        assert!(out.contains(said), "{words:?}: {out} {}", ran.stderr);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{words:?}");
    }
}

/// The length is announced before the contents are read, so what is missing is seen.
fn a_file_that_changes_ends_the_download_with_an_error(_: &World) {
    let site = Site::start();
    let url = site.url("?archive=zip");
    let large = site.root.path().join("large.bin");
    let whole = fs::read(&large).unwrap();
    let half = whole.len() as u64 / 2;
    let change = |file: &File, how: &str| match how {
        "shorter" => file.set_len(half).unwrap(),
        "longer" => file.set_len(2 * half + 5).unwrap(),
        _ => file.write_all_at(b"other", half).unwrap(),
    };
    for (how, program, words, codes) in [
        // 18: fewer bytes than announced; 56: a reset.
        (
            "shorter",
            "curl",
            vec!["-sS", "--limit-rate", RATE, "-o", "curl.zip", &url],
            &[18, 56][..],
        ),
        (
            "longer",
            "curl",
            vec!["-sS", "--limit-rate", RATE, "-o", "curl.zip", &url],
            &[18, 56],
        ),
        (
            "other",
            "curl",
            vec!["-sS", "--limit-rate", RATE, "-o", "curl.zip", &url],
            &[18, 56],
        ),
        // 4: network failure.
        (
            "shorter",
            "wget",
            vec!["-q", "-t1", "--limit-rate", RATE, "-O", "wget.zip", &url],
            &[4],
        ),
    ] {
        let file = site.target(&format!("{program}.zip"));
        let mut download = site.begun(program, &words, &file);
        change(&File::options().write(true).open(&large).unwrap(), how);
        let code = download.wait(LONG).code().unwrap();
        assert!(codes.contains(&code), "{program}, {how}: {code}");
        fs::remove_file(file).unwrap();
        fs::write(&large, &whole).unwrap();
    }
    eventually(PATIENCE, "the log lines of all", || {
        let servers = site.fleet.servers.iter();
        let requests = servers.flat_map(|server| server.requests());
        let changed = requests.filter(|request| request["result"] == "changed");
        (changed.count() == 4).then_some(())
    });
}

/// There are no ranges, and programs that ask for one get the whole, which they know for that.
fn nothing_is_appended_to_a_part_of_a_zip(_: &World) {
    let site = Site::start();
    let url = site.url("?archive=zip");
    let ran = site.run("curl", &["-sSo", "whole.zip", &url]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let whole = fs::read(site.target("whole.zip")).unwrap();
    let part = &whole[..500_000];
    for (program, words, code) in [
        // 33: no ranges.
        ("curl", vec!["-sS", "-C", "-", "-o", "curl.zip", &url], 33),
        // 8: it cannot go on.
        (
            "aria2c",
            vec![
                "-q",
                "-c",
                "--file-allocation=none",
                "-o",
                "aria2c.zip",
                &url,
            ],
            8,
        ),
        ("wget", vec!["-q", "-c", "-O", "wget.zip", &url], 0),
    ] {
        let name = format!("{program}.zip");
        let file = site.place.write(&name, part);
        let ran = site.run(program, &words);
        assert_eq!(ran.code, Some(code), "{program}: {}", ran.stderr);
        let expected = if code == 0 { &whole } else { part };
        assert!(fs::read(file).unwrap() == expected, "{program}");
    }
}

/// Where a zip is wanted of our own client, which makes none.
fn the_command_that_the_client_suggests_makes_a_zip(_: &World) {
    let site = Site::over(plant());
    let server = site.server();
    let client = Program::Client.path().display().to_string();
    for (words, files) in [
        (&["--below", "sizes", "--larger=1"][..], 4),
        (&["1"], 1),
        (&["--below", "$(touch x)", "--ext", "txt,pdf"], 1),
        (
            &["--below", "quo'te \"dir\"", "--modified-after=2020-01-01"],
            1,
        ),
        (
            &[
                "--below",
                "star*?",
                "*x].txt",
                "--modified-before=2030-01-01",
            ],
            0,
        ),
    ] {
        let names = ["a b.zip", "x.zip"];
        for name in names {
            let mut all = vec!["--server", &server, "archive", "-o", name];
            all.extend(words);
            let ran = site.run(&client, &all);
            assert_eq!(ran.code, Some(2), "{}", ran.stderr);
            assert!(!site.target(name).exists());
            let (_, suggested) = ran.stderr.trim_end().split_once("by HTTP: ").unwrap();
            let suggested = suggested.replacen("curl ", "curl -sS ", 1);
            let suggested = match files {
                // The server finds no file, and says so.
                0 => suggested.replacen("-sS ", "-sSf ", 1),
                _ => suggested,
            };
            let ran = site.run("bash", &["-c", &suggested]);
            let code = if files == 0 { 22 } else { 0 };
            assert_eq!(ran.code, Some(code), "{suggested}: {}", ran.stderr);
            if files == 0 {
                continue;
            }
            let ran = read_by(&["unzip", "-Z1", name], site.target("").as_path());
            let listed = String::from_utf8(ran.stdout).unwrap();
            assert_eq!(listed.lines().count(), files, "{suggested}: {listed}");
            fs::remove_file(site.target(name)).unwrap();
        }
    }
}
