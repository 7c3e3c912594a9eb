//! Reads an interval of `_id` to its end, whatever becomes of cursors, connections and primaries.
//!
//! A cursor is opened anew behind the last document that arrived whole, so none is lost and none
//! comes twice. Does not own what is read (`query`) nor what a page is (`reply`).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use mongodb::raw_batch_cursor::RawBatchCursor;
use tokio::time::Instant;

use super::brackets::{Interval, Lower};
use super::collection::Reading;
use super::faults::{Fault, Remedy, Waiting, in_time};
use super::ids;
use super::reply::{self, Page, Paging};
use super::tally::Tally;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Part, Position, RawPage, Split, SplitId};
use crate::sources::pages::{failed, foreign};

/// How long a cursor may wait to be asked again. Servers drop idle ones after ten minutes, and
/// sessions after thirty.
const IDLE: Duration = Duration::from_secs(60);

const READING: &str = "reading a MongoDB collection";

/// The pages of a split, behind a position.
pub(super) fn pages(
    reading: Arc<Reading>,
    split: &Split,
    after: Option<&Position>,
) -> BoxStream<'static, Result<RawPage>> {
    let reader = match Reader::new(reading, split, after) {
        Ok(reader) => reader,
        Err(error) => return failed(error),
    };
    let next =
        |mut reader: Reader| async { Ok(reader.next_page().await?.map(|page| (page, reader))) };
    stream::try_unfold(reader, next).boxed()
}

struct Reader {
    reading: Arc<Reading>,
    split: SplitId,
    name: String,
    /// What is still to be read.
    interval: Interval,
    next_row: u64,
    /// Resume text that reading began behind.
    behind: Option<String>,
    tally: Option<Tally>,
    cursor: Option<RawBatchCursor>,
    batch_at: Instant,
    /// Pages of the last batch that were not handed on.
    waiting: VecDeque<Page>,
    /// Whether any page was handed on.
    began: bool,
    ended: bool,
}

impl Reader {
    fn new(reading: Arc<Reading>, split: &Split, after: Option<&Position>) -> Result<Self> {
        let Part::Ids { from, to } = &split.part else { return Err(foreign(split)) };
        let id = |text: &String| ids::from_text(text);
        let from = from.as_ref().map(id).transpose()?;
        let lower = match after {
            Some(position) => Lower::After(ids::from_text(&position.after)?),
            None => from.map_or(Lower::Start, Lower::From),
        };
        Ok(Self {
            split: split.id,
            name: split.name.clone(),
            interval: Interval { lower, to: to.as_ref().map(id).transpose()? },
            next_row: after.map_or(0, |position| position.rows),
            behind: after.map(|position| position.after.clone()),
            tally: None,
            cursor: None,
            batch_at: Instant::now(),
            waiting: VecDeque::new(),
            began: false,
            ended: false,
            reading,
        })
    }

    async fn next_page(&mut self) -> Result<Option<RawPage>> {
        if self.tally.is_none() && self.reading.query.is_complete() {
            self.tally = Some(self.begin_tally().await?);
        }
        while !self.ended {
            if let Some(page) = self.waiting.pop_front() {
                return Ok(Some(self.hand_on(page)));
            }
            match self.next_batch().await? {
                Some(batch) => self.take(&batch)?,
                None => self.ended = true,
            }
        }
        if let Some(tally) = self.tally.take() {
            tally.check(&self.reading).await?;
            if let Some(whole) = self.reading.tallies.finish(self.split, &tally) {
                whole.check(&self.reading).await?;
            }
        }
        Ok(None)
    }

    /// The tally of the reading that this one goes on from, or a new one.
    async fn begin_tally(&mut self) -> Result<Tally> {
        match self.reading.tallies.take(self.split, self.behind.as_ref()) {
            Some(tally) => Ok(tally),
            None => {
                let from_start = self.behind.is_none();
                Tally::begin(&self.reading, &self.name, &self.interval, from_start).await
            }
        }
    }

    fn hand_on(&mut self, Page { page, counts }: Page) -> RawPage {
        self.began = true;
        if let Some(tally) = &mut self.tally {
            tally.add_page(&counts, page.resume.as_ref());
            self.reading.tallies.leave(self.split, tally);
        }
        page
    }

    fn take(&mut self, batch: &Bytes) -> Result<()> {
        let paging = Paging {
            split: self.split,
            max_row_bytes: self.reading.max_row_bytes,
            can_go_on: self.reading.query.can_go_on(),
        };
        let taken = reply::pages_of(batch, self.next_row, paging)
            .map_err(|fault| fault.into_error(READING, &self.reading.namespace()))?;
        self.next_row += taken.documents;
        self.waiting.extend(taken.pages);
        if let Some(id) = taken.last_id.filter(|_| paging.can_go_on) {
            self.interval.lower = Lower::After(id);
        }
        Ok(())
    }

    /// The next batch; none at the end. Faults that pass are waited out.
    async fn next_batch(&mut self) -> Result<Option<Bytes>> {
        if self.batch_at.elapsed() > IDLE && self.reading.query.can_go_on() {
            self.cursor = None;
        }
        let patience = self.reading.patience;
        let mut waiting = Waiting::new(patience);
        loop {
            match in_time(patience, self.ask()).await {
                Ok(batch) => {
                    self.batch_at = Instant::now();
                    return Ok(batch);
                }
                Err(fault) => self.recover(fault, &mut waiting).await?,
            }
        }
    }

    async fn ask(&mut self) -> Result<Option<Bytes>, Fault> {
        let cursor = match &mut self.cursor {
            Some(cursor) => cursor,
            None => match self.open().await? {
                Some(cursor) => self.cursor.insert(cursor),
                None => return Ok(None),
            },
        };
        Ok(cursor.try_next().await?.map(reply::bytes_of))
    }

    /// A cursor over what is still to be read; none when that is nothing.
    async fn open(&mut self) -> Result<Option<RawBatchCursor>, Fault> {
        let reading = &self.reading;
        let with_rare = reading.with_rare();
        if !self.interval.is_everything() && self.interval.clauses(with_rare).is_empty() {
            return Ok(None);
        }
        let command = reading.query.find(
            &reading.connection.collection,
            &self.interval,
            with_rare,
            reading.read_concern(),
        );
        reading.connection.cursor(command, reading.query.batch_documents).await.map(Some)
    }

    /// Lets the cursor go and waits, if opening it anew may help.
    async fn recover(&mut self, fault: Fault, waiting: &mut Waiting) -> Result<()> {
        let collection = self.reading.namespace();
        self.cursor = None;
        if self.began && !self.reading.query.can_go_on() {
            return Err(broken_off(&fault, &collection));
        }
        match fault.remedy {
            Remedy::ReadAnew => self.reading.snapshot.lose(fault, &collection),
            Remedy::AskAgain => {
                waiting.wait(fault).await.map_err(|fault| fault.into_error(READING, &collection))
            }
            Remedy::Permit | Remedy::None => Err(fault.into_error(READING, &collection)),
        }
    }
}

fn broken_off(fault: &Fault, collection: &str) -> Error {
    let kind = match fault.remedy {
        Remedy::Permit => ErrorKind::Permission,
        _ => ErrorKind::Transient,
    };
    Error::new(kind, format!("{READING}: {}", fault.what)).with("collection", collection).with_help(
        "a collection that is read with a sort or a limit is read again from its start: run the \
         same command again",
    )
}
