//! Who makes room for whom, where as many are connected as may be.

use super::*;

/// Longer than an idle connection is left in peace.
const A_WHILE: Duration = Duration::from_millis(300);
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const KEPT: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn one() -> Limits {
    Limits::default().connections(1)
}

/// Fails if anything is said on `stream` while others keep their places.
async fn assert_waits(stream: &TcpStream) {
    assert!(timeout(A_WHILE, stream.peek(&mut [0])).await.is_err(), "answered beside another connection");
}

/// `GET /` is answered when it is told to.
fn held() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let seen = (Arc::clone(&entered), Arc::clone(&go));
    let handler = async move || {
        entered.notify_one();
        go.notified().await;
        "done"
    };
    (Router::new().route("/", get(handler)), seen.0, seen.1)
}

#[tokio::test]
async fn a_request_in_progress_keeps_its_place() {
    let (router, entered, go) = held();
    let server = start(router, one()).await;
    let running = connect(&server, KEPT).await;
    timeout(LONG, entered.notified()).await.expect("it arrives");
    let waiting = connect(&server, REQUEST).await;
    assert_waits(&waiting).await;
    go.notify_one();
    // The first is idle now, and goes.
    assert!(read_all(running).await.ends_with("done"));
    timeout(LONG, entered.notified()).await.expect("the second has its place");
    go.notify_one();
    assert!(read_all(waiting).await.ends_with("done"));
}

#[tokio::test]
async fn an_answer_half_taken_keeps_its_place() {
    const LENGTH: usize = 32 << 20;
    let large = Router::new().route("/", get(async || "a".repeat(LENGTH)));
    let server = start(large, one()).await;
    let slow = connect(&server, KEPT).await;
    timeout(LONG, slow.readable()).await.expect("the answer begins").expect("a socket");
    let waiting = connect(&server, REQUEST).await;
    assert_waits(&waiting).await;
    let (answer, _) = tokio::join!(read_all(slow), read_all(waiting));
    assert_eq!(answer.split_once("\r\n\r\n").map(|(_, body)| body.len()), Some(LENGTH));
}

#[tokio::test]
async fn idle_connections_make_room() {
    let router = Router::new().route("/", get(async || "done"));
    let server = start(router, Limits::default().connections(2)).await;
    let answered = connect(&server, KEPT).await;
    timeout(LONG, answered.readable()).await.expect("answered").expect("a socket");
    let silent = connect(&server, "").await;
    let mut later = Vec::new();
    for _ in 0..4 {
        let stream = connect(&server, KEPT).await;
        timeout(LONG, stream.readable()).await.expect("answered, too").expect("a socket");
        later.push(stream);
    }
    later.truncate(2);
    assert_eq!(read_all(silent).await, "");
    for left in later.into_iter().chain([answered]) {
        assert!(read_all(left).await.ends_with("done"));
    }
}

#[tokio::test]
async fn half_a_head_makes_room_and_is_told_so() {
    let server = start(Router::new().route("/", get(async || "done")), one()).await;
    let half = connect(&server, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
    let began = Instant::now();
    assert!(read_all(connect(&server, REQUEST).await).await.ends_with("done"));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_problem(&read_all(half).await, 408);
}
