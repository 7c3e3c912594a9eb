//! A MongoDB collection, read while it is in use.
//!
//! Owns its plan: what is there, how it is cut, and whether an interrupted reading still fits.
//! Does not own how a range is read (`cursor`).

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bson::raw::{RawBson, RawDocumentBuf};
use bson::rawdoc;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use sha2::{Digest, Sha256};

use super::brackets::{Bracket, Interval, any_of};
use super::connect::Connection;
use super::cursor::pages;
use super::faults::{Fault, Remedy, if_possible, patiently};
use super::ids;
use super::query::Query;
use super::ranges::{Cuts, cut};
use super::snapshot::Snapshot;
use super::tally::{Tallies, Tally};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Part, Position, RawFormat, RawPage, SourceSummary, Split, SplitId};
use crate::plan::MongodbCollection;
use crate::sources::{ReadContext, Source, SourcePlan};

/// How long the server is waited for the first time: a wrong address should not take long to tell.
const FIRST_CONTACT: Duration = Duration::from_secs(20);

const OPENING: &str = "opening a MongoDB collection";

/// A MongoDB collection, read while it is in use.
#[derive(Debug)]
pub struct LiveCollection {
    reading: Arc<Reading>,
    /// Ranges that the job wants.
    ranges: Option<u32>,
    threads: usize,
}

/// What all splits of a collection share while they are read.
#[derive(Debug)]
pub(super) struct Reading {
    pub connection: Connection,
    pub query: Query,
    pub snapshot: Snapshot,
    pub patience: Duration,
    pub max_row_bytes: u64,
    /// Whether the server knows the types that are rare as an `_id`.
    with_rare: OnceLock<bool>,
    pub tallies: Tallies,
}

/// Opens what `spec` names. The server is asked first when it is planned.
///
/// # Errors
/// `Usage` when the connection string, the filter or the sort cannot be read, or when data would
/// be sent in plain text; `Transient` when name servers do not answer.
pub async fn open_collection(
    spec: &MongodbCollection,
    context: ReadContext<'_>,
) -> Result<LiveCollection> {
    let reading = Reading {
        query: Query::new(spec, context.contract, context.slice)?,
        connection: Connection::new(spec, context.threads).await?,
        snapshot: Snapshot::new(spec.require_snapshot),
        patience: spec.patience,
        max_row_bytes: context.contract.limits.max_row_bytes,
        with_rare: OnceLock::new(),
        tallies: Tallies::default(),
    };
    Ok(LiveCollection { reading: Arc::new(reading), ranges: spec.ranges, threads: context.threads })
}

impl LiveCollection {
    async fn cut(&self) -> Result<SourcePlan> {
        let reading = &self.reading;
        reading.look().await?;
        reading.snapshot.take(&reading.connection, reading.patience).await?;
        let cuts = cut(reading, self.ranges, self.threads).await?;
        let splits = splits(&reading.namespace(), &cuts);
        if splits.len() > 1 {
            let everything = Interval::everything();
            let whole = Tally::begin(reading, &reading.namespace(), &everything, true).await?;
            reading.tallies.begin_whole(whole, splits.len());
        }
        tracing::info!(
            collection = reading.namespace(),
            ranges = splits.len(),
            by = cuts.by,
            consistency = reading.snapshot.consistency(),
            "cut a collection"
        );
        Ok(SourcePlan { summary: self.summary(), splits })
    }

    /// Gives the splits of an interrupted reading back.
    async fn take_up(&self, mut interrupted: SourcePlan) -> Result<SourcePlan> {
        let reading = &self.reading;
        if interrupted.summary.fingerprint != self.fingerprint() {
            let message =
                "going on with a MongoDB collection: the job asks for something else than before";
            return Err(Error::new(ErrorKind::Usage, message)
                .with("collection", reading.namespace())
                .with_help(
                    "hosts, filter, sort, limit, fields and ranges must stay as they were; undo \
                     the change, or begin anew with `--fresh`",
                ));
        }
        reading.look().await?;
        let consistency = &interrupted.summary.consistency;
        reading.snapshot.take_up(consistency, &reading.connection, reading.patience).await?;
        interrupted.summary.consistency = reading.snapshot.consistency();
        Ok(interrupted)
    }

    fn summary(&self) -> SourceSummary {
        let Reading { connection, query, snapshot, .. } = &*self.reading;
        SourceSummary {
            kind: "mongodb".to_owned(),
            location: format!("mongodb:{}/{}", connection.hosts, connection.namespace()),
            fingerprint: self.fingerprint(),
            consistency: snapshot.consistency(),
            as_of: None,
            unverified: None,
            expected_rows: None,
            pushed_down: query.pushed_down.clone(),
        }
    }

    fn fingerprint(&self) -> String {
        let Reading { connection, query, .. } = &*self.reading;
        let mut sha256 = Sha256::new();
        let ranges = self.ranges.map_or_else(String::new, |ranges| ranges.to_string());
        for part in ["mongodb", &connection.hosts, &connection.namespace(), &ranges] {
            sha256.update(part);
            sha256.update([0]);
        }
        sha256.update(query.identity());
        hex::encode(sha256.finalize())
    }
}

impl Reading {
    /// `database.collection`
    pub(super) fn namespace(&self) -> String {
        self.connection.namespace()
    }

    /// Whether to ask for ids of rare types.
    pub(super) fn with_rare(&self) -> bool {
        self.with_rare.get().copied().unwrap_or(true)
    }

    /// The read concern of everything that is read.
    pub(super) fn read_concern(&self) -> Option<RawDocumentBuf> {
        self.snapshot.read_concern().or_else(|| self.connection.read_concern.clone())
    }

    /// Looks at the server and the collection for the first time.
    async fn look(&self) -> Result<()> {
        self.check_kind().await?;
        let rare = rawdoc! {
            "find": self.connection.collection.as_str(),
            "filter": any_of(Bracket::rare().map(Bracket::whole).collect()),
            "projection": { "_id": 1 },
            "limit": 1_i64,
            "singleBatch": true,
        };
        let known = if_possible(self.patience, || self.connection.run(rare.clone())).await;
        let known = known.map_err(|fault| fault.into_error(OPENING, &self.namespace()))?;
        self.with_rare.get_or_init(|| known.is_some());
        Ok(())
    }

    /// Checks that there is such a collection, and that its `_id` is a key.
    async fn check_kind(&self) -> Result<()> {
        let name = self.connection.collection.as_str();
        let list = rawdoc! {
            "listCollections": 1,
            "filter": { "name": name },
            "nameOnly": true,
            "authorizedCollections": true,
        };
        let patience = self.patience.min(FIRST_CONTACT);
        let listed = match patiently(patience, || self.connection.documents(list.clone())).await {
            Ok(listed) => listed,
            // Who may read a collection need not be let see the list.
            Err(Fault { remedy: Remedy::Permit, .. }) => return Ok(()),
            Err(fault) => return Err(fault.into_error(OPENING, &self.namespace())),
        };
        let found =
            listed.iter().find(|entry| entry.get_str("name").is_ok_and(|found| found == name));
        let refused = |what| {
            let message = format!("{OPENING}: {what}");
            Error::new(ErrorKind::Usage, message).with("collection", self.namespace())
        };
        match found.map(|entry| entry.get_str("type").unwrap_or("collection")) {
            Some("collection") => Ok(()),
            Some(_) if !self.query.can_go_on() => Ok(()),
            Some(_) => Err(refused("it is a view or a time series, whose _id is not a key").with_help(
                "name the collection that it is made of, or give the job a sort: then it is read \
                 in one piece",
            )),
            None => Err(refused("there is no such collection")
                .with_help("check the names of the database and the collection")),
        }
    }
}

/// Ranges that tile the order of `_id`. Their names hold no value.
fn splits(namespace: &str, cuts: &Cuts) -> Vec<Split> {
    let text = |id: &RawBson| ids::to_text(id.as_raw_bson_ref());
    let inner: Vec<Option<String>> = cuts.ids.iter().map(text).collect();
    let bounds: Vec<Option<String>> = [None].into_iter().chain(inner).chain([None]).collect();
    let total = bounds.len() - 1;
    (0..)
        .zip(bounds.windows(2))
        .filter_map(|(id, pair)| match pair {
            [from, to] => Some(Split {
                id: SplitId(id),
                source: 0,
                name: format!("{namespace} {}/{total} ({})", id + 1, cuts.by),
                part: Part::Ids { from: from.clone(), to: to.clone() },
                format: RawFormat::Bson,
                bytes: cuts.collection_bytes / total as u64,
                expected_rows: None,
            }),
            _ => None,
        })
        .collect()
}

impl Source for LiveCollection {
    fn plan(&self) -> BoxFuture<'_, Result<SourcePlan>> {
        self.cut().boxed()
    }

    fn resume(&self, interrupted: SourcePlan) -> BoxFuture<'_, Result<SourcePlan>> {
        self.take_up(interrupted).boxed()
    }

    fn read(&self, split: &Split, after: Option<&Position>) -> BoxStream<'static, Result<RawPage>> {
        pages(Arc::clone(&self.reading), split, after)
    }

    fn consistency(&self) -> Option<String> {
        Some(self.reading.snapshot.consistency())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_tile_the_order_and_name_no_value() {
        let ids = vec![RawBson::Int32(5), RawBson::String("secret".to_owned())];
        let cuts = Cuts { ids, by: "$sample", collection_bytes: 300 };
        let splits = splits("shop.orders", &cuts);
        let bounds: Vec<_> = splits.iter().map(|split| split.part.clone()).collect();
        let (five, secret) = (r#"{"_id":{"$numberInt":"5"}}"#, r#"{"_id":"secret"}"#);
        let ids = |from: Option<&str>, to: Option<&str>| Part::Ids {
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        assert_eq!(
            bounds,
            [ids(None, Some(five)), ids(Some(five), Some(secret)), ids(Some(secret), None)]
        );
        assert_eq!(splits[1].name, "shop.orders 2/3 ($sample)");
        assert_eq!(splits[1].bytes, 100);
    }
}
