//! A broker with a listener over TLS, for users with a password only.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{Kafka, Release, free_addresses};
use crate::process::clean_command;
use crate::tool;

/// The user that a secured broker knows, and its password.
pub const USER: &str = "netsocket";
/// See [`USER`].
pub const PASSWORD: &str = "a-password-for-kafka";

/// A broker with a second listener, over TLS and for [`USER`] only.
#[derive(Debug)]
pub struct Secured {
    /// The broker with its open listener.
    pub kafka: Kafka,
    /// The secured listener.
    pub address: SocketAddr,
}

impl Secured {
    /// Starts one.
    ///
    /// # Panics
    /// Where it does not come up.
    #[must_use]
    pub fn start() -> Self {
        let [address, _] = free_addresses();
        let kafka = Kafka::start_with(Release::V4, 1, Some(address));
        Self { kafka, address }
    }

    /// The certificate of its authority, as PEM.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.kafka.nodes[0].dir.path().join(AUTHORITY)
    }
}

/// The file with the certificate that clients must trust.
const AUTHORITY: &str = "ca.pem";

/// The settings that a secured listener needs besides, with a new certificate in `dir`, and how its users are made.
pub(super) fn settings(address: SocketAddr, dir: &Path) -> (String, Vec<String>) {
    let store = dir.join("broker.p12");
    let keytool = |words: &[&str]| {
        let mut command = clean_command("keytool");
        command
            .args(words)
            .args([
                "-alias",
                "kafka",
                "-storetype",
                "PKCS12",
                "-storepass",
                PASSWORD,
            ])
            .arg("-keystore")
            .arg(&store);
        tool::output(&mut command)
    };
    let names = format!("SAN=ip:{}", address.ip());
    let key = ["-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1"];
    keytool(
        &[
            &key[..],
            &["-dname", "CN=kafka", "-ext", &names, "-validity", "2"],
        ]
        .concat(),
    );
    let certificate = keytool(&["-exportcert", "-rfc"]);
    fs::write(dir.join(AUTHORITY), certificate).expect("a certificate");
    let module = "org.apache.kafka.common.security";
    let lines = [
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512".to_owned(),
        format!("ssl.keystore.location={}", store.display()),
        "ssl.keystore.type=PKCS12".to_owned(),
        format!("ssl.keystore.password={PASSWORD}"),
        format!(
            "listener.name.sasl_ssl.plain.sasl.jaas.config={module}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";"
        ),
        format!(
            "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={module}.scram.ScramLoginModule required;"
        ),
        format!(
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;"
        ),
    ];
    let scram = |mechanism: &str| format!("{mechanism}=[name={USER},password={PASSWORD}]");
    let words = ["SCRAM-SHA-256", "SCRAM-SHA-512"]
        .iter()
        .flat_map(|mechanism| ["--add-scram".to_owned(), scram(mechanism)])
        .collect();
    (lines.join("\n"), words)
}
