//! Why one end refused the other in a handshake, in a word for metrics.

/// Every word of [`refusal`].
pub const REFUSALS: [&str; 5] = [
    "bad_certificate",
    "incompatible",
    "no_certificate",
    "not_trusted",
    "other",
];

/// The word for an error of a handshake.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::{REFUSALS, refusal};
///
/// let word = refusal(&rustls::Error::NoCertificatesPresented);
/// assert_eq!(word, "no_certificate");
/// assert!(REFUSALS.contains(&word));
/// ```
#[must_use]
pub fn refusal(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::NoCertificatesPresented => "no_certificate",
        rustls::Error::InvalidCertificate(_) => "bad_certificate",
        // The other end rejected our certificate.
        rustls::Error::AlertReceived(_) => "not_trusted",
        rustls::Error::PeerIncompatible(_) => "incompatible",
        _ => "other",
    }
}
