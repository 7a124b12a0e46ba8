//! Payload bytes to records: decode what CloudWatch Logs delivers and make of every log event at least one row with
//! the columns of `transect-schema`.
//!
//! This crate is pure. It refuses to do I/O, to read a clock or the environment, to drop a line, and to panic, whatever
//! the input.
//!
//! ```
//! use transect_normalize::{Normalizer, Options, Origin, decode};
//!
//! let payload = decode(br#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s",
//!     "logEvents":[{"id":"7","timestamp":1795250573000,"message":"{\"level\":\"warn\",\"msg\":\"low stock\"}"}]}"#)?;
//! let normalizer = Normalizer::new(&Options::default());
//! let origin = Origin { region: "us-east-2", account: None, now_unix_nano: 0 };
//! for document in payload.documents() {
//!     normalizer.normalize(document, &origin, &mut |record| {
//!         assert_eq!(record.body.as_deref(), Some("low stock"));
//!         assert_eq!(record.severity_number, Some(13));
//!     });
//! }
//! # Ok::<(), transect_normalize::DecodeError>(())
//! ```

mod access;
mod attributes;
mod carrier;
mod colours;
mod decode;
mod draft;
mod exception;
pub mod forwarder;
mod gunzip;
mod ids;
mod json;
mod keys;
pub mod limits;
mod logfmt;
mod memo;
mod metric;
mod normalize;
mod object;
mod oversize;
mod platform;
mod prefix;
mod redact;
mod severity;
mod text;
mod time;

pub use decode::{DecodeError, Document, Payload, decode, decode_within};
pub use gunzip::{GunzipError, gunzip};
pub use ids::{AnyId, parse_any_id, parse_trace_id};
pub use normalize::{Normalizer, Options, Origin, Stats};
pub use prefix::text_forms_markdown;
pub use redact::{KNOWN as KNOWN_SECRETS, Known as KnownSecret, Pattern, PatternError};
