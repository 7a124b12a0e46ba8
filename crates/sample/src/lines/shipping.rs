//! The lines of shipping: Node in Lambda's JSON format. What a developer logs stands under `message`: text, an object,
//! or the JSON text of another logger (pino) inside. It refuses to decide whether a carrier answers.

use std::fmt::Write;

use super::{Invocation, Request, platform_json};
use crate::delivery::Log;
use crate::json::{Object, Spacing, write_object};
use crate::story::{Fate, SECRETS};
use crate::time::{US_PER_MS, iso_ms};

const RUNTIME: &str = "nodejs:22.v31";

pub(crate) fn write(log: &mut Log<'_>, invocation: &Invocation, request: &Request) {
    platform_json::start(log, invocation, RUNTIME);
    let release = invocation.release().name;
    line(log, invocation, invocation.at_us(0.05), "INFO", |line| {
        line.object("message", |message| {
            message
                .id("msg", "label requested")
                .id("correlationId", request.correlation_id)
                .id("service", "shipping")
                .id("service_version", release)
                .value("attempt", invocation.attempt)
                .object("parcel", |parcel| {
                    parcel.value("items", request.items).value("grams", 180 * request.items);
                });
        });
    });
    if request.careless {
        line(log, invocation, invocation.at_us(0.3), "WARN", |line| {
            let text = format!("carrier key {} is older than 90 days ({})", SECRETS[1], request.correlation_id);
            line.text("message", &text);
        });
    }
    let at_us = invocation.at_us(0.9);
    if invocation.failed() {
        line(log, invocation, at_us, "ERROR", |line| {
            line.id("errorType", "CarrierUnavailable")
                .text("errorMessage", "carrier answered 503 to POST /labels")
                .texts(
                    "stackTrace",
                    &[
                        "CarrierUnavailable: carrier answered 503 to POST /labels",
                        "    at requestLabel (/var/task/carrier.mjs:74:11)",
                        "    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)",
                        "    at async Runtime.handler (file:///var/task/index.mjs:21:17)",
                    ],
                )
                .id("correlationId", request.correlation_id)
                .id("service", "shipping")
                .id("service_version", release);
        });
    } else {
        line(log, invocation, at_us, "INFO", |line| {
            let mut pino = String::new();
            write_object(&mut pino, Spacing::Compact, |inner| {
                inner
                    .value("level", 30)
                    .value("time", at_us / US_PER_MS)
                    .value("pid", 8)
                    .id("hostname", "169.254.76.1")
                    .id("name", "shipping")
                    .id("service", "shipping")
                    .id("service_version", release)
                    .id("correlationId", request.correlation_id)
                    .id("msg", "label printed");
            });
            line.text("message", &pino);
        });
        let mut text = String::new();
        let _ = write!(text, "parcel of {} items handed to the carrier", request.items);
        line(log, invocation, invocation.at_us(0.95), "INFO", |line| {
            line.text("message", &text);
        });
    }
    platform_json::end(log, invocation);
}

fn line(log: &mut Log<'_>, invocation: &Invocation, at_us: i64, level: &str, fill: impl FnOnce(&mut Object<'_>)) {
    debug_assert!(invocation.fate != Fate::Timeout);
    log.line(at_us, |out| {
        write_object(out, Spacing::Compact, |line| {
            line.id("timestamp", iso_ms(at_us)).id("level", level).id("requestId", invocation.request_id);
            fill(line);
        });
    });
}
