//! The answer of DNS for a group, and the backends that follow from it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::config::Group;
use crate::core::backend::{Attributes, BackendSpec, MAX_WEIGHT};

/// Maximum number of servers in a group: a longer answer is cut.
pub(super) const MAX_ENDPOINTS: usize = 1000;

/// A server in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its address.
    pub address: SocketAddr,
    /// Priority and weight, if it was found by an SRV record.
    pub service: Option<Service>,
}

/// Priority and weight of an SRV record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Servers with the lowest number are used first; the others serve as backups.
    pub priority: u16,
    /// The share relative to others of the same priority.
    pub weight: u16,
}

/// An answer, which may contain no server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The servers.
    pub found: Vec<Found>,
    /// How long the answer is valid.
    pub ttl: Duration,
    /// Why some servers may be missing: part of the query got no answer.
    pub missing: Option<AskError>,
}

/// Why a query failed. A retry may succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No answer in time.
    #[error("no DNS server answered in time")]
    Timeout,
    /// A server could not or would not answer.
    #[error("DNS server answered {0}")]
    Refused(String),
    /// No DNS server is configured.
    #[error("no DNS server is configured: {0}")]
    NoServer(String),
    /// Any other error.
    #[error("{0}")]
    Failed(String),
    /// One of the two queries for addresses failed.
    #[error("{family} query: {error}")]
    Family {
        /// Which one: `A` or `AAAA`.
        family: &'static str,
        /// Why.
        error: Box<Self>,
    },
}

impl AskError {
    /// Which of the two queries for addresses failed, if only one did.
    pub(super) fn family(&self) -> Option<&'static str> {
        match self {
            Self::Family { family, .. } => Some(family),
            _ => None,
        }
    }
}

impl Answer {
    /// The servers that can be connected to, each once, in an order that does not depend on the order in the answer;
    /// never more than [`MAX_ENDPOINTS`].
    #[must_use]
    pub(super) fn usable(&self) -> Vec<Found> {
        let mut found = self.found.clone();
        found.retain(|found| can_be_server(found.address));
        // Of several records for an address the first by priority counts, and of those the heaviest.
        found.sort_by_key(|found| {
            let service = found
                .service
                .map(|service| (service.priority, u16::MAX - service.weight));
            (found.address, service)
        });
        found.dedup_by_key(|found| found.address);
        found.sort_by_key(|found| (found.service.map(|service| service.priority), found.address));
        found.truncate(MAX_ENDPOINTS);
        found
    }
}

/// Filtering DNS servers answer with an unspecified address to say "no"; a connection there would come back to
/// this machine.
fn can_be_server(address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    address.port() != 0
        && !ip.is_unspecified()
        && !ip.is_multicast()
        && ip != IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// The members of a group as backends. `found` is usable and sorted.
pub(super) fn backends(group: &Group, found: &[Found]) -> Vec<BackendSpec> {
    // Weights are relative to those of the same priority only (RFC 2782).
    let mut heaviest: BTreeMap<u16, u16> = BTreeMap::new();
    for service in found.iter().filter_map(|found| found.service) {
        let weight = heaviest.entry(service.priority).or_default();
        *weight = service.weight.max(*weight);
    }
    let first = heaviest.keys().next().copied();
    let spec = |found: &Found| {
        let attributes = match found.service {
            None => group.attributes.clone(),
            Some(service) => Attributes {
                weight: scaled(
                    service.weight,
                    heaviest
                        .get(&service.priority)
                        .copied()
                        .unwrap_or(service.weight),
                ),
                backup: group.attributes.backup || Some(service.priority) != first,
                ..group.attributes.clone()
            },
        };
        BackendSpec {
            name: endpoint_name(group, found),
            address: found.address.into(),
            attributes,
        }
    };
    found.iter().map(spec).collect()
}

/// Weights above [`MAX_WEIGHT`] are scaled down to it. One of 0 is the smallest of all, not none: that is what it means
/// in an SRV record.
fn scaled(weight: u16, heaviest: u16) -> u32 {
    let (weight, heaviest) = (u32::from(weight), u32::from(heaviest));
    let scaled = if heaviest > MAX_WEIGHT {
        weight * MAX_WEIGHT / heaviest
    } else {
        weight
    };
    scaled.max(1)
}

/// `files-10-0-0-7`, `files-fd00--7`; with the port if it may differ between servers. The name depends only on the
/// answer that named it, not on the other servers nor on settings that are newer than the answer.
fn endpoint_name(group: &Group, found: &Found) -> String {
    let address = found.address;
    let ip = address.ip().to_string().replace([':', '.'], "-");
    match found.service {
        None => format!("{}-{ip}", group.name),
        Some(_) => format!("{}-{ip}-{}", group.name, address.port()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{IpFamily, Question};

    fn group(question: Question) -> Group {
        Group {
            name: "files".into(),
            question,
            attributes: Attributes {
                weight: 7,
                ..Attributes::default()
            },
        }
    }

    fn addresses() -> Group {
        group(Question::Addresses {
            host: "h".into(),
            port: 9,
            family: IpFamily::default(),
        })
    }

    fn services() -> Group {
        group(Question::Services {
            name: "s".into(),
            family: IpFamily::default(),
        })
    }

    fn answer(found: Vec<Found>) -> Answer {
        Answer {
            found,
            ttl: Duration::ZERO,
            missing: None,
        }
    }

    fn plain(text: &str) -> Found {
        Found {
            address: text.parse().unwrap(),
            service: None,
        }
    }

    fn service(text: &str, priority: u16, weight: u16) -> Found {
        Found {
            service: Some(Service { priority, weight }),
            ..plain(text)
        }
    }

    fn shown(group: &Group, found: Vec<Found>) -> Vec<(String, u32, bool)> {
        backends(group, &answer(found).usable())
            .into_iter()
            .map(|spec| (spec.name, spec.attributes.weight, spec.attributes.backup))
            .collect()
    }

    #[test]
    fn each_address_is_a_member_in_a_fixed_order_with_the_attributes_of_the_group() {
        let found = ["[fd00::7]:9", "10.0.0.20:9", "10.0.0.3:9", "10.0.0.20:9"].map(plain);
        let expected = ["files-10-0-0-3", "files-10-0-0-20", "files-fd00--7"];
        assert_eq!(
            shown(&addresses(), found.to_vec()),
            expected.map(|name| (name.to_owned(), 7, false))
        );
    }

    #[test]
    fn unspecified_addresses_are_not_endpoints() {
        let found = [
            "0.0.0.0:9",
            "[::]:9",
            "[::ffff:0.0.0.0]:9",
            "224.0.0.1:9",
            "255.255.255.255:9",
            "10.0.0.1:0",
        ];
        assert_eq!(answer(found.map(plain).to_vec()).usable(), []);
    }

    #[test]
    fn records_of_services_say_port_weight_and_who_is_a_backup() {
        let found = vec![
            service("10.0.0.1:9001", 20, 5),
            service("10.0.0.2:9001", 10, 0),
            service("10.0.0.2:9002", 10, 60),
            // The same server again, less important.
            service("10.0.0.2:9002", 30, 9),
        ];
        let expected = [
            ("files-10-0-0-2-9001", 1, false),
            ("files-10-0-0-2-9002", 60, false),
            ("files-10-0-0-1-9001", 5, true),
        ];
        assert_eq!(
            shown(&services(), found),
            expected.map(|(name, weight, backup)| (name.to_owned(), weight, backup))
        );
    }

    #[test]
    fn large_weights_are_scaled_and_keep_their_ratio() {
        let found = vec![
            service("10.0.0.1:1", 0, 60_000),
            service("10.0.0.2:1", 0, 30_000),
            service("10.0.0.3:1", 0, 1),
        ];
        let weights: Vec<u32> = shown(&services(), found)
            .iter()
            .map(|spec| spec.1)
            .collect();
        assert_eq!(weights, [256, 128, 1]);
    }

    #[test]
    fn weights_of_another_priority_do_not_count() {
        let found = vec![
            service("10.0.0.1:1", 10, 30),
            service("10.0.0.2:1", 10, 20),
            service("10.0.0.3:1", 10, 10),
            service("10.0.0.4:1", 20, 10_000),
            service("10.0.0.5:1", 20, 5_000),
        ];
        let weights: Vec<u32> = shown(&services(), found)
            .iter()
            .map(|spec| spec.1)
            .collect();
        assert_eq!(weights, [30, 20, 10, 256, 128]);
    }

    #[test]
    fn an_answer_without_measure_is_cut() {
        let found = (0..5000_u32).map(|n| Found {
            address: (Ipv4Addr::from(0x0a00_0001 + n), 9).into(),
            service: None,
        });
        assert_eq!(answer(found.collect()).usable().len(), MAX_ENDPOINTS);
    }
}
