//! The regions of a lake and where each of them lies. It refuses to look anything up but whether two directories are one: names,
//! places and endpoints are passed in.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

use crate::partition::is_region_name;
use crate::{LakeError, Result};

/// A bucket of S3, or of a store that speaks its protocol, and the folder in it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Bucket {
    name: String,
    prefix: String,
    endpoint: Option<String>,
}

impl Bucket {
    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder that holds `landing/`, without a slash at either end; empty for the whole bucket.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The URL of the store, where it is not AWS's own.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }
}

/// Names of buckets are their owner's business: they stand in no message and no log.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

/// Where files lie.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A directory of the local file system, which holds `landing/`.
    Directory(PathBuf),
    /// A bucket, or a folder of one.
    Bucket(Bucket),
}

impl Place {
    /// From a path, a `file://` or an `s3://` URL. The error says what would be right.
    pub fn parse(text: &str) -> Result<Place, String> {
        if text.is_empty() {
            return Err("the location is empty; write NAME=URL, NAME=DIR or DIR".to_owned());
        }
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(Place::Directory(PathBuf::from(text))) };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => {
                let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
                let directory = url.to_file_path();
                directory
                    .map(Place::Directory)
                    .map_err(|()| "a file URL has three slashes and an absolute path: file:///dir".to_owned())
            }
            "s3" => {
                let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                if !is_bucket_name(name) {
                    return Err("an S3 URL is s3://bucket or s3://bucket/folder".to_owned());
                }
                let prefix = prefix.trim_matches('/');
                match object_store::path::Path::parse(prefix) {
                    Ok(path) if path.as_ref() == prefix => {}
                    _ => return Err("the folder behind the bucket is no plain path".to_owned()),
                }
                Ok(Place::Bucket(Bucket { name: name.to_owned(), prefix: prefix.to_owned(), endpoint: None }))
            }
            _ => Err("only paths, file:// and s3:// URLs are readable".to_owned()),
        }
    }

    /// The same place on a store of its own rather than AWS; the error says why there is none.
    pub fn with_endpoint(self, endpoint: &str) -> Result<Place, String> {
        let Place::Bucket(mut bucket) = self else {
            return Err("an endpoint is for s3:// URLs".to_owned());
        };
        match Url::parse(endpoint) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {}
            _ => return Err("an endpoint is a URL such as https://minio.example.com:9000".to_owned()),
        }
        bucket.endpoint = Some(endpoint.trim_end_matches('/').to_owned());
        Ok(Place::Bucket(bucket))
    }

    /// Whether both are one: a directory may have several names.
    fn is_same(&self, other: &Place) -> bool {
        match (self.directory(), other.directory()) {
            (Some(one), Some(two)) => {
                one == two || one.canonicalize().ok().is_some_and(|one| two.canonicalize().is_ok_and(|two| one == two))
            }
            _ => self == other,
        }
    }

    /// The directory, where it is one.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Place::Directory(directory) => Some(directory),
            Place::Bucket(_) => None,
        }
    }
}

/// As errors may name it: a directory by its path, a bucket not by its name.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Directory(directory) => directory.display().fmt(f),
            Place::Bucket(_) => f.write_str("the bucket"),
        }
    }
}

/// S3's own rule is narrower; what stands here keeps a name from being anything but one segment of a URL.
fn is_bucket_name(name: &str) -> bool {
    const BYTES: std::ops::RangeInclusive<usize> = 1..=255;
    BYTES.contains(&name.len())
        && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

/// Where the telemetry of one region lies, or of all of them if no region is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionLocation {
    name: Option<String>,
    place: Place,
    replica: Option<Place>,
}

impl RegionLocation {
    /// The place of the named region, or of all regions; `replica` holds copies of the same files under the same paths.
    pub fn new(name: Option<String>, place: Place, replica: Option<Place>) -> Result<RegionLocation> {
        match name {
            Some(name) if !is_region_name(&name) => Err(LakeError::RegionName(name)),
            name => Ok(RegionLocation { name, place, replica }),
        }
    }

    /// A directory of the local file system: that of the named region, or of all regions.
    pub fn directory_of(name: Option<String>, directory: impl Into<PathBuf>) -> Result<RegionLocation> {
        RegionLocation::new(name, Place::Directory(directory.into()), None)
    }

    /// The region that lies here; `None` where one place holds all of them.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What an answer calls the region: its name, or `*` where one place holds all of them.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or("*")
    }

    /// What holds `landing/`.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What holds copies of the same files.
    pub fn replica(&self) -> Option<&Place> {
        self.replica.as_ref()
    }

    /// The directory that holds `landing/`; [`LakeError::NotWritable`] if it is a bucket.
    pub fn writable_directory(&self) -> Result<&Path> {
        self.place.directory().ok_or_else(|| LakeError::NotWritable { region: self.label().to_owned() })
    }
}

/// From `NAME=URL|DIR` or `URL|DIR`. A directory whose name holds `=` is written `./a=b`.
impl FromStr for RegionLocation {
    type Err = LakeError;

    fn from_str(spec: &str) -> Result<RegionLocation> {
        let (name, place) = match spec.split_once('=') {
            Some((name, place)) if is_region_name(name) => (Some(name.to_owned()), place),
            _ => (None, spec),
        };
        let place = Place::parse(place).map_err(|reason| LakeError::Spec { spec: spec.to_owned(), reason })?;
        RegionLocation::new(name, place, None)
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
            let refuse = |reason: String| LakeError::Spec { spec: location.place.to_string(), reason };
            for earlier in &locations[..index] {
                if location.name.is_some() && location.name == earlier.name {
                    return Err(refuse(format!("region {} is named twice", location.label())));
                }
                let either_is_whole = location.name.is_none() || earlier.name.is_none();
                if either_is_whole && location.place.is_same(&earlier.place) {
                    return Err(refuse("the place is named twice, and its rows would be counted twice".to_owned()));
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

    /// Whether some of it lies in buckets.
    pub fn has_buckets(&self) -> bool {
        let places = self.locations.iter().flat_map(|location| [Some(&location.place), location.replica.as_ref()]);
        places.flatten().any(|place| place.directory().is_none())
    }

    /// Where a region's telemetry lies: the location of its name, else the first that holds all regions.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spec: &str, expected: Result<(Option<&str>, &str), &str>) {
        match (spec.parse::<RegionLocation>(), expected) {
            (Ok(location), Ok((name, place))) => {
                let found = match location.place() {
                    Place::Directory(directory) => directory.display().to_string(),
                    Place::Bucket(bucket) => format!("{}|{}", bucket.name(), bucket.prefix()),
                };
                assert_eq!((location.name(), found.as_str()), (name, place), "{spec}");
            }
            (Err(error), Err(sentence)) => assert!(error.to_string().contains(sentence), "{spec}: {error}"),
            (found, _) => panic!("{spec}: {found:?}"),
        }
    }

    #[test]
    fn locations_are_paths_and_urls_with_or_without_a_region() {
        check("lake", Ok((None, "lake")));
        check("us-east-2=lake/a", Ok((Some("us-east-2"), "lake/a")));
        check("us-east-2=file:///var/lake", Ok((Some("us-east-2"), "/var/lake")));
        check("file:///var/a%20b", Ok((None, "/var/a b")));
        check("./a=b", Ok((None, "./a=b")));
        check("/data/a=b", Ok((None, "/data/a=b")));
        check("s3://acme-telemetry", Ok((None, "acme-telemetry|")));
        check("us-east-2=s3://acme.t/a/b/", Ok((Some("us-east-2"), "acme.t|a/b")));
        check("us-east-2=", Err("the location is empty"));
        check("", Err("the location is empty"));
        check("file://lake", Err("three slashes"));
        check("s3://", Err("an S3 URL is"));
        check("s3:///folder", Err("an S3 URL is"));
        check("s3://a?b", Err("an S3 URL is"));
        check("s3://a/../b", Err("no plain path"));
        check("s3://a/b//c", Err("no plain path"));
        check("https://example.com/lake", Err("only paths, file:// and s3:// URLs"));
    }

    #[test]
    fn endpoints_are_urls_of_buckets() {
        let bucket = Place::parse("s3://a").unwrap();
        let Ok(Place::Bucket(found)) = bucket.clone().with_endpoint("http://127.0.0.1:9000/") else { panic!() };
        assert_eq!(found.endpoint(), Some("http://127.0.0.1:9000"));
        assert!(bucket.clone().with_endpoint("127.0.0.1:9000").is_err());
        assert!(bucket.with_endpoint("").is_err());
        assert!(Place::parse("lake").unwrap().with_endpoint("http://127.0.0.1:9000").is_err());
    }

    #[test]
    fn the_name_of_a_bucket_is_in_no_message() {
        let lake = Lake::parse(&["us-east-2=s3://acme-secret/team"]).unwrap();
        assert!(!format!("{lake:?} {}", lake.locations()[0].place()).contains("acme"));
        let error = Lake::parse(&["s3://acme-secret", "us-east-2=s3://acme-secret"]).unwrap_err();
        assert!(!error.to_string().contains("acme"), "{error}");
    }

    #[test]
    fn rows_are_never_counted_twice_because_a_place_is_named_twice() {
        assert!(matches!(Lake::parse(&["a", "a"]), Err(LakeError::Spec { .. })));
        assert!(matches!(Lake::parse(&["us-east-2=a", "a"]), Err(LakeError::Spec { .. })));
        assert!(matches!(Lake::parse(&["us-east-2=a", "us-east-2=b"]), Err(LakeError::Spec { .. })));
        assert!(matches!(Lake::parse(&["s3://a/b", "us-east-2=s3://a/b/"]), Err(LakeError::Spec { .. })));
        assert!(matches!(Lake::parse::<&str>(&[]), Err(LakeError::Spec { .. })));
        // Whatever else it is called.
        let root = tempfile::tempdir().unwrap();
        let name = |below: &str| root.path().join(below).to_str().unwrap().to_owned();
        std::fs::create_dir_all(name("lake/inner")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("lake", name("link")).unwrap();
        for other in [
            "lake/",
            "./lake",
            "lake/inner/..",
            #[cfg(unix)]
            "link",
        ] {
            let refused = Lake::parse(&[name("lake"), name(other)]);
            assert!(matches!(refused, Err(LakeError::Spec { .. })), "{other}");
        }
        Lake::parse(&[name("lake"), name("lake/inner"), name("none")]).unwrap();
        Lake::parse(&["us-east-2=a", "us-west-2=a"]).unwrap();
    }

    #[test]
    fn a_region_is_written_to_the_place_of_its_name() {
        let lake = Lake::parse(&["all", "us-east-2=east", "us-west-2=s3://west"]).unwrap();
        let directory = |region| lake.location_of(region).unwrap().writable_directory().map(Path::to_owned);
        assert_eq!(directory("us-east-2").unwrap(), Path::new("east"));
        assert_eq!(directory("eu-west-2").unwrap(), Path::new("all"));
        assert!(matches!(directory("us-west-2"), Err(LakeError::NotWritable { .. })));
        let lake = Lake::parse(&["us-east-2=east"]).unwrap();
        let error = lake.location_of("eu-west-2").unwrap_err();
        assert_eq!(error.to_string(), "the lake has no location for region eu-west-2; it has us-east-2");
    }
}
