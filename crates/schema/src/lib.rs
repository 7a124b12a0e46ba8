//! The columns of a telemetry row, once. From this table come [`Record`], its JSON form, the Glue column list, the
//! Athena DDL and the table of `docs/reference/columns.md`; the Arrow schema is derived from it in `transect-lake`.
//!
//! Beside it stand what all rooms say alike: words that columns hold, whether an answer is complete, and what a terminal
//! would act upon.
//!
//! This crate refuses to know Arrow, the AWS SDK or any query engine: it is data and the text rendered from it.

mod completeness;
mod json;
mod render;
mod sampling;
mod visible;
mod words;

use std::borrow::Cow;

pub use completeness::{Completeness, FileNote, RegionNote};
pub use json::{json_special_marks, write_json_string};
pub use render::{athena_ddl, column_table_markdown, columns_json, glue_columns_json};
pub use sampling::{SAMPLE_RATE_ATTRIBUTE, disown_sample_rate, sample_rate};
pub use visible::{VisibleJson, visible, visible_lines};
pub use words::{HTTP_ERROR, PLATFORM, SEVERITY_ERROR, SPAN_IN_PROGRESS, STATUS_ERROR};

/// The value of the `schema_version` column in rows that this release writes. Columns are only ever added, so a
/// reader accepts every version up to and including its own.
pub const SCHEMA_VERSION: i32 = 1;

/// The partition columns of the lake's `landing/` folders, outermost first. They live in the path, never in the file.
pub const PARTITIONS: [&str; 3] = ["region", "date", "hour"];

/// The type of a column, in Glue's terms. Whoever turns it into another system's type must `match` without a
/// wildcard, so that a new type does not compile until it is handled there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// Signed 64-bit integer.
    BigInt,
    /// Signed 32-bit integer.
    Int,
    /// IEEE 754 double.
    Double,
    /// True or false.
    Boolean,
    /// UTF-8 text.
    String,
}

impl ColumnType {
    /// The name that Glue, Athena and Hive use.
    pub const fn glue_name(self) -> &'static str {
        match self {
            ColumnType::BigInt => "bigint",
            ColumnType::Int => "int",
            ColumnType::Double => "double",
            ColumnType::Boolean => "boolean",
            ColumnType::String => "string",
        }
    }
}

/// One column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name in SQL, JSON, Glue and Parquet.
    pub name: &'static str,
    /// Type in Glue's terms.
    pub column_type: ColumnType,
    /// Whether every row that this release writes has a value. Readers still accept null: Firehose writes every
    /// column as optional.
    pub required: bool,
    /// What the column holds, with its unit.
    pub doc: &'static str,
}

/// One value of a [`Record`], borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'r> {
    /// Of a [`ColumnType::BigInt`] column.
    BigInt(i64),
    /// Of a [`ColumnType::Int`] column.
    Int(i32),
    /// Of a [`ColumnType::Double`] column.
    Double(f64),
    /// Of a [`ColumnType::Boolean`] column.
    Boolean(bool),
    /// Of a [`ColumnType::String`] column.
    String(&'r str),
}

macro_rules! columns {
    (@type BigInt required $a:lifetime) => { i64 };
    (@type Int required $a:lifetime) => { i32 };
    (@type String required $a:lifetime) => { Cow<$a, str> };
    (@type BigInt optional $a:lifetime) => { Option<i64> };
    (@type Int optional $a:lifetime) => { Option<i32> };
    (@type Double optional $a:lifetime) => { Option<f64> };
    (@type Boolean optional $a:lifetime) => { Option<bool> };
    (@type String optional $a:lifetime) => { Option<Cow<$a, str>> };

    (@value String required $field:expr) => { Some(Value::String(&$field)) };
    (@value $type:ident required $field:expr) => { Some(Value::$type($field)) };
    (@value String optional $field:expr) => { $field.as_deref().map(Value::String) };
    (@value $type:ident optional $field:expr) => { $field.map(Value::$type) };

    (@text String required $field:expr) => { $field.len() };
    (@text String optional $field:expr) => { $field.as_deref().map_or(0, str::len) };
    (@text $type:ident $need:ident $field:expr) => { 0 };

    (@owned String required $field:expr) => { Cow::Owned($field.into_owned()) };
    (@owned String optional $field:expr) => { $field.map(|text| Cow::Owned(text.into_owned())) };
    (@owned $type:ident $need:ident $field:expr) => { $field };

    (@from BigInt required $value:expr) => { if let Some(Value::BigInt(number)) = $value { number } else { 0 } };
    (@from Int required $value:expr) => { if let Some(Value::Int(number)) = $value { number } else { 0 } };
    (@from String required $value:expr) => {
        if let Some(Value::String(text)) = $value { Cow::Owned(text.to_owned()) } else { Cow::Borrowed("") }
    };
    (@from String optional $value:expr) => {
        if let Some(Value::String(text)) = $value { Some(Cow::Owned(text.to_owned())) } else { None }
    };
    (@from $type:ident optional $value:expr) => { if let Some(Value::$type(value)) = $value { Some(value) } else { None } };

    (@required required) => { true };
    (@required optional) => { false };

    ($($name:ident: $type:ident $need:ident, $doc:literal;)+) => {
        /// Every column, in the order of the contract.
        pub const COLUMNS: &[Column] = &[$(Column {
            name: stringify!($name),
            column_type: ColumnType::$type,
            required: columns!(@required $need),
            doc: $doc,
        }),+];

        /// One row: a log line, a span or a metric sample. Text borrows from the payload wherever it stands there as
        /// it is.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Record<'a> {
            $(#[doc = $doc] pub $name: columns!(@type $type $need 'a),)+
        }

        impl Record<'_> {
            /// The values in the order of [`COLUMNS`]; `None` where the row has none.
            pub fn values(&self) -> [Option<Value<'_>>; COLUMNS.len()] {
                [$(columns!(@value $type $need self.$name)),+]
            }

            /// Bytes of all of its texts.
            pub fn text_bytes(&self) -> usize {
                0 $(+ columns!(@text $type $need self.$name))+
            }

            /// A row of the values that `value` gives for each place in [`COLUMNS`]. Where it gives none, or one of
            /// another type, there is none; a required column is then empty or 0.
            pub fn from_values<'v>(mut value: impl FnMut(usize) -> Option<Value<'v>>) -> Record<'static> {
                let mut index = 0;
                let mut next = || {
                    index += 1;
                    value(index - 1)
                };
                Record { $($name: columns!(@from $type $need next()),)+ }
            }

            /// The same row, borrowing nothing.
            pub fn into_owned(self) -> Record<'static> {
                Record { $($name: columns!(@owned $type $need self.$name),)+ }
            }

            /// Appends the row as one JSON object: keys in the order of [`COLUMNS`], absent columns left out, no
            /// line feed at the end and none inside.
            pub fn write_json(&self, out: &mut Vec<u8>) {
                let start = out.len();
                $(if let Some(value) = columns!(@value $type $need self.$name) {
                    out.extend_from_slice(concat!(",\"", stringify!($name), "\":").as_bytes());
                    json::write_value(value, out);
                })+
                // There are required columns, so a comma stands where the object opens.
                out[start] = b'{';
                out.push(b'}');
            }
        }
    };
}

columns! {
    time_unix_nano: BigInt required, "When it happened, in nanoseconds since 1970 UTC: the record's own timestamp if it has one no more than 1 h before and 15 min after CloudWatch's, else CloudWatch's (the original stays in `attributes`)";
    observed_time_unix_nano: BigInt required, "CloudWatch's event timestamp, in nanoseconds since 1970 UTC";
    event_id: String required, "CloudWatch's event id; rows derived from the same event append `/n`. With region, group and stream it is the dedupe key";
    signal: String required, "`log`, `span` or `metric`";
    event_name: String optional, "What kind of event: `platform.report`, `platform.start`, `aws.emf`, `exception`, …";
    trace_id: String optional, "32 lower-case hex digits, whatever spelling came in";
    span_id: String optional, "16 lower-case hex digits";
    parent_span_id: String optional, "16 lower-case hex digits";
    correlation_id: String optional, "The application's own id of the request";
    faas_invocation_id: String optional, "Lambda request id";
    severity_number: Int optional, "OpenTelemetry severity, 1 to 24";
    severity_text: String optional, "Severity as written";
    body: String optional, "The message";
    service_name: String optional, "Service, as the log says";
    service_version: String optional, "Release, when the application states one";
    cloud_account_id: String optional, "Account that owns the log group";
    cloud_region: String optional, "Region that the forwarder runs in, or the one that the event's `extractedFields` name";
    faas_name: String optional, "Lambda function, from the log group, stream, ARN or record";
    faas_version: String optional, "Lambda function version: `$LATEST` or a number counted per function and region";
    faas_coldstart: Boolean optional, "Whether the invocation initialised a new sandbox";
    aws_log_group: String optional, "CloudWatch log group";
    aws_log_stream: String optional, "CloudWatch log stream";
    span_name: String optional, "Name of the span";
    span_kind: String optional, "`SERVER`, `CLIENT`, `PRODUCER`, `CONSUMER` or `INTERNAL`";
    status_code: String optional, "`UNSET`, `OK` or `ERROR`; `ERROR` also for failed or timed-out invocations";
    status_message: String optional, "Why the status is what it is";
    duration_nano: BigInt optional, "Duration of the span or invocation, in nanoseconds";
    exception_type: String optional, "Type of the exception";
    exception_message: String optional, "Message of the exception";
    exception_stacktrace: String optional, "Stack trace, as text";
    http_request_method: String optional, "HTTP method";
    http_route: String optional, "HTTP route template";
    url_path: String optional, "Path of the URL";
    http_response_status_code: Int optional, "HTTP status";
    metric_namespace: String optional, "Namespace of the metric";
    metric_name: String optional, "Name of the metric";
    metric_unit: String optional, "Unit of the metric, as CloudWatch names it";
    metric_value: Double optional, "Value of the sample: one row a sample";
    attributes: String optional, "JSON object text with everything else, types and nesting kept";
    schema_version: Int required, "Version of this schema: 1";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lower_case_because_openx_lowers_every_key() {
        for (index, column) in COLUMNS.iter().enumerate() {
            assert_eq!(column.name, column.name.to_lowercase());
            assert!(COLUMNS[..index].iter().all(|earlier| earlier.name != column.name), "{} twice", column.name);
            assert!(!PARTITIONS.contains(&column.name), "{} is a partition", column.name);
        }
    }

    #[test]
    fn values_are_in_column_order_and_of_the_column_type() {
        let record = Record { trace_id: Some("a".into()), metric_value: Some(1.5), ..Record::default() };
        for (column, value) in COLUMNS.iter().zip(record.values()) {
            match (column.name, value) {
                ("trace_id", value) => assert_eq!(value, Some(Value::String("a"))),
                ("metric_value", value) => assert_eq!(value, Some(Value::Double(1.5))),
                (_, value) => assert_eq!(value.is_some(), column.required, "{}", column.name),
            }
        }
    }

    #[test]
    fn a_row_comes_back_from_its_values() {
        let record = Record {
            time_unix_nano: 7,
            event_id: "a".into(),
            body: Some("b".into()),
            faas_coldstart: Some(false),
            metric_value: Some(1.5),
            schema_version: SCHEMA_VERSION,
            ..Record::default()
        };
        let values = record.values();
        assert_eq!(Record::from_values(|index| values[index]), record);
        assert_eq!(Record::from_values(|_| Some(Value::Boolean(true))).faas_coldstart, Some(true));
    }

    #[test]
    fn json_leaves_absent_columns_out_and_escapes_text() {
        let record = Record {
            time_unix_nano: 1_795_250_573_001_234_567,
            event_id: "7".into(),
            signal: "log".into(),
            body: Some("a \"quote\"\n\u{0}\u{7f}é".into()),
            faas_coldstart: Some(true),
            metric_value: Some(231.5),
            schema_version: SCHEMA_VERSION,
            ..Record::default()
        };
        let mut out = Vec::new();
        record.write_json(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"time_unix_nano\":1795250573001234567,\"observed_time_unix_nano\":0,\"event_id\":\"7\",\"signal\":\"log\",\
             \"body\":\"a \\\"quote\\\"\\n\\u0000\u{7f}é\",\"faas_coldstart\":true,\"metric_value\":231.5,\"schema_version\":1}"
        );
    }

    #[test]
    fn a_double_that_json_cannot_say_is_null_and_the_object_stays_valid() {
        let mut out = Vec::new();
        Record { metric_value: Some(f64::INFINITY), ..Record::default() }.write_json(&mut out);
        let parsed: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert!(parsed["metric_value"].is_null());
    }
}
