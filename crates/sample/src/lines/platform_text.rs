//! Lambda's own lines in text format: INIT_START, START, END, REPORT and how an invocation may end otherwise. It refuses
//! to write a function's lines.

use std::fmt::Write;

use super::{Invocation, MEMORY_SIZE_MB, billed_ms, ms};
use crate::delivery::Log;
use crate::story::Fate;
use crate::time::iso_ms;

/// `runtime` is the runtime's version: `python:3.12.v40`.
pub(crate) fn start(log: &mut Log<'_>, invocation: &Invocation, runtime: &str) {
    let Invocation { request_id, region, start_us, .. } = invocation;
    if let Some(init_us) = invocation.init_us {
        log.line_without_id(start_us - init_us, |out| {
            let _ = writeln!(
                out,
                "INIT_START Runtime Version: {runtime}\tRuntime Version ARN: arn:aws:lambda:{}::runtime:{RUNTIME_DIGEST}",
                region.name()
            );
        });
    }
    log.line(*start_us, |out| {
        let _ = writeln!(out, "START RequestId: {request_id} Version: {}", invocation.function_version());
    });
}

/// The digest in the ARN of a runtime version.
const RUNTIME_DIGEST: &str = "8eeff65f6809a3ce81507fe733fe09b835899b99481ba22fd75b5a7338290ec1";

/// What Lambda writes when the invocation is over, however it ended.
pub(crate) fn end(log: &mut Log<'_>, invocation: &Invocation) {
    let Invocation { request_id, trace_id, span_id, end_us, .. } = *invocation;
    let (status, error_type) = match invocation.fate {
        Fate::Success | Fate::Handled => ("", ""),
        Fate::Timeout => {
            log.line(end_us, |out| {
                let seconds = invocation.service.timeout_us() / 1_000_000;
                let _ = write!(out, "{} {request_id} Task timed out after {seconds}.00 seconds\n\n", iso_ms(end_us));
            });
            ("Status: timeout\t", "")
        }
        Fate::Exit => {
            log.line(end_us, |out| {
                let _ = writeln!(
                    out,
                    "RequestId: {request_id} Error: Runtime exited with error: signal: killed\nRuntime.ExitError"
                );
            });
            ("Status: error\t", "Error Type: Runtime.ExitError\t")
        }
    };
    log.line(end_us, |out| {
        let _ = writeln!(out, "END RequestId: {request_id}");
    });
    log.line(end_us, |out| {
        let _ = write!(
            out,
            "REPORT RequestId: {request_id}\tDuration: {} ms\tBilled Duration: {} ms\tMemory Size: {MEMORY_SIZE_MB} MB\tMax Memory Used: {} MB\t",
            ms(invocation.duration_us(), 2),
            billed_ms(invocation.duration_us()),
            invocation.memory_used_mb,
        );
        if let Some(init_us) = invocation.init_us {
            let _ = write!(out, "Init Duration: {} ms\t", ms(init_us, 2));
        }
        let _ = write!(out, "{status}{error_type}");
        let _ = writeln!(out, "\nXRAY TraceId: {}\tSegmentId: {span_id}\tSampled: true\t", trace_id.xray());
    });
}
