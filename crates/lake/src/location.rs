//! The regions of a lake and where each of them lies. It refuses to look anything up: names and paths are passed in.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use url::Url;

use crate::partition::is_region_name;
use crate::{LakeError, Result};

/// Where the telemetry of one region lies, or of all of them if no region is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionLocation {
    name: Option<String>,
    directory: PathBuf,
}

impl RegionLocation {
    /// A directory of the local file system: that of the named region, or of all regions.
    pub fn directory_of(name: Option<String>, directory: impl Into<PathBuf>) -> Result<RegionLocation> {
        match name {
            Some(name) if !is_region_name(&name) => Err(LakeError::RegionName(name)),
            name => Ok(RegionLocation { name, directory: directory.into() }),
        }
    }

    /// The region that lies here; `None` where one place holds all of them.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The directory that holds `landing/`.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether the directory is there and may be listed.
    pub fn check(&self) -> Result<()> {
        match std::fs::read_dir(&self.directory) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(LakeError::NoSuchDirectory(self.directory.clone()))
            }
            Err(error) => Err(LakeError::from_io("list", &self.directory, error)),
        }
    }

    /// The object store whose root is this location. Paths in it are those of the design: `landing/region=…`.
    pub fn store(&self) -> Result<Arc<dyn ObjectStore>> {
        self.check()?;
        match LocalFileSystem::new_with_prefix(&self.directory) {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(LakeError::from_error("open", &self.directory, error)),
        }
    }
}

/// From `NAME=URL|DIR` or `URL|DIR`: a path or a `file://` URL. A directory whose name holds `=` is written `./a=b`.
impl FromStr for RegionLocation {
    type Err = LakeError;

    fn from_str(spec: &str) -> Result<RegionLocation> {
        let refuse = |reason: &str| LakeError::Spec { spec: spec.to_owned(), reason: reason.to_owned() };
        let (name, place) = match spec.split_once('=') {
            Some((name, place)) if is_region_name(name) => (Some(name.to_owned()), place),
            _ => (None, spec),
        };
        if place.is_empty() {
            return Err(refuse("the location is empty; write NAME=DIR or DIR"));
        }
        let Some((scheme, _)) = place.split_once("://") else {
            return Ok(RegionLocation { name, directory: PathBuf::from(place) });
        };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => {
                let url = Url::parse(place).map_err(|error| refuse(&format!("not a URL: {error}")))?;
                let directory = url
                    .to_file_path()
                    .map_err(|()| refuse("a file URL has three slashes and an absolute path: file:///dir"))?;
                Ok(RegionLocation { name, directory })
            }
            "s3" => Err(LakeError::S3NotReadable { spec: spec.to_owned() }),
            _ => Err(refuse("only paths and file:// URLs are readable")),
        }
    }
}

/// The regions of a lake. One location may hold several of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lake {
    locations: Vec<RegionLocation>,
}

impl Lake {
    /// A lake of these locations; [`LakeError::Spec`] if there are none, if a region is named twice or if a place is,
    /// because its rows would be counted twice.
    pub fn new(locations: Vec<RegionLocation>) -> Result<Lake> {
        if locations.is_empty() {
            return Err(LakeError::Spec { spec: String::new(), reason: "a lake has at least one location".to_owned() });
        }
        for (index, location) in locations.iter().enumerate() {
            let spec = || format!("{}", location.directory.display());
            for earlier in &locations[..index] {
                if location.name.is_some() && location.name == earlier.name {
                    let reason = format!("region {} is named twice", location.name.as_deref().unwrap_or_default());
                    return Err(LakeError::Spec { spec: spec(), reason });
                }
                let either_is_whole = location.name.is_none() || earlier.name.is_none();
                if either_is_whole && location.directory == earlier.directory {
                    let reason = "the directory is named twice, and its rows would be counted twice".to_owned();
                    return Err(LakeError::Spec { spec: spec(), reason });
                }
            }
        }
        Ok(Lake { locations })
    }

    /// A lake of locations as [`RegionLocation`] parses them.
    pub fn parse<S: AsRef<str>>(specs: &[S]) -> Result<Lake> {
        Lake::new(specs.iter().map(|spec| spec.as_ref().parse()).collect::<Result<_>>()?)
    }

    /// In the order given.
    pub fn locations(&self) -> &[RegionLocation] {
        &self.locations
    }

    /// Where a region's telemetry is written: the location of its name, else the first that holds all regions.
    pub fn location_of(&self, region: &str) -> Result<&RegionLocation> {
        self.locations
            .iter()
            .find(|location| location.name() == Some(region))
            .or_else(|| self.locations.iter().find(|location| location.name.is_none()))
            .ok_or_else(|| LakeError::NoLocation {
                region: region.to_owned(),
                known: self.locations.iter().filter_map(|location| location.name.clone()).collect(),
            })
    }

    /// Whether every location is there and may be listed.
    pub fn check(&self) -> Result<()> {
        self.locations.iter().try_for_each(RegionLocation::check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spec: &str, expected: Result<(Option<&str>, &str), &str>) {
        match (spec.parse::<RegionLocation>(), expected) {
            (Ok(location), Ok((name, directory))) => {
                assert_eq!((location.name(), location.directory()), (name, Path::new(directory)), "{spec}");
            }
            (Err(error), Err(sentence)) => assert!(error.to_string().contains(sentence), "{spec}: {error}"),
            (found, _) => panic!("{spec}: {found:?}"),
        }
    }

    #[test]
    fn locations_are_paths_and_file_urls_with_or_without_a_region() {
        check("lake", Ok((None, "lake")));
        check("us-east-2=lake/a", Ok((Some("us-east-2"), "lake/a")));
        check("us-east-2=file:///var/lake", Ok((Some("us-east-2"), "/var/lake")));
        check("file:///var/a%20b", Ok((None, "/var/a b")));
        check("./a=b", Ok((None, "./a=b")));
        check("/data/a=b", Ok((None, "/data/a=b")));
        check("us-east-2=", Err("the location is empty"));
        check("", Err("the location is empty"));
        check("file://lake", Err("three slashes"));
        check("s3://bucket/prefix", Err("S3 lakes are not readable yet"));
        check("us-east-2=s3://bucket", Err("S3 lakes are not readable yet"));
        check("https://example.com/lake", Err("only paths and file:// URLs"));
    }

    #[test]
    fn rows_are_never_counted_twice_because_a_place_is_named_twice() {
        assert!(matches!(Lake::parse(&["a", "a"]), Err(LakeError::Spec { .. })));
        assert!(matches!(Lake::parse(&["us-east-2=a", "a"]), Err(LakeError::Spec { .. })));
        assert!(matches!(Lake::parse(&["us-east-2=a", "us-east-2=b"]), Err(LakeError::Spec { .. })));
        assert!(matches!(Lake::parse::<&str>(&[]), Err(LakeError::Spec { .. })));
        Lake::parse(&["us-east-2=a", "us-west-2=a"]).unwrap();
    }

    #[test]
    fn a_region_is_written_to_the_place_of_its_name() {
        let lake = Lake::parse(&["all", "us-east-2=east"]).unwrap();
        assert_eq!(lake.location_of("us-east-2").unwrap().directory(), Path::new("east"));
        assert_eq!(lake.location_of("eu-west-2").unwrap().directory(), Path::new("all"));
        let lake = Lake::parse(&["us-east-2=east"]).unwrap();
        let error = lake.location_of("eu-west-2").unwrap_err();
        assert_eq!(error.to_string(), "the lake has no location for region eu-west-2; it has us-east-2");
    }

    #[test]
    fn a_missing_directory_and_a_file_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let missing = RegionLocation::directory_of(None, directory.path().join("missing")).unwrap();
        assert!(matches!(missing.check(), Err(LakeError::NoSuchDirectory(_))));
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        let file = RegionLocation::directory_of(None, file).unwrap();
        assert!(matches!(file.check(), Err(LakeError::NotADirectory(_))));
    }
}
