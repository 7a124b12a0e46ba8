//! A request as one HTML file that needs nothing else: the page beside this file with the JSON object within it. It
//! refuses to let what a record says become markup.

use std::borrow::Cow;
use std::io::{self, Write};

use transect_schema::Record;

use crate::Trace;
use crate::json;

/// What the records of a page may say in their longest texts, all together.
const PAGE_TEXT_BYTES_MAX: usize = 32 << 20;
/// A text that is no longer stays whole.
const TEXT_BYTES_MIN: usize = 256;
/// The texts of a record that are long.
const LONG: [for<'r> fn(&'r Record<'static>) -> Option<&'r str>; 4] = [
    |record| record.body.as_deref(),
    |record| record.attributes.as_deref(),
    |record| record.exception_message.as_deref(),
    |record| record.exception_stacktrace.as_deref(),
];

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
    json::write(&folded(trace), false, &mut Quoted(&mut out))?;
    out.write_all(after.as_bytes())?;
    out.flush()
}

/// The trace with what a page can hold: where its records say more than that, the longest texts are left out, and it says so.
fn folded(trace: &Trace) -> Cow<'_, Trace> {
    let said: usize =
        trace.events.iter().flat_map(|event| LONG.map(|text| text(&event.record).map_or(0, str::len))).sum();
    if said <= PAGE_TEXT_BYTES_MAX {
        return Cow::Borrowed(trace);
    }
    // A share for each text: what is below it stays whole.
    let share = (PAGE_TEXT_BYTES_MAX / trace.events.len().max(1) / LONG.len()).max(TEXT_BYTES_MIN);
    let mut trace = trace.clone();
    let mut folded = 0_usize;
    for event in &mut trace.events {
        let record = &mut event.record;
        for text in [&mut record.body, &mut record.exception_message, &mut record.exception_stacktrace] {
            if let Some(long) = text.as_mut().filter(|text| text.len() > share) {
                let end = long.floor_char_boundary(share);
                *long = format!("{}… ({} bytes more)", &long[..end], long.len() - end).into();
                folded += 1;
            }
        }
        if let Some(long) = record.attributes.as_mut().filter(|text| text.len() > share) {
            *long = format!("{{\"transect.folded_bytes\":{}}}", long.len()).into();
            folded += 1;
        }
    }
    trace.tree.notes.push(format!(
        "{folded} texts longer than {share} bytes are folded here, so that a browser can hold the page; --format json has them whole"
    ));
    Cow::Owned(trace)
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
