//! Backends to test against, one per behaviour.

mod dnsmasq;
mod echo;
mod old_dns;
mod puppet;
mod refuses;
mod unanswering;

pub use dnsmasq::Dnsmasq;
pub use echo::{Echo, converse};
pub use old_dns::{OldDns, Refusal};
pub use puppet::Puppet;
pub use refuses::Refuses;
pub use unanswering::Unanswering;
