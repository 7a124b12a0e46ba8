//! Situations of real logs, a line each in `situations.txt`: what is a secret is hidden, what only looks like one stays, as
//! text, in a field of JSON, and in JSON within text.

use super::*;

const SITUATIONS: &str = include_str!("situations.txt");

/// The situations that begin with the sign, as they stand in the file.
fn situations(sign: &str) -> Vec<&'static str> {
    SITUATIONS.lines().filter_map(|line| line.strip_prefix(sign)?.strip_prefix(' ')).collect()
}

/// The text that a situation stands for, secrets marked.
fn text(situation: &str) -> String {
    situation.replace('⏎', "\n").replace('␍', "\r").replace('⇥', "\t").replace('␀', "\0")
}

/// A text as it comes alone, in a field, and in JSON within text.
fn nested(text: &str) -> [String; 3] {
    let field = |text: &str| serde_json::json!({ "level": "info", "msg": text }).to_string();
    [text.to_owned(), field(text), field(&format!("got {}", field(text)))]
}

/// What the rows of every event hold, in the order of events.
fn rows(messages: &[String], options: &Options) -> Vec<String> {
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    let (records, _) = records_of(document("/ecs/app", "app/1", &messages).as_bytes(), options);
    let mut held = vec![String::new(); messages.len()];
    for record in &records {
        let event: usize = record.event_id[1..].split('/').next().unwrap().parse().unwrap();
        held[event].push_str(&columns(record));
    }
    held
}

/// The secret as it stands in text, and escaped for each nesting.
fn written(secret: &str) -> [String; 3] {
    let escaped = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
    let (once, twice) = (escaped(secret), escaped(&escaped(secret)));
    [secret.to_owned(), once, twice]
}

#[test]
fn a_secret_of_every_situation_is_hidden() {
    // Of what is long neither half may be left.
    const LONG_BYTES: usize = 16;
    let situations: Vec<(&str, String)> = situations("+").into_iter().map(|line| (line, text(line))).collect();
    let messages: Vec<String> = situations.iter().flat_map(|(_, text)| nested(&text.replace(['«', '»'], ""))).collect();
    let held = rows(&messages, &Options::default());
    let mut leaks = Vec::new();
    for ((situation, text), held) in situations.iter().zip(held.chunks(3)) {
        let secrets = text.split('«').skip(1).map(|rest| rest.split('»').next().unwrap());
        for secret in secrets.flat_map(written) {
            let half = if secret.len() < LONG_BYTES { 0 } else { secret.len() / 2 };
            let halves = [secret.get(..half), secret.get(half..)];
            let is_in =
                |held: &String| halves.into_iter().flatten().any(|half| !half.is_empty() && held.contains(half));
            leaks.extend(held.iter().filter(|held| is_in(held)).map(|held| format!("{situation}\n{held}")));
        }
    }
    assert!(leaks.is_empty(), "{} leak: {leaks:#?}", leaks.len());
}

#[test]
fn what_is_no_secret_stays_in_every_situation() {
    let situations = situations("-");
    let messages: Vec<String> = situations.iter().flat_map(|line| nested(&text(line))).collect();
    let held = rows(&messages, &Options::default());
    let whole = rows(&messages, &Options { redact: false, ..Options::default() });
    let touched: Vec<_> = held.iter().zip(&whole).filter(|(held, whole)| held != whole).map(|(held, _)| held).collect();
    assert!(touched.is_empty(), "{} are touched: {touched:#?}", touched.len());
}
