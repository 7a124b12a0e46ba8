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
            _ => LakeError::Io { action, path: path.to_owned(), source: Box::new(source) },
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
                match io.kind() {
                    std::io::ErrorKind::PermissionDenied => {
                        return LakeError::NotPermitted { action, path: path.to_owned() };
                    }
                    std::io::ErrorKind::NotADirectory => return LakeError::NotADirectory(path.to_owned()),
                    _ => break,
                }
            }
            cause = inner.source();
        }
        LakeError::Io { action, path: path.to_owned(), source: Box::new(error) }
    }
}
