//! Users from HTTP to the customers table, and into the orders that come after.

use std::{sync::Arc, time::Duration};

use libtest_mimic::Failed;
use ottla::{
    delivery::MemoryStore,
    kafka::{Producer, ProducerRecord},
};
use ottla_services::pubsub::PubSub;
use ottla_tests::lane::Needs;
use serde_json::{Value, json};

use crate::{
    harness::{Context, Outcome, Suite},
    http,
    support::{Logged, read_log, shop},
};

const SOON: Duration = Duration::from_secs(60);

pub(super) fn tests(suite: &mut Suite) {
    let travel = users_travel_to_the_customers_and_poison_to_their_dead_letters;
    let name = "pubsub::users_travel_to_the_customers_and_poison_to_their_dead_letters";
    suite.long_test(name, Needs::ANY.alone(), Duration::from_secs(120), travel);
}

async fn users_travel_to_the_customers_and_poison_to_their_dead_letters(cx: Context) -> Outcome {
    let client = cx.client()?;
    let builder = PubSub::builder(client.clone()).store(Arc::new(MemoryStore::new()));
    let service = builder.listen(([127, 0, 0, 1], 0).into()).start().await?;
    let port = service.addr().port();
    shop::until(port, "/health/ready", SOON, |answer| answer.status == 200).await?;
    shop::seed(port).await?;

    // Nobody else's users have these ids, also on a cluster that outlives the run.
    let id = cx.unique("user");
    let poison = format!("{id}-bad");
    let producer = Producer::builder(&client).build()?;
    let no_mail = json!({"user_id": poison, "email": "nowhere"}).to_string();
    for value in ["no JSON", &no_mail] {
        producer.send(ProducerRecord::to("users").key(poison.clone()).value(value.to_owned())).await?;
    }
    producer.close().await;
    for name in ["First Name", "Last Name"] {
        let mut user = shop::customer();
        (user["user_id"], user["name"]) = (id.as_str().into(), name.into());
        let answer = http::request(port, "POST", "/users", Some(&user)).await?;
        assert_eq!(answer.status, 202, "{}", answer.body);
    }
    let named = |answer: &http::Answer| answer.json()["name"] == "Last Name";
    shop::until(port, &format!("/users/{id}"), SOON, named).await?;
    assert_eq!(http::request(port, "GET", &format!("/users/{poison}"), None).await?.status, 404);

    let order_id = cx.env().uuid().to_string();
    let mut order = shop::order(&order_id);
    order["customer_id"] = id.as_str().into();
    let answer = http::request(port, "POST", "/orders", Some(&order)).await?;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let [record] = with_key(&cx, "orders", &order_id).await?.try_into().map_err(|_| "one order")?;
    let record: Value = serde_json::from_slice(record.value.as_deref().unwrap_or_default())?;
    assert_eq!(record["customer_info"]["name"], "Last Name", "{record}");
    shop::until(port, &format!("/orders/{order_id}"), SOON, |answer| answer.json()["status"] == "stored").await?;

    let events = with_key(&cx, "users", &id).await?;
    let types: Vec<Value> = events.iter().filter_map(event_type).collect();
    assert_eq!(types, ["user.created", "user.updated"]);
    service.shutdown(Duration::from_secs(20)).await;
    let letters = with_key(&cx, "users-dlq", &poison).await?;
    assert_eq!(letters.iter().map(Logged::text).collect::<Vec<_>>(), ["no JSON", &no_mail]);
    client.close().await;
    Ok(())
}

/// The records of `topic` with this key, in their order.
async fn with_key(cx: &Context, topic: &str, key: &str) -> Result<Vec<Logged>, Failed> {
    let mut records = read_log(cx, topic).await?;
    records.retain(|record| record.key.as_deref() == Some(key.as_bytes()));
    Ok(records)
}

fn event_type(record: &Logged) -> Option<Value> {
    let event: Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
    Some(event["metadata"]["event_type"].clone())
}
