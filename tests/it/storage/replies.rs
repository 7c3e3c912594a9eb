//! What becomes of S3's replies, and how often S3 is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::SdkConfig;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::{RequestChecksumCalculation, SharedCredentialsProvider};
use consign::error::ErrorKind;
use consign::plan::{S3Encryption, S3Options};
use consign::storage::s3::S3Store;
use consign::storage::{CreateOnly, store_error};
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutResult, UpdateVersion,
};

use super::{always, config};
use crate::services::block_on;
use crate::services::canned::{Canned, Reply, Request};

fn key() -> Path {
    Path::from("a/b")
}

async fn store_with(canned: &Canned, options: S3Options) -> S3Store {
    S3Store::connect("lake", options, always(config(&canned.url, "key", "secret"))).await
}

async fn store(canned: &Canned) -> S3Store {
    store_with(canned, S3Options::default()).await
}

/// A server that always gives one answer.
fn stubborn(reply: Reply) -> Canned {
    Canned::start(move |_, _| reply.clone())
}

async fn create(store: &S3Store) -> object_store::Result<PutResult> {
    store.put_opts(&key(), "x".into(), PutMode::Create.into()).await
}

async fn replace(store: &S3Store) -> object_store::Result<PutResult> {
    let version = UpdateVersion { e_tag: Some("\"1\"".to_owned()), version: None };
    store.put_opts(&key(), "x".into(), PutMode::Update(version).into()).await
}

/// An upload that creates its object.
async fn upload(store: &S3Store) -> Box<dyn MultipartUpload> {
    let mut options = PutMultipartOptions::default();
    options.extensions.insert(CreateOnly);
    store.put_multipart_opts(&key(), options).await.unwrap()
}

/// Lets everything of an upload pass but its end.
fn until_completed(request: &Request, end: &Reply) -> Reply {
    if request.asks("POST", "?uploads") {
        let id = "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
        return Reply::new(200, id);
    }
    if request.asks("PUT", "partNumber=") {
        return Reply::new(200, "").with("etag", "\"p\"");
    }
    end.clone()
}

#[test]
fn a_conflict_is_not_a_loss_and_no_call_with_a_condition_is_sent_twice() {
    block_on(async {
        for (status, code) in
            [(409, "ConditionalRequestConflict"), (503, "SlowDown"), (500, "InternalError")]
        {
            let canned = stubborn(Reply::refusal(status, code));
            let store = store(&canned).await;
            for error in [create(&store).await.unwrap_err(), replace(&store).await.unwrap_err()] {
                assert!(matches!(error, Error::Generic { .. }), "{error}");
                assert!(error.to_string().contains(code), "{error}");
            }
            assert_eq!(canned.requests().len(), 2, "{code}");
        }
    });
}

#[test]
fn the_end_of_an_upload_that_creates_is_sent_once() {
    block_on(async {
        for (status, code, exists) in [
            (412, "PreconditionFailed", true),
            (409, "ConditionalRequestConflict", false),
            (503, "SlowDown", false),
            (200, "InternalError", false),
        ] {
            let end = Reply::refusal(status, code);
            let canned = Canned::start(move |_, request| until_completed(request, &end));
            let store = store(&canned).await;
            let mut upload = upload(&store).await;
            upload.put_part("part".into()).await.unwrap();
            let error = upload.complete().await.unwrap_err();
            assert_eq!(matches!(error, Error::AlreadyExists { .. }), exists, "{error}");
            assert_eq!(matches!(error, Error::Generic { .. }), !exists, "{error}");
            let requests = canned.requests();
            assert_eq!(requests.len(), 3, "{code}");
            assert_eq!(requests[2].header("if-none-match"), Some("*"));
        }
    });
}

#[test]
fn calls_without_a_condition_are_tried_again() {
    block_on(async {
        let canned = Canned::start(|n, _| match n {
            0 => Reply::refusal(503, "SlowDown"),
            _ => Reply::new(200, "").with("etag", "\"1\""),
        });
        let put = store(&canned).await.put(&key(), "x".into()).await.unwrap();
        assert_eq!((put.e_tag.as_deref(), canned.requests().len()), (Some("\"1\""), 2));
    });
}

#[test]
fn each_refusal_has_its_kind() {
    type Is = fn(&Error) -> bool;
    let denied: Is = |e| matches!(e, Error::PermissionDenied { .. });
    let unknown: Is = |e| matches!(e, Error::Unauthenticated { .. });
    let missing: Is = |e| matches!(e, Error::NotFound { .. });
    let changed: Is = |e| matches!(e, Error::Precondition { .. });
    let unsupported: Is = |e| matches!(e, Error::NotSupported { .. });
    let same: Is = |e| matches!(e, Error::NotModified { .. });
    block_on(async {
        for (status, code, is, kind) in [
            (403, "AccessDenied", denied, ErrorKind::Permission),
            (403, "InvalidAccessKeyId", unknown, ErrorKind::Permission),
            (403, "SignatureDoesNotMatch", unknown, ErrorKind::Permission),
            (401, "Unauthorized", unknown, ErrorKind::Permission),
            (404, "NoSuchKey", missing, ErrorKind::Verification),
            (404, "NoSuchBucket", missing, ErrorKind::Usage),
            (412, "PreconditionFailed", changed, ErrorKind::Transient),
            (501, "NotImplemented", unsupported, ErrorKind::Usage),
            (304, "", same, ErrorKind::Transient),
        ] {
            let canned = stubborn(Reply::refusal(status, code));
            let error = store(&canned).await.get(&key()).await.unwrap_err();
            assert!(is(&error), "{code}: {error:?}");
            assert!(error.to_string().contains(code), "{error}");
            let error = store_error("read a file", &key(), error);
            assert_eq!(error.kind(), kind, "{code}");
            assert!(error.help().is_some(), "{code}");
        }
        let elsewhere = Reply::refusal(301, "PermanentRedirect");
        let canned = stubborn(elsewhere.with("x-amz-bucket-region", "eu-west-1"));
        let error = store(&canned).await.get(&key()).await.unwrap_err();
        let error = store_error("read a file", &key(), error);
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.help().unwrap().contains("eu-west-1"), "{error:?}");

        let canned = stubborn(Reply::refusal(404, "NoSuchKey"));
        let error = replace(&store(&canned).await).await.unwrap_err();
        assert!(matches!(error, Error::Precondition { .. }), "{error}");
    });
}

/// Configurations whose keys are numbered by how often they were loaded.
fn counted(canned: &Canned) -> (Arc<AtomicUsize>, consign::storage::aws::LoadConfig) {
    let (loads, url) = (Arc::new(AtomicUsize::new(0)), canned.url.clone());
    let counter = Arc::clone(&loads);
    let load = move || {
        let key = format!("key{}", counter.fetch_add(1, Ordering::Relaxed));
        futures::future::ready(config(&url, &key, "secret")).boxed()
    };
    (loads, Arc::new(load))
}

#[test]
fn expired_credentials_are_read_again_once() {
    block_on(async {
        let canned = Canned::start(|_, request| {
            match request.header("authorization").unwrap().contains("Credential=key0/") {
                true => Reply::refusal(400, "ExpiredToken"),
                false => Reply::new(200, "").with("etag", "\"1\""),
            }
        });
        let (loads, load) = counted(&canned);
        let store = S3Store::connect("lake", S3Options::default(), load).await;
        // Calls that fail together renew once, those with a condition as well.
        let (one, two, three) = futures::join!(create(&store), create(&store), create(&store));
        assert!([one, two, three].iter().all(Result::is_ok));
        create(&store).await.unwrap();
        assert_eq!(loads.load(Ordering::Relaxed), 2);
        let refused = canned.requests().len() - 4;
        assert!((1..=3).contains(&refused), "{refused} of the first three calls");
    });
}

#[test]
fn credentials_that_stay_expired_are_the_users_to_renew() {
    block_on(async {
        let canned = stubborn(Reply::refusal(400, "ExpiredToken"));
        let (loads, load) = counted(&canned);
        let store = S3Store::connect("lake", S3Options::default(), load).await;
        let error = create(&store).await.unwrap_err();
        assert!(matches!(error, Error::Unauthenticated { .. }), "{error}");
        assert_eq!((loads.load(Ordering::Relaxed), canned.requests().len()), (2, 2));
        let error = store_error("write", &key(), error);
        assert_eq!(error.kind(), ErrorKind::Permission);
        assert!(error.help().unwrap().contains("finished work is kept"), "{error:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    });
}

#[test]
fn missing_credentials_are_told_from_a_fault() {
    block_on(async {
        let canned = stubborn(Reply::new(200, ""));
        let none =
            provide_credentials_fn(|| async { Err(CredentialsError::not_loaded("no profile")) });
        let without: SdkConfig = config(&canned.url, "key", "secret")
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(none))
            .build();
        let store = S3Store::connect("lake", S3Options::default(), always(without)).await;
        let error = create(&store).await.unwrap_err();
        assert!(matches!(error, Error::Unauthenticated { .. }), "{error:?}");
        let error = store_error("write", &key(), error);
        assert!(error.help().unwrap().contains("profile"), "{error:?}");
        assert_eq!(canned.requests().len(), 0);
    });
}

#[test]
fn a_server_that_is_not_there_is_a_passing_fault() {
    block_on(async {
        let load = always(config("http://127.0.0.1:9", "key", "secret"));
        let store = S3Store::connect("lake", S3Options::default(), load).await;
        let error = create(&store).await.unwrap_err();
        assert!(matches!(error, Error::Generic { .. }), "{error:?}");
        assert_eq!(store_error("write", &key(), error).kind(), ErrorKind::Transient);
    });
}

#[test]
fn a_body_that_breaks_off_is_taken_up_where_it_ended() {
    block_on(async {
        let canned = Canned::start(|n, request| match n {
            0 => Reply::new(200, "0123").with("etag", "\"1\"").announcing(10),
            1 => {
                assert_eq!(request.header("range"), Some("bytes=4-9"));
                assert_eq!(request.header("if-match"), Some("\"1\""));
                let rest = Reply::new(206, "45").with("etag", "\"1\"").announcing(6);
                rest.with("content-range", "bytes 4-9/10")
            }
            2 => Reply::new(206, "6789").with("content-range", "bytes 6-9/10"),
            _ => Reply::refusal(404, "NoSuchKey"),
        });
        let store = store(&canned).await;
        let bytes = store.get(&key()).await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes, "0123456789");
        assert_eq!(canned.requests().len(), 3);

        // Replaced meanwhile: the rest of another object is not the rest of this one.
        let canned = Canned::start(|n, _| match n {
            0 => Reply::new(200, "0123").with("etag", "\"1\"").announcing(10),
            _ => Reply::refusal(412, "PreconditionFailed"),
        });
        let store = self::store(&canned).await;
        let error = store.get(&key()).await.unwrap().bytes().await.unwrap_err();
        assert!(matches!(error, Error::Precondition { .. }), "{error}");

        // Broken for good.
        let canned = Canned::start(|n, _| match n {
            0 => Reply::new(200, "").with("etag", "\"1\"").announcing(10),
            _ => Reply::new(206, "").with("content-range", "bytes 0-9/10").announcing(10),
        });
        let store = self::store(&canned).await;
        let error = store.get(&key()).await.unwrap().bytes().await.unwrap_err();
        assert!(matches!(error, Error::Generic { .. }), "{error}");
        assert_eq!(canned.requests().len(), 4);
    });
}

#[test]
fn a_reply_with_another_range_is_not_taken_for_the_one_asked_for() {
    block_on(async {
        for reply in [
            Reply::new(200, "0123456789"),
            Reply::new(206, "0123").with("content-range", "bytes 0-3/10"),
        ] {
            let canned = stubborn(reply);
            let range = GetOptions::new().with_range(Some(4..8));
            let error = store(&canned).await.get_opts(&key(), range).await.unwrap_err();
            assert!(matches!(error, Error::Generic { .. }), "{error}");
        }
    });
}

#[test]
fn every_entry_of_a_bulk_deletion_is_read() {
    block_on(async {
        let canned = stubborn(Reply::new(
            200,
            "<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>no</Message></Error>\
             <Error><Key>d</Key><Code>InternalError</Code><Message>oh</Message></Error></DeleteResult>",
        ));
        let paths = ["a", "b", "c", "d"].map(|path| Ok(Path::from(path)));
        let paths = futures::stream::iter(paths).boxed();
        let gone: Vec<_> = store(&canned).await.delete_stream(paths).collect().await;
        assert_eq!(gone[0].as_ref().unwrap(), &Path::from("a"));
        assert!(matches!(gone[1], Err(Error::PermissionDenied { .. })), "{:?}", gone[1]);
        assert_eq!(gone[2].as_ref().unwrap(), &Path::from("c"));
        assert!(matches!(gone[3], Err(Error::Generic { .. })), "{:?}", gone[3]);
        assert_eq!(canned.requests().len(), 1);
    });
}

#[test]
fn what_is_written_is_encrypted_as_the_job_says() {
    let encryption =
        S3Encryption::Kms { key_id: Some("alias/orders".to_owned()), bucket_key: true };
    let options = S3Options { encryption: Some(encryption), ..S3Options::default() };
    block_on(async {
        let canned = Canned::start(|_, request| match request.method.as_str() {
            "HEAD" => Reply::new(200, "").announcing(10),
            _ => until_completed(request, &Reply::new(200, "<CopyObjectResult/>")),
        });
        let store = store_with(&canned, options).await;
        create(&store).await.unwrap();
        upload(&store).await;
        store.copy(&Path::from("x"), &key()).await.unwrap();
        let written: Vec<Request> =
            canned.requests().into_iter().filter(|request| request.method != "HEAD").collect();
        assert_eq!(written.len(), 3);
        for request in written {
            let header =
                |name: &str| request.header(&format!("x-amz-server-side-encryption{name}"));
            assert_eq!(header(""), Some("aws:kms"), "{request:?}");
            assert_eq!(header("-aws-kms-key-id"), Some("alias/orders"));
            assert_eq!(header("-bucket-key-enabled"), Some("true"));
        }
    });
}

#[test]
fn checksums_are_sent_unless_the_configuration_says_otherwise() {
    block_on(async {
        let end = Reply::new(200, "<CompleteMultipartUploadResult/>");
        let canned = Canned::start(move |_, request| until_completed(request, &end));
        let sent = config(&canned.url, "key", "secret");
        let only_required = sent
            .clone()
            .into_builder()
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .build();
        for config in [sent, only_required] {
            let store = S3Store::connect("lake", S3Options::default(), always(config)).await;
            store.put(&key(), "123456789".into()).await.unwrap();
            let mut upload = upload(&store).await;
            upload.put_part("12345".into()).await.unwrap();
            upload.put_part("6789".into()).await.unwrap();
            upload.complete().await.unwrap();
        }
        let requests = canned.requests();
        let checksums: Vec<_> =
            requests.iter().map(|request| request.header("x-amz-checksum-crc64nvme")).collect();
        let whole = Some("rosUhgp5mIg=");
        assert_eq!([checksums[0], checksums[4]], [whole, whole]);
        assert!(checksums[2].is_some() && checksums[3].is_some());
        assert_eq!(checksums[5..], [None; 5]);
        let algorithm = |n: usize| requests[n].header("x-amz-checksum-algorithm");
        assert_eq!((algorithm(1), algorithm(6)), (Some("CRC64NVME"), None));
        assert!(requests.iter().all(|request| request.header("x-amz-checksum-crc32").is_none()));
        assert_eq!(requests[4].header("x-amz-mp-object-size"), Some("9"));
        assert!(requests.iter().all(|request| request.target.starts_with("/lake/")), "path style");
    });
}

#[test]
fn an_object_over_five_gibibytes_is_copied_in_parts() {
    const BYTES: u64 = (6 << 30) + 7;
    block_on(async {
        let canned = Canned::start(|_, request| match request.method.as_str() {
            "HEAD" => {
                let bytes = usize::try_from(BYTES).unwrap();
                Reply::new(200, "").announcing(bytes).with("etag", "\"s\"")
            }
            "PUT" => Reply::new(200, "<CopyPartResult><ETag>\"p\"</ETag></CopyPartResult>"),
            _ => until_completed(request, &Reply::new(200, "<CompleteMultipartUploadResult/>")),
        });
        store(&canned).await.copy(&Path::from("x y"), &key()).await.unwrap();
        let requests = canned.requests();
        let mut ranges: Vec<_> = requests
            .iter()
            .filter(|request| request.method == "PUT")
            .map(|part| {
                assert_eq!(part.header("x-amz-copy-source"), Some("lake/x%20y"));
                assert_eq!(part.header("x-amz-copy-source-if-match"), Some("\"s\""));
                part.header("x-amz-copy-source-range").unwrap().to_owned()
            })
            .collect();
        ranges.sort();
        assert_eq!(ranges.len(), 7);
        assert_eq!(ranges[0], "bytes=0-1073741823");
        assert!(ranges.contains(&format!("bytes={}-{}", 6_u64 << 30, BYTES - 1)), "{ranges:?}");
        let end = String::from_utf8(requests.last().unwrap().body.clone()).unwrap();
        assert_eq!(end.matches("<PartNumber>").count(), 7);
    });
}

#[test]
fn pending_uploads_are_listed_over_pages() {
    let page = |n: usize, more: bool| {
        format!(
            "<ListMultipartUploadsResult><IsTruncated>{more}</IsTruncated>\
             <NextKeyMarker>k{n}</NextKeyMarker><NextUploadIdMarker>u{n}</NextUploadIdMarker>\
             <Upload><Key>p/k{n}</Key><UploadId>u{n}</UploadId>\
             <Initiated>2026-08-03T02:00:00.000Z</Initiated></Upload></ListMultipartUploadsResult>"
        )
    };
    block_on(async {
        let canned = Canned::start(move |n, _| Reply::new(200, page(n, n < 2)));
        let pending = store(&canned).await.pending_uploads(&Path::from("p")).await.unwrap();
        let keys: Vec<_> = pending.iter().map(|upload| upload.key.as_str()).collect();
        assert_eq!(keys, ["p/k0", "p/k1", "p/k2"]);
        assert_eq!(pending[0].initiated_at, "2026-08-03T02:00:00Z".parse().ok());
        let requests = canned.requests();
        assert!(requests.iter().all(|request| request.target.contains("prefix=p%2F")));
        assert!(requests[2].asks("GET", "key-marker=k1"), "{:?}", requests[2]);
        assert!(requests[2].asks("GET", "upload-id-marker=u1"));
    });
}
