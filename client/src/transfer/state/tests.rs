use bytes::{Bytes, BytesMut};
use netsocket_protocol::block::Block;
use netsocket_protocol::frame::HEADER;
use netsocket_protocol::query::Query;

use super::*;

const SIZE: u64 = 6;

fn plan(first_block: u64) -> Plan {
    Plan {
        plan: "p".to_owned(),
        files: 1,
        file_bytes: SIZE,
        tar_bytes: SIZE,
        block_bytes: 3,
        blocks: 2,
        first_block,
        compression: Compression::Gzip,
        layout: Layout::Blocks,
        sketch: "s".to_owned(),
    }
}

fn start(offset: u64) -> FileStart {
    FileStart {
        identity: "6-1.0".to_owned(),
        size: SIZE,
        offset,
        length: SIZE - offset,
        modified: String::new(),
        mode: 0o100_644,
    }
}

fn get() -> Request {
    Request::Get {
        path: "a/b".into(),
        offset: 3,
        length: Some(1),
        identity: None,
        verify: Verify::None,
    }
}

fn data(index: u64, bytes: &'static [u8]) -> Frame {
    let mut frame = BytesMut::new();
    let bytes = Bytes::from_static(bytes);
    Block { index, bytes }.put_frame(&mut frame).unwrap();
    Frame {
        kind: FrameType::Data,
        payload: frame.freeze().slice(HEADER..),
    }
}

fn trailer(blocks: u64, bytes: &[u8]) -> Frame {
    let trailer = Trailer {
        blocks,
        bytes: bytes.len() as u64,
        digest: blake3::hash(bytes).to_hex().to_string(),
        warnings: vec![],
        unlisted: 0,
    };
    trailer.to_frame().unwrap()
}

/// An archive, or a plain file, whose first block has come.
fn half(request: &Request) -> TransferState {
    let mut state = TransferState::new(request).unwrap();
    let first = match request {
        Request::Get { .. } => start(0).to_frame(),
        _ => plan(0).to_frame(),
    };
    state.begin(&first.unwrap()).unwrap();
    assert!(matches!(state.frame(data(0, b"abc")), Ok(Step::Block(_))));
    state
}

#[test]
fn an_archive_goes_on_by_plan_and_block() {
    let mut state = half(&Request::archive(Query::default()));
    let Request::Archive {
        resume: Some(resume),
        ..
    } = state.request()
    else {
        panic!("no resume");
    };
    assert_eq!((resume.plan.as_str(), resume.block), ("p", 1));
    assert_eq!(resume.sketch.as_deref(), Some("s"));
    state.begin(&plan(1).to_frame().unwrap()).unwrap();
    state.frame(data(1, b"def")).unwrap();
    let step = state.frame(trailer(1, b"def")).unwrap();
    assert!(matches!(step, Step::Complete(_)));
    assert_eq!(state.digest(), blake3::hash(b"abcdef").to_hex().as_str());
    assert_eq!((state.position().blocks, state.position().bytes), (2, 6));
}

#[test]
fn a_file_goes_on_by_identity_and_offset_and_counts_its_blocks_anew() {
    let mut state = TransferState::new(&get()).unwrap();
    assert_eq!(
        state.request(),
        Request::Get {
            path: "a/b".into(),
            offset: 0,
            length: None,
            identity: None,
            verify: Verify::Blocks,
        },
        "all of it, with checksums"
    );
    state = half(&get());
    let Request::Get {
        offset, identity, ..
    } = state.request()
    else {
        panic!("another request");
    };
    assert_eq!((offset, identity.as_deref()), (3, Some("6-1.0")));
    state.begin(&start(3).to_frame().unwrap()).unwrap();
    state.frame(data(0, b"def")).unwrap();
    state.frame(trailer(1, b"def")).unwrap();
    assert_eq!(state.digest(), blake3::hash(b"abcdef").to_hex().as_str());
}

#[test]
fn where_only_the_trailer_is_missing_only_that_is_asked_for() {
    for request in [get(), Request::archive(Query::default())] {
        let mut state = half(&request);
        state.frame(data(1, b"def")).unwrap();
        let first = match &request {
            Request::Get { .. } => start(SIZE).to_frame(),
            _ => plan(2).to_frame(),
        };
        state.begin(&first.unwrap()).unwrap();
        let step = state.frame(trailer(0, b"")).unwrap();
        assert!(matches!(step, Step::Complete(_)), "{request:?}");
    }
}

#[test]
fn an_answer_that_begins_elsewhere_or_with_something_else_is_damage() {
    let damage = |begun: Result<(), Error>| match begun {
        Err(Error::Damaged(damage)) => damage,
        other => panic!("{other:?}"),
    };
    let mut state = half(&Request::archive(Query::default()));
    let began = state.begin(&plan(0).to_frame().unwrap());
    assert_eq!(
        damage(began).to_string(),
        "it starts at block 0 instead of block 1"
    );
    let other = Plan {
        plan: "q".to_owned(),
        ..plan(1)
    };
    let began = state.begin(&other.to_frame().unwrap());
    assert_eq!(damage(began), Damage::Another);
    let mut state = half(&get());
    let began = state.begin(&start(2).to_frame().unwrap());
    assert_eq!(
        damage(began).to_string(),
        "it starts at byte 2 instead of byte 3"
    );
    let short = FileStart {
        length: 1,
        ..start(3)
    };
    let began = state.begin(&short.to_frame().unwrap());
    assert_eq!(damage(began), Damage::Length { due: 3, got: 1 });
}

#[test]
fn a_step_back_leads_to_where_the_answer_began() {
    let mut state = half(&Request::archive(Query::default()));
    state.begin(&plan(1).to_frame().unwrap()).unwrap();
    state.frame(data(1, b"xyz")).unwrap();
    state.rewind();
    assert_eq!(state.position().blocks, 1);
    assert!(state.frame(data(1, b"def")).is_err(), "no answer has begun");
    state.begin(&plan(1).to_frame().unwrap()).unwrap();
    state.frame(data(1, b"def")).unwrap();
    state.frame(trailer(1, b"def")).unwrap();
    assert_eq!(state.digest(), blake3::hash(b"abcdef").to_hex().as_str());
}

#[test]
fn begun_anew_it_asks_for_all_of_whatever_is_there_now() {
    let request = Request::archive(Query::default());
    let mut state = half(&request);
    state.restart();
    assert_eq!(state.request(), request);
    let other = Plan {
        plan: "q".to_owned(),
        ..plan(0)
    };
    state.begin(&other.to_frame().unwrap()).unwrap();
    assert_eq!(state.position(), Position::default());
}

#[test]
fn a_list_is_no_transfer() {
    let order = netsocket_protocol::message::Order::Name;
    assert!(TransferState::new(&Request::Directories { order }).is_err());
}
