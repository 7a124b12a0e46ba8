//! Words and numbers that columns hold, and that more than one room asks for.

/// OpenTelemetry's lowest number of an error.
pub const SEVERITY_ERROR: i32 = 17;

/// The status of what failed.
pub const STATUS_ERROR: &str = "ERROR";

/// HTTP's lowest number of a failure of the server.
pub const HTTP_ERROR: i32 = 500;

/// Lambda's own events begin so.
pub const PLATFORM: &str = "platform.";

/// The event of a span that was told of before it ended.
pub const SPAN_IN_PROGRESS: &str = "span.in_progress";
