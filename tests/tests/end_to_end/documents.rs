//! What the documents point at is there: files, headings, paths in the text, the tests that a guide names, and what rooms stand on.
//!
//! These tests refuse to follow a link to anywhere outside of this repository.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Where documents lie, beside those at the root.
const FOLDERS: [&str; 4] = ["crates", "deploy", "docs", "tests"];
/// A word in backquotes with so many underscores is the name of a test, or of a column.
const UNDERSCORES_OF_A_TEST_MIN: usize = 3;
/// In a path this stands for any of them.
const PLACE_HOLDER: &str = "REGION";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files with this extension, as paths from the root, without what is built.
fn files(extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<String> = FOLDERS.iter().map(|&folder| folder.to_owned()).collect();
    for entry in std::fs::read_dir(root()).unwrap() {
        found.push(entry.unwrap().file_name().into_string().unwrap());
    }
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let is_ours = !name.starts_with('.') && name != "target";
            let path = format!("{folder}/{name}");
            if entry.file_type().unwrap().is_dir() {
                folders.extend(is_ours.then_some(path));
            } else {
                found.push(path);
            }
        }
    }
    found.retain(|path| Path::new(path).extension().is_some_and(|of_file| of_file == extension));
    found.sort();
    found
}

/// A document, as far as it points somewhere.
#[derive(Debug, Default, PartialEq)]
struct Document {
    /// Where its links lead to.
    links: Vec<String>,
    /// What stands in backquotes.
    quoted: Vec<String>,
    /// The anchors of its headings.
    anchors: Vec<String>,
}

impl Document {
    fn parse(text: &str) -> Self {
        let mut document = Self::default();
        let mut is_in_fence = false;
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                is_in_fence = !is_in_fence;
            } else if !is_in_fence && !line.starts_with("    ") {
                document.read(line);
            }
        }
        document
    }

    fn read(&mut self, line: &str) {
        let mut prose = String::new();
        for (index, part) in line.split('`').enumerate() {
            if index % 2 == 0 {
                prose.push_str(part);
            } else {
                self.quoted.push(part.to_owned());
                // Of a heading it is part, of a link it is the text, and no link begins in it.
                prose.extend(part.chars().filter(|letter| !"[]()".contains(*letter)));
            }
        }
        if let Some(heading) = prose.strip_prefix('#') {
            let anchor = anchor(heading.trim_start_matches('#'));
            let as_before = self.anchors.iter().filter(|before| **before == anchor).count();
            self.anchors.push(if as_before == 0 { anchor } else { format!("{anchor}-{as_before}") });
        }
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        // Behind a blank stands a title.
        self.links.extend(targets.map(|(target, _)| target.split(' ').next().unwrap_or(target).to_owned()));
    }
}

/// What a forge makes of a heading: letters and digits in lower case, hyphens for blanks, nothing else.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn documents() -> HashMap<String, Document> {
    let read = |path: String| {
        let document = Document::parse(&std::fs::read_to_string(root().join(&path)).unwrap());
        (path, document)
    };
    files("md").into_iter().map(read).collect()
}

/// `link` of the document at `path`, as a path from the root and an anchor.
fn resolve(path: &str, link: &str) -> (String, Option<String>) {
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor.to_owned())));
    if file.is_empty() {
        return (path.to_owned(), anchor);
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "." => {}
            ".." if !parts.is_empty() => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    (parts.join("/"), anchor)
}

#[test]
fn a_document_is_read_as_a_forge_reads_it() {
    let text = "# The `x` of [a](b.md): Why?\n## Twice\n## Twice\n```\n[not](this)\n```\n    [nor](this)\n\
                See [`code`](c/d.md#e \"title\"), `[f](g)` and [h](#i).\n";
    let document = Document::parse(text);
    assert_eq!(document.links, ["b.md", "c/d.md#e", "#i"]);
    assert_eq!(document.quoted, ["x", "code", "[f](g)"]);
    assert_eq!(document.anchors[1..], ["twice", "twice-1"]);
    assert_eq!(anchor(" Stop it (kill switch)"), "stop-it-kill-switch");
    assert_eq!(resolve("docs/guides/a.md", "../../deploy/b.md#c"), ("deploy/b.md".to_owned(), Some("c".to_owned())));
    assert_eq!(resolve("a.md", "../b.md").0, "../b.md");
    assert_eq!(resolve("a.md", "#c"), ("a.md".to_owned(), Some("c".to_owned())));
}

#[test]
fn every_link_leads_somewhere() {
    let documents = documents();
    assert!(documents.contains_key("README.md") && documents.contains_key("docs/guides/canary.md"));
    let mut dead = Vec::new();
    for (path, document) in &documents {
        for link in document.links.iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (target, anchor) = resolve(path, link);
            let is_alive = match (&anchor, documents.get(&target)) {
                (Some(anchor), Some(of_target)) => of_target.anchors.contains(anchor),
                (Some(_), None) => false,
                (None, _) => !target.starts_with("..") && root().join(&target).exists(),
            };
            if !is_alive {
                dead.push(format!("{path}: {link}"));
            }
        }
    }
    dead.sort();
    assert!(dead.is_empty(), "links that lead nowhere:\n{}", dead.join("\n"));
}

#[test]
fn every_path_in_the_text_is_there() {
    let mut missing = Vec::new();
    for (path, document) in documents() {
        for quoted in &document.quoted {
            let is_path = quoted.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte));
            let is_ours = quoted.split_once('/').is_some_and(|(folder, _)| FOLDERS.contains(&folder));
            let is_any = quoted.split(['/', '.']).any(|part| part == PLACE_HOLDER);
            if is_path && is_ours && !is_any && !root().join(quoted).exists() {
                missing.push(format!("{path}: {quoted}"));
            }
        }
    }
    missing.sort();
    assert!(missing.is_empty(), "paths that are not there:\n{}", missing.join("\n"));
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let sources: Vec<String> =
        files("rs").iter().map(|path| std::fs::read_to_string(root().join(path)).unwrap()).collect();
    let columns = std::fs::read_to_string(root().join("deploy/generated/glue-columns.json")).unwrap();
    let mut missing = Vec::new();
    let mut named = 0;
    for (path, document) in documents() {
        for quoted in &document.quoted {
            let is_name = quoted.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            let is_long = quoted.matches('_').count() >= UNDERSCORES_OF_A_TEST_MIN;
            if !is_name || !is_long || columns.contains(&format!("\"{quoted}\"")) {
                continue;
            }
            named += 1;
            if !sources.iter().any(|source| source.contains(&format!("fn {quoted}("))) {
                missing.push(format!("{path}: {quoted}"));
            }
        }
    }
    missing.sort();
    assert!(named > 0, "no document names a test: is it told by its underscores?");
    assert!(missing.is_empty(), "tests that are not there:\n{}", missing.join("\n"));
}

#[test]
fn rooms_stand_on_what_the_architecture_says() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut said = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("| `crates/")) {
        let cells: Vec<&str> = line.trim_end_matches(" |").split(" | ").collect();
        let mut on: Vec<&str> = cells.last().unwrap().split(", ").filter(|&room| room != "nothing").collect();
        on.sort_unstable();
        said.push((cells[0].trim_end_matches('`').to_owned(), on.join(", ")));
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap();
        let Ok(manifest) = std::fs::read_to_string(folder.path().join("Cargo.toml")) else { continue };
        // From there to the next table: what tests and benchmarks alone stand on is no arrow.
        let linked = manifest.split("\n[dependencies]\n").nth(1).map_or("", |rest| rest.split("\n[").next().unwrap());
        let mut on: Vec<&str> =
            linked.lines().filter_map(|line| line.strip_prefix("transect-")?.split(['.', ' ']).next()).collect();
        on.sort_unstable();
        found.push((folder.file_name().into_string().unwrap(), on.join(", ")));
    }
    said.sort();
    found.sort();
    assert_eq!(said, found);
}
