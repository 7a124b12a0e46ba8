//! How a row says that it was kept by a sample rate: an attribute behind all others, which only the forwarder writes.

/// The attribute that holds the rate of a record that was kept by it: it stands for `1 / rate` records. A record
/// without it stands for itself.
pub const SAMPLE_RATE_ATTRIBUTE: &str = "transect.sample_rate";

/// The rate by which a row with these attributes was kept: above 0 and up to 1. `None` where it was not.
pub fn sample_rate(attributes: &str) -> Option<f64> {
    let (_, number) = stated(attributes)?;
    number.parse().ok().filter(|rate| *rate > 0.0 && *rate <= 1.0)
}

/// Takes the meaning from what somebody logged under the attribute's name: it is kept under another.
pub fn disown_sample_rate(attributes: &mut String) {
    if let Some((at, _)) = stated(attributes) {
        attributes.insert(at, '_');
    }
}

/// Where the name of the attribute begins, and what it is said to be, if it is the last entry of the object. Within a
/// text a quote has a backslash before it, so that no text can end in this.
fn stated(attributes: &str) -> Option<(usize, &str)> {
    let entries = attributes.strip_suffix('}')?;
    let colon = entries.bytes().rposition(|byte| byte == b':')?;
    let (name, value) = (&entries[..colon], &entries[colon + 1..]);
    // The last entry of an object or array within is somebody's own.
    if value.ends_with(['}', ']']) {
        return None;
    }
    let before = name.strip_suffix('"')?.strip_suffix(SAMPLE_RATE_ATTRIBUTE)?;
    matches!(before.strip_suffix('"')?.bytes().last(), Some(b'{' | b',')).then_some((before.len(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_entry_of_the_object_itself_is_a_rate() {
        for (attributes, rate) in [
            (r#"{"transect.sample_rate":0.1}"#, Some(0.1)),
            (r#"{"a":{"b":1},"transect.sample_rate":1e-3}"#, Some(1e-3)),
            (r#"{"transect.sample_rate":1}"#, Some(1.0)),
            (r#"{"transect.sample_rate":0}"#, None),
            (r#"{"transect.sample_rate":-0.5}"#, None),
            (r#"{"transect.sample_rate":7}"#, None),
            (r#"{"transect.sample_rate":NaN}"#, None),
            (r#"{"transect.sample_rate":"0.1"}"#, None),
            (r#"{"transect.sample_rate":0.1,"a":1}"#, None),
            (r#"{"a":{"transect.sample_rate":0.1}}"#, None),
            (r#"{"a":",\"transect.sample_rate\":0.1"}"#, None),
            (r#"{"not.transect.sample_rate":0.1}"#, None),
            ("{}", None),
            ("}", None),
            ("", None),
        ] {
            assert_eq!(sample_rate(attributes), rate, "{attributes}");
        }
    }

    #[test]
    fn what_somebody_logs_under_the_name_is_kept_and_means_nothing() {
        for (logged, kept) in [
            (r#"{"transect.sample_rate":0.001}"#, r#"{"_transect.sample_rate":0.001}"#),
            (r#"{"a":1,"transect.sample_rate":"x"}"#, r#"{"a":1,"_transect.sample_rate":"x"}"#),
            (r#"{"a":1}"#, r#"{"a":1}"#),
            (r#"{"a":{"transect.sample_rate":0.1}}"#, r#"{"a":{"transect.sample_rate":0.1}}"#),
            (r#"{"a":[{"transect.sample_rate":0.1}]}"#, r#"{"a":[{"transect.sample_rate":0.1}]}"#),
        ] {
            let mut attributes = logged.to_owned();
            disown_sample_rate(&mut attributes);
            assert_eq!((attributes.as_str(), sample_rate(&attributes)), (kept, None));
        }
    }
}
