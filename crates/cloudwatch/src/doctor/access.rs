//! Whose credentials these are, and whether this machine's clock lets AWS believe them. It refuses to show a credential.

use jiff::SignedDuration;

use super::observed::Observed;
use super::{Check, Finding, Rows, words};
use crate::Fault;

/// Answers are dated by the second, and travel.
const SKEW_NONE: SignedDuration = SignedDuration::from_secs(5);
const SKEW_WARN: SignedDuration = SignedDuration::from_secs(30);
/// AWS refuses what was signed more than 5 min ago or ahead, S3 after 15 min.
const SKEW_FAIL: SignedDuration = SignedDuration::from_mins(4);

const EXPIRED: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"];
const REFUSED: [&str; 6] = [
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "MissingAuthenticationToken",
];
const TOO_SKEWED: &str = "RequestTimeTooSkewed";

/// Whether a call came to nothing because of the credentials, whatever was asked for.
pub(super) fn is_credentials(fault: &Fault) -> bool {
    match fault.code.as_deref() {
        Some(code) => EXPIRED.contains(&code) || REFUSED.contains(&code) || code == TOO_SKEWED,
        None => are_missing(fault),
    }
}

/// No request left this machine, for want of credentials.
fn are_missing(fault: &Fault) -> bool {
    fault.code.is_none() && fault.reason.starts_with("no AWS credentials")
}

pub(super) fn credentials(observed: &Observed) -> Vec<Finding> {
    const SIGN_IN: &str = "`aws sso login`, or new credentials for AWS_PROFILE or the AWS_… variables";
    let mut rows = Rows::of(observed, Check::Credentials);
    let region = &observed.region;
    let fault = match &observed.account {
        Ok(account) => return rows.or_ok(format!("account {} ({})", account.id, account.partition)),
        Err(fault) => fault,
    };
    match fault.code.as_deref() {
        None if are_missing(fault) => rows.fail("none", SIGN_IN),
        None => rows.unknown(
            format!("nothing is known: {fault}"),
            format!("the network, or AWS_ENDPOINT_URL; then again: `transect doctor --region {region}`"),
        ),
        Some(code) if code == TOO_SKEWED || code == "RequestExpired" || is_off(observed) => {
            rows.fail(format!("not accepted, for the clock of this machine ({code})"), SET_CLOCK);
        }
        Some(code) if EXPIRED.contains(&code) => rows.fail(format!("expired ({code})"), SIGN_IN),
        // A region that an account has not enabled knows none of its credentials.
        Some(code) if REFUSED.contains(&code) => rows.fail(
            format!("not accepted ({code})"),
            format!(
                "`aws configure list` says where they come from; if other regions accept them: `aws account enable-region \
                 --region-name {region}`"
            ),
        ),
        Some(_) if fault.is_denied() => rows.fail(
            format!("{fault}: the account or its organization denies this region"),
            format!("a region that is allowed, or the policy that denies {region}"),
        ),
        Some(_) => rows.unknown(format!("not known: {fault}"), format!("again: `transect doctor --region {region}`")),
    }
    rows.found
}

const SET_CLOCK: &str = "`sudo timedatectl set-ntp true` (macOS: `sudo sntp -sS time.apple.com`)";

fn is_off(observed: &Observed) -> bool {
    observed.skew.is_some_and(|skew| skew.ahead.abs() > SKEW_FAIL)
}

pub(super) fn clock(observed: &Observed) -> Vec<Finding> {
    let mut rows = Rows::of(observed, Check::Clock);
    // What was refused for the time is off, whoever signed it.
    let is_refused = observed.account.as_ref().is_err_and(|fault| fault.is(TOO_SKEWED))
        || observed
            .lake
            .as_ref()
            .is_some_and(|lake| lake.bucket.as_ref().is_err_and(|reason| reason.contains(TOO_SKEWED)));
    let Some(skew) = observed.skew else {
        match is_refused {
            true => rows.fail(format!("AWS refuses the time of this machine ({TOO_SKEWED})"), SET_CLOCK),
            false => rows.unknown("no answer said what time it is", "`date -u` beside a clock that is right"),
        }
        return rows.found;
    };
    let off = skew.ahead.abs();
    let side = if skew.ahead.is_positive() { "ahead of" } else { "behind" };
    let detail = format!("{} {side} AWS", words::duration(off));
    match off {
        off if off > SKEW_FAIL || is_refused => {
            rows.fail(format!("{detail}: AWS refuses what is signed more than 5 min away"), SET_CLOCK);
        }
        off if off > SKEW_WARN => rows.warn(format!("{detail}: ages and time ranges are off by as much"), SET_CLOCK),
        off if off > SKEW_NONE => rows.note(detail),
        _ => rows.note(format!("within {} of AWS", words::duration(SKEW_NONE))),
    }
    rows.found
}
