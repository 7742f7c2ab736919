//! Sends messages of the new wire: single ones, and long lists in parts.

use bytes::BytesMut;
use netsocket_protocol::MAX_FRAME;
use netsocket_protocol::frame::{Frame, FrameCodec, FrameError};
use netsocket_protocol::message::{Message, Reply};
use tokio_util::codec::Encoder as _;

use super::connection::Connection;
use crate::service::request_error::RequestError;

/// The most names in one part of a list.
const PART_NAMES: usize = 1_000;

/// The most bytes of paths in one part of a list: JSON makes up to six of each, and they must fit into a frame.
const PART_BYTES: usize = 256 * 1024;

/// Appends a message that always fits into a frame.
pub(super) fn put_message(bytes: &mut BytesMut, message: &impl Message) {
    // A server name and a sentence are far below the frame limit.
    if let Ok(frame) = message.to_frame() {
        let _ = FrameCodec::new(MAX_FRAME).encode(frame, bytes);
    }
}

pub(super) async fn send_message(
    connection: &mut Connection,
    message: &impl Message,
) -> Result<(), RequestError> {
    let mut bytes = BytesMut::new();
    put_frame(&mut bytes, message.to_frame()?)?;
    connection.send(&bytes).await
}

fn put_frame(bytes: &mut BytesMut, frame: Frame) -> Result<(), RequestError> {
    FrameCodec::new(MAX_FRAME)
        .encode(frame, bytes)
        .map_err(too_long)
}

pub(super) fn too_long(error: FrameError) -> RequestError {
    RequestError::internal("writing a frame", error)
}

/// Sends a list in parts; an empty list is one empty part.
pub(super) async fn send_list<T>(
    connection: &mut Connection,
    mut items: Vec<T>,
    weight: impl Fn(&T) -> usize,
    reply: impl Fn(Vec<T>, bool) -> Reply,
) -> Result<(), RequestError> {
    loop {
        let rest = items.split_off(part(&items, &weight));
        let more = !rest.is_empty();
        send_message(connection, &reply(items, more)).await?;
        if !more {
            return Ok(());
        }
        items = rest;
    }
}

/// How many items go into the next part: at least one, if there are any.
fn part<T>(items: &[T], weight: impl Fn(&T) -> usize) -> usize {
    let mut bytes = 0;
    items
        .iter()
        .take(PART_NAMES)
        .enumerate()
        .take_while(|(at, item)| {
            bytes += weight(item);
            *at == 0 || bytes <= PART_BYTES
        })
        .count()
}
