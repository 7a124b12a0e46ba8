//! What is to be done: which versions of a function, in which regions, in which waves. It refuses a plan that could not be
//! carried out, or of which it could not be said afterwards what it did.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::alias::Routing;
use crate::waves::{self, BAKED_WEIGHT_MAX, Wave};

/// A release map of every release of a year is a tenth of this.
const MAP_BYTES_MAX: usize = 16 << 20;
/// Names in a message, before it says how many more there are.
const NAMED_MAX: usize = 12;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What the lake calls the service.
    pub service: String,
    /// The Lambda function, by the name that the release map has.
    pub function: String,
    /// Its alias.
    pub alias: String,
    /// The release that runs.
    pub baseline: String,
    /// The release that is to run.
    pub canary: String,
}

/// A file that was read: what messages call it, and what stands in it.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// As in `waves.json`.
    pub name: &'a str,
    /// What stands in it.
    pub text: &'a str,
}

/// Versions of a function in a region. Lambda counts them in each region by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// Of the release that runs.
    pub baseline: String,
    /// Of the release that is to run.
    pub canary: String,
}

/// What is wrong with a plan, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct PlanError {
    /// The file or the argument.
    pub place: String,
    /// What is wrong, with the wave and the key.
    pub what: String,
    /// What would be right.
    pub hint: String,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What the lake calls the service.
    pub service: String,
    /// The Lambda function.
    pub function: String,
    /// Its alias.
    pub alias: String,
    /// The release that runs.
    pub baseline: String,
    /// The release that is to run.
    pub canary: String,
    /// Of all regions of all waves.
    pub regions: BTreeMap<String, Versions>,
    /// In their order.
    pub waves: Vec<Wave>,
    /// What should be known before it begins. No part of what makes a plan another one.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// What the release map has of a function in a region.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deployed {
    #[serde(deserialize_with = "version")]
    version: String,
    #[serde(rename = "codeSha256")]
    code_sha256: Option<String>,
}

/// Release, region, function.
type ReleaseMap = BTreeMap<String, BTreeMap<String, BTreeMap<String, Deployed>>>;

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Number;
    impl Visitor<'_> for Number {
        type Value = String;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("a version such as \"7\"")
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
    }
    deserializer.deserialize_any(Number)
}

impl Plan {
    /// The plan of two files.
    pub fn parse(asked: &Asked, waves: Document<'_>, release_map: Document<'_>) -> Result<Plan, PlanError> {
        check(asked)?;
        let list = waves::parse(waves.text).map_err(|wrong| PlanError {
            place: waves.name.to_owned(),
            what: wrong.what,
            hint: wrong.hint,
        })?;
        let map = Map::parse(release_map, asked)?;
        let mut regions = BTreeMap::new();
        for (index, wave) in list.iter().enumerate() {
            for region in &wave.regions {
                let place = format!("wave {} \"{}\": regions: {region}", index + 1, wave.name);
                let refuse = |what: String, hint: String| PlanError {
                    place: waves.name.to_owned(),
                    what: format!("{place}: {what}"),
                    hint,
                };
                regions.insert(region.clone(), map.versions(region, &refuse)?);
            }
        }
        let Asked { service, function, alias, baseline, canary } = asked.clone();
        let mut plan = Plan { service, function, alias, baseline, canary, regions, waves: list, warnings: Vec::new() };
        plan.warnings = plan.warn(&map);
        Ok(plan)
    }

    /// The canary's share in a region after a wave, if it has come to that region by then.
    pub fn weight_after(&self, wave: usize, region: &str) -> Option<u8> {
        let come = self.waves.iter().take(wave.saturating_add(1));
        come.filter(|wave| wave.regions.iter().any(|other| other == region)).map(Wave::baked_weight).next_back()
    }

    /// The alias of a region where the canary has so many percent.
    pub fn routing(&self, region: &str, percent: u8) -> Option<Routing> {
        let versions = self.regions.get(region)?;
        Some(Routing::of(&versions.baseline, &versions.canary, percent))
    }

    /// Equal for equal plans, and for no others that anybody would write: FNV-1a of its JSON, in 16 hex digits. A state is
    /// told apart by it, not protected.
    pub fn hash(&self) -> String {
        // Texts and numbers alone: nothing in it can fail to be written.
        let text = serde_json::to_string(self).unwrap_or_default();
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        format!("{hash:016x}")
    }

    /// In what two plans differ first: the key, and both values.
    pub(crate) fn differs_from(&self, other: &Plan) -> Option<(String, String, String)> {
        let texts = [
            ("service", &self.service, &other.service),
            ("function", &self.function, &other.function),
            ("alias", &self.alias, &other.alias),
            ("baseline", &self.baseline, &other.baseline),
            ("canary", &self.canary, &other.canary),
        ];
        if let Some((key, own, others)) = texts.into_iter().find(|(_, own, others)| own != others) {
            return Some((key.to_owned(), own.clone(), others.clone()));
        }
        let wave = |plan: &Plan, index: usize| {
            plan.waves.get(index).and_then(|wave| serde_json::to_string(wave).ok()).unwrap_or_else(|| "none".to_owned())
        };
        for index in 0..self.waves.len().max(other.waves.len()) {
            let (own, others) = (wave(self, index), wave(other, index));
            if own != others {
                return Some((format!("wave {}", index + 1), own, others));
            }
        }
        let versions = |plan: &Plan, region: &str| {
            plan.regions.get(region).map_or("none".to_owned(), |of| format!("{} and {}", of.baseline, of.canary))
        };
        self.regions.keys().chain(other.regions.keys()).find_map(|region| {
            let (own, others) = (versions(self, region), versions(other, region));
            (own != others).then(|| (format!("versions in {region}"), own, others))
        })
    }

    fn warn(&self, map: &Map<'_>) -> Vec<String> {
        let mut warnings = Vec::new();
        let left_out: Vec<&str> =
            map.regions().into_iter().filter(|region| !self.regions.contains_key(*region)).collect();
        if !left_out.is_empty() {
            warnings.push(format!("no wave comes to {}: left as it is there", names(left_out.iter().copied())));
        }
        for wave in self.waves.iter().filter(|wave| wave.weight > BAKED_WEIGHT_MAX) {
            warnings.push(format!(
                "wave \"{}\" asks for {} %: the canary gets {BAKED_WEIGHT_MAX} % until all waves have passed, so that a \
                 baseline runs beside it",
                wave.name, wave.weight
            ));
        }
        let codes: BTreeSet<&str> = self.regions.keys().filter_map(|region| map.code(&self.canary, region)).collect();
        if codes.len() > 1 {
            warnings.push(format!(
                "{} is not the same code in all regions: {} has {} codeSha256 of it",
                self.canary,
                map.name,
                codes.len()
            ));
        }
        let same = self.regions.keys().filter(|region| {
            map.code(&self.canary, region).is_some_and(|code| map.code(&self.baseline, region) == Some(code))
        });
        let same: Vec<&str> = same.map(String::as_str).collect();
        if !same.is_empty() {
            warnings.push(format!(
                "{} and {} are the same code in {}",
                self.baseline,
                self.canary,
                names(same.iter().copied())
            ));
        }
        warnings
    }
}

/// A release map, for one function and two releases.
struct Map<'a> {
    name: &'a str,
    asked: &'a Asked,
    releases: ReleaseMap,
}

impl<'a> Map<'a> {
    fn parse(document: Document<'a>, asked: &'a Asked) -> Result<Map<'a>, PlanError> {
        let name = document.name;
        let refuse = |what: String, hint: String| PlanError { place: name.to_owned(), what, hint };
        let form = "it is {release: {region: {function: {\"version\": \"7\", \"codeSha256\": \"…\"}}}}";
        if document.text.len() > MAP_BYTES_MAX {
            return Err(refuse(format!("it has {} bytes, which no release map has", document.text.len()), form.into()));
        }
        let text = document.text.strip_prefix('\u{feff}').unwrap_or(document.text);
        let releases: ReleaseMap =
            serde_json::from_str(text).map_err(|error| refuse(error.to_string(), form.into()))?;
        let map = Map { name, asked, releases };
        for release in [&asked.baseline, &asked.canary] {
            if !map.releases.contains_key(release) {
                let has = names(map.releases.keys().map(String::as_str));
                return Err(refuse(format!("there is no release {release} in it"), format!("it has {has}")));
            }
        }
        if map.regions().is_empty() {
            let functions: BTreeSet<&str> =
                map.releases.values().flat_map(BTreeMap::values).flat_map(BTreeMap::keys).map(String::as_str).collect();
            return Err(refuse(
                format!("there is no function {} of {} or {} in it", asked.function, asked.baseline, asked.canary),
                format!("it has {}", names(functions)),
            ));
        }
        Ok(map)
    }

    fn deployed(&self, release: &str, region: &str) -> Option<&Deployed> {
        self.releases.get(release)?.get(region)?.get(&self.asked.function)
    }

    fn code(&self, release: &str, region: &str) -> Option<&str> {
        self.deployed(release, region)?.code_sha256.as_deref()
    }

    /// Where the function is, of either release.
    fn regions(&self) -> BTreeSet<&str> {
        let of = |release: &String| {
            let regions = self.releases.get(release).into_iter().flatten();
            regions
                .filter(|(_, functions)| functions.contains_key(&self.asked.function))
                .map(|(region, _)| region.as_str())
        };
        of(&self.asked.baseline).chain(of(&self.asked.canary)).collect()
    }

    fn versions(&self, region: &str, refuse: &dyn Fn(String, String) -> PlanError) -> Result<Versions, PlanError> {
        let Asked { function, baseline, canary, .. } = self.asked;
        let version = |release: &String| {
            let Some(deployed) = self.deployed(release, region) else {
                let there = self.releases.get(release).into_iter().flatten();
                let there =
                    there.filter(|(_, functions)| functions.contains_key(function)).map(|(name, _)| name.as_str());
                return Err(refuse(
                    format!("{} has no version of {function} for {release} there", self.name),
                    format!("{release} of {function} is in {}", names(there)),
                ));
            };
            let version = &deployed.version;
            // An alias with weights cannot point to $LATEST.
            if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(refuse(
                    format!("{} has version {version} of {function} for {release} there", self.name),
                    "a weight takes published versions, which are numbers".to_owned(),
                ));
            }
            Ok(version.clone())
        };
        let versions = Versions { baseline: version(baseline)?, canary: version(canary)? };
        if versions.baseline == versions.canary {
            return Err(refuse(
                format!("{} has version {} of {function} for both releases there", self.name, versions.canary),
                format!("publish {canary} there first, or leave the region out"),
            ));
        }
        Ok(versions)
    }
}

fn check(asked: &Asked) -> Result<(), PlanError> {
    let refuse =
        |place: &str, what: String, hint: &str| PlanError { place: place.to_owned(), what, hint: hint.to_owned() };
    for (place, value) in [
        ("--service", &asked.service),
        ("--function", &asked.function),
        ("--alias", &asked.alias),
        ("--baseline", &asked.baseline),
        ("--canary", &asked.canary),
    ] {
        if value.trim().is_empty() {
            return Err(refuse(place, "it is empty".into(), "write a name"));
        }
    }
    if asked.baseline == asked.canary {
        return Err(refuse(
            "--canary",
            format!("{} is the baseline too", asked.canary),
            "name the release that runs as --baseline and the one that is to run as --canary",
        ));
    }
    Ok(())
}

/// Names for a message.
pub(crate) fn names<'n>(all: impl IntoIterator<Item = &'n str>) -> String {
    let all: Vec<&str> = all.into_iter().collect();
    match all.len() {
        0 => "nothing".to_owned(),
        count if count > NAMED_MAX => format!("{} and {} more", all[..NAMED_MAX].join(", "), count - NAMED_MAX),
        _ => all.join(", "),
    }
}
