//! The pages of a segment or query: asks for one after the other, each once, and hands on the
//! bytes as the service sent them.
//!
//! Owns where to go on from. Does not own what is asked (`request`), waiting out faults
//! (`connection`) nor the budget (`throttle`).

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use bytes::Bytes;

use super::attribute::{Item, parse_item};
use super::calls::{self, From};
use super::connection::Connection;
use super::fault::Fault;
use super::request::Request;
use super::throttle::Reader;
use crate::decode::{DynamodbReply, dynamodb_reply, verified_dynamodb_reply};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::{PageContent, Part, Position, RawFormat, RawPage, Split, SplitId};
use crate::sources::pages::foreign;

/// A split being read.
pub(super) struct Pages {
    connection: Arc<Connection>,
    request: Arc<Request>,
    /// The share of the budget, when there is one.
    budget: Option<Reader>,
    split: SplitId,
    name: String,
    /// Segment and number of segments; none for a Query.
    segment: Option<(i32, i32)>,
    next: Next,
    rows: u64,
}

/// Where the next page begins.
enum Next {
    Start,
    After(String),
    End,
}

impl Pages {
    /// The pages of `split` from `after` on.
    ///
    /// # Errors
    /// `Unexpected` when the split is not of a table.
    pub(super) fn new(
        connection: Arc<Connection>,
        request: Arc<Request>,
        budget: Option<Reader>,
        split: &Split,
        after: Option<Position>,
    ) -> Result<Self> {
        let segment = match split.part {
            Part::Query => None,
            Part::Segment { index, total } => {
                Some((segment_number(index)?, segment_number(total)?))
            }
            _ => return Err(foreign(split)),
        };
        let (rows, next) = match after {
            Some(position) => (position.rows, Next::After(position.after)),
            None => (0, Next::Start),
        };
        Ok(Self {
            connection,
            request,
            budget,
            split: split.id,
            name: split.name.clone(),
            segment,
            next,
            rows,
        })
    }

    /// The next page; none at the end. A page may hold no rows: then it only moves the position.
    ///
    /// # Errors
    /// `Transient` when throttling or faults outlast patience, `Permission` when access is
    /// denied, `Usage` when the service does not accept what is asked.
    pub(super) async fn next_page(&mut self) -> Result<Option<RawPage>> {
        let after = match &self.next {
            Next::Start => None,
            Next::After(key) => Some(key.as_str()),
            Next::End => return Ok(None),
        };
        let (bytes, reply) = self
            .fetch(after)
            .await
            .map_err(|error| error.with("table", &self.request.table).with("split", &self.name))?;
        let first_row = self.rows;
        self.rows += u64::try_from(reply.items.len()).unwrap_or(u64::MAX);
        self.next = reply.last_evaluated_key.clone().map_or(Next::End, Next::After);
        Ok(Some(RawPage {
            split: self.split,
            first_row,
            offset_bytes: 0, // a reply stands for itself
            content: PageContent::Embedded {
                format: RawFormat::DynamodbItem,
                bytes,
                ranges: reply.items,
            },
            resume: reply.last_evaluated_key,
        }))
    }

    /// Asks for a page until it comes whole.
    async fn fetch(&self, after: Option<&str>) -> Result<(Bytes, DynamodbReply)> {
        let start_key = match after {
            Some(key) => Some(parse_item(key).map_err(|_| {
                Error::new(ErrorKind::Usage, "the saved position is not a key of a table")
                    .with_help("start afresh with `--fresh`")
            })?),
            None => None,
        };
        let call = |client| self.call(client, start_key.clone());
        self.connection.ask("could not read a table", call).await
    }

    /// Asks once, when the budget allows it, and takes what it cost from the budget.
    async fn call(
        &self,
        client: Client,
        start_key: Option<Item>,
    ) -> Result<(Bytes, DynamodbReply), Fault> {
        let affordable = match &self.budget {
            Some(budget) => Some(budget.admit().await),
            None => None,
        };
        let limit = [affordable, self.request.page_items].into_iter().flatten().min();
        let from = From { start_key, limit };
        let body = match self.segment {
            Some(segment) => calls::scan(&client, &self.request, segment, from).await?,
            None => calls::query(&client, &self.request, from).await?,
        };
        let read = if body.verified { verified_dynamodb_reply } else { dynamodb_reply };
        let reply = read(&body.bytes).map_err(Fault::of_reply)?;
        if let Some(budget) = &self.budget {
            budget.spend(reply.consumed_milli_units, reply.scanned_count);
        }
        Ok((body.bytes, reply))
    }
}

fn segment_number(number: u32) -> Result<i32> {
    i32::try_from(number).or_err(ErrorKind::Usage, "a table has no such segment")
}
