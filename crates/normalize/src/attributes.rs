//! What no column holds, as JSON text: entries are copied as they came wherever nothing in them was taken or hidden.
//!
//! It refuses to parse and to decide: marks on the tokens say what to do.

use std::borrow::Cow;

use transect_schema::write_json_string;

use crate::json::{Kind, Mark, Tape};
use crate::keys::KeyFacts;
use crate::redact::{self, Redactor, names_card, names_id_or_time, push_replacement};

/// Marks every value whose key names a secret and every string and key that may hold one. Returns how many values are
/// replaced whole, and whether any text is suspect. `facts` is what is said of keys, where they were looked up.
pub(crate) fn mark_secrets(
    tape: &mut Tape,
    text: &str,
    redactor: &Redactor,
    facts: Option<&[KeyFacts]>,
) -> (u64, bool) {
    tape.join_strings(text);
    let (may_hold_value, may_hold_sign) =
        (redactor.may_hold_value(&tape.strings), redactor.may_hold_sign(&tape.strings));
    if !may_hold_value && !may_hold_sign && facts.is_some_and(|facts| redact::is_plain(tape, text, redactor, facts)) {
        return (0, false);
    }
    redact::mark(tape, text, redactor, facts, &mut |raw, kind| {
        // Keys are none of the values.
        let is_key = kind == Kind::Key;
        redactor.may_hold_pair(raw)
            || ((is_key || may_hold_value) && redactor.may_hold_value(raw))
            || ((is_key || may_hold_sign) && redactor.may_hold_sign(raw))
    })
}

/// Marks every container with something taken or marked below it, so that it is not copied as one piece.
pub(crate) fn mark_mixed(tape: &mut Tape) {
    // From the end on, the nearest such token behind a container is within it or none is.
    let mut nearest = u32::MAX;
    for (index, token) in tape.tokens.iter_mut().enumerate().rev() {
        let is_container = matches!(token.kind, Kind::Object | Kind::Array);
        if is_container && nearest < token.next && token.mark == Mark::Plain {
            token.mark = Mark::Mixed;
        }
        if token.taken || token.mark != Mark::Plain {
            nearest = index as u32;
        }
    }
}

/// Writes values of one text.
pub(crate) struct Writer<'w> {
    pub text: &'w str,
    pub tape: &'w Tape,
    pub redactor: Option<&'w Redactor>,
    /// Whether to write what is taken as well.
    pub whole: bool,
}

impl Writer<'_> {
    /// Appends every entry of the object that is not taken, each with a comma behind.
    pub fn entries(&self, object: usize, out: &mut String, redacted: &mut u64) {
        for (key, value) in self.tape.entries(object) {
            self.entry(key, value, out, redacted);
        }
    }

    /// Appends one entry with a comma behind, unless it is taken.
    pub fn entry(&self, key: usize, value: usize, out: &mut String, redacted: &mut u64) {
        let token = self.tape.tokens[value];
        if token.taken && !self.whole {
            return;
        }
        let start = out.len();
        if token.mark == Mark::Plain && self.tape.tokens[key].mark == Mark::Plain {
            // Key, colon and value in one piece, with the white space between them.
            out.push_str(&self.text[self.tape.tokens[key].start as usize - 1..self.source_end(value)]);
        } else {
            self.key(key, out, redacted);
            out.push(':');
            let written = out.len();
            self.value(Some(key), value, out, redacted);
            // An object of which everything is in columns says nothing more.
            if token.mark == Mark::Mixed && !self.whole && matches!(&out[written..], "{}" | "[]") {
                out.truncate(start);
                return;
            }
        }
        out.push(',');
    }

    /// Appends a key with its quotes. It may be a secret itself.
    pub fn key(&self, key: usize, out: &mut String, redacted: &mut u64) {
        match self.tape.tokens[key].mark {
            Mark::Plain => out.push_str(self.tape.source(self.text, key)),
            _ => self.suspect(None, key, out, redacted),
        }
    }

    fn source_end(&self, value: usize) -> usize {
        let token = self.tape.tokens[value];
        token.end as usize + usize::from(token.kind == Kind::String)
    }

    /// Appends one value. The depth of the recursion is the depth of the text, which parsing has bounded.
    pub fn value(&self, key: Option<usize>, value: usize, out: &mut String, redacted: &mut u64) {
        let token = self.tape.tokens[value];
        match token.mark {
            Mark::Plain => out.push_str(self.tape.source(self.text, value)),
            Mark::Bare => out.extend(["\"", self.tape.source(self.text, value), "\""]),
            Mark::Secret(kind) => {
                out.push('"');
                push_replacement(kind, out);
                out.push('"');
            }
            Mark::Suspect => self.suspect(key, value, out, redacted),
            Mark::Mixed if token.kind == Kind::Object => {
                out.push('{');
                let start = out.len();
                self.entries(value, out, redacted);
                if out.len() > start {
                    out.pop();
                }
                out.push('}');
            }
            Mark::Mixed => {
                out.push('[');
                let start = out.len();
                for element in self.tape.elements(value) {
                    if !self.tape.tokens[element].taken || self.whole {
                        self.value(key, element, out, redacted);
                        out.push(',');
                    }
                }
                if out.len() > start {
                    out.pop();
                }
                out.push(']');
            }
        }
    }

    /// The whole text as it came, white space, order and duplicate keys included, but for what is marked as a secret.
    pub fn rewritten(&self, redacted: &mut u64) -> Cow<'_, str> {
        let (mut out, mut copied) = (String::new(), 0);
        self.splice(None, 0, &mut copied, &mut out, redacted);
        if copied == 0 {
            return Cow::Borrowed(self.text);
        }
        out.push_str(&self.text[copied..]);
        Cow::Owned(out)
    }

    /// Copies the text from byte `copied` up to each marked value below `value`, and writes that anew.
    fn splice(&self, key: Option<usize>, value: usize, copied: &mut usize, out: &mut String, redacted: &mut u64) {
        let token = self.tape.tokens[value];
        match token.mark {
            Mark::Plain | Mark::Bare => {}
            Mark::Mixed if token.kind == Kind::Object => {
                for (key, value) in self.tape.entries(value) {
                    let token = self.tape.tokens[key];
                    if token.mark != Mark::Plain {
                        out.push_str(&self.text[*copied..token.start as usize - 1]);
                        self.key(key, out, redacted);
                        *copied = token.end as usize + 1;
                    }
                    self.splice(Some(key), value, copied, out, redacted);
                }
            }
            Mark::Mixed => {
                for element in self.tape.elements(value) {
                    self.splice(key, element, copied, out, redacted);
                }
            }
            Mark::Secret(_) | Mark::Suspect => {
                let end = self.source_end(value);
                out.push_str(&self.text[*copied..end - self.tape.source(self.text, value).len()]);
                self.value(key, value, out, redacted);
                *copied = end;
            }
        }
    }

    /// Appends a string or key in which secrets may stand. The key says what digits in it are.
    fn suspect(&self, key: Option<usize>, value: usize, out: &mut String, redacted: &mut u64) {
        let key = key.map(|key| self.tape.text(self.text, key));
        let is_id = key.as_ref().is_some_and(|key| names_id_or_time(key));
        let is_card = key.as_ref().is_some_and(|key| names_card(key));
        let text = self.tape.text(self.text, value);
        match self.redactor.map(|redactor| redactor.redact_text(&text, is_id, is_card, redacted)) {
            Some(Cow::Owned(text)) => {
                let mut bytes = Vec::new();
                write_json_string(&text, &mut bytes);
                out.push_str(&String::from_utf8_lossy(&bytes));
            }
            _ => out.push_str(self.tape.source(self.text, value)),
        }
    }
}
