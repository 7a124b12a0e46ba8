//! `transect query`: the questions that come with the program. It refuses to put a value into the text of a query:
//! parameters are bound.

use transect_query::{Completeness, Format, Param, SavedQuery, saved_queries, saved_query};

use crate::arguments::{Global, Query};
use crate::failure::Failure;
use crate::rows::Rows;
use crate::{config, output};

pub fn run(own: &Query, global: &Global) -> Result<(), Failure> {
    let Some(name) = &own.name else { return list(global) };
    let query = saved_query(name)?;
    if own.show_sql {
        return output::print(global, query.sql);
    }
    let given = own.param.iter().map(|pair| match pair.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Failure::usage(format!("--param {pair}: no `=` in it"), "write --param name=value")),
    });
    let params = query.bind(&given.collect::<Result<Vec<_>, _>>()?)?;
    let question = output::question(config::configured(global)?, global)?;
    output::block_on(None, question.check_region_param(&params))??;
    let rows = output::answer(&question, query.sql, &params, global)?;
    if rows == 0 && !global.dry_run {
        // No rows are an answer; of a name that no record has there is none.
        let hints = output::unknown_hints(&question, global, question.unknown_params(&params))?;
        if !hints.is_empty() {
            return Err(Failure::nothing_found("nothing found", Some(hints.join("\n"))));
        }
    }
    Ok(())
}

fn list(global: &Global) -> Result<(), Failure> {
    if output::row_format(global)? == Format::Table {
        return output::print(global, &saved_queries().iter().map(describe).collect::<Vec<_>>().join("\n"));
    }
    let queries = saved_queries().iter();
    let params = |query: &SavedQuery| {
        let params = query.params.iter().map(|param| format!("{} ({}): {}", param.name, declared(param), param.doc));
        params.collect::<Vec<_>>().join("\n")
    };
    Rows::new()
        .text("name", queries.clone().map(|query| query.name))
        .text("summary", queries.clone().map(|query| query.summary))
        .text("help", queries.clone().map(|query| query.help.as_str()))
        .text("parameters", queries.map(params))
        .print(global, &Completeness::default())
}

fn describe(query: &SavedQuery) -> String {
    let mut text = format!("{}\n    {}\n", query.name, query.summary);
    for line in query.help.lines() {
        text.push_str(&format!("    {line}\n"));
    }
    for param in &query.params {
        text.push_str(&format!("    --param {}=…  {} ({})\n", param.name, param.doc, declared(param)));
    }
    text
}

/// What values a parameter takes, as the head of its query declares it.
fn declared(param: &Param) -> String {
    let bounds = param.bounds.map(|(least, greatest)| format!(" {least} to {greatest}")).unwrap_or_default();
    let default = param.default.map_or("required".to_owned(), |default| {
        format!("default {}", if default.is_empty() { "''" } else { default })
    });
    format!("{}{bounds}, {default}", param.kind.name())
}
