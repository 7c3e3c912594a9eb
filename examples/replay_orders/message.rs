//! Messages of MongoDB's wire protocol: commands that come, replies that go.
//!
//! Does not own what is answered (`mongodb`).

use std::io;

use bson::raw::RawDocumentBuf;
use bytes::buf::Chain;
use bytes::{Buf, Bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HEADER_BYTES: usize = 16;
const OP_REPLY: i32 = 1;
const OP_QUERY: i32 = 2004;
const OP_MSG: i32 = 2013;

/// A command.
#[derive(Debug)]
pub struct Command {
    id: i32,
    op_code: i32,
    /// The command whole.
    pub body: RawDocumentBuf,
}

/// A document that answers a command; the middle of it is shared with other replies.
pub type Document = Chain<Chain<Bytes, Bytes>, Bytes>;

impl Command {
    /// Reads the next command.
    pub async fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let mut header = [0; HEADER_BYTES];
        stream.read_exact(&mut header).await?;
        let length = usize::try_from(i32_at(&header, 0)?).map_err(io::Error::other)?;
        let mut body = vec![0; length.saturating_sub(HEADER_BYTES)];
        stream.read_exact(&mut body).await?;
        let op_code = i32_at(&header, 12)?;
        let start = match op_code {
            // Flags and the kind of the section.
            OP_MSG => 5,
            // Flags, the collection's name, skip, return.
            OP_QUERY => 4 + body[4..].iter().take_while(|byte| **byte != 0).count() + 1 + 8,
            _ => return Err(unreadable()),
        };
        let length = usize::try_from(i32_at(&body, start)?).map_err(io::Error::other)?;
        let document = body.get(start..start + length).ok_or_else(unreadable)?.to_vec();
        let body = RawDocumentBuf::from_bytes(document).map_err(io::Error::other)?;
        Ok(Self { id: i32_at(&header, 4)?, op_code, body })
    }

    /// Sends the document that answers this command, in the form in which it was asked.
    pub async fn answer(&self, document: Document, stream: &mut TcpStream) -> io::Result<()> {
        let (op_code, begin): (i32, &[u8]) = match self.op_code {
            OP_QUERY => (OP_REPLY, &[8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]),
            _ => (OP_MSG, &[0; 5]),
        };
        let length = HEADER_BYTES + begin.len() + document.remaining();
        let length = i32::try_from(length).map_err(io::Error::other)?;
        let header = [length, 0, self.id, op_code].map(i32::to_le_bytes);
        let mut message = Buf::chain(header.as_flattened(), begin).chain(document);
        stream.write_all_buf(&mut message).await
    }
}

/// A document of its own.
pub fn whole(document: RawDocumentBuf) -> Document {
    Bytes::from(document.into_bytes()).chain(Bytes::new()).chain(Bytes::new())
}

/// The answer with a batch of a cursor: `name` is `firstBatch` or `nextBatch`, `documents` a BSON
/// array.
pub fn batch(name: &str, documents: Bytes, cursor_id: i64) -> Document {
    const NAMESPACE: &str = "shop.orders";
    let mut end = Vec::new();
    end.extend_from_slice(b"\x12id\0");
    end.extend_from_slice(&cursor_id.to_le_bytes());
    end.extend_from_slice(b"\x02ns\0");
    end.extend_from_slice(&size(NAMESPACE.len() + 1));
    end.extend_from_slice(NAMESPACE.as_bytes());
    end.extend_from_slice(b"\0\0");
    // The cursor has its size, the name of its array, the array, the end.
    let cursor_bytes = 4 + 1 + name.len() + 1 + documents.len() + end.len();
    end.extend_from_slice(b"\x01ok\0");
    end.extend_from_slice(&1_f64.to_le_bytes());
    end.push(0);

    let mut front = vec![0; 4];
    front.extend_from_slice(b"\x03cursor\0");
    front.extend_from_slice(&size(cursor_bytes));
    front.push(4);
    front.extend_from_slice(name.as_bytes());
    front.push(0);
    let all = front.len() + documents.len() + end.len();
    front[..4].copy_from_slice(&size(all));
    Bytes::from(front).chain(documents).chain(Bytes::from(end))
}

fn size(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

fn i32_at(bytes: &[u8], at: usize) -> io::Result<i32> {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map(i32::from_le_bytes).ok_or_else(unreadable)
}

fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is no command")
}
