//! How many sessions each address has.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Sessions by address. It holds no more addresses than there are sessions.
#[derive(Debug)]
pub(crate) struct Addresses {
    most: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A session of an address, until it is dropped.
#[derive(Debug)]
pub(crate) struct OfAddress {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// Each address may have `most` sessions.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            open: Mutex::default(),
        }
    }

    /// Another session for an address, if it may have one.
    pub(crate) fn take(addresses: &Arc<Self>, address: IpAddr) -> Option<OfAddress> {
        // One client is one address, whichever kind of socket has accepted it.
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
        Some(OfAddress {
            addresses: Arc::clone(addresses),
            address,
        })
    }
}

impl Drop for OfAddress {
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
        let addresses = Arc::new(Addresses::new(2));
        let take = |address: &str| Addresses::take(&addresses, address.parse().unwrap());
        let (first, second) = (take("10.0.0.1").unwrap(), take("::ffff:10.0.0.1").unwrap());
        assert!(take("10.0.0.1").is_none());
        assert!(take("10.0.0.2").is_some());
        drop(first);
        assert!(take("10.0.0.1").is_some());
        drop(second);
        assert!(addresses.open.lock().unwrap().is_empty());
    }
}
