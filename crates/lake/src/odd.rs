//! Names in a store that are no keys to the library that reads it, and what stands under a name that cannot be followed. One
//! such name is one file that is left out; it never hides the others of its folder.

use std::fmt;

use object_store::Error;
use object_store::path::Path;

/// Something that was listed and cannot be read under its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OddKey {
    /// The name, as the store has it, from the place's root on.
    pub key: String,
    /// Why it cannot be read.
    pub reason: String,
    /// Whether it is a folder, so that nobody knows what is missing.
    pub is_folder: bool,
}

impl fmt::Display for OddKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.reason)
    }
}

impl std::error::Error for OddKey {}

impl OddKey {
    pub(crate) fn file(key: impl Into<String>, reason: impl Into<String>) -> OddKey {
        OddKey { key: key.into(), reason: reason.into(), is_folder: false }
    }

    /// As an entry of a listing.
    pub(crate) fn into_error(self) -> Error {
        Error::Generic { store: "region", source: Box::new(self) }
    }

    /// Whether an error of a listing is about one key.
    pub(crate) fn is(error: &Error) -> bool {
        matches!(error, Error::Generic { source, .. } if source.is::<OddKey>())
    }

    /// The odd key that an entry of a listing is.
    pub(crate) fn of(error: Error) -> Result<OddKey, Error> {
        match error {
            Error::Generic { store, source } => {
                source.downcast().map(|odd| *odd).map_err(|source| Error::Generic { store, source })
            }
            other => Err(other),
        }
    }
}

/// Why a key cannot be read; none if it can.
pub(crate) fn fault_of(key: &str) -> Option<&'static str> {
    let fault = match Path::parse(key) {
        Ok(_) => return None,
        Err(object_store::path::Error::EmptySegment { .. }) => "its key has an empty part (`//`)",
        Err(_) => "its key has a control character, or `.` or `..` as a part",
    };
    Some(fault)
}

/// Takes those entries out of a page of a listing whose keys cannot be read, because one of them makes the library refuse the
/// whole page. Returns the page as it is where there are none.
pub(crate) fn take_odd_keys(page: &str) -> (Option<String>, Vec<OddKey>) {
    let mut odd = Vec::new();
    let mut kept = String::new();
    let mut rest = page;
    let mut is_changed = false;
    while let Some((start, end, key)) = next_entry(rest) {
        let key = unescape(key);
        let (before, entry) = (rest.get(..start).unwrap_or_default(), rest.get(start..end).unwrap_or_default());
        kept.push_str(before);
        match fault_of(&key) {
            None => kept.push_str(entry),
            Some(fault) => {
                is_changed = true;
                // A folder of such keys is listed for its name alone, and nothing lies there that is looked for.
                if entry.starts_with(ENTRIES[0].0) {
                    odd.push(OddKey::file(key, fault));
                }
            }
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    kept.push_str(rest);
    (is_changed.then_some(kept), odd)
}

/// How an entry of a listing begins and ends, and its key. The text of XML holds no `<`.
const ENTRIES: [(&str, &str, &str, &str); 2] = [
    ("<Contents>", "</Contents>", "<Key>", "</Key>"),
    ("<CommonPrefixes>", "</CommonPrefixes>", "<Prefix>", "</Prefix>"),
];

fn next_entry(text: &str) -> Option<(usize, usize, &str)> {
    let found = ENTRIES.iter().filter_map(|entry| Some((text.find(entry.0)?, entry)));
    let (start, (_, end, key_start, key_end)) = found.min_by_key(|(start, _)| *start)?;
    let entry = text.get(start..)?;
    let length = entry.find(end)? + end.len();
    let (_, key) = entry.get(..length)?.split_once(key_start)?;
    let (key, _) = key.split_once(key_end)?;
    Some((start, start + length, key))
}

/// What XML writes as an entity, as it is; what is none is left.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at..).unwrap_or_default();
        let entity = rest.find(';').and_then(|end| Some((rest.get(1..end)?, rest.get(end + 1..)?)));
        let letter = entity.and_then(|(name, _)| match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => match name.strip_prefix("#x").or(name.strip_prefix("#X")) {
                Some(hex) => char::from_u32(u32::from_str_radix(hex, 16).ok()?),
                None => char::from_u32(name.strip_prefix('#')?.parse().ok()?),
            },
        });
        match (letter, entity) {
            (Some(letter), Some((_, behind))) => {
                plain.push(letter);
                rest = behind;
            }
            _ => {
                plain.push('&');
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_whose_keys_cannot_be_read_go_and_the_others_stay() {
        let entry = |key: &str| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>");
        let prefix = |prefix: &str| format!("<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>");
        let page = |entries: &[String]| format!("<R><Prefix>a//</Prefix>{}<X>1</X></R>", entries.concat());
        for (key, fault) in [
            ("a/b.parquet", None),
            ("a/b&amp;c&lt;&#65;.parquet", None),
            ("a/b%2F%1b ü.parquet", None),
            ("a/", None),
            ("a//b.parquet", Some(("a//b.parquet", "its key has an empty part (`//`)"))),
            ("a//", Some(("a//", "its key has an empty part (`//`)"))),
            (
                "a/&#x1b;[2J.parquet",
                Some(("a/\u{1b}[2J.parquet", "its key has a control character, or `.` or `..` as a part")),
            ),
            ("a/\u{1b}", Some(("a/\u{1b}", "its key has a control character, or `.` or `..` as a part"))),
            ("a/&#0;", Some(("a/\0", "its key has a control character, or `.` or `..` as a part"))),
            ("a/../b", Some(("a/../b", "its key has a control character, or `.` or `..` as a part"))),
            // No entity of XML: as it stands.
            ("a/&nope;&", None),
        ] {
            let given = page(&[entry("x"), entry(key), entry("y"), prefix("p/")]);
            let (kept, odd) = take_odd_keys(&given);
            let left = page(&[entry("x"), entry("y"), prefix("p/")]);
            assert_eq!(kept, fault.map(|_| left), "{key}");
            assert_eq!(odd, Vec::from_iter(fault.map(|(key, fault)| OddKey::file(key, fault))), "{key}");
        }
        let (kept, odd) = take_odd_keys(&page(&[prefix("p//"), prefix("q/")]));
        assert_eq!((kept, odd), (Some(page(&[prefix("q/")])), vec![]));
        for cut in ["", "<Contents>", "<Contents><Key>a//b", "<Contents><Key>a//b</Key>", "<Contents></Contents>"] {
            assert_eq!(take_odd_keys(cut), (None, vec![]), "{cut}");
        }
    }
}
