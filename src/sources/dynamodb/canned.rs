//! A service that answers with canned replies, for the unit tests of this folder.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use futures::FutureExt;

use super::connection::Connection;
use crate::storage::aws::LoadConfig;

/// A reply, or a connection that breaks.
#[derive(Debug, Clone)]
pub(super) enum Canned {
    Reply { status: u16, body: String, crc32: Option<u32> },
    Broken,
}

/// A reply of success.
pub(super) fn ok(body: &str) -> Canned {
    Canned::Reply { status: 200, body: body.to_owned(), crc32: None }
}

/// An error of the service.
pub(super) fn refused(status: u16, code: &str, message: &str) -> Canned {
    let body =
        format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"{message}"}}"#);
    Canned::Reply { status, body, crc32: None }
}

/// Gives each of its replies once, the last one for ever.
#[derive(Debug, Clone)]
pub(super) struct Service {
    replies: Arc<Mutex<Vec<Canned>>>,
    pub requests: Arc<Mutex<Vec<String>>>,
    /// How often the configuration was read.
    pub loads: Arc<AtomicU64>,
}

impl Service {
    pub(super) fn new(replies: impl IntoIterator<Item = Canned>) -> Self {
        let mut replies: Vec<_> = replies.into_iter().collect();
        replies.reverse();
        Self {
            replies: Arc::new(Mutex::new(replies)),
            requests: Arc::default(),
            loads: Arc::default(),
        }
    }

    pub(super) fn client(&self) -> Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.config());
        let off = aws_sdk_dynamodb::config::retry::RetryConfig::disabled();
        Client::from_conf(config.retry_config(off).build())
    }

    pub(super) async fn connection(&self, patience: Duration) -> Connection {
        let service = self.clone();
        let load: LoadConfig = Arc::new(move || {
            service.loads.fetch_add(1, Ordering::Relaxed);
            let config = service.config();
            async move { config }.boxed()
        });
        Connection::open(load, None, patience).await
    }

    fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "tests");
        self.config_with(SharedCredentialsProvider::new(credentials))
    }

    pub(super) fn config_with(&self, credentials: SharedCredentialsProvider) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(credentials)
            .http_client(self.http_client())
            .build()
    }

    fn http_client(&self) -> SharedHttpClient {
        let service = self.clone();
        http_client_fn(move |_, _| SharedHttpConnector::new(service.clone()))
    }
}

impl HttpConnector for Service {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        self.requests.lock().unwrap().push(String::from_utf8_lossy(body).into_owned());
        let mut replies = self.replies.lock().unwrap();
        let reply = if replies.len() > 1 { replies.pop() } else { replies.last().cloned() };
        HttpConnectorFuture::ready(match reply.unwrap() {
            Canned::Broken => Err(ConnectorError::io("connection reset".into())),
            Canned::Reply { status, body, crc32 } => {
                let mut reply = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
                if let Some(crc32) = crc32 {
                    reply.headers_mut().insert("x-amz-crc32", crc32.to_string());
                }
                Ok(reply)
            }
        })
    }
}
