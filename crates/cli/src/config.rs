//! Where the lake is: `--lake`, else `TRANSECT_LAKE`, else `transect.toml`. The only place that reads the environment
//! and looks for files.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;
use transect_lake::{Lake, RegionLocation};

use crate::arguments::Global;
use crate::failure::{Failure, USAGE};

const FILE_NAME: &str = "transect.toml";
const VARIABLE: &str = "TRANSECT_LAKE";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    region: Vec<Region>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Region {
    name: String,
    url: String,
}

/// The lake that the arguments, the environment or a configuration file name, in this order.
pub fn lake(global: &Global) -> Result<Lake, Failure> {
    if !global.lake.is_empty() {
        return Ok(Lake::parse(&global.lake)?);
    }
    if global.config.is_none()
        && let Some(places) = std::env::var_os(VARIABLE).filter(|places| !places.is_empty())
    {
        let places = places
            .into_string()
            .map_err(|_| Failure::usage(format!("{VARIABLE} is not UTF-8"), "name the lake with --lake"))?;
        let places: Vec<&str> = places.split(',').map(str::trim).filter(|place| !place.is_empty()).collect();
        return Ok(Lake::parse(&places)?);
    }
    match global.config.clone().or_else(find) {
        Some(path) => from_file(&path),
        None => Err(Failure::usage(
            format!("no lake: neither --lake nor {VARIABLE} nor a {FILE_NAME} names one"),
            "for a first look, run `transect demo` and then `transect sql --lake transect-demo \"SELECT count(*) FROM logs\"`",
        )),
    }
}

/// The nearest configuration file: upwards from the working directory, then the user's.
fn find() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let upwards = here.ancestors().map(|directory| directory.join(FILE_NAME));
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let user = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or(home);
    upwards.chain(user.map(|directory| directory.join("transect").join(FILE_NAME))).find(|path| path.is_file())
}

fn from_file(path: &Path) -> Result<Lake, Failure> {
    let failure = |error: anyhow::Error| Failure::Because {
        code: USAGE,
        error: error.context(format!("configuration file {}", path.display())),
        hint: Some("it holds [[region]] tables, each with name and url".into()),
    };
    let text = std::fs::read_to_string(path).context("read").map_err(failure)?;
    let file: File =
        toml::from_str(&text).map_err(|error| failure(anyhow::anyhow!("{}", error.to_string().trim_end())))?;
    if file.region.is_empty() {
        return Err(failure(anyhow::anyhow!("no [[region]] in it")));
    }
    let base = path.parent().unwrap_or(Path::new("."));
    let locations = file.region.into_iter().map(|region| {
        // A path in the file is relative to the file, so that it means the same from everywhere.
        let location: RegionLocation = format!("{}={}", region.name, region.url).parse()?;
        if location.name() != Some(region.name.as_str()) {
            return Err(transect_lake::LakeError::RegionName(region.name));
        }
        RegionLocation::directory_of(Some(region.name), base.join(location.directory()))
    });
    Ok(Lake::new(locations.collect::<Result<_, _>>()?)?)
}
