//! One request from the files of a lake: [`find`] reads for `transect_trace`, and [`pick`] lists requests to choose from.

mod find;
mod pick;

use futures::FutureExt;
use futures::future::BoxFuture;
use transect_schema::Completeness;
use transect_trace::{Circumstances, Trace, TraceBounds, TraceStart};

use crate::Result;
use crate::answer::Reading;
use crate::file_set::FileSet;
use crate::question::Question;
use find::{Finder, times};
pub use pick::{PickFilter, pick_sql};

impl Question {
    /// What the first look for a request would read, region by region: what it finds may lead further. Nothing but listings is
    /// read for that.
    pub async fn plan_trace(&self, start: &TraceStart) -> Result<(Vec<Reading>, Completeness)> {
        FileSet::new(self).list(&times(&start.windows)).await?;
        Ok((self.landing().readings(), self.completeness()))
    }

    /// Follows a request from an id that somebody holds. The time range of the question plays no part: where to look is
    /// said by `start`.
    pub fn trace<'q>(
        &'q self,
        start: &'q TraceStart,
        bounds: &'q TraceBounds,
        correct_skew: bool,
    ) -> BoxFuture<'q, Result<Trace>> {
        async move {
            let _turn = self.turn().await?;
            let mut finder = Finder::new(self);
            let found = transect_trace::follow(&mut finder, start, bounds).await?;
            let completeness = self.completeness();
            if let Some(error) = self.nothing_answers(&completeness) {
                return Err(error);
            }
            if found.events.is_empty() {
                self.check_for_telemetry().await?;
            }
            let circumstances = Circumstances {
                now_unix_nano: self.extent().now_unix_nano,
                is_region_missing: !completeness.missing_regions.is_empty(),
                ..Circumstances::default()
            };
            Ok(Trace::of(&start.text, found, completeness, &circumstances, correct_skew))
        }
        .boxed()
    }
}
