//! What happens to a user between the request and its answer.

use std::{sync::Arc, time::Duration};

use ottla::delivery::Store;

use super::{
    emit::{Emitter, Happened},
    order::User,
    origin::Origin,
    refusal::Refusal,
    rows::CUSTOMERS,
    schemas::Schemas,
    topics::USERS,
};

/// Takes users. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Registrar {
    pub(super) emitter: Emitter,
    pub(super) store: Arc<dyn Store>,
    pub(super) schemas: Arc<Schemas>,
}

/// The waits for the consumer, 635 ms together: with one at work the user is there within a few of them.
const WAITS_MS: [u64; 7] = [5, 10, 20, 40, 80, 160, 320];

impl Registrar {
    /// Publishes the user and answers once the brokers have it. It waits a moment longer for the customers table, so
    /// that who asks next for an order of this user need not ask twice; without a consumer it is answered all the same.
    pub(super) async fn register(&self, user: User, origin: &Origin) -> Result<(), Refusal> {
        let key = user.user_id.clone().into_bytes();
        let before = self.version(&key).await?;
        let event_type = if before.is_none() { "user.created" } else { "user.updated" };
        let happened = Happened { topic: USERS, key: key.clone(), event_type, data: user };
        self.emitter.emit(&self.schemas.users, happened, origin).await?;
        for wait in WAITS_MS {
            match self.version(&key).await {
                Ok(now) if now == before => tokio::time::sleep(Duration::from_millis(wait)).await,
                Ok(_) | Err(_) => break,
            }
        }
        Ok(())
    }

    async fn version(&self, key: &[u8]) -> Result<Option<u64>, Refusal> {
        Ok(self.store.get(CUSTOMERS, key).await?.map(|row| row.version))
    }
}
