//! The lines of edge: Lambda's text format, Powertools lines between, metrics without any id. It refuses to decide how
//! a request goes.

use std::fmt::Write;

use super::powertools::{Line, Message, Metric, write_exception, write_line, write_metrics};
use super::{Call, Invocation, PythonException, Request, ms, platform_text};
use crate::delivery::Log;
use crate::json::Object;
use crate::story::{Fate, Visit};
use crate::time::iso_ms;

const RUNTIME: &str = "python:3.12.v40";
/// Waiting longer than this for cart is worth a warning.
const SLOW_UPSTREAM_US: i64 = 1_500_000;

const BAD_BODY: PythonException = PythonException {
    kind: "JSONDecodeError",
    message: "Expecting ',' delimiter: line 1 column 212 (char 211)",
    module: "json.decoder",
    file: "/var/task/app.py",
    line: 58,
    function: "read_order",
    statement: "order = json.loads(event[\"body\"])",
};

const NO_MEMORY: PythonException = PythonException {
    kind: "MemoryError",
    message: "cannot grow the session cache",
    module: "builtins",
    file: "/var/task/sessions.py",
    line: 91,
    function: "load",
    statement: "self.cache = bytearray(size)",
};

pub(crate) fn write(log: &mut Log<'_>, invocation: &Invocation, request: &Request, calls: &[Call], status: u16) {
    platform_text::start(log, invocation, RUNTIME);
    let mut line = |at_us, level, location, message: Message<'_>, extra: &dyn Fn(&mut Object<'_>)| {
        log.line(at_us, |out| {
            write_line(out, invocation, request, &Line { at_us, level, location, message }, extra);
            out.push('\n');
        });
    };

    let (greeting, location) = match request.visit {
        Visit::Product => ("product page", "show_product:31"),
        Visit::Cart => ("cart page", "show_cart:36"),
        Visit::Checkout => ("order accepted", "accept_order:41"),
    };
    line(invocation.before_us(calls, 0.1), "INFO", location, Message::Text(greeting), &|extra| {
        if request.visit == Visit::Checkout {
            extra.id("order_id", request.correlation_id.order_number()).value("amount_cents", request.amount_cents);
        }
        extra.object("customer", |customer| {
            let tier = if request.customer % 7 == 0 { "gold" } else { "standard" };
            customer.id("id", format_args!("u-{}", request.customer)).id("tier", tier);
        });
    });
    for call in calls {
        let message = format!(
            r#"{{"step":"upstream","service":"{}","region":"{}","status":{},"elapsed_ms":{}}}"#,
            call.callee.name(),
            call.region.name(),
            call.status,
            ms(call.end_us - call.start_us, 3),
        );
        let level = if call.status < 500 { "INFO" } else { "WARNING" };
        line(call.end_us, level, "ask:77", Message::Json(&message), &|_| {});
    }
    if invocation.fate == Fate::Handled {
        line(invocation.at_us(0.9), "ERROR", "accept_order:47", Message::Text("order rejected"), &|extra| {
            extra.value("http_status", status);
            write_exception(extra, &BAD_BODY);
        });
    }
    for call in calls.iter().filter(|call| call.end_us - call.start_us > SLOW_UPSTREAM_US) {
        log.line(call.end_us, |out| {
            let _ = writeln!(
                out,
                "[WARNING]\t{}\t{}\tslow upstream {}: {} ms",
                iso_ms(call.end_us),
                invocation.request_id,
                call.callee.name(),
                ms(call.end_us - call.start_us, 2),
            );
        });
    }
    if request.visit == Visit::Checkout && status < 400 {
        let at_us = invocation.after_us(calls, 0.8);
        log.line_of_stream(at_us, |out| {
            let metric = Metric { name: "OrdersAccepted", unit: "Count", samples: "[1.0]" };
            write_metrics(out, at_us, "edge", &[metric], |_| {});
            out.push('\n');
        });
    }
    if invocation.fate == Fate::Exit {
        log.line_of_stream(invocation.at_us(0.95), |out| {
            let _ = writeln!(out, "[ERROR] {}: {}\n{}", NO_MEMORY.kind, NO_MEMORY.message, NO_MEMORY.traceback());
        });
    }
    platform_text::end(log, invocation);
}
