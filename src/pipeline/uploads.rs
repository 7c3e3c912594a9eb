//! Multipart uploads below a dataset that were begun and neither completed nor aborted.

use jiff::Timestamp;

use crate::error::Result;
use crate::plan::AwsOptions;
use crate::storage::{self, s3};

pub use crate::storage::s3::PendingUpload;

/// The pending uploads below `target`; none at all where a store has no such thing, as a local
/// folder has not.
///
/// # Errors
/// `Usage` when there is no such place; `Permission` and `Transient` from the store.
pub fn pending_uploads(target: &str, aws: &AwsOptions) -> Result<Option<Vec<PendingUpload>>> {
    super::start_runtime()?.block_on(async {
        if !storage::is_s3(target) {
            return storage::open_existing(target, aws).await.map(|_| None);
        }
        let (store, prefix) = s3::open(target, aws).await?;
        store.pending_uploads(&prefix).await.map(Some)
    })
}

/// Aborts the pending uploads below `target`, those alone that began before `begun_before` when it
/// is given, and hands each to `each` once it is gone. How many there were; none as for
/// [`pending_uploads`].
///
/// # Errors
/// As [`pending_uploads`], and those of `each`.
pub fn abort_uploads(
    target: &str,
    aws: &AwsOptions,
    begun_before: Option<Timestamp>,
    each: &mut dyn FnMut(&PendingUpload) -> Result<()>,
) -> Result<Option<u64>> {
    super::start_runtime()?.block_on(async {
        if !storage::is_s3(target) {
            return storage::open_existing(target, aws).await.map(|_| None);
        }
        let (store, prefix) = s3::open(target, aws).await?;
        let mut aborted = 0;
        for upload in store.pending_uploads(&prefix).await? {
            let is_old = |limit| upload.initiated_at.is_some_and(|at| at < limit);
            if begun_before.is_none_or(is_old) {
                store.abort_upload(&upload).await?;
                aborted += 1;
                each(&upload)?;
            }
        }
        Ok(Some(aborted))
    })
}
