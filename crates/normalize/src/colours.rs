//! Text without the sequences that tell a terminal colours, links and titles. It refuses to take what has no escape byte for one.

use std::borrow::Cow;

/// Bytes of one escape sequence: a link's address may be long, and what never ends is no sequence.
const ESCAPE_BYTES_MAX: usize = 2048;

/// The text without the sequences that tell a terminal colours, links and titles (ECMA-48: `ESC [ … m`, `ESC ] … BEL`
/// and escapes of two bytes). Without an escape byte it is the text itself. The eight-bit forms (U+009B) are letters of
/// a text as likely as not, and `[31m` without its escape is text, too: both stay.
pub(crate) fn strip_colours(text: &str) -> Cow<'_, str> {
    const ESCAPE: u8 = 0x1B;
    let Some(mut at) = memchr::memchr(ESCAPE, text.as_bytes()) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    loop {
        out.push_str(text.get(from..at).unwrap_or_default());
        from = at + escape_length(text.as_bytes().get(at..).unwrap_or_default());
        match memchr::memchr(ESCAPE, text.as_bytes().get(from..).unwrap_or_default()) {
            Some(next) => at = from + next,
            None => break,
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

/// The bytes of the escape sequence that begins here. A sequence that is cut off is taken as far as it goes.
fn escape_length(bytes: &[u8]) -> usize {
    let run = |from: usize, fits: fn(&u8) -> bool| {
        from + bytes.iter().skip(from).take(ESCAPE_BYTES_MAX).take_while(|byte| fits(byte)).count()
    };
    match bytes.get(1) {
        // Parameters, intermediates, and one final byte.
        Some(b'[') => {
            let end = run(2, |byte| matches!(byte, 0x20..=0x3F));
            end + usize::from(matches!(bytes.get(end), Some(0x40..=0x7E)))
        }
        // A string of the operating system's: up to BEL or `ESC \\`, within the line.
        Some(b']' | b'P' | b'^' | b'_') => {
            let end = run(2, |byte| !matches!(byte, 0x07 | 0x1B | b'\n'));
            match bytes.get(end..) {
                Some([0x07, ..]) => end + 1,
                Some([0x1B, b'\\', ..]) => end + 2,
                Some([] | [b'\n', ..]) => end,
                // Not ended within reason: the text stays.
                _ => 2,
            }
        }
        // Intermediates and a final byte: `ESC ( B`.
        Some(0x20..=0x2F) => {
            let end = run(1, |byte| matches!(byte, 0x20..=0x2F));
            end + usize::from(matches!(bytes.get(end), Some(0x30..=0x7E)))
        }
        Some(0x30..=0x7E) => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_and_text_stays() {
        for (text, expected) in [
            ("", ""),
            ("charge refused", "charge refused"),
            ("\u{1b}[31merror\u{1b}[39m", "error"),
            ("\u{1b}[1;31mERROR\u{1b}[0m é \u{1b}[38;5;12mx\u{1b}[m", "ERROR é x"),
            ("\u{1b}[2K\u{1b}[?25lx", "x"),
            ("\u{1b}]8;;https://acme.com\u{7}link\u{1b}]8;;\u{1b}\\ x", "link x"),
            ("\u{1b}]0;title\nx", "\nx"),
            ("\u{1b}(Bx\u{1b}7y", "xy"),
            ("\u{1b}é", "é"),
            ("\u{1b}", ""),
            ("x\u{1b}[", "x"),
            ("x\u{1b}[31", "x"),
            ("\u{1b}[é31m", "é31m"),
            ("[31mred[0m", "[31mred[0m"),
        ] {
            assert_eq!(strip_colours(text), expected, "{text:?}");
        }
        assert!(matches!(strip_colours("é plain"), Cow::Borrowed(_)));
        let endless = format!("\u{1b}]0;{}", "é".repeat(ESCAPE_BYTES_MAX));
        assert_eq!(strip_colours(&endless), &endless[2..]);
    }
}
