//! From the topic `users` to the customers table.

use ottla::{Context, Env, Event, Handler, HandlerError, envelope::Timestamp};

use super::{
    order::User,
    rows::{self, CUSTOMERS, CustomerRow, Seen},
};

/// Keeps the customers table as the last event of each user says.
#[derive(Clone, Debug)]
pub(super) struct StoreCustomer {
    pub(super) env: Env,
}

impl Handler<Event<User>> for StoreCustomer {
    async fn handle(&self, event: Event<User>, cx: Context) -> Result<(), HandlerError> {
        let key = event.data().user_id.clone().into_bytes();
        let store = cx.store()?;
        let known = store.get(CUSTOMERS, &key).await?;
        let known: Option<CustomerRow> = known.map(|row| rows::parse(CUSTOMERS, &row.value)).transpose()?;
        let seen = known.and_then(|row| row.seen);
        let (partition, offset) = (cx.topic_partition().partition(), cx.offset());
        if seen.is_some_and(|seen| seen.is_newer_than(partition, offset, cx.timestamp())) {
            tracing::debug!(user = event.data().user_id, offset, "the customers table knows better");
            return Ok(());
        }
        let at = Timestamp::saturating_from_millis(self.env.now_ms());
        let event_id = event.metadata().event_id().to_owned();
        let seen = Some(Seen { event_id, partition, offset, at });
        store.put(CUSTOMERS, key, rows::text(&CustomerRow { user: event.into_data(), seen })?)?;
        Ok(())
    }
}
