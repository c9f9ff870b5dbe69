//! What the producer service needs beside its own process: its topics and the store.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ottla::{Client, delivery::Store};
use tokio::{sync::watch, time::timeout};

use super::{
    builder::Settings,
    rows::CUSTOMERS,
    supervisor::told,
    topics::{self, ORDERS, USERS},
};

/// Creates the topics where it may, and asks the store again and again, so that readiness tells when either is away.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) client: Client,
    pub(super) store: Arc<dyn Store>,
    pub(super) settings: Settings,
    pub(super) state: KeeperState,
}

/// What is missing. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct KeeperState(Arc<Mutex<Option<String>>>);

/// How often the store is asked, and missing topics are looked for: one may be deleted at any time.
const PERIOD: Duration = Duration::from_secs(1);
/// The longest a look for topics that were there may hold up the question to the store.
const TOPICS_LIMIT: Duration = Duration::from_secs(2);
/// The longest a store may take to say that it is there.
const STORE_LIMIT: Duration = Duration::from_secs(2);

impl Keeper {
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut topics = Err("the topics have not been looked for yet".to_owned());
        loop {
            let look = async {
                topics = match topics {
                    // Mostly from what the client knows anyway. Brokers that are away are told elsewhere.
                    Ok(()) => timeout(TOPICS_LIMIT, self.look_for_topics()).await.unwrap_or(Ok(())),
                    Err(_) => self.look_for_topics().await,
                };
                self.state.set(topics.clone().and(self.ask_the_store().await).err());
                tokio::time::sleep(PERIOD).await;
            };
            tokio::select! {
                biased;
                () = told(&mut stopped) => return,
                () = look => {}
            }
        }
    }

    async fn look_for_topics(&self) -> Result<(), String> {
        topics::ensure(&self.client, &[ORDERS, USERS], self.settings.layout, self.settings.creates_topics()).await
    }

    async fn ask_the_store(&self) -> Result<(), String> {
        match timeout(STORE_LIMIT, self.store.get(CUSTOMERS, b"")).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(format!("the store is away: {error}")),
            Err(_) => Err(format!("the store does not answer within {STORE_LIMIT:?}")),
        }
    }
}

impl KeeperState {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Some("the producer is starting".to_owned()))))
    }

    fn set(&self, missing: Option<String>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *state != missing {
            match &missing {
                Some(missing) => tracing::warn!(missing, "orders cannot be taken"),
                None => tracing::info!("orders can be taken"),
            }
        }
        *state = missing;
    }

    /// Why orders cannot be taken, if they cannot.
    pub(super) fn missing(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
