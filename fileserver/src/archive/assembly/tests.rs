use std::sync::Arc;

use netsocket_settings::Supervisor;
use proptest::prelude::*;
use rustix::io::Errno;

use super::*;
use crate::compress::{Codec, Fill, Pool, Source};

const ALL: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::None];

/// Blocks of any length; an archive has some of 1 MiB and one that is shorter.
struct Pieces(Vec<Vec<u8>>);

impl Source for Pieces {
    fn read(&self, block: u64, buffer: &mut [u8]) -> Result<Fill, Errno> {
        let piece = &self.0[usize::try_from(block).unwrap()];
        buffer[..piece.len()].copy_from_slice(piece);
        Ok(Fill::Bytes(piece.len()))
    }
}

/// A block as it was sent. A block of the pool counts as held, and none is made while too many are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    bytes: Bytes,
    state: Option<StreamState>,
}

/// What is sent of these pieces from a block on.
fn sent(pool: &Pool, pieces: &[Vec<u8>], codec: Codec, start: Start) -> Vec<Sent> {
    let blocks = pieces.len() as u64;
    let mut assembly = Assembly {
        plan: "5e0c".to_owned(),
        compression: codec.compression(),
        layout: codec.layout(),
        tar_bytes: pieces.iter().map(|piece| piece.len() as u64).sum(),
        blocks,
        next: start.block,
        crc: crc32fast::Hasher::new_with_initial(start.crc),
    };
    let source = Arc::new(Pieces(pieces.to_vec()));
    let mut stream = pool.stream(source, codec, start.block, blocks);
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let mut sent = Vec::new();
    runtime.block_on(async {
        while let Some(made) = stream.next().await.unwrap() {
            let ArchiveBlock {
                bytes,
                checksum,
                state,
                ..
            } = assembly.put(made);
            assert_eq!(checksum, crc32fast::hash(&bytes));
            sent.push(Sent { bytes, state });
        }
    });
    sent
}

fn joined(sent: &[Sent]) -> Vec<u8> {
    sent.iter().flat_map(|block| block.bytes.to_vec()).collect()
}

/// What a program reads that stops at the end of the first member or frame; `None` if anything is wrong with it.
fn first_read(compression: Compression, bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    match compression {
        Compression::Gzip => {
            let mut plain = vec![0; length];
            let mut reader = libdeflater::Decompressor::new();
            let read = reader.gzip_decompress(bytes, &mut plain).ok()?;
            plain.truncate(read);
            Some(plain)
        }
        Compression::Zstd => {
            let frame = zstd::zstd_safe::find_frame_compressed_size(bytes).ok()?;
            zstd::bulk::decompress(bytes.get(..frame)?, length).ok()
        }
        Compression::None => Some(bytes.to_vec()),
    }
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..2_000),
        proptest::collection::vec(0_u8..4, 1..3_000),
        ("[a-e]{1,9}", 1_usize..500).prop_map(|(word, times)| word.repeat(times).into_bytes()),
        (any::<u8>(), 1_usize..30_000).prop_map(|(byte, times)| vec![byte; times]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// However often an archive breaks off, and whatever is in it: its parts make one stream that is right to the last
    /// bit, and a wrong CRC to resume with is noticed by whoever reads it.
    #[test]
    fn parts_from_any_servers_are_one_stream(
        pieces in proptest::collection::vec(piece(), 1..5), level in 1_u8..=7, wrong in 0..32_u32,
    ) {
        let pool = Pool::start(2, 3, &Supervisor::default()).unwrap();
        let plain = pieces.concat();
        for compression in ALL {
            let level = (compression != Compression::None).then_some(level);
            let codec = Codec::new(compression, level, Layout::Stream).unwrap();
            let whole = sent(&pool, &pieces, codec, Start::default());
            let bytes = joined(&whole);
            prop_assert!(first_read(compression, &bytes, plain.len()).as_deref() == Some(&plain[..]));
            for cut in 1..=pieces.len() {
                let next = cut as u64;
                let crc = whole[cut - 1].state.unwrap().crc("5e0c", next).unwrap();
                prop_assert_eq!(crc, crc32fast::hash(&pieces[..cut].concat()));
                let rest = sent(&pool, &pieces, codec, Start::at(next, crc));
                prop_assert!(rest == whole[cut..]);
                if compression == Compression::Gzip && cut < pieces.len() {
                    let foreign = sent(&pool, &pieces, codec, Start::at(next, crc ^ 1 << wrong));
                    let mixed = [joined(&whole[..cut]), joined(&foreign)].concat();
                    prop_assert_eq!(first_read(compression, &mixed, plain.len()), None);
                }
            }
        }
    }

    /// A block that is missing, sent twice or has a wrong bit is not read as if it were right.
    #[test]
    fn what_is_mixed_up_is_not_read_as_a_gzip_member(
        pieces in proptest::collection::vec(piece(), 2..4), at: prop::sample::Index, bit in 0..8, fault in 0..3,
    ) {
        let pool = Pool::start(1, 3, &Supervisor::default()).unwrap();
        let plain = pieces.concat();
        let codec = Codec::new(Compression::Gzip, None, Layout::Stream).unwrap();
        let whole = sent(&pool, &pieces, codec, Start::default());
        let mut bytes: Vec<Vec<u8>> = whole.iter().map(|block| block.bytes.to_vec()).collect();
        match fault {
            0 => {
                let block = at.index(bytes.len() - 1) + 1;
                bytes.remove(block);
            }
            1 => {
                let block = at.index(bytes.len() - 1);
                bytes.insert(block, bytes[block].clone());
            }
            _ => {
                let last = bytes.last_mut().unwrap();
                let end = last.len() - 8;
                last[end + at.index(8)] ^= 1_u8 << bit;
            }
        }
        let read = first_read(Compression::Gzip, &bytes.concat(), 2 * plain.len());
        prop_assert!(read.is_none());
    }
}

#[test]
fn a_block_that_is_complete_by_itself_has_no_state_and_nothing_around_it() {
    let pool = Pool::start(1, 3, &Supervisor::default()).unwrap();
    for compression in ALL {
        let codec = Codec::new(compression, None, Layout::Blocks).unwrap();
        let sent = sent(
            &pool,
            &[vec![7; 5_000], vec![8; 9]],
            codec,
            Start::default(),
        );
        for (block, piece) in sent.iter().zip([&[7; 5_000][..], &[8; 9]]) {
            assert_eq!(block.state, None);
            assert!(first_read(compression, &block.bytes, 5_000).as_deref() == Some(piece));
        }
    }
}
