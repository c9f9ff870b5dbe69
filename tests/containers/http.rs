//! One HTTP request at a time, and waiting for an answer.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use libtest_mimic::Failed;
use serde_json::Value;
use tokio::time::Instant;

/// An answer that takes longer is none.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(200);

/// Sends `body` to 127.0.0.1 and returns the status and the answer.
pub(crate) fn send(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, String), Failed> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status.ok_or_else(|| format!("no HTTP: {answer}"))?, body.to_owned()))
}

/// Sends it and fails unless the answer is 2xx.
pub(crate) fn done(port: u16, method: &str, path: &str, body: &Value) -> Result<String, Failed> {
    match send(port, method, path, Some(body))? {
        (200..300, answer) => Ok(answer),
        (status, answer) => Err(format!("{method} {path}: {status} {answer}").into()),
    }
}

/// Asks until `wanted` gives something, or fails with what it last gave instead.
#[expect(clippy::disallowed_methods, reason = "no event loop stands still: these tests have none")]
pub(crate) fn until<T>(limit: Duration, mut wanted: impl FnMut() -> Result<T, Failed>) -> Result<T, Failed> {
    let began = Instant::now();
    loop {
        match wanted() {
            Ok(value) => return Ok(value),
            Err(failed) if began.elapsed() > limit => return Err(failed),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// Waits until the order's state is `stored`.
pub(crate) fn until_stored(port: u16, order: &str) -> Result<(), Failed> {
    until(Duration::from_secs(60), || match send(port, "GET", &format!("/orders/{order}"), None)? {
        (200, body) if body.contains("\"stored\"") => Ok(()),
        (status, body) => Err(format!("order {order}: {status} {body}").into()),
    })
}
