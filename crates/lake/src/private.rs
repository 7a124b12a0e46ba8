//! Folders for their owner alone: log lines hold what their authors never meant to publish. It refuses to change a folder that is
//! there.

use std::io;
use std::path::Path;

/// Creates a folder and those above it that are not there, readable by their owner alone.
///
/// # Errors
/// What the file system says: something on the way is a file, or may not be written to.
pub fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_new_folder_is_its_owners_alone_and_one_that_is_there_stays_as_it_is() {
        use std::os::unix::fs::PermissionsExt;

        let root = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let (outer, inner) = (root.path().join("a"), root.path().join("a/b"));
        create_private(&inner).unwrap();
        assert_eq!((mode(&outer), mode(&inner)), (0o700, 0o700));
        std::fs::set_permissions(&outer, std::fs::Permissions::from_mode(0o755)).unwrap();
        create_private(&inner).unwrap();
        assert_eq!(mode(&outer), 0o755);
        std::fs::write(root.path().join("file"), "").unwrap();
        assert!(create_private(&root.path().join("file/below")).is_err());
    }
}
