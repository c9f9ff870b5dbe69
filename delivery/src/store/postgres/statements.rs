//! A unit of work as statements.

use std::{collections::BTreeMap, fmt::Write as _};

use tokio_postgres::types::{ToSql, Type};

use super::{
    locks::{self, Locks},
    names::quoted,
    value::Columns,
};
use crate::store::{Expected, Op, StoreError, Unit};

/// What is sent for one unit of work.
#[derive(Debug)]
pub(super) struct Statements<'u> {
    /// Begins and locks; without parameters.
    pub(super) begin: String,
    /// The versions that something is expected of; none if nothing is.
    pub(super) look: Option<Look<'u>>,
    pub(super) writes: Vec<Write<'u>>,
}

/// Asks for versions, as rows of: the index in `tables`, key, version.
#[derive(Debug)]
pub(super) struct Look<'u> {
    pub(super) sql: String,
    pub(super) tables: Vec<(&'u str, Vec<&'u [u8]>)>,
}

#[derive(Debug)]
pub(super) struct Write<'u> {
    pub(super) sql: String,
    params: Vec<Param<'u>>,
}

#[derive(Debug)]
enum Param<'u> {
    Bytes(Option<&'u [u8]>),
    Text(Option<&'u str>),
}

impl<'u> Statements<'u> {
    /// Refuses names that the server would refuse each time.
    pub(super) fn of(unit: &'u Unit) -> Result<Self, StoreError> {
        let writes = unit.ops().iter().map(Write::of).filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(Self { begin: begin(&Locks::of(unit)), look: Look::of(unit)?, writes })
    }
}

/// Each lock is a statement of its own, so that they are taken in their order. Rows are read by statements after
/// them: those see what the former holders committed.
fn begin(locks: &Locks) -> String {
    let mut sql = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE".to_owned();
    let (of_all, keys) = match locks {
        Locks::All => ("pg_advisory_xact_lock", &[][..]),
        Locks::Keys(keys) => ("pg_advisory_xact_lock_shared", &keys[..]),
    };
    // Writing to a String cannot fail.
    let _ = write!(sql, "; SELECT {of_all}({})", locks::ALL);
    for key in keys {
        let _ = write!(sql, "; SELECT pg_advisory_xact_lock({key})");
    }
    sql
}

impl<'u> Look<'u> {
    fn of(unit: &'u Unit) -> Result<Option<Self>, StoreError> {
        let mut tables: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
        for (table, key, expected) in unit.ops().iter().filter_map(Op::expectation) {
            // A name that cannot be is refused even where nothing is expected.
            quoted(table)?;
            if expected != Expected::Any {
                tables.entry(table).or_default().push(key);
            }
        }
        let tables: Vec<_> = tables.into_iter().collect();
        let parts = tables.iter().enumerate().map(|(index, (table, _))| {
            let (table, param) = (quoted(table)?, index + 1);
            Ok(format!("SELECT {index}::int8, key, version FROM {table} WHERE key = ANY(${param})"))
        });
        let sql = parts.collect::<Result<Vec<_>, StoreError>>()?.join(" UNION ALL ");
        Ok((!tables.is_empty()).then_some(Self { sql, tables }))
    }

    pub(super) fn params(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.tables.iter().map(|(_, keys)| (keys as &(dyn ToSql + Sync), Type::BYTEA_ARRAY)).collect()
    }
}

impl<'u> Write<'u> {
    fn of(op: &'u Op) -> Result<Option<Self>, StoreError> {
        match op {
            Op::Expect { .. } => Ok(None),
            Op::Put { table, key, value, .. } => {
                let (table, columns) = (quoted(table)?, Columns::of(value));
                let sql = format!(
                    "INSERT INTO {table} (key, version, value, raw) VALUES ($1, nextval('ottla_versions'), $2::json, $3)
                     ON CONFLICT (key) DO UPDATE
                     SET version = excluded.version, value = excluded.value, raw = excluded.raw"
                );
                let params = vec![Param::Bytes(Some(key)), Param::Text(columns.json), Param::Bytes(columns.raw)];
                Ok(Some(Self { sql, params }))
            }
            Op::Delete { table, key, .. } => {
                let sql = format!("DELETE FROM {} WHERE key = $1", quoted(table)?);
                Ok(Some(Self { sql, params: vec![Param::Bytes(Some(key))] }))
            }
            // PostgreSQL's text has no NUL.
            Op::Append { stream, .. } if stream.contains('\0') => {
                let detail = format!("'{}' is no name for a stream in PostgreSQL", stream.escape_default());
                Err(StoreError::Refused { detail })
            }
            Op::Append { stream, value } => {
                let columns = Columns::of(value);
                let sql = "INSERT INTO ottla_streams (stream, sequence, value, raw)
                           SELECT $1, coalesce(max(sequence), 0) + 1, $2::json, $3 FROM ottla_streams WHERE stream = $1";
                let params = vec![Param::Text(Some(stream)), Param::Text(columns.json), Param::Bytes(columns.raw)];
                Ok(Some(Self { sql: sql.to_owned(), params }))
            }
        }
    }

    pub(super) fn params(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.params
            .iter()
            .map(|param| match param {
                Param::Bytes(bytes) => (bytes as &(dyn ToSql + Sync), Type::BYTEA),
                Param::Text(text) => (text as &(dyn ToSql + Sync), Type::TEXT),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_come_before_anything_is_read_and_in_their_order() {
        let sql = begin(&Locks::Keys(vec![-5, 7]));
        let parts: Vec<&str> = sql.split("; ").collect();
        let shared = format!("SELECT pg_advisory_xact_lock_shared({})", locks::ALL);
        let keys = ["SELECT pg_advisory_xact_lock(-5)", "SELECT pg_advisory_xact_lock(7)"];
        assert_eq!(parts[1..], [shared.as_str(), keys[0], keys[1]]);
        assert!(begin(&Locks::All).ends_with(&format!("; SELECT pg_advisory_xact_lock({})", locks::ALL)));
    }

    #[test]
    fn only_rows_that_something_is_expected_of_are_looked_at() {
        let unit = Unit::new()
            .put("b", "1", "x")
            .put_if("b", "2", Expected::Absent, "x")
            .expect("a", "3", Expected::Version(1))
            .delete("c", "4", Expected::Any)
            .append("s", "x");
        let statements = Statements::of(&unit).expect("names are fine");
        let look = statements.look.expect("two rows");
        assert_eq!(look.tables, [("a", vec![&b"3"[..]]), ("b", vec![&b"2"[..]])]);
        assert_eq!(look.params().len(), 2);
        assert_eq!(statements.writes.len(), 4, "an expectation writes nothing");
        assert!(Statements::of(&Unit::new().put("a", "1", "x")).expect("fine").look.is_none());
    }

    #[test]
    fn names_that_cannot_be_are_refused_in_every_part() {
        for unit in [
            Unit::new().put("no such", "k", "v"),
            Unit::new().expect("no\"such", "k", Expected::Any),
            Unit::new().delete("pg_such", "k", Expected::Any),
        ] {
            assert!(matches!(Statements::of(&unit), Err(StoreError::Invalid { .. })), "{unit:?}");
        }
        // Tables are named by code, streams by data.
        let stream = Unit::new().append("no\0such", "v");
        assert!(matches!(Statements::of(&stream), Err(StoreError::Refused { .. })));
    }
}
