//! What a colon or an equals sign behind a key is: the separator of a pair, a part of a name, a comparison of code, or what
//! stands before a type.
//!
//! It refuses to look at values beyond their first word: whether one is a secret is said elsewhere.

/// What stands behind the colon of a scope, a task, a script, an event or a topic, where a resource stands before it.
/// Words that people take for passwords are none of it.
#[rustfmt::skip]
const ACTIONS: &[&str] = &[
    "read", "write", "readonly", "readwrite", "list", "create", "delete", "update", "manage", "view", "get", "put",
    "post", "patch", "add", "remove", "revoke", "rotate", "reset", "change", "issue", "grant", "introspect", "exchange",
    "refresh", "validate", "verify", "generate", "check", "lint", "build", "compile", "watch", "event", "events",
    "created", "updated", "deleted", "changed", "expired", "env",
];

/// What images are tagged with beside versions.
const TAGS: &[&str] = &["latest", "main", "master", "develop", "dev", "stable", "edge", "nightly", "alpine", "slim"];

/// Words before `token` with which a parser tells what it met.
#[rustfmt::skip]
const OF_PARSERS: &[&str] = &[
    "unexpected", "expected", "expecting", "unrecognized", "unknown", "illegal", "bad", "invalid", "next", "current",
    "found", "previous", "last", "lookahead", "offending",
];

/// Whether what stands at `at` behind a key that names a secret separates no value from it.
pub(super) fn is_none(bytes: &[u8], key_start: usize, key_end: usize, at: usize) -> bool {
    let before = key_start.checked_sub(1).map(|before| bytes[before]);
    match bytes[at] {
        b'=' if before == Some(b':') && bytes[..key_start].ends_with(b"xmlns:") => true,
        b'=' => is_comparison(bytes, at),
        b':' if key_end == at => before == Some(b'<') || is_part_of_name(bytes, key_start, at),
        _ => false,
    }
}

/// `password === other`, `if password == confirm:`: a text in quotes may be the secret all the same.
fn is_comparison(bytes: &[u8], at: usize) -> bool {
    let signs = bytes[at..].iter().take(3).take_while(|byte| **byte == b'=').count();
    let behind = &bytes[at + signs..];
    let is_apart = at.checked_sub(1).is_some_and(|before| bytes[before] == b' ') && behind.first() == Some(&b' ');
    let is_quoted = matches!(behind.trim_ascii_start().first(), Some(b'"' | b'\'' | b'`' | b'\\'));
    (signs == 3 || signs == 2 && is_apart) && !is_quoted
}

/// Whether the colon at `at`, beside which no blank stands, parts a name: the scope `secrets:read`, the task
/// `:password:test`, the artifact `com.acme:password:1.2.3`, the image `acme/token:latest`, the label `//auth/token:test`, the
/// package `@acme/token:build`.
fn is_part_of_name(bytes: &[u8], key_start: usize, at: usize) -> bool {
    const PART_BYTES_MAX: usize = 64;
    let of_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let part_at = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        &rest[..rest.iter().take(PART_BYTES_MAX).take_while(of_part).count()]
    };
    let part = part_at(at + 1);
    let behind = at + 1 + part.len();
    if part.is_empty() {
        return false;
    }
    let is_in = |list: &[&str]| {
        let word = part.split(|byte| matches!(byte, b'-' | b'_' | b'.')).next().unwrap_or_default();
        list.iter().any(|known| known.as_bytes() == word)
    };
    let key = &bytes[key_start..at];
    let is_plain = part.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'));
    // A path that begins with one slash names a parameter, of which the value may stand here.
    let is_label = key.starts_with(b"//") || key.starts_with(b"@");
    let is_image = memchr::memchr(b'/', key).is_some_and(|slash| slash > 0);
    // Group, artifact and version.
    let is_group = is_plain && bytes.get(behind) == Some(&b':') && is_version(part_at(behind + 1));
    let is_further = key_start.checked_sub(1).is_some_and(|before| bytes[before] == b':');
    is_in(ACTIONS)
        || is_group
        || (is_further || is_label) && is_plain
        || (is_further || is_image) && (is_version(part) || is_in(TAGS))
        || is_image && (part.starts_with(b"sha-") || part.starts_with(b"sha256"))
}

/// Whether the text is a version: `1.2.3`, `v2`, `2.0-alpine`, `1.0-SNAPSHOT`.
fn is_version(text: &[u8]) -> bool {
    const VERSION_BYTES_MAX: usize = 32;
    let number = text.strip_prefix(b"v").unwrap_or(text);
    let digits = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_marked = number.len() < text.len() || number.get(digits) == Some(&b'.');
    digits > 0 && is_marked && text.len() <= VERSION_BYTES_MAX && matches!(number.get(digits), None | Some(b'.' | b'-'))
}

/// Where the separator before the value stands: behind the type that a colon has behind it, `password: str = "x"`, or the
/// visibility that PHP tells of a member, `[password:protected] => x`; else `at`.
pub(super) fn before_value(bytes: &[u8], at: usize) -> usize {
    const BYTES_MAX: usize = 128;
    if bytes[at] != b':' {
        return at;
    }
    let behind = &bytes[at + 1..bytes.len().min(at + 1 + BYTES_MAX)];
    let of_member =
        |byte: &&u8| byte.is_ascii_alphanumeric() || **byte >= 0x80 || matches!(byte, b'_' | b'\\' | b'"' | b':');
    let length = behind.iter().take_while(of_member).count();
    let word = &behind[..length];
    if behind.get(length) == Some(&b']') && (word.ends_with(b"protected") || word.ends_with(b"private")) {
        let arrow = length + 1 + behind[length + 1..].iter().take_while(|byte| **byte == b' ').count();
        return if behind[arrow..].starts_with(b"=>") { at + 1 + arrow } else { at };
    }
    let Some(sign) = memchr::memchr2(b'=', b'\n', behind) else { return at };
    let (before, value) = (&behind[..sign], &behind[sign..]);
    let is_apart = before.ends_with(b" ") && value.starts_with(b"= ");
    let behind = value.get(2..).unwrap_or_default();
    let constructor = behind.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'.').count();
    let is_quoted = matches!(&behind[constructor..], [b'"' | b'\'' | b'`', ..] | [b'(', b'"' | b'\'' | b'b', ..]);
    if is_apart && is_quoted && is_type(before.trim_ascii()) { at + 1 + sign } else { at }
}

/// Whether the text is one type of Python, TypeScript, Rust, Kotlin or Swift: blanks stand within brackets, beside `|` or
/// behind a lifetime.
fn is_type(text: &[u8]) -> bool {
    let of_type =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'&' | b'?' | b'\'' | b':' | b'|');
    let mut depth = 0_usize;
    !text.is_empty()
        && text.iter().enumerate().all(|(at, byte)| match byte {
            b'<' | b'[' | b'(' => {
                depth += 1;
                true
            }
            b'>' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                true
            }
            b',' => depth > 0,
            b' ' => depth > 0 || text[0] == b'&' || text[..at].ends_with(b"|") || text[at..].starts_with(b" |"),
            byte => of_type(*byte),
        })
}

/// Whether a parser's word stands before the key that begins at `key_start`: `unexpected token: "}"`.
pub(super) fn is_of_parser(bytes: &[u8], key_start: usize) -> bool {
    const WORD_BYTES_MAX: usize = 16;
    let before = bytes[..key_start].trim_ascii_end();
    let length = before.iter().rev().take(WORD_BYTES_MAX).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = &before[before.len() - length..];
    OF_PARSERS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}
