//! Services in a reload: those that stay get other rules, others come and go with their sockets.

use std::sync::{Arc, PoisonError};

use super::{ReloadError, Reloader};
use crate::config::{Config, DEFAULT_NAME, ListenAddress, ServicePlan};
use crate::control::binding::{self, Bound};
use crate::control::layout;
use crate::data_path::listener::Listener;
use crate::data_path::shared::Shared;

/// Services that are gone and may come back.
const MAX_RETIRED: usize = 256;

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
                    ReloadError::Invalid(said)
                })?,
            });
        }
    }
    Ok(sockets)
}

/// Whether a socket goes on to be that of this service. Those of the default service do in any case: see [`super::changes`].
fn is_kept(listener: &Listener, plan: &ServicePlan<'_>, address: &ListenAddress) -> bool {
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

impl Reloader {
    pub(super) fn set_services(
        &self,
        shared: &Arc<Shared>,
        config: &Config,
        sockets: Vec<NewSocket>,
    ) {
        let before = shared.services.load_full();
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let known: Vec<_> = before
            .iter()
            .chain(retired.iter())
            .map(Arc::clone)
            .collect();
        let upstreams = shared.upstreams.load();
        let services = layout::services(config, &upstreams, &known, &self.first_address);
        let is_here = |service: &Arc<crate::data_path::service::Service>| {
            services.iter().any(|here| Arc::ptr_eq(here, service))
        };
        retired.retain(|service| !is_here(service));
        retired.extend(before.iter().filter(|service| !is_here(service)).cloned());
        let surplus = retired.len().saturating_sub(MAX_RETIRED);
        retired.drain(..surplus);
        drop(retired);
        shared.services.store(Arc::new(services.clone()));

        let plans = config.service_plans();
        let gone = shared.listeners.all().into_iter().filter(|listener| {
            !plans.iter().any(|plan| {
                let mut addresses = plan.settings.listen.addresses().iter();
                addresses.any(|address| is_kept(listener, plan, address))
            })
        });
        let gone: Vec<u64> = gone.map(|listener| listener.id).collect();
        for Bound { service, socket } in sockets {
            let Some(service) = services.iter().find(|known| *known.name == *service) else {
                continue;
            };
            if let Some(listener) = shared.listeners.add(Arc::clone(service), socket) {
                shared.workers.listen(&listener);
            }
        }
        shared.listeners.remove(&gone);
        for id in gone {
            shared.workers.unlisten(id);
        }
    }
}
