//! The stream below rskafka's `Messenger`: joins and gathers writes, checks every frame before Messenger sees it,
//! and can be killed from outside.
//!
//! Messenger reads an oversized frame to its end and ignores a correlation id it does not know. A broker may do
//! neither to us: both end the connection here, with a reason.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, BytesMut};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    frames::{Frames, int_at, length},
    read_ahead::ReadAhead,
};
use crate::connector::Io;

/// Writes up to this size are joined and sent together in the reader's turn; larger ones are sent at once.
const GATHER_BYTES_MAX: usize = 128 << 10;
/// What is read ahead; larger reads bypass the buffer.
pub(super) const READ_AHEAD_BYTES: usize = 16 << 10;
/// Key, version and correlation id stand in a request's first eight bytes, after its length.
const REQUEST_HEAD: usize = 12;
/// The correlation id stands in an answer's first four bytes, after its length.
const ANSWER_HEAD: usize = 8;

/// Ends a connection from outside. The Messenger is borrowed by the calls in flight, so dropping it is not enough.
#[derive(Clone, Debug, Default)]
pub(super) struct KillSwitch(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    reason: Mutex<Option<String>>,
    reader: AtomicWaker,
}

impl KillSwitch {
    /// Ends the connection, unless it has ended: the next read fails and with it every call in flight.
    pub(super) fn kill(&self, reason: impl Into<String>) {
        self.0.reason.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| reason.into());
        self.0.reader.wake();
    }

    /// Why the connection ended, if it has.
    pub(super) fn reason(&self) -> Option<String> {
        self.0.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A broker's connection, as Messenger sees it.
pub(super) struct Stream {
    io: Io,
    kill: KillSwitch,
    answer_bytes_max: usize,
    gathered: BytesMut,
    ahead: ReadAhead,
    requests: Frames<REQUEST_HEAD>,
    answers: Frames<ANSWER_HEAD>,
    /// Correlation ids that were written and not answered, oldest first: a broker answers a connection in order.
    awaited: VecDeque<i32>,
    answered: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Stream {
    /// Wraps `io`; an answer longer than `answer_bytes_max` ends the connection.
    pub(super) fn new(io: Io, answer_bytes_max: usize) -> (Self, KillSwitch) {
        let kill = KillSwitch::default();
        let stream = Self {
            io,
            kill: kill.clone(),
            answer_bytes_max,
            gathered: BytesMut::new(),
            ahead: ReadAhead::new(),
            requests: Frames::new(),
            answers: Frames::new(),
            awaited: VecDeque::new(),
            answered: false,
            reader: None,
            writer: None,
        };
        (stream, kill)
    }

    fn fail(&self, reason: String) -> io::Error {
        self.kill.kill(reason.as_str());
        io::Error::new(io::ErrorKind::InvalidData, reason)
    }

    fn ended(&self) -> Result<(), io::Error> {
        match self.kill.reason() {
            Some(reason) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, reason)),
            None => Ok(()),
        }
    }

    /// Sends what is gathered, then of `more` what the socket takes; says how much of `more` went.
    fn poll_send(&mut self, cx: &mut Context<'_>, more: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            if self.gathered.is_empty() && more.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let slices = [IoSlice::new(&self.gathered), IoSlice::new(more)];
            let sent = if self.gathered.is_empty() {
                ready!(Pin::new(&mut self.io).poll_write(cx, more))?
            } else if more.is_empty() {
                ready!(Pin::new(&mut self.io).poll_write(cx, &self.gathered))?
            } else {
                ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &slices))?
            };
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let held = self.gathered.len();
            self.gathered.advance(sent.min(held));
            if sent > held {
                return Poll::Ready(Ok(sent.saturating_sub(held)));
            }
        }
    }

    /// Notes the correlation ids of the requests in `bytes`.
    fn note_requests(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let pass = self.requests.left().min(bytes.len());
            self.requests.pass(pass);
            bytes.advance(pass);
            let (took, head) = self.requests.feed(bytes);
            bytes.advance(took);
            if let Some(head) = head {
                self.awaited.push_back(int_at(&head, 8));
            }
        }
    }

    /// Checks the heads of the answers that were read ahead.
    fn check_answers(&mut self) -> io::Result<()> {
        loop {
            let unchecked = self.ahead.unchecked();
            if unchecked.is_empty() {
                return Ok(());
            }
            let pass = self.answers.left().min(unchecked.len());
            self.answers.pass(pass);
            let (took, head) = self.answers.feed(unchecked.get(pass..).unwrap_or_default());
            self.ahead.check(pass.saturating_add(took));
            if let Some(head) = head {
                self.check_answer(&head)?;
            }
        }
    }

    fn check_answer(&mut self, head: &[u8; ANSWER_HEAD]) -> io::Result<()> {
        let (length, correlation) = (length(head), int_at(head, 4));
        let fits = usize::try_from(length).is_ok_and(|length| (4..=self.answer_bytes_max).contains(&length));
        let awaited = self.awaited.front() == Some(&correlation);
        if fits && awaited {
            self.awaited.pop_front();
            self.answered = true;
            return Ok(());
        }
        if !self.answered {
            return Err(self.fail(format!("it does not speak Kafka: its first bytes are '{}'", head.escape_ascii())));
        }
        Err(self.fail(match fits {
            false => format!("an answer of {length} bytes exceeds the limit of {}", self.answer_bytes_max),
            true => format!("an answer to request {correlation}, when {:?} is next", self.awaited.front()),
        }))
    }

    fn poll_checked(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.ahead.give(buf) {
                return Poll::Ready(Ok(()));
            }
            // The rest of a long answer goes straight to where Messenger wants it.
            let direct = self.answers.left().min(buf.remaining());
            if direct >= READ_AHEAD_BYTES {
                let mut part = ReadBuf::new(buf.initialize_unfilled_to(direct));
                ready!(Pin::new(&mut self.io).poll_read(cx, &mut part))?;
                let count = part.filled().len();
                buf.advance(count);
                self.answers.pass(count);
                return Poll::Ready(if count == 0 { Err(ended_by_broker()) } else { Ok(()) });
            }
            let mut read = ReadBuf::new(self.ahead.space());
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
            let count = read.filled().len();
            if count == 0 {
                return Poll::Ready(Err(ended_by_broker()));
            }
            self.ahead.filled(count);
            self.check_answers()?;
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("awaited", &self.awaited).field("kill", &self.kill).finish_non_exhaustive()
    }
}

fn ended_by_broker() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the broker closed it")
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = &mut *self;
        me.kill.0.reader.register(cx.waker());
        me.ended()?;
        if !me.gathered.is_empty() {
            match me.poll_send(cx, &[]) {
                Poll::Ready(Ok(_)) => {
                    if let Some(writer) = me.writer.take() {
                        writer.wake();
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(me.fail(error.to_string()))),
                Poll::Pending => {}
            }
        }
        match me.poll_checked(cx, buf) {
            Poll::Pending => {
                if !me.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
                    me.reader = Some(cx.waker().clone());
                }
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(me.fail(error.to_string()))),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let me = &mut *self;
        me.ended()?;
        if me.gathered.len().saturating_add(bytes.len()) <= GATHER_BYTES_MAX {
            me.gathered.extend_from_slice(bytes);
            me.note_requests(bytes);
            if let Some(reader) = &me.reader {
                reader.wake_by_ref();
            }
            return Poll::Ready(Ok(bytes.len()));
        }
        match me.poll_send(cx, bytes) {
            Poll::Ready(Ok(sent)) => {
                me.note_requests(bytes.get(..sent).unwrap_or_default());
                Poll::Ready(Ok(sent))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(me.fail(error.to_string()))),
            Poll::Pending => {
                me.writer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Messenger flushes after each request. The reader's next turn sends all that is gathered by then at once.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
