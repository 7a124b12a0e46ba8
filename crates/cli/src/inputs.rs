//! Which files are meant: those named, those that a list names, and those below a folder; and how one is read. It refuses to
//! know what is in them, and to hold more of one than its reader allows.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::loader::Reject;
use crate::output::human_bytes;

/// Of a list: a million names of a hundred letters.
const LIST_BYTES_MAX: u64 = 128 << 20;
/// What an export task writes to see whether it may.
const EXPORT_PROBE: &str = "aws-logs-write-test";

/// Files to be read, in the order in which they were named, those of a folder by their names; and what cannot be one.
pub type Expanded = (Vec<PathBuf>, Vec<(PathBuf, Reject)>);

/// What `files` and the list in `files_from` stand for.
///
/// # Errors
/// The list cannot be read, or stdin is asked for twice.
pub fn expand(files: &[PathBuf], files_from: Option<&Path>) -> Result<Expanded, Failure> {
    let stdin = Path::new("-");
    let mut named = files.to_vec();
    if let Some(list) = files_from {
        if list == stdin && named.iter().any(|file| file == stdin) {
            return Err(Failure::usage("stdin is both a file and a list of files", "name one of them otherwise"));
        }
        named.extend(read_list(list)?);
    }
    let (mut found, mut rejected) = (Vec::new(), Vec::new());
    for path in named {
        if path != stdin && path.is_dir() {
            let before = found.len() + rejected.len();
            below(&path, &mut Vec::new(), &mut found, &mut rejected);
            if found.len() + rejected.len() == before {
                rejected.push((path, Reject::EmptyFolder));
            }
        } else {
            found.push(path);
        }
    }
    Ok((found, rejected))
}

/// The bytes of a file, or for `-` of stdin; none if there are more than so many.
pub fn read(path: &Path, bytes_max: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let limit = bytes_max.saturating_add(1);
    match path == Path::new("-") {
        true => std::io::stdin().lock().take(limit).read_to_end(&mut bytes)?,
        false => std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?,
    };
    Ok((bytes.len() as u64 <= bytes_max).then_some(bytes))
}

/// Whether something of this name is neither a file nor what a shell has put there for a command's output (`<(…)`): nobody may ever
/// write to a pipe.
pub fn may_never_end(path: &Path) -> bool {
    let is_open_already =
        || path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") || path == Path::new("/dev/stdin");
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) && !is_open_already()
}

/// As [`read`], of a text that people write: without the byte order mark that some editors put before it.
pub fn read_written(path: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    let Some(mut bytes) = read(path, bytes_max)? else {
        return Err(std::io::Error::other(format!("it is larger than {}", human_bytes(bytes_max))));
    };
    if bytes.starts_with(MARK) {
        bytes.drain(..MARK.len());
    }
    Ok(bytes)
}

/// As [`read_written`], of a text that is UTF-8.
pub fn read_text(path: &Path, bytes_max: u64) -> std::io::Result<String> {
    let text = String::from_utf8(read_written(path, bytes_max)?);
    text.map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        std::io::Error::new(std::io::ErrorKind::InvalidData, format!("it is no UTF-8 at byte {at}"))
    })
}

fn read_list(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let usage = |reason: String| {
        Failure::usage(format!("--files-from {}: {reason}", list.display()), "it holds a file name a line")
    };
    let bytes = read_written(list, LIST_BYTES_MAX).map_err(|error| usage(error.to_string()))?;
    // As `find -print0` has it, where a name may hold a line feed.
    let between = if bytes.contains(&0) { 0 } else { b'\n' };
    let names = bytes.split(|byte| *byte == between).map(|name| match between {
        0 => name,
        _ => name.strip_suffix(b"\r").unwrap_or(name),
    });
    Ok(names.filter(|name| !name.is_empty()).map(path_of).collect())
}

#[cfg(unix)]
fn path_of(name: &[u8]) -> PathBuf {
    PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name))
}

#[cfg(not(unix))]
fn path_of(name: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(name).into_owned())
}

/// Every file below a folder. A link to a folder above is not followed.
fn below(folder: &Path, above: &mut Vec<PathBuf>, found: &mut Vec<PathBuf>, rejected: &mut Vec<(PathBuf, Reject)>) {
    let entries = std::fs::canonicalize(folder).and_then(|this| Ok((this, std::fs::read_dir(folder)?)));
    let (this, entries) = match entries {
        Ok(entries) => entries,
        Err(error) => return rejected.push((folder.to_owned(), Reject::Read(error))),
    };
    if above.contains(&this) {
        return;
    }
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    above.push(this);
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name == EXPORT_PROBE {
            continue;
        }
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => below(&path, above, found, rejected),
            Ok(metadata) if metadata.is_file() => found.push(path),
            // To read from a pipe that nobody writes to would take for ever.
            Ok(_) => rejected.push((path, Reject::NoFile)),
            Err(error) => rejected.push((path, Reject::Read(error))),
        }
    }
    above.pop();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn folders_and_lists_stand_for_their_files() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        for folder in ["in/us-east-2", "in/.git", "empty"] {
            std::fs::create_dir_all(path(folder)).unwrap();
        }
        for file in ["in/b", "in/a b", "in/us-east-2/c", "in/.git/d", "in/.e", "in/aws-logs-write-test", "other"] {
            std::fs::write(path(file), "").unwrap();
        }
        std::os::unix::fs::symlink("..", path("in/us-east-2/up")).unwrap();
        std::os::unix::fs::symlink("nowhere", path("in/us-east-2/dangling")).unwrap();
        let list = |text: &str| std::fs::write(path("list"), text).unwrap();
        let expanded = || {
            let (found, rejected) = expand(&[path("in")], Some(&path("list"))).unwrap();
            let name = |path: &Path| path.strip_prefix(root.path()).unwrap().to_str().unwrap().to_owned();
            let rejected: Vec<String> = rejected.iter().map(|(path, why)| format!("{}: {why}", name(path))).collect();
            (found.iter().map(|path| name(path)).collect::<Vec<_>>(), rejected)
        };
        let folder = ["in/a b", "in/b", "in/us-east-2/c"].map(str::to_owned).to_vec();
        let dangling = "in/us-east-2/dangling: No such file or directory (os error 2)".to_owned();
        list("");
        assert_eq!(expanded(), (folder.clone(), vec![dangling.clone()]));
        let (other, empty) = (path("other"), path("empty"));
        let all = ([&folder[..], &["other".to_owned()]].concat(), vec![dangling, "empty: holds no file".to_owned()]);
        for text in ["{o}\r\n\n{e}", "\u{feff}{o}\n{e}\n", "{o}\0{e}\0"] {
            list(&text.replace("{o}", other.to_str().unwrap()).replace("{e}", empty.to_str().unwrap()));
            assert_eq!(expanded(), all, "{text:?}");
        }
        assert!(expand(&[PathBuf::from("-")], Some(Path::new("-"))).is_err());
        assert_eq!(read(&path("list"), 3).unwrap(), None);
        assert_eq!(read_written(Path::new("/dev/zero"), 3000).unwrap_err().to_string(), "it is larger than 3.0 kB");
        for (bytes, read) in
            [(&b"\xef\xbb\xbfa"[..], Ok("a")), (b"", Ok("")), (b"ab\xff", Err("it is no UTF-8 at byte 2"))]
        {
            std::fs::write(path("text"), bytes).unwrap();
            let found = read_text(&path("text"), 4).map_err(|error| error.to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), read);
        }
        assert!(expand(&[], Some(&path("none"))).is_err());
    }
}
