//! The client of one bucket: how it is set up, how a call is made, how expired credentials are
//! renewed.
//!
//! Owns timeouts and when a call is tried again. Does not own what is asked for.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, Config, RequestChecksumCalculation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_types::service_config::ServiceConfigKey;
use tokio::sync::Mutex;

use crate::plan::S3Options;
use crate::storage::aws::LoadConfig;

use super::fault::Fault;

/// Time for a connection to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time from the begin of a request to the head of its reply.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);
/// The same where a body is sent first, or S3 has bytes to move. A line that stands still is
/// given up earlier by the SDK.
const BULK_TIMEOUT: Duration = Duration::from_secs(600);

/// A bucket and a client that may use it.
pub(super) struct Connection {
    pub bucket: String,
    pub options: S3Options,
    /// Whether what is written carries a checksum; not when the user's AWS configuration sends
    /// only those that S3 requires.
    pub sends_checksums: bool,
    load: LoadConfig,
    current: Mutex<Current>,
}

struct Current {
    client: Client,
    /// How often credentials were renewed.
    renewals: u64,
}

impl Connection {
    pub async fn new(bucket: &str, options: S3Options, load: LoadConfig) -> Self {
        let config = load().await;
        let sends_checksums =
            config.request_checksum_calculation() != Some(RequestChecksumCalculation::WhenRequired);
        let current = Mutex::new(Current { client: client(&config, &options), renewals: 0 });
        Self { bucket: bucket.to_owned(), options, sends_checksums, load, current }
    }

    /// Makes a call. When S3 says that the credentials have run out, they are read again and the
    /// call is made once more: S3 did nothing yet.
    pub async fn call<T, E, F>(
        &self,
        operation: &'static str,
        send: impl Fn(Client) -> F,
    ) -> Result<T, Fault>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let (client, renewals) = self.client().await;
        let fault = match send(client).await {
            Ok(answer) => return Ok(answer),
            Err(error) => Fault::new(operation, &error),
        };
        if !fault.is_expired() {
            return Err(fault);
        }
        tracing::info!(bucket = self.bucket, "the credentials have run out; reading them again");
        let client = self.renewed(renewals).await;
        send(client).await.map_err(|error| Fault::new(operation, &error))
    }

    async fn client(&self) -> (Client, u64) {
        let current = self.current.lock().await;
        (current.client.clone(), current.renewals)
    }

    /// A client with newer credentials than those of renewal `seen`. Calls that fail together
    /// renew once.
    async fn renewed(&self, seen: u64) -> Client {
        let mut current = self.current.lock().await;
        if current.renewals == seen {
            current.client = client(&(self.load)().await, &self.options);
            current.renewals += 1;
        }
        current.client.clone()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

/// For a call that may take long.
pub(super) fn bulk() -> Builder {
    let timeouts = TimeoutConfig::builder().read_timeout(BULK_TIMEOUT).build();
    Config::builder().timeout_config(timeouts)
}

/// For a call with a condition: it is sent once, for a second try could meet what the first one
/// did and be refused for it.
pub(super) fn once() -> Builder {
    bulk().retry_config(RetryConfig::disabled())
}

/// For a call that writes: sent once when it `has_condition`.
pub(super) fn writing(has_condition: bool) -> Builder {
    if has_condition { once() } else { bulk() }
}

fn client(config: &SdkConfig, options: &S3Options) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(REPLY_TIMEOUT)
        .build();
    let mut builder = Builder::from(config).timeout_config(timeouts);
    if options.endpoint_url.is_some() {
        builder.set_endpoint_url(options.endpoint_url.clone());
    }
    let has_endpoint = options.endpoint_url.is_some() || configured_endpoint(config).is_some();
    builder.set_force_path_style(Some(options.path_style.unwrap_or(has_endpoint)));
    Client::from_conf(builder.build())
}

/// The endpoint that the environment or a profile names for S3, or for every service.
fn configured_endpoint(config: &SdkConfig) -> Option<String> {
    let for_s3 = ServiceConfigKey::builder()
        .service_id("S3")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()
        .and_then(|key| config.service_config()?.load_config(key));
    for_s3.or_else(|| config.endpoint_url().map(str::to_owned))
}
