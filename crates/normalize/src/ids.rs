//! Ids in every spelling, to the one that the columns hold. It refuses to make an id of what is not one: the caller
//! then keeps the text in `attributes`.

use std::borrow::Cow;

/// What a byte is to an id: whether it is a hex digit, one that is not zero, one in upper case.
const KIND: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'0' => IS_HEX,
            b'1'..=b'9' | b'a'..=b'f' => IS_HEX | NOT_ZERO,
            b'A'..=b'F' => IS_HEX | NOT_ZERO | IS_UPPER,
            _ => 0,
        };
        byte += 1;
    }
    table
};
const IS_HEX: u8 = 1;
const NOT_ZERO: u8 = 2;
const IS_UPPER: u8 = 4;

/// Whether all bytes are hex digits, and the bits that any of them has.
fn hex_kind(bytes: &[u8]) -> (bool, u8) {
    let (all, any) = bytes.iter().fold((IS_HEX, 0), |(all, any), byte| {
        let kind = KIND[usize::from(*byte)];
        (all & kind, any | kind)
    });
    (all == IS_HEX, any)
}

/// The text as `count` lower-case hex digits that are not all zero (W3C: an all-zero id means none).
fn hex(text: &str, count: usize) -> Option<Cow<'_, str>> {
    if text.len() != count {
        return None;
    }
    let (all, any) = hex_kind(text.as_bytes());
    (all && any & NOT_ZERO != 0).then(|| lower(text, any))
}

fn lower(text: &str, kind: u8) -> Cow<'_, str> {
    if kind & IS_UPPER == 0 { Cow::Borrowed(text) } else { Cow::Owned(text.to_ascii_lowercase()) }
}

/// A trace id in any spelling that the normaliser reads, as the column holds it: 32 lower-case hex digits.
pub fn parse_trace_id(text: &str) -> Option<String> {
    trace_id(text).map(Cow::into_owned)
}

/// What a text that somebody holds may be the id of. One text may be several: a UUID is a Lambda request id, a trace id
/// in a rare spelling, or the application's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnyId {
    /// As the column `trace_id` holds it.
    pub trace_id: Option<String>,
    /// As the column `span_id` holds it.
    pub span_id: Option<String>,
    /// As the column `faas_invocation_id` holds it.
    pub invocation_id: Option<String>,
    /// As the column `event_id` holds it.
    pub event_id: Option<String>,
    /// The text itself, where it may be the application's own id: a whole header is none.
    pub correlation_id: Option<String>,
    /// When it was made, in nanoseconds since 1970, if the id tells. It is a guess where the id may be a random number.
    pub made_unix_nano: Option<i64>,
}

/// Digits of CloudWatch's event ids.
const EVENT_ID_DIGITS: usize = 56;
/// Event ids seen in documentation hold the milliseconds of their event from this bit on.
const EVENT_ID_TIME_BIT: u32 = 144;
/// X-Ray began in 2016; an id from before does not hold a time.
const MADE_UNIX_SECONDS_MIN: i64 = 1_451_606_400;

/// The ids that a text may be, in any spelling; `None` if it is blank.
pub fn parse_any_id(text: &str) -> Option<AnyId> {
    let text = text.trim().trim_matches(['"', '\'', '`', ',']).trim();
    if text.is_empty() {
        return None;
    }
    // A header copied with its name.
    let names = [
        "x-amzn-trace-id:",
        "traceparent:",
        "_x_amzn_trace_id=",
        "b3:",
        "x-b3-traceid:",
        "x-b3-spanid:",
        "x-honeycomb-trace:",
        "uber-trace-id:",
    ];
    let value = names.iter().find_map(|name| {
        let head = text.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then(|| text[name.len()..].trim())
    });
    let text = value.unwrap_or(text);
    // Who holds 16 digits may as well hold a trace of 64 bits.
    let trace_id = trace_id(text).or_else(|| b3_trace_id(text)).map(Cow::into_owned);
    let is_header =
        traceparent(text).is_some() || honeycomb(text).is_some() || jaeger(text).is_some() || text.contains("Root=");
    let digits = text.split_once('/').map_or(text, |(digits, _)| digits);
    let is_event_id = digits.len() == EVENT_ID_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = |id: &String| i64::from_str_radix(id.get(..8)?, 16).ok();
    let made = match (&trace_id, is_event_id) {
        (Some(id), _) => seconds(id).filter(|seconds| *seconds >= MADE_UNIX_SECONDS_MIN).map(|seconds| seconds * 1_000),
        (None, true) => event_id_millis(digits).filter(|millis| *millis >= MADE_UNIX_SECONDS_MIN * 1_000),
        (None, false) => None,
    };
    Some(AnyId {
        trace_id,
        span_id: span_id(text).map(Cow::into_owned),
        invocation_id: uuid(text).map(Cow::into_owned),
        event_id: is_event_id.then(|| text.to_owned()),
        correlation_id: (!is_header).then(|| text.to_owned()),
        made_unix_nano: made.and_then(|millis| millis.checked_mul(1_000_000)),
    })
}

/// The digits divided by 2^144.
fn event_id_millis(digits: &str) -> Option<i64> {
    // Long division by 2^48, three times: the numbers at hand hold 128 bits.
    const STEP: u32 = 48;
    let mut digits: Vec<u8> = digits.bytes().map(|digit| digit - b'0').collect();
    for _ in 0..EVENT_ID_TIME_BIT / STEP {
        let mut rest = 0_u64;
        for digit in &mut digits {
            let value = rest * 10 + u64::from(*digit);
            *digit = u8::try_from(value >> STEP).ok()?;
            rest = value & ((1 << STEP) - 1);
        }
    }
    digits.iter().try_fold(0_i64, |value, digit| value.checked_mul(10)?.checked_add(i64::from(*digit)))
}

/// Digits of a trace id of 64 bits: Zipkin's, older Sleuth's and Jaeger's.
const SHORT_TRACE_DIGITS: usize = 16;

/// A trace id: 32 hex digits with or without `0x`, as a UUID, as X-Ray's `1-8-24`, as `Root=…` within a header, as a
/// W3C `traceparent`, or in the headers of B3, Jaeger and Honeycomb. One of 64 bits (16 hex digits) is padded on the left, as B3
/// has it, unless all of its digits are decimal: Datadog writes numbers of 64 bits, and one in 2,000 of those has 16
/// digits, as one in 2,000 hex ids happens to have no letter. [`b3_trace_id`] is for keys that say B3.
pub(crate) fn trace_id(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    if text.len() == XRAY_BYTES
        && let Some(id) = xray(text)
    {
        return Some(id);
    }
    match text.len() {
        32 => hex(text, 32),
        SHORT_TRACE_DIGITS if text.bytes().all(|byte| byte.is_ascii_digit()) => None,
        SHORT_TRACE_DIGITS => b3_trace_id(text),
        18 | 34 if text.starts_with("0x") || text.starts_with("0X") => text.get(2..).and_then(b3_trace_id),
        UUID_BYTES | UUID_IN_BRACES_BYTES | UUID_NAMED_BYTES if uuid(text).is_some() => {
            uuid(text).and_then(|id| hex(&id.replace('-', ""), 32).map(Cow::into_owned)).map(Cow::Owned)
        }
        _ => traceparent(text)
            .map(|(trace, _)| trace)
            .or_else(|| b3(text).map(|ids| ids.trace))
            .or_else(|| jaeger(text).map(|(trace, ..)| trace))
            .or_else(|| xray_header(text))
            .or_else(|| honeycomb(text).map(|(trace, _)| trace)),
    }
}

/// A trace id under a key that says B3: 32 hex digits, or 16 that are padded on the left.
pub(crate) fn b3_trace_id(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    if text.len() == SHORT_TRACE_DIGITS {
        return hex(text, SHORT_TRACE_DIGITS).map(|id| Cow::Owned(format!("{id:0>32}")));
    }
    hex(text, 32)
}

/// Bytes of a UUID, in braces and behind `urn:uuid:`.
const UUID_BYTES: usize = 36;
const UUID_IN_BRACES_BYTES: usize = UUID_BYTES + 2;
const UUID_NAMED_BYTES: usize = UUID_BYTES + 9;

/// Bytes of X-Ray's own form of a trace id, `1-<8 hex>-<24 hex>`.
const XRAY_BYTES: usize = 35;

/// X-Ray's `1-<8>-<24>` as 32 hex digits.
fn xray(text: &str) -> Option<Cow<'_, str>> {
    let [b'1', b'-', .., b'-'] = text.as_bytes().first_chunk::<11>()? else { return None };
    let (epoch, rest) = (text.get(2..10)?, text.get(11..)?);
    let mut id = [epoch, rest].concat();
    hex(&id, 32)?;
    id.make_ascii_lowercase();
    Some(Cow::Owned(id))
}

/// The trace of an `X-Amzn-Trace-Id` header: `Root=` anywhere, or what a load balancer says of itself.
fn xray_header(text: &str) -> Option<Cow<'_, str>> {
    memchr::memchr(b'=', text.as_bytes())?;
    let field = |name| header_field(text, name).and_then(|value| xray(value).or_else(|| hex(value, 32)));
    field("Root").or_else(|| field("Self"))
}

/// X-Ray's trace id where it first stands in a longer text (`X-ray Tracing ID : 1-…`, `Root=1-…;…`), and the span that
/// X-Ray's SDK for Java writes behind it (`1-…@53995c3f42cd8ad8`).
pub(crate) fn xray_in(text: &str) -> Option<(Cow<'_, str>, Option<Cow<'_, str>>)> {
    let bytes = text.as_bytes();
    // `1-`, eight digits, `-`: look for the first dash and what stands around it.
    for dash in memchr::memchr_iter(b'-', bytes) {
        let Some(start) = dash.checked_sub(1).filter(|start| bytes.get(*start) == Some(&b'1')) else { continue };
        let is_inside = start.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(|byte| is_id_byte(*byte));
        let end = start + XRAY_BYTES;
        if is_inside || bytes.get(dash + 9) != Some(&b'-') || bytes.get(end).is_some_and(|byte| is_id_byte(*byte)) {
            continue;
        }
        if let Some(trace) = text.get(start..end).and_then(xray) {
            let span = text.get(end..).and_then(|rest| rest.strip_prefix('@')).and_then(|rest| rest.get(..16));
            return Some((trace, span.and_then(span_id)));
        }
    }
    None
}

/// Whether an id may go on with this byte.
fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// The ids of a B3 header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct B3<'t> {
    pub trace: Cow<'t, str>,
    pub span: Cow<'t, str>,
    pub parent: Option<Cow<'t, str>>,
}

/// The `b3` header in one: `{trace}-{span}`, with `-{sampled}` (`0`, `1`, `d`) and `-{parent}` behind.
pub(crate) fn b3(text: &str) -> Option<B3<'_>> {
    let text = text.trim();
    // Most headers are others'.
    memchr::memchr(b'-', text.as_bytes()).filter(|dash| *dash >= SHORT_TRACE_DIGITS)?;
    let mut parts = text.split('-');
    let (trace, span) = (b3_trace_id(parts.next()?)?, hex(parts.next()?, 16)?);
    let parent = match (parts.next(), parts.next()) {
        (None, _) | (Some("0" | "1" | "d" | "true" | "false"), None) => None,
        (Some("0" | "1" | "d" | "true" | "false"), Some(parent)) => Some(hex(parent, 16)?),
        _ => return None,
    };
    parts.next().is_none().then_some(B3 { trace, span, parent })
}

/// Trace, span and parent span of Jaeger's header: `{trace}:{span}:{parent}:{flags}`. It leaves out zeros at the start of an
/// id, and writes a colon as `%3A` where its carrier may hold none; the parent of a root is zero.
pub(crate) fn jaeger(text: &str) -> Option<Header<'_>> {
    /// Digits of an id that are looked for: one in 65,536 has fewer, and so have many other numbers.
    const DIGITS_MIN: usize = 13;
    const FLAGS_DIGITS_MAX: usize = 2;
    let text = text.trim();
    // Most headers are others'.
    memchr::memchr2(b':', b'%', text.as_bytes()).filter(|sign| *sign >= DIGITS_MIN)?;
    let parts = |sign: &'static str| {
        let mut parts = text.split(sign);
        let parts = (parts.next()?, parts.next()?, parts.next()?, parts.next().filter(|_| parts.next().is_none())?);
        Some(parts)
    };
    let (trace, span, parent, flags) = parts(":").or_else(|| parts("%3A"))?;
    let id = |digits: &str, count: usize| {
        let padded = (DIGITS_MIN..=count).contains(&digits.len()).then(|| format!("{digits:0>count$}"))?;
        hex(&padded, count).map(|id| Cow::Owned(id.into_owned()))
    };
    let is_flags = flags.len() <= FLAGS_DIGITS_MAX && !flags.is_empty() && hex_kind(flags.as_bytes()).0;
    let (trace, span) = (id(trace, 32)?, id(span, 16)?);
    is_flags.then(|| (trace, Some(span), id(parent, 16)))
}

/// Trace and parent span of Honeycomb's header: `1;trace_id=…,parent_id=…,context=…`.
pub(crate) fn honeycomb(text: &str) -> Option<(Cow<'_, str>, Option<Cow<'_, str>>)> {
    let fields = text.trim().strip_prefix("1;")?;
    let field =
        |name: &str| fields.split(',').filter_map(|field| field.trim().split_once('=')).find(|(key, _)| *key == name);
    let (_, trace) = field("trace_id")?;
    let trace = if trace.len() == 36 { trace_id(trace)? } else { b3_trace_id(trace)? };
    Some((trace, field("parent_id").and_then(|(_, parent)| span_id(parent))))
}

/// Trace, span and parent span.
pub(crate) type Header<'t> = (Cow<'t, str>, Option<Cow<'t, str>>, Option<Cow<'t, str>>);

/// What a header that carries a trace says, W3C's, B3's, Jaeger's, Honeycomb's or X-Ray's.
pub(crate) fn trace_header(text: &str) -> Option<Header<'_>> {
    if let Some((trace, span)) = traceparent(text) {
        return Some((trace, Some(span), None));
    }
    if let Some(B3 { trace, span, parent }) = b3(text) {
        return Some((trace, Some(span), parent));
    }
    if let Some(header) = jaeger(text) {
        return Some(header);
    }
    if let Some((trace, parent)) = honeycomb(text) {
        return Some((trace, None, parent));
    }
    if let Some(trace) = trace_id(text) {
        return Some((trace, None, header_field(text, "Parent").and_then(span_id)));
    }
    xray_in(text).map(|(trace, span)| (trace, span, None))
}

/// A span id: 16 hex digits with or without `0x`.
pub(crate) fn span_id(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    match text.len() {
        18 if text.starts_with("0x") || text.starts_with("0X") => hex(&text[2..], 16),
        _ => hex(text, 16),
    }
}

/// Trace and span id of a W3C `traceparent`: `00-<32>-<16>-<2>`; later versions may append.
pub(crate) fn traceparent(text: &str) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let text = text.trim();
    // Most headers are others'.
    text.as_bytes().get(2).filter(|byte| **byte == b'-')?;
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let plain = version.len() == 2 && flags.len() == 2 && !version.eq_ignore_ascii_case("ff");
    if !plain || !version.bytes().chain(flags.bytes()).all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((hex(trace, 32)?, hex(span, 16)?))
}

/// The value of one field of an `X-Amzn-Trace-Id` header: `Root=…;Parent=…;Sampled=…`.
pub(crate) fn header_field<'t>(header: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = header;
    loop {
        let end = memchr::memchr(b';', rest.as_bytes());
        let field = rest[..end.unwrap_or(rest.len())].trim();
        if let Some(sign) = memchr::memchr(b'=', field.as_bytes())
            && field[..sign].eq_ignore_ascii_case(name)
        {
            return Some(field[sign + 1..].trim());
        }
        rest = &rest[end? + 1..];
    }
}

/// A UUID in its form of 36 characters, lower-case: what Lambda's request ids are. Braces around it and `urn:uuid:`
/// before it are left out.
pub(crate) fn uuid(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    let text = match text.len() {
        UUID_IN_BRACES_BYTES => text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text),
        UUID_NAMED_BYTES => text.strip_prefix("urn:uuid:").unwrap_or(text),
        _ => text,
    };
    let bytes = text.as_bytes();
    if bytes.len() != UUID_BYTES || [8, 13, 18, 23].into_iter().any(|dash| bytes[dash] != b'-') {
        return None;
    }
    let (mut all, mut any) = (true, 0);
    for part in [0..8, 9..13, 14..18, 19..23, 24..36] {
        let (part_all, part_any) = hex_kind(&bytes[part]);
        all &= part_all;
        any |= part_any;
    }
    all.then(|| lower(text, any))
}

/// Function name and version of a Lambda ARN, `arn:<partition>:lambda:<region>:<account>:function:<name>[:<version or
/// alias>]`; an alias is no version.
pub(crate) fn lambda_arn(text: &str) -> Option<(&str, Option<&str>)> {
    let mut parts = text.split(':');
    if parts.next() != Some("arn") || parts.nth(1) != Some("lambda") || parts.nth(2) != Some("function") {
        return None;
    }
    let name = parts.next().filter(|name| !name.is_empty())?;
    let version = parts.next().filter(|version| is_lambda_version(version));
    Some((name, version))
}

/// The version under which Managed Instances run several calls at once in one stream.
pub(crate) const SHARED_VERSION: &str = "$LATEST.PUBLISHED";

/// Whether the text is `$LATEST`, `$LATEST.PUBLISHED` (Managed Instances run it) or a version number.
pub(crate) fn is_lambda_version(text: &str) -> bool {
    matches!(text, "$LATEST" | SHARED_VERSION) || (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The function of a group of Lambda's, `/aws/lambda/<name>`. Lambda@Edge writes in every region into a group that names
/// the region of the function as well: `/aws/lambda/us-east-1.<name>`; no name of a function has a point.
pub(crate) fn lambda_group(group: &str) -> Option<&str> {
    let name = group.strip_prefix("/aws/lambda/").filter(|name| !name.is_empty())?;
    match name.split_once('.') {
        Some((region, name)) if is_region(region) && !name.is_empty() => Some(name),
        _ => Some(name),
    }
}

/// Whether the text has the form of a region, such as `us-east-1` or `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_letters = |part: &str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let count = text.split('-').count();
    matches!(count, 3 | 4) && parts.by_ref().take(count - 1).all(is_letters) && parts.all(is_number)
}

/// Function (in a group that several share) and version of a Lambda stream: `YYYY/MM/DD/[version]hex32` or
/// `YYYY/MM/DD/function[version]hex32`.
pub(crate) fn lambda_stream(stream: &str) -> Option<(Option<&str>, &str)> {
    let bytes = stream.as_bytes();
    let date = bytes.get(..11)?;
    let is_date = date
        .iter()
        .enumerate()
        .all(|(index, byte)| if matches!(index, 4 | 7 | 10) { *byte == b'/' } else { byte.is_ascii_digit() });
    if !is_date {
        return None;
    }
    let (function, rest) = stream[11..].split_once('[')?;
    let (version, sandbox) = rest.split_once(']')?;
    if !is_lambda_version(version) || sandbox.len() != 32 || !sandbox.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some(((!function.is_empty()).then_some(function), version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_one_trace() {
        for text in [
            "6b01598d2cb6916d86dc283cf0480ff9",
            "6B01598D2CB6916D86DC283CF0480FF9",
            "0x6b01598d2cb6916d86dc283cf0480ff9",
            "1-6b01598d-2cb6916d86dc283cf0480ff9",
            "Root=1-6b01598d-2cb6916d86dc283cf0480ff9",
            "Self=1-5f-a;Root=1-6b01598d-2cb6916d86dc283cf0480ff9;Parent=53995c3f42cd8ad8;Sampled=1",
            "Parent=53995c3f42cd8ad8;Sampled=1;Root=1-6b01598d-2cb6916d86dc283cf0480ff9",
            "Self=1-6b01598d-2cb6916d86dc283cf0480ff9",
            "Root=1-6B01598D-2CB6916D86DC283CF0480FF9;Lineage=a:0",
            "6b01598d2cb6916d86dc283cf0480ff9-86ea0214b5c34e7e",
            "6b01598d2cb6916d86dc283cf0480ff9-86ea0214b5c34e7e-1",
            "6b01598d2cb6916d86dc283cf0480ff9-86ea0214b5c34e7e-1-53995c3f42cd8ad8",
            "1;trace_id=6b01598d2cb6916d86dc283cf0480ff9,parent_id=86ea0214b5c34e7e,context=e30=",
            "1;dataset=x,trace_id=6b01598d-2cb6-916d-86dc-283cf0480ff9",
            "00-6b01598d2cb6916d86dc283cf0480ff9-86ea0214b5c34e7e-01",
            "6b01598d-2cb6-916d-86dc-283cf0480ff9",
            "{6B01598D-2cb6-916d-86dc-283cf0480ff9}",
            "urn:uuid:6b01598d-2cb6-916d-86dc-283cf0480ff9",
            "6b01598d2cb6916d86dc283cf0480ff9:86ea0214b5c34e7e:0:1",
            "6b01598d2cb6916d86dc283cf0480ff9%3A86ea0214b5c34e7e%3A53995c3f42cd8ad8%3A01",
            " 6b01598d2cb6916d86dc283cf0480ff9 ",
        ] {
            let expected = if text.contains("2cb6916d86dc283cf0480ff9") || text.contains('-') || text.contains("2CB") {
                "6b01598d2cb6916d86dc283cf0480ff9"
            } else {
                unreachable!()
            };
            assert_eq!(trace_id(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_id_is_none() {
        for text in [
            "",
            "not-hex",
            "00000000000000000000000000000000",
            "1-6b01598d-2cb6916d86dc283cf0480ff",
            "3453445345634563456",
            "é01598d2cb6916d86dc283cf0480ff9",
            "Root=",
            "00-zz-86ea0214b5c34e7e-01",
            "1-6b01598-d2cb6916d86dc283cf0480ff9",
            // Datadog's numbers.
            "1234567890123456",
            "12345678901234567890",
            "e457b5a2e4d86bd",
            "0000000000000000",
            "e457b5a2e4d86bd1-",
            "e457b5a2e4d86bd1-05e3ac9a4f6e3b90-2",
            "e457b5a2e4d86bd1-05e3ac9a4f6e3b90-1-05e3ac9a4f6e3b90-1",
            "1;trace_id=x",
            "1;",
            "Self=1-5f-a",
            "a=b",
            "0xé3ac9a4f6e3b901",
            "1:2:3:4",
            "12:34:56:78",
            "e457b5a2e4d86bd1:86ea0214b5c34e7e:0",
            "e457b5a2e4d86bd1:86ea0214b5c34e7e:0:1:1",
            "e457b5a2e4d86bd1:86ea0214b5c34e7e:0:",
            "e457b5a2e4d86bd1:86ea0214b5c34e7e:0:é",
            "0000000000000000:86ea0214b5c34e7e:0:1",
            "{6b01598d-2cb6-916d-86dc-283cf0480ff9",
        ] {
            assert_eq!(trace_id(text), None, "{text}");
        }
        assert_eq!(span_id("53995c3f42cd8ad8").as_deref(), Some("53995c3f42cd8ad8"));
        assert_eq!(span_id("0000000000000000"), None);
        assert_eq!(
            uuid("12E1BC76-5667-4b14-9509-bb0a9bf13331").as_deref(),
            Some("12e1bc76-5667-4b14-9509-bb0a9bf13331")
        );
        assert_eq!(uuid("12e1bc76x5667-4b14-9509-bb0a9bf13331"), None);
    }

    #[test]
    fn whatever_somebody_holds_is_every_id_that_it_may_be() {
        let trace = Some("6b01598d2cb6916d86dc283cf0480ff9".to_owned());
        let made = Some(0x6b01_598d * 1_000_000_000);
        for text in [
            "1-6b01598d-2cb6916d86dc283cf0480ff9",
            "X-Amzn-Trace-Id: Root=1-6b01598d-2cb6916d86dc283cf0480ff9;Parent=53995c3f42cd8ad8;Sampled=1",
            "traceparent: 00-6b01598d2cb6916d86dc283cf0480ff9-86ea0214b5c34e7e-01",
            "\"6B01598D2CB6916D86DC283CF0480FF9\",",
        ] {
            let id = parse_any_id(text).unwrap();
            assert_eq!((&id.trace_id, id.made_unix_nano), (&trace, made), "{text}");
        }
        assert_eq!(parse_any_id("Root=1-6b01598d-2cb6916d86dc283cf0480ff9").unwrap().correlation_id, None);
        let request = parse_any_id("12E1BC76-5667-4b14-9509-bb0a9bf13331").unwrap();
        assert_eq!(request.invocation_id.as_deref(), Some("12e1bc76-5667-4b14-9509-bb0a9bf13331"));
        assert_eq!(request.correlation_id.as_deref(), Some("12E1BC76-5667-4b14-9509-bb0a9bf13331"));
        assert_eq!(request.made_unix_nano, None);
        let own = parse_any_id(" ord-7f3a91 ").unwrap();
        assert_eq!(own, AnyId { correlation_id: Some("ord-7f3a91".into()), ..AnyId::default() });
        assert_eq!(parse_any_id("86ea0214b5c34e7e").unwrap().span_id.as_deref(), Some("86ea0214b5c34e7e"));
        // Two examples of the documentation of CloudWatch Logs, with the times that stand beside them.
        for (text, millis) in [
            ("31132629274945519779805322857203735586714454643391594505", 1_396_035_378_988),
            ("31132629274945519779805322857203735586814454643391594505/3", 1_396_035_378_988),
        ] {
            let id = parse_any_id(text).unwrap();
            assert_eq!((id.event_id.as_deref(), id.trace_id), (Some(text), None));
            // From before X-Ray: no time is taken from it.
            assert_eq!((id.made_unix_nano, event_id_millis(&text[..56])), (None, Some(millis)));
        }
        let b3 = parse_any_id("B3: 6b01598d2cb6916d86dc283cf0480ff9-86ea0214b5c34e7e-1").unwrap();
        assert_eq!(b3.trace_id, trace);
        let digits = parse_any_id("1234567890123456").unwrap();
        assert_eq!(digits.trace_id.as_deref(), Some("00000000000000001234567890123456"));
        assert_eq!(digits.span_id.as_deref(), Some("1234567890123456"));
        assert_eq!(parse_any_id("  "), None);
        assert_eq!(parse_any_id("é").unwrap().correlation_id.as_deref(), Some("é"));
    }

    #[test]
    fn a_trace_of_64_bits_is_padded_on_the_left() {
        for text in
            ["e457b5a2e4d86bd1", "E457B5A2E4D86BD1", "0xe457b5a2e4d86bd1", "e457b5a2e4d86bd1-05e3ac9a4f6e3b90-0"]
        {
            assert_eq!(trace_id(text).as_deref(), Some("0000000000000000e457b5a2e4d86bd1"), "{text}");
        }
        assert_eq!(b3_trace_id("1234567890123456").as_deref(), Some("00000000000000001234567890123456"));
        assert_eq!(b3_trace_id("12345678901234567"), None);
    }

    #[test]
    fn headers_tell_span_and_parent() {
        let ids = b3("e457b5a2e4d86bd1-05e3ac9a4f6e3b90-1-86EA0214b5c34e7e").unwrap();
        assert_eq!((ids.span.as_ref(), ids.parent.as_deref()), ("05e3ac9a4f6e3b90", Some("86ea0214b5c34e7e")));
        for text in ["", "0", "1", "d", "-", "é-é"] {
            assert_eq!(b3(text), None, "{text}");
        }
        // Zeros at the start are left out.
        for (text, parent) in [
            ("457b5a2e4d86bd1:5e3ac9a4f6e3b90:86EA0214b5c34e7e:1", Some("86ea0214b5c34e7e")),
            ("0457b5a2e4d86bd1:5e3ac9a4f6e3b90:0:d", None),
        ] {
            let (trace, span, found) = trace_header(text).unwrap();
            assert_eq!((&*trace, span.as_deref()), ("00000000000000000457b5a2e4d86bd1", Some("05e3ac9a4f6e3b90")));
            assert_eq!(found.as_deref(), parent, "{text}");
        }
        let (_, parent) = honeycomb("1;trace_id=6b01598d2cb6916d86dc283cf0480ff9,parent_id=86ea0214b5c34e7e").unwrap();
        assert_eq!(parent.as_deref(), Some("86ea0214b5c34e7e"));
    }

    #[test]
    fn an_xray_trace_in_a_text_is_found() {
        let trace = "6b01598d2cb6916d86dc283cf0480ff9";
        for (text, expected) in [
            (
                "(c6af9ac6-7b61-11e6-9a41-93e8deadbeef) X-ray Tracing ID : 1-6b01598d-2cb6916d86dc283cf0480ff9",
                Some(trace),
            ),
            ("Root=1-6b01598d-2cb6916d86dc283cf0480ff9;Parent=x", Some(trace)),
            ("é1-6b01598d-2cb6916d86dc283cf0480ff9é", Some(trace)),
            ("1-1-1-6b01598d-2cb6916d86dc283cf0480ff9", None),
            ("21-6b01598d-2cb6916d86dc283cf0480ff9", None),
            ("1-6b01598d-2cb6916d86dc283cf0480ff9a", None),
            ("1-6b01598d-2cb6916d86dc283cf0480ff", None),
            ("1-é", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(xray_in(text).map(|(trace, _)| trace).as_deref(), expected, "{text}");
        }
        let (_, span) = xray_in("AWS-XRAY-TRACE-ID: 1-6b01598d-2cb6916d86dc283cf0480ff9@53995c3f42cd8ad8").unwrap();
        assert_eq!(span.as_deref(), Some("53995c3f42cd8ad8"));
    }

    #[test]
    fn a_uuid_in_any_dress() {
        for text in [
            "12e1bc76-5667-4b14-9509-bb0a9bf13331",
            "{12E1BC76-5667-4B14-9509-BB0A9BF13331}",
            "urn:uuid:12e1bc76-5667-4b14-9509-bb0a9bf13331",
        ] {
            assert_eq!(uuid(text).as_deref(), Some("12e1bc76-5667-4b14-9509-bb0a9bf13331"), "{text}");
        }
        for text in ["{12e1bc76-5667-4b14-9509-bb0a9bf13331", "urn:uuid:12e1bc76-5667-4b14-9509-bb0a9bf1333", "{}"] {
            assert_eq!(uuid(text), None, "{text}");
        }
    }

    #[test]
    fn groups_tell_the_function() {
        for (group, expected) in [
            ("/aws/lambda/payments", Some("payments")),
            ("/aws/lambda/us-east-1.edge-auth", Some("edge-auth")),
            ("/aws/lambda/us-gov-west-1.edge", Some("edge")),
            ("/aws/lambda/us-east-1.", Some("us-east-1.")),
            ("/aws/lambda/a.b", Some("a.b")),
            ("/aws/lambda/us-east-1", Some("us-east-1")),
            ("/aws/lambda/", None),
            ("/ecs/payments", None),
        ] {
            assert_eq!(lambda_group(group), expected, "{group}");
        }
    }

    #[test]
    fn streams_and_arns_tell_function_and_version() {
        assert_eq!(lambda_stream("2026/11/21/[42]13e783e7eb04b39b68b4aef73eaabe17"), Some((None, "42")));
        assert_eq!(
            lambda_stream("2026/11/21/cart[$LATEST]13e783e7eb04b39b68b4aef73eaabe17"),
            Some((Some("cart"), "$LATEST"))
        );
        assert_eq!(
            lambda_stream("2026/11/21/payments[$LATEST.PUBLISHED]a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"),
            Some((Some("payments"), "$LATEST.PUBLISHED"))
        );
        assert_eq!(lambda_stream("2026/11/21/é[é]"), None);
        assert_eq!(lambda_stream("inventory/app/0123456789"), None);
        assert_eq!(lambda_stream("2026/11/21/[live]13e783e7eb04b39b68b4aef73eaabe17"), None);
        assert_eq!(
            lambda_arn("arn:aws:lambda:eu-west-2:123456789012:function:edge-api:live"),
            Some(("edge-api", None))
        );
        assert_eq!(lambda_arn("arn:aws-us-gov:lambda:us-gov-west-1:1:function:f:7"), Some(("f", Some("7"))));
        assert_eq!(lambda_arn("arn:aws:sqs:eu-west-2:1:queue"), None);
    }
}
