//! The commands that change the state of backends or close sessions: several at once, each of which is looked up before any is
//! changed.
//!
//! Does not own what is added and removed: that is `edit`.

use std::io::Write;

use serde_json::{Map, Value};

use super::answer::{Backend, Ended};
use super::console::Console;
use super::error::CtlError;
use super::http::{encoded, parsed};
use super::{top, values, view};

/// What is asked for each backend.
pub(super) struct Ask {
    pub(super) method: &'static str,
    /// The last part of its path.
    pub(super) what: &'static str,
    pub(super) body: String,
}

impl Ask {
    pub(super) fn post(what: &'static str) -> Self {
        Self {
            method: "POST",
            what,
            body: String::new(),
        }
    }
}

impl Console {
    /// Changes backends and shows each; returns the names that tell them from those of other pools.
    pub(super) fn each(
        &self,
        out: &mut impl Write,
        names: &[String],
        ask: &Ask,
    ) -> Result<Vec<String>, CtlError> {
        let mut changed = Vec::new();
        for name in self.known(names)? {
            let path = format!("/api/v1/backends/{}/{}", encoded(&name), ask.what);
            let said = self.client.ask(ask.method, &path, &ask.body)?;
            self.show(out, &said, |backend: &Backend| match ask.what {
                "weight" => view::weighed(backend),
                _ => view::backend(backend),
            })?;
            changed.push(parsed::<Backend>(&said)?.full_name());
        }
        Ok(changed)
    }

    /// Those of several names that can be changed, each once. One alone is judged by its change.
    fn known(&self, names: &[String]) -> Result<Vec<String>, CtlError> {
        if let [_] = names {
            return Ok(names.to_vec());
        }
        let (mut known, mut seen, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        for name in names {
            let path = format!("/api/v1/backends/{}", encoded(name));
            match self.client.ask("GET", &path, "") {
                Ok(said) => {
                    let backend: Backend = parsed(&said)?;
                    if backend.is_leaving() {
                        wrong.push(format!("{name} is leaving the pool"));
                    } else if !seen.contains(&backend.full_name()) {
                        seen.push(backend.full_name());
                        known.push(name.clone());
                    }
                }
                Err(CtlError::Refused(said)) => wrong.push(said),
                Err(other) => return Err(other),
            }
        }
        match wrong.is_empty() {
            true => Ok(known),
            false => Err(CtlError::nothing_changed(wrong)),
        }
    }

    pub(super) fn drain(
        &self,
        out: &mut impl Write,
        names: &[String],
        deadline: Option<&str>,
        spread: Option<&str>,
        wait: bool,
    ) -> Result<(), CtlError> {
        values::drain_times(deadline, spread)?;
        let mut body = Map::new();
        for (key, value) in [("deadline", deadline), ("spread", spread)] {
            body.extend(value.map(|value| (key.to_owned(), value.into())));
        }
        let ask = Ask {
            body: Value::Object(body).to_string(),
            ..Ask::post("drain")
        };
        let drained = self.each(out, names, &ask)?;
        if wait {
            out.flush()?;
            top::wait(&self.client, out, self.json, drained)?;
        }
        Ok(())
    }

    /// Closes sessions. One that has ended by itself keeps no other open.
    pub(super) fn kill(
        &self,
        out: &mut impl Write,
        ids: &[String],
        backend: Option<&str>,
    ) -> Result<(), CtlError> {
        if let Some(name) = backend {
            let path = format!("/api/v1/sessions?backend={}", encoded(name));
            let body = self.client.ask("DELETE", &path, "")?;
            return self.show(out, &body, |done: &Ended| {
                let ended = view::ended_sessions(done.ended);
                format!("{ended} of backend {name}\n")
            });
        }
        for id in ids {
            values::session(id)?;
        }
        let (mut ended, mut wrong) = (0_u64, Vec::new());
        for id in ids {
            let path = format!("/api/v1/sessions/{}", encoded(id));
            match self.client.ask("DELETE", &path, "") {
                Ok(_) => ended += 1,
                Err(CtlError::Refused(said)) => wrong.push(said),
                Err(other) => return Err(other),
            }
        }
        match (ended, self.json) {
            (0, _) => {}
            (_, true) => writeln!(out, "{{\"ended\":{ended}}}")?,
            (_, false) => writeln!(out, "{}", view::ended_sessions(ended))?,
        }
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(CtlError::Refused(wrong.join("\n"))),
        }
    }
}
