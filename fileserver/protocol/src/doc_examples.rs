//! Compares every example of `docs/protocol.md` with this code: the page cannot drift from the wire.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use chrono::NaiveDate;
use tokio_util::codec::Encoder as _;

use crate::block::Block;
use crate::frame::{Frame, FrameCodec, FrameType};
use crate::message::{
    Compression, ErrorKind, ErrorReply, FileEntry, Hello, Message, Order, Plan, Problem, Reply,
    Request, Trailer, Warning,
};
use crate::name::{Name, from_hex};
use crate::query::Query;
use crate::{MAGIC, MAX_FRAME, MAX_REQUEST, VERSION, old, text};

const PAGE: &str = include_str!("../../../docs/protocol.md");

/// The fenced blocks behind `<!-- example: NAME -->`, by name.
fn examples() -> BTreeMap<&'static str, &'static str> {
    let mut examples = BTreeMap::new();
    for part in PAGE.split("<!-- example: ").skip(1) {
        let (name, rest) = part
            .split_once(" -->\n```")
            .expect("a fence behind each example line");
        let (_, rest) = rest.split_once('\n').expect("a line behind the fence");
        let (body, _) = rest.split_once("```").expect("a closing fence");
        assert!(examples.insert(name, body).is_none(), "{name} stands twice");
    }
    examples
}

/// Takes examples off the page one by one, so that one without a check is found at the end.
struct Page(BTreeMap<&'static str, &'static str>);

impl Page {
    fn text(&mut self, name: &str) -> &'static str {
        self.0
            .remove(name)
            .unwrap_or_else(|| panic!("no example {name}"))
    }

    fn bytes(&mut self, name: &str, expected: &[u8]) {
        let digits: String = self.text(name).split_whitespace().collect();
        assert_eq!(from_hex(&digits).unwrap(), expected, "{name}");
    }

    /// The example is what the code writes, and the code reads it back.
    fn message<M: Message + PartialEq + std::fmt::Debug>(&mut self, name: &str, message: &M) {
        let frame = message.to_frame().unwrap();
        assert_eq!(
            self.text(name).trim_end(),
            std::str::from_utf8(&frame.payload).unwrap(),
            "{name}"
        );
        assert_eq!(&M::from_frame(&frame).unwrap(), message, "{name}");
    }
}

#[test]
fn every_example_of_the_page_is_what_the_code_says() {
    let mut page = Page(examples());
    old_wire(&mut page);
    frames(&mut page);
    opening(&mut page);
    requests(&mut page);
    answers(&mut page);
    assert!(
        page.0.is_empty(),
        "examples without a check: {:?}",
        page.0.keys()
    );
}

fn old_wire(page: &mut Page) {
    assert_eq!(
        page.text("old-command").as_bytes(),
        old::frame(b"dirlist -a\n")
    );
    assert_eq!(
        page.text("old-yes").trim_end().as_bytes(),
        old::frame(old::YES)
    );
    assert_eq!(
        page.text("old-port").trim_end().as_bytes(),
        old::frame(b"8081")
    );
    let lines = text::file_lines(&report(), b"/srv/files/documents/report.pdf");
    assert_eq!(page.text("old-file").as_bytes(), lines);
}

fn frames(page: &mut Page) {
    page.bytes("magic", &MAGIC);
    let mut bytes = BytesMut::new();
    let request = Request::Directories { order: Order::Name }
        .to_frame()
        .unwrap();
    FrameCodec::new(MAX_REQUEST)
        .encode(request, &mut bytes)
        .unwrap();
    page.bytes("frame", &bytes);
    bytes.clear();
    Block {
        index: 7,
        bytes: Bytes::from_static(b"some bytes"),
    }
    .put_frame(&mut bytes)
    .unwrap();
    page.bytes("data", &bytes);
}

fn opening(page: &mut Page) {
    let hello = |software: &str, name: &str| Hello {
        version: VERSION,
        software: software.to_owned(),
        name: name.to_owned(),
        features: vec![],
    };
    page.message("hello-client", &hello("netsocket/0.1.0", ""));
    page.message(
        "hello-server",
        &hello("netsocket-fileserver/0.1.0", "mirror1"),
    );
    let name = Name(b"gr\xfc\xdfe!".to_vec());
    assert_eq!(
        page.text("name-hex").trim_end(),
        serde_json::to_string(&name).unwrap()
    );
}

fn requests(page: &mut Page) {
    page.message(
        "request-directories",
        &Request::Directories { order: Order::Born },
    );
    let query = Query {
        name: Some("report.pdf".into()),
        ..Query::default()
    };
    page.message("request-find", &Request::Find { query, limit: 1 });
    let query = Query {
        name: None,
        size_min: Some(1024),
        size_max: Some(1 << 20),
        extensions: vec!["pdf".into(), "txt".into()],
        born_from: NaiveDate::from_ymd_opt(2024, 1, 1),
        born_before: NaiveDate::from_ymd_opt(2025, 1, 1),
    };
    page.message(
        "request-archive",
        &Request::Archive {
            query,
            compression: Compression::Gzip,
        },
    );
}

fn answers(page: &mut Page) {
    let names = vec!["documents".into(), "music".into()];
    page.message(
        "reply-directories",
        &Reply::Directories { names, more: false },
    );
    page.message(
        "reply-files",
        &Reply::Files {
            files: vec![report()],
            more: false,
        },
    );
    page.message(
        "plan",
        &Plan {
            plan: "0123456789abcdef0123456789abcdef".to_owned(),
            files: 2,
            file_bytes: 76_068,
            tar_bytes: 78_336,
            block_bytes: 1 << 20,
            blocks: 1,
            first_block: 0,
            compression: Compression::Gzip,
        },
    );
    page.message(
        "trailer",
        &Trailer {
            blocks: 1,
            bytes: 1204,
            digest: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262".to_owned(),
            warnings: vec![Warning {
                path: "documents/archive/2024/report.pdf".into(),
                problem: Problem::Renamed,
            }],
            unlisted: 0,
        },
    );
    page.message(
        "error",
        &ErrorReply::new(ErrorKind::NotFound, text::NO_FILE_FOUND),
    );
}

fn report() -> FileEntry {
    FileEntry {
        path: "documents/report.pdf".into(),
        size: 76_000,
        born: "2026-11-22T11:13:29.123456789+00:00".to_owned(),
        birth_known: true,
        mode: 0o100_644,
    }
}

#[test]
fn the_tables_of_the_page_are_complete() {
    for kind in FrameType::ALL {
        assert!(
            PAGE.contains(&format!("| {kind:?} | {} |", kind as u8)),
            "{kind:?}"
        );
    }
    for limit in [MAX_REQUEST, MAX_FRAME] {
        let digits = limit.to_string();
        let grouped: Vec<&str> = digits
            .as_bytes()
            .rchunks(3)
            .rev()
            .map(|group| std::str::from_utf8(group).unwrap())
            .collect();
        assert!(PAGE.contains(&grouped.join(",")), "{limit}");
    }
    // A frame of an unknown kind of error or problem would not be read back, so the names are those of serde.
    for kind in [
        "not_found",
        "bad_request",
        "changed",
        "busy",
        "denied",
        "too_large",
        "internal",
    ] {
        serde_json::from_str::<ErrorKind>(&format!("\"{kind}\"")).unwrap();
        assert!(PAGE.contains(&format!("| `{kind}` |")), "{kind}");
    }
    for problem in ["unreadable", "vanished", "shrank", "grew", "renamed"] {
        serde_json::from_str::<Problem>(&format!("\"{problem}\"")).unwrap();
        assert!(PAGE.contains(&format!("| `{problem}` |")), "{problem}");
    }
}

#[test]
fn a_payload_is_read_only_as_what_its_frame_says() {
    let frame = Frame {
        kind: FrameType::Reply,
        payload: Bytes::from_static(b"{}"),
    };
    assert!(Hello::from_frame(&frame).is_err());
    assert!(Reply::from_frame(&frame).is_err());
}
