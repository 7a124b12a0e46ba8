//! The lines of cart: Node in Lambda's text format, `time TAB request id TAB level TAB message`, where the message is
//! prose, JSON or an error with its stack. No line states a release: only the function version tells. It refuses to
//! decide how a checkout goes.

use std::fmt::Write;

use super::{Call, Invocation, Request, platform_text};
use crate::delivery::Log;
use crate::json::{Object, Spacing, write_object};
use crate::story::{Fate, SECRETS, Visit};
use crate::time::iso_ms;

const RUNTIME: &str = "nodejs:22.v31";

pub(crate) fn write(log: &mut Log<'_>, invocation: &Invocation, request: &Request, calls: &[Call], status: u16) {
    platform_text::start(log, invocation, RUNTIME);
    let items = request.items;
    prose(
        log,
        invocation,
        invocation.before_us(calls, 0.2),
        "INFO",
        &format!("cart loaded {{ items: {items}, currency: 'EUR' }}"),
    );
    json(log, invocation, invocation.before_us(calls, 0.4), "INFO", |message| {
        let text = if request.visit == Visit::Checkout { "checkout started" } else { "cart priced" };
        message.id("message", text).id("correlationId", request.correlation_id);
        message.value("items", items).value("amountCents", request.amount_cents);
    });
    if request.careless {
        let text =
            format!("form posted twice (correlation_id={}): card={}&cvc=***", request.correlation_id, SECRETS[2]);
        prose(log, invocation, invocation.before_us(calls, 0.6), "WARN", &text);
    }
    for call in calls {
        let level = if call.status < 500 { "INFO" } else { "WARN" };
        json(log, invocation, call.end_us, level, |message| {
            let text = if call.status < 500 { "payments answered" } else { "payments failed" };
            message.id("message", text).id("correlationId", request.correlation_id);
            message.value("status", call.status).id("region", call.region.name());
            message.value("elapsedMs", (call.end_us - call.start_us) / 1_000);
            if let Some(region) = call.asked_again_in {
                message.id("askingAgainIn", region.name());
            }
        });
    }
    let at_us = invocation.at_us(0.9);
    match invocation.fate {
        // Two ways in which Node code logs an error: as JSON of its own, and as the stack that console.error prints.
        Fate::Handled if items % 2 == 0 => json(log, invocation, at_us, "ERROR", |message| {
            message
                .id("errorType", "TypeError")
                .text("errorMessage", "Cannot read properties of undefined (reading 'sku')")
                .texts("stack", &TYPE_ERROR_STACK)
                .id("correlationId", request.correlation_id);
        }),
        Fate::Handled => {
            let text = format!("checkout failed for {}: {}", request.correlation_id, TYPE_ERROR_STACK.join("\n"));
            prose(log, invocation, at_us, "ERROR", &text);
        }
        Fate::Exit => {
            log.line(at_us, |out| {
                let _ = write!(out, "{}\t{}\tERROR\tUncaught Exception \t", iso_ms(at_us), invocation.request_id);
                write_object(out, Spacing::Compact, |error| {
                    error
                        .id("errorType", "RangeError")
                        .text("errorMessage", "Maximum call stack size exceeded")
                        .texts("stack", &RANGE_ERROR_STACK);
                });
                out.push('\n');
            });
        }
        Fate::Success | Fate::Timeout => {
            prose(log, invocation, invocation.after_us(calls, 0.8), "INFO", &format!("cart answered {status}"));
        }
    }
    platform_text::end(log, invocation);
}

const TYPE_ERROR_STACK: [&str; 4] = [
    "TypeError: Cannot read properties of undefined (reading 'sku')",
    "    at priceLine (/var/task/pricing.js:48:22)",
    "    at Array.map (<anonymous>)",
    "    at handler (/var/task/index.js:12:9)",
];

const RANGE_ERROR_STACK: [&str; 3] = [
    "RangeError: Maximum call stack size exceeded",
    "    at applyDiscount (/var/task/discounts.js:17:3)",
    "    at applyDiscount (/var/task/discounts.js:23:10)",
];

fn prose(log: &mut Log<'_>, invocation: &Invocation, at_us: i64, level: &str, text: &str) {
    log.line(at_us, |out| {
        let _ = writeln!(out, "{}\t{}\t{level}\t{text}", iso_ms(at_us), invocation.request_id);
    });
}

fn json(log: &mut Log<'_>, invocation: &Invocation, at_us: i64, level: &str, message: impl FnOnce(&mut Object<'_>)) {
    log.line(at_us, |out| {
        let _ = write!(out, "{}\t{}\t{level}\t", iso_ms(at_us), invocation.request_id);
        write_object(out, Spacing::Compact, message);
        out.push('\n');
    });
}
