//! Where the lake is: `--lake`, else `TRANSECT_LAKE`, else `transect.toml`. The only place that reads the environment
//! and looks for files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use transect_lake::{Lake, Place, REGION_TIMEOUT, RegionLocation, create_private};

use crate::arguments::Global;
use crate::failure::{Failure, USAGE};
use crate::inputs;
use crate::range::duration_nano;

const FILE_NAME: &str = "transect.toml";
const VARIABLE: &str = "TRANSECT_LAKE";
/// A table a region, and AWS has some forty.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    region: Vec<Region>,
    #[serde(default)]
    query: Query,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Region {
    name: String,
    url: String,
    endpoint: Option<String>,
    replica: Option<String>,
    replica_endpoint: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    region_timeout: Option<String>,
}

/// Where the lake is, and how patient a question is.
#[derive(Debug)]
pub struct Configured {
    pub lake: Lake,
    pub region_timeout: Duration,
}

impl Configured {
    fn new(lake: Lake) -> Configured {
        Configured { lake, region_timeout: REGION_TIMEOUT }
    }
}

/// The lake that the arguments, the environment or a configuration file name, in this order.
pub fn configured(global: &Global) -> Result<Configured, Failure> {
    if !global.lake.is_empty() {
        return Ok(Configured::new(Lake::parse(&global.lake)?));
    }
    if global.config.is_none()
        && let Some(places) = std::env::var_os(VARIABLE).filter(|places| !places.is_empty())
    {
        let places = places
            .into_string()
            .map_err(|_| Failure::usage(format!("{VARIABLE} is not UTF-8"), "name the lake with --lake"))?;
        let places: Vec<&str> = places.split(',').map(str::trim).filter(|place| !place.is_empty()).collect();
        return Ok(Configured::new(Lake::parse(&places)?));
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

fn from_file(path: &Path) -> Result<Configured, Failure> {
    let failure = |error: anyhow::Error| Failure::Because {
        code: USAGE,
        error: error.context(format!("configuration file {}", path.display())),
        hint: Some(
            "it holds [[region]] tables, each with name and url, and perhaps endpoint, replica and replica_endpoint; \
             and perhaps [query] with region_timeout"
                .into(),
        ),
    };
    if inputs::may_never_end(path) {
        return Err(failure(anyhow::anyhow!("it is a pipe or a device, and no file")));
    }
    let text = inputs::read_text(path, FILE_BYTES_MAX).context("read").map_err(failure)?;
    let file: File =
        toml::from_str(&text).map_err(|error| failure(anyhow::anyhow!("{}", error.to_string().trim_end())))?;
    if file.region.is_empty() {
        return Err(failure(anyhow::anyhow!("no [[region]] in it")));
    }
    let base = path.parent().unwrap_or(Path::new("."));
    let place = |region: &str, key: &str, url: &str, endpoint: Option<&str>| {
        let refuse = |key: &str, reason: String| failure(anyhow::anyhow!("region {region}, {key}: {reason}"));
        let place = match Place::parse(url).map_err(|reason| refuse(key, reason))? {
            // A path in the file is relative to the file, so that it means the same from everywhere.
            Place::Directory(directory) => Place::Directory(base.join(directory)),
            bucket => bucket,
        };
        match endpoint {
            Some(endpoint) => place.with_endpoint(endpoint).map_err(|reason| refuse("endpoint", reason)),
            None => Ok(place),
        }
    };
    let mut locations = Vec::new();
    for region in file.region {
        let name = region.name.as_str();
        let primary = place(name, "url", &region.url, region.endpoint.as_deref())?;
        let replica = match (&region.replica, &region.replica_endpoint) {
            (Some(replica), endpoint) => Some(place(name, "replica", replica, endpoint.as_deref())?),
            (None, Some(_)) => {
                return Err(failure(anyhow::anyhow!("region {name}: replica_endpoint without replica")));
            }
            (None, None) => None,
        };
        locations.push(RegionLocation::new(Some(region.name), primary, replica)?);
    }
    let mut configured = Configured::new(Lake::new(locations)?);
    if let Some(text) = &file.query.region_timeout {
        let nanos = duration_nano(text).filter(|nanos| *nanos > 0).ok_or_else(|| {
            failure(anyhow::anyhow!("[query] region_timeout: `{text}` is not a duration such as 10s or 500ms"))
        })?;
        configured.region_timeout = Duration::from_nanos(nanos.unsigned_abs());
    }
    Ok(configured)
}

/// Where what can be fetched again is kept: `$XDG_CACHE_HOME/transect`, else `~/.cache/transect`. It is there, and its owner's
/// alone; `None` where that cannot be had.
pub fn cache_directory() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    let directory = home.join("transect");
    private(&directory).ok().map(|()| directory)
}

#[cfg(unix)]
fn private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    create_private(directory)?;
    let found = std::fs::metadata(directory)?;
    // Whose folder it is may change what lies in it. Where there is no /proc, nobody says who we are.
    if std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() != found.uid()) {
        return Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
    }
    match found.mode() & 0o077 {
        0 => Ok(()),
        _ => std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)),
    }
}

#[cfg(not(unix))]
fn private(directory: &Path) -> std::io::Result<()> {
    create_private(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_lax_cache_folder_is_tightened_and_what_is_none_is_refused() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("a/b");
        let mode = || std::fs::metadata(&cache).unwrap().permissions().mode() & 0o777;
        private(&cache).unwrap();
        assert_eq!(mode(), 0o700);
        std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o777)).unwrap();
        private(&cache).unwrap();
        assert_eq!(mode(), 0o700);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(private(&file).is_err());
    }
}
