//! A session on the old wire: command frames, answered in order.

use std::io;
use std::net::SocketAddr;

use netsocket_protocol::command::Command;
use netsocket_protocol::message::Order;
use netsocket_protocol::name::Name;
use netsocket_protocol::old::{MAX_ARCHIVE, NO, OldFrames, YES, frame, length_digits};
use netsocket_protocol::query::Query;
use netsocket_protocol::text::{FILE_NOT_FOUND, file_lines};
use tokio::sync::OwnedSemaphorePermit;

use super::access_log::{Access, Served, Wire, log_faults, told_line};
use super::connection::{Connection, Next};
use crate::archive::Form;
use crate::archive::spool::Spool;
use crate::service::file_service::Service;
use crate::service::request_error::RequestError;

/// The commands that are answered with `yes` or `no`, not with text.
const ARCHIVE_COMMANDS: [&[u8]; 4] = [b"w24fz", b"w24ft", b"w24fdb", b"w24fda"];

/// Whether there may be another command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
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
                Then::Next => {}
                Then::Close => return connection.close().await,
            },
            Next::End | Next::Stopped => return,
            Next::Idle => return tracing::info!(%peer, wire = %Wire::Old, "closed: idle"),
            Next::Lost(error) => {
                return tracing::debug!(%peer, wire = %Wire::Old, %error, "connection lost");
            }
            Next::Broken(problem) => {
                tracing::info!(%peer, wire = %Wire::Old, %problem, "closed: broken frame");
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
) -> Then {
    let access = Access::begin(peer, Wire::Old, told_line(line));
    let before = connection.sent();
    let mut then = Then::Next;
    let result = match Command::parse_line(line) {
        Ok(Command::Quit) => {
            then = Then::Close;
            Ok(Served::default())
        }
        Ok(Command::Directories(order)) => directories(connection, service, order).await,
        Ok(Command::FindName(name)) => find(connection, service, name).await,
        Ok(Command::Archive(query)) => match spool(connection, peer, service, query).await {
            Ok((spool, _permit, served)) => {
                let sent = send_archive(connection, &spool).await;
                if sent.is_err() {
                    // Half of an archive was sent: nothing that follows could be understood.
                    then = Then::Close;
                }
                sent.map(|()| served)
            }
            Err(error) => refuse(connection, error).await,
        },
        Err(usage) if is_archive_command(line) => {
            refuse(connection, RequestError::BadRequest(usage.to_string())).await
        }
        Err(usage) => say(connection, RequestError::BadRequest(usage.to_string())).await,
    };
    if result.as_ref().is_err_and(RequestError::ends_session) {
        then = Then::Close;
    }
    access.end(&service.requests, &result, connection.sent() - before);
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
    let names = match connection.while_there(service.directories(order)).await {
        Ok(names) => names,
        Err(error) => return say(connection, error).await,
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
    let found = match connection.while_there(service.find(query, 1)).await {
        Ok(found) => found,
        Err(error) => return say(connection, error).await,
    };
    let text = match found.files.first() {
        Some(file) => file_lines(&file.entry(), &service.root.absolute(&file.path)),
        None => FILE_NOT_FOUND.as_bytes().to_vec(),
    };
    connection.send(&frame(&text)).await?;
    Ok(Served {
        files: found.files.len() as u64,
        unreadable: found.unreadable_directories,
        ..Served::default()
    })
}

/// Makes an archive, to learn its length. The permit is held for as long as the spool, so that the disk holds no more of
/// them than there may be archives at a time.
async fn spool(
    connection: &Connection,
    peer: SocketAddr,
    service: &Service,
    query: Query,
) -> Result<(Spool, OwnedSemaphorePermit, Served), RequestError> {
    let permit = service.archive_permit()?;
    let work = async {
        let planned = service.plan(query, Form::default()).await?;
        let plan = &planned.plan;
        let limit = service.spool_limit.min(MAX_ARCHIVE);
        let mut spool = Spool::create(&service.spool_dir, limit, service.spool_reserve)?;
        let mut blocks = service.blocks(plan, 0);
        while let Some(block) = blocks.next().await? {
            spool.append(block.bytes.clone()).await?;
        }
        let faults = blocks.finish();
        log_faults(peer, &faults);
        let served = Served {
            files: plan.entries().len() as u64,
            unreadable: planned.unreadable_directories,
            warnings: (faults.len() + plan.warnings().len()) as u64,
        };
        Ok((spool, permit, served))
    };
    connection.while_there(work).await
}

async fn send_archive(connection: &mut Connection, spool: &Spool) -> Result<(), RequestError> {
    let announcement = [&frame(YES)[..], &length_digits(spool.length())].concat();
    connection.send(&announcement).await?;
    connection.full_packets(true);
    let sent = connection.send_file(spool, 0..spool.length()).await;
    connection.full_packets(false);
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

/// Answers a text command with the error in words.
async fn say(connection: &mut Connection, error: RequestError) -> Result<Served, RequestError> {
    if !error.ends_session() {
        connection
            .send(&frame(error.to_string().as_bytes()))
            .await?;
    }
    Err(error)
}
