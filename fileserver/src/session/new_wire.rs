//! A session on the new wire: hello both ways, then requests, answered in order.

use std::net::SocketAddr;
use std::ops::ControlFlow;

use netsocket_protocol::frame::{Frame, FrameCodec};
use netsocket_protocol::message::{
    ErrorKind, ErrorReply, FileEntry, Lacking, Message as _, Order, Reply, Request,
};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;

use super::connection::{Connection, Next};
use super::hello::{Admission, Refusal, open, refusal, refuse_without_token};
use super::messages::{send_list, send_message};
use super::{archive, get, list};
use crate::query::directory::ListRequest;
use crate::query::search::FoundFile;
use crate::service::access_log::{RequestLog, Served, Wire, describe_request};
use crate::service::file_service::Service;
use crate::service::listing::{FileOrder, Listing};
use crate::service::request_error::{LACKING_BYTES, RequestError};

pub(super) async fn serve(mut connection: Connection, peer: SocketAddr, service: &Service) {
    let _open = service.sessions.begin();
    let mut codec = FrameCodec::new(service.max_request);
    match open(&mut connection, &mut codec, service).await {
        Ok(Admission::Granted) => {}
        Ok(Admission::TokenMissing) => {
            return refuse_without_token(connection, codec, peer, service).await;
        }
        Err(Refusal::Silent(problem)) => {
            return tracing::info!(%peer, wire = %Wire::New, %problem, "closed");
        }
        Err(Refusal::Reply { error, features }) => {
            tracing::info!(%peer, wire = %Wire::New, problem = %error, "refused");
            // The client may be gone; the log has the reason.
            let _ = connection.send(&refusal(service, features, &error)).await;
            return connection.close().await;
        }
    }
    loop {
        let next = connection
            .next(&mut codec, service.idle_timeout, &service.stop)
            .await;
        match next {
            Next::Item(frame) => {
                if answer(&mut connection, peer, service, &frame)
                    .await
                    .is_break()
                {
                    return;
                }
            }
            Next::End | Next::Stopped => return,
            Next::Idle => return tracing::info!(%peer, wire = %Wire::New, "closed: idle"),
            Next::Lost(error) => {
                return tracing::debug!(%peer, wire = %Wire::New, %error, "connection lost");
            }
            Next::Broken(problem) => {
                tracing::info!(%peer, wire = %Wire::New, %problem, "closed: malformed frame");
                let error = ErrorReply::new(ErrorKind::BadRequest, problem);
                // The client may be gone; the log has the reason.
                let _ = send_message(&mut connection, &error).await;
                return connection.close().await;
            }
        }
    }
}

async fn answer(
    connection: &mut Connection,
    peer: SocketAddr,
    service: &Service,
    frame: &Frame,
) -> ControlFlow<()> {
    let before = connection.sent();
    let request = Request::from_frame(frame);
    let command = match &request {
        Ok(request) => describe_request(request),
        Err(_) => Name::from(frame.payload.as_ref()).to_string(),
    };
    let log = RequestLog::begin(peer, Wire::New, command);
    let mut result = match request {
        Err(error) => Err(RequestError::BadRequest(error.to_string())),
        Ok(Request::Directories { order }) => directories(connection, service, order).await,
        Ok(Request::Find {
            query,
            limit,
            sort,
            reverse,
        }) => {
            find(
                connection,
                service,
                &query,
                FileOrder { sort, reverse },
                limit,
            )
            .await
        }
        Ok(Request::Archive {
            query,
            compression,
            level,
            names,
            layout,
            resume,
        }) => match archive::options(compression, level, names, layout) {
            Ok(options) => archive::send(connection, peer, service, query, options, resume).await,
            Err(error) => Err(error),
        },
        Ok(Request::List {
            path,
            glob,
            itself,
            hidden,
            limit,
        }) => {
            let wanted = ListRequest {
                path: path.0,
                glob,
                itself,
                hidden,
                limit,
            };
            list::send(connection, service, wanted).await
        }
        Ok(Request::Get {
            path,
            offset,
            length,
            identity,
            verify,
        }) => {
            let wanted = get::GetRequest {
                path,
                offset,
                length,
                identity,
                verify,
            };
            get::send(connection, service, wanted).await
        }
    };
    if let Err(error) = &result
        && !error.ends_session()
        && let Err(lost) = send_message(connection, &error.reply()).await
    {
        result = Err(lost);
    }
    let over = result.as_ref().is_err_and(RequestError::ends_session);
    log.end(&service.requests, &result, connection.sent() - before);
    if over {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

async fn directories(
    connection: &mut Connection,
    service: &Service,
    order: Order,
) -> Result<Served, RequestError> {
    let names = connection
        .while_connected(service.directories(order))
        .await?;
    let files = names.len() as u64;
    let reply = |names, more| Reply::Directories { names, more };
    send_list(connection, names, |name| name.as_bytes().len(), reply).await?;
    Ok(Served {
        files,
        ..Served::default()
    })
}

/// Sends each page of the list before looking up the next one.
async fn find(
    connection: &mut Connection,
    service: &Service,
    query: &Query,
    order: FileOrder,
    limit: u64,
) -> Result<Served, RequestError> {
    let listing = Listing::begin(service, query, order, limit);
    let mut listing = connection.while_connected(listing).await?;
    let mut files = 0;
    loop {
        let page = connection.while_connected(listing.next()).await?;
        files += page.files.len() as u64;
        let entries = page.files.iter().map(FoundFile::entry).collect();
        let reply = |files, rest| {
            let more = rest || page.more;
            let lacking = match more {
                true => Lacking::default(),
                false => listing.unreadable().lacking(LACKING_BYTES),
            };
            Reply::Files {
                files,
                more,
                lacking,
            }
        };
        let weight = |file: &FileEntry| file.path.as_bytes().len();
        send_list(connection, entries, weight, reply).await?;
        if !page.more {
            return Ok(Served {
                files,
                unreadable: listing.unreadable().count(),
                ..Served::default()
            });
        }
    }
}
