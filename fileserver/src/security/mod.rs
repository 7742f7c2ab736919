//! Who may use the server, and what the process may touch.
//!
//! Belongs here: certificates and tokens and their reload, the TLS handshake, the PROXY header that names the client,
//! the limit on sessions per address, the Landlock sandbox. Does not belong here: the session after the handshake
//! (`session`), paths that may not be opened (`tree::root`).
//!
//! The folder is not named `access`: log filters match module paths by prefix, and `netsocket_fileserver::access` is
//! the target of the access log.

pub(crate) mod address_limit;
pub(crate) mod credential_store;
pub(crate) mod credentials;
pub(crate) mod plain_socket;
pub(crate) mod proxy_header;
pub(crate) mod sandbox;
pub(crate) mod stream;
pub(crate) mod tls_handshake;
