//! What a terminal would act upon, made visible: the one place that knows which letters these are. It refuses to change any
//! other letter.

use std::fmt::Write as _;
use std::io::{self, Write};

/// The text with everything that a terminal would act upon, or that nobody would see, spelled out: control characters, the
/// marks that turn the direction of writing, and letters without a width.
pub fn visible(text: &str) -> String {
    if !text.contains(is_active) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if is_active(letter) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out
}

/// The same of a text of several lines, whose ends and tabs are its own.
pub fn visible_lines(text: &str) -> String {
    if !text.contains(|letter| is_active(letter) && letter != '\n' && letter != '\t') {
        return text.to_owned();
    }
    let line = |line: &str| line.split('\t').map(visible).collect::<Vec<_>>().join("\t");
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn is_active(letter: char) -> bool {
    if matches!(letter, ' '..='~') {
        return false;
    }
    letter.is_control()
        || matches!(
            letter,
            // Letters of format (Cf), which have no width and order what stands around them.
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e01ef}'
            // Of other kinds, and seen as little.
            | '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{3164}' | '\u{ffa0}'
        )
}

/// JSON on its way to a terminal. Outside of its strings there is nothing to hide, and within them every letter may be an
/// escape: what comes out says the same to every reader.
pub struct VisibleJson<W> {
    out: W,
    /// The beginning of a letter whose end has not come yet.
    rest: Vec<u8>,
}

impl<W: Write> VisibleJson<W> {
    /// Nothing has come yet.
    pub fn new(out: W) -> VisibleJson<W> {
        VisibleJson { out, rest: Vec::new() }
    }
}

impl<W: Write> Write for VisibleJson<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let end = match std::str::from_utf8(&all) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => all.len(),
        };
        self.rest = all.split_off(end);
        let text = String::from_utf8_lossy(&all);
        if !text.contains(is_active) {
            self.out.write_all(text.as_bytes())?;
            return Ok(bytes.len());
        }
        let mut shown = String::with_capacity(text.len() + 16);
        for letter in text.chars() {
            match letter {
                '\n' | '\r' | '\t' => shown.push(letter),
                letter if is_active(letter) => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        let _ = write!(shown, "\\u{unit:04x}");
                    }
                }
                letter => shown.push(letter),
            }
        }
        self.out.write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_upon_is_sent() {
        assert_eq!(visible("a\x1b[31mb\n\t\r\0\u{9b}\u{202e}é"), "a\\u{1b}[31mb\\n\\t\\r\\u{0}\\u{9b}\\u{202e}é");
        assert_eq!(visible("日本語 ✅ é ñ"), "日本語 ✅ é ñ");
        assert_eq!(visible_lines("a\tb\n\x1b]0;x\x07\n"), "a\tb\n\\u{1b}]0;x\\u{7}\n");
        for hidden in [
            "\u{7f}",
            "\u{85}",
            "\u{200b}",
            "\u{200d}",
            "\u{61c}",
            "\u{2028}",
            "\u{2066}",
            "\u{feff}",
            "\u{e0041}",
            "\u{3164}",
        ] {
            assert!(visible(hidden).starts_with("\\u{"), "{hidden:?}");
        }
    }

    #[test]
    fn json_for_a_terminal_says_the_same() {
        let value = serde_json::json!({"a\u{9b}": "\x1b[31m \u{7f}\u{202e}\u{e0041} é日本 \"\\ \n"});
        let text = format!("{value}\n");
        // However the bytes are cut.
        for step in 1..8 {
            let mut out = Vec::new();
            let mut writer = VisibleJson::new(&mut out);
            for part in text.as_bytes().chunks(step) {
                writer.write_all(part).unwrap();
            }
            let shown = String::from_utf8(out).unwrap();
            assert!(!shown.trim_end().contains(is_active), "{shown}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
    }
}
