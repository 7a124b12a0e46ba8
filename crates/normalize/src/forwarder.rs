//! What a forwarder of ours writes about itself, told from what others write, so that a lake holds no lines about its own
//! making where two installations of a region read each other.
//!
//! It refuses to believe the text of a line alone: whoever's words an application logs could make that line vanish.

use std::collections::HashSet;

use transect_schema::Record;

use crate::{Document, Normalizer, Origin, Stats};

/// The namespace of the metrics that a forwarder reports with each invocation.
pub const NAMESPACE: &str = "Transect/Forwarder";

/// The log group of a forwarder is called so, whatever the installation's name is (`deploy/`).
const GROUP_PREFIX: &str = "/aws/lambda/";
const GROUP_SUFFIX: &str = "-forwarder";

impl Normalizer {
    /// As [`Normalizer::normalize`], without what a forwarder wrote; and how many events that are. It is told by its log group
    /// and by a report of metrics among the document's lines. Then such reports are left out and what Lambda says of its calls;
    /// other lines are somebody's, who calls a function so.
    pub fn normalize_others(
        &self,
        document: Document<'_>,
        origin: &Origin<'_>,
        each: &mut dyn FnMut(&Record<'_>),
    ) -> (Stats, u64) {
        let mut reports = HashSet::new();
        let group = document.log_group();
        if group.starts_with(GROUP_PREFIX) && group.ends_with(GROUP_SUFFIX) {
            self.normalize(document, origin, &mut |record| {
                if record.metric_namespace.as_deref() == Some(NAMESPACE) {
                    reports.insert(event_of(record).to_owned());
                }
            });
        }
        if reports.is_empty() {
            return (self.normalize(document, origin, each), 0);
        }
        let mut own = HashSet::new();
        let stats = self.normalize(document, origin, &mut |record| {
            let id = event_of(record);
            let is_platform = record.event_name.as_deref().is_some_and(|name| name.starts_with(PLATFORM));
            if is_platform || reports.contains(id) {
                own.insert(id.to_owned());
            }
            if !own.contains(id) {
                each(record);
            }
        });
        (stats, own.len() as u64)
    }
}

/// How events are called that Lambda writes about a call.
const PLATFORM: &str = "platform.";

/// The id of the event that a record is made of.
fn event_of<'r>(record: &'r Record<'_>) -> &'r str {
    record.event_id.split_once('/').map_or(&*record.event_id, |(id, _)| id)
}
