//! What AWS answers to who asks for keys: STS, the SSO portal, the metadata of an instance and of a
//! container. Each stand-in gives keys only to who shows what AWS would want to see.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::services;
use crate::services::canned::{Canned, Reply, Request};

pub const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/exporter";
pub const WEB_IDENTITY: &str = "canary-web-identity";
pub const PORTAL_TOKEN: &str = "canary-portal-token";
pub const REFRESH_TOKEN: &str = "canary-refresh-token";
pub const CLIENT_SECRET: &str = "canary-client-secret";
pub const CONTAINER_TOKEN: &str = "canary-container-token";
const INSTANCE_TOKEN: &str = "canary-instance-token";

/// What no output may hold, beside the keys themselves.
pub const TOKENS: [&str; 6] =
    [WEB_IDENTITY, PORTAL_TOKEN, REFRESH_TOKEN, CLIENT_SECRET, CONTAINER_TOKEN, INSTANCE_TOKEN];

/// When keys that are given run out.
const LATER: &str = "2100-01-01T00:00:00Z";
const LATER_MS: i64 = 4_102_444_800_000;

/// Keys, and the token of their session.
#[derive(Debug, Clone)]
pub struct Keys {
    pub access_key: String,
    pub secret_key: String,
    pub session_token: String,
}

impl Keys {
    /// Keys that the S3 server takes.
    pub fn good() -> Self {
        let s3 = services::s3();
        let session_token = "canary-session-token".to_owned();
        Self { access_key: s3.access_key, secret_key: s3.secret_key, session_token }
    }

    /// Keys whose secret is another than the server's.
    pub fn wrong() -> Self {
        Self { secret_key: "canary-wrong-secret-key".to_owned(), ..Self::good() }
    }

    /// As the metadata of a container and of an instance have them.
    fn of_metadata(&self) -> Value {
        json!({
            "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-08-03T00:00:00Z",
            "AccessKeyId": self.access_key, "SecretAccessKey": self.secret_key,
            "Token": self.session_token, "Expiration": LATER,
        })
    }

    /// As a `credential_process` prints them.
    pub fn of_process(&self) -> Value {
        json!({
            "Version": 1, "AccessKeyId": self.access_key, "SecretAccessKey": self.secret_key,
            "SessionToken": self.session_token, "Expiration": LATER,
        })
    }
}

/// The keys that a stand-in gives when it is asked.
pub type Grant = Arc<dyn Fn() -> Keys + Send + Sync>;

/// STS. Roles are for who signs with `source_key`, or has the web identity.
pub fn sts(source_key: &'static str, grant: Grant) -> Canned {
    Canned::start(move |_, request| {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let role = form.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fexporter");
        let signed = |key| has(request, "authorization", &format!("Credential={key}/"));
        let operation = match form.split(['=', '&']).nth(1) {
            Some("AssumeRole") if role && signed(source_key) => "AssumeRole",
            Some("AssumeRoleWithWebIdentity") if role && form.contains(WEB_IDENTITY) => {
                "AssumeRoleWithWebIdentity"
            }
            _ => return sts_refusal(),
        };
        let keys = grant();
        Reply::new(
            200,
            format!(
                "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <{operation}Result><Credentials><AccessKeyId>{}</AccessKeyId>\
                 <SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken>\
                 <Expiration>{LATER}</Expiration></Credentials></{operation}Result>\
                 </{operation}Response>",
                keys.access_key, keys.secret_key, keys.session_token
            ),
        )
    })
}

fn sts_refusal() -> Reply {
    Reply::new(
        403,
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
         <Type>Sender</Type><Code>AccessDenied</Code><Message>not for you</Message></Error>\
         </ErrorResponse>",
    )
}

/// The SSO portal, and the service that gives a new token for a refresh token.
pub fn sso(grant: Grant) -> Canned {
    Canned::start(move |_, request| {
        if request.asks("POST", "/token") {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            return match body.contains(REFRESH_TOKEN) && body.contains(CLIENT_SECRET) {
                true => json_reply(&json!({
                    "accessToken": PORTAL_TOKEN, "expiresIn": 28_800, "tokenType": "Bearer",
                })),
                false => Reply::new(400, "{\"error\":\"invalid_grant\"}"),
            };
        }
        let role = request.asks("GET", "/federation/credentials")
            && request.asks("GET", "role_name=exporter")
            && request.asks("GET", "account_id=123456789012");
        if !role || !has(request, "x-amz-sso_bearer_token", PORTAL_TOKEN) {
            return Reply::new(401, "{\"message\":\"Session token not found or invalid\"}")
                .with("x-amzn-errortype", "UnauthorizedException");
        }
        let keys = grant();
        json_reply(&json!({ "roleCredentials": {
            "accessKeyId": keys.access_key, "secretAccessKey": keys.secret_key,
            "sessionToken": keys.session_token, "expiration": LATER_MS,
        }}))
    })
}

/// The metadata of an instance, version 2, that lies in us-east-1 and has a role.
pub fn instance(grant: Grant) -> Canned {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    Canned::start(move |_, request| {
        if request.asks("PUT", "/latest/api/token") {
            let seconds = "x-aws-ec2-metadata-token-ttl-seconds";
            return Reply::new(200, INSTANCE_TOKEN).with(seconds, "21600");
        }
        if !has(request, "x-aws-ec2-metadata-token", INSTANCE_TOKEN) {
            return Reply::new(401, "");
        }
        match request.target.as_str() {
            "/latest/meta-data/placement/region" => Reply::new(200, "us-east-1"),
            ROLES => Reply::new(200, "exporter"),
            target if target.strip_prefix(ROLES) == Some("exporter") => {
                json_reply(&grant().of_metadata())
            }
            _ => Reply::new(404, ""),
        }
    })
}

/// The metadata of a container that has a role.
pub fn container(grant: Grant) -> Canned {
    Canned::start(move |_, request| {
        match request.asks("GET", "/role") && has(request, "authorization", CONTAINER_TOKEN) {
            true => json_reply(&grant().of_metadata()),
            false => Reply::new(403, "{\"code\":\"AccessDenied\",\"message\":\"not for you\"}"),
        }
    })
}

fn has(request: &Request, header: &str, text: &str) -> bool {
    request.header(header).is_some_and(|value| value.contains(text))
}

fn json_reply(body: &Value) -> Reply {
    Reply::new(200, body.to_string()).with("content-type", "application/json")
}
