//! Services in a reload: those that stay get other rules, others come and go with their sockets.

use std::sync::{Arc, PoisonError};

use super::Reloader;
use super::sockets::{NewSocket, is_kept};
use crate::config::Config;
use crate::control::binding::Bound;
use crate::control::layout;
use crate::data_path::shared::Shared;

/// Services that are gone and may come back.
const MAX_RETIRED: usize = 256;

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
        let first = &self.first_address;
        let services = layout::services(config, &upstreams, &known, first, &shared.access_logs);
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
        for listener in shared.listeners.all() {
            let mut own = plans.iter();
            if let Some(plan) = own.find(|plan| *plan.name == *listener.service.name) {
                let keepalive = &plan.settings.listen_options.keepalive;
                listener.bound.socket.set_keepalive(keepalive);
            }
        }
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
