//! Lines of Powertools for AWS Lambda (Python): structured logs with an invocation's context, and metrics in CloudWatch's
//! embedded metric format. It refuses to know a service.

use std::fmt::Write;

use super::{Invocation, MEMORY_SIZE_MB, PythonException, Request};
use crate::json::{Object, Spacing, write_object, write_text};
use crate::story::ACCOUNT;
use crate::time::{US_PER_MS, powertools};

/// What stands under `message`: text, or an object as JSON already written.
pub(crate) enum Message<'m> {
    Text(&'m str),
    Json(&'m str),
}

/// The parts of a line that its author chose.
pub(crate) struct Line<'m> {
    pub(crate) at_us: i64,
    pub(crate) level: &'static str,
    /// `function:line` of the logging call.
    pub(crate) location: &'static str,
    pub(crate) message: Message<'m>,
}

/// A log line; `extra` adds the keys that stand behind the context.
pub(crate) fn write_line(
    out: &mut String,
    invocation: &Invocation,
    request: &Request,
    line: &Line<'_>,
    extra: impl FnOnce(&mut Object<'_>),
) {
    let service = invocation.service;
    write_object(out, Spacing::Compact, |object| {
        object.id("level", line.level).id("location", line.location);
        match line.message {
            Message::Text(text) => object.text("message", text),
            Message::Json(json) => object.value("message", json),
        };
        object
            .id("timestamp", powertools(line.at_us))
            .id("service", service.name())
            .value("cold_start", invocation.init_us.is_some())
            .id("function_name", service.function_name())
            .value("function_memory_size", MEMORY_SIZE_MB)
            .id(
                "function_arn",
                format_args!(
                    "arn:aws:lambda:{}:{ACCOUNT}:function:{}:live",
                    invocation.region.name(),
                    service.function_name()
                ),
            )
            .id("function_request_id", invocation.request_id)
            .id("correlation_id", request.correlation_id)
            .id("service_version", invocation.release().name);
        extra(object);
        object.id("xray_trace_id", invocation.trace_id.xray());
    });
}

/// The keys that `logger.exception` adds.
pub(crate) fn write_exception(object: &mut Object<'_>, exception: &PythonException) {
    object.text("exception", &exception.traceback().to_string()).text("exception_name", exception.kind).object(
        "stack_trace",
        |trace| {
            trace
                .text("type", exception.kind)
                .text("value", exception.message)
                .text("module", exception.module)
                .array_of_one("frames", |frame| {
                    frame
                        .text("file", exception.file)
                        .value("line", exception.line)
                        .text("function", exception.function)
                        .text("statement", exception.statement);
                });
        },
    );
}

/// A metric of one line and its samples, as JSON: `[231.5,12.25]`.
pub(crate) struct Metric<'m> {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) samples: &'m str,
}

/// A line in embedded metric format; `metadata` adds keys that are no metrics.
pub(crate) fn write_metrics(
    out: &mut String,
    at_us: i64,
    service: &str,
    metrics: &[Metric<'_>],
    metadata: impl FnOnce(&mut Object<'_>),
) {
    write_object(out, Spacing::Compact, |object| {
        object.object("_aws", |aws| {
            aws.value("Timestamp", at_us / US_PER_MS).array_of_one("CloudWatchMetrics", |directive| {
                let mut definitions = String::from("[");
                for (index, metric) in metrics.iter().enumerate() {
                    definitions.push_str(if index == 0 { "{\"Name\":" } else { ",{\"Name\":" });
                    write_text(&mut definitions, metric.name);
                    let _ = write!(definitions, ",\"Unit\":\"{}\"}}", metric.unit);
                }
                definitions.push(']');
                directive.id("Namespace", "Shop").value("Dimensions", "[[\"service\"]]").value("Metrics", definitions);
            });
        });
        object.id("service", service);
        metadata(object);
        for metric in metrics {
            object.value(metric.name, metric.samples);
        }
    });
}
