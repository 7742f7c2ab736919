//! A session on the old wire: command frames, answered in order.

use std::io;
use std::net::SocketAddr;

use netsocket_protocol::command::Command;
use netsocket_protocol::message::{EntryNames, Layout, Order};
use netsocket_protocol::name::Name;
use netsocket_protocol::old::{MAX_ARCHIVE, NO, OldFrames, YES, frame, length_digits};
use netsocket_protocol::query::Query;
use netsocket_protocol::text::{FILE_NOT_FOUND, file_lines};
use tokio::sync::OwnedSemaphorePermit;

use super::connection::{Connection, Next};
use crate::archive::spool::Spool;
use crate::archive::{ArchiveOptions, Codec, Start};
use crate::service::access_log::{RequestLog, Served, Wire, describe_line, log_faults};
use crate::service::file_service::Service;
use crate::service::request_error::RequestError;

/// The commands answered with `yes` or `no` instead of text.
const ARCHIVE_COMMANDS: [&[u8]; 4] = [b"w24fz", b"w24ft", b"w24fdb", b"w24fda"];

/// What to do after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Next,
    Close,
}

pub(super) async fn serve(mut connection: Connection, peer: SocketAddr, service: &Service) {
    let _open = service.sessions.begin();
    let mut frames = OldFrames::new(service.max_request);
    loop {
        let next = connection
            .next(&mut frames, service.idle_timeout, &service.stop)
            .await;
        match next {
            Next::Item(line) => match answer(&mut connection, peer, service, &line).await {
                After::Next => {}
                After::Close => return connection.close().await,
            },
            Next::End | Next::Stopped => return,
            Next::Idle => return tracing::info!(%peer, wire = %Wire::Old, "closed: idle"),
            Next::Lost(error) => {
                return tracing::debug!(%peer, wire = %Wire::Old, %error, "connection lost");
            }
            Next::Broken(problem) => {
                tracing::info!(%peer, wire = %Wire::Old, %problem, "closed: malformed frame");
                // The client may be gone; the log has the reason.
                let _ = connection.send(&frame(problem.as_bytes())).await;
                return connection.close().await;
            }
        }
    }
}

async fn answer(
    connection: &mut Connection,
    peer: SocketAddr,
    service: &Service,
    line: &[u8],
) -> After {
    let log = RequestLog::begin(peer, Wire::Old, describe_line(line));
    let before = connection.sent();
    let mut then = After::Next;
    let result = match Command::parse_line(line) {
        Ok(Command::Quit) => {
            then = After::Close;
            Ok(Served::default())
        }
        Ok(Command::Directories(order)) => directories(connection, service, order).await,
        Ok(Command::FindName(name)) => find(connection, service, name).await,
        Ok(Command::Archive(query)) => match spool(connection, peer, service, query).await {
            Ok((spool, _permit, served)) => {
                let sent = send_archive(connection, &spool).await;
                if sent.is_err() {
                    // Half of an archive was sent: the client could not make sense of anything that follows.
                    then = After::Close;
                }
                sent.map(|()| served)
            }
            Err(error) => refuse(connection, error).await,
        },
        Err(usage) if is_archive_command(line) => {
            refuse(connection, RequestError::BadRequest(usage.to_string())).await
        }
        Err(usage) => send_error(connection, RequestError::BadRequest(usage.to_string())).await,
    };
    if result.as_ref().is_err_and(RequestError::ends_session) {
        then = After::Close;
    }
    log.end(&service.requests, &result, connection.sent() - before);
    then
}

fn is_archive_command(line: &[u8]) -> bool {
    let word = line
        .split(|byte| matches!(byte, b' ' | b'\n'))
        .find(|word| !word.is_empty());
    word.is_some_and(|word| ARCHIVE_COMMANDS.contains(&word))
}

async fn directories(
    connection: &mut Connection,
    service: &Service,
    order: Order,
) -> Result<Served, RequestError> {
    let names = match connection.while_connected(service.directories(order)).await {
        Ok(names) => names,
        Err(error) => return send_error(connection, error).await,
    };
    let mut text = Vec::new();
    for name in &names {
        text.extend_from_slice(name.as_bytes());
        text.push(b'\n');
    }
    connection.send(&frame(&text)).await?;
    Ok(Served {
        files: names.len() as u64,
        ..Served::default()
    })
}

async fn find(
    connection: &mut Connection,
    service: &Service,
    name: Name,
) -> Result<Served, RequestError> {
    let query = Query {
        name: Some(name),
        ..Query::default()
    };
    let found = match connection.while_connected(service.find(query, 1)).await {
        Ok(found) => found,
        Err(error) => return send_error(connection, error).await,
    };
    let text = match found.files.first() {
        Some(file) => file_lines(&file.entry(), &service.root.absolute(&file.path)),
        None => FILE_NOT_FOUND.as_bytes().to_vec(),
    };
    connection.send(&frame(&text)).await?;
    Ok(Served {
        files: found.files.len() as u64,
        unreadable: found.unreadable.len() as u64,
        ..Served::default()
    })
}

/// Old clients save what they get for people to open with any program, so it is one gzip member.
fn options() -> ArchiveOptions {
    ArchiveOptions {
        codec: Codec::default_in(Layout::Stream),
        names: EntryNames::Base,
    }
}

/// Makes an archive in a spool, because its length must be sent first. The permit is kept as long as the spool, so that
/// there are never more spools than concurrent archives.
async fn spool(
    connection: &Connection,
    peer: SocketAddr,
    service: &Service,
    query: Query,
) -> Result<(Spool, OwnedSemaphorePermit, Served), RequestError> {
    let permit = service.archive_permit()?;
    let work = async {
        let planned = service.plan(query, options()).await?;
        let plan = &planned.plan;
        let limit = service.spool_limit.min(MAX_ARCHIVE);
        let mut spool = Spool::create(&service.spool_dir, limit, service.spool_reserve)?;
        let mut blocks = service.blocks(plan, Start::default());
        while let Some(block) = blocks.next().await? {
            spool.append(block.bytes.clone()).await?;
        }
        let faults = blocks.finish();
        log_faults(peer, &faults);
        let served = Served {
            files: plan.entries().len() as u64,
            unreadable: planned.unreadable.count(),
            warnings: (faults.len() + plan.warnings().len()) as u64,
        };
        Ok((spool, permit, served))
    };
    connection.while_connected(work).await
}

async fn send_archive(connection: &mut Connection, spool: &Spool) -> Result<(), RequestError> {
    let announcement = [&frame(YES)[..], &length_digits(spool.length())].concat();
    connection.send(&announcement).await?;
    connection.set_cork(true);
    let sent = connection.send_file(spool, 0..spool.length()).await;
    connection.set_cork(false);
    let sent = sent?;
    if sent < spool.length() {
        let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
        return Err(RequestError::internal("sending an archive", cut));
    }
    Ok(())
}

/// Answers an archive command with `no`; the reason is for the log.
async fn refuse(connection: &mut Connection, error: RequestError) -> Result<Served, RequestError> {
    if !error.ends_session() {
        connection.send(&frame(NO)).await?;
    }
    Err(error)
}

/// Answers a text command with the error message.
async fn send_error(
    connection: &mut Connection,
    error: RequestError,
) -> Result<Served, RequestError> {
    if !error.ends_session() {
        connection
            .send(&frame(error.to_string().as_bytes()))
            .await?;
    }
    Err(error)
}
