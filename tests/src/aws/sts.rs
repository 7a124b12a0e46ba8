//! STS: who is asking. It refuses every other question.

use hyper::Response;
use hyper::body::Bytes;
use serde_json::Value;

use super::answer::{AnswerBody, Refusal, response};
use super::{ACCOUNT, Asked, Call};

/// The call that a form is.
pub(super) fn call(asked: &Asked, body: &Bytes) -> Call {
    let form = String::from_utf8_lossy(body);
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    let body: serde_json::Map<String, Value> = pairs.map(|(key, value)| (key.to_owned(), value.into())).collect();
    let operation = body.get("Action").and_then(Value::as_str).unwrap_or_default().to_owned();
    Call { region: asked.region.clone(), service: asked.service.clone(), operation, body: body.into(), status: 0 }
}

pub(super) fn answer(operation: &str) -> Result<Response<AnswerBody>, Refusal> {
    if operation != "GetCallerIdentity" {
        return Err(Refusal::new(400, "InvalidAction", &format!("Could not find operation {operation}")));
    }
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{ACCOUNT}:user/tester</Arn><UserId>AIDATRANSECTTEST0001</UserId><Account>{ACCOUNT}</Account>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId>\
         </ResponseMetadata></GetCallerIdentityResponse>"
    );
    Ok(response(200, "text/xml", body))
}
