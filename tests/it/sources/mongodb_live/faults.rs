//! Cursors that die, connections that break, primaries that step down: each document comes once.

use std::time::{Duration, Instant};

use super::*;
use crate::proxy::mongodb::{
    CURSOR_NOT_FOUND, Command, Fault, INTERRUPTED_AT_SHUTDOWN, MongoProxy, NOT_WRITABLE_PRIMARY,
    PRIMARY_STEPPED_DOWN,
};

const DOCUMENTS: i32 = 120;

/// The collection behind a proxy, in ranges and batches of a few documents.
fn through(proxy: &MongoProxy, database: &Database) -> MongodbCollection {
    MongodbCollection {
        ranges: Some(2),
        batch_documents: Some(10),
        ..spec_at(database, &proxy.address())
    }
}

fn proxy(decide: impl Fn(&Command) -> Fault + Send + Sync + 'static) -> MongoProxy {
    MongoProxy::start(&mongodb_address(), decide)
}

/// A command that answers a count, which says that there are `documents` texts as ids.
fn counts(documents: i32) -> Fault {
    let group = rawdoc! { "_id": "int", "documents": documents };
    Fault::Reply(rawdoc! {
        "cursor": { "id": 0_i64, "ns": "shop.orders", "firstBatch": [group] }, "ok": 1.0
    })
}

fn is_count(command: &Command) -> bool {
    command.name == "aggregate" && format!("{:?}", stages(command)).contains("documents")
}

fn stages(command: &Command) -> Vec<String> {
    let command = bson::Document::try_from(&command.body).unwrap();
    command.get_array("pipeline").unwrap().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn reading_goes_on_after_every_fault_that_passes() {
    let database = collection(&numbered(DOCUMENTS)).await;
    for fault in [
        CURSOR_NOT_FOUND,
        INTERRUPTED_AT_SHUTDOWN,
        PRIMARY_STEPPED_DOWN,
        NOT_WRITABLE_PRIMARY,
        Fault::Answer { code: 11602, name: "InterruptedDueToReplStateChange" },
        Fault::Answer { code: 237, name: "CursorKilled" },
        Fault::Cut,
        Fault::LoseReply,
        Fault::Truncate { after_bytes: 200 },
    ] {
        let met = fault.clone();
        let proxy = proxy(move |command| match (command.name.as_str(), command.nth) {
            // Each time another cursor, at its first, second and third batch.
            ("getMore", 0 | 2 | 5) => met.clone(),
            _ => Fault::Pass,
        });
        let found = plan_and_read(&through(&proxy, &database)).await;
        assert_eq!(found, numbered(DOCUMENTS), "{fault:?}");
        assert!(proxy.commands("find").len() >= 4, "{fault:?}: no cursor was opened anew");
    }
    database.delete().await;
}

#[tokio::test]
async fn a_cursor_that_cannot_be_opened_at_first_is_opened_later() {
    let database = collection(&numbered(DOCUMENTS)).await;
    let proxy = proxy(|command| match (command.name.as_str(), command.nth % 3) {
        ("find", 0) => NOT_WRITABLE_PRIMARY,
        ("find", 1) => Fault::Cut,
        ("aggregate", 1) => Fault::LoseReply,
        _ => Fault::Pass,
    });
    let found = plan_and_read(&through(&proxy, &database)).await;
    assert_eq!(found, numbered(DOCUMENTS));
    database.delete().await;
}

#[tokio::test]
async fn half_of_all_batches_may_be_lost() {
    let database = collection(&nine_types()).await;
    let proxy = proxy(|command| match command.name.as_str() {
        "getMore" | "find" if crate::proxy::chance(7, command.nth, 50) => Fault::LoseReply,
        _ => Fault::Pass,
    });
    let spec = MongodbCollection { batch_documents: Some(2), ..through(&proxy, &database) };
    assert_eq!(plan_and_read(&spec).await, nine_types());
    database.delete().await;
}

#[tokio::test]
async fn patience_ends_and_what_was_read_is_not_read_again() {
    let database = collection(&numbered(DOCUMENTS)).await;
    let proxy = proxy(|command| match (command.name.as_str(), command.nth) {
        ("getMore", 0..2) => Fault::Pass,
        ("find", 0..2) | ("aggregate" | "listCollections" | "isMaster", _) => Fault::Pass,
        ("getMore" | "find", _) => CURSOR_NOT_FOUND,
        _ => Fault::Pass,
    });
    let spec = MongodbCollection {
        ranges: Some(1),
        patience: Duration::from_secs(1),
        ..through(&proxy, &database)
    };
    let source = open(&spec).await;
    let plan = source.plan().await.unwrap();
    let split = &plan.splits[0];
    let mut pages = source.read(split, None);
    let (mut found, mut position) = (vec![], None);
    let since = Instant::now();
    let error = loop {
        match pages.next().await.unwrap() {
            Ok(page) => {
                found.extend(documents(&page));
                position = page.resume.map(|after| Position { rows: found.len() as u64, after });
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert!(since.elapsed() >= Duration::from_secs(1));
    assert_eq!(
        error.to_string(),
        format!(
            "reading a MongoDB collection: the server answered with error 43 CursorNotFound \
             (collection: {}.orders)",
            database.name
        )
    );
    assert!(error.help().unwrap().contains("run the same command again"));
    assert!(pages.next().await.is_none());

    let direct = MongodbCollection { uri: super::spec(&database).uri, ..spec };
    let source = open(&direct).await;
    source.plan().await.unwrap();
    let rest: Vec<_> = source.read(split, position.as_ref()).try_collect().await.unwrap();
    assert_eq!(rest[0].first_row, found.len() as u64);
    found.extend(rest.iter().flat_map(documents));
    assert_eq!(found, numbered(DOCUMENTS));
    database.delete().await;
}

#[tokio::test]
async fn a_sorted_reading_that_breaks_off_is_not_patched_together() {
    let database = collection(&numbered(DOCUMENTS)).await;
    let sort = Some(r#"{"total": 1}"#.to_owned());
    for (fails, ends_well) in [("find", true), ("getMore", false)] {
        let proxy = proxy(move |command| match command.name.as_str() {
            // The first `find` asks for rare types, the second for a snapshot.
            name if name == fails && (command.nth == 2 || name == "getMore") => CURSOR_NOT_FOUND,
            _ => Fault::Pass,
        });
        let spec = MongodbCollection { sort: sort.clone(), ..through(&proxy, &database) };
        let source = open(&spec).await;
        let plan = source.plan().await.unwrap();
        match read(&source, &plan).await {
            Ok(found) => assert!(ends_well && found.len() == 120),
            Err(error) => {
                assert!(!ends_well, "{error:?}");
                assert_eq!(error.kind(), ErrorKind::Transient);
            }
        }
    }
    database.delete().await;
}

#[tokio::test]
async fn who_may_not_read_is_told_at_once() {
    let database = collection(&numbered(DOCUMENTS)).await;
    let proxy = proxy(|command| match command.name.as_str() {
        "find" => Fault::Answer { code: 13, name: "Unauthorized" },
        _ => Fault::Pass,
    });
    let since = Instant::now();
    let error = open(&through(&proxy, &database)).await.plan().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission);
    assert!(!format!("{error:?}").contains("made up"), "the server's words are shown: {error:?}");
    assert!(since.elapsed() < Duration::from_secs(5));
    database.delete().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_waited_for_forever() {
    let database = collection(&numbered(DOCUMENTS)).await;
    let proxy = proxy(|command| match command.name.as_str() {
        "getMore" => Fault::Delay(Duration::from_secs(3_600)),
        _ => Fault::Pass,
    });
    let patience = Duration::from_secs(1);
    let spec = MongodbCollection { patience, ..through(&proxy, &database) };
    let source = open(&spec).await;
    let plan = source.plan().await.unwrap();
    let error = read(&source, &plan).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert!(error.to_string().contains("did not answer within 1 s"), "{error}");
    database.delete().await;
}

#[tokio::test]
async fn counts_that_do_not_agree_refuse_the_reading() {
    let database = collection(&numbered(30)).await;
    // The server counts a document that it never gave.
    let proxy = proxy(|command| if is_count(command) { counts(31) } else { Fault::Pass });
    let spec = MongodbCollection { ranges: Some(1), ..through(&proxy, &database) };
    let source = open(&spec).await;
    let plan = source.plan().await.unwrap();
    let error = read(&source, &plan).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Verification);
    let text = error.to_string();
    for part in ["ids of type: number", "counted: 31", "read: 30"] {
        assert!(text.contains(part), "{text}");
    }

    // A limit is not held against anything.
    let limited = MongodbCollection { limit: Some(5), ..spec };
    assert_eq!(plan_and_read(&limited).await.len(), 5);
    database.delete().await;
}

#[tokio::test]
async fn ranges_that_leave_something_out_together_refuse_the_reading() {
    let database = collection(&numbered(30)).await;
    // Only the count of the whole collection has no filter.
    let proxy = proxy(|command| match command {
        count if is_count(count) && stages(count).len() == 1 => counts(31),
        _ => Fault::Pass,
    });
    let source = open(&through(&proxy, &database)).await;
    let plan = source.plan().await.unwrap();
    assert_eq!(plan.splits.len(), 2);
    let error = read(&source, &plan).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Verification);
    assert!(error.to_string().contains("counted: 31, read: 30"), "{error}");
    database.delete().await;
}

#[tokio::test]
async fn counts_of_a_collection_that_changes_are_no_reason_to_refuse() {
    let database = collection(&numbered(30)).await;
    let proxy = proxy(|command| match command {
        count if is_count(count) => counts(40 + i32::try_from(count.nth).unwrap()),
        _ => Fault::Pass,
    });
    let spec = MongodbCollection { ranges: Some(1), ..through(&proxy, &database) };
    assert_eq!(plan_and_read(&spec).await, numbered(30));
    database.delete().await;
}

#[tokio::test]
async fn a_split_that_is_read_piece_by_piece_is_counted_whole() {
    let database = collection(&numbered(30)).await;
    let proxy = proxy(|command| if is_count(command) { counts(30) } else { Fault::Pass });
    let spec = MongodbCollection { ranges: Some(1), ..through(&proxy, &database) };
    let source = open(&spec).await;
    let plan = source.plan().await.unwrap();
    assert_eq!(read_by_page(&source, &plan.splits[0]).await, numbered(30));
    let asked = proxy.commands("aggregate").iter().filter(|command| is_count(command)).count();
    assert_eq!(asked, 2, "once before and once after");
    database.delete().await;
}

#[tokio::test]
async fn buckets_of_the_server_are_the_ranges() {
    let database = collection(&nine_types()).await;
    let proxy = proxy(|command| {
        let has_buckets = command.name == "aggregate"
            && stages(command).iter().any(|stage| stage.contains("$bucketAuto"));
        if !has_buckets {
            return Fault::Pass;
        }
        let bucket = |min: RawBson, max: RawBson| rawdoc! { "_id": { "min": min, "max": max } };
        let store = RawBson::from(rawdoc! { "store": 1, "number": 2 });
        let buckets = [
            bucket(RawBson::Null, "48213".into()),
            bucket("48213".into(), store.clone()),
            bucket(store, RawBson::MaxKey),
        ];
        Fault::Reply(rawdoc! {
            "cursor": {
                "id": 0_i64, "ns": "shop.orders",
                "firstBatch": bson::RawArrayBuf::from_iter(buckets),
            },
            "ok": 1.0
        })
    });
    let source = open(&MongodbCollection { ranges: Some(3), ..through(&proxy, &database) }).await;
    let plan = source.plan().await.unwrap();
    assert!(plan.splits[0].name.ends_with("1/3 ($bucketAuto)"), "{}", plan.splits[0].name);
    let Part::Ids { from: Some(from), to: Some(to) } = &plan.splits[1].part else { panic!() };
    assert_eq!(from, r#"{"_id":"48213"}"#);
    assert_eq!(to, r#"{"_id":{"store":{"$numberInt":"1"},"number":{"$numberInt":"2"}}}"#);
    assert_eq!(read(&source, &plan).await.unwrap(), nine_types());
    database.delete().await;
}
