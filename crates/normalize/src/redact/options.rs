//! Secrets behind the options of commands, as they stand in command lines. It refuses to take an option of one letter for a
//! secret's where no command is known to take one behind it.

use super::Redactor;
use super::keys::{Meaning, Rule};
use super::pairs::Reader;
use super::values::{ABOUT_PASSWORDS, is_secret_text};

/// Calls `hit` with the value of every option of a command whose name is a secret's, `--password x` and `-Password x`, and
/// of those of one letter that a known command takes a secret behind.
pub(crate) fn find(text: &str, redactor: &Redactor, hit: &mut dyn FnMut(usize, usize, &'static str)) {
    let mut reader = Reader::new(text);
    let bytes = text.as_bytes();
    for at in memchr::memchr_iter(b'-', bytes) {
        let is_free = at.checked_sub(1).is_some_and(|before| bytes[before] == b' ');
        let is_long = bytes[at + 1..].starts_with(b"-");
        let name = at + 1 + usize::from(is_long);
        let is_option = bytes.get(name).is_some_and(u8::is_ascii_alphabetic)
            && (is_free || is_long && !at.checked_sub(1).is_some_and(|before| is_of_option(bytes[before])));
        if !is_option {
            continue;
        }
        let found = of_command(&mut reader, at, name, is_long).or_else(|| option(&mut reader, name, is_long, redactor));
        if let Some((start, end, kind)) = found {
            hit(start, end, kind);
        }
    }
}

fn is_of_option(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn option(
    reader: &mut Reader<'_>,
    name: usize,
    is_long: bool,
    redactor: &Redactor,
) -> Option<(usize, usize, &'static str)> {
    const OPTION_BYTES_MAX: usize = 64;
    let (text, bytes) = (reader.text, reader.bytes);
    let length = bytes[name..].iter().take(OPTION_BYTES_MAX).take_while(|byte| is_of_option(**byte)).count();
    let meaning = redactor.meaning(text.get(name..name + length)?)?;
    let blanks = bytes[name + length..].iter().take(8).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    // PowerShell's variables and calls are no values.
    let is_code = !is_long && matches!(bytes.get(name + length + blanks), Some(b'$' | b'('));
    if blanks == 0 || is_code {
        return None;
    }
    // The separator before the value is the last blank.
    let value = reader.any_value(name + length + blanks - 1)?;
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

/// How a command takes a secret behind an option.
#[derive(Clone, Copy)]
enum Given {
    /// `-p x`.
    Apart,
    /// `-px`.
    Joined,
    /// `-u user:x`, `-U user%x`.
    BehindUser(u8),
}

/// Options that take a secret, by their commands: curl's, MySQL's, OpenLDAP's, Samba's, SQL Server's, Redis', MongoDB's,
/// sshpass', HTTPie's and zip's manual pages, and `login` of Docker, Azure and OpenShift.
const COMMANDS: &[(&str, &str, Given)] = &[
    ("curl", "u", Given::BehindUser(b':')),
    ("curl", "U", Given::BehindUser(b':')),
    ("curl", "user", Given::BehindUser(b':')),
    ("curl", "proxy-user", Given::BehindUser(b':')),
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
];

/// The secret behind an option that only means one to the command before it on its line.
fn of_command(reader: &mut Reader<'_>, at: usize, name: usize, is_long: bool) -> Option<(usize, usize, &'static str)> {
    const COMMAND_BYTES_MAX: usize = 256;
    let (text, bytes) = (reader.text, reader.bytes);
    let behind = &bytes[name..];
    if !COMMANDS.iter().any(|(_, option, _)| behind.starts_with(option.as_bytes())) {
        return None;
    }
    let from = at.saturating_sub(COMMAND_BYTES_MAX);
    let before = bytes[from..at].rsplit(|byte| matches!(byte, b'\n' | b'|' | b';')).next()?;
    let of_gap =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\'' | b'`' | b'(' | b'=' | b'>');
    let mut run = [false; COMMANDS.len()];
    for word in before.split(of_gap).filter(|word| !word.is_empty()) {
        for (run, (command, ..)) in run.iter_mut().zip(COMMANDS) {
            *run |= word == command.as_bytes();
        }
    }
    if !run.contains(&true) {
        return None;
    }
    let known = COMMANDS.iter().zip(run).filter(|((_, option, _), is_run)| {
        *is_run && behind.starts_with(option.as_bytes()) && (option.len() > 1) == is_long
    });
    for ((_, option, given), _) in known {
        let end = name + option.len();
        let is_apart = matches!(bytes.get(end), Some(b' '));
        if is_apart == matches!(given, Given::Joined) {
            continue;
        }
        // A separator stands where the option's last letter or the blank does.
        let Some(value) = reader.any_value(if is_apart { end } else { end - 1 }) else { continue };
        let (mut start, end) = (value.start, value.end);
        if let Given::BehindUser(sign) = given {
            start += memchr::memchr(*sign, &bytes[start..end])? + 1;
        }
        let meaning = Meaning { kind: "password", rule: Rule::All };
        let word = &text[start..end];
        if !word.is_empty() && !word.starts_with(['-', '$']) && is_secret_text(word, meaning, false) {
            return Some((start, end, "password"));
        }
    }
    None
}
