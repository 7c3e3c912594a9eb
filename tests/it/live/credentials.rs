//! The AWS credential chain through the command: each way to come by keys, with stand-ins for what
//! AWS answers. S3 takes one pair of keys and one session, so that a dataset which is there was
//! published with them.

mod aws;
mod messages;
mod sessions;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws::{
    CLIENT_SECRET, CONTAINER_TOKEN, Grant, Keys, PORTAL_TOKEN, REFRESH_TOKEN, ROLE_ARN, TOKENS,
    WEB_IDENTITY,
};

use super::harness::{AS_OF, Project, export_of_orders, stderr};
use super::secrets::said_and_written;
use crate::proxy::http::{Fault, HttpProxy, Request};
use crate::services::canned::Canned;
use crate::services::s3::Bucket;
use crate::services::{self, block_on};

/// The key of the profile that a role is assumed from.
const SOURCE_KEY: &str = "SOURCEKEY";

/// SHA-1 of `corp` and of `https://corp.awsapps.com/start`, the names of the files that the AWS
/// command line keeps tokens in.
const CACHE_OF_SESSION: &str = "ee0bfd2552fbd840c02cc48b6e823320543c450f";
const CACHE_OF_START_URL: &str = "a51746d4aa793ae07b25e90c3a5db96fc7832bd7";

/// A user's home, apart from the project.
struct Home(tempfile::TempDir);

impl Home {
    /// A home without anything in it, and a project whose command has no credentials.
    fn with_project() -> (Self, Project) {
        let (home, mut project) = (Self(tempfile::tempdir().unwrap()), Project::new());
        project.unset("AWS_ACCESS_KEY_ID");
        project.unset("AWS_SECRET_ACCESS_KEY");
        project.set("HOME", home.path(""));
        (home, project)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A cached token of SSO.
    fn write_sso_token(&self, name: &str, token: serde_json::Value) {
        self.write(&format!(".aws/sso/cache/{name}.json"), &token.to_string());
    }
}

/// Makes the command find what `grant` gives, and says who is asked for it.
type Way = fn(&mut Project, &Home, Grant) -> Option<Canned>;

fn profile_keys(project: &mut Project, home: &Home, grant: Grant) -> Option<Canned> {
    let keys = grant();
    let credentials = format!(
        "[lake]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n",
        keys.access_key, keys.secret_key, keys.session_token
    );
    let credentials = home.write("somewhere/credentials", &credentials);
    project.set("AWS_SHARED_CREDENTIALS_FILE", credentials);
    let config = home.write("somewhere/config", "[profile lake]\nregion = us-east-1\n");
    project.set("AWS_CONFIG_FILE", config);
    project.set("AWS_PROFILE", "lake");
    project.unset("AWS_REGION");
    None
}

fn profile_process(project: &mut Project, home: &Home, grant: Grant) -> Option<Canned> {
    let printed = home.write("keys.json", &grant().of_process().to_string());
    let config = format!("[default]\ncredential_process = cat \"{printed}\"\n");
    home.write(".aws/config", &config);
    project.unset("AWS_PROFILE");
    None
}

/// The source profile is in the other file, and STS is named by the environment. No region is.
fn assumed_role(project: &mut Project, home: &Home, grant: Grant) -> Option<Canned> {
    let sts = aws::sts(SOURCE_KEY, grant);
    let config = format!("[profile lake]\nrole_arn = {ROLE_ARN}\nsource_profile = base\n");
    home.write(".aws/config", &config);
    home.write(".aws/credentials", &source_profile());
    project.set("AWS_PROFILE", "lake");
    project.set("AWS_ENDPOINT_URL_STS", sts.url.clone());
    project.unset("AWS_REGION");
    Some(sts)
}

/// STS is named by the profile's services.
fn assumed_role_of_services(project: &mut Project, home: &Home, grant: Grant) -> Option<Canned> {
    let sts = aws::sts(SOURCE_KEY, grant);
    let config = format!(
        "[profile lake]\nrole_arn = {ROLE_ARN}\nsource_profile = base\nservices = here\n\
         [services here]\nsts =\n  endpoint_url = {}\n",
        sts.url
    );
    home.write(".aws/config", &config);
    home.write(".aws/credentials", &source_profile());
    project.set("AWS_PROFILE", "lake");
    Some(sts)
}

fn source_profile() -> String {
    format!("[base]\naws_access_key_id = {SOURCE_KEY}\naws_secret_access_key = source-secret\n")
}

fn sso_session(project: &mut Project, home: &Home, grant: Grant) -> Option<Canned> {
    let token = serde_json::json!({
        "accessToken": PORTAL_TOKEN, "expiresAt": "2100-01-01T00:00:00Z", "region": "us-east-1",
        "startUrl": "https://corp.awsapps.com/start",
    });
    home.write_sso_token(CACHE_OF_SESSION, token);
    Some(sso(project, home, grant, "sso_session = corp"))
}

/// The token has expired, and there is one to renew it with.
fn renewed_sso_session(project: &mut Project, home: &Home, grant: Grant) -> Option<Canned> {
    let token = serde_json::json!({
        "accessToken": "canary-old-token", "expiresAt": "2020-01-01T00:00:00Z",
        "region": "us-east-1", "startUrl": "https://corp.awsapps.com/start",
        "refreshToken": REFRESH_TOKEN, "clientId": "client", "clientSecret": CLIENT_SECRET,
        "registrationExpiresAt": "2100-01-01T00:00:00Z",
    });
    home.write_sso_token(CACHE_OF_SESSION, token);
    Some(sso(project, home, grant, "sso_session = corp"))
}

/// As profiles were before there were sessions.
fn sso_start_url(project: &mut Project, home: &Home, grant: Grant) -> Option<Canned> {
    let token =
        serde_json::json!({ "accessToken": PORTAL_TOKEN, "expiresAt": "2100-01-01T00:00:00Z" });
    home.write_sso_token(CACHE_OF_START_URL, token);
    let settings = "sso_start_url = https://corp.awsapps.com/start\nsso_region = us-east-1";
    Some(sso(project, home, grant, settings))
}

fn sso(project: &mut Project, home: &Home, grant: Grant, settings: &str) -> Canned {
    let portal = aws::sso(grant);
    home.write(".aws/config", &sso_config("lake", settings));
    project.set("AWS_PROFILE", "lake");
    project.set("AWS_ENDPOINT_URL_SSO", portal.url.clone());
    project.set("AWS_ENDPOINT_URL_SSO_OIDC", portal.url.clone());
    portal
}

fn sso_config(profile: &str, settings: &str) -> String {
    format!(
        "[profile {profile}]\n{settings}\nsso_account_id = 123456789012\nsso_role_name = exporter\n\
         [sso-session corp]\nsso_region = us-east-1\n\
         sso_start_url = https://corp.awsapps.com/start\n"
    )
}

fn web_identity(project: &mut Project, home: &Home, grant: Grant) -> Option<Canned> {
    let sts = aws::sts(SOURCE_KEY, grant);
    project.set("AWS_WEB_IDENTITY_TOKEN_FILE", home.write("token", WEB_IDENTITY));
    project.set("AWS_ROLE_ARN", ROLE_ARN);
    project.set("AWS_ENDPOINT_URL_STS", sts.url.clone());
    Some(sts)
}

/// The region is the instance's, too.
fn instance_role(project: &mut Project, _: &Home, grant: Grant) -> Option<Canned> {
    let metadata = aws::instance(grant);
    project.unset("AWS_EC2_METADATA_DISABLED");
    project.unset("AWS_REGION");
    project.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url.clone());
    Some(metadata)
}

fn container_role(project: &mut Project, _: &Home, grant: Grant) -> Option<Canned> {
    let metadata = aws::container(grant);
    project.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/role", metadata.url));
    project.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_TOKEN);
    Some(metadata)
}

/// As EKS does it: the token is in a file.
fn pod_role(project: &mut Project, home: &Home, grant: Grant) -> Option<Canned> {
    let metadata = aws::container(grant);
    project.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/role", metadata.url));
    let file = home.write("pod-token", CONTAINER_TOKEN);
    project.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file);
    Some(metadata)
}

/// A bucket behind a proxy that does `decide`, and a job that publishes to it.
fn publishing(
    project: &mut Project,
    decide: impl Fn(&Request) -> Fault + Send + Sync + 'static,
) -> (Bucket, HttpProxy) {
    let bucket = block_on(Bucket::create());
    let proxy = HttpProxy::start(&services::s3().url, decide);
    project.set("AWS_ENDPOINT_URL_S3", proxy.url());
    let export = export_of_orders(&project.path(""), 20);
    let source = format!("kind = \"dynamodb_export\"\nurl = \"{}\"", export.display());
    project.job("orders", &source, &format!("s3://{}/orders", bucket.name), "");
    (bucket, proxy)
}

/// Holds that keys which come `way` are used, that others are refused plainly, and that nothing
/// secret is said or written.
fn used(way: Way) {
    let (home, mut project) = Home::with_project();
    let (bucket, proxy) =
        publishing(&mut project, |request| sessions::admit(request, &Keys::good()));

    let asked = way(&mut project, &home, Arc::new(Keys::wrong));
    let output = project.output(&Project::run_arguments("orders"));
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("SignatureDoesNotMatch") && said.contains("\nhelp: "), "{said}");
    assert!(!said.contains(&Keys::wrong().secret_key), "{said}");
    assert!(asked.is_none_or(|stand_in| !stand_in.requests().is_empty()));

    let _stand_in = way(&mut project, &home, Arc::new(Keys::good));
    let all = said_and_written(&project, &["run", "orders", "-vv", "--as-of", AS_OF]);
    assert_eq!(block_on(bucket.keys("orders/_log/")).len(), 1, "{all}");
    assert!(!proxy.exchanges().is_empty());
    let keys = Keys::good();
    let secrets = [keys.secret_key.as_str(), &keys.session_token, "canary-old-token"];
    for secret in secrets.iter().chain(&TOKENS) {
        let at = all.find(secret);
        let around = at.map(|at| &all[at.saturating_sub(300)..at + secret.len()]);
        assert!(at.is_none(), "told {secret}: {around:?}");
    }
    block_on(bucket.delete());
}

#[test]
fn keys_of_a_profile_are_used() {
    used(profile_keys);
}

#[test]
fn keys_that_a_process_prints_are_used() {
    used(profile_process);
}

#[test]
fn a_role_that_a_profile_assumes_is_used() {
    used(assumed_role);
}

#[test]
fn a_role_is_assumed_where_the_profile_says() {
    used(assumed_role_of_services);
}

#[test]
fn an_sso_session_is_used() {
    used(sso_session);
}

#[test]
fn an_sso_session_that_can_be_renewed_is_renewed_and_used() {
    used(renewed_sso_session);
}

#[test]
fn sso_without_a_session_is_used() {
    used(sso_start_url);
}

#[test]
fn a_web_identity_is_used() {
    used(web_identity);
}

#[test]
fn the_role_of_an_instance_is_used() {
    used(instance_role);
}

#[test]
fn the_role_of_a_container_is_used() {
    used(container_role);
}

#[test]
fn the_role_of_a_pod_is_used() {
    used(pod_role);
}

/// Keys of the session with this number.
fn keys_of(session: &AtomicUsize) -> Keys {
    let session_token = format!("canary-session-{}", session.load(Ordering::Relaxed));
    Keys { session_token, ..Keys::good() }
}

#[test]
fn keys_that_run_out_in_the_middle_of_a_run_are_asked_for_again() {
    for way in [assumed_role, sso_session, web_identity, instance_role, container_role] {
        let (home, mut project) = Home::with_project();
        // The session that is granted. The first one ends when the first data file is written.
        let session = Arc::new(AtomicUsize::new(0));
        let granted = Arc::clone(&session);
        let (bucket, proxy) = publishing(&mut project, move |request| {
            if request.method == "PUT" && request.path.contains("/_data/") {
                session.store(1, Ordering::Relaxed);
            }
            sessions::admit(request, &keys_of(&session))
        });
        let grant = move || keys_of(&granted);
        let _stand_in = way(&mut project, &home, Arc::new(grant));
        let outcome = project.run("orders");
        assert_eq!(outcome["outcome"], "published");
        let refused = proxy.exchanges().iter().filter(|e| e.status == Some(400)).count();
        assert!((1..=10).contains(&refused), "{refused} calls with the old session");
        block_on(bucket.delete());
    }
}
