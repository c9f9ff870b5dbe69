//! Producer and consumer as two processes on one PostgreSQL.

use std::{collections::BTreeSet, time::Duration};

use libtest_mimic::Failed;
use ottla_tests::lane::Needs;
use tokio::time::{Instant, sleep};

use crate::{
    fixture::postgres::{database, sql},
    foreign::{GROUPS, Tools},
    harness::{Context, Outcome, Suite},
    http,
    support::{Process, shop},
};

const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn tests(suite: &mut Suite) {
    let (needs, limit) = (Needs::ANY.alone().postgres(), Duration::from_secs(240));
    let outage = an_outage_of_one_service_does_not_stop_the_other;
    suite.long_test("pubsub::an_outage_of_one_service_does_not_stop_the_other", needs, limit, outage);
    let share = two_consumers_share_the_group_as_kafkas_tool_shows;
    suite.long_test("pubsub::two_consumers_share_the_group_as_kafkas_tool_shows", needs.tools(), limit, share);
    let producers = two_producers_know_each_others_orders;
    suite.long_test("pubsub::two_producers_know_each_others_orders", needs, limit, producers);
}

/// An empty database for both services.
async fn store(cx: &Context) -> Result<String, Failed> {
    let name = format!("pubsub_{:08x}", cx.env().random_u64() >> 32);
    Ok(database(cx.fixture().postgres()?.url(), &name).await?)
}

/// One of the services, ready.
async fn running(cx: &Context, service: &str, url: &str) -> Result<Process, Failed> {
    let mut process = Process::serving(cx, service, url)?;
    process.up().await?;
    Ok(process)
}

async fn post(cx: &Context, port: u16, count: usize) -> Result<Vec<String>, Failed> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let id = cx.env().uuid().to_string();
        let answer = http::request(port, "POST", "/orders", Some(&shop::order(&id))).await?;
        assert_eq!(answer.status, 202, "{}", answer.body);
        ids.push(id);
    }
    Ok(ids)
}

async fn until_stored(port: u16, ids: &[String]) -> Outcome {
    for id in ids {
        let stored = |answer: &http::Answer| answer.json()["status"] == "stored";
        shop::until(port, &format!("/orders/{id}"), LIMIT, stored).await?;
    }
    Ok(())
}

async fn an_outage_of_one_service_does_not_stop_the_other(cx: Context) -> Outcome {
    let url = store(&cx).await?;
    let mut producer = running(&cx, "pubsub.producer", &url).await?;
    let mut consumer = running(&cx, "pubsub.consumer", &url).await?;
    shop::seed(producer.port()).await?;
    let refused = http::request(consumer.port(), "POST", "/orders", Some(&shop::order("x"))).await?;
    assert_eq!(refused.status, 405, "orders are the producer's: {}", refused.body);
    consumer.end().await?;

    let ids = post(&cx, producer.port(), 20).await?;
    for id in &ids {
        let answer = http::request(producer.port(), "GET", &format!("/orders/{id}"), None).await?;
        assert_eq!((answer.status, &answer.json()["status"]), (200, &"pending".into()), "{}", answer.body);
    }
    let user = http::request(producer.port(), "POST", "/users", Some(&shop::customer())).await?;
    assert_eq!(user.status, 202, "{}", user.body);
    let scrape = http::request(producer.port(), "GET", "/metrics", None).await?.body;
    assert!(scrape.contains("\nottla_postgres_connections_max 8\n"), "{scrape}");
    let acquired = scrape.lines().find_map(|line| line.strip_prefix("ottla_postgres_acquires_total "));
    assert!(acquired.ok_or("no count")?.parse::<u64>()? >= 20, "an order needs a connection: {scrape}");

    producer.end().await?;
    consumer.up().await?;
    until_stored(consumer.port(), &ids).await?;
    assert_eq!(sql(&url, "SELECT count(*) FROM orders").await?, ["20"], "one row an order");
    consumer.end().await
}

async fn two_consumers_share_the_group_as_kafkas_tool_shows(cx: Context) -> Outcome {
    let url = store(&cx).await?;
    let mut first = running(&cx, "pubsub.consumer", &url).await?;
    let mut producer = running(&cx, "pubsub.producer", &url).await?;
    let mut second = running(&cx, "pubsub.consumer", &url).await?;
    shop::seed(producer.port()).await?;
    let ids = post(&cx, producer.port(), 60).await?;
    until_stored(second.port(), &ids).await?;
    assert_eq!(sql(&url, "SELECT count(*) FROM orders").await?, ["60"], "one row an order");

    let tools = Tools::new(&cx)?;
    let deadline = Instant::now() + LIMIT;
    for group in ["orders-consumer-group", "users-consumer-group"] {
        loop {
            let described = tools.run(GROUPS, &["--describe", "--group", group]).await?;
            let (members, lags) = members_and_lags(&described, group);
            // A partition that never had a record has neither a committed offset nor a lag.
            if members.len() == 2 && lags.iter().all(|lag| ["0", "-"].contains(&lag.as_str())) {
                assert!(lags.contains(&"0".to_owned()), "{described}");
                break;
            }
            assert!(Instant::now() < deadline, "two members without lag: {described}");
            sleep(Duration::from_millis(200)).await;
        }
    }
    first.end().await?;
    let ids = post(&cx, producer.port(), 10).await?;
    until_stored(second.port(), &ids).await?;
    producer.end().await?;
    second.end().await
}

/// The members' ids and the lags of the partitions, as `kafka-consumer-groups.sh --describe` prints them: group, topic,
/// partition, committed offset, end, lag, member.
fn members_and_lags(described: &str, group: &str) -> (BTreeSet<String>, Vec<String>) {
    let rows = described.lines().filter(|line| line.starts_with(group));
    let rows: Vec<Vec<&str>> = rows.map(|line| line.split_whitespace().collect()).collect();
    let column = |at: usize| rows.iter().filter_map(move |row| row.get(at)).map(|text| (*text).to_owned());
    (column(6).filter(|id| id != "-").collect(), column(5).collect())
}

async fn two_producers_know_each_others_orders(cx: Context) -> Outcome {
    let url = store(&cx).await?;
    let mut consumer = running(&cx, "pubsub.consumer", &url).await?;
    let mut producers = [running(&cx, "pubsub.producer", &url).await?, running(&cx, "pubsub.producer", &url).await?];
    let [one, two] = [producers[0].port(), producers[1].port()];
    shop::seed(one).await?;
    consumer.end().await?;
    let ids = post(&cx, one, 1).await?;
    let mut other = shop::order(&ids[0]);
    let repeated = http::request(two, "POST", "/orders", Some(&other)).await?;
    assert_eq!(repeated.status, 202, "the same order again: {}", repeated.body);
    other["items"][0]["quantity"] = 7.into();
    let refused = http::request(two, "POST", "/orders", Some(&other)).await?;
    assert_eq!(refused.status, 409, "another order under its id, nothing stored yet: {}", refused.body);
    consumer.up().await?;
    until_stored(two, &ids).await?;
    assert_eq!(sql(&url, "SELECT count(*) FROM orders").await?, ["1"], "one row an order");
    for producer in &mut producers {
        producer.end().await?;
    }
    consumer.end().await
}
