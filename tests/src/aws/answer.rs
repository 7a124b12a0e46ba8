//! The protocols: how each service says what it has to say, and no. It refuses to know what that is.

use std::pin::Pin;
use std::sync::mpsc::Sender;
use std::task::{Context, Poll};

use http_body_util::Full;
use hyper::Response;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::http::request::Parts;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Asked, Call, Fault};

const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// How a service talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// CloudWatch Logs and Firehose: JSON 1.1, the operation in `x-amz-target`.
    Json,
    /// STS: a form, answered in XML.
    Query,
    /// CloudWatch: RPC v2 in CBOR, the operation in the path.
    Cbor,
    /// Lambda: JSON, the operation in method and path.
    Rest,
    /// S3.
    S3,
}

/// A service's no.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: u16,
    code: String,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: &str) -> Refusal {
        Refusal { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// How a service puts a fault into words.
    pub(super) fn of(fault: &Fault, protocol: Protocol, call: &Call) -> Refusal {
        let denied = format!(
            "User: arn:aws:iam::{}:user/tester is not authorized to perform: {}:{} because no identity-based policy allows it",
            super::ACCOUNT,
            call.service,
            call.operation
        );
        match (fault, protocol) {
            (Fault::Throttled, Protocol::Json | Protocol::Cbor) => {
                Refusal::new(400, "ThrottlingException", "Rate exceeded")
            }
            (Fault::Throttled, Protocol::Query) => Refusal::new(400, "Throttling", "Rate exceeded"),
            (Fault::Throttled, Protocol::Rest) => Refusal::new(429, "TooManyRequestsException", "Rate Exceeded."),
            (Fault::Throttled, Protocol::S3) => Refusal::new(503, "SlowDown", "Please reduce your request rate."),
            (Fault::Denied, Protocol::Json | Protocol::Cbor) => Refusal::new(400, "AccessDeniedException", &denied),
            (Fault::Denied, Protocol::Rest) => Refusal::new(403, "AccessDeniedException", &denied),
            (Fault::Denied, Protocol::Query | Protocol::S3) => Refusal::new(403, "AccessDenied", &denied),
            (Fault::Error(status, code, message), _) => Refusal::new(*status, code, message),
            (_, Protocol::Json | Protocol::Cbor) => {
                Refusal::new(503, "ServiceUnavailableException", "Please try again.")
            }
            (_, Protocol::Rest) => Refusal::new(500, "ServiceException", "An error occurred."),
            (_, Protocol::Query) => Refusal::new(503, "ServiceUnavailable", "Please try again."),
            (_, Protocol::S3) => Refusal::new(500, "InternalError", "Please try again."),
        }
    }
}

impl Protocol {
    /// By the name in the signature.
    pub(super) fn of(service: &str) -> Protocol {
        match service {
            "sts" => Protocol::Query,
            "monitoring" => Protocol::Cbor,
            "lambda" => Protocol::Rest,
            "s3" => Protocol::S3,
            _ => Protocol::Json,
        }
    }

    pub(super) fn answer(self, status: u16, body: Value) -> Response<AnswerBody> {
        match self {
            Protocol::Json => response(status, "application/x-amz-json-1.1", body.to_string()),
            Protocol::Cbor => {
                let mut response = response(status, "application/cbor", super::monitoring::encode(&body));
                response.headers_mut().insert("smithy-protocol", "rpc-v2-cbor".parse().unwrap());
                response
            }
            _ => response(status, "application/json", body.to_string()),
        }
    }

    pub(super) fn refuse(self, refusal: &Refusal) -> Response<AnswerBody> {
        let Refusal { status, code, message } = refusal;
        match self {
            Protocol::Json | Protocol::Cbor => self.answer(*status, json!({ "__type": code, "message": message })),
            Protocol::Rest => {
                let mut response = self.answer(*status, json!({ "Type": "User", "Message": message }));
                response.headers_mut().insert("x-amzn-errortype", code.parse().unwrap());
                response
            }
            Protocol::Query => response(
                *status,
                "text/xml",
                format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                     <Code>{code}</Code><Message>{message}</Message></Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
                ),
            ),
            Protocol::S3 => response(
                *status,
                "application/xml",
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message>\
                     <RequestId>{REQUEST_ID}</RequestId></Error>"
                ),
            ),
        }
    }
}

/// An answer with nothing in it.
pub(super) fn empty() -> Value {
    json!({})
}

pub(super) fn response(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response<AnswerBody> {
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .header("x-amzn-requestid", REQUEST_ID)
        .body(AnswerBody::Whole(Full::new(body.into())))
        .unwrap()
}

/// The call that a JSON 1.1 request is.
pub(super) fn json_call(asked: &Asked, parts: &Parts, body: &[u8]) -> Call {
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let body = serde_json::from_slice(body).unwrap_or(Value::Null);
    Call { region: asked.region.clone(), service: asked.service.clone(), operation, body, status: 0 }
}

/// What is sent: at once, or as it comes.
pub enum AnswerBody {
    /// At once.
    Whole(Full<Bytes>),
    /// As it comes; an error breaks the connection off. What is beside it is dropped when the client has gone.
    Pieces { pieces: UnboundedReceiver<Result<Bytes, std::io::Error>>, _stays: Sender<()> },
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match self.get_mut() {
            AnswerBody::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            AnswerBody::Pieces { pieces, .. } => {
                pieces.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, AnswerBody::Whole(body) if body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Whole(body) => body.size_hint(),
            AnswerBody::Pieces { .. } => SizeHint::default(),
        }
    }
}
