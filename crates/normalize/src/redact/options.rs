//! Secrets of command lines: behind options, also where a list holds them, and behind the beginnings of commands that no
//! option follows. It refuses to take an option of one letter for a secret's where no command is known to take one behind it.

use std::sync::LazyLock;

use super::keys::{Meaning, Rule};
use super::pairs::{QUOTE_ESCAPES_MAX, Reader, Value};
use super::values::{ABOUT_PASSWORDS, is_secret_text, is_sentence};
use super::views::KEY_END;
use super::{Packed, Redactor};

/// Whether an option may begin in the text: a letter behind its sign, which stands free, behind another or in the quotes of a
/// list. All of the text is looked at without a branch, many bytes in one step, which for a message is quicker than a search
/// that stops.
pub(super) fn may_be_in(bytes: &[u8]) -> bool {
    let (signs, letters) = (bytes.get(1..).unwrap_or_default(), bytes.get(2..).unwrap_or_default());
    let is_option = |((before, sign), letter): ((&u8, &u8), &u8)| {
        let is_before = u8::from(*before == b'-') | u8::from(*before == b' ');
        let is_quote = u8::from(*before == b'"') | u8::from(*before == b'\'');
        (is_before | is_quote) & u8::from(*sign == b'-') & u8::from(letter.is_ascii_alphabetic())
    };
    bytes.iter().zip(signs).zip(letters).fold(0, |any, window| any | is_option(window)) != 0
}

/// The last word of a command that takes a secret or its key by its place, where it begins an argument of a list.
const LISTED: &[&str] = &["\"login", "'login", "\"set", "'set", "\"config", "'config"];

/// Whether an argument is the last word of such a command.
pub(super) fn names_command(argument: &str) -> bool {
    LISTED.iter().any(|listed| listed[1..] == *argument)
}

/// What commands and statements begin with for a first look, each of at least three bytes.
pub(super) fn commands<'l>() -> impl Iterator<Item = &'l [u8]> {
    STATEMENTS.iter().map(|(literal, ..)| *literal).chain(LISTED.iter().copied()).map(str::as_bytes)
}

/// Whether a command begins at `at`, where the one of that number stands: in a list a further argument follows.
pub(super) fn is_command(bytes: &[u8], at: usize, number: usize) -> bool {
    let Some(listed) = number.checked_sub(STATEMENTS.len()).and_then(|number| LISTED.get(number)) else { return true };
    let behind = &bytes[at + listed.len()..];
    let escapes = behind.iter().take(QUOTE_ESCAPES_MAX).take_while(|byte| **byte == b'\\').count();
    matches!(behind[escapes..], [b'"' | b'\'', b',', ..])
}

/// What stands behind the beginning of a command or statement.
#[derive(Clone, Copy)]
enum Behind {
    /// The secret, behind options.
    Word,
    /// A key and its value, behind options.
    Pair,
    /// The secret in quotes.
    Quoted,
    /// The secret up to the end of the line.
    Line,
    /// The secret in quotes, as an argument behind so many others.
    Argument(usize),
}

/// Commands and statements that name a secret by its place: of Vault, Cargo, npm, yarn, pip, Pulumi, AWS, .NET, git and
/// shells; PowerShell's and SQL's; the commands of GitHub's and Azure's pipelines that say what to hide; and calls of PHP,
/// whose stacks hold arguments, of Python and of Go.
const STATEMENTS: &[(&str, Behind, &str)] = &[
    ("vault login ", Behind::Word, "token"),
    ("cargo login ", Behind::Word, "token"),
    ("config set ", Behind::Pair, ""),
    ("configure set ", Behind::Pair, ""),
    ("secrets set ", Behind::Pair, ""),
    ("git config ", Behind::Pair, ""),
    ("npm set ", Behind::Pair, ""),
    ("setenv ", Behind::Pair, ""),
    ("setx ", Behind::Pair, ""),
    ("SecureString ", Behind::Quoted, "password"),
    ("IDENTIFIED BY ", Behind::Quoted, "password"),
    ("identified by ", Behind::Quoted, "password"),
    ("PASSWORD '", Behind::Quoted, "password"),
    ("password '", Behind::Quoted, "password"),
    ("::add-mask::", Behind::Line, "secret"),
    ("issecret=true]", Behind::Line, "secret"),
    ("PDO->__construct(", Behind::Argument(2), "password"),
    ("mysqli_connect(", Behind::Argument(2), "password"),
    ("BasicAuth(", Behind::Argument(1), "password"),
    ("UserPassword(", Behind::Argument(1), "password"),
];

/// The search for the beginnings of statements.
static SEARCH: LazyLock<Packed> =
    LazyLock::new(|| Packed::new(STATEMENTS.iter().map(|(literal, ..)| literal.as_bytes())));

/// Calls `hit` with the value of every option of a command whose name is a secret's, `--password x` and `-Password x`, of
/// those of one letter that a known command takes a secret behind, and of statements.
pub(crate) fn find(text: &str, redactor: &Redactor, hit: &mut dyn FnMut(usize, usize, &'static str)) {
    let mut reader = Reader::new(text);
    let bytes = text.as_bytes();
    let mut line = CommandLine::new();
    for at in memchr::memchr_iter(b'-', bytes) {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        let is_free = before.is_some_and(|before| before == b' ' || before == KEY_END as u8);
        let quote = before.filter(|before| matches!(before, b'"' | b'\''));
        let is_long = bytes[at + 1..].starts_with(b"-");
        let name = at + 1 + usize::from(is_long);
        let is_option = bytes.get(name).is_some_and(u8::is_ascii_alphabetic)
            && (is_free || quote.is_some() || is_long && !before.is_some_and(is_of_option));
        if !is_option {
            continue;
        }
        let option = Flag { at, name, is_long, quote };
        let found = of_command(&mut reader, &mut line, &option).or_else(|| named(&mut reader, &option, redactor));
        if let Some((start, end, kind)) = found {
            hit(start, end, kind);
        }
    }
    let mut from = 0;
    while let Some((at, index)) = SEARCH.next(bytes, from) {
        let (literal, behind, kind) = STATEMENTS[index];
        from = at + 1;
        if let Some((start, end, kind)) = statement(&mut reader, at, literal, behind, kind, redactor) {
            hit(start, end, kind);
            from = end.max(from);
        }
    }
}

/// An option of a command: where its sign and its name begin, and the quote that it stands in.
struct Flag {
    at: usize,
    name: usize,
    is_long: bool,
    quote: Option<u8>,
}

fn is_of_option(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// The last byte before the argument behind an option that ends at `end`: of a list, what stands before its quote.
fn before_argument(bytes: &[u8], end: usize, quote: Option<u8>) -> Option<usize> {
    const GAP_BYTES_MAX: usize = 64;
    let is_closed = quote.is_some() && bytes.get(end).copied() == quote;
    let from = end + usize::from(is_closed);
    let of_gap = |byte: &&u8| matches!(byte, b' ' | b'\t') || is_closed && matches!(byte, b',' | b'\n' | b'\r');
    let gap = bytes.get(from..)?.iter().take(GAP_BYTES_MAX).take_while(of_gap).count();
    let is_argument = gap > 0 && (!is_closed || matches!(bytes.get(from + gap), Some(b'"' | b'\'' | b'b')));
    is_argument.then_some(from + gap - 1)
}

/// The value behind an option or a key at `separator`, if it is one and no prose.
fn argument(reader: &mut Reader<'_>, separator: usize, meaning: Meaning) -> Option<(usize, usize, &'static str)> {
    let text = reader.text;
    let value = reader.any_value(separator)?;
    let word = &text[value.start..value.end];
    let is_prose = !value.is_quoted
        && (ABOUT_PASSWORDS.iter().any(|about| word.eq_ignore_ascii_case(about))
            || ["option", "flag", "argument", "parameter", "instead", "as", "from", "requires"].contains(&word));
    (!word.starts_with('-') && !is_prose && is_secret_text(word, meaning, true)).then_some((
        value.start,
        value.end,
        meaning.kind,
    ))
}

/// What an option with a secret's name has behind it.
fn named(reader: &mut Reader<'_>, option: &Flag, redactor: &Redactor) -> Option<(usize, usize, &'static str)> {
    const OPTION_BYTES_MAX: usize = 64;
    let (text, bytes) = (reader.text, reader.bytes);
    let length = bytes[option.name..].iter().take(OPTION_BYTES_MAX).take_while(|byte| is_of_option(**byte)).count();
    let end = option.name + length;
    let meaning = redactor.meaning(text.get(option.name..end)?)?;
    let separator = before_argument(bytes, end, option.quote)?;
    // PowerShell's variables and calls are no values.
    let is_code = !option.is_long && matches!(bytes.get(separator + 1), Some(b'$' | b'('));
    if is_code { None } else { argument(reader, separator, meaning) }
}

/// The secret that a statement, which begins with the literal at `at`, has behind it.
fn statement(
    reader: &mut Reader<'_>,
    at: usize,
    literal: &str,
    behind: Behind,
    kind: &'static str,
    redactor: &Redactor,
) -> Option<(usize, usize, &'static str)> {
    let (text, bytes) = (reader.text, reader.bytes);
    let meaning = Meaning { kind, rule: Rule::All };
    let mut start = at + literal.len();
    match behind {
        Behind::Line => {
            let end = reader.line_end(start);
            is_secret_text(&text[start..end], meaning, true).then_some((start, end, kind))
        }
        Behind::Quoted => {
            start -= usize::from(literal.ends_with('\''));
            let rest = &bytes[start..];
            let skipped = [&b"-String "[..], b"PASSWORD "].into_iter().find(|word| rest.starts_with(word));
            start += skipped.map_or(0, <[u8]>::len);
            if !matches!(bytes.get(start), Some(b'"' | b'\'')) {
                return None;
            }
            let value = reader.any_value(start - 1).filter(|value| value.is_quoted)?;
            let word = &text[value.start..value.end];
            (!is_sentence(word) && is_secret_text(word, meaning, true)).then_some((value.start, value.end, kind))
        }
        Behind::Argument(before) => {
            let (start, end) = argument_of_call(reader, start, before)?;
            is_secret_text(&text[start..end], meaning, true).then_some((start, end, kind))
        }
        Behind::Word | Behind::Pair => {
            const FLAGS_MAX: usize = 4;
            for _ in 0..FLAGS_MAX {
                if matches!(&bytes[start..], [b'-', ..] | [b'"' | b'\'', b'-', ..]) {
                    start += memchr::memchr2(b' ', b'\n', &bytes[start..])? + 1;
                }
            }
            if matches!(behind, Behind::Pair) {
                return pair(reader, start, redactor);
            }
            let value = reader.any_value(start - 1)?;
            let word = &text[value.start..value.end];
            let plain = word.trim_end_matches([':', '.', ',', '!']);
            let is_word = plain.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
            let is_other = is_word || word.contains('=') || word.starts_with('-');
            (!is_other && is_secret_text(word, meaning, true)).then_some((value.start, value.end, kind))
        }
    }
}

/// The inside of an argument in quotes behind `before` others of a call whose arguments begin at `start`.
fn argument_of_call(reader: &mut Reader<'_>, mut start: usize, before: usize) -> Option<(usize, usize)> {
    const ARGUMENT_BYTES_MAX: usize = 256;
    for number in 0..=before {
        let rest = reader.bytes.get(start..)?;
        start += rest.iter().take(ARGUMENT_BYTES_MAX).take_while(|byte| byte.is_ascii_whitespace()).count();
        let quoted = reader.quoted(start);
        if number == before {
            return quoted.filter(|(start, end)| end > start);
        }
        let end = quoted.map_or(start, |(_, end)| end);
        let rest = reader.bytes.get(end..)?;
        let comma = rest.iter().take(ARGUMENT_BYTES_MAX).position(|byte| matches!(byte, b',' | b')' | b'\n'))?;
        start = end + comma + 1;
        reader.bytes.get(start - 1).filter(|byte| **byte == b',')?;
    }
    None
}

/// The value behind a key that begins at `start` and is one word, with or without quotes.
fn pair(reader: &mut Reader<'_>, start: usize, redactor: &Redactor) -> Option<(usize, usize, &'static str)> {
    const KEY_BYTES_MAX: usize = 128;
    let (text, bytes) = (reader.text, reader.bytes);
    let length = bytes[start..].iter().take(KEY_BYTES_MAX).position(|byte| byte.is_ascii_whitespace())?;
    let key = text.get(start..start + length)?;
    // With a separator it is a pair like any other.
    let meaning = if key.contains('=') { None } else { redactor.meaning(key) }?;
    argument(reader, start + length, meaning)
}

/// How a command takes a secret behind an option.
#[derive(Clone, Copy, PartialEq)]
enum Given {
    /// `-p x`, `-p=x`, `--pass x`.
    Apart,
    /// `-px`.
    Joined,
    /// `-u user:x`, `-uuser:x`, `-U user%x`.
    BehindUser(u8),
    /// `-b name=x`: without a sign it is a file.
    Cookie,
}

/// Options that take a secret, by their commands: curl's, MySQL's, OpenLDAP's, Samba's, SQL Server's, Redis', MongoDB's,
/// Mosquitto's, etcd's, lftp's, sshpass', HTTPie's, twine's, NuGet's, macOS' keychain's, GitHub's and zip's manual pages, and
/// `login` of Docker, Azure and OpenShift.
const COMMANDS: &[(&str, &str, Given)] = &[
    ("curl", "u", Given::BehindUser(b':')),
    ("curl", "U", Given::BehindUser(b':')),
    ("curl", "user", Given::BehindUser(b':')),
    ("curl", "proxy-user", Given::BehindUser(b':')),
    ("curl", "b", Given::Cookie),
    ("curl", "cookie", Given::Cookie),
    ("http", "a", Given::BehindUser(b':')),
    ("https", "a", Given::BehindUser(b':')),
    ("ab", "A", Given::BehindUser(b':')),
    ("mysql", "p", Given::Joined),
    ("mysqldump", "p", Given::Joined),
    ("mysqladmin", "p", Given::Joined),
    ("mysqlimport", "p", Given::Joined),
    ("mariadb", "p", Given::Joined),
    ("mariadb-dump", "p", Given::Joined),
    ("sshpass", "p", Given::Joined),
    ("sshpass", "p", Given::Apart),
    ("7z", "p", Given::Joined),
    ("login", "p", Given::Apart),
    ("mongo", "p", Given::Apart),
    ("mongosh", "p", Given::Apart),
    ("mongodump", "p", Given::Apart),
    ("mongorestore", "p", Given::Apart),
    ("cqlsh", "p", Given::Apart),
    ("redis-cli", "a", Given::Apart),
    ("ldapsearch", "w", Given::Apart),
    ("ldapmodify", "w", Given::Apart),
    ("ldapadd", "w", Given::Apart),
    ("ldapwhoami", "w", Given::Apart),
    ("sqlcmd", "P", Given::Apart),
    ("sqlcmd", "P", Given::Joined),
    ("bcp", "P", Given::Apart),
    ("bcp", "P", Given::Joined),
    ("ipmitool", "P", Given::Apart),
    ("zip", "P", Given::Apart),
    ("unzip", "P", Given::Apart),
    ("smbclient", "U", Given::BehindUser(b'%')),
    ("rpcclient", "U", Given::BehindUser(b'%')),
    ("lftp", "u", Given::BehindUser(b',')),
    ("etcdctl", "user", Given::BehindUser(b':')),
    ("mosquitto_pub", "P", Given::Apart),
    ("mosquitto_sub", "P", Given::Apart),
    ("twine", "p", Given::Apart),
    ("nuget", "k", Given::Apart),
    ("unlock-keychain", "p", Given::Apart),
    ("secret", "body", Given::Apart),
    ("secret", "b", Given::Apart),
];

/// Options of curl that take nothing, which may stand before one that does: `-sSu user:x`.
const CLUSTERED: &[u8] = b"sSfLkvigINOJGq";

/// The commands of a line, read once as far as its options stand.
struct CommandLine {
    /// How far it was read, and where the word begins that stands there.
    read: usize,
    word: usize,
    /// Where the command begins behind what parts it from the one before.
    start: usize,
    /// Where the command of each row was called last, if it was.
    called: [Option<usize>; COMMANDS.len()],
}

impl CommandLine {
    fn new() -> CommandLine {
        CommandLine { read: 0, word: 0, start: 0, called: [None; COMMANDS.len()] }
    }

    /// Reads on to `at`, where an option stands.
    fn read(&mut self, bytes: &[u8], at: usize) {
        let from = at.saturating_sub(COMMAND_BYTES_MAX);
        if self.read < from {
            (self.read, self.word) = (from, from);
        }
        for place in self.read..at {
            let byte = bytes[place];
            let ends = matches!(byte, b'\n' | b'|' | b';')
                || byte == KEY_END as u8
                || byte == b' ' && bytes[self.word..place].ends_with(b"&&");
            if ends {
                self.start = place + 1;
            } else if !is_gap(byte) {
                continue;
            } else {
                let word = &bytes[self.word..place];
                let word = word.strip_suffix(b".exe").unwrap_or(word);
                for (row, called) in COMMANDS.iter().zip(&mut self.called) {
                    if row.0.as_bytes() == word {
                        *called = Some(self.word);
                    }
                }
            }
            self.word = place + 1;
        }
        self.read = at;
    }

    /// Whether the command of a row stands on the line before `at`, up to which it was read.
    fn calls(&self, row: usize, at: usize) -> bool {
        let from = self.start.max(at.saturating_sub(COMMAND_BYTES_MAX));
        self.called[row].is_some_and(|called| called >= from)
    }
}

/// How far before an option its command may stand.
const COMMAND_BYTES_MAX: usize = 256;

/// Whether a byte parts words of a command line.
fn is_gap(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(byte, b'/' | b'\\' | b'"' | b'\'' | b'`' | b'(' | b'[' | b'{' | b',' | b'=' | b'>')
}

/// The secret behind an option that only means one to the command before it on its line.
fn of_command(reader: &mut Reader<'_>, line: &mut CommandLine, option: &Flag) -> Option<(usize, usize, &'static str)> {
    let bytes = reader.bytes;
    let clustered = if option.is_long { 0 } else { 8 };
    let skipped = bytes[option.name..].iter().take(clustered).take_while(|letter| CLUSTERED.contains(letter)).count();
    let is_clustered = matches!(bytes.get(option.name + skipped), Some(b'u' | b'U'));
    let name = option.name + if is_clustered { skipped } else { 0 };
    let is_meant =
        |row: &(&str, &str, Given)| bytes[name..].starts_with(row.1.as_bytes()) && (row.1.len() > 1) == option.is_long;
    line.read(bytes, option.at);
    let mut called = COMMANDS.iter().enumerate().filter(|(_, row)| is_meant(row));
    called.find_map(|(row, (_, letters, given))| {
        if !line.calls(row, option.at) {
            return None;
        }
        let (start, end) = given_value(reader, option, name + letters.len(), *given)?;
        let meaning = Meaning { kind: "password", rule: Rule::All };
        let word = &reader.text[start..end];
        let is_value = !word.is_empty() && !word.starts_with(['-', '$']);
        (is_value && is_secret_text(word, meaning, false)).then_some((start, end, meaning.kind))
    })
}

/// What is given to an option whose name ends at `end`.
fn given_value(reader: &mut Reader<'_>, option: &Flag, end: usize, given: Given) -> Option<(usize, usize)> {
    let bytes = reader.bytes;
    let behind = bytes.get(end).copied();
    let is_apart = matches!(behind, None | Some(b' ')) || behind == option.quote;
    let Value { start, end, .. } = match given {
        Given::Joined if is_apart => return None,
        _ if is_apart => reader.any_value(before_argument(bytes, end, option.quote)?)?,
        Given::Apart | Given::BehindUser(_) | Given::Cookie if behind == Some(b'=') => reader.any_value(end)?,
        Given::Apart => return None,
        _ if option.is_long => return None,
        // A separator stands where the option's last letter does.
        _ => match option.quote {
            Some(quote) => Value::quoted(end, reader.closing_quote(end, quote, 0), false),
            None => reader.any_value(end - 1)?,
        },
    };
    let sign = match given {
        Given::BehindUser(sign) => sign,
        Given::Cookie => b'=',
        _ => return Some((start, end)),
    };
    let found = memchr::memchr(sign, &bytes[start..end])?;
    Some((start + found + 1, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_seen_wherever_it_begins() {
        for length in 3..80 {
            for at in 0..length - 2 {
                let text = |option: &str| {
                    let mut text = "x".repeat(length);
                    text.replace_range(at..at + 3, option);
                    text
                };
                for option in [" -p", "--p", "\"-P", "'-z"] {
                    assert!(may_be_in(text(option).as_bytes()), "{option} at {at} of {length}");
                }
                for none in ["a-p", " -1", " p-", "-->", "--1"] {
                    assert!(!may_be_in(text(none).as_bytes()), "{none} at {at} of {length}");
                }
            }
        }
        assert!(!may_be_in(b"") && !may_be_in(b"-") && !may_be_in(b" -"));
    }
}
