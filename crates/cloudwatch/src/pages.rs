//! From page to page of an answer. It refuses to turn to a page twice: reading would never end.

use std::collections::HashSet;

use crate::Fault;

/// The pages of one question that were turned to.
#[derive(Debug, Default)]
pub(crate) struct Pages(HashSet<String>);

impl Pages {
    /// The next page, if there is one that was not read.
    pub(crate) fn turn(&mut self, action: &'static str, next: Option<&str>) -> Result<Option<String>, Fault> {
        match next.map(str::to_owned) {
            Some(token) if !self.0.insert(token.clone()) => {
                Err(Fault { action, reason: "its pages lead in a circle".to_owned(), code: None })
            }
            next => Ok(next),
        }
    }
}
