//! Which payloads a file was written from, kept in its footer so that loading the same payload again can be noticed.
//! It refuses to decide what a payload is: an id is sixteen bytes.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;

use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaDataReader};

use crate::listing::is_data_file;
use crate::{Lake, LakeError, Partition, Result};

/// Identifies a payload: a digest of its content, of the caller's choice.
pub type SourceId = [u8; 16];

/// Footer key of the schema version, such as `1`.
pub(crate) const SCHEMA_VERSION_KEY: &str = "transect.schema_version";
/// Footer key of the program that wrote the file.
pub(crate) const WRITER_KEY: &str = "transect.writer";
/// Footer key of the payloads: `<id in URL-safe base64>:<events>`, with a comma between them.
pub(crate) const SOURCES_KEY: &str = "transect.sources";

/// Names of the files that [`crate::LakeWriter`] publishes begin with this. Firehose begins with the stream's name.
pub(crate) const FILE_PREFIX: &str = "ingest-";

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
            entry.file_name().to_str().is_some_and(|name| name.starts_with(FILE_PREFIX) && is_data_file(name));
        if !written_here {
            continue;
        }
        let path = entry.path();
        let file = File::open(&path).map_err(|error| LakeError::from_io("read", &path, error))?;
        let metadata = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Skip)
            .parse_and_finish(&file)
            .map_err(|source| LakeError::CorruptFile { path: path.clone(), source })?;
        let pairs: &[KeyValue] = metadata.file_metadata().key_value_metadata().map_or(&[], Vec::as_slice);
        for pair in pairs {
            if let (SOURCES_KEY, Some(text)) = (pair.key.as_str(), &pair.value) {
                parse_sources(text, &mut sources);
            }
        }
    }
    Ok(sources)
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
