//! `transect schema`: the columns, as people, programs, Glue or Athena want them. It refuses to touch a lake.

use crate::arguments::{FormatName, Global};
use crate::failure::Failure;
use crate::output::{self, print};

pub fn run(global: &Global) -> Result<(), Failure> {
    let text = match global.format {
        None if !output::is_json(global) => table(),
        Some(FormatName::Table) => table(),
        None | Some(FormatName::Json) => transect_schema::columns_json(),
        Some(FormatName::Glue) => transect_schema::glue_columns_json(),
        Some(FormatName::Ddl) => ddl(global),
        Some(other) => {
            return Err(Failure::usage(
                format!("`transect schema` does not write {}", other.name()),
                "it writes table, json, glue or ddl",
            ));
        }
    };
    print(global, &text)
}

fn table() -> String {
    let name_width = transect_schema::COLUMNS.iter().map(|column| column.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for column in transect_schema::COLUMNS {
        let required = if column.required { "required" } else { "" };
        text.push_str(&format!(
            "{:name_width$}  {:8} {required:8}  {}\n",
            column.name,
            column.column_type.glue_name(),
            column.doc
        ));
    }
    text
}

/// One table a region's bucket; `--region` names the regions, and the bucket is for the reader to fill in.
fn ddl(global: &Global) -> String {
    let regions: Vec<&str> =
        if global.region.is_empty() { vec!["us-east-1"] } else { global.region.iter().map(String::as_str).collect() };
    format!(
        "-- Put the bucket of the delivery stream in place of BUCKET, and its regions with --region.\n{}",
        transect_schema::athena_ddl("telemetry", "s3://BUCKET", &regions)
    )
}
