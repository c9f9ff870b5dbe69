use crate::client::Client;

/// Administrative requests of a client. They are retried within the client's default API timeout.
///
/// Kafka: `AdminClient`. Its methods stand with what they are about: topics, groups and so on.
#[derive(Clone, Copy, Debug)]
pub struct Admin<'a> {
    pub(super) client: &'a Client,
}

impl Client {
    /// Administrative requests.
    pub fn admin(&self) -> Admin<'_> {
        Admin { client: self }
    }
}
