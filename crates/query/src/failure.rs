//! What a failed record is, once: for views as an expression over the columns, for canaries by row. It refuses to say
//! whose fault a failure is.
//!
//! An HTTP status of 500 or above fails a unit of a canary, and not an invocation: a log also tells what others answered,
//! which a canary puts down to them and a view cannot.

use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions::string::expr_fn::starts_with;
use datafusion::logical_expr::{Expr, lit};

use transect_schema::{HTTP_ERROR, PLATFORM, SEVERITY_ERROR, STATUS_ERROR};

use crate::views::named;

/// What a record says that bears on its failing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FailureSigns {
    /// Whether it is a log record, rather than a span.
    pub(crate) is_log: bool,
    /// Whether it is one of Lambda's own.
    pub(crate) is_platform: bool,
    /// Whether it is a span that has not ended.
    pub(crate) is_in_progress: bool,
    pub(crate) severity_number: Option<i64>,
    pub(crate) has_error_status: bool,
    pub(crate) http_status: Option<i64>,
}

impl FailureSigns {
    /// Whether it says that its own call, or span, failed.
    pub(crate) fn has_failed(&self) -> bool {
        let of_status = if self.is_log { self.is_platform } else { !self.is_in_progress };
        self.is_log && self.severity_number.is_some_and(|number| number >= i64::from(SEVERITY_ERROR))
            || of_status && self.has_error_status
    }

    /// Whether somebody answered with a failure of the server.
    pub(crate) fn is_answer_of_failure(&self) -> bool {
        self.http_status.is_some_and(|status| status >= i64::from(HTTP_ERROR))
    }
}

/// [`FailureSigns::has_failed`] of a log record, never null.
pub(crate) fn has_failed() -> Expr {
    let of_severity = named("severity_number").gt_eq(lit(SEVERITY_ERROR));
    let of_platform = starts_with(named("event_name"), lit(PLATFORM)).and(named("status_code").eq(lit(STATUS_ERROR)));
    coalesce(vec![of_severity, lit(false)]).or(coalesce(vec![of_platform, lit(false)]))
}
