//! What a process sends to Kafka: a [`Record`] each second and an [`Event`] when something happens. Owns their JSON form.
//! Does not own where they go, nor the names of their fields.

mod event;
mod figures;
mod identity;
mod record;
mod timestamp;

pub use event::{Event, EventKind};
pub use figures::{
    BackendRecord, BalancerFigures, CommandRecord, Figures, FileserverFigures, ServiceRecord,
};
#[cfg(feature = "collector")]
pub(crate) use identity::host_name;
pub use identity::{Identity, Role};
pub use record::{Delivered, Record, Tick};
