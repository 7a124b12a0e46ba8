//! What can go wrong with a question. DataFusion's errors are sorted here by who can do something about them, and a
//! mistake in SQL is shown where it stands.

use std::fmt;

use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use transect_lake::LakeError;
use unicode_width::UnicodeWidthStr;

use transect_schema::RegionNote;

use crate::names::did_you_mean;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The lake cannot be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The lake is there and holds nothing.
    #[error("no telemetry in {place}: it has no `landing/`; `transect ingest` or a delivery stream fills it")]
    NoTelemetry {
        /// The directories.
        place: String,
    },
    /// No region has answered.
    #[error("no region answers: {}", notes(.0))]
    NothingAnswers(Vec<RegionNote>),
    /// The question is about more than the caller allows.
    #[error("the question is about {bytes} bytes of files, more than the {bytes_max} allowed; narrow the time range")]
    TooLarge {
        /// Size of the files in the hours asked for.
        bytes: u64,
        /// As allowed.
        bytes_max: u64,
    },
    /// The SQL is at fault.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// The SQL is no query.
    #[error("{0} is not a query: a lake is only read here; write SELECT, EXPLAIN, DESCRIBE or SHOW")]
    NotAQuery(String),
    /// A saved query or one of its parameters is not what the caller thinks.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What would be right.
        hint: Option<String>,
    },
    /// A file in the lake cannot be read.
    #[error("{message}; move the file out of `landing/` to go on without it")]
    UnreadableFile {
        /// What the reader said, with the file's name.
        message: String,
    },
    /// The question takes more memory or disk than it may.
    #[error("{0}; narrow the time range or ask for fewer columns")]
    Exhausted(String),
    /// The question was understood, and failed on a value: a division by zero, a text that is no number.
    #[error("{0}")]
    Execution(String),
    /// A bug of ours or of the query engine.
    #[error("internal error: {0}")]
    Internal(String),
}

fn notes(regions: &[RegionNote]) -> String {
    let notes: Vec<String> = regions.iter().map(|note| format!("{}: {}", note.region, note.reason)).collect();
    notes.join("; ")
}

impl QueryError {
    /// A sentence that may help, besides the message.
    pub fn hint(&self) -> Option<&str> {
        match self {
            QueryError::Sql(error) => error.hint.as_deref(),
            QueryError::Usage { hint, .. } => hint.as_deref(),
            QueryError::Execution(text) if text.contains("Error parsing timestamp") => {
                Some("write a time whole, such as '2026-11-21T08:00:00Z'")
            }
            _ => None,
        }
    }
}

/// A mistake in the text of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    /// What is wrong.
    pub message: String,
    /// Where, if known: line and column, both from 1, the column in characters.
    pub place: Option<(u64, u64)>,
    /// The line at fault and a caret below the place; two lines without a line feed at the end.
    pub excerpt: Option<String>,
    /// What was meant, if something near exists.
    pub hint: Option<String>,
}

impl std::error::Error for SqlError {}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "SQL, line {line}, column {column}: {}", self.message),
            None => write!(f, "SQL: {}", self.message),
        }
    }
}

/// What a query may name, to find the nearest of it.
#[derive(Default)]
pub(crate) struct Names<'n> {
    pub(crate) tables: &'n [&'n str],
    pub(crate) functions: &'n [&'n str],
}

/// Sorts an error that came up while `sql` was planned or run.
pub(crate) fn from_datafusion(error: DataFusionError, sql: &str, names: &Names<'_>) -> QueryError {
    let mut place = None;
    let mut diagnostic_message = None;
    let mut current = &error;
    loop {
        match current {
            DataFusionError::Diagnostic(diagnostic, inner) => {
                place = place.or(diagnostic.span.map(|span| (span.start.line, span.start.column)));
                diagnostic_message = Some(diagnostic.message.clone());
                current = inner;
            }
            DataFusionError::Context(_, inner) => current = inner,
            DataFusionError::Shared(inner) => current = inner,
            // The first mistake is the one to mend first.
            DataFusionError::Collection(errors) if !errors.is_empty() => current = &errors[0],
            _ => break,
        }
    }
    if let Some(lake) = take_lake_error(current) {
        return lake;
    }
    let message = current.message().into_owned();
    if let Some(insights) = insights_error(&message, sql) {
        return insights.into();
    }
    // A file that fails in a scan has been told from a filter that fails there: this is the question's own mistake.
    if let Some(mistake) = mistake_in_filter(&message) {
        return QueryError::Execution(mistake);
    }
    match current {
        DataFusionError::SchemaError(schema, _) => schema_error(schema, place, sql).into(),
        DataFusionError::SQL(..) => parser_error(&message, sql).into(),
        DataFusionError::Plan(_) | DataFusionError::NotImplemented(_) | DataFusionError::Configuration(_) => {
            plan_error(diagnostic_message.as_deref(), &message, place, sql, names)
        }
        DataFusionError::ResourcesExhausted(_) => QueryError::Exhausted(first_line(&message)),
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => {
            QueryError::UnreadableFile { message: first_line(&message) }
        }
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            arrow::error::ArrowError::ParquetError(text) => QueryError::UnreadableFile { message: first_line(text) },
            arrow::error::ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) if inner.message().contains("arquet") => {
                    QueryError::UnreadableFile { message: first_line(&inner.message()) }
                }
                _ => QueryError::Execution(first_line(&message)),
            },
            _ => QueryError::Execution(first_line(&message)),
        },
        DataFusionError::Execution(_) => QueryError::Execution(first_line(&message)),
        DataFusionError::External(inner) => match inner.downcast_ref::<parquet::errors::ParquetError>() {
            Some(error) => QueryError::UnreadableFile { message: error.to_string() },
            None => QueryError::Execution(first_line(&message)),
        },
        _ => QueryError::Internal(message),
    }
}

/// What went wrong in a filter that the reader of a file evaluates, out of the text that it stands in.
fn mistake_in_filter(message: &str) -> Option<String> {
    let (_, shown) = message.split_once("Error evaluating filter predicate: ")?;
    let shown = first_line(shown);
    // As Rust's own form of it has it: `ArrowError(CastError("…"), Some(""))`.
    let bare = shown.strip_prefix("ArrowError(").and_then(|rest| rest.strip_suffix(", Some(\"\"))"));
    let bare = bare.unwrap_or(&shown);
    let text = bare.split_once("(\"").and_then(|(_, rest)| rest.strip_suffix("\")"));
    Some(text.map_or_else(|| bare.to_owned(), |text| text.replace("\\\"", "\"").replace("\\'", "'")))
}

/// An error of the lake that came up while hours were listed, as it is rather than as text.
fn take_lake_error(error: &DataFusionError) -> Option<QueryError> {
    let DataFusionError::External(inner) = error else { return None };
    // Planning hands errors on by reference, and those of the file system cannot be copied: the parts that callers
    // tell apart are rebuilt, the rest keeps its text.
    Some(match inner.downcast_ref::<LakeError>()? {
        LakeError::NotPermitted { action, path } => LakeError::NotPermitted { action, path: path.clone() }.into(),
        LakeError::NoSuchDirectory(path) => LakeError::NoSuchDirectory(path.clone()).into(),
        LakeError::NotADirectory(path) => LakeError::NotADirectory(path.clone()).into(),
        LakeError::NoAnswer { region, reason } => {
            LakeError::NoAnswer { region: region.clone(), reason: reason.clone() }.into()
        }
        other => {
            let mut message = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(inner) = cause {
                message = format!("{message}: {inner}");
                cause = inner.source();
            }
            QueryError::Execution(message)
        }
    })
}

/// Names of CloudWatch Logs Insights, and what they are here.
const INSIGHTS: [(&str, &str); 10] = [
    ("@timestamp", "timestamp"),
    ("@message", "body"),
    ("@log", "aws_log_group"),
    ("@logStream", "aws_log_stream"),
    ("@ingestionTime", "observed_time_unix_nano"),
    ("@requestId", "faas_invocation_id"),
    ("@duration", "duration_nano"),
    ("@type", "event_name"),
    ("@ptr", "event_id"),
    ("@entity", "attributes"),
];

/// `@timestamp` is an operator before a name, for SQL: an absolute value. Whoever writes it means the field of Insights.
fn insights_error(message: &str, sql: &str) -> Option<SqlError> {
    let is_operator = message.contains("PGAbs") || message.contains("Abs");
    let begins =
        |(at, _): &(usize, &str)| !sql[..*at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '\'');
    let (at, name) = sql.match_indices('@').filter(|_| is_operator).filter(begins).find_map(|(at, _)| {
        let rest = &sql[at + 1..];
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        (end > 0).then(|| (at, &sql[at..=at + end]))
    })?;
    let before = &sql[..at];
    let line = before.matches('\n').count() as u64 + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
    let known = INSIGHTS.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
    let hint = match known {
        Some((_, column)) => format!("it is `{column}` here; `transect schema` lists the columns"),
        None => "`transect schema` lists the columns".to_owned(),
    };
    Some(locate(format!("`{name}` is a field of CloudWatch Logs Insights"), Some((line, column)), sql, Some(hint)))
}

fn schema_error(error: &SchemaError, place: Option<(u64, u64)>, sql: &str) -> SqlError {
    let qualified = |column: &Column| match &column.relation {
        Some(relation) => format!("`{}` in `{}`", column.name, relation.table()),
        None => format!("`{}`", column.name),
    };
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let place = place.or_else(|| field.spans().first().map(|span| (span.start.line, span.start.column)));
            let insights = INSIGHTS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&field.name));
            let hint = insights
                .map(|(_, column)| format!("it is `{column}` here"))
                .or_else(|| did_you_mean(&field.name, valid_fields.iter().map(|valid| valid.name.as_str())));
            locate(format!("no column {}", qualified(field)), place, sql, hint)
        }
        SchemaError::AmbiguousReference { field } => {
            let hint = Some(format!("write the table before it: `t.{}`", field.name));
            locate(format!("column {} stands in more than one table", qualified(field)), place, sql, hint)
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => locate(
            format!("column `{name}` comes twice"),
            place,
            sql,
            Some("name one of them otherwise with AS".into()),
        ),
    }
}

fn parser_error(message: &str, sql: &str) -> SqlError {
    let message = message.strip_prefix("ParserError(\"").and_then(|m| m.strip_suffix("\")")).unwrap_or(message);
    let message = message.strip_prefix("sql parser error: ").unwrap_or(message);
    let (text, place) = match message.rsplit_once(" at Line: ") {
        Some((text, numbers)) => (text, parse_place(numbers)),
        None => (message, None),
    };
    locate(first_line(text), place, sql, None)
}

/// From `3, Column: 14`.
fn parse_place(text: &str) -> Option<(u64, u64)> {
    let (line, column) = text.split_once(", Column: ")?;
    let digits = column.find(|letter: char| !letter.is_ascii_digit()).map_or(column, |end| &column[..end]);
    Some((line.parse().ok()?, digits.parse().ok()?))
}

fn plan_error(
    diagnostic: Option<&str>,
    message: &str,
    place: Option<(u64, u64)>,
    sql: &str,
    names: &Names<'_>,
) -> QueryError {
    for refused in ["DDL not supported: ", "DML not supported: ", "Statement not supported: "] {
        if let Some(statement) = message.strip_prefix(refused) {
            return QueryError::NotAQuery(statement_name(statement));
        }
    }
    let short = diagnostic.unwrap_or(message);
    if let Some(table) = short.strip_prefix("table '").and_then(|rest| rest.strip_suffix("' not found")) {
        let bare = table.rsplit('.').next().unwrap_or(table);
        let hint = did_you_mean(bare, names.tables.iter().copied())
            .or_else(|| Some(format!("there are {}", names.tables.join(", "))));
        return locate(format!("no table `{bare}`"), place, sql, hint).into();
    }
    if let Some(parameter) = message.strip_prefix("No value found for placeholder with name ") {
        return QueryError::Usage { message: format!("no value for parameter `{parameter}`"), hint: None };
    }
    if let Some(function) = short.strip_prefix("Invalid function '").and_then(|rest| rest.split('\'').next()) {
        let hint = did_you_mean(function, names.functions.iter().copied());
        return locate(format!("no function `{function}`"), place, sql, hint).into();
    }
    // Lists of every column make some of DataFusion's messages pages long.
    locate(first_line(short), place, sql, None).into()
}

/// `CreateMemoryTable` as people write it.
fn statement_name(name: &str) -> String {
    let mut text = String::new();
    let mut after_lower = false;
    for letter in name.chars().take_while(|letter| letter.is_alphanumeric() || *letter == ' ') {
        if letter.is_uppercase() && after_lower {
            text.push(' ');
        }
        after_lower = letter.is_lowercase();
        text.extend(letter.to_uppercase());
    }
    text
}

fn locate(message: String, place: Option<(u64, u64)>, sql: &str, hint: Option<String>) -> SqlError {
    let place = place.filter(|(line, column)| *line > 0 && *column > 0);
    let excerpt = place.and_then(|(line, column)| excerpt(sql, line, column));
    SqlError { message, place, excerpt, hint }
}

/// Characters of the line shown, and how many of them before the place if the line is longer.
const EXCERPT_LENGTH: usize = 100;
const EXCERPT_BEFORE: usize = 60;

fn excerpt(sql: &str, line: u64, column: u64) -> Option<String> {
    let text = sql.lines().nth(usize::try_from(line - 1).ok()?)?;
    // A tab is one character and of unknown width.
    let letters: Vec<char> = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let place = usize::try_from(column - 1).ok()?.min(letters.len());
    let start = if letters.len() <= EXCERPT_LENGTH { 0 } else { place.saturating_sub(EXCERPT_BEFORE) };
    let end = letters.len().min(start + EXCERPT_LENGTH);
    let before: String = letters[start..place].iter().collect();
    let after: String = letters[place..end].iter().collect();
    Some(format!("{before}{after}\n{}^", " ".repeat(before.width())))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_points_below_the_letter_whatever_its_width() {
        assert_eq!(excerpt("select\n  x from t", 2, 3).unwrap(), "  x from t\n  ^");
        assert_eq!(excerpt("\t日本 x", 1, 5).unwrap(), " 日本 x\n      ^");
        assert_eq!(excerpt("select", 1, 99).unwrap(), "select\n      ^");
        assert_eq!(excerpt("select", 2, 1), None);
        let long = format!("{}x{}", "a".repeat(500), "b".repeat(500));
        let shown = excerpt(&long, 1, 501).unwrap();
        let (text, caret) = shown.split_once('\n').unwrap();
        assert_eq!((text.len(), &text[EXCERPT_BEFORE..=EXCERPT_BEFORE], caret.len()), (100, "x", EXCERPT_BEFORE + 1));
    }

    #[test]
    fn a_mistake_in_a_filter_is_told_without_what_it_came_in() {
        let told = |shown: &str| {
            mistake_in_filter(&format!("External: Compute error: Error evaluating filter predicate: {shown}"))
        };
        for (shown, expected) in [
            (
                r#"ArrowError(CastError("Cannot cast string 'a\"b' to value of Int32 type"), Some(""))"#,
                "Cannot cast string 'a\"b' to value of Int32 type",
            ),
            (r#"ArrowError(DivideByZero, Some(""))"#, "DivideByZero"),
            (r#"Execution("no")"#, "no"),
            ("something else", "something else"),
        ] {
            assert_eq!(told(shown).as_deref(), Some(expected), "{shown}");
        }
        assert_eq!(mistake_in_filter("Parquet error: EOF"), None);
    }

    #[test]
    fn statements_are_named_as_people_write_them() {
        assert_eq!(statement_name("CreateMemoryTable"), "CREATE MEMORY TABLE");
        assert_eq!(statement_name("Insert Into"), "INSERT INTO");
    }
}
