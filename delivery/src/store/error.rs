use std::{fmt, path::PathBuf};

/// What a store could not do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// A row is not as the unit of work expects; nothing was applied. The handler is run again.
    Conflict {
        /// The row's table.
        table: String,
        /// The row's key.
        key: Vec<u8>,
    },
    /// Another process, or another store of this one, has the file open.
    AlreadyOpen {
        /// The file.
        path: PathBuf,
    },
    /// Settings, or the name of a table, that cannot be.
    Invalid {
        /// All that is wrong.
        problems: Vec<String>,
    },
    /// The server cannot be reached, starts, stops or has no connection free; it passes without anybody's doing here.
    Unavailable {
        /// Which server, and what it or the network said.
        detail: String,
        /// Whether the unit of work may have been applied all the same.
        maybe_applied: bool,
    },
    /// A newer version of the program has changed the tables, and this one does not know how.
    NewerSchema {
        /// The schema's version.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// Somebody else's table has the name of one of the store's.
    ForeignTable {
        /// The table.
        table: String,
    },
    /// The disk is full; nothing was applied.
    Full {
        /// What the backend said.
        detail: String,
    },
    /// The backend can never do this, whatever its state: a key that is too long for its index, a text that it has no
    /// letters for. Nothing was applied, and other units of work are.
    Refused {
        /// What the backend said.
        detail: String,
    },
    /// The backend failed.
    Io {
        /// What the backend said.
        detail: String,
        /// Whether the unit of work may have been applied all the same.
        maybe_applied: bool,
    },
    /// What is stored is not what was written.
    Corrupt {
        /// What the backend said.
        detail: String,
    },
    /// The store is closed.
    Closed,
}

impl StoreError {
    /// Whether the unit of work may have been applied.
    pub fn maybe_applied(&self) -> bool {
        matches!(self, Self::Io { maybe_applied: true, .. } | Self::Unavailable { maybe_applied: true, .. })
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Unavailable { .. })
    }

    /// Whether a unit of work lost against another one: a rerun of the handler helps.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { table, key } => {
                write!(f, "the row {} of {table} has changed", key.escape_ascii())
            }
            Self::AlreadyOpen { path } => write!(
                f,
                "{} is open already: a redb file belongs to one process, so run the services that share it in one",
                path.display()
            ),
            Self::Invalid { problems } => f.write_str(&problems.join("; ")),
            Self::Unavailable { detail, maybe_applied } => {
                write!(f, "the store is not available: {detail}")?;
                if *maybe_applied { f.write_str(" (it may have been applied)") } else { Ok(()) }
            }
            Self::NewerSchema { found, known } => {
                write!(f, "the store's tables are of version {found}, and this program knows {known}: it is too old")
            }
            Self::ForeignTable { table } => {
                write!(f, "there is a table {table} that is not the store's: give the store a database of its own")
            }
            Self::Full { detail } => write!(f, "the store's disk is full: {detail}"),
            Self::Refused { detail } => write!(f, "the store can never do this: {detail}"),
            Self::Io { detail, maybe_applied } => {
                write!(f, "the store failed: {detail}")?;
                if *maybe_applied { f.write_str(" (it may have been applied)") } else { Ok(()) }
            }
            Self::Corrupt { detail } => write!(f, "the store is corrupt: {detail}"),
            Self::Closed => f.write_str("the store is closed"),
        }
    }
}

impl std::error::Error for StoreError {}
