//! Secrets by the shape of JSON: values of keys that name one, values of names that stand beside them, in objects, tuples and
//! lists, numbers below a card.
//!
//! It refuses to look into texts: it says which may hold something.

use super::keys::{self, Meaning, Rule};
use super::pairs::{NAME_BYTES_MAX, names_source_file};
use super::values::{is_long_number, is_secret_text, is_sentence, of_element};
use super::{KeyLook, Redactor, options};
use crate::json::{Kind, Mark, Tape};
use crate::keys::KeyFacts;
use crate::limits::JSON_DEPTH_MAX;

/// Keys of an object that tells of an authorization and is none: what stands below is judged by its own keys.
#[rustfmt::skip]
const DESCRIBES: &[&str] = &[
    "claims", "scopes", "scope", "action", "principal", "principalId", "resource", "permission", "permissions",
    "granted", "allowed", "decision", "reason", "policy", "role", "roles", "evidence", "authorizer", "issuer", "type",
    "method",
];

/// Where the walk is: a container, and whether its names were looked at.
#[derive(Clone, Copy, Default)]
struct Frame {
    container: u32,
    is_resolved: bool,
    /// Whether its options were looked at.
    is_called: bool,
    /// Whether one of its keys or short texts names a card, once that was asked.
    is_card: Option<bool>,
    /// Whether it is an operation of a patch (RFC 6902), once that was asked.
    is_patch: Option<bool>,
}

struct Walk<'w> {
    tape: &'w mut Tape,
    text: &'w str,
    redactor: &'w Redactor,
    facts: Option<&'w [KeyFacts]>,
    open: [Frame; JSON_DEPTH_MAX],
    depth: usize,
    replaced: u64,
    any_suspect: bool,
}

/// Whether nothing is to be marked in a text of which no string may hold anything but a pair: no key names a secret, no string
/// says of another value that it is one or may hold a pair, and nothing is a card's number. Most texts are like that, and this
/// is said of them without a walk.
pub(crate) fn is_plain(tape: &Tape, text: &str, redactor: &Redactor, facts: &[KeyFacts]) -> bool {
    // What the key before says of a value; nothing does of an element.
    let mut before = None;
    tape.tokens.iter().zip(facts).all(|(token, facts)| {
        let raw = || &text[token.start as usize..token.end as usize];
        let key: Option<KeyLook> = before.take();
        let is_name = key.is_none_or(|key| key.is_name);
        match token.kind {
            Kind::Key => {
                before = Some(facts.look);
                !token.escaped && !facts.look.may_hold && !facts.look.names_secret
            }
            Kind::String => {
                let raw = raw();
                let names = is_name
                    && (token.escaped || redactor.meaning(raw).is_some() || key.is_none() && may_be_argument(raw));
                !(names || is_card(raw.as_bytes()) || redactor.may_hold_pair(raw.as_bytes()))
            }
            Kind::Number => !is_card(raw().as_bytes()),
            // The last of a list may be a name.
            Kind::Array => key.is_none() || !is_name,
            _ => true,
        }
    })
}

/// Whether an element of a list may be an option or a command, so that the list is what it is called with.
fn may_be_argument(raw: &str) -> bool {
    matches!(raw.as_bytes(), [b'-', _, ..]) || options::names_command(raw)
}

/// Whether digits may be a card's number, if a key says so.
fn is_card(raw: &[u8]) -> bool {
    const CARD_BYTES: std::ops::RangeInclusive<usize> = 15..=16;
    CARD_BYTES.contains(&raw.len()) && super::cards::is_number(raw)
}

/// Marks every secret, and every string and key in which `is_suspect` says that there may be one; it is not asked of keys
/// of which `facts` say so. Returns how many values are replaced whole, and whether anything is suspect.
pub(crate) fn mark(
    tape: &mut Tape,
    text: &str,
    redactor: &Redactor,
    facts: Option<&[KeyFacts]>,
    is_suspect: &mut impl FnMut(&[u8], Kind) -> bool,
) -> (u64, bool) {
    let mut walk = Walk {
        tape,
        text,
        redactor,
        facts,
        open: [Frame::default(); JSON_DEPTH_MAX],
        depth: 0,
        replaced: 0,
        any_suspect: false,
    };
    let mut index = 0;
    while index < walk.tape.tokens.len() {
        index = walk.token(index, is_suspect);
    }
    (walk.replaced, walk.any_suspect)
}

impl Walk<'_> {
    /// Looks at the token and says which comes next.
    #[inline]
    fn token(&mut self, index: usize, is_suspect: &mut impl FnMut(&[u8], Kind) -> bool) -> usize {
        let token = self.tape.tokens[index];
        if matches!(token.mark, Mark::Secret(_)) {
            return token.next as usize;
        }
        match token.kind {
            Kind::Key => {
                let text = self.text;
                let (look, may_hold) = match self.facts {
                    Some(facts) if !token.escaped => (facts[index].look, Some(facts[index].look.may_hold)),
                    _ => (self.redactor.glance_at_key(&self.tape.text(text, index)), None),
                };
                self.suspect(index, may_hold, is_suspect);
                let value = index + 1;
                let Some(next) = self.tape.tokens.get(value).copied() else { return value };
                if matches!(next.mark, Mark::Secret(_)) {
                    return next.next as usize;
                }
                if look.names_secret {
                    if let Some(meaning) = self.redactor.meaning(&self.tape.text(text, index))
                        && self.is_secret(value, meaning)
                    {
                        self.hide(value, meaning.kind);
                        return next.next as usize;
                    }
                } else if matches!(next.kind, Kind::String | Kind::Array) && look.is_name {
                    self.name(value, &self.tape.text(text, index));
                }
                match next.kind {
                    Kind::String | Kind::Number => {
                        self.scalar(value, is_suspect);
                        value + 1
                    }
                    _ => value,
                }
            }
            Kind::String => {
                self.scalar(index, is_suspect);
                self.element(index);
                index + 1
            }
            Kind::Number => {
                self.scalar(index, is_suspect);
                index + 1
            }
            Kind::Object | Kind::Array => {
                self.leave(index);
                if let Some(frame) = self.open.get_mut(self.depth) {
                    *frame = Frame { container: index as u32, ..Frame::default() };
                    self.depth += 1;
                }
                index + 1
            }
            _ => index + 1,
        }
    }

    #[inline]
    fn suspect(&mut self, index: usize, known: Option<bool>, is_suspect: &mut impl FnMut(&[u8], Kind) -> bool) {
        let token = &mut self.tape.tokens[index];
        let raw = &self.text.as_bytes()[token.start as usize..token.end as usize];
        if token.mark == Mark::Plain && known.unwrap_or_else(|| is_suspect(raw, token.kind)) {
            token.mark = Mark::Suspect;
            self.any_suspect = true;
        }
    }

    fn hide(&mut self, value: usize, kind: &'static str) {
        let mark = &mut self.tape.tokens[value].mark;
        self.replaced += u64::from(!matches!(mark, Mark::Secret(_)));
        *mark = Mark::Secret(kind);
    }

    /// Leaves the containers that end before `index`.
    fn leave(&mut self, index: usize) {
        while self.depth > 0 && self.tape.tokens[self.open[self.depth - 1].container as usize].next as usize <= index {
            self.depth -= 1;
        }
    }

    /// A string or number: a card's, or suspect.
    #[inline]
    fn scalar(&mut self, index: usize, is_suspect: &mut impl FnMut(&[u8], Kind) -> bool) {
        let token = self.tape.tokens[index];
        let raw = &self.text.as_bytes()[token.start as usize..token.end as usize];
        if is_card(raw) && self.is_below_card(index) {
            self.hide(index, "card-number");
        } else if token.kind == Kind::String {
            self.suspect(index, None, is_suspect);
        }
    }

    /// Whether the key of the token, or of an object around it, names a card, and its own key no id.
    fn is_below_card(&mut self, index: usize) -> bool {
        self.leave(index);
        let key_of = |token: usize| {
            token
                .checked_sub(1)
                .filter(|key| self.tape.tokens[*key].kind == Kind::Key)
                .map(|key| self.tape.text(self.text, key))
        };
        if key_of(index).is_some_and(|key| keys::names_id_or_time(&key)) {
            return false;
        }
        let around = self.open[..self.depth].iter().map(|frame| frame.container as usize);
        if std::iter::once(index).chain(around).filter_map(key_of).any(|key| keys::names_card(&key)) {
            return true;
        }
        // `{"number": …, "cvc": …}` and `{"brand": "visa", …}`, which is asked once an object.
        if !key_of(index).is_some_and(|key| keys::is_number(&key)) {
            return false;
        }
        let Some(last) = self.depth.checked_sub(1) else { return false };
        let frame = self.open[last];
        let is_card = frame.is_card.unwrap_or_else(|| {
            // A brand with all of its letters escaped.
            const WORD_BYTES_MAX: usize = 24 * 6;
            self.tape.entries(frame.container as usize).any(|(key, value)| {
                let is_word = self.tape.tokens[value].kind == Kind::String
                    && self.tape.raw(self.text, value).len() <= WORD_BYTES_MAX;
                keys::names_card(&self.tape.text(self.text, key))
                    || (is_word && keys::names_card(&self.tape.text(self.text, value)))
            })
        });
        self.open[last].is_card = Some(is_card);
        is_card
    }

    /// Whether the value of a key of this meaning is to be hidden as a whole.
    fn is_secret(&self, value: usize, meaning: Meaning) -> bool {
        let token = self.tape.tokens[value];
        match token.kind {
            Kind::Null | Kind::True | Kind::False | Kind::NotFinite | Kind::Key => false,
            Kind::String => is_secret_text(&self.tape.text(self.text, value), meaning, true),
            Kind::Number => self.is_secret_number(value, meaning),
            Kind::Object | Kind::Array => {
                let describes = meaning.rule == Rule::Credentials
                    && self.tape.entries(value).any(|(key, _)| DESCRIBES.contains(&&*self.tape.text(self.text, key)));
                let inside = value + 1..(token.next as usize).min(self.tape.tokens.len());
                // What is said of a secret in an object is none: its schema, its id and state.
                let tells = token.kind == Kind::Object
                    && self.tape.entries(value).all(|(key, _)| keys::tells_of_secret(&self.tape.text(self.text, key)));
                if inside.is_empty() || describes || tells {
                    // An empty container hides nothing.
                    return false;
                }
                if token.kind == Kind::Array {
                    let meaning = of_element(meaning);
                    return inside.into_iter().any(|index| match self.tape.tokens[index].kind {
                        Kind::String => {
                            let text = self.tape.text(self.text, index);
                            is_secret_text(&text, meaning, true) && !(meaning.rule == Rule::All && is_sentence(&text))
                        }
                        Kind::Number => meaning.rule == Rule::All,
                        _ => false,
                    });
                }
                meaning.rule == Rule::All
                    || inside.into_iter().any(|index| match self.tape.tokens[index].kind {
                        Kind::String => is_secret_text(&self.tape.text(self.text, index), meaning, true),
                        _ => false,
                    })
            }
        }
    }

    fn is_secret_number(&self, value: usize, meaning: Meaning) -> bool {
        let raw = self.tape.raw(self.text, value);
        match meaning.rule {
            // A number is no path.
            Rule::All | Rule::NoPath => true,
            Rule::Token => is_long_number(raw),
            Rule::Digits => is_secret_text(raw, meaning, true),
            _ => false,
        }
    }

    /// The value of a key such as `name`, or the last text of a list such as `loc`: where it names a secret, the values
    /// beside it are secrets.
    fn name(&mut self, value: usize, key: &str) {
        let name = match self.tape.tokens[value].kind {
            Kind::Array => self.tape.elements(value).last().filter(|last| self.tape.tokens[*last].kind == Kind::String),
            _ => Some(value),
        };
        let Some(name) = name else { return };
        // A label may be of several words.
        let Some(meaning) = self.named(name, 3) else { return };
        if !keys::may_name(key, &self.tape.text(self.text, name), meaning) {
            return;
        }
        let is_weak = keys::is_weak_name(key);
        self.leave(value);
        let Some(last) = self.depth.checked_sub(1) else { return };
        let object = self.open[last].container as usize;
        let is_page = keys::names_page(key, &self.tape.text(self.text, name)) && {
            let is_patch = self.open[last]
                .is_patch
                .unwrap_or_else(|| self.tape.entries(object).any(|(key, _)| self.tape.text(self.text, key) == "op"));
            self.open[last].is_patch = Some(is_patch);
            !is_patch
        };
        if is_page || std::mem::replace(&mut self.open[last].is_resolved, true) {
            return;
        }
        let values: Vec<usize> = self
            .tape
            .entries(object)
            .filter(|(key, value)| {
                keys::is_value(&self.tape.text(self.text, *key))
                    && !(is_weak && self.tape.tokens[*value].kind == Kind::Number)
                    && self.is_secret(*value, meaning)
            })
            .map(|(_, value)| value)
            .collect();
        for value in values {
            self.hide(value, meaning.kind);
        }
    }

    /// What a string means where it is a name of at most so many words.
    fn named(&self, string: usize, words_max: usize) -> Option<Meaning> {
        // Every letter may be escaped.
        const ESCAPED_BYTES_MAX: usize = NAME_BYTES_MAX * 6;
        let token = self.tape.tokens[string];
        if (token.end - token.start) as usize > if token.escaped { ESCAPED_BYTES_MAX } else { NAME_BYTES_MAX } {
            return None;
        }
        let name = self.tape.text(self.text, string);
        // Asked first: few names mean anything.
        let meaning = self.redactor.meaning(&name)?;
        let is_name = name.len() <= NAME_BYTES_MAX
            && !name.bytes().any(|byte| matches!(byte, b'=' | b'"' | b'{' | b'\n'))
            && name.split_ascii_whitespace().take(words_max + 1).count() <= words_max;
        (is_name && !names_source_file(&name)).then_some(meaning)
    }

    /// A string in an array: where it names a secret, the next one is it, if the array lists names and values or what a
    /// command is called with.
    fn element(&mut self, index: usize) {
        let raw = self.tape.raw(self.text, index);
        if may_be_argument(raw) {
            self.arguments(index);
        }
        // `password:hunter2` is a pair, not a name.
        if raw.contains(':') || self.named(index, 1).is_none() {
            return;
        }
        self.leave(index);
        let Some(last) = self.depth.checked_sub(1) else { return };
        if self.tape.tokens[self.open[last].container as usize].kind != Kind::Array
            || std::mem::replace(&mut self.open[last].is_resolved, true)
        {
            return;
        }
        let array = self.open[last].container as usize;
        let is_within_array = last
            .checked_sub(1)
            .is_some_and(|before| self.tape.tokens[self.open[before].container as usize].kind == Kind::Array);
        let elements: Vec<usize> = self.tape.elements(array).collect();
        let is_tuple = elements.len() == 2 && is_within_array;
        let is_even = elements.len().is_multiple_of(2);
        // A list of names, such as the fields that a request must have, has no values.
        let only_names = elements.iter().all(|element| {
            let is_string = self.tape.tokens[*element].kind == Kind::String;
            is_string
                && self
                    .tape
                    .raw(self.text, *element)
                    .bytes()
                    .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'))
        });
        if !is_even || only_names && !is_tuple {
            return;
        }
        for pair in elements.chunks_exact(2) {
            let (name, value) = (pair[0], pair[1]);
            if self.tape.tokens[name].kind == Kind::String
                && let Some(meaning) = self.named(name, 1)
                && self.is_secret(value, meaning)
            {
                self.hide(value, meaning.kind);
            }
        }
    }

    /// An option in an array, or the name of a command: the array is what a command is called with, and is looked at as its
    /// command line.
    fn arguments(&mut self, index: usize) {
        const ARGUMENTS_MAX: usize = 128;
        const LINE_BYTES_MAX: usize = 8192;
        self.leave(index);
        let Some(last) = self.depth.checked_sub(1) else { return };
        let array = self.open[last].container as usize;
        if self.tape.tokens[array].kind != Kind::Array || std::mem::replace(&mut self.open[last].is_called, true) {
            return;
        }
        let mut line = String::new();
        let mut ends = Vec::new();
        let mut is_command = true;
        for element in self.tape.elements(array).take(ARGUMENTS_MAX) {
            let text = self.tape.string(self.text, element).unwrap_or_default();
            // The words before the first option are the command, as it stands in a line.
            let of_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/' | b':');
            is_command &= !text.is_empty() && !text.starts_with('-') && text.bytes().all(of_word);
            let quote = if is_command { "" } else { "\"" };
            line.push_str(quote);
            // Quotes and backslashes within would be the line's; those part a command from its folder.
            line.extend(text.chars().map(|character| match character {
                '"' => '.',
                '\\' => '/',
                character => character,
            }));
            line.push_str(quote);
            line.push(' ');
            if line.len() > LINE_BYTES_MAX {
                break;
            }
            ends.push((line.len(), element));
        }
        let mut found = Vec::new();
        options::find(&line, self.redactor, &mut |start, _, kind| {
            found.extend(ends.iter().find(|(end, _)| start < *end).map(|(_, element)| (*element, kind)));
        });
        for (element, kind) in found {
            self.hide(element, kind);
        }
    }
}
