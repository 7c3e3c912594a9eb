//! Credentials that could not be had: why, and how the user mends it.
//!
//! The chain is the SDK's own, and its errors speak of providers and crates. Owns their translation
//! and the refusal of a profile that does not exist. Does not own credentials that a service
//! refuses.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::ProviderChainError;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::{self, ProfileSet};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_types::os_shim_internal::{Env, Fs};

use crate::error::{Error, ErrorKind, causes, in_words};

/// Why there are no credentials, and how the user mends it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoCredentials {
    why: String,
    help: String,
}

impl NoCredentials {
    /// The error that ends a command for it; `message` says what was being done.
    #[must_use]
    pub fn into_error(self, message: impl fmt::Display) -> Error {
        let help = self.help.clone();
        Error::new(ErrorKind::Permission, format!("{message}: there are no AWS credentials"))
            .with_help(help)
            .with_source(self)
    }
}

impl fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl StdError for NoCredentials {}

/// What a failed call says of credentials that could not be had; nothing when it failed for another
/// reason, or when they did not come in time and may come later.
#[must_use]
pub fn no_credentials(error: &(dyn StdError + 'static)) -> Option<NoCredentials> {
    if let Some(told) = causes(error).find_map(|cause| cause.downcast_ref::<NoCredentials>()) {
        return Some(told.clone());
    }
    match causes(error).find_map(|cause| cause.downcast_ref::<CredentialsError>())? {
        CredentialsError::ProviderTimedOut(_) => None,
        error => Some(explain(error, DEFAULT_PROFILE)),
    }
}

/// The profile that is used when none is named.
const DEFAULT_PROFILE: &str = "default";

/// The profiles of the shared configuration files, one of them selected by name.
#[derive(Debug)]
pub(super) struct Profiles {
    /// None where the files cannot be read, which the chain tells.
    found: Option<ProfileSet>,
    selected: String,
}

impl Profiles {
    /// Reads the files. `name` is the profile that the job names, before that of the environment.
    pub(super) async fn read(name: Option<&str>) -> Self {
        let named = name.map(|name| Cow::Owned(name.to_owned()));
        let (fs, env) = (Fs::real(), Env::real());
        let found = profile::load(&fs, &env, &Default::default(), named).await.ok();
        let of_files = found.as_ref().map(|found| found.selected_profile());
        let selected = name.or(of_files).unwrap_or(DEFAULT_PROFILE).to_owned();
        Self { found, selected }
    }

    /// The chain for a profile that was named and does not exist. The SDK's would go on to the role
    /// of the container or the instance, which is somebody else. Keys of the environment come
    /// before a profile, and still do.
    pub(super) fn chain_without(&self) -> Option<CredentialsProviderChain> {
        let found = self.found.as_ref()?;
        let missing = missing_profile(&self.selected, found)?;
        let environment = EnvironmentVariableCredentialsProvider::new();
        let chain = CredentialsProviderChain::first_try("Environment", environment);
        Some(chain.or_else("Profile", NoSuchProfile(no_such_profile(missing, found))))
    }

    /// `chain`, which tells in the user's words why it gave no credentials.
    pub(super) fn told(self, chain: SharedCredentialsProvider) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(Told { chain, profile: self.selected })
    }
}

/// The profile, of `selected` and those it takes its keys from, that is not there.
fn missing_profile<'a>(selected: &'a str, found: &'a ProfileSet) -> Option<&'a str> {
    let mut name = selected;
    // Profiles that lead back to themselves are for the chain to tell.
    for _ in found.profiles().chain([selected]) {
        match found.get_profile(name) {
            Some(profile) => name = profile.get("source_profile")?,
            None => return (name != DEFAULT_PROFILE || name != selected).then_some(name),
        }
    }
    None
}

fn no_such_profile(name: &str, found: &ProfileSet) -> NoCredentials {
    let mut known: Vec<_> = found.profiles().collect();
    known.sort_unstable();
    let known = match known.is_empty() {
        true => "they have none".to_owned(),
        false => format!("they have {}", known.join(", ")),
    };
    NoCredentials {
        why: format!("there is no profile `{name}` in the shared configuration files; {known}"),
        help: "correct AWS_PROFILE, `profile` in [aws] of the job, or a `source_profile`; the \
               files are ~/.aws/config and ~/.aws/credentials, unless AWS_CONFIG_FILE and \
               AWS_SHARED_CREDENTIALS_FILE say otherwise"
            .to_owned(),
    }
}

#[derive(Debug)]
struct NoSuchProfile(NoCredentials);

impl ProvideCredentials for NoSuchProfile {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let refused = CredentialsError::invalid_configuration(self.0.clone());
        future::ProvideCredentials::ready(Err(refused))
    }
}

#[derive(Debug)]
struct Told {
    chain: SharedCredentialsProvider,
    profile: String,
}

impl Told {
    async fn credentials(&self) -> provider::Result {
        self.chain.provide_credentials().await.map_err(|error| match &error {
            CredentialsError::ProviderTimedOut(_) => error,
            _ => CredentialsError::provider_error(explain(&error, &self.profile)),
        })
    }
}

impl ProvideCredentials for Told {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.chain.fallback_on_interrupt()
    }
}

/// What an error of the chain comes to. Providers have no types that tell, only words.
fn explain(error: &CredentialsError, profile: &str) -> NoCredentials {
    if let Some(told) = causes(error).find_map(|cause| cause.downcast_ref::<NoCredentials>()) {
        return told.clone();
    }
    let in_chain = |cause: &'_ (dyn StdError + 'static)| {
        cause.downcast_ref::<ProviderChainError<CredentialsError>>().map(|chain| {
            let tried = chain.attempts().iter().map(|a| tried(a.name(), a.error(), profile));
            tried.collect::<Vec<_>>().join("; ")
        })
    };
    let says = error.source().map_or_else(|| error.to_string(), in_words);
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        let why = causes(error).find_map(in_chain).unwrap_or(says);
        return NoCredentials { why, help: WAYS.to_owned() };
    }
    let has = |words: &str| says.contains(words);
    let token_file = error.source().is_some_and(|source| source.is::<io::Error>());
    let (why, help) = if has("SSO token has expired") {
        (format!("the SSO session of profile `{profile}` has expired"), log_in(profile))
    } else if has("SSO token") {
        (format!("there is no SSO session for profile `{profile}`"), log_in(profile))
    } else if has("UnauthorizedException") {
        (format!("the SSO session of profile `{profile}` is no longer accepted"), log_in(profile))
    } else if has("credentials-login") {
        let why = format!("profile `{profile}` is one of `aws login`, which is not read here");
        let process = "credential_process = aws configure export-credentials --format process";
        (why, format!("name a profile with `{process} --profile {profile}`, or one of SSO"))
    } else if has("external process") {
        // What the process wrote may be anything.
        let why = format!("the credential_process of profile `{profile}` gave none");
        (why, "run its command by hand to see what it says; it is not repeated here".to_owned())
    } else if has("IMDS") {
        // The last link of the chain.
        (format!("neither keys, nor a profile with any, nor a role: {says}"), WAYS.to_owned())
    } else if token_file {
        let help = "check AWS_WEB_IDENTITY_TOKEN_FILE, or the file that the profile names";
        (format!("the web identity token cannot be read: {says}"), help.to_owned())
    } else if matches!(error, CredentialsError::InvalidConfiguration(_)) {
        let help = format!("correct profile `{profile}` in the shared configuration files");
        (says, help)
    } else {
        let help = "see that the service that gives credentials is reached and allows it: STS, the \
                    SSO portal, the container's or the instance's metadata";
        (says, help.to_owned())
    };
    NoCredentials { why, help }
}

/// What to do where nothing was set up.
const WAYS: &str = "name a profile by AWS_PROFILE or `profile` in [aws] of the job, set \
                    AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where there is a role";

fn log_in(profile: &str) -> String {
    let option = match profile {
        DEFAULT_PROFILE => String::new(),
        name => format!(" --profile {name}"),
    };
    format!("log in by `aws sso login{option}` and run the same command again")
}

/// One link of the chain, and why it gave nothing.
fn tried(name: &str, error: &CredentialsError, profile: &str) -> String {
    let why = error.source().map(|source| format!(" ({})", in_words(source))).unwrap_or_default();
    match name {
        "Environment" => "no keys in the environment".to_owned(),
        "Profile" => format!("none in profile `{profile}`{why}"),
        "WebIdentityToken" => "no web identity".to_owned(),
        "EcsContainer" => "no role of a container".to_owned(),
        "Ec2InstanceMetadata" => format!("no role of an instance{why}"),
        other => format!("{other}{why}"),
    }
}
