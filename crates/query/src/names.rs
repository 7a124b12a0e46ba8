//! The name that somebody meant. It refuses to guess wildly: where nothing is near, it says nothing.

/// Names offered at once; more of them would be a list, not a hint.
const OFFERED_MAX: usize = 3;

/// A sentence such as "did you mean `trace_id`?" for a name that does not exist, if one of those that do is near.
pub fn did_you_mean<'n>(name: &str, existing: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let offered = nearest(name, existing);
    let quoted: Vec<String> = offered.iter().map(|name| format!("`{name}`")).collect();
    (!quoted.is_empty()).then(|| format!("did you mean {}?", quoted.join(" or ")))
}

/// Names told at most; more are counted.
const TOLD_MAX: usize = 12;

/// The nearest of the names that there are, and what there is.
pub fn hint_of<'n, I: IntoIterator<Item = &'n str>>(name: &str, existing: impl Fn() -> I) -> String {
    let told: Vec<&str> = existing().into_iter().collect();
    let further = match told.len().saturating_sub(TOLD_MAX) {
        0 => String::new(),
        further => format!(" and {further} more"),
    };
    let there = match told.is_empty() {
        true => "there are none".to_owned(),
        false => format!("there are {}{further}", told[..told.len().min(TOLD_MAX)].join(", ")),
    };
    match did_you_mean(name, existing()) {
        Some(meant) => format!("{meant} {there}"),
        None => there,
    }
}

/// The existing names at the smallest distance, else those that hold the name as a part: `region` for `cloud_region`.
fn nearest<'n>(name: &str, existing: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let name = name.to_lowercase();
    // A third of the letters may be wrong, and one letter of a short name.
    let distance_max = (name.chars().count() / 3).max(1);
    let mut closest = Vec::new();
    let mut smallest = distance_max;
    let mut holding = Vec::new();
    for candidate in existing {
        let lower = candidate.to_lowercase();
        let distance = strsim::osa_distance(&name, &lower);
        if distance < smallest {
            closest.clear();
        }
        if distance <= smallest {
            smallest = distance;
            closest.push(candidate);
        }
        let parts = |text: &str| text.split(['_', '.', '-']).map(str::to_owned).collect::<Vec<_>>();
        let (sought, held) = (parts(&name), parts(&lower));
        if sought.iter().all(|part| held.contains(part)) || held.iter().all(|part| sought.contains(part)) {
            holding.push(candidate);
        }
    }
    let mut offered = if closest.is_empty() { holding } else { closest };
    let mut seen = std::collections::HashSet::new();
    offered.retain(|name| seen.insert(*name));
    offered.truncate(OFFERED_MAX);
    offered
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] = ["trace_id", "span_id", "cloud_region", "service_name", "service_version", "timestamp"];

    #[test]
    fn a_slip_a_part_and_nothing_at_all() {
        let check = |name, expected: Option<&str>| {
            assert_eq!(did_you_mean(name, NAMES).as_deref(), expected, "{name}");
        };
        check("trace_ids", Some("did you mean `trace_id`?"));
        check("TraceId", Some("did you mean `trace_id`?"));
        check("tiemstamp", Some("did you mean `timestamp`?"));
        check("region", Some("did you mean `cloud_region`?"));
        check("service", Some("did you mean `service_name` or `service_version`?"));
        check("colour", None);
        check("", None);
    }

    #[test]
    fn what_there_is_is_told_and_counted() {
        assert_eq!(hint_of("tarce_id", || ["trace_id", "body"]), "did you mean `trace_id`? there are trace_id, body");
        assert_eq!(hint_of("x", || [""; 0]), "there are none");
        let many: Vec<String> = (0..15).map(|number| format!("region-{number}")).collect();
        let told = hint_of("colour", || many.iter().map(String::as_str));
        assert!(told.ends_with("region-11 and 3 more"), "{told}");
    }
}
