use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use redb::{StorageBackend, backends::FileBackend};

use super::*;
use crate::store::Expected;

/// A file of its own, removed with the test.
struct Place(PathBuf);

impl Place {
    fn new(env: &Env) -> Self {
        Self(std::env::temp_dir().join(format!("ottla-store-{}.redb", env.uuid())))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn it_does_what_every_store_does() {
    let env = Env::system();
    let place = Place::new(&env);
    let store = RedbStore::open(&env, &place.0).await.expect("opens");
    crate::store::suite::run(Arc::new(store)).await;
}

#[tokio::test]
async fn a_second_store_is_refused_by_the_files_name_until_the_first_is_closed() {
    let env = Env::system();
    let place = Place::new(&env);
    let first = RedbStore::open(&env, &place.0).await.expect("opens");
    first.apply(Unit::new().put("t", "k", "v")).await.expect("applies");
    let refused = RedbStore::open(&env, &place.0).await.expect_err("it is open");
    assert_eq!(refused, StoreError::AlreadyOpen { path: place.0.clone() });
    first.close().await;
    assert_eq!(first.get("t", b"k").await, Err(StoreError::Closed));
    assert_eq!(first.apply(Unit::new().put("t", "k", "w")).await, Err(StoreError::Closed));
    let second = RedbStore::open(&env, &place.0).await.expect("opens again");
    let row = second.get("t", b"k").await.expect("reads").expect("what was written is there");
    assert_eq!(row.value, Bytes::from("v"));
    let again = second.apply(Unit::new().put_if("t", "k", Expected::Absent, "x")).await;
    assert!(again.is_err_and(|error| error.is_conflict()));
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let env = Env::system();
    let path = std::env::temp_dir().join(format!("ottla-no-such-directory-{}", env.uuid())).join("x.redb");
    let error = RedbStore::open(&env, &path).await.expect_err("there is no directory");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
}

#[tokio::test]
async fn units_that_share_a_commit_stand_alone() {
    let env = Env::system();
    let place = Place::new(&env);
    let store = RedbStore::open(&env, &place.0).await.expect("opens");
    let units = (0..200).map(|i| {
        // Ten units want to be the first under each of twenty keys.
        let key = format!("{}", i % 20);
        let unit = Unit::new().put_if("orders", key, Expected::Absent, format!("{i}")).append("log", format!("{i}"));
        store.apply(unit)
    });
    let results = futures_util::future::join_all(units).await;
    let applied = results.iter().filter(|result| result.is_ok()).count();
    let conflicts = results.iter().filter(|result| result.as_ref().is_err_and(StoreError::is_conflict)).count();
    assert_eq!((applied, conflicts), (20, 180));
    assert_eq!(store.read("log", 1, 1_000).await.expect("entries").len(), 20, "a conflict leaves nothing behind");
    store.close().await;
}

#[tokio::test]
async fn a_full_disk_is_a_typed_error_and_passes_when_there_is_room() {
    let env = Env::system();
    let place = Place::new(&env);
    let full = Arc::new(AtomicBool::new(false));
    let opener = {
        let full = Arc::clone(&full);
        move |path: &std::path::Path| {
            let file = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            let backend = FullDisk { inner: FileBackend::new(file)?, full: Arc::clone(&full) };
            redb::Builder::new().create_with_backend(backend)
        }
    };
    let store = RedbStore::open_with(&env, place.0.clone(), Box::new(opener)).await.expect("opens");
    store.apply(Unit::new().append("log", "before")).await.expect("applied");
    full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let error = store.apply(Unit::new().append("log", vec![0; 100_000])).await.expect_err("no room");
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        assert!(!error.maybe_applied());
    }
    full.store(false, Ordering::SeqCst);
    store.apply(Unit::new().append("log", "after")).await.expect("there is room again");
    let entries = store.read("log", 1, 10).await.expect("entries");
    let values: Vec<_> = entries.iter().map(|entry| (entry.sequence, &entry.value[..])).collect();
    assert_eq!(values, [(1, &b"before"[..]), (2, &b"after"[..])]);
    store.close().await;
}

/// A file on a disk that may be full.
#[derive(Debug)]
struct FullDisk {
    inner: FileBackend,
    full: Arc<AtomicBool>,
}

impl FullDisk {
    fn room(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for FullDisk {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.room()?;
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.room()?;
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }
}
