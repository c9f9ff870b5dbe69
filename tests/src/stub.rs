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
        Self::answering(|_| None).await
    }

    /// Answers each request with what `answer` makes of it: the bytes after the correlation id; `None` is silence.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn answering(answer: impl Fn(&Request) -> Option<Vec<u8>> + Clone + Send + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let answer = answer.clone();
                connections.spawn(async move {
                    // Its end is the client's business: a closed connection is nothing to report.
                    let _ = serve(stream, answer).await;
                });
            }
        });
        Ok(Self { address, _tasks: tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(mut stream: TcpStream, answer: impl Fn(&Request) -> Option<Vec<u8>>) -> io::Result<()> {
    loop {
        let length = usize::try_from(stream.read_i32().await?).map_err(io::Error::other)?;
        let api = stream.read_i16().await?;
        let version = stream.read_i16().await?;
        let correlation_id = stream.read_i32().await?;
        let rest = u64::try_from(length.saturating_sub(8)).map_err(io::Error::other)?;
        tokio::io::copy(&mut (&mut stream).take(rest), &mut tokio::io::sink()).await?;
        if let Some(body) = answer(&Request { api, version, correlation_id }) {
            let length = i32::try_from(body.len() + 4).map_err(io::Error::other)?;
            stream.write_all(&[&length.to_be_bytes(), &correlation_id.to_be_bytes(), body.as_slice()].concat()).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stub_answers_what_it_is_told_and_else_is_silent() -> io::Result<()> {
        let stub = Stub::answering(|request| (request.api == 18).then(|| vec![9])).await?;
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
