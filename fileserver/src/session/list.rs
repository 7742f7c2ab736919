//! Lists one directory on the new wire.

use netsocket_protocol::message::{FileEntry, Lacking, Reply};

use super::connection::Connection;
use super::messages::send_list;
use crate::query::directory::{ListRequest, Listed};
use crate::query::search::FoundFile;
use crate::service::access_log::Served;
use crate::service::file_service::Service;
use crate::service::request_error::{LACKING_BYTES, RequestError};
use crate::tree::unreadable::UnreadableReport;

/// Sends the contents of a directory, or one entry.
pub(super) async fn send(
    connection: &mut Connection,
    service: &Service,
    wanted: ListRequest,
) -> Result<Served, RequestError> {
    let found = connection.while_connected(service.list(wanted)).await?;
    let Listed {
        files, unreadable, ..
    } = found;
    let count = files.len() as u64;
    let entries = files.iter().map(FoundFile::entry).collect();
    let weight = |entry: &FileEntry| entry.path.as_bytes().len();
    let unreadable = UnreadableReport::of(&unreadable);
    let reply = |files, more| Reply::Files {
        files,
        more,
        lacking: match more {
            true => Lacking::default(),
            false => unreadable.lacking(LACKING_BYTES),
        },
    };
    send_list(connection, entries, weight, reply).await?;
    Ok(Served {
        files: count,
        unreadable: unreadable.count(),
        ..Served::default()
    })
}
