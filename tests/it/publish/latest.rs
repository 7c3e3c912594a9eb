//! The view `latest/` and the files behind it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use consign::error::ErrorKind;
use consign::publish::{Committed, Log, live_days, missing_files, refresh_latest};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};

use super::sample::{Run, below, committed, content};
use super::{block_on, stores};

const ONE: &str = "2026-08-01";
const TWO: &str = "2026-08-02";

struct Dataset {
    store: Arc<dyn ObjectStore>,
    root: Path,
}

impl Dataset {
    /// Writes the files of `run` and commits them on top of what stands.
    async fn publish(&self, run: &Run<'_>) -> Committed {
        run.write(&*self.store, &self.root).await;
        let base = self.records().await.last().map(|last| last.record.seq);
        committed(self.log().append(run.record(), base).await.unwrap())
    }

    fn log(&self) -> Log {
        Log::new(self.store.clone(), self.root.clone())
    }

    async fn records(&self) -> Vec<Committed> {
        self.log().read_all().await.unwrap()
    }

    async fn refresh(&self) -> Vec<String> {
        refresh_latest(&self.store, &self.root, &self.records().await).await.unwrap()
    }

    async fn read(&self, path: &str) -> Vec<u8> {
        let found = self.store.get(&below(&self.root, path)).await.unwrap();
        found.bytes().await.unwrap().to_vec()
    }

    async fn put(&self, path: &str, text: &'static str) {
        self.store.put(&below(&self.root, path), text.into()).await.unwrap();
    }

    async fn delete(&self, path: &str) {
        self.store.delete(&below(&self.root, path)).await.unwrap();
    }

    async fn list(&self, folder: &str) -> Vec<ObjectMeta> {
        let listed = self.store.list(Some(&below(&self.root, folder)));
        let mut listed: Vec<_> = listed.try_collect().await.unwrap();
        listed.sort_by(|a: &ObjectMeta, b| a.location.cmp(&b.location));
        listed
    }

    /// The view holds exactly the files of the newest version of each day.
    async fn assert_current(&self, paths: &[String]) {
        let listed = self.list("latest").await;
        let expected: Vec<_> = paths.iter().map(|path| below(&self.root, path)).collect();
        let found: Vec<_> = listed.into_iter().map(|object| object.location).collect();
        assert_eq!(found, expected);
        let records = self.records().await;
        let mut sources = BTreeSet::new();
        for (day, seq) in live_days(&records) {
            let record = &records.iter().find(|c| c.record.seq == seq).unwrap().record;
            for file in record.files.iter().filter(|file| file.dt == Some(day)) {
                let name = file.path.rsplit('/').next().unwrap();
                let path = format!("latest/dt={day}/{name}");
                assert!(self.read(&path).await == content(&file.path), "{path}");
                sources.insert(path);
            }
        }
        assert_eq!(sources.into_iter().collect::<Vec<_>>(), paths);
    }
}

/// A dataset in each kind of store.
fn datasets() -> (tempfile::TempDir, [Dataset; 3]) {
    let (folder, stores) = stores();
    (folder, stores.map(|(store, root)| Dataset { store, root }))
}

#[test]
fn the_view_holds_the_newest_version_of_each_day_and_no_part_of_an_older_one() {
    let (_folder, datasets) = datasets();
    for dataset in datasets {
        block_on(async {
            assert_eq!(dataset.refresh().await, Vec::<String>::new());
            dataset.publish(&Run { parts: 3, ..Run::new("r1", "k1", &[ONE, TWO]) }).await;
            let paths = dataset.refresh().await;
            assert_eq!(paths.len(), 6);
            assert_eq!(paths[0], "latest/dt=2026-08-01/part-00000.csv");
            dataset.assert_current(&paths).await;
            let first_day = dataset.list("latest/dt=2026-08-01").await;

            dataset.publish(&Run { parts: 2, ..Run::new("r2", "k2", &[TWO]) }).await;
            let paths = dataset.refresh().await;
            assert_eq!(paths.len(), 5);
            dataset.assert_current(&paths).await;
            let untouched = dataset.list("latest/dt=2026-08-01").await;
            assert_eq!(untouched, first_day, "a day that did not change is not touched");
        });
    }
}

#[test]
fn a_view_that_is_current_is_not_touched() {
    let (_folder, datasets) = datasets();
    for dataset in datasets {
        block_on(async {
            dataset.publish(&Run::new("r1", "k1", &[ONE, TWO])).await;
            dataset.refresh().await;
            let before = dataset.list("").await;
            dataset.refresh().await;
            assert_eq!(dataset.list("").await, before);
        });
    }
}

#[test]
fn a_view_that_was_harmed_is_repaired() {
    let (folder, datasets) = datasets();
    for dataset in datasets {
        block_on(async {
            dataset.publish(&Run { parts: 2, ..Run::new("r1", "k1", &[ONE, TWO]) }).await;
            let paths = dataset.refresh().await;

            dataset.delete(&paths[0]).await;
            dataset.put(&paths[1], "cut").await;
            dataset.put("latest/dt=2026-08-01/part-00009.csv", "stray").await;
            dataset.put("latest/dt=1999-01-01/part-00000.csv", "stray").await;
            assert_eq!(dataset.refresh().await, paths);
            dataset.assert_current(&paths).await;

            // Another file of the same size.
            let whole = dataset.read(&paths[2]).await.len();
            let other = vec![b'x'; whole];
            dataset.store.put(&below(&dataset.root, &paths[2]), other.into()).await.unwrap();
            dataset.refresh().await;
            dataset.assert_current(&paths).await;

            for note in [None, Some("{"), Some("{}"), Some("[]")] {
                match note {
                    None => dataset.delete("_views/latest.json").await,
                    Some(text) => dataset.put("_views/latest.json", text).await,
                }
                dataset.refresh().await;
                dataset.assert_current(&paths).await;
            }
        });
    }
    // On a disk nothing is left of the way a file is replaced.
    let mut names = vec![];
    let mut folders = vec![folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { names.push(path) }
        }
    }
    assert!(!names.is_empty());
    assert!(names.iter().all(|name| !name.to_str().unwrap().contains('#')), "{names:?}");
}

#[test]
fn a_run_that_knows_only_older_records_does_not_bring_them_back() {
    let (_folder, datasets) = datasets();
    for dataset in datasets {
        block_on(async {
            dataset.publish(&Run::new("r1", "k1", &[ONE])).await;
            let old = dataset.records().await;
            dataset.publish(&Run::new("r2", "k2", &[ONE])).await;
            // Before the newer run refreshed, and after.
            for _ in 0..2 {
                let paths = refresh_latest(&dataset.store, &dataset.root, &old).await.unwrap();
                dataset.assert_current(&paths).await;
                dataset.refresh().await;
            }
        });
    }
}

#[test]
fn a_published_file_that_is_missing_is_named() {
    let (_folder, datasets) = datasets();
    for dataset in datasets {
        block_on(async {
            let problems = |records: Vec<Committed>| {
                let (store, root) = (&dataset.store, &dataset.root);
                async move { missing_files(store, root, &records).await.unwrap() }
            };
            let first = dataset.publish(&Run::new("r1", "k1", &[ONE, TWO])).await;
            assert_eq!(problems(dataset.records().await).await, Vec::<String>::new());
            let path = &first.record.files[0].path;
            dataset.put(path, "cut").await;
            let says = problems(dataset.records().await).await;
            assert_eq!(says.len(), 1);
            assert!(says[0].starts_with(path) && says[0].contains("3 bytes"), "{says:?}");
            dataset.delete(path).await;
            assert_eq!(problems(dataset.records().await).await, [format!("{path}: is missing")]);

            let records = dataset.records().await;
            let error = refresh_latest(&dataset.store, &dataset.root, &records).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Verification);
            assert!(error.to_string().contains(path), "{error}");

            // A version that nothing shows any more may be cleaned up.
            dataset.publish(&Run::new("r2", "k2", &[ONE])).await;
            assert_eq!(problems(dataset.records().await).await, Vec::<String>::new());
            let paths = dataset.refresh().await;
            dataset.assert_current(&paths).await;
        });
    }
}

#[test]
fn watchers_see_only_whole_versions_and_never_an_older_one() {
    let (_folder, datasets) = datasets();
    for dataset in datasets {
        let (reads, done) = (AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| block_on(watch(&dataset, &reads, &done)));
            }
            // At least 40 versions, and until they were looked at often enough.
            let publish = catch_unwind(AssertUnwindSafe(|| {
                block_on(async {
                    for n in 1..=400 {
                        let (id, key) = (format!("r{n}"), format!("k{n}"));
                        let run = Run { parts: 1 + n % 3, ..Run::new(&id, &key, &[ONE]) };
                        dataset.publish(&run).await;
                        dataset.refresh().await;
                        if n >= 40 && reads.load(Ordering::Relaxed) >= 200 {
                            break;
                        }
                    }
                });
            }));
            done.store(true, Ordering::Relaxed);
            publish.unwrap();
        });
        assert!(reads.load(Ordering::Relaxed) >= 100, "{reads:?}");
    }
}

/// Reads the newest version again and again, by its record and by its path.
async fn watch(dataset: &Dataset, reads: &AtomicU64, done: &AtomicBool) {
    let mut newest = 0;
    while !done.load(Ordering::Relaxed) {
        let records = dataset.records().await;
        let Some(last) = records.last() else { continue };
        assert!(last.record.seq >= newest, "a version came back");
        newest = last.record.seq;
        // By the record: every file of the version is there, to the byte.
        for file in &last.record.files {
            let found = dataset.read(&file.path).await;
            assert_eq!(hex::encode(Sha256::digest(found)), file.sha256);
        }
        // By the path: whatever version it is of, the file is whole. From the first refresh on
        // it is never absent.
        let path = below(&dataset.root, "latest/dt=2026-08-01/part-00000.csv");
        match dataset.store.get(&path).await {
            Ok(found) => {
                let found = found.bytes().await.unwrap();
                let line = std::str::from_utf8(&found).unwrap().lines().next().unwrap();
                assert!(line.starts_with("_data/dt=2026-08-01/v-r"), "{line}");
                assert!(content(line) == found, "a file of latest/ is not whole");
            }
            Err(error) => assert!(newest == 1, "commit {newest}: {error}"),
        }
        reads.fetch_add(1, Ordering::Relaxed);
    }
}
