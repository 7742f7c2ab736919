//! Fake peers, each with one fault.

mod broker;
mod influx;
mod log;

pub(crate) use broker::{Behaviour, FakeBroker};
pub(crate) use influx::{Answer, FakeInflux};
pub(crate) use log::MemoryLog;
