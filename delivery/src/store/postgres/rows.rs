//! Reading.

use bytes::Bytes;
use tokio_postgres::types::Type;

use super::{names::quoted, pool::Pool, value};
use crate::store::{Row, StoreError, StreamEntry};

pub(super) async fn get(pool: &Pool, table: &str, key: &[u8]) -> Result<Option<Row>, StoreError> {
    let sql = format!("SELECT version, value::text, raw FROM {} WHERE key = $1", quoted(table)?);
    let rows = pool.query(&sql, &[(&key, Type::BYTEA)]).await?;
    rows.first().map(|row| read_row(row, 0)).transpose()
}

pub(super) async fn scan(
    pool: &Pool,
    table: &str,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(Bytes, Row)>, StoreError> {
    let from = if after.is_some() { "key > $1" } else { "$1::bytea IS NULL" };
    let table = quoted(table)?;
    let sql = format!("SELECT key, version, value::text, raw FROM {table} WHERE {from} ORDER BY key LIMIT $2");
    let rows = pool.query(&sql, &[(&after, Type::BYTEA), (&signed(limit), Type::INT8)]).await?;
    rows.iter().map(|row| Ok((column::<Vec<u8>>(row, 0)?.into(), read_row(row, 1)?))).collect()
}

pub(super) async fn read(pool: &Pool, stream: &str, from: u64, limit: usize) -> Result<Vec<StreamEntry>, StoreError> {
    if stream.contains('\0') {
        // PostgreSQL's text has none, so there is no such stream.
        return Ok(Vec::new());
    }
    let sql = "SELECT sequence, value::text, raw FROM ottla_streams
               WHERE stream = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3";
    let params: &super::pool::Params<'_> =
        &[(&stream, Type::TEXT), (&signed(from), Type::INT8), (&signed(limit), Type::INT8)];
    let rows = pool.query(sql, params).await?;
    let entry = |row| {
        let Row { version: sequence, value } = read_row(row, 0)?;
        Ok(StreamEntry { sequence, value })
    };
    rows.iter().map(entry).collect()
}

/// A number and the two columns of a value, from column `first` on.
fn read_row(row: &tokio_postgres::Row, first: usize) -> Result<Row, StoreError> {
    let version = column::<i64>(row, first)?;
    let version = u64::try_from(version).map_err(|_| corrupt(format!("a version is {version}")))?;
    Ok(Row { version, value: value::joined(column(row, first + 1)?, column(row, first + 2)?) })
}

/// A column as the schema has it; another type is somebody else's doing.
pub(super) fn column<'r, T: tokio_postgres::types::FromSql<'r>>(
    row: &'r tokio_postgres::Row,
    at: usize,
) -> Result<T, StoreError> {
    row.try_get(at).map_err(|error| corrupt(error.to_string()))
}

fn corrupt(detail: String) -> StoreError {
    StoreError::Corrupt { detail }
}

/// A bound as PostgreSQL counts.
fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
