//! The links that a span's record keeps: other spans, of other traces mostly, that caused it, as a consumer names the producers
//! of its messages. Pure. It refuses to take anything for a link but a list under that name with ids in it.

use serde_json::{Map, Value};

use crate::closure::{Event, LOW_DIGITS, TRACE_DIGITS};

/// Links kept of a span. OpenTelemetry's SDKs keep 128 unless told otherwise.
const LINKS_OF_SPAN_MAX: usize = 1024;
/// What the text of attributes with links has in it, in either case of its first letter.
const NAME_END: &str = "inks\"";
const NAMES: [&str; 2] = ["links", "Links"];
const CONTEXTS: [&str; 4] = ["context", "spanContext", "span_context", "SpanContext"];
const TRACE_IDS: [&str; 3] = ["traceId", "trace_id", "TraceID"];
/// X-Ray's segments call it `id`.
const SPAN_IDS: [&str; 4] = ["spanId", "span_id", "SpanID", "id"];

/// A link of a span to another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The other's trace, 32 lower-case hex digits.
    pub trace_id: String,
    /// The other's id, 16 lower-case hex digits.
    pub span_id: Option<String>,
    /// What is said of the link.
    pub attributes: Option<Map<String, Value>>,
    /// The other, if it is among those that were found.
    pub span: Option<usize>,
}

/// The links of a span's record, in its order.
pub(crate) fn links_of(event: &Event) -> Vec<Link> {
    let text = event.record.attributes.as_deref().filter(|_| event.record.signal == "span");
    text.map(links_in).unwrap_or_default()
}

/// The links that the text of a span's attributes holds.
pub fn links_in(attributes: &str) -> Vec<Link> {
    if !attributes.contains(NAME_END) {
        return Vec::new();
    }
    let Ok(Value::Object(members)) = serde_json::from_str(attributes) else { return Vec::new() };
    let links = NAMES.iter().find_map(|name| members.get(*name)?.as_array());
    links.into_iter().flatten().take(LINKS_OF_SPAN_MAX).filter_map(link).collect()
}

fn link(value: &Value) -> Option<Link> {
    let object = value.as_object()?;
    let context = CONTEXTS.iter().find_map(|name| object.get(*name)?.as_object()).unwrap_or(object);
    let id = |names: &[&str]| names.iter().find_map(|name| context.get(*name)?.as_str());
    let attributes = ["attributes", "Attributes"].iter().find_map(|name| object.get(*name)?.as_object());
    Some(Link {
        trace_id: hex(id(&TRACE_IDS)?, TRACE_DIGITS)?,
        span_id: id(&SPAN_IDS).and_then(|text| hex(text, LOW_DIGITS)),
        attributes: attributes.filter(|attributes| !attributes.is_empty()).cloned(),
        span: None,
    })
}

/// An id as its column holds it: lower-case, without X-Ray's dashes, and one of 64 bits padded.
fn hex(text: &str, digits: usize) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("1-")).unwrap_or(text);
    let text = text.replace('-', "").to_ascii_lowercase();
    let is_whole = text.len() == digits || text.len() == LOW_DIGITS;
    let is_id = is_whole && text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.bytes().any(|byte| byte != b'0');
    is_id.then(|| format!("{text:0>digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_in_the_spellings_of_their_exporters() {
        let trace = "6b0c4aa8000000000000000000000701";
        for (text, span) in [
            (format!(r#"{{"links":[{{"traceId":"{trace}","spanId":"aaaaaaaaaaaaaaaa"}}]}}"#), true),
            (format!(r#"{{"links":[{{"context":{{"trace_id":"0x{trace}","span_id":"0xAAAAAAAAAAAAAAAA"}}}}]}}"#), true),
            (
                format!(
                    r#"{{"Links":[{{"SpanContext":{{"TraceID":"{}","SpanID":"aaaaaaaaaaaaaaaa"}},"Attributes":[]}}]}}"#,
                    trace.to_uppercase()
                ),
                true,
            ),
            (
                r#"{"links":[{"trace_id":"1-6b0c4aa8-000000000000000000000701","id":"aaaaaaaaaaaaaaaa"}]}"#.to_owned(),
                true,
            ),
            (format!(r#"{{"links":[null,{{}},{{"traceId":7}},{{"traceId":"{trace}","spanId":"no"}}]}}"#), false),
        ] {
            let links = links_in(&text);
            assert_eq!(links.len(), 1, "{text}");
            assert_eq!(links[0].trace_id, trace, "{text}");
            assert_eq!(links[0].span_id.as_deref(), span.then_some("aaaaaaaaaaaaaaaa"), "{text}");
        }
        assert_eq!(
            links_in(r#"{"links":[{"traceId":"e457b5a2e4d86bd1"}]}"#)[0].trace_id,
            "0000000000000000e457b5a2e4d86bd1"
        );
        for none in [
            "",
            "inks\"",
            "[]",
            r#"{"links":[]}"#,
            r#"{"links":{"traceId":"6b0c4aa8000000000000000000000701"}}"#,
            r#"{"links":"6b0c4aa8000000000000000000000701"}"#,
            r#"{"links":[{"traceId":"00000000000000000000000000000000"},{"traceId":"é"},{"traceId":""}]}"#,
            r#"{"drinks":[{"traceId":"6b0c4aa8000000000000000000000701"}]}"#,
        ] {
            assert_eq!(links_in(none), [], "{none}");
        }
        let many = format!(r#"{{"links":[{}]}}"#, vec![format!(r#"{{"traceId":"{trace}"}}"#); 5000].join(","));
        assert_eq!(links_in(&many).len(), LINKS_OF_SPAN_MAX);
    }
}
