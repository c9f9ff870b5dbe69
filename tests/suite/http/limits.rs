use std::time::Duration;

use super::{Connection, client, request};
use crate::{
    harness::{Context, Outcome},
    support::{Process, shop},
};

/// Longer than the server waits for a head, a body, or a next request.
const LIMIT: Duration = Duration::from_secs(40);

pub(super) async fn heads_bodies_and_times_have_limits(cx: Context) -> Outcome {
    let mut service = Process::in_memory(&cx, "limits")?;
    service.up().await?;
    let port = service.port();
    shop::seed(port).await?;
    let started = async |text: &str| -> std::io::Result<Connection> {
        let mut connection = Connection::open(port).await?;
        connection.send(text.as_bytes()).await?;
        Ok(connection)
    };
    // These take as long as their limits, so they run beside the others.
    let head = "POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let mut half_a_head = started(head).await?;
    let mut half_a_body = started(&format!("{head}Content-Length: 10\r\n\r\n{{")).await?;
    let mut half_a_chunk = started(&format!("{head}Transfer-Encoding: chunked\r\n\r\nff\r\n{{")).await?;
    let mut idle = started("GET /orders HTTP/1.1\r\nHost: a\r\n\r\n").await?;
    assert_eq!(idle.answer(LIMIT).await?.status, 200);

    let large = "x".repeat(70_000);
    let huge = " ".repeat(1024 * 1024 + 1);
    for (bytes, status) in [
        (format!("GET /orders HTTP/1.1\r\nHost: a\r\nX: {large}\r\n\r\n").into_bytes(), 431),
        (format!("GET /{large} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes(), 431),
        (client::written("POST", "/orders", &huge, "close"), 413),
        (client::written("POST", "/users", &huge, "close"), 413),
        (client::written("PUT", "/inventory/a", &huge, "close"), 413),
        (format!("{head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n").into_bytes(), 400),
    ] {
        let answer = Connection::open(port).await?.exchange(&bytes).await?;
        assert_eq!((answer.status, answer.is_no_refusal()), (status, None), "{}", answer.body);
    }
    pipelined_garbage_is_refused_after_the_answers(port).await?;
    // Whoever hangs up is forgotten.
    for length in (0..head.len()).step_by(7) {
        drop(started(&head[..length]).await?);
        drop(started(&format!("{head}Content-Length: 999\r\n\r\n{}", &head[..length])).await?);
    }
    let order = shop::order(&cx.env().uuid().to_string());
    assert_eq!(request(port, "POST", "/orders", Some(&order)).await?.status, 202);

    for late in [&mut half_a_head, &mut half_a_body, &mut half_a_chunk] {
        let answer = late.answer(LIMIT).await?;
        assert_eq!((answer.status, answer.is_no_refusal()), (408, None), "{}", answer.body);
    }
    idle.closed(LIMIT).await?;
    service.end().await
}

async fn pipelined_garbage_is_refused_after_the_answers(port: u16) -> Outcome {
    let mut connection = Connection::open(port).await?;
    let get = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n";
    connection.send(format!("{get}{get}\x00\x01\x02\r\n\r\n{get}").as_bytes()).await?;
    for _ in 0..2 {
        assert_eq!(connection.answer(LIMIT).await?.status, 200);
    }
    let answer = connection.answer(LIMIT).await?;
    assert_eq!((answer.status, answer.is_no_refusal()), (400, None), "{}", answer.body);
    connection.closed(LIMIT).await?;
    Ok(())
}
