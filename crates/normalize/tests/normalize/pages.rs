//! The page that lists what is understood is made from the table that the code reads by.

use transect_normalize::text_forms_markdown;

const PAGE: &str = "docs/reference/log-lines.md";

#[test]
fn the_page_of_text_lines_is_the_table() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(PAGE);
    let page = format!(
        "# Text lines that are understood\n\nWhat stands before the message of a text line goes to columns: time, level, ids. \
         The message stays whole. `⇥` is a tab, `⏎` a line feed. Generated; refresh it with \
         `TRANSECT_REFRESH=1 cargo test -p transect-normalize pages`.\n\n{}",
        text_forms_markdown()
    );
    if std::env::var_os("TRANSECT_REFRESH").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(committed, page, "{PAGE} is stale: TRANSECT_REFRESH=1 cargo test -p transect-normalize pages");
}
