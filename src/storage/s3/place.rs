//! `s3://bucket/prefix` taken apart.

use object_store::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// Bucket and prefix of `url`. What could be taken for something else is refused: user names,
/// query strings, empty and relative segments.
///
/// # Errors
/// `Usage`, without the URL when it may hold a secret.
pub(super) fn parse(url: &str) -> Result<(String, Path)> {
    let refused = |why: &str| {
        Error::new(ErrorKind::Usage, format!("this is not a place in S3: {why}"))
            .with_help("write s3://BUCKET/PREFIX")
    };
    let place = url.strip_prefix("s3://").unwrap_or(url);
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    if bucket.contains('@') {
        return Err(refused("it holds a user name or password"));
    }
    if place.contains(['?', '#']) {
        return Err(refused("it holds a query or fragment"));
    }
    let refused = |why: &str| refused(why).with("url", url);
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if bucket.is_empty() || !bucket.bytes().all(is_name) {
        return Err(refused("it does not name a bucket"));
    }
    let folder = prefix.strip_suffix('/').unwrap_or(prefix);
    if prefix.starts_with('/') || folder.ends_with('/') {
        return Err(refused("a segment of its prefix is empty"));
    }
    let path = Path::parse(folder).map_err(|error| refused("its prefix").with_source(error))?;
    Ok((bucket.to_owned(), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_and_prefix_are_taken_apart() {
        let parsed = |url| parse(url).map(|(bucket, path)| (bucket, path.to_string())).unwrap();
        let place = |bucket: &str, prefix: &str| (bucket.to_owned(), prefix.to_owned());
        assert_eq!(parsed("s3://lake"), place("lake", ""));
        assert_eq!(parsed("s3://lake/"), place("lake", ""));
        assert_eq!(parsed("s3://my.lake_1/a b/é/"), place("my.lake_1", "a b/é"));
        assert_eq!(parsed("s3://lake/a@b/100%"), place("lake", "a@b/100%"));
    }

    #[test]
    fn what_is_not_a_plain_place_is_refused_and_secrets_are_not_repeated() {
        for url in [
            "s3://",
            "s3:///x",
            "s3://a/../b",
            "s3://a/./b",
            "s3://a//b",
            "s3://a/b//",
            "s3://a//",
            "s3://a b/c",
            "s3://a:80/c",
            "s3://lake/x?versionId=1",
            "s3://lake/x#y",
            "s3://lake/\u{7}",
        ] {
            let error = parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{url}");
            assert!(error.help().is_some(), "{url}");
        }
        for url in ["s3://me:hunter2@lake/x", "s3://lake/x?token=hunter2"] {
            assert!(!format!("{:?}", parse(url).unwrap_err()).contains("hunter2"));
        }
    }
}
