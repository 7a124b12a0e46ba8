//! Secrets out of what is stored: values of keys that name a secret, and text that looks like one. What is replaced
//! becomes `[redacted:<kind>]`.
//!
//! It refuses to touch numbers and ids because they look like a card: only a key that names a secret hides those.

use std::borrow::Cow;

use aho_corasick::packed::{Config, MatchKind, Searcher};

use crate::keys::Folded;

/// Endings of folded keys that name a secret, and the kind that is written in its place. The first that fits counts.
const SECRET_KEYS: &[(&str, &str)] = &[
    ("authorization", "authorization"),
    ("cookie", "cookie"),
    ("cookies", "cookie"),
    ("password", "password"),
    ("passwd", "password"),
    ("passphrase", "password"),
    ("pwd", "password"),
    ("secretaccesskey", "secret"),
    ("secretkey", "secret"),
    ("secret", "secret"),
    ("secrets", "secret"),
    ("apikey", "api-key"),
    ("apikeys", "api-key"),
    ("privatekey", "private-key"),
    ("accesskey", "access-key"),
    ("token", "token"),
    ("tokens", "token"),
    ("credential", "credential"),
    ("credentials", "credential"),
    ("signature", "signature"),
    ("cardnumber", "card-number"),
    ("cvv", "card-number"),
    ("cvc", "card-number"),
];

/// Keys that end as a secret's do and name none: cursors, and counts of a language model's tokens.
const NO_SECRET_KEYS: &[&str] = &[
    "nexttoken",
    "pagetoken",
    "nextpagetoken",
    "continuationtoken",
    "paginationtoken",
    "nextcontinuationtoken",
    "maxtokens",
    "inputtokens",
    "outputtokens",
    "totaltokens",
    "prompttokens",
    "completiontokens",
    "numtokens",
];

/// Whether a key may end as one of the endings above: a first look at three letters that spares nearly every key the
/// second.
#[inline]
fn may_end_as_secret(key: &[u8]) -> bool {
    let end = key.len() - key.iter().rev().take_while(|byte| matches!(byte, b'_' | b'-' | b'.' | b' ')).count();
    let Some(last) = key[..end].last_chunk::<3>() else { return false };
    // Bit 5 makes ASCII letters lower-case.
    matches!(
        &last.map(|byte| byte | 0x20),
        b"ion"
            | b"kie"
            | b"ies"
            | b"ord"
            | b"swd"
            | b"ase"
            | b"pwd"
            | b"key"
            | b"ret"
            | b"ets"
            | b"eys"
            | b"ken"
            | b"ens"
            | b"ial"
            | b"als"
            | b"ure"
            | b"ber"
            | b"cvv"
            | b"cvc"
    )
}

/// Whether `=` or `:` stands in the text; most strings are too short for a search to be worth setting up.
#[inline]
fn has_separator(bytes: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().any(|word| {
        let word = u64::from_le_bytes(*word);
        let (equals, colon) = (word ^ (ONES * b'=' as u64), word ^ (ONES * b':' as u64));
        ((equals.wrapping_sub(ONES) & !equals) | (colon.wrapping_sub(ONES) & !colon)) & HIGHS != 0
    }) || rest.iter().any(|byte| matches!(byte, b'=' | b':'))
}

/// What is replaced and how.
#[derive(Debug)]
pub(crate) struct Redactor {
    keys: Vec<(Box<[u8]>, &'static str)>,
    searcher: Option<Searcher>,
}

impl Redactor {
    /// `keys` are further names, in any case and separator, whose values are replaced.
    pub fn new(keys: &[String]) -> Redactor {
        let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
        // Where a key id, a JWT, a PEM block or a bearer token may begin; the rest of it is checked at the place.
        builder.extend(["AKIA", "ASIA", "eyJ", "-----BEGIN ", "earer ", "EARER "]);
        let own = keys.iter().map(|key| (Box::from(Folded::new(key).as_bytes()), "configured"));
        Redactor { keys: own.collect(), searcher: builder.build() }
    }

    /// The kind of secret that a key names.
    #[inline]
    pub fn key_kind(&self, key: &str) -> Option<&'static str> {
        if self.keys.is_empty() && !may_end_as_secret(key.as_bytes()) {
            return None;
        }
        self.key_kind_slow(key)
    }

    fn key_kind_slow(&self, key: &str) -> Option<&'static str> {
        // The end of a long key names it.
        let mut start = key.len().saturating_sub(60);
        while !key.is_char_boundary(start) {
            start += 1;
        }
        let folded = Folded::new(&key[start..]);
        let folded = folded.as_bytes();
        if let Some((_, kind)) = self.keys.iter().find(|(name, _)| **name == *folded) {
            return Some(kind);
        }
        let (_, kind) = SECRET_KEYS.iter().find(|(ending, _)| folded.ends_with(ending.as_bytes()))?;
        (!NO_SECRET_KEYS.iter().any(|name| name.as_bytes() == folded)).then_some(*kind)
    }

    /// Whether anything in the text may look like a secret by its value alone: no false negatives, some false alarms.
    pub fn may_hold_value(&self, text: &str) -> bool {
        let found = match &self.searcher {
            Some(searcher) => searcher.find(text).is_some(),
            None => true,
        };
        found || may_hold_card(text.as_bytes())
    }

    /// Whether a text, such as a string's value, may hold `key=value` or `key: value` with a key that names a secret.
    #[inline]
    pub fn may_hold_pair(&self, text: &str) -> bool {
        has_separator(text.as_bytes())
            && memchr::memchr2_iter(b'=', b':', text.as_bytes()).any(|at| self.pair_kind(text, at).is_some())
    }

    /// The kind that the word before the separator at `at` names, skipping quotes, backslashes and spaces between.
    fn pair_kind(&self, text: &str, at: usize) -> Option<&'static str> {
        let bytes = text.as_bytes();
        let mut end = at;
        while end > 0 && matches!(bytes[end - 1], b'"' | b'\'' | b'\\' | b' ') && at - end < 8 {
            end -= 1;
        }
        let length = bytes[..end]
            .iter()
            .rev()
            .take(60)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
            .count();
        if length == 0 { None } else { self.key_kind(&text[end - length..end]) }
    }

    /// The text with every secret in it replaced; borrowed where there is none. `is_id` says that the text stands for
    /// an id or a time, so that digits in it are no card.
    pub fn redact_text<'t>(&self, text: &'t str, is_id: bool, count: &mut u64) -> Cow<'t, str> {
        let mut hits = Vec::new();
        // What lies inside a hit is not looked at again: the time stays linear in the text.
        let mut covered = 0;
        for found in self.searcher.iter().flat_map(|searcher| searcher.find_iter(text)) {
            if found.start() >= covered
                && let Some(hit) = looks_like_secret(text, found.start())
            {
                covered = hit.end;
                hits.push(hit);
            }
        }
        covered = 0;
        for at in memchr::memchr2_iter(b'=', b':', text.as_bytes()) {
            if at >= covered
                && let Some(kind) = self.pair_kind(text, at)
                && let Some((start, end)) = pair_value(text, at, kind)
            {
                covered = end;
                hits.push(Hit { start, end, kind });
            }
        }
        if !is_id {
            cards(text.as_bytes(), &mut hits);
        }
        if hits.is_empty() {
            return Cow::Borrowed(text);
        }
        // Of hits that overlap the longest names the secret and all of them go.
        hits.sort_by_key(|hit| (hit.start, std::cmp::Reverse(hit.end)));
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        let mut hits = hits.into_iter().peekable();
        while let Some(hit) = hits.next() {
            let mut end = hit.end;
            while let Some(next) = hits.next_if(|next| next.start < end) {
                end = end.max(next.end);
            }
            out.push_str(&text[copied..hit.start]);
            push_replacement(hit.kind, &mut out);
            *count += 1;
            copied = end;
        }
        out.push_str(&text[copied..]);
        Cow::Owned(out)
    }
}

/// Appends what stands in place of a secret.
pub(crate) fn push_replacement(kind: &str, out: &mut String) {
    out.push_str("[redacted:");
    out.push_str(kind);
    out.push(']');
}

/// Whether the key's value is an id or a time, in which 15 or 16 digits are no card number.
pub(crate) fn names_id_or_time(key: &str) -> bool {
    let folded = Folded::new(key);
    let folded = folded.as_bytes();
    ["id", "ids", "time", "timestamp", "ts", "nano", "nanos", "epoch", "date", "uuid", "key", "trace", "span", "parent"]
        .iter()
        .any(|ending| folded.ends_with(ending.as_bytes()))
}

#[derive(Clone, Copy, Debug)]
struct Hit {
    start: usize,
    end: usize,
    kind: &'static str,
}

fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// The first part of a JWT names algorithm, key and perhaps a certificate's thumbprint; a longer word is none.
const JWT_HEADER_BYTES_MAX: usize = 1024;

/// The secret that begins at or just before `at`, where one of the searcher's patterns was found.
fn looks_like_secret(text: &str, at: usize) -> Option<Hit> {
    let bytes = text.as_bytes();
    let run_within = |from: usize, most: usize, allowed: fn(u8) -> bool| {
        bytes[from.min(bytes.len())..].iter().take(most).take_while(|byte| allowed(**byte)).count()
    };
    let run = |from, allowed| run_within(from, usize::MAX, allowed);
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    match bytes[at] {
        // AWS access key ids: four letters of kind, sixteen of base 32 (IAM: "understanding unique ID prefixes").
        b'A' => {
            let length = run_within(at, 21, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
            (length == 20 && !is_word(before) && !is_word(bytes.get(at + length))).then_some(Hit {
                start: at,
                end: at + length,
                kind: "aws-access-key",
            })
        }
        // A JWT is three or, encrypted, five parts of base64url, the first of which is a JSON object.
        b'e' if bytes[at..].starts_with(b"eyJ") => {
            let is_base64url: fn(u8) -> bool = |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            let first = run_within(at, JWT_HEADER_BYTES_MAX, is_base64url);
            let second = if bytes.get(at + first) == Some(&b'.') { run(at + first + 1, is_base64url) } else { 0 };
            let is_jwt = first >= 10 && second >= 4 && bytes.get(at + first + 1 + second) == Some(&b'.');
            (is_jwt && !is_word(before)).then(|| Hit {
                start: at,
                end: at + run(at, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')),
                kind: "jwt",
            })
        }
        b'-' => {
            let line = &text[at..];
            let header = line["-----BEGIN ".len()..].split_once("-----")?.0;
            if header.len() > 60 || !header.ends_with("PRIVATE KEY") {
                return None;
            }
            // Without an end the key was cut, and what follows is key.
            const END: &str = "-----END ";
            let end = line.find(END).and_then(|end| {
                let behind = &line[end + END.len()..];
                behind.find("-----").map(|dashes| end + END.len() + dashes + 5)
            });
            Some(Hit { start: at, end: at + end.unwrap_or(line.len()), kind: "private-key" })
        }
        // `Bearer ` and what RFC 6750 calls b64token; a plain word of prose behind it is none.
        _ => {
            let letter = at.checked_sub(1)?;
            if !bytes[letter].eq_ignore_ascii_case(&b'b')
                || is_word(letter.checked_sub(1).and_then(|before| bytes.get(before)))
            {
                return None;
            }
            let start = at + "earer ".len();
            let length = run(start, |byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
            });
            let token = &bytes[start..start + length];
            let is_token = length >= 8 && (length >= 20 || token.iter().any(|byte| !byte.is_ascii_alphabetic()));
            is_token.then_some(Hit { start, end: start + length, kind: "bearer-token" })
        }
    }
}

/// Where the value of the pair stands whose separator is at `at`, if there is one to hide.
fn pair_value(text: &str, at: usize, kind: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut start = at + 1;
    // `=>` and `:=` separate too.
    if matches!(bytes.get(start), Some(b'>' | b'=')) {
        start += 1;
    }
    let spaces = bytes[start..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    start += spaces;
    let escapes = bytes[start..].iter().take_while(|byte| **byte == b'\\').count();
    let quote = bytes.get(start + escapes).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    let end;
    if let Some(quote) = quote {
        start += escapes + 1;
        // The closing quote is escaped as often as the opening one.
        end = (start..bytes.len())
            .find(|index| {
                bytes[*index] == quote
                    && bytes[start..*index].iter().rev().take_while(|byte| **byte == b'\\').count() == escapes
            })
            .map_or(bytes.len(), |index| index - escapes);
    } else {
        // A header's value goes to the end of its line, any other to the end of the word.
        let to_line_end = matches!(kind, "authorization" | "cookie");
        let stop = |byte: &u8| match byte {
            b'\n' | b'\r' | b'"' => true,
            _ if to_line_end => false,
            b' ' | b'\t' | b',' | b';' | b'&' | b'\'' | b')' | b'}' | b']' | b'<' => true,
            _ => false,
        };
        end = bytes[start..].iter().position(stop).map_or(bytes.len(), |length| start + length);
        // "unexpected token: end of input" is prose; a secret has a digit or is long.
        let value = &bytes[start..end];
        let is_prose = spaces > 0 && matches!(kind, "token" | "cookie" | "credential" | "signature" | "secret");
        if is_prose && value.len() < 16 && !value.iter().any(u8::is_ascii_digit) {
            return None;
        }
    }
    let value = &text[start..end];
    let is_empty = matches!(value, "" | "null" | "none" | "None" | "true" | "false" | "undefined" | "{" | "[" | "(");
    (!is_empty && !value.starts_with("[redacted:")).then_some((start, end))
}

/// Whether a card number may stand here. It is a run of at least fifteen digits with spaces or hyphens between, so at
/// least one of the eight-byte words that the text falls into lies within it.
fn may_hold_card(bytes: &[u8]) -> bool {
    // The bytes 0x20 to 0x3f, among which are digits, space and hyphen, are those whose highest three bits are 001.
    const HIGH_BITS: u64 = 0xe0e0_e0e0_e0e0_e0e0;
    const OF_CARD: u64 = 0x2020_2020_2020_2020;
    let of_card = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-');
    let (words, _) = bytes.as_chunks::<8>();
    let mut index = 0;
    while let Some(ahead) = words[index..]
        .iter()
        .position(|word| u64::from_le_bytes(*word) & HIGH_BITS == OF_CARD && word.iter().all(of_card))
    {
        let at = (index + ahead) * 8;
        let start = at - bytes[..at].iter().rev().take_while(|byte| of_card(byte)).count();
        let end = at + bytes[at..].iter().take_while(|byte| of_card(byte)).count();
        if end - start >= CARD_DIGITS_MIN {
            // With the bytes around it that decide whether it stands alone and whether an id is named before.
            let mut hits = Vec::new();
            cards(&bytes[start.saturating_sub(48)..bytes.len().min(end + 2)], &mut hits);
            if !hits.is_empty() {
                return true;
            }
        }
        index = end / 8;
    }
    false
}

const CARD_DIGITS_MIN: usize = 15;

/// Adds every card number: 15 or 16 digits, in one run or in groups of four (American Express: 4-6-5) with one space
/// or hyphen between, with an issuer's prefix and a right check digit, that are not part of a longer word or number.
fn cards(bytes: &[u8], hits: &mut Vec<Hit>) {
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        let mut groups = [0_usize; 8];
        let mut group_count = 0;
        let mut digits = [0_u8; 20];
        let mut digit_count = 0;
        let mut end = at;
        let mut separator = None;
        loop {
            let run = bytes[end..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            for byte in &bytes[end..end + run] {
                if digit_count < digits.len() {
                    digits[digit_count] = byte - b'0';
                }
                digit_count += 1;
            }
            if group_count < groups.len() {
                groups[group_count] = run;
            }
            group_count += 1;
            end += run;
            let next = bytes.get(end).copied();
            let joins = matches!(next, Some(b' ' | b'-')) && separator.is_none_or(|separator| next == Some(separator));
            if !joins || digit_count >= 16 || !bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
                break;
            }
            separator = next;
            end += 1;
        }
        let shape = matches!(groups[..group_count.min(groups.len())], [15 | 16] | [4, 4, 4, 4] | [4, 6, 5]);
        let stands_alone = |byte: Option<&u8>| !is_word(byte) && !matches!(byte, Some(b'-' | b'.'));
        let before = start.checked_sub(1).and_then(|before| bytes.get(before));
        // A sentence may end behind the number; a decimal point has a digit behind it.
        let behind = bytes.get(end);
        let ends = stands_alone(behind) || (behind == Some(&b'.') && !is_word(bytes.get(end + 1)));
        if shape
            && stands_alone(before)
            && ends
            && is_card(&digits[..digit_count.min(digits.len())])
            && !id_before(&bytes[..start])
        {
            hits.push(Hit { start, end, kind: "card-number" });
        }
        at = end.max(at + 1);
    }
}

/// Whether the word before says that an id follows: `trace_id=`, `spanId:`, `id `.
fn id_before(bytes: &[u8]) -> bool {
    let end = bytes.len()
        - bytes
            .iter()
            .rev()
            .take_while(|byte| matches!(byte, b'=' | b':' | b'"' | b'\'' | b' ' | b'\\' | b'#'))
            .count();
    let length = bytes[..end]
        .iter()
        .rev()
        .take(40)
        .take_while(|byte| is_word(Some(byte)) || matches!(byte, b'-' | b'.'))
        .count();
    let word = &bytes[end - length..end];
    match word {
        [.., before, b'i' | b'I', b'd' | b'D'] => {
            matches!(before, b'_' | b'-' | b'.') || word.ends_with(b"Id") || word.ends_with(b"ID") || {
                let lower = word.to_ascii_lowercase();
                [&b"traceid"[..], b"spanid", b"requestid", b"orderid", b"userid", b"eventid", b"messageid"]
                    .contains(&&lower[..])
            }
        }
        _ => word.eq_ignore_ascii_case(b"id"),
    }
}

/// Whether the digits begin as an issuer's do (ISO/IEC 7812 ranges as the networks publish them) and pass Luhn's check.
fn is_card(digits: &[u8]) -> bool {
    let prefix = |count: usize| digits[..count].iter().fold(0_u32, |value, digit| value * 10 + u32::from(*digit));
    let issued = match digits.len() {
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            digits[0] == 4
                || matches!(prefix(2), 51..=55 | 62 | 65)
                || matches!(prefix(4), 2221..=2720 | 3528..=3589 | 6011)
                || matches!(prefix(3), 644..=649)
        }
        _ => false,
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let doubled = u32::from(*digit) << (index % 2);
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    issued && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        let redactor = Redactor::new(&[]);
        let mut count = 0;
        let output = redactor.redact_text(input, false, &mut count);
        assert_eq!(output, expected, "{input}");
        assert_eq!(count > 0, input != expected);
        if input != expected {
            assert!(redactor.may_hold_value(input) || redactor.may_hold_pair(input), "the quick look missed {input}");
        }
    }

    #[test]
    fn the_first_look_at_a_key_misses_no_ending() {
        for (ending, _) in SECRET_KEYS {
            assert!(
                may_end_as_secret(ending.as_bytes()) && may_end_as_secret(ending.to_uppercase().as_bytes()),
                "{ending}"
            );
            assert!(may_end_as_secret(format!("{ending}_").as_bytes()), "{ending}");
        }
    }

    #[test]
    fn keys_that_name_a_secret_in_any_spelling() {
        let redactor = Redactor::new(&["X-Loyalty-No".into()]);
        for (key, kind) in [
            ("Authorization", "authorization"),
            ("proxy-authorization", "authorization"),
            ("Set-Cookie", "cookie"),
            ("DB_PASSWORD", "password"),
            ("clientSecret", "secret"),
            ("x-api-key", "api-key"),
            ("apiKey", "api-key"),
            ("access_token", "token"),
            ("X-Amz-Security-Token", "token"),
            ("aws_secret_access_key", "secret"),
            ("pwd", "password"),
            ("x_loyalty_no", "configured"),
        ] {
            assert_eq!(redactor.key_kind(key), Some(kind), "{key}");
        }
        for key in
            ["", "nextToken", "max_tokens", "secretary", "tokenizer", "token_count", "passed", "author", "key", "é"]
        {
            assert_eq!(redactor.key_kind(key), None, "{key}");
        }
    }

    #[test]
    fn values_that_look_like_a_secret() {
        check("key AKIAIOSFODNN7EXAMPLE used", "key [redacted:aws-access-key] used");
        check("XAKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLES AKIA", "XAKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLES AKIA");
        check("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl.", "got [redacted:jwt]");
        check("eyJ no jwt, eyJhbGciOiJIUzI1NiJ9 neither", "eyJ no jwt, eyJhbGciOiJIUzI1NiJ9 neither");
        check("a -----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- b", "a [redacted:private-key] b");
        check("-----BEGIN PRIVATE KEY-----\nabc", "[redacted:private-key]");
        check("-----BEGIN CERTIFICATE-----\nabc", "-----BEGIN CERTIFICATE-----\nabc");
        check("sent Bearer not-a-real-token.", "sent Bearer [redacted:bearer-token]");
        check("bearer authentication failed", "bearer authentication failed");
    }

    #[test]
    fn cards_are_digits_with_prefix_and_check_that_stand_alone() {
        check("paid with 4111111111111111.", "paid with [redacted:card-number].");
        check(
            "4111 1111 1111 1111, 5500-0000-0000-0004, 3782 822463 10005, 378282246310005",
            "[redacted:card-number], [redacted:card-number], [redacted:card-number], [redacted:card-number]",
        );
        for none in [
            "4111111111111112",
            "1795250573000000",
            "14111111111111111",
            "4111111111111111.5",
            "a4111111111111111",
            "4111-1111-1111-1111-1111",
            "trace_id=4111111111111111",
            "spanId: 4111111111111111",
            "id 4111111111111111",
            "0.4111111111111111",
            "é4",
        ] {
            check(none, none);
        }
        check("paid 4111111111111111", "paid [redacted:card-number]");
    }

    #[test]
    fn pairs_in_text() {
        check("login user=bob password=hunter2 ok", "login user=bob password=[redacted:password] ok");
        check("PaSsWoRd: hunter2, next", "PaSsWoRd: [redacted:password], next");
        check("{\"token\": \"abc def\", \"n\": 1", "{\"token\": \"[redacted:token]\", \"n\": 1");
        check("{\\\"api_key\\\":\\\"k-1\\\"}", "{\\\"api_key\\\":\\\"[redacted:api-key]\\\"}");
        check("Authorization: Basic dXNlcjpwYXNz\nHost: x", "Authorization: [redacted:authorization]\nHost: x");
        check("https://x/?access_token=abc123&b=1", "https://x/?access_token=[redacted:token]&b=1");
        check("SyntaxError: Unexpected token: end", "SyntaxError: Unexpected token: end");
        check("password=null token=", "password=null token=");
        check("key='é' secret='é'", "key='é' secret='[redacted:secret]'");
    }
}
