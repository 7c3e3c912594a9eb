//! The log behind a store that fails: lost replies are not failures, and nothing is published
//! twice.

use std::sync::Arc;
use std::time::Duration;

use consign::error::ErrorKind;
use consign::publish::{
    Appended, Intent, Log, Patience, mark_done, require_create_if_absent, verify_log, write_intent,
};
use futures::future::join_all;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::block_on;
use super::chaos::{ChaosStore, Fault, scattered};
use super::sample::{Run, committed};

fn quick() -> Patience {
    Patience { first_pause: Duration::ZERO, ..Patience::default() }
}

fn root() -> Path {
    Path::from("dataset")
}

fn log(store: &Arc<ChaosStore<InMemory>>) -> Log {
    Log::new(store.clone(), root()).with_patience(quick())
}

#[test]
fn five_hundred_lost_replies_are_no_failure_and_publish_nothing_twice() {
    let lost = |n: u64| if n.is_multiple_of(2) { Fault::LostReply } else { Fault::RetriedByClient };
    let store = Arc::new(ChaosStore::new(InMemory::new()).creations(move |n| Some(lost(n))));
    block_on(async {
        for dataset in 0..20 {
            let root = Path::from(format!("dataset-{dataset}"));
            let log = Log::new(store.clone(), root).with_patience(quick());
            for n in 0..25 {
                let (id, key) = (format!("r{n}"), format!("k{n}"));
                let run = Run::new(&id, &key, &["2026-08-01"]);
                let appended = log.append(run.record(), Some(n)).await.unwrap();
                assert_eq!(committed(appended).record.seq, n + 1);
            }
            let records = log.read_all().await.unwrap();
            assert_eq!(records.len(), 25);
            assert_eq!(verify_log(&records), Vec::<String>::new());
        }
        assert_eq!(store.created(), 500, "no record was sent a second time");
    });
}

#[test]
fn racers_in_any_weather_publish_each_slice_once() {
    for seed in 0..50 {
        let weather = move |n| match scattered(seed, n) % 4 {
            0 => Some(Fault::Before),
            1 => Some(Fault::LostReply),
            2 => Some(Fault::RetriedByClient),
            _ => None,
        };
        let store = Arc::new(ChaosStore::new(InMemory::new()).creations(weather));
        block_on(async {
            let results = join_all((0..16).map(|i| {
                let (log, slice) = (log(&store), i % 4);
                async move {
                    let (id, key) = (format!("r{i}"), format!("k{slice}"));
                    let day = format!("2026-08-0{}", slice + 1);
                    log.append(Run::new(&id, &key, &[&day]).record(), None).await
                }
            }))
            .await;
            let won = |r: &Result<_, _>| matches!(r.as_ref().unwrap(), Appended::Committed(_));
            assert_eq!(results.iter().filter(|r| won(r)).count(), 4, "seed {seed}");
            let records = log(&store).read_all().await.unwrap();
            assert_eq!(records.len(), 4, "seed {seed}");
            assert_eq!(verify_log(&records), Vec::<String>::new());
        });
    }
}

#[test]
fn a_store_that_stops_answering_leaves_the_outcome_unknown_and_the_next_run_learns_it() {
    for (fault, landed) in [(Fault::LostReply, true), (Fault::Before, false)] {
        // The first reply is lost, every other creation fails, and so do the reads of this run.
        let store = ChaosStore::new(InMemory::new())
            .creations(move |n| Some(if n == 0 { fault } else { Fault::Before }))
            .reads(|n| (n < 10).then_some(Fault::Before));
        let store = Arc::new(store);
        block_on(async {
            let run = Run::new("r1", "key", &["2026-08-01"]);
            run.write(&*store, &root()).await;
            let error = log(&store).append(run.record(), None).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::CommitUnknown);
            assert_eq!(error.kind().exit_code(), 8);
            assert!(error.help().is_some());
            let file = run.record().files[0].path.clone();
            let kept = store.head(&super::sample::below(&root(), &file)).await;
            assert!(kept.is_ok(), "nothing is deleted");
            let records = log(&store).read_all().await.unwrap();
            assert_eq!(records.len(), usize::from(landed));
            if landed {
                let again = Run::new("r2", "key", &["2026-08-01"]).record();
                let appended = log(&store).append(again, None).await.unwrap();
                assert!(matches!(appended, Appended::AlreadyPublished(c) if c == records[0]));
            }
        });
    }
}

#[test]
fn a_denial_proves_that_nothing_landed_only_when_nothing_was_tried_before() {
    let run = Run::new("r1", "key", &["2026-08-01"]);
    let denied = ChaosStore::new(InMemory::new()).creations(|_| Some(Fault::Denied));
    let error = block_on(log(&Arc::new(denied)).append(run.record(), None)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission);

    // The record landed, the reply was lost, and then the credentials ran out for a moment.
    let weather = |n| Some(if n == 0 { Fault::LostReply } else { Fault::Denied });
    let store = ChaosStore::new(InMemory::new())
        .creations(weather)
        .reads(|n| (n == 0).then_some(Fault::Before));
    let appended = block_on(log(&Arc::new(store)).append(run.record(), None)).unwrap();
    assert_eq!(committed(appended).record.seq, 1);
}

#[test]
fn a_store_that_never_answers_is_not_waited_for() {
    let store = Arc::new(ChaosStore::new(InMemory::new()).creations(|_| Some(Fault::Silence)));
    let patience =
        Patience { tries: 2, first_pause: Duration::ZERO, call: Duration::from_millis(20) };
    let log = Log::new(store, root()).with_patience(patience);
    let run = Run::new("r1", "key", &["2026-08-01"]);
    let error = block_on(log.append(run.record(), None)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CommitUnknown);
}

#[test]
fn word_of_a_run_is_left_once_even_when_replies_are_lost() {
    let lost = |n| (n == 0).then_some(Fault::RetriedByClient);
    let store: Arc<dyn ObjectStore> = Arc::new(ChaosStore::new(InMemory::new()).creations(lost));
    let intent = |job: &str| Intent {
        run_id: "r1".into(),
        job: job.into(),
        started_at: "2026-08-03T00:00:00Z".into(),
    };
    block_on(async {
        write_intent(&store, &root(), &intent("orders")).await.unwrap();
        let found = store.get(&Path::from("dataset/_runs/r1/intent.json")).await.unwrap();
        let found: Intent = serde_json::from_slice(&found.bytes().await.unwrap()).unwrap();
        assert_eq!(found, intent("orders"));
        let error = write_intent(&store, &root(), &intent("users")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        mark_done(&store, &root(), "r1").await.unwrap();
        mark_done(&store, &root(), "r1").await.unwrap();
        assert!(store.head(&Path::from("dataset/_runs/r1/done.json")).await.is_ok());
    });
}

#[test]
fn a_store_that_ignores_the_condition_is_refused() {
    let (_folder, stores) = super::stores();
    for (store, root) in stores {
        block_on(async {
            require_create_if_absent(&store, &root).await.unwrap();
            require_create_if_absent(&store, &root).await.unwrap();
            assert!(Log::new(store.clone(), root.clone()).read_all().await.unwrap().is_empty());
        });
    }
    let careless = ChaosStore::new(InMemory::new()).creations(|_| Some(Fault::Careless));
    let careless: Arc<dyn ObjectStore> = Arc::new(careless);
    let error = block_on(require_create_if_absent(&careless, &root())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().starts_with("concurrent publishing is refused"), "{error}");
    assert!(error.help().is_some());
}

#[test]
fn the_probe_is_one_call_once_it_lies_there_and_bears_lost_replies() {
    let weather = |n| match n {
        0 => Some(Fault::Before),
        1 => Some(Fault::LostReply),
        _ => None,
    };
    let chaos = Arc::new(ChaosStore::new(InMemory::new()).creations(weather));
    let store: Arc<dyn ObjectStore> = chaos.clone();
    block_on(require_create_if_absent(&store, &root())).unwrap();
    assert_eq!(chaos.created(), 3, "the third try is refused, which proves it");
    block_on(require_create_if_absent(&store, &root())).unwrap();
    assert_eq!(chaos.created(), 4);

    let dead = ChaosStore::new(InMemory::new()).creations(|_| Some(Fault::Before));
    let dead: Arc<dyn ObjectStore> = Arc::new(dead);
    let error = block_on(require_create_if_absent(&dead, &root())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
}
