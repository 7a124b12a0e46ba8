//! Records that go to a region's place together, a bucket or a directory, under a name that whoever brings them has chosen:
//! brought again under the same name, they take the place of what was there, so that nothing is there twice.
//!
//! It refuses to make anything visible before all of it is written, and to write to a replica.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use transect_schema::Record;
use twox_hash::XxHash3_128;

use crate::sources::INGEST_PREFIX;
use crate::writer::FinishedFile;
use crate::{
    HourUtc, Lake, LakeError, LakeWriter, Partition, Published, RegionLocation, RegionStore, Result, SourceId,
    WriterOptions,
};

/// A file is one request to the store and is held in memory for it.
const FILE_BYTES_MAX: usize = 64 << 20;

/// Records on their way.
pub struct Batch {
    // Before the folder, whose files it writes.
    writer: LakeWriter,
    _folder: TempDir,
}

impl Batch {
    /// A batch that is kept in a folder of its own below `scratch` until it is delivered, for its owner alone.
    pub fn new(scratch: &Path) -> Result<Batch> {
        Batch::with(scratch, WriterOptions::default())
    }

    /// The same, with other limits.
    pub fn with(scratch: &Path, options: WriterOptions) -> Result<Batch> {
        let folder = tempfile::Builder::new()
            .prefix("transect-")
            .tempdir_in(scratch)
            .map_err(|error| LakeError::from_io("write to", scratch, error))?;
        let lake = Lake::new(vec![RegionLocation::directory_of(None, folder.path())?])?;
        let file_bytes_max = options.file_bytes_max.min(FILE_BYTES_MAX);
        let options = WriterOptions { file_bytes_max, sources_last: true, ..options };
        Ok(Batch { writer: LakeWriter::new(&lake, options)?, _folder: folder })
    }

    /// Adds a row to the hour in which it was observed.
    pub fn append(&mut self, region: &str, record: &Record<'_>) -> Result<()> {
        let partition = Partition::new(region, HourUtc::from_unix_nano(record.observed_time_unix_nano))?;
        self.writer.append(&partition, record)
    }

    /// Adds a row to an hour.
    pub fn append_to(&mut self, partition: &Partition, record: &Record<'_>) -> Result<()> {
        self.writer.append(partition, record)
    }

    /// As [`LakeWriter::note_source`]; only the last file of an hour says so.
    pub fn note_source(&mut self, partition: &Partition, source: SourceId, events: u64) {
        self.writer.note_source(partition, source, events);
    }

    /// Lays everything into the hours of a place, as `<name>.parquet`, `<name>-2.parquet` and so on in each.
    ///
    /// # Errors
    /// The place does not take it. Some hours may be there then, under the names that the next attempt uses again.
    pub async fn deliver(self, store: &RegionStore, name: &str) -> Result<Published> {
        self.lay(|_| Ok(store), |_, _| Ok(name.to_owned())).await
    }

    /// Lays everything into the hours of the places of their regions, under names made of the payloads that were noted for the
    /// hour: the same payloads take the place of what was there of them. The file that names them comes last.
    ///
    /// # Errors
    /// As [`Batch::deliver`]; and an hour of which no payload was noted has no name.
    pub async fn deliver_by_source(self, store_of: impl Fn(&str) -> Result<Arc<RegionStore>>) -> Result<Published> {
        self.lay(store_of, |partition, sources| {
            // All hours without one would have the same name, and take each other's place.
            if sources.is_empty() {
                let source = "no payload was noted for it".into();
                return Err(LakeError::Io { action: "name a file in", path: partition.path().into(), source });
            }
            let digest = XxHash3_128::oneshot(format!("{}\n{sources}", partition.path()).as_bytes());
            Ok(format!("{INGEST_PREFIX}{digest:032x}"))
        })
        .await
    }

    async fn lay<S: Deref<Target = RegionStore>>(
        self,
        store_of: impl Fn(&str) -> Result<S>,
        name_of: impl Fn(&Partition, &str) -> Result<String>,
    ) -> Result<Published> {
        let (files, _living) = self.writer.into_files()?;
        let mut hours: BTreeMap<Partition, Vec<FinishedFile>> = BTreeMap::new();
        for file in files {
            hours.entry(file.partition.clone()).or_default().push(file);
        }
        let mut published = Published::default();
        for (partition, files) in hours {
            let store = store_of(partition.region())?;
            let name = name_of(&partition, files.last().map_or("", |file| &file.sources))?;
            for (index, file) in files.into_iter().enumerate() {
                let number = if index == 0 { String::new() } else { format!("-{}", index + 1) };
                let bytes = std::fs::read(&file.path).map_err(|error| LakeError::from_io("read", &file.path, error))?;
                let path = object_store::path::Path::from(format!("{}/{name}{number}.parquet", partition.path()));
                store.write(&path, bytes.into()).await.map_err(|error| store.explain("write to", error))?;
                published.files += 1;
                published.rows += file.rows;
                published.bytes += file.bytes;
            }
        }
        Ok(published)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Access;

    fn record(event_id: &str, hour: i64) -> Record<'static> {
        Record {
            event_id: event_id.to_owned().into(),
            signal: "log".into(),
            observed_time_unix_nano: hour * crate::NANOS_PER_HOUR,
            ..Record::default()
        }
    }

    fn files_below(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<()> {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files_below(&path, files)? } else { files.push(path) }
        }
        Ok(())
    }

    #[tokio::test]
    async fn the_same_name_twice_is_there_once_and_private() {
        let (scratch, lake) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = RegionStore::new(RegionLocation::directory_of(None, lake.path()).unwrap(), Access::default());
        for _ in 0..2 {
            let mut batch = Batch::new(scratch.path()).unwrap();
            for hour in [1, 2] {
                batch.append("us-east-2", &record("7", hour)).unwrap();
            }
            let published = batch.deliver(&store, "redrive-7").await.unwrap();
            assert_eq!((published.files, published.rows), (2, 2));
        }
        let mut files = Vec::new();
        files_below(lake.path(), &mut files).unwrap();
        files.sort();
        let names: Vec<_> =
            files.iter().map(|file| file.strip_prefix(lake.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "landing/region=us-east-2/date=1970-01-01/hour=01/redrive-7.parquet",
                "landing/region=us-east-2/date=1970-01-01/hour=02/redrive-7.parquet"
            ]
        );
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
        #[cfg(unix)]
        for file in &files {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o077, 0);
        }
    }

    /// Wherever the last rows fall: into a file that they fill, that is full already, or that is not begun yet.
    #[tokio::test]
    async fn payloads_of_one_hour_never_take_each_others_place() {
        for rows in [1, 700, 4_000, 4_096, 5_000] {
            let (scratch, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let location = RegionLocation::directory_of(None, place.path()).unwrap();
            let store = Arc::new(RegionStore::new(location.clone(), Access::default()));
            let options = WriterOptions { row_group_rows: 50, file_bytes_max: 10 << 10, ..WriterOptions::default() };
            let partition = Partition::new("us-east-2", HourUtc::from_unix_nano(0)).unwrap();
            for payload in [1, 2, 1] {
                let mut batch = Batch::with(scratch.path(), options.clone()).unwrap();
                batch.note_source(&partition, [payload; 16], rows);
                for row in 0..rows {
                    let body = Some(format!("{:032x}", XxHash3_128::oneshot(&row.to_le_bytes())).into());
                    batch.append_to(&partition, &Record { body, ..record(&row.to_string(), 0) }).unwrap();
                }
                assert_eq!(batch.deliver_by_source(|_| Ok(Arc::clone(&store))).await.unwrap().rows, rows);
            }
            let lake = Lake::new(vec![location]).unwrap();
            let noted = crate::source_events(&lake, &partition).unwrap();
            assert_eq!(noted, [([1; 16], rows), ([2; 16], rows)].into(), "{rows} rows");
            // Nobody can tell it from another hour's of which nothing was noted.
            let mut batch = Batch::with(scratch.path(), options.clone()).unwrap();
            batch.append_to(&partition, &record("1", 0)).unwrap();
            batch.deliver_by_source(|_| Ok(Arc::clone(&store))).await.unwrap_err();
        }
    }

    #[tokio::test]
    async fn objects_move_and_go() {
        let lake = tempfile::tempdir().unwrap();
        let store = RegionStore::new(RegionLocation::directory_of(None, lake.path()).unwrap(), Access::default());
        let (from, to) = ("failed/a".into(), "redriven/failed/a".into());
        store.write(&from, "x".into()).await.unwrap();
        store.rename(&from, &to).await.unwrap();
        assert!(matches!(store.read(&from).await, Err(object_store::Error::NotFound { .. })));
        assert_eq!(store.read(&to).await.unwrap(), "x");
        store.remove(&to).await.unwrap();
        store.remove(&to).await.unwrap();
    }
}
