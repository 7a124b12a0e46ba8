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

/// Bytes that may not stand inside a JSON string as they are.
const ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

/// Whether any of the eight bytes needs an escape. The three tests mark the highest bit of a byte below 0x20, equal
/// to a quote or equal to a backslash (Mycroft's zero-byte test); bytes of 0x80 and above never are.
const fn needs_escape(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let below = word.wrapping_sub(ONES * 0x20);
    ((below | quote.wrapping_sub(ONES) | backslash.wrapping_sub(ONES)) & !word & HIGHS) != 0
}

/// Appends `text` as a JSON string, quotes included. Eight bytes are looked at a time, because log text seldom needs
/// an escape and every stored byte passes here.
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut copied = 0;
    let mut index = 0;
    while index < bytes.len() {
        if let Some(eight) = bytes.get(index..index + 8)
            && let Ok(eight) = <[u8; 8]>::try_from(eight)
            && !needs_escape(u64::from_le_bytes(eight))
        {
            index += 8;
            continue;
        }
        let end = bytes.len().min(index + 8);
        while index < end {
            let byte = bytes[index];
            if ESCAPED[byte as usize] {
                out.extend_from_slice(&bytes[copied..index]);
                copied = index + 1;
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
            index += 1;
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
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
