use tokio::io::ReadBuf;

use super::stream::READ_AHEAD_BYTES;

/// A fixed buffer of bytes that were read and partly checked: given ≤ checked ≤ filled.
#[derive(Debug)]
pub(super) struct ReadAhead {
    bytes: Box<[u8]>,
    given: usize,
    checked: usize,
    filled: usize,
}

impl ReadAhead {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; READ_AHEAD_BYTES].into_boxed_slice(), given: 0, checked: 0, filled: 0 }
    }

    /// Gives checked bytes to `buf`; false if there are none.
    pub(super) fn give(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let end = self.checked.min(self.given.saturating_add(buf.remaining()));
        let bytes = self.bytes.get(self.given..end).unwrap_or_default();
        buf.put_slice(bytes);
        self.given = end;
        !bytes.is_empty()
    }

    /// Room to read into. Called when nothing is left to give, so that all bytes but an unfinished head are gone.
    pub(super) fn space(&mut self) -> &mut [u8] {
        if self.given == self.filled {
            (self.given, self.checked, self.filled) = (0, 0, 0);
        }
        self.bytes.get_mut(self.filled..).unwrap_or_default()
    }

    /// `count` bytes were read into [`Self::space`].
    pub(super) fn filled(&mut self, count: usize) {
        self.filled = self.filled.saturating_add(count).min(self.bytes.len());
    }

    /// What was read and not checked.
    pub(super) fn unchecked(&self) -> &[u8] {
        self.bytes.get(self.checked..self.filled).unwrap_or_default()
    }

    /// `count` more bytes are checked.
    pub(super) fn check(&mut self, count: usize) {
        self.checked = self.checked.saturating_add(count).min(self.filled);
    }
}
