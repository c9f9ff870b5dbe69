//! Brokers that never answer, or answer what the test says.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Kafka's number of the request's kind.
    pub api: i16,
    /// Its version.
    pub version: i16,
    /// What the answer must begin with.
    pub correlation_id: i32,
    /// How many came before it on its connection.
    pub number: usize,
    /// What followed: the client's name, and what it wants.
    pub body: Vec<u8>,
}

/// What a stub says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing; the connection stays.
    Silence,
    /// A frame with the request's correlation id and this body.
    Body(Vec<u8>),
    /// These bytes, whatever they are.
    Bytes(Vec<u8>),
}

/// Something that listens where a broker should. Dropping it closes all.
#[derive(Debug)]
pub struct Stub {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Stub {
    /// Accepts connections, reads, and never says a word.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn silent() -> io::Result<Self> {
        Self::answering(|_| Answer::Silence).await
    }

    /// Answers each request with what `answer` makes of it.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn answering(answer: impl Fn(&Request) -> Answer + Clone + Send + 'static) -> io::Result<Self> {
        Self::serving(move |stream| serve(stream, answer.clone())).await
    }

    /// Speaks TLS, refuses every handshake, and hangs up on who says anything else.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn tls() -> io::Result<Self> {
        Self::serving(refuse).await
    }

    async fn serving<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> io::Result<Self>
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                // Its end is the client's business: a closed connection is nothing to report.
                connections.spawn(serve(stream));
            }
        });
        Ok(Self { address, _tasks: tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(mut stream: TcpStream, answer: impl Fn(&Request) -> Answer) -> io::Result<()> {
    for number in 0.. {
        let length = usize::try_from(stream.read_i32().await?).map_err(io::Error::other)?;
        let api = stream.read_i16().await?;
        let version = stream.read_i16().await?;
        let correlation_id = stream.read_i32().await?;
        let rest = u64::try_from(length.saturating_sub(8)).map_err(io::Error::other)?;
        let mut body = Vec::new();
        (&mut stream).take(rest).read_to_end(&mut body).await?;
        match answer(&Request { api, version, correlation_id, number, body }) {
            Answer::Silence => {}
            Answer::Bytes(bytes) => stream.write_all(&bytes).await?,
            Answer::Body(body) => {
                let length = i32::try_from(body.len() + 4).map_err(io::Error::other)?;
                let frame = [&length.to_be_bytes(), &correlation_id.to_be_bytes(), body.as_slice()].concat();
                stream.write_all(&frame).await?;
            }
        }
    }
    Ok(())
}

/// A TLS handshake's record and an alert that ends one, by their types.
const HANDSHAKE: u8 = 22;
const NO_COMMON_SUITE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    if stream.read_u8().await? == HANDSHAKE {
        stream.write_all(&NO_COMMON_SUITE).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stub_answers_what_it_is_told_and_else_is_silent() -> io::Result<()> {
        let stub =
            Stub::answering(|request| if request.api == 18 { Answer::Body(vec![9]) } else { Answer::Silence }).await?;
        let mut stream = TcpStream::connect(stub.address()).await?;
        // Metadata 4, then ApiVersions 0: only the second is answered.
        stream.write_all(&[0, 0, 0, 8, 0, 3, 0, 4, 0, 0, 0, 1]).await?;
        stream.write_all(&[0, 0, 0, 8, 0, 18, 0, 0, 0, 0, 0, 2]).await?;
        let mut answer = [0; 9];
        stream.read_exact(&mut answer).await?;
        assert_eq!(answer, [0, 0, 0, 5, 0, 0, 0, 2, 9]);
        Ok(())
    }
}
