//! A broker whose every request is heard, also those of another process.

use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::Failed;
use ottla_embedded_broker::{Api, EmbeddedBroker};
use ottla_kafka_core::protocol::{
    kafka_protocol::protocol::{Decodable, HeaderVersion, Request as Message},
    messages::{MetadataRequest, RequestHeader},
};
use ottla_tests::{
    liar::{Liar, Told},
    stub::Request,
};
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::cli::run::{Ran, run_with, start};

/// Longer than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(50);

/// The broker and what was asked of it.
pub(super) struct Tap {
    pub(super) broker: EmbeddedBroker,
    liar: Liar,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Debug, Default)]
struct Heard {
    requests: Vec<(Instant, Request)>,
    /// Produce requests without their answer, and the most there were.
    producing: usize,
    most_producing: usize,
}

impl Tap {
    pub(super) async fn start() -> Result<Self, Failed> {
        let builder = EmbeddedBroker::builder().listen("127.0.0.1:0").auto_create_topics(false).default_partitions(1);
        let broker = builder.start().await?;
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let (hears, answered) = (Arc::clone(&heard), Arc::clone(&heard));
        let own_port = Arc::new(Mutex::new(0));
        let (advertised, port) = (broker.addr(), Arc::clone(&own_port));
        let told = move |request: &Request, body: &[u8]| {
            if request.api == Api::Produce.key() {
                lock(&answered).producing -= 1;
            }
            Told::Body(moved(body, advertised.host(), advertised.port(), *lock(&port)))
        };
        let hear = move |request: &Request| lock(&hears).hear(request);
        let liar = Liar::hearing(&broker.addr().to_string(), hear, told).await?;
        *lock(&own_port) = liar.address().port();
        Ok(Self { broker, liar, heard })
    }

    /// Where it is heard.
    pub(super) fn address(&self) -> String {
        self.liar.address().to_string()
    }

    /// Runs `ottla ARGS` on it; what was heard before is forgotten.
    pub(super) async fn run(&self, args: &[&str], input: &[u8], variables: &[(&str, &str)]) -> Result<Ran, Failed> {
        *lock(&self.heard) = Heard::default();
        let address = self.address();
        let args = [args, &["-b", &address]].concat();
        timeout(LIMIT, run_with(&args, input, variables)).await.map_err(|_| format!("{args:?} hangs"))?
    }

    /// Starts the same.
    pub(super) fn started(&self, args: &[&str], variables: &[(&str, &str)]) -> Result<tokio::process::Child, Failed> {
        *lock(&self.heard) = Heard::default();
        Ok(start(&[args, &["-b", &self.address()]].concat(), variables)?)
    }

    /// The headers of all requests.
    pub(super) fn headers(&self) -> Result<Vec<RequestHeader>, Failed> {
        let header = |(_, request): &(Instant, Request)| {
            // Of all that is read here the first version's fields are the same.
            RequestHeader::decode(&mut frame(request), MetadataRequest::header_version(1)).map_err(fail)
        };
        lock(&self.heard).requests.iter().map(header).collect()
    }

    /// The requests of one kind, and when they came.
    pub(super) fn heard<M: Message + Decodable>(&self) -> Result<Vec<(Instant, M)>, Failed> {
        let heard = lock(&self.heard);
        let of_kind = heard.requests.iter().filter(|(_, request)| request.api == M::KEY);
        of_kind.map(|(at, request)| Ok((*at, decode(request)?))).collect()
    }

    /// Waits until there are `count` requests of one kind.
    pub(super) async fn until<M: Message + Decodable>(&self, count: usize) -> Result<Vec<(Instant, M)>, Failed> {
        let waiting = async {
            loop {
                let heard = self.heard::<M>()?;
                if heard.len() >= count {
                    return Ok(heard);
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = timeout(LIMIT, waiting).await;
        waited.map_err(|_| format!("no {count} requests of kind {} within {LIMIT:?}", M::KEY))?
    }

    /// How many Produce requests were on their way at once, at most.
    pub(super) fn most_producing(&self) -> usize {
        lock(&self.heard).most_producing
    }
}

impl Heard {
    fn hear(&mut self, request: &Request) {
        self.requests.push((Instant::now(), request.clone()));
        if request.api == Api::Produce.key() {
            self.producing += 1;
            self.most_producing = self.most_producing.max(self.producing);
        }
    }
}

fn decode<M: Message + Decodable>(request: &Request) -> Result<M, Failed> {
    let mut bytes = frame(request);
    RequestHeader::decode(&mut bytes, M::header_version(request.version)).map_err(fail)?;
    M::decode(&mut bytes, request.version).map_err(fail)
}

/// The whole request, as it came.
fn frame(request: &Request) -> bytes::Bytes {
    let head = [request.api.to_be_bytes(), request.version.to_be_bytes()].concat();
    [&head[..], &request.correlation_id.to_be_bytes(), &request.body].concat().into()
}

fn fail(error: impl std::fmt::Display) -> Failed {
    error.to_string().into()
}

/// An answer in which the broker is where it is heard: the address keeps its length.
fn moved(body: &[u8], host: &str, from: u16, to: u16) -> Vec<u8> {
    let address = |port: u16| [host.as_bytes(), &i32::from(port).to_be_bytes()].concat();
    let (old, new) = (address(from), address(to));
    let mut body = body.to_vec();
    let places: Vec<usize> =
        body.windows(old.len()).enumerate().filter(|(_, at)| *at == old).map(|(at, _)| at).collect();
    for at in places {
        body.splice(at..at + new.len(), new.iter().copied());
    }
    body
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
