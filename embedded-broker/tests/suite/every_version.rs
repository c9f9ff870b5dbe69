//! Every version of every request that is advertised: kafka-protocol's encoders refuse a field that a version does
//! not have, and its decoders must find neither too much nor too little.

use kafka_protocol::messages::ApiVersionsRequest;
use ottla_embedded_broker::{Api, EmbeddedBroker};

use crate::client::Client;

#[tokio::test]
async fn api_versions_tells_what_is_served_whatever_is_asked() {
    let broker = EmbeddedBroker::builder().start().await.expect("a broker");
    let mut client = Client::connect(&broker).await;
    for version in Api::ApiVersions.versions() {
        let answer = client.call(&ApiVersionsRequest::default(), version).await;
        assert_eq!((answer.error_code, answer.api_keys.len()), (0, Api::all().count()), "v{version}");
    }
}
