//! What is asked of whoever judges, and what is answered. It refuses to know how a verdict is reached: nothing here holds a
//! count of the baseline, so that a broken one cannot block its fix.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// What is said of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Said {
    /// It is not worse.
    Pass,
    /// It is worse.
    Fail,
    /// Neither can be said yet.
    Inconclusive,
    /// Nothing was counted of one of the two.
    NoData,
    /// The comparison cannot be trusted.
    Invalid,
}

impl Said {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Said::Pass => "PASS",
            Said::Fail => "FAIL",
            Said::Inconclusive => "INCONCLUSIVE",
            Said::NoData => "NO_DATA",
            Said::Invalid => "INVALID",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Said> {
        [Said::Pass, Said::Fail, Said::Inconclusive, Said::NoData, Said::Invalid]
            .into_iter()
            .find(|said| said.name() == name)
    }
}

/// A verdict, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The verdict.
    pub said: Said,
    /// Why, in a sentence.
    pub reason: String,
    /// Where a failure was found. None means that it is worse as a whole.
    pub roll_back: Vec<String>,
    /// Regions that did not answer.
    pub missing_regions: Vec<String>,
    /// Requests of the canary that it rests on, for each region.
    pub requests: BTreeMap<String, u64>,
    /// Whether nothing of what was counted speaks against the canary.
    #[serde(default)]
    pub is_fine: bool,
    /// Whether something other than a region was not seen, so that nothing passes: the reason says what.
    #[serde(default)]
    pub is_hindered: bool,
    /// All that was counted before has been judged; nothing if no minute was. What comes from then on is another series' to
    /// judge.
    #[serde(default)]
    pub judged_until: Option<Moment>,
}

/// Why there is no verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// It may answer at the next look.
    #[error("no verdict: {0}")]
    Unanswered(String),
    /// It will never answer this question.
    #[error("no verdict, and none to come: {0}")]
    Refused(String),
}

/// A region with a share of the canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionAsked {
    /// Its name.
    pub region: String,
    /// The canary's share, in percent.
    pub weight: u8,
    /// Whether it is of the wave that bakes, not of an earlier one.
    pub is_of_wave: bool,
}

/// What is asked at a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Which wave bakes, from 0.
    pub wave: usize,
    /// What it is called.
    pub name: String,
    /// Which series of looks this is, from 0. Evidence adds up, and what was good for long hides for a while that it no longer
    /// is; what comes after a pass is therefore judged by itself, as another series with a beginning of its own.
    pub series: u32,
    /// When the last weight of the wave was set.
    pub began_at: Moment,
    /// From when on requests count: a whole minute, after the weights had changed everywhere. It may lie ahead, and there
    /// is no data then.
    pub since: Moment,
    /// Before when; nothing for what goes on.
    pub until: Option<Moment>,
    /// All regions in which the canary runs, by name.
    pub regions: Vec<RegionAsked>,
    /// Requests of the canary without which a region of the wave does not pass.
    pub min_requests: u64,
    /// Whether all minutes are to be read once more: by a policy a wave passes that nobody has found good, and so on
    /// everything there is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reads_all: bool,
}

impl Question {
    /// The share that the canary has in all the regions, in percent, if it is the same and something is beside it: only
    /// then can it be checked whether it gets it. What ends where a wave begins ends with minutes of another share.
    pub fn weight(&self) -> Option<u8> {
        let first = self.regions.first()?.weight;
        (first < 100 && self.until.is_none() && self.regions.iter().all(|region| region.weight == first))
            .then_some(first)
    }
}
