//! What happens to an order between the request and its answer.

use std::{sync::Arc, time::Duration};

use ottla::delivery::Store;
use uuid::Uuid;

use super::{
    claims::{Claim, Claims},
    emit::{Emitter, Happened},
    enrich::enrich,
    locks::OrderLocks,
    order::OrderRequest,
    origin::Origin,
    refusal::Refusal,
    rows::{self, Requested},
    schemas::Schemas,
    topics::ORDERS,
};
use crate::detached::Detached;

/// Takes orders. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Acceptor {
    pub(super) emitter: Emitter,
    pub(super) store: Arc<dyn Store>,
    pub(super) schemas: Arc<Schemas>,
    pub(super) claims: Claims,
    pub(super) locks: OrderLocks,
    pub(super) detached: Detached,
}

/// How long another request about the same order is waited for: a little longer than its own publishing may take.
const LOCK_TIMEOUT: Duration = Duration::from_secs(12);

impl Acceptor {
    /// Publishes the order unless it is known, and answers once the brokers have it. It goes on if the caller leaves:
    /// otherwise a client that hangs up and asks again would make a second record.
    pub(super) async fn accept(&self, id: Uuid, request: OrderRequest, origin: Origin) -> Result<(), Refusal> {
        let this = self.clone();
        let work = async move { this.accept_once(id, &request, &origin).await };
        let result = self.detached.start("order", work).ok_or_else(|| {
            Refusal::NotPublished("as many orders as this service takes at a time are on their way".into())
        })?;
        result.await.unwrap_or_else(|_| Err(Refusal::Unknown("the order's task ended early".into())))
    }

    async fn accept_once(&self, id: Uuid, request: &OrderRequest, origin: &Origin) -> Result<(), Refusal> {
        let _guard = tokio::time::timeout(LOCK_TIMEOUT, self.locks.lock(id))
            .await
            .map_err(|_| Refusal::NotPublished("another request about this order takes too long".into()))?;
        let order = enrich(&self.store, id, request).await?;
        let claim = self.claims.take(id, Requested::from(request), self.emitter.now()).await?;
        if claim == Claim::Accepted {
            return Ok(());
        }
        let created = Happened { topic: ORDERS, key: rows::order_key(id), event_type: "order.created", data: order };
        let emitted = self.emitter.emit(&self.schemas.orders, created, origin).await;
        match &emitted {
            Ok(()) => self.claims.acknowledged(id),
            Err(Refusal::Unknown(_)) => {}
            // An earlier request may have published it, unless there was none.
            Err(_) if claim == Claim::New => self.claims.release(id).await,
            Err(_) => {}
        }
        emitted
    }
}
