//! The log without faults: order, races, zombies, tampering.

use std::sync::Arc;

use consign::error::ErrorKind;
use consign::publish::{
    Appended, CommitRecord, Committed, Discarded, Log, Removal, RemovalCause, RemovedKind,
    RemovedObject, Replayed, ReplayedRows, TakenRows, find_published, live_days, verify_log,
};
use futures::future::join_all;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::sample::{Run, below, committed};
use super::{block_on, stores};

const DAY: &[&str] = &["2026-08-01"];

fn record_path(root: &Path, seq: u64) -> Path {
    below(root, &format!("_log/{seq:020}.json"))
}

fn seqs(records: &[Committed]) -> Vec<u64> {
    records.iter().map(|committed| committed.record.seq).collect()
}

async fn append(log: &Log, run: &Run<'_>, base: Option<u64>) -> Committed {
    committed(log.append(run.record(), base).await.unwrap())
}

#[test]
fn a_new_dataset_has_no_records_and_the_first_is_number_one() {
    let (_folder, stores) = stores();
    for (store, root) in stores {
        block_on(async {
            let log = Log::new(store.clone(), root.clone());
            assert!(log.read_all().await.unwrap().is_empty());
            let first = append(&log, &Run::new("r1", "k1", DAY), None).await;
            assert_eq!((first.record.seq, &first.record.prev_sha256), (1, &None));
            assert!(store.head(&record_path(&root, 1)).await.is_ok());
            assert_eq!(log.read_all().await.unwrap(), [first]);
        });
    }
}

#[test]
fn sixteen_runs_of_the_same_slice_make_one_commit() {
    let (_folder, stores) = stores();
    for (store, root) in stores {
        block_on(race(&store, &root, |i| (format!("r{i}"), "key".to_owned(), 1)));
        let log = Log::new(store, root);
        let records = block_on(log.read_all()).unwrap();
        assert_eq!(seqs(&records), [1]);
    }
}

#[test]
fn sixteen_runs_of_different_days_all_commit_in_one_chain() {
    let (_folder, stores) = stores();
    for (store, root) in stores {
        block_on(race(&store, &root, |i| (format!("r{i}"), format!("k{i}"), i + 1)));
        let log = Log::new(store, root);
        let records = block_on(log.read_all()).unwrap();
        assert_eq!(seqs(&records), (1..=16).collect::<Vec<_>>());
        assert_eq!(verify_log(&records), Vec::<String>::new());
        assert_eq!(live_days(&records).len(), 16);
    }
}

/// Starts 16 runs at once on an empty log, `(run id, key, day of August)` each. One run in each
/// group of equal keys must commit, and the others must be told of it.
async fn race(
    store: &Arc<dyn ObjectStore>,
    root: &Path,
    of: impl Fn(u32) -> (String, String, u32),
) {
    let runs: Vec<_> = (0..16).map(of).collect();
    let start = tokio::sync::Barrier::new(runs.len());
    let start = &start;
    let results = join_all(runs.iter().map(|(id, key, day)| async move {
        let day = format!("2026-08-{day:02}");
        let record = Run::new(id, key, &[&day]).record();
        let log = Log::new(store.clone(), root.clone());
        start.wait().await;
        (key, log.append(record, None).await.unwrap())
    }))
    .await;
    let winner = |wanted: &String| {
        let of_key = results.iter().filter(|(key, _)| *key == wanted);
        let won: Vec<_> = of_key
            .filter_map(|(_, result)| match result {
                Appended::Committed(committed) => Some(committed.clone()),
                Appended::AlreadyPublished(_) => None,
            })
            .collect();
        assert_eq!(won.len(), 1, "one commit for {wanted}");
        won[0].clone()
    };
    for (key, result) in &results {
        let (Appended::Committed(seen) | Appended::AlreadyPublished(seen)) = result;
        assert_eq!(*seen, winner(key), "every run of one key is told of the same record");
    }
}

#[test]
fn other_input_replaces_a_day_in_one_act() {
    let (_folder, stores) = stores();
    for (store, root) in stores {
        block_on(async {
            let log = Log::new(store, root);
            let days = &["2026-08-01", "2026-08-02"];
            append(&log, &Run::new("r1", "k1", days), None).await;
            let second = append(&log, &Run::new("r2", "k2", &days[1..]), Some(1)).await;
            assert_eq!(second.record.days[0].replaces, Some(1));
            let records = log.read_all().await.unwrap();
            let live: Vec<u64> = live_days(&records).into_values().collect();
            assert_eq!(live, [1, 2]);
            assert!(find_published(&records, "k1").is_none(), "one of its days was replaced");
            assert_eq!(find_published(&records, "k2"), Some(&second));
            // The first input again is a new version, not the old one come back.
            let third = append(&log, &Run::new("r3", "k1", days), Some(2)).await;
            let replaced: Vec<_> = third.record.days.iter().map(|day| day.replaces).collect();
            assert_eq!(replaced, [Some(1), Some(2)]);
            assert_eq!(verify_log(&log.read_all().await.unwrap()), Vec::<String>::new());
        });
    }
}

#[test]
fn a_run_that_slept_while_its_day_was_published_is_refused() {
    let (_folder, stores) = stores();
    for (store, root) in stores {
        block_on(async {
            let log = Log::new(store, root);
            append(&log, &Run::new("r1", "k1", DAY), None).await;
            append(&log, &Run::new("awake", "k2", DAY), Some(1)).await;
            append(&log, &Run::new("r3", "k3", &["2026-08-09"]), Some(2)).await;
            let zombie = Run::new("zombie", "k0", &["2026-08-07", "2026-08-01"]).record();
            let error = log.append(zombie, Some(1)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert!(error.to_string().contains("2026-08-01"), "{error}");
            assert!(error.to_string().contains("awake"), "{error}");
            assert_eq!(log.read_all().await.unwrap().len(), 3);
        });
    }
}

#[test]
fn a_slice_published_and_replaced_meanwhile_is_a_conflict_not_already_published() {
    let (_folder, [(store, root), ..]) = stores();
    block_on(async {
        let log = Log::new(store, root);
        append(&log, &Run::new("twin", "key", DAY), None).await;
        append(&log, &Run::new("other", "k2", DAY), Some(1)).await;
        let error = log.append(Run::new("late", "key", DAY).record(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
    });
}

#[test]
fn appending_twice_publishes_once() {
    let (_folder, [(store, root), ..]) = stores();
    block_on(async {
        let log = Log::new(store, root);
        let first = append(&log, &Run::new("r1", "k1", DAY), None).await;
        assert_eq!(append(&log, &Run::new("r1", "k1", DAY), None).await, first);
        assert_eq!(log.read_all().await.unwrap().len(), 1);
    });
}

#[test]
fn a_record_that_was_altered_or_lost_is_noticed_and_never_made_again() {
    type Harm = fn(&str) -> Option<String>;
    let harms: [(u64, &str, Harm); 5] = [
        (1, "does not follow", |text| Some(text.replace("orders-daily", "orders-weekly"))),
        (2, "does not follow", |text| Some(text.replace("\"rows\": 3", "\"rows\": 3 "))),
        (2, "missing", |_| None),
        (3, "it is number", |text| Some(text.replace("\"seq\": 3", "\"seq\": 4"))),
        (3, "cannot be read", |text| Some(text[..text.len() / 2].to_owned())),
    ];
    let (_folder, stores) = stores();
    for (store, root) in stores {
        for (round, (seq, says, harm)) in harms.iter().enumerate() {
            let root = root.clone().join(format!("round-{round}"));
            block_on(async {
                let log = Log::new(store.clone(), root.clone());
                for seq in 1..4 {
                    let (id, key, day) =
                        (format!("r{seq}"), format!("k{seq}"), format!("2026-08-0{seq}"));
                    append(&log, &Run::new(&id, &key, &[&day]), Some(seq - 1)).await;
                }
                let path = record_path(&root, *seq);
                let stored = store.get(&path).await.unwrap().bytes().await.unwrap();
                match harm(std::str::from_utf8(&stored).unwrap()) {
                    Some(text) => drop(store.put(&path, text.into()).await.unwrap()),
                    None => store.delete(&path).await.unwrap(),
                }
                let error = log.read_all().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Verification, "{says}");
                assert!(error.to_string().contains(says), "{says}: {error}");
                let next = Run::new("next", "next", &["2026-08-20"]).record();
                let error = log.append(next, Some(3)).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Verification);
            });
        }
    }
}

#[test]
fn records_that_were_known_and_are_gone_are_noticed() {
    let (_folder, [(store, root), ..]) = stores();
    block_on(async {
        let log = Log::new(store, root);
        append(&log, &Run::new("r1", "k1", DAY), None).await;
        let next = Run::new("r2", "k2", &["2026-08-02"]).record();
        let error = log.append(next, Some(2)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Verification);
        assert_eq!(log.read_all().await.unwrap().len(), 1);
    });
}

#[test]
fn a_record_of_a_newer_program_stops_the_old_one() {
    let (_folder, [(store, root), ..]) = stores();
    block_on(async {
        let log = Log::new(store.clone(), root.clone());
        let newer = r#"{"format_version": 2}"#;
        store.put(&record_path(&root, 1), newer.into()).await.unwrap();
        let error = log.append(Run::new("r", "k", DAY).record(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("newer"), "{error}");
    });
}

#[test]
fn rows_of_one_quarantine_file_are_not_taken_twice_at_the_same_time() {
    let (_folder, stores) = stores();
    for (store, root) in stores {
        let log = Log::new(store, root);
        let discard = |id: &str, file: &str| {
            let discarded = Discarded {
                run_id: "r1".to_owned(),
                reasons: vec![],
                because: "a test".to_owned(),
                rows: 1,
                taken: vec![TakenRows::new(file, &[0])],
            };
            let mut record = Run::new(id, id, &[]).record();
            record.discarded = Some(discarded);
            record
        };
        block_on(async {
            append(&log, &Run::new("r1", "k1", DAY), None).await;
            committed(log.append(discard("d1", "a"), Some(1)).await.unwrap());
            committed(log.append(discard("d2", "b"), Some(1)).await.unwrap());
            let error = log.append(discard("d3", "a"), Some(1)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
            committed(log.append(discard("d4", "a"), Some(3)).await.unwrap());
            assert_eq!(verify_log(&log.read_all().await.unwrap()), Vec::<String>::new());
        });
    }
}

#[test]
fn a_replay_and_a_retention_of_one_quarantine_file_do_not_meet() {
    let replay = |id: &str, file: &str| {
        let rows = ReplayedRows { tried: 1, excluded: 1, ..ReplayedRows::default() };
        let taken = vec![TakenRows::new(file, &[0])];
        let run_id = "r1".to_owned();
        let replayed = Some(Replayed { run_id, reasons: vec![], rows, taken });
        CommitRecord { replayed, ..Run::new(id, id, &[]).record() }
    };
    let retention = |id: &str, file: &str| {
        let why = RemovedKind::Quarantine;
        let removal = Some(Removal {
            cause: RemovalCause::Retention,
            as_of: "2026-09-01T00:00:00Z".parse().unwrap(),
            objects: vec![RemovedObject { path: file.to_owned(), why, instead: None }],
            quarantined_rows: [("r1".to_owned(), 1)].into(),
            changed_rows: 0,
            erased_rows: 0,
        });
        CommitRecord { removal, ..Run::new(id, id, &[]).record() }
    };
    type Take<'a> = &'a dyn Fn(&str, &str) -> CommitRecord;
    let orders: [[Take<'_>; 2]; 3] =
        [[&replay, &retention], [&retention, &replay], [&retention, &retention]];
    for [first, second] in orders {
        let (_folder, stores) = stores();
        for (store, root) in stores {
            let log = Log::new(store, root);
            block_on(async {
                append(&log, &Run::new("r1", "k1", DAY), None).await;
                committed(log.append(first("first", "a"), Some(1)).await.unwrap());
                let error = log.append(second("second", "a"), Some(1)).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Conflict);
                assert!(error.help().is_some());
                committed(log.append(second("third", "b"), Some(1)).await.unwrap());
            });
        }
    }
}
