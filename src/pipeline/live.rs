//! Live splits: read a page at a time in turn, so that load spreads over the table or
//! collection, with a checkpoint every so many bytes.
//!
//! A page is asked for again only when it was not taken, or was taken after the last checkpoint
//! of a run that was killed. At a checkpoint the stream is let go and begun again behind it, so
//! that no cursor idles while files are synced, and going on after an interruption is the same
//! thing as going on.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::BoxStream;
use rayon::prelude::*;
use tokio::task::JoinSet;

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::{PageContent, Position, RawPage, Split, SplitId};
use crate::state::Checkpoint;

use super::extract::{Extraction, SplitReading};

/// Splits that a worker has open at once. Each holds buffers, so the rest waits.
pub(super) const OPEN_SPLITS: usize = 4;
/// Pages that a worker has asked for at once: one to decode and one on its way.
const PAGES_IN_FLIGHT: usize = 2;
/// Time after which a checkpoint is taken though few bytes came: a slow table is read for hours.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// How long a worker waits for a page before it looks whether it should stop: a service that
/// throttles may be waited for much longer.
const LOOK_UP_EVERY: Duration = Duration::from_millis(100);

/// Extracts live splits.
///
/// # Errors
/// As [`super::extract::extract`]; what was read until then is kept.
pub(super) fn extract(extraction: &Extraction<'_>, splits: Vec<&Split>) -> Result<Vec<Checkpoint>> {
    let queue = Queue { splits: Mutex::new(splits.into()), failed: AtomicBool::new(false) };
    let checkpoints = (0..extraction.plan.threads)
        .into_par_iter()
        .with_max_len(1)
        .map(|_| Worker::new(extraction, &queue).work())
        .collect::<Result<Vec<_>>>()?;
    if extraction.progress.should_stop() {
        return Err(super::interrupted());
    }
    Ok(checkpoints.into_iter().flatten().collect())
}

/// Splits that no worker has opened yet.
struct Queue<'a> {
    splits: Mutex<VecDeque<&'a Split>>,
    /// Set when a worker fails: the others keep what they have and end.
    failed: AtomicBool,
}

impl<'a> Queue<'a> {
    fn next(&self) -> Option<&'a Split> {
        self.splits.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

type Pages = BoxStream<'static, Result<RawPage>>;
type Fetched = (SplitId, Pages, Option<Result<RawPage>>);

/// A split that a worker has open.
struct OpenSplit<'a> {
    split: &'a Split,
    reading: SplitReading<'a>,
    /// None while a page of it is on its way.
    pages: Option<Pages>,
    /// Where it is read on behind the last page that was taken.
    position: Option<Position>,
    bytes_since: u64,
    checkpoint_at: Instant,
}

struct Worker<'a> {
    extraction: &'a Extraction<'a>,
    queue: &'a Queue<'a>,
    open: HashMap<SplitId, OpenSplit<'a>>,
    /// Open splits of which no page is on its way, in turn.
    waiting: VecDeque<SplitId>,
    fetches: JoinSet<Fetched>,
    finished: Vec<Checkpoint>,
}

impl<'a> Worker<'a> {
    fn new(extraction: &'a Extraction<'a>, queue: &'a Queue<'a>) -> Self {
        Self {
            extraction,
            queue,
            open: HashMap::new(),
            waiting: VecDeque::new(),
            fetches: JoinSet::new(),
            finished: Vec::new(),
        }
    }

    /// Reads splits until none is left. Whatever ends it early, what was taken is kept.
    fn work(mut self) -> Result<Vec<Checkpoint>> {
        let outcome = self.read_all();
        if outcome.is_err() {
            self.queue.failed.store(true, Ordering::Relaxed);
        }
        self.fetches.abort_all();
        let kept = self.keep();
        outcome?;
        kept?;
        Ok(self.finished)
    }

    fn read_all(&mut self) -> Result<()> {
        loop {
            if self.queue.failed.load(Ordering::Relaxed) || self.extraction.progress.should_stop() {
                return Ok(());
            }
            self.open_more()?;
            self.fetch_more();
            // Inside of the block: a timer is made on the runtime.
            let next =
                async { tokio::time::timeout(LOOK_UP_EVERY, self.fetches.join_next()).await };
            let Ok(next) = self.extraction.runtime.block_on(next) else { continue };
            let Some(fetched) = next else { return Ok(()) };
            let (id, pages, page) =
                fetched.or_err(ErrorKind::Unexpected, "reading a page broke off")?;
            match page {
                None => self.finish(id)?,
                Some(page) => self.take(id, pages, page?)?,
            }
        }
    }

    fn open_more(&mut self) -> Result<()> {
        while self.open.len() < OPEN_SPLITS
            && let Some(split) = self.queue.next()
        {
            let checkpoint = self.extraction.load(split)?;
            let position = checkpoint.as_ref().and_then(|checkpoint| checkpoint.position.clone());
            if let Some(finished) = checkpoint.as_ref().filter(|_| position.is_none()) {
                self.finished.push(finished.clone());
                self.extraction.split_done();
                continue;
            }
            let reading = SplitReading::begin_or_resume(self.extraction, split, checkpoint)?;
            let pages = Some(self.extraction.source(split)?.read(split, position.as_ref()));
            let checkpoint_at = Instant::now();
            let opened =
                OpenSplit { split, reading, pages, position, bytes_since: 0, checkpoint_at };
            self.open.insert(split.id, opened);
            self.waiting.push_back(split.id);
        }
        Ok(())
    }

    fn fetch_more(&mut self) {
        while self.fetches.len() < PAGES_IN_FLIGHT
            && let Some(id) = self.waiting.pop_front()
        {
            let pages = self.open.get_mut(&id).and_then(|open| open.pages.take());
            if let Some(mut pages) = pages {
                let fetch = async move {
                    let page = pages.next().await;
                    (id, pages, page)
                };
                self.fetches.spawn_on(fetch, self.extraction.runtime);
            }
        }
    }

    fn take(&mut self, id: SplitId, mut pages: Pages, mut page: RawPage) -> Result<()> {
        let Some(open) = self.open.get_mut(&id) else { return Err(stray(id)) };
        let Extraction { progress, runtime, .. } = self.extraction;
        loop {
            // A page that could not be taken whole leaves nothing to keep but the last checkpoint.
            open.position = None;
            open.reading.take(&page)?;
            let bytes = page_bytes(&page);
            progress.bytes_done.fetch_add(bytes, Ordering::Relaxed);
            open.bytes_since += bytes;
            let rows = open.reading.rows();
            open.position = page.resume.take().map(|after| Position { rows, after });
            if open.position.is_some() || progress.should_stop() {
                break;
            }
            // It was the last page, or one of a split that cannot be read on after a page: there
            // is nothing to keep until the split is finished.
            match runtime.block_on(pages.next()) {
                None => return self.finish(id),
                Some(next) => page = next?,
            }
        }
        let due = open.bytes_since >= self.extraction.plan.checkpoint_bytes
            || open.checkpoint_at.elapsed() >= CHECKPOINT_EVERY;
        open.pages = Some(if due && open.position.is_some() {
            drop(pages);
            open.checkpoint()?;
            self.extraction.source(open.split)?.read(open.split, open.position.as_ref())
        } else {
            pages
        });
        self.waiting.push_back(id);
        Ok(())
    }

    fn finish(&mut self, id: SplitId) -> Result<()> {
        let open = self.open.remove(&id).ok_or_else(|| stray(id))?;
        self.finished.push(open.reading.finish()?);
        Ok(())
    }

    /// Takes the checkpoints of splits that are not finished.
    fn keep(&mut self) -> Result<()> {
        let unfinished = self.open.values_mut().filter(|open| open.position.is_some());
        unfinished.map(OpenSplit::checkpoint).fold(Ok(()), Result::and)
    }
}

impl OpenSplit<'_> {
    /// Makes durable what was taken, so that reading goes on behind it whatever happens.
    fn checkpoint(&mut self) -> Result<()> {
        self.reading.checkpoint(self.position.clone())?;
        self.bytes_since = 0;
        self.checkpoint_at = Instant::now();
        Ok(())
    }
}

fn page_bytes(page: &RawPage) -> u64 {
    match &page.content {
        PageContent::Rows { bytes, .. } | PageContent::Embedded { bytes, .. } => bytes.len() as u64,
        PageContent::Oversized { row_bytes, .. } => *row_bytes,
    }
}

fn stray(id: SplitId) -> Error {
    Error::new(ErrorKind::Unexpected, "a page came of a split that is not open").with("split", id.0)
}
