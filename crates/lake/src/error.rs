//! What can go wrong with a lake. The variants are those that a caller tells apart; every message names the path and,
//! where there is one, the remedy.

use std::path::{Path, PathBuf};

/// Why a lake cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// The text that names a location cannot be understood.
    #[error("lake location `{spec}`: {reason}")]
    Spec {
        /// As given.
        spec: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// The location is understood, but nothing can be written there.
    #[error("{region} lies in a bucket, and only a directory can be written to in place")]
    NotWritable {
        /// The region, or `*` for all of them.
        region: String,
    },
    /// A region answers nothing, or refuses.
    #[error("{region} does not answer: {reason}")]
    NoAnswer {
        /// The region, or `*` for all of them.
        region: String,
        /// Why, without the name of any bucket.
        reason: String,
    },
    /// Nothing is at the path.
    #[error("no lake at {}: the directory does not exist; `transect ingest` creates one, `--lake` names another", .0.display())]
    NoSuchDirectory(PathBuf),
    /// A file stands where a directory is needed.
    #[error("{} is not a directory; a lake is the directory that holds `landing/`", .0.display())]
    NotADirectory(PathBuf),
    /// The operating system refuses.
    #[error("no permission to {action} {}; lakes are private to the user who wrote them", .path.display())]
    NotPermitted {
        /// Verb, such as `list`.
        action: &'static str,
        /// Of the file or directory.
        path: PathBuf,
    },
    /// A region's name cannot be part of a path.
    #[error("`{0}` is not a region name: letters, digits, `-` and `_`, at most 64, a letter or digit first")]
    RegionName(String),
    /// No location of the lake takes this region.
    #[error("the lake has no location for region {region}; it has {}", .known.join(", "))]
    NoLocation {
        /// The region to be written.
        region: String,
        /// The regions that have a location.
        known: Vec<String>,
    },
    /// A file is not what its name says.
    #[error("{} is not a readable Parquet file; move it out of `landing/` to go on without it", .path.display())]
    CorruptFile {
        /// Of the file.
        path: PathBuf,
        /// What the reader said.
        source: parquet::errors::ParquetError,
    },
    /// A statement about a release that cannot be recorded.
    #[error("{reason}")]
    Release {
        /// What is wrong with it.
        reason: String,
    },
    /// Everything else that the file system or the object store answered.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// Verb, such as `write`.
        action: &'static str,
        /// Of the file or directory.
        path: PathBuf,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl LakeError {
    /// Sorts an error of the file system by what a caller can do about it.
    pub(crate) fn from_io(action: &'static str, path: &Path, source: std::io::Error) -> LakeError {
        use std::io::ErrorKind;
        match source.kind() {
            ErrorKind::PermissionDenied => LakeError::NotPermitted { action, path: path.to_owned() },
            ErrorKind::NotADirectory => LakeError::NotADirectory(path.to_owned()),
            _ => LakeError::Io { action, path: path.to_owned(), source: Box::new(without_path(source)) },
        }
    }

    /// As [`LakeError::from_io`], for errors that wrap one of the file system somewhere.
    pub(crate) fn from_error(
        action: &'static str,
        path: &Path,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> LakeError {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(inner) = cause {
            if let Some(io) = inner.downcast_ref::<std::io::Error>() {
                // What it came in would say it once more.
                let bare = match io.raw_os_error() {
                    Some(number) => std::io::Error::from_raw_os_error(number),
                    None => std::io::Error::new(io.kind(), io.to_string()),
                };
                return LakeError::from_io(action, path, bare);
            }
            cause = inner.source();
        }
        LakeError::Io { action, path: path.to_owned(), source: Box::new(error) }
    }
}

/// An error of a temporary file without the name of that, which nobody has given and nobody finds again.
pub fn without_path(error: std::io::Error) -> std::io::Error {
    match error.to_string().split_once(" at path \"") {
        Some((reason, _)) => std::io::Error::new(error.kind(), reason.to_owned()),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_said_is_told_once_whatever_it_came_in() {
        let full = || std::io::Error::from_raw_os_error(28);
        let wrapped = parquet::errors::ParquetError::External(Box::new(full()));
        let error = LakeError::from_error("write to", Path::new("lake"), wrapped);
        let LakeError::Io { source, .. } = &error else { panic!("{error:?}") };
        assert_eq!((error.to_string(), source.to_string()), ("cannot write to lake".to_owned(), full().to_string()));
        assert!(source.source().is_none());
        let missing = tempfile::NamedTempFile::new_in("/nonexistent").unwrap_err();
        assert!(missing.to_string().contains("/nonexistent/.tmp"), "{missing}");
        assert_eq!(without_path(missing).to_string(), std::io::Error::from_raw_os_error(2).to_string());
        let denied = parquet::errors::ParquetError::External(Box::new(std::io::Error::from_raw_os_error(13)));
        assert!(matches!(LakeError::from_error("write", Path::new("a"), denied), LakeError::NotPermitted { .. }));
    }
}
