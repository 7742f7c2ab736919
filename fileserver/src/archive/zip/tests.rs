use super::*;

const LARGE: u64 = u32::MAX as u64;

fn put(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn member(size: u64) -> Member<'static> {
    Member {
        name: b"n",
        mode: 0o640,
        size,
        modified: 1_700_000_000,
    }
}

#[test]
fn records_are_as_long_as_they_say() {
    for size in [0, 1, LARGE - 1, LARGE, LARGE + 1, u64::MAX] {
        for modified in [i64::MIN, -1, 0, 1_700_000_000, 1 << 31, i64::MAX] {
            for name in [&b"n"[..], "ä/ö".as_bytes(), &[0xff; 300]] {
                let mode = 0o640;
                let member = Member {
                    name,
                    mode,
                    size,
                    modified,
                };
                let local = put(|out| member.put_local(out));
                assert_eq!(local.len() as u64, member.local_bytes());
                let descriptor = put(|out| member.put_descriptor(out, 7));
                assert_eq!(descriptor.len() as u64, member.descriptor_bytes());
                for offset in [0, LARGE - 1, LARGE, u64::MAX] {
                    let central = put(|out| member.put_central(out, 7, offset));
                    assert_eq!(central.len() as u64, member.central_bytes(offset));
                    // The lengths of name and extra fields lead to the end of the record.
                    let field =
                        |at: usize| usize::from(u16::from_le_bytes([central[at], central[at + 1]]));
                    assert_eq!(central.len(), 46 + field(28) + field(30));
                }
                let field = |at: usize| usize::from(u16::from_le_bytes([local[at], local[at + 1]]));
                assert_eq!(local.len(), 30 + field(26) + field(28));
            }
        }
    }
}

#[test]
fn a_size_that_does_not_fit_into_32_bits_is_in_the_extra_field() {
    let small = put(|out| member(LARGE - 1).put_central(out, 0, LARGE - 1));
    assert_eq!(small[6..8], VERSION.to_le_bytes());
    assert_eq!(small[20..28], [[0xfe, 0xff, 0xff, 0xff]; 2].concat());
    assert_eq!(small.len(), 46 + 1 + 9);
    let large = put(|out| member(LARGE).put_central(out, 0, LARGE));
    assert_eq!(large[6..8], VERSION_ZIP64.to_le_bytes());
    assert_eq!(large[20..28], [0xff; 8]);
    assert_eq!(large[42..46], [0xff; 4]);
    let numbers = [LARGE.to_le_bytes(); 3].concat();
    assert_eq!(large[47..75], [&[1, 0, 24, 0][..], &numbers].concat());
    // An offset alone.
    let far = put(|out| member(5).put_central(out, 0, 6 << 30));
    assert_eq!(far[20..24], [5, 0, 0, 0]);
    let offset = (6_u64 << 30).to_le_bytes();
    assert_eq!(far[47..59], [&[1, 0, 8, 0][..], &offset].concat());
    // The local header announces a descriptor with 64-bit sizes.
    let local = put(|out| member(LARGE).put_local(out));
    assert_eq!(local[14..26], [&[0; 4][..], &[0xff; 8]].concat());
    assert_eq!(local[31..35], [1, 0, 16, 0]);
}

#[test]
fn the_end_has_64_bits_where_one_of_its_numbers_needs_them() {
    let end = |members, offset, bytes| {
        let directory = Directory {
            members,
            offset,
            bytes,
        };
        let end = put(|out| directory.put_end(out));
        assert_eq!(end.len() as u64, directory.end_bytes());
        end
    };
    let plain = end(0xfffe, LARGE - 1, LARGE - 1);
    assert_eq!(plain.len(), 22);
    assert_eq!(plain[8..12], [0xfe, 0xff, 0xfe, 0xff]);
    for (members, offset, bytes) in [(0xffff, 1, 1), (1, LARGE, 1), (1, 1, LARGE)] {
        let large = end(members, offset, bytes);
        assert_eq!(large.len(), 98);
        assert_eq!(large[32..40], members.to_le_bytes());
        assert_eq!(large[40..48], bytes.to_le_bytes());
        assert_eq!(large[48..56], offset.to_le_bytes());
        // The locator leads to the record.
        assert_eq!(large[64..72], (offset + bytes).to_le_bytes());
    }
}

#[test]
fn times_are_those_of_ms_dos_in_utc() {
    // 2023-11-14 22:13:20.
    assert_eq!(
        dos_time(1_700_000_000),
        ((22 << 11) | (13 << 5) | 10, (43 << 9) | (11 << 5) | 14)
    );
    for early in [i64::MIN, -1, 0, 315_532_799] {
        assert_eq!(dos_time(early), (0, 33));
    }
    for late in [4_354_819_200, i64::MAX] {
        assert_eq!(dos_time(late), (49_021, 65_439));
    }
}

#[test]
fn only_a_name_in_utf_8_is_called_one() {
    for (name, bits) in [
        (&b"a"[..], 0x808_u16),
        ("ä".as_bytes(), 0x808),
        (&[0xff], 8),
    ] {
        let local = put(|out| Member { name, ..member(1) }.put_local(out));
        assert_eq!(local[6..8], bits.to_le_bytes());
    }
}
