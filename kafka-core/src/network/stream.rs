//! The stream below rskafka's `Messenger`: joins and gathers writes, checks every frame before Messenger sees it,
//! and can be killed from outside.
//!
//! Messenger reads an oversized frame to its end and ignores a correlation id it does not know. A broker may do
//! neither to us: both end the connection here, with a reason.

use std::{
    collections::VecDeque,
    fmt, io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    ending::{Ending, Fault, KillSwitch},
    frames::{Frames, int_at, length},
    gate::Gate,
    outbox::Outbox,
    read_ahead::ReadAhead,
};
use crate::connector::Io;

/// What is read ahead; larger reads bypass the buffer.
pub(super) const READ_AHEAD_BYTES: usize = 16 << 10;
/// Key, version and correlation id stand in a request's first eight bytes, after its length.
const REQUEST_HEAD: usize = 12;
/// How TLS answers what is not TLS: a record of type 21, version 3.
const TLS_ALERT: [u8; 2] = [21, 3];
/// The correlation id stands in an answer's first four bytes, after its length.
const ANSWER_HEAD: usize = 8;

/// A broker's connection, as Messenger sees it.
pub(super) struct Stream {
    io: Io,
    kill: KillSwitch,
    gate: Gate,
    answer_bytes_max: usize,
    outbox: Outbox,
    /// Requests behind the closed gate, in their order.
    held: BytesMut,
    ahead: ReadAhead,
    requests: Frames<REQUEST_HEAD>,
    answers: Frames<ANSWER_HEAD>,
    /// Correlation ids that were written and not answered, oldest first: a broker answers a connection in order.
    awaited: VecDeque<i32>,
    answered: u64,
    reader: Option<Waker>,
}

impl Stream {
    /// Wraps `io`; an answer longer than `answer_bytes_max` ends the connection.
    pub(super) fn new(io: Io, answer_bytes_max: usize) -> (Self, KillSwitch, Gate) {
        let (kill, gate) = (KillSwitch::default(), Gate::default());
        let stream = Self {
            io,
            kill: kill.clone(),
            gate: gate.clone(),
            answer_bytes_max,
            outbox: Outbox::default(),
            held: BytesMut::new(),
            ahead: ReadAhead::new(),
            requests: Frames::new(),
            answers: Frames::new(),
            awaited: VecDeque::new(),
            answered: 0,
            reader: None,
        };
        (stream, kill, gate)
    }

    fn fail(&self, ending: Ending) -> io::Error {
        let error = io::Error::new(io::ErrorKind::InvalidData, ending.reason.as_str());
        self.kill.end(ending);
        error
    }

    fn ended(&self) -> Result<(), io::Error> {
        match self.kill.reason() {
            Some(reason) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, reason)),
            None => Ok(()),
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
            self.answered = self.answered.saturating_add(1);
            return Ok(());
        }
        if self.answered == 0 {
            return Err(self.fail(not_kafka(head)));
        }
        Err(self.fail(Ending::new(
            Fault::Lost,
            match fits {
                false => format!("an answer of {length} bytes exceeds the limit of {}", self.answer_bytes_max),
                true => format!("an answer to request {correlation}, when {:?} is next", self.awaited.front()),
            },
        )))
    }

    /// The broker closed it: what that says depends on what was said before.
    fn closed_by_broker(&self) -> io::Error {
        let head = self.answers.partial();
        // Shorter than a head, and no accident: a broken connection ends in the middle of anything.
        if self.answered == 0 && head.starts_with(&TLS_ALERT) {
            return self.fail(not_kafka(head));
        }
        // ApiVersions is answered before a client has said who it is.
        if (self.answered, self.awaited.is_empty()) == (1, false) {
            let reason = "the broker closed it at its first request; does it want SASL?";
            return self.fail(Ending::new(Fault::Unwelcome, reason));
        }
        let reason = match (self.answered, self.awaited.is_empty()) {
            (0, _) if head.is_empty() => "the broker closed it without a word; does it want TLS?",
            (0, _) => "the broker closed it in its first answer",
            (_, false) => "the broker closed it without an answer",
            (_, true) => "the broker closed it",
        };
        self.fail(Ending::new(Fault::Lost, reason))
    }

    /// Hands what the open gate does not hold back any more to the outbox.
    fn let_go(&mut self) {
        if !self.held.is_empty() && !self.gate.is_closed() {
            let held = std::mem::take(&mut self.held);
            self.note_requests(&held);
            self.outbox.gather(&held);
        }
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
                return Poll::Ready(if count == 0 { Err(self.closed_by_broker()) } else { Ok(()) });
            }
            let mut read = ReadBuf::new(self.ahead.space());
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
            let count = read.filled().len();
            if count == 0 {
                return Poll::Ready(Err(self.closed_by_broker()));
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

/// A first answer that is none.
fn not_kafka(head: &[u8]) -> Ending {
    let hint = if head.starts_with(&TLS_ALERT) { ", a TLS alert: this listener wants TLS" } else { "" };
    Ending::new(Fault::NotKafka, format!("its first bytes are '{}'{hint}", head.escape_ascii()))
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = &mut *self;
        me.kill.reader().register(cx.waker());
        me.gate.reader().register(cx.waker());
        me.ended()?;
        me.let_go();
        if let Poll::Ready(Err(error)) = me.outbox.poll_empty(&mut me.io, cx) {
            return Poll::Ready(Err(me.fail(Ending::of(&error))));
        }
        match me.poll_checked(cx, buf) {
            Poll::Pending => {
                if !me.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
                    me.reader = Some(cx.waker().clone());
                }
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(me.fail(Ending::of(&error)))),
        }
    }
}

impl AsyncWrite for Stream {
    /// Never waits: Messenger holds a lock while it writes, in the future of a caller that may not be polled again.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let me = &mut *self;
        me.ended()?;
        if me.gate.holds() {
            me.held.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        me.let_go();
        me.note_requests(bytes);
        if let Err(error) = me.outbox.write(&mut me.io, cx, bytes) {
            return Poll::Ready(Err(me.fail(Ending::of(&error))));
        }
        if let Some(reader) = &me.reader {
            reader.wake_by_ref();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Messenger flushes after each request. The reader's next turn sends all that is gathered by then at once.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
