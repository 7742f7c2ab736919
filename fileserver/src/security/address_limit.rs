//! The limit on sessions per client address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Open sessions by address. It holds no more addresses than there are sessions.
#[derive(Debug)]
pub(crate) struct AddressLimit {
    most: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One session of an address, counted until this is dropped.
#[derive(Debug)]
pub(crate) struct AddressPermit {
    addresses: Arc<AddressLimit>,
    address: IpAddr,
}

impl AddressLimit {
    /// Allows `most` sessions per address.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            open: Mutex::default(),
        }
    }

    /// Counts one more session for an address; nothing if it has reached the limit.
    pub(crate) fn acquire(addresses: &Arc<Self>, address: IpAddr) -> Option<AddressPermit> {
        // An IPv4 client counts as the same address on a dual-stack socket.
        let address = address.to_canonical();
        let mut open = addresses
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= addresses.most {
            return None;
        }
        *count += 1;
        Some(AddressPermit {
            addresses: Arc::clone(addresses),
            address,
        })
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let open = &self.addresses.open;
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = open.entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_sessions_and_no_more() {
        let addresses = Arc::new(AddressLimit::new(2));
        let take = |address: &str| AddressLimit::acquire(&addresses, address.parse().unwrap());
        let (first, second) = (take("10.0.0.1").unwrap(), take("::ffff:10.0.0.1").unwrap());
        assert!(take("10.0.0.1").is_none());
        assert!(take("10.0.0.2").is_some());
        drop(first);
        assert!(take("10.0.0.1").is_some());
        drop(second);
        assert!(addresses.open.lock().unwrap().is_empty());
    }
}
