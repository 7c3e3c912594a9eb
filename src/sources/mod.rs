//! Where rows come from: each source cuts its work into splits and streams raw pages.
//!
//! Owns the [`Source`] trait and its implementations. Does not own decoding: no SDK or file
//! format type leaves this folder, only bytes with their positions.

use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::error::Result;
use crate::model::{Position, RawPage, SourceSummary, Split};

/// A place rows can be read from, in parallel and again.
pub trait Source: Send + Sync {
    /// Checks what the source says about itself and cuts it into splits. Ids count from 0 and
    /// `source` is 0; the pipeline renumbers them within the run.
    ///
    /// # Errors
    /// `Verification` when manifests, checksums or files disagree, `Usage` when the place holds
    /// no such source, `Permission` and `Transient` from the store.
    fn plan(&self) -> BoxFuture<'_, Result<SourcePlan>>;

    /// Streams the pages of a split, in order, whole rows only, after `after` when the source
    /// can resume within a split. File sources start over and ignore it.
    ///
    /// # Errors
    /// The stream ends with the first error: `Verification` for a cut or altered file or a
    /// wrong count, `Permission` and `Transient` from the store.
    fn read(&self, split: &Split, after: Option<Position>) -> BoxStream<'static, Result<RawPage>>;
}

/// A source cut into work.
#[derive(Debug, Clone)]
pub struct SourcePlan {
    /// What the source promises about itself.
    pub summary: SourceSummary,
    /// The work, in source order.
    pub splits: Vec<Split>,
}
