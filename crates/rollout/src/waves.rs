//! `waves.json`: `[{name, regions, weight, bake, min_requests}]`, read and checked. It refuses keys that it does not know,
//! keys that stand twice, and whatever cannot be done, each by its name.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::moment::{parse_seconds, render_seconds};

/// AWS has some thirty-five regions, and a wave of one of them is a wave.
pub const WAVES_MAX: usize = 100;
/// Regions of a wave.
const REGIONS_MAX: usize = 100;
/// Characters of a name: it stands in a table.
const NAME_MAX: usize = 64;
/// Two weeks: CloudWatch takes no older event, so that nothing older can be judged.
pub const BAKE_SECONDS_MAX: u64 = 14 * 86_400;
/// The largest share, in percent, that a canary has while it is watched: without a baseline beside it nothing can be told of
/// it. A wave that asks for more has so much until the rollout is done, which gives it everything.
pub const BAKED_WEIGHT_MAX: u8 = 90;
/// Requests of the canary without which a region does not pass.
pub const MIN_REQUESTS: u64 = 100;
/// Waves are a page at most.
const FILE_BYTES_MAX: usize = 1 << 20;

const KEYS: &str = "a wave has the keys name, regions, weight, bake and min_requests";

/// A wave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wave {
    /// What it is called; no other wave is called so.
    pub name: String,
    /// Where the weight is moved.
    pub regions: Vec<String>,
    /// Share of the canary, in percent; [`BAKED_WEIGHT_MAX`] at most while it is watched.
    pub weight: u8,
    /// How long it is watched at least.
    pub bake_seconds: u64,
    /// Requests of the canary in each of its regions without which it does not pass.
    pub min_requests: u64,
}

impl Wave {
    /// The share that the canary has while it is watched, in percent.
    pub fn baked_weight(&self) -> u8 {
        self.weight.min(BAKED_WEIGHT_MAX)
    }
}

/// What is wrong with waves, and what would be right.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub what: String,
    pub hint: String,
}

fn wrong(what: impl Into<String>, hint: impl Into<String>) -> Wrong {
    Wrong { what: what.into(), hint: hint.into() }
}

/// The keys of an object in their order, so that one that stands twice is seen.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Entries;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a wave, which is an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries: Vec<(String, Value)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if entries.iter().any(|(other, _)| *other == key) {
                        return Err(A::Error::custom(format!("{key} stands twice")));
                    }
                    entries.push((key, value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The waves of a file.
pub(crate) fn parse(text: &str) -> Result<Vec<Wave>, Wrong> {
    let whole =
        "write a list of waves: [{\"name\":\"one region\",\"regions\":[\"us-east-2\"],\"weight\":10,\"bake\":\"30m\"}]";
    if text.len() > FILE_BYTES_MAX {
        return Err(wrong(format!("it has {} bytes, which no list of waves has", text.len()), whole));
    }
    // Editors put a byte order mark before what they write.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let objects: Vec<Entries> = serde_json::from_str(text).map_err(|error| wrong(error.to_string(), whole))?;
    if objects.is_empty() {
        return Err(wrong("there is no wave in it", whole));
    }
    if objects.len() > WAVES_MAX {
        return Err(wrong(format!("it has {} waves", objects.len()), format!("write {WAVES_MAX} waves at most")));
    }
    let mut waves: Vec<Wave> = Vec::new();
    for (index, object) in objects.into_iter().enumerate() {
        let wave = wave(index + 1, object)?;
        if let Some(same) = waves.iter().position(|other| other.name == wave.name) {
            return Err(wrong(
                format!("wave {} has the name of wave {}, \"{}\"", index + 1, same + 1, wave.name),
                "give each wave a name of its own: reports go by it",
            ));
        }
        waves.push(wave);
    }
    never_lower(&waves)?;
    Ok(waves)
}

fn wave(number: usize, Entries(entries): Entries) -> Result<Wave, Wrong> {
    let (mut name, mut regions, mut weight, mut bake, mut min_requests) = (None, None, None, None, None);
    // What comes after the name is named by it.
    let called = entries.iter().find(|(key, _)| key == "name").and_then(|(_, value)| value.as_str());
    let place = called.map_or(format!("wave {number}"), |called| format!("wave {number} \"{}\"", shortened(called)));
    for (key, value) in &entries {
        let at = format!("{place}: {key}");
        match key.as_str() {
            "name" => name = Some(parse_name(&at, value)?),
            "regions" => regions = Some(parse_regions(&at, value)?),
            "weight" => weight = Some(parse_weight(&at, value)?),
            "bake" => bake = Some(parse_bake(&at, value)?),
            "min_requests" => min_requests = Some(parse_min_requests(&at, value)?),
            _ => return Err(wrong(format!("{place}: {} is no key of a wave", shortened(key)), KEYS)),
        }
    }
    let missing = |key: &str| wrong(format!("{place}: {key} is missing"), KEYS);
    Ok(Wave {
        name: name.ok_or_else(|| missing("name"))?,
        regions: regions.ok_or_else(|| missing("regions"))?,
        weight: weight.ok_or_else(|| missing("weight"))?,
        bake_seconds: bake.ok_or_else(|| missing("bake"))?,
        min_requests: min_requests.unwrap_or(MIN_REQUESTS),
    })
}

fn parse_name(at: &str, value: &Value) -> Result<String, Wrong> {
    let hint = format!("write a text of 1 to {NAME_MAX} characters on one line, such as \"one region\"");
    let name = value.as_str().ok_or_else(|| wrong(format!("{at}: {} is no text", short(value)), hint.clone()))?;
    let is_good = !name.trim().is_empty() && name.chars().count() <= NAME_MAX && !name.chars().any(char::is_control);
    if is_good { Ok(name.to_owned()) } else { Err(wrong(format!("{at}: {} is no name", short(value)), hint)) }
}

fn parse_regions(at: &str, value: &Value) -> Result<Vec<String>, Wrong> {
    let hint = "write a list of regions, such as [\"us-east-2\", \"eu-west-2\"]";
    let list = value.as_array().ok_or_else(|| wrong(format!("{at}: {} is no list", short(value)), hint))?;
    if list.is_empty() {
        return Err(wrong(format!("{at}: there is none"), hint));
    }
    if list.len() > REGIONS_MAX {
        return Err(wrong(format!("{at}: there are {}", list.len()), format!("write {REGIONS_MAX} at most")));
    }
    let mut seen = BTreeSet::new();
    let mut regions = Vec::new();
    for region in list {
        let name = region.as_str().ok_or_else(|| wrong(format!("{at}: {} is no text", short(region)), hint))?;
        if !seen.insert(name) {
            return Err(wrong(format!("{at}: {name} stands twice"), "name each region of a wave once"));
        }
        regions.push(name.to_owned());
    }
    Ok(regions)
}

fn parse_weight(at: &str, value: &Value) -> Result<u8, Wrong> {
    let weight =
        value.as_u64().and_then(|weight| u8::try_from(weight).ok()).filter(|weight| (1..=100).contains(weight));
    weight.ok_or_else(|| {
        wrong(
            format!("{at}: {} is no weight", short(value)),
            "write the canary's share in percent, a whole number from 1 to 100",
        )
    })
}

fn parse_bake(at: &str, value: &Value) -> Result<u64, Wrong> {
    let hint = format!(
        "write a text of a whole number and s, m, h or d, such as \"30m\", up to {}",
        render_seconds(BAKE_SECONDS_MAX)
    );
    let seconds = value.as_str().and_then(parse_seconds).filter(|seconds| *seconds <= BAKE_SECONDS_MAX);
    seconds.ok_or_else(|| wrong(format!("{at}: {} is no length of time", short(value)), hint))
}

fn parse_min_requests(at: &str, value: &Value) -> Result<u64, Wrong> {
    value.as_u64().filter(|requests| *requests > 0).ok_or_else(|| {
        wrong(
            format!("{at}: {} is no number of requests", short(value)),
            format!("write a whole number from 1, or leave it out for {MIN_REQUESTS}"),
        )
    })
}

/// A region that goes from wave to wave gets more of the canary, or as much.
fn never_lower(waves: &[Wave]) -> Result<(), Wrong> {
    for (index, wave) in waves.iter().enumerate() {
        for region in &wave.regions {
            let earlier = waves[..index].iter().enumerate().rfind(|(_, other)| other.regions.contains(region));
            if let Some((before, other)) = earlier
                && other.weight > wave.weight
            {
                return Err(wrong(
                    format!(
                        "wave {} \"{}\": weight: {region} has {} % since wave {} \"{}\" and would go down to {} %",
                        index + 1,
                        wave.name,
                        other.weight,
                        before + 1,
                        other.name,
                        wave.weight
                    ),
                    "a later wave keeps a region's weight or raises it",
                ));
            }
        }
    }
    Ok(())
}

/// A value as a message shows it.
fn short(value: &Value) -> String {
    shortened(&value.to_string())
}

fn shortened(text: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
