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

/// How the buckets of a lake are reached.
pub async fn access(lake: &Lake, region_timeout: Duration) -> Access {
    let mut access = Access::within(region_timeout);
    if !lake.has_buckets() {
        return access;
    }
    let sdk = sdk(lake.locations().iter().find_map(|location| location.name())).await;
    access.region = sdk.region().map(ToString::to_string);
    access.endpoint = s3_endpoint(&sdk).or_else(|| sdk.endpoint_url().map(str::to_owned));
    access.credentials = sdk
        .credentials_provider()
        .map(|provider| Arc::new(Credentials { provider, bound: region_timeout, kept: Mutex::default() }) as Arc<_>);
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
    provider: SharedCredentialsProvider,
    bound: Duration,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    credential: Arc<AwsCredential>,
    until: Option<SystemTime>,
}

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut kept = self.kept.lock().await;
        let now = SystemTime::now();
        if let Some(kept) = kept.as_ref()
            && kept.until.is_none_or(|until| now < until)
        {
            return Ok(Arc::clone(&kept.credential));
        }
        let found = tokio::time::timeout(self.bound, self.provider.provide_credentials()).await;
        let reason = match found {
            Ok(Ok(found)) => {
                let credential = Arc::new(AwsCredential {
                    key_id: found.access_key_id().to_owned(),
                    secret_key: found.secret_access_key().to_owned(),
                    token: found.session_token().map(str::to_owned),
                });
                let until = found.expiry().and_then(|expiry| expiry.checked_sub(RENEW_BEFORE));
                *kept = Some(Kept { credential: Arc::clone(&credential), until });
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
