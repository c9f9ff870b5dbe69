//! In which codec orders and users stand on their topics.

use std::{sync::Arc, time::Duration};

use ottla::{delivery::MemoryStore, kafka::Codec};
use ottla_services::pubsub::PubSub;
use ottla_tests::lane::Needs;

use crate::{
    harness::{Context, Outcome, Suite},
    http,
    support::{read_codecs, shop},
};

pub(super) fn tests(suite: &mut Suite) {
    let codecs = records_are_lz4_unless_another_codec_is_asked_for;
    let (name, limit) = ("pubsub::records_are_lz4_unless_another_codec_is_asked_for", Duration::from_secs(120));
    suite.long_test(name, Needs::ANY.alone(), limit, codecs);
}

async fn records_are_lz4_unless_another_codec_is_asked_for(cx: Context) -> Outcome {
    for (asked, expected) in
        [(None, Codec::Lz4), (Some(Codec::Snappy), Codec::Snappy), (Some(Codec::None), Codec::None)]
    {
        let client = cx.client()?;
        let builder = PubSub::builder(client.clone()).store(Arc::new(MemoryStore::new()));
        let builder = builder.listen(([127, 0, 0, 1], 0).into());
        let builder = asked.into_iter().fold(builder, |builder, codec| builder.compression(codec));
        let service = builder.start().await?;
        let port = service.addr().port();
        shop::until(port, "/health/ready", Duration::from_secs(60), |answer| answer.status == 200).await?;
        shop::seed(port).await?;
        let id = cx.env().uuid().to_string();
        // Long enough that no codec is given up for making it longer.
        let mut order = shop::order(&id);
        let item = order["items"][0].clone();
        order["items"] = vec![item; 50].into();
        let answer = http::request(port, "POST", "/orders", Some(&order)).await?;
        assert_eq!(answer.status, 202, "{}", answer.body);
        let codecs = read_codecs(&cx, "orders").await?;
        assert_eq!(codecs.get(id.as_bytes()), Some(&expected), "{asked:?}");
        let users = read_codecs(&cx, "users").await?;
        assert!(users.values().any(|codec| *codec == expected), "{asked:?}: {users:?}");
        service.shutdown(Duration::from_secs(20)).await;
        client.close().await;
    }
    Ok(())
}
