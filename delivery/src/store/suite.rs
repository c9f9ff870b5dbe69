//! What every store must do, run on each of ours; by feature `testing` on one's own too.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "these are tests")]

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use ottla_kafka_core::BoxFuture;

use super::{Expected, Row, Store, StoreError, Unit};

/// A test; it panics if the store fails it.
pub type Test = fn(Arc<dyn Store>) -> BoxFuture<'static, ()>;

/// All tests by name. Each uses tables of its own, which must be empty.
pub const TESTS: &[(&str, Test)] = &[
    ("rows_are_read_back_and_versions_move", |store| Box::pin(rows_are_read_back_and_versions_move(store))),
    ("values_and_keys_are_any_bytes", |store| Box::pin(values_and_keys_are_any_bytes(store))),
    ("a_unit_is_applied_whole_or_not_at_all", |store| Box::pin(a_unit_is_applied_whole_or_not_at_all(store))),
    ("a_unit_may_have_very_many_parts", |store| Box::pin(a_unit_may_have_very_many_parts(store))),
    ("a_deleted_row_never_gets_an_old_version", |store| Box::pin(a_deleted_row_never_gets_an_old_version(store))),
    ("scans_stay_in_their_table_and_go_on_after_a_key", |store| Box::pin(scans_stay_in_their_table(store))),
    ("streams_have_no_gaps", |store| Box::pin(streams_have_no_gaps(store))),
    ("of_two_units_for_one_row_one_conflicts", |store| Box::pin(of_two_units_for_one_row_one_conflicts(store))),
    ("units_that_expect_each_others_rows_are_one_after_the_other", |store| Box::pin(units_are_serial(store))),
    ("units_on_the_same_rows_in_any_order_all_end", |store| Box::pin(units_in_any_order_all_end(store))),
];

/// Runs all tests on an empty store.
///
/// # Cancel safety
/// Dropped, the store holds what the tests have written so far.
#[cfg(test)]
pub(super) async fn run(store: Arc<dyn Store>) {
    for (_, test) in TESTS {
        test(Arc::clone(&store)).await;
    }
}

async fn row(store: &Arc<dyn Store>, table: &str, key: &[u8]) -> Option<Row> {
    store.get(table, key).await.expect("reads")
}

async fn version(store: &Arc<dyn Store>, table: &str, key: &[u8]) -> Option<u64> {
    row(store, table, key).await.map(|row| row.version)
}

async fn rows_are_read_back_and_versions_move(store: Arc<dyn Store>) {
    assert_eq!(row(&store, "a", b"k").await, None);
    store.apply(Unit::new().put("a", "k", "1")).await.expect("applies");
    let first = row(&store, "a", b"k").await.expect("is there");
    assert_eq!(first.value, Bytes::from("1"));
    let expected = Expected::Version(first.version);
    store.apply(Unit::new().put_if("a", "k", expected, "2")).await.expect("applies");
    let second = row(&store, "a", b"k").await.expect("is there");
    assert_eq!(second.value, Bytes::from("2"));
    assert_ne!(first.version, second.version);
    let stale = store.apply(Unit::new().put_if("a", "k", expected, "3")).await;
    assert_eq!(stale, Err(StoreError::Conflict { table: "a".to_owned(), key: b"k".to_vec() }));
    assert_eq!(row(&store, "b", b"k").await, None, "tables are apart");
}

async fn values_and_keys_are_any_bytes(store: Arc<dyn Store>) {
    let large = Bytes::from(vec![7; 1 << 20]);
    let deep = Bytes::from("[".repeat(20_000) + &"]".repeat(20_000));
    let mut values: Vec<Bytes> =
        [&b""[..], b"\0", b"\xff\xfe", b"{\"a\":1.10, \"a\" : 2}\n", b"null", b"\"\\u0000\"", b"\"\\ud800\"", b"1e999"]
            .into_iter()
            .map(Bytes::from_static)
            .collect();
    values.extend([large, deep]);
    let mut keys: Vec<Bytes> = values.iter().map(|value| value.slice(..value.len().min(40))).collect();
    keys.sort();
    keys.dedup();
    assert!(keys.len() > 5);
    for value in &values {
        let unit = keys.iter().fold(Unit::new(), |unit, key| unit.put("bytes", key.clone(), value.clone()));
        store.apply(unit.append("bytes", value.clone())).await.expect("applies");
        for key in &keys {
            assert_eq!(row(&store, "bytes", key).await.expect("is there").value, value, "to the letter");
        }
    }
    let scanned = store.scan("bytes", None, 100).await.expect("scans");
    assert_eq!(scanned.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), keys, "in the order of their bytes");
    let entries = store.read("bytes", 1, 100).await.expect("reads");
    assert_eq!(entries.into_iter().map(|entry| entry.value).collect::<Vec<_>>(), values);
}

async fn a_unit_is_applied_whole_or_not_at_all(store: Arc<dyn Store>) {
    store.apply(Unit::new().put("whole", "k", "1")).await.expect("applies");
    let unit = Unit::new().put("whole", "x", "1").append("whole", "entry").put_if("whole", "k", Expected::Absent, "no");
    let refused = store.apply(unit).await;
    assert_eq!(refused, Err(StoreError::Conflict { table: "whole".to_owned(), key: b"k".to_vec() }));
    assert_eq!(row(&store, "whole", b"x").await, None);
    assert_eq!(store.read("whole", 1, 10).await, Ok(Vec::new()));
    let both = Unit::new().put("whole", "x", "1").put_if("whole", "x", Expected::Absent, "2");
    store.apply(both).await.expect("expectations are about the rows before the unit");
    assert_eq!(row(&store, "whole", b"x").await.expect("is there").value, Bytes::from("2"));
    store.apply(Unit::new()).await.expect("nothing is applied");
    let only = Unit::new().expect("whole", "x", Expected::Absent);
    assert!(store.apply(only).await.is_err_and(|error| error.is_conflict()), "an expectation alone counts");
}

async fn a_unit_may_have_very_many_parts(store: Arc<dyn Store>) {
    let put = |unit: Unit, n: u32| unit.put_if("many", n.to_string(), Expected::Absent, n.to_string());
    let unit = (0..1_000).fold(Unit::new(), put);
    store.apply(unit.clone()).await.expect("applies");
    assert_eq!(store.scan("many", None, 2_000).await.expect("scans").len(), 1_000);
    assert!(store.apply(unit).await.is_err_and(|error| error.is_conflict()));
}

async fn a_deleted_row_never_gets_an_old_version(store: Arc<dyn Store>) {
    store.apply(Unit::new().put("gone", "k", "1")).await.expect("applies");
    let before = version(&store, "gone", b"k").await.expect("is there");
    store.apply(Unit::new().delete("gone", "k", Expected::Version(before))).await.expect("applies");
    assert_eq!(version(&store, "gone", b"k").await, None);
    store.apply(Unit::new().delete("gone", "k", Expected::Any)).await.expect("a missing row stays missing");
    store.apply(Unit::new().put("gone", "k", "1")).await.expect("applies");
    assert_ne!(version(&store, "gone", b"k").await, Some(before));
}

async fn scans_stay_in_their_table(store: Arc<dyn Store>) {
    for key in ["1", "2", "3", ""] {
        store.apply(Unit::new().put("scan", key, key).put("scan2", key, "other")).await.expect("applies");
    }
    let keys = |rows: Vec<(Bytes, Row)>| rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(store.scan("scan", None, 10).await.expect("scans")), ["", "1", "2", "3"]);
    assert_eq!(keys(store.scan("scan", Some(b"1"), 10).await.expect("scans")), ["2", "3"]);
    assert_eq!(keys(store.scan("scan", Some(b"1"), 1).await.expect("scans")), ["2"]);
    assert_eq!(keys(store.scan("none", None, 10).await.expect("scans")), Vec::<Bytes>::new());
}

async fn streams_have_no_gaps(store: Arc<dyn Store>) {
    for value in ["one", "two", "three"] {
        store.apply(Unit::new().append("stream", value).append("stream2", "other")).await.expect("applies");
    }
    let entries = store.read("stream", 2, 10).await.expect("reads");
    let entries: Vec<_> = entries.iter().map(|entry| (entry.sequence, &entry.value[..])).collect();
    assert_eq!(entries, [(2, &b"two"[..]), (3, b"three")]);
    assert_eq!(store.read("stream", 1, 2).await.expect("reads").len(), 2);
    let appends = (0..50).map(|n: u32| store.apply(Unit::new().append("busy", n.to_string()).append("busy", "x")));
    join_all(appends).await.into_iter().collect::<Result<Vec<_>, _>>().expect("all apply");
    let entries = store.read("busy", 1, 1_000).await.expect("reads");
    assert!(entries.iter().map(|entry| entry.sequence).eq(1..=100));
}

async fn of_two_units_for_one_row_one_conflicts(store: Arc<dyn Store>) {
    let units = (0..50).map(|n| store.apply(Unit::new().put_if("race", "k", Expected::Absent, n.to_string())));
    let results = join_all(units).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().filter_map(|result| result.as_ref().err()).all(StoreError::is_conflict));
}

/// Each of two units writes a row and expects the other's to be missing: one of them must lose.
async fn units_are_serial(store: Arc<dyn Store>) {
    for round in 0..20 {
        let (mine, yours) = (format!("{round}-a"), format!("{round}-b"));
        let unit = |write: &String, missing: &String| {
            Unit::new().expect("serial", missing.clone(), Expected::Absent).put("serial", write.clone(), "x")
        };
        let units = [unit(&mine, &yours), unit(&yours, &mine)];
        let results = join_all(units.into_iter().map(|unit| store.apply(unit))).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        assert!(results.iter().filter_map(|result| result.as_ref().err()).all(StoreError::is_conflict));
    }
}

/// Units that write the same rows in opposite orders wait for each other, but never in a circle.
async fn units_in_any_order_all_end(store: Arc<dyn Store>) {
    let unit = |n: u32| {
        let keys = (0..10).map(|key: u32| if n.is_multiple_of(2) { key } else { 9 - key });
        keys.fold(Unit::new(), |unit, key| unit.put("order", key.to_string(), n.to_string()))
    };
    let results = join_all((0..40).map(|n| store.apply(unit(n)))).await;
    results.into_iter().collect::<Result<Vec<_>, _>>().expect("all apply");
    let rows = store.scan("order", None, 100).await.expect("scans");
    let last = rows.first().map(|(_, row)| row.value.clone());
    assert!(rows.len() == 10 && rows.iter().all(|(_, row)| Some(&row.value) == last.as_ref()), "{rows:?}");
}
