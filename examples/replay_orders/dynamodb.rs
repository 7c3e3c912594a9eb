//! Answers DescribeTable and Scan over HTTP.
//!
//! A Scan reads whole items: projection, filter and limit are not applied. Does not own the pages
//! (`table`).

use std::io;
use std::sync::Arc;

use bytes::buf::Chain;
use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::table::{End, Page, Table};

type Reply = Response<Full<Chain<Bytes, Bytes>>>;

/// Answers the requests of a connection until it is closed.
pub async fn serve(table: Arc<Table>, stream: TcpStream) {
    let service = service_fn(|request| answer(&table, request));
    // Its errors are clients that went away.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(table: &Table, request: Request<Incoming>) -> io::Result<Reply> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    match target.and_then(|target| target.rsplit('.').next()) {
        Some("DescribeTable") => small(200, &description(table)),
        Some("Scan") => match page(table, &asked) {
            Some((page, end)) => reply(200, page.front.clone(), end.bytes.clone(), end.crc32),
            None => small(400, &fault("ValidationException", "the pages hold no such place")),
        },
        _ => small(400, &fault("UnknownOperationException", "tables are described and scanned")),
    }
}

/// The page that a Scan asks for, and how it ends.
fn page<'t>(table: &'t Table, asked: &Value) -> Option<(&'t Page, &'t End)> {
    let number = |name, or| match &asked[name] {
        Value::Null => Some(or),
        number => usize::try_from(number.as_u64()?).ok(),
    };
    let pages = table.segment(number("Segment", 0)?, number("TotalSegments", 1)?);
    let at = match &asked["ExclusiveStartKey"] {
        Value::Null => pages.start,
        key => table.behind(key["pk"]["S"].as_str()?)?,
    };
    let page = table.page(at)?;
    Some((page, if at + 1 < pages.end { &page.more } else { &page.last }))
}

fn description(table: &Table) -> Value {
    let key = |name, key_type| json!({ "AttributeName": name, "KeyType": key_type });
    let text = |name| json!({ "AttributeName": name, "AttributeType": "S" });
    json!({ "Table": {
        "TableName": "orders",
        "TableArn": "arn:aws:dynamodb:us-east-1:123456789012:table/orders",
        "TableId": "7c1f5b1e-2f0d-4f7e-9a56-0b8d6a3c9e21",
        "TableStatus": "ACTIVE",
        "CreationDateTime": 1_785_542_400,
        "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
        "AttributeDefinitions": [text("pk"), text("sk")],
        "ItemCount": table.items,
        "TableSizeBytes": table.bytes,
    }})
}

fn fault(code: &str, message: &str) -> Value {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message })
}

fn small(status: u16, body: &Value) -> io::Result<Reply> {
    let body = Bytes::from(body.to_string());
    let crc32 = crc32fast::hash(&body);
    reply(status, body, Bytes::new(), crc32)
}

fn reply(status: u16, front: Bytes, end: Bytes, crc32: u32) -> io::Result<Reply> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/x-amz-json-1.0")
        .header("x-amz-crc32", crc32)
        .body(Full::new(front.chain(end)))
        .map_err(io::Error::other)
}
