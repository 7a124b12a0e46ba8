//! `transect canary`: a verdict by counts, and its exit code. It refuses to know how it is reached; that is
//! `transect-canary`'s.

use std::fs::File;
use std::io::{BufReader, Read, stdin};

use anyhow::Context;
use transect_canary::{Asked, Policy, Verdict, judge, parse_csv, render_json, render_text};

use crate::arguments::{Canary, Global, OnInconclusive};
use crate::failure::{Failure, USAGE};
use crate::output;
use crate::range::parse_rate;

pub fn run(own: &Canary, global: &Global) -> Result<(), Failure> {
    let is_json = output::wants_json(global, "canary")?;
    let policy = policy(own)?;
    let refuse = |error: anyhow::Error| Failure::Because {
        code: USAGE,
        error: error.context(format!("counts {}", own.counts.display())),
        hint: Some("the first line is region,window,n_a,x_a,n_b,x_b, and each further one a region and window".into()),
    };
    let text: Box<dyn Read> = match own.counts.as_os_str() == "-" {
        true => Box::new(stdin().lock()),
        false => Box::new(BufReader::new(File::open(&own.counts).context("open").map_err(refuse)?)),
    };
    let (counts, windows) = parse_csv(text).map_err(|error| refuse(error.into()))?;
    let report = judge(&counts, &policy, false);
    let exit_code = match (report.verdict, own.on_inconclusive) {
        (Verdict::Inconclusive, Some(OnInconclusive::Fail)) => Verdict::Fail.exit_code(),
        (Verdict::Inconclusive, Some(OnInconclusive::Pass)) => Verdict::Pass.exit_code(),
        (verdict, _) => verdict.exit_code(),
    };
    let asked = Asked {
        service: own.service.as_deref(),
        baseline: own.baseline.as_deref(),
        canary: own.canary.as_deref(),
        missing_regions: &[],
        windows: &windows,
        exit_code,
    };
    let text = match is_json {
        true => render_json(&report, &policy, &asked),
        false => render_text(&report, &policy, &asked),
    };
    match output::print(global, &text) {
        // Whoever closed the pipe still acts on the code.
        Ok(()) | Err(Failure::ClosedPipe) => {}
        Err(failure) => return Err(failure),
    }
    match exit_code {
        0 => Ok(()),
        code => Err(Failure::Verdict(code)),
    }
}

fn policy(own: &Canary) -> Result<Policy, Failure> {
    let rate = |name: &str, text: &Option<String>| text.as_deref().map(|text| parse_rate(name, text)).transpose();
    let policy = Policy {
        alpha: parse_rate("--alpha", &own.alpha)?,
        beta: parse_rate("--beta", &own.beta)?,
        tolerance: own.tolerance,
        margin: own.margin,
        min_requests: own.min_requests,
        min_effect: rate("--min-effect", &own.min_effect)?,
        slo: rate("--slo", &own.slo)?,
        weight: rate("--weight", &own.weight)?,
    };
    policy.check().map_err(|error| {
        Failure::usage(format!("--{error}").replace('_', "-"), "`transect canary --help` says what each is")
    })?;
    Ok(policy)
}
