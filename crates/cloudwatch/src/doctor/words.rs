//! How findings say times, bytes and commands. It refuses to know what they are about.

use jiff::{SignedDuration, Timestamp};

use crate::Names;

/// So many names stand in a finding; the table of `transect subscribe` has all of them.
const NAMES_MAX: usize = 5;

/// A duration in its largest unit: `45 s`, `12 min`, `3 h`, `5 d`.
pub(super) fn duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().unsigned_abs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Bytes in the largest unit of which there is one: `12 B`, `3.4 GB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, f64); 4] = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let found = UNITS.iter().find(|(_, size)| bytes as f64 >= *size);
    found.map_or_else(|| format!("{bytes} B"), |(unit, size)| format!("{:.1} {unit}", bytes as f64 / size))
}

/// A time to the second.
pub(super) fn second(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// The first of many names, and how many there are beside.
pub(super) fn names<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(NAMES_MAX);
    let mut text = names.take(NAMES_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

/// `1 object`, `2 objects`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A word as a shell takes it, whatever stands in it.
pub fn quote(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@+".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// An option of a command with its value, which may begin like an option.
pub(super) fn option(name: &str, value: &str) -> String {
    format!(" {name}{}{}", if value.starts_with('-') { "=" } else { " " }, quote(value))
}

/// What installs a region.
pub(super) fn deploy(names: &Names, region: &str) -> String {
    deploy_with(names, region, &format!("file://deploy/params/{region}.json"))
}

/// What changes some parameters of a region that is installed, and nothing else.
pub(super) fn deploy_with(names: &Names, region: &str, parameters: &str) -> String {
    format!(
        "aws cloudformation deploy --region {region} --stack-name {} --template-file deploy/cfn/region.yaml --capabilities \
         CAPABILITY_IAM --parameter-overrides {parameters}",
        names.name()
    )
}
