//! What is asked of a canary: by flags, else by the policy file, else as usual. It refuses keys that it does not know.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use serde::Deserialize;
use transect_canary::Policy;

use crate::arguments::{Arguments, Canary, Command, OnInconclusive, UnitName};
use crate::failure::{Failure, INTERNAL, USAGE};
use crate::inputs;
use crate::range::{parse_duration, parse_rate};

/// A policy is a page at most.
const FILE_BYTES_MAX: u64 = 1 << 20;
const EVERY: &str = "1m";
const DEADLINE: &str = "30m";
pub const SETTLE: &str = "5m";

/// A rate as a number, or as text such as `.5%`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Rate {
    Number(f64),
    Text(String),
}

impl Rate {
    fn text(self) -> String {
        match self {
            Rate::Number(number) => number.to_string(),
            Rate::Text(text) => text,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    service: Option<Names>,
    baseline: Option<String>,
    canary: Option<String>,
    alpha: Option<Rate>,
    beta: Option<Rate>,
    tolerance: Option<f64>,
    margin: Option<f64>,
    region_margin: Option<f64>,
    min_requests: Option<u64>,
    min_effect: Option<Rate>,
    slo: Option<Rate>,
    slow_slo: Option<Rate>,
    weight: Option<Rate>,
    robust: Option<bool>,
    gate_mixed: Option<bool>,
    on_inconclusive: Option<String>,
    error: Option<String>,
    slow: Option<String>,
    unit: Option<String>,
    exclude_first: Option<String>,
    settle: Option<String>,
    every: Option<String>,
    deadline: Option<String>,
}

/// What is asked.
#[derive(Debug)]
pub struct Asked {
    pub services: Vec<String>,
    pub baseline: Option<String>,
    pub canary: Option<String>,
    pub policy: Policy,
    pub gate_mixed: bool,
    pub on_inconclusive: Option<OnInconclusive>,
    pub error: Option<String>,
    pub slow: Option<String>,
    pub unit: Option<UnitName>,
    pub release_map: Option<PathBuf>,
    pub exclude_first: Option<String>,
    pub settle: Option<String>,
    every: Option<String>,
    deadline: Option<String>,
}

impl Asked {
    pub fn of(own: &Canary) -> Result<Asked, Failure> {
        let file = own.policy.file.as_deref().map(read).transpose()?.unwrap_or_default();
        let usual = Policy::default();
        let (flags, counting) = (&own.policy, &own.counting);
        let text = |flag: &Option<String>, of_file: Option<Rate>| flag.clone().or_else(|| of_file.map(Rate::text));
        let rate = |name: &str, flag: &Option<String>, of_file: Option<Rate>| {
            text(flag, of_file).map(|text| parse_rate(name, &text)).transpose()
        };
        let policy = Policy {
            alpha: rate("--alpha", &flags.alpha, file.alpha)?.unwrap_or(usual.alpha),
            beta: rate("--beta", &flags.beta, file.beta)?.unwrap_or(usual.beta),
            tolerance: flags.tolerance.or(file.tolerance).unwrap_or(usual.tolerance),
            margin: flags.margin.or(file.margin).unwrap_or(usual.margin),
            region_margin: flags.region_margin.or(file.region_margin),
            min_requests: flags.min_requests.or(file.min_requests).unwrap_or(usual.min_requests),
            min_effect: rate("--min-effect", &flags.min_effect, file.min_effect)?,
            slo: rate("--slo", &flags.slo, file.slo)?,
            slow_slo: rate("--slow-slo", &flags.slow_slo, file.slow_slo)?,
            weight: rate("--weight", &flags.weight, file.weight)?,
            robust: flags.robust || file.robust.unwrap_or(false),
        };
        policy.check().map_err(|error| {
            Failure::usage(format!("--{error}").replace('_', "-"), "`transect canary --help` says what each is")
        })?;
        let slow = counting.slow.clone().or(file.slow);
        if policy.slow_slo.is_some() && slow.is_none() {
            return Err(Failure::usage(
                "--slow-slo is a limit of how many are slow, and nothing says from when on they are",
                "say it with --slow, such as --slow 2s",
            ));
        }
        let services = match (own.service.is_empty(), file.service) {
            (true, Some(Names::One(name))) => vec![name],
            (true, Some(Names::Several(names))) => names,
            _ => own.service.clone(),
        };
        let choice = |name: &str, text: Option<String>, choices: &str| match text {
            Some(text) if !choices.split(", ").any(|choice| choice == text) => Err(Failure::usage(
                format!("{name} = \"{text}\" in the policy file"),
                format!("write one of {choices}"),
            )),
            text => Ok(text),
        };
        let on_inconclusive = choice("on_inconclusive", file.on_inconclusive, "fail, pass")?;
        let unit = choice("unit", file.unit, "auto, trace, invocation")?;
        Ok(Asked {
            services,
            baseline: own.baseline.clone().or(file.baseline),
            canary: own.canary.clone().or(file.canary),
            policy,
            gate_mixed: flags.gate_mixed || file.gate_mixed.unwrap_or(false),
            on_inconclusive: flags.on_inconclusive.or(on_inconclusive.map(|text| match text.as_str() {
                "fail" => OnInconclusive::Fail,
                _ => OnInconclusive::Pass,
            })),
            error: counting.error.clone().or(file.error),
            slow,
            unit: counting.unit.or(unit.map(|text| match text.as_str() {
                "trace" => UnitName::Trace,
                "invocation" => UnitName::Invocation,
                _ => UnitName::Auto,
            })),
            release_map: counting.release_map.clone(),
            exclude_first: counting.exclude_first.clone().or(file.exclude_first),
            settle: counting.settle.clone().or(file.settle),
            every: own.waiting.every.clone().or(file.every),
            deadline: own.waiting.deadline.clone().or(file.deadline),
        })
    }

    /// How often it is looked, and for how long.
    pub fn waiting(&self) -> Result<(Duration, Duration), Failure> {
        let of = |name: &str, text: &Option<String>, usual: &str| {
            let nano = parse_duration(name, text.as_deref().unwrap_or(usual))?;
            Ok::<_, Failure>(Duration::from_nanos(u64::try_from(nano).unwrap_or(0)))
        };
        let (every, deadline) = (of("--every", &self.every, EVERY)?, of("--deadline", &self.deadline, DEADLINE)?);
        match every.is_zero() {
            true => Err(Failure::usage("--every 0 would not wait", "write how long to wait, such as 1m")),
            false => Ok((every, deadline)),
        }
    }
}

/// How long outcomes are waited for by a policy file, which is looked through.
pub fn settle_of(file: Option<&Path>) -> Result<String, Failure> {
    let Some(path) = file else { return Ok(SETTLE.to_owned()) };
    let flags = ["transect", "canary", "--policy"].into_iter().map(OsString::from).chain([path.into()]);
    let parsed = Arguments::try_parse_from(flags).map_err(|error| Failure::Because {
        code: INTERNAL,
        error: error.into(),
        hint: None,
    })?;
    let Command::Canary(canary) = &parsed.command else { return Ok(SETTLE.to_owned()) };
    Ok(Asked::of(canary)?.settle.unwrap_or_else(|| SETTLE.to_owned()))
}

fn read(path: &Path) -> Result<File, Failure> {
    let refuse = |error: anyhow::Error| Failure::Because {
        code: USAGE,
        error: error.context(format!("policy {}", path.display())),
        hint: Some(
            "keys are the long flags of `transect canary` with _ in place of -, such as min_requests = 500".into(),
        ),
    };
    let text = inputs::read_text(path, FILE_BYTES_MAX).context("read").map_err(refuse)?;
    toml::from_str(&text).map_err(|error| refuse(anyhow::anyhow!("{}", error.to_string().trim_end())))
}
