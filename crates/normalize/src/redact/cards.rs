//! Card numbers in text: digits with an issuer's prefix and a right check digit, that stand alone and beside which
//! something says that they are a card's.
//!
//! It refuses to take digits for a card's by prefix and check digit alone: one in ten of all numbers of sixteen digits
//! that begin with 4 has both.

use super::keys::tells_of_card;

/// The fewest digits of a card number: American Express.
const DIGITS_MIN: usize = 15;
/// The most of those whose prefixes are known here.
const DIGITS_MAX: usize = 16;

/// How far before and behind a number a word counts as beside it.
const BEFORE_BYTES_MAX: usize = 48;
const BEHIND_BYTES_MAX: usize = 24;

/// Groups of digits that one number is written in.
const GROUPS_MAX: usize = 4;

#[derive(Clone, Copy, Default)]
struct Group {
    start: usize,
    end: usize,
}

/// Whether a card number may stand here, whatever is beside it. It is a run of at least fifteen digits with one
/// separator between groups, so at least one of the eight-byte words that the text falls into lies within it.
pub(crate) fn may_be_in(bytes: &[u8]) -> bool {
    let of_card = |byte: &u8| byte.is_ascii_digit() || is_separator(*byte);
    let (words, _) = bytes.as_chunks::<8>();
    let mut index = 0;
    while let Some(ahead) = words[index..].iter().position(|word| is_of_card(*word)) {
        let at = (index + ahead) * 8;
        let start = at - bytes[..at].iter().rev().take_while(|byte| of_card(byte)).count();
        let end = at + bytes[at..].iter().take_while(|byte| of_card(byte)).count();
        let run = &bytes[start..end];
        // Times, addresses and dashes make long runs of few digits.
        if run.len() >= DIGITS_MIN && run.iter().filter(|byte| byte.is_ascii_digit()).count() >= DIGITS_MIN {
            let mut found = false;
            each(run, false, &mut |_, _, _| found = true);
            if found {
                return true;
            }
        }
        index = end / 8;
    }
    false
}

/// Whether eight bytes may all be a card's: digits and separators. Its groups have four digits and more, so no more than
/// two of the eight are separators.
#[inline]
fn is_of_card(word: [u8; 8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    const DIGITS_OF_WORD_MIN: u64 = 6;
    let word = u64::from_le_bytes(word);
    // The bytes 0x20 to 0x3f, among which are digits and separators, are those whose highest three bits are 001; those of
    // digits and of few other signs have a bit more.
    let digits = (word >> 4 & ONES).wrapping_mul(ONES) >> 56;
    if word & (ONES * 0xe0) != ONES * 0x20 || digits < DIGITS_OF_WORD_MIN {
        return false;
    }
    // Marks in the highest bit, which is free here: no sum carries into the next byte.
    let below = |limit: u8, word: u64| !(word + ONES * u64::from(0x80 - limit));
    let is = |sign: u8| below(1, word ^ (ONES * u64::from(sign)));
    let of_card = below(10, word ^ (ONES * u64::from(b'0'))) | is(b' ') | is(b'-') | is(b'.') | is(b'+');
    of_card & HIGHS == HIGHS
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'+')
}

/// Calls `found` with the range of every card number of the text. `is_named` says that a key names a card.
pub(crate) fn find(bytes: &[u8], is_named: bool, found: &mut dyn FnMut(usize, usize)) {
    if bytes.len() < DIGITS_MIN {
        return;
    }
    each(bytes, true, &mut |start, end, is_grouped| {
        if is_grouped || is_named || is_told(bytes, start, end) {
            found(start, end);
        }
    });
}

/// Whether a number token, alone under a key that names a card, is a card's.
pub(crate) fn is_number(digits: &[u8]) -> bool {
    let mut values = [0_u8; DIGITS_MAX];
    let Some(values) = values.get_mut(..digits.len()) else { return false };
    for (value, digit) in values.iter_mut().zip(digits) {
        if !digit.is_ascii_digit() {
            return false;
        }
        *value = digit - b'0';
    }
    is_card(values)
}

/// Whether a word beside the number says that it is a card's.
fn is_told(bytes: &[u8], start: usize, end: usize) -> bool {
    let line = |byte: &&u8| !matches!(byte, b'\n' | b'\r');
    let before = bytes[..start].iter().rev().take(BEFORE_BYTES_MAX).take_while(line).count();
    let behind = bytes[end..].iter().take(BEHIND_BYTES_MAX).take_while(line).count();
    (tells_of_card(&bytes[start - before..start]) && !id_before(&bytes[..start])) || {
        !id_before(&bytes[..start]) && tells_of_card(&bytes[end..end + behind])
    }
}

/// Every number that has a card's digits. `alone` asks that it is no part of a longer word or number.
fn each(bytes: &[u8], alone: bool, found: &mut dyn FnMut(usize, usize, bool)) {
    let mut groups = [Group::default(); GROUPS_MAX];
    let mut count = 0;
    let mut at = 0;
    let mut taken = 0;
    while let Some(ahead) = bytes[at..].iter().position(u8::is_ascii_digit) {
        let start = at + ahead;
        let end = start + bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let joins = count > 0 && {
            let last = groups[count - 1];
            last.end + 1 == start && is_separator(bytes[last.end])
        };
        if !joins {
            count = 0;
        }
        if count == GROUPS_MAX {
            groups.copy_within(1.., 0);
            count -= 1;
        }
        groups[count] = Group { start, end };
        count += 1;
        at = end;
        let mut offer = |groups: &[Group]| {
            let (start, end) = (groups[0].start, groups[groups.len() - 1].end);
            if start < taken || (alone && !stands_alone(bytes, start, end)) {
                return;
            }
            let mut digits = [0_u8; DIGITS_MAX];
            let mut length = 0;
            for byte in groups.iter().flat_map(|group| &bytes[group.start..group.end]) {
                if let Some(digit) = digits.get_mut(length) {
                    *digit = byte - b'0';
                }
                length += 1;
            }
            if length <= DIGITS_MAX && is_card(&digits[..length]) {
                taken = end;
                found(start, end, groups.len() > 1);
            }
        };
        offer(&groups[count - 1..count]);
        for (size, shape) in [(4, &[4, 4, 4, 4][..]), (3, &[4, 6, 5][..])] {
            if count >= size {
                let groups = &groups[count - size..count];
                let separator = bytes[groups[0].end];
                let fits = groups.iter().zip(shape).all(|(group, length)| group.end - group.start == *length)
                    && groups[..size - 1].iter().all(|group| bytes[group.end] == separator);
                if fits {
                    offer(groups);
                }
            }
        }
    }
}

fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn stands_alone(bytes: &[u8], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).and_then(|before| bytes.get(before));
    let behind = bytes.get(end);
    let begins = !is_word(before) && !matches!(before, Some(b'-' | b'.'));
    // A sentence may end behind the number; a decimal point has a digit behind it.
    let ends = match behind {
        Some(b'.') => !is_word(bytes.get(end + 1)),
        Some(b'-') => !bytes.get(end + 1).is_some_and(u8::is_ascii_digit),
        _ => !is_word(behind),
    };
    begins && ends
}

/// Whether the word before says that an id follows: `trace_id=`, `spanId:`, `id `.
fn id_before(bytes: &[u8]) -> bool {
    const KEY_END: u8 = super::views::KEY_END as u8;
    const WORD_BYTES_MAX: usize = 40;
    let end = bytes.len()
        - bytes
            .iter()
            .rev()
            .take(WORD_BYTES_MAX)
            .take_while(|byte| matches!(byte, b'=' | b':' | b'"' | b'\'' | b' ' | b'\\' | b'#') || **byte == KEY_END)
            .count();
    let length = bytes[..end]
        .iter()
        .rev()
        .take(WORD_BYTES_MAX)
        .take_while(|byte| is_word(Some(byte)) || matches!(byte, b'-' | b'.'))
        .count();
    std::str::from_utf8(&bytes[end - length..end]).is_ok_and(super::keys::names_id_or_time)
}

/// Whether the digits begin as an issuer's do (ISO/IEC 7812 ranges as the networks publish them) and pass Luhn's check.
fn is_card(digits: &[u8]) -> bool {
    if digits.len() < DIGITS_MIN {
        return false;
    }
    let prefix = |count: usize| digits[..count].iter().fold(0_u32, |value, digit| value * 10 + u32::from(*digit));
    let issued = match digits.len() {
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            digits[0] == 4
                || matches!(prefix(2), 51..=55 | 62 | 65)
                || matches!(prefix(4), 2221..=2720 | 3528..=3589 | 6011)
                || matches!(prefix(3), 644..=649)
        }
        _ => false,
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let doubled = u32::from(*digit) << (index % 2);
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    issued && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        find(text.as_bytes(), false, &mut |start, end| found.push(&text[start..end]));
        if !found.is_empty() {
            for before in 0..9 {
                let text = format!("{}{text}", "x".repeat(before));
                assert!(may_be_in(text.as_bytes()), "the quick look missed {text}");
            }
        }
        found
    }

    #[test]
    fn eight_bytes_are_a_cards_if_each_of_them_may_be() {
        for (place, byte) in (0..8).flat_map(|place| (0..=u8::MAX).map(move |byte| (place, byte))) {
            let mut word = *b"12345678";
            word[place] = byte;
            assert_eq!(is_of_card(word), byte.is_ascii_digit() || is_separator(byte), "{word:?}");
        }
        assert!(is_of_card(*b"4-1234-5"));
        assert!(!is_of_card(*b"- - 1234"));
    }

    #[test]
    fn a_card_is_told_by_a_word_or_by_its_groups() {
        assert_eq!(found("paid with 4111111111111111."), ["4111111111111111"]);
        assert_eq!(found("4111111111111111 (Visa)"), ["4111111111111111"]);
        assert_eq!(found("cardNumber=4111111111111111"), ["4111111111111111"]);
        assert_eq!(
            found("4111 1111 1111 1111, 5500-0000-0000-0004, 3782 822463 10005 4111.1111.1111.1111"),
            ["4111 1111 1111 1111", "5500-0000-0000-0004", "3782 822463 10005", "4111.1111.1111.1111"]
        );
        assert_eq!(found("qty 12 4111 1111 1111 1111 12/27"), ["4111 1111 1111 1111"]);
        assert_eq!(found("card 12 378282246310005"), ["378282246310005"]);
        for none in [
            "4111111111111111",
            "order 4111111111111111 shipped",
            "card 4111111111111112",
            "card 1795250573000000",
            "card 14111111111111111",
            "card 4111111111111111.5",
            "card a4111111111111111",
            "4111-1111-1111-1111-1111",
            "card trace_id=4111111111111111",
            "card spanId: 4111111111111111",
            "payment id 4111111111111111",
            "card 0.4111111111111111",
            "discard 4111111111111111",
            "card é4",
        ] {
            assert!(found(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn long_runs_end_the_quick_look() {
        for text in ["1".repeat(1 << 16), "1 ".repeat(1 << 15), "-".repeat(1 << 16), "4111 ".repeat(1 << 13)] {
            may_be_in(text.as_bytes());
        }
    }
}
