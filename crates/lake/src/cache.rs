//! Bytes kept on this machine that would otherwise be fetched again: what is cached never changes, because its key holds
//! the version of what it was taken from. It refuses to fail: without a cache everything is fetched.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use object_store::ObjectMeta;
use twox_hash::XxHash3_128;

use crate::{Place, create_private};

/// Of all entries together. Past it the oldest go, down to [`KEPT_PERCENT`].
pub const CACHE_BYTES_MAX: u64 = 1 << 30;
const KEPT_PERCENT: u64 = 80;
/// Bytes written by one process between two looks at how much there is: a look reads the whole folder.
const LOOK_EVERY_BYTES: u64 = 64 << 20;
/// The age of an entry is of its last use, within this: a use is not worth a write each time.
const TOUCH_AFTER: Duration = Duration::from_secs(24 * 3600);
/// Every entry begins with it, so that what another release left is not taken for ours.
const MAGIC: &[u8; 8] = b"transect";
/// Digest of the rest, behind the magic: a torn entry is none.
const HEAD_BYTES: usize = MAGIC.len() + 16;

/// A folder of entries. Several processes may share it: an entry appears whole or not at all.
#[derive(Debug)]
pub struct DiskCache {
    folder: PathBuf,
    bytes_max: u64,
    written: AtomicU64,
}

impl DiskCache {
    /// The cache in a folder, which need not be there yet, of at most so many bytes.
    pub fn new(folder: impl Into<PathBuf>, bytes_max: u64) -> DiskCache {
        // So that the first entry of a process looks whether there are too many.
        DiskCache { folder: folder.into(), bytes_max, written: AtomicU64::new(LOOK_EVERY_BYTES) }
    }

    /// The key of something about an object, of a kind such as `footer`: it holds where the object lies, its ETag (else the
    /// time that it was written at, from stores that list none) and its size. `None` for what is no bucket's.
    pub fn key(kind: &str, place: &Place, object: &ObjectMeta) -> Option<String> {
        let Place::Bucket(bucket) = place else { return None };
        let version = match &object.e_tag {
            Some(tag) => tag.clone(),
            None => format!("written at {}", object.last_modified.timestamp_micros()),
        };
        let text = format!(
            "{kind}\n{}\n{}\n{}\n{}\n{version}\n{}",
            bucket.endpoint().unwrap_or_default(),
            bucket.name(),
            bucket.prefix(),
            object.location,
            object.size
        );
        Some(format!("{:032x}", XxHash3_128::oneshot(text.as_bytes())))
    }

    /// What was kept under a key.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let path = self.folder.join(key);
        let mut entry = fs::read(&path).ok()?;
        let (head, body) = entry.split_at_checked(HEAD_BYTES)?;
        if &head[..MAGIC.len()] != MAGIC || head[MAGIC.len()..] != XxHash3_128::oneshot(body).to_le_bytes() {
            let _ = fs::remove_file(&path);
            return None;
        }
        entry.drain(..HEAD_BYTES);
        touch(&path);
        Some(entry)
    }

    /// Keeps bytes under a key; if that cannot be, the next one fetches them again.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let _ = self.try_put(key, bytes);
    }

    fn try_put(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        // Footers hold the least and greatest of what logs say.
        create_private(&self.folder)?;
        let mut file = tempfile::Builder::new().prefix(".").tempfile_in(&self.folder)?;
        file.write_all(MAGIC)?;
        file.write_all(&XxHash3_128::oneshot(bytes).to_le_bytes())?;
        file.write_all(bytes)?;
        file.persist(self.folder.join(key)).map_err(|error| error.error)?;
        let size = bytes.len() as u64;
        if self.written.fetch_add(size, Relaxed) + size >= LOOK_EVERY_BYTES {
            self.written.store(0, Relaxed);
            self.make_room()?;
        }
        Ok(())
    }

    /// Removes the entries that were not used for longest, if all together are too large.
    fn make_room(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let Ok(entry) = entry else { continue };
            // Another process may have removed it.
            let Ok(metadata) = entry.metadata() else { continue };
            entries.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), entry.path()));
        }
        let mut bytes: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        if bytes <= self.bytes_max {
            return Ok(());
        }
        entries.sort();
        for (_, size, path) in entries {
            if bytes <= self.bytes_max / 100 * KEPT_PERCENT {
                break;
            }
            let _ = fs::remove_file(path);
            bytes -= size;
        }
        Ok(())
    }
}

fn touch(path: &Path) {
    let now = SystemTime::now();
    let Ok(file) = fs::File::open(path) else { return };
    let modified = file.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    if now.duration_since(modified).is_ok_and(|age| age > TOUCH_AFTER) {
        let _ = file.set_modified(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_torn_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache::new(folder.path().join("a/b"), CACHE_BYTES_MAX);
        assert_eq!(cache.get("key"), None);
        cache.put("key", b"bytes");
        assert_eq!(cache.get("key").unwrap(), b"bytes");
        let path = folder.path().join("a/b/key");
        let whole = fs::read(&path).unwrap();
        for torn in [&whole[..0], &whole[..3], &whole[..whole.len() - 1], b"something else altogether, and long"] {
            fs::write(&path, torn).unwrap();
            assert_eq!(cache.get("key"), None);
            assert!(!path.exists() || torn.len() < HEAD_BYTES);
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join("a/b")).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{mode:o}");
        }
    }

    #[test]
    fn the_oldest_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache::new(folder.path(), 1000);
        for index in 0..10_u64 {
            cache.put(&format!("key{index}"), &[0; 100]);
            let file = fs::File::open(folder.path().join(format!("key{index}"))).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(index)).unwrap();
        }
        cache.make_room().unwrap();
        let left: Vec<bool> = (0..10).map(|index| folder.path().join(format!("key{index}")).exists()).collect();
        assert_eq!(left.iter().filter(|there| **there).count(), 6);
        assert!(!left[0] && left[9]);
    }

    #[test]
    fn a_key_tells_places_and_versions_apart() {
        let object = |path: &str, tag: Option<&str>| ObjectMeta {
            location: path.into(),
            last_modified: Default::default(),
            size: 7,
            e_tag: tag.map(str::to_owned),
            version: None,
        };
        let place = |text: &str| Place::parse(text).unwrap();
        let key = |place: &Place, tag| DiskCache::key("footer", place, &object("a/b", tag));
        let first = key(&place("s3://one"), Some("x")).unwrap();
        assert_ne!(Some(&first), key(&place("s3://two"), Some("x")).as_ref());
        assert_ne!(Some(&first), key(&place("s3://one"), Some("y")).as_ref());
        assert_ne!(Some(&first), key(&place("s3://one").with_endpoint("http://h").unwrap(), Some("x")).as_ref());
        assert_eq!(Some(&first), key(&place("s3://one"), Some("x")).as_ref());
        assert_ne!(Some(&first), key(&place("s3://one"), None).as_ref());
        assert_eq!(key(&place("directory"), Some("x")), None);
    }
}
