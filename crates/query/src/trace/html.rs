//! A request as one HTML file that needs nothing else: the page beside this file with the JSON object within it. It
//! refuses to let what a record says become markup.

use std::io::{self, Write};

use super::Trace;
use super::json;

const PAGE: &str = include_str!("page.html");
const TITLE: &str = "<!--TRANSECT_TITLE-->";
const TRACE: &str = "/*TRANSECT_TRACE*/";

/// Writes the page.
pub fn render_trace_html(trace: &Trace, out: &mut (dyn Write + Send)) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(64 << 10, out);
    let (before, rest) = PAGE.split_once(TITLE).unwrap_or((PAGE, ""));
    let (between, after) = rest.split_once(TRACE).unwrap_or((rest, ""));
    out.write_all(before.as_bytes())?;
    out.write_all(escape(&trace.query).as_bytes())?;
    out.write_all(between.as_bytes())?;
    json::write(trace, false, &mut Quoted(&mut out))?;
    out.write_all(after.as_bytes())?;
    out.flush()
}

/// Text as the content of an element.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// JSON as the content of a script element, which `<` could end.
struct Quoted<'w>(&'w mut dyn Write);

impl Write for Quoted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for (index, part) in bytes.split(|byte| *byte == b'<').enumerate() {
            if index > 0 {
                self.0.write_all(b"\\u003c")?;
            }
            self.0.write_all(part)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_record_says_becomes_markup() {
        assert_eq!(PAGE.matches(TITLE).count(), 1);
        assert_eq!(PAGE.matches(TRACE).count(), 1);
        let mut out = Vec::new();
        Quoted(&mut out).write_all(b"\"</script><script>\"").unwrap();
        assert_eq!(out, b"\"\\u003c/script>\\u003cscript>\"");
        assert_eq!(escape("<b>&"), "&lt;b&gt;&amp;");
    }
}
