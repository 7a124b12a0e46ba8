//! Text out of gzip, as far as there is room for it: what inflates beyond that is a bomb. It refuses to guess: what does not begin
//! as gzip does is handed back as it is.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};

const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Log text deflates to about a tenth; a first guess that fits spares the copies of growing.
const INFLATED_TIMES: usize = 12;
const FIRST_BYTES_MAX: usize = 16 << 20;

/// Why a gzip stream is not inflated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GunzipError {
    /// There is more in it than it may hold.
    #[error("too large")]
    TooLarge,
    /// It ends early.
    #[error("truncated")]
    Truncated,
    /// What the decoder says.
    #[error("damaged ({0})")]
    Damaged(String),
}

/// The bytes themselves, or what every member of a gzip stream inflates to. Memory grows with what is really there.
///
/// # Errors
/// It inflates to more than so many bytes, or not to its end.
pub fn gunzip(bytes: &[u8], bytes_max: usize) -> Result<Cow<'_, [u8]>, GunzipError> {
    if !bytes.starts_with(&MAGIC) {
        return Ok(Cow::Borrowed(bytes));
    }
    let first_bytes = bytes.len().saturating_mul(INFLATED_TIMES).min(bytes_max).min(FIRST_BYTES_MAX);
    let mut inflated = Vec::with_capacity(first_bytes);
    let mut decoder = flate2::bufread::MultiGzDecoder::new(bytes).take((bytes_max as u64).saturating_add(1));
    decoder.read_to_end(&mut inflated).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => GunzipError::Truncated,
        _ => GunzipError::Damaged(error.to_string()),
    })?;
    if inflated.len() > bytes_max { Err(GunzipError::TooLarge) } else { Ok(Cow::Owned(inflated)) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn every_member_is_inflated_and_a_bomb_and_a_stump_are_told() {
        let zip = |text: &[u8]| {
            let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            zipped.write_all(text).unwrap();
            zipped.finish().unwrap()
        };
        assert_eq!(gunzip(b"as it is", 3), Ok(Cow::Borrowed(&b"as it is"[..])));
        let two = [zip(b"one "), zip(b"two")].concat();
        assert_eq!(gunzip(&two, 7).unwrap(), &b"one two"[..]);
        assert_eq!(gunzip(&two, 6), Err(GunzipError::TooLarge));
        assert_eq!(gunzip(&zip(&[0; 1 << 20]), 1 << 10), Err(GunzipError::TooLarge));
        assert_eq!(gunzip(&two[..two.len() - 9], 100), Err(GunzipError::Truncated));
        assert!(matches!(gunzip(b"\x1f\x8bno gzip at all", 100), Err(GunzipError::Damaged(_))));
    }
}
