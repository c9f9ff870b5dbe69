//! Where frames begin in a byte stream, without copying them: a length, then an answer's correlation id or a
//! request's key, version and correlation id.

/// Follows the frames of one direction and collects the first `HEAD` bytes of each, length included.
#[derive(Debug)]
pub(super) struct Frames<const HEAD: usize> {
    head: [u8; HEAD],
    have: usize,
    /// Bytes of the current frame that are still to pass, its head excluded.
    left: usize,
}

impl<const HEAD: usize> Frames<HEAD> {
    pub(super) fn new() -> Self {
        Self { head: [0; HEAD], have: 0, left: 0 }
    }

    /// Bytes that may pass unread before the next head begins.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// The part of a head that has come so far.
    pub(super) fn partial(&self) -> &[u8] {
        self.head.get(..self.have).unwrap_or_default()
    }

    /// Passes over bytes of the current frame.
    pub(super) fn pass(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
    }

    /// Takes as much of `bytes` as the head still wants; the head when it is whole, and how much was taken.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> (usize, Option<[u8; HEAD]>) {
        let take = bytes.len().min(HEAD.saturating_sub(self.have));
        let (Some(to), Some(from)) = (self.head.get_mut(self.have..self.have.saturating_add(take)), bytes.get(..take))
        else {
            return (0, None);
        };
        to.copy_from_slice(from);
        self.have = self.have.saturating_add(take);
        if self.have < HEAD {
            return (take, None);
        }
        self.have = 0;
        let rest = HEAD.saturating_sub(4);
        self.left = usize::try_from(length(&self.head)).unwrap_or(0).saturating_sub(rest);
        (take, Some(self.head))
    }
}

/// The length that a frame's head claims, in bytes after the length itself.
pub(super) fn length(head: &[u8]) -> i32 {
    int_at(head, 0)
}

/// The 32-bit integer at `at`, or 0 past the end.
pub(super) fn int_at(head: &[u8], at: usize) -> i32 {
    head.get(at..at.saturating_add(4)).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(correlation: i32, body: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&i32::try_from(body + 4).unwrap().to_be_bytes());
        bytes.extend_from_slice(&correlation.to_be_bytes());
        bytes.resize(bytes.len() + body, 7);
        bytes
    }

    /// The correlation ids found when the stream arrives in pieces of `piece` bytes.
    fn found(stream: &[u8], piece: usize) -> Vec<i32> {
        let mut frames = Frames::<8>::new();
        let mut found = Vec::new();
        for mut bytes in stream.chunks(piece) {
            while !bytes.is_empty() {
                let pass = frames.left().min(bytes.len());
                frames.pass(pass);
                bytes = &bytes[pass..];
                let (took, head) = frames.feed(bytes);
                bytes = &bytes[took..];
                found.extend(head.map(|head| int_at(&head, 4)));
            }
        }
        found
    }

    #[test]
    fn every_frame_is_found_however_the_bytes_arrive() {
        let stream = [frame(1, 0), frame(2, 1), frame(3, 1000), frame(4, 3)].concat();
        for piece in [1, 3, 7, 8, 9, 64, 4096] {
            assert_eq!(found(&stream, piece), [1, 2, 3, 4], "in pieces of {piece}");
        }
    }
}
