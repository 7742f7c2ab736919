//! The steps of a SASL mechanism, on bytes.

use rsasl::config::SASLConfig;
use rsasl::prelude::{Mechname, SASLClient, Session as SaslSession};

use crate::kafka::security::Sasl;

/// One authentication under way.
pub(super) struct Session(SaslSession);

impl Session {
    /// # Errors
    /// Why user, password or mechanism cannot be used.
    pub(super) fn new(sasl: &Sasl) -> Result<Self, String> {
        let config = SASLConfig::with_credentials(None, sasl.user.clone(), sasl.password.clone())
            .map_err(|error| error.to_string())?;
        let mechanism =
            Mechname::parse(sasl.mechanism.name().as_bytes()).map_err(|error| error.to_string())?;
        let session = SASLClient::new(config)
            .start_suggested(&[mechanism])
            .map_err(|error| error.to_string())?;
        Ok(Self(session))
    }

    /// What to send after what the broker said, and whether that was all.
    ///
    /// # Errors
    /// Why the broker is not believed.
    pub(super) fn step(&mut self, said: Option<&[u8]>) -> Result<(Option<Vec<u8>>, bool), String> {
        let mut message = Vec::new();
        let state = self
            .0
            .step(said, &mut message)
            .map_err(|error| error.to_string())?;
        Ok((
            state.has_sent_message().then_some(message),
            state.is_finished(),
        ))
    }
}
