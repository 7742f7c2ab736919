//! The flags for TLS and the token.

/// How the connection is protected.
#[derive(Debug, Default, clap::Args)]
pub struct SecurityArgs {
    /// Use TLS
    /// [default: on with one of the next four]
    #[arg(
        long,
        value_name = "on|off",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "on",
        verbatim_doc_comment
    )]
    pub tls: Option<String>,

    /// CA certificates to trust, as PEM
    /// [default: the system's]
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub ca_file: Option<String>,

    /// Client certificate, as PEM,
    /// for servers that require one
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub client_certificate: Option<String>,

    /// Its private key, as PEM
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<String>,

    /// Name in the server's certificate
    /// [default: the HOST of --server]
    #[arg(long, value_name = "NAME", verbatim_doc_comment)]
    pub tls_name: Option<String>,

    /// File with the access token,
    /// for servers that require one
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub token_file: Option<String>,
}
