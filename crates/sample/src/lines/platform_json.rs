//! Lambda's own lines in JSON format: `platform.initStart`, `platform.start`, `platform.runtimeDone` and
//! `platform.report`. It refuses to write a function's lines.

use std::fmt::{self, Display};

use super::{Invocation, MEMORY_SIZE_MB, billed_ms, ms};
use crate::delivery::Log;
use crate::ids::SpanId;
use crate::json::{Object, Spacing, write_object};
use crate::story::Fate;
use crate::time::iso_ms;

fn write(out: &mut String, at_us: i64, kind: &str, record: impl FnOnce(&mut Object<'_>)) {
    write_object(out, Spacing::Compact, |line| {
        line.id("time", iso_ms(at_us)).id("type", kind).object("record", record);
    });
}

/// `Root=1-…;Parent=…;Sampled=1`; without a parent the invocation's own span stands there, as in Lambda.
fn tracing(invocation: &Invocation) -> impl Display {
    let Invocation { trace_id, span_id, parent_span_id, .. } = *invocation;
    let parent: SpanId = parent_span_id.unwrap_or(span_id);
    fmt::from_fn(move |formatter| write!(formatter, "Root={};Parent={parent};Sampled=1", trace_id.xray()))
}

fn write_tracing(record: &mut Object<'_>, invocation: &Invocation) {
    record.object("tracing", |object| {
        object.id("spanId", invocation.span_id).id("type", "X-Amzn-Trace-Id").id("value", tracing(invocation));
    });
}

/// `runtime` is the runtime's version: `python:3.12.v40`.
pub(crate) fn start(log: &mut Log<'_>, invocation: &Invocation, runtime: &str) {
    let version = invocation.function_version();
    if let Some(init_us) = invocation.init_us {
        let at_us = invocation.start_us - init_us;
        log.line_without_id(at_us, |out| {
            write(out, at_us, "platform.initStart", |record| {
                record
                    .id("initializationType", "on-demand")
                    .id("phase", "init")
                    .id("runtimeVersion", runtime)
                    .id("functionName", invocation.service.function_name())
                    .id("functionVersion", version);
            });
        });
    }
    log.line(invocation.start_us, |out| {
        write(out, invocation.start_us, "platform.start", |record| {
            record.id("requestId", invocation.request_id).id("version", version);
            write_tracing(record, invocation);
        });
    });
}

/// What Lambda writes when the invocation is over, however it ended.
pub(crate) fn end(log: &mut Log<'_>, invocation: &Invocation) {
    let (end_us, duration_us) = (invocation.end_us, invocation.duration_us());
    let (status, error_type) = match invocation.fate {
        Fate::Success | Fate::Handled => ("success", None),
        Fate::Exit => ("error", Some("Runtime.ExitError")),
        Fate::Timeout => ("timeout", None),
    };
    log.line(end_us, |out| {
        write(out, end_us, "platform.runtimeDone", |record| {
            record.id("requestId", invocation.request_id).id("status", status);
            if let Some(error_type) = error_type {
                record.id("errorType", error_type);
            }
            write_tracing(record, invocation);
            record.object("metrics", |metrics| {
                metrics.value("durationMs", ms(duration_us, 3)).value("producedBytes", 128);
            });
        });
    });
    log.line(end_us, |out| {
        write(out, end_us, "platform.report", |record| {
            record.id("requestId", invocation.request_id).object("metrics", |metrics| {
                metrics
                    .value("durationMs", ms(duration_us, 3))
                    .value("billedDurationMs", billed_ms(duration_us))
                    .value("memorySizeMB", MEMORY_SIZE_MB)
                    .value("maxMemoryUsedMB", invocation.memory_used_mb);
                if let Some(init_us) = invocation.init_us {
                    metrics.value("initDurationMs", ms(init_us, 3));
                }
            });
            write_tracing(record, invocation);
            record.id("status", status);
            if let Some(error_type) = error_type {
                record.id("errorType", error_type);
            }
        });
    });
}
