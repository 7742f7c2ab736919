//! Addresses as people write them, read in the same way by every program.

mod admin_address;
mod admin_target;
mod socket_address;

pub use admin_address::{AdminAddress, AdminStream, NoAdminAddress};
pub use admin_target::{AdminTarget, NoAdminTarget};
pub use socket_address::{address_form, addresses_overlap, meant_address, parse_socket_address};
