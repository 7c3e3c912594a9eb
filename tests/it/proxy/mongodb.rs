//! The fault proxy for MongoDB: knows where a message begins and ends and which command it holds.
//!
//! Clients connect with `directConnection=true`, or they would follow the server's own address.
//! Compressed messages pass; the stand-in never agrees to any.

mod tests;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bson::{RawDocumentBuf, rawdoc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Listener;

const HEADER_BYTES: usize = 16;
const OP_QUERY: i32 = 2004;
const OP_MSG: i32 = 2013;
const MORE_TO_COME: u32 = 1 << 1;

/// A command as the deciding function sees it.
#[derive(Debug, Clone)]
pub struct Command {
    /// Its name, such as `getMore`.
    pub name: String,
    /// Its number among the commands of this name, from nought. Drivers send others in between, at
    /// times of their own.
    pub nth: usize,
    /// The command whole, without documents that are sent beside it.
    pub body: RawDocumentBuf,
}

/// What happens to a command.
#[derive(Debug, Clone)]
pub enum Fault {
    Pass,
    /// It is answered with this error here; the server never sees it. Not for `isMaster`, which drivers
    /// send in an older form.
    Answer {
        code: i32,
        name: &'static str,
    },
    /// It is answered with this document here; the server never sees it.
    Reply(RawDocumentBuf),
    /// It waits, then passes.
    Delay(Duration),
    /// The connection is closed; the server never sees it.
    Cut,
    /// The server acts on it, then the connection is closed without a reply.
    LoseReply,
    /// The reply ends after so many bytes of its message.
    Truncate {
        after_bytes: usize,
    },
}

/// The cursor is gone.
pub const CURSOR_NOT_FOUND: Fault = Fault::Answer { code: 43, name: "CursorNotFound" };
/// The server is going down.
pub const INTERRUPTED_AT_SHUTDOWN: Fault =
    Fault::Answer { code: 11600, name: "InterruptedAtShutdown" };
/// The server has become a secondary.
pub const PRIMARY_STEPPED_DOWN: Fault = Fault::Answer { code: 189, name: "PrimarySteppedDown" };
/// The server is a secondary.
pub const NOT_WRITABLE_PRIMARY: Fault = Fault::Answer { code: 10107, name: "NotWritablePrimary" };

/// A proxy in front of one server.
#[derive(Debug)]
pub struct MongoProxy {
    listener: Listener,
    commands: Arc<Mutex<HashMap<String, Vec<Command>>>>,
}

impl MongoProxy {
    /// Stands in front of the server at `upstream`, `HOST:PORT`.
    pub fn start(
        upstream: &str,
        decide: impl Fn(&Command) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let commands = Arc::default();
        let proxy = Arc::new(Proxy {
            upstream: upstream.to_owned(),
            decide: Box::new(decide),
            commands: Arc::clone(&commands),
        });
        Self {
            listener: Listener::start(move |stream| serve(Arc::clone(&proxy), stream)),
            commands,
        }
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        self.listener.address.to_string()
    }

    /// The commands of this name so far, in the order of their arrival.
    pub fn commands(&self, name: &str) -> Vec<Command> {
        self.commands.lock().unwrap().get(name).cloned().unwrap_or_default()
    }
}

struct Proxy {
    upstream: String,
    decide: Box<dyn Fn(&Command) -> Fault + Send + Sync>,
    commands: Arc<Mutex<HashMap<String, Vec<Command>>>>,
}

async fn serve(proxy: Arc<Proxy>, client: TcpStream) {
    // Its errors are clients and servers that went away.
    let _ = proxy.relay(client).await;
}

impl Proxy {
    /// Carries messages to and fro until either side or a fault ends the connection.
    async fn relay(&self, mut client: TcpStream) -> io::Result<()> {
        let mut server = TcpStream::connect(&self.upstream).await?;
        loop {
            let request = Message::read(&mut client).await?;
            let fault =
                request.command().map_or(Fault::Pass, |body| (self.decide)(&self.record(body)));
            match fault {
                Fault::Pass => {}
                Fault::Delay(time) => tokio::time::sleep(time).await,
                Fault::Cut => return Ok(()),
                Fault::Answer { code, name } => {
                    client.write_all(&request.error_reply(code, name)).await?;
                    continue;
                }
                Fault::Reply(document) => {
                    client.write_all(&request.reply(&document)).await?;
                    continue;
                }
                Fault::LoseReply | Fault::Truncate { .. } => {}
            }
            server.write_all(&request.bytes).await?;
            let mut awaits_reply = !request.more_to_come();
            while awaits_reply {
                let reply = Message::read(&mut server).await?;
                match fault {
                    Fault::LoseReply => return Ok(()),
                    Fault::Truncate { after_bytes } => {
                        let kept = after_bytes.min(reply.bytes.len());
                        client.write_all(&reply.bytes[..kept]).await?;
                        return client.shutdown().await;
                    }
                    _ => client.write_all(&reply.bytes).await?,
                }
                awaits_reply = reply.more_to_come();
            }
        }
    }

    fn record(&self, body: RawDocumentBuf) -> Command {
        let name = body.iter().next().unwrap().unwrap().0.to_string();
        let mut commands = self.commands.lock().unwrap();
        let same = commands.entry(name.clone()).or_default();
        let command = Command { name, nth: same.len(), body };
        same.push(command.clone());
        command
    }
}

/// A message of the wire protocol, with its header.
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    async fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let mut bytes = vec![0; HEADER_BYTES];
        stream.read_exact(&mut bytes).await?;
        let length = i32_at(&bytes, 0).try_into().map_err(io::Error::other)?;
        bytes.resize(length, 0);
        stream.read_exact(&mut bytes[HEADER_BYTES..]).await?;
        Ok(Self { bytes })
    }

    fn id(&self) -> i32 {
        i32_at(&self.bytes, 4)
    }

    fn op_code(&self) -> i32 {
        i32_at(&self.bytes, 12)
    }

    /// Whether no answer to this message is due before the next one.
    fn more_to_come(&self) -> bool {
        let flags = i32_at(&self.bytes, HEADER_BYTES).cast_unsigned();
        self.op_code() == OP_MSG && flags & MORE_TO_COME != 0
    }

    /// The command it holds.
    fn command(&self) -> Option<RawDocumentBuf> {
        let body = &self.bytes[HEADER_BYTES..];
        let start = match self.op_code() {
            OP_MSG => body_section(body),
            // Flags, the collection's name, skip, return: then the command.
            OP_QUERY => 4 + body[4..].iter().position(|&byte| byte == 0).unwrap() + 1 + 4 + 4,
            _ => return None,
        };
        let length = usize::try_from(i32_at(body, start)).unwrap();
        Some(RawDocumentBuf::from_bytes(body[start..start + length].to_vec()).unwrap())
    }

    /// The bytes of a message that answers this one with an error.
    fn error_reply(&self, code: i32, name: &str) -> Vec<u8> {
        let document = rawdoc! {
            "ok": 0.0, "errmsg": "made up by the fault proxy", "code": code, "codeName": name
        };
        self.reply(&document)
    }

    /// The bytes of a message that answers this one.
    fn reply(&self, document: &RawDocumentBuf) -> Vec<u8> {
        let document = document.as_bytes();
        let length = i32::try_from(HEADER_BYTES + 5 + document.len()).unwrap();
        let header = [length, self.id(), self.id(), OP_MSG, 0].map(i32::to_le_bytes);
        [header.as_flattened(), &[0], document].concat()
    }
}

/// Where the one section of kind 0 has its document; a driver may send it after the others.
fn body_section(body: &[u8]) -> usize {
    let mut at = 4;
    while body[at] != 0 {
        at += 1 + usize::try_from(i32_at(body, at + 1)).unwrap();
    }
    at + 1
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}
