//! The id that is meant by what somebody pastes: with its quotes, its key, the line of a log or the address of a console around
//! it. It refuses to look for one in a text that is an id as it stands.

use transect_normalize::{AnyId, parse_any_id, parse_trace_id};

/// A longer text is no id with something around it.
const PASTED_BYTES_MAX: usize = 4_096;
/// Digits of a trace id.
const TRACE_DIGITS: usize = 32;
/// Letters of a UUID, and of a trace id as X-Ray writes it: with their dashes they are known at the end of a word, too, where an
/// address has `%2F` or `$252F` before them.
const DASHED_LETTERS: [usize; 2] = [36, 35];
/// What a whole `uber-trace-id` of Jaeger is made of: trace, span, parent and flags, each without the zeros that it begins with.
const UBER_PARTS: usize = 4;

/// The ids that a text may be; `None` if it is blank. Where it is none of a form that is known, and holds one, that one is meant,
/// beside the text as it stands.
pub fn pasted_id(text: &str) -> Option<AnyId> {
    let id = parse_any_id(text)?;
    if id.trace_id.is_some() || id.span_id.is_some() || id.event_id.is_some() {
        return Some(id);
    }
    let Some(inner) = inner(text).and_then(|inner| parse_any_id(&inner)) else { return Some(id) };
    Some(AnyId { correlation_id: id.correlation_id, ..inner })
}

/// As [`parse_trace_id`], of what somebody pastes.
pub fn pasted_trace_id(text: &str) -> Option<String> {
    parse_trace_id(text).or_else(|| pasted_id(text)?.trace_id)
}

/// A Lambda request id of what somebody pastes, or the text as it stands.
pub fn pasted_invocation_id(text: &str) -> String {
    let id = pasted_id(text).and_then(|id| id.invocation_id);
    id.unwrap_or_else(|| text.trim().to_ascii_lowercase())
}

/// The application's own id, which may be of any form: without the quotes and the comma that it was copied with.
pub fn pasted_correlation_id(text: &str) -> String {
    parse_any_id(text).and_then(|id| id.correlation_id).unwrap_or_else(|| text.to_owned())
}

/// The first trace or request id in a text.
fn inner(text: &str) -> Option<String> {
    let is_between = |letter: char| !letter.is_ascii_alphanumeric() && letter != '-';
    let is_id = |word: &&str| parse_any_id(word).is_some_and(|id| id.trace_id.is_some() || id.invocation_id.is_some());
    // Of sixteen digits nobody knows what they are.
    let is_long = |word: &&str| word.len() >= TRACE_DIGITS;
    let text = text.get(..PASTED_BYTES_MAX.min(text.len())).filter(|pasted| pasted.len() == text.len())?;
    // A colon parts what a header is called from what it says, and the parts of Jaeger's.
    let of_word =
        |word| std::iter::once(word).chain(DASHED_LETTERS.into_iter().filter_map(move |letters| at_end(word, letters)));
    let words = || text.split(is_between).filter(is_long);
    uber(text).or_else(|| words().flat_map(of_word).find(is_id).map(str::to_owned))
}

/// So many letters at the end of a word that has more.
fn at_end(word: &str, letters: usize) -> Option<&str> {
    word.len().checked_sub(letters).filter(|start| *start > 0).and_then(|start| word.get(start..))
}

/// The trace of an `uber-trace-id`.
fn uber(text: &str) -> Option<String> {
    let is_between = |letter: char| !letter.is_ascii_alphanumeric() && letter != ':' && letter != '-';
    text.split(is_between).find_map(|word| {
        let parts: Vec<&str> = word.trim_start_matches(':').split(':').collect();
        let (trace, rest) = parts[parts.len().checked_sub(UBER_PARTS)?..].split_first()?;
        let is_hex = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_uber =
            is_hex(trace) && trace.len() <= TRACE_DIGITS && rest.iter().all(|part| is_hex(part) && part.len() <= 16);
        // Eight parts of a time or of an address are none.
        (is_uber && trace.len() > 8).then(|| format!("{trace:0>TRACE_DIGITS$}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "6b015f52a635c188bb91ecf3edf30dd0";
    const XRAY: &str = "1-6b015f52-a635c188bb91ecf3edf30dd0";
    const UUID: &str = "6b015f52-a635-c188-bb91-ecf3edf30dd0";
    const SPAN: &str = "53995c3f42cd8ad8";

    #[test]
    fn an_id_is_found_in_what_people_paste() {
        for pasted in [
            TRACE.to_owned(),
            TRACE.to_uppercase(),
            format!("\"{TRACE}\","),
            format!("'{XRAY}',"),
            format!("({XRAY})"),
            format!("[{TRACE}]"),
            format!("<{TRACE}>"),
            format!("{TRACE}."),
            format!("{TRACE};"),
            format!("\u{201c}{TRACE}\u{201d}"),
            format!("\u{200b}{TRACE}\r\n"),
            format!("{{{UUID}}}"),
            format!("urn:uuid:{UUID}"),
            format!("URN:UUID:{}", UUID.to_uppercase()),
            format!("{TRACE}:{SPAN}:0:1"),
            format!("uber-trace-id: {TRACE}:{SPAN}:{SPAN}:1"),
            format!("uber-trace-id={TRACE}:{SPAN}:0:01"),
            format!("Root={XRAY};Parent={SPAN};Sampled=1"),
            format!("X-Amzn-Trace-Id: Self=1-67891234-12456789abcdef0123456789;Root={XRAY}"),
            format!("XRAY TraceId: {XRAY}\tSegmentId: {SPAN}\tSampled: true"),
            format!("traceparent=00-{TRACE}-{SPAN}-01"),
            format!("\"traceparent\": \"00-{TRACE}-{SPAN}-01\""),
            format!("trace_id={TRACE}"),
            format!("https://console.aws.amazon.com/cloudwatch/home#xray:traces%2F{XRAY}%3Ftab%3Draw"),
            format!("https://console.aws.amazon.com/cloudwatch/home#xray:traces$252F{XRAY}"),
            format!("\"traceId\":\"{TRACE}\","),
            format!("X-B3-TraceId={TRACE}"),
            format!("https://us-east-2.console.aws.amazon.com/xray/home?region=us-east-2#/traces/{XRAY}"),
            format!(
                "https://us-east-2.console.aws.amazon.com/cloudwatch/home?region=us-east-2#xray:traces/{XRAY}?~(query~())"
            ),
        ] {
            assert_eq!(pasted_trace_id(&pasted).as_deref(), Some(TRACE), "{pasted}");
            assert_eq!(pasted_id(&pasted).unwrap().trace_id.as_deref(), Some(TRACE), "{pasted}");
        }
        // Jaeger leaves out the zeros that an id begins with, and had ids of 64 bits.
        for (pasted, trace) in [
            ("b015f52a635c188:53995c3f42cd8ad8:0:1", "00000000000000000b015f52a635c188"),
            ("uber-trace-id: 7e015f52a635c188:1:0:1", "00000000000000007e015f52a635c188"),
        ] {
            assert_eq!(pasted_trace_id(pasted).as_deref(), Some(trace), "{pasted}");
        }
        for pasted in [
            UUID.to_owned(),
            UUID.to_uppercase(),
            format!("@requestId = \"{UUID}\""),
            format!("\"@requestId\":\"{UUID}\","),
            format!("requestId: {UUID}"),
            format!("filterPattern=%22{UUID}%22"),
            format!("START RequestId: {UUID} Version: $LATEST"),
            format!("{{{UUID}}}"),
            format!("urn:uuid:{UUID}"),
        ] {
            assert_eq!(pasted_invocation_id(&pasted), UUID, "{pasted}");
            assert_eq!(pasted_id(&pasted).unwrap().invocation_id.as_deref(), Some(UUID), "{pasted}");
        }
    }

    #[test]
    fn what_is_no_id_of_a_known_form_is_the_applications_own() {
        for own in [
            "ord-4711",
            "user:42:cart:7",
            "2026-11-21 08:42:53:123",
            "a@b.c",
            "fe80:0:0:1",
            "00:1b:44:11:3a:b7:1:2",
            "x",
        ] {
            let id = pasted_id(own).unwrap();
            assert_eq!((id.trace_id, id.invocation_id), (None, None), "{own}");
            assert_eq!(id.correlation_id.as_deref(), Some(own));
        }
        // A key of the application's may hold one: both are looked for.
        let both = pasted_id(&format!("cart/{UUID}/2")).unwrap();
        assert_eq!((both.correlation_id, both.invocation_id.as_deref()), (Some(format!("cart/{UUID}/2")), Some(UUID)));
        assert_eq!(pasted_correlation_id("\"ord-4711\","), "ord-4711");
        assert_eq!(pasted_correlation_id("Root=1"), "Root=1");
        assert_eq!(pasted_id(" "), None);
        assert_eq!(pasted_trace_id(&format!("{} {TRACE}", "x".repeat(PASTED_BYTES_MAX))), None);
    }
}
