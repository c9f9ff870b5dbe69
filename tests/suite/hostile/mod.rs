//! Brokers that lie, are something else, or mean harm. Each behaviour is a row of a table: what is told about which
//! answer, what the client does meanwhile, and what must come of it: an error in time that names the address and the
//! fault, or nothing that the application notices.

mod answers;
mod attempts;
mod edit;
mod frames;
mod listeners;
mod metadata;
mod records;
mod sasl;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use libtest_mimic::Failed;
use ottla_embedded_broker::EmbeddedBroker;
use ottla_kafka_core::{BoxFuture, BrokerAddr, Client, ClientBuilder, Error, ErrorKind};
use ottla_tests::{
    lane::Needs,
    liar::{Liar, Told},
    stub::Request,
};
use tokio::time::{Instant, timeout};

use crate::{
    harness::{Context, Outcome, Suite},
    support::Rerouted,
};
use attempts::Attempt;

/// The client's limit on a request.
const REQUEST_LIMIT: Duration = Duration::from_secs(1);
/// The client's limit on a call with its retries.
const CALL_LIMIT: Duration = Duration::from_secs(3);
/// When a call is taken for hung.
const HUNG: Duration = Duration::from_secs(12);
/// Behaviours under way at once.
const AT_ONCE: usize = 8;
/// How much more memory than before the process may have had, in bytes: what a consumer may fetch, a frame of each kind
/// in each of the behaviours under way, and 64 MiB.
const MEMORY_MAX: u64 = (64 + 64 + 64) << 20;

/// One behaviour.
struct Row {
    what: &'static str,
    attempt: Attempt,
    /// How many times the lie is told; the truth follows.
    times: u32,
    lie: fn(&Request, &[u8]) -> Told,
    expected: Expected,
}

/// What must come of it.
#[derive(Clone, Copy)]
enum Expected {
    /// An error that names the broker's address and says this.
    Says(&'static str),
    /// The same, and at first sight: no time had to run out.
    Knows(&'static str),
    /// An error of the broker's or the client's own that says this; it needs no address, as the broker is not to blame
    /// alone.
    Tells(&'static str),
    /// The application notices nothing.
    Heals,
}

const ALWAYS: u32 = u32::MAX;

pub(crate) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(300);
    let hostile = every_hostile_behaviour_ends_in_an_error_that_names_it;
    suite.long_test("hostile::every_hostile_behaviour_ends_in_an_error_that_names_it", Needs::ANY, limit, hostile);
    let another = listeners::a_listener_of_another_kind_is_named_on_every_connection;
    suite.long_test("hostile::a_listener_of_another_kind_is_named_on_every_connection", Needs::ANY, limit, another);
}

async fn every_hostile_behaviour_ends_in_an_error_that_names_it(cx: Context) -> Outcome {
    let rows: Vec<&'static Row> =
        [frames::ROWS, metadata::ROWS, answers::ROWS, records::ROWS, sasl::ROWS].into_iter().flatten().collect();
    let before = peak_memory()?;
    let mut telling: Vec<BoxFuture<'static, Result<String, String>>> = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        telling.push(Box::pin(tell(cx.clone(), number + 1, row)));
    }
    let outcomes: Vec<Result<String, String>> = stream::iter(telling).buffered(AT_ONCE).collect().await;
    for outcome in &outcomes {
        eprintln!("{}", outcome.as_ref().unwrap_or_else(|failed| failed));
    }
    let grown = peak_memory()?.saturating_sub(before);
    cx.figure(&format!("{} behaviours, the peak of memory grew by {} MiB", rows.len(), grown >> 20));
    let failed: Vec<&String> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    if !failed.is_empty() {
        return Err(format!("{} of {}:\n{failed:#?}", failed.len(), rows.len()).into());
    }
    if grown > MEMORY_MAX { Err(format!("memory grew by {grown} bytes").into()) } else { Ok(()) }
}

/// Lets a client meet one behaviour; a line about it.
async fn tell(cx: Context, number: usize, row: &'static Row) -> Result<String, String> {
    let line = |text: String| format!("hostile {number:2} {}: {text}", row.what);
    let begun = Instant::now();
    let met = timeout(HUNG, Box::pin(meet(&cx, row))).await.map_err(|_| line("HANGS".to_owned()))?;
    let took = format!("{:.1} s", begun.elapsed().as_secs_f64());
    let (address, result) = met.map_err(|failed| line(failed.message().unwrap_or("failed").to_owned()))?;
    row.expected.judge(&address, result).map(|text| line(format!("{text}, {took}"))).map_err(line)
}

impl Expected {
    /// What came of it, or what is wrong with that.
    fn judge(self, address: &BrokerAddr, result: Result<(), Error>) -> Result<String, String> {
        let wanted = match (self, &result) {
            (Self::Heals, Ok(())) => return Ok("heals".to_owned()),
            (Self::Heals, Err(error)) => return Err(format!("does not heal: {}", chain(error))),
            (Self::Says(_) | Self::Knows(_) | Self::Tells(_), Ok(())) => return Err("is believed".to_owned()),
            (Self::Says(wanted) | Self::Knows(wanted) | Self::Tells(wanted), Err(_)) => wanted,
        };
        let Err(error) = result else { return Err("is believed".to_owned()) };
        let text = chain(&error);
        let names = matches!(self, Self::Tells(_)) || text.contains(&address.to_string());
        let ran_out = matches!(self, Self::Knows(_)) && matches!(error.kind(), ErrorKind::Timeout { .. });
        match (names && text.contains(wanted), ran_out) {
            (false, _) => Err(format!("'{wanted}' or {address} is missing: {text}")),
            (true, true) => Err(format!("time ran out before it was known: {text}")),
            (true, false) => Ok(text),
        }
    }
}

/// An honest broker, a liar before it, and a client that sees only the liar.
async fn meet(cx: &Context, row: &Row) -> Result<(BrokerAddr, Result<(), Error>), Failed> {
    let builder = EmbeddedBroker::builder().listen("127.0.0.1:0").auto_create_topics(false).default_partitions(1);
    let broker = builder.start().await?;
    let topic = cx.unique("orders");
    attempts::prepare(&broker, &topic).await?;
    let (left, lie) = (Arc::new(AtomicU32::new(row.times)), row.lie);
    let lies = Arc::clone(&left);
    let upstream = broker.addr().to_string();
    let liar = Liar::start(&upstream, move |request, body| {
        let told = lie(request, body);
        // Only what changes something is a lie told.
        let tells = told != Told::Truth
            && lies.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if tells { told } else { Told::Truth }
    });
    let liar = liar.await?;
    let connector = Rerouted::open_connector([(broker.addr(), liar.address())]);
    let client = row.attempt.client(limited(broker.addr()).connector(connector))?;
    let result = row.attempt.make(&client, &topic).await;
    client.close().await;
    let address = broker.addr();
    broker.stop().await;
    // A broker without TLS need not lie to a client that wants it.
    if left.load(Ordering::SeqCst) == row.times && row.attempt != Attempt::MetadataOverTls {
        return Err("the lie was never told".into());
    }
    Ok((address, result))
}

/// A client that begins at `address` and has little time.
fn limited(address: BrokerAddr) -> ClientBuilder {
    let builder = Client::builder().bootstrap([address]).default_api_timeout(CALL_LIMIT);
    builder.connect_timeout(REQUEST_LIMIT).request_timeout(REQUEST_LIMIT)
}

/// An error and its causes.
fn chain(error: &Error) -> String {
    use std::error::Error as _;
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The most memory that this process had so far, in bytes.
fn peak_memory() -> Result<u64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes << 10)
}
