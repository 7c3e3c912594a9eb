//! The fault proxy for DynamoDB and S3, over HTTP/1.1.
//!
//! Requests and replies are held whole. The `Host` header is forwarded as it came: it is signed.

mod tests;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{HeaderMap, client, http, server};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Listener;

/// A request as the deciding function sees it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its number among the requests of the proxy, from nought.
    pub index: usize,
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The operation of DynamoDB it names, such as `Scan`; empty for S3.
    pub operation: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Fault {
    Pass,
    /// It passes with these headers instead of its own.
    PassWith(HeaderMap),
    /// It is answered here; the server never sees it.
    Answer {
        status: u16,
        content_type: &'static str,
        body: String,
    },
    /// It waits, then passes.
    Delay(Duration),
    /// The connection is closed; the server never sees it.
    Cut,
    /// The server acts on it, then the connection is closed without a reply.
    LoseReply,
    /// The reply announces its full length and ends after so many bytes of its body.
    Truncate {
        after_bytes: usize,
    },
    /// One bit of this byte of the reply's body is turned over.
    Corrupt {
        byte: usize,
    },
}

/// What became of a request.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub request: Request,
    /// The status that the client was sent, if any.
    pub status: Option<u16>,
}

/// A proxy in front of one server.
#[derive(Debug)]
pub struct HttpProxy {
    listener: Listener,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl HttpProxy {
    /// Stands in front of the server at `upstream`, `http://HOST:PORT`.
    pub fn start(
        upstream: &str,
        decide: impl Fn(&Request) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let exchanges = Arc::default();
        let proxy = Arc::new(Proxy {
            upstream: upstream.strip_prefix("http://").unwrap().to_owned(),
            decide: Box::new(decide),
            exchanges: Arc::clone(&exchanges),
        });
        Self {
            listener: Listener::start(move |stream| serve(Arc::clone(&proxy), stream)),
            exchanges,
        }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.address)
    }

    /// All requests so far, in the order of their arrival.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().unwrap().clone()
    }

    /// The JSON bodies of the requests for an operation of DynamoDB that were answered with success.
    pub fn answered(&self, operation: &str) -> Vec<Value> {
        self.exchanges()
            .into_iter()
            .filter(|e| e.status == Some(200) && e.request.operation == operation)
            .map(|e| serde_json::from_slice(&e.request.body).unwrap())
            .collect()
    }
}

/// DynamoDB's throttling: the table's capacity is used up.
pub fn throttled() -> Fault {
    dynamodb_error(400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException")
}

/// DynamoDB's throttling: the account's capacity is used up.
pub fn request_limit_exceeded() -> Fault {
    dynamodb_error(400, "com.amazonaws.dynamodb.v20120810#RequestLimitExceeded")
}

/// DynamoDB's throttling: too many requests.
pub fn throttling() -> Fault {
    dynamodb_error(400, "com.amazon.coral.availability#ThrottlingException")
}

/// A fault of DynamoDB's own.
pub fn internal_error() -> Fault {
    dynamodb_error(500, "com.amazonaws.dynamodb.v20120810#InternalServerError")
}

/// DynamoDB's answer to credentials that were good once.
pub fn expired_token() -> Fault {
    dynamodb_error(400, "com.amazon.coral.service#ExpiredTokenException")
}

fn dynamodb_error(status: u16, code: &str) -> Fault {
    let body = json!({ "__type": code, "message": "made up by the fault proxy" }).to_string();
    Fault::Answer { status, content_type: "application/x-amz-json-1.0", body }
}

/// An error of S3, such as 503 `SlowDown`.
pub fn s3_error(status: u16, code: &str) -> Fault {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>made up by the fault proxy</Message></Error>"
    );
    Fault::Answer { status, content_type: "application/xml", body }
}

struct Proxy {
    upstream: String,
    decide: Box<dyn Fn(&Request) -> Fault + Send + Sync>,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

type Response = http::Response<UnsyncBoxBody<Bytes, io::Error>>;

async fn serve(proxy: Arc<Proxy>, stream: TcpStream) {
    let service = service_fn(|request| proxy.answer(request));
    // Its errors are the faults, and clients that went away.
    let _ =
        server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Proxy {
    /// The reply to one request; an error closes the connection.
    async fn answer(&self, request: http::Request<Incoming>) -> io::Result<Response> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let request = self.record(&head, &body);
        let response = match (self.decide)(&request) {
            Fault::Cut => return Err(closed()),
            Fault::Answer { status, content_type, body } => http::Response::builder()
                .status(status)
                .header(CONTENT_TYPE, content_type)
                .body(whole(body.into()))
                .map_err(io::Error::other)?,
            Fault::Pass => self.forward(head, body).await?.map(whole),
            Fault::PassWith(headers) => {
                let mut head = head;
                head.headers = headers;
                self.forward(head, body).await?.map(whole)
            }
            Fault::Delay(time) => {
                tokio::time::sleep(time).await;
                self.forward(head, body).await?.map(whole)
            }
            Fault::LoseReply => {
                self.forward(head, body).await?;
                return Err(closed());
            }
            Fault::Truncate { after_bytes } => {
                let mut response = self.forward(head, body).await?;
                let length = response.body().len();
                response.headers_mut().insert(CONTENT_LENGTH, length.into());
                response.map(|body| cut_short(body, after_bytes))
            }
            Fault::Corrupt { byte } => {
                self.forward(head, body).await?.map(|body| whole(corrupt(&body, byte)))
            }
        };
        let status = Some(response.status().as_u16());
        self.exchanges.lock().unwrap()[request.index].status = status;
        Ok(response)
    }

    fn record(&self, head: &http::request::Parts, body: &Bytes) -> Request {
        let target = head.headers.get("x-amz-target").map_or("", |value| value.to_str().unwrap());
        let mut exchanges = self.exchanges.lock().unwrap();
        let request = Request {
            index: exchanges.len(),
            method: head.method.to_string(),
            path: head.uri.to_string(),
            operation: target.rsplit('.').next().unwrap_or_default().to_owned(),
            headers: head.headers.clone(),
            body: body.clone(),
        };
        exchanges.push(Exchange { request: request.clone(), status: None });
        request
    }

    /// Sends a request on, over a connection of its own, and reads the whole reply.
    async fn forward(
        &self,
        head: http::request::Parts,
        body: Bytes,
    ) -> io::Result<http::Response<Bytes>> {
        let stream = TokioIo::new(TcpStream::connect(&self.upstream).await?);
        let (mut sender, connection) =
            client::conn::http1::handshake(stream).await.map_err(io::Error::other)?;
        let mut connections = JoinSet::new();
        connections.spawn(connection);
        let request = http::Request::from_parts(head, Full::new(body));
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let (mut head, body) = response.into_parts();
        head.headers.remove(CONNECTION);
        head.headers.remove(TRANSFER_ENCODING);
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(http::Response::from_parts(head, body))
    }
}

fn closed() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

fn whole(body: Bytes) -> UnsyncBoxBody<Bytes, io::Error> {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

fn cut_short(body: Bytes, after_bytes: usize) -> UnsyncBoxBody<Bytes, io::Error> {
    let kept = body.slice(..after_bytes.min(body.len()));
    let kept = stream::once(async { Ok(Frame::data(kept)) });
    let end = stream::once(async {
        // What stands before the error is sent when the body makes the connection wait.
        tokio::task::yield_now().await;
        Err(closed())
    });
    StreamBody::new(kept.chain(end)).boxed_unsync()
}

fn corrupt(body: &Bytes, byte: usize) -> Bytes {
    let mut bytes = body.to_vec();
    bytes[byte] ^= 1;
    bytes.into()
}
