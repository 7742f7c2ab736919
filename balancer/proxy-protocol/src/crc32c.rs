//! CRC-32C (Castagnoli), the checksum of RFC 4960, appendix B. Reflected, polynomial 0x1EDC6F41.

const POLYNOMIAL_REFLECTED: u32 = 0x82F6_3B78;

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    let mut value: u32 = 0;
    while byte < 256 {
        let mut crc = value;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL_REFLECTED * (crc & 1));
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
        value += 1;
    }
    table
}

/// The checksum of the parts in a row.
pub(crate) fn crc32c(parts: &[&[u8]]) -> u32 {
    let each = |crc: u32, &byte: &u8| {
        let [low, ..] = crc.to_le_bytes();
        (crc >> 8) ^ TABLE[usize::from(low ^ byte)]
    };
    !parts.iter().copied().flatten().fold(!0, each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // The check value that catalogues of CRCs give, and two of RFC 3720, B.4.
        assert_eq!(crc32c(&[b"123456789"]), 0xE306_9283);
        assert_eq!(crc32c(&[&[0; 20], &[0; 12]]), 0x8A91_36AA);
        assert_eq!(crc32c(&[&[0xff; 32]]), 0x62A8_AB43);
        assert_eq!(crc32c(&[]), 0);
    }
}
