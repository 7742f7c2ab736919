use libdeflater::{CompressionLvl, Compressor};
use proptest::prelude::*;

use super::*;

/// Bytes that a compressor finds something in, of that many kinds and repeating themselves at distances of all lengths.
fn bytes(seed: u64, kinds: u8, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes: Vec<u8> = Vec::with_capacity(length);
    while bytes.len() < length {
        let random = next();
        if random % 3 == 0 && !bytes.is_empty() {
            let back = 1 + (random >> 8) as usize % bytes.len().min(40_000);
            let start = bytes.len() - back;
            for at in 0..(random >> 40) as usize % 300 {
                bytes.push(bytes[start + at]);
            }
        } else {
            for shift in 0..(random >> 8) % 8 {
                bytes.push((random >> (8 * shift)).to_le_bytes()[0] % kinds);
            }
        }
    }
    bytes.truncate(length);
    bytes
}

/// The stream with an open end.
fn opened(stream: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut buffer = [stream, &[0xff; ADDED]].concat();
    let length = EndOpener::default().open(&mut buffer, stream.len())?;
    buffer.truncate(length);
    Ok(buffer)
}

fn deflated(plain: &[u8], level: i32) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::new(level).unwrap());
    let mut packed = vec![0; compressor.deflate_compress_bound(plain.len())];
    let length = compressor.deflate_compress(plain, &mut packed).unwrap();
    packed.truncate(length);
    packed
}

/// What a decompressor of another make reads from a stream that consists of these and ends as a gzip member does.
fn inflated(parts: &[&[u8]], length: usize) -> Option<Vec<u8>> {
    let stream = [&parts.concat()[..], &[0x03, 0x00]].concat();
    let mut plain = vec![0; length];
    let mut reader = libdeflater::Decompressor::new();
    let read = reader.deflate_decompress(&stream, &mut plain).ok()?;
    (read == length).then_some(plain)
}

#[test]
fn opened_streams_of_every_level_join_to_one() {
    for level in 0..=12 {
        for kinds in [1, 2, 40, 255] {
            for length in [0, 1, 2, 300, 70_000, 1 << 20] {
                let plain = bytes(u64::from(kinds) + length as u64, kinds, length);
                let packed = opened(&deflated(&plain, level)).unwrap();
                assert!(packed.ends_with(&EMPTY_STORED));
                let both = inflated(&[&packed, &packed], 2 * length).unwrap();
                assert!(both == plain.repeat(2), "{level} {kinds} {length}");
            }
        }
    }
}

#[test]
fn fixed_codes_and_every_place_of_the_end_within_its_byte_are_read() {
    // Literals of 8 bits and of 9 in a block of fixed codes: written by hand, as no compressor is sure to.
    let mut opener = EndOpener::default();
    for nines in 0_usize..16 {
        let mut bits = vec![true, true, false];
        for _ in 0..nines {
            // The code of literal 144 is 110010000, most significant bit first.
            bits.extend([1, 1, 0, 0, 1, 0, 0, 0, 0].map(|bit| bit == 1));
        }
        bits.extend([false; 7]);
        let stream: Vec<u8> = bits
            .chunks(8)
            .map(|byte| (0..).zip(byte).map(|(at, bit)| u8::from(*bit) << at).sum())
            .collect();
        assert_eq!(
            opener.end(&stream),
            Ok(End {
                final_bit: 0,
                bits: bits.len()
            })
        );
        let stream = opened(&stream).unwrap();
        assert_eq!(
            inflated(&[&stream], nines),
            Some(vec![144; nines]),
            "{nines}"
        );
    }
}

#[test]
fn a_stream_that_is_cut_short_or_longer_is_refused() {
    for kinds in [2, 255] {
        let plain = bytes(7, kinds, 20_000);
        let packed = deflated(&plain, 6);
        for length in 0..packed.len() {
            assert_eq!(opened(&packed[..length]), Err(Malformed), "{length}");
        }
        let longer = [&packed[..], &[0]].concat();
        assert_eq!(opened(&longer), Err(Malformed));
        let mut full = packed.clone();
        let open = EndOpener::default().open(&mut full, packed.len());
        assert_eq!(open, Err(Malformed), "no room");
    }
}

proptest! {
    #[test]
    fn whatever_it_is_the_end_is_found_or_it_is_refused(stream in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = opened(&stream);
    }

    #[test]
    fn a_stream_with_a_wrong_bit_is_refused_or_ends_where_it_ends_for_a_decompressor(
        seed: u64, kinds in 1_u8..=255, length in 0_usize..5_000, level in 0..=12_i32, at: prop::sample::Index, bit in 0..8,
    ) {
        let mut packed = deflated(&bytes(seed, kinds, length), level);
        let at = at.index(packed.len());
        packed[at] ^= 1_u8 << bit;
        let mut plain = vec![0; 1 << 20];
        let mut reader = libdeflater::Decompressor::new();
        let read = reader.deflate_decompress(&packed, &mut plain);
        let end = EndOpener::default().end(&packed);
        // Only a decompressor notices a distance that leads before the start, and this one takes codes without a meaning.
        if let (Ok(read), Ok(end)) = (read, end) {
            packed.truncate(end.bits.div_ceil(8));
            let again = inflated(&[&opened(&packed).unwrap()], read);
            prop_assert_eq!(again.as_deref(), Some(&plain[..read]));
        }
    }
}
