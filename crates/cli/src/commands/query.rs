//! `transect query`: the questions that come with the program. It refuses to put a value into the text of a query:
//! parameters are bound.

use transect_query::{SavedQuery, saved_queries, saved_query};

use crate::arguments::{Global, Query};
use crate::failure::Failure;
use crate::{config, output};

pub fn run(own: &Query, global: &Global) -> Result<(), Failure> {
    let Some(name) = &own.name else { return output::print(global, &list()) };
    let query = saved_query(name)?;
    if own.show_sql {
        return output::print(global, query.sql);
    }
    let given = own.param.iter().map(|pair| match pair.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Failure::usage(format!("--param {pair}: no `=` in it"), "write --param name=value")),
    });
    let params = query.bind(&given.collect::<Result<Vec<_>, _>>()?)?;
    let engine = output::engine(config::configured(global)?, global)?;
    output::answer(&engine, query.sql, &params, global)?;
    Ok(())
}

fn list() -> String {
    saved_queries().iter().map(describe).collect::<Vec<_>>().join("\n")
}

fn describe(query: &SavedQuery) -> String {
    let mut text = format!("{}\n    {}\n", query.name, query.summary);
    for line in query.help.lines() {
        text.push_str(&format!("    {line}\n"));
    }
    for param in &query.params {
        let default = param.default.map_or("required".to_owned(), |default| {
            format!("default {}", if default.is_empty() { "''" } else { default })
        });
        text.push_str(&format!("    --param {}=…  {} ({}, {default})\n", param.name, param.doc, param.kind.name()));
    }
    text
}
