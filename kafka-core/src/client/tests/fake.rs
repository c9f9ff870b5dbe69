//! A broker of a few lines, in memory, that says what a test's script says.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Buf, Bytes};
use kafka_protocol::{
    messages::{
        ApiVersionsRequest, ApiVersionsResponse, DeleteGroupsRequest, DeleteGroupsResponse, HeartbeatRequest,
        HeartbeatResponse, RequestHeader, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
        SaslHandshakeResponse, api_versions_response::ApiVersion,
    },
    protocol::{self, Decodable, Encodable},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, sleep},
};

use crate::{
    client::{Client, ClientBuilder, ConnectionKind, Target},
    connector::{BrokerAddr, Connector, Io},
    env::{BoxFuture, Env, Task},
    error::Error,
    protocol::{Api, spoken},
};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// The number of its connection, from 1.
    pub(super) connection: usize,
    /// Its number on the connection, from 0.
    pub(super) number: usize,
    pub(super) at: Instant,
    pub(super) key: i16,
    version: i16,
    body: Bytes,
}

/// What the broker does next.
#[derive(Clone, Debug)]
pub(super) enum Say {
    Answer(Vec<u8>),
    Bytes(&'static [u8]),
    Wait(Duration),
    Close,
}

type Script = dyn Fn(&Heard) -> Vec<Say> + Send + Sync;

/// The broker.
pub(super) struct Fake {
    script: Box<Script>,
    heard: Mutex<Vec<Heard>>,
    connections: Mutex<Vec<Task>>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

/// What a connection's buffers take.
const BUFFER_BYTES: usize = 4 << 10;

impl Fake {
    pub(super) fn new(script: impl Fn(&Heard) -> Vec<Say> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { script: Box::new(script), heard: Mutex::default(), connections: Mutex::default() })
    }

    /// Everything that arrived so far.
    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A client that reaches nobody else.
    pub(super) fn client(self: &Arc<Self>) -> ClientBuilder {
        Client::builder()
            .bootstrap([address()])
            .connector(Arc::new(Way(Arc::clone(self))))
            .connect_timeout(Duration::from_secs(5))
    }

    async fn serve(&self, connection: usize, mut stream: DuplexStream) -> io::Result<()> {
        for number in 0.. {
            let length = usize::try_from(stream.read_i32().await?).map_err(io::Error::other)?;
            let mut frame = vec![0; length];
            stream.read_exact(&mut frame).await?;
            let mut body = Bytes::from(frame);
            let (key, version) = (body.clone().get_i16(), body.slice(2..).get_i16());
            let header = if flexible(key, version) { 2 } else { 1 };
            let header = RequestHeader::decode(&mut body, header).map_err(io::Error::other)?;
            let heard = Heard { connection, number, at: Instant::now(), key, version, body };
            self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(heard.clone());
            for say in (self.script)(&heard) {
                match say {
                    Say::Wait(time) => sleep(time).await,
                    Say::Bytes(bytes) => stream.write_all(bytes).await?,
                    Say::Close => return Ok(()),
                    Say::Answer(answer) => {
                        let length = i32::try_from(answer.len() + 4).map_err(io::Error::other)?;
                        stream.write_i32(length).await?;
                        stream.write_i32(header.correlation_id).await?;
                        stream.write_all(&answer).await?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A connector must be able to hand the broker to the tasks of its connections.
#[derive(Debug)]
struct Way(Arc<Fake>);

impl Connector for Way {
    fn connect<'a>(&'a self, _: &'a BrokerAddr) -> BoxFuture<'a, io::Result<Io>> {
        let (ours, theirs) = duplex(BUFFER_BYTES);
        let fake = Arc::clone(&self.0);
        let mut connections = self.0.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let number = connections.len() + 1;
        connections.push(Env::system().spawn("fake", async move {
            // A connection's end is the client's business.
            let _ = fake.serve(number, theirs).await;
        }));
        Box::pin(std::future::ready(Ok(Box::new(ours) as Io)))
    }
}

/// Where the client thinks it is.
pub(super) fn address() -> BrokerAddr {
    BrokerAddr::new("broker.example", 9092)
}

/// What a broker without opinions says: sessions last `session`, everything succeeds.
pub(super) fn honest(heard: &Heard, session: Duration) -> Vec<Say> {
    let session_ms = i64::try_from(session.as_millis()).unwrap_or(i64::MAX);
    let answer = match heard.key {
        ApiVersionsRequest::KEY => {
            let api = |key| Some((key, spoken(key)?));
            let apis = (0..100).filter_map(api).map(|(key, range)| {
                ApiVersion::default().with_api_key(key).with_min_version(*range.start()).with_max_version(*range.end())
            });
            let answer = ApiVersionsResponse::default().with_api_keys(apis.collect());
            encoded::<ApiVersionsRequest>(heard.version, &answer)
        }
        SaslHandshakeRequest::KEY => encoded::<SaslHandshakeRequest>(heard.version, &SaslHandshakeResponse::default()),
        SaslAuthenticateRequest::KEY => {
            let answer = SaslAuthenticateResponse::default().with_session_lifetime_ms(session_ms);
            encoded::<SaslAuthenticateRequest>(heard.version, &answer)
        }
        HeartbeatRequest::KEY => encoded::<HeartbeatRequest>(heard.version, &HeartbeatResponse::default()),
        DeleteGroupsRequest::KEY => encoded::<DeleteGroupsRequest>(heard.version, &DeleteGroupsResponse::default()),
        _ => return vec![Say::Close],
    };
    vec![Say::Answer(answer)]
}

/// The same, but a SaslAuthenticate is answered with this.
pub(super) fn authenticate(heard: &Heard, answer: &SaslAuthenticateResponse) -> Vec<Say> {
    vec![Say::Answer(encoded::<SaslAuthenticateRequest>(heard.version, answer))]
}

/// An answer to SaslHandshake that offers PLAIN.
pub(super) fn offering(heard: &Heard, error_code: i16) -> Vec<Say> {
    let answer = SaslHandshakeResponse::default()
        .with_error_code(error_code)
        .with_mechanisms(vec![protocol::StrBytes::from_static_str("PLAIN")]);
    vec![Say::Answer(encoded::<SaslHandshakeRequest>(heard.version, &answer))]
}

/// The bytes of a SaslAuthenticate request.
pub(super) fn auth_bytes(heard: &Heard) -> Bytes {
    let request: Result<SaslAuthenticateRequest, _> = Decodable::decode(&mut heard.body.clone(), heard.version);
    request.map(|request| request.auth_bytes).unwrap_or_default()
}

fn encoded<R: protocol::Request + Api>(version: i16, answer: &<R as protocol::Request>::Response) -> Vec<u8> {
    let mut bytes = if R::response_header_version(version) >= 1 { vec![0] } else { Vec::new() };
    let _ = answer.encode(&mut bytes, version);
    bytes
}

fn flexible(key: i16, version: i16) -> bool {
    match key {
        ApiVersionsRequest::KEY => <ApiVersionsRequest as Api>::request_header_version(version) >= 2,
        SaslAuthenticateRequest::KEY => <SaslAuthenticateRequest as Api>::request_header_version(version) >= 2,
        HeartbeatRequest::KEY => <HeartbeatRequest as Api>::request_header_version(version) >= 2,
        DeleteGroupsRequest::KEY => <DeleteGroupsRequest as Api>::request_header_version(version) >= 2,
        _ => false,
    }
}

/// A request without an effect, to the fake.
pub(super) async fn heartbeat(client: &Client) -> Result<(), Error> {
    let request = HeartbeatRequest::default();
    let limit = Duration::from_secs(30);
    client.call(Target::Address(address()), ConnectionKind::Control, &request, limit).await.map(drop)
}

/// A request with an effect.
pub(super) async fn delete_groups(client: &Client) -> Result<(), Error> {
    let request = DeleteGroupsRequest::default();
    let limit = Duration::from_secs(30);
    client.call(Target::Address(address()), ConnectionKind::Control, &request, limit).await.map(drop)
}
