//! Sessions for an S3 server that knows none: a request signed with the keys of a session is
//! checked as AWS would, and passes signed anew with the server's own keys.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::aws::Keys;
use crate::proxy::http::{self, Fault, Request};
use crate::services;

const SESSION_TOKEN: &str = "x-amz-security-token";

/// Lets a request pass that is signed with `keys`; refuses another in the words of S3.
pub fn admit(request: &Request, keys: &Keys) -> Fault {
    if text(&request.headers, SESSION_TOKEN) != keys.session_token {
        return http::s3_error(400, "ExpiredToken");
    }
    let session = Some(keys.session_token.clone());
    let claimed = Credentials::new(&keys.access_key, &keys.secret_key, session, None, "session");
    if text(&request.headers, "authorization") != authorization(request, claimed) {
        return http::s3_error(403, "SignatureDoesNotMatch");
    }
    let s3 = services::s3();
    let own = Credentials::new(s3.access_key, s3.secret_key, None, None, "server");
    let mut headers = request.headers.clone();
    headers.remove(SESSION_TOKEN);
    headers.insert(AUTHORIZATION, authorization(request, own).parse().unwrap());
    Fault::PassWith(headers)
}

/// The authorization of a request, were it signed with `keys`, at the same time and place.
fn authorization(request: &Request, keys: Credentials) -> String {
    let header = |name: &str| text(&request.headers, name);
    let between = |text: &str, begin: &str, end: &str| {
        let rest = text.split_once(begin).unwrap().1;
        rest.split_once(end).unwrap().0.to_owned()
    };
    let given = header("authorization");
    let region = between(given, "Credential=", ",").split('/').nth(2).unwrap().to_owned();
    let signed = between(given, "SignedHeaders=", ",");
    let added_by_signing = ["x-amz-date", "x-amz-content-sha256", SESSION_TOKEN];
    let signed = signed.split(';').filter(|name| !added_by_signing.contains(name));

    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let identity = keys.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&region)
        .name("s3")
        .time(time(header("x-amz-date")))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let url = format!("http://{}{}", header("host"), request.path);
    let body = SignableBody::Precomputed(header("x-amz-content-sha256").to_owned());
    let headers = signed.map(|name| (name, header(name)));
    let signable = SignableRequest::new(&request.method, &url, headers, body).unwrap();
    let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
    let (headers, _) = instructions.into_parts();
    headers.iter().find(|header| header.name() == "authorization").unwrap().value().to_owned()
}

fn time(text: &str) -> SystemTime {
    let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", text).unwrap();
    let seconds = Offset::UTC.to_timestamp(civil).unwrap().as_second();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}
