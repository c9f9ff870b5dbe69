//! Every public async function, dropped at every await: nothing is lost, repeated or wedged.
//!
//! The tables name the functions as `Type::function`; `cargo xtask tidy` compares them with the code, so that a function
//! without a row fails. Each row runs its function again and again, polled once more each time before it is dropped,
//! until it comes to its end by itself.

mod admin;
mod calls;
mod consumer;
mod delivery;
mod postgres;
mod producer;
mod reader;

use std::{pin::pin, task::Poll, time::Duration};

use libtest_mimic::Failed;
use ottla_kafka_core::BoxFuture;
use ottla_tests::lane::Needs;
use tokio::time::timeout;

use crate::harness::{Context, Outcome, Suite};

/// A function's name and what shows that it may be dropped; it gives the number of awaits that were tried.
type Row = (&'static str, fn(Context) -> BoxFuture<'static, Result<usize, Failed>>);

/// How long a function, or what comes after it was dropped, may take: anything longer is wedged.
const WEDGED: Duration = Duration::from_secs(60);
/// More awaits than any function has.
const AWAITS_MAX: usize = 500;

pub(crate) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(300);
    suite.long_test("dropped::calls_can_be_made_again", Needs::ANY, limit, calls_can_be_made_again);
    suite.long_test("dropped::a_consumer_goes_on", Needs::ANY, limit, a_consumer_goes_on);
    suite.long_test("dropped::a_worker_settles_every_record", Needs::ANY, limit, a_worker_settles_every_record);
    let postgres = Needs::ANY.postgres();
    suite.long_test("dropped::a_store_in_postgres_goes_on", postgres, limit, a_store_in_postgres_goes_on);
    suite.long_test("dropped::a_producer_keeps_its_promises", Needs::ANY, limit, a_producer_keeps_its_promises);
}

async fn calls_can_be_made_again(cx: Context) -> Outcome {
    rows(cx.clone(), calls::ROWS).await?;
    rows(cx, admin::ROWS).await
}

async fn a_consumer_goes_on(cx: Context) -> Outcome {
    rows(cx.clone(), consumer::ROWS).await?;
    rows(cx, reader::ROWS).await
}

async fn a_worker_settles_every_record(cx: Context) -> Outcome {
    rows(cx, delivery::ROWS).await
}

async fn a_store_in_postgres_goes_on(cx: Context) -> Outcome {
    rows(cx, postgres::ROWS).await
}

async fn a_producer_keeps_its_promises(cx: Context) -> Outcome {
    rows(cx, producer::ROWS).await
}

async fn rows(cx: Context, rows: &[Row]) -> Outcome {
    for (name, check) in rows {
        let awaits = check(cx.clone()).await.map_err(|failed| message(name, &failed))?;
        eprintln!("dropped {name}: at each of {awaits} awaits");
    }
    Ok(())
}

fn message(name: &str, failed: &Failed) -> Failed {
    format!("{name}: {}", failed.message().unwrap_or("failed")).into()
}

/// Runs `step` with 0, 1, 2… until one says that its function came to its end before that many awaits.
async fn at_every_await<Fut>(mut step: impl FnMut(usize) -> Fut) -> Result<usize, Failed>
where
    Fut: Future<Output = Result<bool, Failed>>,
{
    for awaits in 0..AWAITS_MAX {
        let step = timeout(WEDGED, step(awaits)).await;
        if step.map_err(|_| format!("wedged after it was dropped at await {awaits}"))?? {
            return Ok(awaits);
        }
    }
    Err(format!("no end within {AWAITS_MAX} awaits").into())
}

/// Polls `future` until it is ready, or drops it where it waits for the time after `awaits`.
async fn dropped_after<F: Future>(awaits: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = awaits;
    std::future::poll_fn(|task| match future.as_mut().poll(task) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
