//! The lines of inventory: structlog in a container, with a W3C `traceparent` and exceptions as objects. No Lambda, so
//! no function version: the release stands in the line. It refuses to decide whether stock is there.

use super::Request;
use crate::ids::{SpanId, TraceId};
use crate::json::{Object, Spacing, write_object};
use crate::story::Service;
use crate::time::iso_us;

/// The context that structlog has bound to every line of a task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) request: Request,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
}

/// The event of a line and what it adds to the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Read,
    Reserved,
    LookupFailed,
}

pub(crate) fn write(out: &mut String, context: &Context, event: Event, at_us: i64) {
    let Context { request, trace_id, span_id } = context;
    write_object(out, Spacing::Spaced, |line| {
        line.id("service", Service::Inventory.name())
            .id("service_version", Service::Inventory.releases()[0].name)
            .id("traceparent", format_args!("00-{}-{span_id}-01", trace_id.hex()))
            .id("x-correlation-id", request.correlation_id);
        let (name, level) = match event {
            Event::Read => {
                line.value("warehouse", request.customer % 9).value("rows", request.items);
                ("stock read", "debug")
            }
            Event::Reserved => {
                line.id("sku", format_args!("A-{}", 100 + request.customer % 40)).value("qty", request.items);
                ("reserved", "info")
            }
            Event::LookupFailed => ("lookup failed", "error"),
        };
        line.id("event", name).id("level", level).id("timestamp", iso_us(at_us));
        if event == Event::LookupFailed {
            line.array_of_one("exception", write_exception);
        }
    });
}

fn write_exception(exception: &mut Object<'_>) {
    exception
        .id("exc_type", "OperationalError")
        .text("exc_value", "server closed the connection unexpectedly")
        .value("exc_notes", "[]")
        .value("syntax_error", "null")
        .value("is_cause", false)
        .array_of_one("frames", |frame| {
            frame.text("filename", "/srv/inventory/stock.py").value("lineno", 61).text("name", "reserve").object(
                "locals",
                |locals| {
                    locals.text("self", "<Stock warehouse=4>").text("sku", "'A-117'");
                },
            );
        })
        .value("is_group", false)
        .value("exceptions", "[]");
}
