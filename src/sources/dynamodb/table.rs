//! A DynamoDB table, read while it is in use: its segments, or a Query, as splits.
//!
//! Does not own how a page is asked for (`pages`) nor what a request says (`request`).

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::OnceCell;

use super::connection::Connection;
use super::describe::{Description, describe};
use super::pages::Pages;
use super::request::{Request, SEGMENTS, attributes_of, check};
use super::slice::TableSlice;
use super::throttle::Throttle;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Part, Position, RawFormat, RawPage, SCAN_WINDOW, SourceSummary, Split, SplitId,
};
use crate::plan::{DynamodbTable, ReadCapacity};
use crate::sources::{ReadContext, Source, SourcePlan};
use crate::storage::aws::loader;

/// Bytes of a table that make another segment.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Segments for each worker, at most.
const SEGMENTS_PER_WORKER: u64 = 4;

/// A DynamoDB table, read while it is in use.
#[derive(Debug, Clone)]
pub struct LiveTable(Arc<Live>);

#[derive(Debug)]
struct Live {
    connection: Arc<Connection>,
    spec: DynamodbTable,
    /// Top-level attributes that the contract reads.
    attributes: BTreeSet<String>,
    slice: Option<TableSlice>,
    workers: u64,
    /// Made when the table is first looked at.
    reading: OnceCell<Reading>,
}

/// What is known once the table has been looked at.
#[derive(Debug)]
struct Reading {
    table: Description,
    request: Arc<Request>,
    throttle: Option<Arc<Throttle>>,
}

/// Opens what `spec` names; the service is not asked yet.
///
/// # Errors
/// `Usage` when the expressions cannot be what the service takes.
pub async fn open_table(spec: &DynamodbTable, context: ReadContext<'_>) -> Result<LiveTable> {
    let load = loader(context.aws);
    let connection = Connection::open(load, spec.endpoint_url.clone(), spec.patience).await;
    LiveTable::new(Arc::new(connection), spec, context)
}

impl LiveTable {
    /// What `spec` names, over a connection that is open already.
    ///
    /// # Errors
    /// As [`open_table`].
    pub fn new(
        connection: Arc<Connection>,
        spec: &DynamodbTable,
        context: ReadContext<'_>,
    ) -> Result<Self> {
        let slice = context.slice.map(|slice| TableSlice::new(slice, context.contract));
        let slice = slice.transpose()?;
        check(spec, slice.as_ref()).map_err(|error| error.with("table", &spec.table))?;
        Ok(Self(Arc::new(Live {
            connection,
            spec: spec.clone(),
            attributes: attributes_of(context.contract),
            slice,
            workers: u64::try_from(context.threads.max(1)).unwrap_or(1),
            reading: OnceCell::new(),
        })))
    }
}

impl Live {
    async fn reading(&self) -> Result<&Reading> {
        self.reading.get_or_try_init(|| self.look()).await
    }

    async fn look(&self) -> Result<Reading> {
        let spec = &self.spec;
        let index = spec.query.as_ref().and_then(|query| query.index.as_deref());
        let table = describe(&self.connection, &spec.table, index).await?;
        let request = Request::new(spec, &self.attributes, self.slice.as_ref(), &table)?;
        let throttle = milli_units_per_second(spec.capacity, table.read_units)
            .map(|units| Throttle::new(units, (table.bytes, table.items), spec.consistent_read));
        Ok(Reading { table, request: Arc::new(request), throttle })
    }

    async fn plan(&self) -> Result<SourcePlan> {
        let reading = self.reading().await?;
        let splits = match &self.spec.query {
            Some(_) => vec![self.split(0, Part::Query, reading.table.bytes)],
            None => self.segments(&reading.table),
        };
        Ok(SourcePlan { summary: self.summary(reading), splits })
    }

    fn segments(&self, table: &Description) -> Vec<Split> {
        let by_size = || auto_segments(table.bytes, table.items, self.workers);
        let total = self.spec.segments.unwrap_or_else(by_size);
        let bytes = table.bytes / u64::from(total.max(1));
        (0..total).map(|index| self.split(index, Part::Segment { index, total }, bytes)).collect()
    }

    fn split(&self, id: u32, part: Part, bytes: u64) -> Split {
        let table = &self.spec.table;
        let name = match &part {
            Part::Segment { index, total } => format!("{table} segment {} of {total}", index + 1),
            _ => format!("{table} query"),
        };
        Split {
            id: SplitId(id),
            source: 0,
            name,
            part,
            format: RawFormat::DynamodbItem,
            bytes,
            expected_rows: None,
        }
    }

    fn summary(&self, reading: &Reading) -> SourceSummary {
        let index = reading.request.index.as_ref().map(|index| format!("/index/{index}"));
        SourceSummary {
            kind: "dynamodb".to_owned(),
            location: format!("dynamodb://{}{}", self.spec.table, index.unwrap_or_default()),
            fingerprint: reading.request.fingerprint(&reading.table),
            consistency: SCAN_WINDOW.to_owned(),
            as_of: None,
            unverified: None,
            expected_rows: None,
            pushed_down: reading.request.pushed_down.clone(),
        }
    }

    /// Takes the splits of an interrupted reading, when they still say the same.
    async fn resume(&self, interrupted: SourcePlan) -> Result<SourcePlan> {
        let summary = self.summary(self.reading().await?);
        if let Some(why) = self.changed(&interrupted, &summary) {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("the interrupted run cannot be taken up: {why}"),
            )
            .with("table", &self.spec.table)
            .with_help("set the job back to what it was, or start afresh with `--fresh`"));
        }
        Ok(SourcePlan { summary, splits: interrupted.splits })
    }

    /// What has changed since a reading was interrupted.
    fn changed(&self, interrupted: &SourcePlan, now: &SourceSummary) -> Option<String> {
        let total = match interrupted.splits.first().map(|split| &split.part) {
            Some(Part::Segment { total, .. }) => Some(*total),
            _ => None,
        };
        if total.is_some() == self.spec.query.is_some() {
            return Some("it read by Scan and the job now says Query, or the reverse".to_owned());
        }
        match (total, self.spec.segments) {
            (Some(before), Some(now)) if before != now => {
                Some(format!("it read in {before} segments, and the job now says {now}"))
            }
            _ if interrupted.summary.fingerprint != now.fingerprint => {
                Some("the table is another, or another part of it is asked for".to_owned())
            }
            _ => None,
        }
    }

    /// The pages of `split`; the budget is shared from the first one on.
    async fn pages(&self, split: &Split, after: Option<Position>) -> Result<Pages> {
        let reading = self.reading().await?;
        let budget = reading.throttle.as_ref().map(Throttle::join);
        let (connection, request) = (Arc::clone(&self.connection), Arc::clone(&reading.request));
        Pages::new(connection, request, budget, split, after)
    }
}

/// Segments by the size of the table, as many as keep the workers busy at most.
fn auto_segments(bytes: u64, items: u64, workers: u64) -> u32 {
    let most = workers.saturating_mul(SEGMENTS_PER_WORKER).min(items).max(1);
    let segments = bytes.div_ceil(SEGMENT_BYTES).clamp(1, most);
    u32::try_from(segments).unwrap_or(u32::MAX).min(*SEGMENTS.end())
}

/// The budget in thousandths of a unit a second; none when there is no limit.
fn milli_units_per_second(capacity: ReadCapacity, read_units: u64) -> Option<u64> {
    match capacity {
        ReadCapacity::Unlimited => None,
        ReadCapacity::UnitsPerSecond(units) => Some(u64::from(units) * 1000),
        ReadCapacity::Percent(percent) => Some(read_units.saturating_mul(10) * u64::from(percent)),
    }
}

impl Source for LiveTable {
    fn plan(&self) -> BoxFuture<'_, Result<SourcePlan>> {
        self.0.plan().boxed()
    }

    fn resume(&self, interrupted: SourcePlan) -> BoxFuture<'_, Result<SourcePlan>> {
        self.0.resume(interrupted).boxed()
    }

    fn read(&self, split: &Split, after: Option<&Position>) -> BoxStream<'static, Result<RawPage>> {
        let (live, split, after) = (Arc::clone(&self.0), split.clone(), after.cloned());
        let pages = async move { live.pages(&split, after).await }.boxed();
        stream::try_unfold(Reader::Opening(pages), |reader| async move {
            let mut pages = match reader {
                Reader::Opening(pages) => pages.await?,
                Reader::Open(pages) => pages,
            };
            let page = pages.next_page().await?;
            Ok(page.map(|page| (page, Reader::Open(pages))))
        })
        .boxed()
    }
}

/// A stream before and after its first page was asked for.
enum Reader {
    Opening(BoxFuture<'static, Result<Pages>>),
    Open(Pages),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_grow_with_the_table_and_not_beyond_the_workers() {
        let gib = 1 << 30;
        assert_eq!(auto_segments(0, 0, 2), 1);
        assert_eq!(auto_segments(SEGMENT_BYTES, 1_000, 2), 1);
        assert_eq!(auto_segments(SEGMENT_BYTES + 1, 1_000, 2), 2);
        assert_eq!(auto_segments(100 * gib, 1_000_000, 2), 8);
        assert_eq!(auto_segments(100 * gib, 3, 2), 3);
        assert_eq!(auto_segments(u64::MAX, u64::MAX, u64::MAX), 1_000_000);
    }

    #[test]
    fn a_percentage_is_of_what_the_table_can_do() {
        assert_eq!(milli_units_per_second(ReadCapacity::Unlimited, 5), None);
        assert_eq!(milli_units_per_second(ReadCapacity::UnitsPerSecond(25), 5), Some(25_000));
        assert_eq!(milli_units_per_second(ReadCapacity::Percent(50), 12_000), Some(6_000_000));
        assert_eq!(milli_units_per_second(ReadCapacity::Percent(1), 5), Some(50));
    }
}
