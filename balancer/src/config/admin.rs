//! The settings of the admin HTTP alone, for whoever talks to it.

use std::net::SocketAddr;
use std::path::PathBuf;

use netsocket_settings::{Layers, Problems, load};

use super::{DEFAULT_ADMIN, Raw};

/// Where the admin HTTP is, and what allows changes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSettings {
    /// Where it listens.
    pub address: SocketAddr,
    /// The file whose first line allows changes from other machines.
    pub token_file: Option<PathBuf>,
}

impl AdminSettings {
    /// Merges the layers and judges these two. `variable` reads an environment variable.
    ///
    /// # Errors
    /// Every problem of theirs, and keys that nobody knows.
    pub fn load(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let (raw, mut check) = load::<Raw>(&super::all_keys(), layers, variable)?.into_check();
        let settings = Self {
            address: check.parse(
                "admin",
                raw.single.get("admin"),
                DEFAULT_ADMIN,
                super::ADDRESS,
            ),
            token_file: raw
                .single
                .get("admin_token_file")
                .map(|entry| entry.as_str().into()),
        };
        check.finish(settings)
    }
}
