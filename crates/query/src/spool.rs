//! Holds an answer back until it is known to be whole: a region can fail in the middle of a scan, and what was printed
//! cannot be taken back. It refuses to hold without bound what may be passed on as it comes.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// Of an answer in memory. What is larger goes on in a file that has no name, or is passed on.
const HELD_BYTES_MAX: usize = 64 << 20;

/// An answer on its way to `out`.
pub struct Spool<'w> {
    out: &'w mut (dyn Write + Send),
    may_stream: bool,
    bytes_max: usize,
    held: Vec<u8>,
    rest: Rest,
}

enum Rest {
    None,
    File(File),
    Streaming,
}

impl<'w> Spool<'w> {
    /// Holds everything back until [`Spool::release`]; if it `may_stream`, only as much as fits into memory.
    pub fn new(out: &'w mut (dyn Write + Send), may_stream: bool) -> Spool<'w> {
        Spool { out, may_stream, bytes_max: HELD_BYTES_MAX, held: Vec::new(), rest: Rest::None }
    }

    /// Forgets what was written; false if some of it is out already.
    pub fn discard(&mut self) -> bool {
        if matches!(self.rest, Rest::Streaming) {
            return false;
        }
        self.held.clear();
        self.rest = Rest::None;
        true
    }

    /// Passes on what was held.
    pub fn release(mut self) -> io::Result<()> {
        self.pass_on()?;
        self.out.flush()
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.out.write_all(&self.held)?;
        self.held = Vec::new();
        if let Rest::File(file) = &mut self.rest {
            file.seek(SeekFrom::Start(0))?;
            io::copy(file, &mut self.out)?;
        }
        Ok(())
    }
}

impl Write for Spool<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if matches!(self.rest, Rest::None) {
            if self.held.len() + bytes.len() <= self.bytes_max {
                self.held.extend_from_slice(bytes);
                return Ok(bytes.len());
            }
            self.rest = match self.may_stream {
                true => {
                    self.pass_on()?;
                    Rest::Streaming
                }
                // Its owner alone can read it, and it is gone when the process is.
                false => Rest::File(tempfile::tempfile()?),
            };
        }
        match &mut self.rest {
            Rest::File(file) => file.write_all(bytes)?,
            _ => self.out.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(out: &mut Vec<u8>, may_stream: bool) -> Spool<'_> {
        Spool { bytes_max: 4, ..Spool::new(out, may_stream) }
    }

    #[test]
    fn nothing_is_out_before_it_is_released() {
        let mut out = Vec::new();
        let mut held = spool(&mut out, false);
        for part in [b"ab", b"cd", b"ef", b"gh"] {
            held.write_all(part).unwrap();
        }
        assert!(held.discard());
        held.write_all(b"012").unwrap();
        held.write_all(b"3456").unwrap();
        held.write_all(b"789").unwrap();
        held.release().unwrap();
        assert_eq!(out, b"0123456789");
        let mut out = Vec::new();
        drop(spool(&mut out, false).write_all(b"0123456789"));
        assert_eq!(out, b"");
    }

    #[test]
    fn what_may_stream_does_so_once_it_is_large() {
        let mut out = Vec::new();
        let mut held = spool(&mut out, true);
        held.write_all(b"ab").unwrap();
        assert!(held.discard());
        held.write_all(b"ab").unwrap();
        held.write_all(b"cde").unwrap();
        assert!(!held.discard());
        held.write_all(b"f").unwrap();
        held.release().unwrap();
        assert_eq!(out, b"abcdef");
    }
}
