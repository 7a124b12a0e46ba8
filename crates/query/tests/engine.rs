//! One engine, many questions: what they share, and what is each one's own. Three regions lie in S3 servers in the process,
//! which stall on request.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is the message")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::StaticCredentialProvider;
use object_store::aws::AwsCredential;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use transect_lake::{Access, Lake, Place, RegionLocation};
use transect_query::{
    Completeness, Engine, EngineOptions, Extent, Format, Id, IdKind, Limits, LogFilter, LogWindow, PickFilter,
    Question, ServiceQuestion, TableStyle, TraceBounds, TraceStart, UnitKind, UnitQuestion, Wanted, Window,
    render_batch, render_trace_json, saved_query,
};
use transect_tests::store::{ACCESS_KEY, Fault, SECRET_KEY, Store};
use transect_tests::{files_below, once_a_run, program};

const REGIONS: [&str; 3] = ["us-east-2", "us-west-2", "eu-west-2"];
/// The sample's day begins here.
const DAY: i64 = 1_795_219_200_000_000_000;
const HOUR: i64 = 3_600_000_000_000;
const MINUTE: i64 = 60_000_000_000;

/// The sample's lake, in directories.
fn sample() -> PathBuf {
    once_a_run("engine", |folder| {
        let demo = Command::new(program("transect"))
            .args(["demo", "--quiet", "--invocations", "600", "--dir"])
            .arg(folder)
            .output()
            .unwrap();
        assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
    })
}

/// Three regions in three servers.
struct World {
    runtime: Runtime,
    /// Of the servers: they answer while the questions wait.
    _servers: Runtime,
    stores: Vec<Store>,
    cache: TempDir,
}

impl World {
    fn new() -> World {
        let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let servers = runtime();
        let stores: Vec<Store> = REGIONS.iter().map(|_| Store::start(&servers)).collect();
        let sample = sample();
        for (store, region) in stores.iter().zip(REGIONS) {
            let landing = format!("landing/region={region}");
            copy(&sample.join(&landing), &store.bucket("acme").join(&landing));
        }
        World { runtime: runtime(), _servers: servers, stores, cache: tempfile::tempdir().unwrap() }
    }

    fn engine(&self, region_timeout: Duration, memory_bytes_max: usize) -> Engine {
        let locations = self.stores.iter().zip(REGIONS).map(|(store, region)| {
            let place = Place::parse("s3://acme").unwrap().with_endpoint(&store.endpoint).unwrap();
            RegionLocation::new(Some(region.to_owned()), place, None).unwrap()
        });
        let credential =
            AwsCredential { key_id: ACCESS_KEY.to_owned(), secret_key: SECRET_KEY.to_owned(), token: None };
        let mut access = Access::within(region_timeout);
        access.credentials = Some(Arc::new(StaticCredentialProvider::new(credential)));
        let options = EngineOptions {
            target_partitions: 2,
            memory_bytes_max,
            access,
            cache_directory: Some(self.cache.path().to_owned()),
        };
        Engine::open(Lake::new(locations.collect()).unwrap(), options).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
}

fn question(engine: &Engine) -> Question {
    engine.question(Extent::at(DAY + 24 * HOUR), Limits::default()).unwrap()
}

const PATIENT: Duration = Duration::from_secs(30);
const STYLE: TableStyle = TableStyle { width: None, color: false, is_terminal: false, csv_safe: false };

/// How many events each region has, and whether the answer rests on all of them.
async fn events(question: &Question) -> (String, Completeness) {
    let wanted = Wanted { format: Format::Csv, style: STYLE, strict: false };
    let sql = "SELECT cloud_region, count(*) AS events FROM telemetry GROUP BY 1 ORDER BY 1";
    let mut out = Vec::new();
    let given = question.give(sql, &[], &wanted, &mut out).await.unwrap();
    (String::from_utf8(out).unwrap(), given.completeness)
}

/// One question of many kinds, and its answer as people and programs get it.
async fn ask(engine: Engine, number: usize, traces: Arc<Vec<String>>) -> String {
    let question = question(&engine);
    let mut out = Vec::new();
    match number % 8 {
        kind @ 0..=3 => {
            let name =
                ["error-rate-by-release", "slowest-invocations", "log-volume-by-group", "retries-and-throttles"][kind];
            let query = saved_query(name).unwrap();
            let format = [Format::Json, Format::Csv, Format::Ndjson, Format::Table][number / 8 % 4];
            let wanted = Wanted { format, style: STYLE, strict: true };
            question.give(query.sql, &query.bind(&[]).unwrap(), &wanted, &mut out).await.unwrap();
        }
        4 => {
            let filter = LogFilter { severity_min: Some(13), ..LogFilter::default() };
            let window = LogWindow { limit: 20 + number, before: 1, after: 1 };
            let found = question.logs(&filter, &window).await.unwrap();
            render_batch(&found.rows, Format::Json, &STYLE, &found.completeness, &mut out).unwrap();
        }
        5 => {
            let value = traces[number % traces.len()].clone();
            let start = TraceStart {
                text: value.clone(),
                ids: vec![Id { kind: IdKind::Trace, value }],
                windows: vec![Window { since_unix_nano: DAY, until_unix_nano: DAY + 24 * HOUR }],
                made: None,
                is_time_chosen: false,
            };
            let trace = question.trace(&start, &TraceBounds::default(), true).await.unwrap();
            assert!(!trace.events.is_empty());
            render_trace_json(&trace, &mut out).unwrap();
        }
        6 => {
            let service = |name: &str| ServiceQuestion {
                service: name.to_owned(),
                baseline: Some("1.4.1".to_owned()),
                canary: "1.4.2".to_owned(),
                unit: None,
            };
            let asked = UnitQuestion {
                services: vec![service("payments")],
                since_unix_nano: DAY + 8 * HOUR,
                until_unix_nano: DAY + 10 * HOUR,
                settle_nano: MINUTE,
                unit: UnitKind::Auto,
                error: None,
                slow_nano: None,
                releases: Vec::new(),
            };
            let units = question.units(&asked).await.unwrap();
            out = format!("{units:?}").into_bytes();
        }
        _ => {
            let filter = PickFilter { errors: true, ..PickFilter::default() };
            let (rows, ids, completeness) = question.pick(&filter, 1 + number % 9).await.unwrap();
            assert!(!ids.is_empty());
            render_batch(&rows, Format::Json, &STYLE, &completeness, &mut out).unwrap();
        }
    }
    String::from_utf8(out).unwrap()
}

/// The most memory that this process has had, in bytes.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

#[test]
fn many_questions_at_once_are_answered_as_each_is_alone_within_one_budget() {
    const MEMORY: usize = 256 << 20;
    let world = World::new();
    let (engine, other) = (world.engine(PATIENT, MEMORY), world.engine(PATIENT, MEMORY));
    world.runtime.block_on(async {
        let all = PickFilter::default();
        let (_, traces, _) = question(&other).pick(&all, 30).await.unwrap();
        let traces = Arc::new(traces);
        // Of an engine that knows nothing yet, so that they find out everything at once.
        let asked = (0..64).map(|number| tokio::spawn(ask(engine.clone(), number, Arc::clone(&traces))));
        let together = futures::future::join_all(asked.collect::<Vec<_>>()).await;
        for (number, together) in together.into_iter().enumerate() {
            let alone = ask(other.clone(), number, Arc::clone(&traces)).await;
            assert_eq!(together.unwrap(), alone, "question {number}");
        }
    });
    if let Some(peak) = peak_bytes() {
        println!("peak: {} MB", peak >> 20);
        assert!(peak <= (MEMORY + (300 << 20)) as u64, "{} MB", peak >> 20);
    }
}

#[test]
fn a_region_that_is_gone_is_waited_for_once_and_is_back_when_it_answers() {
    let world = World::new();
    // Far more than what the questions after the first may wait.
    let engine = world.engine(Duration::from_secs(6), 1 << 30);
    world.runtime.block_on(async {
        let (whole, completeness) = events(&question(&engine)).await;
        assert!(completeness.is_complete());
        let without: String = whole.split_inclusive('\n').filter(|line| !line.starts_with("us-west-2")).collect();
        let ask = async || {
            let started = Instant::now();
            let (rows, completeness) = events(&question(&engine)).await;
            let missing: Vec<_> = completeness.missing_regions.iter().map(|note| note.region.as_str()).collect();
            // Never one for the other.
            match missing.as_slice() {
                [] => assert_eq!(rows, whole),
                missing => assert_eq!((rows.as_str(), missing), (without.as_str(), &["us-west-2"][..])),
            }
            (missing.is_empty(), started.elapsed())
        };
        for hole in [Fault::BlackHole, Fault::BlackHoleForObjects] {
            world.stores[1].fail(hole);
            // Nothing of it is known any more, so that objects are asked for as well.
            let engine_is_new = hole == Fault::BlackHoleForObjects;
            if engine_is_new {
                touch(&world.stores[1].bucket("acme"));
            }
            let (is_complete, first) = ask().await;
            assert!(!is_complete && first < Duration::from_secs(12), "{hole:?}: {first:?}");
            for _ in 0..3 {
                let (is_complete, next) = ask().await;
                println!("{hole:?}: first {first:?}, then {next:?}");
                assert!(!is_complete && next < Duration::from_secs(4), "{hole:?}: {next:?}");
            }
            // Two at once: one that began without it, and one that has it back.
            let began = question(&engine);
            let (_, completeness) = events(&began).await;
            assert!(!completeness.is_complete());
            world.stores[1].fail(Fault::None);
            let returned = Instant::now();
            while !ask().await.0 {
                assert!(returned.elapsed() < Duration::from_secs(15), "{hole:?}");
            }
            println!("{hole:?}: back after {:?}", returned.elapsed());
            let (rows, completeness) = events(&began).await;
            assert_eq!(
                (rows.as_str(), completeness.is_complete()),
                (without.as_str(), false),
                "a question stays as it is"
            );
        }
    });
}

/// Gives files another time, so that what is kept of them is of other files.
fn touch(folder: &Path) {
    for file in files_below(folder) {
        let later = std::time::SystemTime::now() + Duration::from_secs(60);
        if let Ok(file) = std::fs::File::options().write(true).open(file) {
            file.set_modified(later).unwrap();
        }
    }
}

#[test]
fn who_goes_away_asks_nothing_more() {
    let (world, other) = (World::new(), World::new());
    let (engine, clock) = (world.engine(PATIENT, 1 << 30), other.engine(PATIENT, 1 << 30));
    for store in world.stores.iter().chain(&other.stores) {
        store.fail(Fault::Latency(Duration::from_millis(50)));
    }
    world.runtime.block_on(async {
        for number in 0..8 {
            let traces = Arc::new(vec!["00000000000000000000000000000001".to_owned()]);
            let asked = tokio::spawn(ask(engine.clone(), number, traces));
            // It is under way once something has come in.
            let mut seen = Vec::new();
            while seen.is_empty() && !asked.is_finished() {
                seen = world.stores.iter().flat_map(Store::take_seen).collect();
                tokio::task::yield_now().await;
            }
            asked.abort();
            let gone = Instant::now();
            // As long as another question takes, and half a second at least.
            while gone.elapsed() < Duration::from_millis(500) {
                events(&question(&clock)).await;
            }
            let late = world.stores.iter().flat_map(Store::take_seen);
            let late = late.filter(|seen| seen.from > gone + Duration::from_millis(200)).count();
            assert_eq!(late, 0, "question {number}");
        }
    });
}

#[test]
fn a_file_is_unreadable_for_the_question_that_could_not_read_it() {
    let world = World::new();
    let engine = world.engine(PATIENT, 1 << 30);
    world.runtime.block_on(async {
        let (whole, _) = events(&question(&engine)).await;
        let file = files_below(&world.stores[0].bucket("acme")).pop().unwrap();
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
        let began = question(&engine);
        let (rows, completeness) = events(&began).await;
        assert!(rows != whole && completeness.unreadable_files.len() == 1, "{completeness:?}");
        std::fs::write(&file, &bytes).unwrap();
        let (rows, completeness) = events(&question(&engine)).await;
        assert_eq!((rows, completeness.is_complete()), (whole, true));
        let (_, completeness) = events(&began).await;
        assert_eq!(completeness.unreadable_files.len(), 1, "a question stays as it is");
    });
}
