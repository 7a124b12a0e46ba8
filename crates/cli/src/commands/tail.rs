//! `transect tail`: log events as they are written. It refuses to follow and merge; that is `transect-cloudwatch`'s.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use transect_cloudwatch::tail::{Request, Tailed, tail};
use transect_lake::record_batch;
use transect_query::{Completeness, Format, LineStyle, Logs, RegionNote, TableStyle, render_batch, render_logs};

use crate::arguments::{Global, Tail};
use crate::failure::Failure;
use crate::output::{self, Destination};
use crate::range::parse_duration;
use crate::{clock, cloud, signals, zone};

/// PutLogEvents takes nothing that is older.
const LATE_NANO_MAX: i64 = 14 * 24 * 3600 * 1_000_000_000;

pub fn run(own: &Tail, global: &Global) -> Result<(), Failure> {
    let format = output::row_format(global)?;
    if !matches!(format, Format::Table | Format::Ndjson) {
        return Err(Failure::usage("`transect tail` has no end to be written at", "it writes table or ndjson"));
    }
    let nanos = own.duration.as_deref().map(|text| parse_duration("--for", text)).transpose()?;
    let late = parse_duration("--late", &own.late)?;
    if late > LATE_NANO_MAX {
        return Err(Failure::usage(
            format!("--late {}: no event is that late", own.late),
            "CloudWatch Logs takes what is up to 14d old",
        ));
    }
    let request = Request {
        names: cloud::names(&own.deployment)?,
        groups: own.group.clone(),
        pattern: own.filter.clone(),
        services: own.service.clone(),
        severity_min: own.level.map(|level| level as i32),
        poll: own.poll,
        lateness: Duration::from_nanos(late.unsigned_abs()),
        duration: nanos.map(|nanos| Duration::from_nanos(nanos.unsigned_abs())),
        normalize: cloud::reading(&own.reading),
    };
    let regions = cloud::regions(global)?;
    if global.dry_run {
        return output::print(global, &format!("would follow {} in {}\n", groups(own), regions.join(", ")));
    }
    let mut destination = Destination::open(global)?;
    let mut style = destination.table_style(global);
    style.width = None;
    let time_zone = zone::shown(own.utc, global);
    let lines = LineStyle { color: style.color, short_time: destination.is_terminal(), time_zone };
    let mut written: io::Result<()> = Ok(());
    let summary = {
        let mut out = BufWriter::new(destination.writer());
        output::block_on(None, async {
            let regions = cloud::connect(&regions).await;
            tail(&regions, &request, &clock::now_unix_nano, |tailed| {
                match tailed {
                    Tailed::Record(record) => {
                        let batch = record_batch([record.as_ref()]).map_err(io::Error::other).and_then(with_release);
                        written = batch.and_then(|batch| show(batch, format, &style, &lines, &mut out));
                    }
                    Tailed::Note { region, text } => output::say(global, &format!("transect: {region}: {text}")),
                }
                written.is_ok()
            })
            .await
        })
    };
    // What was shown stays, whatever ended it.
    written?;
    destination.publish()?;
    let summary = match summary {
        // Ctrl-C is how one ends it.
        Err(Failure::Interrupted) if request.duration.is_none() && signals::is_interrupt() => return Ok(()),
        summary => summary?,
    };
    let completeness = Completeness {
        missing_regions: summary
            .missing
            .iter()
            .map(|missing| RegionNote { region: missing.region.clone(), reason: missing.reason.clone() })
            .collect(),
        ..Completeness::default()
    };
    output::finish(global, &completeness, &transect_query::NamesSeen::default())?;
    if summary.groups == 0 {
        return Err(cloud::no_log_group(&own.group));
    }
    Ok(())
}

fn groups(own: &Tail) -> String {
    if own.group.is_empty() { "all log groups".to_owned() } else { own.group.join(" or ") }
}

/// The `release` that a query would show: what the application states, else the function's version.
fn with_release(batch: RecordBatch) -> io::Result<RecordBatch> {
    let text = |name: &str| batch.column_by_name(name)?.as_any().downcast_ref::<StringArray>();
    let stated = |name: &str, row: usize| {
        text(name).filter(|texts| arrow::array::Array::is_valid(texts, row)).map(|texts| texts.value(row).to_owned())
    };
    let releases: StringArray = (0..batch.num_rows())
        .map(|row| stated("service_version", row).or_else(|| stated("faas_version", row)))
        .collect();
    let mut fields: Vec<Arc<Field>> = batch.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("release", DataType::Utf8, true)));
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(releases) as ArrayRef);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(io::Error::other)
}

fn show(
    rows: RecordBatch,
    format: Format,
    style: &TableStyle,
    lines: &LineStyle,
    out: &mut (dyn Write + Send),
) -> io::Result<()> {
    let completeness = Completeness::default();
    if format == Format::Table {
        let found =
            Logs { is_match: vec![true; rows.num_rows()], rows, is_cut: false, is_neighbour_cut: false, completeness };
        render_logs(&found, false, lines, out)?;
    } else {
        render_batch(&rows, format, style, &completeness, out).map_err(|error| match error {
            transect_query::RenderError::Write(error) => error,
            other => io::Error::other(other),
        })?;
    }
    out.flush()
}
