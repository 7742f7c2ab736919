mod forms;
mod outputs;
mod writing;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netsocket_settings::AdminAddress;

use super::line::{Failure, Line, OpenConnections};
use super::*;
use crate::core::termination::Termination;

static MIRROR1: AdminAddress = mirror(11);
static MIRROR2: AdminAddress = mirror(12);

const fn mirror(last: u8) -> AdminAddress {
    let ip = Ipv4Addr::new(10, 0, 0, last);
    AdminAddress::Tcp(SocketAddr::new(IpAddr::V4(ip), 9000))
}

const DOCS: &str = include_str!("../../../../docs/access-log.md");

/// The session of the documentation's first example.
fn normal() -> Line<'static> {
    Line {
        client: "192.0.2.7:51234".parse().unwrap(),
        accepted: accepted(),
        frontend: "main",
        pool: "files",
        backend: Some(("mirror1", &MIRROR1)),
        queue: Some(Duration::from_micros(2_100)),
        connect: Some(Duration::from_micros(14_999)),
        total: Duration::from_millis(5_007),
        bytes_up: 1_024,
        bytes_down: 76_212,
        termination: Termination::Normal,
        retries: 0,
        failures: &[],
        open: OpenConnections {
            process: 12,
            frontend: 12,
            pool: 9,
            backend: 3,
        },
        queued_behind: 0,
        waited: false,
    }
}

/// That of the others.
fn refused() -> Line<'static> {
    Line {
        client: "[2001:db8::7]:40000".parse().unwrap(),
        backend: Some(("mirror2", &MIRROR2)),
        queue: Some(Duration::from_micros(21)),
        connect: None,
        total: Duration::from_micros(3_402),
        bytes_up: 0,
        bytes_down: 0,
        termination: Termination::ServerConnect,
        retries: 1,
        failures: &[
            Failure {
                backend: "mirror1",
                reason: "refused",
            },
            Failure {
                backend: "mirror2",
                reason: "refused",
            },
        ],
        open: OpenConnections {
            process: 1,
            frontend: 1,
            ..OpenConnections::default()
        },
        ..normal()
    }
}

/// 2026-02-06 12:12:51.443 UTC.
fn accepted() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_770_379_971_443)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn sample(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}
