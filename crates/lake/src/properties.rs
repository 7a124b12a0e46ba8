//! How a Parquet file is written: compression, statistics, encodings and bloom filters. It refuses to know rows.

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{BloomFilterPosition, EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

/// The columns that questions look needles up by, and that no order helps with: they alone have bloom filters.
pub const BLOOM_FILTER_COLUMNS: [&str; 3] = ["trace_id", "faas_invocation_id", "correlation_id"];

/// One row group in a hundred is read in vain. Folding makes the filter of a mostly empty column small by itself.
const BLOOM_FILTER_FPP: f64 = 0.01;

/// Columns whose values hardly repeat within a row group: a dictionary would be filled and thrown away.
const WITHOUT_DICTIONARY: [&str; 8] = [
    "time_unix_nano",
    "observed_time_unix_nano",
    "event_id",
    "span_id",
    "body",
    "attributes",
    "duration_nano",
    "metric_value",
];

/// Times rise in small steps, which this encoding stores.
const DELTA_ENCODED: [&str; 2] = ["time_unix_nano", "observed_time_unix_nano"];

pub(crate) fn writer_properties(row_group_rows: usize, zstd_level: i32) -> Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("transect ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(zstd_level)?))
        .set_max_row_group_row_count(Some(row_group_rows))
        .set_statistics_enabled(EnabledStatistics::Page)
        // At the end, so that a reader's first request for the footer brings them along.
        .set_bloom_filter_position(BloomFilterPosition::End);
    for column in BLOOM_FILTER_COLUMNS {
        builder = builder
            .set_column_bloom_filter_enabled(ColumnPath::from(column), true)
            .set_column_bloom_filter_fpp(ColumnPath::from(column), BLOOM_FILTER_FPP)
            .set_column_bloom_filter_max_ndv(ColumnPath::from(column), row_group_rows as u64);
    }
    for column in WITHOUT_DICTIONARY {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(column), false);
    }
    for column in DELTA_ENCODED {
        builder = builder.set_column_encoding(ColumnPath::from(column), Encoding::DELTA_BINARY_PACKED);
    }
    Ok(builder.build())
}
