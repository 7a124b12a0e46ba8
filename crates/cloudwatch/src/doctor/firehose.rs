//! The settings of the stream that the lake needs, each with a row of its own where it is another. CloudFormation and the
//! service take some that make a lake nobody can read. It refuses to name the bucket.

use serde_json::{Value, json};
use transect_lake::Place;

use super::observed::{Conversion, Deserializer, Observed, S3Destination, Stream};
use super::{Check, Expected, Finding, Rows, words};

/// Firehose takes no less where it converts (Firehose, record format conversion), and no more at all.
const BUFFER_MIB: std::ops::RangeInclusive<i32> = 64..=128;
const BUFFER_SECONDS_MAX: i32 = 900;
/// As the template has them.
const BUFFER_MIB_USUAL: i32 = 128;
const BUFFER_SECONDS_USUAL: i32 = 300;
/// The table of deploy/generated/glue-columns.json.
const TABLE: &str = "telemetry";
/// The version of a Glue table that columns which are added are in.
const LATEST: &str = "LATEST";

pub(super) fn firehose(observed: &Observed, expected: &Expected) -> Vec<Finding> {
    let mut rows = Rows::of(observed, Check::Firehose);
    let name = expected.names.delivery_stream();
    let stream = match &observed.stream {
        Ok(stream) => stream,
        Err(fault) if fault.is("ResourceNotFoundException") => {
            rows.fail(
                format!("no stream `{name}` in this region"),
                format!(
                    "`--name` if the deployment has another, else `{}`",
                    words::deploy(&expected.names, &observed.region)
                ),
            );
            return rows.found;
        }
        Err(fault) => {
            rows.fault(fault);
            return rows.found;
        }
    };
    let rule = Rule { observed, expected, stream };
    rule.stream(&mut rows);
    match &stream.s3 {
        Some(s3) => {
            rule.keys(&mut rows, s3);
            rule.place(&mut rows, s3);
            rule.buffer(&mut rows, s3);
            rule.conversion(&mut rows, s3);
            rule.extras(&mut rows, s3);
        }
        None => rows.fail("delivers to something other than S3", rule.anew()),
    }
    let s3 = stream.s3.as_ref();
    rows.or_ok(format!(
        "{}, Parquet after {} MiB or {} s",
        stream.status,
        s3.and_then(|s3| s3.buffer_mib).unwrap_or_default(),
        s3.and_then(|s3| s3.buffer_seconds).unwrap_or_default()
    ))
}

/// The folder that the lake is of its bucket, with a slash behind it; empty for the whole bucket.
fn base(observed: &Observed) -> String {
    match observed.lake.as_ref().map(|lake| &lake.place) {
        Some(Place::Bucket(bucket)) if !bucket.prefix().is_empty() => format!("{}/", bucket.prefix()),
        _ => String::new(),
    }
}

struct Rule<'r> {
    observed: &'r Observed,
    expected: &'r Expected,
    stream: &'r Stream,
}

impl Rule<'_> {
    /// The command that changes settings of the destination. The version that it must name grows with every change.
    fn update(&self, settings: &Value) -> String {
        let (region, name) = (&self.observed.region, self.expected.names.delivery_stream());
        let destination = self.stream.destination_id.as_deref().unwrap_or("destinationId-000000000001");
        format!(
            "`aws firehose update-destination --region {region} --delivery-stream-name {name} --destination-id {destination} \
             --current-delivery-stream-version-id \"$(aws firehose describe-delivery-stream --region {region} --delivery-stream-name \
             {name} --query DeliveryStreamDescription.VersionId --output text)\" --extended-s3-destination-update {}`",
            words::quote(&settings.to_string())
        )
    }

    /// What no update changes.
    fn anew(&self) -> String {
        let (region, name) = (&self.observed.region, self.expected.names.delivery_stream());
        format!(
            "it cannot be changed: `aws firehose delete-delivery-stream --region {region} --delivery-stream-name {name}` and `{}`, \
             while ReservedConcurrency=0 keeps what comes",
            words::deploy(&self.expected.names, region)
        )
    }

    fn stream(&self, rows: &mut Rows<'_>) {
        let Stream { status, failure, source, .. } = self.stream;
        match status.as_str() {
            "ACTIVE" => {}
            "CREATING" => rows
                .warn("CREATING: it takes nothing yet", format!("again: `transect doctor --region {}`", rows.region)),
            _ => {
                let because = failure.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
                rows.fail(format!("{status}{because}: it takes nothing"), self.anew());
            }
        }
        if source != "DirectPut" {
            rows.fail(format!("its source is {source}: it takes nothing from the forwarder"), self.anew());
        }
    }

    /// Where objects are found again.
    fn keys(&self, rows: &mut Rows<'_>, s3: &S3Destination) {
        let (base, region) = (base(self.observed), &self.observed.region);
        let prefix = format!("{base}landing/region={region}/date=!{{timestamp:yyyy-MM-dd}}/hour=!{{timestamp:HH}}/");
        let shown = |text: &Option<String>| text.as_ref().map_or("none".to_owned(), |text| format!("`{text}`"));
        if s3.prefix.as_ref() != Some(&prefix) {
            rows.fail(
                format!("prefix {}: hours cannot be listed, the lake looks empty", shown(&s3.prefix)),
                self.update(&json!({ "Prefix": prefix })),
            );
        }
        let errors = format!("{base}errors/region={region}/!{{firehose:error-output-type}}/");
        if !s3.error_prefix.as_ref().is_some_and(|prefix| prefix.starts_with(&errors)) {
            let prefix = format!("{errors}date=!{{timestamp:yyyy-MM-dd}}/hour=!{{timestamp:HH}}/");
            rows.fail(
                format!(
                    "error prefix {}: what cannot be converted is not found by `transect redrive`",
                    shown(&s3.error_prefix)
                ),
                self.update(&json!({ "ErrorOutputPrefix": prefix })),
            );
        }
        if let Some(zone) = s3.time_zone.as_ref().filter(|zone| *zone != "UTC") {
            rows.fail(
                format!("time zone {zone}: hours of the lake are UTC, and files lie in others"),
                self.update(&json!({ "CustomTimeZone": "UTC" })),
            );
        }
        if let Some(extension) = s3.file_extension.as_ref().filter(|extension| *extension != ".parquet") {
            rows.fail(
                format!("file extension `{extension}`: the lake reads `.parquet` alone"),
                self.update(&json!({ "FileExtension": ".parquet" })),
            );
        }
    }

    /// Whether the lake is read where the stream writes.
    fn place(&self, rows: &mut Rows<'_>, s3: &S3Destination) {
        let (region, name) = (&self.observed.region, self.expected.names.delivery_stream());
        let Some(Place::Bucket(bucket)) = self.observed.lake.as_ref().map(|lake| &lake.place) else { return };
        // What is read from another maker's store was copied there.
        if bucket.endpoint().is_none() && super::bucket_name(&s3.bucket_arn) != Some(bucket.name()) {
            rows.fail(
                "delivers to another bucket than the lake reads for this region",
                format!(
                    "the url of `{region}` in transect.toml or --lake: s3:// and what stands behind `:::` in `aws firehose \
                     describe-delivery-stream --region {region} --delivery-stream-name {name} --query \
                     'DeliveryStreamDescription.Destinations[0].ExtendedS3DestinationDescription.BucketARN' --output text`"
                ),
            );
        }
    }

    fn buffer(&self, rows: &mut Rows<'_>, s3: &S3Destination) {
        let wanted = |mib: i32, seconds: i32| {
            self.update(&json!({ "BufferingHints": { "SizeInMBs": mib, "IntervalInSeconds": seconds } }))
        };
        let sound_mib = s3.buffer_mib.filter(|mib| BUFFER_MIB.contains(mib));
        let sound_seconds = s3.buffer_seconds.filter(|seconds| *seconds <= BUFFER_SECONDS_MAX);
        let fix = || wanted(sound_mib.unwrap_or(BUFFER_MIB_USUAL), sound_seconds.unwrap_or(BUFFER_SECONDS_USUAL));
        let shown = |number: Option<i32>, unit| number.map_or("none".to_owned(), |number| format!("{number} {unit}"));
        if sound_mib.is_none() {
            rows.fail(
                format!(
                    "buffer size {}: Parquet takes {} to {} MiB",
                    shown(s3.buffer_mib, "MiB"),
                    BUFFER_MIB.start(),
                    BUFFER_MIB.end()
                ),
                fix(),
            );
        }
        if sound_seconds.is_none() {
            rows.fail(
                format!("buffer interval {}: at most {BUFFER_SECONDS_MAX} s", shown(s3.buffer_seconds, "s")),
                fix(),
            );
        }
        if s3.compression != "UNCOMPRESSED" {
            rows.fail(
                format!(
                    "compression {}: Parquet compresses itself, and is refused with another around it",
                    s3.compression
                ),
                self.update(&json!({ "CompressionFormat": "UNCOMPRESSED" })),
            );
        }
    }

    /// From JSON lines to the columns of the lake.
    fn conversion(&self, rows: &mut Rows<'_>, s3: &S3Destination) {
        let fix = || self.update(&json!({ "DataFormatConversionConfiguration": self.wanted_conversion(s3) }));
        let Some(conversion) = s3.conversion.as_ref().filter(|conversion| conversion.is_enabled) else {
            rows.fail("nothing is converted to Parquet: the lake reads nothing else", fix());
            return;
        };
        match conversion.deserializer {
            Some(Deserializer::OpenX) => {}
            Some(Deserializer::Hive) => rows.warn("Hive reads the JSON: it was tried with OpenX alone", fix()),
            None => rows.fail("nothing reads the JSON", fix()),
        }
        if !conversion.is_parquet {
            rows.fail("writes something other than Parquet", fix());
        }
        match (&conversion.database, &conversion.table, &conversion.region) {
            (None, ..) | (_, None, _) | (.., None) => rows.fail("Glue database, table or region is missing", fix()),
            (_, Some(table), _) if table != TABLE => {
                rows.warn(
                    format!("Glue table `{table}`: columns come from `{TABLE}` elsewhere, and others are dropped"),
                    fix(),
                );
            }
            (.., Some(region)) if *region != self.observed.region => {
                rows.warn(format!("Glue table in {region}: if that region is down, this one converts nothing"), fix());
            }
            _ => {}
        }
        if let Some(version) = conversion.version.as_ref().filter(|version| *version != LATEST) {
            rows.warn(format!("version {version} of the Glue table: columns that were added since are dropped"), fix());
        }
    }

    fn wanted_conversion(&self, s3: &S3Destination) -> Value {
        let conversion = s3.conversion.as_ref();
        let same_region =
            |conversion: &&Conversion| conversion.region.as_ref().is_none_or(|region| *region == self.observed.region);
        let database = conversion.filter(same_region).and_then(|conversion| conversion.database.clone());
        let usual = || self.expected.names.name().replace('-', "_");
        json!({
            "Enabled": true,
            "InputFormatConfiguration": { "Deserializer": { "OpenXJsonSerDe": {} } },
            "OutputFormatConfiguration": { "Serializer": { "ParquetSerDe": {} } },
            "SchemaConfiguration": {
                "DatabaseName": database.unwrap_or_else(usual),
                "TableName": TABLE,
                "Region": self.observed.region,
                "VersionId": LATEST,
                "RoleARN": conversion.and_then(|conversion| conversion.role_arn.as_ref()).unwrap_or(&s3.role_arn),
            },
        })
    }

    /// What costs or hides something and breaks nothing.
    fn extras(&self, rows: &mut Rows<'_>, s3: &S3Destination) {
        if !s3.is_logging {
            let group = &self.expected.names.own_groups()[1];
            let logging = json!({ "Enabled": true, "LogGroupName": group, "LogStreamName": "delivery" });
            rows.warn(
                "its errors are not logged: why something is not delivered is not to be found out",
                self.update(&json!({ "CloudWatchLoggingOptions": logging })),
            );
        }
        if s3.is_processing {
            rows.warn(
                "processors change records before they are converted",
                self.update(&json!({ "ProcessingConfiguration": { "Enabled": false } })),
            );
        }
        if s3.is_partitioning {
            rows.fail("dynamic partitioning: keys are not those of the lake, and each GB costs more", self.anew());
        }
        if s3.is_backing_up {
            rows.warn(
                "every record is kept a second time as it came, where no lifecycle of the lake ends it",
                self.anew(),
            );
        }
    }
}
