//! Text rendered from the column table: what Glue, Athena and readers of the documentation are given. It refuses to write
//! files: whoever commits a rendering compares it in a test.

use std::fmt::Write;

use crate::{COLUMNS, PARTITIONS, SCHEMA_VERSION};

/// The `Columns` of the Glue table, as CloudFormation and the Glue API take them. Firehose converts by this list and
/// silently drops what it does not name.
pub fn glue_columns_json() -> String {
    let columns: Vec<_> = COLUMNS
        .iter()
        .map(|column| {
            serde_json::json!({
                "Name": column.name,
                "Type": column.column_type.glue_name(),
                "Comment": glue_comment(column.doc),
            })
        })
        .collect();
    pretty(&serde_json::Value::Array(columns))
}

/// The column table as JSON: `{"schema_version", "partitions": [name], "columns": [{"name","type","required","doc"}]}`.
pub fn columns_json() -> String {
    let columns: Vec<_> = COLUMNS
        .iter()
        .map(|column| {
            serde_json::json!({
                "name": column.name,
                "type": column.column_type.glue_name(),
                "required": column.required,
                "doc": column.doc,
            })
        })
        .collect();
    pretty(&serde_json::json!({ "schema_version": SCHEMA_VERSION, "partitions": PARTITIONS, "columns": columns }))
}

/// The column table as a Markdown table, for `docs/reference/columns.md`.
pub fn column_table_markdown() -> String {
    let mut text = String::from("| column | type | what it holds |\n|---|---|---|\n");
    for column in COLUMNS {
        let required = if column.required { ", required" } else { "" };
        let _ = writeln!(text, "| `{}` | {}{required} | {} |", column.name, column.column_type.glue_name(), column.doc);
    }
    text
}

/// Athena's `CREATE EXTERNAL TABLE` over the landing folder at `location` (for example `s3://bucket/prefix`, with or
/// without a slash at the end), partitions projected so that no crawler and no `ADD PARTITION` is needed. `regions`
/// are the values that the region partition may take.
pub fn athena_ddl(table: &str, location: &str, regions: &[&str]) -> String {
    let location = location.trim_end_matches('/').replace('\'', "''");
    let mut text = format!("CREATE EXTERNAL TABLE IF NOT EXISTS `{}` (\n", table.replace('`', "``"));
    for (index, column) in COLUMNS.iter().enumerate() {
        let comma = if index + 1 == COLUMNS.len() { "" } else { "," };
        let comment = glue_comment(column.doc).replace('\'', "''");
        let _ = writeln!(text, "  `{}` {} COMMENT '{comment}'{comma}", column.name, column.column_type.glue_name());
    }
    let partitions: Vec<_> = PARTITIONS.iter().map(|name| format!("`{name}` string")).collect();
    let _ = write!(
        text,
        ")\nPARTITIONED BY ({})\nSTORED AS PARQUET\nLOCATION '{location}/landing/'\nTBLPROPERTIES (\n  \
         'projection.enabled' = 'true',\n  \
         'projection.region.type' = 'enum',\n  \
         'projection.region.values' = '{}',\n  \
         'projection.date.type' = 'date',\n  \
         'projection.date.format' = 'yyyy-MM-dd',\n  \
         'projection.date.range' = '2025-01-01,NOW+1DAYS',\n  \
         'projection.hour.type' = 'integer',\n  \
         'projection.hour.range' = '0,23',\n  \
         'projection.hour.digits' = '2',\n  \
         'storage.location.template' = '{location}/landing/region=${{region}}/date=${{date}}/hour=${{hour}}/'\n);\n",
        partitions.join(", "),
        regions.join(",").replace('\'', "''"),
    );
    text
}

/// Glue limits a column comment to 255 bytes: the sentence up to there, whole words only.
fn glue_comment(doc: &str) -> &str {
    const GLUE_COMMENT_BYTES_MAX: usize = 255;
    if doc.len() <= GLUE_COMMENT_BYTES_MAX {
        return doc;
    }
    let mut end = GLUE_COMMENT_BYTES_MAX;
    while !doc.is_char_boundary(end) || !doc[end..].starts_with(' ') {
        end -= 1;
    }
    &doc[..end]
}

fn pretty(value: &serde_json::Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLUE_COLUMNS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/generated/glue-columns.json");

    #[test]
    fn the_committed_glue_columns_are_current() {
        let rendered = glue_columns_json();
        if std::env::var_os("TRANSECT_REFRESH").is_some() {
            std::fs::write(GLUE_COLUMNS, &rendered).unwrap();
        }
        let committed = std::fs::read_to_string(GLUE_COLUMNS).unwrap_or_default();
        assert!(
            committed == rendered,
            "deploy/generated/glue-columns.json is stale; refresh it with\n\n    TRANSECT_REFRESH=1 cargo test -p transect-schema\n"
        );
    }

    #[test]
    fn comments_fit_glue_and_keep_whole_words() {
        for column in COLUMNS {
            let comment = glue_comment(column.doc);
            assert!(comment.len() <= 255);
            assert!(column.doc.starts_with(comment));
            assert!(column.doc[comment.len()..].is_empty() || column.doc[comment.len()..].starts_with(' '));
        }
    }

    #[test]
    fn ddl_names_every_column_and_projects_every_partition() {
        let ddl = athena_ddl("telemetry", "s3://acme-telemetry/", &["us-east-2", "eu-west-2"]);
        for column in COLUMNS {
            assert!(ddl.contains(&format!("\n  `{}` {} COMMENT", column.name, column.column_type.glue_name())));
        }
        for partition in PARTITIONS {
            assert!(ddl.contains(&format!("'projection.{partition}.type'")), "{partition}");
            assert!(ddl.contains(&format!("{partition}=${{{partition}}}/")), "{partition}");
        }
        assert!(ddl.contains("LOCATION 's3://acme-telemetry/landing/'"));
        assert!(ddl.contains("'projection.region.values' = 'us-east-2,eu-west-2'"));
    }
}
