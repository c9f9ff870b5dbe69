//! A cluster whose connections are cut.

use std::{ops::Range, sync::Arc};

use futures_util::future::try_join_all;
use libtest_mimic::Failed;
use ottla_kafka_core::{BrokerAddr, Client, ClientBuilder, Connector};
use ottla_tests::{proxy::Proxy, seed::Seed};
use tokio::{sync::watch, time::sleep};

use super::Rerouted;
use crate::harness::Context;

/// How often connections are cut, in milliseconds.
const CUTS: Range<u64> = 500..1_500;

/// A proxy before each broker.
pub(crate) struct Proxied {
    proxies: Vec<Proxy>,
    brokers: Vec<BrokerAddr>,
    connector: Arc<dyn Connector>,
}

impl Proxied {
    /// Starts the proxies.
    pub(crate) async fn start(cx: &Context) -> Result<Self, Failed> {
        let brokers = cx.bootstrap()?;
        let start = |broker: &BrokerAddr| {
            let upstream = broker.to_string();
            async move { Proxy::start(&upstream).await }
        };
        let proxies = try_join_all(brokers.iter().map(start)).await?;
        let connector = Rerouted::connector(brokers.iter().cloned().zip(proxies.iter().map(Proxy::address)));
        Ok(Self { proxies, brokers, connector })
    }

    /// A client that reaches each broker through its proxy.
    pub(crate) fn client(&self) -> Result<Client, Failed> {
        Ok(self.builder().build()?)
    }

    /// The same with settings of its own.
    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder().bootstrap(self.brokers.clone()).connector(Arc::clone(&self.connector))
    }

    /// Cuts the connections of all brokers at once.
    pub(crate) fn cut_all(&self) {
        self.proxies.iter().for_each(Proxy::cut);
    }

    /// Whether all brokers are silent.
    pub(crate) fn silence(&self, silent: bool) {
        self.proxies.iter().for_each(|proxy| proxy.silence(silent));
    }

    /// Cuts all connections of one broker or of all, between frames or within one, until it is over. Returns how often.
    pub(crate) async fn cut(&self, seed: Seed, mut over: watch::Receiver<bool>) -> u32 {
        let mut seed = seed.fork("cuts");
        let mut cuts = 0;
        while !*over.borrow() {
            tokio::select! {
                biased;
                _ = over.wait_for(|over| *over) => break,
                () = sleep(seed.millis(CUTS)) => {}
            }
            let all = seed.between(0..4) == 0;
            let chosen = usize::try_from(seed.between(0..3)).unwrap_or_default() % self.proxies.len().max(1);
            for (_, proxy) in self.proxies.iter().enumerate().filter(|(index, _)| all || *index == chosen) {
                if seed.between(0..2) == 0 { proxy.cut() } else { proxy.truncate() }
            }
            cuts += 1;
        }
        cuts
    }
}
