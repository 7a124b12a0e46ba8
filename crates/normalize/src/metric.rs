//! Embedded metrics: what the directives of `_aws.CloudWatchMetrics` declare, as rows beside the event's log row.
//!
//! A row is a sample: one number of a metric, and so one row for each number where the value is an array. Where the
//! logger has aggregated already, the value is an object: a statistic set (`Max`, `Min`, `Count`, `Sum`) or a histogram
//! (`Values` and `Counts` besides), as the OpenTelemetry collector, Application Signals and Container Insights write
//! them. That is one row: `metric_value` is the mean, weighted by the counts, and `attributes` hold `count`, `sum`,
//! `min`, `max`, `values` and `counts`. So `sum(metric_value * count) / sum(count)` is the mean of many rows, with a
//! count of 1 where there is none.
//!
//! A metric is one row a sample however many directives declare it for further sets of dimensions: the row has the
//! dimensions of all of them, because a sample that stood in two rows would count twice.
//!
//! What rows repeat is bounded by [`METRIC_BYTES_PER_EVENT_BYTE_MAX`]. Where the samples of an event would take more,
//! each array becomes one row of statistics; what is still over stays in the log row alone, whose attribute
//! `transect.metrics_left` counts the rows that were left out.
//!
//! It refuses to take more samples or dimensions than CloudWatch itself would, to be slower than linear in the event's
//! bytes but for a logarithm, and to hide what it leaves out: the log row holds everything as it came.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use transect_schema::{Record, disown_sample_rate};

use crate::attributes::Writer;
use crate::draft::{Draft, Layer};
use crate::json::{Kind, Mark, Tape};
use crate::keys::Slot;
use crate::limits::{
    DIMENSION_BYTES_MAX, DIMENSIONS_MAX, METRIC_BYTES_PER_EVENT_BYTE_MAX, METRIC_BYTES_PER_EVENT_MIN,
    METRIC_ROWS_PER_EVENT_MAX, REPEATED_COLUMN_BYTES_MAX, STATISTIC_BYTES_MAX,
};
use crate::oversize::escaped_bytes;
use crate::redact::push_replacement;

/// The attribute of a log row that says how many metric rows of its event were left out.
const LEFT_ATTRIBUTE: &str = "transect.metrics_left";

/// Finds the array of directives: `metadata` is the value of `_aws`, `top` that of `CloudWatchMetrics` beside it.
///
/// The directives stand in `_aws.CloudWatchMetrics`. The format's version 0, which the OpenTelemetry collector and the
/// CloudWatch agent of Container Insights still write, has them at the top; there an element must have an array
/// `Metrics`, because the key alone is anybody's.
pub(crate) fn directives(text: &str, tape: &Tape, metadata: Option<usize>, top: Option<usize>) -> Option<usize> {
    let is_array = |value: &usize| tape.tokens[*value].kind == Kind::Array;
    let declares = |value: &usize| {
        tape.elements(*value)
            .any(|element| tape.get(text, element, "Metrics").is_some_and(|metrics| is_array(&metrics)))
    };
    let of_metadata = metadata.and_then(|metadata| tape.get(text, metadata, "CloudWatchMetrics")).filter(is_array);
    of_metadata.or_else(|| top.filter(is_array).filter(declares))
}

/// Names the log record of an embedded-metric event and takes the time that it states.
pub(crate) fn mark_log<'m>(draft: &mut Draft<'m>, layer: Layer<'m, '_>) {
    draft.record.event_name = Some(Cow::Borrowed("aws.emf"));
    let stated = layer.get(0, "_aws").and_then(|metadata| layer.get(metadata, "Timestamp"));
    if let Some(stated) = stated {
        draft.offer(Slot::Time, 0, layer, stated, stated);
    }
}

/// The members of the event's object by name: the first of each name, as everywhere.
struct Members<'e> {
    /// The place in `keys` of each name. An ordered map, because a stranger can choose names that collide in a hash.
    places: BTreeMap<Cow<'e, str>, usize>,
    /// The tokens of the keys.
    keys: Vec<usize>,
}

impl<'e> Members<'e> {
    fn of(text: &'e str, tape: &Tape) -> Members<'e> {
        let (mut places, mut keys) = (BTreeMap::new(), Vec::new());
        for (key, _) in tape.entries(0) {
            if let Entry::Vacant(vacant) = places.entry(tape.text(text, key)) {
                vacant.insert(keys.len());
                keys.push(key);
            }
        }
        Members { places, keys }
    }
}

/// What a member's value is to a metric.
#[derive(Clone, Copy)]
enum Measure {
    /// Not a number, nor anything made of numbers; or a secret.
    Nothing,
    /// So many samples from this place in [`Plan::samples`].
    Samples { start: usize, count: usize },
    /// Statistics that the logger made: one row, whatever they count.
    Statistics,
}

/// What an object of statistics states, how attributes call it, and what it is.
const STATISTICS: [(&str, &str, Kind); 6] = [
    ("Count", "count", Kind::Number),
    ("Sum", "sum", Kind::Number),
    ("Min", "min", Kind::Number),
    ("Max", "max", Kind::Number),
    ("Values", "values", Kind::Array),
    ("Counts", "counts", Kind::Array),
];

/// Statistics of a metric, for one row.
#[derive(Clone, Default)]
struct Statistics {
    mean: Option<f64>,
    /// Name and JSON text of each that is known.
    entries: Vec<(&'static str, String)>,
}

/// The rows of one metric.
struct Metric<'e> {
    /// The member that holds the values: its place in [`Members::keys`].
    member: usize,
    /// A place in [`Plan::namespaces`].
    namespace: usize,
    name: Cow<'e, str>,
    unit: Option<Cow<'e, str>>,
    /// The dimensions: a place in [`Plan::sets`].
    set: usize,
    /// How many rows are written.
    rows: usize,
}

/// The metric rows of an event, worked out before its log row is written, because that says how many are left out.
pub(crate) struct Plan<'e> {
    writer: &'e Writer<'e>,
    members: Members<'e>,
    /// Of each member, once it was named.
    measures: Vec<Option<Measure>>,
    /// Tokens of numbers, each member's in a row.
    samples: Vec<usize>,
    /// The entry of each member that is a dimension, as JSON text. Rendered once, however many rows repeat it.
    dimensions: Vec<Option<String>>,
    /// Sets of dimensions, as places in [`Members::keys`]: first those of the directives.
    sets: Vec<Vec<usize>>,
    metrics: Vec<Metric<'e>>,
    namespaces: Vec<Option<Cow<'e, str>>>,
    /// Statistics of members, where a row needs them.
    statistics: BTreeMap<usize, Statistics>,
    left: usize,
}

impl<'e> Plan<'e> {
    /// Works out the rows that `directives` declare, for an event of `event_bytes` whose log record is `log`.
    pub fn new(log: &Record<'_>, writer: &'e Writer<'e>, directives: usize, event_bytes: usize) -> Plan<'e> {
        let members = Members::of(writer.text, writer.tape);
        let count = members.keys.len();
        let mut plan = Plan {
            writer,
            members,
            measures: vec![None; count],
            samples: Vec::new(),
            dimensions: vec![None; count],
            sets: Vec::new(),
            metrics: Vec::new(),
            namespaces: Vec::new(),
            statistics: BTreeMap::new(),
            left: 0,
        };
        plan.read(directives);
        plan.share_out(log, event_bytes);
        plan
    }

    /// Reads all directives: which metrics there are, and with which dimensions.
    fn read(&mut self, directives: usize) {
        let Writer { text, tape, .. } = *self.writer;
        let mut namespace_places: BTreeMap<Option<Cow<'e, str>>, usize> = BTreeMap::new();
        let mut known: BTreeMap<(usize, usize), Option<usize>> = BTreeMap::new();
        // A metric whose name or namespace cannot be repeated has no row: it would be another metric's.
        let is_short = |text: &Cow<'_, str>| text.len() <= REPEATED_COLUMN_BYTES_MAX;
        // The sets of directives come first, so that what is behind them belongs to one metric alone.
        let own_sets = tape.elements(directives).count();
        self.sets.resize(own_sets, Vec::new());
        for (set, directive) in tape.elements(directives).enumerate() {
            if let Some(dimensions) = tape.get(text, directive, "Dimensions") {
                self.sets[set] = self.dimension_set(dimensions);
            }
            let Some(metrics) = tape.get(text, directive, "Metrics") else { continue };
            let token = tape.get(text, directive, "Namespace");
            let stated = token.and_then(|token| tape.string(text, token));
            let is_short_namespace = stated.as_ref().is_none_or(is_short);
            let namespace = *namespace_places.entry(stated).or_insert_with(|| {
                self.namespaces.push(token.and_then(|token| self.clean(token)));
                self.namespaces.len() - 1
            });
            for metric in tape.elements(metrics) {
                let token = match tape.tokens[metric].kind {
                    Kind::String => Some(metric),
                    _ => tape.get(text, metric, "Name"),
                };
                let Some((token, name)) = token.and_then(|token| Some((token, tape.string(text, token)?))) else {
                    continue;
                };
                let Some(&member) = self.members.places.get(&name) else { continue };
                let samples = match self.measure(member) {
                    Measure::Nothing => continue,
                    Measure::Samples { count, .. } => count,
                    Measure::Statistics => 1,
                };
                match known.entry((member, namespace)) {
                    Entry::Vacant(vacant) if is_short(&name) && is_short_namespace => {
                        vacant.insert(Some(self.metrics.len()));
                        let name = self.clean(token).unwrap_or(name);
                        let unit = tape.get(text, metric, "Unit").and_then(|unit| self.clean(unit));
                        let unit = unit.filter(|unit| !unit.is_empty() && is_short(unit));
                        self.metrics.push(Metric { member, namespace, name, unit, set, rows: 0 });
                    }
                    Entry::Vacant(vacant) => {
                        vacant.insert(None);
                        self.left += samples;
                    }
                    Entry::Occupied(occupied) => {
                        if let Some(metric) = *occupied.get() {
                            self.add_dimensions(metric, set, own_sets);
                        }
                    }
                }
            }
        }
    }

    /// The members that the sets of a directive name, each once. A list of names without a list around it is a set.
    fn dimension_set(&self, sets: usize) -> Vec<usize> {
        let Writer { text, tape, .. } = *self.writer;
        let mut places = Vec::new();
        for set in tape.elements(sets) {
            let name = (tape.tokens[set].kind == Kind::String).then_some(set);
            for name in name.into_iter().chain(tape.elements(set)) {
                if places.len() == DIMENSIONS_MAX {
                    return places;
                }
                if let Some(name) = tape.string(text, name)
                    && let Some(&place) = self.members.places.get(&name)
                    && self.dimension_bytes(place) <= DIMENSION_BYTES_MAX
                    && !places.contains(&place)
                {
                    places.push(place);
                }
            }
        }
        places
    }

    /// Bytes of a member, key and value.
    fn dimension_bytes(&self, place: usize) -> usize {
        let Writer { text, tape, .. } = *self.writer;
        let key = self.members.keys[place];
        tape.source(text, key).len() + tape.source(text, key + 1).len()
    }

    /// Adds the dimensions of a further directive that declares the same metric.
    fn add_dimensions(&mut self, metric: usize, further: usize, own_sets: usize) {
        let set = self.metrics[metric].set;
        let is_new = |place: &&usize| !self.sets[set].contains(place);
        let room = DIMENSIONS_MAX - self.sets[set].len().min(DIMENSIONS_MAX);
        let new: Vec<usize> = self.sets[further].iter().filter(is_new).take(room).copied().collect();
        if new.is_empty() {
            return;
        }
        if set < own_sets {
            self.metrics[metric].set = self.sets.len();
            self.sets.push(self.sets[set].clone());
        }
        self.sets[self.metrics[metric].set].extend(new);
    }

    /// The text of a string, secrets replaced.
    fn clean(&self, token: usize) -> Option<Cow<'e, str>> {
        let Writer { text, tape, redactor, .. } = *self.writer;
        let raw = tape.string(text, token)?;
        Some(match (tape.tokens[token].mark, redactor) {
            (Mark::Secret(kind), _) => {
                let mut replaced = String::new();
                push_replacement(kind, &mut replaced);
                Cow::Owned(replaced)
            }
            (Mark::Suspect, Some(redactor)) => match redactor.redact_text(&raw, false, false, &mut 0) {
                Cow::Owned(clean) => Cow::Owned(clean),
                Cow::Borrowed(_) => raw,
            },
            _ => raw,
        })
    }

    /// What the value of a member is, looked at once.
    fn measure(&mut self, member: usize) -> Measure {
        if let Some(measure) = self.measures[member] {
            return measure;
        }
        let tape = self.writer.tape;
        let value = self.members.keys[member] + 1;
        let token = tape.tokens[value];
        let start = self.samples.len();
        let measure = match token.kind {
            _ if matches!(token.mark, Mark::Secret(_)) => Measure::Nothing,
            Kind::Number if is_open_number(tape, value) => {
                self.samples.push(value);
                Measure::Samples { start, count: 1 }
            }
            Kind::Array => {
                self.samples.extend(tape.elements(value).filter(|element| is_open_number(tape, *element)));
                match self.samples.len() - start {
                    0 => Measure::Nothing,
                    count => Measure::Samples { start, count },
                }
            }
            Kind::Object => match self.stated_statistics(value) {
                Some(statistics) => {
                    self.statistics.insert(member, statistics);
                    Measure::Statistics
                }
                None => Measure::Nothing,
            },
            _ => Measure::Nothing,
        };
        self.measures[member] = Some(measure);
        measure
    }

    /// The statistics that an object states: `Count` and `Sum`, or `Values`, and what else of them there is.
    fn stated_statistics(&self, object: usize) -> Option<Statistics> {
        let Writer { text, tape, .. } = *self.writer;
        let mut found = [None; STATISTICS.len()];
        for (key, value) in tape.entries(object) {
            let key = tape.raw(text, key);
            let Some(place) = STATISTICS.iter().position(|(stated, ..)| *stated == key) else { continue };
            let (_, _, kind) = STATISTICS[place];
            let is_open = kind == Kind::Array || is_open_number(tape, value);
            if found[place].is_none() && tape.tokens[value].kind == kind && is_open {
                found[place] = Some(value);
            }
        }
        let mut statistics = Statistics::default();
        for ((_, name, _), value) in STATISTICS.iter().zip(found) {
            if let Some(value) = value {
                statistics.push_source(name, self.writer, value);
            }
        }
        let [count, sum, _, _, values, counts] = found;
        let number = |token: Option<usize>| token.and_then(|token| number(text, tape, token));
        let mut mean = match (number(sum), number(count)) {
            (Some(sum), Some(count)) if count > 0.0 => Some(sum / count),
            _ => None,
        };
        if let Some(values) = values
            && mean.is_none()
        {
            mean = weighted_mean(text, tape, values, counts);
        }
        statistics.mean = mean.filter(|mean| mean.is_finite());
        let has_values = values.is_some_and(|values| tape.elements(values).any(|value| is_open_number(tape, value)));
        (has_values || (count.is_some() && sum.is_some())).then_some(statistics)
    }

    /// The statistics of a member's samples, for one row in place of them all.
    fn statistics_of(&self, member: usize, start: usize, count: usize) -> Statistics {
        let Writer { text, tape, .. } = *self.writer;
        let mut statistics = Statistics::default();
        let numbers = || {
            let samples = self.samples[start..start + count].iter();
            samples.filter_map(|sample| number(text, tape, *sample).map(|number| (number, *sample)))
        };
        let (mut known, mut sum) = (0_u32, 0.0);
        for (number, _) in numbers() {
            (known, sum) = (known + 1, sum + number);
        }
        statistics.entries.push(("count", known.to_string()));
        if sum.is_finite() {
            statistics.mean = (known > 0).then(|| sum / f64::from(known));
            // Rust writes every double so that JSON can read it, but a large one without an exponent.
            let is_short = sum == 0.0 || (1e-6..1e16).contains(&sum.abs());
            statistics.entries.push(("sum", if is_short { sum.to_string() } else { format!("{sum:e}") }));
        }
        let by_number = |one: &(f64, usize), other: &(f64, usize)| one.0.total_cmp(&other.0);
        for (name, found) in [("min", numbers().min_by(by_number)), ("max", numbers().max_by(by_number))] {
            if let Some((_, sample)) = found {
                statistics.push_source(name, self.writer, sample);
            }
        }
        statistics.push_source("values", self.writer, self.members.keys[member] + 1);
        statistics
    }

    /// Shares the event's budget out among its metrics, in their order.
    fn share_out(&mut self, log: &Record<'_>, event_bytes: usize) {
        let budget = event_bytes * METRIC_BYTES_PER_EVENT_BYTE_MAX + METRIC_BYTES_PER_EVENT_MIN;
        let row_bytes = row_bytes(log);
        for place in self.metrics.iter().flat_map(|metric| &self.sets[metric.set]) {
            if self.dimensions[*place].is_none() {
                let (mut entry, key) = (String::new(), self.members.keys[*place]);
                self.writer.entry(key, key + 1, &mut entry, &mut 0);
                self.dimensions[*place] = Some(entry);
            }
        }
        let entry_bytes: Vec<usize> =
            self.dimensions.iter().map(|entry| entry.as_deref().map_or(0, escaped_bytes)).collect();
        let set_bytes: Vec<usize> =
            self.sets.iter().map(|set| set.iter().map(|place| entry_bytes[*place]).sum()).collect();
        // What does not depend on whether samples are rows of their own.
        let metric_bytes = |metric: &Metric<'_>| {
            let texts = [self.namespaces[metric.namespace].as_deref(), Some(&*metric.name), metric.unit.as_deref()];
            row_bytes + set_bytes[metric.set] + texts.into_iter().flatten().map(escaped_bytes).sum::<usize>()
        };
        let bytes: Vec<usize> = self.metrics.iter().map(metric_bytes).collect();
        let (mut rows, mut total) = (0, 0);
        for (metric, bytes) in self.metrics.iter().zip(&bytes) {
            let count = match self.measures[metric.member] {
                Some(Measure::Samples { count, .. }) => count,
                _ => 1,
            };
            rows += count;
            total += bytes * count;
        }
        if rows > METRIC_ROWS_PER_EVENT_MAX || total > budget {
            self.gather_samples();
        }
        let (mut free_rows, mut free_bytes) = (METRIC_ROWS_PER_EVENT_MAX, budget);
        for (metric, bytes) in self.metrics.iter_mut().zip(bytes) {
            let (count, bytes) = match (self.statistics.get(&metric.member), self.measures[metric.member]) {
                (Some(statistics), _) => (1, bytes + statistics.bytes()),
                (None, Some(Measure::Samples { count, .. })) => (count, bytes),
                (None, _) => (0, bytes),
            };
            metric.rows = count.min(free_bytes / bytes).min(free_rows);
            free_bytes -= metric.rows * bytes;
            free_rows -= metric.rows;
            self.left += count - metric.rows;
        }
    }

    /// Makes one row of statistics of every metric that has several samples.
    fn gather_samples(&mut self) {
        for metric in &self.metrics {
            if let Some(Measure::Samples { start, count }) = self.measures[metric.member]
                && count > 1
                && !self.statistics.contains_key(&metric.member)
            {
                let statistics = self.statistics_of(metric.member, start, count);
                self.statistics.insert(metric.member, statistics);
            }
        }
    }

    /// The entry for the log row's attributes, with a comma behind; empty where no row is left out.
    pub fn left_entry(&self) -> String {
        if self.left == 0 { String::new() } else { format!("\"{LEFT_ATTRIBUTE}\":{},", self.left) }
    }

    /// Calls `each` with every row; `derived` rows of the same event came before.
    pub fn rows(&self, log: &Record<'_>, mut derived: usize, each: &mut dyn FnMut(&Record<'_>)) {
        let Writer { text, tape, .. } = *self.writer;
        let base = row(log);
        let mut id = String::with_capacity(log.event_id.len() + ORDINAL_BYTES_MAX);
        for metric in self.metrics.iter().filter(|metric| metric.rows > 0) {
            let statistics = self.statistics.get(&metric.member);
            let attributes = self.attributes(metric, statistics);
            let mut each_value = |value| {
                derived += 1;
                id.clear();
                for part in [&log.event_id, "/", &derived.to_string()] {
                    id.push_str(part);
                }
                each(&Record {
                    event_id: Cow::Borrowed(&id),
                    metric_namespace: self.namespaces[metric.namespace].as_deref().map(Cow::Borrowed),
                    metric_name: Some(Cow::Borrowed(&metric.name)),
                    metric_unit: metric.unit.as_deref().map(Cow::Borrowed),
                    metric_value: value,
                    attributes: attributes.as_deref().map(Cow::Borrowed),
                    ..base.clone()
                });
            };
            match (statistics, self.measures[metric.member]) {
                (Some(statistics), _) => each_value(statistics.mean),
                (None, Some(Measure::Samples { start, .. })) => {
                    let samples = self.samples[start..].iter().take(metric.rows);
                    samples.for_each(|sample| each_value(number(text, tape, *sample)));
                }
                (None, _) => {}
            }
        }
    }

    /// The attributes of a metric's rows: its dimensions, and what statistics say besides.
    fn attributes(&self, metric: &Metric<'_>, statistics: Option<&Statistics>) -> Option<String> {
        let mut out = String::from("{");
        let set = &self.sets[metric.set];
        set.iter().filter_map(|place| self.dimensions[*place].as_deref()).for_each(|entry| out.push_str(entry));
        for (name, value) in statistics.into_iter().flat_map(|statistics| &statistics.entries) {
            // A dimension of this name tells what the row is of; the statistics stand in the log row.
            if self.members.places.get(*name).is_none_or(|place| !set.contains(place)) {
                for part in ["\"", name, "\":", value, ","] {
                    out.push_str(part);
                }
            }
        }
        (out.pop()? == ',').then(|| {
            out.push('}');
            disown_sample_rate(&mut out);
            out
        })
    }
}

impl Statistics {
    /// Adds a value as it stands in the text, unless it is too long or something in it was hidden.
    fn push_source(&mut self, name: &'static str, writer: &Writer<'_>, value: usize) {
        let source = writer.tape.source(writer.text, value);
        if source.len() <= STATISTIC_BYTES_MAX && writer.tape.tokens[value].mark == Mark::Plain {
            self.entries.push((name, source.to_owned()));
        }
    }

    /// Bytes in the JSON of a row: each entry with quotes, colon and comma.
    fn bytes(&self) -> usize {
        const AROUND_ENTRY: &str = "\"\":,";
        self.entries.iter().map(|(name, value)| name.len() + escaped_bytes(value) + escaped_bytes(AROUND_ENTRY)).sum()
    }
}

fn is_open_number(tape: &Tape, token: usize) -> bool {
    tape.tokens[token].kind == Kind::Number && tape.tokens[token].mark == Mark::Plain
}

fn number(text: &str, tape: &Tape, token: usize) -> Option<f64> {
    tape.raw(text, token).parse::<f64>().ok().filter(|number| number.is_finite())
}

/// The mean of `values`, each as often as `counts` say; without counts each once. `None` where they do not match.
fn weighted_mean(text: &str, tape: &Tape, values: usize, counts: Option<usize>) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    let mut counts = counts.map(|counts| tape.elements(counts));
    for value in tape.elements(values) {
        let count = match &mut counts {
            Some(counts) => counts.next().and_then(|count| number(text, tape, count)).filter(|count| *count >= 0.0)?,
            None => 1.0,
        };
        sum += number(text, tape, value)? * count;
        weight += count;
    }
    (weight > 0.0 && counts.is_none_or(|mut counts| counts.next().is_none())).then(|| sum / weight)
}

/// What every metric row of an event has from its log record: when, where, of which release and in which request. What
/// happened there, and what is too long to be repeated, stands in the log row.
fn row<'r>(log: &'r Record<'_>) -> Record<'r> {
    fn all<'r>(column: &'r Option<Cow<'_, str>>) -> Option<Cow<'r, str>> {
        column.as_deref().map(Cow::Borrowed)
    }
    fn short<'r>(column: &'r Option<Cow<'_, str>>) -> Option<Cow<'r, str>> {
        column.as_deref().filter(|text| text.len() <= REPEATED_COLUMN_BYTES_MAX).map(Cow::Borrowed)
    }
    Record {
        time_unix_nano: log.time_unix_nano,
        observed_time_unix_nano: log.observed_time_unix_nano,
        event_id: Cow::Borrowed(""),
        signal: Cow::Borrowed("metric"),
        event_name: Some(Cow::Borrowed("aws.emf")),
        trace_id: short(&log.trace_id),
        span_id: short(&log.span_id),
        correlation_id: short(&log.correlation_id),
        faas_invocation_id: short(&log.faas_invocation_id),
        service_name: short(&log.service_name),
        service_version: short(&log.service_version),
        cloud_account_id: short(&log.cloud_account_id),
        cloud_region: short(&log.cloud_region),
        faas_name: short(&log.faas_name),
        faas_version: short(&log.faas_version),
        faas_coldstart: log.faas_coldstart,
        // Part of the key, and bounded where the document is read.
        aws_log_group: all(&log.aws_log_group),
        aws_log_stream: all(&log.aws_log_stream),
        schema_version: log.schema_version,
        ..Record::default()
    }
}

/// Bytes of what stands behind the event's id in that of a row.
const ORDINAL_BYTES_MAX: usize = "/18446744073709551615".len();

/// The most bytes that a metric row of this event takes in JSON without the texts of its metric.
fn row_bytes(log: &Record<'_>) -> usize {
    const LONGEST_NUMBER: f64 = -f64::MIN_POSITIVE;
    const USUAL_BYTES: usize = 1024;
    let mut out = Vec::with_capacity(USUAL_BYTES);
    let empty = || Some(Cow::Borrowed(""));
    Record {
        event_id: Cow::Owned(format!("{}/{}", log.event_id, u32::MAX)),
        metric_namespace: empty(),
        metric_name: empty(),
        metric_unit: empty(),
        metric_value: Some(LONGEST_NUMBER),
        attributes: Some(Cow::Borrowed("{}")),
        ..row(log)
    }
    .write_json(&mut out);
    out.len()
}
