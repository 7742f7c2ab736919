//! The flags for TLS and the token.

/// How the connection is protected.
#[derive(Debug, Default, clap::Args)]
pub struct SecurityArgs {
    /// Use TLS: on or off [default: on if one of the next four flags is given]
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    pub tls: Option<String>,

    /// CA certificates to trust, as PEM [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<String>,

    /// Client certificate, as PEM, for servers that require one
    #[arg(long, value_name = "FILE")]
    pub client_certificate: Option<String>,

    /// Private key of the client certificate, as PEM
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<String>,

    /// Name expected in the server's certificate [default: the HOST of --server]
    #[arg(long, value_name = "NAME")]
    pub tls_name: Option<String>,

    /// File with the access token, for servers that require one
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<String>,
}
