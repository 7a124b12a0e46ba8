//! Every bound of the normaliser in one place, with the fact behind it.

/// Decoded bytes of one payload, over all of its documents. A Lambda event is at most 1 MB and log text seldom
/// deflates by more than a factor of 20; what inflates beyond this is a bomb.
pub const DECODED_BYTES_MAX: usize = 64 << 20;

/// Bytes of a document's owner, group and stream and of an event's id. CloudWatch allows 512 characters for names and
/// 56 digits for ids; these stand in every record, so they bound it.
pub const NAME_BYTES_MAX: usize = 4096;

/// Depth of nested arrays and objects that are understood. Deeper text is kept as text.
pub const JSON_DEPTH_MAX: usize = 64;

/// JSON bytes of one record. Firehose takes 1,000 KiB a record before base64; the rest is room for the line feed and
/// for a packer's own choices.
pub const RECORD_BYTES_MAX: usize = 900 << 10;

/// Bytes of a text column that is repeated in rows derived from an event: its metric rows, and the parts of a record
/// that was cut for its size. Names and ids are shorter (CloudWatch: 255 and 1,024 characters); what is longer stands in
/// the log row or in the parts' bodies.
pub const REPEATED_COLUMN_BYTES_MAX: usize = 1 << 10;

/// JSON bytes of an event's metric rows for each byte of the event. CloudWatch bills a sample by the bytes of its line,
/// Firehose by the bytes of its row, which repeats some 600 bytes of where and when: without a bound one line of 720 KB
/// became 7 GB.
pub const METRIC_BYTES_PER_EVENT_BYTE_MAX: usize = 4;

/// JSON bytes that an event's metric rows may take however short it is: a hundred rows, which is what CloudWatch takes
/// of metrics in one directive.
pub const METRIC_BYTES_PER_EVENT_MIN: usize = 64 << 10;

/// Metric rows of one event. CloudWatch itself takes 100 metrics of 100 values a directive; what lies beyond stays in
/// the log row.
pub const METRIC_ROWS_PER_EVENT_MAX: usize = 10_000;

/// Bytes of the values, and of their counts, that a row of statistics repeats: CloudWatch's 100 values, each as long as
/// a double can be.
pub const STATISTIC_BYTES_MAX: usize = 100 * 25;

/// Dimensions that a metric row repeats, and the bytes of each: CloudWatch's own limits (30 a set, 1,024 characters).
pub const DIMENSIONS_MAX: usize = 30;
/// See [`DIMENSIONS_MAX`].
pub const DIMENSION_BYTES_MAX: usize = 4096;

/// How far a record's own clock may be before CloudWatch's and still be believed.
pub const CLOCK_BEHIND_NANO_MAX: i64 = 3600 * 1_000_000_000;

/// How far a record's own clock may be ahead of CloudWatch's and still be believed.
pub const CLOCK_AHEAD_NANO_MAX: i64 = 15 * 60 * 1_000_000_000;

/// Carriers that are opened around one line: Docker's json-file within FireLens' within Kubernetes' format is three.
pub const CARRIERS_MAX: usize = 3;

/// Objects of one line that become rows of their own: at least and at most, and the bytes of the line that each needs
/// in between. A row repeats some 600 bytes of where it comes from, so that rows stay a small multiple of their line.
pub const OBJECTS_MIN: usize = 8;
/// See [`OBJECTS_MIN`].
pub const OBJECTS_MAX: usize = 64;
/// See [`OBJECTS_MIN`].
pub const OBJECT_BYTES: usize = 256;
