//! A unit of work as one transaction: lock its rows, look at them, write, commit. Two round trips.

use std::{collections::BTreeMap, future::poll_fn, task::Poll};

use futures_util::future::{FutureExt as _, maybe_done};
use ottla_kafka_core::BoxFuture;
use tokio_postgres::{Client, Error, Row};

use super::{
    failure::Failure,
    pool::{Lease, Pool},
    rows::column,
    statements::{Look, Statements, Write},
};
use crate::store::{Op, StoreError, Unit};

/// Why a unit of work was not applied, or may not have been.
enum Stop {
    /// A row is not as it expects, or is nonsense.
    Rows(StoreError),
    /// The server or the connection failed.
    Failed { failure: Failure, maybe_applied: bool },
}

/// Applies `unit`. A connection that was lost while it waited in the pool is replaced.
pub(super) async fn apply(pool: &Pool, unit: &Unit) -> Result<(), StoreError> {
    let statements = Statements::of(unit)?;
    if unit.is_empty() {
        return Ok(());
    }
    let mut lease = pool.acquire(false).await?;
    loop {
        match run(&lease, unit, &statements).await {
            Ok(()) => {
                lease.keep();
                return Ok(());
            }
            Err(Stop::Rows(error)) => {
                lease.roll_back().await;
                return Err(error);
            }
            Err(Stop::Failed { failure, maybe_applied: false }) if lease.may_be_stale(&failure) => {
                drop(lease);
                lease = pool.acquire(true).await?;
            }
            Err(Stop::Failed { failure, maybe_applied }) => {
                if failure.leaves_the_session() {
                    lease.roll_back().await;
                }
                let conflict = failure.is_conflict();
                return Err(if conflict { lost(unit) } else { pool.error(failure, maybe_applied) });
            }
        }
    }
}

/// Another transaction was in the way, and the server does not say at which row.
fn lost(unit: &Unit) -> StoreError {
    let row = unit.ops().iter().find_map(Op::expectation);
    let (table, key) = row.map(|(table, key, _)| (table.to_owned(), key.to_vec())).unwrap_or_default();
    StoreError::Conflict { table, key }
}

async fn run(lease: &Lease<'_>, unit: &Unit, statements: &Statements<'_>) -> Result<(), Stop> {
    let client = lease.client();
    let before = |failure| Stop::Failed { failure, maybe_applied: false };
    let begin = std::iter::once(batch(client, &statements.begin));
    let looking = pipelined(begin.chain(statements.look.as_ref().map(|look| looked(client, look))));
    let mut found = Vec::new();
    for rows in lease.within(looking.map(Ok)).await.map_err(before)? {
        found.extend(rows.map_err(|error| before(error.into()))?);
    }
    expected(unit, statements.look.as_ref(), &found).map_err(Stop::Rows)?;

    // The commit goes out with the writes: after one that fails, the server makes a rollback of it.
    let writes = statements.writes.iter().map(|write| written(client, write));
    let writing = pipelined(writes.chain(std::iter::once(batch(client, "COMMIT"))));
    let silent = |failure| Stop::Failed { failure, maybe_applied: true };
    let mut results = lease.within(writing.map(Ok)).await.map_err(silent)?;
    let commit = results.pop();
    if let Some(failure) = results.into_iter().find_map(Result::err).map(Failure::from) {
        // What the server refuses, it does not commit. A lost connection says nothing.
        let maybe_applied = !failure.is_refusal();
        return Err(Stop::Failed { failure, maybe_applied });
    }
    match commit {
        Some(Err(error)) => {
            let failure = Failure::from(error);
            let maybe_applied = failure.may_have_committed();
            Err(Stop::Failed { failure, maybe_applied })
        }
        Some(Ok(_)) | None => Ok(()),
    }
}

/// Whether all rows are as `unit` expects, by what was found of them.
fn expected(unit: &Unit, look: Option<&Look<'_>>, found: &[Row]) -> Result<(), StoreError> {
    let Some(look) = look else { return Ok(()) };
    let mut versions: BTreeMap<(&str, &[u8]), u64> = BTreeMap::new();
    for row in found {
        let table = usize::try_from(column::<i64>(row, 0)?).ok().and_then(|index| look.tables.get(index));
        let version = u64::try_from(column::<i64>(row, 2)?).unwrap_or_default();
        versions.insert((table.map_or("", |(name, _)| name), column(row, 1)?), version);
    }
    for (table, key, expected) in unit.ops().iter().filter_map(Op::expectation) {
        if !expected.holds(versions.get(&(table, &key[..])).copied()) {
            return Err(StoreError::Conflict { table: table.to_owned(), key: key.to_vec() });
        }
    }
    Ok(())
}

type Answer<'a> = BoxFuture<'a, Result<Vec<Row>, Error>>;

fn batch<'a>(client: &'a Client, sql: &'a str) -> Answer<'a> {
    Box::pin(async { client.batch_execute(sql).await.map(|()| Vec::new()) })
}

fn looked<'a>(client: &'a Client, look: &'a Look<'_>) -> Answer<'a> {
    Box::pin(async { client.query_typed(&look.sql, &look.params()).await })
}

fn written<'a>(client: &'a Client, write: &'a Write<'_>) -> Answer<'a> {
    Box::pin(async { client.query_typed(&write.sql, &write.params()).await })
}

/// The answers of all, in order. A statement is sent by its first poll: each has one before any answer is waited for.
async fn pipelined<'a>(statements: impl Iterator<Item = Answer<'a>>) -> Vec<Result<Vec<Row>, Error>> {
    let mut sent: Vec<_> = statements.map(|statement| Box::pin(maybe_done(statement))).collect();
    poll_fn(|cx| {
        for statement in &mut sent {
            let _ = statement.as_mut().poll(cx);
        }
        Poll::Ready(())
    })
    .await;
    let mut answers = Vec::with_capacity(sent.len());
    for mut statement in sent {
        statement.as_mut().await;
        answers.extend(statement.as_mut().take_output());
    }
    answers
}
