//! `transect releases`: which release runs where and how it does, and the records of what a function's versions are. It
//! refuses to judge one: that is `transect canary`'s.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use transect_lake::{Access, LATEST, Mapping, RegionStore, record_mappings};
use transect_query::{LogFilter, ScalarValue};

use crate::arguments::{Global, Releases, ReleasesCommand, ReleasesImport, ReleasesRecord};
use crate::failure::{Failure, USAGE};
use crate::{aws, clock, config, inputs, output};

/// A map of a whole system has some thousand functions.
const MAP_BYTES_MAX: u64 = 64 << 20;

pub fn run(own: &Releases, global: &Global) -> Result<(), Failure> {
    match &own.command {
        None => matrix(own, global),
        Some(ReleasesCommand::Record(record)) => record_one(record, global),
        Some(ReleasesCommand::Import(import)) => import_map(import, global),
    }
}

fn matrix(own: &Releases, global: &Global) -> Result<(), Failure> {
    let mut params = Vec::new();
    let mut places = Vec::new();
    for (index, service) in own.service.iter().enumerate() {
        params.push((format!("s{index}"), ScalarValue::Utf8(Some(service.clone()))));
        places.push(format!("$s{index}"));
    }
    let chosen = if places.is_empty() { String::new() } else { format!("WHERE service IN ({})", places.join(", ")) };
    let sql = format!("SELECT * FROM releases {chosen} ORDER BY service, cloud_region, last_seen DESC, release");
    let question = output::question(config::configured(global)?, global)?;
    let rows = output::answer(&question, &sql, &params, global)?;
    if rows == 0 && !global.dry_run {
        // A service that is not there is told apart from one that was still.
        let of_services = LogFilter { services: own.service.clone(), ..LogFilter::default() };
        let mut hints = output::unknown_hints(&question, global, question.unknown_names(&of_services))?;
        hints.push("widen --since, or name another --service".to_owned());
        return Err(Failure::nothing_found("no invocations found", Some(hints.join("\n"))));
    }
    Ok(())
}

fn record_one(own: &ReleasesRecord, global: &Global) -> Result<(), Failure> {
    if global.region.is_empty() {
        return Err(Failure::usage(
            "no --region: versions count for each region by itself",
            "name the regions in which the function has this version, --region us-east-2 for example",
        ));
    }
    let recorded_unix_nano = clock::now_unix_nano();
    let mapping = |region: &String| Mapping {
        region: region.clone(),
        function: own.function.clone(),
        function_version: own.function_version.clone().unwrap_or_else(|| LATEST.to_owned()),
        release: own.release.clone(),
        service: Some(own.service.clone()),
        code_sha256: None,
        recorded_unix_nano,
    };
    write("releases record", global.region.iter().map(mapping).collect(), global)
}

/// Of a release map, per function.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deployed {
    version: Version,
    #[serde(rename = "codeSha256")]
    code_sha256: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Version {
    Number(u64),
    Text(String),
}

/// Release, region, function.
type ReleaseMap = Once<Once<Once<Deployed>>>;

/// The members of an object, each of which stands there once: JSON has no rule for which of two counts.
#[derive(Debug)]
struct Once<V>(BTreeMap<String, V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Once<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Once<V>, D::Error> {
        struct Members<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Members<V> {
            type Value = BTreeMap<String, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<BTreeMap<String, V>, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, V>()? {
                    if members.contains_key(&name) {
                        return Err(A::Error::custom(format!("`{name}` stands there twice")));
                    }
                    members.insert(name, value);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members(PhantomData)).map(Once)
    }
}

fn import_map(own: &ReleasesImport, global: &Global) -> Result<(), Failure> {
    write("releases import", read_map(&own.file, &global.region)?, global)
}

/// The versions that a release map names, of these regions if any are named.
pub fn read_map(file: &Path, only: &[String]) -> Result<Vec<Mapping>, Failure> {
    let name = file.display();
    let failure = |error: anyhow::Error| Failure::Because {
        code: USAGE,
        error: error.context(format!("release map {name}")),
        hint: Some("it is {release: {region: {function: {\"version\": \"7\", \"codeSha256\": \"…\"}}}}".into()),
    };
    let text = inputs::read_written(file, MAP_BYTES_MAX).context("read").map_err(failure)?;
    let map: ReleaseMap = serde_json::from_slice(&text).map_err(|error| failure(error.into()))?;
    let recorded_unix_nano = clock::now_unix_nano();
    let mut mappings = Vec::new();
    for (release, Once(regions)) in map.0 {
        for (region, Once(functions)) in regions {
            if !only.is_empty() && !only.contains(&region) {
                continue;
            }
            for (function, deployed) in functions {
                mappings.push(Mapping {
                    region: region.clone(),
                    function,
                    function_version: match deployed.version {
                        Version::Number(number) => number.to_string(),
                        Version::Text(text) => text,
                    },
                    release: release.clone(),
                    service: None,
                    code_sha256: deployed.code_sha256,
                    recorded_unix_nano,
                });
            }
        }
    }
    let mut releases: BTreeMap<(&str, &str, &str), &str> = BTreeMap::new();
    for mapping in &mappings {
        mapping.check().map_err(|error| failure(error.into()))?;
        let version = (mapping.region.as_str(), mapping.function.as_str(), mapping.function_version.as_str());
        if let Some(other) = releases.insert(version, &mapping.release) {
            let (region, function, version) = version;
            let release = &mapping.release;
            return Err(failure(anyhow::anyhow!(
                "version {version} of {function} in {region} is {other} and {release}, and can be one of them only"
            )));
        }
    }
    Ok(mappings)
}

/// Writes the records, each into its region's place. All of them are checked, and their places looked up, before the first is
/// written.
fn write(command: &str, mappings: Vec<Mapping>, global: &Global) -> Result<(), Failure> {
    let json = output::wants_json(global, command)?;
    let configured = config::configured(global)?;
    let mut regions: BTreeMap<&str, (RegionStore, Vec<&Mapping>)> = BTreeMap::new();
    let (written, already) = output::block_on(None, async {
        let access: Access = aws::access(&configured.lake, configured.region_timeout).await;
        for mapping in &mappings {
            let (_, of_region) = match regions.entry(&mapping.region) {
                Entry::Occupied(there) => there.into_mut(),
                Entry::Vacant(empty) => {
                    let location = configured.lake.location_of(&mapping.region)?.clone();
                    empty.insert((RegionStore::new(location, access.clone()), Vec::new()))
                }
            };
            of_region.push(mapping);
            mapping.check()?;
        }
        let mut written = 0;
        for (store, of_region) in regions.values() {
            written += record_mappings(store, of_region).await?;
        }
        Ok::<_, Failure>((written, mappings.len() as u64 - written))
    })??;
    let text = match json {
        true => format!("{}\n", serde_json::json!({"written": written, "already_present": already})),
        false => format!("{written} records written, {already} already there\n"),
    };
    output::print(global, &text)
}
