//! Why a call to AWS came to nothing, in words that hold no credential, no name of a bucket and no payload: the services' own
//! messages hold all of them.

use std::error::Error;

use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};

/// A call that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{action}: {reason}")]
pub struct Fault {
    /// What was asked for, as IAM calls it: `logs:DescribeLogGroups`.
    pub action: &'static str,
    /// Why not.
    pub reason: String,
    /// The service's error code, where the service has answered.
    pub code: Option<String>,
}

/// A region that the answer is without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which.
    pub region: String,
    /// Why.
    pub reason: String,
}

/// Codes are words; whatever else a service writes there is not repeated.
const CODE_BYTES_MAX: usize = 64;

impl Fault {
    /// What an error of the SDK says about a call.
    pub fn of<E, R>(action: &'static str, error: SdkError<E, R>) -> Fault
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        let code = error.code().map(|code| -> String {
            code.chars().filter(|letter| letter.is_ascii_alphanumeric()).take(CODE_BYTES_MAX).collect()
        });
        let reason = match (&error, code.as_deref()) {
            (SdkError::ServiceError(_), Some(code)) if is_denied(code) => format!("not allowed ({code})"),
            (SdkError::ServiceError(_), Some(code)) if is_credentials(code) => {
                format!("the credentials are not accepted ({code})")
            }
            (SdkError::ServiceError(_), Some(code)) if is_throttle(code) => format!("too many calls ({code})"),
            (SdkError::ServiceError(_), Some(code)) => code.to_owned(),
            (SdkError::ServiceError(_), None) => "an error without a code".to_owned(),
            (SdkError::TimeoutError(_), _) => "no answer in time".to_owned(),
            (SdkError::ResponseError(_), _) => "the answer cannot be read".to_owned(),
            (other, _) => dispatch_reason(other),
        };
        Fault { action, reason, code }
    }

    /// Whether the service has answered with this code.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether the caller lacks the permission.
    pub fn is_denied(&self) -> bool {
        self.code.as_deref().is_some_and(is_denied)
    }

    /// Whether the service has understood, and would refuse it again: nothing is wrong with the region.
    pub fn is_refusal(&self) -> bool {
        let codes = [
            "InvalidParameterException",
            "InvalidOperationException",
            "ValidationException",
            "ResourceNotFoundException",
        ];
        self.is_denied() || codes.iter().any(|code| self.is(code))
    }
}

fn is_denied(code: &str) -> bool {
    code.starts_with("AccessDenied") || code == "UnauthorizedOperation"
}

fn is_credentials(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken"
            | "ExpiredTokenException"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
    )
}

fn is_throttle(code: &str) -> bool {
    code.contains("Throttl") || matches!(code, "TooManyRequestsException" | "RequestLimitExceeded")
}

/// Why a request never got an answer: its causes tell, down to the one that names the matter.
fn dispatch_reason(error: &(dyn Error + 'static)) -> String {
    let mut cause = Some(error);
    let mut texts = Vec::new();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    let has = |part: &str| texts.iter().any(|text| text.to_ascii_lowercase().contains(part));
    if has("credential") {
        return "no AWS credentials: set AWS_PROFILE, or sign in (`aws sso login`)".to_owned();
    }
    if has("timed out") || has("timeout") {
        return "no answer in time".to_owned();
    }
    "cannot connect".to_owned()
}
