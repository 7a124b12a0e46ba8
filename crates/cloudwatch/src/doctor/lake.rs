//! What the region's part of the lake must show: a bucket that answers, a newest object that is new, and nothing among what
//! could not be delivered or converted. It refuses to know what stands in the objects.

use jiff::{SignedDuration, Timestamp};
use transect_lake::{Place, Serving};

use super::observed::{LakeView, Newest, Observed, Pile};
use super::{Check, Expected, Finding, Rows, words};

/// What an object may take beyond the stream's buffer: conversion, and what Firehose tries again.
const DELIVERY_MAX: SignedDuration = SignedDuration::from_mins(10);
/// The longest buffer that Firehose has, for a stream that could not be asked.
const BUFFER_SECONDS_MAX: i32 = 900;
/// Days that the template keeps what failed, unless a parameter says otherwise: FailedDays and ErrorsDays of
/// deploy/cfn/region.yaml.
pub(super) const FAILED_DAYS: i64 = 90;
pub(super) const ERRORS_DAYS: i64 = 90;
/// With so few days left it is urgent.
const EXPIRY_DAYS: i64 = 7;

pub(super) fn bucket(observed: &Observed, expected: &Expected) -> Vec<Finding> {
    let mut rows = Rows::of(observed, Check::Bucket);
    let region = &observed.region;
    let Some(lake) = &observed.lake else {
        rows.fail(
            "the lake has no location for this region",
            format!("`--lake {region}=s3://BUCKET`, or a `[[region]]` named `{region}` in transect.toml"),
        );
        return rows.found;
    };
    match (&lake.bucket, &lake.serving) {
        (Err(reason), _) => {
            let fix = match reason {
                reason if reason.contains("RequestTimeTooSkewed") => "what the row `clock` says".to_owned(),
                reason if reason.contains("does not exist") => {
                    format!("the url of `{region}` in transect.toml or --lake, or, where nothing is installed: `{}`", words::deploy(&expected.names, region))
                }
                reason if reason.contains("denied") => {
                    "allow `s3:ListBucket` and `s3:GetObject` on it to the caller (ReaderPrincipals of deploy/cfn/global.yaml)"
                        .to_owned()
                }
                _ => format!("again: `transect doctor --region {region}`; a `replica` in transect.toml would be read meanwhile"),
            };
            rows.fail(format!("does not answer: {reason}"), fix);
        }
        (Ok(()), Serving::Replica(reason)) => rows.warn(
            format!("read from its replica, because of its own bucket: {reason}"),
            format!("again: `transect doctor --region {region}`; if it stays, the url of `{region}` in transect.toml"),
        ),
        (Ok(()), Serving::Primary | Serving::Nothing(_)) => {}
    }
    let detail = match &lake.place {
        Place::Bucket(_) => "answers",
        Place::Directory(_) => "a directory of this machine; whether it holds what the stream delivers is not known",
    };
    rows.or_ok(detail)
}

pub(super) fn delivery(observed: &Observed, expected: &Expected) -> Vec<Finding> {
    let mut rows = Rows::of(observed, Check::Delivery);
    let newest = match observed.lake.as_ref().map(|lake| &lake.newest) {
        Some(Ok(newest)) => newest,
        Some(Err(reason)) => {
            rows.unknown(format!("not looked at: {reason}"), "what the row `bucket` says");
            return rows.found;
        }
        None => {
            rows.unknown("not looked at: the lake has no location for this region", "what the row `bucket` says");
            return rows.found;
        }
    };
    // Whether anything came in only CloudWatch's metrics know.
    let metrics = incoming_records(observed, expected);
    let subscribed = match &observed.survey {
        Ok(survey) if survey.policies.is_empty() && survey.groups.iter().all(|group| group.filters.is_empty()) => {
            "; no log group has a subscription"
        }
        _ => "",
    };
    let Some(Newest { hour, modified }) = newest else {
        rows.warn(format!("nothing was ever delivered{subscribed}"), metrics);
        return rows.found;
    };
    let age = age(observed, *modified);
    let stream = observed.stream.as_ref().ok();
    let buffer_seconds = stream.and_then(|stream| stream.s3.as_ref()?.buffer_seconds).unwrap_or(BUFFER_SECONDS_MAX);
    let due = SignedDuration::from_secs(buffer_seconds.into()) + DELIVERY_MAX;
    if age > due {
        let stream = match stream.map(|stream| stream.status.as_str()) {
            Some("ACTIVE") => "the stream is active and".to_owned(),
            Some(other) => format!("the stream is {other} and"),
            None => "the stream could not be asked; it".to_owned(),
        };
        rows.warn(
            format!(
                "the newest object is {} old ({hour}); {stream} writes after {buffer_seconds} s at the latest if anything comes: \
                 either nothing was logged, or it does not arrive{subscribed}",
                words::duration(age)
            ),
            metrics,
        );
    }
    rows.or_ok(format!(
        "the newest object is {} old ({hour}); how long its records waited before Firehose is not in that",
        words::duration(age)
    ))
}

/// The age of something that the store has dated, by the store's clock as far as it is known.
fn age(observed: &Observed, then: Timestamp) -> SignedDuration {
    let ahead = observed.skew.map_or(SignedDuration::ZERO, |skew| skew.ahead);
    (observed.time.duration_since(then) - ahead).max(SignedDuration::ZERO)
}

/// What tells whether anything came to the stream in the last day.
fn incoming_records(observed: &Observed, expected: &Expected) -> String {
    const DAY: SignedDuration = SignedDuration::from_hours(24);
    let since = observed.time.checked_sub(DAY).unwrap_or(observed.time);
    format!(
        "`aws cloudwatch get-metric-statistics --region {} --namespace AWS/Firehose --metric-name IncomingRecords --dimensions \
         Name=DeliveryStreamName,Value={} --statistics Sum --period 3600 --start-time {} --end-time {}` says whether anything came; \
         if not, the rows `coverage` and `forwarder` say why",
        observed.region,
        expected.names.delivery_stream(),
        words::second(since),
        words::second(observed.time)
    )
}

pub(super) fn failed(observed: &Observed, expected: &Expected) -> Vec<Finding> {
    let kind = Kind {
        check: Check::Failed,
        from: "failed",
        trouble: "of events could not be delivered by the forwarder",
        days: FAILED_DAYS,
        parameter: "FailedDays",
    };
    // Lambda writes to the bucket's root, whatever folder of it the lake is.
    let prefixed = observed.lake.as_ref().is_some_and(|lake| match &lake.place {
        Place::Bucket(bucket) => !bucket.prefix().is_empty(),
        Place::Directory(_) => false,
    });
    kind.rows(observed, expected, |lake| &lake.failed, prefixed)
}

pub(super) fn unconverted(observed: &Observed, expected: &Expected) -> Vec<Finding> {
    let kind = Kind {
        check: Check::Unconverted,
        from: "errors",
        trouble: "of records could not be converted by Firehose",
        days: ERRORS_DAYS,
        parameter: "ErrorsDays",
    };
    kind.rows(observed, expected, |lake| &lake.unconverted, false)
}

/// One of the two piles.
struct Kind {
    check: Check,
    from: &'static str,
    trouble: &'static str,
    days: i64,
    parameter: &'static str,
}

impl Kind {
    fn rows(
        &self,
        observed: &Observed,
        expected: &Expected,
        pile: impl Fn(&LakeView) -> &Result<Pile, String>,
        is_out_of_sight: bool,
    ) -> Vec<Finding> {
        let mut rows = Rows::of(observed, self.check);
        let pile = match observed.lake.as_ref().map(pile) {
            Some(Ok(pile)) => pile,
            Some(Err(reason)) => {
                rows.unknown(format!("not looked at: {reason}"), "what the row `bucket` says");
                return rows.found;
            }
            None => {
                rows.unknown("not looked at: the lake has no location for this region", "what the row `bucket` says");
                return rows.found;
            }
        };
        if pile.objects > 0 {
            self.judge(&mut rows, observed, expected, pile);
        } else if is_out_of_sight {
            rows.unknown(
                "the lake is a folder of its bucket, and Lambda puts what failed beside it",
                format!("a url of `{}` without a folder in transect.toml or --lake", observed.region),
            );
        }
        rows.or_ok("none")
    }

    fn judge(&self, rows: &mut Rows<'_>, observed: &Observed, expected: &Expected, pile: &Pile) {
        let many = if pile.has_more { "at least " } else { "" };
        let mut detail = format!(
            "{many}{} ({many}{}) {}",
            words::count(pile.objects, "object"),
            words::bytes(pile.bytes),
            self.trouble
        );
        let age = pile.oldest.map(|oldest| age(observed, oldest));
        if let Some(age) = age {
            detail.push_str(&format!(", the oldest {} ago", words::duration(age)));
        }
        let flags = format!("--region {} --name {}", observed.region, expected.names.name());
        let fix = format!("`transect failed {flags}` says why; `transect redrive --from {} {flags}`", self.from);
        let left = age.map(|age| self.days - age.as_hours() / 24);
        match left.filter(|left| *left <= EXPIRY_DAYS) {
            Some(left) => {
                let when = match left {
                    ..=0 => "today".to_owned(),
                    left => format!("in {}", words::count(usize::try_from(left).unwrap_or_default(), "day")),
                };
                detail.push_str(&format!("; with {}={} the first are deleted {when}", self.parameter, self.days));
                rows.fail(detail, fix);
            }
            None => rows.warn(detail, fix),
        }
    }
}
