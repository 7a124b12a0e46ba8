//! The clients of one region, and whose account it is. It refuses to look for regions or credentials by itself.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use crate::Fault;

/// Tries of one call; the waits between them double, with full jitter. The services allow some calls a second, and who comes
/// with many at once is asked to wait.
const ATTEMPTS_MAX: u32 = 8;
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// A connection that takes longer than this is not going to come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// One try, answer included.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

/// Whose credentials these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
}

/// The services of one region.
#[derive(Clone, Debug)]
pub struct Region {
    /// Its name, such as `us-east-2`.
    pub name: String,
    /// CloudWatch.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Firehose.
    pub firehose: aws_sdk_firehose::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// The Security Token Service, which knows whose credentials these are.
    pub sts: aws_sdk_sts::Client,
}

impl Region {
    /// Clients for a region. Nothing is asked yet.
    pub fn new(name: &str, sdk: &SdkConfig) -> Region {
        let sdk = sdk
            .to_builder()
            .region(aws_types::region::Region::new(name.to_owned()))
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(ATTEMPTS_MAX)
                    .with_initial_backoff(BACKOFF_FIRST)
                    .with_max_backoff(BACKOFF_MAX),
            )
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .build(),
            )
            .build();
        Region {
            name: name.to_owned(),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&sdk),
            logs: aws_sdk_cloudwatchlogs::Client::new(&sdk),
            firehose: aws_sdk_firehose::Client::new(&sdk),
            lambda: aws_sdk_lambda::Client::new(&sdk),
            sts: aws_sdk_sts::Client::new(&sdk),
        }
    }
}

/// Whose credentials these are, asked in this region.
///
/// # Errors
/// There are none, or they are not accepted, or the region does not answer.
pub async fn account_of(region: &Region) -> Result<Account, Fault> {
    let identity =
        region.sts.get_caller_identity().send().await.map_err(|error| Fault::of("sts:GetCallerIdentity", error))?;
    let partition = identity.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
    Ok(Account { id: identity.account().unwrap_or_default().to_owned(), partition })
}
