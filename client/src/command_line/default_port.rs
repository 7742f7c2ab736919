//! The port of the service, where none is typed.

pub(crate) const DEFAULT_PORT: u16 = 8081;
