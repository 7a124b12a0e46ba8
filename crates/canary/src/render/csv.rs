//! What was counted as comma-separated values, in the form that counts are read in. It refuses to say what follows from it.

use std::fmt::Write;

use crate::counts::Counts;

/// One line a region and window in which there was something.
pub fn render_csv(counts: &Counts, windows: &[String]) -> String {
    let mut out = "region,window,n_a,x_a,n_b,x_b\n".to_owned();
    for (window, region, cell) in counts.cells().filter(|(.., cell)| cell.n_a + cell.n_b > 0) {
        let name = usize::try_from(window).ok().and_then(|place| windows.get(place));
        let name = name.map_or_else(|| window.to_string(), String::clone);
        let quoted = match region.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", region.replace('"', "\"\"")),
            false => region.to_owned(),
        };
        let _ = writeln!(out, "{quoted},{name},{},{},{},{}", cell.n_a, cell.x_a, cell.n_b, cell.x_b);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cell, parse_csv};

    #[test]
    fn what_is_written_is_read_again() {
        let cell = Cell { n_a: 900, x_a: 2, n_b: 100, x_b: 1 };
        let counts = Counts::new([("a,\"b\"", 1, cell), ("eu", 0, cell)]).unwrap();
        let windows = ["2026-11-21T08:00:00Z".to_owned(), "2026-11-21T08:01:00Z".to_owned()];
        let text = render_csv(&counts, &windows);
        let (read, names) = parse_csv(text.as_bytes()).unwrap();
        assert!(read.cells().eq(counts.cells()), "{text}");
        assert_eq!(names, windows);
    }
}
