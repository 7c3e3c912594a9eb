use std::sync::Arc;

use futures::FutureExt;

use super::super::calls::{self, From};
use super::super::canned::{Canned, Service, ok, refused};
use super::super::request::Request;
use super::*;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{
    ProvideCredentials, SharedCredentialsProvider, future as provide,
};

const EMPTY: &str = r#"{"Items":[],"Count":0}"#;

async fn ask(service: &Service, patience: Duration) -> Result<bytes::Bytes> {
    let request = Request { table: "orders".to_owned(), ..Request::default() };
    let connection = service.connection(patience).await;
    let request = &request;
    let call = |client: Client| async move {
        Ok(calls::scan(&client, request, (0, 1), From::default()).await?.bytes)
    };
    connection.ask("could not read a table", call).await
}

fn throttled() -> Canned {
    refused(400, "ProvisionedThroughputExceededException", "secret")
}

#[tokio::test]
async fn faults_are_waited_out() {
    let service = Service::new([throttled(), Canned::Broken, throttled(), ok(EMPTY)]);
    assert_eq!(ask(&service, Duration::from_secs(60)).await.unwrap(), EMPTY);
    assert_eq!(service.requests.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn patience_ends_with_exit_code_5_and_says_how_to_go_on() {
    let error = ask(&Service::new([throttled()]), Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert_eq!(error.kind().exit_code(), 5);
    assert!(error.to_string().contains("ProvisionedThroughputExceededException"), "{error}");
    assert!(error.help().unwrap().contains("after its last key"));
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn no_patience_asks_once() {
    let service = Service::new([throttled()]);
    assert!(ask(&service, Duration::ZERO).await.is_err());
    assert_eq!(service.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn expired_credentials_are_read_again_once() {
    let expired = || refused(400, "ExpiredTokenException", "");
    let service = Service::new([expired(), ok(EMPTY)]);
    assert!(ask(&service, Duration::ZERO).await.is_ok());
    assert_eq!(service.loads.load(Ordering::Relaxed), 2);

    let service = Service::new([expired()]);
    let error = ask(&service, Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission);
    assert_eq!(service.loads.load(Ordering::Relaxed), 2);
    assert!(error.help().unwrap().contains("finished work is kept"));
}

/// A machine without credentials.
#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> provide::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        provide::ProvideCredentials::ready(Err(CredentialsError::not_loaded("nothing is set")))
    }
}

#[tokio::test]
async fn missing_credentials_are_no_passing_fault() {
    let service = Service::new([ok(EMPTY)]);
    let load: LoadConfig = Arc::new(move || {
        let config = service.config_with(SharedCredentialsProvider::new(NoCredentials));
        async move { config }.boxed()
    });
    let connection = Connection::open(load, None, Duration::from_secs(60)).await;
    let request = Request { table: "orders".to_owned(), ..Request::default() };
    let request = &request;
    let call = |client: Client| async move {
        Ok(calls::scan(&client, request, (0, 1), From::default()).await?.bytes)
    };
    let error = connection.ask("could not read a table", call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission);
    assert!(format!("{error:?}").contains("nothing is set"), "{error:?}");
}

#[test]
fn progress_elsewhere_renews_patience() {
    let mut waits = Waits::new(Duration::from_secs(1));
    let start = Instant::now();
    assert!(waits.next_after(start).is_some());
    waits.failing_since = start.checked_sub(Duration::from_secs(5));
    assert!(waits.next_after(start).is_some());
    assert!(waits.next_after(start - Duration::from_secs(5)).is_none());
}
