//! Files, streams and syslog, real ones.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use super::*;
use crate::observe::access_log::sink::Sink;
use crate::observe::access_log::target::TargetError;

fn file(path: &Path) -> Box<dyn Sink> {
    Target::File(path.to_owned()).open().unwrap()
}

#[test]
fn targets() {
    let read = |text: &str| text.parse::<Target>();
    assert_eq!(read("stdout"), Ok(Target::Stdout));
    assert_eq!(read("stderr"), Ok(Target::Stderr));
    assert_eq!(read("syslog"), Ok(Target::Syslog("/dev/log".into())));
    assert_eq!(
        read("syslog:/run/log"),
        Ok(Target::Syslog("/run/log".into()))
    );
    assert_eq!(read("/var/log/a"), Ok(Target::File("/var/log/a".into())));
    assert_eq!(read("./a.log"), Ok(Target::File("./a.log".into())));
    for text in ["", "stdin", "a.log", "/var/log/", "syslog:", "syslog:rel"] {
        assert_eq!(read(text), Err(TargetError), "{text}");
    }
    for target in [Target::Stdout, Target::Stderr] {
        assert!(target.open().unwrap().reopen().is_ok());
    }
    assert!(Target::File("/nowhere/at/all".into()).open().is_err());
}

#[test]
fn a_file_is_continued_and_reopened() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("access"), folder.path().join("access.1"));
    fs::write(&path, "before\n").unwrap();
    let mut sink = file(&path);
    sink.write(b"one\n").unwrap();
    fs::rename(&path, &moved).unwrap();
    sink.write(b"two\n").unwrap();
    assert_eq!(fs::read_to_string(&moved).unwrap(), "before\none\ntwo\n");
    sink.reopen().unwrap();
    sink.write(b"three\nfour\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "three\nfour\n");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o137, 0, "{mode:o}: nobody else reads it");
    // The folder is gone: what is open stays in use.
    drop(folder);
    assert!(sink.reopen().is_err());
    assert!(sink.write(b"five\n").is_ok());
}

#[test]
fn a_file_is_followed_to_the_one_that_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("access"), folder.path().join("access.1"));
    let mut sink = file(&path);
    sink.write(b"one\n").unwrap();
    sink.follow().unwrap();
    fs::rename(&path, &moved).unwrap();
    // Nothing is there yet, and nothing is made: whoever rotates makes it.
    sink.follow().unwrap();
    assert!(!path.exists());
    sink.write(b"two\n").unwrap();
    fs::write(&path, "new\n").unwrap();
    sink.follow().unwrap();
    sink.write(b"three\n").unwrap();
    assert_eq!(fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "new\nthree\n");
}

#[test]
fn a_full_disk_is_an_error_and_says_how_many() {
    let mut sink = file(Path::new("/dev/full"));
    let failure = sink.write(b"one\ntwo\n").unwrap_err();
    assert_eq!(failure.lost, 2);
    assert_eq!(failure.error.kind(), std::io::ErrorKind::StorageFull);
}

/// As a disk does that fills up in the middle of a line: what is left of it stands alone.
#[test]
fn a_line_that_was_cut_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access");
    let mut sink = file(&path);
    sink.write(b"one\ncut he").unwrap();
    sink.write(b"two\n").unwrap();
    sink.write(b"three\n").unwrap();
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written, "one\ncut he\ntwo\nthree\n");
}

#[test]
fn syslog_gets_one_message_a_line_and_may_be_started_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let receive = |socket: &UnixDatagram| {
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut message = vec![0; 4096];
        let len = socket.recv(&mut message).unwrap();
        String::from_utf8(message[..len].to_vec()).unwrap()
    };
    let listener = UnixDatagram::bind(&path).unwrap();
    let mut sink = Target::Syslog(path.clone()).open().unwrap();
    sink.write(b"one\ntwo and more\n").unwrap();
    let tag = format!(" netsocket-balancer[{}]: ", std::process::id());
    for text in ["one", "two and more"] {
        let message = receive(&listener);
        let (header, said) = message.split_once(&tag).unwrap();
        assert_eq!(said, text);
        // `<134>Feb  6 12:12:51`
        assert!(
            header.starts_with("<134>") && header.len() == 20,
            "{message}"
        );
    }
    drop(listener);
    let lost = sink.write(b"three\nfour\nfive\n").unwrap_err().lost;
    assert_eq!(lost, 3);
    fs::remove_file(&path).unwrap();
    sink.reopen().unwrap();
    assert_eq!(sink.write(b"lost\n").unwrap_err().lost, 1);
    let listener = UnixDatagram::bind(&path).unwrap();
    sink.write(b"six\n").unwrap();
    assert!(receive(&listener).ends_with("]: six"));
}

/// A syslog that is not there, or not yet, costs lines and nothing else.
#[test]
fn syslog_may_come_after_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let target = Target::Syslog(path.clone());
    let said = target.unreachable().unwrap();
    let expected = format!("access_log_target {target}: no such file or directory; lines are lost");
    assert!(said.starts_with(&expected), "{said}");
    let mut sink = target.open().unwrap();
    assert_eq!(sink.write(b"one\ntwo\n").unwrap_err().lost, 2);
    let listener = UnixDatagram::bind(&path).unwrap();
    assert_eq!(target.unreachable(), None);
    sink.write(b"three\n").unwrap();
    let mut message = [0; 100];
    let length = listener.recv(&mut message).unwrap();
    assert!(message[..length].ends_with(b"]: three"));
}
