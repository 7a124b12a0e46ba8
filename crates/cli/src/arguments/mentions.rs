//! Every command line that is named anywhere is one: in the README, the guides and the runbook, in help texts, in the hints and
//! findings of the crates, in the examples for pipelines.
//!
//! What is named may be less than what is typed: required arguments may be missing, and values may be place holders. Commands
//! and options that do not exist, or that refuse each other, are faults.

use std::fs;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use super::Arguments;

/// What stands for what a place holder of a format string becomes.
const FILLED: &str = "FILLED";
/// Fewer than this would mean that something is no longer read.
const MENTIONS_MIN: usize = 250;

/// The files in which commands are named. What is built, fetched or made by tests is none of them.
fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut open: Vec<PathBuf> =
        ["README.md", "docs", "deploy", "queries", "crates", "tests/bench"].map(|name| root.join(name)).to_vec();
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.push(path);
        }
    }
    let is_text = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        ["md", "rs", "yaml", "tf", "sh", "py", "sql", "json"].contains(&extension)
    };
    found.retain(|path| {
        is_text(path) && !path.ends_with("mentions.rs") && !path.components().any(|part| part.as_os_str() == "target")
    });
    found.sort();
    found
}

/// The help of every command and argument.
fn help_texts() -> Vec<String> {
    let mut root = Arguments::command();
    root.build();
    let mut open = vec![root];
    let mut found = Vec::new();
    while let Some(mut command) = open.pop() {
        open.extend(command.get_subcommands().cloned());
        found.push(command.render_long_help().to_string());
    }
    found
}

/// A line without the mark of a comment, if it has one.
fn uncommented(line: &str) -> Option<&str> {
    let rest = ["///", "//!", "//", "#", "--", ">"].iter().find_map(|mark| line.strip_prefix(mark))?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim())
}

/// The command lines of a text: what stands between back quotes, and lines that begin with the name of the program. Where a
/// line goes on in the next one, so does the command.
fn mentions(text: &str) -> Vec<String> {
    // As a string of Rust is written.
    let plain = [("\\\\", "\\"), ("\\\"", "\""), ("\\n", "\n"), ("{{", "{"), ("}}", "}")];
    let plain = plain.iter().fold(text.to_owned(), |text, (written, meant)| text.replace(written, meant));
    let mut found = Vec::new();
    let mut text = String::new();
    let mut going_on: Option<String> = None;
    for line in plain.lines().map(str::trim) {
        // It goes on behind a backslash, in a string as in a shell.
        let (part, goes_on) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        let command = part.trim_start_matches("$ ");
        if let Some(before) = &mut going_on {
            before.push_str(part);
        } else if command.starts_with("transect ") {
            going_on = Some(command.to_owned());
        }
        if !goes_on && let Some(command) = going_on.take() {
            // A table has the meaning behind blanks.
            let end = command.find("   ").unwrap_or(command.len());
            found.push(command[..end].to_owned());
        }
        text.push_str(uncommented(part).unwrap_or(part));
        text.push(if goes_on { ' ' } else { '\n' });
    }
    // Back quotes come in pairs within a paragraph; blocks have lines of their own, which are read above.
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.contains("```")) {
        let spans = paragraph.split('`').skip(1).step_by(2);
        found.extend(spans.filter(|span| span.starts_with("transect ")).map(|span| span.replace('\n', " ")));
    }
    found
}

/// The words of a command line up to where a shell would begin something else, and what follows a `|`, each as a command of
/// its own if it is one.
fn lines_of(mention: &str) -> Vec<Vec<String>> {
    let is_command = |word: &str| Arguments::command().get_subcommands().any(|command| command.get_name() == word);
    let mut parts = mention.split(" | ");
    let first = parts.next().unwrap_or_default();
    let alternatives = parts.take_while(|part| part.split_whitespace().next().is_some_and(is_command));
    let alternatives = alternatives.map(|part| format!("transect {part}"));
    std::iter::once(first.to_owned()).chain(alternatives).map(|line| words(&line)).collect()
}

fn words(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(mark), _) if character == mark => quote = None,
            // What a shell or a format string fills in.
            (None | Some('"'), '{') => {
                let _ = characters.by_ref().find(|&character| character == '}');
                word.get_or_insert_default().push_str(FILLED);
            }
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '|' | '>' | '<' | ';' | '&' | '#' | ')') if word.is_none() => break,
            (None, ';' | ')') => break,
            (None, _) if character.is_whitespace() => found.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    found.extend(word);
    // `[--optional]` and `…` are notation.
    found.retain(|word| !word.starts_with('[') && !word.ends_with(']') && word != "…" && word != "...");
    found
}

/// What is wrong with a command line that somebody is told to type.
fn fault(words: &[String]) -> Option<String> {
    let error = Arguments::try_parse_from(words).err()?;
    let is_filled = |kind| matches!(error.get(kind), Some(ContextValue::String(word)) if word == FILLED);
    let is_placeholder = |value: &str| {
        value.contains('…') || value.contains('$') || !value.contains(|letter: char| letter.is_lowercase())
    };
    let is_fine = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::MissingSubcommand
        | ErrorKind::MissingRequiredArgument => true,
        // The option is there; its value is a place holder, or left out.
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => match error.get(ContextKind::InvalidValue) {
            Some(ContextValue::String(value)) => is_placeholder(value),
            _ => true,
        },
        // A format string has more there than a word.
        ErrorKind::UnknownArgument => is_filled(ContextKind::InvalidArg),
        ErrorKind::InvalidSubcommand => is_filled(ContextKind::InvalidSubcommand),
        _ => false,
    };
    (!is_fine).then(|| error.to_string().lines().next().unwrap_or_default().to_owned())
}

#[test]
fn every_command_that_is_named_anywhere_is_one() {
    let texts = sources().into_iter().map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()));
    let texts = texts.chain(help_texts().into_iter().map(|text| ("help".to_owned(), text)));
    let mut count = 0;
    let mut faults = Vec::new();
    for (place, text) in texts {
        for mention in mentions(&text) {
            for words in lines_of(&mention) {
                count += 1;
                faults.extend(fault(&words).map(|fault| format!("{place}: {}\n    {fault}", words.join(" "))));
            }
        }
    }
    assert!(faults.is_empty(), "{} of {count} commands:\n{}", faults.len(), faults.join("\n"));
    assert!(count >= MENTIONS_MIN, "{count} commands are named");
}

#[test]
fn a_command_that_is_none_is_told() {
    for (line, is_one) in [
        ("transect subscribe --plan", true),
        ("transect subscribe --plam", false),
        ("transect subscribe --plan --apply", false),
        ("transect tial", false),
        ("transect rollout", true),
        ("transect releases", true),
        ("transect logs --level LEVEL --service payments", true),
        ("transect logs --level loud", false),
        ("transect canary --policy", true),
        ("transect canary --polcy", false),
        ("transect redrive --from {source} {scope}", true),
        ("transect failed | redrive", true),
        ("transect sql \"SELECT 1\" --format ndjson | jq .", true),
    ] {
        let faults: Vec<String> = lines_of(line).iter().filter_map(|words| fault(words)).collect();
        assert_eq!(faults.is_empty(), is_one, "{line}: {faults:?}");
    }
}

#[test]
fn commands_are_found_where_they_stand() {
    for (text, expected) in [
        ("see `transect doctor`, or\n`transect\nfailed`", vec!["transect doctor"]),
        ("/// as `transect redrive\n/// --from errors` does", vec!["transect redrive --from errors"]),
        ("$ transect trace ID \\\n    --utc\nnext", vec!["transect trace ID --utc"]),
        ("    transect query [NAME]              a saved question", vec!["transect query [NAME]"]),
        ("# transect keeps footers", vec![]),
        ("-- `transect sql -f FILE`", vec!["transect sql -f FILE"]),
        ("\"`transect tail` \\\n    shows\"", vec!["transect tail"]),
    ] {
        assert_eq!(mentions(text), expected, "{text}");
    }
}
