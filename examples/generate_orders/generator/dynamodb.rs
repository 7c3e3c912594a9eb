//! Writes rows as a DynamoDB Export to S3: manifests, their checksums, data files.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{Span, Timestamp};
use md5::{Digest, Md5};
use serde_json::json;

use super::dirt::Row;
use super::prng::{Prng, base36};
use super::value::{Fields, Value};
use super::{Dataset, Options, Sink, Window};

/// Rows of one member, in the file that has several.
const MEMBER_ROWS: u64 = 200;

/// An export being written.
#[derive(Debug)]
pub struct Export {
    folder: PathBuf,
    id: String,
    table: &'static str,
    files: Vec<DataFile>,
    /// Whether one file is left empty and one is made of several gzip members.
    odd_files: bool,
    line: Vec<u8>,
}

#[derive(Debug)]
struct DataFile {
    name: String,
    items: u64,
    gzip: GzEncoder<Hashing>,
}

/// Counts the stored bytes' checksum as they are written.
#[derive(Debug)]
struct Hashing {
    file: BufWriter<File>,
    md5: Md5,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.md5.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Export {
    /// Begins an export below `options.out`.
    pub(super) fn create(
        options: &Options,
        window: &Window,
    ) -> io::Result<(PathBuf, Box<dyn Sink>)> {
        let (table, suffix) = match options.dataset {
            Dataset::Orders => ("orders", "5a3c1e7d"),
            Dataset::Users => ("users", "8e04b9f2"),
        };
        let id = format!("{:014}-{suffix}", window.export.as_millisecond());
        let folder = options.out.join("AWSDynamoDB").join(&id);
        fs::create_dir_all(folder.join("data"))?;
        fs::write(folder.join("_started"), "")?;
        let mut rng = Prng::for_row(options.seed, u64::MAX);
        let files = (0..options.files.max(1))
            .map(|_| {
                let name = base36(rng.next(), 13) + &base36(rng.next(), 13) + ".json.gz";
                let file = BufWriter::new(File::create(folder.join("data").join(&name))?);
                let hashing = Hashing { file, md5: Md5::new() };
                Ok(DataFile { name, items: 0, gzip: GzEncoder::new(hashing, Compression::new(6)) })
            })
            .collect::<io::Result<_>>()?;
        let odd_files = !options.clean && options.files >= 4;
        let export = Self { folder: folder.clone(), id, table, files, odd_files, line: Vec::new() };
        Ok((folder, Box::new(export)))
    }
}

impl Sink for Export {
    fn write(&mut self, row: &Row) -> io::Result<()> {
        let count = self.files.len();
        let mut index = usize::try_from(row.place % count as u64).unwrap_or(0);
        if self.odd_files && index == 2 {
            index = 3;
        }
        self.line.clear();
        write_item(&row.fields, &mut self.line);
        if row.malformed {
            self.line.truncate(self.line.len() * 2 / 3);
        }
        self.line.push(b'\n');
        let file = &mut self.files[index];
        file.gzip.write_all(&self.line)?;
        file.items += 1;
        if self.odd_files && index == 1 && file.items.is_multiple_of(MEMBER_ROWS) {
            file.next_member()?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, window: &Window) -> io::Result<()> {
        let base = format!("AWSDynamoDB/{}", self.id);
        let mut lines = String::new();
        let mut items = 0;
        for file in self.files {
            let mut hashing = file.gzip.finish()?;
            hashing.flush()?;
            let md5 = hashing.md5.finalize();
            items += file.items;
            let line = json!({
                "itemCount": file.items,
                "md5Checksum": BASE64.encode(md5),
                "etag": format!("{}-1", hex::encode(md5)),
                "dataFileS3Key": format!("{base}/data/{}", file.name),
            });
            lines.push_str(&format!("{line}\n"));
        }
        write_with_md5(&self.folder, "manifest-files", &lines)?;
        let table_arn = format!("arn:aws:dynamodb:us-east-1:123456789012:table/{}", self.table);
        let summary = json!({
            "version": "2020-06-30",
            "exportArn": format!("{table_arn}/export/{}", self.id),
            "startTime": iso_millis(window.export),
            "endTime": iso_millis(window.export + Span::new().minutes(6)),
            "tableArn": table_arn,
            "tableId": "7c1f5b1e-2f0d-4f7e-9a56-0b8d6a3c9e21",
            "exportTime": iso_millis(window.export),
            "s3Bucket": "shop-exports",
            "s3Prefix": null,
            "s3SseAlgorithm": "AES256",
            "s3SseKmsKeyId": null,
            "manifestFilesS3Key": format!("{base}/manifest-files.json"),
            "billedSizeBytes": 0,
            "itemCount": items,
            "outputFormat": "DYNAMODB_JSON",
        });
        write_with_md5(&self.folder, "manifest-summary", &summary.to_string())
    }
}

impl DataFile {
    /// Ends the gzip member and begins another.
    fn next_member(&mut self) -> io::Result<()> {
        self.gzip.try_finish()?;
        let file = self.gzip.get_ref().file.get_ref().try_clone()?;
        let md5 = self.gzip.get_ref().md5.clone();
        self.gzip.get_mut().flush()?;
        let hashing = Hashing { file: BufWriter::new(file), md5 };
        self.gzip = GzEncoder::new(hashing, Compression::new(6));
        Ok(())
    }
}

fn write_with_md5(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    fs::write(folder.join(format!("{name}.json")), text)?;
    fs::write(folder.join(format!("{name}.md5")), BASE64.encode(Md5::digest(text)))
}

fn iso_millis(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn write_item(fields: &Fields, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"Item\":");
    write_map(fields, out);
    out.push(b'}');
}

/// Writes an item as DynamoDB JSON.
pub fn write_map(fields: &Fields, out: &mut Vec<u8>) {
    out.push(b'{');
    write_separated(fields, out, |(name, value), out| {
        write_text(name, out);
        out.push(b':');
        write_value(value, out);
    });
    out.push(b'}');
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"{\"NULL\":true}"),
        Value::Bool(true) => out.extend_from_slice(b"{\"BOOL\":true}"),
        Value::Bool(false) => out.extend_from_slice(b"{\"BOOL\":false}"),
        Value::Text(text) => tagged("S", out, |out| write_text(text, out)),
        Value::RawText(bytes) => {
            tagged("S", out, |out| write_text(&String::from_utf8_lossy(bytes), out));
        }
        Value::Int32(number) => tagged("N", out, |out| write_text(&number.to_string(), out)),
        Value::Int64(number) => tagged("N", out, |out| write_text(&number.to_string(), out)),
        Value::Double(number) => tagged("N", out, |out| write_text(&number.to_string(), out)),
        Value::Number(number) => tagged("N", out, |out| write_text(number, out)),
        Value::Bytes(bytes) => tagged("B", out, |out| write_text(&BASE64.encode(bytes), out)),
        Value::RawBase64(text) => tagged("B", out, |out| write_text(text, out)),
        Value::Datetime(ms) => {
            let at = Timestamp::from_millisecond(*ms).unwrap_or_default();
            tagged("S", out, |out| write_text(&iso_millis(at), out));
        }
        Value::ObjectId(id) => tagged("S", out, |out| write_text(&hex::encode(id), out)),
        Value::TextSet(set) => list("SS", set, out, |text, out| write_text(text, out)),
        Value::NumberSet(set) => list("NS", set, out, |text, out| write_text(text, out)),
        Value::BytesSet(set) => list("BS", set, out, |b, out| write_text(&BASE64.encode(b), out)),
        Value::List(values) => list("L", values, out, write_value),
        Value::Map(fields) => tagged("M", out, |out| write_map(fields, out)),
    }
}

fn tagged(tag: &str, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(tag.as_bytes());
    out.extend_from_slice(b"\":");
    write(out);
    out.push(b'}');
}

fn list<T>(tag: &str, values: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    tagged(tag, out, |out| {
        out.push(b'[');
        write_separated(values, out, write);
        out.push(b']');
    });
}

fn write_separated<T>(values: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(value, out);
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = serde_json::to_writer(out, text);
}
