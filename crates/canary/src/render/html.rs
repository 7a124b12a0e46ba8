//! A report as one HTML file that needs nothing else: the page beside this file with the JSON object within it. It refuses
//! to let a name become markup.

use super::{Told, render_json};

const PAGE: &str = include_str!("page.html");
const TITLE: &str = "<!--TRANSECT_TITLE-->";
const REPORT: &str = "/*TRANSECT_REPORT*/";

/// The page.
pub fn render_html(told: &Told<'_>) -> String {
    let one = told.decisive();
    let title =
        [Some(told.verdict.name()), one.service, one.canary].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // What stands in a script element could end it.
    let report = render_json(told).replace('<', "\\u003c");
    let (before, rest) = PAGE.split_once(TITLE).unwrap_or((PAGE, ""));
    let (between, after) = rest.split_once(REPORT).unwrap_or((rest, ""));
    [before, &title, between, report.trim_end(), after].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_place_for_each() {
        assert_eq!((PAGE.matches(TITLE).count(), PAGE.matches(REPORT).count()), (1, 1));
    }
}
