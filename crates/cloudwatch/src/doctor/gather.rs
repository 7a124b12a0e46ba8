//! Asks a region everything that the rules want to know, all services at the same time: the time it takes is that of the
//! slowest. A call that comes to nothing hides no other. It refuses to judge, to open objects other than release records, and
//! to list without an end.

use std::collections::BTreeMap;
use std::future::Future;

use aws_sdk_cloudwatch::types::MetricDataQuery;
use aws_sdk_firehose::types::{DeliveryStreamDescription, ExtendedS3DestinationDescription, S3BackupMode};
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use futures::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use serde_json::Value;
use transect_lake::{DiskCache, LANDING, LakeError, Mapping, Partition, RegionStore, read_mappings};

use super::observed::{
    Alias, Asynchronous, Configuration, Conversion, Deployed, Deserializer, Forwarder, Invoker, LakeView, Newest,
    Observed, Pile, S3Destination, Stream, Undelivered,
};
use super::skipped;
use crate::clock::Stopwatch;
use crate::{Fault, Names, Progress, Region, account_of, backfill, redrive, subscribe};

/// With so many objects it is a pile, and their exact number changes nothing. Folders are listed one after the other until so
/// many were seen; a folder is a day.
const OBJECTS_MAX: usize = 10_000;
/// Folders that are looked into at the same time.
const LISTINGS_AT_ONCE: usize = 8;
/// Hours that are looked into for the newest object: the last with files in it, and the one before, because an object's hour
/// is that of its oldest record.
const HOURS_WITH_FILES: usize = 2;
/// Folders of hours that are listed at most on the way there, and while none of them has held any: of an outage that somebody has
/// brought afterwards there are as many as it took hours.
const HOURS_LISTED_MAX: usize = 8;
const HOURS_WITHOUT_MAX: usize = 200;
/// Pages of metrics, each with up to 100,800 points (GetMetricData).
const METRIC_PAGES_MAX: usize = 10;
/// Between the log group and the filter in a label: neither name may hold it (PutSubscriptionFilter: `[^:*]*`).
const BETWEEN: char = ':';
/// What the question about throttled deliveries is called.
const THROTTLED: &str = "throttled";
/// How files begin that `backfill`, `redrive` and `ingest` bring.
const BROUGHT: [&str; 3] = [backfill::FILE_PREFIX, redrive::FILE_PREFIX, transect_lake::INGEST_PREFIX];
const HASH_DIGITS_MIN: usize = 16;
/// Clocks of regions differ by less: an hour that lies further ahead is somebody's mistake.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(1);

/// What is asked for, beside the region.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'s> {
    /// The names of the deployment.
    pub names: &'s Names,
    /// Further functions whose releases are of interest.
    pub functions: &'s [String],
    /// Where release records are kept that were read before.
    pub cache: Option<&'s DiskCache>,
    /// The time.
    pub now: Timestamp,
    /// Calls about log groups, of which there are the most.
    pub progress: &'s Progress,
}

/// Asks a region; `store` is its part of the lake, if the lake has any.
pub async fn gather(region: &Region, store: Option<&RegionStore>, scope: &Scope<'_>) -> Observed {
    let (watched, by_sts) = Stopwatch::of_sts(region);
    // Whoever may not reach STS has the time of Firehose.
    let by_firehose = Stopwatch::default();
    let firehose = region.firehose.config().to_builder().interceptor(by_firehose.clone()).build();
    let watched = Region { firehose: aws_sdk_firehose::Client::from_conf(firehose), ..watched };
    let lake = async {
        match store {
            Some(store) => Some(lake_view(store, &region.name, scope).await),
            None => None,
        }
    };
    let functions = stream::iter(scope.functions)
        .map(|function| deployed(region, function, scope.names.alias()))
        .buffered(LISTINGS_AT_ONCE)
        .collect();
    let (account, stream, forwarder, functions, survey, undelivered, lake) = tokio::join!(
        account_of(&watched),
        stream_of(&watched, scope.names.delivery_stream()),
        forwarder(region, scope.names),
        functions,
        subscribe::survey(region, scope.progress),
        undelivered(region, scope.now),
        lake,
    );
    Observed {
        region: region.name.clone(),
        time: scope.now,
        account,
        skew: by_sts.skew().or_else(|| by_firehose.skew()),
        lake,
        stream,
        forwarder,
        functions,
        survey,
        undelivered,
    }
}

// --- Firehose ----------------------------------------------------------------------------------------------------------------

async fn stream_of(region: &Region, name: &str) -> Result<Stream, Fault> {
    const ACTION: &str = "firehose:DescribeDeliveryStream";
    let call = region.firehose.describe_delivery_stream().delivery_stream_name(name);
    let answer = call.send().await.map_err(|error| Fault::of(ACTION, error))?;
    answer.delivery_stream_description().map(described).ok_or_else(|| Fault {
        action: ACTION,
        reason: "the answer is empty".to_owned(),
        code: None,
    })
}

pub(super) fn described(stream: &DeliveryStreamDescription) -> Stream {
    let destination = stream.destinations().first();
    Stream {
        status: stream.delivery_stream_status().as_str().to_owned(),
        failure: stream.failure_description().map(|failure| failure.r#type().as_str().to_owned()),
        source: stream.delivery_stream_type().as_str().to_owned(),
        destination_id: destination.map(|destination| destination.destination_id().to_owned()),
        s3: destination.and_then(|destination| destination.extended_s3_destination_description()).map(s3_destination),
    }
}

fn s3_destination(s3: &ExtendedS3DestinationDescription) -> S3Destination {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let is_on = |switch: Option<bool>| switch.unwrap_or(false);
    let hints = s3.buffering_hints();
    let conversion = s3.data_format_conversion_configuration().map(|conversion| {
        let schema = conversion.schema_configuration();
        let reader = conversion.input_format_configuration().and_then(|input| input.deserializer());
        let writer = conversion.output_format_configuration().and_then(|output| output.serializer());
        Conversion {
            // What is given without a switch is on.
            is_enabled: conversion.enabled().unwrap_or(true),
            deserializer: reader.and_then(|reader| match (reader.open_x_json_ser_de(), reader.hive_json_ser_de()) {
                (Some(_), _) => Some(Deserializer::OpenX),
                (None, Some(_)) => Some(Deserializer::Hive),
                (None, None) => None,
            }),
            is_parquet: writer.is_some_and(|writer| writer.parquet_ser_de().is_some()),
            database: text(schema.and_then(|schema| schema.database_name())),
            table: text(schema.and_then(|schema| schema.table_name())),
            region: text(schema.and_then(|schema| schema.region())),
            version: text(schema.and_then(|schema| schema.version_id())),
            role_arn: text(schema.and_then(|schema| schema.role_arn())),
        }
    });
    S3Destination {
        bucket_arn: s3.bucket_arn().to_owned(),
        role_arn: s3.role_arn().to_owned(),
        prefix: text(s3.prefix()),
        error_prefix: text(s3.error_output_prefix()),
        buffer_mib: hints.and_then(|hints| hints.size_in_mbs()),
        buffer_seconds: hints.and_then(|hints| hints.interval_in_seconds()),
        compression: s3.compression_format().as_str().to_owned(),
        is_logging: is_on(s3.cloud_watch_logging_options().and_then(|logging| logging.enabled())),
        is_processing: is_on(s3.processing_configuration().and_then(|processing| processing.enabled())),
        is_partitioning: is_on(s3.dynamic_partitioning_configuration().and_then(|partitioning| partitioning.enabled())),
        is_backing_up: s3.s3_backup_mode() == Some(&S3BackupMode::Enabled),
        time_zone: text(s3.custom_time_zone()),
        file_extension: text(s3.file_extension()),
        conversion,
    }
}

// --- Lambda ------------------------------------------------------------------------------------------------------------------

async fn forwarder(region: &Region, names: &Names) -> Forwarder {
    let (function, alias) = (names.function(), names.alias());
    let (deployed, reserved, asynchronous, invokers) = tokio::join!(
        deployed(region, &function, alias),
        reserved(region, &function),
        asynchronous(region, &function, alias),
        invokers(region, &function, alias),
    );
    Forwarder { deployed, reserved, asynchronous, invokers }
}

async fn deployed(region: &Region, function: &str, alias: &str) -> Deployed {
    let (alias, configuration) = tokio::join!(
        async {
            let call = region.lambda.get_alias().function_name(function).name(alias);
            let found = call.send().await.map_err(|error| Fault::of("lambda:GetAlias", error))?;
            let weights = found.routing_config().and_then(|routing| routing.additional_version_weights());
            Ok(Alias {
                version: found.function_version().unwrap_or_default().to_owned(),
                weights: weights.into_iter().flatten().map(|(version, share)| (version.clone(), *share)).collect(),
            })
        },
        async {
            let call = region.lambda.get_function_configuration().function_name(function).qualifier(alias);
            let found = call.send().await.map_err(|error| Fault::of("lambda:GetFunctionConfiguration", error))?;
            Ok(configured(&found))
        }
    );
    Deployed { function: function.to_owned(), alias, configuration }
}

pub(super) fn configured(found: &GetFunctionConfigurationOutput) -> Configuration {
    let environment = found.environment();
    let variables = match environment.and_then(|environment| environment.error()) {
        Some(error) => Err(error.error_code().unwrap_or("an error without a code").to_owned()),
        None => Ok(environment
            .and_then(|environment| environment.variables())
            .into_iter()
            .flatten()
            // What else a function is told is nobody's business here.
            .filter(|(name, _)| name.to_ascii_uppercase().starts_with("TRANSECT"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<BTreeMap<_, _>>()),
    };
    Configuration {
        state: found.state().map(|state| state.as_str().to_owned()),
        last_update: found.last_update_status().map(|status| status.as_str().to_owned()),
        runtime: found.runtime().map(|runtime| runtime.as_str().to_owned()),
        timeout_seconds: found.timeout(),
        code_sha256: found.code_sha256().map(str::to_owned),
        variables,
    }
}

async fn reserved(region: &Region, function: &str) -> Result<Option<i32>, Fault> {
    let call = region.lambda.get_function_concurrency().function_name(function);
    let found = call.send().await.map_err(|error| Fault::of("lambda:GetFunctionConcurrency", error))?;
    Ok(found.reserved_concurrent_executions())
}

async fn asynchronous(region: &Region, function: &str, alias: &str) -> Result<Asynchronous, Fault> {
    let call = region.lambda.get_function_event_invoke_config().function_name(function).qualifier(alias);
    match call.send().await.map_err(|error| Fault::of("lambda:GetFunctionEventInvokeConfig", error)) {
        Ok(found) => {
            let on_failure = found.destination_config().and_then(|destinations| destinations.on_failure());
            Ok(Asynchronous {
                on_failure: on_failure.and_then(|destination| destination.destination()).map(str::to_owned),
                retries: found.maximum_retry_attempts(),
            })
        }
        // The alias has none, or there is no alias, which another row tells.
        Err(fault) if fault.is("ResourceNotFoundException") => Ok(Asynchronous::default()),
        Err(fault) => Err(fault),
    }
}

async fn invokers(region: &Region, function: &str, alias: &str) -> Result<Vec<Invoker>, Fault> {
    let call = region.lambda.get_policy().function_name(function).qualifier(alias);
    match call.send().await.map_err(|error| Fault::of("lambda:GetPolicy", error)) {
        Ok(found) => Ok(found.policy().map(parse_invokers).unwrap_or_default()),
        Err(fault) if fault.is("ResourceNotFoundException") => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

/// The statements of a function's policy that let CloudWatch Logs invoke it.
pub(super) fn parse_invokers(policy: &str) -> Vec<Invoker> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let is_logs = |principal: &Value| {
        // `logs.amazonaws.com`, or the older form with the region in it.
        texts(principal).any(|service| service.starts_with("logs.") && service.contains(".amazonaws.com"))
    };
    let statements = policy["Statement"].as_array().into_iter().flatten();
    statements
        .filter(|statement| statement["Effect"] == "Allow" && is_logs(&statement["Principal"]["Service"]))
        .filter(|statement| {
            texts(&statement["Action"]).any(|action| matches!(action, "lambda:InvokeFunction" | "lambda:*" | "*"))
        })
        .map(|statement| Invoker { account: source_account(&statement["Condition"]) })
        .collect()
}

/// The account that a condition wants, from `aws:SourceAccount`, else from the ARN of `aws:SourceArn`.
fn source_account(condition: &Value) -> Option<String> {
    let value = |wanted: &str| {
        let operators = condition.as_object()?.values();
        let mut found = operators.filter_map(Value::as_object).flatten();
        let (_, value) = found.find(|(key, _)| key.eq_ignore_ascii_case(wanted))?;
        texts(value).next()
    };
    let of_arn = || value("aws:SourceArn")?.split(':').nth(4).filter(|account| !account.is_empty() && *account != "*");
    value("aws:SourceAccount").or_else(of_arn).map(str::to_owned)
}

/// One text or several.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_str().into_iter().chain(value.as_array().into_iter().flatten().filter_map(Value::as_str))
}

// --- CloudWatch --------------------------------------------------------------------------------------------------------------

/// What CloudWatch Logs could not hand over, by log group and minute. The metrics have points only where there was something.
async fn undelivered(region: &Region, now: Timestamp) -> Result<Vec<Undelivered>, Fault> {
    const QUERIES: [(&str, &str); 2] = [("refused", "DeliveryErrors"), (THROTTLED, "DeliveryThrottling")];
    let search = |(id, metric): (&str, &str)| {
        // A search, because which groups and filters there were is not known; it finds those of the last two weeks.
        MetricDataQuery::builder()
            .id(id)
            .expression(format!("SEARCH('Namespace=\"AWS/Logs\" MetricName=\"{metric}\"', 'Sum', 60)"))
            .label(format!("${{PROP('Dim.LogGroupName')}}{BETWEEN}${{PROP('Dim.FilterName')}}"))
            .build()
    };
    let time = |time: Timestamp| aws_sdk_cloudwatch::primitives::DateTime::from_secs(time.as_second());
    let begin = now.checked_sub(skipped::LOOKED_BACK).unwrap_or(now);
    let call = region
        .cloudwatch
        .get_metric_data()
        .set_metric_data_queries(Some(QUERIES.map(search).to_vec()))
        .start_time(time(begin))
        .end_time(time(now));
    let mut pages = call.into_paginator().send();
    let mut found: BTreeMap<(String, bool), Vec<(Timestamp, f64)>> = BTreeMap::new();
    for _ in 0..METRIC_PAGES_MAX {
        let Some(page) = pages.next().await else { break };
        let page = page.map_err(|error| Fault::of("cloudwatch:GetMetricData", error))?;
        for series in page.metric_data_results() {
            let label = series.label().unwrap_or_default().to_owned();
            let minutes = found.entry((label, series.id() == Some(THROTTLED))).or_default();
            let points = series.timestamps().iter().zip(series.values());
            let points = points.filter(|(_, events)| **events > 0.);
            minutes.extend(points.filter_map(|(at, events)| Some((Timestamp::from_second(at.secs()).ok()?, *events))));
        }
    }
    let series = found.into_iter().filter(|(_, minutes)| !minutes.is_empty());
    Ok(series
        .map(|((label, is_throttled), mut minutes)| {
            minutes.sort_by_key(|(at, _)| *at);
            // A metric of a policy has no filter, and what a label then says instead is not documented.
            let mut words =
                label.split(BETWEEN).map(|word| Some(word).filter(|word| !word.is_empty() && !word.contains("${")));
            let group = words.next().flatten().unwrap_or(skipped::ANY_GROUP).to_owned();
            let filter = words.next().flatten().map(str::to_owned);
            Undelivered { group, filter, is_throttled, minutes }
        })
        .collect())
}

// --- The lake ----------------------------------------------------------------------------------------------------------------

/// One question after the other, the cheap ones first: a store that is silent for once is asked no more.
pub(super) async fn lake_view(store: &RegionStore, region: &str, scope: &Scope<'_>) -> LakeView {
    let landing = format!("{LANDING}/region={region}");
    let days = folders(store, &landing).await;
    let bucket = days.as_ref().map(drop).map_err(Clone::clone);
    let newest = match days {
        Ok((days, _)) => newest(store, days, scope.now).await,
        Err(reason) => Err(reason),
    };
    let mappings = match read_mappings(store, scope.cache).await {
        Ok((mappings, _)) => Ok(mappings.into_iter().filter(|mapping: &Mapping| mapping.region == region).collect()),
        Err(error) => Err(reason(store, error)),
    };
    let unconverted = pile(store, &[(&format!("errors/region={region}"), 2)]).await;
    let on_failure = scope.names.on_failure_folder();
    let failed = pile(store, &[(&on_failure, 3), (&format!("failed/region={region}"), 0)]).await;
    LakeView {
        place: store.location().place().clone(),
        serving: store.serving(),
        bucket,
        newest,
        mappings,
        failed,
        unconverted,
    }
}

/// Without the region's name, which the row has.
fn reason(store: &RegionStore, error: object_store::Error) -> String {
    match store.explain("list", error) {
        LakeError::NoAnswer { reason, .. } => reason,
        other => other.to_string(),
    }
}

/// The folders in a folder, in the order of their names, and the objects beside them.
async fn folders(store: &RegionStore, folder: &str) -> Result<(Vec<Path>, Vec<ObjectMeta>), String> {
    let listed = store.list_with_delimiter(Some(&Path::from(folder))).await;
    let listed = listed.map_err(|error| reason(store, error))?;
    let mut folders = listed.common_prefixes;
    folders.sort();
    Ok((folders, listed.objects))
}

async fn objects(store: &RegionStore, folder: &Path) -> Result<Vec<ObjectMeta>, String> {
    store.list_all(folder, None).await.map(|listed| listed.objects).map_err(|error| reason(store, error))
}

/// The newest object of the last hours that hold any, looked for backwards.
async fn newest(store: &RegionStore, days: Vec<Path>, now: Timestamp) -> Result<Option<Newest>, String> {
    let latest = now.checked_add(AHEAD_MAX).unwrap_or(now).as_nanosecond();
    let latest = transect_lake::HourUtc::from_unix_nano(i64::try_from(latest).unwrap_or(i64::MAX));
    let (mut found, mut listed, mut with_files) = (None::<Newest>, 0, 0);
    for day in days.into_iter().rev() {
        // A folder that is no day, or one in the future, holds none of the hours that are looked for.
        let is_day = Partition::parse(&format!("{day}/hour=00")).is_some_and(|partition| partition.hour() <= latest);
        if !is_day {
            continue;
        }
        let (hours, _) = folders(store, day.as_ref()).await?;
        for hour in hours.into_iter().rev() {
            if Partition::parse(hour.as_ref()).is_none_or(|partition| partition.hour() > latest) {
                continue;
            }
            let listed_max = if found.is_some() { HOURS_LISTED_MAX } else { HOURS_WITHOUT_MAX };
            if listed >= listed_max || with_files == HOURS_WITH_FILES {
                return Ok(found);
            }
            listed += 1;
            let written =
                objects(store, &hour).await?.into_iter().filter(is_delivered).filter_map(|object| modified(&object));
            let Some(modified) = written.max() else { continue };
            with_files += 1;
            if found.as_ref().is_none_or(|newest| newest.modified < modified) {
                let hour = hour.as_ref().split('/').skip(2).collect::<Vec<_>>().join("/");
                found = Some(Newest { hour, modified });
            }
        }
    }
    Ok(found)
}

/// Names that begin with `.` or `_` are work in progress, and what a person brought says nothing of the stream.
fn is_delivered(object: &ObjectMeta) -> bool {
    let name = object.location.filename().unwrap_or_default();
    name.ends_with(".parquet") && !name.starts_with(['.', '_']) && !is_brought(name)
}

/// Firehose begins its names with the stream's, which may be such a word, and a small number follows; here it is a hash.
fn is_brought(name: &str) -> bool {
    BROUGHT.iter().filter_map(|what| name.strip_prefix(what)).any(|rest| {
        let hash = rest.split(['-', '.']).next().unwrap_or_default();
        hash.len() >= HASH_DIGITS_MIN && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn modified(object: &ObjectMeta) -> Option<Timestamp> {
    // A store that keeps no times says 1970.
    let written = Timestamp::from_millisecond(object.last_modified.timestamp_millis()).ok();
    written.filter(|written| *written > Timestamp::UNIX_EPOCH)
}

/// Counts what lies below some folders, each of which has its days so many levels down: some days are listed at a time, the
/// oldest first, until there are enough.
async fn pile(store: &RegionStore, roots: &[(&str, usize)]) -> Result<Pile, String> {
    let mut pile = Pile::default();
    for (root, levels) in roots {
        let mut days = vec![Path::from(*root)];
        for _ in 0..*levels {
            let found = in_turn(&days, |folder| folders(store, folder.as_ref())).await;
            days.clear();
            for listed in found {
                let (folders, beside) = listed?;
                days.extend(folders);
                pile.add(&beside);
            }
        }
        // Where the kind of an error stands before the day, all kinds of a day come together.
        let day = |folder: &Path| folder.filename().filter(|name| name.starts_with("date=")).map(str::to_owned);
        days.sort_by_key(|folder| (day(folder), folder.clone()));
        for batch in days.chunks(LISTINGS_AT_ONCE) {
            if pile.objects > OBJECTS_MAX {
                pile.has_more = true;
                return Ok(pile);
            }
            for listed in in_turn(batch, |folder| objects(store, folder)).await {
                pile.add(&listed?);
            }
        }
    }
    Ok(pile)
}

/// The answers for each of some folders, several asked at the same time.
async fn in_turn<'f, T, F: Future<Output = T>>(folders: &'f [Path], ask: impl Fn(&'f Path) -> F) -> Vec<T> {
    stream::iter(folders).map(ask).buffered(LISTINGS_AT_ONCE).collect().await
}

impl Pile {
    fn add(&mut self, objects: &[ObjectMeta]) {
        self.objects += objects.len();
        self.bytes += objects.iter().map(|object| object.size).sum::<u64>();
        self.oldest = objects.iter().filter_map(modified).chain(self.oldest).min();
    }
}
