//! The JSON form of single values. It refuses to know what the values mean.

use crate::Value;

pub(crate) fn write_value(value: Value<'_>, out: &mut Vec<u8>) {
    // Writing into a vector cannot fail, and none of these types can fail to serialise: a double that JSON cannot
    // say becomes null.
    let written = match value {
        Value::BigInt(number) => serde_json::to_writer(out, &number),
        Value::Int(number) => serde_json::to_writer(out, &number),
        Value::Double(number) => serde_json::to_writer(out, &number),
        Value::Boolean(truth) => serde_json::to_writer(out, &truth),
        Value::String(text) => return write_json_string(text, out),
    };
    debug_assert!(written.is_ok());
}

/// Marks the highest bit of every byte of `word` (read little-endian) that may not stand in a JSON string as it is: a
/// quote, a backslash or a byte below 0x20 (Mycroft's zero-byte test, three times). A borrow can mark bytes above a true
/// one, never below it, so the lowest mark is exact: `trailing_zeros() / 8` is its index.
#[inline]
pub const fn json_special_marks(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    ((word.wrapping_sub(ONES * 0x20) & !word)
        | (quote.wrapping_sub(ONES) & !quote)
        | (backslash.wrapping_sub(ONES) & !backslash))
        & HIGHS
}

/// Appends `text` as a JSON string, quotes included. Eight bytes are looked at and copied at a time, because log text
/// seldom needs an escape and every stored byte passes here.
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk::<8>() {
        out.extend_from_slice(word);
        let marks = json_special_marks(u64::from_le_bytes(*word));
        if marks == 0 {
            rest = behind;
            continue;
        }
        let plain = marks.trailing_zeros() as usize / 8;
        out.truncate(out.len() - word.len() + plain);
        // Of JSON within text nearly every escape is a quote, and every other one begins where a string ends and the next
        // begins. Where to go on hangs on what was read, so two quotes in one step are nearly twice as quick.
        if let Some([b'"', between @ (b':' | b','), b'"']) = rest[plain..].first_chunk() {
            out.extend_from_slice(&[b'\\', b'"', *between, b'\\', b'"']);
            rest = &rest[plain + 3..];
            continue;
        }
        match rest[plain] {
            sign @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', sign]),
            other => write_escape(other, out),
        }
        rest = &rest[plain + 1..];
    }
    // The last bytes as one word, which begins before them where the text is long enough.
    let shift = 8 * (8 - rest.len() as u32);
    match bytes.last_chunk::<8>().and_then(|word| u64::from_le_bytes(*word).checked_shr(shift)) {
        Some(word) if json_special_marks(word) & (u64::MAX >> shift) == 0 => {
            let end = out.len() + rest.len();
            out.extend_from_slice(&word.to_le_bytes());
            out.truncate(end);
        }
        _ => {
            for byte in rest {
                match byte {
                    b'"' | b'\\' | ..0x20 => write_escape(*byte, out),
                    _ => out.push(*byte),
                }
            }
        }
    }
    out.push(b'"');
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_offset_reads_back() {
        for code in 0..=0x17f_u32 {
            let odd = char::from_u32(code).unwrap();
            for before in 0..9 {
                for after in 0..9 {
                    let text = format!("{}{odd}{}", "x".repeat(before), "é".repeat(after));
                    let mut out = Vec::new();
                    write_json_string(&text, &mut out);
                    assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
                    assert_eq!(out, serde_json::to_vec(&text).unwrap().as_slice().replace_short_escapes());
                }
            }
        }
    }

    /// serde_json writes \b and \f in their short form; both spellings are JSON.
    trait ShortEscapes {
        fn replace_short_escapes(&self) -> Vec<u8>;
    }

    impl ShortEscapes for [u8] {
        fn replace_short_escapes(&self) -> Vec<u8> {
            String::from_utf8(self.to_vec()).unwrap().replace("\\b", "\\u0008").replace("\\f", "\\u000c").into_bytes()
        }
    }
}
