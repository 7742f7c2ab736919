//! The services as the API shows them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rates::Rates;
use crate::core::admission::Refusal;
use crate::data_path::shared::Shared;
use crate::observe::process_view as observe;

/// A service.
#[derive(Debug, Default, Serialize)]
pub(super) struct ServiceView {
    pub(super) name: String,
    /// The addresses that clients connect to.
    pub(super) listen: Vec<String>,
    pub(super) pool: String,
    pub(super) active: u64,
    /// How many sessions may be open; `null`: as many as the process may have.
    pub(super) limit: Option<u64>,
    pub(super) total: u64,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    pub(super) rates: Rates,
    /// Clients that were not let in, by reason; those that have occurred.
    pub(super) refused: BTreeMap<&'static str, u64>,
    /// Codes that have occurred.
    pub(super) by_termination: BTreeMap<&'static str, u64>,
}

/// The services, where there is anything but the default one. `rates` tells what a service does in a second.
pub(super) fn services(shared: &Shared, rates: impl Fn(&str) -> Rates) -> Vec<ServiceView> {
    let process = shared.view();
    if !process.has_services() {
        return Vec::new();
    }
    let listeners = shared.listeners.all();
    let addresses = |name: &str| {
        let own = listeners
            .iter()
            .filter(|listener| *listener.service.name == *name);
        let own = own.filter_map(|listener| listener.bound.socket.address());
        own.map(|address| address.to_string()).collect()
    };
    let view = |service: observe::ServiceView| {
        let refused = Refusal::ALL.map(Refusal::label).into_iter();
        ServiceView {
            listen: addresses(&service.name),
            rates: rates(&service.name),
            total: service.total(),
            refused: occurred(refused.zip(service.refused)),
            by_termination: occurred(service.finished.into_iter()),
            name: service.name.to_string(),
            active: service.active,
            limit: service.limit,
            pool: service.pool,
            bytes_up: service.bytes_up,
            bytes_down: service.bytes_down,
        }
    };
    process.services.into_iter().map(view).collect()
}

/// Those that are not zero.
pub(super) fn occurred(
    counts: impl Iterator<Item = (&'static str, u64)>,
) -> BTreeMap<&'static str, u64> {
    counts.filter(|&(_, count)| count > 0).collect()
}
