//! What can be configured, in one table: it reads the environment, words the errors and renders the table of its guide.
//!
//! It refuses to guess: a value that is not allowed ends the start with the variable's name, what is wrong with it and
//! what is allowed.

use std::fmt::Write as _;

use thiserror::Error;
use transect_normalize::{Options, Pattern};

/// One variable of the environment.
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The value that an unset or empty variable stands for; `None` where one must be given.
    pub default: Option<&'static str>,
    /// What may stand there, in the words of an error.
    pub allowed: &'static str,
    /// What it does.
    pub meaning: &'static str,
    read: fn(&mut Config, &str) -> Result<(), String>,
}

/// Every variable of ours, in the order of the documentation.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "TRANSECT_DELIVERY_STREAM",
        default: None,
        allowed: "the name of a Firehose stream of this region: 1 to 64 letters, digits, `_`, `.` and `-`",
        meaning: "the Firehose stream that records go to",
        read: |config, text| {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
            if text.len() > 64 || !text.bytes().all(is_name) {
                return Err("not the name of a stream".to_owned());
            }
            config.delivery_stream = text.to_owned();
            Ok(())
        },
    },
    Variable {
        name: "TRANSECT_REDACT",
        default: Some("on"),
        allowed: "`on` or `off`",
        meaning: "whether secrets are replaced before they leave the region",
        read: |config, text| {
            config.normalize.redact = match text {
                "on" => true,
                "off" => false,
                _ => return Err(format!("`{text}` is neither")),
            };
            Ok(())
        },
    },
    Variable {
        name: "TRANSECT_REDACT_KEYS",
        default: Some(""),
        allowed: KEYS_ALLOWED,
        meaning: "further keys whose values are secrets, in any case and separator",
        read: |config, text| keys(text).map(|keys| config.normalize.redact_keys = keys),
    },
    Variable {
        name: "TRANSECT_REDACT_PATTERNS",
        default: Some(""),
        allowed: "up to 32 patterns with blanks between, each a beginning of at least 3 letters and then classes with lengths, such as `acme_live_[A-Za-z0-9]{20,}`",
        meaning: "further shapes of text that are secrets",
        read: |config, text| patterns(text).map(|patterns| config.normalize.redact_patterns = patterns),
    },
    Variable {
        name: "TRANSECT_CORRELATION_KEYS",
        default: Some(""),
        allowed: KEYS_ALLOWED,
        meaning: "keys that hold the application's own id of a request, looked for before the built-in ones",
        read: |config, text| keys(text).map(|keys| config.normalize.correlation_keys = keys),
    },
    Variable {
        name: "TRANSECT_RELEASE_KEYS",
        default: Some(""),
        allowed: KEYS_ALLOWED,
        meaning: "keys that hold the release, looked for before the built-in ones",
        read: |config, text| keys(text).map(|keys| config.normalize.release_keys = keys),
    },
    Variable {
        name: "TRANSECT_MIN_SEVERITY",
        default: Some("none"),
        allowed: "`none`, `trace`, `debug`, `info`, `warn`, `error` or `fatal`",
        meaning: "logs below it are dropped; those without a level and embedded metrics are kept",
        read: |config, text| {
            config.severity_number_min = match text {
                "none" => None,
                "trace" => Some(1),
                "debug" => Some(5),
                "info" => Some(9),
                "warn" => Some(13),
                "error" => Some(17),
                "fatal" => Some(21),
                _ => return Err(format!("`{text}` is no severity")),
            };
            Ok(())
        },
    },
    Variable {
        name: "TRANSECT_SAMPLE_RATE",
        default: Some("1"),
        allowed: "a number above 0 and up to 1, such as 0.1",
        meaning: "the share of traces that is kept; errors, warnings, reports, the start and end of each call, and failed spans always are",
        read: |config, text| {
            let rate: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
            if !(rate > 0.0 && rate <= 1.0) {
                return Err(format!("{text} is out of range"));
            }
            config.sample_rate = rate;
            Ok(())
        },
    },
    Variable {
        name: "TRANSECT_MAX_DECODED_MIB",
        default: Some("64"),
        allowed: "a whole number of MiB from 1 to 1024",
        meaning: "a payload that inflates to more is refused as a bomb",
        read: |config, text| {
            let mib: usize = text.parse().map_err(|_| format!("`{text}` is no whole number"))?;
            if !(1..=1024).contains(&mib) {
                return Err(format!("{text} is out of range"));
            }
            config.decoded_bytes_max = mib << 20;
            Ok(())
        },
    },
];

const KEYS_ALLOWED: &str = "up to 64 names with commas between, each up to 64 bytes";

fn keys(text: &str) -> Result<Vec<String>, String> {
    let keys: Vec<String> = text.split(',').map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect();
    match keys.iter().find(|key| key.len() > 64) {
        Some(long) => Err(format!("a name of {} bytes", long.len())),
        None if keys.len() > 64 => Err(format!("{} names", keys.len())),
        None => Ok(keys),
    }
}

/// Patterns of one forwarder: what the search for the built-in ones takes on and stays fast.
const PATTERNS_MAX: usize = 32;

fn patterns(text: &str) -> Result<Vec<Pattern>, String> {
    let patterns: Vec<&str> = text.split_whitespace().collect();
    if patterns.len() > PATTERNS_MAX {
        return Err(format!("{} patterns", patterns.len()));
    }
    patterns.iter().map(|text| text.parse().map_err(|error| format!("`{text}`: {error}"))).collect()
}

/// What Lambda sets before it starts a function, and the runtime cannot do without.
const SET_BY_LAMBDA: &[&str] = &[
    "AWS_REGION",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// What the environment says.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The Firehose stream.
    pub delivery_stream: String,
    /// How messages are read.
    pub normalize: Options,
    /// Logs with a lower OpenTelemetry severity are dropped.
    pub severity_number_min: Option<i32>,
    /// The share of traces that is kept, above 0 and up to 1.
    pub sample_rate: f64,
    /// Bytes that a payload may inflate to.
    pub decoded_bytes_max: usize,
    /// The region that records are stamped with.
    pub region: String,
    /// The forwarder's own log group, whose events it must not forward.
    pub own_log_group: Option<String>,
    /// The name under which the function counts itself.
    pub function_name: String,
}

/// Why the environment cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// A variable has no value and needs one.
    #[error("{name} is not set: it takes {allowed}")]
    Missing {
        /// Which.
        name: &'static str,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A value is not allowed.
    #[error("{name}: {fault}; it takes {allowed}")]
    Wrong {
        /// Which.
        name: &'static str,
        /// What is wrong.
        fault: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// The name is nearly one of ours.
    #[error("{name} is no variable of the forwarder; did you mean {nearest}?")]
    Misspelt {
        /// Which.
        name: String,
        /// What was probably meant.
        nearest: &'static str,
    },
}

/// How many letters a name may differ from one of ours and be taken for it. Other programs of the project have variables
/// that begin alike, and are none of the forwarder's business.
const MISSPELT_LETTERS_MAX: usize = 3;

impl Config {
    /// Reads the environment, given as names and values.
    ///
    /// # Errors
    /// The first variable that is missing, wrong or misspelt.
    pub fn read(environment: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
        let environment: std::collections::HashMap<String, String> =
            environment.filter(|(_, value)| !value.trim().is_empty()).collect();
        let get = |name: &str| environment.get(name).map(|value| value.trim());
        if let Some(name) = SET_BY_LAMBDA.iter().find(|name| get(name).is_none()) {
            return Err(ConfigError::Missing {
                name,
                allowed: "what Lambda sets: it is Lambda that starts this program",
            });
        }
        let mut config = Config {
            delivery_stream: String::new(),
            normalize: Options::default(),
            severity_number_min: None,
            sample_rate: 1.0,
            decoded_bytes_max: 0,
            region: get("AWS_REGION").unwrap_or_default().to_owned(),
            own_log_group: get("AWS_LAMBDA_LOG_GROUP_NAME").map(str::to_owned),
            function_name: get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default().to_owned(),
        };
        for variable in VARIABLES {
            let Some(text) = get(variable.name).or(variable.default) else {
                return Err(ConfigError::Missing { name: variable.name, allowed: variable.allowed });
            };
            (variable.read)(&mut config, text).map_err(|fault| ConfigError::Wrong {
                name: variable.name,
                fault,
                allowed: variable.allowed,
            })?;
        }
        let mut names: Vec<&String> = environment.keys().collect();
        names.sort();
        for name in names {
            let distance = |variable: &&Variable| strsim::damerau_levenshtein(name, variable.name);
            if let Some(nearest) = VARIABLES.iter().min_by_key(distance)
                && (1..=MISSPELT_LETTERS_MAX).contains(&distance(&nearest))
            {
                return Err(ConfigError::Misspelt { name: name.clone(), nearest: nearest.name });
            }
        }
        Ok(config)
    }
}

/// What `--help` prints.
pub fn render_help() -> String {
    let mut out = "transect-forwarder: the Lambda that sends CloudWatch Logs subscriptions to Firehose. Lambda starts it; it takes \
                   no arguments and reads the environment:\n"
        .to_owned();
    for Variable { name, default, allowed, meaning, .. } in VARIABLES {
        let default = match default {
            None => "required".to_owned(),
            Some("") => "default: none".to_owned(),
            Some(default) => format!("default: {default}"),
        };
        // Writing into a string cannot fail.
        let _ = write!(out, "\n  {name}  ({default})\n      {meaning}\n      takes {allowed}\n");
    }
    out
}

/// The table of `docs/guides/forwarder.md`.
pub fn render_markdown() -> String {
    let mut out = "| variable | default | takes | what it does |\n|---|---|---|---|\n".to_owned();
    for Variable { name, default, allowed, meaning, .. } in VARIABLES {
        let default = match default {
            None => "required".to_owned(),
            Some("") => "none".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        // Writing into a string cannot fail.
        let _ = writeln!(out, "| `{name}` | {default} | {allowed} | {meaning} |");
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure here is the message")]

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let mut base: Vec<(&str, &str)> = SET_BY_LAMBDA.iter().map(|name| (*name, "1")).collect();
        base.extend([("AWS_REGION", "eu-west-2"), ("TRANSECT_DELIVERY_STREAM", "transect")]);
        // As in an environment, the last value of a name is the one.
        let environment: std::collections::BTreeMap<_, _> = base.iter().chain(pairs).copied().collect();
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Config::read(environment).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_those_of_the_table() {
        let config = read(&[]).unwrap();
        assert_eq!(config.region, "eu-west-2");
        assert_eq!(config.normalize, Options::default());
        assert_eq!((config.sample_rate, config.severity_number_min, config.decoded_bytes_max), (1.0, None, 64 << 20));
        // An empty value is an unset one: templates pass empty parameters on.
        assert_eq!(read(&[("TRANSECT_SAMPLE_RATE", " "), ("TRANSECT_REDACT", "")]).unwrap(), config);
    }

    #[test]
    fn values_are_read() {
        let config = read(&[
            ("TRANSECT_REDACT", "off"),
            ("TRANSECT_REDACT_KEYS", "iban, tax_id ,"),
            ("TRANSECT_REDACT_PATTERNS", "acme_live_[A-Za-z0-9]{20,}  corp-[0-9]{8}"),
            ("TRANSECT_CORRELATION_KEYS", "headers.order-id"),
            ("TRANSECT_RELEASE_KEYS", "build"),
            ("TRANSECT_MIN_SEVERITY", "warn"),
            ("TRANSECT_SAMPLE_RATE", "0.25"),
            ("TRANSECT_MAX_DECODED_MIB", "16"),
        ])
        .unwrap();
        assert!(!config.normalize.redact);
        assert_eq!(config.normalize.redact_keys, ["iban", "tax_id"]);
        let patterns = ["acme_live_[A-Za-z0-9]{20,}", "corp-[0-9]{8}"].map(|pattern| pattern.parse().unwrap());
        assert_eq!(config.normalize.redact_patterns, patterns);
        assert_eq!(config.normalize.correlation_keys, ["headers.order-id"]);
        assert_eq!(config.normalize.release_keys, ["build"]);
        assert_eq!(config.severity_number_min, Some(13));
        assert_eq!((config.sample_rate, config.decoded_bytes_max), (0.25, 16 << 20));
    }

    #[test]
    fn every_variable_refuses_what_it_does_not_take_by_name() {
        let wrong = [
            ("TRANSECT_DELIVERY_STREAM", "arn:aws:firehose"),
            ("TRANSECT_REDACT", "yes"),
            ("TRANSECT_REDACT_KEYS", &"k".repeat(65)),
            ("TRANSECT_REDACT_PATTERNS", "[a-z]+"),
            ("TRANSECT_CORRELATION_KEYS", &"k".repeat(65)),
            ("TRANSECT_RELEASE_KEYS", &"k,".repeat(65)),
            ("TRANSECT_MIN_SEVERITY", "loud"),
            ("TRANSECT_SAMPLE_RATE", "0"),
            ("TRANSECT_MAX_DECODED_MIB", "0"),
        ];
        assert_eq!(wrong.map(|(name, _)| name).to_vec(), VARIABLES.iter().map(|row| row.name).collect::<Vec<_>>());
        for ((name, value), row) in wrong.iter().zip(VARIABLES) {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(name) && error.ends_with(row.allowed), "{error}");
        }
        for rate in ["NaN", "1.5", "-1", "inf", "ten"] {
            assert!(read(&[("TRANSECT_SAMPLE_RATE", rate)]).is_err(), "{rate}");
        }
        assert!(read(&[("TRANSECT_REDACT_PATTERNS", &"abc[0-9] ".repeat(33))]).is_err());
        let misspelt = read(&[("TRANSECT_REDACT_KEY", "iban")]).unwrap_err();
        assert!(misspelt.ends_with("did you mean TRANSECT_REDACT_KEYS?"), "{misspelt}");
        // The command line's own variable may be set beside.
        assert!(read(&[("TRANSECT_LAKE", "/lake")]).is_ok());
        assert!(
            read(&[("TRANSECT_DELIVERY_STREAM", "")]).unwrap_err().starts_with("TRANSECT_DELIVERY_STREAM is not set")
        );
    }

    #[test]
    fn started_by_hand_it_says_who_starts_it() {
        for name in SET_BY_LAMBDA {
            let error = read(&[(name, "")]).unwrap_err();
            assert!(error.starts_with(&format!("{name} is not set: it takes what Lambda sets")), "{error}");
        }
    }

    #[test]
    fn the_help_names_every_variable() {
        assert!(VARIABLES.iter().all(|row| render_help().contains(row.name)));
    }

    #[test]
    fn the_guide_holds_this_table() {
        let guide = include_str!("../../../docs/guides/forwarder.md");
        let table = render_markdown();
        assert!(guide.contains(&table), "docs/guides/forwarder.md lacks this table:\n{table}");
    }
}
