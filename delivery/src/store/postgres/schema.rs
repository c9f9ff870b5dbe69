//! The store's own tables, and how they come to be: each step once, whoever comes first.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio_postgres::types::Type;

use super::{
    locks,
    names::quoted,
    pool::{Lease, Pool},
    rows::column,
};
use crate::store::{Op, StoreError, Unit};

/// What brings a schema to the next version, in order. What has been released is never changed, only added to.
const MIGRATIONS: &[&str] = &["
    CREATE SEQUENCE ottla_versions;
    CREATE TABLE ottla_tables (name text PRIMARY KEY);
    CREATE TABLE ottla_streams (
        stream text NOT NULL,
        sequence bigint NOT NULL,
        value json,
        raw bytea,
        PRIMARY KEY (stream, sequence),
        CHECK ((value IS NULL) <> (raw IS NULL))
    );
"];

/// The version this program knows.
fn newest() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// Brings the schema to the version this program knows; several processes at once wait for each other.
pub(super) async fn migrate(pool: &Pool) -> Result<(), StoreError> {
    let lease = pool.acquire(false).await?;
    loop {
        let found = version(&lease).await?;
        if found > newest() {
            return Err(StoreError::NewerSchema { found: unsigned(found), known: unsigned(newest()) });
        }
        let Some(migration) = usize::try_from(found).ok().and_then(|found| MIGRATIONS.get(found)) else {
            lease.keep();
            return Ok(());
        };
        begin(&lease).await?;
        // Somebody else may have been here while we waited for the lock.
        if version(&lease).await? == found {
            let next = found.saturating_add(1);
            let table = "CREATE TABLE IF NOT EXISTS ottla_migrations (
                version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())";
            let sql = format!("{table}; {migration} INSERT INTO ottla_migrations (version) VALUES ({next})");
            execute(&lease, &sql).await?;
        }
        execute(&lease, "COMMIT").await?;
        tracing::info!(at = %pool.place(), from = found, "the store's schema was migrated");
    }
}

async fn version(lease: &Lease<'_>) -> Result<i32, StoreError> {
    if !is_there(lease, "ottla_migrations").await? {
        return Ok(0);
    }
    let rows = lease.query("SELECT coalesce(max(version), 0) FROM ottla_migrations", &[]).await;
    let rows = rows.map_err(|failure| lease.error(failure))?;
    rows.first().map_or(Ok(0), |row| column(row, 0))
}

/// Read from the catalogue itself: `to_regclass` answers from a cache, which a wait for an advisory lock does not renew.
async fn is_there(lease: &Lease<'_>, table: &str) -> Result<bool, StoreError> {
    let sql =
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = $1 AND pg_catalog.pg_table_is_visible(oid))";
    let rows = lease.query(sql, &[(&table, Type::TEXT)]).await;
    let rows = rows.map_err(|failure| lease.error(failure))?;
    rows.first().map_or(Ok(false), |row| column(row, 0))
}

/// Starts a transaction that has the schema alone.
async fn begin(lease: &Lease<'_>) -> Result<(), StoreError> {
    execute(lease, &format!("BEGIN; SELECT pg_advisory_xact_lock({})", locks::SCHEMA)).await
}

async fn execute(lease: &Lease<'_>, sql: &str) -> Result<(), StoreError> {
    lease.execute(sql).await.map_err(|failure| lease.error(failure))
}

fn unsigned(version: i32) -> u32 {
    version.try_into().unwrap_or_default()
}

/// The tables of the store that are known to be there; none is ever removed.
#[derive(Debug, Default)]
pub(super) struct Tables {
    known: Mutex<BTreeSet<String>>,
    /// Held while one is made: whoever needs it meanwhile waits here, not in a connection of its own.
    making: tokio::sync::Mutex<()>,
}

impl Tables {
    /// Whether there is this table.
    pub(super) async fn exists(&self, pool: &Pool, table: &str) -> Result<bool, StoreError> {
        if self.known().contains(table) {
            return Ok(true);
        }
        // Refuses what can be no name.
        quoted(table)?;
        let found = pool.query("SELECT 1 FROM ottla_tables WHERE name = $1", &[(&table, Type::TEXT)]).await?;
        if found.is_empty() {
            return Ok(false);
        }
        self.known().insert(table.to_owned());
        Ok(true)
    }

    /// Makes the tables of a unit of work where they are missing.
    pub(super) async fn create_for(&self, pool: &Pool, unit: &Unit) -> Result<(), StoreError> {
        let tables = unit.ops().iter().filter_map(Op::expectation).map(|(table, _, _)| table);
        self.create(pool, tables).await
    }

    /// Makes these tables where they are missing.
    pub(super) async fn create(&self, pool: &Pool, tables: impl Iterator<Item = &str>) -> Result<(), StoreError> {
        let missing: BTreeSet<&str> = {
            let known = self.known();
            tables.filter(|table| !known.contains(*table)).collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let _alone = self.making.lock().await;
        for table in missing {
            if !self.exists(pool, table).await? {
                create(pool, table).await?;
                self.known().insert(table.to_owned());
            }
        }
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One transaction; a failure drops the connection, and with it whatever was begun.
async fn create(pool: &Pool, table: &str) -> Result<(), StoreError> {
    let name = quoted(table)?;
    let lease = pool.acquire(true).await?;
    begin(&lease).await?;
    let registered = lease.query("SELECT 1 FROM ottla_tables WHERE name = $1", &[(&table, Type::TEXT)]).await;
    if registered.map_err(|failure| lease.error(failure))?.is_empty() {
        if is_there(&lease, table).await? {
            return Err(StoreError::ForeignTable { table: table.to_owned() });
        }
        execute(&lease, &definition(table, &name)).await?;
    }
    execute(&lease, "COMMIT").await?;
    lease.keep();
    Ok(())
}

/// `id` is the key as a person reads it; `version` has a default, so that a row can be put in by hand.
fn definition(table: &str, name: &str) -> String {
    format!(
        "CREATE TABLE {name} (
            key bytea PRIMARY KEY,
            id text GENERATED ALWAYS AS (encode(key, 'escape')) STORED,
            version bigint NOT NULL DEFAULT nextval('ottla_versions'),
            value json,
            raw bytea,
            CHECK ((value IS NULL) <> (raw IS NULL))
        );
        INSERT INTO ottla_tables (name) VALUES ('{table}')"
    )
}
