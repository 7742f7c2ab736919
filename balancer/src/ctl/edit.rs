//! The requests that change the settings of a running balancer.

use serde_json::{Map, Value};

use super::command::Action;
use super::error::CtlError;
use super::http::{Change, encoded};
use super::values;
use crate::config::DEFAULT_NAME;

/// What an action asks for.
pub(super) fn request(action: &Action) -> Result<Change, CtlError> {
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
            let (pool, backend) = in_pool(place);
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
                backend_path(pool, name),
                Value::Object(table).to_string(),
            )
        }
        Action::Remove { place } => {
            let (pool, name) = in_pool(place);
            ("DELETE", backend_path(pool, name), String::new())
        }
        Action::SetPool { name, table } => ("PUT", path("pools", name), json(table)?),
        Action::RemovePool { name } => ("DELETE", path("pools", name), String::new()),
        Action::SetService { name, table } => ("PUT", path("services", name), json(table)?),
        Action::RemoveService { name } => ("DELETE", path("services", name), String::new()),
        _ => return Err(CtlError::Usage("no change".to_owned())),
    })
}

/// A table as it was given.
fn json(table: &str) -> Result<String, CtlError> {
    match serde_json::from_str::<Map<String, Value>>(table) {
        Ok(_) => Ok(table.to_owned()),
        Err(error) => Err(CtlError::Usage(format!(
            "the table must be a JSON object, got {table:?}: {error}"
        ))),
    }
}

/// The pool, where it is said, and what follows.
fn in_pool(place: &[String]) -> (&str, &str) {
    match place {
        [pool, backend] => (pool, backend),
        [backend] => backend
            .split_once('/')
            .filter(|(pool, _)| !pool.contains('='))
            .unwrap_or((DEFAULT_NAME, backend)),
        _ => (DEFAULT_NAME, ""),
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
            request(&Line::parse_from(words).arguments.action).unwrap()
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
        assert!(error.starts_with("the table must be a JSON object, got \"[]\""));
    }
}
