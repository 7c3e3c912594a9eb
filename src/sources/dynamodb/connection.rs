//! The connection to DynamoDB: a client that is made anew when its credentials expire, and the
//! patience with which it asks.
//!
//! Owns waiting out throttling and passing faults, within a budget of time without progress. The
//! SDK's own retries are off: they give up after some seconds. Does not own what is asked.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::sync::RwLock;
use tokio::time::{Instant, sleep};

use super::fault::Fault;
use crate::error::{ErrorKind, Result};
use crate::storage::aws::LoadConfig;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(20);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

const FIRST_WAIT: Duration = Duration::from_millis(50);
/// Before jitter, which at most doubles it.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// A connection to DynamoDB.
pub struct Connection {
    load: LoadConfig,
    endpoint_url: Option<String>,
    patience: Duration,
    current: RwLock<Current>,
    opened: Instant,
    /// When a call last succeeded, in milliseconds after `opened`.
    progress_ms: AtomicU64,
}

#[derive(Clone)]
struct Current {
    client: Client,
    region: String,
    /// How many times the credentials were renewed before.
    renewals: u64,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Connection {
    /// Reads the configuration; the service is not asked yet. `endpoint_url` stands in for the
    /// region's endpoint, `patience` is how long faults are waited out without any progress.
    pub async fn open(load: LoadConfig, endpoint_url: Option<String>, patience: Duration) -> Self {
        let current = Current::new(&load().await, endpoint_url.as_deref(), 0);
        Self {
            load,
            endpoint_url,
            patience,
            current: RwLock::new(current),
            opened: Instant::now(),
            progress_ms: AtomicU64::new(0),
        }
    }

    /// Region that is asked.
    pub(super) async fn region(&self) -> String {
        self.current.read().await.region.clone()
    }

    /// Makes one call until it succeeds, fails for good, or patience is at an end.
    ///
    /// # Errors
    /// `Transient` when patience is at an end, `Permission` when the credentials are refused even
    /// after they were read again, and what the call itself cannot recover from.
    pub(super) async fn ask<T, F, C>(&self, doing: &str, call: C) -> Result<T>
    where
        C: Fn(Client) -> F,
        F: Future<Output = Result<T, Fault>>,
    {
        let mut waits = Waits::new(self.patience);
        let mut renewed = false;
        loop {
            let current = self.current.read().await.clone();
            match call(current.client).await {
                Ok(reply) => {
                    self.note_progress();
                    return Ok(reply);
                }
                Err(Fault::Fatal(error)) => return Err(error),
                Err(Fault::Credentials(cause)) if renewed => {
                    return Err(cause.into_error(ErrorKind::Permission, doing).with_help(
                        "renew the credentials (and see that the clock is right), then run again; \
                         finished work is kept",
                    ));
                }
                Err(Fault::Credentials(_)) => {
                    self.renew(current.renewals).await;
                    renewed = true;
                }
                Err(Fault::Passing(cause)) => match waits.next_after(self.last_progress()) {
                    Some(wait) => {
                        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                        tracing::debug!(wait_ms, why = cause.why, "asking DynamoDB again");
                        sleep(wait).await;
                    }
                    None => {
                        return Err(cause.into_error(ErrorKind::Transient, doing).with_help(
                            "run the same command again: finished work is kept, and each segment \
                             goes on after its last key",
                        ));
                    }
                },
            }
        }
    }

    /// Waits between calls that did not do all that was asked.
    pub(super) fn waits(&self) -> Waits {
        Waits::new(self.patience)
    }

    /// Makes a new client, unless another task has done so meanwhile.
    async fn renew(&self, renewals: u64) {
        let mut current = self.current.write().await;
        if current.renewals == renewals {
            tracing::info!("the credentials were refused, reading them again");
            let config = (self.load)().await;
            *current = Current::new(&config, self.endpoint_url.as_deref(), renewals + 1);
        }
    }

    fn note_progress(&self) {
        let since_ms = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.progress_ms.fetch_max(since_ms, Ordering::Relaxed);
    }

    fn last_progress(&self) -> Instant {
        self.opened + Duration::from_millis(self.progress_ms.load(Ordering::Relaxed))
    }
}

impl Current {
    fn new(config: &SdkConfig, endpoint_url: Option<&str>, renewals: u64) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let mut builder =
            Builder::from(config).retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        if let Some(url) = endpoint_url {
            builder = builder.endpoint_url(url);
        }
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        Self { client: Client::from_conf(builder.build()), region, renewals }
    }
}

/// Jittered waits that grow, until there was no progress for too long.
pub(super) struct Waits {
    delays: ExponentialBackoff,
    patience: Duration,
    failing_since: Option<Instant>,
}

impl Waits {
    fn new(patience: Duration) -> Self {
        let delays = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LONGEST_WAIT)
            .without_max_times()
            .build();
        Self { delays, patience, failing_since: None }
    }

    /// The next wait after a failure; none when there was no progress for as long as patience
    /// lasts.
    pub(super) fn next_after(&mut self, progress: Instant) -> Option<Duration> {
        let now = Instant::now();
        let failing_since = *self.failing_since.get_or_insert(now);
        let left = (failing_since.max(progress) + self.patience).checked_duration_since(now)?;
        let wait = self.delays.next().unwrap_or(LONGEST_WAIT).min(left);
        (!left.is_zero()).then_some(wait)
    }
}

#[cfg(test)]
mod tests;
