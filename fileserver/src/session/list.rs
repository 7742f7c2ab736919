//! Lists one directory on the new wire.

use netsocket_protocol::message::{FileEntry, Reply};

use super::access_log::Served;
use super::connection::Connection;
use super::messages::send_list;
use crate::query::directory::ListRequest;
use crate::query::search::FoundFile;
use crate::service::file_service::Service;
use crate::service::request_error::RequestError;

/// Sends the contents of a directory, or one entry.
pub(super) async fn send(
    connection: &mut Connection,
    service: &Service,
    wanted: ListRequest,
) -> Result<Served, RequestError> {
    let found = connection.while_connected(service.list(wanted)).await?;
    let files = found.len() as u64;
    let entries = found.iter().map(FoundFile::entry).collect();
    let weight = |entry: &FileEntry| entry.path.as_bytes().len();
    let reply = |files, more| Reply::Files { files, more };
    send_list(connection, entries, weight, reply).await?;
    Ok(Served {
        files,
        ..Served::default()
    })
}
