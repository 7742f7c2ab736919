//! Archives on the new wire: sends the plan, the blocks as they are made, the trailer.

use std::net::SocketAddr;
use std::sync::Arc;

use netsocket_protocol::block::Block;
use netsocket_protocol::message::{self, Compression, EntryNames, Layout, Resume};
use netsocket_protocol::query::Query;
use tokio::task::spawn_blocking;

use super::connection::Connection;
use super::messages::{send_message, too_long};
use crate::archive::{ArchiveOptions, Codec, Start, trailer};
use crate::service::access_log::{Served, log_faults};
use crate::service::file_service::Service;
use crate::service::request_error::RequestError;

/// Checks the options of an archive.
pub(super) fn options(
    compression: Compression,
    level: Option<u8>,
    names: EntryNames,
    layout: Layout,
) -> Result<ArchiveOptions, RequestError> {
    let codec = Codec::new(compression, level, layout).ok_or_else(|| {
        RequestError::BadRequest(match compression.levels() {
            Some(levels) => format!(
                "this compression supports levels {} to {}",
                levels.start(),
                levels.end()
            ),
            None => "there are no levels without compression".to_owned(),
        })
    })?;
    Ok(ArchiveOptions { codec, names })
}

/// Sends an archive, from the start or resumed.
pub(super) async fn send(
    connection: &mut Connection,
    peer: SocketAddr,
    service: &Service,
    query: Query,
    options: ArchiveOptions,
    resume: Option<Resume>,
) -> Result<Served, RequestError> {
    let permit = service.archive_permit()?;
    let planned = connection
        .while_connected(service.plan(query, options))
        .await?;
    let plan = &planned.plan;
    let start = match resume {
        None => Start::default(),
        Some(resume) => {
            let plan = Arc::clone(plan);
            spawn_blocking(move || plan.begin(&resume))
                .await
                .map_err(|error| RequestError::internal("planning an archive", error))??
        }
    };
    let first_block = start.block();
    let message = message::Plan {
        first_block,
        ..plan.message()
    };
    send_message(connection, &message).await?;
    let mut blocks = service.blocks(plan, start);
    let mut digest = blake3::Hasher::new();
    let (mut index, mut sent) = (first_block, 0);
    while let Some(made) = blocks.next().await? {
        digest.update(&made.bytes);
        sent += made.bytes.len() as u64;
        let block = Block {
            index,
            bytes: made.bytes.clone(),
        };
        match made.state {
            None => {
                let before = block.before(made.checksum).map_err(too_long)?;
                connection.send_both(&before, &block.bytes).await?;
            }
            Some(state) => {
                let before = block.before_with_state(made.checksum, state);
                let before = before.map_err(too_long)?;
                connection.send_both(&before, &block.bytes).await?;
            }
        }
        index += 1;
    }
    let faults = blocks.finish();
    log_faults(peer, &faults);
    let served = Served {
        files: plan.entries().len() as u64,
        unreadable: planned.unreadable.count(),
        warnings: (faults.len() + plan.warnings().len()) as u64,
    };
    let digest = digest.finalize();
    let lacking = [planned.unreadable.warnings(), plan.warnings()].concat();
    let mut trailer = trailer(index - first_block, sent, &digest, faults, &lacking);
    trailer.unlisted += planned.unreadable.unlisted();
    // Release the limits first: a client that has the trailer may start the next archive at once.
    drop((permit, planned));
    send_message(connection, &trailer).await?;
    Ok(served)
}
