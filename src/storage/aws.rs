//! One configuration for every AWS service: region, profile and the credential chain.
//!
//! The chain is the SDK's own: environment, profiles, SSO, web identity, containers, instance
//! roles. Does not own what is done with a service.

mod credentials;

use std::sync::Arc;

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::plan::AwsOptions;

use credentials::Profiles;
pub use credentials::{NoCredentials, no_credentials};

/// Region that a store or table without one is asked in: stand-ins on a developer's machine have
/// none, and the SDK signs for one.
const FALLBACK_REGION: &str = "us-east-1";

/// Reads the shared configuration, again on every call: credentials that were renewed meanwhile
/// are found.
pub type LoadConfig = Arc<dyn Fn() -> BoxFuture<'static, SdkConfig> + Send + Sync>;

/// Reads the shared configuration; a service is not asked yet.
pub async fn load(options: &AwsOptions) -> SdkConfig {
    let profiles = Profiles::read(options.profile.as_deref()).await;
    let mut region = DefaultRegionChain::builder();
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(profile) = &options.profile {
        region = region.profile_name(profile);
        loader = loader.profile_name(profile);
    }
    if let Some(chain) = profiles.chain_without() {
        loader = loader.credentials_provider(chain);
    }
    let region = RegionProviderChain::first_try(options.region.clone().map(Region::new))
        .or_else(region.build())
        .or_else(Region::new(FALLBACK_REGION));
    let config = loader.region(region).load().await;
    match config.credentials_provider() {
        Some(chain) => {
            let told = profiles.told(chain);
            config.into_builder().credentials_provider(told).build()
        }
        None => config,
    }
}

/// [`load`] as a function to call again.
#[must_use]
pub fn loader(options: &AwsOptions) -> LoadConfig {
    let options = options.clone();
    Arc::new(move || {
        let options = options.clone();
        async move { load(&options).await }.boxed()
    })
}

/// Whether the host of an endpoint is this machine.
#[must_use]
pub fn is_on_this_machine(endpoint_url: &str) -> bool {
    let rest = endpoint_url.split_once("://").map_or(endpoint_url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    super::is_loopback(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_told_from_others() {
        for here in
            ["http://127.0.0.1:8000", "http://localhost", "https://[::1]:9/x", "localhost:1"]
        {
            assert!(is_on_this_machine(here), "{here}");
        }
        for there in [
            "https://dynamodb.eu-west-1.amazonaws.com",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org:8000",
            "",
            "http://10.0.0.1",
        ] {
            assert!(!is_on_this_machine(there), "{there}");
        }
    }
}
