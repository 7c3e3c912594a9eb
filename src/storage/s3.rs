//! A prefix of an S3 bucket as an object store.

use super::Location;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::AwsOptions;

/// Opens the place that `url` names, `s3://bucket/prefix`.
///
/// # Errors
/// `Usage`: it cannot be opened yet.
pub(super) async fn open(url: &str, _aws: &AwsOptions) -> Result<Location> {
    Err(Error::new(ErrorKind::Usage, "S3 cannot be opened yet").with("url", url))
}
