//! Who is still writing. Every writer holds a lock on a file of its own in the root of each place that it writes to, and its
//! temporary files carry that file's name: what carries the name of a lock that nobody holds was left by a process that is dead,
//! and goes.
//!
//! It refuses to judge by age or by a process's number: a process may sleep for days, and another one may have its number.

use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

/// Temporary files of an hour: `.ingest-<name of the lock>-<more>.tmp`.
const TEMPORARY_PREFIX: &str = ".ingest-";
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";
/// Locks: `.transect-<name>.lock`.
const LOCK_PREFIX: &str = ".transect-";
const LOCK_SUFFIX: &str = ".lock";
/// Each time somebody has taken the new lock for a dead one's, which takes him to look at the very moment.
const TRIES_MAX: usize = 100;

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Living {
    name: String,
    // Removed before it is let go.
    _path: TempPath,
    _file: File,
}

impl Living {
    /// A new lock in a directory; none where its file system knows no locks, and then nobody removes what is left there.
    pub(crate) fn in_place(root: &Path) -> std::io::Result<Option<Living>> {
        for _ in 0..TRIES_MAX {
            let made = tempfile::Builder::new().prefix(LOCK_PREFIX).suffix(LOCK_SUFFIX).tempfile_in(root)?;
            let (file, path) = made.into_parts();
            if file.lock().is_err() {
                return Ok(None);
            }
            // Who looks for dead ones may have been faster: then the name is gone, and the lock is worth nothing.
            if is_there(&path) {
                let name = path.file_name().and_then(|name| name_of(name.to_str()?)).unwrap_or_default().to_owned();
                return Ok(Some(Living { name, _path: path, _file: file }));
            }
        }
        Ok(None)
    }

    /// How the temporary files of a writer begin.
    pub(crate) fn prefix(living: Option<&Living>) -> String {
        match living {
            Some(living) => format!("{TEMPORARY_PREFIX}{}-", living.name),
            None => TEMPORARY_PREFIX.to_owned(),
        }
    }

    /// Removes what dead writers have left below `root`. What cannot be removed stays; it hinders nobody.
    pub(crate) fn sweep(root: &Path, landing: &str) {
        for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
            let file_name = entry.file_name();
            let Some(name) = file_name.to_str().and_then(name_of) else { continue };
            let Ok(file) = File::options().read(true).write(true).open(entry.path()) else { continue };
            if file.try_lock().is_ok() {
                remove_below(&root.join(landing), &format!("{TEMPORARY_PREFIX}{name}-"));
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

fn name_of(file_name: &str) -> Option<&str> {
    file_name.strip_prefix(LOCK_PREFIX)?.strip_suffix(LOCK_SUFFIX).filter(|name| !name.is_empty())
}

/// Folders of regions, days and hours, and no link: what is linked to is not ours.
fn remove_below(folder: &Path, prefix: &str) {
    const DEPTH: usize = 3;
    let mut folders: Vec<(PathBuf, usize)> = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            let is_left =
                name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(TEMPORARY_SUFFIX));
            if kind.is_dir() && depth < DEPTH {
                folders.push((entry.path(), depth + 1));
            } else if kind.is_file() && is_left {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}
