//! The lines of payments: Lambda's JSON format, Powertools lines with exceptions, metrics with several samples. It
//! refuses to decide whether a card is charged.

use super::powertools::{Line, Message, Metric, write_exception, write_line, write_metrics};
use super::{Invocation, PythonException, Request, ms, platform_json};
use crate::delivery::Log;
use crate::story::{Fate, SECRETS, is_bad_canary};

const RUNTIME: &str = "python:3.12.v40";

/// What goes wrong in any release.
const PROCESSOR_SILENT: PythonException = PythonException {
    kind: "TimeoutError",
    message: "card processor did not answer in 3000 ms",
    module: "builtins",
    file: "/var/task/processor.py",
    line: 129,
    function: "charge",
    statement: "raise TimeoutError(\"card processor did not answer in 3000 ms\")",
};

/// What goes wrong in the bad canary alone: a field that only the processor of one region leaves out.
const FIELD_MISSING: PythonException = PythonException {
    kind: "KeyError",
    message: "'three_ds_version'",
    module: "builtins",
    file: "/var/task/processor.py",
    line: 88,
    function: "authentication",
    statement: "version = answer[\"three_ds_version\"]",
};

/// The two things that payments is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Authorize,
    Capture,
}

impl Step {
    pub(crate) const ALL: [Step; 2] = [Step::Authorize, Step::Capture];
}

pub(crate) fn write(log: &mut Log<'_>, invocation: &Invocation, request: &Request, step: Step) {
    platform_json::start(log, invocation, RUNTIME);
    let (name, done) = match step {
        Step::Authorize => ("authorize", "payment authorized"),
        Step::Capture => ("capture", "payment captured"),
    };
    let at_us = invocation.at_us(0.03);
    log.line(at_us, |out| {
        let line = Line { at_us, level: "DEBUG", location: "charge:112", message: Message::Text("charging") };
        write_line(out, invocation, request, &line, |extra| {
            extra.value("attempt", invocation.attempt).id("step", name).value("amount_cents", request.amount_cents);
        });
    });
    let at_us = invocation.at_us(0.92);
    match invocation.fate {
        Fate::Success => log.line(at_us, |out| {
            let line = Line { at_us, level: "INFO", location: "charge:137", message: Message::Text(done) };
            write_line(out, invocation, request, &line, |extra| {
                extra.value("attempt", invocation.attempt).value("http_status", 200);
                if request.careless {
                    extra.id("authorization", format_args!("Bearer {}", SECRETS[0]));
                }
            });
        }),
        Fate::Handled | Fate::Exit => log.line(at_us, |out| {
            let line = Line { at_us, level: "ERROR", location: "charge:131", message: Message::Text("payment failed") };
            let bad_canary = is_bad_canary(invocation.service, invocation.region, invocation.release);
            write_line(out, invocation, request, &line, |extra| {
                extra.value("attempt", invocation.attempt).value("http_status", 502);
                write_exception(extra, if bad_canary { &FIELD_MISSING } else { &PROCESSOR_SILENT });
            });
        }),
        // Nobody is left to write.
        Fate::Timeout => {}
    }
    if invocation.fate != Fate::Timeout {
        metrics(log, invocation, request);
    }
    platform_json::end(log, invocation);
}

/// Of the calls that one charge makes, both latencies; the correlation id rides along as metadata.
fn metrics(log: &mut Log<'_>, invocation: &Invocation, request: &Request) {
    let at_us = invocation.at_us(0.98);
    let latencies = format!("[{},{}]", ms(invocation.duration_us() * 4 / 5, 3), ms(invocation.duration_us() / 20, 3));
    let failed = if invocation.failed() { "[1.0]" } else { "[0.0]" };
    log.line(at_us, |out| {
        let metrics = [
            Metric { name: "PaymentLatency", unit: "Milliseconds", samples: &latencies },
            Metric { name: "PaymentFailed", unit: "Count", samples: failed },
        ];
        write_metrics(out, at_us, "payments", &metrics, |metadata| {
            metadata.id("correlation_id", request.correlation_id).id("function_request_id", invocation.request_id);
        });
    });
}
