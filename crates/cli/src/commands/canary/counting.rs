//! Which minutes of which lake are counted at a look. It refuses to count a minute before it is over, and to count one
//! twice.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use serde_json::{Value, json};
use transect_canary::Counted;
use transect_lake::{Lake, Mapping, Place, RegionLocation};
use transect_query::{Extent, ServiceQuestion, UNIT_NANO_MAX, UnitKind, UnitQuestion, Units, WINDOW_NANO, hint_of};

use super::policy::{Asked, SETTLE};
use super::state::{Look, Series, fingerprint};
use crate::arguments::{Global, UnitName};
use crate::commands::releases::read_map;
use crate::failure::Failure;
use crate::output::OpenLake;
use crate::range::{Clock, parse_duration};
use crate::{config, output};

/// Where no range is named.
const SINCE_NANO: i64 = 24 * 60 * WINDOW_NANO;
/// Names in a hint.
const NAMES_MAX: usize = 12;

/// What is counted, whenever that is.
pub struct Counting {
    pub services: Vec<ServiceQuestion>,
    pub counted: Counted,
    pub slow_nano: Option<i64>,
    /// Minutes of each region's beginning that are left out.
    pub exclude_first: i64,
    /// What a state must have been begun with.
    pub asked: Value,
    unit: UnitKind,
    settle_nano: i64,
    /// What is known of versions of functions.
    releases: Vec<Mapping>,
    lake: OnceCell<OpenLake>,
}

impl Counting {
    pub fn of(asked: &Asked, global: &Global) -> Result<Counting, Failure> {
        let missing = |what: &str, hint: &str| Failure::usage(format!("no {what}"), hint);
        if asked.services.is_empty() {
            return Err(missing("--service", "name the service, or bring counts of your own with --counts"));
        }
        let canary = asked
            .canary
            .as_ref()
            .ok_or_else(|| missing("--canary", "name the release that is judged; `transect releases` lists them"))?;
        let baseline = asked
            .baseline
            .as_deref()
            .ok_or_else(|| missing("--baseline", "name the release before, or let it be found with --baseline auto"))?;
        if baseline == canary {
            return Err(Failure::usage(
                format!("--baseline and --canary are both {canary}"),
                "name two releases; `transect releases` lists them",
            ));
        }
        let mut services = asked.services.clone();
        services.sort_unstable();
        if services.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Failure::usage("a --service is named twice", "name each once"));
        }
        let settle = asked.settle.clone().unwrap_or_else(|| SETTLE.to_owned());
        let duration =
            |name: &str, text: &Option<String>| text.as_deref().map(|text| parse_duration(name, text)).transpose();
        let exclude_nano = duration("--exclude-first", &asked.exclude_first)?.unwrap_or(0);
        let slow_nano = duration("--slow", &asked.slow)?;
        let unit = asked.unit.unwrap_or(UnitName::Auto);
        let unit_name = match unit {
            UnitName::Auto => "auto",
            UnitName::Trace => "trace",
            UnitName::Invocation => "invocation",
        };
        let policy = &asked.policy;
        let releases = asked.release_map.as_deref().map(|file| read_map(file, &global.region)).transpose()?;
        Ok(Counting {
            services: asked
                .services
                .iter()
                .map(|service| ServiceQuestion {
                    service: service.clone(),
                    baseline: (baseline != "auto").then(|| baseline.to_owned()),
                    canary: canary.clone(),
                    unit: None,
                })
                .collect(),
            exclude_first: exclude_nano.saturating_add(WINDOW_NANO - 1) / WINDOW_NANO,
            slow_nano,
            unit: match unit {
                UnitName::Auto => UnitKind::Auto,
                UnitName::Trace => UnitKind::Trace,
                UnitName::Invocation => UnitKind::Invocation,
            },
            settle_nano: parse_duration("--settle", &settle)?,
            releases: releases.clone().unwrap_or_default(),
            lake: OnceCell::new(),
            asked: json!({
                "service": asked.services, "baseline": baseline, "canary": canary, "region": global.region,
                "alpha": policy.alpha, "beta": policy.beta, "tolerance": policy.tolerance, "margin": policy.margin,
                "region_margin": policy.region_margin,
                "min_requests": policy.min_requests, "min_effect": policy.min_effect, "slo": policy.slo, "slow_slo": policy.slow_slo,
                "weight": policy.weight, "robust": policy.robust, "gate_mixed": asked.gate_mixed,
                "error": asked.error, "slow": asked.slow, "unit": unit_name,
                "exclude_first": asked.exclude_first, "settle": settle, "release_map": releases.as_deref().map(versions),
                "lake": places(&config::configured(global)?.lake), "since": beginning(global)?, "lateness": global.lateness,
            }),
            counted: Counted {
                unit: unit_name.to_owned(),
                settle,
                exclude_first: asked.exclude_first.clone(),
                error: asked.error.clone(),
                slow: asked.slow.clone(),
            },
        })
    }

    /// The minutes that a look is about: from the one after those that were counted, to the last that is over.
    fn question(&self, series: &Series, is_all: bool, extent: &Extent) -> UnitQuestion {
        let minute = |time: i64| time.div_euclid(WINDOW_NANO) * WINDOW_NANO;
        let now = extent.now_unix_nano;
        let since = series.since_unix_nano(is_all, || minute(extent.since_unix_nano.unwrap_or(now - SINCE_NANO)));
        let over = minute(now.saturating_sub(self.settle_nano));
        let until = extent.until_unix_nano.map_or(over, |until| minute(until).min(over)).max(since);
        // What was counted is not taken back, whatever end is asked for.
        let until = until.max(series.until_unix_nano().unwrap_or(since));
        let services = self.services.iter().map(|asked| ServiceQuestion {
            baseline: asked.baseline.clone().or_else(|| series.baseline(&asked.service)),
            // A series keeps to what it found.
            unit: series.unit(&asked.service).filter(|_| self.unit == UnitKind::Auto),
            ..asked.clone()
        });
        UnitQuestion {
            services: services.collect(),
            since_unix_nano: since,
            until_unix_nano: until,
            settle_nano: self.settle_nano,
            unit: self.unit,
            error: self.counted.error.clone(),
            slow_nano: self.slow_nano,
            releases: self.releases.clone(),
        }
    }

    /// The lake, for all looks.
    fn lake(&self, global: &Global) -> Result<&OpenLake, Failure> {
        if let Some(lake) = self.lake.get() {
            return Ok(lake);
        }
        let lake = OpenLake::open(config::configured(global)?, global)?;
        Ok(self.lake.get_or_init(|| lake))
    }

    /// Prints what a look would read.
    pub fn dry_run(&self, series: &Series, global: &Global) -> Result<(), Failure> {
        let extent = output::extent(global)?;
        let asked = self.question(series, false, &extent);
        // Where to look follows from the minutes.
        let question = self.lake(global)?.question(extent.at_all_times())?;
        let sql = format!(
            "SELECT count(*) FROM telemetry WHERE time_unix_nano BETWEEN {} AND {}",
            asked.since_unix_nano - UNIT_NANO_MAX,
            asked.until_unix_nano + asked.settle_nano
        );
        output::dry_run(&question, &sql, &[], global)
    }

    /// Counts the minutes that are over and were not counted yet, and adds them to the series. What was counted is looked
    /// through again, the last of it or all.
    pub fn look(&self, series: &mut Series, is_all: bool, global: &Global) -> Result<Look, Failure> {
        let extent = output::extent(global)?;
        series.check_clock(extent.now_unix_nano)?;
        let asked = self.question(series, is_all, &extent);
        let question = self.lake(global)?.question(extent.at_all_times())?;
        let watch = output::Watch::new(&question, global);
        let units = output::block_on(Some(&watch), question.units(&asked))??;
        drop(watch);
        if global.verbose {
            output::say_cost(global, &question, None);
        }
        series.add(&asked, &units);
        Ok(look_of(&units, series, self.slow_nano.is_some(), self.exclude_first))
    }
}

/// What a release map says, told apart from others.
fn versions(releases: &[Mapping]) -> String {
    let of = |one: &Mapping| [&one.region, &one.function, &one.function_version, &one.release].map(String::clone);
    let all: BTreeSet<[String; 4]> = releases.iter().map(of).collect();
    fingerprint(format!("{all:?}").as_bytes())
}

/// The places of a lake, told apart and not named: a state lies where reports do, and an error stands in a log.
fn places(lake: &Lake) -> Vec<String> {
    let of = |location: &RegionLocation| {
        let place = match location.place() {
            // However a path is written, and through whatever link.
            Place::Directory(path) => {
                let absolute =
                    std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.clone());
                format!("{:?}", absolute.components().collect::<Vec<_>>())
            }
            bucket @ Place::Bucket(_) => format!("{bucket:?}"),
        };
        format!("{} {}", location.label(), fingerprint(place.as_bytes()))
    };
    let mut places: Vec<String> = lake.locations().iter().map(of).collect();
    places.sort_unstable();
    places
}

/// From when on is counted, as it was asked: a time, however it is written, or so long before each look.
fn beginning(global: &Global) -> Result<Option<String>, Failure> {
    let Some(text) = &global.since else { return Ok(None) };
    let clock = output::clock(global);
    // What does not move with the clock is a time.
    let later = Clock { now: clock.now + jiff::SignedDuration::from_secs(1), zone: clock.zone.clone() };
    let [time, other] = [clock, later].map(|clock| clock.parse("--since", text).map(|moment| moment.unix_nano));
    let time = time?;
    let is_fixed = time == other?;
    let name = |time: i64| jiff::Timestamp::from_nanosecond(i128::from(time)).ok().map(|time| time.to_string());
    Ok(is_fixed.then(|| name(time)).flatten().or_else(|| Some(text.clone())))
}

fn look_of(units: &Units, series: &Series, is_slow_asked: bool, exclude_first: i64) -> Look {
    let mut look = Look { is_complete: units.completeness.is_complete() && series.is_whole(), ..Look::default() };
    for missing in &units.completeness.missing_regions {
        look.missing_regions.push(missing.region.clone());
        look.missing.push((missing.region.clone(), missing.reason.clone()));
    }
    for file in &units.completeness.unreadable_files {
        look.missing.push((file.path.clone(), file.reason.clone()));
    }
    for path in series.unreadable() {
        look.warnings.push(format!("{path} could not be read, and nothing passes until it can be"));
    }
    look.warnings.extend(series.services().iter().filter_map(|service| service.late_sentence(is_slow_asked)));
    look.warnings.extend(series.services().iter().flat_map(|service| service.doubt_sentences(exclude_first)));
    look.warnings.extend(series.services().iter().filter_map(super::state::Service::functions_sentence));
    for service in &units.services {
        let name = &service.service;
        for shift in &service.shifts {
            look.warnings.push(format!(
                "{} ran {} in {} meanwhile: its errors and those of {name} can be each other's",
                shift.service,
                list(shift.releases.iter().cloned()),
                shift.region
            ));
        }
        look.warnings.extend(series.of(name).and_then(|of| of.unit_sentence(service)));
        let others = service.releases.iter().filter(|(release, calls)| {
            let is_compared = **release == service.canary || service.baseline.as_ref() == Some(release);
            !is_compared && **calls > 0
        });
        let others: Vec<String> = others.map(|(release, calls)| format!("{release} ({calls} calls)")).collect();
        if !others.is_empty() && series.has_canary(name) {
            look.warnings
                .push(format!("{name} ran other releases meanwhile, which are not compared: {}", list(others)));
        }
        if let Some(baseline) = service.baseline.as_ref().filter(|baseline| !service.releases.contains_key(*baseline))
            && series.has_canary(name)
        {
            look.hints.push(format!(
                "release {baseline} of {name} has done nothing in these minutes: {}",
                hint_of(baseline, || service.releases.keys().map(String::as_str))
            ));
        }
        if let Some(rate) = service.sample_rate_min {
            look.warnings.push(format!(
                "a sample rate (down to {rate}) kept a share of the requests of {name} and all that failed or warned: \
                 rates look higher than they are, and nothing passes (set TRANSECT_SAMPLE_RATE of the forwarder to 1)"
            ));
        }
        let elsewhere = series.records_from_elsewhere(name);
        if elsewhere > 0 {
            look.warnings.push(format!(
                "about {elsewhere} records named {name} from log groups in which it neither reports calls nor has spans, \
                 and were not counted"
            ));
        }
        if series.has_canary(name) {
            continue;
        }
        let hint = match (units.services_seen.contains(name), service.releases.is_empty()) {
            (false, _) => {
                let there = || units.services_seen.iter().map(String::as_str);
                format!("nothing was found of service {name}: {}", hint_of(name, there))
            }
            (true, true) if service.has_records_without_id => {
                format!("the records of {name} name neither trace nor invocation, and cannot be counted")
            }
            (true, true) => format!("{name} did nothing in the minutes that are over"),
            (true, false) => format!(
                "release {} of {name} has done nothing in the minutes that are over: {}; what a function's versions are is \
                 recorded by `transect releases record`, or told by --release-map",
                service.canary,
                hint_of(&service.canary, || service.releases.keys().map(String::as_str))
            ),
        };
        look.hints.push(hint);
    }
    look
}

pub fn list(names: impl IntoIterator<Item = String>) -> String {
    let names: Vec<String> = names.into_iter().collect();
    match names.len() {
        0 => "none".to_owned(),
        count if count > NAMES_MAX => format!("{} and {} more", names[..NAMES_MAX].join(", "), count - NAMES_MAX),
        _ => names.join(", "),
    }
}
