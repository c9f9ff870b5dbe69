//! Which store a service keeps its rows in.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use ottla::{
    Env,
    delivery::{MemoryStore, PoolCounts, PostgresStore, RedbStore, Store, StoreError, Unit},
};

use crate::{
    cli::{Exit, Problem},
    pubsub::{Part, rows::TABLES},
};

/// Which store.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum StoreAt {
    Postgres(String),
    Redb(PathBuf),
    Memory,
}

/// A store, and what goes with it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    pub(super) instance_id: Option<String>,
    /// How many records of a partition are worth storing at once, if the store has a word in it.
    pub(super) records_at_once: Option<usize>,
    /// How busy the connections to it are; nothing is counted of a store without any.
    pub(super) connections: PoolCounts,
}

/// PostgreSQL has so many connections for everything: more records at once would wait for one, and requests behind them.
const POSTGRES_AT_ONCE: usize = 8;

const DEFAULT_FILE: &str = "orders.redb";

/// The store that a flag names, else `DATABASE_URL`, else a file. Services in two processes need one that both can open.
pub(super) fn choose(flag: Option<StoreAt>, url: Option<String>, part: Part) -> Result<StoreAt, Problem> {
    let url = url.filter(|url| !url.is_empty());
    let variable = |url: String| {
        let read = url.parse().ok().filter(|at| matches!(at, StoreAt::Postgres(_)));
        // It is not repeated: it may hold a password.
        read.ok_or_else(|| Problem::new(Exit::Usage, "DATABASE_URL is not postgres://USER@HOST/DATABASE"))
    };
    let chosen = match flag {
        Some(at) => Some(at),
        None => url.map(variable).transpose()?,
    };
    let name = match part {
        Part::Both => return Ok(chosen.unwrap_or_else(|| StoreAt::Redb(DEFAULT_FILE.into()))),
        Part::Producer => "pubsub.producer",
        Part::Consumer => "pubsub.consumer",
    };
    let why = match chosen {
        Some(at @ StoreAt::Postgres(_)) => return Ok(at),
        Some(StoreAt::Redb(path)) => format!("{}: a redb file opens in one process", path.display()),
        Some(StoreAt::Memory) => "memory belongs to one process".to_owned(),
        None => "a redb file, the default, opens in one process".to_owned(),
    };
    let what = format!("{name} shares its store with the other service, but {why}");
    Err(Problem::new(Exit::Usage, what)
        .next("--store postgres://USER@HOST/DATABASE or DATABASE_URL names a store for both; serve pubsub runs both in one process"))
}

impl StoreAt {
    /// Opens the store. PostgreSQL may be away: then it is asked again when it is needed.
    pub(super) async fn open(&self, env: &Env) -> Result<Opened, StoreError> {
        let connections = PoolCounts::default();
        match self {
            Self::Postgres(url) => {
                let builder = PostgresStore::builder(url).tables(TABLES).counts(connections.clone());
                let store = Arc::new(builder.connect_lazy(env).await?);
                Ok(Opened { store, instance_id: None, records_at_once: Some(POSTGRES_AT_ONCE), connections })
            }
            Self::Redb(path) => {
                let store = RedbStore::open(env, path).await?;
                // One process has the file at a time, so the member that has it is always the same one.
                let instance_id = Some(kept_instance_id(&store, env).await?);
                Ok(Opened { store: Arc::new(store), instance_id, records_at_once: None, connections })
            }
            Self::Memory => {
                let store = Arc::new(MemoryStore::new());
                Ok(Opened { store, instance_id: None, records_at_once: None, connections })
            }
        }
    }
}

impl FromStr for StoreAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_url = |text: &str| text.starts_with("postgres://") || text.starts_with("postgresql://");
        if is_url(text) {
            return Ok(Self::Postgres(text.to_owned()));
        }
        match text.split_once(':') {
            Some(("postgres", url)) if is_url(url) => Ok(Self::Postgres(url.to_owned())),
            Some(("redb", path)) if !path.is_empty() => Ok(Self::Redb(path.into())),
            _ if text == "memory" => Ok(Self::Memory),
            _ => Err("it is none of postgres://USER@HOST/DATABASE, redb:PATH and memory".to_owned()),
        }
    }
}

impl fmt::Debug for StoreAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(_) => f.write_str("postgres"),
            Self::Redb(path) => write!(f, "redb:{}", path.display()),
            Self::Memory => f.write_str("memory"),
        }
    }
}

/// The instance id that is kept in the store; a new one in a new store.
async fn kept_instance_id(store: &dyn Store, env: &Env) -> Result<String, StoreError> {
    const TABLE: &str = "service";
    const KEY: &[u8] = b"instance-id";
    if let Some(row) = store.get(TABLE, KEY).await? {
        return Ok(String::from_utf8_lossy(&row.value).into_owned());
    }
    let id = format!("orders-{}", env.uuid());
    store.apply(Unit::new().put(TABLE, KEY, id.clone())).await?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "postgres://ottla:hunter2@localhost/orders";

    #[tokio::test]
    async fn a_store_keeps_its_members_id() {
        let (env, store, other) = (Env::system(), MemoryStore::new(), MemoryStore::new());
        let first = kept_instance_id(&store, &env).await.expect("kept");
        assert_eq!(kept_instance_id(&store, &env).await.expect("read back"), first);
        assert_ne!(kept_instance_id(&other, &env).await.expect("kept"), first);
    }

    #[test]
    fn a_store_is_named_by_its_kind() {
        let postgres = || Some(StoreAt::Postgres(URL.to_owned()));
        for (text, store) in [
            ("redb:data/orders.redb", Some(StoreAt::Redb("data/orders.redb".into()))),
            ("memory", Some(StoreAt::Memory)),
            (URL, postgres()),
            (&format!("postgres:{URL}"), postgres()),
            ("postgresql://localhost/orders", Some(StoreAt::Postgres("postgresql://localhost/orders".to_owned()))),
            ("postgres:", None),
            ("postgres:orders", None),
            ("redb:", None),
            ("sqlite:x", None),
        ] {
            assert_eq!(text.parse().ok(), store, "{text}");
        }
    }

    #[test]
    fn a_flag_goes_before_the_variable_and_that_before_a_file() {
        let (redb, url) = (StoreAt::Redb("a.redb".into()), Some(URL.to_owned()));
        let postgres = StoreAt::Postgres(URL.to_owned());
        assert_eq!(choose(Some(redb.clone()), url.clone(), Part::Both), Ok(redb));
        assert_eq!(choose(None, url, Part::Both), Ok(postgres));
        assert_eq!(choose(None, Some(String::new()), Part::Both), Ok(StoreAt::Redb(DEFAULT_FILE.into())));
        let problem = choose(None, Some("mysql://u:hunter2@h".to_owned()), Part::Both).expect_err("another database");
        assert!(problem.to_string().contains("DATABASE_URL") && !problem.to_string().contains("hunter2"), "{problem}");
    }

    #[test]
    fn services_apart_need_a_store_that_both_can_open() {
        let check = |flag: Option<&str>, part, told: &str| {
            let flag = flag.map(|flag| flag.parse().expect("a store"));
            let problem = choose(flag, None, part).expect_err("refused").to_string();
            assert!(problem.contains(told) && problem.contains("DATABASE_URL"), "{problem}");
        };
        check(Some("redb:a.redb"), Part::Producer, "pubsub.producer shares its store");
        check(Some("redb:a.redb"), Part::Consumer, "a.redb: a redb file opens in one process");
        check(Some("memory"), Part::Consumer, "memory belongs to one process");
        check(None, Part::Producer, "a redb file, the default");
        assert!(choose(Some(StoreAt::Postgres(URL.to_owned())), None, Part::Producer).is_ok());
    }

    #[test]
    fn a_password_is_not_printed() {
        assert!(!format!("{:?}", StoreAt::Postgres(URL.to_owned())).contains("hunter2"));
    }
}
