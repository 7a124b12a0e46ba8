//! Rows as JSON objects. Every key stands in every row; what a JSON number cannot carry without loss is a string.

use std::io::Write;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, AsArray, RecordBatch, UnionArray};
use arrow::datatypes::{DataType, FieldRef, Int64Type, UInt64Type};
use arrow::error::ArrowError;
use arrow::json::writer::{Encoder, EncoderFactory, EncoderOptions, JsonFormat, NullableEncoder, make_encoder};
use arrow::json::{Writer, WriterBuilder};
use datafusion_functions_json::{JsonUnionEncoder, JsonUnionValue};
use transect_schema::{Completeness, write_json_string};

use super::cells::Times;
use super::{RenderError, Sink};

/// Integers up to here are exact in every JSON reader: those that read numbers as doubles.
const INTEGER_EXACT_MAX: u64 = 1 << 53;

/// Rows as an array within one object, or one a line.
pub(super) struct JsonSink<W: Write> {
    state: State<W>,
}

enum State<W: Write> {
    Object(Writer<W, Rows>),
    Lines(Writer<W, Lines>),
}

impl<W: Write> JsonSink<W> {
    /// One object, which says what is missing from it.
    pub(super) fn object(out: W) -> JsonSink<W> {
        // The format of a writer is made without arguments, so the end of the object is written here.
        JsonSink { state: State::Object(builder().build(out)) }
    }

    /// An object a row and line.
    pub(super) fn lines(out: W) -> JsonSink<W> {
        JsonSink { state: State::Lines(builder().build(out)) }
    }
}

fn builder() -> WriterBuilder {
    WriterBuilder::new().with_explicit_nulls(true).with_encoder_factory(Arc::new(Exact))
}

impl<W: Write + Send> Sink for JsonSink<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), RenderError> {
        match &mut self.state {
            State::Object(writer) => writer.write(batch)?,
            State::Lines(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    fn finish(&mut self, completeness: &Completeness) -> Result<(), RenderError> {
        match &mut self.state {
            State::Object(writer) => {
                writer.finish()?;
                writeln!(writer.get_mut(), "{}}}", completeness.json_members())?;
            }
            State::Lines(writer) => writer.finish()?,
        }
        Ok(())
    }
}

/// `{"rows":[…],`: what comes behind the rows is written by the sink.
#[derive(Debug, Default)]
struct Rows;

impl JsonFormat for Rows {
    fn start_stream<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        Ok(writer.write_all(b"{\"rows\":[")?)
    }

    fn start_row<W: Write>(&self, writer: &mut W, is_first_row: bool) -> Result<(), ArrowError> {
        Ok(writer.write_all(if is_first_row { b"\n" } else { b",\n" })?)
    }

    fn end_stream<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        Ok(writer.write_all(b"\n],")?)
    }
}

#[derive(Debug, Default)]
struct Lines;

impl JsonFormat for Lines {
    fn end_row<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        Ok(writer.write_all(b"\n")?)
    }
}

/// Encodes what Arrow's own encoders would lose or cannot write.
#[derive(Debug)]
struct Exact;

impl EncoderFactory for Exact {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Int64 => {
                let values = array.as_primitive::<Int64Type>().values();
                Box::new(Integers(move |row| (values[row].unsigned_abs(), values[row] < 0)))
            }
            DataType::UInt64 => {
                let values = array.as_primitive::<UInt64Type>().values();
                Box::new(Integers(move |row| (values[row], false)))
            }
            DataType::Timestamp(..) => match Times::of(array) {
                Some(times) => Box::new(times),
                None => return Ok(None),
            },
            DataType::Union(..) => {
                let union = array.as_any().downcast_ref::<UnionArray>().cloned();
                match union.and_then(JsonUnionEncoder::from_union) {
                    Some(values) => Box::new(Json(values)),
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

/// Magnitude and sign of the integer in a row.
struct Integers<F: Fn(usize) -> (u64, bool)>(F);

impl<F: Fn(usize) -> (u64, bool)> Encoder for Integers<F> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let (magnitude, negative) = self.0(row);
        let quote = magnitude > INTEGER_EXACT_MAX;
        let (quote, sign) = (if quote { "\"" } else { "" }, if negative { "-" } else { "" });
        // Writing into a vector cannot fail.
        let _ = write!(out, "{quote}{sign}{magnitude}{quote}");
    }
}

impl Encoder for Times<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let _ = write!(out, "\"{}\"", self.text(row));
    }
}

/// What the JSON functions give: a value of any of JSON's types.
struct Json(JsonUnionEncoder);

impl Encoder for Json {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        match self.0.get_value(row) {
            JsonUnionValue::JsonNull => out.extend_from_slice(b"null"),
            JsonUnionValue::Bool(truth) => out.extend_from_slice(if truth { b"true" } else { b"false" }),
            JsonUnionValue::Int(number) => {
                Integers(|_| (number.unsigned_abs(), number < 0)).encode(row, out);
            }
            JsonUnionValue::Float(number) if number.is_finite() => {
                let _ = write!(out, "{number:?}");
            }
            JsonUnionValue::Float(_) => out.extend_from_slice(b"null"),
            JsonUnionValue::Str(text) => write_json_string(text, out),
            // The text of the value as it stood in the attributes.
            JsonUnionValue::Array(text) | JsonUnionValue::Object(text) => out.extend_from_slice(text.as_bytes()),
        }
    }
}

static OPTIONS: LazyLock<EncoderOptions> =
    LazyLock::new(|| EncoderOptions::default().with_explicit_nulls(true).with_encoder_factory(Arc::new(Exact)));

/// The values of one nested column as JSON text.
pub(super) struct JsonText<'a> {
    encoder: NullableEncoder<'a>,
    /// Present if the values are what the JSON functions gave.
    json: Option<JsonUnionEncoder>,
    out: Vec<u8>,
}

impl<'a> JsonText<'a> {
    pub(super) fn new(field: &'a FieldRef, array: &'a dyn Array) -> Result<JsonText<'a>, ArrowError> {
        let json = array.as_any().downcast_ref::<UnionArray>().cloned().and_then(JsonUnionEncoder::from_union);
        Ok(JsonText { encoder: make_encoder(field, array, &OPTIONS)?, json, out: Vec::new() })
    }

    /// `None` for null, and for JSON's null. A text that is the whole value stands without quotes.
    pub(super) fn value(&mut self, row: usize) -> Option<&str> {
        match self.json.as_ref().map(|json| json.get_value(row)) {
            Some(JsonUnionValue::JsonNull) => return None,
            Some(JsonUnionValue::Str(text)) => return Some(text),
            _ if self.encoder.is_null(row) => return None,
            _ => {}
        }
        self.out.clear();
        self.encoder.encode(row, &mut self.out);
        std::str::from_utf8(&self.out).ok()
    }
}
