//! Which records are kept: a share of traces, whole ones, the same in every region; and never less than what says that
//! something went wrong.
//!
//! It refuses to use chance, time or place: a record that comes again is judged again as it was.

use std::borrow::Cow;

use transect_schema::Record;
use twox_hash::XxHash3_64;

use crate::config::Config;

/// OpenTelemetry's WARN.
const SEVERITY_NUMBER_WARN: i32 = 13;

/// The attribute that holds the rate of a record that was kept by it: it stands for `1 / rate` records. A record
/// without it stands for itself.
pub const SAMPLE_RATE_ATTRIBUTE: &str = "transect.sample_rate";

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Kept whatever the rate is.
    Keep,
    /// Kept by the rate, which its attributes are to tell.
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

    /// Judges a record.
    pub fn verdict(&self, record: &Record<'_>) -> Verdict {
        let is_report = record
            .event_name
            .as_deref()
            .is_some_and(|name| matches!(name, "platform.report" | "platform.initReport" | "platform.restoreReport"));
        let is_warning = record.severity_number.is_some_and(|number| number >= SEVERITY_NUMBER_WARN);
        let is_failure = record.status_code.as_deref() == Some("ERROR") || record.exception_type.is_some();
        if is_report || is_failure {
            return Verdict::Keep;
        }
        if let (Some(least), Some(number), "log") = (self.severity_number_min, record.severity_number, &*record.signal)
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

/// What decides over a record: its trace, else its invocation, else the event that it comes from with all that was
/// derived from it.
fn key<'r>(record: &'r Record<'_>) -> &'r str {
    record
        .trace_id
        .as_deref()
        .or(record.faas_invocation_id.as_deref())
        .unwrap_or_else(|| record.event_id.split_once('/').map_or(&*record.event_id, |(event, _)| event))
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
        for name in ["platform.report", "platform.initReport", "platform.restoreReport"] {
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
    fn records_of_one_event_stay_together_without_any_id() {
        let sampling = sampling("0.5", "");
        for number in 0..100 {
            let whole = Record { event_id: Cow::Owned(number.to_string()), ..record(None) };
            let part = Record { event_id: Cow::Owned(format!("{number}/3")), ..record(None) };
            assert_eq!(sampling.verdict(&whole), sampling.verdict(&part));
        }
    }

    #[test]
    fn the_rate_stands_in_the_attributes() {
        let sampling = sampling("0.125", "");
        assert_eq!(sampling.attributes(None), "{\"transect.sample_rate\":0.125}");
        assert_eq!(sampling.attributes(Some("{\"a\":{\"b\":1}}")), "{\"a\":{\"b\":1},\"transect.sample_rate\":0.125}");
    }
}
