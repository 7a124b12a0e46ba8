//! Which hours of arrival can hold the rows that a predicate wants. It refuses to cut finer than it knows: what it
//! does not understand bounds nothing.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, Operator, TryCast};
use transect_lake::{HourRange, HourUtc, NANOS_PER_HOUR};

/// An event may carry a time up to 15 min after CloudWatch's, which may itself lie 2 h ahead of arrival: rounded up.
const ARRIVAL_BEFORE_EVENT_NANOS: i64 = 3 * NANOS_PER_HOUR;
/// An event may carry a time up to 1 h before CloudWatch's. Lateness comes on top.
const ARRIVAL_AFTER_EVENT_NANOS: i64 = NANOS_PER_HOUR;
const NANOS_PER_DAY: i64 = 24 * NANOS_PER_HOUR;

/// An interval, both ends included; an absent end is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

impl Bounds {
    fn at_least(min: i64) -> Bounds {
        Bounds { min: Some(min), max: None }
    }

    fn at_most(max: i64) -> Bounds {
        Bounds { min: None, max: Some(max) }
    }

    /// Where both hold.
    pub(crate) fn and(self, other: Bounds) -> Bounds {
        let max = match (self.max, other.max) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Bounds { min: self.min.max(other.min), max }
    }

    /// Where one of them holds, and what lies between.
    fn or(self, other: Bounds) -> Bounds {
        Bounds {
            min: self.min.zip(other.min).map(|(one, two)| one.min(two)),
            max: self.max.zip(other.max).map(|(one, two)| one.max(two)),
        }
    }

    /// Both ends moved apart.
    pub(crate) fn widen(self, nanos: i64) -> Bounds {
        Bounds {
            min: self.min.map(|min| min.saturating_sub(nanos)),
            max: self.max.map(|max| max.saturating_add(nanos)),
        }
    }

    /// The hours in which events of these times can have arrived. Hours after `now` are asked for only if the events
    /// are from then.
    pub(crate) fn arrival_hours(self, lateness_nano: i64, now_unix_nano: i64) -> HourRange {
        let first = self.min.map(|min| HourUtc::from_unix_nano(min.saturating_sub(ARRIVAL_BEFORE_EVENT_NANOS)));
        let last = self.max.map(|max| {
            let latest = max.saturating_add(ARRIVAL_AFTER_EVENT_NANOS).saturating_add(lateness_nano);
            HourUtc::from_unix_nano(latest.min(now_unix_nano.max(max)))
        });
        HourRange { first, last }
    }
}

/// The values that an integer or timestamp column can have where all the filters hold. `names` are the names of the
/// column; the unit is nanoseconds since 1970 for timestamps and the column's own for integers.
pub(crate) fn bounds(names: &[&str], filters: &[Expr]) -> Bounds {
    filters.iter().fold(Bounds::default(), |all, filter| all.and(bounds_of(names, filter)))
}

fn bounds_of(names: &[&str], filter: &Expr) -> Bounds {
    match filter {
        Expr::Alias(alias) => bounds_of(names, &alias.expr),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::And => bounds_of(names, left).and(bounds_of(names, right)),
            Operator::Or => bounds_of(names, left).or(bounds_of(names, right)),
            _ if is_column(names, left) => comparison(*op, right),
            _ if is_column(names, right) => op.swap().map(|op| comparison(op, left)).unwrap_or_default(),
            _ => Bounds::default(),
        },
        Expr::Between(Between { expr, negated: false, low, high }) if is_column(names, expr) => {
            comparison(Operator::GtEq, low).and(comparison(Operator::LtEq, high))
        }
        Expr::InList(InList { expr, list, negated: false }) if is_column(names, expr) => {
            list.iter().map(|value| comparison(Operator::Eq, value)).reduce(Bounds::or).unwrap_or_default()
        }
        _ => Bounds::default(),
    }
}

/// Whether the expression is the column, perhaps cast in a way that keeps its meaning. A cast of a timestamp to a coarser
/// unit moves it by less than that unit, which [`literal`] allows for; an integer cast to a timestamp of seconds would
/// mean seconds.
fn is_column(names: &[&str], expr: &Expr) -> bool {
    match expr {
        Expr::Column(column) => names.contains(&column.name.as_str()),
        Expr::Alias(alias) => is_column(names, &alias.expr),
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
            let keeps_unit = match field.data_type() {
                DataType::Int64 | DataType::Timestamp(TimeUnit::Nanosecond, _) => true,
                DataType::Timestamp(..) | DataType::Date32 => matches!(expr.as_ref(), Expr::Cast(_) | Expr::TryCast(_)),
                DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => true,
                _ => false,
            };
            keeps_unit && is_column(names, expr)
        }
        _ => false,
    }
}

fn comparison(op: Operator, value: &Expr) -> Bounds {
    let Some((first, last)) = literal(value) else { return Bounds::default() };
    match op {
        Operator::Eq | Operator::IsNotDistinctFrom => Bounds { min: Some(first), max: Some(last) },
        Operator::Gt | Operator::GtEq => Bounds::at_least(first),
        Operator::Lt | Operator::LtEq => Bounds::at_most(last),
        _ => Bounds::default(),
    }
}

/// The first and last nanosecond of a literal in its own unit: a date is a whole day.
fn literal(value: &Expr) -> Option<(i64, i64)> {
    let value = match value {
        Expr::Literal(value, _) => value,
        Expr::Alias(alias) => return literal(&alias.expr),
        _ => return None,
    };
    let span = |number: i64, unit: i64| {
        let first = number.checked_mul(unit)?;
        Some((first, first.saturating_add(unit - 1)))
    };
    match value {
        ScalarValue::Int64(number) => span((*number)?, 1),
        ScalarValue::Int32(number) => span(i64::from((*number)?), 1),
        ScalarValue::UInt64(number) => span(i64::try_from((*number)?).ok()?, 1),
        ScalarValue::TimestampNanosecond(number, _) => span((*number)?, 1),
        ScalarValue::TimestampMicrosecond(number, _) => span((*number)?, 1_000),
        ScalarValue::TimestampMillisecond(number, _) => span((*number)?, 1_000_000),
        ScalarValue::TimestampSecond(number, _) => span((*number)?, 1_000_000_000),
        ScalarValue::Date32(days) => span(i64::from((*days)?), NANOS_PER_DAY),
        ScalarValue::Date64(millis) => span((*millis)?, 1_000_000),
        _ => None,
    }
}

/// The values that a text column can have where all the filters hold; `None` if the filters do not say.
pub(crate) fn allowed_values(name: &str, filters: &[Expr]) -> Option<Vec<String>> {
    let text = |value: &Expr| match value {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        _ => None,
    };
    let of = |filter: &Expr| match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) if is_column(&[name], left) => {
            Some(vec![text(right)?])
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) if is_column(&[name], right) => {
            Some(vec![text(left)?])
        }
        Expr::InList(InList { expr, list, negated: false }) if is_column(&[name], expr) => {
            list.iter().map(text).collect()
        }
        _ => None,
    };
    filters.iter().filter_map(of).reduce(|one, two| one.into_iter().filter(|value| two.contains(value)).collect())
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use super::*;

    const TIMES: [&str; 1] = ["t"];

    fn check(filter: Expr, min: Option<i64>, max: Option<i64>) {
        assert_eq!(bounds(&TIMES, std::slice::from_ref(&filter)), Bounds { min, max }, "{filter}");
    }

    #[test]
    fn comparisons_bound_and_the_rest_does_not() {
        let t = || col("t");
        check(t().gt_eq(lit(5_i64)), Some(5), None);
        check(lit(5_i64).gt_eq(t()), None, Some(5));
        check(t().eq(lit(5_i64)), Some(5), Some(5));
        check(t().between(lit(5_i64), lit(9_i64)), Some(5), Some(9));
        check(t().not_between(lit(5_i64), lit(9_i64)), None, None);
        check(t().in_list(vec![lit(7_i64), lit(3_i64)], false), Some(3), Some(7));
        check(t().in_list(vec![lit(7_i64), col("u")], false), None, None);
        check(t().in_list(vec![lit(7_i64)], true), None, None);
        check(t().gt(lit(5_i64)).and(t().lt(lit(9_i64))), Some(5), Some(9));
        check(t().eq(lit(5_i64)).or(t().eq(lit(9_i64))), Some(5), Some(9));
        check(t().eq(lit(5_i64)).or(col("u").eq(lit(9_i64))), None, None);
        check(t().gt(lit(5_i64)).or(t().is_null()), None, None);
        check(t().not_eq(lit(5_i64)), None, None);
        check(t().gt(lit(1.5)), None, None);
        check(col("u").gt(lit(5_i64)), None, None);
        check((t() + lit(1_i64)).gt(lit(5_i64)), None, None);
        check(t().gt(lit(ScalarValue::Int64(None))), None, None);
        let seconds = |expr| Expr::Cast(Cast::new(Box::new(expr), DataType::Timestamp(TimeUnit::Second, None)));
        let nanos = Expr::Cast(Cast::new(Box::new(t()), DataType::Timestamp(TimeUnit::Nanosecond, None)));
        let five = || lit(ScalarValue::TimestampSecond(Some(5), None));
        check(seconds(t()).lt_eq(five()), None, None);
        check(seconds(nanos).lt_eq(five()), None, Some(5_999_999_999));
        check(t().gt(lit(ScalarValue::TimestampSecond(Some(i64::MAX), None))), None, None);
        check(t().eq(lit(ScalarValue::Date32(Some(1)))), Some(NANOS_PER_DAY), Some(2 * NANOS_PER_DAY - 1));
    }

    #[test]
    fn arrival_lies_between_three_hours_before_and_lateness_after_and_never_past_now() {
        let hour = |hours: i64| HourUtc::from_unix_nano(hours * NANOS_PER_HOUR);
        let at = |hours: i64| hours * NANOS_PER_HOUR;
        let bounds = Bounds { min: Some(at(100)), max: Some(at(101)) };
        let expected = |first, last| HourRange { first: Some(hour(first)), last: Some(hour(last)) };
        assert_eq!(bounds.arrival_hours(at(24), at(1000)), expected(97, 126));
        assert_eq!(bounds.arrival_hours(at(24), at(110)), expected(97, 110));
        assert_eq!(bounds.arrival_hours(0, at(1000)), expected(97, 102));
        // A clock that is behind hides nothing that was asked for.
        assert_eq!(bounds.arrival_hours(at(24), at(0)), expected(97, 101));
        assert_eq!(Bounds::default().arrival_hours(at(24), at(0)), HourRange::default());
        assert!(Bounds { min: Some(i64::MIN), max: Some(i64::MAX) }.arrival_hours(i64::MAX, 0).contains(hour(0)));
    }

    #[test]
    fn regions_are_those_that_every_filter_allows() {
        let r = || col("r");
        assert_eq!(allowed_values("r", &[]), None);
        assert_eq!(allowed_values("r", &[r().not_eq(lit("a"))]), None);
        assert_eq!(allowed_values("r", &[r().eq(lit("a"))]), Some(vec!["a".to_owned()]));
        let filters = [r().in_list(vec![lit("a"), lit("b")], false), lit("b").eq(r())];
        assert_eq!(allowed_values("r", &filters), Some(vec!["b".to_owned()]));
        assert_eq!(allowed_values("r", &[r().eq(lit("a")), r().eq(lit("b"))]), Some(vec![]));
    }
}
