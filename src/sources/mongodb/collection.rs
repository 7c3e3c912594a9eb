//! A MongoDB collection, read while it is in use.

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Position, RawPage, Split};
use crate::plan::MongodbCollection;
use crate::sources::pages::failed;
use crate::sources::{ReadContext, Source, SourcePlan};

/// A MongoDB collection, read while it is in use.
#[derive(Debug)]
pub struct LiveCollection;

/// Opens what `spec` names.
///
/// # Errors
/// `Usage`: it cannot be read yet.
pub async fn open_collection(
    _spec: &MongodbCollection,
    _context: ReadContext<'_>,
) -> Result<LiveCollection> {
    Err(not_yet())
}

fn not_yet() -> Error {
    Error::new(ErrorKind::Usage, "this kind of source cannot be read yet")
}

impl Source for LiveCollection {
    fn plan(&self) -> BoxFuture<'_, Result<SourcePlan>> {
        async { Err(not_yet()) }.boxed()
    }

    fn resume(&self, _interrupted: SourcePlan) -> BoxFuture<'_, Result<SourcePlan>> {
        async { Err(not_yet()) }.boxed()
    }

    fn read(
        &self,
        _split: &Split,
        _after: Option<&Position>,
    ) -> BoxStream<'static, Result<RawPage>> {
        failed(not_yet())
    }
}
