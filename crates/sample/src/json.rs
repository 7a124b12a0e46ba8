//! Writing JSON in the order and with the spaces of the libraries that the shop imitates. It refuses to build trees:
//! what is written once is never looked at again.

use std::fmt::{Display, Write};

/// How a library separates keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spacing {
    /// `{"a":1,"b":2}`: Lambda, Powertools, Node, X-Ray.
    Compact,
    /// `{"a": 1, "b": 2}`: Python's `json.dumps` as structlog calls it.
    Spaced,
}

/// Appends one object to `out`; `fill` writes its members.
pub(crate) fn write_object(out: &mut String, spacing: Spacing, fill: impl FnOnce(&mut Object<'_>)) {
    out.push('{');
    fill(&mut Object { out, spacing, empty: true });
    out.push('}');
}

/// An object that is being written.
pub(crate) struct Object<'o> {
    out: &'o mut String,
    spacing: Spacing,
    empty: bool,
}

impl Object<'_> {
    fn key(&mut self, key: &str) {
        let spaced = self.spacing == Spacing::Spaced;
        if !self.empty {
            self.out.push_str(if spaced { ", " } else { "," });
        }
        self.empty = false;
        write_text(self.out, key);
        self.out.push_str(if spaced { ": " } else { ":" });
    }

    /// A string, escaped as needed.
    pub(crate) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        write_text(self.out, value);
        self
    }

    /// A string that needs no escapes: an id, a time, an ARN.
    pub(crate) fn id(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.key(key);
        let _ = write!(self.out, "\"{value}\"");
        self
    }

    /// A number, `true`, `false`, `null`, or any JSON already written.
    pub(crate) fn value(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.key(key);
        let _ = write!(self.out, "{value}");
        self
    }

    /// An object.
    pub(crate) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        self.key(key);
        write_object(self.out, self.spacing, fill);
        self
    }

    /// An array of strings.
    pub(crate) fn texts(&mut self, key: &str, values: &[&str]) -> &mut Self {
        self.key(key);
        self.out.push('[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            write_text(self.out, value);
        }
        self.out.push(']');
        self
    }

    /// An array of one object.
    pub(crate) fn array_of_one(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        self.key(key);
        self.out.push('[');
        write_object(self.out, self.spacing, fill);
        self.out.push(']');
        self
    }
}

/// Appends a JSON string, quotes included.
pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut copied = 0;
    for (index, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        // Every byte that needs an escape is ASCII, so these are always character boundaries.
        out.push_str(&text[copied..index]);
        copied = index + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b'\r' => out.push_str("\\r"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[copied..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back() {
        let text = "a \"quote\", a \\, a\ttab\r\nand \u{1} é ☃";
        let mut out = String::new();
        write_text(&mut out, text);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }

    #[test]
    fn spacing() {
        for (spacing, expected) in [
            (Spacing::Compact, r#"{"a":"x","b":{"n":1.50},"c":["y","z"],"d":[{"e":null}]}"#),
            (Spacing::Spaced, r#"{"a": "x", "b": {"n": 1.50}, "c": ["y","z"], "d": [{"e": null}]}"#),
        ] {
            let mut out = String::new();
            write_object(&mut out, spacing, |object| {
                object.text("a", "x").object("b", |inner| {
                    inner.value("n", "1.50");
                });
                object.texts("c", &["y", "z"]).array_of_one("d", |inner| {
                    inner.value("e", "null");
                });
            });
            assert_eq!(out, expected);
        }
    }
}
