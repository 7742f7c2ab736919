//! The health of one backend as a state machine: signals and time in, transitions out, each with its reason.
//!
//! A backend starts down and is up after its first passed check, so that a start is quick. After that it takes `fall`
//! consecutive failures to go down and `rise` consecutive successes to come back, so that one lost packet or one lucky
//! connect changes nothing. The results of checks, of sessions (ejection) and the operator's setting are kept apart; the
//! state is the first that applies of: set by the operator, set by its agent, down by checks or agent, ejected, up.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::agent::{AgentState, AgentWish};
use super::due::earlier;
use super::failure::CheckFailure;
use super::penalty::Penalty;
use super::reason::{AdminState, Reason, State, Transition};
use super::rules::HealthRules;
use super::schedule::Pace;
use super::signal::Signal;

/// The steps of a slow start, from a tenth of the weight to all of it.
pub(super) const FULL_SHARE: u32 = 10;

/// What checks have found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Unknown,
    Passing,
    Failing,
}

#[derive(Debug, Clone, Copy)]
struct Ejection {
    until: Instant,
    time: Duration,
}

/// The health of one backend.
#[derive(Debug, Clone)]
pub struct Health {
    admin: AdminState,
    set_by: Arc<str>,
    /// What its agent wants.
    agent: AgentWish,
    verdict: Verdict,
    /// Why the checks, or the sessions, have it where it is.
    reason: Reason,
    /// Checks in a row that speak against the verdict.
    against: u32,
    /// Whether it has been up since the start, or since the last maintenance.
    was_up: bool,
    ejection: Option<Ejection>,
    ejections: Penalty,
    downs: Penalty,
    held_until: Option<Instant>,
    /// Whether its weight ramps when it comes up the next time.
    eased: bool,
    ramp_since: Option<Instant>,
}

impl Health {
    /// Down, and not checked yet. With `eased` it joins a working pool, so that it ramps up its weight from the first time.
    #[must_use]
    pub fn new(eased: bool) -> Self {
        Self {
            admin: AdminState::Ready,
            set_by: Arc::from(""),
            agent: AgentWish::default(),
            verdict: Verdict::Unknown,
            reason: Reason::NotChecked,
            against: 0,
            was_up: false,
            ejection: None,
            ejections: Penalty::default(),
            downs: Penalty::default(),
            held_until: None,
            eased,
            ramp_since: None,
        }
    }

    /// The present state.
    #[must_use]
    pub fn state(&self) -> State {
        match (self.admin, self.agent.state) {
            (AdminState::Maintenance, _) => return State::Maintenance,
            (AdminState::Drain, _) => return State::Draining,
            (_, AgentState::Maintenance) => return State::Maintenance,
            (_, AgentState::Drain) => return State::Draining,
            (AdminState::Ready, AgentState::Ready) => {}
        }
        match (self.verdict, &self.ejection) {
            (Verdict::Unknown | Verdict::Failing, _) => State::Down,
            _ if self.agent.down => State::Down,
            (_, Some(_)) => State::Ejected,
            (_, None) => State::Up,
        }
    }

    /// Why it is in this state.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self.admin {
            AdminState::Ready if self.is_taken_by_agent() => Reason::Agent(self.agent.clone()),
            AdminState::Ready => self.reason.clone(),
            admin => Reason::Set(admin, Arc::clone(&self.set_by)),
        }
    }

    /// The state the operator has set.
    #[must_use]
    pub fn admin(&self) -> AdminState {
        self.admin
    }

    /// Whether its agent has it where it is. What checks have found stands above an agent that says the same.
    fn is_taken_by_agent(&self) -> bool {
        let down = self.agent.down && self.verdict == Verdict::Passing;
        self.agent.state != AgentState::Ready || down
    }

    /// Whether it is to serve if it is well: neither an operator nor its agent has it out of service.
    pub(super) fn is_wanted(&self) -> bool {
        self.admin == AdminState::Ready && self.agent.state == AgentState::Ready
    }

    /// Takes in what its agent wants from now on.
    pub(super) fn set_agent(
        &mut self,
        wish: &AgentWish,
        rules: &HealthRules,
        now: Instant,
    ) -> Option<Transition> {
        let from = self.state();
        self.agent = wish.clone();
        let to = self.state();
        match (from, to) {
            (_, State::Up) if from != State::Up => {
                self.reason = Reason::Agent(wish.clone());
                self.back(rules, now);
            }
            (State::Up, _) if to != State::Up => {
                self.eased = true;
                self.ramp_since = None;
            }
            _ => {}
        }
        let reason = Reason::Agent(self.agent.clone());
        (from != to).then_some(Transition { from, to, reason })
    }

    /// Consecutive checks that contradict the result so far, and how many of them change it.
    #[must_use]
    pub fn progress(&self, rules: &HealthRules) -> (u32, NonZeroU32) {
        let needed = match self.verdict {
            Verdict::Passing => rules.thresholds.fall,
            _ if self.was_up => rules.thresholds.rise,
            _ => NonZeroU32::MIN,
        };
        (self.against, needed)
    }

    /// Whether it has been checked, since the last maintenance if there was one.
    pub(crate) fn is_known(&self) -> bool {
        self.verdict != Verdict::Unknown
    }

    /// How soon to check it again.
    #[must_use]
    pub fn pace(&self) -> Pace {
        match (self.verdict, self.against) {
            (Verdict::Failing, 0) => Pace::Down,
            (Verdict::Unknown, _) | (Verdict::Passing, 0) => Pace::Normal,
            _ => Pace::Fast,
        }
    }

    /// Takes in what a check found; a transition where that changed the state. In maintenance nothing counts.
    pub(super) fn check(
        &mut self,
        outcome: Result<(), CheckFailure>,
        rules: &HealthRules,
        now: Instant,
    ) -> Option<Transition> {
        if self.admin == AdminState::Maintenance {
            return None;
        }
        let from = self.state();
        match (self.verdict, outcome) {
            (Verdict::Passing, Ok(())) => self.against = 0,
            (Verdict::Passing, Err(failure)) => self.failed_while_up(failure, rules, now),
            (_, Ok(())) => self.passed_while_down(rules, now),
            (Verdict::Failing, Err(failure)) => {
                self.against = 0;
                if !self.was_up {
                    self.reason = Reason::NotUpYet(failure);
                } else if matches!(self.reason, Reason::HeldDown(..)) {
                    self.reason = Reason::ChecksFailed(1, failure);
                }
            }
            (Verdict::Unknown, Err(failure)) => {
                self.verdict = Verdict::Failing;
                self.reason = Reason::NotUpYet(failure);
                // Down it was before, but now it is known to be.
                if self.is_wanted() {
                    return Some(self.transition(from));
                }
            }
        }
        self.changed(from)
    }

    fn failed_while_up(&mut self, failure: CheckFailure, rules: &HealthRules, now: Instant) {
        self.against += 1;
        if self.against < rules.thresholds.fall.get() {
            return;
        }
        self.reason = Reason::ChecksFailed(self.against, failure);
        self.verdict = Verdict::Failing;
        self.against = 0;
        self.eased = true;
        self.ramp_since = None;
        // What checks say stands above what sessions say, also when it is over.
        self.ejection = None;
        self.ejections.unwell(&rules.ejection.time, now);
        let times = self.downs.strike(&rules.hold_down, now);
        self.held_until = Some(now + rules.hold_down.of(times - 1));
    }

    fn passed_while_down(&mut self, rules: &HealthRules, now: Instant) {
        self.against = self.against.saturating_add(1);
        let (passed, needed) = self.progress(rules);
        if passed < needed.get() {
            return;
        }
        if let Some(until) = self.held_until.filter(|&until| now < until) {
            let times = self.downs.count(&rules.hold_down, now);
            // For people: without the nanoseconds of a clock.
            let left =
                Duration::from_millis(u64::try_from((until - now).as_millis()).unwrap_or(u64::MAX));
            self.reason = Reason::HeldDown(times, left);
            return;
        }
        self.reason = match self.was_up {
            true => Reason::ChecksPassed(passed),
            false => Reason::FirstCheckPassed,
        };
        self.verdict = Verdict::Passing;
        self.against = 0;
        self.was_up = true;
        self.held_until = None;
        self.back(rules, now);
    }

    /// Fit again: good conduct counts from now, and the weight ramps where that is due.
    fn back(&mut self, rules: &HealthRules, now: Instant) {
        self.downs.well(now);
        self.ejections.well(now);
        if self.eased && !rules.slow_start.is_zero() {
            self.ramp_since = Some(now);
        }
        self.eased = false;
    }

    /// Whether this signal of sessions asks for an ejection.
    pub(super) fn asks_ejection(&self, signal: &Signal, rules: &HealthRules) -> bool {
        let reaches =
            |count: u32, limit: Option<NonZeroU32>| limit.is_some_and(|limit| count >= limit.get());
        let asks = match signal {
            Signal::ConnectsFailed(count, _) => reaches(*count, rules.ejection.connects),
            Signal::EarlyResets(count) => reaches(*count, rules.ejection.early_resets),
            Signal::CheckPassed | Signal::CheckFailed(_) => false,
        };
        asks && self.state() == State::Up
    }

    /// Takes it out for a time that grows with the number of times. Only signals of sessions do.
    pub(super) fn eject(
        &mut self,
        signal: &Signal,
        rules: &HealthRules,
        now: Instant,
    ) -> Option<Transition> {
        let from = self.state();
        let growth = &rules.ejection.time;
        let mut ejections = self.ejections;
        let time = growth.of(ejections.strike(growth, now));
        self.reason = match *signal {
            Signal::ConnectsFailed(count, failure) => Reason::ConnectsFailed(count, failure, time),
            Signal::EarlyResets(count) => Reason::EarlyResets(count, time),
            Signal::CheckPassed | Signal::CheckFailed(_) => return None,
        };
        self.ejections = ejections;
        self.downs.unwell(&rules.hold_down, now);
        let until = now + time;
        self.ejection = Some(Ejection { until, time });
        self.eased = true;
        self.ramp_since = None;
        self.changed(from)
    }

    /// Ends an ejection because no other backend is left. At full weight: no other backend could take the rest.
    pub(super) fn readmit(&mut self, rules: &HealthRules, now: Instant) -> Option<Transition> {
        let from = self.state();
        self.ejection.take()?;
        self.reason = Reason::NobodyElse;
        self.eased = false;
        self.back(rules, now);
        self.changed(from)
    }

    /// Lets time pass: ends what is over.
    pub(super) fn tick(&mut self, rules: &HealthRules, now: Instant) -> Option<Transition> {
        let from = self.state();
        if self.ramp_since.is_some() && self.share(rules, now) == FULL_SHARE {
            self.ramp_since = None;
        }
        let over = self.ejection.filter(|ejection| ejection.until <= now)?;
        self.ejection = None;
        self.reason = Reason::EjectionOver(over.time);
        self.back(rules, now);
        self.changed(from)
    }

    /// What the operator wants from now on. Nothing that is known from before a maintenance counts after it, except
    /// how often it failed.
    pub(super) fn set_admin(
        &mut self,
        admin: AdminState,
        who: &str,
        rules: &HealthRules,
        now: Instant,
    ) -> Option<Transition> {
        if admin == self.admin {
            return None;
        }
        let from = self.state();
        self.set_by = Arc::from(who);
        if self.admin == AdminState::Maintenance || admin == AdminState::Maintenance {
            self.downs.unwell(&rules.hold_down, now);
            self.ejections.unwell(&rules.ejection.time, now);
            self.verdict = Verdict::Unknown;
            self.reason = Reason::NotChecked;
            self.against = 0;
            self.ejection = None;
            self.held_until = None;
            self.ramp_since = None;
            self.eased |= self.was_up;
            self.was_up = false;
        }
        self.admin = admin;
        let to = self.state();
        if to == State::Up && self.ejection.is_none() {
            self.reason = Reason::Set(admin, Arc::clone(&self.set_by));
        }
        if to == State::Down && self.verdict == Verdict::Unknown {
            // Nothing is known to be wrong: its first check decides.
            return None;
        }
        let reason = match to {
            State::Down => self.reason(),
            _ => Reason::Set(admin, Arc::clone(&self.set_by)),
        };
        Some(Transition { from, to, reason })
    }

    /// Its weight in tenths.
    #[must_use]
    pub fn share(&self, rules: &HealthRules, now: Instant) -> u32 {
        let Some(since) = self.ramp_since else {
            return FULL_SHARE;
        };
        let passed = now.saturating_duration_since(since).as_nanos() * u128::from(FULL_SHARE);
        let tenths = passed / rules.slow_start.as_nanos().max(1);
        u32::try_from(tenths)
            .unwrap_or(FULL_SHARE)
            .clamp(1, FULL_SHARE)
    }

    /// When time alone will change something the next time.
    pub(super) fn due(&self, rules: &HealthRules, now: Instant) -> Option<Instant> {
        let step = self.ramp_since.map(|since| {
            let step = rules.slow_start / FULL_SHARE;
            let passed = now.saturating_duration_since(since).as_nanos() / step.as_nanos().max(1);
            since + step * (u32::try_from(passed).unwrap_or(FULL_SHARE).min(FULL_SHARE) + 1)
        });
        earlier(step, self.ejection.map(|ejection| ejection.until))
    }

    fn changed(&self, from: State) -> Option<Transition> {
        (self.state() != from).then(|| self.transition(from))
    }

    fn transition(&self, from: State) -> Transition {
        Transition {
            from,
            to: self.state(),
            reason: self.reason(),
        }
    }
}

#[cfg(test)]
mod tests;
