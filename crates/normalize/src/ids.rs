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
    let names = ["x-amzn-trace-id:", "traceparent:", "_x_amzn_trace_id="];
    let value = names.iter().find_map(|name| {
        let head = text.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then(|| text[name.len()..].trim())
    });
    let text = value.unwrap_or(text);
    let trace_id = parse_trace_id(text);
    let is_header = traceparent(text).is_some() || text.contains("Root=");
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

/// A trace id: 32 hex digits with or without `0x`, as a UUID, as X-Ray's `1-8-24`, as `Root=…` within a header, or as
/// a W3C `traceparent`.
pub(crate) fn trace_id(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    match text.len() {
        32 => hex(text, 32),
        34 if text.starts_with("0x") || text.starts_with("0X") => hex(&text[2..], 32),
        35 if text.starts_with("1-") => {
            let (epoch, rest) = text[2..].split_once('-')?;
            (epoch.len() == 8).then(|| hex(&[epoch, rest].concat(), 32).map(Cow::into_owned))?.map(Cow::Owned)
        }
        36 => uuid(text).and_then(|id| hex(&id.replace('-', ""), 32).map(Cow::into_owned)).map(Cow::Owned),
        _ if text.contains("Root=") => header_field(text, "Root").and_then(trace_id),
        _ => traceparent(text).map(|(trace, _)| trace),
    }
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
    let mut parts = text.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let plain = version.len() == 2 && flags.len() == 2 && !version.eq_ignore_ascii_case("ff");
    if !plain || !version.bytes().chain(flags.bytes()).all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((hex(trace, 32)?, hex(span, 16)?))
}

/// The value of one field of an `X-Amzn-Trace-Id` header: `Root=…;Parent=…;Sampled=…`.
pub(crate) fn header_field<'t>(header: &'t str, name: &str) -> Option<&'t str> {
    header
        .split(';')
        .filter_map(|field| field.trim().split_once('='))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// A UUID in its form of 36 characters, lower-case: what Lambda's request ids are.
pub(crate) fn uuid(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    let bytes = text.as_bytes();
    if bytes.len() != 36 || [8, 13, 18, 23].into_iter().any(|dash| bytes[dash] != b'-') {
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

/// Whether the text is `$LATEST` or a version number.
pub(crate) fn is_lambda_version(text: &str) -> bool {
    text == "$LATEST" || (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
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
            "00-6b01598d2cb6916d86dc283cf0480ff9-86ea0214b5c34e7e-01",
            "6b01598d-2cb6-916d-86dc-283cf0480ff9",
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
        assert_eq!(parse_any_id("  "), None);
        assert_eq!(parse_any_id("é").unwrap().correlation_id.as_deref(), Some("é"));
    }

    #[test]
    fn streams_and_arns_tell_function_and_version() {
        assert_eq!(lambda_stream("2026/11/21/[42]13e783e7eb04b39b68b4aef73eaabe17"), Some((None, "42")));
        assert_eq!(
            lambda_stream("2026/11/21/cart[$LATEST]13e783e7eb04b39b68b4aef73eaabe17"),
            Some((Some("cart"), "$LATEST"))
        );
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

pub(crate) type Header<'t> = (Cow<'t, str>, Option<Cow<'t, str>>, Option<Cow<'t, str>>);
pub(crate) fn trace_header(text: &str) -> Option<Header<'_>> {
    Some(match traceparent(text) {
        Some((trace, span)) => (trace, Some(span), None),
        None => (trace_id(text)?, None, header_field(text, "Parent").and_then(span_id)),
    })
}
pub(crate) fn lambda_group(group: &str) -> Option<&str> {
    group.strip_prefix("/aws/lambda/").filter(|name| !name.is_empty())
}
