//! The access log of API Gateway before edge: JSON as its owner configured it. It refuses to say more than API Gateway
//! knows: neither release nor correlation id, and a request id of its own.

use super::{Invocation, Request};
use crate::delivery::Log;
use crate::ids::RequestId;
use crate::json::{Spacing, write_object};
use crate::time::{US_PER_MS, common_log};

pub(crate) const LOG_GROUP: &str = "/aws/apigateway/shop";

pub(crate) fn write(log: &mut Log<'_>, invocation: &Invocation, request: &Request, request_id: RequestId, status: u16) {
    let begun_us = invocation.start_us - invocation.init_us.unwrap_or(0);
    let at_us = invocation.end_us + US_PER_MS;
    log.line(at_us, |out| {
        write_object(out, Spacing::Compact, |line| {
            line.id("requestId", request_id)
                .id("ip", format_args!("203.0.113.{}", request.customer % 254 + 1))
                .id("requestTime", common_log(begun_us))
                .id("httpMethod", request.visit.method())
                .id("resourcePath", request.visit.route())
                .id("path", request.visit.path())
                .id("status", status)
                .id("protocol", "HTTP/1.1")
                .id("responseLength", 96 + request.items)
                .value("integrationLatency", (at_us - begun_us) / US_PER_MS)
                .id("xrayTraceId", invocation.trace_id.xray());
        });
    });
}
