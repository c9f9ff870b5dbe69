use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::http::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::activity::Activity;

/// A connection as hyper sees it.
///
/// hyper answers a head that it cannot read by itself, with a status and nothing else. That answer is kept back, so
/// that the connection's owner can write a problem document in its place; for the same reason hyper cannot close it.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    write_timeout: Duration,
    /// Runs while the client takes nothing of what is written to it.
    stalled: Option<Pin<Box<Sleep>>>,
    refusal: Option<StatusCode>,
    activity: Activity,
}

/// hyper's own refusals are shorter.
const LONGEST_REFUSAL: usize = 256;

impl Wire {
    /// A client that takes nothing for `write_timeout` is given up.
    pub(super) fn new(stream: TcpStream, write_timeout: Duration, activity: Activity) -> Self {
        Self { stream, write_timeout, stalled: None, refusal: None, activity }
    }

    /// What hyper would have answered by itself.
    pub(super) fn refusal(&self) -> Option<StatusCode> {
        self.refusal
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        if into.filled().len() > before {
            self.activity.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let bytes = match bare_refusal(bytes) {
            Some((0, status)) => {
                self.refusal = Some(status);
                return Poll::Ready(Ok(bytes.len()));
            }
            Some((at, _)) => bytes.get(..at).unwrap_or(bytes),
            None => bytes,
        };
        if let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(cx, bytes) {
            self.stalled = None;
            self.activity.sent();
            return Poll::Ready(written);
        }
        self.activity.stalled();
        let limit = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Where an answer of hyper's own begins at the end of `bytes`, and its status: 4xx without a body, which no path of ours
/// ever answers. A body of ours cannot look like it: neither JSON nor metrics have a carriage return.
fn bare_refusal(bytes: &[u8]) -> Option<(usize, StatusCode)> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let from = bytes.len().saturating_sub(LONGEST_REFUSAL);
    let tail = bytes.get(from..)?;
    let at = tail.windows(7).rposition(|window| window == b"HTTP/1.")?;
    let head = std::str::from_utf8(tail.get(at..)?).ok()?;
    let status: StatusCode = head.split(' ').nth(1)?.parse().ok()?;
    let empty = head.lines().any(|line| line.eq_ignore_ascii_case("content-length: 0"));
    (status.is_client_error() && empty).then_some((from + at, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_hyper_answers_by_itself_is_kept_back() {
        let bare = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let ours = "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}";
        let check = |text: &str, found: Option<(usize, u16)>| {
            let refusal = bare_refusal(text.as_bytes()).map(|(at, status)| (at, status.as_u16()));
            assert_eq!(refusal, found, "{text}");
        };
        check(bare, Some((0, 431)));
        check(&format!("{ours}{bare}"), Some((ours.len(), 431)));
        check(ours, None);
        check("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n", None);
        check("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", None);
        check("\r\n\r\n", None);
        check("", None);
    }
}
