//! The consumer service: from the topics to the tables.

use std::sync::Arc;

use ottla::{
    Client, Concurrency, Error, Producer, Route, Task,
    delivery::{Store, WorkerReport},
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    builder::Settings,
    consumer_state::ConsumerState,
    counts::Counts,
    customers::StoreCustomer,
    dead_letters::Marker,
    event_store::StoreOrder,
    events::Events,
    flaky::Flaky,
    observer::FeedObserver,
    schemas::Schemas,
    supervisor::{Feed, Supervisor},
    topics::{ORDERS, ORDERS_DLQ, ORDERS_GROUP, USERS, USERS_DLQ, USERS_GROUP},
};
use crate::{metrics::Metrics, telemetry::Limit};

/// Stores orders and users, running.
#[derive(Debug)]
pub(super) struct Consuming {
    dead_letters: Producer,
    supervisors: [Task; 2],
    states: [ConsumerState; 2],
    notes: Task,
}

/// A line for each of thousands of records a second would cost more than they do.
const LINES_A_SECOND: u32 = 20;

impl Consuming {
    pub(super) fn start(
        client: &Client,
        store: &Arc<dyn Store>,
        schemas: &Schemas,
        (metrics, counts): (&Metrics, &Counts),
        settings: &Settings,
        stopped: &watch::Receiver<bool>,
    ) -> Result<Self, Error> {
        let env = client.env().clone();
        // A producer of its own: nobody waits for a dead letter, so it may take longer than an order.
        let dead_letters = settings.producer(client).build()?;
        let (marker, notes) = Marker::start(&env, Arc::clone(store));
        let observer = |topic, group, counts, marker| {
            let (metrics, lines) = (metrics.observe(group).topics(&[topic]), Limit::a_second(LINES_A_SECOND));
            Arc::new(FeedObserver { metrics, counts, marker, lines })
        };
        // An order and a user are rows of their own, by the record's key: no two keys write the same row.
        let concurrency = Concurrency::per_key(settings.records_at_once);
        let handler = Flaky::new(StoreOrder { env: env.clone() }, settings.flaky, counts.clone());
        let orders = Feed {
            topics: [ORDERS, ORDERS_DLQ],
            group: ORDERS_GROUP,
            route: Route::new(Events::new(schemas.orders.clone()), handler).concurrency(concurrency),
            observer: observer(ORDERS, ORDERS_GROUP, counts.clone(), Some(marker)),
        };
        let users = Feed {
            topics: [USERS, USERS_DLQ],
            group: USERS_GROUP,
            route: Route::new(Events::new(schemas.users.clone()), StoreCustomer { env: env.clone() })
                .concurrency(concurrency),
            observer: observer(USERS, USERS_GROUP, Counts::default(), None),
        };
        let states = [ConsumerState::new(ORDERS, ORDERS_GROUP), ConsumerState::new(USERS, USERS_GROUP)];
        let supervised = |name, feed, state: &ConsumerState| {
            let supervisor = Supervisor {
                client: client.clone(),
                store: Arc::clone(store),
                producer: dead_letters.clone(),
                settings: settings.clone(),
                feed,
                state: state.clone(),
            };
            env.spawn(name, supervisor.run(stopped.clone()))
        };
        let supervisors =
            [supervised("orders consumer", orders, &states[0]), supervised("users consumer", users, &states[1])];
        Ok(Self { dead_letters, supervisors, states, notes })
    }

    pub(super) fn states(&self) -> &[ConsumerState; 2] {
        &self.states
    }

    /// Waits until the consumers have drained, committed and left, and their dead letters are written; says whether
    /// all of it was done in time, and what the consumer of orders did.
    pub(super) async fn close(self, deadline: Instant) -> (bool, Option<WorkerReport>) {
        let [orders, users] = self.supervisors;
        let ended = timeout_at(deadline, async {
            let (orders, users) = tokio::join!(orders, users);
            // Only now nobody writes dead letters any more.
            self.dead_letters.close().await;
            self.notes.await && orders && users
        });
        (ended.await.unwrap_or(false), self.states[0].report())
    }
}
