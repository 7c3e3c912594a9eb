//! What S3 answers when it does not do what it was asked, and what that means.
//!
//! Owns the translation into the store's errors. Does not own what a caller makes of them.

use std::fmt;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use object_store::Error as StoreError;
use object_store::path::Path;

use crate::error::{ErrorKind, causes, in_words};
use crate::storage::aws::{NoCredentials, no_credentials};

/// Name of the store in its errors.
pub(super) const STORE: &str = "S3";

/// Codes of credentials that were good once.
const EXPIRED: [&str; 4] =
    ["ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"];

/// Codes of credentials that S3 does not know.
const UNKNOWN_CREDENTIALS: [&str; 3] =
    ["InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId"];

/// Codes of a bucket that lies in another region than the one that was asked.
const ELSEWHERE: [&str; 4] = [
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "TemporaryRedirect",
];

/// A call that S3 refused, or did not answer.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    operation: &'static str,
    status: Option<u16>,
    code: Option<String>,
    message: String,
    /// Region that the bucket is said to lie in.
    region: Option<String>,
    without_credentials: Option<NoCredentials>,
}

impl Fault {
    pub fn new<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let response = error.raw_response();
        let region = response.and_then(|r| r.headers().get("x-amz-bucket-region"));
        Self {
            operation,
            status: response.map(|r| r.status().as_u16()),
            code: error.code().map(str::to_owned),
            message: error.message().map_or_else(|| in_words(error), str::to_owned),
            region: region.map(str::to_owned),
            without_credentials: no_credentials(error),
        }
    }

    /// A call that was not made, for what it asks cannot be said to S3.
    pub fn unasked(operation: &'static str, why: String) -> Self {
        Self {
            operation,
            status: None,
            code: None,
            message: why,
            region: None,
            without_credentials: None,
        }
    }

    /// A refusal within a reply that speaks of many objects.
    pub fn of_entry(
        operation: &'static str,
        code: Option<String>,
        message: Option<String>,
    ) -> Self {
        let denied = code.as_deref() == Some("AccessDenied");
        let message = message.unwrap_or_else(|| "without a reason".to_owned());
        Self { status: denied.then_some(403), code, ..Self::unasked(operation, message) }
    }

    /// Whether newer credentials may do.
    pub fn is_expired(&self) -> bool {
        self.has_code(&EXPIRED)
    }

    /// Whether a condition of the request did not hold.
    pub fn is_precondition(&self) -> bool {
        self.status == Some(412)
    }

    /// Whether there is no such object, in a bucket that is there.
    pub fn is_missing_object(&self) -> bool {
        let other = self.has_code(&["NoSuchBucket", "NoSuchUpload"]);
        self.has_code(&["NoSuchKey"]) || (self.status == Some(404) && !other)
    }

    pub fn is_denied(&self) -> bool {
        self.status == Some(403) && !self.lacks_authentication()
    }

    /// Whether a multipart upload has ended meanwhile.
    pub fn is_ended_upload(&self) -> bool {
        self.has_code(&["NoSuchUpload"])
    }

    /// The store's error for a call about `path`.
    ///
    /// A 409 is not `AlreadyExists`: two writers can meet so that neither wins.
    pub fn about(self, path: impl AsRef<str>) -> StoreError {
        let lacks_authentication = self.lacks_authentication();
        let (status, ended) = (self.status, self.is_ended_upload());
        let (path, source) = (path.as_ref().to_owned(), Box::new(self));
        match status {
            _ if lacks_authentication => StoreError::Unauthenticated { path, source },
            Some(304) => StoreError::NotModified { path, source },
            Some(403) => StoreError::PermissionDenied { path, source },
            Some(404) if !ended => StoreError::NotFound { path, source },
            Some(412) => StoreError::Precondition { path, source },
            Some(501) => StoreError::NotSupported { source },
            _ => StoreError::Generic { store: STORE, source },
        }
    }

    /// The store's error for a call that was to create `path`.
    pub fn about_creation(self, path: &Path) -> StoreError {
        match self.is_precondition() {
            true => StoreError::AlreadyExists { path: path.to_string(), source: Box::new(self) },
            false => self.about(path),
        }
    }

    /// The store's error for a call that was to replace a version of `path` that is not there.
    pub fn about_version(self, path: &Path) -> StoreError {
        StoreError::Precondition { path: path.to_string(), source: Box::new(self) }
    }

    fn lacks_authentication(&self) -> bool {
        self.without_credentials.is_some()
            || self.status == Some(401)
            || self.is_expired()
            || self.has_code(&UNKNOWN_CREDENTIALS)
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation)?;
        if let Some(status) = self.status {
            write!(f, " {status}")?;
        }
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Fault {}

/// What a failure says of credentials that could not be had.
pub(in crate::storage) fn lacking_credentials(error: &StoreError) -> Option<NoCredentials> {
    let fault = causes(error).find_map(|cause| cause.downcast_ref::<Fault>())?;
    fault.without_credentials.clone()
}

/// The error of a reply, or of a request, that leads nowhere.
pub(super) fn unusable(what: &str) -> StoreError {
    StoreError::Generic { store: STORE, source: format!("cannot go on with {what}").into() }
}

/// What the user can do about a failure that S3 explained, and its kind.
pub(in crate::storage) fn advice(error: &StoreError) -> Option<(ErrorKind, String)> {
    let fault = causes(error).find_map(|cause| cause.downcast_ref::<Fault>())?;
    let (kind, help) = match fault.code.as_deref() {
        Some("NoSuchBucket") => (ErrorKind::Usage, "correct the bucket's name, or create it"),
        Some("InvalidBucketName") => (ErrorKind::Usage, "correct the bucket's name"),
        Some(code) if code.starts_with("KMS.") => {
            (ErrorKind::Permission, "check the key that the job encrypts with, and its policy")
        }
        Some(_) if fault.has_code(&ELSEWHERE) || fault.status == Some(301) => {
            let help = match &fault.region {
                Some(region) => format!("the bucket lies in region {region}: set that region"),
                None => "the bucket lies in another region: set its region".to_owned(),
            };
            return Some((ErrorKind::Usage, help));
        }
        _ if fault.is_expired() => (
            ErrorKind::Permission,
            "renew the credentials and run the same command again; finished work is kept",
        ),
        _ if fault.has_code(&UNKNOWN_CREDENTIALS) => (
            ErrorKind::Permission,
            "S3 does not take these keys: see which come first, those of the environment, of the \
             profile or of a role, and correct them",
        ),
        _ if fault.status == Some(501) => {
            (ErrorKind::Usage, "this store has no such call; use one that speaks S3 in full")
        }
        _ => return None,
    };
    Some((kind, help.to_owned()))
}
