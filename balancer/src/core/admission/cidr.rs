//! Networks as people write them (`10.0.0.0/8`, `2001:db8::/32`, `192.0.2.7`), and sets of them.
//!
//! An IPv4 address inside an IPv6 one (`::ffff:10.0.0.1`) is the IPv4 address, in a network as in a client. So
//! `0.0.0.0/0` is all of IPv4 and `::/0` all of IPv6 but not of IPv4, whatever kind of socket a client came through.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

const V4_BITS: u8 = 32;
const V6_BITS: u8 = 128;
/// In front of the IPv4 address that an IPv6 address holds.
const MAPPED_BITS: u8 = 96;

/// A network: its first address and how many leading bits its addresses share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

/// Why a text is not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not an address.
    #[error("an address or a network, such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32")]
    Form,
    /// A prefix length that this address family does not have.
    #[error("the prefix length must be 0 to {0}")]
    Length(u8),
    /// An address inside the network. Read as its network it could mean more than was intended.
    #[error(
        "an address inside the network {0}, not its first: write the network, or the address alone"
    )]
    Inside(Network),
}

impl Network {
    /// The network of `prefix` bits that contains `address`.
    ///
    /// # Errors
    /// The prefix is longer than 32 or 128 bits.
    pub fn of(address: IpAddr, prefix: u8) -> Result<Self, NetworkError> {
        let (address, prefix) = match address.to_canonical() {
            IpAddr::V4(v4) if address.is_ipv6() && (MAPPED_BITS..=V6_BITS).contains(&prefix) => {
                (IpAddr::V4(v4), prefix - MAPPED_BITS)
            }
            // A network that is wider than all of mapped IPv4 is one of IPv6.
            IpAddr::V4(_) if address.is_ipv6() => (address, prefix),
            canonical => (canonical, prefix),
        };
        let first = match address {
            IpAddr::V4(_) if prefix > V4_BITS => return Err(NetworkError::Length(V4_BITS)),
            IpAddr::V6(_) if prefix > V6_BITS => return Err(NetworkError::Length(V6_BITS)),
            IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & v4_mask(prefix)).into(),
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & v6_mask(prefix)).into(),
        };
        Ok(Self { first, prefix })
    }

    /// Whether the network contains `address`.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(ip)) => {
                ip.to_bits() & v4_mask(self.prefix) == first.to_bits()
            }
            (IpAddr::V6(first), IpAddr::V6(ip)) => {
                ip.to_bits() & v6_mask(self.prefix) == first.to_bits()
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            None => (text, None),
            Some((address, prefix)) => (address, Some(prefix)),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Form)?;
        let bits = if address.is_ipv4() { V4_BITS } else { V6_BITS };
        let prefix = match prefix {
            None => bits,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| NetworkError::Length(bits))?
            }
            Some(_) => return Err(NetworkError::Form),
        };
        let network = Self::of(address, prefix)?;
        // Compared as the family that it ended up in.
        if network.first == address || network.first == address.to_canonical() {
            Ok(network)
        } else {
            Err(NetworkError::Inside(network))
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

fn v4_mask(prefix: u8) -> u32 {
    u32::MAX
        .checked_shl(u32::from(V4_BITS.saturating_sub(prefix)))
        .unwrap_or(0)
}

pub(super) fn v6_mask(prefix: u8) -> u128 {
    u128::MAX
        .checked_shl(u32::from(V6_BITS.saturating_sub(prefix)))
        .unwrap_or(0)
}

/// A set of networks. A lookup is one binary search.
///
/// # Examples
///
/// ```
/// use netsocket_balancer::admission::{Network, Networks};
///
/// let office: Network = "10.1.0.0/16".parse()?;
/// let networks: Networks = [office, "2001:db8::/32".parse()?].into_iter().collect();
/// assert!(networks.contains("2001:db8::7".parse()?));
/// // IPv4 through a socket for both.
/// assert!(networks.contains("::ffff:10.1.2.3".parse()?));
/// assert!(!networks.contains("10.2.0.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl Networks {
    /// Whether one of the networks contains this address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(ip) => self.v4.contains(ip.to_bits()),
            IpAddr::V6(ip) => self.v6.contains(ip.to_bits()),
        }
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.0.is_empty() && self.v6.0.is_empty()
    }
}

/// Its networks, separated by commas, IPv4 first. Networks inside another one are left out.
impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = |zeros: u32| u8::try_from(zeros).unwrap_or(V6_BITS);
        let v4 = self.v4.0.iter().map(|&(first, last)| Network {
            first: Ipv4Addr::from_bits(first).into(),
            prefix: prefix((first ^ last).leading_zeros()),
        });
        let v6 = self.v6.0.iter().map(|&(first, last)| Network {
            first: Ipv6Addr::from_bits(first).into(),
            prefix: prefix((first ^ last).leading_zeros()),
        });
        for (index, network) in v4.chain(v6).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{network}")?;
        }
        Ok(())
    }
}

impl FromIterator<Network> for Networks {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for Network { first, prefix } in networks {
            match first {
                IpAddr::V4(ip) => v4.push((ip.to_bits(), ip.to_bits() | !v4_mask(prefix))),
                IpAddr::V6(ip) => v6.push((ip.to_bits(), ip.to_bits() | !v6_mask(prefix))),
            }
        }
        Self {
            v4: Ranges::new(v4),
            v6: Ranges::new(v6),
        }
    }
}

/// First and last of each, sorted, none touching another's numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ranges<T>(Vec<(T, T)>);

impl<T: Ord + Copy> Ranges<T> {
    fn new(mut ranges: Vec<(T, T)>) -> Self {
        ranges.sort_unstable();
        // Networks overlap only where one is inside of the other.
        ranges.dedup_by(|(first, last), (_, before)| {
            let overlaps = *first <= *before;
            if overlaps {
                *before = (*before).max(*last);
            }
            overlaps
        });
        Self(ranges)
    }

    fn contains(&self, number: T) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= number);
        after
            .checked_sub(1)
            .and_then(|at| self.0.get(at))
            .is_some_and(|&(_, last)| number <= last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_set_is_written_as_its_networks() {
        let text = "::1,10.0.0.0/8,10.1.0.0/16,2001:db8::/32,0.0.0.0/32";
        let set: Networks = text.split(',').map(network).collect();
        assert_eq!(
            set.to_string(),
            "0.0.0.0/32,10.0.0.0/8,::1/128,2001:db8::/32"
        );
        let again: Networks = set.to_string().split(',').map(network).collect();
        assert_eq!(again, set);
        let all: Networks = ["0.0.0.0/0", "::/0"].map(network).into_iter().collect();
        assert_eq!(all.to_string(), "0.0.0.0/0,::/0");
    }

    #[test]
    fn reads_and_writes() {
        for (text, canonical) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("::1", "::1/128"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
        ] {
            assert_eq!(network(text).to_string(), canonical, "{text}");
            assert_eq!(network(canonical), network(text));
        }
    }

    #[test]
    fn refuses_and_says_why() {
        use NetworkError::{Form, Inside, Length};
        let cases = [
            ("", Form),
            ("host", Form),
            ("10.0.0.0/", Length(32)),
            ("10.0.0.0/33", Length(32)),
            ("10.0.0.0/999", Length(32)),
            ("::/129", Length(128)),
            ("::ffff:10.0.0.0/129", Length(128)),
            ("10.0.0.0/+8", Form),
            ("10.0.0.0/255.0.0.0", Form),
            ("10.0.0.0 /8", Form),
            ("010.0.0.0/8", Form),
            ("10.0.0.1/8", Inside(network("10.0.0.0/8"))),
            ("::ffff:10.0.0.1/104", Inside(network("10.0.0.0/8"))),
            ("2001:db8::1/32", Inside(network("2001:db8::/32"))),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Network>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn families_are_apart_and_mapped_addresses_are_ipv4() {
        let all4: Networks = [network("0.0.0.0/0")].into_iter().collect();
        let all6: Networks = [network("::/0")].into_iter().collect();
        assert!(all4.contains(ip("::ffff:1.2.3.4")) && !all4.contains(ip("::1.2.3.4")));
        assert!(!all6.contains(ip("::ffff:1.2.3.4")) && all6.contains(ip("::1.2.3.4")));
        assert!(!Networks::default().contains(ip("1.2.3.4")));
        assert!(Networks::default().is_empty() && !all4.is_empty() && !all6.is_empty());
    }

    /// Few distinct leading bits, so that networks nest and addresses hit.
    fn any_ip() -> impl Strategy<Value = IpAddr> {
        let byte = || prop_oneof![Just(0_u8), Just(0x80), Just(0xff), 0..4_u8];
        prop_oneof![
            [byte(), byte(), byte(), byte()].prop_map(IpAddr::from),
            (byte(), byte(), byte()).prop_map(|(a, b, c)| {
                let mut octets = [0; 16];
                (octets[0], octets[8], octets[15]) = (a, b, c);
                IpAddr::from(octets)
            }),
        ]
    }

    fn any_network() -> impl Strategy<Value = Network> {
        (any_ip(), 0..=128_u8).prop_map(|(ip, prefix)| {
            let most = if ip.is_ipv4() { 32 } else { 128 };
            Network::of(ip, prefix.min(most)).unwrap()
        })
    }

    proptest! {
        #[test]
        fn a_set_has_what_one_of_its_networks_has(
            networks in vec(any_network(), 0..12),
            addresses in vec(any_ip(), 1..40),
        ) {
            let set: Networks = networks.iter().copied().collect();
            for address in addresses {
                // Bit by bit from the front, as one would do it by hand.
                let bits = |ip: IpAddr| match ip {
                    IpAddr::V4(ip) => format!("{:032b}", ip.to_bits()),
                    IpAddr::V6(ip) => format!("{:0128b}", ip.to_bits()),
                };
                let shares = |network: &&Network| {
                    network.first.is_ipv4() == address.is_ipv4()
                        && bits(network.first)[..network.prefix.into()] == bits(address)[..network.prefix.into()]
                };
                let expected = networks.iter().find(shares);
                prop_assert_eq!(set.contains(address), expected.is_some());
                prop_assert!(expected.is_none_or(|network| network.contains(address)));
            }
        }

        #[test]
        fn text_round_trip(network in any_network()) {
            prop_assert_eq!(network.to_string().parse(), Ok(network));
        }
    }
}
