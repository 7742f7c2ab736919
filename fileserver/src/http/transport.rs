//! The socket of an HTTP connection as hyper sees it.
//!
//! Owns: the bytes that were read before the wire was known, the watch over heads, counting what is sent, and sending
//! files in place of their placeholders ([`super::chunk`]).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::chunk::is_placeholder;
use super::head_guard::HeadGuard;
use super::link::{FileRange, Link};
use crate::security::plain_socket::{
    MOST, set_cork, try_send_before, try_send_file, try_send_pieces,
};
use crate::security::stream::Stream;

#[derive(Debug)]
pub(super) struct Transport {
    stream: Stream,
    link: Arc<Link>,
    /// What was read before the wire was known.
    ahead: BytesMut,
    /// Nothing for HTTP/2, whose frames have one meaning.
    guard: Option<HeadGuard>,
    corked: bool,
}

impl Transport {
    pub(super) fn new(
        stream: Stream,
        link: Arc<Link>,
        ahead: BytesMut,
        guard: Option<HeadGuard>,
    ) -> Self {
        Self {
            stream,
            link,
            ahead,
            guard,
            corked: false,
        }
    }

    fn watch(&mut self, bytes: &[u8]) {
        if let Some(guard) = &mut self.guard
            && !self.link.is_malformed()
            && !guard.take(bytes)
        {
            self.link.set_malformed();
        }
    }

    fn count(&self, sent: usize) {
        self.link.touch();
        let all = &self.link.service.sent;
        all.fetch_add(sent as u64, Ordering::Relaxed);
    }

    /// Sends bytes and files in the clear.
    fn poll_plain(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let text = pieces
            .iter()
            .position(|piece| is_placeholder(piece))
            .unwrap_or(pieces.len());
        let more = text < pieces.len();
        loop {
            let Stream::Plain(tcp) = &self.stream else {
                return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
            };
            ready!(tcp.poll_write_ready(cx))?;
            let written = match &pieces[..text] {
                [] => match pieces.first() {
                    Some(placeholder) => send_file(tcp, &self.link, placeholder.len()),
                    None => return Poll::Ready(Ok(0)),
                },
                // The file follows at once: they share a packet.
                [head] if more => try_send_before(tcp, head),
                text => try_send_pieces(tcp, text),
            };
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return Poll::Ready(written),
            }
        }
    }

    /// Corks the socket while a long file is sent.
    fn cork(&mut self) {
        let is_long = |range: &FileRange| range.left > MOST as u64;
        let wanted = self.link.has_files() && self.link.files().front().is_some_and(is_long);
        if wanted != self.corked
            && let Stream::Plain(tcp) = &self.stream
        {
            set_cork(tcp, wanted);
            self.corked = wanted;
        }
    }
}

/// Sends the next bytes of the next file.
fn send_file(tcp: &TcpStream, link: &Link, most: usize) -> io::Result<usize> {
    let mut files = link.files();
    let Some(range) = files.front_mut() else {
        return Err(io::Error::other("a placeholder without a file"));
    };
    let sent = send_range(tcp, range, most);
    let (is_over, failed) = match &sent {
        Ok(_) => (range.left == 0, None),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => (false, None),
        Err(error) => (true, Some(io::Error::new(error.kind(), error.to_string()))),
    };
    if is_over {
        let ended = files.pop_front().and_then(|range| range.sent);
        // It may write a line to the log.
        drop(files);
        if let Some(ended) = ended {
            ended(failed.map_or(Ok(()), Err));
        }
    }
    sent
}

fn send_range(tcp: &TcpStream, range: &mut FileRange, most: usize) -> io::Result<usize> {
    let left = usize::try_from(range.left).unwrap_or(usize::MAX);
    let count = most.min(left).min(MOST);
    if count == left
        && let Some(version) = &range.last_of
    {
        version.check(&range.file)?;
    }
    let sent = try_send_file(tcp, &range.file, &mut range.offset, count)?;
    if sent == 0 {
        // The length was announced, so the only way to say so is to cut the answer.
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    range.left -= sent as u64;
    Ok(sent)
}

impl Drop for Transport {
    fn drop(&mut self) {
        // What was not sent holds the connection's state, which holds it.
        let left = std::mem::take(&mut *self.link.files());
        drop(left);
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.ahead.is_empty() {
            let count = this.ahead.len().min(buffer.remaining());
            buffer.put_slice(&this.ahead[..count]);
            let bytes = this.ahead.split_to(count);
            if !this.ahead.has_remaining() {
                this.ahead = BytesMut::new();
            }
            this.watch(&bytes);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = match &mut this.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Stream::Tls(tls) => Pin::new(&mut ***tls).poll_read(cx, buffer),
        };
        ready!(read)?;
        this.watch(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.link.sends_files {
            this.cork();
        }
        let written = match &mut this.stream {
            Stream::Plain(_) => this.poll_plain(cx, pieces),
            Stream::Tls(tls) => Pin::new(&mut ***tls).poll_write_vectored(cx, pieces),
        };
        let count = ready!(written)?;
        this.count(count);
        Poll::Ready(Ok(count))
    }

    /// hyper must pass slices on without copying them: see [`super::chunk`].
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.link.sends_files {
            if this.link.has_files() {
                return Poll::Ready(Err(io::Error::other("a file that was not sent")));
            }
            this.cork();
        }
        match &mut this.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(&mut ***tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(&mut ***tls).poll_shutdown(cx),
        }
    }
}
