//! A proxy that understands frames, and changes what the broker behind it answers.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
    time::sleep,
};

use crate::stub::Request;

/// What becomes of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It arrives as the broker sent it.
    Truth,
    /// It arrives twice.
    Twice,
    /// It does not arrive; the connection stays.
    Nothing,
    /// A frame with the request's correlation id and this body arrives instead.
    Body(Vec<u8>),
    /// These bytes arrive instead, whatever they are.
    Bytes(Vec<u8>),
    /// These bytes arrive instead, and then the connection's end.
    Last(Vec<u8>),
    /// It arrives, one byte in this time.
    Slowly(Duration),
}

/// What a liar makes of a request's answer: the body, behind the correlation id.
pub type Lie = dyn Fn(&Request, &[u8]) -> Told + Send + Sync;

/// Who is told of each request.
type Hear = dyn Fn(&Request) + Send + Sync;

/// A proxy that lies about one broker's answers. Dropping it closes all.
#[derive(Debug)]
pub struct Liar {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Liar {
    /// Listens on a loopback port, passes every request on to `upstream` and tells its answers as `lie` says.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start(
        upstream: &str,
        lie: impl Fn(&Request, &[u8]) -> Told + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::hearing(upstream, |_| (), lie).await
    }

    /// The same; `hear` is told of each request before it is passed on.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn hearing(
        upstream: &str,
        hear: impl Fn(&Request) + Send + Sync + 'static,
        lie: impl Fn(&Request, &[u8]) -> Told + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (upstream, hear, lie): (_, Arc<Hear>, Arc<Lie>) = (upstream.to_owned(), Arc::new(hear), Arc::new(lie));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                connections.spawn(pass(client, upstream.clone(), Arc::clone(&hear), Arc::clone(&lie)));
            }
        });
        Ok(Self { address, _tasks: tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The requests whose answers are still to come, oldest first.
type Waiting = Mutex<VecDeque<Request>>;

async fn pass(client: TcpStream, upstream: String, hear: Arc<Hear>, lie: Arc<Lie>) {
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let waiting = Waiting::default();
    // Either end's end is the connection's.
    tokio::select! {
        biased;
        _ = requests(from_client, to_server, &waiting, &*hear) => {}
        _ = answers(from_server, to_client, &waiting, &*lie) => {}
    }
}

/// What a broker may not know is asked for its versions instead, so that there is an answer in its turn: SaslHandshake
/// and SaslAuthenticate are the lie's alone.
const UNKNOWN: [i16; 2] = [17, 36];
const API_VERSIONS: i16 = 18;
/// Kafka: `socket.request.max.bytes`.
const REQUEST_BYTES_MAX: usize = 100 << 20;

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, waiting: &Waiting, hear: &Hear) -> io::Result<()> {
    for number in 0.. {
        let frame = read_frame(&mut from).await?;
        let [a, b, c, d, e, f, g, h, ..] = *frame else { return Err(io::Error::other("a request without a header")) };
        let request = Request {
            api: i16::from_be_bytes([a, b]),
            version: i16::from_be_bytes([c, d]),
            correlation_id: i32::from_be_bytes([e, f, g, h]),
            number,
            body: frame.get(8..).unwrap_or_default().to_vec(),
        };
        let passed = if UNKNOWN.contains(&request.api) { framed(&versions(&request)) } else { framed(&frame) };
        hear(&request);
        waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(request);
        to.write_all(&passed).await?;
    }
    Ok(())
}

/// ApiVersions 0 of a client without a name, in the place of `request`.
fn versions(request: &Request) -> Vec<u8> {
    let head = [API_VERSIONS.to_be_bytes(), [0, 0]].concat();
    [&head[..], &request.correlation_id.to_be_bytes(), &(-1_i16).to_be_bytes()].concat()
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, waiting: &Waiting, lie: &Lie) -> io::Result<()> {
    loop {
        let frame = read_frame(&mut from).await?;
        let request = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let request = request.ok_or_else(|| io::Error::other("an answer to nothing"))?;
        match lie(&request, frame.get(4..).unwrap_or_default()) {
            Told::Truth => to.write_all(&framed(&frame)).await?,
            Told::Twice => to.write_all(&framed(&frame).repeat(2)).await?,
            Told::Nothing => {}
            Told::Body(body) => {
                let frame = [&request.correlation_id.to_be_bytes(), body.as_slice()].concat();
                to.write_all(&framed(&frame)).await?;
            }
            Told::Bytes(bytes) => to.write_all(&bytes).await?,
            Told::Last(bytes) => {
                to.write_all(&bytes).await?;
                return Ok(());
            }
            Told::Slowly(pause) => {
                for byte in framed(&frame) {
                    to.write_all(&[byte]).await?;
                    sleep(pause).await;
                }
            }
        }
    }
}

async fn read_frame(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = usize::try_from(from.read_i32().await?).map_err(io::Error::other)?;
    if length > REQUEST_BYTES_MAX {
        return Err(io::Error::other("a frame that no broker takes"));
    }
    let mut frame = vec![0; length];
    from.read_exact(&mut frame).await?;
    Ok(frame)
}

fn framed(frame: &[u8]) -> Vec<u8> {
    let length = i32::try_from(frame.len()).unwrap_or(i32::MAX);
    [&length.to_be_bytes(), frame].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub::{Answer, Stub};

    #[tokio::test]
    async fn a_liar_changes_the_answers_it_wants_and_passes_on_the_rest() -> io::Result<()> {
        let broker =
            Stub::answering(|request| Answer::Body(vec![u8::try_from(request.api).unwrap_or_default()])).await?;
        let upstream = broker.address().to_string();
        let liar = Liar::start(&upstream, |request, body| match request.api {
            3 => Told::Body([body, &[99]].concat()),
            4 => Told::Twice,
            _ => Told::Truth,
        });
        let liar = liar.await?;
        let mut stream = TcpStream::connect(liar.address()).await?;
        for api in [18, 3, 4] {
            stream.write_all(&[0, 0, 0, 8, 0, api, 0, 0, 0, 0, 0, api]).await?;
        }
        let mut answers = [0; 9 + 10 + 9 + 9];
        stream.read_exact(&mut answers).await?;
        let honest = |api| [0, 0, 0, 5, 0, 0, 0, api, api];
        let expected = [&honest(18)[..], &[0, 0, 0, 6, 0, 0, 0, 3, 3, 99], &honest(4), &honest(4)].concat();
        assert_eq!(answers.to_vec(), expected);
        Ok(())
    }
}
