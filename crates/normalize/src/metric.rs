//! Embedded metrics: what `_aws.CloudWatchMetrics` declares, one row a sample.
//!
//! It refuses to aggregate, and to take more samples or dimensions than CloudWatch itself would: the log record of the
//! same event holds everything as it came.

use std::borrow::Cow;

use transect_schema::Record;

use crate::attributes::Writer;
use crate::draft::{Draft, Layer};
use crate::json::Kind;
use crate::keys::Slot;
use crate::limits::{DIMENSION_BYTES_MAX, DIMENSIONS_MAX, SAMPLES_PER_EVENT_MAX};
use crate::normalize::without_outcome;

/// Names the log record of an embedded-metric event and takes the time that it states.
pub(crate) fn mark_log<'m>(draft: &mut Draft<'m>, layer: Layer<'m, '_>) {
    draft.record.event_name = Some(Cow::Borrowed("aws.emf"));
    let stated = layer.get(0, "_aws").and_then(|metadata| layer.get(metadata, "Timestamp"));
    if let Some(stated) = stated {
        draft.offer(Slot::Time, 0, layer, stated, stated);
    }
}

/// Calls `each` with a row for every sample; `derived` rows of the same event came before.
pub(crate) fn samples(
    log: &Record<'_>,
    writer: &Writer<'_>,
    directives: usize,
    mut derived: usize,
    each: &mut dyn FnMut(&Record<'_>),
) {
    let (text, tape) = (writer.text, writer.tape);
    let last = derived + SAMPLES_PER_EVENT_MAX;
    let member = |name: &str| tape.entries(0).find(|(key, _)| tape.text(text, *key) == name);
    for directive in tape.elements(directives) {
        let string = |object, name| tape.get(text, object, name).and_then(|value| tape.string(text, value));
        let namespace = string(directive, "Namespace");
        let attributes = dimensions(writer, directive, &member);
        let Some(metrics) = tape.get(text, directive, "Metrics") else { continue };
        for metric in tape.elements(metrics).take(SAMPLES_PER_EVENT_MAX) {
            let Some(name) = string(metric, "Name") else { continue };
            let Some((_, value)) = member(&name) else { continue };
            let elements: Vec<usize> = match tape.tokens[value].kind {
                Kind::Number => vec![value],
                Kind::Array => {
                    tape.elements(value).filter(|element| tape.tokens[*element].kind == Kind::Number).collect()
                }
                _ => continue,
            };
            for element in elements {
                if derived == last {
                    return;
                }
                derived += 1;
                let number = tape.raw(text, element).parse::<f64>().ok().filter(|number| number.is_finite());
                each(&Record {
                    event_id: Cow::Owned(format!("{}/{derived}", log.event_id)),
                    signal: Cow::Borrowed("metric"),
                    event_name: Some(Cow::Borrowed("aws.emf")),
                    body: None,
                    metric_namespace: namespace.clone().map(|namespace| writer.column(namespace)),
                    metric_name: Some(writer.column(name.clone())),
                    metric_unit: string(metric, "Unit").map(|unit| writer.column(unit)),
                    metric_value: number,
                    attributes: attributes.as_deref().map(Cow::Borrowed),
                    ..without_outcome(log)
                });
            }
        }
    }
}

/// The dimensions of a directive, all its sets together, as a JSON object.
fn dimensions(
    writer: &Writer<'_>,
    directive: usize,
    member: &dyn Fn(&str) -> Option<(usize, usize)>,
) -> Option<String> {
    let (text, tape) = (writer.text, writer.tape);
    let sets = tape.get(text, directive, "Dimensions")?;
    let mut names: Vec<Cow<'_, str>> = Vec::new();
    for name in tape.elements(sets).flat_map(|set| tape.elements(set)).filter_map(|name| tape.string(text, name)) {
        if names.len() < DIMENSIONS_MAX && !names.contains(&name) {
            names.push(name);
        }
    }
    let mut out = String::from("{");
    for (key, value) in names.iter().filter_map(|name| member(name)) {
        if tape.source(text, value).len() + tape.source(text, key).len() > DIMENSION_BYTES_MAX {
            continue;
        }
        writer.key(key, &mut out, &mut 0);
        out.push(':');
        writer.value(Some(key), value, &mut out, &mut 0);
        out.push(',');
    }
    out.pop()?;
    if out.is_empty() {
        return None;
    }
    out.push('}');
    Some(out)
}
