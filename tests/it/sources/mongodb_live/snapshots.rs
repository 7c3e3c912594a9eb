//! Snapshots. The stand-in has none, so a proxy answers the question for one, and the server then
//! ignores what it is asked to read.

use bson::Document;

use super::*;
use crate::proxy::mongodb::{Command, Fault, MongoProxy};

const TIME: Timestamp = Timestamp { time: 1_795_511_598, increment: 3 };
const CONSISTENCY: &str = "snapshot [2026-11-24T09:13:18.000000003Z]";

fn read_concern(command: &Command) -> Option<Document> {
    Document::try_from(&command.body).unwrap().get_document("readConcern").ok().cloned()
}

fn asks_for_a_snapshot(command: &Command) -> bool {
    let single = command.body.get_bool("singleBatch").is_ok();
    single
        && read_concern(command).is_some_and(|c| c.get_str("level").is_ok_and(|l| l == "snapshot"))
}

fn snapshot() -> Fault {
    Fault::Reply(rawdoc! {
        "cursor": { "id": 0_i64, "ns": "shop.orders", "firstBatch": [], "atClusterTime": TIME },
        "ok": 1.0
    })
}

/// A server that gives snapshots; other commands than the question for one are decided by `rest`.
fn proxy(rest: impl Fn(&Command) -> Fault + Send + Sync + 'static) -> MongoProxy {
    MongoProxy::start(&mongodb_address(), move |command| {
        if asks_for_a_snapshot(command) { snapshot() } else { rest(command) }
    })
}

fn through(proxy: &MongoProxy, database: &Database) -> MongodbCollection {
    MongodbCollection {
        ranges: Some(3),
        batch_documents: Some(5),
        require_snapshot: true,
        ..spec_at(database, &proxy.address())
    }
}

#[tokio::test]
async fn all_ranges_and_counts_are_read_at_one_time() {
    let database = collection(&numbered(60)).await;
    let proxy = proxy(|_| Fault::Pass);
    let source = open(&through(&proxy, &database)).await;
    let plan = source.plan().await.unwrap();
    assert_eq!(plan.summary.consistency, CONSISTENCY);
    assert_eq!(read(&source, &plan).await.unwrap(), numbered(60));
    assert_eq!(source.consistency().as_deref(), Some(CONSISTENCY));

    let at = bson::doc! { "level": "snapshot", "atClusterTime": TIME };
    let reads: Vec<_> = proxy
        .commands("find")
        .into_iter()
        .filter(|find| find.body.get_bool("singleBatch").is_err())
        .collect();
    assert_eq!(reads.len(), plan.splits.len());
    let counts = proxy.commands("aggregate").into_iter().filter(|a| read_concern(a).is_some());
    let counts: Vec<_> = counts.collect();
    assert!(!counts.is_empty());
    for command in reads.iter().chain(&counts) {
        assert_eq!(read_concern(command).as_ref(), Some(&at));
    }
    database.delete().await;
}

#[tokio::test]
async fn a_snapshot_that_grows_too_old_is_given_up_aloud_or_ends_the_reading() {
    let database = collection(&numbered(60)).await;
    let too_old = |command: &Command| match (command.name.as_str(), command.nth) {
        ("getMore", 2) => Fault::Answer { code: 239, name: "SnapshotTooOld" },
        _ => Fault::Pass,
    };
    let proxy_of_one = proxy(too_old);
    let source = open(&through(&proxy_of_one, &database)).await;
    let plan = source.plan().await.unwrap();
    let error = read(&source, &plan).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert!(error.to_string().contains("239 SnapshotTooOld"), "{error}");

    let proxy = proxy(too_old);
    let spec = MongodbCollection { require_snapshot: false, ..through(&proxy, &database) };
    let source = open(&spec).await;
    let plan = source.plan().await.unwrap();
    assert_eq!(plan.summary.consistency, CONSISTENCY);
    assert_eq!(read(&source, &plan).await.unwrap(), numbered(60));
    assert_eq!(source.consistency().as_deref(), Some(SCAN_WINDOW), "the record must not lie");
    database.delete().await;
}

#[tokio::test]
async fn a_snapshot_is_required_or_done_without() {
    let database = collection(&numbered(5)).await;
    let required = MongodbCollection { require_snapshot: true, ..spec(&database) };
    let error = open(&required).await.plan().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
    assert!(error.to_string().contains("requires a snapshot"), "{error}");

    // What a server says that is no member of a replica set.
    for code in [123, 20, 72, 246] {
        let proxy = MongoProxy::start(&mongodb_address(), move |command| {
            let refusal = Fault::Answer { code, name: "Refused" };
            if asks_for_a_snapshot(command) { refusal } else { Fault::Pass }
        });
        let without = MongodbCollection { require_snapshot: false, ..through(&proxy, &database) };
        let plan = open(&without).await.plan().await.unwrap();
        assert_eq!(plan.summary.consistency, SCAN_WINDOW);
        let required = through(&proxy, &database);
        let error = open(&required).await.plan().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{code}");
    }
    database.delete().await;
}

#[tokio::test]
async fn an_interrupted_snapshot_is_taken_up_at_its_time_while_the_server_has_it() {
    let database = collection(&numbered(5)).await;
    // The place is part of what a plan was made for, so the same proxy answers in two ways.
    let gone = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let now = std::sync::Arc::clone(&gone);
    let proxy =
        MongoProxy::start(&mongodb_address(), move |command| match asks_for_a_snapshot(command) {
            true if now.load(std::sync::atomic::Ordering::Relaxed) => {
                Fault::Answer { code: 239, name: "SnapshotTooOld" }
            }
            true => snapshot(),
            false => Fault::Pass,
        });
    let required = through(&proxy, &database);
    let plan = open(&required).await.plan().await.unwrap();
    assert_eq!(open(&required).await.resume(plan.clone()).await.unwrap(), plan);
    let asked = proxy.commands("find").into_iter().rfind(asks_for_a_snapshot).unwrap();
    assert_eq!(read_concern(&asked).unwrap().get_timestamp("atClusterTime").unwrap(), TIME);

    gone.store(true, std::sync::atomic::Ordering::Relaxed);
    let error = open(&required).await.resume(plan.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
    let without = MongodbCollection { require_snapshot: false, ..required };
    let resumed = open(&without).await.resume(plan).await.unwrap();
    assert_eq!(resumed.summary.consistency, SCAN_WINDOW);
    database.delete().await;
}
