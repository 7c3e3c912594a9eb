//! Writers that race on the real server: of those that create one object, one wins.

use std::future::Future;

use consign::storage::CreateOnly;
use consign::storage::s3::S3Store;
use futures::future::join_all;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions};

use crate::services::block_on;
use crate::services::s3::Bucket;

const WRITERS: u8 = 16;

/// Runs `write` for each writer at the same time and checks that one won, and whose byte lies
/// there: the others must have been refused, or left in doubt by a conflict.
async fn race<W>(store: &S3Store, path: &Path, write: impl Fn(u8) -> W)
where
    W: Future<Output = object_store::Result<()>>,
{
    let outcomes = join_all((0..WRITERS).map(write)).await;
    let mut won = vec![];
    for (writer, outcome) in (0..).zip(&outcomes) {
        match outcome {
            Ok(()) => won.push(writer),
            Err(Error::AlreadyExists { .. } | Error::Generic { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    let lies_there = store.get(path).await.unwrap().bytes().await.unwrap()[0];
    assert_eq!(won, [lies_there], "{outcomes:?}");
}

#[test]
fn of_sixteen_that_create_an_object_one_wins() {
    block_on(async {
        let bucket = Bucket::create().await;
        let store = super::store(&bucket).await;
        for round in 0..20 {
            let path = Path::from(format!("round-{round}"));
            let create = |writer: u8| {
                let put = store.put_opts(&path, vec![writer].into(), PutMode::Create.into());
                async { put.await.map(drop) }
            };
            race(&store, &path, create).await;
        }
        bucket.delete().await;
    });
}

#[test]
fn of_sixteen_uploads_that_create_an_object_one_wins() {
    block_on(async {
        let bucket = Bucket::create().await;
        let store = super::store(&bucket).await;
        for round in 0..5 {
            let path = Path::from(format!("round-{round}"));
            let (store, path) = (&store, &path);
            let upload = |writer: u8| async move {
                let mut options = PutMultipartOptions::default();
                options.extensions.insert(CreateOnly);
                let mut upload = store.put_multipart_opts(path, options).await?;
                upload.put_part(vec![writer].into()).await?;
                let completed = upload.complete().await;
                upload.abort().await.unwrap();
                completed.map(drop)
            };
            race(store, path, upload).await;
        }
        assert_eq!(bucket.pending_uploads().await, []);
        bucket.delete().await;
    });
}
