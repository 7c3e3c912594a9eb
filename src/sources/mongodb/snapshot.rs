//! Reading a collection as it was at one instant, where the server can.
//!
//! A replica set keeps some minutes of history. All ranges read at the same cluster time, which
//! the server names in its first answer. Does not own what is read.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bson::raw::RawDocumentBuf;
use bson::{Document, Timestamp, rawdoc};

use super::connect::Connection;
use super::faults::{Fault, Remedy, patiently};
use crate::error::{Error, ErrorKind, Result};
use crate::model::SCAN_WINDOW;

/// The snapshot that a collection is read from, if there is one.
#[derive(Debug)]
pub(super) struct Snapshot {
    required: bool,
    time: Mutex<Option<Timestamp>>,
}

impl Snapshot {
    /// None until it is [taken](Self::take). `required` says that there is no reading without.
    pub(super) fn new(required: bool) -> Self {
        Self { required, time: Mutex::new(None) }
    }

    /// Cluster time of the snapshot.
    pub(super) fn time(&self) -> Option<Timestamp> {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, time: Option<Timestamp>) {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// What commands are sent with to read the snapshot.
    pub(super) fn read_concern(&self) -> Option<RawDocumentBuf> {
        self.time().map(|time| rawdoc! { "level": "snapshot", "atClusterTime": time })
    }

    /// How the collection is read: `snapshot [t]`, or the words for a scan window.
    pub(super) fn consistency(&self) -> String {
        match self.time() {
            Some(time) => format!("snapshot [{}]", instant(time)),
            None => SCAN_WINDOW.to_owned(),
        }
    }

    /// Takes a snapshot of now.
    ///
    /// # Errors
    /// `Usage` when one is required and the server gives none, `Permission` and `Transient` from
    /// the server.
    pub(super) async fn take(&self, connection: &Connection, patience: Duration) -> Result<()> {
        self.keep(patiently(patience, || ask(connection, None)).await, connection)
    }

    /// Takes up the snapshot that an interrupted reading was read from, as [`consistency`] named
    /// it.
    ///
    /// [`consistency`]: Self::consistency
    ///
    /// # Errors
    /// As [`Snapshot::take`].
    pub(super) async fn take_up(
        &self,
        consistency: &str,
        connection: &Connection,
        patience: Duration,
    ) -> Result<()> {
        match cluster_time(consistency) {
            Some(time) => {
                self.keep(patiently(patience, || ask(connection, Some(time))).await, connection)
            }
            None if self.required => Err(refused(connection)),
            None => Ok(()),
        }
    }

    fn keep(&self, asked: Result<Option<Timestamp>, Fault>, connection: &Connection) -> Result<()> {
        match asked {
            Ok(Some(time)) => self.set(Some(time)),
            Ok(None) if self.required => return Err(refused(connection)),
            Ok(None) => {
                let collection = connection.namespace();
                tracing::warn!(
                    collection,
                    "the server gives no snapshot; reading while it changes"
                );
            }
            Err(fault) => {
                return Err(fault.into_error(
                    "taking a snapshot of a MongoDB collection",
                    &connection.namespace(),
                ));
            }
        }
        Ok(())
    }

    /// Goes on without a snapshot that the server has let go.
    ///
    /// # Errors
    /// `Transient` when one is required.
    pub(super) fn lose(&self, fault: Fault, collection: &str) -> Result<()> {
        if self.required {
            return Err(fault.into_error("reading a snapshot of a MongoDB collection", collection));
        }
        if self.time().is_some() {
            tracing::warn!(
                collection,
                "the snapshot is too old; the rest is read while it changes"
            );
            self.set(None);
        }
        Ok(())
    }
}

fn refused(connection: &Connection) -> Error {
    let message =
        "opening a MongoDB collection: the job requires a snapshot, and the server gives none";
    Error::new(ErrorKind::Usage, message).with("collection", connection.namespace()).with_help(
        "snapshots are given by replica sets and sharded clusters from MongoDB 5.0 on, for some \
         minutes; begin anew, or do without require_snapshot",
    )
}

/// Reads one `_id` in a snapshot, of now or of `time`, and returns the time of the snapshot; none
/// when the server gives no such snapshot.
async fn ask(connection: &Connection, time: Option<Timestamp>) -> Result<Option<Timestamp>, Fault> {
    let mut read_concern = rawdoc! { "level": "snapshot" };
    if let Some(time) = time {
        read_concern.append(bson::cstr!("atClusterTime"), time);
    }
    let command = rawdoc! {
        "find": connection.collection.as_str(),
        "projection": { "_id": 1 },
        "limit": 1_i64,
        "singleBatch": true,
        "readConcern": read_concern,
    };
    let answer = connection.run(command).await;
    given(answer.map(|reply| at_cluster_time(&reply)))
}

/// Whether the answer means that there is a snapshot.
fn given(answer: Result<Option<Timestamp>, Fault>) -> Result<Option<Timestamp>, Fault> {
    match answer {
        Err(Fault { remedy: Remedy::None | Remedy::ReadAnew, .. }) => Ok(None),
        answer => answer,
    }
}

/// The time of the snapshot that a reply was read from. A server that knows none ignores that it
/// was asked for one.
fn at_cluster_time(reply: &Document) -> Option<Timestamp> {
    reply.get_document("cursor").ok()?.get_timestamp("atClusterTime").ok()
}

/// A cluster time as an instant. It counts operations within a second; they stand for
/// nanoseconds, so that the instant gives back the time.
fn instant(time: Timestamp) -> jiff::Timestamp {
    let nanos = i32::try_from(time.increment).unwrap_or(i32::MAX).min(999_999_999);
    jiff::Timestamp::new(i64::from(time.time), nanos).unwrap_or(jiff::Timestamp::MAX)
}

fn cluster_time(consistency: &str) -> Option<Timestamp> {
    let text = consistency.strip_prefix("snapshot [")?.strip_suffix(']')?;
    let instant: jiff::Timestamp = text.parse().ok()?;
    let time = u32::try_from(instant.as_second()).ok()?;
    Some(Timestamp { time, increment: u32::try_from(instant.subsec_nanosecond()).ok()? })
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    fn fault(code: i32) -> Fault {
        let command: mongodb::error::CommandError = serde_json::from_value(serde_json::json!({
            "code": code, "codeName": "Name", "errmsg": "a value", "topologyVersion": null
        }))
        .unwrap();
        mongodb::error::Error::from(mongodb::error::ErrorKind::Command(command)).into()
    }

    #[test]
    fn a_server_without_snapshots_is_told_from_one_that_is_in_trouble() {
        // InvalidOptions, NotAReplicaSet, IllegalOperation, ReadConcern not supported, gone.
        for code in [72, 123, 20, 115, 239, 246] {
            assert_eq!(given(Err(fault(code))), Ok(None), "{code}");
        }
        for code in [13, 18, 10107, 91] {
            assert!(given(Err(fault(code))).is_err(), "{code}");
        }
        assert_eq!(given(Ok(None)), Ok(None), "a server that ignores the question");
        let time = Some(Timestamp { time: 5, increment: 1 });
        assert_eq!(given(Ok(time)), Ok(time));
    }

    #[test]
    fn the_time_is_found_in_a_reply() {
        let time = Timestamp { time: 5, increment: 1 };
        let reply = doc! { "cursor": { "firstBatch": [], "atClusterTime": time }, "ok": 1.0 };
        assert_eq!(at_cluster_time(&reply), Some(time));
        assert_eq!(at_cluster_time(&doc! { "cursor": { "firstBatch": [] } }), None);
    }

    #[test]
    fn the_record_names_the_time_and_gives_it_back() {
        let snapshot = Snapshot::new(false);
        assert_eq!(snapshot.consistency(), SCAN_WINDOW);
        assert_eq!(snapshot.read_concern(), None);
        let time = Timestamp { time: 1_795_511_598, increment: 3 };
        snapshot.set(Some(time));
        assert_eq!(snapshot.consistency(), "snapshot [2026-11-24T09:13:18.000000003Z]");
        assert_eq!(cluster_time(&snapshot.consistency()), Some(time));
        assert_eq!(cluster_time("scan-window [a, b]"), None);
        let expected = rawdoc! { "level": "snapshot", "atClusterTime": time };
        assert_eq!(snapshot.read_concern(), Some(expected));
    }

    #[test]
    fn a_lost_snapshot_ends_a_reading_that_requires_it() {
        let snapshot = Snapshot::new(false);
        snapshot.set(Some(Timestamp { time: 5, increment: 1 }));
        snapshot.lose(fault(239), "shop.orders").unwrap();
        assert_eq!(snapshot.consistency(), SCAN_WINDOW);

        let error = Snapshot::new(true).lose(fault(239), "shop.orders").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient);
        assert!(error.help().unwrap().contains("minSnapshotHistoryWindowInSeconds"));
    }
}
