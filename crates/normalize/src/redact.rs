//! Secrets out of what is stored: values of keys that name a secret, and text that looks like one, as a reader would see
//! it: escapes of JSON, URLs and HTML are resolved first, a nesting at a time. What is replaced becomes `[redacted:<kind>]`.
//!
//! It refuses to touch numbers and ids because they look like a card, counts because their key speaks of tokens, and
//! sentences because they speak of passwords.

mod cards;
mod constructors;
mod keys;
mod lenient;
mod lines;
mod literals;
mod options;
mod pairs;
mod patterns;
mod separators;
mod structure;
mod values;
mod views;

use std::borrow::Cow;

use aho_corasick::packed::{Config, MatchKind, Searcher};
use transect_schema::Record;

use crate::json::{Kind, Mark, Tape};
use crate::keys::Folded;
use keys::{Meaning, Rule, Stems};
use literals::Literals;
use patterns::{Finder, Look, Seen};
use views::{KEY_END, NESTINGS_MAX, Source, View};

pub(crate) use keys::{names_card, names_id_or_time};
pub use patterns::{KNOWN, Known, Pattern, PatternError};
pub(crate) use structure::{is_plain, mark};

/// What is written in place of the values of own keys and of what own patterns find.
const CONFIGURED: &str = "configured";

/// What every processor's packed search takes.
const LITERALS_OF_SEARCH: usize = 32;

/// How a kind of secret is told by its value.
#[derive(Debug)]
enum Form {
    Shape(Pattern),
    At(&'static [u8], Finder),
}

impl Form {
    fn literal(&self) -> &[u8] {
        match self {
            Form::Shape(pattern) => pattern.literal(),
            Form::At(literal, _) => literal,
        }
    }
}

/// What is replaced and how.
#[derive(Debug)]
pub(crate) struct Redactor {
    own_keys: Vec<Box<[u8]>>,
    stems: Stems,
    forms: Vec<(Form, &'static str)>,
    /// Where a form may begin, a search for each `LITERALS_OF_SEARCH` of them.
    beginnings: Vec<Packed>,
    /// Whether any form or command may begin.
    literals: Literals,
    /// Where an escape may stand.
    escapes: Packed,
}

/// What can be said of a key before its value is known. Keys come again in every line, so this is kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyLook {
    /// Whether a secret may stand in it.
    may_hold: bool,
    /// Whether it means a secret.
    names_secret: bool,
    /// Whether it holds a name whose value is told by another key.
    is_name: bool,
}

#[derive(Clone, Copy, Debug)]
struct Hit {
    start: usize,
    end: usize,
    kind: &'static str,
}

/// A search for some literals at once.
#[derive(Debug)]
struct Packed {
    literals: Vec<Box<[u8]>>,
    /// None where the processor has no packed search: then it goes byte by byte.
    searcher: Option<Searcher>,
}

impl Packed {
    /// A search for at most `LITERALS_OF_SEARCH` literals, in none of which a zero stands.
    fn new<'l>(literals: impl Iterator<Item = &'l [u8]>) -> Packed {
        let literals: Vec<Box<[u8]>> = literals.map(Box::from).collect();
        let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
        builder.extend(&literals);
        Packed { searcher: builder.build(), literals }
    }

    /// Where the next literal begins from `from` on, and which; of several at one place the first.
    fn next(&self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        let rest = &bytes[from..];
        let Some(searcher) = &self.searcher else {
            return (from..bytes.len())
                .find_map(|at| Some((at, self.literals.iter().position(|literal| bytes[at..].starts_with(literal))?)));
        };
        // In a short text the packed search goes byte by byte, which costs more than a longer one: what is short is copied
        // before zeros.
        const SHORT: usize = 64;
        let found = match rest.len() {
            0 => None,
            length @ ..SHORT => {
                let mut long = [0; SHORT];
                long[..length].copy_from_slice(rest);
                searcher.find(long)
            }
            _ => searcher.find(rest),
        };
        found.map(|found| (from + found.start(), found.pattern().as_usize()))
    }
}

impl Redactor {
    /// `keys` are further names, in any case and separator, whose values are replaced; `own` are further patterns.
    pub fn new(keys: &[String], own: &[Pattern]) -> Redactor {
        let known = KNOWN.iter().filter_map(|known| {
            let form = match known.look {
                Look::Shape(shape) => Form::Shape(shape.parse().ok()?),
                Look::At(literal, look) => Form::At(literal.as_bytes(), look),
            };
            Some((form, known.kind))
        });
        let own = own.iter().map(|pattern| (Form::Shape(pattern.clone()), CONFIGURED));
        let forms: Vec<_> = known.chain(own).collect();
        let own_keys: Vec<Box<[u8]>> = keys.iter().map(|key| Box::from(Folded::new(key).as_bytes())).collect();
        Redactor {
            stems: Stems::new(own_keys.iter().map(|key| &**key)),
            beginnings: forms
                .chunks(LITERALS_OF_SEARCH)
                .map(|forms| Packed::new(forms.iter().map(|(form, _)| form.literal())))
                .collect(),
            literals: Literals::new(forms.iter().map(|(form, _)| form.literal()).chain(options::commands())),
            escapes: Packed::new(ESCAPES.iter().map(|escape| escape.as_bytes())),
            own_keys,
            forms,
        }
    }

    /// What the key says of its value, if it names a secret.
    #[inline]
    pub fn meaning(&self, key: &str) -> Option<Meaning> {
        if self.stems.may_be_in(key.as_bytes()) || !key.is_ascii() { self.meaning_of(key) } else { None }
    }

    fn meaning_of(&self, key: &str) -> Option<Meaning> {
        if !self.own_keys.is_empty() {
            let folded = Folded::new(key);
            if self.own_keys.iter().any(|own| **own == *folded.as_bytes()) {
                return Some(Meaning { kind: CONFIGURED, rule: Rule::All });
            }
        }
        keys::meaning(key)
    }

    /// What can be said of a key before its value is known.
    pub fn look_at_key(&self, key: &str) -> KeyLook {
        KeyLook { may_hold: self.may_hold(key), ..self.glance_at_key(key) }
    }

    /// The same, but for what stands in the key itself.
    fn glance_at_key(&self, key: &str) -> KeyLook {
        KeyLook { may_hold: false, names_secret: self.meaning(key).is_some(), is_name: keys::is_name(key) }
    }

    /// Whether anything in the text may be a secret: no false negatives, some false alarms.
    pub fn may_hold(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        !bytes.is_empty() && (self.may_hold_pair(bytes) || self.may_hold_value(bytes) || self.may_hold_sign(bytes))
    }

    /// Whether anything in the text may look like a secret by its value alone, or behind a command.
    pub fn may_hold_value(&self, bytes: &[u8]) -> bool {
        self.literals.any(bytes, |at, literal| match self.forms.get(literal) {
            // Every URL has these signs.
            Some((Form::At(b"://", _), _)) => may_be_userinfo(&bytes[at + 3..]),
            Some(_) => true,
            None => options::is_command(bytes, at, literal - self.forms.len()),
        }) || cards::may_be_in(bytes)
    }

    /// Whether escapes that hide letters or signs may stand in the text, or options of a command.
    pub fn may_hold_sign(&self, bytes: &[u8]) -> bool {
        // Few texts have what begins an escape, and those are looked for at several times the speed.
        let may_be_escaped = memchr::memchr3(b'\\', b'&', b'%', bytes).is_some();
        may_be_escaped && self.escapes.next(bytes, 0).is_some() || options::may_be_in(bytes)
    }

    /// Whether a text, such as a string's value, may hold a key that names a secret, with its value: `key=value`,
    /// `key: value`, an element, or names and values in two places.
    #[inline]
    pub fn may_hold_pair(&self, bytes: &[u8]) -> bool {
        let (has_mark, is_ascii) = has_mark(bytes);
        (!is_ascii || has_mark && self.stems.may_be_in(bytes)) && self.may_hold_pair_slow(bytes)
    }

    #[cold]
    fn may_hold_pair_slow(&self, bytes: &[u8]) -> bool {
        let holds = |bytes: &[u8]| self.stems.may_be_in(bytes) || !bytes.is_ascii();
        let mut before = 0;
        for at in memchr::memchr3_iter(b'=', b':', b'>', bytes) {
            let is_arrow = bytes[at] == b'>' && bytes[..at].ends_with(b"-");
            let (_, end) = pairs::key_before(bytes, at - usize::from(is_arrow));
            let of_key = |byte: &&u8| {
                byte.is_ascii_alphanumeric()
                    || **byte >= 0x80
                    || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'/' | b'$' | b'@' | b'\\' | b' ' | b'|')
            };
            let length = bytes[before..end.max(before)].iter().rev().take_while(of_key).count();
            if holds(&bytes[end - length.min(end)..end]) {
                return true;
            }
            // A name may stand here whose value is told by another key.
            const NAME_BYTES: usize = pairs::NAME_BYTES_MAX + 16;
            let is_name = bytes[end - length.min(end)..end]
                .last_chunk::<3>()
                .is_some_and(|last| keys::NAME_ENDS.contains(&&last.map(|byte| byte | 0x20)));
            // Behind a colon a keyword may be the name.
            let is_keyword = bytes[at] == b':' && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
            if (is_name || is_keyword || length < 4) && holds(&bytes[at..bytes.len().min(at + NAME_BYTES)]) {
                return true;
            }
            // An element's name may stand before attributes.
            const NAME_OF_TAG_BYTES: usize = 128;
            let tag = at.saturating_sub(pairs::TAG_BYTES_MAX);
            if bytes[at] == b'>'
                && let Some(open) = memchr::memrchr2(b'<', b'>', &bytes[tag..at])
                && holds(&bytes[tag + open..at.min(tag + open + NAME_OF_TAG_BYTES)])
            {
                return true;
            }
            before = at;
        }
        // A full-width separator.
        if !bytes.is_ascii() && memchr::memmem::find(bytes, b"\xef\xbc").is_some() {
            return true;
        }
        // Names and values in objects and tuples: a brace or bracket with a quote, a brace or bracket behind.
        memchr::memchr3_iter(b'{', b'[', b'(', bytes).any(|at| {
            let behind = &bytes[at + 1..];
            let gap =
                |byte: &u8| matches!(byte, b' ' | b'\\' | b'n' | b'r' | b't' | b'b' | b'u' | b'\n' | b'\r' | b'\t');
            let first = behind.iter().find(|byte| !gap(byte));
            matches!(first, Some(b'"' | b'\'' | b'{' | b'[' | b'(' | b'<'))
                || holds(&behind[..behind.len().min(pairs::NAME_BYTES_MAX)])
        })
    }

    /// The text with every secret in it replaced, after a quick look; borrowed where there is none.
    pub fn clean<'t>(&self, text: &'t str, is_id: bool, count: &mut u64) -> Cow<'t, str> {
        if self.may_hold(text) { self.redact_text(text, is_id, false, count) } else { Cow::Borrowed(text) }
    }

    /// The text with every secret in it replaced; borrowed where there is none. `is_id` says that the text stands for
    /// an id or a time, so that digits in it are no card; `is_card` that a key names a card.
    pub fn redact_text<'t>(&self, text: &'t str, is_id: bool, is_card: bool, count: &mut u64) -> Cow<'t, str> {
        let mut hits = Vec::new();
        let mut search = Search { redactor: self, is_id, is_card, hits: &mut hits, tape: Tape::default() };
        let mut view = search.look(Source { text, places: None });
        for _ in 1..NESTINGS_MAX {
            if view.text.is_empty() {
                break;
            }
            view.close();
            view = search.look(view.as_source());
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

/// What begins an escape behind which a letter or sign may hide.
const ESCAPES: &[&str] = &[
    "\\u", "\\x", "\\/", "&#", "&quot;", "&amp;", "&lt;", "&gt;", "&apos;", "&equals;", "&colon;", "%2", "%3", "%4",
    "%5", "%6", "%7", "%u",
];

/// Whether a separator or a bracket stands in the text, and whether all of it is ASCII: most strings are too short for a search
/// to be worth setting up.
#[inline]
fn has_mark(bytes: &[u8]) -> (bool, bool) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let marks_in = |word: u64| {
        // `=` and `>` and their neighbours `<` and `?` are one but for two bits.
        let signs = (word & (ONES * 0xfc)) ^ (ONES * (b'=' & 0xfc) as u64);
        let colon = word ^ (ONES * b':' as u64);
        // `[` and `{` are one but for a bit.
        let bracket = (word & (ONES * 0xdf)) ^ (ONES * b'[' as u64);
        let parenthesis = word ^ (ONES * b'(' as u64);
        is_zero(signs) | is_zero(colon) | is_zero(bracket) | is_zero(parenthesis)
    };
    let (mut marks, mut all) = (0, 0);
    let mut look = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        marks |= marks_in(word);
        all |= word;
    };
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().for_each(&mut look);
    // The last bytes as a word that begins before them, where the text is long enough.
    match bytes.last_chunk::<8>() {
        Some(last) => look(last),
        None => {
            for byte in rest {
                marks |= u64::from(matches!(byte, b'<'..=b'?' | b':' | b'[' | b'{' | b'(')) << 7;
                all |= u64::from(*byte);
            }
        }
    }
    (marks & HIGHS != 0, all & HIGHS == 0)
}

/// Whether userinfo may stand behind `://`, escapes of JSON among it.
fn may_be_userinfo(bytes: &[u8]) -> bool {
    let stops = |byte: &u8| matches!(byte, b'/' | b'?' | b'#' | b' ' | b'"' | b'<' | b'>');
    let length = bytes.iter().position(stops).unwrap_or(bytes.len());
    memchr::memchr(b'@', &bytes[..length]).is_some()
}

/// The search for the secrets of one text, nesting by nesting.
struct Search<'s> {
    redactor: &'s Redactor,
    is_id: bool,
    is_card: bool,
    hits: &'s mut Vec<Hit>,
    tape: Tape,
}

impl Search<'_> {
    /// Looks at a text as it is and returns what a reader sees of its parts with escapes.
    fn look(&mut self, source: Source<'_>) -> View {
        let (text, bytes) = (source.text, source.text.as_bytes());
        let first = self.hits.len();
        let redactor = self.redactor;
        self.forms(bytes);
        {
            let hits = &mut *self.hits;
            let mut hit = |start, end, kind| hits.push(Hit { start, end, kind });
            pairs::find(text, redactor, &mut hit);
            options::find(text, redactor, &mut hit);
            pairs::tuples(text, redactor, &mut hit);
            if !self.is_id {
                cards::find(bytes, self.is_card, &mut |start, end| hit(start, end, "card-number"));
            }
        }
        let mut next = View::new();
        let (mut at, mut text_from) = (0, 0);
        while let Some(ahead) = memchr::memchr3(b'{', b'[', b'(', &bytes[at..]) {
            let start = at + ahead;
            // Behind a word a bracket holds the index of a list or map, behind a function's name what it is given.
            let is_index = bytes[start] != b'('
                && start.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric());
            if is_index {
                at = start + 1;
                continue;
            }
            let end = lenient::read(&mut self.tape, bytes, start);
            at = end;
            // Without a quoted text it is as good as any other text.
            if !self.tape.tokens.iter().any(|token| matches!(token.kind, Kind::String | Kind::Key)) {
                continue;
            }
            append(&mut next, &source, text_from, start);
            self.structure(&source, &mut next);
            text_from = end;
        }
        append(&mut next, &source, text_from, bytes.len());
        for hit in &mut self.hits[first..] {
            (hit.start, hit.end) = source.range(hit.start, hit.end);
        }
        next
    }

    /// What looks like a secret by its value.
    fn forms(&mut self, bytes: &[u8]) {
        let redactor = self.redactor;
        for (forms, beginnings) in redactor.forms.chunks(LITERALS_OF_SEARCH).zip(&redactor.beginnings) {
            let mut seen: Vec<Seen> = vec![Seen::new(); forms.len()];
            // What lies inside a hit is not looked at again: the time stays linear in the text.
            let mut from = 0;
            while let Some((at, _)) = beginnings.next(bytes, from) {
                from = at + 1;
                for ((form, kind), seen) in forms.iter().zip(&mut seen) {
                    if !bytes[at..].starts_with(form.literal()) {
                        continue;
                    }
                    let found = match form {
                        Form::Shape(pattern) => pattern.end(bytes, at, seen).map(|end| (at, end)),
                        Form::At(_, look) => look(bytes, at),
                    };
                    if let Some((start, end)) = found {
                        self.hits.push(Hit { start, end, kind });
                        from = from.max(end);
                    }
                }
            }
        }
    }

    /// What the shape of the JSON that was read says, and its strings for the next nesting.
    fn structure(&mut self, source: &Source<'_>, next: &mut View) {
        mark(&mut self.tape, source.text, self.redactor, None, &mut |_, _| false);
        let mut index = 0;
        while let Some(token) = self.tape.tokens.get(index) {
            let (start, end) = (token.start as usize, token.end as usize);
            if let Mark::Secret(kind) = token.mark {
                if start < end {
                    self.hits.push(Hit { start, end, kind });
                }
                index = token.next as usize;
                continue;
            }
            let inside = &source.text.as_bytes()[start..end];
            if matches!(token.kind, Kind::String | Kind::Key)
                && (views::has_escape(inside) || (start < end && lenient::may_be_in(inside)))
            {
                if let Some(key) = index.checked_sub(1).and_then(|key| self.tape.tokens.get(key))
                    && key.kind == Kind::Key
                {
                    next.append(source, key.start as usize, key.end as usize, KEY_END);
                }
                next.append(source, start, end, '\n');
            }
            index += 1;
        }
    }
}

/// Appends the piece if anything in it is escaped.
fn append(next: &mut View, source: &Source<'_>, start: usize, end: usize) {
    if start < end && views::has_escape(&source.text.as_bytes()[start..end]) {
        next.append(source, start, end, '\n');
    }
}

/// Appends what stands in place of a secret.
pub(crate) fn push_replacement(kind: &str, out: &mut String) {
    out.push_str("[redacted:");
    out.push_str(kind);
    out.push(']');
}

/// Replaces the secrets of every column that holds text. Groups and streams are a part of the key and stay; ids are hex.
pub(crate) fn redact_columns(record: &mut Record<'_>, redactor: &Redactor, redacted: &mut u64) {
    // Of `password: x` an exception's type may be the name and its message the value.
    if let (Some(name), Some(text)) = (&record.exception_type, &mut record.exception_message)
        && let Some(meaning) = redactor.meaning(name)
        && values::is_secret_message(text, meaning)
    {
        let mut clean = String::new();
        push_replacement(meaning.kind, &mut clean);
        *text = Cow::Owned(clean);
        *redacted += 1;
    }
    let texts = [
        &mut record.event_name,
        &mut record.body,
        &mut record.severity_text,
        &mut record.service_name,
        &mut record.service_version,
        &mut record.faas_name,
        &mut record.faas_version,
        &mut record.span_name,
        &mut record.status_message,
        &mut record.exception_type,
        &mut record.exception_message,
        &mut record.exception_stacktrace,
        &mut record.http_route,
        &mut record.url_path,
        &mut record.metric_namespace,
        &mut record.metric_name,
        &mut record.metric_unit,
    ];
    for (column, is_id) in texts.into_iter().map(|column| (column, false)).chain([(&mut record.correlation_id, true)]) {
        if let Some(text) = column
            && let Cow::Owned(clean) = redactor.clean(text, is_id, redacted)
        {
            *column = Some(Cow::Owned(clean));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure here is the message")]

    use proptest::prelude::*;

    use super::*;

    fn redacted(redactor: &Redactor, input: &str) -> String {
        let mut count = 0;
        let output = redactor.redact_text(input, false, false, &mut count).into_owned();
        assert_eq!(count > 0, input != output, "{input}");
        if input != output {
            assert!(redactor.may_hold(input), "the quick look missed {input}");
            assert!(may_hold_as_json(redactor, input), "the quick look at its JSON missed {input}");
        }
        output
    }

    /// What `mark_secrets` asks of a string before its escapes are resolved.
    fn may_hold_as_json(redactor: &Redactor, input: &str) -> bool {
        let json = serde_json::to_string(input).unwrap();
        let mut tape = Tape::default();
        tape.parse(&json).unwrap();
        let (replaced, any) = crate::attributes::mark_secrets(&mut tape, &json, redactor, None);
        replaced > 0 || any
    }

    fn check(input: &str, expected: &str) {
        assert_eq!(redacted(&Redactor::new(&[], &[]), input), expected, "{input}");
    }

    fn stays(input: &str) {
        check(input, input);
    }

    #[test]
    fn what_is_known_by_its_value() {
        for known in KNOWN {
            let (text, secret) = known.example();
            check(&text, &text.replace(&secret, &format!("[redacted:{}]", known.kind)));
        }
        check("-----BEGIN PRIVATE KEY-----\nabc", "[redacted:private-key]");
        check("https://0123456789abcdef0123@host/x", "https://[redacted:url-password]@host/x");
        check("redis://:hunter2@cache:6379", "redis://:[redacted:url-password]@cache:6379");
        check("mongodb+srv://u:p@ss@h/?a=b", "mongodb+srv://u:[redacted:url-password]@h/?a=b");
        check("bearer\tnot-a-real-token", "bearer\t[redacted:bearer-token]");
        for none in [
            "XAKIA~IOSFODNN7EXAMPLE AKIA~IOSFODNN7EXAMPLES AKIA",
            "eyJ no jwt, eyJhbGciOiJIUzI1NiJ9 neither",
            "-----BEGIN CERTIFICATE-----\nabc",
            "bearer authentication failed, Bearer of news",
            "Basic auth is off; basic dGVzdA== has no colon",
            "https://example.com:8080/a@b?c=d@e ssh://git@github.com/x",
            "postgres://app:***@db/app",
            "task-skill_test_x npm_config SG.a xoxo-hugs",
        ] {
            stays(&none.replace('~', ""));
        }
    }

    #[test]
    fn pairs_in_text() {
        check("login user=bob password=hunter2 ok", "login user=bob password=[redacted:password] ok");
        check("PaSsWoRd: hunter2, next", "PaSsWoRd: [redacted:password], next");
        check("{\"token\": \"abc def\", \"n\": 1", "{\"token\": \"[redacted:token]\", \"n\": 1");
        check("{\\\"api_key\\\":\\\"k-1\\\"}", "{\\\"api_key\\\":\\\"[redacted:api-key]\\\"}");
        check("Authorization: Basic dXNlcjpwYXNz\nHost: x", "Authorization: [redacted:authorization]\nHost: x");
        check("https://x/?access_token=abc123&b=1", "https://x/?access_token=[redacted:token]&b=1");
        check("key='é' secret='é'", "key='é' secret='[redacted:secret]'");
        check("password=ab,REST", "password=[redacted:password]");
        check("password=ab&REST", "password=[redacted:password]");
        check("password=ab'REST x", "password=[redacted:password] x");
        check("password=ab,user=bob", "password=[redacted:password],user=bob");
        check("password=b'hunter2'", "password=b'[redacted:password]'");
        check("password: two words", "password: [redacted:password]");
        check("x password: hunter2 for user bob", "x password: [redacted:password] for user bob");
        check("Server=x;Password=ab;Database=y", "Server=x;Password=[redacted:password];Database=y");
        check("user[password]=hunter2&b=1", "user[password]=[redacted:password]&b=1");
        check("[password] => hunter2\n", "[password] => [redacted:password]\n");
        check("mysql --password hunter2 -u bob", "mysql --password [redacted:password] -u bob");
        check("<password>hunter2</password>", "<password>[redacted:password]</password>");
        check("<password& x:y>hunter2</password>", "<password& x:y>[redacted:password]</password>");
        check(
            "<wsse:Password Type=\"PasswordText\">hunter2</wsse:Password>",
            "<wsse:Password Type=\"PasswordText\">[redacted:password]</wsse:Password>",
        );
        check("<add key=\"DbPassword\" value=\"hunter2\"/>", "<add key=\"DbPassword\" value=\"[redacted:password]\"/>");
        check(
            "<property name=\"password\">hunter2</property>",
            "<property name=\"password\">[redacted:password]</property>",
        );
        check("name=DB_PASSWORD value=hunter2", "name=DB_PASSWORD value=[redacted:password]");
        check("Map(password -> hunter2, n -> 1)", "Map(password -> [redacted:password], n -> 1)");
        check("API Key: abc123def", "API Key: [redacted:api-key]");
        check("AccountName=a;AccountKey=abc+/==;End=b", "AccountName=a;AccountKey=[redacted:access-key];End=b");
        check("Cookie: a=b; c=d\r\nHost: x", "Cookie: [redacted:cookie]\r\nHost: x");
        check(
            "{Accept=*/*, Authorization=Basic Ym9iOmh1bnRlcjI=, X-Amzn-Trace-Id=Root=1-6b01598d, User-Agent=curl/8.1}",
            "{Accept=*/*, Authorization=[redacted:authorization], X-Amzn-Trace-Id=Root=1-6b01598d, User-Agent=curl/8.1}",
        );
        check(
            "Authorization: AWS4-HMAC-SHA256 Credential=AK/x, SignedHeaders=a;b, Signature=0123, Host: x",
            "Authorization: [redacted:authorization], Host: x",
        );
    }

    #[test]
    fn what_only_speaks_of_secrets_stays() {
        for text in [
            "SyntaxError: Unexpected token: end",
            "password=null token=",
            "tokens: 523, cookies: 3",
            "PWD=/var/task OLDPWD=/var PWD=~/x",
            "expected token=IDENT",
            "Authorization: user is not allowed to perform the action",
            "authorization: NONE",
            "Invalid password: must have 8 letters",
            "password: required",
            "secret: arn:aws:secretsmanager:us-east-2:123456789012:secret:db-AbCdEf",
            "token: arn:aws:x",
            "password=${DB_PASSWORD} secret=***",
            "std::password::verify token::Kind",
            "use --password to set it, --token option",
            "--- PASS: TestLogin (0.01s)",
            "call method_signature: charge(int)",
            "password=[redacted:password] [redacted:jwt]",
            "<passwordPolicy>8</passwordPolicy>",
        ] {
            stays(text);
        }
    }

    #[test]
    fn escapes_hide_nothing() {
        check(
            r#"{\u0022password\u0022:\u0022hunter2\u0022}"#,
            r#"{\u0022password\u0022:\u0022[redacted:password]\u0022}"#,
        );
        check(r"?access_token\u003dabc123\u0026b\u003d1", r"?access_token\u003d[redacted:token]\u0026b\u003d1");
        check("password%3Dhunter2%26b%3D1", "password%3D[redacted:password]%26b%3D1");
        check("%22password%22%3A%22hunter2%22", "%22password%22%3A%22[redacted:password]%22");
        check("password&#61;hunter2", "password&#61;[redacted:password]");
        check("{&quot;password&quot;:&quot;hunter2&quot;}", "{&quot;password&quot;:&quot;[redacted:password]&quot;}");
        check(r"password=ab\u002BREST\u0026user=bob", r"password=[redacted:password]\u0026user=bob");
        check(r"\x22password\x22:\x22hunter2\x22", r"\x22password\x22:\x22[redacted:password]\x22");
        check(r"card 4111\u00201111\u00201111\u00201111", "card [redacted:card-number]");
        check(r"postgres:\/\/u:hunter2@h", r"postgres:\/\/u:[redacted:url-password]@h");
        check(r#"{"a":"{\u0022password\u0022:\u0022hun"#, r#"{"a":"{\u0022password\u0022:\u0022[redacted:password]"#);
    }

    #[test]
    fn names_and_values_in_texts() {
        check(
            r#"{"name":"Authorization","value":"x y1"}"#,
            r#"{"name":"Authorization","value":"[redacted:authorization]"}"#,
        );
        check(r#"{"value":"hunter2","name":"DB_PASSWORD"}"#, r#"{"value":"[redacted:password]","name":"DB_PASSWORD"}"#);
        check(r#"x ["authorization","Basic a1"] y"#, r#"x ["authorization","[redacted:authorization]"] y"#);
        check(
            r#"{"key":"db.password","value":{"stringValue":"hunter2"}}"#,
            r#"{"key":"db.password","value":[redacted:password]}"#,
        );
        check("{'name': 'Cookie', 'value': 'a=b1'}", "{'name': 'Cookie', 'value': '[redacted:cookie]'}");
        check(r#"["curl","-sSu","bob:hunter2","x"]"#, r#"["curl","-sSu","[redacted:password]","x"]"#);
        check(r#"["--password","hunter2","db"]"#, r#"["--password","[redacted:password]","db"]"#);
        for none in [
            r#"{"required":["username","password","email"]}"#,
            r#"["password","email"]"#,
            r#"{"name":"InputTokens","value":31}"#,
            r#"{"name":"passwordResetAt","value":"2026-11-21"}"#,
            r#"{"authorization":{"scopes":["a"],"action":"read"}}"#,
        ] {
            stays(none);
        }
    }

    #[test]
    fn keys_and_patterns_of_a_configuration() {
        let redactor = Redactor::new(
            &["X-Loyalty-No".into(), "no".into()],
            &["acme_live_[A-Za-z0-9]{4,}".parse().unwrap(), "sk_live_x[0-9]+".parse().unwrap()],
        );
        for (input, expected) in [
            ("x_loyalty_no=17", "x_loyalty_no=[redacted:configured]"),
            ("xLoyaltyNo: 17", "xLoyaltyNo: [redacted:configured]"),
            ("got acme_live_ab12.", "got [redacted:configured]."),
            (r"got acme\u005flive_ab12.", "got [redacted:configured]."),
            ("got sk_live_x1", "got [redacted:configured]"),
        ] {
            assert_eq!(redacted(&redactor, input), expected);
        }
        // More patterns than a packed search takes are found all the same.
        let many: Vec<Pattern> = (0..80).map(|number| format!("own{number:02}-[a-z]{{3}}").parse().unwrap()).collect();
        let redactor = Redactor::new(&[], &many);
        assert_eq!(redacted(&redactor, "own79-abc own80-abc"), "[redacted:configured] own80-abc");
    }

    const PIECES: &[&str] = &[
        "password",
        "passwordHash",
        "token",
        "tokens",
        "Authorization",
        "cookie",
        "name",
        "value",
        "key",
        "api",
        "sid",
        "user",
        "card",
        "hunter2",
        "Basic dXNlcjpodW50ZXIy",
        "Bearer abcdefgh12345678",
        "4111111111111111",
        "4111 1111 1111 1111",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "postgres://u:p1@h",
        "=",
        ":",
        ": ",
        ">",
        "<",
        "</",
        "\"",
        "'",
        "\\",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        ",",
        ", ",
        ";",
        "&",
        " ",
        "\n",
        "\t",
        "--",
        "-",
        " -",
        "curl",
        "-u",
        "\"-p",
        "'-p",
        "mysql",
        "vault login ",
        "config set ",
        "IDENTIFIED BY '",
        "\n  - ",
        "\n  ",
        ":\n",
        "<<E\n",
        "|s:1:",
        "=>",
        "->",
        "==",
        ":protected]",
        " = \"",
        "map[a]b{",
        "(string) ",
        "Some(\n",
        " :",
        "_",
        ".",
        "/",
        "\\u0022",
        "\\u003d",
        "%3D",
        "%22",
        "&quot;",
        "&#61;",
        "\\\"",
        "\\\\",
        "\\n",
        "é",
        "\u{200b}",
        "а",
        "1",
        "true",
        "null",
        "arn:aws:x",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

        #[test]
        fn the_quick_look_misses_nothing(pieces in prop::collection::vec(prop::sample::select(PIECES), 1..14)) {
            let redactor = Redactor::new(&[], &[]);
            redacted(&redactor, &pieces.concat());
        }

        #[test]
        fn any_text_at_all(text in any::<String>()) {
            redacted(&Redactor::new(&[], &[]), &text);
        }
    }
}
