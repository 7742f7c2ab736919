//! A DNS server of the test, on loopback, that tells the truth, lies or says nothing, as it is told.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::loopback;

/// What it answers to a question for addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// These.
    Addresses(Vec<Ipv4Addr>),
    /// The name exists and has none.
    Empty,
    /// Nothing at all.
    Silence,
}

/// Answers every question for the addresses of any name alike, for as long as the test runs.
#[derive(Debug)]
pub struct LyingDns {
    address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
}

impl LyingDns {
    /// Starts it on a port of the system's choice.
    ///
    /// # Panics
    /// Where no port is free.
    #[must_use]
    pub fn start(answer: Answer) -> Self {
        let socket = UdpSocket::bind((loopback::own_address(), 0)).expect("a free port");
        let address = socket.local_addr().expect("its address");
        let answer = Arc::new(Mutex::new(answer));
        let current = Arc::clone(&answer);
        thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((count, peer)) = socket.recv_from(&mut query) {
                let answer = current
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                let response = query.get(..count).and_then(|query| respond(query, &answer));
                if let Some(response) = response {
                    // Whoever asked may be gone.
                    let _ = socket.send_to(&response, peer);
                }
            }
        });
        Self { address, answer }
    }

    /// Where it is asked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers so from now on.
    pub fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }
}

/// RFC 1035, section 4: the header, the question as it came, and an address record for each address.
fn respond(query: &[u8], answer: &Answer) -> Option<Vec<u8>> {
    const HEADER: usize = 12;
    const A: [u8; 2] = [0, 1];
    let addresses: &[Ipv4Addr] = match answer {
        Answer::Addresses(addresses) => addresses,
        Answer::Empty => &[],
        Answer::Silence => return None,
    };
    // The name ends in a label without length; type and class follow.
    let name = query.get(HEADER..)?.iter().position(|byte| *byte == 0)?;
    let end = HEADER + name + 1 + 4;
    let question = query.get(HEADER..end)?;
    let kind = query.get(end - 4..end - 2)?;
    let addresses = if kind == A { addresses } else { &[] };
    let count = u8::try_from(addresses.len()).ok()?;
    // An answer, of somebody who knows the name and may be asked to go on.
    let flags = [0x85, 0x80];
    let mut response = [
        query.get(..2)?,
        &flags,
        &[0, 1, 0, count, 0, 0, 0, 0],
        question,
    ]
    .concat();
    for address in addresses {
        // The question's name, an address of the Internet, one second, four bytes.
        response.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        response.extend(address.octets());
    }
    Some(response)
}
