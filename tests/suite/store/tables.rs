//! What is in the database, as a person sees it, and who may change it.

use futures_util::future::try_join_all;
use ottla_delivery::{PostgresStore, Store, StoreError, Unit};
use ottla_tests::lane::Needs;

use super::{connected, database};
use crate::{
    fixture::postgres::sql,
    harness::{Context, Outcome, Suite},
};

pub(super) fn tests(suite: &mut Suite) {
    let needs = Needs::ANY.postgres();
    suite.test("store::a_person_reads_the_tables_by_sql", needs, a_person_reads_the_tables_by_sql);
    suite.test("store::what_postgres_can_never_keep_is_refused", needs, what_postgres_can_never_keep_is_refused);
    suite.test("store::processes_that_start_together_migrate_once", needs, processes_that_start_together_migrate_once);
    suite.test(
        "store::a_newer_schema_and_a_foreign_table_are_refused_by_name",
        needs,
        a_newer_schema_and_a_foreign_table_are_refused_by_name,
    );
}

async fn a_person_reads_the_tables_by_sql(cx: Context) -> Outcome {
    let url = database(&cx).await?;
    let store = PostgresStore::builder(&url).tables(["orders", "customers"]).connect(cx.env()).await?;
    assert_eq!(sql(&url, "select count(*) from orders").await?, ["0"], "there before the first order");
    let order = r#"{"order_id": "550e8400-e29b-41d4-a716-446655440000", "total": 99.90}"#;
    // An escaped NUL in one row would fail a statement about all of them.
    let odd = r#"{"order_id": "\u0000"}"#;
    let unit =
        Unit::new().put("orders", "550e8400", order).put("orders", "bytes", vec![0xff]).put("orders", "odd", odd);
    store.apply(unit).await?;
    assert_eq!(sql(&url, "select count(*) from orders").await?, ["3"]);
    assert_eq!(store.get("orders", b"odd").await?.ok_or("the odd row is gone")?.value, odd);
    let asked = "select value->>'order_id' from orders where key = '550e8400'";
    assert_eq!(sql(&url, asked).await?, ["550e8400-e29b-41d4-a716-446655440000"]);
    assert_eq!(sql(&url, "select value->>'total' from orders where value is not null").await?, ["99.90"]);
    assert_eq!(sql(&url, "select id from orders order by id").await?, ["550e8400", "bytes", "odd"]);

    sql(&url, r#"insert into customers (key, value) values ('user-456', '{"name": "John"}')"#).await?;
    let row = store.get("customers", b"user-456").await?.ok_or("what a person puts in is not there")?;
    assert_eq!(row.value, r#"{"name": "John"}"#);
    assert!(row.version > 0);
    Ok(())
}

async fn what_postgres_can_never_keep_is_refused(cx: Context) -> Outcome {
    let url = database(&cx).await?;
    let store = connected(&cx, &url).await?;
    // Random, so that it cannot be compressed to what an index takes.
    let mut seed = cx.seed();
    let long: Vec<u8> = (0..1_000).flat_map(|_| seed.next_u64().to_be_bytes()).collect();
    for unit in [Unit::new().put("orders", long, "v"), Unit::new().append("a\0b", "v")] {
        let refused = store.apply(unit.put("orders", "beside", "v")).await;
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
        assert_eq!(store.get("orders", b"beside").await, Ok(None), "nothing of it is applied");
    }
    Ok(store.apply(Unit::new().put("orders", "after", "v")).await?)
}

async fn processes_that_start_together_migrate_once(cx: Context) -> Outcome {
    let url = database(&cx).await?;
    let stores = (0..8).map(|_| PostgresStore::builder(&url).tables(["orders", "stock"]).connect(cx.env()));
    let stores = try_join_all(stores).await?;
    assert_eq!(sql(&url, "select version from ottla_migrations order by version").await?, ["1"]);
    let units = stores.iter().map(|store| store.apply(Unit::new().put("made_by_all", "k", "v")));
    try_join_all(units).await?;
    assert_eq!(sql(&url, "select name from ottla_tables order by name").await?, ["made_by_all", "orders", "stock"]);
    Ok(())
}

async fn a_newer_schema_and_a_foreign_table_are_refused_by_name(cx: Context) -> Outcome {
    let url = database(&cx).await?;
    let store = connected(&cx, &url).await?;
    sql(&url, "create table customers (name text)").await?;
    let refused = store.apply(Unit::new().put("customers", "k", "v")).await;
    assert_eq!(refused, Err(StoreError::ForeignTable { table: "customers".to_owned() }));
    assert_eq!(store.get("customers", b"k").await, Ok(None), "it is not the store's");
    let bad = store.apply(Unit::new().put("Robert\"; drop table customers; --", "k", "v")).await;
    assert!(matches!(bad, Err(StoreError::Invalid { .. })), "{bad:?}");

    sql(&url, "insert into ottla_migrations (version) values (7)").await?;
    let newer = PostgresStore::builder(&url).connect(cx.env()).await.expect_err("it is newer");
    assert_eq!(newer, StoreError::NewerSchema { found: 7, known: 1 });
    let tls = PostgresStore::builder(format!("{url}?sslmode=require")).connect(cx.env()).await;
    assert!(matches!(tls, Err(StoreError::Invalid { .. })), "{tls:?}");
    Ok(())
}
