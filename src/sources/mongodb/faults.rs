//! What can go wrong with a MongoDB server, told apart by what is to be done about it.
//!
//! The driver's errors may hold connection strings and the server's words may hold values of
//! documents, so neither is kept: of a fault there remain its kind, its code and its code's name.

use std::future::Future;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use mongodb::error::ErrorKind as DriverErrorKind;
use tokio::time::Instant;

use crate::error::{Error, ErrorKind};

/// What is to be done about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Ask again: the connection broke, the primary stepped down, the cursor is gone.
    AskAgain,
    /// Read without a snapshot: the server no longer has it.
    ReadAnew,
    /// Nothing: the server does not let these credentials do it.
    Permit,
    /// Nothing: the server does not know or does not like the command.
    None,
}

/// Something that went wrong, in words that hold no value and no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub remedy: Remedy,
    pub what: String,
}

/// What a server that is failing over, or has lost a cursor, answers.
const PASSING_CODES: &[i32] = &[
    6,     // HostUnreachable
    7,     // HostNotFound
    24,    // LockTimeout
    43,    // CursorNotFound
    89,    // NetworkTimeout
    91,    // ShutdownInProgress
    112,   // WriteConflict
    134,   // ReadConcernMajorityNotAvailableYet
    175,   // QueryPlanKilled
    189,   // PrimarySteppedDown
    202,   // NetworkInterfaceExceededTimeLimit
    237,   // CursorKilled
    262,   // ExceededTimeLimit
    391,   // ReauthenticationRequired
    9001,  // SocketException
    10058, // LegacyNotPrimary
    10107, // NotWritablePrimary
    11600, // InterruptedAtShutdown
    11601, // Interrupted
    11602, // InterruptedDueToReplStateChange
    13388, // StaleConfig
    13435, // NotPrimaryNoSecondaryOk
    13436, // NotPrimaryOrSecondary
];
/// SnapshotTooOld, SnapshotUnavailable.
const SNAPSHOT_CODES: &[i32] = &[239, 246];
/// UserNotFound, Unauthorized, AuthenticationFailed, MechanismUnavailable, AtlasError.
const DENIED_CODES: &[i32] = &[11, 13, 18, 334, 8000];

impl Fault {
    /// The server said nothing.
    pub(super) fn silence(waited: Duration) -> Self {
        let what = format!("the server did not answer within {} s", waited.as_secs());
        Self { remedy: Remedy::AskAgain, what }
    }

    /// The server said something that the protocol does not allow.
    pub(super) fn nonsense(what: &str) -> Self {
        Self { remedy: Remedy::None, what: what.to_owned() }
    }

    fn of_code(code: i32, name: &str) -> Self {
        let remedy = if PASSING_CODES.contains(&code) {
            Remedy::AskAgain
        } else if SNAPSHOT_CODES.contains(&code) {
            Remedy::ReadAnew
        } else if DENIED_CODES.contains(&code) {
            Remedy::Permit
        } else {
            Remedy::None
        };
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
        let name = if is_name { format!(" {name}") } else { String::new() };
        Self { remedy, what: format!("the server answered with error {code}{name}") }
    }

    /// The error to end with. `doing` says what was being done.
    pub(super) fn into_error(self, doing: &str, collection: &str) -> Error {
        let (kind, help) = match self.remedy {
            Remedy::AskAgain => (
                ErrorKind::Transient,
                "run the same command again: reading goes on after the last checkpoint",
            ),
            Remedy::ReadAnew => (
                ErrorKind::Transient,
                "the server keeps snapshots for a few minutes only \
                 (minSnapshotHistoryWindowInSeconds); let it keep them for longer, read more \
                 ranges at once, or do without require_snapshot",
            ),
            Remedy::Permit => (
                ErrorKind::Permission,
                "check the user, the password and the authSource of the connection string, and \
                 that the user has the role `read` on the database",
            ),
            Remedy::None => (
                ErrorKind::Unexpected,
                "check that the server is MongoDB 5.0 or newer, or compatible with it",
            ),
        };
        Error::new(kind, format!("{doing}: {}", self.what))
            .with("collection", collection)
            .with_help(help)
    }
}

impl From<mongodb::error::Error> for Fault {
    fn from(error: mongodb::error::Error) -> Self {
        let fault = |remedy, what: &str| Self { remedy, what: what.to_owned() };
        let of_kind = match error.kind.as_ref() {
            DriverErrorKind::Command(command) => Self::of_code(command.code, &command.code_name),
            DriverErrorKind::Io(_) | DriverErrorKind::ConnectionPoolCleared { .. } => {
                fault(Remedy::AskAgain, "the connection broke")
            }
            DriverErrorKind::ServerSelection { .. } => fault(
                Remedy::AskAgain,
                "no server that may be read could be reached; is it up, and does it speak TLS if \
                 the connection string does?",
            ),
            DriverErrorKind::DnsResolve { .. } => {
                fault(Remedy::AskAgain, "the host name could not be resolved")
            }
            DriverErrorKind::Authentication { .. } => {
                fault(Remedy::Permit, "the server does not accept the credentials")
            }
            DriverErrorKind::InvalidTlsConfig { .. } => {
                fault(Remedy::None, "the certificates that the connection string names are no good")
            }
            DriverErrorKind::IncompatibleServer { .. } => {
                fault(Remedy::None, "the server's version is not supported")
            }
            DriverErrorKind::InvalidResponse { .. } | DriverErrorKind::Bson(_) => {
                fault(Remedy::None, "the server's answer cannot be read")
            }
            _ => fault(Remedy::None, "the command failed"),
        };
        let may_pass = of_kind.remedy == Remedy::None
            && ["RetryableError", "TransientTransactionError"]
                .iter()
                .any(|label| error.contains_label(label));
        if may_pass { Self { remedy: Remedy::AskAgain, ..of_kind } } else { of_kind }
    }
}

/// Asks as [`patiently`] for what can be done without: none when the server does not know the
/// command or does not get it done.
///
/// # Errors
/// A fault that does not come of the command.
pub(super) async fn if_possible<T, F, Answer>(
    patience: Duration,
    ask: F,
) -> Result<Option<T>, Fault>
where
    F: FnMut() -> Answer,
    Answer: Future<Output = Result<T, Fault>>,
{
    match patiently(patience, ask).await {
        Ok(answer) => Ok(Some(answer)),
        Err(fault) if fault.remedy == Remedy::None => {
            tracing::debug!(what = fault.what, "MongoDB does not do it this way");
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}

/// Asks until there is an answer, or a fault that does not pass, or `patience` is over.
///
/// # Errors
/// The last fault.
pub(super) async fn patiently<T, F, Answer>(patience: Duration, mut ask: F) -> Result<T, Fault>
where
    F: FnMut() -> Answer,
    Answer: Future<Output = Result<T, Fault>>,
{
    let mut waiting = Waiting::new(patience);
    loop {
        match in_time(patience, ask()).await {
            Err(fault) if fault.remedy == Remedy::AskAgain => waiting.wait(fault).await?,
            answer => return answer,
        }
    }
}

/// The answer, unless it takes longer than `limit`.
pub(super) async fn in_time<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(Fault::silence(limit)),
    }
}

/// Growing pauses between tries, until patience is over.
#[derive(Debug)]
pub(super) struct Waiting {
    patience: Duration,
    since: Instant,
    pauses: ExponentialBackoff,
}

impl Waiting {
    pub(super) fn new(patience: Duration) -> Self {
        let pauses = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(10))
            .without_max_times()
            .build();
        Self { patience, since: Instant::now(), pauses }
    }

    /// Pauses before the next try.
    ///
    /// # Errors
    /// The fault, when patience is over.
    pub(super) async fn wait(&mut self, fault: Fault) -> Result<(), Fault> {
        let left = self.patience.checked_sub(self.since.elapsed());
        let (Some(left), Some(pause)) = (left, self.pauses.next()) else { return Err(fault) };
        tracing::debug!(what = fault.what, "asking MongoDB again");
        tokio::time::sleep(pause.min(left)).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_remedies() {
        let remedy = |code| Fault::of_code(code, "").remedy;
        for code in [43, 10107, 13435, 11600, 11602, 189, 91, 7, 6, 89, 9001, 262, 237] {
            assert_eq!(remedy(code), Remedy::AskAgain, "{code}");
        }
        for code in [239, 246] {
            assert_eq!(remedy(code), Remedy::ReadAnew, "{code}");
        }
        for code in [13, 18] {
            assert_eq!(remedy(code), Remedy::Permit, "{code}");
        }
        for code in [2, 9, 20, 26, 59, 72, 123, 40324] {
            assert_eq!(remedy(code), Remedy::None, "{code}");
        }
    }

    #[test]
    fn a_code_name_is_told_only_when_it_is_one() {
        let said = |name| Fault::of_code(2, name).what;
        assert_eq!(said("BadValue"), "the server answered with error 2 BadValue");
        assert_eq!(said("email is x@y"), "the server answered with error 2");
    }

    #[test]
    fn an_error_says_what_to_do_and_not_what_the_driver_said() {
        let secret = std::io::Error::other("mongodb://me:hunter2@host");
        let fault = Fault::from(mongodb::error::Error::from(secret));
        let error = fault.into_error("reading a MongoDB collection", "shop.orders");
        assert_eq!(error.kind(), ErrorKind::Transient);
        assert_eq!(
            error.to_string(),
            "reading a MongoDB collection: the connection broke (collection: shop.orders)"
        );
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn a_passing_fault_is_waited_out_and_patience_ends() {
        let patience = Duration::from_millis(1_000);
        let mut asked = 0;
        let answer = patiently(patience, || {
            asked += 1;
            std::future::ready(if asked < 3 { Err(Fault::of_code(43, "")) } else { Ok(asked) })
        });
        assert_eq!(answer.await, Ok(3));

        let since = Instant::now();
        let never =
            patiently::<(), _, _>(patience, || std::future::ready(Err(Fault::of_code(43, ""))));
        assert_eq!(never.await, Err(Fault::of_code(43, "")));
        assert!(since.elapsed() >= patience && since.elapsed() < patience * 2);

        let denied =
            patiently::<(), _, _>(patience, || std::future::ready(Err(Fault::of_code(13, ""))));
        assert_eq!(denied.await, Err(Fault::of_code(13, "")));
    }

    #[tokio::test]
    async fn silence_is_a_passing_fault() {
        let limit = Duration::from_millis(5);
        let answer = in_time::<()>(limit, std::future::pending()).await;
        assert_eq!(answer, Err(Fault::silence(limit)));
        assert_eq!(Fault::silence(limit).remedy, Remedy::AskAgain);
    }
}
