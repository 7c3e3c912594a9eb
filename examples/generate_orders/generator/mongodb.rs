//! Writes rows as mongodump does: BSON documents one after the other, and what goes beside them.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::dirt::Row;
use super::value::{Fields, Value};
use super::{Dataset, Options, Sink, Window};

/// A dump being written.
#[derive(Debug)]
pub struct Dump {
    path: PathBuf,
    file: Stored,
    documents: u64,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Stored {
    Plain(Hashing),
    Gzip(Box<GzEncoder<Hashing>>),
}

/// Counts the stored bytes' checksum as they are written.
#[derive(Debug)]
struct Hashing {
    file: BufWriter<File>,
    sha256: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.sha256.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Dump {
    /// Begins `shop/<collection>.bson` below `options.out`.
    pub(super) fn create(options: &Options) -> io::Result<(PathBuf, Box<dyn Sink>)> {
        let collection = match options.dataset {
            Dataset::Orders => "orders",
            Dataset::Users => "users",
        };
        let folder = options.out.join("shop");
        fs::create_dir_all(&folder)?;
        let metadata = json!({
            "indexes": [{
                "v": {"$numberInt": "2"},
                "key": {"_id": {"$numberInt": "1"}},
                "name": "_id_",
            }],
            "uuid": "b3d1c4a25f0e4a6c9d7788e1f2034c55",
            "collectionName": collection,
            "type": "collection",
        });
        let suffix = if options.gzip { ".gz" } else { "" };
        let path = folder.join(format!("{collection}.bson{suffix}"));
        let hashing = Hashing { file: BufWriter::new(File::create(&path)?), sha256: Sha256::new() };
        let metadata_path = folder.join(format!("{collection}.metadata.json{suffix}"));
        let file = if options.gzip {
            let mut gzip = GzEncoder::new(File::create(metadata_path)?, Compression::new(6));
            gzip.write_all(metadata.to_string().as_bytes())?;
            gzip.finish()?;
            Stored::Gzip(Box::new(GzEncoder::new(hashing, Compression::new(6))))
        } else {
            fs::write(metadata_path, metadata.to_string())?;
            Stored::Plain(hashing)
        };
        Ok((path.clone(), Box::new(Self { path, file, documents: 0, buffer: Vec::new() })))
    }
}

impl Sink for Dump {
    fn write(&mut self, row: &Row) -> io::Result<()> {
        self.buffer.clear();
        write_document(&row.fields, &mut self.buffer);
        if row.malformed {
            // The type of the first element becomes one that BSON does not have.
            self.buffer[4] = 0x7e;
        }
        self.documents += 1;
        match &mut self.file {
            Stored::Plain(file) => file.write_all(&self.buffer),
            Stored::Gzip(file) => file.write_all(&self.buffer),
        }
    }

    fn finish(self: Box<Self>, _: &Window) -> io::Result<()> {
        let mut hashing = match self.file {
            Stored::Plain(hashing) => hashing,
            Stored::Gzip(gzip) => gzip.finish()?,
        };
        hashing.flush()?;
        let sha256 = hex::encode(hashing.sha256.finalize());
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let beside = |suffix| self.path.with_file_name(format!("{name}.{suffix}"));
        fs::write(beside("sha256"), format!("{sha256}  {name}\n"))?;
        fs::write(beside("count"), format!("{}\n", self.documents))
    }
}

/// Writes a document as BSON.
pub fn write_document(fields: &Fields, out: &mut Vec<u8>) {
    write_elements(fields.iter().map(|(name, value)| (name.as_str(), value)), out);
}

fn write_array(values: &[Value], out: &mut Vec<u8>) {
    let names: Vec<String> = (0..values.len()).map(|i| i.to_string()).collect();
    write_elements(names.iter().map(String::as_str).zip(values), out);
}

fn write_elements<'a>(elements: impl Iterator<Item = (&'a str, &'a Value)>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    for (name, value) in elements {
        let at = out.len();
        out.push(0);
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out[at] = write_value(value, out);
    }
    out.push(0);
    let size = length(out.len() - start);
    out[start..start + 4].copy_from_slice(&size);
}

/// Writes `value` and returns its element type.
fn write_value(value: &Value, out: &mut Vec<u8>) -> u8 {
    match value {
        Value::Double(number) => {
            out.extend_from_slice(&number.to_le_bytes());
            0x01
        }
        Value::Text(text) => write_text(text.as_bytes(), out),
        Value::RawText(bytes) => write_text(bytes, out),
        Value::RawBase64(text) => write_text(text.as_bytes(), out),
        Value::Map(fields) => {
            write_document(fields, out);
            0x03
        }
        Value::List(values) => {
            write_array(values, out);
            0x04
        }
        Value::TextSet(set) => {
            let values: Vec<Value> = set.iter().map(|text| text.as_str().into()).collect();
            write_value(&Value::List(values), out)
        }
        Value::NumberSet(set) => {
            let values: Vec<Value> = set.iter().map(|n| Value::Number(n.clone())).collect();
            write_value(&Value::List(values), out)
        }
        Value::BytesSet(set) => {
            let values: Vec<Value> = set.iter().map(|b| Value::Bytes(b.clone())).collect();
            write_value(&Value::List(values), out)
        }
        Value::Bytes(bytes) => {
            out.extend_from_slice(&length(bytes.len()));
            out.push(0);
            out.extend_from_slice(bytes);
            0x05
        }
        Value::ObjectId(id) => {
            out.extend_from_slice(id);
            0x07
        }
        Value::Bool(truth) => {
            out.push(u8::from(*truth));
            0x08
        }
        Value::Datetime(ms) => {
            out.extend_from_slice(&ms.to_le_bytes());
            0x09
        }
        Value::Null => 0x0a,
        Value::Int32(number) => {
            out.extend_from_slice(&number.to_le_bytes());
            0x10
        }
        Value::Int64(number) => {
            out.extend_from_slice(&number.to_le_bytes());
            0x12
        }
        Value::Number(text) => {
            out.extend_from_slice(&decimal128(text).to_le_bytes());
            0x13
        }
    }
}

fn write_text(bytes: &[u8], out: &mut Vec<u8>) -> u8 {
    out.extend_from_slice(&length(bytes.len() + 1));
    out.extend_from_slice(bytes);
    out.push(0);
    0x02
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

/// IEEE 754 decimal128 in its binary-integer form, as BSON stores it; NaN when `text` is no
/// number of at most 34 digits.
fn decimal128(text: &str) -> u128 {
    const NAN: u128 = 0x7c << 120;
    const BIAS: u128 = 6_176;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (1_u128 << 127, digits),
        None => (0, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    match format!("{whole}{fraction}").parse::<u128>() {
        Ok(unscaled) if unscaled < 10_u128.pow(34) => {
            sign | (BIAS - fraction.len() as u128) << 113 | unscaled
        }
        _ => NAN,
    }
}
