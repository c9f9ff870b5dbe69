//! The server over real sockets.

mod room;

use std::{io::ErrorKind, net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    routing::{get, post},
};
use ottla::{Env, Schema};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
    time::{Instant, timeout},
};

use super::{Limits, MAX_BODY, Problem, Server, read_json};

const LONG: Duration = Duration::from_secs(20);

async fn start(router: Router, limits: Limits) -> Server {
    Server::start(&Env::system(), (Ipv4Addr::LOCALHOST, 0).into(), router, limits).await.expect("listens")
}

async fn connect(server: &Server, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.addr()).await.expect("connects");
    stream.write_all(text.as_bytes()).await.expect("writes");
    stream
}

async fn read_all(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end, too.
    let _ = timeout(LONG, stream.read_to_end(&mut text)).await.expect("the server ends it");
    String::from_utf8(text).expect("text")
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_headers_is_given_up() {
    let limits = Limits::default().header_timeout(Duration::from_millis(50));
    let server = start(Router::new(), limits).await;
    let stream = connect(&server, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
    assert_problem(&read_all(stream).await, 408);
}

#[tokio::test]
async fn a_running_request_is_answered_before_the_end() {
    let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (entered, go) = (Arc::clone(&entered), Arc::clone(&go));
        async move || {
            entered.notify_one();
            go.notified().await;
            "done"
        }
    };
    let server = start(Router::new().route("/", get(handler)), Limits::default()).await;
    let stream = connect(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    timeout(LONG, entered.notified()).await.expect("it arrives");
    let (ended, answer) = tokio::join!(server.shutdown(LONG), async {
        go.notify_one();
        read_all(stream).await
    });
    assert!(ended);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
}

/// `POST /` takes any JSON.
fn echo() -> Router {
    let schema = Schema::compile("true").expect("a schema");
    let handler = async move |request: Request| -> Result<String, Problem> {
        Ok(read_json::<Value>(request, &schema).await?.value.to_string())
    };
    Router::new().route("/", post(handler).get(async || "done"))
}

/// Fails unless `answer` is a problem document of this status.
fn assert_problem(answer: &str, status: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains("content-type: application/problem+json"), "{answer}");
    let problem: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(problem["status"], status, "{answer}");
}

#[tokio::test]
async fn whatever_is_no_request_is_refused_by_a_problem_document() {
    let server = start(echo(), Limits::default()).await;
    let long = "a".repeat(70_000);
    for (text, status) in [
        ("HELLO\r\n\r\n".to_owned(), 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\na: \0\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nHost: a\r\na: {long}\r\n\r\n"), 431),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 431),
        ("GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(), 404),
        ("DELETE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(), 405),
    ] {
        assert_problem(&read_all(connect(&server, &text).await).await, status);
    }
}

#[tokio::test]
async fn garbage_after_a_request_does_not_spoil_its_answer() {
    let server = start(echo(), Limits::default()).await;
    let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\x01\x02 garbage\r\n\r\n";
    let answers = read_all(connect(&server, text).await).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
    let last = answers.rfind("HTTP/1.1 4").expect("an answer");
    assert_problem(&answers[last..], 400);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_and_the_refusal_arrives() {
    let server = start(echo(), Limits::default()).await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        2 * MAX_BODY
    );
    let answer = read_all(connect(&server, &format!("{head}{}", " ".repeat(2 * MAX_BODY))).await).await;
    assert_problem(&answer, 413);
}

#[tokio::test]
async fn what_is_not_plain_json_is_refused() {
    let server = start(echo(), Limits::default()).await;
    for (headers, status) in [
        ("Content-Type: application/json", 200),
        ("Content-Type: application/json; charset=UTF-8", 200),
        ("Content-Type: application/merge-patch+json\r\nContent-Encoding: identity", 200),
        ("Content-Type: application/json; charset=utf-16", 415),
        ("Content-Type: application/json\r\nContent-Encoding: gzip", 415),
        ("Content-Type: application/json\r\nContent-Type: text/plain", 415),
        ("Content-Type: text/json", 415),
        ("Accept: */*", 415),
    ] {
        let text =
            format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
        let answer = read_all(connect(&server, &text).await).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {answer}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    let server = start(echo(), Limits::default().header_timeout(Duration::from_millis(50))).await;
    assert_eq!(read_all(connect(&server, "").await).await, "");
    let answer = read_all(connect(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_given_up() {
    let large = Router::new().route("/", get(async || "a".repeat(1 << 20)));
    let server = start(large, Limits::default().write_timeout(Duration::from_millis(50))).await;
    let requests = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(64);
    let stream = connect(&server, &requests).await;
    // Who does not read sees the end only by writing: it is refused.
    let refused = async {
        loop {
            stream.writable().await.expect("a socket");
            if stream.try_write(b"GET").is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, refused).await.expect("given up");
}

#[tokio::test]
async fn unfinished_requests_do_not_delay_the_end() {
    let server = start(echo(), Limits::default()).await;
    let silent = connect(&server, "").await;
    let half_a_head = connect(&server, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    let half_a_body = connect(&server, head).await;
    // Answered in order, so the others have been accepted.
    let idle = connect(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    idle.readable().await.expect("answered");
    let began = Instant::now();
    assert!(server.shutdown(LONG).await);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_problem(&read_all(half_a_body).await, 503);
    assert_eq!(read_all(silent).await + &read_all(half_a_head).await, "");
}
