use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, join, sink};

use super::stream::Stream;

/// More reads than any input needs.
const READS_MAX: usize = 1_000_000;

/// Reads `data` as what a broker sends on a connection with four requests in flight.
pub(crate) fn fuzzed(data: &[u8]) {
    let io = Box::new(join(std::io::Cursor::new(data.to_vec()), sink()));
    let (mut stream, ..) = Stream::new(io, 1 << 16);
    let mut cx = Context::from_waker(Waker::noop());
    for id in 0..4 {
        let request = [0, 0, 0, 8, 0, 3, 0, 9, 0, 0, 0, id];
        let _ = Pin::new(&mut stream).poll_write(&mut cx, &request);
    }
    let mut space = [0; 512];
    for _ in 0..READS_MAX {
        let mut read = ReadBuf::new(&mut space);
        match Pin::new(&mut stream).poll_read(&mut cx, &mut read) {
            Poll::Ready(Ok(())) if !read.filled().is_empty() => {}
            _ => return,
        }
    }
    unreachable!("more reads than bytes");
}
