//! What a key means: whether its words name a secret, a card or an id.
//!
//! It refuses to judge by endings of letters: a key is split into words (camel case, snake, kebab, points, brackets), and
//! whole words decide. What a reader cannot see (zero-width marks, letters that look like Latin ones) is no difference.

use std::sync::LazyLock;

/// What may stand under a key that names a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Whatever stands there is the secret, numbers too.
    All,
    /// Text; a number is a count.
    Text,
    /// As `Text`, or a number that is too long to be a count.
    Token,
    /// A header's credentials, which a method's name or a sentence is not.
    Credentials,
    /// A run without blanks that is too long for a word: anything else is code or prose.
    Dense,
    /// From four to nineteen digits.
    Digits,
    /// Text that is no path: `PWD` is a shell's folder.
    NoPath,
}

/// What a key that names a secret says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub kind: &'static str,
    pub rule: Rule,
}

/// Where in a key the term stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Anywhere, also without a boundary around it.
    Anywhere,
    /// At the end, but for words that change nothing; may be joined to what stands before it.
    Joined,
    /// The same, as words of its own.
    Words,
}

struct Term {
    letters: &'static str,
    place: Place,
    kind: &'static str,
    rule: Rule,
}

const fn term(letters: &'static str, place: Place, kind: &'static str, rule: Rule) -> Term {
    Term { letters, place, kind, rule }
}

/// Every term, of several words written as one; what is more special stands before what is less.
const TERMS: &[Term] = &[
    term("password", Place::Anywhere, "password", Rule::All),
    term("passwd", Place::Anywhere, "password", Rule::All),
    term("passphrase", Place::Anywhere, "password", Rule::All),
    term("passcode", Place::Joined, "password", Rule::All),
    term("pass", Place::Words, "password", Rule::Text),
    term("storepass", Place::Joined, "password", Rule::All),
    term("keypass", Place::Joined, "password", Rule::All),
    term("dbpass", Place::Joined, "password", Rule::All),
    term("rootpass", Place::Joined, "password", Rule::All),
    term("requirepass", Place::Joined, "password", Rule::All),
    term("pwd", Place::Joined, "password", Rule::NoPath),
    term("authorization", Place::Words, "authorization", Rule::Credentials),
    term("xauthorization", Place::Words, "authorization", Rule::Credentials),
    term("proxyauthorization", Place::Words, "authorization", Rule::Credentials),
    term("httpauthorization", Place::Words, "authorization", Rule::Credentials),
    term("auth", Place::Words, "authorization", Rule::Credentials),
    term("bearer", Place::Words, "bearer-token", Rule::Dense),
    term("cookie", Place::Joined, "cookie", Rule::Text),
    term("cookies", Place::Joined, "cookie", Rule::Text),
    term("secretaccesskey", Place::Joined, "secret", Rule::All),
    term("secretkey", Place::Joined, "secret", Rule::All),
    term("secretstring", Place::Joined, "secret", Rule::All),
    term("secretbinary", Place::Joined, "secret", Rule::All),
    term("secret", Place::Joined, "secret", Rule::All),
    term("secrets", Place::Joined, "secret", Rule::Text),
    term("apikey", Place::Joined, "api-key", Rule::All),
    term("apikeys", Place::Joined, "api-key", Rule::Text),
    term("privatekey", Place::Joined, "private-key", Rule::All),
    term("accesskey", Place::Joined, "access-key", Rule::All),
    term("accesskeys", Place::Joined, "access-key", Rule::Text),
    term("accountkey", Place::Joined, "access-key", Rule::Text),
    term("sharedkey", Place::Joined, "access-key", Rule::Text),
    term("storagekey", Place::Joined, "access-key", Rule::Text),
    term("sharedaccesssignature", Place::Joined, "signature", Rule::Text),
    term("encryptionkey", Place::Joined, "encryption-key", Rule::Text),
    term("decryptionkey", Place::Joined, "encryption-key", Rule::Text),
    term("symmetrickey", Place::Joined, "encryption-key", Rule::Text),
    term("aeskey", Place::Joined, "encryption-key", Rule::Text),
    term("signingkey", Place::Joined, "signing-key", Rule::Text),
    term("hmackey", Place::Joined, "signing-key", Rule::Text),
    term("hmac", Place::Words, "signature", Rule::Dense),
    term("masterkey", Place::Joined, "api-key", Rule::Text),
    term("subscriptionkey", Place::Joined, "api-key", Rule::Text),
    term("functionkey", Place::Joined, "api-key", Rule::Text),
    term("functionskey", Place::Joined, "api-key", Rule::Text),
    term("authkey", Place::Joined, "api-key", Rule::Text),
    term("licensekey", Place::Joined, "api-key", Rule::Text),
    term("sshkey", Place::Joined, "private-key", Rule::Text),
    term("sessionkey", Place::Joined, "session", Rule::Text),
    term("sessionid", Place::Joined, "session", Rule::Text),
    term("sessid", Place::Joined, "session", Rule::Text),
    term("sid", Place::Words, "session", Rule::Dense),
    term("token", Place::Joined, "token", Rule::Token),
    term("tokens", Place::Joined, "token", Rule::Text),
    term("jwt", Place::Words, "jwt", Rule::Text),
    term("assertion", Place::Words, "assertion", Rule::Dense),
    term("samlresponse", Place::Joined, "assertion", Rule::Text),
    term("samlrequest", Place::Joined, "assertion", Rule::Text),
    term("samlassertion", Place::Joined, "assertion", Rule::Text),
    term("credential", Place::Joined, "credential", Rule::Text),
    term("credentials", Place::Joined, "credential", Rule::Text),
    term("authident", Place::Joined, "credential", Rule::Text),
    term("signature", Place::Words, "signature", Rule::Dense),
    term("sig", Place::Words, "signature", Rule::Dense),
    term("connectionstring", Place::Joined, "connection-string", Rule::Text),
    term("connectionstrings", Place::Joined, "connection-string", Rule::Text),
    term("connstring", Place::Joined, "connection-string", Rule::Text),
    term("connstr", Place::Joined, "connection-string", Rule::Text),
    term("dsn", Place::Words, "connection-string", Rule::Text),
    term("cardnumber", Place::Joined, "card-number", Rule::All),
    term("ccnumber", Place::Words, "card-number", Rule::All),
    term("cardno", Place::Words, "card-number", Rule::All),
    term("creditcard", Place::Words, "card-number", Rule::Digits),
    term("cvv", Place::Words, "card-number", Rule::All),
    term("cvc", Place::Words, "card-number", Rule::All),
    term("securitycode", Place::Words, "card-number", Rule::Digits),
    term("pin", Place::Words, "pin", Rule::Digits),
    term("otp", Place::Words, "pin", Rule::Digits),
    term("totp", Place::Words, "pin", Rule::Digits),
    term("mfacode", Place::Words, "pin", Rule::Digits),
    term("verificationcode", Place::Words, "pin", Rule::Digits),
];

/// The terms by their first letter.
static BY_LETTER: LazyLock<Vec<Vec<&Term>>> = LazyLock::new(|| {
    (b'a'..=b'z').map(|first| TERMS.iter().filter(|term| term.letters.as_bytes()[0] == first).collect()).collect()
});

/// Three letters of every term that few other words have: the first look at a key or a text searches these.
const STEMS: &[&str] = &[
    "pas", "pwd", "riz", "uth", "rer", "oki", "ecr", "key", "sig", "hma", "sid", "ssi", "oke", "jwt", "sse", "aml",
    "ede", "nne", "nns", "dsn", "ard", "ccn", "cvv", "cvc", "ecu", "pin", "otp", "mfa", "fic",
];

/// Words behind a term that change nothing: `tokenValue`, `cookieHeader`, `secretKeyBase64`, `API_KEY_PROD`.
#[rustfmt::skip]
const NEUTRAL: &[&str] = &[
    "value", "values", "val", "string", "str", "header", "headers", "raw", "plain", "plaintext", "text", "base", "b",
    "old", "new", "current", "previous", "confirm", "confirmation", "hash", "hashed", "encrypted", "decrypted",
    "encoded", "data", "input", "field", "param", "parameter", "env", "var", "override", "default", "prod",
    "production", "dev", "development", "staging", "stage", "test", "live", "sandbox", "primary", "secondary", "main",
    "backup", "pem", "json", "content", "contents", "bytes", "binary", "body",
];

/// Words at which a key goes on to say what it is for: `tokenForUser`.
const PREPOSITIONS: &[&str] = &["for", "of", "from", "in", "to"];

/// Last words behind a password of keys that tell about it.
#[rustfmt::skip]
const ABOUT: &[&str] = &[
    "count", "counts", "num", "number", "len", "length", "size", "min", "max", "policy", "policies", "rule", "rules",
    "strength", "score", "reset", "resets", "at", "on", "date", "time", "timestamp", "ts", "expires", "expiry",
    "expiration", "expired", "expire", "age", "ttl", "days", "hours", "minutes", "seconds", "ms", "enabled",
    "disabled", "required", "changed", "updated", "created", "set", "valid", "invalid", "status", "state", "type",
    "kind", "format", "algorithm", "alg", "arn", "arns", "name", "id", "ids", "ref", "url", "uri", "path", "file",
    "link", "page", "endpoint", "region", "version", "error", "errors", "message", "messages", "attempt", "attempts",
    "failure", "failures", "failed", "retries", "provider", "manager", "source", "prompt", "label", "placeholder",
    "less", "flow", "change", "changes", "complexity", "history", "login", "success", "ok", "matches", "match",
    "mismatch", "validator", "encoder", "checker", "service", "controller", "form", "event", "lambda", "function",
    "rotation", "latency", "sent", "requests", "requested", "total",
];

/// Last words of keys that say something of what a schema or an API describes, beside those of `ABOUT`.
#[rustfmt::skip]
const DESCRIBING: &[&str] = &[
    "pattern", "description", "title", "nullable", "only", "constraints", "items", "properties", "user", "owner",
    "active", "deprecated", "writeonly", "minlength", "maxlength", "code", "codes",
];

/// Words before a term of keys that count or ask: `numSecrets`, `hasPassword`, `failedTokens`.
const COUNTING: &[&str] = &["num", "number", "count", "has", "is", "max", "min", "no", "total", "avg"];

/// Words before `token` of cursors and of keys that make a call safe to repeat, and of parsers' tokens.
#[rustfmt::skip]
const NO_TOKENS: &[&str] = &[
    "next", "page", "pagination", "continuation", "starting", "marker", "sync", "idempotency", "idempotent",
    "cancellation", "cursor", "lookahead", "unexpected", "previous", "prev", "eos", "bos", "pad", "unk", "stop",
    "resume",
];

/// Words before `signature` of code: what a function takes, not what proves a request.
const NO_SIGNATURES: &[&str] =
    &["method", "function", "type", "event", "call", "class", "error", "exception", "selector", "fn", "jvm", "generic"];

/// Words before `pass` that make it a password.
const PASS_OF: &[&str] = &[
    "db", "database", "user", "usr", "smtp", "mail", "email", "redis", "mysql", "pg", "postgres", "admin", "ftp",
    "sftp", "ldap", "rabbitmq", "mq", "proxy", "auth", "login", "root", "sudo", "my", "http", "basic", "mongo", "key",
    "wifi",
];

/// Words that make a number of fifteen or sixteen digits near them a card's.
#[rustfmt::skip]
const CARDS: &[&str] = &[
    "card", "cards", "creditcard", "debitcard", "cardnumber", "credit", "debit", "visa", "mastercard", "amex",
    "maestro", "pan", "cc", "ccnumber", "ccnum", "cvv", "cvc", "payment", "payments", "paid", "kreditkarte", "karte",
    "carte", "tarjeta", "carta",
];

/// Last words of keys whose values are ids or times, in which fifteen or sixteen digits are no card number.
#[rustfmt::skip]
const IDS: &[&str] = &[
    "id", "ids", "uuid", "guid", "time", "timestamp", "ts", "nano", "nanos", "ns", "us", "ms", "epoch", "date",
    "trace", "span", "parent", "key", "arn", "hash", "sha", "etag", "traceid", "spanid", "requestid", "orderid",
    "userid", "eventid", "messageid", "accountid", "paymentid", "transactionid", "cardid", "imei", "iban",
];

/// Words of keys of which another key says the value: headers, tags, parameters, environments, attributes.
const NAMES: &[&str] = &[
    "name",
    "key",
    "header",
    "field",
    "param",
    "parameter",
    "property",
    "variable",
    "attribute",
    "tag",
    "env",
    "k",
    "n",
    "id",
    "path",
    "loc",
    "label",
    "title",
    "option",
    "column",
    "arg",
    "argument",
    "var",
    "setting",
    "pointer",
    "type",
    "kind",
];

/// Those of which many speak of something else, and beside which a number counts or measures.
const WEAK_NAMES: &[&str] = &["path", "loc", "id", "label", "title", "type", "kind", "column", "pointer"];

/// The last letters of the longer ones, for a first look.
pub(crate) const NAME_ENDS: &[&[u8; 3]] = &[
    b"ame", b"key", b"der", b"eld", b"ter", b"ram", b"rty", b"ble", b"ute", b"tag", b"ath", b"loc", b"bel", b"tle",
    b"ion", b"umn", b"arg", b"ent", b"var", b"ing", b"env", b"ype", b"ind",
];

/// Last words of keys under which the value of a name stands.
const VALUES: &[&str] = &["value", "values", "val", "v", "input", "setting", "content", "default", "actual"];

/// Bytes of a key that are looked at as one piece. A longer key is looked at in pieces that overlap by half.
const KEY_BYTES_MAX: usize = 256;

/// What a byte is for the search of stems: from 1 a letter or digit, 0 what parts words, `SKIPPED` what a key's spelling
/// may have between two letters.
const CODES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            letter @ (b'a'..=b'z' | b'A'..=b'Z') => letter & 31,
            digit @ b'0'..=b'9' => 27 + digit % 5,
            b'_' | b'-' | b'.' | b' ' | 0x80.. => SKIPPED,
            _ => 0,
        };
        byte += 1;
    }
    table
};
const SKIPPED: u8 = 0xff;

/// The codes, nothing for what is skipped, and by how much each shifts what came before it.
const LETTERS: [u8; 256] = {
    let mut table = CODES;
    let mut byte = 0;
    while byte < 256 {
        if table[byte] == SKIPPED {
            table[byte] = 0;
        }
        byte += 1;
    }
    table
};
/// See [`LETTERS`].
const SHIFTS: [u8; 256] = {
    let mut table = [5; 256];
    let mut byte = 0;
    while byte < 256 {
        if CODES[byte] == SKIPPED {
            table[byte] = 0;
        }
        byte += 1;
    }
    table
};

/// The windows of three letters that the first look searches, a bit each.
#[derive(Clone)]
pub(crate) struct Stems {
    bits: Box<[u64; 512]>,
    /// Whether a key is too short for a window, so that the first look can exclude nothing.
    all: bool,
}

impl std::fmt::Debug for Stems {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Stems").field("all", &self.all).finish_non_exhaustive()
    }
}

impl Stems {
    /// The stems of the table and of `own` keys, which are folded already.
    pub fn new<'k>(own: impl Iterator<Item = &'k [u8]>) -> Stems {
        let mut stems = Stems { bits: Box::new([0; 512]), all: false };
        for key in STEMS.iter().map(|stem| stem.as_bytes()).chain(own) {
            match key {
                [first, second, third, ..] => {
                    let code = [first, second, third].map(|byte| CODES[usize::from(*byte)]);
                    if code.contains(&SKIPPED) {
                        stems.all = true;
                        continue;
                    }
                    let window = code.iter().fold(0_usize, |window, code| window << 5 | usize::from(*code));
                    stems.bits[window >> 6] |= 1 << (window & 63);
                }
                _ => stems.all = true,
            }
        }
        stems
    }

    /// Whether any term may stand in the text, in any case and with separators in between: no false negatives for
    /// ASCII.
    #[inline]
    pub fn may_be_in(&self, text: &[u8]) -> bool {
        let mut letters = 0_u64;
        self.all
            || text.iter().any(|byte| {
                // Each byte waits for the one before it, so the step is a shift and an `or`: what is skipped shifts by
                // nothing and adds nothing.
                let byte = usize::from(*byte);
                letters = letters.wrapping_shl(u32::from(SHIFTS[byte])) | u64::from(LETTERS[byte]);
                let window = letters as usize & 0x7fff;
                self.bits[window >> 6] >> (window & 63) & 1 != 0
            })
    }
}

/// A key in lower-case letters and digits, and where its words begin.
struct Words {
    letters: [u8; KEY_BYTES_MAX],
    begins: [bool; KEY_BYTES_MAX],
    length: usize,
}

impl Words {
    /// Of a piece of at most `KEY_BYTES_MAX` bytes.
    fn new(key: &str) -> Words {
        #[derive(PartialEq)]
        enum Last {
            Other,
            Lower,
            Upper,
            Digit,
        }
        let mut words = Words { letters: [0; KEY_BYTES_MAX], begins: [false; KEY_BYTES_MAX], length: 0 };
        let mut last = Last::Other;
        let mut capitals = 0;
        for character in key.chars() {
            let Some(seen) = as_seen(character) else { continue };
            let (now, begins) = match seen {
                'a'..='z' => {
                    // In `APIKey` the last of the capitals begins a word.
                    if last == Last::Upper && capitals > 1 {
                        words.begins[words.length - 1] = true;
                    }
                    (Last::Lower, matches!(last, Last::Other | Last::Digit))
                }
                'A'..='Z' => (Last::Upper, last != Last::Upper),
                '0'..='9' => (Last::Digit, last != Last::Digit),
                _ => {
                    last = Last::Other;
                    continue;
                }
            };
            if words.length == KEY_BYTES_MAX {
                break;
            }
            capitals = if now == Last::Upper { capitals + 1 } else { 0 };
            words.letters[words.length] = seen.to_ascii_lowercase() as u8;
            words.begins[words.length] = begins;
            words.length += 1;
            last = now;
        }
        words
    }

    fn letters(&self) -> &[u8] {
        &self.letters[..self.length]
    }

    fn is_boundary(&self, at: usize) -> bool {
        at >= self.length || self.begins[at]
    }

    /// The words from one boundary to another.
    fn between(&self, mut from: usize, to: usize) -> impl Iterator<Item = &[u8]> {
        std::iter::from_fn(move || {
            if from >= to {
                return None;
            }
            let start = from;
            from = (start + 1..to).find(|at| self.begins[*at]).unwrap_or(to);
            Some(&self.letters[start..from])
        })
    }

    fn last(&self) -> &[u8] {
        self.between(0, self.length).last().unwrap_or_default()
    }
}

/// The character that a reader takes this one for; none where nothing is to be seen.
fn as_seen(character: char) -> Option<char> {
    if character.is_ascii() {
        return Some(character);
    }
    Some(match character {
        '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => {
            return None;
        }
        // Fullwidth forms.
        '\u{ff10}'..='\u{ff5a}' => char::from_u32(character as u32 - 0xfee0).unwrap_or(character),
        // Cyrillic and Greek letters drawn as Latin ones.
        'а' | 'α' => 'a',
        'ѕ' => 's',
        'е' | 'ё' | 'ε' => 'e',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'с' => 'c',
        'і' | 'ι' | 'ı' => 'i',
        'к' | 'κ' => 'k',
        'у' | 'γ' => 'y',
        'т' | 'τ' => 't',
        'ԁ' => 'd',
        'һ' => 'h',
        'ԝ' | 'ω' => 'w',
        'п' => 'n',
        'г' => 'r',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'Е' | 'Ε' => 'E',
        'К' | 'Κ' => 'K',
        'О' | 'Ο' => 'O',
        'Р' | 'Ρ' => 'P',
        'С' => 'C',
        'Т' | 'Τ' => 'T',
        'Ѕ' => 'S',
        'І' | 'Ι' => 'I',
        'Н' | 'Η' => 'H',
        'У' | 'Υ' => 'Y',
        other => other,
    })
}

fn is_in(list: &[&str], word: &[u8]) -> bool {
    list.iter().any(|entry| entry.as_bytes() == word)
}

/// What the key means, if its words name a secret.
pub(crate) fn meaning(key: &str) -> Option<Meaning> {
    if key.len() <= KEY_BYTES_MAX {
        return meaning_of(&Words::new(key), true);
    }
    let mut start = 0;
    while start < key.len() {
        while !key.is_char_boundary(start) {
            start += 1;
        }
        let mut end = key.len().min(start + KEY_BYTES_MAX);
        while !key.is_char_boundary(end) {
            end -= 1;
        }
        let found = meaning_of(&Words::new(&key[start..end]), end == key.len());
        if found.is_some() || end == key.len() {
            return found;
        }
        start += KEY_BYTES_MAX / 2;
    }
    None
}

/// `is_end` says that the piece is the end of its key.
fn meaning_of(words: &Words, is_end: bool) -> Option<Meaning> {
    let letters = words.letters();
    let mut found: Option<(usize, usize, &Term)> = None;
    for at in 0..letters.len() {
        let first = usize::from(letters[at].wrapping_sub(b'a'));
        let Some(terms) = BY_LETTER.get(first) else { continue };
        for term in terms.iter().filter(|term| letters[at..].starts_with(term.letters.as_bytes())) {
            let end = at + term.letters.len();
            let fits = match term.place {
                Place::Anywhere => true,
                Place::Joined => words.is_boundary(end),
                Place::Words => words.is_boundary(at) && words.is_boundary(end),
            };
            // What stands last names the thing; of several that end together the longest does.
            let is_better = found.is_none_or(|(_, earlier, _)| end > earlier);
            if fits && is_better && is_secret(words, at, end, term, is_end) {
                found = Some((at, end, term));
            }
        }
    }
    found.map(|(_, _, term)| Meaning { kind: term.kind, rule: term.rule })
}

/// Whether the term from `start` to `end` is what the key names, by the words around it.
fn is_secret(words: &Words, start: usize, end: usize, term: &Term, is_end: bool) -> bool {
    let mut before = words.between(0, start);
    let mut tail = words.between(end, words.length);
    let is_number = |word: &[u8]| word.iter().all(u8::is_ascii_digit);
    if term.place == Place::Anywhere {
        let about = tail.last().is_some_and(|last| is_in(ABOUT, last) || ABOUT_JOINED.contains(&last));
        return !about && !before.any(|word| is_in(COUNTING, word));
    }
    let ends_here = |tail: &mut dyn Iterator<Item = &[u8]>| {
        for word in tail {
            if is_in(PREPOSITIONS, word) {
                return true;
            }
            if !is_in(NEUTRAL, word) && !is_number(word) {
                return false;
            }
        }
        is_end
    };
    if !ends_here(&mut tail) {
        return false;
    }
    match term.letters {
        "token" | "tokens" => {
            let mut request = false;
            !before.any(|word| {
                let is_client = word == b"client";
                let is_call = request && word == b"request";
                request = is_client;
                is_call
                    || is_in(NO_TOKENS, word)
                    || is_in(COUNTING, word)
                    || NO_TOKENS.iter().any(|no| joined(word, no))
            })
        }
        "signature" | "sig" => !before.any(|word| is_in(NO_SIGNATURES, word)),
        "secrets" | "secret" | "cookies" | "credentials" => !before.any(|word| is_in(COUNTING, word)),
        "pass" => match before.last() {
            None => true,
            Some(word) => is_in(PASS_OF, word),
        },
        _ => true,
    }
}

/// Ends of keys in lower case alone, in which no boundary shows that they tell about a password.
const ABOUT_JOINED: &[&[u8]] = &[b"resetat", b"changedat", b"updatedat", b"expiresat", b"resettime", b"lastset"];

/// Whether a word that is not split says what stands before `token`: `nextpage`, `continuation`.
fn joined(word: &[u8], start: &str) -> bool {
    start.len() > 3 && word.starts_with(start.as_bytes()) && word.len() <= start.len() + 4
}

/// Whether the key's value is an id or a time, in which fifteen or sixteen digits are no card number.
pub(crate) fn names_id_or_time(key: &str) -> bool {
    is_in(IDS, Words::new(head_and_tail(key)).last())
}

/// Whether the key says that a number below it is a card's.
pub(crate) fn names_card(key: &str) -> bool {
    let words = Words::new(head_and_tail(key));
    let named = words.between(0, words.length).any(|word| is_in(CARDS, word));
    named && !is_in(IDS, words.last())
}

/// Whether the key of an object below a secret's name says something of the secret and does not hold it.
pub(crate) fn tells_of_secret(key: &str) -> bool {
    let words = Words::new(head_and_tail(key));
    meaning(key).is_none() && (is_in(ABOUT, words.last()) || is_in(DESCRIBING, words.last()))
}

/// Whether the key says that a number stands there, and not of what.
pub(crate) fn is_number(key: &str) -> bool {
    is_in(&["number", "num", "no", "value"], Words::new(head_and_tail(key)).last())
}

/// Whether a word of the text makes a number beside it a card's.
pub(crate) fn tells_of_card(text: &[u8]) -> bool {
    text.split(|byte| !byte.is_ascii_alphabetic()).any(|word| {
        word.len() > 1
            && (CARDS.iter().any(|card| word.eq_ignore_ascii_case(card.as_bytes()))
                || std::str::from_utf8(word).is_ok_and(|word| {
                    let words = Words::new(head_and_tail(word));
                    words.between(0, words.length).any(|word| is_in(CARDS, word))
                }))
    })
}

/// Whether the key names what another key of the same object says the value of.
#[inline]
pub(crate) fn is_name(key: &str) -> bool {
    let may_be = match key.as_bytes() {
        [letter] => matches!(letter | 0x20, b'k' | b'n'),
        [first, second] => [first | 0x20, second | 0x20] == *b"id",
        [.., first, second, third] => NAME_ENDS.contains(&&[first | 0x20, second | 0x20, third | 0x20]),
        _ => false,
    };
    may_be && {
        let words = Words::new(head_and_tail(key));
        // `service_name` names a service, which is no key of anything.
        words.between(0, words.length).all(|word| is_in(NAMES, word))
    }
}

/// Whether the key is one that often names something else, such as a path.
pub(crate) fn is_weak_name(key: &str) -> bool {
    is_in(WEAK_NAMES, Words::new(head_and_tail(key)).last())
}

/// Whether a name under this key may be a secret's: of kinds only passwords are, tokens are a parser's as often, and what
/// begins with a verb is the label of a button.
pub(crate) fn may_name(key: &str, name: &str, meaning: Meaning) -> bool {
    const VERBS: &[&str] = &["forgot", "forgotten", "reset", "change", "show", "hide", "update", "create", "generate"];
    let verb = name.split(|letter: char| !letter.is_ascii_alphabetic()).find(|word| !word.is_empty());
    let is_verb = verb.is_some_and(|verb| VERBS.iter().any(|known| verb.eq_ignore_ascii_case(known)));
    let is_kind = is_in(&["type", "kind"], Words::new(head_and_tail(key)).last());
    (meaning.kind == "password" || !is_kind) && !is_verb
}

/// Whether a `path` names a page and not a field: it begins with a slash, as the paths of URLs do. Those of a patch do as
/// well (RFC 6902), but `op` stands beside them; and a parameter that begins with one stands under `name` or `key`.
pub(crate) fn names_page(key: &str, name: &str) -> bool {
    key.eq_ignore_ascii_case("path") && name.starts_with('/')
}

/// Whether the key holds the value of a name beside it.
#[inline]
pub(crate) fn is_value(key: &str) -> bool {
    let may_be = matches!(key.as_bytes(), [.., last] if matches!(last | 0x20, b'e' | b's' | b'l' | b'v' | b't' | b'g'));
    may_be && is_in(VALUES, Words::new(head_and_tail(key)).last())
}

/// The last bytes of a key that is longer than a piece.
fn head_and_tail(key: &str) -> &str {
    let mut start = key.len().saturating_sub(KEY_BYTES_MAX);
    while !key.is_char_boundary(start) {
        start += 1;
    }
    &key[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_misses_no_term() {
        let stems = Stems::new(std::iter::empty());
        for term in TERMS {
            assert!(stems.may_be_in(term.letters.as_bytes()), "{}", term.letters);
            assert!(stems.may_be_in(term.letters.to_uppercase().as_bytes()), "{}", term.letters);
            let spread: String = term.letters.chars().flat_map(|letter| [letter, '_']).collect();
            assert!(stems.may_be_in(spread.as_bytes()), "{spread}");
        }
        for stem in STEMS {
            assert!(TERMS.iter().any(|term| term.letters.contains(stem)), "{stem} is in no term");
        }
        assert!(!stems.may_be_in(b"level message timestamp service order_id duration_ms"));
    }

    #[test]
    fn words_begin_where_a_reader_sees_it() {
        let split = |key| {
            let words = Words::new(key);
            let parts: Vec<_> =
                words.between(0, words.length).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            parts.join(" ")
        };
        for (key, expected) in [
            ("clientSecret", "client secret"),
            ("APIKey", "api key"),
            ("X-Api-Key", "x api key"),
            ("oauth2Token", "oauth 2 token"),
            ("user[password]", "user password"),
            ("ConnectionStrings__Default", "connection strings default"),
            ("/prod/db/password", "prod db password"),
            ("pass\u{200b}word", "password"),
            ("p\u{430}ssw\u{43e}rd", "password"),
            ("ＰＡＳＳＷＯＲＤ", "password"),
            ("é", ""),
        ] {
            assert_eq!(split(key), expected, "{key}");
        }
    }

    #[test]
    fn keys_that_name_a_secret_in_any_spelling() {
        for (key, kind) in [
            ("Authorization", "authorization"),
            ("proxy-authorization", "authorization"),
            ("authorizationHeader", "authorization"),
            ("HTTP_AUTHORIZATION", "authorization"),
            ("Set-Cookie", "cookie"),
            ("cookieHeader", "cookie"),
            ("DB_PASSWORD", "password"),
            ("DB_PASS", "password"),
            ("pass", "password"),
            ("PGPASSWORD", "password"),
            ("dbpassword", "password"),
            ("PaSsWoRd", "password"),
            ("passwordConfirmation", "password"),
            ("password_hash", "password"),
            ("passwordconfirm", "password"),
            ("newPassword2", "password"),
            ("password[]", "password"),
            ("user[password]", "password"),
            ("passwords[0]", "password"),
            ("/prod/db/password", "password"),
            ("spring.datasource.password", "password"),
            ("clientSecret", "secret"),
            ("client_secret", "secret"),
            ("SecretString", "secret"),
            ("x-api-key", "api-key"),
            ("apiKey", "api-key"),
            ("APIKey", "api-key"),
            ("API_KEY_PROD", "api-key"),
            ("access_token", "token"),
            ("tokenValue", "token"),
            ("tokenForUserBob", "token"),
            ("X-Amz-Security-Token", "token"),
            ("aws_secret_access_key", "secret"),
            ("pwd", "password"),
            ("sessionId", "session"),
            ("PHPSESSID", "session"),
            ("JSESSIONID", "session"),
            ("jwt", "jwt"),
            ("client_assertion", "assertion"),
            ("SAMLResponse", "assertion"),
            ("connectionString", "connection-string"),
            ("ConnectionStrings:Default", "connection-string"),
            ("SENTRY_DSN", "connection-string"),
            ("AccountKey", "access-key"),
            ("SharedAccessKey", "access-key"),
            ("encryption_key", "encryption-key"),
            ("signingKey", "signing-key"),
            ("hmac_key", "signing-key"),
            ("Ocp-Apim-Subscription-Key", "api-key"),
            ("x-functions-key", "api-key"),
            ("X-Amz-Signature", "signature"),
            ("cardNumber", "card-number"),
            ("cvv2", "card-number"),
            ("pass\u{200b}word", "password"),
            ("p\u{430}ssword", "password"),
        ] {
            assert_eq!(meaning(key).map(|meaning| meaning.kind), Some(kind), "{key}");
        }
        let far = format!("password{}", "_x".repeat(400));
        assert_eq!(meaning(&far).map(|meaning| meaning.kind), Some("password"));
        assert_eq!(meaning(&format!("{}password", "x_".repeat(400))).map(|meaning| meaning.kind), Some("password"));
    }

    #[test]
    fn keys_that_only_sound_like_one() {
        for key in [
            "",
            "é",
            "key",
            "author",
            "passed",
            "passenger",
            "compass",
            "secretary",
            "tokenizer",
            "token_count",
            "tokenType",
            "tokenId",
            "nextToken",
            "NextPageToken",
            "nextpagetoken",
            "StartingToken",
            "NextMarkerToken",
            "continuationToken",
            "syncToken",
            "idempotencyToken",
            "clientRequestToken",
            "max_tokens",
            "numSecrets",
            "hasPassword",
            "passwordResetAt",
            "password_policy",
            "passwordless",
            "passwordFile",
            "secretArn",
            "secretName",
            "secret_id",
            "method_signature",
            "function_signature",
            "typeSignature",
            "eventSignature",
            "unauthorization",
            "authorizer",
            "authorizationType",
            "credentialsProvider",
            "kmsKey",
            "s3Key",
            "partition_key",
            "idempotencyKey",
            "accessKeyId",
            "span_id",
            "session",
            "boarding_pass",
            "mapping",
            "shippingCode",
            "cookieConsentVersion",
            "dashboard",
            "publicKey",
            "sign",
            "signal",
        ] {
            assert_eq!(meaning(key), None, "{key}");
        }
    }

    #[test]
    fn whole_words_make_an_id_or_a_card() {
        for key in ["orderId", "order_id", "id", "traceID", "request.id", "epoch", "createdDate", "userid"] {
            assert!(names_id_or_time(key), "{key}");
        }
        for key in ["paid", "payments", "comments", "accounts", "update", "valid", "grid", "monkey"] {
            assert!(!names_id_or_time(key), "{key}");
        }
        for key in ["card", "cardNumber", "credit_card", "pan", "paymentInstrument", "payments", "cc-number"] {
            assert!(names_card(key), "{key}");
        }
        for key in ["cardId", "span", "cart", "discard", "company", "payment_id"] {
            assert!(!names_card(key), "{key}");
        }
    }

    #[test]
    fn names_and_values_are_words() {
        for key in ["name", "Name", "headerName", "key", "Key", "parameter_name", "header"] {
            assert!(is_name(key), "{key}");
        }
        for key in ["OptionName", "path", "loc", "propertyPath", "label", "id", "parameterKey", "argName"] {
            assert!(is_name(key), "{key}");
        }
        for key in
            ["filename", "monkey", "orderId", "request_path", "sessionPath", "surname", "service_name", "functionName"]
        {
            assert!(!is_name(key), "{key}");
        }
        assert!(
            is_value("stringValue")
                && is_value("Value")
                && is_value("values")
                && is_value("invalidValue")
                && is_value("input")
                && !is_value("interval")
        );
    }
}
