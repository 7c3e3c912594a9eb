//! One configuration for every AWS service: region, profile and the credential chain.
//!
//! The chain is the SDK's own: environment, profiles, SSO, web identity, containers, instance
//! roles. Does not own what is done with a service.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::plan::AwsOptions;

/// Region that a store or table without one is asked in: stand-ins on a developer's machine have
/// none, and the SDK signs for one.
const FALLBACK_REGION: &str = "us-east-1";

/// Reads the shared configuration, again on every call: credentials that were renewed meanwhile
/// are found.
pub type LoadConfig = Arc<dyn Fn() -> BoxFuture<'static, SdkConfig> + Send + Sync>;

/// Reads the shared configuration; a service is not asked yet.
pub async fn load(options: &AwsOptions) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let config = loader.load().await;
    match config.region() {
        Some(_) => config,
        None => config.into_builder().region(Region::new(FALLBACK_REGION)).build(),
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
