//! `transect canary plan`: how many requests it takes, and with a lake how long. It refuses to know how that is found out;
//! that is `transect-canary`'s.

use serde_json::json;
use transect_canary::{Plan, Planned, Policy, Taken};
use transect_query::{ServiceQuestion, UnitKind, UnitQuestion, WINDOW_NANO, hint_of};

use crate::arguments::{CanaryPlan, Global};
use crate::failure::Failure;
use crate::output::OpenLake;
use crate::range::parse_rate;
use crate::{config, output};

/// Whose traffic is looked at where no range is named.
const SINCE_NANO: i64 = 24 * 60 * WINDOW_NANO;

pub fn run(own: &CanaryPlan, global: &Global) -> Result<(), Failure> {
    let is_json = output::wants_json(global, "canary plan")?;
    let (rate, detect) = (parse_rate("--rate", &own.rate)?, parse_rate("--detect", &own.detect)?);
    if detect <= rate {
        return Err(Failure::usage(
            format!("--detect {} is not above --rate {}", own.detect, own.rate),
            "name the failure rate of a worse canary",
        ));
    }
    let policy = Policy {
        alpha: parse_rate("--alpha", &own.alpha)?,
        beta: parse_rate("--beta", &own.beta)?,
        margin: own.margin,
        ..Policy::default()
    };
    policy.check().map_err(|error| Failure::usage(format!("--{error}"), "see `transect canary plan --help`"))?;
    if own.trials == 0 {
        return Err(Failure::usage("--trials 0 simulates nothing", "write a number from 1 on, such as 500"));
    }
    let share = parse_rate("--share", &own.share)?;
    let plan = Plan { rate, detect, share, policy, trials: own.trials, seed: own.seed };
    let a_minute = own.service.as_deref().map(|service| traffic(service, global)).transpose()?;
    let planned = plan.simulate();
    let text = match is_json {
        true => as_json(&plan, &planned, own, a_minute),
        false => as_text(&plan, &planned, own, a_minute),
    };
    output::print(global, &text)
}

/// Requests of a service a minute.
fn traffic(service: &str, global: &Global) -> Result<f64, Failure> {
    let extent = output::extent(global)?;
    let until = extent.until_unix_nano.unwrap_or(extent.now_unix_nano);
    let since = extent.since_unix_nano.unwrap_or(until - SINCE_NANO);
    let question = OpenLake::open(config::configured(global)?, global)?.question(extent.at_all_times())?;
    let asked = UnitQuestion {
        services: vec![ServiceQuestion {
            service: service.to_owned(),
            baseline: None,
            canary: String::new(),
            unit: None,
        }],
        since_unix_nano: since,
        until_unix_nano: until.max(since + WINDOW_NANO),
        settle_nano: 0,
        unit: UnitKind::Auto,
        error: None,
        slow_nano: None,
        releases: Vec::new(),
    };
    let watch = output::Watch::new(&question, global);
    let units = output::block_on(Some(&watch), question.units(&asked))??;
    drop(watch);
    output::finish(global, &units.completeness, &transect_query::NamesSeen::default())?;
    let calls: u64 = units.services.iter().flat_map(|of| of.releases.values()).sum();
    if calls == 0 {
        let there = || units.services_seen.iter().map(String::as_str);
        let hint = format!("widen --since, or name another service: {}", hint_of(service, there));
        return Err(Failure::nothing_found(format!("{service} did nothing in that time"), Some(hint)));
    }
    Ok(calls as f64 * WINDOW_NANO as f64 / (asked.until_unix_nano - since) as f64)
}

fn minutes(requests: Option<u64>, share: f64, a_minute: Option<f64>) -> Option<u64> {
    Some((requests? as f64 / (a_minute? * share)).ceil() as u64)
}

fn as_json(plan: &Plan, planned: &Planned, own: &CanaryPlan, a_minute: Option<f64>) -> String {
    let taken = |taken: &Taken, opposite: &str| {
        let of = |requests: Option<u64>| json!({ "canary_requests": requests, "minutes": minutes(requests, plan.share, a_minute) });
        json!({
            "half": of(taken.median), "four_fifths": of(taken.most), "nineteen_twentieths": of(taken.nearly_all),
            "share": taken.share, opposite: taken.opposite,
        })
    };
    let fixed = Some(planned.fixed_canary_requests);
    let document = json!({
        "rate": plan.rate, "detect": plan.detect, "share": plan.share,
        "alpha": plan.policy.alpha, "beta": plan.policy.beta, "margin": plan.policy.margin,
        "trials": plan.trials, "seed": plan.seed,
        "service": own.service, "requests_per_minute": a_minute,
        "fixed": {
            "canary_requests": fixed, "minutes": minutes(fixed, plan.share, a_minute), "power": planned.fixed_power,
        },
        "fails": taken(&planned.fails, "passed"),
        "passes": taken(&planned.passes, "failed"),
    });
    format!("{document}\n")
}

fn as_text(plan: &Plan, planned: &Planned, own: &CanaryPlan, a_minute: Option<f64>) -> String {
    let requests = |requests: Option<u64>| match (requests, minutes(requests, plan.share, a_minute)) {
        (None, _) => "more than was simulated".to_owned(),
        (Some(requests), None) => format!("{requests} requests of the canary"),
        (Some(requests), Some(minutes)) => format!("{requests} requests of the canary, {minutes} minutes"),
    };
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let Planned { fixed_canary_requests, fixed_power, fails, passes } = planned;
    let traffic = match (&own.service, a_minute) {
        (Some(service), Some(a_minute)) => format!(", at {a_minute:.1} requests of {service} a minute"),
        _ => String::new(),
    };
    [
        format!(
            "To see a failure rate of {} beside one of {}, with {} of the traffic{traffic}:",
            own.detect, own.rate, own.share
        ),
        String::new(),
        format!(
            "looked at once      {}  (found {} of the time)",
            requests(Some(*fixed_canary_requests)),
            percent(*fixed_power)
        ),
        format!("looked at always    {}  in half of the rollouts", requests(fails.median)),
        format!("                    {}  in four of five", requests(fails.most)),
        format!("                    {}  in nineteen of twenty", requests(fails.nearly_all)),
        format!("                    found {} of the time, passed {}", percent(fails.share), percent(fails.opposite)),
        String::new(),
        format!("An equal release passes the margin of {} after", plan.policy.margin),
        format!("                    {}  in half of the rollouts", requests(passes.median)),
        format!("                    {}  in nineteen of twenty", requests(passes.nearly_all)),
        format!("                    failed wrongly {} of the time", percent(passes.opposite)),
        String::new(),
        format!(
            "{} simulated rollouts, seed {}; alpha {}, beta {}.",
            plan.trials, plan.seed, plan.policy.alpha, plan.policy.beta
        ),
        String::new(),
    ]
    .join("\n")
}
