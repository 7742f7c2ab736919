//! Sessions in the simulation: who may serve, and whether the shares are what the policy promises.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use netsocket_balancer::ConnectFailure;
use netsocket_balancer::backend::{Assigned, Backend};
use netsocket_balancer::balance::{BackendId, Policy};
use netsocket_balancer::health::{AdminState, SessionSignal};
use netsocket_balancer::pool::NoBackend;

use super::Simulation;

impl Simulation {
    pub fn session(&mut self) {
        let client = IpAddr::V4(Ipv4Addr::from(
            u32::try_from(self.random.below(0..50)).unwrap(),
        ));
        let first = self.candidates.clone();
        let mut tried: Vec<BackendId> = Vec::new();
        let mut last_resort = false;
        loop {
            let hold = match self.pool.pick(client, &tried) {
                Ok(hold) => hold,
                Err(why) => {
                    self.last_resorts.refused += u64::from(last_resort);
                    return self.nobody(why, &tried, &first);
                }
            };
            let backend = Arc::clone(hold.backend());
            assert!(!tried.contains(&backend.id()), "tried twice");
            self.may_serve(&hold, &tried, &first);
            last_resort |= hold.is_last_resort();
            let at = self.shadows.at(backend.name());
            if self.shadows.all[at].alive {
                backend.observe_session(SessionSignal::Connected);
                self.shadows.all[at].connects_failed = 0;
                if hold.is_last_resort() {
                    self.last_resorts.served += 1;
                } else if tried.is_empty() {
                    self.served(&backend, client);
                }
                self.open.push(hold);
                return;
            }
            drop(hold);
            self.turns.clear();
            tried.push(backend.id());
            backend.observe_session(SessionSignal::ConnectFailed(ConnectFailure::Refused));
            self.shadows.all[at].connects_failed += 1;
            // The control side may be slow: workers go on with what they know.
            if self.random.chance(70) {
                self.attend();
            }
        }
    }

    fn may_serve(&self, hold: &Assigned, tried: &[BackendId], first: &BTreeMap<String, u32>) {
        let backend = hold.backend();
        let shadow = &self.shadows.all[self.shadows.at(backend.name())];
        let limit = backend
            .attributes()
            .max_connections
            .map_or(u64::MAX, |most| most.get().into());
        assert!(backend.figures().active <= limit, "over its limit");
        assert_ne!(shadow.spec.attributes.weight, 0, "no weight");
        assert_eq!(shadow.admin, AdminState::Ready);
        if hold.is_last_resort() {
            assert!(
                self.shadows.is_last_resort(shadow),
                "no last resort: {shadow:?}"
            );
            // Whoever is usable comes before, the full ones included.
            let untried = self.pool.backends().into_iter().find(|other| {
                let usable = self.shadows.all[self.shadows.at(other.name())].is_usable();
                usable && !tried.contains(&other.id())
            });
            assert!(untried.is_none(), "not the last resort: {untried:?}");
        } else if tried.is_empty() {
            assert!(
                first.contains_key(backend.name()),
                "not a candidate: {shadow:?}"
            );
        } else {
            let reserve = shadow.is_usable() && shadow.spec.attributes.backup;
            let now = self.shadows.candidates(self.now);
            assert!(
                now.contains_key(backend.name()) || reserve,
                "not a candidate: {shadow:?}"
            );
        }
    }

    fn nobody(&mut self, why: NoBackend, tried: &[BackendId], first: &BTreeMap<String, u32>) {
        self.turns.clear();
        let backends = self.pool.backends();
        let is_candidate = |backend: &&Arc<Backend>| {
            self.shadows
                .candidates(self.now)
                .contains_key(backend.name())
        };
        let mut left = backends
            .iter()
            .filter(is_candidate)
            .filter(|backend| !tried.contains(&backend.id()));
        let full = |backend: &Arc<Backend>| {
            let most = backend.attributes().max_connections;
            most.is_some_and(|most| backend.figures().active >= u64::from(most.get()))
        };
        if why != NoBackend::AllFull {
            let left = backends.iter().find(|backend| {
                let shadow = &self.shadows.all[self.shadows.at(backend.name())];
                let last_resort = self.shadows.is_last_resort(shadow);
                last_resort && !full(backend) && !tried.contains(&backend.id())
            });
            assert!(left.is_none(), "refused although there was {left:?}");
        }
        match why {
            NoBackend::NoneUp => {
                assert!(tried.is_empty() && first.is_empty() || self.candidates_now() == 0)
            }
            NoBackend::AllTried => assert!(left.next().is_none()),
            NoBackend::AllFull => {
                let reserve: Vec<_> = backends.iter().filter(|b| b.attributes().backup).collect();
                assert!(left.all(full) || reserve.into_iter().any(full));
            }
        }
    }

    fn candidates_now(&self) -> usize {
        self.shadows.candidates(self.now).len()
    }

    /// Shares are what the policy promises.
    fn served(&mut self, backend: &Backend, client: IpAddr) {
        let unlimited = self
            .shadows
            .all
            .iter()
            .all(|s| s.spec.attributes.max_connections.is_none());
        let name = backend.name().to_owned();
        match self.policy {
            Policy::RoundRobin if unlimited => {
                *self.turns.entry(name).or_default() += 1;
                let sum: u32 = self.candidates.values().sum();
                let turns: u32 = self.turns.values().sum();
                let most = self.candidates.len() as f64 + 1.0;
                for (name, weight) in &self.candidates {
                    let due = f64::from(turns) * f64::from(*weight) / f64::from(sum);
                    let got = f64::from(self.turns.get(name).copied().unwrap_or(0));
                    assert!((got - due).abs() <= most, "{name} had {got} of {due}");
                }
            }
            Policy::LeastConnections => {
                let after = |backend: &Backend, more: u64| {
                    let weight = f64::from(self.candidates[backend.name()]);
                    (backend.figures().active + more) as f64 / weight
                };
                let mine = after(backend, 0);
                for other in self.pool.backends() {
                    let most = other
                        .attributes()
                        .max_connections
                        .map_or(u64::MAX, |most| most.get().into());
                    let open = other.figures().active < most;
                    if open
                        && other.id() != backend.id()
                        && self.candidates.contains_key(other.name())
                    {
                        assert!(mine <= after(&other, 1) + 1e-9, "{name} was not the least");
                    }
                }
            }
            Policy::Source | Policy::Maglev if unlimited => {
                let before = self.clients.entry(client).or_insert(name.clone());
                assert_eq!(*before, name, "a client moved although nothing changed");
            }
            _ => {}
        }
    }

    pub fn end_session(&mut self) {
        if !self.open.is_empty() {
            let at = self.random.below(0..self.open.len());
            let hold = self.open.swap_remove(at);
            hold.backend().observe_session(SessionSignal::Answered);
            if let Some(shadow) = self.shadows.find(hold.backend()) {
                shadow.resets = 0;
            }
        }
    }

    pub fn early_reset(&mut self) {
        for _ in 0..self.random.below(1..6) {
            if self.open.is_empty() {
                return;
            }
            let at = self.random.below(0..self.open.len());
            let hold = self.open.swap_remove(at);
            let client_sent = self.random.chance(30);
            hold.backend()
                .observe_session(SessionSignal::EarlyReset { client_sent });
            if let Some(shadow) = self.shadows.find(hold.backend()) {
                shadow.resets += u32::from(!client_sent);
            }
        }
        self.attend();
    }
}
