//! A DNS server from before EDNS: it refuses every query with an OPT record.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// A header of DNS (RFC 1035, section 4.1.1).
const HEADER: usize = 12;
const TYPE_A: [u8; 2] = [0, 1];
const CLASS_IN: [u8; 2] = [0, 1];
/// A pointer to the name of the question.
const SAME_NAME: [u8; 2] = [0xc0, 0x0c];

/// How it refuses EDNS.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// 1 is FORMERR, 4 NOTIMP.
    pub code: u8,
    /// Whether the question comes back with it; many such servers send a bare header.
    pub echoes: bool,
}

pub struct OldDns {
    pub address: SocketAddr,
    refused: Arc<AtomicUsize>,
    task: JoinHandle<io::Result<()>>,
}

impl OldDns {
    /// Starts one that has this address for every name.
    pub async fn start(refusal: Refusal, named: Ipv4Addr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let refused = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&refused);
        let task = tokio::spawn(async move {
            let mut query = [0; 1500];
            loop {
                let (length, from) = socket.recv_from(&mut query).await?;
                let query = &query[..length];
                let edns = query[10..HEADER] != [0, 0];
                count.fetch_add(usize::from(edns), Relaxed);
                let answer = if edns {
                    refuse(query, refusal)
                } else {
                    answer(query, named)
                };
                socket.send_to(&answer, from).await?;
            }
        });
        Self {
            address,
            refused,
            task,
        }
    }

    /// How many queries with EDNS have been refused.
    pub fn refused(&self) -> usize {
        self.refused.load(Relaxed)
    }
}

impl Drop for OldDns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Name, type and class of the only question.
fn question(query: &[u8]) -> &[u8] {
    let labels = query[HEADER..].iter().position(|&byte| byte == 0).unwrap();
    &query[HEADER..HEADER + labels + 5]
}

fn header(query: &[u8], code: u8, questions: u8, answers: u8) -> Vec<u8> {
    // An answer, recursion as asked for and available.
    let flags = [0x80 | (query[2] & 0x79), 0x80 | code];
    let counts = [0, questions, 0, answers, 0, 0, 0, 0];
    [&query[..2], &flags, &counts].concat()
}

fn refuse(query: &[u8], refusal: Refusal) -> Vec<u8> {
    let mut answer = header(query, refusal.code, refusal.echoes.into(), 0);
    if refusal.echoes {
        answer.extend_from_slice(question(query));
    }
    answer
}

fn answer(query: &[u8], named: Ipv4Addr) -> Vec<u8> {
    let question = question(query);
    let has = question[question.len() - 4..] == [TYPE_A, CLASS_IN].concat();
    let mut answer = header(query, 0, 1, has.into());
    answer.extend_from_slice(question);
    if has {
        let (ttl, length) = ([0, 0, 0, 1], [0, 4]);
        answer.extend_from_slice(&[SAME_NAME, TYPE_A, CLASS_IN].concat());
        answer.extend_from_slice(&[&ttl[..], &length, &named.octets()].concat());
    }
    answer
}
