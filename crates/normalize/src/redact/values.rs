//! Whether a value is a secret, by what its key says of it. It refuses to hide what stands for a value, what was hidden
//! before, and a sentence.

use super::keys::{self, Meaning, Rule};

/// Whether what stands between brackets under a key of this meaning is to be hidden: one of its elements, that is, and it
/// is neither a plain word, where such a word may stand, nor a sentence.
pub(super) fn is_secret_list(list: &str, meaning: Meaning) -> bool {
    let is_prose = meaning.rule != Rule::All || meaning.kind == "secret";
    // Of lists within lists, which would be looked at again and again, the beginning tells.
    const NESTED_BYTES_MAX: usize = 256;
    let is_nested = memchr::memchr3(b'[', b'(', b'{', list.as_bytes()).is_some();
    let mut end = if is_nested { list.len().min(NESTED_BYTES_MAX) } else { list.len() };
    while !list.is_char_boundary(end) {
        end -= 1;
    }
    list[..end].split([',', '\n']).any(|element| {
        // YAML's sign of an entry, and Terraform's of a difference.
        let element = element.trim();
        let element = ["- ", "+ ", "~ "].iter().find_map(|sign| element.strip_prefix(sign)).unwrap_or(element);
        let element = element.trim_matches(['"', '\'', '\\', '{', '}', '[', ']']);
        let is_prose = is_sentence(element) || is_prose && is_short_and_plain(element);
        !is_prose && is_secret_text(element, of_element(meaning), true)
    })
}

/// Whether a value is as short as a word and has no digit and no sign of a pair.
pub(super) fn is_short_and_plain(word: &str) -> bool {
    word.len() < 16 && !word.bytes().any(|byte| byte.is_ascii_digit() || byte == b'=')
}

/// Whether what stands in bare parentheses says something of the value: `(sensitive value)`, `(known after apply)`. `before`
/// ends with the bracket.
pub(super) fn is_told_in_brackets(before: &[u8], inside: &str) -> bool {
    let is_bare = matches!(before, [.., b' ' | b'=' | b':', b'(']);
    let inside = beginning(inside);
    is_bare && inside.contains(' ') && inside.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b' ')
}

/// What a key says of an element of its list: words are what a text falls into.
pub(super) fn of_element(meaning: Meaning) -> Meaning {
    let is_of_words = meaning.kind == "token" && meaning.rule == Rule::Text;
    Meaning { rule: if is_of_words { Rule::Dense } else { meaning.rule }, ..meaning }
}

/// Whether a text that stands alone behind a name of this meaning is a secret: a word, and no sentence.
pub(super) fn is_secret_message(text: &str, meaning: Meaning) -> bool {
    let mut words = text.split_whitespace();
    let (first, second) = (words.next().unwrap_or_default(), words.next());
    let is_plain = first.bytes().all(|byte| byte.is_ascii_alphabetic());
    (second.is_none() || SCHEMES.iter().any(|scheme| first.eq_ignore_ascii_case(scheme)))
        && !(is_plain && second.is_none())
        && is_secret_text(text, meaning, true)
}

/// Verbs with which a sentence goes on behind the name of a field.
const VERBS: &[&str] =
    &["must", "is", "was", "are", "should", "can", "can't", "cannot", "does", "doesn't", "has", "may", "will", "not"];

/// Whether the text begins with a verb, as what a validator says of a field does.
fn goes_on(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    VERBS.iter().any(|verb| first.eq_ignore_ascii_case(verb))
}

/// Whether the text goes on as a sentence about a password does: `must not be blank`.
pub(super) fn is_sentence(text: &str) -> bool {
    let text = beginning(text);
    let mut words = text.split_whitespace();
    let begins = words
        .next()
        .is_some_and(|first| ABOUT_PASSWORDS.iter().chain(VERBS).any(|about| first.eq_ignore_ascii_case(about)));
    begins && (words.clone().next().is_none() || words.all(|word| !is_dense(word)) && text.contains(' '))
}

/// Whether a text under a key of this meaning is to be hidden.
pub(super) fn is_secret_text(text: &str, meaning: Meaning, is_quoted: bool) -> bool {
    // How a long value ends says nothing of it, and many keys may have theirs end at one place.
    const ENDING_BYTES_MAX: usize = 2048;
    let text = text.trim_start();
    let is_short = text.len() <= ENDING_BYTES_MAX;
    let text = if is_short { text.trim_end() } else { text };
    let is_nothing = is_short
        && matches!(
            text.trim_end_matches(',').trim_matches(['<', '>', '(', ')']),
            "" | "null"
                | "none"
                | "None"
                | "nil"
                | "NULL"
                | "Array"
                | "true"
                | "false"
                | "True"
                | "False"
                | "undefined"
        );
    // What was hidden before, here or elsewhere, and what stands for a value.
    let is_hidden = text.starts_with("[redacted:")
        || text.chars().all(is_sign)
        || text.len() > 3 && text.bytes().all(|byte| matches!(byte, b'x' | b'X'))
        || is_place_holder(text, is_quoted)
        || is_short && {
            let mask = text.trim_matches(['[', ']', '<', '>', '(', ')']);
            MASKS.iter().any(|known| mask.eq_ignore_ascii_case(known))
        };
    if is_nothing || is_hidden || is_arn(text) {
        return false;
    }
    // What a validator says stands where the value would.
    if is_quoted && meaning.rule == Rule::All && text.contains(' ') && goes_on(text) {
        return false;
    }
    // Without a sign of one it is the name of a connection.
    if meaning.kind == "connection-string" && !text.bytes().any(|byte| matches!(byte, b'=' | b':' | b'@' | b'/')) {
        return false;
    }
    let is_number = || is_measure(text);
    match meaning.rule {
        Rule::All => true,
        Rule::Text => !is_number(),
        Rule::Token => !is_number() || is_long_number(text),
        Rule::Credentials => !is_quoted || are_credentials(beginning(text)),
        Rule::Dense => {
            const DENSE_BYTES_MIN: usize = 16;
            let text = beginning(text).trim_end();
            text.len() >= DENSE_BYTES_MIN
                && text.bytes().any(|byte| byte.is_ascii_digit())
                && !text.bytes().any(|byte| byte.is_ascii_whitespace() || matches!(byte, b'(' | b')' | b'<' | b'{'))
        }
        Rule::Digits => {
            const DIGITS: std::ops::RangeInclusive<usize> = 3..=19;
            const WRITTEN_BYTES_MAX: usize = 32;
            text.len() <= WRITTEN_BYTES_MAX
                && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'-'))
                && DIGITS.contains(&text.bytes().filter(u8::is_ascii_digit).count())
        }
        Rule::NoPath => {
            !matches!(text.as_bytes(), [b'/' | b'~', ..] | [_, b':', b'\\' | b'/', ..]) && !text.starts_with("./")
        }
    }
}

/// Whether a character says nothing by itself: dots in place of a secret, and what closes and parts.
fn is_sign(character: char) -> bool {
    "*.-•●…{}[](),;:<>|\"'`\\ ".contains(character)
}

/// Whether the text is a number with or without its unit, or one of another: `1.5`, `512/4096`, `1.2k/s`, `~500`, `50%`.
fn is_measure(text: &str) -> bool {
    const UNITS: &[&str] = &["", "%", "k", "K", "m", "M", "B", "ms", "s", "us", "ns", "h", "x"];
    let text = text.trim_start_matches(['~', '<', '>', '≈']);
    let of_number = |character: char| character.is_ascii_digit() || matches!(character, '.' | ',');
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.split('/').all(|part| UNITS.contains(&part.trim_start_matches(of_number)))
}

/// What others write in place of a secret.
const MASKS: &[&str] =
    &["redacted", "filtered", "secret", "masked", "hidden", "removed", "protected", "sensitive", "secure"];

/// Whether the text stands for a value: `${NAME}`, `{{ name }}`, `#{name}`, `<your-token>`, `%(name)s`, and of a statement's
/// `?`, `$1`, `%s`, and where no quotes are around it `:name` and `@name`.
fn is_place_holder(text: &str, is_quoted: bool) -> bool {
    const NAME_BYTES_MAX: usize = 64;
    let text = if text.len() <= BEGINNING_BYTES_MAX { text.trim_end_matches([',', ';', ')']) } else { text };
    if text.len() > NAME_BYTES_MAX + 8 {
        return ["${", "{{"].iter().any(|open| text.strip_prefix(open).is_some_and(is_name_of_value));
    }
    let between = |open: &str, close: &str| {
        text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(is_name_of_value)
    };
    let is_number =
        |digits: &str| !digits.is_empty() && digits.len() < 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_parameter = |name: &str| {
        let name = name.trim_end_matches(|last: char| last.is_ascii_digit());
        name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    matches!(text, "?" | "%s" | "$?" | "YES" | "NO")
        || text.strip_prefix("${").is_some_and(is_name_of_value)
        || text.strip_prefix('$').is_some_and(is_number)
        || between("{{", "}}")
        || text.strip_prefix("#{").is_some_and(is_name_of_value)
        || between("%(", ")s")
        || between("<", ">")
        || !is_quoted
            && (text.strip_prefix(':').is_some_and(is_parameter)
                || text.strip_prefix('@').is_some_and(|name| is_parameter(name) && name.starts_with('p'))
                || text.strip_prefix('$').is_some_and(|name| keys::meaning(name).is_some()))
}

/// Whether the rest behind `${` is a name, which stands for a value.
fn is_name_of_value(rest: &str) -> bool {
    beginning(rest)
        .trim_end_matches('}')
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b':' | b'/' | b' '))
}

/// As much of a value as is looked at to tell what it is. What is hidden is always all of it.
const BEGINNING_BYTES_MAX: usize = 256;

pub(super) fn beginning(text: &str) -> &str {
    let mut end = text.len().min(BEGINNING_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The shortest number under `token` that is none that counts: codes that are sent to people have six digits.
const CODE_DIGITS_MIN: usize = 6;

/// Whether a number under `token` is too long to count or to point into a text.
pub(super) fn is_long_number(text: &str) -> bool {
    text.len() >= CODE_DIGITS_MIN && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the text is the name of a resource of AWS, which is no secret.
fn is_arn(text: &str) -> bool {
    const ARN_BYTES_MAX: usize = 2048;
    text.starts_with("arn:aws")
        && text.len() <= ARN_BYTES_MAX
        && !text.bytes().any(|byte| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'&' | b'"' | b'\''))
}

/// Whether the value of a header `Authorization` is credentials, and not the name of a method or a sentence.
pub(super) fn are_credentials(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let (first, second) = (words.next().unwrap_or_default(), words.next());
    if SCHEMES.iter().any(|scheme| first.eq_ignore_ascii_case(scheme)) && second.is_some() {
        return true;
    }
    let is_plain = |word: &str| {
        word.len() < 20
            && word.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.' | b',' | b'\''))
    };
    match (second, words.next()) {
        (None, _) if is_measure(first) => false,
        // A sentence.
        (Some(_), Some(_)) => text.split_whitespace().any(is_dense),
        _ => !text.split_whitespace().all(is_plain),
    }
}

pub(super) fn is_dense(word: &str) -> bool {
    word.len() >= 16
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && !word.starts_with("arn:")
        && !word.contains("://")
}

/// Schemes of `Authorization`: IANA's registry, AWS, Azure and what is common beside.
#[rustfmt::skip]
pub(super) const SCHEMES: &[&str] = &[
    "basic", "bearer", "digest", "token", "apikey", "api-key", "negotiate", "ntlm", "oauth", "hawk", "hmac",
    "hmac-sha256", "signature", "sharedkey", "sharedkeylite", "sharedaccesssignature", "aws4-hmac-sha256",
    "aws4-ecdsa-p256-sha256", "aws", "dpop", "gnap", "hoba", "mutual", "scram-sha-1", "scram-sha-256", "vapid",
    "privatetoken", "mac", "key", "jwt", "splunk", "googlelogin", "genie-key", "genieKey", "bot", "password",
];

/// Words with which a sentence about a password goes on.
#[rustfmt::skip]
pub(super) const ABOUT_PASSWORDS: &[&str] = &[
    "must", "is", "was", "are", "were", "should", "shall", "may", "can", "cannot", "could", "will", "would", "has",
    "have", "had", "does", "do", "did", "not", "no", "to", "for", "of", "in", "on", "at", "by", "with", "without",
    "and", "or", "but", "if", "when", "the", "a", "an", "this", "that", "your", "their", "expired", "expires",
    "required", "invalid", "incorrect", "wrong", "missing", "missed", "blank", "empty", "too", "field", "reset",
    "changed", "updated", "mismatch", "accepted", "rejected", "denied", "failed", "ok", "set", "unset", "valid",
    "string", "error", "please", "minimum", "maximum", "it", "only", "use", "enter", "successfully", "success",
    "authentication", "auth", "login", "validation", "unauthorized", "optional", "needed", "given", "provided",
    "supplied", "unchanged", "forgotten", "protected", "policy", "str", "&str", "&string", "varchar", "text", "securestring",
    "secretstr", "bytes", "any", "object",
    "go", "click", "see", "visit", "follow", "contact", "try", "check",
];
