use std::time::Duration;

use futures_util::future::join_all;
use libtest_mimic::Failed;
use ottla_tests::stub::Stub;
use tokio::time::Instant;

use crate::{
    fixture::child::Signal,
    harness::{Context, Outcome},
    http::{self, Connection},
    support::{Process, shop},
};

/// What an orderly end may take; the promise is 5 s under load.
const IN_ORDER: Duration = Duration::from_secs(5);
/// What the end may take when nothing is waited for.
const AT_ONCE: Duration = Duration::from_secs(2);

pub(super) async fn a_signal_ends_the_service_in_order_with_0(cx: Context) -> Outcome {
    for (signal, name) in [(Signal::Term, "sigterm"), (Signal::Int, "sigint")] {
        let mut service = Process::in_memory(&cx, name)?;
        service.up().await?;
        shop::seed(service.port()).await?;
        let orders: Vec<_> = (0..20).map(|_| shop::order(&cx.env().uuid().to_string())).collect();
        let posts = orders.iter().map(|order| http::request(service.port(), "POST", "/orders", Some(order)));
        for answer in join_all(posts).await {
            assert_eq!(answer?.status, 202);
        }
        // Idle and half a request: neither may delay the end.
        let mut idle = Connection::open(service.port()).await?;
        idle.get("/health/live").await?;
        let mut half = Connection::open(service.port()).await?;
        half.send(b"POST /orders HTTP/1.1\r\nHost: a\r\n").await?;
        let asked = Instant::now();
        service.signal(signal)?;
        assert_eq!(service.ended(IN_ORDER).await?, Some(0), "{}", service.log());
        cx.figure(&format!("{name} ends it in {:?}", asked.elapsed()));
    }
    Ok(())
}

pub(super) async fn a_signal_ends_each_service_in_order_with_0(cx: Context) -> Outcome {
    for signals in [[Signal::Term, Signal::Int], [Signal::Int, Signal::Term]] {
        let services = Process::apart(&cx).await?;
        let port = services[0].port();
        shop::seed(port).await?;
        let ids: Vec<_> = (0..20).map(|_| cx.env().uuid().to_string()).collect();
        let orders: Vec<_> = ids.iter().map(|id| shop::order(id)).collect();
        for answer in join_all(orders.iter().map(|order| http::request(port, "POST", "/orders", Some(order)))).await {
            assert_eq!(answer?.status, 202);
        }
        for ((mut service, name), signal) in services.into_iter().zip(["producer", "consumer"]).zip(signals) {
            let mut idle = Connection::open(service.port()).await?;
            idle.get("/health/live").await?;
            let mut half = Connection::open(service.port()).await?;
            half.send(b"PUT /inventory/a HTTP/1.1\r\nHost: a\r\n").await?;
            if name == "consumer" {
                // What the producer acknowledged before its end is stored without it.
                for id in &ids {
                    service.until(&format!("/orders/{id}"), |answer| answer.json()["status"] == "stored").await?;
                }
            }
            let asked = Instant::now();
            service.signal(signal)?;
            assert_eq!(service.ended(IN_ORDER).await?, Some(0), "{name}: {}", service.log());
            cx.figure(&format!("{signal:?} ends the {name} in {:?}", asked.elapsed()));
        }
    }
    Ok(())
}

pub(super) async fn a_second_signal_ends_it_at_once_with_130(cx: Context) -> Outcome {
    let (mut service, _stub) = busy(&cx, "second", "25").await?;
    service.signal(Signal::Term)?;
    let deadline = Instant::now() + AT_ONCE * 5;
    while !service.log().contains("a second signal ends at once") {
        assert!(Instant::now() < deadline, "the first signal is not heard: {}", service.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    service.signal(Signal::Int)?;
    assert_eq!(service.ended(AT_ONCE).await?, Some(130), "{}", service.log());
    Ok(())
}

pub(super) async fn what_is_not_done_within_the_grace_is_left_with_1(cx: Context) -> Outcome {
    let (mut service, _stub) = busy(&cx, "grace", "1").await?;
    let asked = Instant::now();
    service.signal(Signal::Term)?;
    assert_eq!(service.ended(IN_ORDER).await?, Some(1), "{}", service.log());
    assert!(asked.elapsed() > Duration::from_millis(900), "the grace was not used: {:?}", asked.elapsed());
    Ok(())
}

/// A service with a request that waits for brokers which never say a word.
async fn busy(cx: &Context, name: &str, grace: &str) -> Result<(Process, (Stub, Connection)), Failed> {
    let stub = Stub::silent().await?;
    let mut service = Process::in_memory_on(cx, name, &stub.address().to_string())?.arguments(&["--grace", grace]);
    service.start()?;
    service.until("/health/live", |answer| answer.status == 200).await?;
    let mut waiting = Connection::open(service.port()).await?;
    waiting.send(&http::written("POST", "/users", &shop::customer().to_string(), "close")).await?;
    // Answered after it has been accepted.
    service.until("/health/live", |answer| answer.status == 200).await?;
    Ok((service, (stub, waiting)))
}
