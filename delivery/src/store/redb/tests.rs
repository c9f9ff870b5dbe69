use std::{
    io,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
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
    let disk = Disk::default();
    let store = disk.store(&env, &place).await;
    store.apply(Unit::new().append("log", "before")).await.expect("applied");
    disk.full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let error = store.apply(Unit::new().append("log", vec![0; 100_000])).await.expect_err("no room");
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        assert!(!error.maybe_applied());
    }
    disk.full.store(false, Ordering::SeqCst);
    store.apply(Unit::new().append("log", "after")).await.expect("there is room again");
    let entries = store.read("log", 1, 10).await.expect("entries");
    let values: Vec<_> = entries.iter().map(|entry| (entry.sequence, &entry.value[..])).collect();
    assert_eq!(values, [(1, &b"before"[..]), (2, &b"after"[..])]);
    store.close().await;
}

#[tokio::test]
async fn units_that_wait_together_are_one_commit_and_wait_for_the_disk_once() {
    let (env, disk) = (Env::system(), Disk::default());
    let place = Place::new(&env);
    let store = disk.store(&env, &place).await;
    let before = disk.syncs.load(Ordering::SeqCst);
    store.apply(Unit::new().append("log", "alone")).await.expect("applied");
    let alone = disk.syncs.load(Ordering::SeqCst) - before;
    assert!(alone > 0, "a unit is on the disk when it is applied");
    let units = (0..200).map(|i| store.apply(Unit::new().append("log", format!("{i}"))));
    let results = futures_util::future::join_all(units).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let together = disk.syncs.load(Ordering::SeqCst) - before - alone;
    assert!(together <= 10 * alone, "200 units waited for the disk {together} times, one alone {alone} times");
    store.close().await;
}

#[tokio::test]
async fn a_commit_that_fails_is_told_to_each_of_its_units() {
    let (env, disk) = (Env::system(), Disk::default());
    let place = Place::new(&env);
    let store = disk.store(&env, &place).await;
    disk.full.store(true, Ordering::SeqCst);
    let units = (0..50).map(|_| store.apply(Unit::new().append("log", vec![0; 10_000])));
    for result in futures_util::future::join_all(units).await {
        assert!(matches!(&result, Err(error @ StoreError::Full { .. }) if !error.maybe_applied()), "{result:?}");
    }
    disk.full.store(false, Ordering::SeqCst);
    assert_eq!(store.read("log", 1, 10).await, Ok(Vec::new()), "nothing of it is left");
    store.close().await;
}

/// A disk that may be full and counts how often it is waited for.
#[derive(Clone, Debug, Default)]
struct Disk {
    full: Arc<AtomicBool>,
    syncs: Arc<AtomicUsize>,
}

impl Disk {
    async fn store(&self, env: &Env, place: &Place) -> RedbStore {
        let disk = self.clone();
        let opener = move |path: &std::path::Path| {
            let file = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            redb::Builder::new().create_with_backend(OnDisk { inner: FileBackend::new(file)?, disk: disk.clone() })
        };
        RedbStore::open_with(env, place.0.clone(), Box::new(opener)).await.expect("opens")
    }
}

/// A file on such a disk.
#[derive(Debug)]
struct OnDisk {
    inner: FileBackend,
    disk: Disk,
}

impl OnDisk {
    fn room(&self) -> io::Result<()> {
        if self.disk.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for OnDisk {
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
        self.disk.syncs.fetch_add(1, Ordering::SeqCst);
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
