use super::*;

/// A frame around blocks, as an archive has it.
fn frame(pieces: &[&[u8]], length: usize) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xc0, WINDOW_DESCRIPTOR];
    frame.extend_from_slice(&(length as u64).to_le_bytes());
    frame.extend_from_slice(&pieces.concat());
    frame.extend_from_slice(&[1, 0, 0]);
    frame
}

fn decoded(frame: &[u8], length: usize) -> Vec<u8> {
    zstd::bulk::decompress(frame, length).unwrap()
}

/// Text in which everything occurs again, near and far, and at the offsets that a frame starts with.
fn text(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut text = Vec::with_capacity(length + 100);
    while text.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match state >> 30 {
            0 => text.extend_from_slice(&[state.to_le_bytes()[2]; 9]),
            1 => text
                .extend_from_slice(&[b'a', b'b', b'c', (state >> 20).to_le_bytes()[0]].repeat(5)),
            2 => text.extend_from_slice(b"abcdefghabcdefgh"),
            _ => text
                .extend_from_slice(format!("let x{} = {};", state >> 22, state >> 27).as_bytes()),
        }
    }
    text.truncate(length);
    text
}

fn blocks(level: u8, piece: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut compressor = ZstdBlocks::new(level).unwrap();
    compressor.compress(piece, &mut packed).unwrap();
    packed
}

/// Blocks of each level, behind those of each other kind of piece and at the start of a frame.
#[test]
fn blocks_of_any_level_stand_in_any_order_in_one_frame() {
    let pieces = [
        text(1, BLOCK_BYTES),
        vec![7; BLOCK_BYTES],
        text(2, 300_000),
        // A long run of one offset, and of one literal.
        text(3, 40).repeat(10_000),
        text(4, 1),
        text(5, 513),
    ];
    for level in 1..=19 {
        let packed = pieces.each_ref().map(|piece| blocks(level, piece));
        for first in 0..pieces.len() {
            for second in 0..pieces.len() {
                let order = [first, second, first];
                let plain = order.map(|at| &pieces[at][..]).concat();
                let frame = frame(&order.map(|at| &packed[at][..]), plain.len());
                assert!(decoded(&frame, plain.len()) == plain, "{level} {order:?}");
            }
        }
    }
}

/// The blocks are whole, none is the last of a frame, and none refers to the tables of one before the piece.
#[test]
fn a_piece_is_whole_blocks_none_of_which_is_the_last() {
    for level in [1, 3, 12, 19] {
        let packed = blocks(level, &text(1, BLOCK_BYTES));
        let (mut at, mut is_first) = (0, true);
        while at < packed.len() {
            let header = u32::from_le_bytes([packed[at], packed[at + 1], packed[at + 2], 0]);
            let (is_last, kind, size) = (header & 1, header >> 1 & 3, header as usize >> 3);
            assert_eq!(is_last, 0);
            if kind == 2 && is_first {
                let literals = packed[at + 3] & 3;
                assert_ne!(
                    literals, 3,
                    "literals that use the table of an earlier block"
                );
                is_first = false;
            }
            at += 3 + if kind == 1 { 1 } else { size };
        }
        assert_eq!(at, packed.len());
    }
}

#[test]
fn a_compressor_makes_the_same_whatever_it_made_before() {
    let mut compressor = ZstdBlocks::new(3).unwrap();
    for seed in 0..5 {
        for length in [BLOCK_BYTES, 1, 70_000] {
            let piece = text(seed, length);
            let mut packed = Vec::new();
            compressor.compress(&piece, &mut packed).unwrap();
            assert!(packed == blocks(3, &piece), "{seed} {length}");
        }
    }
}
