//! A small HTTP client that also says what no decent client says.

use std::{io, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than any of the server's own limits for an answer.
const LIMIT: Duration = Duration::from_secs(10);

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
    /// Whether the server will answer nothing more on this connection.
    closing: bool,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// What keeps it from being a refusal by RFC 9457: 4xx and a problem document that says the same.
    pub(crate) fn is_no_refusal(&self) -> Option<String> {
        let problem = self.json();
        let told = problem["status"] == self.status && problem["title"].is_string() && problem["type"].is_string();
        let refusal = (400..500).contains(&self.status) && self.content_type == "application/problem+json" && told;
        (!refusal).then(|| format!("{} {} {}", self.status, self.content_type, self.body))
    }
}

/// A request with a JSON body, or none.
pub(crate) fn written(method: &str, path: &str, body: &str, connection: &str) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: {connection}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// Sends a request with a JSON body, or none, to a server on this machine, and waits at most ten seconds: longer than
/// any of the server's own limits.
///
/// # Errors
/// The server did not answer in full: whether it did what was asked is unknown.
pub(crate) async fn request(port: u16, method: &str, path: &str, body: Option<&Value>) -> io::Result<Answer> {
    let body = body.map(Value::to_string).unwrap_or_default();
    Connection::open(port).await?.exchange(&written(method, path, &body, "close")).await
}

/// The same for a POST with one more header.
///
/// # Errors
/// As there.
pub(crate) async fn post_with(port: u16, path: &str, header: (&str, &str), body: &Value) -> io::Result<Answer> {
    let (name, value) = header;
    let plain = String::from_utf8(written("POST", path, &body.to_string(), "close")).map_err(io::Error::other)?;
    let request = plain.replacen("\r\n", &format!("\r\n{name}: {value}\r\n"), 1);
    Connection::open(port).await?.exchange(request.as_bytes()).await
}

/// A connection for one request after the other.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// What has been read of the next answer.
    read: Vec<u8>,
}

impl Connection {
    /// Opens one.
    pub(crate) async fn open(port: u16) -> io::Result<Self> {
        let stream = timeout(LIMIT, TcpStream::connect(("127.0.0.1", port))).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Sends `bytes`, whatever they are.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(LIMIT, self.stream.write_all(bytes)).await?
    }

    /// Sends `bytes` and waits for one answer. A server may refuse before it has read all.
    pub(crate) async fn exchange(&mut self, bytes: &[u8]) -> io::Result<Answer> {
        let sent = self.send(bytes).await;
        match self.answer(LIMIT).await {
            Ok(answer) => Ok(answer),
            Err(error) => sent.and(Err(error)),
        }
    }

    /// Posts a JSON body and keeps the connection; says whether it may be used again.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> io::Result<(Answer, bool)> {
        let answer = self.exchange(&written("POST", path, body, "keep-alive")).await?;
        let again = !answer.closing;
        Ok((answer, again))
    }

    /// The same for GET.
    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.exchange(&written("GET", path, "", "keep-alive")).await
    }

    /// The next answer, within `limit`.
    pub(crate) async fn answer(&mut self, limit: Duration) -> io::Result<Answer> {
        let reading = async {
            loop {
                if let Some((answer, length)) = parse(&self.read) {
                    self.read.drain(..length);
                    return Ok(answer);
                }
                if self.stream.read_buf(&mut self.read).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        };
        timeout(limit, reading).await?
    }

    /// Waits until the server closes; what it says until then is forgotten.
    pub(crate) async fn closed(&mut self, limit: Duration) -> io::Result<()> {
        // A reset is an end, too.
        timeout(limit, tokio::io::copy(&mut self.stream, &mut tokio::io::sink())).await.map(drop).map_err(Into::into)
    }
}

/// An answer that is complete by its own `Content-Length`, and how many bytes it has.
fn parse(bytes: &[u8]) -> Option<(Answer, usize)> {
    let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let header = |wanted: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
    let body = String::from_utf8_lossy(bytes.get(end + 4..end + 4 + length)?).into_owned();
    let content_type = header("content-type").unwrap_or_default().to_owned();
    let closing = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    Some((Answer { status, content_type, body, closing }, end + 4 + length))
}
