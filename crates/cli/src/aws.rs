//! Credentials and endpoints as the AWS SDK finds them: environment, profiles, SSO, processes, web identity, container and
//! instance roles. It refuses to look for any where no bucket is read.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;
use transect_lake::{Access, CredentialsError, Lake};

/// Credentials are renewed when they are about to end.
const RENEW_BEFORE: Duration = Duration::from_secs(300);
/// What says no end may be keys of a file that somebody writes anew: so old, they are looked for again.
const UNDATED_AGE: Duration = Duration::from_secs(300);

/// How the buckets of a lake are reached.
pub async fn access(lake: &Lake, region_timeout: Duration) -> Access {
    let mut access = Access::within(region_timeout);
    if !lake.has_buckets() {
        return access;
    }
    let named = lake.locations().iter().find_map(|location| location.name());
    let sdk = sdk(named).await;
    access.region = sdk.region().map(ToString::to_string);
    access.endpoint = s3_endpoint(&sdk).or_else(|| sdk.endpoint_url().map(str::to_owned));
    access.credentials =
        sdk.credentials_provider().map(|provider| Arc::new(Credentials::of(provider, named, region_timeout)) as Arc<_>);
    access
}

/// What the SDK finds: credentials, endpoints, and a region, for which the one named stands where nothing else says one.
pub async fn sdk(region: Option<&str>) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    // Asking an instance for its region takes seconds where there is none, and a region's name tells as much.
    let named = region.map(|name| Region::new(name.to_owned()));
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .or_else(named);
    aws_config::defaults(BehaviorVersion::v2026_01_12()).region(region).http_client(http).load().await
}

/// `AWS_ENDPOINT_URL_S3`, or what a profile's `services` section says for S3.
fn s3_endpoint(sdk: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url");
    sdk.service_config()?.load_config(key.build().ok()?)
}

#[derive(Debug)]
struct Credentials {
    /// The region that a lake names, where the SDK knows none.
    region: Option<String>,
    bound: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    provider: SharedCredentialsProvider,
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    credential: Arc<AwsCredential>,
    until: SystemTime,
    is_dated: bool,
}

impl Credentials {
    fn of(provider: SharedCredentialsProvider, region: Option<&str>, bound: Duration) -> Credentials {
        let state = Mutex::new(State { provider, kept: None });
        Credentials { region: region.map(str::to_owned), bound, state }
    }
}

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut state = self.state.lock().await;
        let now = SystemTime::now();
        match &state.kept {
            Some(kept) if now < kept.until => return Ok(Arc::clone(&kept.credential)),
            // The SDK has read its files once.
            Some(kept) if !kept.is_dated => {
                if let Some(provider) = sdk(self.region.as_deref()).await.credentials_provider() {
                    state.provider = provider;
                }
            }
            _ => {}
        }
        let found = tokio::time::timeout(self.bound, state.provider.provide_credentials()).await;
        let reason = match found {
            Ok(Ok(found)) => {
                let credential = Arc::new(AwsCredential {
                    key_id: found.access_key_id().to_owned(),
                    secret_key: found.secret_access_key().to_owned(),
                    token: found.session_token().map(str::to_owned),
                });
                let dated = found.expiry().and_then(|expiry| expiry.checked_sub(RENEW_BEFORE));
                let until = dated.unwrap_or_else(|| now + UNDATED_AGE);
                state.kept = Some(Kept { credential: Arc::clone(&credential), until, is_dated: dated.is_some() });
                return Ok(credential);
            }
            Ok(Err(error)) => causes(&error),
            Err(_) => format!("no answer within {:?}", self.bound),
        };
        Err(object_store::Error::Generic { store: "credentials", source: Box::new(CredentialsError(reason)) })
    }
}

/// What the SDK says, cause after cause.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
