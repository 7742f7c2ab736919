//! Asks the agents beside backends, and tells the pool what they want.
//!
//! An agent that cannot be reached changes nothing: whether the backend works is for the checks to find out.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use netsocket_settings::AdminAddress;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

use super::connect::connect;
use crate::core::backend::Backend;
use crate::core::health::{AgentCheck, AgentWish, MAX_LINE};
use crate::core::pool::Pool;

/// Asks the agent of a backend for ever.
pub(super) async fn consult(pool: Arc<Pool>, backend: Arc<Backend>, agent: AgentCheck) {
    let mut told = None;
    loop {
        let next = Instant::now() + agent.interval;
        match ask(&backend, &agent).await {
            Ok(line) => {
                let answer = backend.agent().after(&line);
                let counts = &backend.agent_counts;
                let count = match answer.unknown {
                    Some(_) => &counts.unknown,
                    None => &counts.answered,
                };
                count.fetch_add(1, Relaxed);
                counts.problem.store(Arc::default());
                if answer.unknown.is_some() && answer.unknown != told {
                    let word = answer.unknown.as_deref();
                    warn!(
                        backend = backend.full_name(),
                        word, "word of an agent not known"
                    );
                }
                told = answer.unknown;
                pool.set_agent(&backend, answer.wish, Instant::now());
            }
            Err(error) => {
                let counts = &backend.agent_counts;
                counts.failed.fetch_add(1, Relaxed);
                let before = counts.problem.swap(Arc::new(error.to_string()));
                if before.is_empty() {
                    info!(backend = backend.full_name(), %error, "agent does not answer");
                }
            }
        }
        sleep_until(next).await;
    }
}

/// Forgets what an agent has said that is asked no more.
pub(super) fn forget(pool: &Pool, backend: &Backend) {
    pool.set_agent(backend, AgentWish::default(), Instant::now());
}

/// The first line that it sends, within bounds of time and size.
async fn ask(backend: &Backend, agent: &AgentCheck) -> io::Result<Vec<u8>> {
    let asked = async {
        let ip = agent
            .address
            .or_else(|| Some(backend.address().tcp()?.ip()));
        let address = ip.ok_or(io::ErrorKind::AddrNotAvailable)?;
        let address = AdminAddress::from((address, agent.port.get()));
        let stream = connect(&address, backend.source(0), agent.timeout).await;
        let mut stream = stream.map_err(io::Error::other)?;
        stream.write_all(&agent.send).await?;
        let mut line = Vec::new();
        let mut chunk = [0; 256];
        while line.len() < MAX_LINE && !line.contains(&b'\n') {
            let count = stream.read(&mut chunk).await?;
            if count == 0 {
                break;
            }
            line.extend_from_slice(chunk.get(..count).unwrap_or_default());
        }
        Ok(line)
    };
    timeout(agent.timeout, asked)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
