//! Which pool a session is for, where its service has rules: by its first bytes, which are kept for the backend.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::debug;

use super::pending_route::PendingRoute;
use super::{Session, Stage, Step, StepContext};
use crate::core::routing::{Decision, Opening, decide};
use crate::core::termination::Termination;
use crate::data_path::relay::Early;

impl Session {
    /// Whether it is known which pool the session is for. If not, more bytes are needed, and this is its stage.
    pub(super) fn route(&mut self, now: Instant) -> Result<bool, Termination> {
        if self.service.rules.load().routes.rules.is_empty() {
            return Ok(true);
        }
        let rules = self.service.rules.load_full();
        let mut routing = Box::new(PendingRoute {
            opening: Opening::new(rules.routes.need_hello()),
            since: now,
            rules,
        });
        // What a PROXY header brought along.
        if !self.early.is_empty() {
            routing.opening.feed(&self.early);
        }
        let decided = self.decide(&routing)?;
        if !decided {
            self.stage = Stage::Routing(routing);
        }
        Ok(decided)
    }

    /// Reads what has arrived, until it tells the pool.
    pub(super) fn read_opening(&mut self, context: &mut StepContext<'_>) -> Step {
        let Stage::Routing(mut routing) =
            std::mem::replace(&mut self.stage, Stage::Connecting(context.now))
        else {
            return Step::Wait;
        };
        let decided = loop {
            match self.client.read_some(context.buffer) {
                Early::Nothing => break Ok(false),
                Early::Gone if routing.opening.is_empty() || routing.opening.is_cut() => {
                    break Err(Termination::ClientOpening);
                }
                Early::Gone => {
                    routing.opening.end();
                    break self.decide(&routing);
                }
                Early::Bytes(bytes) => {
                    routing.opening.feed(bytes);
                    self.early.extend_from_slice(bytes);
                }
            }
            match self.decide(&routing) {
                Ok(false) => {}
                decided => break decided,
            }
        };
        match decided {
            Ok(true) => self.proceed(context),
            Ok(false) => {
                self.stage = Stage::Routing(routing);
                Step::Wait
            }
            Err(termination) => self.end(termination),
        }
    }

    /// Decides by what there is: a client that says nothing may wait for the server to begin.
    pub(super) fn opening_expired(&mut self, context: &mut StepContext<'_>) -> Step {
        let Stage::Routing(mut routing) =
            std::mem::replace(&mut self.stage, Stage::Connecting(context.now))
        else {
            return Step::Wait;
        };
        if routing.opening.is_cut() {
            return self.end(Termination::ClientTimeoutOpening);
        }
        routing.opening.end();
        match self.decide(&routing) {
            Ok(_) => self.proceed(context),
            Err(termination) => self.end(termination),
        }
    }

    /// Whether the rules can say now where the session goes; if so, they have.
    fn decide(&mut self, routing: &PendingRoute) -> Result<bool, Termination> {
        let routes = &routing.rules.routes;
        let client = self.record.client;
        let rules = routes.rules.iter().map(|route| &route.rule);
        let target = match decide(rules, client.ip(), &routing.opening) {
            Decision::More => return Ok(false),
            Decision::Bad => {
                debug!(%client, "no TLS hello");
                return Err(Termination::BadOpening);
            }
            Decision::Rule(rule) => routes.target(Some(rule)),
            Decision::NoRule => routes.target(None),
        };
        let target = target.ok_or(Termination::NoRoute)?;
        self.target = Arc::clone(target);
        Ok(true)
    }
}
