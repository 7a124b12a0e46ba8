//! A place on this machine. What the library makes of a directory is kept but for its listings, which end at the first name
//! that it cannot follow: here such a name is one entry that says so.
//!
//! It refuses to go round in circles: a link to a folder that it lies in is not followed.

use std::fmt;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::LakeError;
use crate::listing::is_data_file;
use crate::odd::{OddKey, fault_of};

#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    files: LocalFileSystem,
}

impl Directory {
    pub(crate) fn new(root: &std::path::Path) -> Result<Directory> {
        Ok(Directory { root: root.to_owned(), files: LocalFileSystem::new_with_prefix(root)? })
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Directory {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.files.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.files.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.files.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (root, folder) = (self.root.clone(), prefix.map_or(String::new(), |prefix| prefix.to_string()));
        let walked = async move {
            let walk = move || {
                let mut walk = Walk { root, above: Vec::new(), found: Vec::new() };
                walk.below(&folder);
                walk.found
            };
            match tokio::task::spawn_blocking(walk).await {
                Ok(found) => found,
                Err(source) => vec![Err(Error::JoinError { source })],
            }
        };
        stream::once(walked).flat_map(stream::iter).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let folder = prefix.map_or(String::new(), |prefix| prefix.to_string());
        let mut listed = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        let path = self.root.join(&folder);
        let unlisted = |error: std::io::Error| match folder.contains('/') {
            true => OddKey { key: folder.clone(), reason: error.to_string(), is_folder: true }.into_error(),
            // All that the place holds of a kind: it is the place that does not answer.
            false => {
                let source = Box::new(LakeError::from_io("list", &path, error));
                Error::Generic { store: "directory", source }
            }
        };
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) => match blocked(&self.root, &folder) {
                Some(odd) => return Err(odd.into_error()),
                None if is_absence(&error) => return gone(&self.root).map_or(Ok(listed), Err),
                None => return Err(unlisted(error)),
            },
        };
        for entry in entries {
            let entry = entry.map_err(unlisted)?;
            let Some(name) = entry.file_name().to_str().map(|name| join(&folder, name)) else { continue };
            let Ok(path) = Path::parse(&name) else { continue };
            match std::fs::metadata(entry.path()) {
                Ok(metadata) if metadata.is_dir() => listed.common_prefixes.push(path),
                Ok(metadata) if metadata.is_file() => listed.objects.push(meta_of(path, &metadata)),
                Ok(_) => {}
                // Removed meanwhile.
                Err(_) if std::fs::symlink_metadata(entry.path()).is_err_and(|error| is_absence(&error)) => {}
                // Whoever looks into it is told why nobody can.
                Err(_) if is_taken_for_folder(&name) => listed.common_prefixes.push(path),
                Err(_) => {}
            }
        }
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await
    }
}

/// The error of a place that is gone altogether: it lists nothing, as an empty one does.
fn gone(root: &std::path::Path) -> Option<Error> {
    let error = std::fs::read_dir(root).err()?;
    Some(Error::Generic { store: "directory", source: Box::new(LakeError::from_io("list", root, error)) })
}

/// On its way through a folder and those in it.
struct Walk {
    root: PathBuf,
    /// The folders from the first one down to where it is.
    above: Vec<PathBuf>,
    found: Vec<Result<ObjectMeta>>,
}

impl Walk {
    fn odd(&mut self, key: &str, reason: impl Into<String>, is_folder: bool) {
        self.found.push(Err(OddKey { key: key.to_owned(), reason: reason.into(), is_folder }.into_error()));
    }

    fn below(&mut self, folder: &str) {
        let path = self.root.join(folder);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) => match blocked(&self.root, folder) {
                Some(odd) => return self.found.push(Err(odd.into_error())),
                // One that is not there, or went meanwhile, holds nothing.
                None if is_absence(&error) => return self.found.extend(gone(&self.root).map(Err)),
                None => return self.odd(folder, error.to_string(), true),
            },
        };
        self.above.push(path);
        for entry in entries {
            match entry {
                Ok(entry) => self.entry(folder, &entry),
                Err(error) => self.odd(folder, error.to_string(), true),
            }
        }
        self.above.pop();
    }

    fn entry(&mut self, folder: &str, entry: &std::fs::DirEntry) {
        let os_name = entry.file_name();
        let key = join(folder, &os_name.to_string_lossy());
        let fault = match os_name.to_str() {
            Some(_) => fault_of(&key),
            None => Some("its name is no UTF-8"),
        };
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let metadata = match std::fs::metadata(entry.path()) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound && is_link => {
                return self.odd(&key, LEADS_NOWHERE, is_taken_for_folder(&key));
            }
            // Removed meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => return self.odd(&key, error.to_string(), is_taken_for_folder(&key)),
        };
        if metadata.is_dir() {
            match () {
                () if is_link && self.is_above(&entry.path()) => {
                    self.odd(&key, "it is a link to a folder that it lies in", false);
                }
                // Under such a name nothing can be opened.
                () if os_name.to_str().is_none() => self.odd(&key, "its name is no UTF-8", true),
                () => self.below(&key),
            }
        } else if !metadata.is_file() {
            self.odd(&key, "it is no file", false);
        } else if let Some(fault) = fault {
            self.odd(&key, fault, false);
        } else if let Ok(path) = Path::parse(&key)
            && !is_under_way(&key)
        {
            self.found.push(Ok(meta_of(path, &metadata)));
        }
    }

    fn is_above(&self, link: &std::path::Path) -> bool {
        let Ok(target) = std::fs::canonicalize(link) else { return true };
        self.above.iter().any(|folder| std::fs::canonicalize(folder).is_ok_and(|folder| folder.starts_with(&target)))
    }
}

const LEADS_NOWHERE: &str = "it is a link that leads nowhere";

fn is_absence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Whether something that nobody can look at may be a folder with files in it.
fn is_taken_for_folder(key: &str) -> bool {
    !is_data_file(key.rsplit('/').next().unwrap_or_default())
}

/// What is in the way to a folder that seems not to be there: a link that leads nowhere, on the way or in its place.
fn blocked(root: &std::path::Path, folder: &str) -> Option<OddKey> {
    let keys = std::iter::successors(Some(folder), |key| key.rsplit_once('/').map(|(above, _)| above));
    for key in keys.filter(|key| !key.is_empty()) {
        let path = root.join(key);
        let error = match (std::fs::symlink_metadata(&path), std::fs::metadata(&path)) {
            (Ok(_), Err(error)) => error,
            (Ok(_), Ok(_)) => return None,
            (Err(_), _) => continue,
        };
        let reason = if is_absence(&error) { LEADS_NOWHERE.to_owned() } else { error.to_string() };
        return Some(OddKey { key: key.to_owned(), reason, is_folder: true });
    }
    None
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Whether the library is still writing it: then it has `#` and a number behind its name.
fn is_under_way(key: &str) -> bool {
    let number = key.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn meta_of(location: Path, metadata: &std::fs::Metadata) -> ObjectMeta {
    let modified = metadata.modified().unwrap_or(std::time::SystemTime::UNIX_EPOCH);
    let since_1970 = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let inode = 0;
    let size = metadata.len();
    let e_tag = format!("{inode:x}-{:x}-{size:x}", since_1970.as_micros());
    ObjectMeta { location, last_modified: modified.into(), size, e_tag: Some(e_tag), version: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every object of a directory, and everything that is odd in it.
    #[cfg(unix)]
    async fn listed(root: &std::path::Path, folder: &str) -> (Vec<String>, Vec<String>) {
        let directory = Directory::new(root).unwrap();
        let (mut objects, mut odd) = (Vec::new(), Vec::new());
        for entry in directory.list(Some(&Path::from(folder))).collect::<Vec<_>>().await {
            match entry {
                Ok(meta) => objects.push(meta.location.to_string()),
                Err(error) => odd.push(OddKey::of(error).unwrap().to_string()),
            }
        }
        objects.sort();
        odd.sort();
        (objects, odd)
    }

    #[tokio::test]
    async fn a_place_that_is_gone_is_no_empty_one() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("lake");
        std::fs::create_dir(&place).unwrap();
        let directory = Directory::new(&place).unwrap();
        let folder = Path::from("landing");
        let listed = async |directory: &Directory| {
            let below: Result<Vec<_>> = directory.list(Some(&folder)).collect::<Vec<_>>().await.into_iter().collect();
            (directory.list_with_delimiter(Some(&folder)).await.map(|listed| listed.objects.len()), below)
        };
        assert!(matches!(listed(&directory).await, (Ok(0), Ok(below)) if below.is_empty()));
        std::fs::remove_dir(&place).unwrap();
        let (here, below) = listed(&directory).await;
        assert!(here.is_err(), "{here:?}");
        // And no odd entry of it.
        assert!(OddKey::of(below.unwrap_err()).is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_name_that_cannot_be_followed_is_one_entry() {
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::symlink;

        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for folder in ["a/b", "a/\u{1b}", "c"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in ["a/b/1", "a/b/2#3", "a/\u{1b}/x", "a/b/\u{7}", "c/3", "a/[~]%1b"] {
            std::fs::write(root.join(file), "x").unwrap();
        }
        std::fs::write(root.join("a").join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
        symlink("itself", root.join("a/itself")).unwrap();
        symlink("nowhere", root.join("a/dangling")).unwrap();
        symlink(".", root.join("a/dot")).unwrap();
        symlink("../..", root.join("a/b/up")).unwrap();
        symlink("../c", root.join("a/c")).unwrap();
        symlink("b/1", root.join("a/linked")).unwrap();
        // Two that lead to each other.
        symlink("../a", root.join("c/a")).unwrap();
        let (objects, odd) = listed(root, "a").await;
        assert_eq!(objects, ["a/[~]%1b", "a/b/1", "a/c/3", "a/linked"]);
        let control = "its key has a control character, or `.` or `..` as a part";
        let circle = "it is a link to a folder that it lies in";
        assert_eq!(
            odd,
            [
                format!("a/\u{1b}/x: {control}"),
                format!("a/b/\u{7}: {control}"),
                format!("a/b/up: {circle}"),
                format!("a/c/a: {circle}"),
                "a/dangling: it is a link that leads nowhere".to_owned(),
                format!("a/dot: {circle}"),
                "a/itself: Too many levels of symbolic links (os error 40)".to_owned(),
                "a/\u{fffd}: its name is no UTF-8".to_owned(),
            ]
        );
        assert_eq!(listed(root, "none").await, (vec![], vec![]));
        let folders = Directory::new(root).unwrap().list_with_delimiter(Some(&Path::from("a"))).await.unwrap();
        let mut folders: Vec<String> = folders.common_prefixes.iter().map(Path::to_string).collect();
        folders.sort();
        assert_eq!(folders, ["a/b", "a/c", "a/dangling", "a/dot", "a/itself"]);
        // What lies behind a link that leads nowhere is not known to be nothing.
        for folder in ["a/dangling", "a/dangling/date=2026-11-21"] {
            assert_eq!(
                listed(root, folder).await,
                (vec![], vec!["a/dangling: it is a link that leads nowhere".to_owned()])
            );
            let error = Directory::new(root).unwrap().list_with_delimiter(Some(&Path::from(folder))).await.unwrap_err();
            assert_eq!(OddKey::of(error).unwrap().key, "a/dangling");
        }
    }
}
