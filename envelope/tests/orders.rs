//! The orders system's records, as its documents write them.

use ottla_envelope::{Codec, DecodeError, EncodeError, Event, Metadata, Money, Object, Schema, Timestamp};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Order {
    order_id: String,
    customer_info: Customer,
    items: Vec<Item>,
    inventory_status: Vec<Stock>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Customer {
    customer_id: String,
    email: String,
    name: String,
    address: Object,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Item {
    product_id: String,
    name: String,
    quantity: u32,
    unit_price: Money,
    line_total: Money,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Stock {
    product_id: String,
    available: u32,
    in_stock: bool,
}

const ORDER: &str = include_str!("golden/order.json");

/// A record with `metadata` alone, for what does not depend on the data.
fn record(metadata: &str) -> String {
    format!(r#"{{"id": 1, "metadata": {metadata}}}"#)
}

fn decode(json: &str) -> Result<Event<Object>, DecodeError> {
    Codec::ecst().decode("orders", json.as_bytes())
}

#[test]
fn the_documented_record_is_read() {
    let event: Event<Order> = Codec::ecst().decode("orders", ORDER.as_bytes()).expect("reads");
    let metadata = event.metadata();
    assert_eq!(metadata.event_id(), "7d444840-9dc0-41d1-b245-5ffdce74fad2");
    assert_eq!(metadata.event_type(), "order.created");
    assert_eq!(metadata.timestamp().to_string(), "2024-01-15T10:30:00.000Z");
    assert_eq!((metadata.version(), metadata.source()), ("1.0", "order-producer"));
    assert_eq!(metadata.correlation_id(), "corr-123456");
    let trace = metadata.trace().expect("W3C ids");
    assert_eq!(trace.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    assert!(metadata.assumed().is_empty());
    let [item] = event.data().items.as_slice() else { panic!("one item") };
    assert_eq!(item.unit_price.minor(), 4999);
    assert_eq!(item.unit_price.times(item.quantity), Some(item.line_total));
}

#[test]
fn the_documented_record_is_written_as_it_stands() {
    let codec = Codec::<Order>::ecst();
    let event = codec.decode("orders", ORDER.as_bytes()).expect("reads");
    let written = codec.encode(&event).expect("writes");
    // The document has spaces; between the tokens nothing else differs, not even the order.
    let compact: String = ORDER.trim().replace("\": ", "\":").replace(", ", ",");
    assert_eq!(String::from_utf8(written).expect("text"), compact);
}

#[test]
fn what_a_newer_version_adds_survives() {
    let json = ORDER
        .replacen("{", r#"{"gift": {"text": "a  b", "worth": 1.10}, "#, 1)
        .replace(r#""version": "1.0""#, r#""version": "1.7", "region": "eu""#);
    let codec = Codec::<Order>::ecst();
    let event = codec.decode("orders", json.as_bytes()).expect("reads");
    assert_eq!(event.unknown().get("gift"), Some(r#"{"text": "a  b", "worth": 1.10}"#));
    assert_eq!(event.metadata().more().get("region"), Some(r#""eu""#));
    let written = codec.encode(&event).expect("writes");
    assert_eq!(codec.decode("orders", &written).expect("reads"), event);
}

#[test]
fn sloppy_metadata_is_read_and_noted() {
    let json = record(r#"{"event_id": "e-1", "timestamp": "2024-01-15T10:30:00.123456", "source": null}"#);
    let event = decode(&json).expect("reads");
    let metadata = event.metadata();
    assert_eq!((metadata.event_type(), metadata.version(), metadata.source()), ("orders", "1.0", "unknown"));
    assert_eq!(metadata.correlation_id(), "e-1");
    assert_eq!(metadata.timestamp().to_string(), "2024-01-15T10:30:00.123Z");
    assert_eq!(metadata.assumed(), ["event_type", "version", "source", "correlation_id"]);
}

#[test]
fn foreign_records_are_refused_with_their_reason() {
    let check = |json: &str, kind: &str, why: &str| {
        let error = decode(json).expect_err(json);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(why), "{error}");
    };
    check("", "not-json", "EOF");
    check("[]", "shape", "no object");
    check("{}", "shape", "no object `metadata`");
    check(&record("7"), "shape", "metadata: invalid type");
    check(&record("{}"), "shape", "no event_id");
    check(&record(r#"{"event_id": "e"}"#), "shape", "no timestamp");
    check(&record(r#"{"event_id": "e", "timestamp": "soon"}"#), "shape", "timestamp: no timestamp");
    check(&record(r#"{"event_id": 5, "timestamp": 1}"#), "shape", "event_id: invalid type");
    check(r#"{"metadata": {}, "metadata": {}}"#, "not-json", "twice");
    let error = Codec::<Order>::ecst().decode("orders", &[b'"', 0xff, b'"']).expect_err("refused");
    assert_eq!((error.kind(), error), ("not-utf8", DecodeError::NotUtf8(1)));
}

#[test]
fn the_schema_is_checked_both_ways() {
    let schema = Schema::compile(r#"{"properties": {"items": {"minItems": 1}}}"#).expect("a schema");
    let codec = Codec::<Order>::ecst().with_schema(schema);
    let mut event = codec.decode("orders", ORDER.as_bytes()).expect("reads");
    event.data_mut().items.clear();
    let error = codec.encode(&event).expect_err("refused");
    assert!(matches!(&error, EncodeError::Schema(problems) if problems[0].pointer() == "/items"), "{error}");
    let written = Codec::<Order>::ecst().encode(&event).expect("writes");
    assert_eq!(codec.decode("orders", &written).expect_err("refused").kind(), "schema");
}

#[test]
fn data_that_does_not_fit_the_dialect_is_not_written() {
    let metadata = || Metadata::new("e", "t", Timestamp::from_millis(0).expect("a year we know"));
    assert!(Codec::ecst().encode(&Event::new(metadata(), 7)).is_err());
    let data = Object::parse(br#"{"metadata": 1}"#).expect("reads");
    assert!(Codec::ecst().encode(&Event::new(metadata(), data)).is_err());
}

/// The other systems' documents are read as objects until their dialects are here.
#[test]
fn every_documented_example_survives_to_the_letter() {
    for json in [ORDER, include_str!("golden/dreamscape.json"), include_str!("golden/commerce.json")] {
        let object = Object::parse(json.as_bytes()).expect("reads");
        for (key, text) in object.iter() {
            assert!(json.contains(text), "{key}");
        }
        let written = serde_json::to_string(&object).expect("writes");
        let value = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!(value(&written), value(json));
    }
}

proptest! {
    #[test]
    fn any_order_is_read_as_it_was_written(
        texts in prop::array::uniform6(".{0,12}"),
        minor in 0..i64::MAX / 1000,
        quantity in 1..1000_u32,
        ms in 0..253_402_300_800_000_i64,
        unknown in "[0-9]{1,30}\\.[0-9]{1,30}",
    ) {
        let [order_id, customer_id, email, name, product_id, event_id] = texts;
        let unit_price = Money::from_minor(minor);
        let order = Order {
            order_id,
            customer_info: Customer { customer_id, email, name: name.clone(), address: Object::new() },
            items: vec![Item {
                product_id: product_id.clone(),
                name,
                quantity,
                unit_price,
                line_total: unit_price.times(quantity).expect("small enough"),
            }],
            inventory_status: vec![Stock { product_id, available: quantity, in_stock: true }],
        };
        let number = RawValue::from_string(format!("1{unknown}")).expect("a number");
        let mut metadata = Metadata::new(event_id, "order.created", Timestamp::from_millis(ms).expect("in range"));
        metadata.more_mut().set("number", &number).expect("JSON");
        let event = Event::new(metadata, order);
        let codec = Codec::<Order>::ecst();
        let written = codec.encode(&event).expect("writes");
        prop_assert_eq!(codec.decode("orders", &written).expect("reads"), event);
    }
}
