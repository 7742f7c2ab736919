//! What every command works with: the balancer, and how its answers are shown.

use std::io::Write;

use serde::de::DeserializeOwned;

use super::error::CtlError;
use super::http::{Client, SETTINGS, parsed};
use super::top::Display;
use super::view;

/// What the commands work with.
pub(super) struct Console {
    pub(super) client: Client,
    pub(super) json: bool,
    pub(super) display: Display,
}

impl Console {
    /// The running settings as a file.
    pub(super) fn settings(&self) -> Result<String, CtlError> {
        self.client.ask("POST", SETTINGS, "")
    }

    /// Reads a path and shows it.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        out: &mut impl Write,
        path: &str,
        view: impl FnOnce(&T) -> String,
    ) -> Result<(), CtlError> {
        let body = self.client.ask("GET", path, "")?;
        self.show(out, &body, view)
    }

    pub(super) fn show<T: DeserializeOwned>(
        &self,
        out: &mut impl Write,
        body: &str,
        view: impl FnOnce(&T) -> String,
    ) -> Result<(), CtlError> {
        if self.json {
            writeln!(out, "{}", body.trim_end())?;
        } else {
            out.write_all(view(&parsed(body)?).as_bytes())?;
        }
        Ok(())
    }

    /// Shows what is answered as it is: `key: value` lines of an object.
    pub(super) fn said(
        &self,
        out: &mut impl Write,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<(), CtlError> {
        let said = self.client.ask(method, path, body)?;
        match serde_json::from_str::<serde_json::Map<_, _>>(&said) {
            Ok(object) if !self.json => out.write_all(view::object(&object).as_bytes())?,
            _ => writeln!(out, "{}", said.trim_end())?,
        }
        Ok(())
    }
}
