//! Listeners of another kind than the client's: TLS where it has none, SASL where it has none. What they answer to is the
//! same for every kind of connection, and each must be told what its listener wants, at once.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use ottla_embedded_broker::EmbeddedBroker;
use ottla_kafka_core::{BoxFuture, BrokerAddr, Connector, Error, Io, TcpConnector};
use ottla_tests::{
    liar::{Liar, Told},
    stub::Stub,
};
use tokio::time::{Instant, timeout};

use super::{
    Expected, HUNG,
    attempts::{Attempt, prepare},
    frames::API_VERSIONS,
    limited,
    sasl::{HANDSHAKE, handshake, with_sasl},
};
use crate::harness::{Context, Outcome};

/// Leads the first connections to an honest broker, and all later ones to the other listener.
#[derive(Debug)]
struct Behind {
    honest: u32,
    opened: AtomicU32,
    other: SocketAddr,
}

impl Connector for Behind {
    fn connect<'a>(&'a self, addr: &'a BrokerAddr) -> BoxFuture<'a, io::Result<Io>> {
        let is_honest = self.opened.fetch_add(1, Ordering::SeqCst) < self.honest;
        let other = BrokerAddr::new(self.other.ip().to_string(), self.other.port());
        Box::pin(async move { TcpConnector.connect(if is_honest { addr } else { &other }).await })
    }
}

/// Each kind of connection by what uses it, and how many connections are opened before it.
const ATTEMPTS: [(Attempt, &str, u32); 5] = [
    (Attempt::Metadata, "control", 0),
    (Attempt::Produce, "produce", 1),
    (Attempt::Fetch, "fetch", 1),
    (Attempt::Group, "join", 1),
    (Attempt::Create, "slow", 0),
];

pub(super) async fn a_listener_of_another_kind_is_named_on_every_connection(cx: Context) -> Outcome {
    let broker = EmbeddedBroker::builder().listen("127.0.0.1:0").auto_create_topics(false).start().await?;
    let topic = cx.unique("orders");
    prepare(&broker, &topic).await?;
    let tls = Stub::tls().await?;
    let upstream = broker.addr().to_string();
    let sasl = Liar::start(&upstream, |request, body| match request.api {
        API_VERSIONS => with_sasl(request, body),
        HANDSHAKE => handshake(request, 33, &["PLAIN", "OAUTHBEARER"]),
        _ => Told::Last(Vec::new()),
    });
    let sasl = sasl.await?;
    let wants = [
        ("TLS", tls.address(), "this listener wants TLS"),
        ("SASL", sasl.address(), "this listener wants SASL, and none is configured (sasl.mechanism); it offers PLAIN"),
    ];
    let mut failed = Vec::new();
    for (wanted, other, says) in wants {
        for (attempt, kind, honest) in ATTEMPTS {
            let begun = Instant::now();
            let connector = Arc::new(Behind { honest, opened: AtomicU32::new(0), other });
            let client = attempt.client(limited(broker.addr()).connector(connector))?;
            let met = timeout(HUNG, Box::pin(attempt.make(&client, &topic))).await;
            client.close().await;
            let judged = met.map_err(|_| "HANGS".to_owned()).and_then(|result| judge(&broker, says, result));
            let line = |text: String| {
                format!("hostile, {wanted} on a {kind} connection: {text}, {:.1} s", begun.elapsed().as_secs_f64())
            };
            match judged {
                Ok(text) => eprintln!("{}", line(text)),
                Err(text) => failed.push(line(text)),
            }
        }
    }
    broker.stop().await;
    if failed.is_empty() { Ok(()) } else { Err(format!("{failed:#?}").into()) }
}

fn judge(broker: &EmbeddedBroker, says: &'static str, result: Result<(), Error>) -> Result<String, String> {
    Expected::Knows(says).judge(&broker.addr(), result)
}
