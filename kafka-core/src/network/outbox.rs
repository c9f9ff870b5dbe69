//! What was written and not yet sent.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite;

use crate::connector::Io;

/// Writes up to this size are joined and sent together in the reader's turn; larger ones are sent at once.
const GATHER_BYTES_MAX: usize = 128 << 10;

/// Bytes on their way to the socket. It takes all that is written: what a socket does not take at once waits here
/// rather than in a caller's future, which nobody may be polling. Callers bound it: each waits for its answer.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    gathered: BytesMut,
    /// TLS keeps what it has encrypted until it is flushed.
    unflushed: bool,
}

impl Outbox {
    /// Takes `bytes`, and sends at once what is too much to gather. The reader must be woken after it.
    pub(super) fn write(&mut self, io: &mut Io, cx: &mut Context<'_>, mut bytes: &[u8]) -> io::Result<()> {
        if self.gathered.len().saturating_add(bytes.len()) > GATHER_BYTES_MAX {
            while !bytes.is_empty() {
                match self.poll_send(io, cx, bytes) {
                    Poll::Ready(sent) => bytes.advance(sent?),
                    Poll::Pending => break,
                }
            }
        }
        self.gather(bytes);
        Ok(())
    }

    /// Takes `bytes` for the reader to send.
    pub(super) fn gather(&mut self, bytes: &[u8]) {
        self.gathered.extend_from_slice(bytes);
    }

    /// Sends and flushes all that waits.
    pub(super) fn poll_empty(&mut self, io: &mut Io, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.gathered.is_empty() {
            ready!(self.poll_send(io, cx, &[]))?;
            // The room for one large request is not kept for all the small ones.
            if self.gathered.capacity() > GATHER_BYTES_MAX {
                self.gathered = BytesMut::new();
            }
        }
        if self.unflushed {
            ready!(Pin::new(io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what is gathered, then of `more` what the socket takes; says how much of `more` went.
    fn poll_send(&mut self, io: &mut Io, cx: &mut Context<'_>, more: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            if self.gathered.is_empty() && more.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let sent = if self.gathered.is_empty() {
                ready!(Pin::new(&mut *io).poll_write(cx, more))?
            } else if more.is_empty() {
                ready!(Pin::new(&mut *io).poll_write(cx, &self.gathered))?
            } else {
                let slices = [IoSlice::new(&self.gathered), IoSlice::new(more)];
                ready!(Pin::new(&mut *io).poll_write_vectored(cx, &slices))?
            };
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            let held = self.gathered.len();
            self.gathered.advance(sent.min(held));
            if sent > held {
                return Poll::Ready(Ok(sent.saturating_sub(held)));
            }
        }
    }
}
