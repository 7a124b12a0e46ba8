//! Which events are kept: a share of traces, whole ones, the same in every region; and never less than what says that
//! something went wrong, or when a call began and ended. An event is judged once, by its first record; all rows that are
//! derived of it share its verdict.
//!
//! It refuses to use chance, time or place: an event that comes again is judged again as it was.

use std::borrow::Cow;

use transect_schema::{Record, SAMPLE_RATE_ATTRIBUTE};
use twox_hash::XxHash3_64;

use crate::config::Config;

/// OpenTelemetry's WARN.
const SEVERITY_NUMBER_WARN: i32 = 13;

/// What is kept whatever the rate and the severity are. Units are counted from reports. The marks of a call's beginning
/// and end are kept as its report is, because readers tie a line without a request id to the call that is open in its
/// stream, and pass over a report whose call nothing began: without them a failure would be nobody's.
const ALWAYS_KEPT: &[&str] = &[
    "platform.start",
    "platform.end",
    "platform.runtimeDone",
    "platform.report",
    "platform.initReport",
    "platform.restoreReport",
];

/// What becomes of an event's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Kept whatever the rate is.
    Keep,
    /// Kept by the rate, which the attributes are to tell.
    KeepAsSample,
    /// Left out.
    Drop,
}

/// The rules of a configuration.
#[derive(Clone, Debug)]
pub struct Sampling {
    severity_number_min: Option<i32>,
    rate: f64,
    /// What is written into the attributes: `"transect.sample_rate":0.1`.
    entry: String,
}

impl Sampling {
    /// The rules of `config`.
    pub fn new(config: &Config) -> Sampling {
        Sampling {
            severity_number_min: config.severity_number_min,
            rate: config.sample_rate,
            entry: format!("\"{SAMPLE_RATE_ATTRIBUTE}\":{}", config.sample_rate),
        }
    }

    /// Whether every record is kept.
    pub fn keeps_all(&self) -> bool {
        self.severity_number_min.is_none() && self.rate >= 1.0
    }

    /// Judges an event by its first record.
    fn verdict(&self, record: &Record<'_>) -> Verdict {
        let is_mark = record.event_name.as_deref().is_some_and(|name| ALWAYS_KEPT.contains(&name));
        let is_warning = record.severity_number.is_some_and(|number| number >= SEVERITY_NUMBER_WARN);
        let is_failure = record.status_code.as_deref() == Some("ERROR") || record.exception_type.is_some();
        if is_mark || is_failure {
            return Verdict::Keep;
        }
        // The least severity is for what logs say: the level of a line that carries metrics says nothing of them.
        let is_metrics = record.event_name.as_deref() == Some("aws.emf");
        if let (Some(least), Some(number), "log", false) =
            (self.severity_number_min, record.severity_number, &*record.signal, is_metrics)
            && number < least
        {
            return Verdict::Drop;
        }
        if is_warning || self.rate >= 1.0 {
            return Verdict::Keep;
        }
        // 53 bits are what a double holds exactly.
        let share = (XxHash3_64::oneshot(key(record).as_bytes()) >> 11) as f64 / (1_u64 << 53) as f64;
        if share < self.rate { Verdict::KeepAsSample } else { Verdict::Drop }
    }

    /// The attributes of a record that was kept by the rate.
    pub fn attributes(&self, attributes: Option<&str>) -> Cow<'static, str> {
        let entries = attributes.and_then(|text| text.strip_suffix('}')).unwrap_or("{");
        let comma = if entries == "{" { "" } else { "," };
        Cow::Owned(format!("{entries}{comma}{}}}", self.entry))
    }
}

/// What decides over an event: its trace, else its invocation, else itself.
fn key<'r>(record: &'r Record<'_>) -> &'r str {
    record.trace_id.as_deref().or(record.faas_invocation_id.as_deref()).unwrap_or(&record.event_id)
}

/// Judges the records of a document one after the other, as the normaliser gives them: each event's first record, then
/// those derived of it, which hold a part of what it says. A part of an error that was cut has no level, a metric none
/// either; judged by themselves they would be dropped while the rest is kept.
#[derive(Debug)]
pub struct Judge<'s> {
    sampling: &'s Sampling,
    /// Id of the event that was judged last, and what became of it.
    event_id: String,
    verdict: Option<Verdict>,
}

impl<'s> Judge<'s> {
    /// A judge that has seen no event.
    pub fn new(sampling: &'s Sampling) -> Judge<'s> {
        Judge { sampling, event_id: String::new(), verdict: None }
    }

    /// What becomes of the record.
    pub fn verdict(&mut self, record: &Record<'_>) -> Verdict {
        if self.sampling.keeps_all() {
            return Verdict::Keep;
        }
        if let Some(verdict) = self.verdict
            && is_derived(&record.event_id, &self.event_id)
        {
            return verdict;
        }
        let verdict = self.sampling.verdict(record);
        self.event_id.clear();
        self.event_id.push_str(&record.event_id);
        self.verdict = Some(verdict);
        verdict
    }
}

/// Whether the id is the event's with `/n` behind.
fn is_derived(id: &str, event_id: &str) -> bool {
    let number = id.strip_prefix(event_id).and_then(|rest| rest.strip_prefix('/'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure here is the message")]

    use super::*;

    fn sampling(rate: &str, least: &str) -> Sampling {
        let mut environment = vec![
            ("AWS_REGION", "eu-west-2"),
            ("TRANSECT_DELIVERY_STREAM", "s"),
            ("TRANSECT_SAMPLE_RATE", rate),
            ("TRANSECT_MIN_SEVERITY", least),
        ];
        let of_lambda = ["RUNTIME_API", "FUNCTION_NAME", "FUNCTION_MEMORY_SIZE", "FUNCTION_VERSION"];
        let of_lambda = of_lambda.map(|name| format!("AWS_LAMBDA_{name}"));
        environment.extend(of_lambda.iter().map(|name| (name.as_str(), "1")));
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Sampling::new(&Config::read(environment).unwrap())
    }

    fn record(trace: Option<String>) -> Record<'static> {
        Record {
            signal: Cow::Borrowed("log"),
            event_id: Cow::Borrowed("7"),
            severity_number: Some(9),
            trace_id: trace.map(Cow::Owned),
            ..Record::default()
        }
    }

    #[test]
    fn a_share_of_traces_is_kept_whole_and_a_higher_rate_keeps_those_of_a_lower() {
        let (tenth, half) = (sampling("0.1", ""), sampling("0.5", ""));
        let mut kept = [0, 0];
        for number in 0..20_000_u32 {
            let log = record(Some(format!("{number:032x}")));
            let span = Record { signal: Cow::Borrowed("span"), event_id: Cow::Borrowed("8"), ..log.clone() };
            let verdicts = [tenth.verdict(&log), half.verdict(&log)];
            assert_eq!(verdicts, [tenth.verdict(&span), half.verdict(&span)]);
            assert!(verdicts != [Verdict::KeepAsSample, Verdict::Drop]);
            for (count, verdict) in kept.iter_mut().zip(verdicts) {
                *count += usize::from(verdict == Verdict::KeepAsSample);
            }
        }
        // Four standard deviations of a binomial.
        assert!(kept[0].abs_diff(2_000) < 170 && kept[1].abs_diff(10_000) < 283, "{kept:?}");
    }

    /// Regions run different releases of the forwarder for a while: the choice must not move between them.
    #[test]
    fn the_choice_is_fixed() {
        let chosen: Vec<u32> = (0..40)
            .filter(|number| sampling("0.25", "").verdict(&record(Some(format!("{number:032x}")))) != Verdict::Drop)
            .collect();
        assert_eq!(chosen, CHOSEN);
    }

    const CHOSEN: [u32; 10] = [2, 6, 17, 25, 26, 29, 30, 33, 38, 39];

    #[test]
    fn what_went_wrong_is_always_kept() {
        let sampling = sampling("0.000000001", "fatal");
        let plain = record(Some("0af7651916cd43dd8448eb211c80319c".to_owned()));
        assert_eq!(sampling.verdict(&plain), Verdict::Drop);
        for name in ALWAYS_KEPT {
            let report = Record { event_name: Some(Cow::Borrowed(name)), ..plain.clone() };
            assert_eq!(sampling.verdict(&report), Verdict::Keep);
        }
        let failed =
            Record { signal: Cow::Borrowed("span"), status_code: Some(Cow::Borrowed("ERROR")), ..plain.clone() };
        assert_eq!(sampling.verdict(&failed), Verdict::Keep);
        let raised = Record { exception_type: Some(Cow::Borrowed("ValueError")), ..plain.clone() };
        assert_eq!(sampling.verdict(&raised), Verdict::Keep);
        let warning = Record { severity_number: Some(13), ..plain.clone() };
        assert_eq!(self::sampling("0.000000001", "").verdict(&warning), Verdict::Keep);
        // A least severity is what its owner asked for, warnings included.
        assert_eq!(sampling.verdict(&warning), Verdict::Drop);
    }

    #[test]
    fn metrics_are_not_dropped_for_the_level_of_their_line() {
        let sampling = sampling("1", "error");
        let line = record(None);
        assert_eq!(sampling.verdict(&line), Verdict::Drop);
        let metrics = Record { event_name: Some(Cow::Borrowed("aws.emf")), ..line };
        assert_eq!(sampling.verdict(&metrics), Verdict::Keep);
    }

    fn of_event(id: &str, severity: Option<i32>) -> Record<'static> {
        Record { event_id: Cow::Owned(id.to_owned()), severity_number: severity, ..record(None) }
    }

    #[test]
    fn what_is_derived_of_an_event_shares_its_verdict() {
        let (none, half) = (sampling("0.000000001", ""), sampling("0.5", ""));
        let mut judge = Judge::new(&none);
        assert_eq!(judge.verdict(&of_event("7", Some(17))), Verdict::Keep);
        assert_eq!(judge.verdict(&of_event("7/1", None)), Verdict::Keep);
        let metric = Record { signal: Cow::Borrowed("metric"), ..of_event("7/200", None) };
        assert_eq!(judge.verdict(&metric), Verdict::Keep);
        // The next event is another, whatever its rows say.
        assert_eq!(judge.verdict(&of_event("8", Some(9))), Verdict::Drop);
        assert_eq!(judge.verdict(&of_event("8/1", Some(17))), Verdict::Drop);
        let mut verdicts = Vec::new();
        for number in 0..100 {
            let mut judge = Judge::new(&half);
            let first = judge.verdict(&of_event(&number.to_string(), Some(9)));
            assert_eq!(judge.verdict(&of_event(&format!("{number}/3"), None)), first);
            verdicts.push(first);
        }
        assert!(verdicts.contains(&Verdict::KeepAsSample) && verdicts.contains(&Verdict::Drop));
    }

    #[test]
    fn an_event_whose_id_only_begins_alike_is_judged_by_itself() {
        let sampling = sampling("0.000000001", "");
        for (kept, other) in [("7", "71"), ("7", "7/"), ("7", "7/x"), ("", "8"), ("7/1", "7"), ("7", "7")] {
            let mut judge = Judge::new(&sampling);
            assert_eq!(judge.verdict(&of_event(kept, Some(17))), Verdict::Keep);
            assert_eq!(judge.verdict(&of_event(other, None)), Verdict::Drop, "{kept} {other}");
        }
        // Where nothing was judged before, there is nothing to follow.
        assert_eq!(Judge::new(&sampling).verdict(&of_event("/1", Some(17))), Verdict::Keep);
    }

    #[test]
    fn the_rate_stands_in_the_attributes() {
        let sampling = sampling("0.125", "");
        assert_eq!(sampling.attributes(None), "{\"transect.sample_rate\":0.125}");
        assert_eq!(sampling.attributes(Some("{\"a\":{\"b\":1}}")), "{\"a\":{\"b\":1},\"transect.sample_rate\":0.125}");
    }
}
