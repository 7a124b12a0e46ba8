//! Failures that name no invocation: whose they are, in every answer alike, whatever way the lines were delivered.

use std::collections::BTreeMap;

use transect_lake::Mapping;

use super::*;
use crate::failure::FailureSigns;
use crate::{
    DoubtCell, Id, IdKind, ServiceQuestion, ServiceUnits, TraceBounds, TraceStart, UnitKind, UnitQuestion, Window,
    render_trace_json,
};

const MS: i64 = 1_000_000;

/// A line of a function's stream.
fn line(function: &'static str, stream: &str, number: i64, observed: i64) -> Record<'static> {
    Record {
        aws_log_group: Some(format!("/aws/lambda/{function}").into()),
        aws_log_stream: Some(format!("2026/11/21/[7]{stream}").into()),
        faas_name: Some(function.into()),
        ..log("us-east-2", format!("{observed:020}{number:036}"), observed)
    }
}

/// The lines of a stream, a millisecond apart: `S`, `E` or `R` and the id of a call; `!` for a failure that names none; an
/// id for a line that names it; `?` and an id for a failure that names it; `x` and an id for a report of a failure that a stranger got printed.
fn stream(function: &'static str, name: &str, first: i64, words: &str) -> Vec<Record<'static>> {
    let mut lines = Vec::new();
    for (number, word) in (0..).zip(words.split_whitespace()) {
        let line = line(function, name, number, first + number * MS);
        let of = |id: &str| Some(id.to_owned().into());
        let mark = |event: &'static str, id: &str| Record {
            event_name: Some(event.into()),
            faas_invocation_id: of(id),
            ..line.clone()
        };
        lines.push(match word.split_at(1) {
            ("S", id) => mark("platform.start", id),
            ("E", id) => mark("platform.end", id),
            ("R", id) => {
                Record { status_code: Some("OK".into()), duration_nano: Some(5 * MS), ..mark("platform.report", id) }
            }
            ("x", id) => Record { status_code: Some("ERROR".into()), ..mark("platform.report", id) },
            ("!", kind) => Record {
                event_name: Some("exception".into()),
                severity_number: Some(17),
                exception_type: of(if kind.is_empty() { "KeyError" } else { kind }),
                exception_message: of("'sku'"),
                ..line.clone()
            },
            ("?", id) => Record { severity_number: Some(17), faas_invocation_id: of(id), ..line.clone() },
            _ => Record { severity_number: Some(9), faas_invocation_id: of(word), ..line.clone() },
        });
    }
    lines
}

const FAILED: &str = "select faas_invocation_id, status_code, exception_type, exception_message, error_count, log_count \
                      from invocations order by faas_invocation_id";

#[tokio::test]
async fn a_failure_without_an_id_is_of_the_call_around_it() {
    let lake = Fixture::of(&stream("pay", "aa", HOUR_8, "! Sa a !Type.One !Two Ea Ra Sb Eb Rb !Late Sc !Lost"));
    assert_eq!(
        lake.ask(FAILED).await,
        "faas_invocation_id,status_code,exception_type,exception_message,error_count,log_count\n\
         a,ERROR,Type.One,'sku',2,6\nb,OK,,,0,3\nc,ERROR,Lost,'sku',1,2\n"
    );
    // Few of them are found by their streams.
    let one = FAILED.replace("from invocations", "from invocations where faas_invocation_id = 'a'");
    assert!(lake.ask(&one).await.ends_with("\na,ERROR,Type.One,'sku',2,6\n"));
    let none = FAILED.replace("from invocations", "from invocations where faas_invocation_id = 'none'");
    assert_eq!(lake.ask(&none).await.lines().count(), 1);
    // What it would read is said without reading.
    let (readings, _) = lake.question().plan(&one, &[]).await.unwrap();
    assert_eq!(readings.len(), 1);
}

/// API Gateway's id under `requestId`, or what a stranger got printed.
#[tokio::test]
async fn a_failure_that_names_no_call_of_its_stream_is_of_the_call_around_it() {
    let mut lines = stream("pay", "aa", HOUR_8, "Sa a ?foreign ?b Ea Ra Sb Eb Rb ?b Sc ?a told Ec Rc ?late");
    let said = Record {
        service_name: Some("pay".into()),
        service_version: Some("1.4.2".into()),
        ..line("pay", "aa", 90, HOUR_8 + SECOND)
    };
    lines.push(said);
    let lake = Fixture::of(&lines);
    assert_eq!(
        lake.ask("select faas_invocation_id, status_code, error_count from invocations order by 1").await,
        "faas_invocation_id,status_code,error_count\na,ERROR,2\nb,ERROR,2\nc,OK,0\n"
    );
    // Few of them are looked at otherwise, and what is asked for is no call.
    for other in ["late", "told", "foreign"] {
        let asked = format!("select count(*) from invocations where faas_invocation_id = '{other}'");
        assert_eq!(lake.ask(&asked).await, "count(*)\n0\n", "{other}");
    }
    // Ids that no mark has are no units.
    let count = |units: ServiceUnits| units.cells.iter().map(|cell| (cell.n_b, cell.x_b)).collect::<Vec<_>>();
    assert_eq!(count(units(&lake.question(), UnitKind::Invocation).await), [(3, 2)]);
    let shown = trace(&lake.question(), "a").await;
    assert!(shown.contains("\"a\"") && !shown.contains("foreign\""), "{shown}");
    // Of a container nobody knows where a call begins.
    let container = Fixture::of(&stream("pay", "aa", HOUR_8, "?foreign"));
    assert!(
        container.ask("select faas_invocation_id, status_code from invocations").await.ends_with("\nforeign,ERROR\n")
    );
}

#[tokio::test]
async fn a_trace_id_finds_what_the_other_records_of_a_call_say() {
    let mut lines = stream("pay", "aa", HOUR_8, "Sa a ! Ea Ra Sb b Eb Rb");
    lines[4].trace_id = Some("t1".into());
    lines[2].correlation_id = Some("c1".into());
    lines[6].trace_id = Some("t2".into());
    let lake = Fixture::of(&lines);
    for filter in ["trace_id = 't1'", "correlation_id = 'c1'", "trace_id = 't1' and correlation_id = 'c1'"] {
        let found = lake.ask(&format!("select faas_invocation_id, status_code from invocations where {filter}")).await;
        assert_eq!(found, "faas_invocation_id,status_code\na,ERROR\n", "{filter}");
    }
    let other = "select faas_invocation_id, status_code from invocations where trace_id = 't2'";
    assert_eq!(lake.ask(other).await, "faas_invocation_id,status_code\nb,OK\n");
}

/// What a runtime prints of an unhandled error names neither its call nor its trace.
#[tokio::test]
async fn a_failure_without_a_trace_fails_the_trace_of_its_call() {
    let mut lines = stream("pay", "aa", HOUR_8, "Sa a ! ?a Ea Ra Sb b Eb Rb Sc c !Lost");
    for (line, trace) in [(1, "t1"), (3, "t1"), (7, "t2"), (11, "t3")] {
        lines[line].trace_id = Some(trace.into());
    }
    // Lambda's own word of the trace outranks what the function printed.
    (lines[5].trace_id, lines[7].correlation_id) = (Some("t1".into()), Some("c2".into()));
    lines.push(Record { trace_id: Some("t9".into()), ..stream("pay", "aa", HOUR_8 + 2 * MS, "a").remove(0) });
    let lake = Fixture::of(&lines);
    assert_eq!(
        lake.ask("select trace_id, error_count, log_count, invocation_count from traces order by 1").await,
        "trace_id,error_count,log_count,invocation_count\nt1,2,3,1\nt2,0,1,1\nt3,1,1,1\nt9,0,1,1\n"
    );
    assert_eq!(lake.ask("select error_count from traces where trace_id = 't1'").await, "error_count\n2\n");
    assert_eq!(
        lake.ask("select faas_invocation_id, trace_id from invocations order by 1").await,
        "faas_invocation_id,trace_id\na,t1\nb,t2\nc,t3\n"
    );
    let failed = crate::PickFilter { errors: true, ..crate::PickFilter::default() };
    let (_, mut ids, _) = lake.question().pick(&failed, 10).await.unwrap();
    ids.sort();
    assert_eq!(ids, ["t1", "t3"]);
    // What only serves the view is no table.
    lake.fail("select * from untraced_failures").await;
}

#[tokio::test]
async fn what_a_call_prints_is_no_invocation() {
    let lake = Fixture::of(&stream("pay", "aa", HOUR_8, "Sa xz Ea Ra Sb Sy ! Ey Ry xa Eb Rb"));
    assert_eq!(
        lake.ask("select faas_invocation_id, status_code, attempts from invocations order by 1").await,
        "faas_invocation_id,status_code,attempts\na,OK,1\nb,ERROR,1\n"
    );
    assert_eq!(lake.ask("select count(*) from invocations where faas_invocation_id = 'z'").await, "count(*)\n0\n");
}

#[tokio::test]
async fn a_range_that_begins_within_a_call_loses_no_report() {
    let mut lines = stream("pay", "aa", HOUR_8 - MINUTE, "Sa a");
    lines.extend(stream("pay", "aa", HOUR_8 + MINUTE, "! Ea Ra Sb ! Eb Rb"));
    let lake = Fixture::of(&lines);
    let extent = Extent { since_unix_nano: Some(HOUR_8), ..lake.extent() };
    let question = ask_of(lake.lake(), extent).unwrap();
    let asked = "select faas_invocation_id, status_code from invocations order by 1";
    assert_eq!(ask(&question, asked).await, "faas_invocation_id,status_code\nb,ERROR\n");
    assert_eq!(lake.ask(asked).await, "faas_invocation_id,status_code\na,ERROR\nb,ERROR\n");
    // Nothing of its beginning is there at all.
    let cut = Fixture::of(&lines[2..]);
    assert_eq!(cut.ask(asked).await, "faas_invocation_id,status_code\na,OK\nb,ERROR\n");
}

#[tokio::test]
async fn what_a_failed_record_is_is_the_same_by_row_and_by_expression() {
    let mut records = Vec::new();
    let mut expected = BTreeMap::new();
    for severity in [None, Some(16), Some(17), Some(24)] {
        for event in [None, Some("exception"), Some("platform.initReport"), Some("platform.report"), Some("platformed")]
        {
            for status in [None, Some("OK"), Some("ERROR")] {
                let id = format!("call-{:03}", records.len());
                let signs = FailureSigns {
                    is_log: true,
                    is_platform: event.is_some_and(|event| event.starts_with("platform.")),
                    severity_number: severity.map(i64::from),
                    has_error_status: status == Some("ERROR"),
                    ..FailureSigns::default()
                };
                expected.insert(id.clone(), signs.has_failed());
                records.push(Record {
                    aws_log_stream: Some(id.clone().into()),
                    faas_invocation_id: Some(id.into()),
                    severity_number: severity,
                    event_name: event.map(Into::into),
                    status_code: status.map(Into::into),
                    ..line("pay", "aa", records.len() as i64, HOUR_8)
                });
            }
        }
    }
    let answer = Fixture::of(&records).ask("select faas_invocation_id, status_code = 'ERROR' from invocations").await;
    let found: BTreeMap<String, bool> = answer
        .lines()
        .skip(1)
        .filter_map(|row| row.split_once(','))
        .map(|(id, failed)| (id.to_owned(), failed == "true"))
        .collect();
    assert_eq!(found, expected);
    assert!(found.values().any(|failed| *failed) && !found.values().all(|failed| *failed));
}

/// Made as `splitmix64` does: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

/// Lines of several sandboxes, some of them lost, and of the calls whose beginning is known whether each failed.
fn traffic(random: &mut Random) -> (Vec<Record<'static>>, BTreeMap<String, bool>) {
    let (mut lines, mut failed) = (Vec::new(), BTreeMap::new());
    for sandbox in 0..6 {
        let region = ["us-east-2", "eu-west-2"][sandbox % 2];
        let version = ["7", "8"][random.below(2)];
        // Of two regions have some the same name.
        let stream = format!("[{version}]{:02}", sandbox / 2);
        let mut at = HOUR_8 + (random.below(600_000) as i64) * MS;
        let mut number = 0;
        let mut add = |random: &mut Random, record: Record<'static>| {
            // Many lines have the same time: their ids tell their order.
            at += [0, 0, 1, 7][random.below(4)] * MS;
            number += 1;
            let (observed, id) = (at, format!("{at:020}{number:036}"));
            lines.push(Record {
                observed_time_unix_nano: observed,
                // Some loggers write whole seconds.
                time_unix_nano: if record.severity_number == Some(17) { at / SECOND * SECOND } else { at },
                event_id: id.into(),
                aws_log_stream: Some(stream.clone().into()),
                faas_version: Some(version.into()),
                cloud_region: Some(region.into()),
                ..record
            });
        };
        let empty = line("pay", "", 0, 0);
        let orphan = Record {
            severity_number: Some(17),
            event_name: Some("exception".into()),
            exception_type: Some("KeyError".into()),
            ..empty.clone()
        };
        // The call that nothing has ended.
        let mut open: Option<String> = None;
        for call in 0..12 {
            let id = format!("{sandbox:08x}-0000-4000-8000-{call:012x}");
            let of_call = Record { faas_invocation_id: Some(id.clone().into()), ..empty.clone() };
            let mark = |event: &'static str| Record { event_name: Some(event.into()), ..of_call.clone() };
            let begins = call == 0 || !random.one_in(12);
            if begins {
                add(random, mark("platform.start"));
            }
            let said = Record {
                severity_number: Some(9),
                service_name: Some("pay".into()),
                service_version: Some(["1.4.1", "1.4.2"][usize::from(version == "8")].into()),
                trace_id: Some(format!("{:016x}{call:016x}", sandbox + 1).into()),
                ..of_call.clone()
            };
            add(random, said);
            if begins {
                failed.insert(id.clone(), false);
                open = Some(id.clone());
            }
            if random.one_in(3) {
                let foreign = format!("{sandbox:08x}-ffff-4000-8000-{call:012x}");
                // Some name an id that is no call's of this stream.
                let named = random.one_in(2) && open.is_some();
                add(random, Record { faas_invocation_id: named.then(|| foreign.into()), ..orphan.clone() });
                failed.extend(open.iter().map(|open| (open.clone(), true)));
            }
            if random.one_in(6) {
                // A stranger's, whose start nobody wrote.
                let forged = Record {
                    faas_invocation_id: Some(format!("{sandbox:08x}-ffff-4000-8000-{call:012x}").into()),
                    status_code: Some("ERROR".into()),
                    ..mark("platform.report")
                };
                add(random, forged);
            }
            if !random.one_in(10) {
                add(random, mark("platform.end"));
                open = open.filter(|_| !begins);
            }
            if !random.one_in(10) {
                open = open.filter(|_| !begins);
                add(
                    random,
                    Record { status_code: Some("OK".into()), duration_nano: Some(MS), ..mark("platform.report") },
                );
                if random.one_in(8) {
                    add(random, orphan.clone());
                    failed.extend(open.iter().map(|open| (open.clone(), true)));
                }
            }
        }
    }
    (lines, failed)
}

/// A lake of these lines, with copies and in any order of lines, files and hours.
fn delivered(lines: &[Record<'static>], random: &mut Random) -> Fixture {
    let lake = Fixture::new();
    let mut all: Vec<&Record<'static>> = lines.iter().collect();
    for line in lines {
        for _ in 0..[0, 0, 0, 1, 2][random.below(5)] {
            all.push(line);
        }
    }
    random.shuffle(&mut all);
    let files = 1 + random.below(5);
    for part in all.chunks(all.len().div_ceil(files)) {
        let options = WriterOptions { row_group_rows: 1 + random.below(200), ..WriterOptions::default() };
        let mut writer = LakeWriter::new(&lake.lake(), options).unwrap();
        for record in part {
            let late = random.below(3) as i64 * HOUR;
            let hour = HourUtc::from_unix_nano(record.observed_time_unix_nano + late);
            let region = record.cloud_region.as_deref().unwrap_or_default();
            writer.append(&Partition::new(region, hour).unwrap(), record).unwrap();
        }
        writer.publish().unwrap();
    }
    lake
}

async fn units(question: &Question, unit: UnitKind) -> ServiceUnits {
    units_by(question, unit, Vec::new()).await
}

/// The same, where this is known of versions.
async fn units_by(question: &Question, unit: UnitKind, releases: Vec<Mapping>) -> ServiceUnits {
    question.units(&asked(unit, releases)).await.unwrap().services.remove(0)
}

fn asked(unit: UnitKind, releases: Vec<Mapping>) -> UnitQuestion {
    UnitQuestion {
        services: vec![ServiceQuestion {
            service: "pay".into(),
            baseline: Some("1.4.1".into()),
            canary: "1.4.2".into(),
            unit: None,
        }],
        since_unix_nano: HOUR_8,
        until_unix_nano: HOUR_8 + 30 * MINUTE,
        settle_nano: 5 * MINUTE,
        unit,
        error: None,
        slow_nano: None,
        releases,
    }
}

async fn trace(question: &Question, invocation: &str) -> String {
    let start = TraceStart {
        text: invocation.to_owned(),
        ids: vec![Id { kind: IdKind::Invocation, value: invocation.to_owned() }],
        windows: vec![Window { since_unix_nano: HOUR_8 - HOUR, until_unix_nano: HOUR_8 + HOUR }],
        made: None,
        is_time_chosen: true,
    };
    let found = question.trace(&start, &TraceBounds::default(), false).await.unwrap();
    let mut out = Vec::new();
    render_trace_json(&found, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn deliveries_in_any_pieces_give_the_same_answers_and_they_are_right() {
    let rates = crate::saved_query("error-rate-by-release").unwrap();
    let params = rates.bind(&[]).unwrap();
    let (mut failures, mut tied) = (0, 0);
    for seed in 0..6 {
        let mut random = Random(seed);
        let (lines, failed) = traffic(&mut random);
        let mut answers = Vec::new();
        for _ in 0..3 {
            let lake = delivered(&lines, &mut random);
            let question = lake.question();
            let invocations =
                ask(&question, "select * from invocations order by cloud_region, faas_invocation_id").await;
            let told =
                ask(&question, "select faas_invocation_id, status_code from invocations where attempts > 0 order by 1")
                    .await;
            let found: BTreeMap<String, bool> = told
                .lines()
                .skip(1)
                .filter_map(|row| row.split_once(','))
                .map(|(id, status)| (id.to_owned(), status == "ERROR"))
                .collect();
            assert_eq!(found, failed, "seed {seed}");
            assert!(!invocations.contains("-ffff-"), "seed {seed}");
            let by_call = units(&question, UnitKind::Invocation).await;
            let count = |of: fn(&crate::UnitCell) -> u64| by_call.cells.iter().map(of).sum::<u64>();
            let all = failed.values().filter(|failed| **failed).count() as u64;
            // An id that no mark has is another's: of calls whose marks are all lost nothing is counted but by their traces.
            assert_eq!(count(|cell| cell.x_a + cell.x_b), all, "seed {seed}");
            assert!(count(|cell| cell.n_a + cell.n_b) >= failed.len() as u64);
            // Each call has a trace of its own, its failure among it.
            let by_trace = units(&question, UnitKind::Auto).await;
            for (trace, call) in by_trace.cells.iter().zip(&by_call.cells) {
                assert_eq!((trace.x_a, trace.x_b, trace.window_unix_nano), (call.x_a, call.x_b, call.window_unix_nano));
                assert!(trace.n_a >= call.n_a && trace.n_b >= call.n_b, "seed {seed}");
            }
            let one = failed.iter().find(|(_, failed)| **failed).unwrap().0;
            let trace = trace(&question, one).await;
            assert!(trace.contains("KeyError"), "seed {seed}: {trace}");
            let rates = ask_with(&question, rates.sql, &params).await;
            failures += all;
            tied += trace.matches("KeyError").count();
            answers.push((invocations, format!("{by_call:?}{by_trace:?}"), trace, rates));
        }
        for other in &answers[1..] {
            assert_eq!(&answers[0], other, "seed {seed}");
        }
    }
    assert!(failures > 100 && tied > 0);
}

/// Calls of two functions, `pay` of the service `pay` and `edge` of itself.
fn honest(edge_states: bool) -> Vec<Record<'static>> {
    let mut lines = Vec::new();
    for call in 0..200_i64 {
        for (function, offset) in [("pay", 0), ("edge", 500 * MS)] {
            let (id, at) = (format!("{function}-{call}"), HOUR_8 + call * SECOND + offset);
            let text = format!("S{id} . E{id} R{id}").replace(" . ", &format!(" {id} "));
            let version = ["1.4.1", "1.4.2"][(call % 2) as usize];
            let mut some = stream(function, "aa", at, &text);
            let said = &mut some[1];
            if function == "pay" || edge_states {
                (said.service_name, said.service_version) = (Some(function.into()), Some(version.into()));
            }
            if call % 50 == 7 {
                said.severity_number = Some(17);
            }
            lines.extend(some);
        }
    }
    lines
}

#[tokio::test]
async fn strangers_in_other_log_groups_change_no_count() {
    for edge_states in [true, false] {
        let honest = honest(edge_states);
        let before = units(&Fixture::of(&honest).question(), UnitKind::Auto).await;
        assert_eq!(before.groups, ["/aws/lambda/pay"]);
        assert_eq!((before.records_from_elsewhere, before.cells.iter().map(|cell| cell.x_b).sum::<u64>()), (0, 4));
        // What a text line of the other service made of a stranger's User-Agent: service, release, level and trace; with
        // or without the function's name and an invocation.
        let mut forged = Vec::new();
        for number in 0..40_i64 {
            let at = HOUR_8 + number * 5 * SECOND + 501 * MS;
            let record = Record {
                service_name: Some("pay".into()),
                service_version: Some("1.4.2".into()),
                severity_number: Some(17),
                trace_id: Some(format!("{number:032x}").into()),
                ..line("edge", "aa", 7 + number, at)
            };
            forged.push(match number % 4 {
                0 => record,
                1 => Record { faas_name: Some("pay".into()), ..record },
                2 => Record { faas_name: Some("any".into()), faas_version: None, ..record },
                _ => Record {
                    faas_invocation_id: Some(format!("edge-{}", number * 5).into()),
                    http_response_status_code: Some(500),
                    ..record
                },
            });
        }
        let all: Vec<Record<'_>> = honest.iter().chain(&forged).cloned().collect();
        let after = units(&Fixture::of(&all).question(), UnitKind::Auto).await;
        assert_eq!((&after.cells, &after.groups), (&before.cells, &before.groups), "edge states itself: {edge_states}");
        assert_eq!(
            format!("{:?}{:?}", after.mixed, after.releases),
            format!("{:?}{:?}", before.mixed, before.releases)
        );
        assert_eq!(after.records_from_elsewhere, 40);
        // Copies are no more of them.
        let twice: Vec<Record<'_>> = all.iter().chain(&all).cloned().collect();
        let twice = units(&Fixture::of(&twice).question(), UnitKind::Auto).await;
        assert_eq!(format!("{twice:?}"), format!("{after:?}"));
    }
}

#[tokio::test]
async fn containers_speak_for_themselves_and_a_group_of_others_does_not() {
    let container = |group: &'static str, number: i64| Record {
        service_name: Some("pay".into()),
        service_version: Some("1.4.2".into()),
        trace_id: Some(format!("{:032x}", number + 10).into()),
        aws_log_group: Some(group.into()),
        faas_name: None,
        faas_version: None,
        ..line("any", "aa", number, HOUR_8 + number * SECOND)
    };
    let mut lines: Vec<Record<'_>> = (0..20).map(|number| container("/ecs/pay", number)).collect();
    let of = async |lines: &[Record<'static>]| {
        let units = units(&Fixture::of(lines).question(), UnitKind::Auto).await;
        (units.cells.iter().map(|cell| cell.n_b).sum::<u64>(), units.groups, units.records_from_elsewhere)
    };
    assert_eq!(of(&lines).await, (20, vec!["/ecs/pay".to_owned()], 0));
    // A function's log that names the service is no container of it.
    lines.extend(stream("edge", "bb", HOUR_8, "Sa Ea Ra"));
    lines.push(Record { faas_name: Some("any".into()), ..container("/aws/lambda/edge", 30) });
    assert_eq!(of(&lines).await, (20, vec!["/ecs/pay".to_owned()], 1));
    // Where it has spans, the logs of its own containers speak beside them, and what others print does not.
    lines.extend((50..55).map(|number| Record { service_name: Some("cart".into()), ..container("/ecs/cart", number) }));
    lines.push(container("/ecs/cart", 55));
    lines.push(Record {
        signal: "span".into(),
        span_id: Some("00000000000000aa".into()),
        duration_nano: Some(MS),
        ..container("aws/spans", 40)
    });
    assert_eq!(of(&lines).await, (21, ["/ecs/pay", "aws/spans"].map(str::to_owned).to_vec(), 2));
}

/// A sample rate keeps a share of what goes well and warns of nothing. The marks of calls are always kept, so that a
/// function's calls are all counted; of a container nobody knows how many requests there were.
#[tokio::test]
async fn a_service_of_which_a_share_was_kept_says_so() {
    let sampled = |record: Record<'static>| Record {
        severity_number: Some(9),
        attributes: Some(r#"{"a":1,"transect.sample_rate":0.25}"#.into()),
        ..record
    };
    let container = |number: i64| Record {
        service_name: Some("pay".into()),
        service_version: Some("1.4.2".into()),
        trace_id: Some(format!("{:032x}", number + 10).into()),
        aws_log_group: Some("/ecs/pay".into()),
        faas_name: None,
        faas_version: None,
        ..line("any", "aa", number, HOUR_8 + number * SECOND)
    };
    let rate =
        async |lines: &[Record<'static>]| units(&Fixture::of(lines).question(), UnitKind::Auto).await.sample_rate_min;
    let warned = |number: i64| Record { severity_number: Some(13), ..container(number) };
    let mut lines: Vec<Record<'static>> = (0..200).map(warned).collect();
    assert_eq!(rate(&lines).await, None);
    lines.push(sampled(container(500)));
    assert_eq!(rate(&lines).await, Some(0.25));
    // A stranger's attribute stands before others, or within one.
    lines.pop();
    lines.push(Record {
        attributes: Some(r#"{"transect.sample_rate":0.25,"a":{"transect.sample_rate":0.25}}"#.into()),
        ..sampled(container(501))
    });
    assert_eq!(rate(&lines).await, None);
    // The calls of a function are all there, whatever became of their lines.
    let mut lines: Vec<Record<'static>> = stream("pay", "cc", HOUR_8, "Sa Ea Ra").into_iter().collect();
    let first = lines[0].clone();
    lines.push(sampled(Record { event_name: None, event_id: "kept".into(), ..first }));
    assert_eq!(rate(&lines).await, None);
}

/// What a call of another service said, and when, beside a call of the canary that hung and was ended by its timeout.
#[tokio::test]
async fn who_called_and_gave_up_excuses_nobody_and_what_is_excused_is_told() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let own = |name: &str, at: i64| Record {
        event_name: Some(format!("platform.{name}").into()),
        faas_invocation_id: Some("own".into()),
        trace_id: (name == "report").then(|| TRACE.into()),
        status_code: (name == "report").then(|| "ERROR".into()),
        service_version: None,
        ..line("pay", "aa", at, HOUR_8 + at * SECOND)
    };
    let other = |began: i64, failed: i64| {
        let of = |id: i64, at: i64| Record {
            faas_invocation_id: Some("other".into()),
            faas_name: Some("cart".into()),
            aws_log_group: Some("/aws/lambda/cart".into()),
            service_version: None,
            ..line("cart", "bb", id, HOUR_8 + at * SECOND)
        };
        [
            Record { event_name: Some("platform.start".into()), ..of(100, began) },
            Record { severity_number: Some(17), trace_id: Some(TRACE.into()), ..of(101, failed) },
        ]
    };
    let says = Record {
        service_name: Some("pay".into()),
        service_version: Some("1.4.2".into()),
        faas_invocation_id: Some("own".into()),
        ..line("pay", "aa", 11, HOUR_8 + 11 * SECOND)
    };
    for (began, failed, expected) in [
        // A call that this one made failed before it.
        (12, 13, (0, [0, 1])),
        // Who called had begun before, and gave up; what failed later is no cause either.
        (5, 13, (1, [0, 0])),
        (12, 19, (1, [0, 0])),
    ] {
        let mut lines = vec![own("start", 10), says.clone(), own("report", 16)];
        lines.extend(other(began, failed));
        let units = units(&Fixture::of(&lines).question(), UnitKind::Auto).await;
        let failures = units.cells.iter().map(|cell| cell.x_b).sum::<u64>();
        let excused =
            units.doubts.iter().fold([0; 2], |sum, doubt| [sum[0] + doubt.excused[0], sum[1] + doubt.excused[1]]);
        assert_eq!((failures, excused), expected, "began {began}, failed {failed}: {units:?}");
    }
}

/// A container's failure without a trace, and a function's in a stream that shows no START, fail no unit, and are told.
#[tokio::test]
async fn failures_that_name_no_unit_are_told_each_once() {
    let container = |number: i64, trace: bool, severity: i32| Record {
        service_name: Some("pay".into()),
        service_version: Some(if number % 2 == 0 { "1.4.1" } else { "1.4.2" }.into()),
        trace_id: trace.then(|| format!("{:032x}", number + 10).into()),
        severity_number: Some(severity),
        aws_log_group: Some("/ecs/pay".into()),
        faas_name: None,
        faas_version: None,
        ..line("any", "aa", number, HOUR_8 + number * SECOND)
    };
    let mut lines: Vec<Record<'static>> = (0..20).map(|number| container(number, true, 9)).collect();
    lines.extend((30..41).map(|number| container(number, false, 17)));
    // Others say nothing of failure, or are of another release.
    lines.extend((50..60).map(|number| container(number, false, 9)));
    lines.push(Record { service_version: Some("1.3.0".into()), ..container(61, false, 17) });
    // Several of one moment are several; copies count once.
    let moment = |number: i64| Record {
        observed_time_unix_nano: HOUR_8,
        time_unix_nano: HOUR_8,
        ..container(number, false, 17)
    };
    lines.extend((70..74).map(moment));
    lines.extend((70..72).map(moment));
    lines.extend((30..35).map(|number| container(number, false, 17)));
    let units = units(&Fixture::of(&lines).question(), UnitKind::Auto).await;
    let sums = units
        .cells
        .iter()
        .fold([0; 4], |sum, cell| [sum[0] + cell.n_a, sum[1] + cell.x_a, sum[2] + cell.n_b, sum[3] + cell.x_b]);
    let untied = units.doubts.iter().fold([0; 2], |sum, doubt| [sum[0] + doubt.untied[0], sum[1] + doubt.untied[1]]);
    assert_eq!((sums, untied), ([10, 0, 10, 0], [8, 7]), "{:?}", units.doubts);
}

/// Sums over the cells of what was counted: units and failures of the baseline and of the canary; what was excused; and
/// what names no unit.
fn sums(units: &ServiceUnits) -> ([u64; 4], [u64; 2], [u64; 2]) {
    let cells = units
        .cells
        .iter()
        .fold([0; 4], |sum, cell| [sum[0] + cell.n_a, sum[1] + cell.x_a, sum[2] + cell.n_b, sum[3] + cell.x_b]);
    let sum = |of: fn(&DoubtCell) -> [u64; 2]| {
        units.doubts.iter().map(of).fold([0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]])
    };
    (cells, sum(|doubt| doubt.excused), sum(|doubt| doubt.untied))
}

#[tokio::test]
async fn what_fails_and_names_no_release_is_of_its_trace_or_may_be_the_canarys() {
    let container = |number: i64, trace: i64, release: Option<&'static str>, severity: i32| Record {
        service_name: Some("pay".into()),
        service_version: release.map(Into::into),
        trace_id: (trace > 0).then(|| format!("{trace:032x}").into()),
        severity_number: Some(severity),
        aws_log_group: Some("/ecs/pay".into()),
        faas_name: None,
        faas_version: None,
        ..line("any", "aa", number, HOUR_8 + number * SECOND)
    };
    let lines = [
        container(1, 11, Some("1.4.1"), 9),
        container(2, 12, Some("1.4.2"), 9),
        // Of the only release that its trace met.
        container(3, 12, None, 17),
        // Of two, of a trace that met none, and without a trace.
        container(4, 13, Some("1.4.1"), 9),
        container(5, 13, Some("1.4.2"), 9),
        container(6, 13, None, 17),
        container(7, 14, None, 17),
        container(8, 0, None, 17),
    ];
    let units = units(&Fixture::of(&lines).question(), UnitKind::Auto).await;
    assert_eq!(sums(&units), ([2, 0, 2, 1], [0, 0], [0, 3]), "{units:?}");
}

#[tokio::test]
async fn a_call_that_crashes_before_its_first_line_may_be_the_canarys() {
    let of = |version: &'static str, name: &str, words: &str, at: i64| -> Vec<Record<'static>> {
        let lines = stream("pay", name, HOUR_8 + at * SECOND, words).into_iter();
        lines.map(|line| Record { faas_version: Some(version.into()), ..line }).collect()
    };
    let mut lines = of("7", "aa", "Sa a Ea Ra", 1);
    lines[1].service_version = Some("1.4.1".into());
    lines.extend(of("8", "bb", "Sb Eb xb", 10));
    lines.extend(of("8", "cc", "Sc Ec Rc", 20));
    let units_of = async |lines: &[Record<'static>]| sums(&units(&Fixture::of(lines).question(), UnitKind::Auto).await);
    assert_eq!(units_of(&lines).await, ([1, 0, 0, 0], [0, 0], [0, 1]));
    // Who asks may know what its version is; what it states itself comes before that.
    let known = |version: &str, release: &str| Mapping {
        region: lines[0].cloud_region.clone().unwrap_or_default().into_owned(),
        function: "pay".to_owned(),
        function_version: version.to_owned(),
        release: release.to_owned(),
        service: None,
        code_sha256: None,
        recorded_unix_nano: 0,
    };
    let maps = vec![known("8", "1.4.2"), known("7", "1.0.0")];
    let told = units_by(&Fixture::of(&lines).question(), UnitKind::Auto, maps).await;
    assert_eq!(sums(&told), ([1, 0, 2, 1], [0, 0], [0, 0]));
    // Where its version states a release in another call, it is of that.
    lines.extend(of("8", "dd", "Sd d Ed Rd", 30));
    lines.last_chunk_mut::<3>().unwrap()[0].service_version = Some("1.4.2".into());
    assert_eq!(units_of(&lines).await, ([1, 0, 3, 1], [0, 0], [0, 0]));
    // What Lambda says of an initialisation outside any call fails none.
    let mut init = line("pay", "ee", 1, HOUR_8 + 40 * SECOND);
    (init.event_name, init.status_code) = (Some("platform.initReport".into()), Some("ERROR".into()));
    init.faas_version = Some("8".into());
    lines.push(init);
    assert_eq!(units_of(&lines).await, ([1, 0, 3, 1], [0, 0], [0, 0]));
}

/// Marks of `$LATEST` state no release; another line of their stream, which is of one deployment, does.
#[tokio::test]
async fn a_stream_of_latest_has_the_release_that_it_states_most_often() {
    let of = |name: &str, release: &'static str, words: &str, at: i64| -> Vec<Record<'static>> {
        let mut lines = stream("pay", name, HOUR_8 + at * SECOND, words);
        for line in &mut lines {
            line.faas_version = Some("$LATEST".into());
            line.aws_log_stream = Some(format!("2026/11/21/[$LATEST]{name}").into());
        }
        // A line outside any call.
        let mut begins = lines[0].clone();
        (begins.event_name, begins.faas_invocation_id, begins.severity_number) = (None, None, Some(9));
        begins.event_id = format!("{at:056}").into();
        (begins.service_name, begins.service_version) = (Some("pay".into()), Some(release.into()));
        lines.push(begins);
        lines
    };
    let lines = [of("aa", "1.4.1", "Sa Ra Sb Rb", 1), of("bb", "1.4.2", "Sc Rc Sd !KeyError Rd", 20)].concat();
    let units = units(&Fixture::of(&lines).question(), UnitKind::Auto).await;
    assert_eq!(sums(&units), ([2, 0, 2, 1], [0, 0], [0, 0]), "{units:?}");
}

#[tokio::test]
async fn units_that_are_traces_leave_out_what_has_none_and_tell_its_failures() {
    let mut lines = stream("pay", "aa", HOUR_8, "Sa a Ea xa");
    lines.iter_mut().for_each(|line| line.service_version = Some("1.4.2".into()));
    let units = units(&Fixture::of(&lines).question(), UnitKind::Trace).await;
    assert_eq!(sums(&units), ([0; 4], [0, 0], [0, 1]));
}

/// A call in a stream of its own: function, version, and its lines as [`stream`] takes them, all of one release.
fn called(function: &'static str, version: &'static str, at: i64, words: &str) -> Vec<Record<'static>> {
    let release = if version == "9" { "1.4.1" } else { "1.4.2" };
    let lines = stream(function, &format!("{version}-{at}"), HOUR_8 + at * SECOND, words).into_iter();
    lines
        .map(|line| Record {
            faas_version: Some(version.into()),
            service_name: Some("pay".into()),
            service_version: Some(release.into()),
            ..line
        })
        .collect()
}

/// Sets the trace of lines.
fn traced(lines: Vec<Record<'static>>, trace: i64) -> Vec<Record<'static>> {
    lines.into_iter().map(|line| Record { trace_id: Some(format!("{trace:032x}").into()), ..line }).collect()
}

async fn counted(lines: impl IntoIterator<Item = Vec<Record<'static>>>) -> ([u64; 4], [u64; 2], [u64; 2]) {
    let lines: Vec<Record<'static>> = lines.into_iter().flatten().collect();
    sums(&units(&Fixture::of(&lines).question(), UnitKind::Auto).await)
}

#[tokio::test]
async fn each_attempt_of_a_call_is_of_the_version_that_ran_it() {
    // As text, "10" comes before "9".
    let retried = [called("pay", "10", 1, "Sa ! Ra"), called("pay", "9", 70, "Sa a Ra")];
    assert_eq!(counted(retried.clone()).await.0, [1, 0, 1, 1]);
    // Another function of the service that logs the id of its caller has but its own call.
    let own = called("pay-worker", "10", 2, "Sw a w Rw");
    assert_eq!(counted(retried.into_iter().chain([own])).await.0, [1, 0, 2, 1]);
}

#[tokio::test]
async fn calls_that_go_to_releases_by_themselves_are_units_and_traces_that_go_as_a_whole_are() {
    let call = |number: i64, version: &'static str, trace: i64| {
        traced(called("pay", version, number, &format!("Sc{number} Rc{number}")), trace)
    };
    let by_call = (0..40).map(|number| call(number, if number % 2 == 0 { "9" } else { "10" }, 1 + number / 4));
    assert_eq!(counted(by_call.clone()).await.0, [20, 0, 20, 0]);
    let by_trace = (0..40).map(|number| call(number, if number < 20 { "9" } else { "10" }, 1 + number / 4));
    assert_eq!(counted(by_trace.clone()).await.0, [5, 0, 5, 0]);
    // Which of them it was is told, and by what. What was found before stays.
    let lines: Vec<Record<'static>> = by_call.flatten().collect();
    let lake = Fixture::of(&lines);
    let told = units(&lake.question(), UnitKind::Auto).await;
    let by_chance = 10.0 * (1.0 - 2.0 * 0.5_f64.powi(4));
    assert_eq!((told.unit, told.has_traces, told.sending.mixed), (UnitKind::Invocation, true, 10));
    assert!((told.sending.expected - by_chance).abs() < 1e-9 && !told.sending.is_sure(), "{:?}", told.sending);
    let mut asked = asked(UnitKind::Auto, Vec::new());
    asked.services[0].unit = Some(UnitKind::Trace);
    let kept = lake.question().units(&asked).await.unwrap().services.remove(0);
    assert_eq!((kept.unit, sums(&kept).0, kept.sending.is_by_call()), (UnitKind::Trace, [10, 0, 10, 0], true));
    // Another function of the service, which stays at the release before, mixes no trace.
    let stays =
        (0..10).map(|trace| traced(called("pay-worker", "9", 100 + trace, &format!("Sw{trace} Rw{trace}")), 1 + trace));
    assert_eq!(counted(by_trace.chain(stays)).await.0, [5, 0, 5, 0]);
}

#[tokio::test]
async fn units_are_of_the_function_that_began_them_and_traces_tell_how_many_calls_they_had() {
    let traces = (0..8).flat_map(|trace| {
        let version = if trace % 2 == 0 { "9" } else { "10" };
        [("pay", 1), ("pay-worker", 2), ("pay-worker", 3)].map(|(function, number)| {
            let call = called(function, version, 100 * trace + number, &format!("S{trace}{number} R{trace}{number}"));
            traced(call, 1 + trace)
        })
    });
    let lines: Vec<Record<'static>> = traces.flatten().collect();
    for (unit, expected) in
        [(UnitKind::Auto, vec![("pay", [4, 4])]), (UnitKind::Invocation, vec![("pay", [4, 4]), ("pay-worker", [8, 8])])]
    {
        let units = units(&Fixture::of(&lines).question(), unit).await;
        let mut of_functions: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
        for cell in &units.cells {
            let [baseline, canary] = of_functions.entry(&cell.function).or_default();
            (*baseline, *canary) = (*baseline + cell.n_a, *canary + cell.n_b);
        }
        assert_eq!(of_functions.into_iter().collect::<Vec<_>>(), expected, "{unit:?}");
        let traces = units.mixed.iter().map(|of| (of.calls, of.baseline[0] + of.canary[0] + of.mixed[0]));
        assert_eq!(traces.clone().map(|(_, traces)| traces).sum::<u64>(), 8);
        assert!(traces.clone().all(|(calls, _)| calls == 3), "{:?}", units.mixed);
    }
}

#[tokio::test]
async fn what_names_a_trace_alone_is_part_of_a_call_where_those_have_starts() {
    let alone = |number: i64| {
        let line = called("pay", "10", number, "a").remove(0);
        traced(vec![Record { faas_invocation_id: None, ..line }], 90 + number)
    };
    let calls = [called("pay", "9", 1, "Sa Ra"), called("pay", "10", 2, "Sb Rb")];
    assert_eq!(counted(calls.into_iter().chain((3..9).map(alone))).await.0, [1, 0, 1, 0]);
}

#[tokio::test]
async fn functions_that_do_not_run_the_canary_are_not_part_of_it() {
    let mut calls = vec![called("pay", "9", 1, "Sa Ra"), called("pay", "10", 2, "Sb Rb")];
    calls.extend((10..20).map(|number| called("pay-worker", "9", number, &format!("Sw{number} Rw{number}"))));
    assert_eq!(counted(calls.clone()).await.0, [1, 0, 1, 0]);
    // A release of a function of its own is compared with the one before.
    calls.remove(0);
    assert_eq!(counted(calls).await.0, [10, 0, 1, 0]);
}

#[tokio::test]
async fn a_functions_own_group_speaks_without_reports_and_a_span_silences_no_container() {
    let reporting = called("pay", "9", 1, "Sa Ra");
    let silent = |number: i64, version: &'static str| called("pay-worker", version, number, &format!("w{number}"));
    let lines = [reporting, silent(2, "9"), silent(3, "10"), called("pay", "10", 4, "Sc Rc")];
    assert_eq!(counted(lines).await.0, [2, 0, 2, 0]);
    let container = |number: i64| {
        let line = called("pay", if number % 2 == 0 { "9" } else { "10" }, number, "a").remove(0);
        let line = Record { faas_name: None, faas_version: None, faas_invocation_id: None, ..line };
        traced(vec![Record { aws_log_group: Some("/ecs/pay".into()), ..line }], 90 + number)
    };
    let mut span = container(100).remove(0);
    (span.signal, span.aws_log_group) = ("span".into(), Some("aws/spans".into()));
    (span.span_id, span.duration_nano) = (Some("00000000000000aa".into()), Some(MS));
    assert_eq!(counted((0..10).map(container).chain([vec![span]])).await.0, [6, 0, 5, 0]);
}

#[tokio::test]
async fn calls_that_do_not_say_how_long_they_took_are_told() {
    let told = async |words: &str| {
        let calls = (0..20).flat_map(|number| called("pay", "9", number, &format!("Sa{number} Ra{number}")));
        let canary = (20..40).flat_map(|number| {
            called("pay", "10", number, &words.split(' ').map(|word| format!("{word}{number} ")).collect::<String>())
        });
        let lines: Vec<Record<'static>> = calls.chain(canary).collect();
        units(&Fixture::of(&lines).question(), UnitKind::Auto).await.is_untimed
    };
    assert_eq!((told("Sa Ra").await, told("Sa Ea").await), (false, true));
}

#[tokio::test]
async fn what_names_a_trace_alone_is_no_unit_beside_its_calls() {
    let call = |number: i64, version: &'static str| {
        traced(called("pay", version, number, &format!("Sc{number} Rc{number}")), 1 + number / 4)
    };
    let mut lines: Vec<_> = (0..40).map(|number| call(number, if number % 2 == 0 { "9" } else { "10" })).collect();
    let spans = (1..11).map(|trace| {
        let line = called("pay", "10", 100 + trace, "a").remove(0);
        let span = Record {
            signal: "span".into(),
            span_id: Some(format!("{trace:016x}").into()),
            duration_nano: Some(MS),
            status_code: (trace == 3).then(|| "ERROR".into()),
            faas_name: None,
            faas_version: None,
            faas_invocation_id: None,
            aws_log_group: Some("aws/spans".into()),
            ..line
        };
        traced(vec![span], trace)
    });
    lines.extend(spans);
    // Of two calls of the trace nobody knows which one failed.
    assert_eq!(counted(lines).await, ([20, 0, 20, 0], [0, 0], [0, 1]));
}
