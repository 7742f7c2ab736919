//! Hashes that are the same in every process, build and machine: two balancers must choose alike.

use std::net::IpAddr;

/// FNV-1a, 64 bits (Fowler, Noll and Vo; the constants are those of the algorithm).
const FNV_START: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

/// Slots that are tried for a client whose backend is full or failed, before all backends are scored.
const OTHER_SLOTS: u64 = 8;

/// The hash key of a backend, from its name: it keeps its clients when its address changes.
#[must_use]
pub fn name_key(name: &str) -> u64 {
    hash(name.as_bytes())
}

/// The hash key of a client, from its address without the port. An IPv4-mapped IPv6 address is treated as IPv4.
#[must_use]
pub fn client_key(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(address) => hash(&address.octets()),
        IpAddr::V6(address) => hash(&address.octets()),
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
    mix(bytes.iter().fold(FNV_START, step))
}

/// The key of a client, then those of the other slots that are tried where its backend is full or failed: each client of one
/// has another order of the others.
pub(super) fn lookups(client: u64) -> impl Iterator<Item = u64> {
    std::iter::once(client).chain((1..=OTHER_SLOTS).map(move |turn| mix(client ^ turn)))
}

/// The finalizer of SplitMix64: every bit of the input moves every bit of the output.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_for_ever() {
        // A change of these numbers moves the clients of every balancer that is upgraded before its neighbour.
        assert_eq!(name_key("mirror1"), NAME);
        assert_eq!(client_key("10.0.0.7".parse().unwrap()), CLIENT);
        assert_eq!(client_key("::ffff:10.0.0.7".parse().unwrap()), CLIENT);
    }

    // Computed by another program from the definition.
    const NAME: u64 = 0x09C6_A46F_7884_E4A5;
    const CLIENT: u64 = 0xBCCC_C68B_2E14_F1A3;
}
