//! What is asked of buckets, request by request: it is what a question costs.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use transect_tests::Answer;

use crate::world::{BUCKET, Json, REGIONS, World};
use transect_tests::store::{Fault, Seen, rounds};

/// Thirty days of hourly files in every region: the sample's, again and again, so that they are small.
fn thirty_days() -> World {
    let world = World::new();
    for (store, region) in world.stores.iter().zip(REGIONS) {
        let landing = store.bucket(BUCKET).join(format!("landing/region={region}"));
        let file = transect_tests::files_below(&landing.join("date=2026-11-21")).remove(0);
        for day in 1..=20 {
            for hour in 0..24 {
                let folder = landing.join(format!("date=2026-11-{day:02}/hour={hour:02}"));
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::hard_link(&file, folder.join("copy.parquet")).unwrap();
            }
        }
        store.take_seen();
    }
    world
}

#[test]
fn an_x_ray_id_bounds_the_hours_that_are_listed() {
    let world = thirty_days();
    let found =
        world.local(&["sql", "--format", "json", "select max(trace_id) as id from logs where trace_id like '6b%'"]);
    let id = found.rows()[0]["id"].as_str().unwrap().to_owned();
    let spelled = format!("1-{}-{}", &id[..8], &id[8..]);
    let answer = world.run(&[
        "logs",
        "--trace",
        &spelled,
        "--since",
        "2026-10-23",
        "--lateness",
        "2h",
        "-v",
        "--format",
        "json",
    ]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert!(answer.rows().iter().all(|row| row["trace_id"] == json!(id)));
    let mut lists = 0;
    for store in &world.stores {
        let seen = store.take_seen();
        let prefixes: BTreeSet<String> =
            seen.iter().filter(|seen| seen.is_list()).filter_map(|seen| seen.prefix()).collect();
        lists += seen.iter().filter(|seen| seen.is_list()).count();
        // The id was made on the 21st: the day before begins the search, by some hours, and nothing else is touched.
        assert!(
            prefixes.iter().all(|prefix| ["date=2026-11-20", "date=2026-11-21", "date=2026-11-22", "releases"]
                .iter()
                .any(|part| prefix.contains(part))),
            "{prefixes:?}"
        );
    }
    println!("{lists} LISTs for an X-Ray id in 30 days of 3 regions: {}", answer.stderr.trim());
    assert!(lists <= 3 * 30, "{lists}");
    assert!(answer.stderr.contains("LISTs") && answer.stderr.contains("GETs") && answer.stderr.contains('$'));
}

/// Far longer than a busy machine delays a request that needs no other one.
const LATENCY: Duration = Duration::from_millis(300);

/// What all stores were asked.
fn seen(world: &World) -> Vec<Seen> {
    world.stores.iter().flat_map(|store| store.take_seen()).collect()
}

#[test]
fn a_trace_waits_for_the_stores_a_few_times_however_many_files_there_are() {
    let world = thirty_days();
    let truth = std::fs::read(crate::world::sample().join("truth.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_slice(&truth).unwrap();
    let told = truth["traces"].as_array().unwrap().iter().find(|told| told["regions"].as_array().unwrap().len() == 3);
    let told = told.unwrap();
    for (store, region) in world.stores.iter().zip(REGIONS) {
        // Files that hold nothing of it, in all the hours of arrival that it could have.
        let day = store.bucket(BUCKET).join(format!("landing/region={region}/date=2026-11-21"));
        let file = transect_tests::files_below(&day).pop().unwrap();
        for hour in 11..20 {
            std::fs::create_dir_all(day.join(format!("hour={hour}"))).unwrap();
            std::fs::hard_link(&file, day.join(format!("hour={hour}/copy.parquet"))).unwrap();
        }
        store.fail(Fault::Latency(LATENCY));
    }
    // No answer is so late that it would be asked for again.
    world.configure("", "60s");
    let (mut least, mut gets_least) = ([usize::MAX; 2], [usize::MAX; 2]);
    // A busy machine may delay a request that needs no other one, but not every time.
    for _ in 0..3 {
        let _ = std::fs::remove_dir_all(world.cache());
        for ((time, least), gets_least) in ["cold", "warm"].into_iter().zip(&mut least).zip(&mut gets_least) {
            let answer = world.run(&["trace", told["trace_ids"][0].as_str().unwrap(), "-v", "--format", "json"]);
            assert_eq!(answer.code, 0, "{}", answer.stderr);
            assert_eq!(answer.json()["ids"]["trace_id"], told["trace_ids"]);
            assert_eq!(answer.json()["regions"], told["regions"]);
            let seen = seen(&world);
            let lists = seen.iter().filter(|seen| seen.is_list()).count();
            let gets = seen.iter().filter(|seen| seen.is_get()).count();
            println!("{time}: {} rounds, {lists} LISTs, {gets} GETs; {}", rounds(&seen), answer.stderr.trim());
            *least = rounds(&seen).min(*least);
            *gets_least = gets.min(*gets_least);
        }
        // The last two are for what its calls wrote without an id: where it lies is known when they are.
        // Of 42 files: a footer each, and what is read near the request; what is looked at besides costs no more than that.
        if least[0] <= 6 && least[1] <= 5 && gets_least[0] <= 160 && gets_least[1] <= 115 {
            return;
        }
    }
    panic!("{least:?} rounds of requests, {gets_least:?} GETs");
}

#[test]
fn a_question_about_some_hours_lists_these_and_no_others() {
    let world = thirty_days();
    let answer = world.run(&[
        "sql",
        "--since",
        "2026-11-10T10:00:00Z",
        "--until",
        "2026-11-10T11:30:00Z",
        "--lateness",
        "1h",
        "--format",
        "json",
        "--dry-run",
        "select body from telemetry",
    ]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    // From three hours before to one hour and the lateness after.
    assert_eq!(answer.rows()[0]["hours"], 7);
    assert_eq!(answer.rows()[0]["first_hour"], "2026-11-10T07:00:00.000000000Z");
    for store in &world.stores {
        for seen in store.take_seen() {
            let hour = seen
                .prefix()
                .filter(|_| seen.is_list())
                .and_then(|prefix| Some(prefix.split_once("hour=")?.1.to_owned()));
            let hour: u32 = hour.unwrap_or_else(|| panic!("{seen:?}")).trim_matches('/').parse().unwrap();
            assert!((7..=13).contains(&hour), "{seen:?}");
        }
    }
}

#[test]
fn the_second_time_no_footer_is_read() {
    let world = World::new();
    let question = "select count(*) as n from telemetry where trace_id = '00000000000000000000000000000001'";
    assert_eq!(world.sql(question).code, 0);
    let first: usize =
        world.stores.iter().map(|store| store.take_seen().iter().filter(|seen| seen.is_get()).count()).sum();
    assert!(first >= 6, "{first}");
    // The bloom filters lie beside the footers, and no trace has this id: nothing is left to read.
    assert_eq!(world.sql(question).code, 0);
    for store in &world.stores {
        let seen = store.take_seen();
        assert!(seen.iter().all(|seen| seen.is_list()), "{seen:?}");
    }
    // A damaged cache is read again rather than believed.
    for entry in transect_tests::files_below(&world.cache()) {
        std::fs::write(entry, "torn").unwrap();
    }
    assert_eq!(world.sql(question).code, 0);
    let again: usize =
        world.stores.iter().map(|store| store.take_seen().iter().filter(|seen| seen.is_get()).count()).sum();
    assert!(again >= 6, "{again}");
}

#[test]
fn what_is_kept_is_of_one_version_of_one_object() {
    let world = World::new();
    let question = "select count(*) as n from telemetry";
    let before = world.sql(question).rows()[0]["n"].as_u64().unwrap();
    // Another file under the same key.
    let landing = world.stores[0].bucket(BUCKET).join("landing/region=us-east-2");
    let mut files = transect_tests::files_below(&landing);
    files.retain(|file| file.extension().is_some_and(|ending| ending == "parquet"));
    let (one, other) = (&files[0], files.last().unwrap());
    assert_ne!(std::fs::metadata(one).unwrap().len(), std::fs::metadata(other).unwrap().len());
    std::fs::copy(one, other).unwrap();
    let after = world.sql(question);
    assert_eq!(after.code, 0, "{}", after.stderr);
    assert_ne!(after.rows()[0]["n"].as_u64().unwrap(), before);
}

#[test]
fn runs_at_the_same_time_share_the_cache() {
    let world = World::new();
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let mut command = world.command(&["sql", "--format", "json", "select count(*) as n from logs"]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let answers: Vec<Answer> = runs.into_iter().map(|run| run.wait_with_output().unwrap().into()).collect();
    for answer in &answers {
        assert_eq!((answer.code, answer.stdout.as_str()), (0, answers[0].stdout.as_str()), "{}", answer.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_signal_stops_at_once_and_leaves_nothing_behind() {
    let send = |name: &str, id: u32| {
        assert!(std::process::Command::new("kill").args([name, &id.to_string()]).status().unwrap().success());
    };
    // Who is to outlive a terminal (`nohup`) does.
    for (signals, is_kept, code) in [
        (&["-INT"][..], false, 130),
        (&["-TERM"], false, 143),
        (&["-HUP"], false, 129),
        (&["-HUP", "-TERM"], true, 143),
    ] {
        let world = World::new();
        world.configure("", "10m");
        world.stores[0].fail(Fault::BlackHole);
        let target = world.folder.path().join("answer.json");
        let question = ["sql", "--output", target.to_str().unwrap(), "select count(*) from logs"];
        let plain = world.command(&question);
        let mut command = if is_kept { under_nohup(&plain) } else { plain };
        let mut run = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        // It is under way when the server that never answers has been asked.
        while world.stores[0].take_seen().is_empty() {
            std::thread::yield_now();
        }
        for signal in signals {
            send(signal, run.id());
        }
        assert_eq!(run.wait().unwrap().code(), Some(code), "{signals:?}");
        let left: Vec<_> =
            std::fs::read_dir(world.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| name == "transect.toml" || name == "cache"), "{signals:?}: {left:?}");
    }
}

/// The same command, started so that SIGHUP is ignored.
#[cfg(unix)]
fn under_nohup(plain: &std::process::Command) -> std::process::Command {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(folder) = plain.get_current_dir() {
        command.current_dir(folder);
    }
    command
}
