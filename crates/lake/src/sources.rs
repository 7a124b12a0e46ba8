//! Which payloads a file was written from, kept in its footer so that loading the same payload again can be noticed.
//! It refuses to decide what a payload is: an id is sixteen bytes.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::PathBuf;

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path as StorePath;
use object_store::{ObjectMeta, ObjectStoreExt};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use crate::listing::is_data_file;
use crate::{Lake, LakeError, Partition, RegionStore, Result};

/// The end of a file that is read first: the footer of a file of the usual size.
const TAIL_BYTES: u64 = 64 << 10;
/// Footers that are read at the same time.
const READS_AT_ONCE: usize = 16;

/// Identifies a payload: a digest of its content, of the caller's choice.
pub type SourceId = [u8; 16];

/// Footer key of the schema version, such as `1`.
pub(crate) const SCHEMA_VERSION_KEY: &str = "transect.schema_version";
/// Footer key of the program that wrote the file.
pub(crate) const WRITER_KEY: &str = "transect.writer";
/// Footer key of the payloads: `<id in URL-safe base64>:<events>`, with a comma between them.
pub(crate) const SOURCES_KEY: &str = "transect.sources";

/// Names of the files that [`crate::LakeWriter`] publishes begin with this. Firehose begins with the stream's name.
pub const INGEST_PREFIX: &str = "ingest-";

pub(crate) fn render_sources(sources: &BTreeMap<SourceId, u64>) -> String {
    let mut text = String::with_capacity(sources.len() * 28);
    for (id, events) in sources {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&base64_simd::URL_SAFE_NO_PAD.encode_to_string(id));
        text.push(':');
        text.push_str(&events.to_string());
    }
    text
}

/// Adds the sources that the text names; what is not one is another release's business and left out.
fn parse_sources(text: &str, sources: &mut HashMap<SourceId, u64>) {
    for source in text.split(',') {
        let Some((id, events)) = source.split_once(':') else { continue };
        let Ok(id) = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(id) else { continue };
        let (Ok(id), Ok(events)) = (SourceId::try_from(id), events.parse::<u64>()) else { continue };
        let total: &mut u64 = sources.entry(id).or_default();
        *total = total.saturating_add(events);
    }
}

/// The payloads that an hour's files were written from, with the number of events of each that went there. Files that
/// Firehose wrote name none. An hour without a folder has none.
pub fn source_events(lake: &Lake, partition: &Partition) -> Result<HashMap<SourceId, u64>> {
    let mut sources = HashMap::new();
    let directory = lake.location_of(partition.region())?.writable_directory()?.join(partition.path());
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(sources),
        Err(error) => return Err(LakeError::from_io("list", &directory, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| LakeError::from_io("list", &directory, error))?;
        let written_here =
            entry.file_name().to_str().is_some_and(|name| name.starts_with(INGEST_PREFIX) && is_data_file(name));
        if !written_here {
            continue;
        }
        let path = entry.path();
        // A pipe or a device says nothing of payloads, and opening one waits.
        if std::fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            continue;
        }
        let file = File::open(&path).map_err(|error| LakeError::from_io("read", &path, error))?;
        let metadata = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Skip)
            .parse_and_finish(&file)
            .map_err(|source| LakeError::CorruptFile { path: path.clone(), source })?;
        add_sources(&metadata, &mut sources);
    }
    Ok(sources)
}

fn add_sources(metadata: &ParquetMetaData, sources: &mut HashMap<SourceId, u64>) {
    let pairs: &[KeyValue] = metadata.file_metadata().key_value_metadata().map_or(&[], Vec::as_slice);
    for pair in pairs {
        if let (SOURCES_KEY, Some(text)) = (pair.key.as_str(), &pair.value) {
            parse_sources(text, sources);
        }
    }
}

/// As [`source_events`], of an hour of a bucket.
pub async fn source_events_in_bucket(store: &RegionStore, partition: &Partition) -> Result<HashMap<SourceId, u64>> {
    let mut sources = HashMap::new();
    let folder = StorePath::from(partition.path());
    let listed = store.list_all(&folder, None).await.map_err(|error| store.explain("list", error))?;
    let written_here = |file: &ObjectMeta| {
        file.location.filename().is_some_and(|name| name.starts_with(INGEST_PREFIX) && is_data_file(name))
    };
    let footers = stream::iter(listed.objects.into_iter().filter(written_here))
        .map(|file| async move { footer(store, &file).await })
        .buffer_unordered(READS_AT_ONCE);
    let footers: Vec<ParquetMetaData> = footers.try_collect().await?;
    footers.iter().for_each(|footer| add_sources(footer, &mut sources));
    Ok(sources)
}

async fn footer(store: &RegionStore, file: &ObjectMeta) -> Result<ParquetMetaData> {
    let mut wanted = TAIL_BYTES.min(file.size);
    loop {
        let start = file.size.saturating_sub(wanted);
        let tail = store.get_range(&file.location, start..file.size).await;
        let tail = tail.map_err(|error| store.explain("read", error))?;
        let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
        let parsed = reader.try_parse_sized(&tail, file.size).and_then(|()| reader.finish());
        match parsed {
            Err(ParquetError::NeedMoreData(needed)) if needed as u64 > wanted && wanted < file.size => {
                wanted = (needed as u64).min(file.size);
            }
            parsed => {
                let path = PathBuf::from(file.location.as_ref());
                return parsed.map_err(|source| LakeError::CorruptFile { path, source });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_go_both_ways_and_foreign_text_is_left_out() {
        let sources = BTreeMap::from([([0; 16], 7), ([255; 16], u64::MAX)]);
        let text = render_sources(&sources);
        assert_eq!(text, "AAAAAAAAAAAAAAAAAAAAAA:7,_____________________w:18446744073709551615");
        let mut parsed = HashMap::new();
        parse_sources(&format!("{text},x,x:1,AAAA:1,AAAAAAAAAAAAAAAAAAAAAA:x,"), &mut parsed);
        assert_eq!(parsed, HashMap::from_iter(sources));
    }
}
