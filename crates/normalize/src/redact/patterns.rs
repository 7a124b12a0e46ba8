//! What looks like a secret by its value alone: one table of shapes, each with its source and an example, and the small
//! language in which they and the patterns of a configuration are written.
//!
//! It refuses to go back: a class takes all that it can, so that a text is looked at in linear time whatever the pattern.
//! That is why the language is its own: an engine of regular expressions would add weight to the forwarder's start for
//! nothing that a prefix, classes and lengths do not say.

use std::str::FromStr;

use thiserror::Error;

/// Bytes that may stand at a place, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Class([u64; 4]);

impl Class {
    const NONE: Class = Class([0; 4]);

    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn holds(self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
    }

    fn meets(self, other: Class) -> bool {
        self.0.iter().zip(other.0).any(|(one, other)| one & other != 0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Literal(Vec<u8>),
    Run { class: Class, min: usize, max: usize },
}

/// A shape of text that is a secret: a literal beginning of at least three bytes, then classes with lengths and further
/// literals: `acme_live_[A-Za-z0-9]{20,}`.
///
/// A class is `[…]` with single characters and ranges; behind it stands `{n}`, `{n,}`, `{n,m}`, `+` or nothing, for one.
/// `\` before a character takes it as it is. A class takes all that it can and must then have taken a right number, so
/// what stands behind a class may not begin with a character of it. Before and behind the whole no letter, digit or `_`
/// may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    literal: Vec<u8>,
    steps: Vec<Step>,
}

/// Why a pattern cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    /// What it begins with is too short to be searched, or holds what an encoder would write in another way.
    #[error("a pattern begins with 3 to 64 plain letters, digits or signs")]
    Beginning,
    /// A class is empty or is not closed, or a range runs backwards.
    #[error("a class is [...] with characters and ranges in it")]
    Class,
    /// A length that cannot be.
    #[error("a length is {{n}}, {{n,}} or {{n,m}} up to 4096, or +, behind a class")]
    Length,
    /// The next step begins with a character that the class before would have taken.
    #[error("what stands behind a class may not begin with a character of the class")]
    Overlap,
    /// Longer than a pattern may be.
    #[error("a pattern is at most 256 bytes")]
    Long,
    /// A sign of regular expressions that is none here.
    #[error("|, (, ), * and ? are no signs here: a backslash before them takes them as they are")]
    Sign,
}

/// Bytes of a pattern.
const PATTERN_BYTES_MAX: usize = 256;
/// The longest length that a pattern may ask for.
const RUN_BYTES_MAX: usize = 4096;
/// The shortest beginning that a packed search finds without stopping at every second byte.
const LITERAL_BYTES_MIN: usize = 3;
const LITERAL_BYTES_MAX: usize = 64;

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Pattern, PatternError> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(PatternError::Long);
        }
        let mut steps: Vec<Step> = Vec::new();
        let mut bytes = text.bytes().peekable();
        while let Some(byte) = bytes.next() {
            match byte {
                b'[' => {
                    let class = class(&mut bytes)?;
                    let (min, max) = length(&mut bytes)?;
                    let step = Step::Run { class, min, max };
                    steps.push(step);
                }
                b'|' | b'(' | b')' | b'*' | b'?' => return Err(PatternError::Sign),
                b'{' | b'}' | b'+' | b']' => return Err(PatternError::Length),
                _ => {
                    let byte = if byte == b'\\' { bytes.next().ok_or(PatternError::Beginning)? } else { byte };
                    match steps.last_mut() {
                        Some(Step::Literal(literal)) => literal.push(byte),
                        _ => steps.push(Step::Literal(vec![byte])),
                    }
                }
            }
        }
        for pair in steps.windows(2) {
            if let [Step::Run { class, .. }, next] = pair {
                let meets = match next {
                    Step::Literal(literal) => literal.first().is_some_and(|byte| class.holds(*byte)),
                    Step::Run { class: next, .. } => class.meets(*next),
                };
                if meets {
                    return Err(PatternError::Overlap);
                }
            }
        }
        let literal = match steps.first() {
            Some(Step::Literal(literal)) => literal.clone(),
            _ => return Err(PatternError::Beginning),
        };
        let is_plain = literal.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        if !is_plain || !(LITERAL_BYTES_MIN..=LITERAL_BYTES_MAX).contains(&literal.len()) {
            return Err(PatternError::Beginning);
        }
        steps.remove(0);
        Ok(Pattern { literal, steps })
    }
}

fn class(bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> Result<Class, PatternError> {
    let mut class = Class::NONE;
    loop {
        let mut next = |is_end_allowed: bool| match bytes.next() {
            Some(b']') if is_end_allowed => Ok(None),
            Some(b'\\') => bytes.next().map(Some).ok_or(PatternError::Class),
            Some(byte) if byte.is_ascii() => Ok(Some(byte)),
            _ => Err(PatternError::Class),
        };
        let Some(first) = next(true)? else { break };
        class.insert(first);
        if bytes.peek() == Some(&b'-') {
            bytes.next();
            // A hyphen before the end is one of the characters.
            match bytes.next() {
                Some(b']') => {
                    class.insert(b'-');
                    break;
                }
                Some(last) if last.is_ascii() && first <= last => (first..=last).for_each(|byte| class.insert(byte)),
                _ => return Err(PatternError::Class),
            }
        }
    }
    if class == Class::NONE { Err(PatternError::Class) } else { Ok(class) }
}

fn length(bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> Result<(usize, usize), PatternError> {
    match bytes.peek() {
        Some(b'+') => {
            bytes.next();
            Ok((1, usize::MAX))
        }
        Some(b'{') => {
            bytes.next();
            let inside: Vec<u8> = bytes.by_ref().take_while(|byte| *byte != b'}').collect();
            let inside = String::from_utf8(inside).map_err(|_| PatternError::Length)?;
            let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number <= RUN_BYTES_MAX);
            let (min, max) = match inside.split_once(',') {
                None => number(&inside).map(|number| (number, number)),
                Some((min, "")) => number(min).map(|min| (min, usize::MAX)),
                Some((min, max)) => number(min).zip(number(max)),
            }
            .ok_or(PatternError::Length)?;
            if min > max || max == 0 { Err(PatternError::Length) } else { Ok((min, max)) }
        }
        _ => Ok((1, 1)),
    }
}

/// How far the runs of a pattern's steps were looked at, so that no byte is looked at twice for one step.
pub(crate) type Seen = Vec<(usize, usize)>;

impl Pattern {
    /// What it begins with.
    pub(crate) fn literal(&self) -> &[u8] {
        &self.literal
    }

    /// The end of the secret that begins at `at`, where the literal was found.
    pub(crate) fn end(&self, bytes: &[u8], at: usize, seen: &mut Seen) -> Option<usize> {
        seen.resize(self.steps.len().max(seen.len()), (0, 0));
        let is_free = !is_word(bytes.get(at)) || !is_word(at.checked_sub(1).and_then(|before| bytes.get(before)));
        if !is_free {
            return None;
        }
        let mut end = at + self.literal.len();
        for (step, seen) in self.steps.iter().zip(seen) {
            match step {
                Step::Literal(literal) => {
                    if !bytes.get(end..).is_some_and(|rest| rest.starts_with(literal)) {
                        return None;
                    }
                    end += literal.len();
                }
                Step::Run { class, min, max } => {
                    if !(seen.0 <= end && end < seen.1) {
                        let run = bytes.get(end..).unwrap_or_default().iter().take_while(|byte| class.holds(**byte));
                        *seen = (end, end + run.count());
                    }
                    let length = seen.1.saturating_sub(end);
                    if length < *min || length > *max {
                        return None;
                    }
                    end += length;
                }
            }
        }
        let goes_on = is_word(bytes.get(end)) && is_word(end.checked_sub(1).and_then(|last| bytes.get(last)));
        (!goes_on).then_some(end)
    }
}

fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Looks at the text where a literal was found, and says where a secret stands.
pub(crate) type Finder = fn(&[u8], usize) -> Option<(usize, usize)>;

/// How a row of the table says what is a secret.
#[derive(Clone, Copy)]
pub(crate) enum Look {
    /// In the language of patterns.
    Shape(&'static str),
    /// By a function of the text and of the place where the literal was found.
    At(&'static str, Finder),
}

/// One kind of secret that is known by its value.
pub struct Known {
    /// What is written in its place.
    pub kind: &'static str,
    pub(crate) look: Look,
    /// Who says so.
    pub source: &'static str,
    /// A text with such a secret between `«` and `»`. A `~` within is none of it: searches for secrets in source code
    /// find nothing here.
    pub example: &'static str,
}

impl Known {
    /// The example's text, and the secret within it.
    pub fn example(&self) -> (String, String) {
        let text = self.example.replace('~', "");
        let (before, rest) = text.split_once('«').unwrap_or((&text, ""));
        let (secret, behind) = rest.split_once('»').unwrap_or((rest, ""));
        (format!("{before}{secret}{behind}"), secret.to_owned())
    }
}

const fn shape(kind: &'static str, shape: &'static str, source: &'static str, example: &'static str) -> Known {
    Known { kind, look: Look::Shape(shape), source, example }
}

const fn at(
    kind: &'static str,
    literal: &'static str,
    look: Finder,
    source: &'static str,
    example: &'static str,
) -> Known {
    Known { kind, look: Look::At(literal, look), source, example }
}

const GITHUB: &str = "GitHub: about authentication, token formats";
const STRIPE: &str = "Stripe: API keys";
const RFC_6750: &str = "RFC 6750, section 2.1 (b64token)";
const RFC_7617: &str = "RFC 7617, section 2";

/// Every shape. A packed search takes 32 beginnings on every processor; those that are met most stand in the first.
pub const KNOWN: &[Known] = &[
    shape("aws-access-key", "AKIA[A-Z0-9]{16}", "IAM: unique identifiers", "key «AKIA~IOSFODNN7EXAMPLE» used"),
    shape("aws-access-key", "ASIA[A-Z0-9]{16}", "IAM: unique identifiers", "key «ASIA~IOSFODNN7EXAMPLE» used"),
    shape(
        "jwt",
        "eyJ[A-Za-z0-9_-]{7,}.[A-Za-z0-9_-]{4,}.[A-Za-z0-9_.-]{0,}",
        "RFC 7519, section 3; RFC 7516, section 3",
        "got «eyJ~hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl» back",
    ),
    at(
        "private-key",
        "-----BEGIN",
        pem,
        "RFC 7468; RFC 4880, section 6.2",
        "a «-----BEGIN ~RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----» b",
    ),
    at(
        "private-key",
        "PuTTY-User-Key-File-",
        putty,
        "PuTTY: appendix C, PPK file format",
        "«PuTTY-User-~Key-File-2: ssh-rsa\nEncryption: none\nPrivate-Lines: 1\nAAAA\nPrivate-MAC: 0a1b»\nnext",
    ),
    at("bearer-token", "earer", bearer, RFC_6750, "sent Bearer «not-a-real-token» on"),
    at("bearer-token", "EARER", bearer, RFC_6750, "sent BEARER «not-a-real-token» on"),
    at("basic-credentials", "asic", basic, RFC_7617, "sent Basic «dXNlcjpodW50ZXIy» on"),
    at("basic-credentials", "ASIC", basic, RFC_7617, "sent BASIC «dXNlcjpodW50ZXIy» on"),
    at("url-password", "://", userinfo, "RFC 3986, section 3.2.1", "postgres://app:«hunter2»@db.example/app"),
    shape("github-token", "ghp_[A-Za-z0-9]{20,}", GITHUB, "«ghp~_16C7e42F292c6912E7710c838347Ae178B4a»"),
    shape("github-token", "gho_[A-Za-z0-9]{20,}", GITHUB, "«gho~_16C7e42F292c6912E7710c838347Ae178B4a»"),
    shape("github-token", "ghs_[A-Za-z0-9_.-]{20,}", GITHUB, "«ghs~_16C7e42F292c6912E7710c838347Ae178B4a»"),
    shape("github-token", "ghu_[A-Za-z0-9]{20,}", GITHUB, "«ghu~_16C7e42F292c6912E7710c838347Ae178B4a»"),
    shape("github-token", "ghr_[A-Za-z0-9]{20,}", GITHUB, "«ghr~_16C7e42F292c6912E7710c838347Ae178B4a»"),
    shape("github-token", "github_pat_[A-Za-z0-9_]{20,}", GITHUB, "«github~_pat_11AAAAAAA0123456789abcdef_0123456789»"),
    shape("gitlab-token", "glpat-[A-Za-z0-9_.-]{20,}", "GitLab: token prefixes", "«glpat~-AAAAbbbbCCCCdddd0123»"),
    shape("slack-token", "xox[a-z]-[A-Za-z0-9-]{10,}", "Slack: token types", "«xoxb~-123456789012-abcDEF123456»"),
    shape(
        "slack-webhook",
        "hooks.slack.com/[a-z]{3,16}/[A-Za-z0-9_/+-]{16,}",
        "Slack: incoming webhooks",
        "https://«hooks.slack~.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx»",
    ),
    shape("stripe-key", "sk_live_[A-Za-z0-9]{10,}", STRIPE, "«sk_live~_4eC39HqLyjWDarjtT1zdp7dc»"),
    shape("stripe-key", "rk_live_[A-Za-z0-9]{10,}", STRIPE, "«rk_live~_4eC39HqLyjWDarjtT1zdp7dc»"),
    shape("stripe-key", "sk_test_[A-Za-z0-9]{10,}", STRIPE, "«sk_test~_4eC39HqLyjWDarjtT1zdp7dc»"),
    shape("stripe-key", "rk_test_[A-Za-z0-9]{10,}", STRIPE, "«rk_test~_4eC39HqLyjWDarjtT1zdp7dc»"),
    shape(
        "webhook-secret",
        "whsec_[A-Za-z0-9+/=]{16,}",
        "Stripe: webhook signatures",
        "«whsec~_AbCdEfGhIjKlMnOpQrStUvWx»",
    ),
    shape(
        "google-key",
        "AIza[A-Za-z0-9_-]{35}",
        "Google Cloud: API keys",
        "«AIza~SyA0123456789abcdefghijklmnopqrstuv»",
    ),
    shape(
        "sendgrid-key",
        "SG.[A-Za-z0-9_-]{16,}.[A-Za-z0-9_-]{16,}",
        "SendGrid: API keys",
        "«SG~.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG»",
    ),
    shape(
        "npm-token",
        "npm_[A-Za-z0-9]{30,}",
        "npm: about access tokens",
        "«npm~_0123456789abcdefghijklmnopqrstuvwxyz»",
    ),
    shape("openai-key", "sk-proj-[A-Za-z0-9_-]{20,}", "OpenAI: API keys", "«sk-proj~-0123456789abcdefghijklmn»"),
    shape(
        "anthropic-key",
        "sk-ant-[A-Za-z0-9_-]{20,}",
        "Anthropic: API keys",
        "«sk-ant~-api03-0123456789abcdefghijklmn»",
    ),
    shape(
        "pypi-token",
        "pypi-[A-Za-z0-9_-]{50,}",
        "PyPI: API tokens",
        "«pypi~-AgEIcHlwaS5vcmcCJDAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMA»",
    ),
    shape(
        "docker-token",
        "dckr_pat_[A-Za-z0-9_-]{20,}",
        "Docker: personal access tokens",
        "«dckr~_pat_0123456789abcdefghijklmno»",
    ),
    shape(
        "shopify-token",
        "shpat_[A-Fa-f0-9]{32}",
        "Shopify: access tokens",
        "«shpat~_0123456789abcdef0123456789abcdef»",
    ),
    shape(
        "slack-webhook",
        "/services/T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{16,}",
        "Slack: incoming webhooks",
        "POST «/services~/T00000000/B00000000/abcdefghijklmnopqrstuvwx»",
    ),
    shape(
        "slack-token",
        "xapp-[A-Za-z0-9-]{20,}",
        "Slack: token types",
        "«xapp~-1-A0123456789-0123456789012-abcdef0123456789»",
    ),
    shape(
        "vault-token",
        "hvs.[A-Za-z0-9_-]{20,}",
        "HashiCorp Vault: tokens",
        "«hvs~.CAESIJlOWxFh5pQ2wnAaAaAaAaAaAaAa»",
    ),
    shape(
        "vault-token",
        "hvb.[A-Za-z0-9_-]{20,}",
        "HashiCorp Vault: batch tokens",
        "«hvb~.AAAAAQJlOWxFh5pQ2wnAaAaAaAaAaAaAa»",
    ),
    shape(
        "huggingface-token",
        "hf_[A-Za-z0-9]{30,}",
        "Hugging Face: user access tokens",
        "«hf~_abcdefghijklmnopqrstuvwxyzABCDEFGH»",
    ),
    shape(
        "digitalocean-token",
        "dop_v1_[a-f0-9]{64}",
        "DigitalOcean: personal access tokens",
        "«dop~_v1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef»",
    ),
    shape(
        "digitalocean-token",
        "doo_v1_[a-f0-9]{64}",
        "DigitalOcean: OAuth tokens",
        "«doo~_v1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef»",
    ),
    shape("square-token", "sq0atp-[A-Za-z0-9_-]{22,}", "Square: access tokens", "«sq0atp~-0123456789abcdefghijkl»"),
    shape(
        "square-token",
        "sq0csp-[A-Za-z0-9_-]{40,}",
        "Square: application secrets",
        "«sq0csp~-0123456789abcdefghijkl0123456789abcdefghijkl»",
    ),
    shape(
        "age-key",
        "AGE-SECRET-KEY-1[A-Z0-9]{50,}",
        "age: the format, identities",
        "«AGE-SECRET~-KEY-1QQPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGP»",
    ),
    shape(
        "discord-webhook",
        "/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,}",
        "Discord: webhooks",
        "https://discord.com«/api/webhooks~/123456789012345678/abcdefghij_0123456abcdefghij_0123456abcdefghij_0123456abcdefghij_0123456»",
    ),
    shape(
        "teams-webhook",
        "/webhookb2/[A-Za-z0-9@-]{36,}/IncomingWebhook/[A-Za-z0-9]{20,}/[A-Za-z0-9/-]{20,}",
        "Microsoft Teams: incoming webhooks",
        "https://x.webhook.office.com«/webhookb2~/01234567-0123-0123-0123-0123456789ab@01234567-0123-0123-0123-0123456789ab/IncomingWebhook/0123456789abcdef0123456789abcdef/01234567-0123-0123-0123-0123456789ab»",
    ),
    shape(
        "google-token",
        "ya29.[A-Za-z0-9_.-]{20,}",
        "Google Cloud: token types",
        "«ya29~.a0AfH6SMBx0123456789abcdefghij»",
    ),
    shape(
        "google-secret",
        "GOCSPX-[A-Za-z0-9_-]{20,}",
        "Google Cloud: OAuth client secrets",
        "«GOCSPX~-0123456789abcdefghijklmnopqr»",
    ),
    shape(
        "grafana-token",
        "glsa_[A-Za-z0-9_]{30,}",
        "Grafana: service account tokens",
        "«glsa~_0123456789abcdefghijklmnopqrstuv_01234567»",
    ),
    shape(
        "databricks-token",
        "dapi[a-f0-9]{32}",
        "Databricks: personal access tokens",
        "«dapi~0123456789abcdef0123456789abcdef»",
    ),
    shape(
        "atlassian-token",
        "ATATT3[A-Za-z0-9_=-]{50,}",
        "Atlassian: API tokens",
        "«ATATT3~xFfGF00123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef=01234567»",
    ),
    shape(
        "postman-key",
        "PMAK-[a-f0-9]{24}-[a-f0-9]{34}",
        "Postman: API keys",
        "«PMAK~-0123456789abcdef01234567-0123456789abcdef0123456789abcdef01»",
    ),
    shape("newrelic-key", "NRAK-[A-Z0-9]{27}", "New Relic: API keys", "«NRAK~-0123456789ABCDEFGHIJKLMNOPQ»"),
    shape(
        "linear-key",
        "lin_api_[A-Za-z0-9]{32,}",
        "Linear: personal API keys",
        "«lin_api~_0123456789abcdefghijklmnopqrstuvwxyzABCD»",
    ),
    shape(
        "pulumi-token",
        "pul-[a-f0-9]{40}",
        "Pulumi: access tokens",
        "«pul~-0123456789abcdef0123456789abcdef01234567»",
    ),
    shape(
        "sentry-token",
        "sntrys_[A-Za-z0-9_=+/-]{40,}",
        "Sentry: auth tokens",
        "«sntrys~_eyJpYXQiOjE2ODczMzY1NDMuNjk4NTksInVybCI6bnVsbH0=_abc»",
    ),
    shape(
        "planetscale-token",
        "pscale_tkn_[A-Za-z0-9_.=-]{32,}",
        "PlanetScale: service tokens",
        "«pscale~_tkn_0123456789abcdefghijklmnopqrstuvwxyz»",
    ),
    shape(
        "planetscale-password",
        "pscale_pw_[A-Za-z0-9_.=-]{32,}",
        "PlanetScale: passwords",
        "«pscale~_pw_0123456789abcdefghijklmnopqrstuvwxyz»",
    ),
    shape(
        "groq-key",
        "gsk_[A-Za-z0-9]{40,}",
        "Groq: API keys",
        "«gsk~_0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEF»",
    ),
    shape(
        "brevo-key",
        "xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
        "Brevo: API keys",
        "«xkeysib~-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef-0123456789abcdef»",
    ),
    shape(
        "shopify-token",
        "shpss_[A-Fa-f0-9]{32}",
        "Shopify: app secrets",
        "«shpss~_0123456789abcdef0123456789abcdef»",
    ),
    shape(
        "rubygems-key",
        "rubygems_[a-f0-9]{48}",
        "RubyGems: API keys",
        "«rubygems~_0123456789abcdef0123456789abcdef0123456789abcdef»",
    ),
    shape(
        "facebook-token",
        "EAACEdEose0cBA[A-Za-z0-9]{10,}",
        "Meta: access tokens",
        "«EAACEdEose0cBA~0123456789abcdef»",
    ),
    at(
        "telegram-token",
        ":AA",
        telegram,
        "Telegram: bots, authorizing your bot",
        "bot«110201543:AA~HdqTcvCH1vGWJxfSeofSAs0K5PALDsaw»/x",
    ),
    at(
        "url-password",
        ":thin:",
        oracle,
        "Oracle: JDBC developer's guide, URLs",
        "jdbc:oracle:thin:app/«hunter2»@db:1521:x",
    ),
    at("url-password", "sqlplus ", oracle, "Oracle: SQL*Plus, starting", "sqlplus -s app/«hunter2»@db @x.sql"),
];

/// How long a header of a PEM block may be: RFC 7468 knows none of half the length.
const PEM_LABEL_BYTES_MAX: usize = 60;

fn pem(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    const BEGIN: &[u8] = b"-----BEGIN";
    // A form writes `+` for a blank.
    let blank = *bytes.get(start + BEGIN.len()).filter(|byte| matches!(byte, b' ' | b'+'))?;
    let label = &bytes[start + BEGIN.len() + 1..];
    let dashes = memchr::memmem::find(&label[..label.len().min(PEM_LABEL_BYTES_MAX + 5)], b"-----")?;
    let mut words = label[..dashes].rsplit(|byte| *byte == blank);
    let last = [words.next(), words.next(), words.next()].map(Option::unwrap_or_default);
    if !matches!(last, [b"KEY", b"PRIVATE", _] | [b"BLOCK", b"KEY", b"PRIVATE"]) {
        return None;
    }
    // Without an end the key was cut, and what follows is key.
    const END: &[u8] = b"-----END";
    let end = memchr::memmem::find(&bytes[start..], END).and_then(|end| {
        let behind = start + end + END.len();
        memchr::memmem::find(&bytes[behind..], b"-----").map(|dashes| behind + dashes + 5)
    });
    Some((start, end.unwrap_or(bytes.len())))
}

fn putty(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    let version = bytes.get(start + "PuTTY-User-Key-File-".len())?;
    if !version.is_ascii_digit() {
        return None;
    }
    let end = memchr::memmem::find(&bytes[start..], b"Private-MAC").map(|mac| {
        let mac = start + mac;
        memchr::memchr2(b'\n', b'\r', &bytes[mac..]).map_or(bytes.len(), |line| mac + line)
    });
    Some((start, end.unwrap_or(bytes.len())))
}

/// What stands between a scheme's name and its credentials: blanks of any kind, as a form writes one too.
fn blanks(bytes: &[u8], from: usize) -> usize {
    const BLANKS_MAX: usize = 8;
    let mut at = from;
    while at < from + BLANKS_MAX {
        match bytes.get(at..).unwrap_or_default() {
            [b' ' | b'\t' | b'\n' | b'\r' | b'+', ..] => at += 1,
            [0xc2, 0xa0, ..] => at += 2,
            [0xe2, 0x80, 0x80..=0x8a | 0xaf, ..] | [0xe3, 0x80, 0x80, ..] => at += 3,
            _ => break,
        }
    }
    at - from
}

/// The letter of a scheme before `at`, which begins a word.
fn begins(bytes: &[u8], at: usize, letter: u8) -> Option<usize> {
    let start = at.checked_sub(1)?;
    let is_scheme = bytes[start].eq_ignore_ascii_case(&letter)
        && !is_word(start.checked_sub(1).and_then(|before| bytes.get(before)));
    is_scheme.then_some(start)
}

/// `Bearer ` and what RFC 6750 calls b64token; a plain word of prose behind it is none.
fn bearer(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    const BEGINNING_BYTES_MAX: usize = 256;
    begins(bytes, at, b'b')?;
    let name_end = at + "earer".len();
    let gap = match bytes.get(name_end) {
        Some(b':') => 1 + blanks(bytes, name_end + 1),
        _ => blanks(bytes, name_end),
    };
    if gap == 0 {
        return None;
    }
    let start = name_end + gap;
    let of_token =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
    let beginning = bytes[start..].iter().take(BEGINNING_BYTES_MAX).take_while(of_token).count();
    let token = &bytes[start..start + beginning];
    // `token_type=bearer expires_in=3600`: what follows is another pair.
    if memchr::memchr(b'=', token).is_some_and(|sign| token[sign..].iter().any(|byte| *byte != b'=')) {
        return None;
    }
    let is_token = beginning >= 8 && (beginning >= 20 || token.iter().any(|byte| !byte.is_ascii_alphabetic()));
    // What is no token may be looked at again and again: only what is one is read to its end.
    is_token.then(|| (start, start + bytes[start..].iter().take_while(of_token).count()))
}

/// As much of `Basic` credentials as is decoded to see whether a colon stands in them.
const BASIC_BYTES_MAX: usize = 512;

/// `Basic ` and base64 that decodes to something with a colon.
fn basic(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    begins(bytes, at, b'b')?;
    let name_end = at + "asic".len();
    let gap = blanks(bytes, name_end);
    if gap == 0 {
        return None;
    }
    let start = name_end + gap;
    let of_base64 = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let length = bytes[start..].iter().take(BASIC_BYTES_MAX).take_while(of_base64).count();
    let standard: Vec<u8> = bytes[start..start + length]
        .iter()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    let decoded = base64_simd::STANDARD_NO_PAD
        .decode_to_vec(&standard)
        .or_else(|_| base64_simd::STANDARD_NO_PAD.decode_to_vec(&standard[..length / 4 * 4]))
        .ok()?;
    let is_text = decoded.iter().all(|byte| !byte.is_ascii_control());
    // What is none may be looked at again and again: only what is some is read to its end.
    (length >= 4 && is_text && decoded.contains(&b':')).then(|| {
        let end = start + bytes[start..].iter().take_while(of_base64).count();
        (start, end + bytes[end..].iter().take(2).take_while(|byte| **byte == b'=').count())
    })
}

/// A bot's token: its number, a colon and about 35 characters, of which the first two are `AA`.
fn telegram(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    const SECRET_BYTES: std::ops::RangeInclusive<usize> = 33..=36;
    let digits = bytes[..at].iter().rev().take(12).take_while(|byte| byte.is_ascii_digit()).count();
    let of_secret = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let length = bytes[at + 1..].iter().take(SECRET_BYTES.end() + 1).take_while(of_secret).count();
    ((8..=11).contains(&digits) && SECRET_BYTES.contains(&length)).then_some((at - digits, at + 1 + length))
}

/// The password of `user/password@host`, of a driver's URL or a command, options before it.
fn oracle(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    const BYTES_MAX: usize = 256;
    let start = at + if bytes[at] == b':' { ":thin:".len() } else { "sqlplus ".len() };
    let rest = &bytes[start..bytes.len().min(start + BYTES_MAX)];
    let is_end = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>');
    let mut from = start;
    for word in rest.split(|byte| is_end(*byte)) {
        if word.first().is_some_and(|first| *first != b'-')
            && let Some(slash) = memchr::memchr(b'/', word)
            && let Some(sign) = memchr::memrchr(b'@', word)
        {
            let (password, end) = (from + slash + 1, from + sign);
            return (slash > 0 && password < end && !word.starts_with(b"@")).then_some((password, end));
        }
        if bytes[at] == b':' {
            return None;
        }
        from += word.len() + 1;
    }
    None
}

/// The password in `scheme://user:password@host`, or a token in place of the user.
fn userinfo(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let start = at + "://".len();
    let stops = |byte: &u8| {
        matches!(byte, b'/' | b'?' | b'#' | b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\')
    };
    let end = bytes[start..].iter().position(stops).map_or(bytes.len(), |length| start + length);
    let at_sign = start + memchr::memrchr(b'@', &bytes[start..end])?;
    let userinfo = &bytes[start..at_sign];
    const TOKEN_BYTES_MIN: usize = 20;
    match memchr::memchr(b':', userinfo) {
        Some(colon) => {
            let password = &userinfo[colon + 1..];
            let is_hidden =
                password.iter().all(|byte| matches!(byte, b'*' | b'x' | b'X')) || password.starts_with(b"${");
            (!is_hidden && !password.starts_with(b"[redacted:")).then_some((start + colon + 1, at_sign))
        }
        None => {
            (userinfo.len() >= TOKEN_BYTES_MIN && userinfo.iter().any(u8::is_ascii_digit)).then_some((start, at_sign))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure here is the message")]

    use super::*;

    #[test]
    fn every_shape_of_the_table_can_be_read() {
        for known in KNOWN {
            if let Look::Shape(shape) = known.look {
                assert!(shape.parse::<Pattern>().is_ok(), "{shape}: {:?}", shape.parse::<Pattern>());
            }
            assert!(!known.source.is_empty() && known.example.contains('«') && known.example.contains('»'));
        }
        // Two packed searches, of which own patterns have the rest of the second.
        assert!(KNOWN.len() <= 64);
    }

    #[test]
    fn a_pattern_is_a_beginning_classes_and_lengths() {
        let check = |pattern: &str, text: &str, expected: Option<&str>| {
            let pattern: Pattern = pattern.parse().unwrap();
            let literal = std::str::from_utf8(pattern.literal()).unwrap();
            let found = text
                .match_indices(literal)
                .find_map(|(at, _)| pattern.end(text.as_bytes(), at, &mut Vec::new()).map(|end| &text[at..end]));
            assert_eq!(found, expected, "{text}");
        };
        check("acme_[a-z0-9]{4,}", "x acme_ab12 y", Some("acme_ab12"));
        check("acme_[a-z0-9]{4,}", "xacme_ab12 acme_a", None);
        check("acme_[a-z0-9]{4}", "acme_ab123", None);
        check("acme_[a-z0-9]{4}", "acme_ab12Z", None);
        check("acme_[a-z0-9]{2,3}-[A-F]+", "acme_ab-FF.", Some("acme_ab-FF"));
        check(r"a\+\[[\]-]+", "a+[]--", Some("a+[]--"));
        check("customer-[0-9]", "customer-7", Some("customer-7"));
    }

    #[test]
    fn a_pattern_that_cannot_be_used_says_why() {
        for (pattern, error) in [
            ("", PatternError::Beginning),
            ("ab[0-9]+", PatternError::Beginning),
            ("[a-z]+", PatternError::Beginning),
            ("\"abc[a-z]", PatternError::Beginning),
            ("äöü[a-z]", PatternError::Beginning),
            ("abc[", PatternError::Class),
            ("abc[]", PatternError::Class),
            ("abc[z-a]", PatternError::Class),
            ("abc[a-z]{", PatternError::Length),
            ("abc[a-z]{3,2}", PatternError::Length),
            ("abc[a-z]{9999}", PatternError::Length),
            ("abc+", PatternError::Length),
            ("abc[a-z]+x", PatternError::Overlap),
            ("abc[a-z]+[x-z]", PatternError::Overlap),
            ("abc(d|e)", PatternError::Sign),
            ("abc.*", PatternError::Sign),
        ] {
            assert_eq!(pattern.parse::<Pattern>(), Err(error), "{pattern}");
        }
        assert_eq!("a".repeat(300).parse::<Pattern>(), Err(PatternError::Long));
    }
}
