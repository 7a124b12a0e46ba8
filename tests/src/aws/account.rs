//! What lies in a region: log groups with their filters and events, account policies, functions with aliases, streams. Tests
//! lay it out and look at it. It refuses to know how a service speaks of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ACCOUNT;

/// When everything was made, in milliseconds since 1970: 2026-11-01.
pub(super) const MADE_UNIX_MILLI: i64 = 1_793_491_200_000;
/// Between what a function says and CloudWatch Logs' having it.
const INGESTION_MILLI: i64 = 1_500;

/// A region.
#[derive(Clone, Debug, Default)]
pub struct Region {
    /// Such as `us-east-2`.
    pub name: String,
    /// By name.
    pub groups: BTreeMap<String, Group>,
    /// Account policies, by type and name.
    pub policies: BTreeMap<(String, String), Policy>,
    /// By name.
    pub functions: BTreeMap<String, Function>,
    /// By name.
    pub streams: BTreeMap<String, Stream>,
    /// What could not be delivered to subscriptions, as CloudWatch counts it.
    pub deliveries: Vec<Delivery>,
    /// Filters that a group may have: the quota, 2 in accounts that asked for nothing.
    pub filters_per_group_max: usize,
    /// Whether the pages of `DescribeLogGroups` lead in a circle.
    pub is_circular: bool,
    /// Events that a page of `FilterLogEvents` holds at most; 10,000 in the service.
    pub page_events_max: usize,
    pub(super) events: u64,
    pub(super) revisions: u64,
}

/// Events of a minute that a subscription's destination did not take.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Of which log group.
    pub group: String,
    /// By which filter; empty for the account's policy.
    pub filter: String,
    /// When.
    pub minute_unix_milli: i64,
    /// How many.
    pub events: f64,
    /// Whether it was asked to wait, rather than refused.
    pub is_throttled: bool,
}

/// A log group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Such as `/aws/lambda/payments`.
    pub name: String,
    /// What it holds.
    pub stored_bytes: i64,
    /// None: its events never expire.
    pub retention_days: Option<i64>,
    /// `STANDARD`, `INFREQUENT_ACCESS` or `DELIVERY`.
    pub class: String,
    /// Subscription filters, oldest first.
    pub filters: Vec<Filter>,
    /// In the order in which they came.
    pub events: Vec<Event>,
    /// Whether each page of `FilterLogEvents` leads to the first.
    pub is_circular: bool,
}

/// A subscription filter of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Its name, one of its kind in the group.
    pub name: String,
    /// Which events; empty for all.
    pub pattern: String,
    /// Where they go.
    pub destination: String,
}

/// A log event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// 56 digits, the same in a subscription's payload and in `FilterLogEvents`.
    pub id: String,
    /// The stream that it is in.
    pub stream: String,
    /// When it was said.
    pub timestamp_unix_milli: i64,
    /// When CloudWatch Logs had it.
    pub ingested_unix_milli: i64,
    /// What was said.
    pub message: String,
}

/// An account policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Such as `SUBSCRIPTION_FILTER_POLICY`.
    pub kind: String,
    /// JSON text, as it was put.
    pub document: String,
    /// As it was put; empty for all groups.
    pub selection_criteria: String,
}

/// A Lambda function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// By number; `$LATEST` is as the last.
    pub versions: BTreeMap<u64, Version>,
    /// By name.
    pub aliases: BTreeMap<String, Alias>,
    /// The environment's variables.
    pub variables: BTreeMap<String, String>,
    /// Seconds.
    pub timeout_seconds: i64,
    /// The ARN to which Lambda gives what could not be processed, where it was invoked by an alias.
    pub on_failure: Option<String>,
    /// None: nothing is reserved.
    pub reserved_concurrency: Option<i64>,
}

/// What a function was when it was published.
#[derive(Clone, Debug)]
pub struct Version {
    /// Of the zip, in base64.
    pub code_sha256: String,
}

/// A name for a version, or for two with a weight.
#[derive(Clone, Debug)]
pub struct Alias {
    /// The version that it stands for.
    pub version: String,
    /// Shares of further versions, from 0 to 1.
    pub weights: BTreeMap<String, f64>,
    /// Another after each change.
    pub revision: String,
    /// Whether CloudWatch Logs may invoke the function by it.
    pub is_invoked_by_logs: bool,
}

/// A Firehose stream.
#[derive(Clone, Debug)]
pub struct Stream {
    /// What `DescribeDeliveryStream` says, whole.
    pub description: Value,
    /// Every record that was taken, as text.
    pub taken: Vec<String>,
}

impl Region {
    pub(super) fn new(name: &str) -> Region {
        Region { name: name.to_owned(), filters_per_group_max: 2, page_events_max: 10_000, ..Region::default() }
    }

    /// The ARN of something that a service has here.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{ACCOUNT}:{resource}", self.name)
    }

    /// The group of this name; made, if there is none, with nothing in it.
    pub fn group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_insert_with(|| Group {
            name: name.to_owned(),
            stored_bytes: 0,
            retention_days: None,
            class: "STANDARD".to_owned(),
            filters: Vec::new(),
            events: Vec::new(),
            is_circular: false,
        })
    }

    /// Puts an event into a group, and gives its id.
    pub fn log(&mut self, group: &str, stream: &str, timestamp_unix_milli: i64, message: &str) -> String {
        self.log_late(group, stream, timestamp_unix_milli, timestamp_unix_milli + INGESTION_MILLI, message)
    }

    /// The same, which arrived at that time.
    pub fn log_late(
        &mut self,
        group: &str,
        stream: &str,
        timestamp_unix_milli: i64,
        ingested_unix_milli: i64,
        message: &str,
    ) -> String {
        self.events += 1;
        // 56 digits that begin with the time, as the service's do.
        let id = format!("{timestamp_unix_milli:019}{:037}", self.events);
        self.group(group).events.push(Event {
            id: id.clone(),
            stream: stream.to_owned(),
            timestamp_unix_milli,
            ingested_unix_milli,
            message: message.to_owned(),
        });
        id
    }

    /// The function of this name; made, if there is none, with version 1 and the alias `live` for it, by which CloudWatch
    /// Logs may invoke it.
    pub fn function(&mut self, name: &str) -> &mut Function {
        self.functions.entry(name.to_owned()).or_insert_with(|| Function {
            name: name.to_owned(),
            versions: BTreeMap::from([(1, Version { code_sha256: "Zm9yd2FyZGVyLTE=".to_owned() })]),
            aliases: BTreeMap::from([(
                "live".to_owned(),
                Alias {
                    version: "1".to_owned(),
                    weights: BTreeMap::new(),
                    revision: "revision-0".to_owned(),
                    is_invoked_by_logs: true,
                },
            )]),
            variables: BTreeMap::new(),
            timeout_seconds: 60,
            on_failure: None,
            reserved_concurrency: None,
        })
    }

    /// The stream of this name; made, if there is none, as `deploy/` makes a stream that fills this bucket.
    pub fn stream(&mut self, name: &str, bucket: &str) -> &mut Stream {
        let (region, arn) = (self.name.clone(), self.arn("firehose", &format!("deliverystream/{name}")));
        self.streams
            .entry(name.to_owned())
            .or_insert_with(|| Stream { description: description(&region, name, &arn, bucket), taken: Vec::new() })
    }
}

fn description(region: &str, name: &str, arn: &str, bucket: &str) -> Value {
    let time = "date=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/";
    let role = format!("arn:aws:iam::{ACCOUNT}:role/transect-delivery");
    let destination = json!({
        "RoleARN": role,
        "BucketARN": format!("arn:aws:s3:::{bucket}"),
        "Prefix": format!("landing/region={region}/{time}"),
        "ErrorOutputPrefix": format!("errors/region={region}/!{{firehose:error-output-type}}/{time}"),
        "BufferingHints": { "SizeInMBs": 128, "IntervalInSeconds": 300 },
        "CompressionFormat": "UNCOMPRESSED",
        "EncryptionConfiguration": { "NoEncryptionConfig": "NoEncryption" },
        "CloudWatchLoggingOptions": {
            "Enabled": true,
            "LogGroupName": format!("/aws/kinesisfirehose/{name}"),
            "LogStreamName": "delivery",
        },
        "S3BackupMode": "Disabled",
        "ProcessingConfiguration": { "Enabled": false, "Processors": [] },
        "DataFormatConversionConfiguration": {
            "Enabled": true,
            "SchemaConfiguration": {
                "RoleARN": role,
                "CatalogId": ACCOUNT,
                "DatabaseName": name.replace('-', "_"),
                "TableName": "telemetry",
                "Region": region,
                "VersionId": "LATEST",
            },
            "InputFormatConfiguration": { "Deserializer": { "OpenXJsonSerDe": { "CaseInsensitive": true } } },
            "OutputFormatConfiguration": { "Serializer": { "ParquetSerDe": { "Compression": "SNAPPY" } } },
        },
    });
    json!({
        "DeliveryStreamName": name,
        "DeliveryStreamARN": arn,
        "DeliveryStreamStatus": "ACTIVE",
        "DeliveryStreamType": "DirectPut",
        "DeliveryStreamEncryptionConfiguration": { "KeyType": "AWS_OWNED_CMK", "Status": "ENABLED" },
        "VersionId": "1",
        "CreateTimestamp": MADE_UNIX_MILLI / 1_000,
        "Destinations": [{ "DestinationId": "destinationId-000000000001", "ExtendedS3DestinationDescription": destination }],
        "HasMoreDestinations": false,
    })
}
