//! Compares every example of `docs/protocol.md` with this code: the page cannot drift from the wire.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use tokio_util::codec::Encoder as _;

use crate::block::Block;
use crate::frame::{Frame, FrameCodec, FrameType};
use crate::message::{
    Change, ChangeKind, Compression, EntryNames, ErrorKind, ErrorReply, FileEntry, FileStart,
    Hello, Lacking, Layout, Message, Order, Plan, Problem, Reply, Request, Resume, StreamState,
    Token, Trailer, Verify, Warning,
};
use crate::name::{Name, from_hex};
use crate::query::{Query, Sort};
use crate::security::{TLS_MISSING, TLS_WANTED, TOKEN_MISSING, TOKEN_WANTED};
use crate::transfer::STREAM_LAYOUT;
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
    let block = Block {
        index: 7,
        bytes: Bytes::from_static(b"some bytes"),
    };
    let state = StreamState::new(PLAN, 8, CRC);
    let before = block
        .before_with_state(crc32fast::hash(&block.bytes), state)
        .unwrap();
    page.bytes("data-stream", &[&before[..], &block.bytes].concat());
}

fn opening(page: &mut Page) {
    let hello = |software: &str, name: &str| Hello {
        version: VERSION,
        software: software.to_owned(),
        name: name.to_owned(),
        features: vec![],
        token: None,
    };
    let client = hello("netsocket/0.1.0", "");
    page.message("hello-client", &client);
    let server = hello("netsocket-fileserver/0.1.0", "mirror1");
    let greeting = Hello {
        features: vec![STREAM_LAYOUT.to_owned()],
        ..server.clone()
    };
    page.message("hello-server", &greeting);
    let secret = Some(Token("correct-horse-battery-staple".to_owned()));
    let with_token = Hello {
        token: secret,
        ..client
    };
    page.message("hello-token", &with_token);
    let wants = |feature: &str| Hello {
        features: vec![feature.to_owned()],
        ..server.clone()
    };
    page.message("hello-token-wanted", &wants(TOKEN_WANTED));
    page.message("hello-tls-wanted", &wants(TLS_WANTED));
    page.message(
        "error-tls",
        &ErrorReply::new(ErrorKind::Denied, TLS_MISSING),
    );
    page.message(
        "error-token",
        &ErrorReply::new(ErrorKind::Denied, TOKEN_MISSING),
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
    page.message(
        "request-find",
        &Request::Find {
            query,
            limit: 1,
            sort: Sort::Path,
            reverse: false,
        },
    );
    let query = Query {
        glob: Some("*.{jpg,png}".to_owned()),
        size_min: Some(10 << 10),
        modified_from: "2024-03-01T08:30:00+01:00".parse().ok(),
        modified_before: "2024-04-01T12:00".parse().ok(),
        below: Some("music/covers".into()),
        hidden: true,
        ..Query::default()
    };
    page.message(
        "request-find-sorted",
        &Request::Find {
            query,
            limit: 100,
            sort: Sort::Size,
            reverse: true,
        },
    );
    let query = Query {
        size_min: Some(1024),
        size_max: Some(1 << 20),
        extensions: vec!["pdf".into(), "txt".into()],
        born_from: "2024-01-01".parse().ok(),
        born_before: "2025-01-01".parse().ok(),
        ..Query::default()
    };
    page.message("request-archive", &Request::archive(query));
    let rest = Request::Archive {
        query: Query::default(),
        compression: Compression::Zstd,
        level: Some(9),
        names: EntryNames::Path,
        layout: Layout::Stream,
        resume: Some(Resume {
            plan: PLAN.to_owned(),
            block: 17,
            sketch: Some("SKETCH".to_owned()),
            state: Some(StreamState::new(PLAN, 17, CRC)),
        }),
    };
    page.message("request-resume", &rest);
    lists(page);
    let get = |offset, length, identity: Option<&str>, verify| Request::Get {
        path: "documents/report.pdf".into(),
        offset,
        length,
        identity: identity.map(str::to_owned),
        verify,
    };
    page.message("request-get", &get(0, None, None, Verify::None));
    let rest = get(65_536, Some(4096), Some(IDENTITY), Verify::Blocks);
    page.message("request-get-rest", &rest);
}

fn lists(page: &mut Page) {
    let list = |path: &str, glob: Option<&str>, itself, limit| Request::List {
        path: path.into(),
        glob: glob.map(str::to_owned),
        itself,
        hidden: false,
        limit,
    };
    page.message("request-list", &list("documents", None, false, None));
    let narrow = list("", Some("re*"), false, Some(100));
    page.message("request-list-glob", &narrow);
    page.message("request-list-itself", &list("music", None, true, None));
}

/// The CRC-32 of some tar stream.
const CRC: u32 = 0x1234_5678;
const PLAN: &str = "0123456789abcdef0123456789abcdef";
const IDENTITY: &str = "76000-1700000000.000000001";

fn answers(page: &mut Page) {
    let names = vec!["documents".into(), "music".into()];
    page.message(
        "reply-directories",
        &Reply::Directories { names, more: false },
    );
    page.message("reply-files", &Reply::files(vec![report()], false));
    let mut archive = report();
    archive.path = "documents/archive".into();
    archive.size = 0;
    archive.mode = 0o040_755;
    page.message("reply-list", &Reply::files(vec![archive, report()], false));
    let lacking = Lacking {
        warnings: vec![Warning::of_directory(b"locked")],
        unlisted: 0,
    };
    page.message(
        "reply-lacking",
        &Reply::Files {
            files: Vec::new(),
            more: false,
            lacking: lacking.clone(),
        },
    );
    let mut nothing = ErrorReply::new(
        ErrorKind::NotFound,
        "No file found that the server may read",
    );
    nothing.lacking = lacking;
    page.message("error-lacking", &nothing);
    page.message(
        "plan",
        &Plan {
            plan: PLAN.to_owned(),
            files: 2,
            file_bytes: 76_068,
            tar_bytes: 78_336,
            block_bytes: 1 << 20,
            blocks: 1,
            first_block: 0,
            compression: Compression::Gzip,
            layout: Layout::Stream,
            sketch: "SKETCH".to_owned(),
        },
    );
    file(page);
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

fn file(page: &mut Page) {
    let start = FileStart {
        identity: IDENTITY.to_owned(),
        size: 76_000,
        offset: 65_536,
        length: 4096,
        modified: "2023-11-14T22:13:20.000000001+00:00".to_owned(),
        mode: 0o100_644,
    };
    page.message("file", &start);
    let trailer = Trailer {
        blocks: 0,
        bytes: 4096,
        digest: String::new(),
        warnings: vec![],
        unlisted: 0,
    };
    page.message("trailer-raw", &trailer);
    let message = "the archive cannot be resumed here, start over: documents/report.pdf has another size, time \
                   or mode, 1 file vanished";
    let mut error = ErrorReply::new(ErrorKind::Changed, message);
    error.changes.push(Change {
        path: "documents/report.pdf".into(),
        change: ChangeKind::Altered,
    });
    page.message("error-changed", &error);
}

fn report() -> FileEntry {
    FileEntry {
        path: "documents/report.pdf".into(),
        size: 76_000,
        born: "2026-11-22T11:13:29.123456789+00:00".to_owned(),
        birth_known: true,
        modified: "2026-11-22T11:14:02.000000000+00:00".to_owned(),
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
    for compression in ["gzip", "zstd", "none"] {
        let compression: Compression = serde_json::from_str(&format!("\"{compression}\"")).unwrap();
        if let Some(levels) = compression.levels() {
            let usual = |layout| compression.default_level(layout);
            let (blocks, stream) = (usual(Layout::Blocks), usual(Layout::Stream));
            let other = match blocks == stream {
                true => String::new(),
                false => format!(", in layout `stream` {stream}"),
            };
            let most = levels.end();
            let said = format!("1 to {most} for {compression:?} (by default {blocks}{other})");
            assert!(PAGE.contains(&said.to_lowercase()), "{said}");
        }
    }
    for layout in ["blocks", "stream"] {
        serde_json::from_str::<Layout>(&format!("\"{layout}\"")).unwrap();
        assert!(PAGE.contains(&format!("| `{layout}` |")), "{layout}");
    }
    for change in ["appeared", "altered"] {
        serde_json::from_str::<ChangeKind>(&format!("\"{change}\"")).unwrap();
        assert!(PAGE.contains(&format!("| `{change}` |")), "{change}");
    }
    for problem in [
        "unreadable",
        "vanished",
        "shrank",
        "grew",
        "changed",
        "renamed",
    ] {
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
