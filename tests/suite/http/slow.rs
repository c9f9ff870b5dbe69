use std::time::Duration;

use futures_util::future::join_all;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{Connection, client};
use crate::{
    harness::{Context, Outcome},
    support::{Process, shop},
};

const SLOW: usize = 200;
const ORDERS: usize = 100;
/// What an order may take beside them, on a machine that does other things, too.
const IN_TIME: Duration = Duration::from_secs(2);
/// How long the slow ones are outlived at least: longer than the server waits for a head.
const AT_LEAST: Duration = Duration::from_secs(20);

pub(super) async fn two_hundred_slow_connections_do_not_stop_the_service(cx: Context) -> Outcome {
    let mut service = Process::in_memory(&cx, "slow")?;
    service.up().await?;
    let port = service.port();
    shop::seed(port).await?;
    let (over, running) = watch::channel(false);
    let slow = join_all((0..SLOW).map(|number| dribble(port, number, running.clone())));
    let posting = async {
        let began = Instant::now();
        let mut longest = Duration::ZERO;
        let mut posted = 0;
        while posted < ORDERS || began.elapsed() < AT_LEAST {
            let order = shop::order(&cx.env().uuid().to_string()).to_string();
            let asked = Instant::now();
            let answer =
                Connection::open(port).await?.exchange(&client::written("POST", "/orders", &order, "close")).await?;
            longest = longest.max(asked.elapsed());
            assert_eq!(answer.status, 202, "{}", answer.body);
            posted += 1;
            sleep(Duration::from_millis(20)).await;
        }
        over.send_replace(true);
        Ok::<_, libtest_mimic::Failed>((posted, longest))
    };
    let (ended, posted) = tokio::join!(slow, posting);
    let (posted, longest) = posted?;
    assert!(longest < IN_TIME, "an order took {longest:?}");
    let ended = ended.into_iter().filter(|ended| *ended).count();
    // Heads and bodies are given up; who sends whole requests slowly is nobody's enemy.
    assert!(ended >= SLOW / 2, "the server ended only {ended} of {SLOW}");
    cx.figure(&format!(
        "{posted} orders beside {SLOW} slow connections, the longest {longest:?}; {ended} were given up"
    ));
    service.end().await
}

/// Sends a byte now and then: of a head, of a body, or of nothing at all. Whether the server ended it.
async fn dribble(port: u16, number: usize, over: watch::Receiver<bool>) -> bool {
    let head = "POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let text = match number % 3 {
        0 => head.to_owned(),
        1 => format!("{head}Content-Length: 9999\r\n\r\n{}", " ".repeat(500)),
        _ => String::new(),
    };
    let Ok(mut connection) = Connection::open(port).await else { return false };
    if number % 3 == 1 && connection.send(text.get(..120).unwrap_or_default().as_bytes()).await.is_err() {
        return true;
    }
    for byte in text.as_bytes().iter().skip(if number % 3 == 1 { 120 } else { 0 }) {
        if *over.borrow() {
            return false;
        }
        let closed = connection.closed(Duration::from_millis(500)).await.is_ok();
        if closed || connection.send(&[*byte]).await.is_err() {
            return true;
        }
    }
    while !*over.borrow() {
        if connection.closed(Duration::from_millis(500)).await.is_ok() {
            return true;
        }
    }
    false
}
