//! The requests that change the settings of a running balancer.

use std::io::Write;

use serde_json::{Map, Value};

use super::answer::{Reloaded, Status};
use super::command::Action;
use super::console::Console;
use super::error::CtlError;
use super::http::{Change, encoded, parsed};
use super::rehearsal::rehearse;
use super::removal::{self, in_pool};
use super::{order, settings_view, values};
use crate::config::Edit;

/// Tables that would be right.
const POOL: &str = r#"{"backends": ["a=10.0.0.9:9000"]}"#;
const SERVICE: &str = r#"{"listen": "0.0.0.0:1883", "pool": "mqtt"}"#;

impl Console {
    /// Changes the settings and shows what that did, all of it at once.
    pub(super) fn edit(&self, out: &mut impl Write, action: &Action) -> Result<(), CtlError> {
        let status = || parsed(&self.client.ask("GET", "/api/v1/pools", "")?);
        let mut done: Option<Reloaded> = None;
        let mut ended = Ok(());
        for change in requests(action, status, || self.settings())? {
            let said = match self.client.change(&change) {
                Ok(said) => said,
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            };
            if self.json {
                writeln!(out, "{}", said.trim_end())?;
            }
            let next: Reloaded = parsed(&said)?;
            done = Some(match done {
                Some(before) => before.and(next),
                None => next,
            });
        }
        if let Some(done) = done.filter(|_| !self.json) {
            out.write_all(settings_view::applied(&done).as_bytes())?;
        }
        ended
    }
}

/// What an action asks for. Where it removes several, `status` is asked whether they are there, and `settings` whether they
/// may go.
fn requests(
    action: &Action,
    status: impl FnOnce() -> Result<Status, CtlError>,
    settings: impl FnOnce() -> Result<String, CtlError>,
) -> Result<Vec<Change>, CtlError> {
    let edits: Vec<Edit> = match action {
        Action::Remove { places } => {
            let places = match places.as_slice() {
                [only] => vec![in_pool(only)],
                several => removal::backends(&status()?, several)?,
            };
            let edits = places.into_iter();
            edits
                .map(|(pool, name)| Edit::RemoveBackend(pool, name))
                .collect()
        }
        Action::RemovePool { names } => {
            let known = |status: Status| status.pools.into_iter().map(|it| it.name).collect();
            let names = several("pool", names, status, known)?;
            names.into_iter().map(Edit::RemovePool).collect()
        }
        Action::RemoveService { names } => {
            let known = |status: Status| status.services.into_iter().map(|it| it.name).collect();
            let names = several("service", names, status, known)?;
            names.into_iter().map(Edit::RemoveService).collect()
        }
        set => return Ok(vec![request(set)?]),
    };
    if edits.len() > 1 {
        rehearse(&settings()?, &edits)?;
    }
    let changes = edits.iter().map(|edit| Change {
        method: "DELETE",
        path: edit_path(edit),
        body: String::new(),
        only_new: false,
    });
    Ok(changes.collect())
}

/// One name is judged by the balancer, several are looked up first.
fn several(
    what: &str,
    names: &[String],
    status: impl FnOnce() -> Result<Status, CtlError>,
    known: impl FnOnce(Status) -> Vec<String>,
) -> Result<Vec<String>, CtlError> {
    match names {
        [_] => Ok(names.to_vec()),
        names => removal::named(what, &known(status()?), names),
    }
}

/// What an action asks for that sets something.
fn request(action: &Action) -> Result<Change, CtlError> {
    let only_new = matches!(action, Action::Add { replace: false, .. });
    let (method, path, body) = parts(action)?;
    Ok(Change {
        method,
        path,
        body,
        only_new,
    })
}

/// Method, path and body.
fn parts(action: &Action) -> Result<(&'static str, String, String), CtlError> {
    Ok(match action {
        Action::Add {
            place,
            weight,
            backup,
            drained,
            keys,
            replace: _,
        } => {
            order::pool_first(place)?;
            let (pool, backend) = match place.as_slice() {
                [pool, backend] => (pool.clone(), backend.clone()),
                one => in_pool(one.first().map_or("", String::as_str)),
            };
            let (name, address) = backend.split_once('=').ok_or_else(|| {
                CtlError::Usage(format!(
                    "add: the backend must be NAME=HOST:PORT, got {backend:?}"
                ))
            })?;
            let mut table = Map::new();
            table.insert("address".to_owned(), address.into());
            for key in keys {
                let (key, value) = key.split_once('=').ok_or_else(|| {
                    CtlError::Usage(format!("--set must be KEY=VALUE, got {key:?}"))
                })?;
                table.insert(key.to_owned(), value.into());
            }
            table.extend(weight.map(|weight| ("weight".to_owned(), weight.into())));
            for (key, set) in [("backup", *backup), ("drained", *drained)] {
                table.extend(set.then(|| (key.to_owned(), Value::Bool(true))));
            }
            values::backend(name, &table)?;
            (
                "PUT",
                backend_path(&pool, name),
                Value::Object(table).to_string(),
            )
        }
        Action::SetPool { name, table } => {
            let (name, table) = order::with_table("set-pool", name, table.as_deref())?;
            ("PUT", path("pools", name), json(table, POOL)?)
        }
        Action::SetService { name, table } => {
            let (name, table) = order::with_table("set-service", name, table.as_deref())?;
            ("PUT", path("services", name), json(table, SERVICE)?)
        }
        _ => return Err(CtlError::Usage("no change".to_owned())),
    })
}

/// A table as it was given.
fn json(table: &str, example: &str) -> Result<String, CtlError> {
    match serde_json::from_str::<Map<String, Value>>(table) {
        Ok(_) => Ok(table.to_owned()),
        Err(error) => Err(CtlError::Usage(format!(
            "the table must be a JSON object such as {example}, got {table:?}: {error}"
        ))),
    }
}

/// Where the API has what an edit is about.
fn edit_path(edit: &Edit) -> String {
    match edit {
        Edit::SetBackend(pool, name, _) | Edit::RemoveBackend(pool, name) => {
            backend_path(pool, name)
        }
        Edit::SetPool(name, _) | Edit::RemovePool(name) => path("pools", name),
        Edit::SetService(name, _) | Edit::RemoveService(name) => path("services", name),
    }
}

fn path(kind: &str, name: &str) -> String {
    format!("/api/v1/{kind}/{}", encoded(name))
}

fn backend_path(pool: &str, name: &str) -> String {
    format!("{}/backends/{}", path("pools", pool), encoded(name))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::command::Arguments;
    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn backends_are_named_with_or_without_their_pool() {
        let asked = |line: &str| {
            let words = line.split(' ');
            let action = Line::parse_from(words).arguments.action;
            let mut asked = requests(
                &action,
                || unreachable!("one name"),
                || unreachable!("one change"),
            )
            .unwrap();
            assert_eq!(asked.len(), 1);
            asked.remove(0)
        };
        let body = r#"{"address":"10.0.0.9:9000","check_port":"9","drained":true,"weight":2}"#;
        let add = Change {
            method: "PUT",
            path: "/api/v1/pools/files/backends/a".to_owned(),
            body: body.to_owned(),
            only_new: true,
        };
        let line = "ctl add files a=10.0.0.9:9000 --weight 2 --drained --set check_port=9";
        assert_eq!(asked(line), add);
        let replace = Change {
            only_new: false,
            ..add
        };
        assert_eq!(asked(&format!("{line} --replace")), replace);
        let path = |line: &str| asked(line).path;
        assert_eq!(path("ctl add a=h:1"), "/api/v1/pools/default/backends/a");
        assert_eq!(path("ctl remove files/a"), "/api/v1/pools/files/backends/a");
        assert_eq!(path("ctl remove-service s"), "/api/v1/services/s");
        let wrong = Line::parse_from(["ctl", "add", "files", "a"])
            .arguments
            .action;
        let error = request(&wrong).unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.exit_code()),
            ("add: the backend must be NAME=HOST:PORT, got \"a\"", 2)
        );
        let wrong = Line::parse_from(["ctl", "set-pool", "files", "[]"]).arguments;
        let error = request(&wrong.action).unwrap_err().to_string();
        assert!(error.contains("{\"backends\": [\"a=10.0.0.9:9000\"]}, got \"[]\""));
    }
}
