//! The flags for TLS and the token.

/// How the connection is protected.
#[derive(Debug, Default, clap::Args)]
pub struct SecurityArgs {
    /// Speak TLS: on or off [default: on where one of the next four is given]
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    pub tls: Option<String>,

    /// The authorities whose certificates are trusted, as PEM [default: those of the system]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<String>,

    /// The certificate of this client, as PEM, for servers that want one
    #[arg(long, value_name = "FILE")]
    pub client_certificate: Option<String>,

    /// The private key of that certificate, as PEM
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<String>,

    /// What the server's certificate must be for [default: the HOST of --server]
    #[arg(long, value_name = "NAME")]
    pub tls_name: Option<String>,

    /// The file with the token, for servers that want one
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<String>,
}
