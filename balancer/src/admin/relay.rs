//! `/api/v1/relay`: how bytes are relayed, read and changed while sessions run.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::backends::read as read_body;
use super::state::Admin;
use crate::config::RelayMode;

/// The body of question and answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Relay {
    mode: String,
}

impl Relay {
    fn answer(mode: RelayMode) -> Response {
        let mode = mode.as_str().to_owned();
        Json(Self { mode }).into_response()
    }
}

pub(super) async fn read(State(admin): State<Arc<Admin>>) -> Response {
    Relay::answer(admin.shared.relay.get())
}

/// Sets the mode that every session follows from its next read on.
pub(super) async fn change(State(admin): State<Arc<Admin>>, body: Bytes) -> Response {
    let allowed = "{\"mode\":\"auto\"}, or copy or splice";
    let asked = match read_body::<Relay>(&body, allowed) {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            let said = format!("the body must be {allowed}\n");
            return (StatusCode::UNPROCESSABLE_ENTITY, said).into_response();
        }
        Err(wrong) => return wrong.into_response(),
    };
    match asked.mode.parse::<RelayMode>() {
        Ok(mode) => {
            admin.shared.relay.set(mode);
            info!(mode = mode.as_str(), "relay mode changed");
            Relay::answer(mode)
        }
        Err(()) => {
            let problem = format!("mode must be auto, copy or splice, got {:?}\n", asked.mode);
            (StatusCode::UNPROCESSABLE_ENTITY, problem).into_response()
        }
    }
}
