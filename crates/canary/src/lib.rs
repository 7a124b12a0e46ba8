//! Is a release worse than the one before it: the statistics, from counts to verdict. Pure: counts in, report out.
//!
//! This crate refuses to know SQL, Arrow, clocks and files, and to decide by anything that loses its error bound when it is
//! looked at every minute, or when regions differ: what is described beside the verdict never decides.

mod bets;
mod blocks;
mod counts;
mod csv;
mod described;
mod evidence;
mod gates;
mod hypergeometric;
mod plan;
mod process;
mod render;
mod special;
mod verdict;
mod words;

#[cfg(test)]
mod tests;

/// The version of the statistics. What was counted and decided under another one is worth nothing here.
pub const STATISTICS_VERSION: u32 = 2;

pub use blocks::Block;
pub use counts::{Cell, Counts, CountsError, UNITS_MAX, compared_functions};
pub use csv::{CsvError, parse_csv};
pub use described::{Estimate, newcombe, wilson};
pub use evidence::e_bh;
pub use gates::{SAMPLE_RATIO_MAX, drift_explained, rate_upper, sample_ratio};
pub use plan::{Plan, Planned, Random, Taken};
pub use render::{
    Comparison, Counted, Mixed, RecordSource, Told, render_csv, render_html, render_json, render_junit,
    render_markdown, render_text,
};
pub use verdict::{
    Crossing, History, Hypothesis, Looks, Metric, Needs, Policy, PolicyError, Region, RegionVerdict, Report, Totals,
    Verdict, WindowEvidence, decisive, judge, judge_all,
};
