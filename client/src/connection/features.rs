//! What a request becomes for a server of an earlier release.

use std::borrow::Cow;

use netsocket_protocol::message::{ErrorKind, ErrorReply, Layout, Request};
use netsocket_protocol::transfer::STREAM_LAYOUT;

use crate::outcome::error::Error;

/// What this program says in place of a server that would not understand where to resume.
const CANNOT_RESUME: &str =
    "this server is of an earlier release and cannot resume this archive, start over";

/// The request as a server with these features understands it. Instead of an archive of one stream, an earlier release
/// makes one of many members or frames.
///
/// # Errors
/// [`Error::Server`] with [`ErrorKind::Changed`] for an archive of one stream that has begun: the two must not be mixed.
pub(crate) fn understood<'a>(
    request: &'a Request,
    features: &[String],
) -> Result<Cow<'a, Request>, Error> {
    let Request::Archive {
        layout: Layout::Stream,
        resume,
        ..
    } = request
    else {
        return Ok(Cow::Borrowed(request));
    };
    if features.iter().any(|feature| feature == STREAM_LAYOUT) {
        return Ok(Cow::Borrowed(request));
    }
    if resume.is_some() {
        let reply = ErrorReply::new(ErrorKind::Changed, CANNOT_RESUME);
        return Err(Error::Server(reply));
    }
    Ok(Cow::Owned(request.clone().with_layout(Layout::Blocks)))
}

#[cfg(test)]
mod tests {
    use netsocket_protocol::message::Resume;
    use netsocket_protocol::query::Query;

    use super::*;

    fn request(resume: Option<Resume>) -> Request {
        let mut request = Request::archive(Query::default()).with_layout(Layout::Stream);
        if let Request::Archive { resume: at, .. } = &mut request {
            *at = resume;
        }
        request
    }

    #[test]
    fn an_earlier_release_gets_what_it_knows_or_nothing() {
        let features = ["tls", STREAM_LAYOUT].map(str::to_owned);
        let (new, old) = (&features[..], &features[..1]);
        let resume = Resume {
            plan: "5e0c".to_owned(),
            block: 1,
            sketch: None,
            state: None,
        };
        let (begun, fresh) = (request(Some(resume)), request(None));
        assert_eq!(*understood(&fresh, new).unwrap(), fresh);
        assert_eq!(*understood(&begun, new).unwrap(), begun);
        let blocks = Request::archive(Query::default());
        assert_eq!(*understood(&fresh, old).unwrap(), blocks);
        assert_eq!(*understood(&blocks, old).unwrap(), blocks);
        let error = understood(&begun, old).unwrap_err();
        assert!(
            matches!(&error, Error::Server(reply) if reply.kind == ErrorKind::Changed),
            "{error}"
        );
    }
}
