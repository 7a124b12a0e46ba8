//! Spans as CloudWatch Transaction Search stores them in `aws/spans`: one document a line, nanoseconds as integers, the
//! service named on roots alone. It refuses to write spans of asynchronous hops, which the shop does not trace.

use super::{Call, Invocation, Request};
use crate::delivery::Log;
use crate::json::{Object, Spacing, write_object};
use crate::story::Fate;
use crate::time::US_PER_MS;

pub(crate) const LOG_GROUP: &str = "aws/spans";
pub(crate) const LOG_STREAM: &str = "default";

/// X-Ray sends the first copy of a root soon after it began, and the completed ones soon after they ended.
const IN_PROGRESS_AFTER_US: i64 = 40 * US_PER_MS;
const COMPLETED_AFTER_US: i64 = 100 * US_PER_MS;

/// The span of an invocation and those of the calls that it made. `request` is given for roots, which say what was asked.
pub(crate) fn write(
    log: &mut Log<'_>,
    invocation: &Invocation,
    request: Option<&Request>,
    calls: &[Call],
    status: u16,
) {
    if invocation.parent_span_id.is_none() {
        let at_us = invocation.start_us + IN_PROGRESS_AFTER_US.min(invocation.duration_us());
        log.line(at_us, |out| write_server(out, invocation, request, status, true));
    }
    for call in calls {
        log.line(call.end_us + COMPLETED_AFTER_US, |out| write_client(out, invocation, call));
    }
    log.line(invocation.end_us + COMPLETED_AFTER_US, |out| write_server(out, invocation, request, status, false));
}

fn write_server(out: &mut String, invocation: &Invocation, request: Option<&Request>, status: u16, in_progress: bool) {
    let service = invocation.service.name();
    let start_unix_nano = invocation.start_us * 1_000 + invocation.span_id.nanoseconds();
    let end_unix_nano = invocation.end_us * 1_000;
    let failed = status >= 500 && !in_progress;
    write_object(out, Spacing::Compact, |span| {
        span.object("resource", |resource| {
            resource.object("attributes", |attributes| {
                if request.is_some() {
                    attributes.id("service.name", service);
                }
                attributes.id("cloud.region", invocation.region.name());
            });
        });
        span.id("traceId", invocation.trace_id.hex()).id("spanId", invocation.span_id);
        if let Some(parent) = invocation.parent_span_id {
            span.id("parentSpanId", parent);
        }
        span.id("name", invocation.service.function_name()).id("kind", "SERVER");
        span.value("startTimeUnixNano", start_unix_nano);
        if in_progress {
            span.value("endTimeUnixNano", "null");
        } else {
            span.value("endTimeUnixNano", end_unix_nano).value("durationNano", end_unix_nano - start_unix_nano);
        }
        span.object("attributes", |attributes| {
            if in_progress {
                attributes.value("aws.xray.inprogress", true);
            }
            if request.is_none() {
                attributes.id("aws.local.service", "UnknownService");
            }
            attributes.id("faas.invocation_id", invocation.request_id);
            if let Some(request) = request {
                attributes
                    .id("http.request.method", request.visit.method())
                    .id("http.route", request.visit.route())
                    .id("url.path", request.visit.path());
            }
            if !in_progress {
                attributes.value("http.response.status_code", status).value("aws.xray.fault", failed);
                attributes.id("telemetry.extended", "true");
            }
        });
        write_status(span, failed, invocation.fate);
        if failed && invocation.failed() {
            span.array_of_one("events", |event| {
                let (kind, message) = exception(invocation);
                event.value("timeUnixNano", invocation.at_us(0.95) * 1_000).id("name", "exception").object(
                    "attributes",
                    |attributes| {
                        attributes.text("exception.type", kind).text("exception.message", message);
                    },
                );
            });
        }
        span.object("_aws", |aws| {
            aws.object("xray", |xray| {
                xray.id("name", invocation.service.function_name()).id("type", "segment");
            });
        });
    });
}

fn write_client(out: &mut String, caller: &Invocation, call: &Call) {
    let start_unix_nano = call.start_us * 1_000 + call.span_id.nanoseconds();
    let end_unix_nano = call.end_us * 1_000;
    let callee = call.callee.name();
    write_object(out, Spacing::Compact, |span| {
        span.object("resource", |_| {});
        span.id("traceId", caller.trace_id.hex())
            .id("spanId", call.span_id)
            .id("parentSpanId", caller.span_id)
            // X-Ray leaves the name of a subsegment to `_aws.xray`.
            .id("name", "")
            .id("kind", "CLIENT")
            .value("startTimeUnixNano", start_unix_nano)
            .value("endTimeUnixNano", end_unix_nano)
            .value("durationNano", end_unix_nano - start_unix_nano);
        span.object("attributes", |attributes| {
            attributes
                .id("aws.local.service", "UnknownService")
                .id("aws.remote.service", callee)
                .id("aws.remote.region", call.region.name())
                .value("http.response.status_code", call.status);
            if call.asked_again_in.is_some() {
                attributes.value("retry.plan", "[[1,\"same\"],[2,\"other region\"]]");
            }
        });
        write_status(span, call.status >= 500, Fate::Success);
        span.object("_aws", |aws| {
            aws.object("xray", |xray| {
                xray.id("name", callee).id("type", "subsegment").id("namespace", "remote");
            });
        });
    });
}

fn write_status(span: &mut Object<'_>, failed: bool, fate: Fate) {
    span.object("status", |object| {
        if failed {
            let message = match fate {
                Fate::Timeout => "timed out",
                Fate::Exit => "runtime exited",
                Fate::Handled => "handled error",
                Fate::Success => "upstream failed",
            };
            object.id("code", "ERROR").id("message", message);
        } else {
            object.id("code", "UNSET");
        }
    });
}

fn exception(invocation: &Invocation) -> (&'static str, &'static str) {
    match invocation.fate {
        Fate::Timeout => ("Sandbox.Timedout", "the function's timeout passed before it answered"),
        Fate::Exit => ("Runtime.ExitError", "the runtime exited before it answered"),
        Fate::Handled | Fate::Success => ("HandledError", "the function logged an error and answered with 500"),
    }
}
