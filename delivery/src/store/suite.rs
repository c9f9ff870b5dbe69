//! What every store must do, run on each.

use std::sync::Arc;

use bytes::Bytes;

use super::{Expected, Store, StoreError, Unit};

/// Runs the whole suite on an empty store.
pub(super) async fn run(store: Arc<dyn Store>) {
    rows_are_read_back_and_versions_move(&*store).await;
    a_unit_is_applied_whole_or_not_at_all(&*store).await;
    a_deleted_row_never_gets_an_old_version(&*store).await;
    scans_stay_in_their_table_and_go_on_after_a_key(&*store).await;
    streams_have_no_gaps(&*store).await;
    of_two_units_for_one_row_one_conflicts(store).await;
}

async fn version(store: &dyn Store, table: &str, key: &[u8]) -> Option<u64> {
    store.get(table, key).await.expect("reads").map(|row| row.version)
}

async fn rows_are_read_back_and_versions_move(store: &dyn Store) {
    assert_eq!(store.get("a", b"k").await, Ok(None));
    store.apply(Unit::new().put("a", "k", "1")).await.expect("applies");
    let first = store.get("a", b"k").await.expect("reads").expect("is there");
    assert_eq!(first.value, Bytes::from("1"));
    let expected = Expected::Version(first.version);
    store.apply(Unit::new().put_if("a", "k", expected, "2")).await.expect("applies");
    let second = store.get("a", b"k").await.expect("reads").expect("is there");
    assert_eq!(second.value, Bytes::from("2"));
    assert_ne!(first.version, second.version);
    let stale = store.apply(Unit::new().put_if("a", "k", expected, "3")).await;
    assert_eq!(stale, Err(StoreError::Conflict { table: "a".to_owned(), key: b"k".to_vec() }));
    assert_eq!(store.get("b", b"k").await, Ok(None), "tables are apart");
}

async fn a_unit_is_applied_whole_or_not_at_all(store: &dyn Store) {
    let unit = Unit::new().put("whole", "x", "1").append("whole", "entry").put_if("a", "k", Expected::Absent, "no");
    assert!(store.apply(unit).await.is_err_and(|error| error.is_conflict()));
    assert_eq!(store.get("whole", b"x").await, Ok(None));
    assert_eq!(store.read("whole", 1, 10).await, Ok(Vec::new()));
    let both = Unit::new().put("whole", "x", "1").put_if("whole", "x", Expected::Absent, "2");
    store.apply(both).await.expect("expectations are about the rows before the unit");
    assert_eq!(store.get("whole", b"x").await.expect("reads").expect("is there").value, Bytes::from("2"));
}

async fn a_deleted_row_never_gets_an_old_version(store: &dyn Store) {
    store.apply(Unit::new().put("gone", "k", "1")).await.expect("applies");
    let before = version(store, "gone", b"k").await.expect("is there");
    store.apply(Unit::new().delete("gone", "k", Expected::Version(before))).await.expect("applies");
    assert_eq!(version(store, "gone", b"k").await, None);
    store.apply(Unit::new().delete("gone", "k", Expected::Any)).await.expect("a missing row stays missing");
    store.apply(Unit::new().put("gone", "k", "1")).await.expect("applies");
    assert_ne!(version(store, "gone", b"k").await, Some(before));
}

async fn scans_stay_in_their_table_and_go_on_after_a_key(store: &dyn Store) {
    for key in ["1", "2", "3", ""] {
        store.apply(Unit::new().put("scan", key, key).put("scan2", key, "other")).await.expect("applies");
    }
    let keys = |rows: Vec<(Bytes, super::Row)>| rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(store.scan("scan", None, 10).await.expect("scans")), ["", "1", "2", "3"]);
    assert_eq!(keys(store.scan("scan", Some(b"1"), 10).await.expect("scans")), ["2", "3"]);
    assert_eq!(keys(store.scan("scan", Some(b"1"), 1).await.expect("scans")), ["2"]);
    assert_eq!(keys(store.scan("none", None, 10).await.expect("scans")), Vec::<Bytes>::new());
}

async fn streams_have_no_gaps(store: &dyn Store) {
    for value in ["one", "two", "three"] {
        store.apply(Unit::new().append("stream", value).append("stream2", "other")).await.expect("applies");
    }
    let entries = store.read("stream", 2, 10).await.expect("reads");
    let entries: Vec<_> = entries.iter().map(|entry| (entry.sequence, &entry.value[..])).collect();
    assert_eq!(entries, [(2, &b"two"[..]), (3, b"three")]);
    assert_eq!(store.read("stream", 1, 2).await.expect("reads").len(), 2);
}

async fn of_two_units_for_one_row_one_conflicts(store: Arc<dyn Store>) {
    let units = (0..50).map(|n| store.apply(Unit::new().put_if("race", "k", Expected::Absent, n.to_string())));
    let results = futures_util::future::join_all(units).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().filter_map(|result| result.as_ref().err()).all(StoreError::is_conflict));
}
