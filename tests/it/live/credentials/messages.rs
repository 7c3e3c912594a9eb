//! What the user reads when there are no credentials: what was tried, and how to mend it.

use std::sync::Arc;

use serde_json::json;

use super::aws::{self, Grant, Keys, ROLE_ARN};
use super::{CACHE_OF_SESSION, Home, instance_role, profile_process, sso_config, web_identity};
use crate::live::harness::{Project, export_of_orders, stderr};
use crate::services::canned::{Canned, Reply};

/// A project with a job that reads a table and one that publishes to a bucket. Their services would
/// fail the test if they were asked.
fn project() -> (Home, Project) {
    let (home, mut project) = Home::with_project();
    project.set("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1");
    project.set("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1");
    jobs(&project, "");
    (home, project)
}

fn jobs(project: &Project, more: &str) {
    let export = export_of_orders(&project.path(""), 5);
    let source = format!("kind = \"dynamodb_export\"\nurl = \"{}\"", export.display());
    project.job("bucket", &source, "s3://lake/orders", more);
    project.job("table", "kind = \"dynamodb\"\ntable = \"orders\"", "out", more);
}

/// Holds that both jobs end with exit code 4 and say all of `says`.
fn refused(project: &Project, says: &[&str]) {
    for job in ["table", "bucket"] {
        let output = project.output(&Project::run_arguments(job));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(4), "{job}: {said}");
        for words in ["there are no AWS credentials", "\nhelp: "].iter().chain(says) {
            assert!(said.contains(words), "{job}: `{words}` is missing: {said}");
        }
        assert!(!said.contains("canary"), "{said}");
    }
}

fn wrong() -> Grant {
    Arc::new(Keys::wrong)
}

#[test]
fn nothing_anywhere_is_told_with_all_that_was_tried() {
    let (_home, project) = project();
    let tried = "no keys in the environment; none in profile `default`; no web identity; \
                 no role of a container; no role of an instance (";
    refused(&project, &[tried, "AWS_PROFILE", "AWS_ACCESS_KEY_ID"]);
}

#[test]
fn a_metadata_service_that_is_not_there_is_told() {
    let (_home, mut project) = project();
    project.unset("AWS_EC2_METADATA_DISABLED");
    project.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");
    refused(&project, &["no role of an instance (could not communicate with IMDS"]);

    let closed = Canned::start(|_, _| Reply::new(403, ""));
    project.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", closed.url.clone());
    refused(&project, &["nor a role: ", "IMDS is disabled", "AWS_PROFILE"]);
}

#[test]
fn a_profile_that_does_not_exist_is_not_passed_over() {
    let (home, mut project) = project();
    home.write(".aws/config", "[profile lake]\nregion = us-east-1\n[profile shop]\n");
    // Its role would be taken by the SDK.
    let instance = instance_role(&mut project, &home, wrong()).unwrap();
    project.set("AWS_PROFILE", "laek");
    let says = ["there is no profile `laek`", "they have lake, shop", "correct AWS_PROFILE"];
    refused(&project, &says);

    project.unset("AWS_PROFILE");
    jobs(&project, "[aws]\nprofile = \"laek\"\nregion = \"us-east-1\"");
    refused(&project, &says);

    // Nor is one that another takes its keys from.
    let role = format!("[profile lake]\nrole_arn = {ROLE_ARN}\nsource_profile = laek\n");
    home.write(".aws/config", &role);
    jobs(&project, "[aws]\nprofile = \"lake\"");
    refused(&project, &["there is no profile `laek`", "they have lake", "`source_profile`"]);
    let asked = instance.requests();
    assert!(asked.iter().all(|request| !request.target.contains("security-credentials")));

    // Keys of the environment come before any profile.
    project.set("AWS_ACCESS_KEY_ID", "key");
    project.set("AWS_SECRET_ACCESS_KEY", "canary-secret");
    let output = project.output(&Project::run_arguments("bucket"));
    assert!(stderr(&output).contains("Connection refused"), "{}", stderr(&output));
}

#[test]
fn an_sso_session_that_expired_is_told_with_the_command_that_renews_it() {
    let (home, mut project) = project();
    home.write(".aws/config", &sso_config("lake", "sso_session = corp"));
    project.set("AWS_PROFILE", "lake");
    let log_in = "aws sso login --profile lake";
    refused(&project, &["there is no SSO session for profile `lake`", log_in]);

    let old = json!({ "accessToken": "canary-old-token", "expiresAt": "2020-01-01T00:00:00Z" });
    home.write_sso_token(CACHE_OF_SESSION, old);
    refused(&project, &["the SSO session of profile `lake` has expired", log_in]);

    // One that the portal has ended.
    let ended = json!({ "accessToken": "canary-ended", "expiresAt": "2100-01-01T00:00:00Z" });
    home.write_sso_token(CACHE_OF_SESSION, ended);
    let portal = aws::sso(wrong());
    project.set("AWS_ENDPOINT_URL_SSO", portal.url.clone());
    refused(&project, &["the SSO session of profile `lake` is no longer accepted", log_in]);
}

#[test]
fn a_role_that_is_denied_is_told() {
    let (home, mut project) = project();
    let sts: Canned = web_identity(&mut project, &home, wrong()).unwrap();
    project.set("AWS_ROLE_ARN", ROLE_ARN.replace("exporter", "king"));
    refused(&project, &["AccessDenied", "STS"]);
    assert!(!sts.requests().is_empty());
    project.set("AWS_WEB_IDENTITY_TOKEN_FILE", home.path("nowhere"));
    refused(&project, &["the web identity token cannot be read", "AWS_WEB_IDENTITY_TOKEN_FILE"]);
}

#[test]
fn profiles_that_give_nothing_are_told_by_name() {
    let (home, mut project) = project();
    profile_process(&mut project, &home, wrong());
    home.write(".aws/config", "[default]\ncredential_process = echo canary >&2; false\n");
    refused(&project, &["the credential_process of profile `default` gave none"]);

    project.set("AWS_PROFILE", "lake");
    home.write(
        ".aws/config",
        "[profile lake]\nlogin_session = arn:aws:iam::123456789012:user/me\n",
    );
    refused(&project, &["profile `lake` is one of `aws login`", "export-credentials"]);

    let role = format!("[profile lake]\nrole_arn = {ROLE_ARN}\nsource_profile = lake2\n");
    let base = format!("[profile lake2]\nrole_arn = {ROLE_ARN}\nsource_profile = lake\n");
    home.write(".aws/config", &(role + &base));
    refused(&project, &["infinite loop", "correct profile `lake`"]);
}
