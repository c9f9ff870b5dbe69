//! What a failure of PostgreSQL means to the store.

use std::time::Duration;

use tokio_postgres::error::{DbError, Severity, SqlState};

use super::session::Place;
use crate::store::StoreError;

/// Why a statement gave nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// No answer in this time; the connection cannot be used any more.
    Silent(Duration),
    /// The server refused, or the connection is lost.
    Postgres(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl Failure {
    fn refusal(&self) -> Option<&DbError> {
        match self {
            Self::Postgres(error) => error.as_db_error(),
            Self::Silent(_) => None,
        }
    }

    /// Whether the server said it, and so did nothing of what the transaction was to do.
    pub(super) fn is_refusal(&self) -> bool {
        self.refusal().is_some()
    }

    /// Whether the session goes on after it.
    pub(super) fn leaves_the_session(&self) -> bool {
        self.refusal().is_some_and(|error| error.parsed_severity() == Some(Severity::Error))
    }

    /// Whether the connection was lost, perhaps long before it was used.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            Self::Postgres(error) => match error.as_db_error() {
                Some(error) => error.code().code().starts_with("57P"),
                None => true,
            },
            Self::Silent(_) => false,
        }
    }

    /// Whether a commit that failed so may have taken place.
    pub(super) fn may_have_committed(&self) -> bool {
        // The classes that say the commit itself was rolled back: integrity, invalid state, rollback.
        self.refusal()
            .is_none_or(|error| !["23", "25", "40"].iter().any(|class| error.code().code().starts_with(class)))
    }

    /// Whether another transaction was in the way.
    pub(super) fn is_conflict(&self) -> bool {
        let conflicts =
            [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::UNIQUE_VIOLATION];
        self.refusal().is_some_and(|error| conflicts.contains(error.code()))
    }

    /// The store's word for it.
    pub(super) fn into_error(self, place: &Place, maybe_applied: bool) -> StoreError {
        let detail = format!("PostgreSQL at {place}: {}", self.detail());
        let Some(refusal) = self.refusal() else { return StoreError::Unavailable { detail, maybe_applied } };
        let code = refusal.code().code();
        match code {
            "53100" => StoreError::Full { detail },
            "XX001" | "XX002" => StoreError::Corrupt { detail },
            // Too many connections, out of memory; starting, stopping, cancelled; standing by.
            "25006" | "57014" => StoreError::Unavailable { detail, maybe_applied },
            _ if ["08", "53", "57P", "40"].iter().any(|class| code.starts_with(class)) => {
                StoreError::Unavailable { detail, maybe_applied }
            }
            // Data that cannot be, and what is beyond the program's limits: the statement's fault, not the server's.
            _ if ["22", "54"].iter().any(|class| code.starts_with(class)) => StoreError::Refused { detail },
            _ => StoreError::Io { detail, maybe_applied },
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Silent(after) => format!("no answer within {after:?}"),
            Self::Postgres(error) => match error.as_db_error() {
                Some(refusal) => format!("{} (SQLSTATE {})", refusal.message(), refusal.code().code()),
                None => match std::error::Error::source(error) {
                    Some(cause) => cause.to_string(),
                    None => error.to_string(),
                },
            },
        }
    }
}
