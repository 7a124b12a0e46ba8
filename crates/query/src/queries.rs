//! The saved queries: one file a question in `queries/`, embedded here. The comment at the head of a file is its help
//! and declares its parameters, which are typed placeholders: no value is ever put into the text of a query.

use std::sync::LazyLock;

use datafusion::common::ScalarValue;

use crate::logs::Unknown;
use crate::names::{did_you_mean, hint_of};
use crate::question::Question;
use crate::{QueryError, Result};

macro_rules! saved {
    ($($name:literal),+ $(,)?) => {
        /// Every file of `queries/`: its name and its text.
        const SAVED: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../../queries/", $name, ".sql")))),+];
    };
}

saved![
    "cold-starts",
    "cost-by-function",
    "duplicate-deliveries",
    "error-budget",
    "error-rate-by-release",
    "errors-by-exception",
    "failing-calls",
    "failures-by-route",
    "function-failures",
    "late-deliveries",
    "latency-by-route",
    "log-volume-by-group",
    "memory-headroom",
    "not-understood",
    "region-traffic",
    "retries-and-throttles",
    "slowest-invocations",
    "traces-across-regions",
    "traces-across-releases",
    "traffic-shifts",
];

/// A question with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedQuery {
    /// What it is called: its file's name.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What its answer says, in paragraphs; empty if the summary says it all.
    pub help: String,
    /// What may be passed to it.
    pub params: Vec<Param>,
    /// The query, comment and all.
    pub sql: &'static str,
}

/// A parameter of a saved query.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// As in `--param name=value` and `$name`.
    pub name: &'static str,
    /// What values it takes.
    pub kind: ParamKind,
    /// The least and greatest of a number.
    pub bounds: Option<(f64, f64)>,
    /// As written in the file; without one a value must be given.
    pub default: Option<&'static str>,
    /// What it does.
    pub doc: String,
}

/// What values a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
}

impl ParamKind {
    /// As written in the comment of a query.
    pub fn name(self) -> &'static str {
        match self {
            ParamKind::Text => "text",
            ParamKind::Integer => "integer",
            ParamKind::Number => "number",
        }
    }

    fn parse(text: &str) -> Option<ParamKind> {
        [ParamKind::Text, ParamKind::Integer, ParamKind::Number].into_iter().find(|kind| kind.name() == text)
    }

    fn value(self, text: &str) -> Option<ScalarValue> {
        Some(match self {
            ParamKind::Text => ScalarValue::Utf8(Some(text.to_owned())),
            ParamKind::Integer => ScalarValue::Int64(Some(text.trim().parse().ok()?)),
            ParamKind::Number => {
                let number: f64 = text.trim().parse().ok()?;
                ScalarValue::Float64(Some(number).filter(|number| number.is_finite())?.into())
            }
        })
    }
}

impl SavedQuery {
    /// The values of all parameters, for [`crate::Question::sql`]; those not given take their default.
    /// [`QueryError::Usage`] if one is unknown, missing, given twice or of the wrong kind.
    pub fn bind(&self, given: &[(String, String)]) -> Result<Vec<(String, ScalarValue)>> {
        for (index, (name, _)) in given.iter().enumerate() {
            let known = self.params.iter().any(|param| param.name == name);
            if known && given[..index].iter().all(|(earlier, _)| earlier != name) {
                continue;
            }
            let message = match known {
                true => format!("parameter `{name}` is given twice"),
                false => format!("query `{}` has no parameter `{name}`; it has {}", self.name, self.param_names()),
            };
            return Err(QueryError::Usage {
                message,
                hint: did_you_mean(name, self.params.iter().map(|param| param.name)).filter(|_| !known),
            });
        }
        self.params.iter().map(|param| Ok((param.name.to_owned(), self.bind_param(param, given)?))).collect()
    }

    fn bind_param(&self, param: &Param, given: &[(String, String)]) -> Result<ScalarValue> {
        let usage = |message| QueryError::Usage { message, hint: Some(param.doc.clone()) };
        let text = given.iter().find(|(name, _)| name == param.name).map(|(_, value)| value.as_str());
        let text = text.or(param.default).ok_or_else(|| {
            usage(format!("query `{}` needs a value: --param {}={}", self.name, param.name, param.kind.name()))
        })?;
        let value = param.kind.value(text);
        let value = value.ok_or_else(|| {
            usage(format!("parameter `{}` is of kind {}, not `{text}`", param.name, param.kind.name()))
        })?;
        match (param.bounds, number(&value)) {
            (Some((least, greatest)), Some(number)) if !(least..=greatest).contains(&number) => {
                Err(usage(format!("parameter `{}` is {least} to {greatest}, not `{text}`", param.name)))
            }
            _ => Ok(value),
        }
    }

    fn param_names(&self) -> String {
        let names: Vec<&str> = self.params.iter().map(|param| param.name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// From the comment at the head of a file:
    ///
    /// ```sql
    /// -- One sentence.
    /// --
    /// -- More of them.
    /// --
    /// -- Parameters:
    /// --   name (kind, default value)  what it does
    /// --                               and more of that
    /// --   name (integer 1 to 60, default value)  numbers have bounds
    /// ```
    fn parse(name: &'static str, sql: &'static str) -> Option<SavedQuery> {
        let head = sql.lines().map_while(|line| line.strip_prefix("--"));
        let mut lines = head.map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
        let summary = lines.next()?;
        let mut help: Vec<&str> = Vec::new();
        let mut params: Vec<Param> = Vec::new();
        let mut in_params = false;
        for line in lines {
            match line {
                "Parameters:" => in_params = true,
                line if !in_params => help.push(line),
                "" => {}
                line => match parse_param(line) {
                    Some(param) => params.push(param),
                    None => {
                        let doc = &mut params.last_mut()?.doc;
                        doc.push(' ');
                        doc.push_str(line.trim());
                    }
                },
            }
        }
        Some(SavedQuery { name, summary, help: help.join("\n").trim().to_owned(), params, sql })
    }
}

/// From `  name (kind, default value)  doc`.
fn parse_param(line: &'static str) -> Option<Param> {
    let line = line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?;
    let (name, rest) = line.split_once(" (")?;
    let (declared, doc) = rest.split_once(')')?;
    let (kind, default) = match declared.split_once(", default ") {
        Some((kind, default)) => (kind, Some(default.trim_matches('\''))),
        None => (declared, None),
    };
    let (kind, bounds) = match kind.split_once(' ') {
        Some((kind, bounds)) => {
            let (least, greatest) = bounds.split_once(" to ")?;
            (kind, Some((least.parse().ok()?, greatest.parse().ok()?)))
        }
        None => (kind, None),
    };
    Some(Param { name, kind: ParamKind::parse(kind)?, bounds, default, doc: doc.trim().to_owned() })
}

fn number(value: &ScalarValue) -> Option<f64> {
    match value {
        ScalarValue::Int64(number) => number.map(|number| number as f64),
        ScalarValue::Float64(number) => *number,
        _ => None,
    }
}

/// Parameters that are names of something, what of, and where rows have theirs.
const NAMING: [(&str, &str, &str); 3] = [
    ("service", "service", "coalesce(service_name, faas_name)"),
    ("function", "function", "coalesce(faas_name, service_name)"),
    ("group", "log group", "aws_log_group"),
];
/// The one that names a region, which a lake has or has not.
const REGION_PARAM: &str = "region";

impl Question {
    /// Which of the names that a saved query was given no record in the range has.
    pub async fn unknown_params(&self, params: &[(String, ScalarValue)]) -> Result<Vec<Unknown>> {
        let mut unknown = Vec::new();
        for (param, kind, column) in NAMING {
            let Some(name) = given(params, param) else { continue };
            let there = self.names_of(column, "true").await?;
            if !there.iter().any(|there| there == name) {
                let hint = hint_of(name, || there.iter().map(String::as_str));
                unknown.push(Unknown { kind, name: name.to_owned(), hint });
            }
        }
        Ok(unknown)
    }

    /// Refuses a region that a saved query is given and that the lake does not have.
    pub async fn check_region_param(&self, params: &[(String, ScalarValue)]) -> Result<()> {
        let named = given(params, REGION_PARAM).map(str::to_owned);
        self.check_regions(&named.into_iter().collect::<Vec<_>>()).await
    }
}

/// What a parameter that names something was given; empty is nothing.
fn given<'p>(params: &'p [(String, ScalarValue)], wanted: &str) -> Option<&'p str> {
    params.iter().find_map(|(name, value)| match value {
        ScalarValue::Utf8(Some(value)) if name == wanted && !value.is_empty() => Some(value.as_str()),
        _ => None,
    })
}

static PARSED: LazyLock<Vec<SavedQuery>> =
    LazyLock::new(|| SAVED.iter().filter_map(|(name, sql)| SavedQuery::parse(name, sql)).collect());

/// Every saved query, by name.
pub fn saved_queries() -> &'static [SavedQuery] {
    &PARSED
}

/// The saved query of a name; [`QueryError::Usage`] with the nearest names if there is none.
pub fn saved_query(name: &str) -> Result<&'static SavedQuery> {
    saved_queries().iter().find(|query| query.name == name).ok_or_else(|| {
        let names = || saved_queries().iter().map(|query| query.name);
        QueryError::Usage {
            message: format!("no saved query `{name}`; there are {}", names().collect::<Vec<_>>().join(", ")),
            hint: did_you_mean(name, names()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_the_table_and_in_order() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../queries");
        let mut files: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".sql").map(str::to_owned))
            .collect();
        files.sort();
        assert_eq!(SAVED.iter().map(|(name, _)| *name).collect::<Vec<_>>(), files);
        assert_eq!(saved_queries().len(), SAVED.len(), "a head does not parse");
    }

    #[test]
    fn heads_help_and_parameters_are_used() {
        for query in saved_queries() {
            assert!(query.summary.ends_with('.') && query.summary.len() <= 100, "{}: {}", query.name, query.summary);
            for param in &query.params {
                let is_naming = NAMING.iter().any(|(name, ..)| *name == param.name) || param.name == REGION_PARAM;
                assert_eq!(is_naming, param.kind == ParamKind::Text, "{}: what does {} name?", query.name, param.name);
                assert_eq!(param.bounds.is_some(), !is_naming, "{}: numbers have bounds: {}", query.name, param.name);
                assert!(query.sql.contains(&format!("${}", param.name)), "{} never uses {}", query.name, param.name);
                assert!(!param.doc.is_empty(), "{} {}", query.name, param.name);
            }
            query.bind(&[]).unwrap();
            assert!(query.sql.to_lowercase().contains("order by"), "{} gives its rows in any order", query.name);
        }
    }

    #[test]
    fn parameters_are_typed_and_named() {
        let query = SavedQuery::parse(
            "q",
            "-- Sum.\n-- More,\n-- and more.\n--\n-- Parameters:\n--   limit (integer 1 to 9, default 5)  how many\n\
             --                                      at most\n--   service (text)                     which\nSELECT $limit",
        )
        .unwrap();
        assert_eq!((query.summary, query.help.as_str()), ("Sum.", "More,\nand more."));
        assert_eq!(query.params[0].doc, "how many at most");
        let given = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            query.bind(&pairs)
        };
        assert_eq!(
            given(&[("service", "it's; DROP")]).unwrap(),
            [
                ("limit".to_owned(), ScalarValue::Int64(Some(5))),
                ("service".to_owned(), ScalarValue::Utf8(Some("it's; DROP".to_owned()))),
            ]
        );
        for (pairs, message, hint) in [
            (
                &[("limit", "x"), ("service", "a")][..],
                "parameter `limit` is of kind integer, not `x`",
                "how many at most",
            ),
            (&[("limit", "0"), ("service", "a")], "parameter `limit` is 1 to 9, not `0`", "how many at most"),
            (
                &[("limit", "99999999999"), ("service", "a")],
                "parameter `limit` is 1 to 9, not `99999999999`",
                "how many at most",
            ),
            (&[], "query `q` needs a value: --param service=text", "which"),
            (
                &[("sevice", "a")],
                "query `q` has no parameter `sevice`; it has limit, service",
                "did you mean `service`?",
            ),
        ] {
            let error = given(pairs).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.hint()), (message, Some(hint)));
        }
        let error = given(&[("service", "a"), ("service", "b")]).unwrap_err();
        assert_eq!(error.to_string(), "parameter `service` is given twice");
    }

    #[test]
    fn an_unknown_query_is_told_the_nearest() {
        let error = saved_query("cold-start").unwrap_err();
        assert_eq!(error.hint(), Some("did you mean `cold-starts`?"));
    }
}
