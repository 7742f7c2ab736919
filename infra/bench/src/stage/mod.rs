//! What the groups with many sessions share: the balancer, and who uses it.

pub(crate) mod balancer;
pub(crate) mod dialer;
pub(crate) mod echoes;
pub(crate) mod sessions;
