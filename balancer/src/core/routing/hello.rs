//! What a TLS ClientHello says. It is parsed by rustls, which takes it in any number of records and pieces.

use rustls::Error;
use rustls::server::Acceptor;

/// What is of interest for routing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The name that the client asks for.
    pub(crate) server_name: Option<String>,
    /// The protocols that it offers.
    pub(crate) alpn: Vec<Vec<u8>>,
}

/// A hello on its way.
pub(super) enum Reader {
    /// More bytes are needed.
    Incomplete(Box<Acceptor>),
    Complete(Hello),
    /// This will never be one.
    Invalid,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self::Incomplete(Box::default())
    }

    /// Takes in the next bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while let (Self::Incomplete(acceptor), false) = (&mut *self, bytes.is_empty()) {
            // Where its buffer is full without a whole message, this is none.
            let taken = acceptor.read_tls(&mut bytes).unwrap_or(0);
            *self = match acceptor.accept() {
                Ok(None) if taken > 0 => continue,
                Ok(None) => Self::Invalid,
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    let alpn = hello.alpn().into_iter().flatten();
                    Self::Complete(Hello {
                        server_name: hello.server_name().map(str::to_owned),
                        alpn: alpn.map(<[u8]>::to_vec).collect(),
                    })
                }
                // A hello in good order, which rustls would not serve. It is not rustls that is to serve it: it has no name
                // that we know of.
                Err((Error::PeerIncompatible(_), _)) => Self::Complete(Hello::default()),
                Err(_) => Self::Invalid,
            };
        }
    }
}
