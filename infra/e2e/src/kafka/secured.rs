//! The settings of a listener over TLS, for users with a password only.

use std::path::{Path, PathBuf};

/// The user that a secured broker knows, and its password.
pub const USER: &str = "netsocket";
/// See [`USER`].
pub const PASSWORD: &str = "a-password-for-kafka";

/// The name of the listener in settings of its own.
pub(super) const LISTENER: &str = "listener.name.sasl_ssl";

/// The file with the key and the certificate of a broker.
pub(super) fn keystore(dir: &Path) -> PathBuf {
    dir.join("broker.pem")
}

/// The settings that a secured listener needs besides, and how its users are made.
pub(super) fn settings(keystore: &Path) -> (String, Vec<String>) {
    let module = "org.apache.kafka.common.security";
    let lines = [
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512".to_owned(),
        "ssl.keystore.type=PEM".to_owned(),
        format!("ssl.keystore.location={}", keystore.display()),
        format!(
            "{LISTENER}.plain.sasl.jaas.config={module}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";"
        ),
        format!(
            "{LISTENER}.scram-sha-256.sasl.jaas.config={module}.scram.ScramLoginModule required;"
        ),
        format!(
            "{LISTENER}.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;"
        ),
    ];
    let scram = |mechanism: &str| format!("{mechanism}=[name={USER},password={PASSWORD}]");
    let words = ["SCRAM-SHA-256", "SCRAM-SHA-512"]
        .iter()
        .flat_map(|mechanism| ["--add-scram".to_owned(), scram(mechanism)])
        .collect();
    (lines.join("\n"), words)
}
