//! The settings of a listener over TLS, for users with a password only.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::process::clean_command;
use crate::tool;

/// The user that a secured broker knows, and its password.
pub const USER: &str = "netsocket";
/// See [`USER`].
pub const PASSWORD: &str = "a-password-for-kafka";

/// The file with the certificate that clients must trust.
pub(super) const AUTHORITY: &str = "ca.pem";

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
