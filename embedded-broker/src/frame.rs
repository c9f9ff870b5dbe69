//! Frames and headers, as described in Kafka's "Protocol Guide".

use std::{fmt, io, time::Duration};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
};
use ottla_kafka_core::{Io, protocol::guard};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

/// The longest request. Kafka: `socket.request.max.bytes`, 100 MiB.
pub(crate) const MAX_FRAME: usize = 100 * 1024 * 1024;

/// Key, version and correlation id: what every request begins with.
const SHORTEST_FRAME: usize = 8;

/// What is read ahead while a request is being answered; more waits in the socket.
const READ_AHEAD: usize = 1024 * 1024;

/// How long a client that has begun a request, or reads its answer, may make no progress.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is written before progress is looked for.
const CHUNK: usize = 64 * 1024;

/// Why a connection is closed from this side.
#[derive(Debug)]
pub(crate) enum ConnectionError {
    Io(io::Error),
    FrameLength(i32),
    UnknownApi(i16),
    UnsupportedVersion { key: i16, version: i16 },
    Malformed { key: i16, version: i16, detail: String },
    Encode { key: i16, version: i16, detail: String },
    Scripted,
    NoProgress,
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::FrameLength(length) => write!(f, "a frame of {length} bytes: is this a Kafka client?"),
            Self::UnknownApi(key) => write!(f, "request {key} is not served here"),
            Self::UnsupportedVersion { key, version } => write!(f, "request {key} is not served in version {version}"),
            Self::Malformed { key, version, detail } => write!(f, "request {key} v{version} cannot be read: {detail}"),
            Self::Encode { key, version, detail } => write!(f, "answer {key} v{version} cannot be written: {detail}"),
            Self::NoProgress => write!(f, "no progress within {PATIENCE:?}"),
            Self::Scripted => f.write_str("closed by a scripted fault"),
        }
    }
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A request whose header's fixed part is read.
pub(crate) struct Frame {
    pub(crate) key: i16,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    bytes: Bytes,
}

impl Frame {
    /// Reads the rest of the header, and the body.
    pub(crate) fn decode<R: Request>(mut self) -> Result<(Option<StrBytes>, R), ConnectionError> {
        let (key, version) = (self.key, self.version);
        let malformed = |detail: String| ConnectionError::Malformed { key, version, detail };
        let header_version = R::header_version(version);
        let header = RequestHeader::decode(&mut self.bytes, header_version).map_err(|e| malformed(e.to_string()))?;
        // Only requests with tagged fields have the header with tagged fields.
        let flexible = header_version >= 2;
        let body = guard::decode_request(self.bytes, version, flexible).map_err(|e| malformed(e.to_string()))?;
        Ok((header.client_id, body))
    }
}

/// A whole answer with its length in front.
pub(crate) fn encode<A: Encodable + HeaderVersion>(
    answer: &A,
    key: i16,
    version: i16,
    correlation_id: i32,
) -> Result<Bytes, ConnectionError> {
    let failed = |detail: String| ConnectionError::Encode { key, version, detail };
    let mut out = BytesMut::new();
    out.put_i32(0);
    let header = ResponseHeader::default().with_correlation_id(correlation_id);
    header.encode(&mut out, A::header_version(version)).map_err(|e| failed(e.to_string()))?;
    answer.encode(&mut out, version).map_err(|e| failed(e.to_string()))?;
    let length = i32::try_from(out.len() - 4).map_err(|_| failed("longer than a frame".to_owned()))?;
    if let Some(prefix) = out.get_mut(..4) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
    Ok(out.freeze())
}

/// A connection's two directions.
pub(crate) struct Frames {
    io: Io,
    buffer: BytesMut,
}

impl Frames {
    pub(crate) fn new(io: Io) -> Self {
        Self { io, buffer: BytesMut::with_capacity(64 * 1024) }
    }

    /// The next request, `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, ConnectionError> {
        // Between requests a client may take its time; within one it may not.
        if self.buffer.is_empty() && self.io.read_buf(&mut self.buffer).await? == 0 {
            return Ok(None);
        }
        if !self.fill(4).await? {
            return Ok(None);
        }
        let length = self.buffer.get_i32();
        let size = usize::try_from(length).ok().filter(|size| (SHORTEST_FRAME..=MAX_FRAME).contains(size));
        let size = size.ok_or(ConnectionError::FrameLength(length))?;
        if !self.fill(size).await? {
            return Ok(None);
        }
        let bytes = self.buffer.split_to(size).freeze();
        let mut head = bytes.clone();
        Ok(Some(Frame { key: head.get_i16(), version: head.get_i16(), correlation_id: head.get_i32(), bytes }))
    }

    /// Reads until `size` bytes are there. False at the end of the stream.
    async fn fill(&mut self, size: usize) -> Result<bool, ConnectionError> {
        while self.buffer.len() < size {
            let read = timeout(PATIENCE, self.io.read_buf(&mut self.buffer)).await;
            if read.map_err(|_| ConnectionError::NoProgress)?? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns when the client closes the connection. What it sends meanwhile is kept.
    pub(crate) async fn closed(&mut self) {
        while self.buffer.len() < READ_AHEAD {
            match self.io.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        std::future::pending().await
    }

    pub(crate) async fn write(&mut self, frame: &[u8]) -> Result<(), ConnectionError> {
        for chunk in frame.chunks(CHUNK) {
            let written = timeout(PATIENCE, self.io.write_all(chunk)).await;
            written.map_err(|_| ConnectionError::NoProgress)??;
        }
        timeout(PATIENCE, self.io.flush()).await.map_err(|_| ConnectionError::NoProgress)??;
        Ok(())
    }
}
