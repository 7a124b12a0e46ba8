//! How a wave is watched: when it is looked, what is asked, and what is made of what is heard. From a wave's first minute on
//! every minute is judged: by the wave's series of looks, each of which begins where the one before has judged, or by the
//! next wave, which asks about those that were left. It refuses to forget a minute because something passed meanwhile.

use super::{OnInconclusive, Rollout, SERIES_MAX};
use crate::decision::{Course, Heard, Stage, course};
use crate::machine::Action;
use crate::moment::{Moment, render_seconds};
use crate::plan::names;
use crate::state::{Baking, Decider, Ending, Outcome, Phase, Purpose, WaveRecord, WaveState, What, bounded};
use crate::verdict::{JudgeError, Question, RegionAsked, Said, Verdict};

/// From the minute in which the last weight was set to the first that counts.
const FIRST_SECONDS: u64 = 120;
/// A series is begun only if the bake goes on for so long, and for half a part of it: else it would have counted next to
/// nothing when it is asked what it has found.
const SERIES_SECONDS_MIN: u64 = 120;
/// The last wave's pass is acted on for so long. Whoever comes later looks once more before the canary gets everything.
const PASS_SECONDS_MAX: u64 = 15 * 60;

impl Rollout {
    pub(super) fn begin_baking(&mut self, now: Moment) {
        let bakes_until = now.after(self.wave().bake_seconds);
        // The minute of the change holds traffic from before it, and an alias takes seconds to be followed.
        let since = now.minute().after(FIRST_SECONDS);
        // What the regions of earlier waves do until then is nobody else's to judge.
        let between = self.state.between.take().filter(|between| between.since < since);
        self.state.between = between.map(|between| Question { until: Some(since), ..between });
        let baking = Baking {
            began_at: now,
            bakes_until,
            deadline_at: bakes_until.after(self.grace_seconds()),
            series: 0,
            series_since: since,
            series_part: 0,
            passed_at: None,
        };
        let record = self.record();
        record.state = WaveState::Baking;
        record.began_at = Some(now);
        let why = format!(
            "{} in {}, until {bakes_until} at least and {} at most",
            self.shares(),
            names(self.wave().regions.iter().map(String::as_str)),
            baking.deadline_at
        );
        self.log(now, What::Baking, None, why);
        self.enter(Phase::Baking(baking));
        // Before anything counts there is nothing to be seen.
        self.turn.next_look = Some(now.after(self.options.every_seconds).max(since).min(bakes_until));
    }

    /// What has passed so long ago that nobody knows how it does today is watched again, from where it was judged, if nothing
    /// of the promotion was begun.
    pub(super) fn watch_again(&mut self, next: &Phase, now: Moment) -> Option<Phase> {
        let is_begun = self.state.regions.values().any(|place| place.intended.is_some() || place.weight == 100);
        let is_promotion = match next {
            Phase::Checking { purpose } => *purpose == Purpose::Promote,
            Phase::Changing(job) => job.purpose == Purpose::Promote,
            Phase::Baking(_) | Phase::Ended(_) => false,
        };
        let grace_seconds = self.grace_seconds().max(self.options.every_seconds);
        let WaveRecord { began_at, decided_at, .. } = *self.record();
        let (began_at, decided_at) = (began_at?, decided_at?);
        if is_begun || !is_promotion || now.since(decided_at) < PASS_SECONDS_MAX {
            return None;
        }
        let between = self.state.between.take()?;
        let record = self.record();
        (record.state, record.by, record.decided_at) = (WaveState::Baking, None, None);
        Some(Phase::Baking(Baking {
            began_at,
            bakes_until: now,
            deadline_at: now.after(grace_seconds),
            series: between.series,
            series_since: between.since,
            series_part: SERIES_MAX,
            passed_at: Some(decided_at),
        }))
    }

    pub(super) fn bake(&mut self, now: Moment) -> Option<Action> {
        if self.state.forced == Some(self.state.wave) {
            self.pass(Decider::Override, "by an override".to_owned(), None, now);
            return None;
        }
        let until = self.turn.next_look.unwrap_or(now);
        // A clock that was set back is not waited for.
        if now < until && until.since(now) <= self.options.every_seconds.max(FIRST_SECONDS) {
            return Some(Action::Wait { until });
        }
        let Phase::Baking(baking) = &self.state.now else { return None };
        let question = match &self.state.between {
            Some(between) if self.turn.heard.is_some() => between.clone(),
            _ => {
                let is_policys = self.options.on_inconclusive == OnInconclusive::Promote;
                let reads_all = is_policys && stage(baking, now) == Stage::Deadline;
                let question = Question { reads_all, ..self.question(baking) };
                self.turn.has_read_all = reads_all;
                question
            }
        };
        Some(Action::Look(question))
    }

    fn question(&self, baking: &Baking) -> Question {
        let wave = self.wave();
        let regions = self.state.regions.iter().filter(|(_, place)| place.weight > 0).map(|(region, place)| {
            RegionAsked { region: region.clone(), weight: place.weight, is_of_wave: wave.regions.contains(region) }
        });
        Question {
            wave: self.state.wave,
            name: wave.name.clone(),
            series: baking.series,
            began_at: baking.began_at,
            since: baking.series_since,
            until: None,
            regions: regions.collect(),
            min_requests: wave.min_requests,
            reads_all: false,
        }
    }

    pub(super) fn take_look(&mut self, result: Result<Verdict, JudgeError>, now: Moment) {
        let Phase::Baking(baking) = self.state.now.clone() else { return };
        let result = result.map(|verdict| self.kept(verdict));
        let Some(between) = self.state.between.clone() else { return self.hear(result, baking, now) };
        let fails = |verdict: &Verdict| verdict.said == Said::Fail || !verdict.roll_back.is_empty();
        let Some(heard) = self.turn.heard.take() else {
            if result.as_ref().is_ok_and(fails) {
                return self.hear(result, baking, now);
            }
            // The minutes before the wave are asked about next, and what is said of both is weighed then.
            self.turn.heard = Some(result);
            return;
        };
        match result {
            Ok(verdict) if fails(&verdict) => {
                let until = between.until.unwrap_or(now);
                let reason = format!("before the wave, from {} to {until}: {}", between.since, verdict.reason);
                return self.hear(Ok(Verdict { reason: bounded(&reason), ..verdict }), baking, now);
            }
            // Where a minute of the wave has been counted, all of those before were.
            Ok(verdict) if verdict.missing_regions.is_empty() => {
                if heard.as_ref().is_ok_and(|heard| heard.judged_until.is_some()) {
                    self.state.between = None;
                    self.is_dirty = true;
                }
            }
            // It is asked again.
            Ok(_) | Err(_) => {}
        }
        self.hear(heard, baking, now);
    }

    fn hear(&mut self, result: Result<Verdict, JudgeError>, baking: Baking, now: Moment) {
        // The ends of the bake and of the deadline are looked at as they come.
        let ends = [baking.bakes_until, baking.deadline_at].into_iter().filter(|end| *end > now);
        self.turn.next_look = ends.chain([now.after(self.options.every_seconds)]).min();
        let has_answered = self.state.waves.iter().any(|record| record.verdict.is_some());
        let result = result.map_err(|error| match error {
            // Whoever was answered once asks rightly: a lake is away, or a clock was set.
            JudgeError::Refused(why) if has_answered => JudgeError::Unanswered(why),
            error => error,
        });
        let record = self.record();
        let before =
            (record.verdict.as_ref().map(|of| (of.said, of.missing_regions.clone())), record.unanswered.clone());
        record.looks += 1;
        let why = match &result {
            Ok(verdict) => {
                record.unanswered = None;
                record.verdict = Some(verdict.clone());
                format!("{}: {}", verdict.said.name(), verdict.reason)
            }
            Err(error) => {
                record.unanswered = Some(bounded(&error.to_string()));
                bounded(&error.to_string())
            }
        };
        let after =
            (record.verdict.as_ref().map(|of| (of.said, of.missing_regions.clone())), record.unanswered.clone());
        self.is_dirty = true;
        if before != after {
            self.log(now, What::Looked, None, why);
        }
        match result {
            Ok(verdict) => self.weigh(&verdict, baking, now),
            Err(error) => {
                let (heard, why) = match error {
                    JudgeError::Refused(why) => (Heard::Refused, format!("the judge refuses: {}", bounded(&why))),
                    JudgeError::Unanswered(_) => (Heard::Unanswered, bounded(&error.to_string())),
                };
                self.act(course(heard, self.options.on_inconclusive, stage(&baking, now)), &why, None, now);
            }
        }
    }

    /// A verdict as the state keeps it: of the plan's regions alone, and no longer than a log takes it.
    fn kept(&self, verdict: Verdict) -> Verdict {
        let mut kept = Verdict { reason: bounded(&verdict.reason), ..verdict };
        kept.requests.retain(|region, _| self.state.regions.contains_key(region));
        kept.roll_back.retain(|region| self.state.regions.contains_key(region));
        // A region that nobody asked for is missing all the same.
        kept.missing_regions = kept.missing_regions.iter().take(100).map(|region| bounded(region)).collect();
        kept
    }

    fn fail(&mut self, verdict: &Verdict, now: Moment) {
        let runs = |region: &&String| self.state.regions[region.as_str()].weight > 0;
        let named: Vec<String> = verdict.roll_back.iter().filter(runs).cloned().collect();
        let (where_, regions) = match named.is_empty() {
            true => (" as a whole".to_owned(), self.state.regions.keys().filter(runs).cloned().collect()),
            false => (format!(" in {}", names(named.iter().map(String::as_str))), named),
        };
        let reason = format!("wave \"{}\" fails{where_}: {}", self.wave().name, verdict.reason);
        self.set_back(&regions, Decider::Judge, reason, now);
    }

    fn set_back(&mut self, regions: &[String], by: Decider, reason: String, now: Moment) {
        self.decided(WaveState::Failed, by, now);
        self.log(now, What::Failed, None, reason.clone());
        let job = self.roll_back(regions, reason);
        self.enter(Phase::Changing(job));
    }

    /// What a verdict is, and what holds a pass back.
    fn heard(&self, verdict: &Verdict, few: &[(&str, u64)], baking: &Baking, stage: Stage) -> (Heard, Option<String>) {
        let too_few = || {
            let least = self.wave().min_requests;
            let of = |(region, requests): &(&str, u64)| format!("{region} has {requests} of {least} requests");
            Some(few.iter().map(of).collect::<Vec<String>>().join(", "))
        };
        match verdict.said {
            // What a report names is rolled back, whatever it is called.
            Said::Fail => (Heard::Fail, None),
            _ if !verdict.roll_back.is_empty() => (Heard::Fail, None),
            // A region that did not answer never passes, whatever else is said.
            _ if !verdict.missing_regions.is_empty() => {
                let missing = names(verdict.missing_regions.iter().map(String::as_str));
                (Heard::RegionMissing, Some(format!("{missing} did not answer")))
            }
            Said::Invalid => (Heard::Invalid, None),
            Said::NoData => (Heard::NoData, None),
            _ if verdict.is_hindered => (Heard::RegionMissing, Some("not everything was seen".to_owned())),
            _ if stage != Stage::Baking && self.state.between.is_some() => {
                (Heard::RegionMissing, Some("the minutes before the wave are not judged yet".to_owned()))
            }
            Said::Pass if few.is_empty() => (Heard::Pass, None),
            // What has passed once, and of which nothing bad is known when the bake is over, is done: the last series may
            // have begun a few minutes ago.
            _ if baking.passed_at.is_some() && verdict.is_fine => (Heard::PassedBefore, None),
            // Nobody has seen the canary there.
            _ if few.iter().any(|(_, requests)| *requests == 0) => (Heard::NoData, too_few()),
            Said::Pass => (Heard::PassOfFew, too_few()),
            Said::Inconclusive => (Heard::Inconclusive, None),
        }
    }

    /// Takes a verdict in, and acts on it.
    fn weigh(&mut self, verdict: &Verdict, mut baking: Baking, now: Moment) {
        let wave = self.wave();
        let few: Vec<(&str, u64)> = wave
            .regions
            .iter()
            .map(|region| (region.as_str(), verdict.requests.get(region).copied().unwrap_or(0)))
            .filter(|(_, requests)| *requests < wave.min_requests)
            .collect();
        let stage = stage(&baking, now);
        let (heard, held_back) = self.heard(verdict, &few, &baking, stage);
        if heard == Heard::Pass {
            baking.passed_at.get_or_insert(now);
        }
        let course = course(heard, self.options.on_inconclusive, stage);
        if course == Course::PassByPolicy && !self.turn.has_read_all {
            // The deadline came while it was looked.
            self.turn.next_look = Some(now);
            self.state.now = Phase::Baking(baking);
            return;
        }
        if course != Course::Wait {
            let why = match (course, verdict.judged_until) {
                (Course::Pass, Some(until)) => {
                    let past = render_seconds(now.since(baking.began_at));
                    format!("after {past}, of which was judged what came before {until}: {}", verdict.reason)
                }
                _ => {
                    let why = held_back.map_or_else(String::new, |why| format!(" ({why})"));
                    format!("{}{why}: {}", verdict.said.name(), verdict.reason)
                }
            };
            return self.act(course, &why, Some(verdict), now);
        }
        if let Some(why) = held_back {
            let is_told = self.state.events.last().is_some_and(|event| event.what == What::HeldBack);
            if !is_told {
                self.log(now, What::HeldBack, None, format!("{} does not pass: {why}", verdict.said.name()));
            }
        }
        if heard == Heard::Pass
            && let Some(since) = self.next_series(&baking, verdict, now)
        {
            baking.series = baking.series.saturating_add(1);
            baking.series_since = since;
            baking.series_part = self.part(&baking, now);
            self.log(now, What::Series, None, format!("it passes; what came from {since} on is judged by itself"));
        }
        self.state.now = Phase::Baking(baking);
    }

    /// From when on another series counts, if one is to begin: from where this one has judged, so that no minute is lost.
    fn next_series(&self, baking: &Baking, verdict: &Verdict, now: Moment) -> Option<Moment> {
        let least = (self.wave().bake_seconds / u64::from(2 * SERIES_MAX)).max(SERIES_SECONDS_MIN);
        let is_due = self.part(baking, now) > baking.series_part && baking.bakes_until.since(now) >= least;
        verdict.judged_until.filter(|until| is_due && *until > baking.series_since)
    }

    /// Carries out what the table says.
    fn act(&mut self, course: Course, why: &str, verdict: Option<&Verdict>, now: Moment) {
        match course {
            Course::Wait => {}
            Course::SetBackNamed => {
                if let Some(verdict) = verdict {
                    self.fail(verdict, now);
                }
            }
            Course::SetBackWave => {
                let wave = self.wave().clone();
                let reason = format!("wave \"{}\" is undecided, and the policy is to roll back: {why}", wave.name);
                self.set_back(&wave.regions, Decider::Policy, reason, now);
            }
            Course::Pass => self.pass(Decider::Judge, why.to_owned(), verdict, now),
            Course::PassByPolicy => {
                let why = format!("undecided, and the policy is to {}: {why}", OnInconclusive::Promote.name());
                self.pass(Decider::Policy, why, verdict, now);
            }
            Course::Hold => {
                self.decided(WaveState::Held, Decider::Policy, now);
                let reason = format!("wave \"{}\" is undecided, and weights stay as they are: {why}", self.wave().name);
                let ending = Ending { outcome: Outcome::Held, reason, left: Vec::new() };
                let then = self.state.now.clone();
                self.end(ending, Some(then), now);
            }
        }
    }

    fn part(&self, baking: &Baking, now: Moment) -> u32 {
        let (past, all) = (now.since(baking.began_at), self.wave().bake_seconds.max(1));
        u32::try_from(past.saturating_mul(u64::from(SERIES_MAX)) / all).unwrap_or(u32::MAX).min(SERIES_MAX - 1)
    }

    fn pass(&mut self, by: Decider, why: String, verdict: Option<&Verdict>, now: Moment) {
        // What it has not judged is asked about by whoever comes next. What somebody lets pass is asked about no more.
        self.state.between = match &self.state.now {
            Phase::Baking(baking) if by != Decider::Override => {
                let judged = verdict.and_then(|verdict| verdict.judged_until);
                let since = judged.unwrap_or(baking.series_since).max(baking.series_since);
                let question = self.question(baking);
                Some(Question { series: baking.series.saturating_add(1), since, ..question })
            }
            _ => None,
        };
        self.decided(WaveState::Passed, by, now);
        self.log(now, What::Passed, None, why);
        if self.state.forced == Some(self.state.wave) {
            self.state.forced = None;
        }
        if self.state.wave + 1 < self.state.plan.waves.len() {
            self.state.wave += 1;
            self.enter(Phase::Checking { purpose: Purpose::Shift });
        } else if self.state.regions.values().all(|place| place.weight == 100) {
            self.end_promoted(now);
        } else {
            self.enter(Phase::Checking { purpose: Purpose::Promote });
        }
    }
}

/// How far the wave has come.
fn stage(baking: &Baking, now: Moment) -> Stage {
    if now >= baking.deadline_at {
        Stage::Deadline
    } else if now >= baking.bakes_until {
        Stage::BakeOver
    } else {
        Stage::Baking
    }
}
