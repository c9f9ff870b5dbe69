//! The store on PostgreSQL.

use std::sync::Arc;

use libtest_mimic::Failed;
use ottla_delivery::{PostgresStore, Store};
use ottla_tests::lane::Needs;

use crate::{
    fixture::postgres,
    harness::{Context, Outcome, Suite},
};

mod outage;
mod services;
mod sharing;
mod tables;

pub(crate) fn tests(suite: &mut Suite) {
    suite.test(
        "store::postgres_does_what_every_store_does",
        Needs::ANY.postgres(),
        postgres_does_what_every_store_does,
    );
    outage::tests(suite);
    services::tests(suite);
    sharing::tests(suite);
    tables::tests(suite);
}

/// A database of the test's own.
pub(crate) async fn database(cx: &Context) -> Result<String, Failed> {
    Ok(postgres::database(cx.fixture().postgres()?.url(), &cx.unique("s")).await?)
}

async fn connected(cx: &Context, url: &str) -> Result<Arc<PostgresStore>, Failed> {
    Ok(Arc::new(PostgresStore::builder(url).connect(cx.env()).await?))
}

async fn postgres_does_what_every_store_does(cx: Context) -> Outcome {
    let url = database(&cx).await?;
    let store: Arc<dyn Store> = connected(&cx, &url).await?;
    for (name, test) in ottla_delivery::store::suite::TESTS {
        eprintln!("postgres: {name}");
        test(Arc::clone(&store)).await;
    }
    Ok(())
}
