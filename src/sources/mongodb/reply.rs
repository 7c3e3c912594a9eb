//! From a reply of the server to pages: where each document lies, and where reading goes on.
//!
//! No document is copied: a page is the reply itself. Does not ask the server.

use bson::raw::{RawBson, RawDocument};
use bson::{RawArray, RawBsonRef};
use bytes::Bytes;
use mongodb::raw_batch_cursor::RawBatch;

use super::brackets::Bracket;
use super::count::Counts;
use super::faults::Fault;
use super::ids;
use crate::model::{PageContent, RawFormat, RawPage, SplitId};

/// Bytes kept of a document that is too large.
const HEAD_BYTES: usize = 64 * 1024;

/// A page and what it adds to the counts.
#[derive(Debug)]
pub(super) struct Page {
    pub page: RawPage,
    pub counts: Counts,
}

/// The pages of a reply.
#[derive(Debug)]
pub(super) struct Reply {
    pub pages: Vec<Page>,
    pub documents: u64,
    /// `_id` of the last document.
    pub last_id: Option<RawBson>,
}

/// How replies of a split are cut into pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paging {
    pub split: SplitId,
    pub max_row_bytes: u64,
    /// Whether reading can go on behind a page.
    pub can_go_on: bool,
}

/// The bytes of a batch, without a copy.
pub(super) fn bytes_of(batch: RawBatch) -> Bytes {
    struct Owner(RawBatch);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            self.0.as_raw_document().as_bytes()
        }
    }
    Bytes::from_owner(Owner(batch))
}

/// Cuts a reply into pages: one, or more when there is a document that is too large. `first_row`
/// is the ordinal of its first document.
///
/// # Errors
/// A reply that holds something else than documents, or a document without `_id`.
pub(super) fn pages_of(reply: &Bytes, first_row: u64, paging: Paging) -> Result<Reply, Fault> {
    let unreadable = || Fault::nonsense("the server's answer cannot be read");
    let documents = batch_of(reply).ok_or_else(unreadable)?;
    let mut cutter = Cutter { reply, paging, next_row: first_row, pages: vec![], open: None };
    let mut last_id = None;
    for document in documents {
        let Ok(RawBsonRef::Document(document)) = document else { return Err(unreadable()) };
        let id = document.get("_id").map_err(|_| unreadable())?;
        if id.is_none() && paging.can_go_on {
            return Err(Fault::nonsense("a document came without its _id"));
        }
        let range = place(reply, document).ok_or_else(unreadable)?;
        if document.as_bytes().len() as u64 > paging.max_row_bytes {
            cutter.close(last_id);
            cutter.add_oversized(document, id);
        } else {
            cutter.add(range, id);
        }
        last_id = id;
    }
    cutter.close(last_id);
    Ok(Reply {
        documents: cutter.next_row - first_row,
        pages: cutter.pages,
        last_id: last_id.map(RawBson::from),
    })
}

/// The documents of a reply to `find` or `getMore`.
fn batch_of(reply: &[u8]) -> Option<&RawArray> {
    let cursor = RawDocument::from_bytes(reply).ok()?.get_document("cursor").ok()?;
    cursor.get_array("firstBatch").or_else(|_| cursor.get_array("nextBatch")).ok()
}

/// Where a document of the reply lies in it.
fn place(reply: &[u8], document: &RawDocument) -> Option<(u32, u32)> {
    let document = document.as_bytes();
    let start = (document.as_ptr().addr()).checked_sub(reply.as_ptr().addr())?;
    let end = start.checked_add(document.len()).filter(|end| *end <= reply.len())?;
    Some((u32::try_from(start).ok()?, u32::try_from(end).ok()?))
}

struct Cutter<'a> {
    reply: &'a Bytes,
    paging: Paging,
    next_row: u64,
    pages: Vec<Page>,
    /// The page that is being filled.
    open: Option<(Vec<(u32, u32)>, Counts)>,
}

impl Cutter<'_> {
    fn add(&mut self, range: (u32, u32), id: Option<RawBsonRef<'_>>) {
        let (ranges, counts) = self.open.get_or_insert_default();
        ranges.push(range);
        count(counts, id);
    }

    fn add_oversized(&mut self, document: &RawDocument, id: Option<RawBsonRef<'_>>) {
        let bytes = document.as_bytes();
        let content = PageContent::Oversized {
            format: RawFormat::Bson,
            row_bytes: bytes.len() as u64,
            head: Bytes::copy_from_slice(bytes.get(..HEAD_BYTES).unwrap_or(bytes)),
        };
        let mut counts = Counts::default();
        count(&mut counts, id);
        self.push(content, 1, counts, id);
    }

    /// Ends the page that is being filled behind the document with this `_id`.
    fn close(&mut self, last_id: Option<RawBsonRef<'_>>) {
        let Some((ranges, counts)) = self.open.take() else { return };
        let rows = ranges.len() as u64;
        let bytes = self.reply.clone();
        let content = PageContent::Embedded { format: RawFormat::Bson, bytes, ranges };
        self.push(content, rows, counts, last_id);
    }

    fn push(
        &mut self,
        content: PageContent,
        rows: u64,
        counts: Counts,
        last_id: Option<RawBsonRef<'_>>,
    ) {
        let page = RawPage {
            split: self.paging.split,
            first_row: self.next_row,
            offset_bytes: 0,
            content,
            resume: last_id.filter(|_| self.paging.can_go_on).and_then(ids::to_text),
        };
        self.next_row += rows;
        self.pages.push(Page { page, counts });
    }
}

fn count(counts: &mut Counts, id: Option<RawBsonRef<'_>>) {
    if let Some(id) = id {
        *counts.entry(Bracket::of(id.element_type())).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use bson::{RawDocumentBuf, rawdoc};

    use super::*;

    const PAGING: Paging = Paging { split: SplitId(7), max_row_bytes: 1_000, can_go_on: true };

    fn reply(name: &str, documents: Vec<RawDocumentBuf>) -> Bytes {
        let batch = bson::RawArrayBuf::from_iter(documents);
        let mut cursor = rawdoc! { "id": 5_i64 };
        cursor.append(<&bson::raw::CStr>::try_from(name).unwrap(), batch);
        Bytes::from(rawdoc! { "cursor": cursor, "ok": 1.0 }.into_bytes())
    }

    #[test]
    fn a_page_is_the_reply_with_the_places_of_its_documents() {
        let documents = vec![rawdoc! { "_id": 1, "a": "x" }, rawdoc! { "_id": "two" }];
        for name in ["firstBatch", "nextBatch"] {
            let reply = reply(name, documents.clone());
            let cut = pages_of(&reply, 10, PAGING).unwrap();
            assert_eq!((cut.documents, cut.pages.len()), (2, 1));
            let Page { page, counts } = &cut.pages[0];
            assert_eq!((page.split, page.first_row, page.offset_bytes), (SplitId(7), 10, 0));
            assert_eq!(page.resume.as_deref(), Some(r#"{"_id":"two"}"#));
            assert_eq!(counts, &Counts::from([(Bracket::Number, 1), (Bracket::Text, 1)]));
            let PageContent::Embedded { bytes, ranges, .. } = &page.content else { panic!() };
            assert_eq!(bytes.as_ptr(), reply.as_ptr(), "it was copied");
            let found: Vec<_> = ranges.iter().map(|r| &bytes[r.0 as usize..r.1 as usize]).collect();
            let sent: Vec<_> = documents.iter().map(|document| document.as_bytes()).collect();
            assert_eq!(found, sent);
        }
    }

    #[test]
    fn a_document_that_is_too_large_is_a_page_of_its_own() {
        let large = rawdoc! { "_id": 2, "text": "x".repeat(100_000) };
        let size = large.as_bytes().len() as u64;
        let documents = vec![rawdoc! { "_id": 1 }, large, rawdoc! { "_id": 3 }];
        let cut = pages_of(&reply("firstBatch", documents), 0, PAGING).unwrap();
        let rows: Vec<_> = cut.pages.iter().map(|page| page.page.first_row).collect();
        assert_eq!((rows, cut.documents), (vec![0, 1, 2], 3));
        let resumes: Vec<_> = cut.pages.iter().flat_map(|page| page.page.resume.clone()).collect();
        let id = |n| format!(r#"{{"_id":{{"$numberInt":"{n}"}}}}"#);
        assert_eq!(resumes, [id(1), id(2), id(3)]);
        let PageContent::Oversized { row_bytes, head, .. } = &cut.pages[1].page.content else {
            panic!()
        };
        assert_eq!((*row_bytes, head.len()), (size, HEAD_BYTES));
    }

    #[test]
    fn a_page_that_text_cannot_go_on_from_says_so() {
        let twice = rawdoc! { "_id": { "a": 1, "b": 1, "a": 2 } };
        let cut = pages_of(&reply("firstBatch", vec![twice]), 0, PAGING).unwrap();
        assert_eq!(cut.pages[0].page.resume, None);
        assert!(cut.last_id.is_some(), "though the reader itself can go on");
        let ordered = Paging { can_go_on: false, ..PAGING };
        let cut = pages_of(&reply("firstBatch", vec![rawdoc! { "_id": 1 }]), 0, ordered).unwrap();
        assert_eq!(cut.pages[0].page.resume, None);
    }

    #[test]
    fn an_empty_reply_has_no_page_and_nonsense_is_refused() {
        let cut = pages_of(&reply("nextBatch", vec![]), 0, PAGING).unwrap();
        assert!(cut.pages.is_empty() && cut.last_id.is_none());
        assert!(pages_of(&reply("firstBatch", vec![rawdoc! { "a": 1 }]), 0, PAGING).is_err());
        assert!(pages_of(&reply("otherBatch", vec![]), 0, PAGING).is_err());
        assert!(pages_of(&Bytes::from_static(b"\x05\0\0\0"), 0, PAGING).is_err());
        let number = rawdoc! { "cursor": { "firstBatch": [1] } };
        assert!(pages_of(&Bytes::from(number.into_bytes()), 0, PAGING).is_err());
    }
}
