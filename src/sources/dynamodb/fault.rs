//! What a failed call means: wait and ask again, renew the credentials, or give up.
//!
//! The words of the service are shown only where they cannot hold a value of a row.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::error::{Error, ErrorKind, causes, in_words};
use crate::storage::aws::no_credentials;

/// Codes that say that too much was asked at a time.
const THROTTLING: [&str; 6] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "Throttling",
    "TooManyRequestsException",
    "ReplicatedWriteConflictException",
];

/// Codes that say that the credentials are no longer, or were never, any good.
const CREDENTIALS: [&str; 6] = [
    "ExpiredTokenException",
    "ExpiredToken",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
];

/// Codes that say that the credentials do not allow the call.
const DENIED: [&str; 3] =
    ["AccessDeniedException", "MissingAuthenticationTokenException", "OptInRequired"];

/// Beginnings of what the service says of the expressions themselves.
const OF_EXPRESSIONS: [&str; 7] = [
    "Invalid KeyConditionExpression",
    "Invalid FilterExpression",
    "Invalid ProjectionExpression",
    "Value provided in ExpressionAttribute",
    "The table does not have the specified index",
    "Query condition missed key schema element",
    "Query key condition not supported",
];

/// What a request holds that comes from rows: the service may quote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Private {
    /// Nothing: all of it comes from the job.
    Nothing,
    /// The key of the row to go on after.
    Position,
    /// Items or keys of items.
    Items,
}

/// What a failed call means.
#[derive(Debug)]
pub(super) enum Fault {
    /// Too much was asked at a time, or something broke on the way: asking again may succeed.
    Passing(Cause),
    /// The credentials were not accepted: new ones may be.
    Credentials(Cause),
    /// Asking again is pointless.
    Fatal(Error),
}

/// Why a call failed, without a value of a row.
#[derive(Debug)]
pub(super) struct Cause {
    pub why: String,
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Cause {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), source: None }
    }

    /// The error that ends a run for it.
    pub(super) fn into_error(self, kind: ErrorKind, doing: &str) -> Error {
        let error = Error::new(kind, format!("{doing}: {}", self.why));
        match self.source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}

impl Fault {
    /// A reply that came and cannot be used.
    pub(super) fn of_reply(why: impl ToString) -> Self {
        Self::Passing(Cause::new(why.to_string()))
    }

    /// What `error` means, of a request that holds what is `private`.
    pub(super) fn of<E>(error: SdkError<E, HttpResponse>, private: Private) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match error {
            SdkError::ServiceError(refused) => {
                let status = refused.raw().status().as_u16();
                of_service(refused.err(), status, private)
            }
            SdkError::TimeoutError(_) => Self::of_reply("no reply in time"),
            SdkError::ResponseError(_) => Self::of_reply("the reply broke off or cannot be read"),
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(broken) => of_connection(broken),
                None => Self::of_reply("the connection broke"),
            },
            other => Self::Fatal(
                Error::new(ErrorKind::Unexpected, "a request to DynamoDB could not be made")
                    .with_source(in_words(&other)),
            ),
        }
    }
}

fn of_service(error: &impl ProvideErrorMetadata, status: u16, private: Private) -> Fault {
    // What is no code of the service's is not repeated: it may be anything.
    let code = error.code().filter(|code| code.bytes().all(|b| b.is_ascii_alphanumeric()));
    let Some(code) = code else {
        return Fault::of_reply(format!("status {status} without a reason"));
    };
    if THROTTLING.contains(&code) || status == 429 {
        return Fault::of_reply(format!("throttled ({code})"));
    }
    if status >= 500 || status == 408 || code == "InternalServerError" {
        return Fault::of_reply(format!("the service failed ({code}, status {status})"));
    }
    if CREDENTIALS.contains(&code) {
        return Fault::Credentials(Cause::new(format!("the credentials were refused ({code})")));
    }
    let error = match code {
        "ResourceNotFoundException" => Error::new(ErrorKind::Usage, "there is no such table")
            .with_help("check the name of the table, the region and the account"),
        _ if DENIED.contains(&code) => {
            Error::new(ErrorKind::Permission, format!("DynamoDB denies access ({code})"))
                .with_help("allow this user the call on the table and on its indexes")
        }
        "ValidationException" => invalid(error.message().unwrap_or_default(), private),
        _ => Error::new(ErrorKind::Unexpected, format!("DynamoDB refused the call ({code})")),
    };
    Fault::Fatal(error)
}

/// A request that the service finds wrong as written.
fn invalid(message: &str, private: Private) -> Error {
    let of_expressions = OF_EXPRESSIONS.iter().any(|begin| message.starts_with(begin));
    let (message, help) = match private {
        _ if of_expressions => (message, "correct the expressions of the source in the job"),
        Private::Nothing => (message, "correct the source in the job"),
        Private::Position => ("the saved position", "start afresh with `--fresh`"),
        Private::Items => ("the key or the item", "check it against the key of the table"),
    };
    Error::new(ErrorKind::Usage, format!("DynamoDB does not accept this: {message}"))
        .with_help(help)
}

fn of_connection(broken: &aws_smithy_runtime_api::client::result::ConnectorError) -> Fault {
    if let Some(none) = no_credentials(broken) {
        return Fault::Fatal(none.into_error("could not ask DynamoDB"));
    }
    let timed_out = causes(broken).any(|cause| cause.is::<CredentialsError>());
    let source = Some(in_words(broken).into());
    match timed_out {
        true => {
            Fault::Passing(Cause { why: "the credentials did not come in time".to_owned(), source })
        }
        false if broken.is_user() => Fault::Fatal(
            Error::new(ErrorKind::Usage, "the request cannot be sent")
                .with_help("check the endpoint's URL")
                .with_source(in_words(broken)),
        ),
        false => Fault::Passing(Cause { why: "the connection failed".to_owned(), source }),
    }
}
