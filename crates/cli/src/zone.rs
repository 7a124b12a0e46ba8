//! The local zone: what `TZ` says, else the machine's, by the machine's rules of zones or, where it has none, by those in the
//! program. It refuses to guess: a `TZ` that names no zone is told, and UTC is used.

use std::ffi::OsString;
use std::sync::OnceLock;

use jiff::tz::TimeZone;
use transect_query::did_you_mean;

use crate::arguments::Global;
use crate::output;

/// The zone in which times are shown, and in which those that name none are understood.
pub fn local(global: &Global) -> TimeZone {
    static LOCAL: OnceLock<TimeZone> = OnceLock::new();
    let find = || {
        let (zone, note) = zone_of(std::env::var_os("TZ"), TimeZone::try_system().ok());
        if let Some(note) = note {
            output::say(global, &note);
        }
        zone
    };
    LOCAL.get_or_init(find).clone()
}

/// The zone of the arguments that choose between the local one and UTC.
pub fn shown(is_utc: bool, global: &Global) -> TimeZone {
    if is_utc { TimeZone::UTC } else { local(global) }
}

/// The zone, and what is to be said of it. `system` is none where `TZ` cannot be understood, or where it is not set and the
/// machine has no zone: then it is in UTC, as everything else takes it.
fn zone_of(variable: Option<OsString>, system: Option<TimeZone>) -> (TimeZone, Option<String>) {
    match (system, variable) {
        (Some(zone), _) if !zone.is_unknown() => (zone, None),
        (_, Some(name)) => {
            let name = name.to_string_lossy();
            let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let hint = did_you_mean(&name, names.iter().map(String::as_str));
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            (TimeZone::UTC, Some(format!("transect: TZ={name} names no zone, and UTC is used{hint}")))
        }
        (_, None) => (TimeZone::UTC, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_is_none_is_told() {
        let check = |name: Option<&str>, system: Option<TimeZone>, note: Option<&str>| {
            let (zone, said) = zone_of(name.map(OsString::from), system.clone());
            assert_eq!(zone, system.filter(|zone| !zone.is_unknown()).unwrap_or(TimeZone::UTC), "{name:?}");
            assert_eq!(said.as_deref(), note, "{name:?}");
        };
        let tokyo = TimeZone::get("Asia/Tokyo").unwrap();
        check(Some("Asia/Tokyo"), Some(tokyo.clone()), None);
        check(None, Some(tokyo), None);
        check(None, None, None);
        check(None, Some(TimeZone::unknown()), None);
        check(
            Some("Amercia/New_York"),
            None,
            Some("transect: TZ=Amercia/New_York names no zone, and UTC is used; did you mean `America/New_York`?"),
        );
        check(Some("Narnia/Lantern"), None, Some("transect: TZ=Narnia/Lantern names no zone, and UTC is used"));
    }

    #[test]
    fn the_rules_of_zones_are_in_the_program() {
        // Of a database that was built in, so that a machine without one has them.
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("America/New_York").unwrap();
        let time: jiff::Timestamp = "2026-11-29T20:24:16Z".parse().unwrap();
        assert_eq!(time.to_zoned(zone).strftime("%H:%M %:z").to_string(), "15:24 -05:00");
    }
}
