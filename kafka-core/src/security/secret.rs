use std::sync::Arc;

use zeroize::Zeroizing;

/// A password, a token or a private key. It cannot be printed, compared or serialised, and its memory is overwritten
/// when its last clone is dropped.
///
/// ```compile_fail
/// println!("{:?}", ottla_kafka_core::Secret::new("hunter2"));
/// ```
/// ```compile_fail
/// println!("{}", ottla_kafka_core::Secret::new("hunter2"));
/// ```
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Keeps `secret`. What a borrowed one was copied from is the caller's to overwrite.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(secret.into())))
    }

    /// The secret itself: for hashing and for the wire, never for a message.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}
