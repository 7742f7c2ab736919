//! The sockets of services in a reload: which stay, which move from one service to another, and which are new.

use std::sync::Arc;

use super::error::ReloadError;
use crate::config::{Config, DEFAULT_NAME, ListenAddress, ServicePlan};
use crate::control::binding::{self, Bound};
use crate::data_path::listener::Listener;
use crate::data_path::shared::Shared;

/// A socket of a service that did not have it.
pub(super) type NewSocket = Bound;

/// Binds what is not bound yet.
///
/// # Errors
/// The first address that cannot be bound, and nothing has changed.
pub(super) fn bind_new(shared: &Shared, config: &Config) -> Result<Vec<NewSocket>, ReloadError> {
    let open = shared.listeners.all();
    let plans = config.service_plans();
    let mut sockets = Vec::new();
    for plan in &plans {
        for address in plan.settings.listen.addresses() {
            if open.iter().any(|listener| is_kept(listener, plan, address)) {
                continue;
            }
            sockets.push(match moved(&open, &plans, address) {
                Some(listener) => binding::take_over(plan, address, &listener)?,
                None => binding::bind(plan, address)?.ok_or_else(|| {
                    let said = format!("service {}: listen {address}: needs a restart", plan.name);
                    ReloadError::invalid(said)
                })?,
            });
        }
    }
    Ok(sockets)
}

/// Whether a socket goes on to be that of this service. Those of the default service do in any case: see [`super::changes`].
pub(super) fn is_kept(
    listener: &Listener,
    plan: &ServicePlan<'_>,
    address: &ListenAddress,
) -> bool {
    let of_service = *listener.service.name == *plan.name;
    of_service && (plan.name == DEFAULT_NAME || listener.bound.address == *address)
}

/// The socket of another service that gives this address up.
fn moved(
    open: &[Arc<Listener>],
    plans: &[ServicePlan<'_>],
    address: &ListenAddress,
) -> Option<Arc<Listener>> {
    let listener = open
        .iter()
        .find(|listener| listener.bound.address == *address)?;
    let stays = plans.iter().any(|plan| {
        let addresses = plan.settings.listen.addresses();
        *plan.name == *listener.service.name && addresses.contains(address)
    });
    (!stays).then(|| Arc::clone(listener))
}
