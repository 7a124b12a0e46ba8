//! Every rule on a region that is sound but for one thing; the tables of names that other files must agree with; and what is
//! made of answers, over a store in memory. It refuses to use any network.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_firehose::types as fh;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use jiff::{SignedDuration, Timestamp};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use transect_lake::{Access, Mapping, Place, RegionLocation, RegionStore, Serving, record_mapping};

use super::gather::{configured, described, lake_view, parse_invokers};
use super::*;
use crate::Progress;
use crate::clock::skew;
use crate::subscribe::{Filter, Group, Policy, PolicyDocument, Survey};
use crate::{Account, Fault};

const REGION: &str = "us-east-2";
const LIVE: &str = "arn:aws:lambda:us-east-2:123456789012:function:acme-forwarder:live";

fn now() -> Timestamp {
    "2026-11-21T08:42:53Z".parse().unwrap()
}

fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

fn expected() -> Expected {
    Expected { names: Names::new("acme").unwrap(), include: vec![], exclude: vec![] }
}

fn fault(code: &str) -> Fault {
    Fault { action: "some:Action", reason: code.to_owned(), code: Some(code.to_owned()) }
}

fn silent() -> Fault {
    Fault { action: "some:Action", reason: "cannot connect".to_owned(), code: None }
}

fn mapping(version: &str, release: &str, recorded_unix_nano: i64) -> Mapping {
    Mapping {
        region: REGION.to_owned(),
        function: "acme-forwarder".to_owned(),
        function_version: version.to_owned(),
        release: release.to_owned(),
        service: None,
        code_sha256: None,
        recorded_unix_nano,
    }
}

fn group(name: &str) -> Group {
    Group {
        name: name.to_owned(),
        retention_days: Some(30),
        stored_bytes: 2_000_000_000,
        takes_filters: true,
        ..Group::default()
    }
}

fn filter(name: &str, destination: &str) -> Filter {
    Filter { name: name.to_owned(), pattern: String::new(), destination: destination.to_owned() }
}

fn forwarded(name: &str) -> Group {
    Group { filters: vec![filter("acme", LIVE)], ..group(name) }
}

fn policy(excluded: &[&str]) -> Policy {
    Policy {
        name: "acme".to_owned(),
        document: PolicyDocument { destination: LIVE.to_owned(), ..PolicyDocument::default() },
        excluded: excluded.iter().map(|name| (*name).to_owned()).collect(),
    }
}

const OWN: [&str; 2] = ["/aws/lambda/acme-forwarder", "/aws/kinesisfirehose/acme"];

fn deployed(function: &str) -> Deployed {
    Deployed {
        function: function.to_owned(),
        alias: Ok(Alias { version: "7".to_owned(), ..Alias::default() }),
        configuration: Ok(Configuration {
            state: Some("Active".to_owned()),
            last_update: Some("Successful".to_owned()),
            runtime: Some("provided.al2023".to_owned()),
            timeout_seconds: Some(60),
            code_sha256: Some("q1MKE+RZFJgrefm34+uplM/R8/si9xzqGvvwK0YMbR0=".to_owned()),
            variables: Ok([("TRANSECT_DELIVERY_STREAM".to_owned(), "acme".to_owned())].into()),
        }),
    }
}

/// A region in which nothing is wrong.
fn sound() -> Observed {
    Observed {
        region: REGION.to_owned(),
        time: now(),
        account: Ok(Account { id: "123456789012".to_owned(), partition: "aws".to_owned() }),
        skew: Some(Skew { ahead: SignedDuration::ZERO }),
        lake: Some(LakeView {
            place: Place::parse("s3://bucket-of-acme").unwrap(),
            serving: Serving::Primary,
            bucket: Ok(()),
            newest: Ok(Some(Newest { hour: "date=2026-11-21/hour=08".to_owned(), modified: ago(240) })),
            mappings: Ok(vec![mapping("7", "1.4.1", 1)]),
            failed: Ok(Pile::default()),
            unconverted: Ok(Pile::default()),
        }),
        stream: Ok(Stream {
            status: "ACTIVE".to_owned(),
            failure: None,
            source: "DirectPut".to_owned(),
            destination_id: Some("destinationId-000000000001".to_owned()),
            s3: Some(S3Destination {
                bucket_arn: "arn:aws:s3:::bucket-of-acme".to_owned(),
                role_arn: "arn:aws:iam::123456789012:role/firehose".to_owned(),
                prefix: Some("landing/region=us-east-2/date=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/".to_owned()),
                error_prefix: Some(
                    "errors/region=us-east-2/!{firehose:error-output-type}/date=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
                        .to_owned(),
                ),
                buffer_mib: Some(128),
                buffer_seconds: Some(300),
                compression: "UNCOMPRESSED".to_owned(),
                is_logging: true,
                time_zone: Some("UTC".to_owned()),
                file_extension: Some(".parquet".to_owned()),
                conversion: Some(Conversion {
                    is_enabled: true,
                    deserializer: Some(Deserializer::OpenX),
                    is_parquet: true,
                    database: Some("acme".to_owned()),
                    table: Some("telemetry".to_owned()),
                    region: Some(REGION.to_owned()),
                    version: Some("LATEST".to_owned()),
                    role_arn: Some("arn:aws:iam::123456789012:role/glue".to_owned()),
                }),
                ..S3Destination::default()
            }),
        }),
        forwarder: Forwarder {
            deployed: deployed("acme-forwarder"),
            reserved: Ok(Some(50)),
            asynchronous: Ok(Asynchronous {
                on_failure: Some("arn:aws:s3:::bucket-of-acme".to_owned()),
                retries: Some(2),
            }),
            invokers: Ok(vec![Invoker { account: Some("123456789012".to_owned()) }]),
        },
        functions: vec![],
        survey: Ok(Survey {
            groups: vec![forwarded("/aws/lambda/cart"), forwarded("/aws/lambda/pay"), group(OWN[0]), group(OWN[1])],
            policies: vec![],
        }),
        undelivered: Ok(vec![]),
    }
}

fn lake(observed: &mut Observed) -> &mut LakeView {
    observed.lake.as_mut().unwrap()
}

fn s3(observed: &mut Observed) -> &mut S3Destination {
    observed.stream.as_mut().unwrap().s3.as_mut().unwrap()
}

fn conversion(observed: &mut Observed) -> &mut Conversion {
    s3(observed).conversion.as_mut().unwrap()
}

fn version(observed: &mut Observed) -> &mut Configuration {
    observed.forwarder.deployed.configuration.as_mut().unwrap()
}

fn groups(observed: &mut Observed) -> &mut Vec<Group> {
    &mut observed.survey.as_mut().unwrap().groups
}

/// The rules of one check.
struct Rule(Check);

impl Rule {
    /// A sound region with one thing changed has one row that is not ok, which says and advises this.
    #[track_caller]
    fn one(&self, change: impl FnOnce(&mut Observed), state: State, detail: &str, fix: &str) {
        let mut observed = sound();
        change(&mut observed);
        let findings = examine(&observed, &expected());
        let wrong: Vec<&Finding> = findings.iter().filter(|finding| finding.state != State::Ok).collect();
        let [found] = wrong.as_slice() else { panic!("{detail}: {wrong:#?}") };
        assert_eq!((found.check, found.state), (self.0, state), "{found:#?}");
        assert!(found.detail.contains(detail), "{detail}: {found:#?}");
        let advice = found.fix.as_deref().unwrap();
        assert!(advice.contains(fix), "{fix}: {found:#?}");
        assert_eq!(advice.matches('`').count() % 2, 0, "{advice}");
        assert!(!format!("{findings:?}").contains("bucket-of-acme"), "{findings:#?}");
    }

    #[track_caller]
    fn warn(&self, change: impl FnOnce(&mut Observed), detail: &str, fix: &str) {
        self.one(change, State::Warn, detail, fix);
    }

    #[track_caller]
    fn fail(&self, change: impl FnOnce(&mut Observed), detail: &str, fix: &str) {
        self.one(change, State::Fail, detail, fix);
    }

    #[track_caller]
    fn unknown(&self, change: impl FnOnce(&mut Observed), detail: &str, fix: &str) {
        self.one(change, State::Unknown, detail, fix);
    }

    /// After this change nothing is wrong, and a row says so.
    #[track_caller]
    fn ok(&self, change: impl FnOnce(&mut Observed), detail: &str) {
        let mut observed = sound();
        change(&mut observed);
        let findings = examine(&observed, &expected());
        assert!(findings.iter().all(|found| found.state == State::Ok && found.fix.is_none()), "{findings:#?}");
        let of_check: Vec<&Finding> = findings.iter().filter(|found| found.check == self.0).collect();
        assert!(of_check.iter().any(|found| found.detail.contains(detail)), "{detail}: {of_check:?}");
    }
}

#[test]
fn a_sound_region_has_one_row_a_check_and_each_is_ok() {
    let findings = examine(&sound(), &expected());
    let rows: Vec<String> = findings
        .iter()
        .map(|finding| format!("{} {}: {}", finding.check.name(), finding.state.name(), finding.detail))
        .collect();
    assert_eq!(
        rows,
        [
            "credentials ok: account 123456789012 (aws)",
            "bucket ok: answers",
            "delivery ok: the newest object is 4 min old (date=2026-11-21/hour=08); how long its records waited before Firehose is \
             not in that",
            "firehose ok: ACTIVE, Parquet after 128 MiB or 300 s",
            "forwarder ok: version 7, release 1.4.1",
            "coverage ok: 2 of 2 log groups forwarded; 2 of the pipeline's own and 0 excluded",
            "skipped ok: nothing in the last 24 h",
            "failed ok: none",
            "unconverted ok: none",
            "clock ok: within 5 s of AWS",
        ]
    );
    assert!(findings.iter().all(|finding| finding.region == REGION && finding.fix.is_none()));
    assert!(!examine_all(&[sound()], &expected()).has_findings());
}

#[test]
fn minutes_that_cloudwatch_logs_skips_come_with_their_backfill() {
    let rule = Rule(Check::Skipped);
    let of = |group: &str, filter: Option<&str>, is_throttled: bool, ages: &[i64]| Undelivered {
        group: group.to_owned(),
        filter: filter.map(str::to_owned),
        is_throttled,
        minutes: ages.iter().rev().map(|age| (ago(53 + age * 60), 2.)).collect(),
    };
    // 08:12 to 08:14 and ten minutes after it; two groups are one span.
    rule.one(
        |o| {
            let cart = of("/aws/lambda/cart", Some("acme"), false, &[28, 30]);
            o.undelivered = Ok(vec![cart, of("/aws/lambda/pay", Some("acme"), false, &[29])]);
        },
        State::Fail,
        "CloudWatch Logs was refused and skips: 6 events of /aws/lambda/cart, /aws/lambda/pay",
        "`transect backfill --region us-east-2 --name acme --group /aws/lambda/cart --group /aws/lambda/pay --since \
         2026-11-21T07:57:00Z --until 2026-11-21T08:25:00Z`",
    );
    // Groups that are excluded on purpose do not come with many, nor with those that CloudWatch does not name.
    let many: Vec<String> = (10..40).map(|number| format!("/aws/lambda/{number}")).collect();
    let names: String = many.iter().map(|name| format!(" --group {name}")).collect();
    rule.one(
        |o| o.undelivered = Ok(many.iter().map(|name| of(name, Some("acme"), false, &[28])).collect()),
        State::Fail,
        "60 events of /aws/lambda/10",
        &format!("--name acme{names} --since"),
    );
    rule.one(
        |o| {
            let survey = o.survey.as_mut().unwrap();
            survey.groups.iter_mut().for_each(|group| group.filters.clear());
            // What somebody else's policy leaves out is no wish of ours.
            let mut siem = policy(&["/aws/lambda/pay"]);
            siem.document.destination = "arn:aws:firehose:us-east-2:123456789012:deliverystream/siem".to_owned();
            survey.policies = vec![siem, policy(&[OWN[0], OWN[1], "/audit/keep out"])];
            o.undelivered = Ok(vec![of("*", None, false, &[28])]);
        },
        State::Fail,
        "2 events of *",
        "--group '*' --exclude '/audit/keep out' --since",
    );
    // It never ends after now.
    rule.one(
        |o| o.undelivered = Ok(vec![of("/aws/lambda/cart", None, false, &[1])]),
        State::Fail,
        "2 events of /aws/lambda/cart between 2026-11-21T08:41:00Z and 2026-11-21T08:42:53Z",
        "--until 2026-11-21T08:42:53Z",
    );
    rule.one(
        |o| o.undelivered = Ok(vec![of("/aws/lambda/cart", Some("acme"), true, &[1])]),
        State::Warn,
        "tries again for 24 h",
        "transect backfill",
    );
    rule.unknown(|o| o.undelivered = Err(fault("AccessDeniedException")), "not looked at", "allow `some:Action`");
    // Of others it tells nothing: by a filter that delivers elsewhere, or by their policy.
    rule.ok(
        |o| {
            groups(o)[0].filters.push(filter("siem", "arn:aws:firehose:us-east-2:123456789012:deliverystream/siem"));
            o.survey.as_mut().unwrap().policies.push(Policy { document: PolicyDocument::default(), ..policy(&[]) });
            o.undelivered = Ok(vec![
                of("/aws/lambda/cart", Some("siem"), false, &[5]),
                of("/aws/lambda/cart", Some("gone"), false, &[5]),
                of("/aws/lambda/cart", None, false, &[5]),
            ]);
        },
        "nothing in the last 24 h",
    );
    // A destination that fails now and then for a day has a few rows, and the last one holds the rest.
    let mut observed = sound();
    let ages: Vec<i64> = (0..40).map(|number| number * 30).collect();
    observed.undelivered = Ok(vec![of("/aws/lambda/cart", Some("acme"), false, &ages)]);
    let findings = examine(&observed, &expected());
    let fixes: Vec<&str> =
        findings.iter().filter(|one| one.check == Check::Skipped).filter_map(|one| one.fix.as_deref()).collect();
    assert_eq!(fixes.len(), 5);
    assert!(fixes[4].contains("--until 2026-11-21T08:42:53Z"), "{fixes:#?}");
}

#[test]
fn credentials_that_are_missing_expired_or_refused_are_told_apart() {
    let refuse = |code: &'static str| move |observed: &mut Observed| observed.account = Err(fault(code));
    let rows = |change: fn(&mut Observed)| {
        let mut observed = sound();
        change(&mut observed);
        access::credentials(&observed)
    };
    for (code, state, detail, fix) in [
        ("ExpiredToken", State::Fail, "expired (ExpiredToken)", "`aws sso login`"),
        ("InvalidClientTokenId", State::Fail, "not accepted", "enable-region --region-name us-east-2"),
        ("AccessDeniedException", State::Fail, "denies this region", "a region that is allowed"),
        ("RequestTimeTooSkewed", State::Fail, "for the clock of this machine", "timedatectl"),
        ("InternalFailure", State::Unknown, "not known", "again"),
    ] {
        let mut observed = sound();
        refuse(code)(&mut observed);
        let found = access::credentials(&observed);
        let [found] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((found.check, found.state), (Check::Credentials, state), "{found:?}");
        assert!(found.detail.contains(detail) && found.fix.as_ref().unwrap().contains(fix), "{found:?}");
    }
    let found = rows(|observed| {
        observed.account = Err(fault("SignatureDoesNotMatch"));
        observed.skew = Some(Skew { ahead: SignedDuration::from_mins(9) });
    });
    assert!(found[0].detail.contains("for the clock"), "{found:?}");
    let found = rows(|o| o.account = Err(silent()));
    assert_eq!(found[0].state, State::Unknown);
    // Without an account nobody knows which forwarder is meant.
    let mut observed = sound();
    observed.account = Err(silent());
    let found = coverage::coverage(&observed, &expected());
    assert_eq!((found.len(), found[0].state), (1, State::Unknown), "{found:?}");
    let found = rows(|observed| {
        let reason = "no AWS credentials: set AWS_PROFILE, or sign in (`aws sso login`)".to_owned();
        observed.account = Err(Fault { action: "sts:GetCallerIdentity", reason, code: None });
    });
    assert_eq!((found[0].state, found[0].detail.as_str()), (State::Fail, "none"));
}

#[test]
fn a_bucket_answers_itself() {
    let bucket = Rule(Check::Bucket);
    let replica = |observed: &mut Observed| lake(observed).serving = Serving::Replica("cannot connect".to_owned());
    bucket.warn(replica, "read from its replica, because of its own bucket: cannot connect", "--region us-east-2");
    bucket.ok(|o| lake(o).place = Place::parse("lake").unwrap(), "a directory of this machine");
    for (reason, fix) in [
        ("access denied (AccessDenied)", "s3:ListBucket"),
        ("the bucket does not exist (NoSuchBucket)", "deploy/cfn/region.yaml"),
        ("no answer", "replica"),
        ("access denied (RequestTimeTooSkewed)", "the row `clock`"),
    ] {
        let mut observed = sound();
        let lake = lake(&mut observed);
        (lake.bucket, lake.newest) = (Err(reason.to_owned()), Err(reason.to_owned()));
        (lake.failed, lake.unconverted) = (Err(reason.to_owned()), Err(reason.to_owned()));
        let found = lake::bucket(&observed, &expected());
        assert_eq!((found.len(), found[0].state), (1, State::Fail), "{found:?}");
        assert!(found[0].detail.contains(reason) && found[0].fix.as_ref().unwrap().contains(fix), "{found:?}");
        for rest in [
            lake::delivery(&observed, &expected()),
            lake::failed(&observed, &expected()),
            lake::unconverted(&observed, &expected()),
        ] {
            assert_eq!((rest.len(), rest[0].state), (1, State::Unknown), "{rest:?}");
        }
    }
    // No location at all: the rows that need one know nothing.
    let mut observed = sound();
    observed.lake = None;
    let found = examine(&observed, &expected());
    let unknown = found.iter().filter(|finding| finding.state == State::Unknown).map(|finding| finding.check.name());
    assert_eq!(unknown.collect::<Vec<_>>(), ["delivery", "failed", "unconverted"]);
    let failed: Vec<&Finding> = found.iter().filter(|finding| finding.state == State::Fail).collect();
    assert_eq!((failed.len(), failed[0].check), (1, Check::Bucket));
    assert!(failed[0].fix.as_ref().unwrap().contains("--lake us-east-2="), "{failed:?}");
}

#[test]
fn what_is_delivered_is_as_new_as_the_buffer_allows() {
    let delivery = Rule(Check::Delivery);
    let newest = |seconds: i64| {
        move |observed: &mut Observed| {
            lake(observed).newest =
                Ok(Some(Newest { hour: "date=2026-11-21/hour=07".to_owned(), modified: ago(seconds) }));
        }
    };
    delivery.ok(newest(900), "15 min old");
    delivery.warn(
        newest(901),
        "15 min old (date=2026-11-21/hour=07); the stream is active",
        "--metric-name IncomingRecords",
    );
    delivery.warn(newest(3 * 86_400), "3 d old", "--start-time 2026-11-20T08:42:53Z --end-time 2026-11-21T08:42:53Z");
    delivery.ok(
        |observed| {
            s3(observed).buffer_seconds = Some(900);
            newest(1500)(observed);
        },
        "25 min old",
    );
    // A clock that is ahead makes nothing older, and one behind makes nothing come out of the future.
    delivery.ok(
        |observed| {
            observed.skew = Some(Skew { ahead: SignedDuration::from_secs(20) });
            newest(915)(observed);
        },
        "14 min old",
    );
    delivery.ok(newest(-60), "0 s old");
    delivery.warn(|o| lake(o).newest = Ok(None), "nothing was ever delivered", "IncomingRecords");
    let mut observed = sound();
    lake(&mut observed).newest = Ok(None);
    observed.survey = Ok(Survey::default());
    let found = lake::delivery(&observed, &expected());
    assert!(found[0].detail.ends_with("no log group has a subscription"), "{found:?}");
    observed.stream = Err(silent());
    newest(86_400)(&mut observed);
    let found = lake::delivery(&observed, &expected());
    assert!(found[0].detail.contains("the stream could not be asked; it writes after 900 s"), "{found:?}");
}

#[test]
fn a_stream_is_there_and_takes_records() {
    let firehose = Rule(Check::Firehose);
    let set = |status: &'static str| {
        move |observed: &mut Observed| observed.stream.as_mut().unwrap().status = status.to_owned()
    };
    firehose.warn(set("CREATING"), "takes nothing yet", "again");
    firehose.fail(set("CREATING_FAILED"), "CREATING_FAILED: it takes nothing", "delete-delivery-stream");
    firehose.fail(set("DELETING"), "DELETING", "deploy/cfn/region.yaml");
    firehose.fail(
        |observed| {
            set("CREATING_FAILED")(observed);
            observed.stream.as_mut().unwrap().failure = Some("KMS_KEY_NOT_FOUND".to_owned());
        },
        "(KMS_KEY_NOT_FOUND)",
        "",
    );
    firehose.fail(
        |o| o.stream.as_mut().unwrap().source = "KinesisStreamAsSource".to_owned(),
        "its source is KinesisStreamAsSource",
        "cannot be changed",
    );
    firehose.fail(|o| o.stream.as_mut().unwrap().s3 = None, "other than S3", "cannot be changed");
    let absent = |observed: &mut Observed| observed.stream = Err(fault("ResourceNotFoundException"));
    firehose.fail(absent, "no stream `acme`", "--stack-name acme --template-file deploy/cfn/region.yaml");
    let denied = |observed: &mut Observed| observed.stream = Err(fault("AccessDeniedException"));
    firehose.unknown(denied, "some:Action: AccessDeniedException", "allow `some:Action`");
    firehose.unknown(|o| o.stream = Err(silent()), "cannot connect", "again");
}

#[test]
fn a_stream_writes_where_the_lake_looks() {
    let firehose = Rule(Check::Firehose);
    let prefix = "landing/region=us-east-2/date=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/";
    let update = "--extended-s3-destination-update '{\"Prefix\":\"landing/region=us-east-2/date=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/\"}'";
    firehose.fail(|o| s3(o).prefix = None, "prefix none: hours cannot be listed", update);
    let mangled = |observed: &mut Observed| s3(observed).prefix = Some(prefix.replace("us-east-2", "us-west-2"));
    firehose.fail(mangled, "the lake looks empty", "--destination-id destinationId-000000000001");
    firehose.fail(|o| s3(o).error_prefix = Some("errors/".to_owned()), "error prefix `errors/`", "ErrorOutputPrefix");
    firehose.fail(
        |o| s3(o).time_zone = Some("Europe/Berlin".to_owned()),
        "time zone Europe/Berlin",
        "\"CustomTimeZone\":\"UTC\"",
    );
    firehose.fail(|o| s3(o).file_extension = Some(".pq".to_owned()), "file extension `.pq`", "\".parquet\"");
    let elsewhere = |observed: &mut Observed| s3(observed).bucket_arn = "arn:aws:s3:::another".to_owned();
    firehose.fail(elsewhere, "another bucket", "BucketARN");
    // What cannot be compared is not complained of.
    firehose.ok(|o| lake(o).place = Place::parse("lake").unwrap(), "ACTIVE");
    firehose.ok(
        |observed| {
            let copied = Place::parse("s3://copied").unwrap().with_endpoint("https://minio.example.com:9000").unwrap();
            lake(observed).place = copied;
        },
        "ACTIVE",
    );
    firehose.ok(|o| (s3(o).time_zone, s3(o).file_extension) = (None, None), "ACTIVE");
    // A lake in a folder of its bucket.
    let mut observed = sound();
    lake(&mut observed).place = Place::parse("s3://bucket-of-acme/team").unwrap();
    let found = firehose::firehose(&observed, &expected());
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].fix.as_ref().unwrap().contains("\"team/landing/region="), "{found:?}");
    s3(&mut observed).prefix = Some(format!("team/{prefix}"));
    s3(&mut observed).error_prefix = Some("team/errors/region=us-east-2/!{firehose:error-output-type}/".to_owned());
    let found = firehose::firehose(&observed, &expected());
    assert_eq!((found.len(), found[0].state), (1, State::Ok), "{found:?}");
}

#[test]
fn a_stream_has_the_settings_that_parquet_needs() {
    let firehose = Rule(Check::Firehose);
    firehose.fail(
        |o| s3(o).buffer_mib = Some(5),
        "buffer size 5 MiB",
        "{\"BufferingHints\":{\"IntervalInSeconds\":300,\"SizeInMBs\":128}}",
    );
    firehose.fail(|o| s3(o).buffer_mib = Some(256), "64 to 128 MiB", "BufferingHints");
    firehose.fail(|o| s3(o).buffer_mib = None, "buffer size none", "BufferingHints");
    firehose.ok(|o| s3(o).buffer_mib = Some(64), "after 64 MiB");
    let slow =
        |observed: &mut Observed| (s3(observed).buffer_mib, s3(observed).buffer_seconds) = (Some(64), Some(3600));
    firehose.fail(slow, "buffer interval 3600 s", "\"SizeInMBs\":64");
    firehose.fail(|o| s3(o).compression = "GZIP".to_owned(), "compression GZIP", "UNCOMPRESSED");
    firehose.fail(|o| s3(o).conversion = None, "nothing is converted", "\"TableName\":\"telemetry\"");
    firehose.fail(|o| conversion(o).is_enabled = false, "nothing is converted", "OpenXJsonSerDe");
    firehose.warn(|o| conversion(o).deserializer = Some(Deserializer::Hive), "Hive", "OpenXJsonSerDe");
    firehose.fail(|o| conversion(o).deserializer = None, "nothing reads the JSON", "OpenXJsonSerDe");
    firehose.fail(|o| conversion(o).is_parquet = false, "other than Parquet", "ParquetSerDe");
    firehose.fail(|o| conversion(o).database = None, "is missing", "\"DatabaseName\":\"acme\"");
    firehose.fail(|o| conversion(o).table = None, "is missing", "\"RoleARN\":\"arn:aws:iam::123456789012:role/glue\"");
    firehose.fail(|o| conversion(o).region = None, "is missing", "\"Region\":\"us-east-2\"");
    firehose.warn(|o| conversion(o).table = Some("old".to_owned()), "Glue table `old`", "telemetry");
    firehose.warn(|o| conversion(o).region = Some("eu-west-2".to_owned()), "Glue table in eu-west-2", "us-east-2");
    firehose.warn(|o| conversion(o).version = Some("3".to_owned()), "version 3", "LATEST");
    firehose.warn(|o| s3(o).is_logging = false, "not logged", "/aws/kinesisfirehose/acme");
    firehose.warn(|o| s3(o).is_processing = true, "processors", "ProcessingConfiguration");
    firehose.fail(|o| s3(o).is_partitioning = true, "dynamic partitioning", "cannot be changed");
    firehose.warn(|o| s3(o).is_backing_up = true, "a second time", "cannot be changed");
}

#[test]
fn a_stream_that_is_wrong_in_several_ways_has_a_row_for_each() {
    let mut observed = sound();
    (s3(&mut observed).buffer_mib, s3(&mut observed).prefix, s3(&mut observed).is_logging) = (Some(5), None, false);
    let found = firehose::firehose(&observed, &expected());
    let states: Vec<&str> = found.iter().map(|finding| finding.state.name()).collect();
    assert_eq!(states, ["fail", "fail", "warn"], "{found:?}");
}

#[test]
fn a_forwarder_runs_behind_its_alias() {
    let forwarder = Rule(Check::Forwarder);
    let gone = || fault("ResourceNotFoundException");
    forwarder.fail(
        |observed| {
            observed.forwarder.reserved = Err(gone());
            observed.forwarder.deployed.alias = Err(gone());
            observed.forwarder.deployed.configuration = Err(gone());
            observed.forwarder.asynchronous = Ok(Asynchronous::default());
            observed.forwarder.invokers = Ok(vec![]);
        },
        "no function `acme-forwarder`",
        "--parameter-overrides file://deploy/params/us-east-2.json",
    );
    forwarder.fail(
        |observed| {
            observed.forwarder.deployed.alias = Err(gone());
            observed.forwarder.deployed.configuration = Err(gone());
        },
        "no alias `live`",
        "deploy/cfn/region.yaml",
    );
    let alias = |version: &'static str| {
        move |observed: &mut Observed| observed.forwarder.deployed.alias.as_mut().unwrap().version = version.to_owned()
    };
    forwarder.warn(
        alias("$LATEST"),
        "points to `$LATEST`",
        "update-alias --region us-east-2 --function-name acme-forwarder --name live",
    );
    forwarder.warn(alias(""), "points to ``", "publish-version");
    forwarder.fail(|o| version(o).state = Some("Failed".to_owned()), "state is Failed", "StateReason");
    forwarder.warn(|o| version(o).state = Some("Pending".to_owned()), "state is Pending", "StateReason");
    forwarder.fail(|o| version(o).last_update = Some("Failed".to_owned()), "last update: Failed", "Revision=NEW");
    forwarder.warn(|o| version(o).last_update = Some("InProgress".to_owned()), "last update: InProgress", "");
    forwarder.fail(|o| version(o).runtime = Some("provided.al2".to_owned()), "runtime provided.al2:", "Revision=NEW");
    forwarder.fail(|o| version(o).runtime = None, "perhaps an image", "Revision=NEW");
    forwarder.warn(|o| version(o).timeout_seconds = Some(29), "timeout 29 s", "--timeout 60 && ");
    forwarder.ok(|o| version(o).timeout_seconds = Some(30), "version 7");
    forwarder.unknown(
        |o| o.forwarder.deployed.alias = Err(fault("AccessDeniedException")),
        "not looked at",
        "allow `some:Action`",
    );
    forwarder.unknown(
        |o| o.forwarder.deployed.configuration = Err(fault("AccessDeniedException")),
        "not looked at",
        "allow `some:Action`",
    );
    forwarder.unknown(
        |o| o.forwarder.reserved = Err(fault("AccessDeniedException")),
        "not looked at",
        "allow `some:Action`",
    );
}

#[test]
fn a_forwarder_is_told_its_stream_and_nothing_it_does_not_know() {
    let forwarder = Rule(Check::Forwarder);
    let set = |name: &'static str, value: &'static str| {
        move |observed: &mut Observed| {
            version(observed).variables.as_mut().unwrap().insert(name.to_owned(), value.to_owned());
        }
    };
    forwarder.ok(set("TRANSECT_SAMPLE_RATE", "0.1"), "version 7");
    forwarder.fail(set("TRANSECT_DELIVERY_STREAM", "other"), "names another stream than `acme`", "Revision=NEW");
    forwarder.fail(set("TRANSECT_DELIVERY_STREAM", " "), "is not set", "Revision=NEW");
    forwarder.warn(set("TRANSECT_REDACT_KEY", "iban"), "has no variable TRANSECT_REDACT_KEY:", "TRANSECT_REDACT_KEYS");
    forwarder.warn(set("transect_redact", "on"), "transect_redact", "TRANSECT_REDACT");
    forwarder.unknown(
        |o| version(o).variables = Err("AccessDeniedException".to_owned()),
        "variables cannot be read (AccessDeniedException)",
        "kms:Decrypt",
    );
}

#[test]
fn nothing_that_a_forwarder_fails_at_is_lost() {
    let forwarder = Rule(Check::Forwarder);
    let set = |on_failure: Option<&'static str>, retries: Option<i32>| {
        move |observed: &mut Observed| {
            observed.forwarder.asynchronous = Ok(Asynchronous { on_failure: on_failure.map(str::to_owned), retries });
        }
    };
    let put = "put-function-event-invoke-config --region us-east-2 --function-name acme-forwarder --qualifier live";
    forwarder.fail(set(None, None), "no on-failure destination", put);
    forwarder.fail(set(Some("arn:aws:sqs:us-east-2:123456789012:failed"), None), "not a bucket", put);
    forwarder.warn(set(Some("arn:aws:s3:::another"), None), "another bucket", put);
    forwarder.warn(set(Some("arn:aws:s3:::bucket-of-acme"), Some(0)), "tried again 0 times", put);
    forwarder.ok(set(Some("arn:aws:s3:::bucket-of-acme"), None), "version 7");
    forwarder.unknown(
        |o| o.forwarder.asynchronous = Err(fault("AccessDeniedException")),
        "not looked at",
        "allow `some:Action`",
    );
    forwarder.fail(
        |o| o.forwarder.reserved = Ok(Some(0)),
        "stopped: reserved concurrency is 0",
        "put-function-concurrency",
    );
    forwarder.ok(|o| o.forwarder.reserved = Ok(None), "version 7");
}

#[test]
fn cloudwatch_may_invoke_a_forwarder_for_this_account() {
    let forwarder = Rule(Check::Forwarder);
    let set = |accounts: &'static [Option<&'static str>]| {
        move |observed: &mut Observed| {
            let invoker = |account: &Option<&str>| Invoker { account: account.map(str::to_owned) };
            observed.forwarder.invokers = Ok(accounts.iter().map(invoker).collect());
        }
    };
    forwarder.fail(set(&[]), "may not invoke it", "--source-account 123456789012");
    forwarder.fail(set(&[Some("210987654321")]), "other accounts alone", "add-permission");
    forwarder.warn(set(&[None]), "any account", "add-permission");
    forwarder.ok(set(&[Some("210987654321"), Some("123456789012")]), "version 7");
    forwarder.unknown(
        |o| o.forwarder.invokers = Err(fault("AccessDeniedException")),
        "not looked at",
        "allow `some:Action`",
    );
}

#[test]
fn a_version_is_the_release_that_was_recorded_last() {
    let forwarder = Rule(Check::Forwarder);
    forwarder.ok(
        |observed| {
            lake(observed).mappings =
                Ok(vec![mapping("7", "1.4.2", 9), mapping("7", "1.4.1", 1), mapping("8", "2", 10)])
        },
        "version 7, release 1.4.2",
    );
    forwarder.ok(|o| lake(o).mappings = Ok(vec![]), "no release recorded");
    forwarder.warn(
        |observed| {
            let recorded = Mapping { code_sha256: Some("other".to_owned()), ..mapping("7", "1.4.1", 1) };
            lake(observed).mappings = Ok(vec![recorded]);
        },
        "runs code q1MKE+RZFJgr, and the record of release 1.4.1 says other",
        "transect releases import",
    );
    forwarder.unknown(
        |o| lake(o).mappings = Err("no answer".to_owned()),
        "release records not read: no answer",
        "the row `bucket`",
    );
    // A rollout is worth a word.
    forwarder.ok(
        |o| o.forwarder.deployed.alias.as_mut().unwrap().weights = [("8".to_owned(), 0.1)].into(),
        "10 % of invocations go to version 8",
    );
}

#[test]
fn further_functions_have_a_release_each() {
    let release = Rule(Check::Release);
    let pay = |release: &str| Mapping { function: "pay".to_owned(), ..mapping("7", release, 1) };
    let with = |observed: &mut Observed| observed.functions = vec![deployed("pay")];
    release.ok(
        |observed| {
            with(observed);
            lake(observed).mappings = Ok(vec![pay("1.4.2")]);
        },
        "pay: version 7, release 1.4.2",
    );
    // Who may not see its configuration is told the release all the same.
    release.ok(
        |observed| {
            with(observed);
            observed.functions[0].configuration = Err(fault("AccessDeniedException"));
            lake(observed).mappings = Ok(vec![pay("1.4.2")]);
        },
        "pay: version 7, release 1.4.2",
    );
    release.warn(
        with,
        "pay: version 7 is no recorded release",
        "--function pay --release RELEASE --function-version 7",
    );
    release.fail(
        |observed| {
            with(observed);
            observed.functions[0].alias = Err(fault("ResourceNotFoundException"));
            observed.functions[0].configuration = Err(fault("ResourceNotFoundException"));
        },
        "pay: no such function",
        "list-aliases",
    );
    release.unknown(
        |observed| {
            with(observed);
            observed.functions[0].alias = Err(fault("AccessDeniedException"));
        },
        "not looked at",
        "allow `some:Action`",
    );
    release.unknown(
        |observed| {
            with(observed);
            observed.functions[0].configuration = Err(silent());
        },
        "cannot connect",
        "again: `transect doctor --region us-east-2`",
    );
}

#[test]
fn log_groups_are_forwarded() {
    let coverage = Rule(Check::Coverage);
    let subscribe = "transect subscribe --apply --region us-east-2 --name acme --policy groups";
    coverage.warn(|o| groups(o).push(group("/new")), "1 of 3 log groups not forwarded: /new", subscribe);
    coverage.warn(
        |o| groups(o).extend((1..=6).map(|number| group(&format!("/new/{number}")))),
        "/new/5 and 1 more",
        subscribe,
    );
    let none = |observed: &mut Observed| groups(observed).iter_mut().for_each(|group| group.filters.clear());
    coverage.fail(none, "none of 2 log groups is forwarded", subscribe);
    coverage.ok(|o| groups(o).clear(), "0 of 0 log groups forwarded");
    coverage.warn(
        |observed| {
            groups(observed)[0].filters[0].destination =
                "arn:aws:lambda:us-east-2:123456789012:function:other".to_owned()
        },
        "otherwise than the rest (another destination): /aws/lambda/cart",
        subscribe,
    );
    let full = |observed: &mut Observed| {
        groups(observed)
            .push(Group { filters: vec![filter("one", "arn:1"), filter("two", "arn:2")], ..group("/full") });
    };
    coverage.warn(full, "filters of others fill the group: one, two", "describe-subscription-filters");
    let cold = |observed: &mut Observed| groups(observed).push(Group { takes_filters: false, ..group("/cold") });
    coverage.warn(cold, "its log group class takes no subscriptions", "--exclude /cold");
    coverage.unknown(|o| o.survey = Err(fault("AccessDeniedException")), "not looked at", "allow `some:Action`");
    // One that does not tell hides no other, and one that is left out need not.
    let denied = |name: &str| Group { fault: Some(fault("AccessDeniedException")), ..group(name) };
    let looked = |names: &'static [&'static str]| {
        move |observed: &mut Observed| groups(observed).extend(names.iter().map(|name| denied(name)))
    };
    let told = "1 log group not looked at (some:Action: AccessDeniedException): /secret";
    coverage.unknown(looked(&["/secret"]), told, "allow `some:Action`");
    coverage.unknown(|o| groups(o)[2] = denied(OWN[0]), &told.replace("/secret", OWN[0]), "allow `some:Action`");
    let mut observed = sound();
    groups(&mut observed).extend([denied("/secret"), group("/new")]);
    let found = coverage::coverage(&observed, &Expected { exclude: vec!["/secret".to_owned()], ..expected() });
    assert_eq!(found.iter().map(|found| found.state).collect::<Vec<_>>(), [State::Warn], "{found:#?}");
    let found = coverage::coverage(&observed, &expected());
    assert_eq!(found.iter().map(|found| found.state).collect::<Vec<_>>(), [State::Unknown, State::Warn], "{found:#?}");
}

/// To put filters beside a policy that delivers to another alias would bring every event twice.
#[test]
fn a_policy_that_delivers_elsewhere_is_put_right_and_no_filter_beside_it() {
    let coverage = Rule(Check::Coverage);
    let policed = |name: &'static str, destination: &'static str| {
        move |observed: &mut Observed| {
            let survey = observed.survey.as_mut().unwrap();
            survey.groups.iter_mut().for_each(|group| group.filters.clear());
            let document = PolicyDocument { destination: destination.to_owned(), ..PolicyDocument::default() };
            survey.policies = vec![Policy { name: name.to_owned(), document, ..policy(&OWN) }];
        }
    };
    const BLUE: &str = "arn:aws:lambda:us-east-2:123456789012:function:acme-forwarder:blue";
    const BARE: &str = "arn:aws:lambda:us-east-2:123456789012:function:acme-forwarder";
    const ELSE: &str = "arn:aws:lambda:us-east-2:123456789012:function:other:live";
    let put = "`transect subscribe --apply --region us-east-2 --name acme --policy account`";
    let beside = "2 of 2 log groups otherwise than the rest (by the account's policy `acme`, to `blue` of the same function): \
                  /aws/lambda/cart, /aws/lambda/pay";
    coverage.warn(policed("acme", BLUE), beside, put);
    coverage.warn(policed("acme", BARE), "`acme`, to no alias of the same function", put);
    coverage.fail(policed("acme", ELSE), "none of 2 log groups is forwarded", put);
    coverage.warn(
        policed("mine", BLUE),
        "by the account's policy `mine`, to `blue` of the same function",
        &format!(
            "`aws logs delete-account-policy --region us-east-2 --policy-name mine --policy-type SUBSCRIPTION_FILTER_POLICY`, then {put}"
        ),
    );
    // Another vendor's is none of ours.
    coverage.fail(policed("siem", ELSE), "none of 2 log groups is forwarded", "--name acme --policy groups");
    // By whichever alias, it is forwarded twice, and a loop.
    let told = |change: &dyn Fn(&mut Observed), detail: &str| {
        let mut observed = sound();
        policed("acme", BLUE)(&mut observed);
        change(&mut observed);
        let found = coverage::coverage(&observed, &expected());
        assert!(found.iter().any(|found| found.detail.contains(detail)), "{detail}: {found:#?}");
    };
    let twice = "1 log group forwarded twice, by the account's policy and by a filter: /aws/lambda/cart";
    told(&|observed| groups(observed)[0].filters.push(filter("older", LIVE)), twice);
    let emptied = |observed: &mut Observed| observed.survey.as_mut().unwrap().policies[0].excluded.clear();
    told(&emptied, "the account's policy forwards `/aws/lambda/acme-forwarder`");
}

#[test]
fn a_filter_pattern_that_all_have_is_meant() {
    let coverage = Rule(Check::Coverage);
    let patterned = |observed: &mut Observed| {
        for group in groups(observed).iter_mut() {
            group.filters.iter_mut().for_each(|filter| filter.pattern = "?ERROR ?WARN".to_owned());
        }
    };
    coverage.ok(patterned, "of them what `?ERROR ?WARN` lets through");
    coverage.warn(
        |observed| {
            patterned(observed);
            groups(observed).push(forwarded("/all"));
        },
        "otherwise than the rest (another filter pattern): /all",
        "--filter '?ERROR ?WARN'",
    );
}

#[test]
fn what_is_left_out_on_purpose_is_not_missed() {
    let mut observed = sound();
    groups(&mut observed).push(group("/noise/1"));
    let expected = Expected { exclude: vec!["/noise/*".to_owned()], include: vec!["/*".to_owned()], ..expected() };
    let found = coverage::coverage(&observed, &expected);
    assert_eq!(found[0].detail, "2 of 2 log groups forwarded; 2 of the pipeline's own and 1 excluded");
    groups(&mut observed).push(group("/new"));
    let found = coverage::coverage(&observed, &expected);
    assert!(found[0].fix.as_ref().unwrap().contains("--match '/*' --exclude '/noise/*'"), "{found:?}");
}

#[test]
fn an_account_policy_covers_what_it_does_not_leave_out() {
    let coverage = Rule(Check::Coverage);
    let by_policy = |excluded: &'static [&'static str]| {
        move |observed: &mut Observed| {
            let survey = observed.survey.as_mut().unwrap();
            survey.groups.iter_mut().for_each(|group| group.filters.clear());
            survey.groups.push(group("/noise"));
            survey.policies = vec![policy(excluded)];
        }
    };
    coverage.ok(by_policy(&[OWN[0], OWN[1]]), "3 of 3 log groups forwarded, by the account's policy `acme`");
    coverage.ok(by_policy(&[OWN[0], OWN[1], "/noise"]), "2 of 2 log groups forwarded");
    coverage.fail(
        by_policy(&[OWN[0], "/noise"]),
        "the account's policy forwards `/aws/kinesisfirehose/acme`",
        "--policy account --exclude /noise`",
    );
    // The command puts every name that the policy has left out, however many, whether they are there or not; a policy takes no
    // `--match`; and what stays with the stack is said.
    let mut observed = sound();
    let trails: Vec<String> = (10..40).map(|number| format!("/trail/{number}")).collect();
    let excluded: Vec<&str> = OWN.iter().copied().chain(trails.iter().map(String::as_str)).collect();
    observed.survey.as_mut().unwrap().policies = vec![policy(&excluded)];
    groups(&mut observed).extend(["/aws/kinesisfirehose/blue", "/aws/lambda/blue-forwarder"].map(group));
    groups(&mut observed).iter_mut().for_each(|group| group.filters.clear());
    let found = coverage::coverage(&observed, &Expected { include: vec!["/*".to_owned()], ..expected() });
    let all: String = trails.iter().map(|trail| format!(" --exclude {trail}")).collect();
    let fix = format!(
        "`transect subscribe --apply --region us-east-2 --name acme --policy account{all}`; where the stack has the policy \
         (Subscribe=policy), put `blue` into `OtherNames` instead, or its next update undoes this"
    );
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found.iter().all(|found| found.state == State::Fail && found.fix.as_deref() == Some(&*fix)), "{found:#?}");
    coverage.warn(
        |observed| {
            by_policy(&[OWN[0], OWN[1]])(observed);
            groups(observed)[0].filters.push(filter("older", LIVE));
        },
        "1 log group forwarded twice, by the account's policy and by a filter: /aws/lambda/cart",
        "delete-subscription-filter --region us-east-2 --log-group-name /aws/lambda/cart --filter-name older",
    );
}

#[test]
fn the_pipeline_does_not_feed_itself() {
    let coverage = Rule(Check::Coverage);
    for (index, name) in OWN.iter().enumerate() {
        coverage.fail(
            |o| groups(o)[2 + index].filters.push(filter("acme", LIVE)),
            &format!("forwards `{name}`"),
            &format!("--log-group-name {name} --filter-name acme"),
        );
    }
    // Before its first event the forwarder has no group yet, and the policy waits for it.
    coverage.fail(
        |observed| {
            let survey = observed.survey.as_mut().unwrap();
            survey.groups = vec![group("/aws/lambda/cart")];
            survey.policies = vec![policy(&[OWN[1]])];
        },
        "forwards `/aws/lambda/acme-forwarder`",
        "--policy account",
    );
    // Whoever gets its lines hands them back, as long as it is forwarded itself.
    let fed = |is_forwarded: bool| {
        move |observed: &mut Observed| {
            groups(observed)[2]
                .filters
                .push(filter("dd", "arn:aws:lambda:us-east-2:123456789012:function:dd-forwarder"));
            let name = "/aws/lambda/dd-forwarder";
            groups(observed).push(if is_forwarded { forwarded(name) } else { group(name) });
        }
    };
    coverage.fail(
        fed(true),
        "forwards `/aws/lambda/dd-forwarder`, written by the function `dd-forwarder`, which gets what the pipeline writes: a loop",
        "--log-group-name /aws/lambda/dd-forwarder --filter-name acme",
    );
    coverage.ok(fed(false), "3 of the pipeline's own");
    coverage.fail(
        |observed| {
            fed(false)(observed);
            groups(observed).iter_mut().take(2).for_each(|group| group.filters.clear());
            observed.survey.as_mut().unwrap().policies = vec![policy(&OWN)];
        },
        "the account's policy forwards `/aws/lambda/dd-forwarder`",
        "put `/aws/lambda/dd-forwarder` into `ExcludedLogGroups` instead",
    );
    // Somewhere else is no loop.
    coverage.ok(
        |observed| {
            groups(observed)[2].filters.push(filter("audit", "arn:aws:lambda:us-east-2:123456789012:function:audit"))
        },
        "2 of 2",
    );
}

#[test]
fn groups_expire() {
    let coverage = Rule(Check::Coverage);
    coverage.warn(
        |o| groups(o)[0].retention_days = None,
        "1 log group without retention: 2.0 GB, at most $0.06 a month",
        "--retention 30",
    );
    coverage.warn(
        |o| groups(o)[2].retention_days = None,
        "`/aws/lambda/acme-forwarder`, which the pipeline writes itself, has no retention",
        "put-retention-policy",
    );
}

#[test]
fn what_could_not_be_delivered_or_converted_is_counted() {
    let (failed, unconverted) = (Rule(Check::Failed), Rule(Check::Unconverted));
    let pile = |days: i64| Ok(Pile { objects: 3, bytes: 4_500_000, oldest: Some(ago(days * 86_400)), has_more: false });
    failed.warn(
        |o| lake(o).failed = pile(2),
        "3 objects (4.5 MB) of events could not be delivered by the forwarder, the oldest 2 d ago",
        "`transect redrive --from failed --region us-east-2 --name acme`",
    );
    failed.fail(|o| lake(o).failed = pile(83), "with FailedDays=90 the first are deleted in 7 days", "redrive");
    failed.warn(|o| lake(o).failed = pile(82), "82 d ago", "redrive");
    failed.fail(|o| lake(o).failed = pile(400), "deleted today", "redrive");
    unconverted.warn(
        |o| lake(o).unconverted = pile(1),
        "3 objects (4.5 MB) of records could not be converted by Firehose, the oldest 24 h ago",
        "`transect redrive --from errors --region us-east-2 --name acme`",
    );
    unconverted.fail(|o| lake(o).unconverted = pile(89), "ErrorsDays=90 the first are deleted in 1 day", "");
    failed.warn(
        |o| lake(o).failed = Ok(Pile { objects: 10_400, has_more: true, ..Pile::default() }),
        "at least 10400 objects (at least 0 B) of events",
        "redrive",
    );
    // Beside the folder that the lake is nothing can be seen.
    let mut observed = sound();
    lake(&mut observed).place = Place::parse("s3://bucket-of-acme/team").unwrap();
    let found = lake::failed(&observed, &expected());
    assert_eq!((found.len(), found[0].state), (1, State::Unknown), "{found:?}");
    assert_eq!(lake::unconverted(&observed, &expected())[0].state, State::Ok);
}

#[test]
fn a_clock_is_right() {
    let clock = Rule(Check::Clock);
    let set = |seconds: i64| {
        move |observed: &mut Observed| observed.skew = Some(Skew { ahead: SignedDuration::from_secs(seconds) })
    };
    clock.ok(set(5), "within 5 s");
    clock.ok(set(-5), "within 5 s");
    clock.ok(set(30), "30 s ahead of AWS");
    clock.warn(set(31), "31 s ahead of AWS", "timedatectl");
    clock.warn(set(-240), "4 min behind AWS", "timedatectl");
    clock.fail(set(-241), "4 min behind AWS: AWS refuses", "timedatectl");
    clock.unknown(|o| o.skew = None, "no answer said", "date -u");
    // The SDK corrects itself by the same date; what signs for buckets does not.
    let refused = |skew| {
        let mut observed = sound();
        observed.skew = skew;
        lake(&mut observed).bucket = Err("access denied (RequestTimeTooSkewed)".to_owned());
        access::clock(&observed)
    };
    assert_eq!(refused(None)[0].state, State::Fail);
    assert_eq!(refused(Some(Skew { ahead: SignedDuration::from_secs(1) }))[0].state, State::Fail);
}

fn unanswered(fault: Fault) -> Observed {
    let mut observed = sound();
    observed.account = Err(fault.clone());
    observed.stream = Err(fault.clone());
    observed.survey = Err(fault.clone());
    let deployed =
        Deployed { alias: Err(fault.clone()), configuration: Err(fault.clone()), ..deployed("acme-forwarder") };
    observed.forwarder =
        Forwarder { deployed, reserved: Err(fault.clone()), asynchronous: Err(fault.clone()), invokers: Err(fault) };
    lake(&mut observed).bucket = Err("no answer".to_owned());
    observed
}

#[test]
fn a_region_in_which_nothing_answers_has_one_row_and_is_missing() {
    let diagnosis = examine_all(&[unanswered(silent()), sound()], &expected());
    let of_region: Vec<&Finding> = diagnosis.findings.iter().take_while(|finding| finding.state != State::Ok).collect();
    assert_eq!((of_region.len(), of_region[0].check, of_region[0].state), (1, Check::Credentials, State::Unknown));
    assert_eq!(diagnosis.missing, [Missing { region: REGION.to_owned(), reason: "cannot connect".to_owned() }]);
    assert!(!diagnosis.has_findings());
    // Nobody answers those who are not let in, either.
    let expired = examine_all(&[unanswered(fault("ExpiredTokenException"))], &expected());
    assert_eq!((expired.findings.len(), expired.missing.len(), expired.has_findings()), (1, 1, true));
    // Where anything answers, the rest is said.
    let mut observed = unanswered(silent());
    observed.stream = sound().stream;
    let diagnosis = examine_all(&[observed], &expected());
    assert!(diagnosis.missing.is_empty() && diagnosis.findings.len() >= 9, "{diagnosis:?}");
    let mut observed = unanswered(silent());
    lake(&mut observed).bucket = Ok(());
    assert!(examine_all(&[observed.clone()], &expected()).missing.is_empty());
    // A directory always answers, and says nothing of the region.
    lake(&mut observed).place = Place::parse("lake").unwrap();
    assert_eq!(examine_all(&[observed], &expected()).missing.len(), 1);
}

fn in_region(name: &str) -> Observed {
    let mut observed = sound();
    let rename = |text: &str| text.replace(REGION, name);
    observed.region = name.to_owned();
    s3(&mut observed).prefix = s3(&mut observed).prefix.as_deref().map(rename);
    s3(&mut observed).error_prefix = s3(&mut observed).error_prefix.as_deref().map(rename);
    conversion(&mut observed).region = Some(name.to_owned());
    for group in groups(&mut observed) {
        group.filters.iter_mut().for_each(|filter| filter.destination = rename(&filter.destination));
    }
    observed
}

#[test]
fn regions_run_the_same_code_and_releases() {
    let regions = || ["us-east-2", "us-west-2", "eu-west-2"].map(in_region);
    let wrong = |observed: &[Observed]| -> Vec<String> {
        let diagnosis = examine_all(observed, &expected());
        let found = diagnosis.findings.iter().filter(|finding| finding.state != State::Ok);
        found.map(|finding| format!("{} {} {}", finding.region, finding.check.name(), finding.detail)).collect()
    };
    assert_eq!(wrong(&regions()), Vec::<String>::new());

    let mut observed = regions();
    version(&mut observed[0]).code_sha256 = Some("r1MKE+RZFJgrefm34+uplM/R8/si9xzqGvvwK0YMbR0=".to_owned());
    assert_eq!(wrong(&observed), ["us-east-2 forwarder code r1MKE+RZFJgr here, q1MKE+RZFJgr in us-west-2, eu-west-2"]);
    let diagnosis = examine_all(&observed, &expected());
    let rows: Vec<&Finding> = diagnosis.findings.iter().filter(|finding| finding.check == Check::Forwarder).collect();
    // In the place of the row that said all is well, and between its neighbours.
    assert_eq!(rows.iter().map(|row| row.state.name()).collect::<Vec<_>>(), ["warn", "ok", "ok"]);
    assert!(
        rows[0].fix.as_ref().unwrap().contains("CodeSha256=q1MKE+RZFJgrefm34+uplM/R8/si9xzqGvvwK0YMbR0="),
        "{rows:?}"
    );
    assert!(diagnosis.findings.is_sorted_by_key(|finding| {
        (["us-east-2", "us-west-2", "eu-west-2"].iter().position(|region| *region == finding.region), finding.check)
    }));
    // A region that could not be asked is no different one.
    observed[0].forwarder.deployed.configuration = Err(silent());
    assert_eq!(wrong(&observed).len(), 1, "{:?}", wrong(&observed));

    let mut observed = regions();
    lake(&mut observed[2]).mappings = Ok(vec![mapping("7", "1.4.2", 1)]);
    assert_eq!(wrong(&observed), ["eu-west-2 forwarder release 1.4.2 here, 1.4.1 in us-east-2, us-west-2"]);

    // Of two, neither is more frequent: the later is told.
    let mut observed = regions().map(|mut region| {
        region.functions = vec![deployed("pay")];
        let pay = Mapping { function: "pay".to_owned(), ..mapping("7", "2.0", 1) };
        lake(&mut region).mappings = Ok(vec![mapping("7", "1.4.1", 1), pay]);
        region
    });
    assert_eq!(wrong(&observed), Vec::<String>::new());
    let pay = Mapping { function: "pay".to_owned(), ..mapping("7", "2.1", 1) };
    lake(&mut observed[1]).mappings = Ok(vec![mapping("7", "1.4.1", 1), pay]);
    assert_eq!(wrong(&observed[..2]), ["us-west-2 release pay: release 2.1 here, 2.0 in us-east-2"]);
}

/// What other files call things, and for how long they keep them.
#[test]
fn names_and_days_are_those_of_the_forwarder_and_the_template() {
    let config = include_str!("../../../forwarder/src/config.rs");
    let names: Vec<&str> = config
        .lines()
        .filter_map(|line| line.trim().strip_prefix("name: \"")?.strip_suffix("\","))
        .filter(|name| name.starts_with("TRANSECT_"))
        .collect();
    assert_eq!(names, forwarder::VARIABLES);
    let template = include_str!("../../../../deploy/cfn/region.yaml");
    for (parameter, days) in [("FailedDays", lake::FAILED_DAYS), ("ErrorsDays", lake::ERRORS_DAYS)] {
        let (_, parameter) = template.split_once(&format!("\n  {parameter}:\n")).unwrap();
        let default = parameter.lines().find_map(|line| line.trim().strip_prefix("Default: ")).unwrap();
        assert_eq!(default.parse(), Ok(days));
    }
}

#[test]
fn a_clock_is_off_by_the_least_that_explains_a_date() {
    let date = "Sat, 21 Nov 2026 08:42:53 GMT";
    let at = |milliseconds: u64| {
        let second = SystemTime::from(now());
        second + Duration::from_millis(milliseconds) - Duration::from_mins(10)
    };
    const TEN: u64 = 600_000;
    for (sent, received, milliseconds) in [
        (TEN, TEN + 300, 0),
        // The date was made between the two, at some time in its second.
        (TEN - 200, TEN + 900, 0),
        (TEN + 1_500, TEN + 1_900, 500),
        (TEN - 5_000, TEN - 4_000, -4_000),
        (TEN - 5_000, TEN + 40_000, 0),
        (0, 0, -600_000),
    ] {
        let found = skew(at(sent), at(received), date).unwrap();
        assert_eq!(found.ahead, SignedDuration::from_millis(milliseconds), "{sent} {received}");
    }
    assert_eq!(skew(at(0), at(0), "soon"), None);
}

#[test]
fn statements_of_a_policy_are_read_in_every_spelling() {
    let invokers =
        |statements: &str| parse_invokers(&format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{statements}]}}"));
    let ours = [Invoker { account: Some("123456789012".to_owned()) }];
    for condition in [
        r#"{"StringEquals":{"AWS:SourceAccount":"123456789012"}}"#,
        r#"{"StringEquals":{"aws:sourceAccount":["123456789012"]},"ArnLike":{"AWS:SourceArn":"arn:aws:logs:us-east-2:210987654321:*"}}"#,
        r#"{"ArnLike":{"AWS:SourceArn":"arn:aws:logs:us-east-2:123456789012:log-group:*"}}"#,
    ] {
        let statement = format!(
            r#"{{"Effect":"Allow","Principal":{{"Service":"logs.amazonaws.com"}},"Action":"lambda:InvokeFunction","Condition":{condition}}}"#
        );
        assert_eq!(invokers(&statement), ours, "{condition}");
    }
    let open = [Invoker { account: None }];
    for statement in [
        r#"{"Effect":"Allow","Principal":{"Service":["s3.amazonaws.com","logs.us-east-2.amazonaws.com"]},"Action":["lambda:*"]}"#,
        r#"{"Effect":"Allow","Principal":{"Service":"logs.amazonaws.com.cn"},"Action":"lambda:InvokeFunction","Condition":{"ArnLike":{"AWS:SourceArn":"*"}}}"#,
    ] {
        assert_eq!(invokers(statement), open, "{statement}");
    }
    for statement in [
        r#"{"Effect":"Deny","Principal":{"Service":"logs.amazonaws.com"},"Action":"lambda:InvokeFunction"}"#,
        r#"{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction"}"#,
        r#"{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction"}"#,
        r#"{"Effect":"Allow","Principal":{"Service":"logs.amazonaws.com"},"Action":"lambda:GetFunction"}"#,
    ] {
        assert_eq!(invokers(statement), [], "{statement}");
    }
    assert_eq!(parse_invokers("no JSON"), []);
}

#[test]
fn a_description_of_a_stream_becomes_what_the_rules_read() {
    let conversion = fh::DataFormatConversionConfiguration::builder()
        .input_format_configuration(
            fh::InputFormatConfiguration::builder()
                .deserializer(
                    fh::Deserializer::builder().open_x_json_ser_de(fh::OpenXJsonSerDe::builder().build()).build(),
                )
                .build(),
        )
        .output_format_configuration(
            fh::OutputFormatConfiguration::builder()
                .serializer(fh::Serializer::builder().parquet_ser_de(fh::ParquetSerDe::builder().build()).build())
                .build(),
        )
        .schema_configuration(
            fh::SchemaConfiguration::builder()
                .database_name("acme")
                .table_name("telemetry")
                .region(REGION)
                .version_id("LATEST")
                .role_arn("arn:aws:iam::123456789012:role/glue")
                .build(),
        )
        .build();
    let Stream { s3: wanted, .. } = sound().stream.unwrap();
    let wanted = wanted.unwrap();
    let destination = fh::ExtendedS3DestinationDescription::builder()
        .bucket_arn(&wanted.bucket_arn)
        .role_arn(&wanted.role_arn)
        .set_prefix(wanted.prefix.clone())
        .set_error_output_prefix(wanted.error_prefix.clone())
        .buffering_hints(fh::BufferingHints::builder().size_in_mbs(128).interval_in_seconds(300).build())
        .compression_format(fh::CompressionFormat::Uncompressed)
        .cloud_watch_logging_options(fh::CloudWatchLoggingOptions::builder().enabled(true).build())
        .s3_backup_mode(fh::S3BackupMode::Disabled)
        .custom_time_zone("UTC")
        .file_extension(".parquet")
        .encryption_configuration(fh::EncryptionConfiguration::builder().build())
        .data_format_conversion_configuration(conversion);
    let stream = |destination: fh::ExtendedS3DestinationDescription| {
        let destination = fh::DestinationDescription::builder()
            .destination_id("destinationId-000000000001")
            .extended_s3_destination_description(destination)
            .build()
            .unwrap();
        fh::DeliveryStreamDescription::builder()
            .delivery_stream_name("acme")
            .delivery_stream_arn("arn:aws:firehose:us-east-2:123456789012:deliverystream/acme")
            .delivery_stream_status(fh::DeliveryStreamStatus::Active)
            .delivery_stream_type(fh::DeliveryStreamType::DirectPut)
            .version_id("1")
            .destinations(destination)
            .has_more_destinations(false)
            .build()
            .unwrap()
    };
    assert_eq!(described(&stream(destination.clone().build().unwrap())), sound().stream.unwrap());
    let other = destination
        .prefix("")
        .s3_backup_mode(fh::S3BackupMode::Enabled)
        .processing_configuration(fh::ProcessingConfiguration::builder().enabled(true).build())
        .dynamic_partitioning_configuration(fh::DynamicPartitioningConfiguration::builder().enabled(true).build())
        .data_format_conversion_configuration(
            fh::DataFormatConversionConfiguration::builder()
                .enabled(false)
                .input_format_configuration(
                    fh::InputFormatConfiguration::builder()
                        .deserializer(
                            fh::Deserializer::builder().hive_json_ser_de(fh::HiveJsonSerDe::builder().build()).build(),
                        )
                        .build(),
                )
                .build(),
        )
        .build()
        .unwrap();
    let other = described(&stream(other)).s3.unwrap();
    assert_eq!(other.prefix, None);
    assert!(other.is_backing_up && other.is_processing && other.is_partitioning);
    let conversion = other.conversion.unwrap();
    assert_eq!((conversion.is_enabled, conversion.deserializer), (false, Some(Deserializer::Hive)));
    assert!(!conversion.is_parquet && conversion.database.is_none());
}

#[test]
fn of_a_functions_variables_only_ours_are_kept() {
    use aws_sdk_lambda::types::{EnvironmentError, EnvironmentResponse, LastUpdateStatus, Runtime, State};
    let found = |environment: EnvironmentResponse| {
        configured(
            &GetFunctionConfigurationOutput::builder()
                .state(State::Active)
                .last_update_status(LastUpdateStatus::Successful)
                .runtime(Runtime::Providedal2023)
                .timeout(60)
                .code_sha256("q1MKE+RZFJgrefm34+uplM/R8/si9xzqGvvwK0YMbR0=")
                .environment(environment)
                .build(),
        )
    };
    let environment = EnvironmentResponse::builder()
        .variables("TRANSECT_DELIVERY_STREAM", "acme")
        .variables("DB_PASSWORD", "hunter2");
    assert_eq!(found(environment.build()), deployed("acme-forwarder").configuration.unwrap());
    let error = EnvironmentError::builder().error_code("AccessDeniedException").message("key of …").build();
    let environment = EnvironmentResponse::builder().error(error).build();
    assert_eq!(found(environment).variables, Err("AccessDeniedException".to_owned()));
}

async fn put(store: &InMemory, key: &str) {
    store.put(&Path::from(key), PutPayload::from_static(b"12345")).await.unwrap();
}

fn over(store: InMemory) -> RegionStore {
    let location: RegionLocation = "us-east-2=s3://bucket-of-acme".parse().unwrap();
    RegionStore::over(location, Access::default(), Arc::new(store) as Arc<dyn ObjectStore>, None)
}

async fn look(store: &RegionStore) -> LakeView {
    let names = Names::new("acme").unwrap();
    let scope = Scope { names: &names, functions: &[], cache: None, now: now(), progress: &Progress::default() };
    lake_view(store, REGION, &scope).await
}

#[tokio::test]
async fn an_empty_lake_is_an_answer() {
    let found = look(&over(InMemory::new())).await;
    assert_eq!((found.bucket, found.newest, found.serving), (Ok(()), Ok(None), Serving::Primary));
    assert_eq!(
        (found.mappings, found.failed, found.unconverted),
        (Ok(vec![]), Ok(Pile::default()), Ok(Pile::default()))
    );
}

#[tokio::test]
async fn the_newest_object_is_looked_for_backwards_and_not_in_the_future() {
    let store = InMemory::new();
    for key in [
        "landing/region=us-east-2/date=2026-11-18/hour=23/a.parquet",
        "landing/region=us-east-2/date=2026-11-20/hour=03/a.parquet",
        "landing/region=us-east-2/date=2026-11-20/hour=07/_a.parquet",
        "landing/region=us-east-2/date=2026-11-20/hour=08/.a.parquet",
        "landing/region=us-east-2/date=2026-11-20/hour=09/a.json",
        "landing/region=us-east-2/date=2026-11-21/hour=23/a.parquet",
        "landing/region=us-east-2/date=2027-01-01/hour=00/a.parquet",
        "landing/region=us-east-2/elsewhere/a.parquet",
        "landing/region=us-west-2/date=2026-11-21/hour=08/a.parquet",
    ] {
        put(&store, key).await;
    }
    let newest = look(&over(store.fork())).await.newest.unwrap().unwrap();
    // All were written just now; of hours with files the last two count.
    assert!(["date=2026-11-20/hour=03", "date=2026-11-18/hour=23"].contains(&newest.hour.as_str()), "{newest:?}");
    // The hour that follows is some other clock's; what is written into the last but two is not what arrives.
    let (late, old) = (
        "landing/region=us-east-2/date=2026-11-21/hour=09/a.parquet",
        "landing/region=us-east-2/date=2026-11-18/hour=23/a.parquet",
    );
    put(&store, late).await;
    let written = async |key: &str| store.head(&Path::from(key)).await.unwrap().last_modified.timestamp_millis();
    while written(old).await <= written(late).await {
        put(&store, old).await;
    }
    let newest = look(&over(store)).await.newest.unwrap().unwrap();
    assert_eq!(newest.hour, "date=2026-11-21/hour=09");
}

/// What a person brought an hour ago says nothing of the stream, which stands since the day before.
#[tokio::test]
async fn what_was_brought_by_hand_is_not_delivered() {
    let hash = "0123456789abcdef0123456789abcdef";
    let brought = ["backfill", "redrive", "ingest"].map(|what| format!("{what}-{hash}.parquet"));
    let store = InMemory::new();
    for hour in 0..9 {
        for name in
            brought.iter().chain([&format!("backfill-{hash}-2.parquet"), &format!("ingest-{}.parquet", &hash[..16])])
        {
            put(&store, &format!("landing/region=us-east-2/date=2026-11-21/hour={hour:02}/{name}")).await;
        }
    }
    assert_eq!(look(&over(store.fork())).await.newest, Ok(None));
    // A stream may be called so, too.
    for name in ["ingest-1-2026-11-20-22-01-02-6ecd7e4c-3a5f-4b0e-9d3c-0a1b2c3d4e5f.parquet", "acme-1-x.parquet"] {
        let store = store.fork();
        put(&store, &format!("landing/region=us-east-2/date=2026-11-20/hour=22/{name}")).await;
        let newest = look(&over(store)).await.newest.unwrap().unwrap();
        assert_eq!(newest.hour, "date=2026-11-20/hour=22", "{name}");
    }
}

#[tokio::test]
async fn what_failed_is_counted_wherever_it_may_lie() {
    let store = InMemory::new();
    for key in [
        "aws/lambda/async/acme-forwarder/2026/10/31/2026-10-31T08.42.53-1",
        "aws/lambda/async/acme-forwarder/2026/11/01/2026-11-01T08.42.53-1",
        "aws/lambda/async/acme-forwarder/2026/11/01/2026-11-01T08.42.53-2",
        "aws/lambda/async/other/2026/11/01/2026-11-01T08.42.53-2",
        "failed/region=us-east-2/copied",
        "failed/region=us-east-2/2026/copied",
        "failed/region=us-west-2/copied",
        "redriven/aws/lambda/async/acme-forwarder/2026/11/01/2026-11-01T08.42.53-3",
        "errors/region=us-east-2/format-conversion-failed/date=2026-11-21/hour=08/a",
        "errors/region=us-east-2/processing-failed/date=2026-11-21/hour=08/a",
        "errors/region=us-east-2/beside",
        "errors/region=us-west-2/format-conversion-failed/date=2026-11-21/hour=08/a",
    ] {
        put(&store, key).await;
    }
    let found = look(&over(store)).await;
    let (failed, unconverted) = (found.failed.unwrap(), found.unconverted.unwrap());
    assert_eq!((failed.objects, failed.bytes, failed.has_more), (5, 25, false));
    assert_eq!((unconverted.objects, unconverted.bytes, unconverted.has_more), (3, 15, false));
    assert!(failed.oldest.is_some());
}

#[tokio::test]
async fn a_pile_is_not_listed_to_its_end() {
    let store = InMemory::new();
    for number in 0..=10_000 {
        put(&store, &format!("aws/lambda/async/acme-forwarder/2026/11/01/2026-11-01T08.42.53-{number}")).await;
    }
    for day in 2..=9 {
        put(&store, &format!("aws/lambda/async/acme-forwarder/2026/11/{day:02}/2026-11-{day:02}T08.42.53-1")).await;
    }
    let found = look(&over(store)).await.failed.unwrap();
    assert_eq!((found.objects, found.has_more), (10_008, true));
}

#[tokio::test]
async fn release_records_of_this_region_are_read() {
    let store = over(InMemory::new());
    assert!(record_mapping(&store, &mapping("7", "1.4.1", 1)).await.unwrap());
    assert_eq!(look(&store).await.mappings, Ok(vec![mapping("7", "1.4.1", 1)]));
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_a_reason_and_not_a_silence() {
    let location: RegionLocation = "us-east-2=s3://bucket-of-acme".parse().unwrap();
    let found = look(&RegionStore::new(location, Access::default())).await;
    let reason = "no AWS credentials: none were looked for".to_owned();
    assert_eq!(found.bucket, Err(reason.clone()));
    assert_eq!(
        (found.newest, found.failed, found.unconverted),
        (Err(reason.clone()), Err(reason.clone()), Err(reason.clone()))
    );
    assert_eq!((found.mappings, found.serving), (Err(reason.clone()), Serving::Nothing(reason)));
}

#[test]
fn words_are_short_and_commands_exact() {
    for (seconds, text) in
        [(0, "0 s"), (119, "119 s"), (120, "2 min"), (-7_199, "119 min"), (7_200, "2 h"), (172_800, "2 d")]
    {
        assert_eq!(words::duration(SignedDuration::from_secs(seconds)), text);
    }
    for (bytes, text) in [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (2_000_000_000_000, "2.0 TB")] {
        assert_eq!(words::bytes(bytes), text);
    }
    for (word, text) in [
        ("/aws/lambda/pay", "/aws/lambda/pay"),
        ("", "''"),
        ("a b", "'a b'"),
        ("it's", r"'it'\''s'"),
        ("$LATEST", "'$LATEST'"),
    ] {
        assert_eq!(words::quote(word), text);
    }
    for (value, text) in [("a b", " --group 'a b'"), ("--apply", " --group=--apply"), ("", " --group ''")] {
        assert_eq!(words::option("--group", value), text);
    }
}
