//! The name that somebody meant. It refuses to guess wildly: where nothing is near, it says nothing.

/// Names offered at once; more of them would be a list, not a hint.
const OFFERED_MAX: usize = 3;

/// A sentence such as "did you mean `trace_id`?" for a name that does not exist, if one of those that do is near.
pub fn did_you_mean<'n>(name: &str, existing: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let offered = nearest(name, existing);
    let quoted: Vec<String> = offered.iter().map(|name| format!("`{name}`")).collect();
    (!quoted.is_empty()).then(|| format!("did you mean {}?", quoted.join(" or ")))
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
}
