//! Who wrote the records: functions with their versions, the services and releases that they state, in which log groups,
//! and how often. From it follows whose a record is that does not say so itself, and who may speak for a service. It
//! refuses to count records: those may have been delivered twice. Their times are counted, each once.
//!
//! What a stranger gets printed names whatever service he likes, but it stands in the log group of the service that he
//! called. So a service is spoken for by the groups in which Lambda reports its calls, or that are named after its
//! functions, and by its spans. A container's logs speak beside its spans where most of what stands there names it; where a
//! service has neither calls nor spans, all groups speak that name it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use transect_lake::LATEST;

use super::WINDOW_NANO;
use super::tally::PlainHash;
use crate::release_map::ReleaseMap;

/// A name; 0 where there is none.
pub(super) type Name = u32;

/// Names by number.
#[derive(Clone, Debug)]
pub(super) struct Names {
    numbers: HashMap<Arc<str>, Name>,
    texts: Vec<Arc<str>>,
}

impl Default for Names {
    fn default() -> Names {
        Names { numbers: HashMap::new(), texts: vec![Arc::from("")] }
    }
}

impl Names {
    /// The number of a name; an empty one is none.
    pub(super) fn number(&mut self, text: &str) -> Name {
        if text.is_empty() {
            return 0;
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let (text, number) = (Arc::<str>::from(text), Name::try_from(self.texts.len()).unwrap_or(0));
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    pub(super) fn find(&self, text: &str) -> Option<Name> {
        self.numbers.get(text).copied()
    }

    pub(super) fn text(&self, number: Name) -> &str {
        self.texts.get(number as usize).map_or("", |text| text)
    }

    /// The place of each name in their order; none comes first.
    fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<usize> = (0..self.texts.len()).collect();
        order.sort_by(|one, other| self.texts[*one].cmp(&self.texts[*other]));
        let mut ranks = vec![0; order.len()];
        for (rank, place) in (0..).zip(order) {
            ranks[place] = rank;
        }
        ranks
    }
}

/// What records say of who wrote them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Emitter {
    pub(super) region: Name,
    pub(super) function: Name,
    pub(super) version: Name,
    pub(super) service: Name,
    pub(super) release: Name,
    pub(super) group: Name,
    pub(super) kind: RowKind,
}

impl Emitter {
    pub(super) fn of_version(&self) -> Version {
        (self.region, self.function, self.version)
    }
}

/// What a record is for telling who may speak for a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum RowKind {
    /// Of an application.
    #[default]
    Application,
    /// Of Lambda, about anything but the end of a call.
    Platform,
    /// Of Lambda, about the end of a call.
    Report,
    /// A span.
    Span,
}

/// Times that are kept of an emitter: more of them are a sample.
const TIMES_MAX: usize = 1024;

/// When an emitter wrote: the minutes, as bits, and how many times there were. Of many times those are kept whose hashes
/// are lowest, so that the same times are the same sample in any order and however often they come.
#[derive(Clone, Debug)]
pub(super) struct Times {
    minutes: Vec<u64>,
    sample: HashSet<i64, PlainHash>,
    hash_max: u64,
}

impl Default for Times {
    fn default() -> Times {
        Times { minutes: Vec::new(), sample: HashSet::default(), hash_max: u64::MAX }
    }
}

fn hash(time: i64) -> u64 {
    let mixed = (time as u64 ^ time as u64 >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

impl Times {
    /// A time, and its minute from the beginning.
    pub(super) fn add(&mut self, time: i64, minute: usize) {
        let place = minute / 64;
        if self.minutes.len() <= place {
            self.minutes.resize(place + 1, 0);
        }
        self.minutes[place] |= 1 << (minute % 64);
        if hash(time) <= self.hash_max {
            self.sample.insert(time);
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        while self.sample.len() > TIMES_MAX {
            self.hash_max /= 2;
            self.sample.retain(|time| hash(*time) <= self.hash_max);
        }
    }

    fn unite(&mut self, other: &Times) {
        if self.minutes.len() < other.minutes.len() {
            self.minutes.resize(other.minutes.len(), 0);
        }
        self.minutes.iter_mut().zip(&other.minutes).for_each(|(sum, bits)| *sum |= bits);
        self.hash_max = self.hash_max.min(other.hash_max);
        self.sample.retain(|time| hash(*time) <= self.hash_max);
        self.sample.extend(other.sample.iter().filter(|time| hash(**time) <= self.hash_max));
        self.shrink();
    }

    fn is_empty(&self) -> bool {
        self.sample.is_empty() && self.hash_max == u64::MAX
    }

    /// How many there were, as far as the sample tells.
    fn count(&self) -> u64 {
        let share = (self.hash_max as f64 + 1.0) / 2.0_f64.powi(64);
        (self.sample.len() as f64 / share) as u64
    }

    /// How many there were from one time until another, as far as the sample tells.
    fn count_within(&self, since_unix_nano: i64, until_unix_nano: i64) -> u64 {
        let share = (self.hash_max as f64 + 1.0) / 2.0_f64.powi(64);
        let within = self.sample.iter().filter(|time| **time >= since_unix_nano && **time < until_unix_nano);
        (within.count() as f64 / share) as u64
    }

    fn has_any(&self, from: usize, until: usize) -> bool {
        (from..until).any(|minute| self.minutes.get(minute / 64).is_some_and(|bits| bits >> (minute % 64) & 1 == 1))
    }
}

/// What was seen, file by file.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) names: Names,
    numbers: HashMap<Emitter, u32>,
    emitters: Vec<(Emitter, Times)>,
}

impl Seen {
    /// The number of an emitter, from 0.
    pub(super) fn number(&mut self, emitter: Emitter) -> u32 {
        *self.numbers.entry(emitter).or_insert_with(|| {
            self.emitters.push((emitter, Times::default()));
            u32::try_from(self.emitters.len() - 1).unwrap_or(0)
        })
    }

    pub(super) fn times(&mut self, number: u32) -> &mut Times {
        &mut self.emitters[number as usize].1
    }

    pub(super) fn merge(&mut self, other: &Seen) {
        let names: Vec<Name> = other.names.texts.iter().map(|text| self.names.number(text)).collect();
        let name = |number: Name| names[number as usize];
        // A row group also holds records of other times.
        for (emitter, times) in other.emitters.iter().filter(|(_, times)| !times.is_empty()) {
            let number = self.number(Emitter {
                region: name(emitter.region),
                function: name(emitter.function),
                version: name(emitter.version),
                service: name(emitter.service),
                release: name(emitter.release),
                group: name(emitter.group),
                kind: emitter.kind,
            });
            self.times(number).unite(times);
        }
    }
}

/// Region, function and version; of `$LATEST` a deployment of it, where the stream tells.
pub(super) type Version = (Name, Name, Name);

/// What stands in the streams that Lambda makes for `$LATEST`: each is of one sandbox, and so of one deployment.
const LATEST_STREAM: &str = "[$LATEST]";

/// What stands for the version of rows of `$LATEST` in a stream, if Lambda has made it: `$LATEST` and the stream. What is
/// deployed as `$LATEST` changes, and what is deployed in a stream does not, as in a numbered version.
pub(super) fn deployment_of(stream: &str) -> Option<String> {
    stream.contains(LATEST_STREAM).then(|| format!("{LATEST} {stream}"))
}

/// Whether a version is such a deployment.
fn is_deployment(version: &str) -> bool {
    version.strip_prefix(LATEST).is_some_and(|rest| rest.starts_with(' '))
}

/// Where Transaction Search writes the spans of an account.
const SPANS_GROUP: &str = "aws/spans";

/// The log groups that may speak for each service. One in which Lambda reports calls of other services alone does not,
/// unless the service has no other.
fn groups(seen: &Seen, services: &[Name], homes: &HashMap<Name, BTreeSet<Name>>) -> HashMap<Name, BTreeSet<Name>> {
    let spans_group = seen.names.find(SPANS_GROUP);
    let its = || seen.emitters.iter().zip(services).filter(|((_, times), service)| **service != 0 && !times.is_empty());
    let mut reported: HashMap<Name, BTreeSet<Name>> = HashMap::new();
    for ((emitter, _), service) in its() {
        let is_home = homes.get(&emitter.function).is_some_and(|groups| groups.contains(&emitter.group));
        if emitter.kind == RowKind::Report && is_home {
            reported.entry(emitter.group).or_default().insert(*service);
        }
    }
    // Where its functions write, naming it, and naming it from where others are reported.
    let mut found: [HashMap<Name, BTreeSet<Name>>; 3] = Default::default();
    let mut spans: HashSet<Name> = HashSet::new();
    for ((emitter, _), service) in its() {
        let place = match reported.get(&emitter.group) {
            Some(services) if services.contains(service) => 0,
            Some(_) => 2,
            None => usize::from(!is_named_after(seen, emitter)),
        };
        found[place].entry(*service).or_default().insert(emitter.group);
        // What looks like a span elsewhere may be anybody's.
        if emitter.kind == RowKind::Span && Some(emitter.group) == spans_group {
            spans.insert(*service);
        }
    }
    let [mut groups, naming, others] = found;
    let mut of_containers = homes_of_containers(seen);
    for service in spans {
        let its = || of_containers.remove(&service).unwrap_or_default();
        groups.entry(service).or_insert_with(its).extend(spans_group);
    }
    for (service, further) in naming.into_iter().chain(others) {
        groups.entry(service).or_insert(further);
    }
    groups
}

/// The log groups in which half of the lines or more are a container's that name a service, by service.
fn homes_of_containers(seen: &Seen) -> HashMap<Name, BTreeSet<Name>> {
    let mut written: HashMap<Name, BTreeMap<Name, Times>> = HashMap::new();
    let lines = seen.emitters.iter().filter(|(emitter, _)| emitter.kind == RowKind::Application);
    for (emitter, times) in lines {
        let service = if emitter.function == 0 { emitter.service } else { 0 };
        written.entry(emitter.group).or_default().entry(service).or_default().unite(times);
    }
    let mut homes: HashMap<Name, BTreeSet<Name>> = HashMap::new();
    for (group, services) in written {
        let all: u64 = services.values().map(Times::count).sum();
        for (service, times) in services.iter().filter(|(service, _)| **service != 0) {
            if 2 * times.count() >= all {
                homes.entry(*service).or_default().insert(group);
            }
        }
    }
    homes
}

/// What follows from all that was seen.
pub(super) struct Survey {
    pub(super) names: Names,
    numbers: HashMap<Emitter, u32>,
    emitters: Vec<(Emitter, Times)>,
    ranks: Vec<u32>,
    /// By emitter.
    services: Vec<Name>,
    /// What is stated of a version most often.
    stated: HashMap<Version, Name>,
    /// Deployments of `$LATEST`, and its number.
    deployments: HashSet<Name>,
    latest: Name,
    /// What is recorded for a version; `$LATEST`, whose release depends on the time, by itself.
    recorded: HashMap<Version, Name>,
    /// The log groups that may speak for each service.
    groups: HashMap<Name, BTreeSet<Name>>,
    first_unix_nano: i64,
}

/// The folder of the log groups that Lambda names after functions.
const FUNCTION_GROUPS: &str = "/aws/lambda/";

/// Whether a record stands in the log group that Lambda names after its function.
fn is_named_after(seen: &Seen, emitter: &Emitter) -> bool {
    let [group, function] = [emitter.group, emitter.function].map(|name| seen.names.text(name));
    emitter.function != 0 && group.starts_with(FUNCTION_GROUPS) && may_report(group, function)
}

/// Whether a log group can hold the reports of a function: one that is named after a function is that function's.
/// Lambda@Edge puts the function's own region before the name.
fn may_report(group: &str, function: &str) -> bool {
    match group.strip_prefix(FUNCTION_GROUPS) {
        None => true,
        Some(name) => name.strip_suffix(function).is_some_and(|before| before.is_empty() || before.ends_with('.')),
    }
}

/// The log groups in which Lambda reports the calls of each function.
fn homes(seen: &Seen) -> HashMap<Name, BTreeSet<Name>> {
    let mut homes: HashMap<Name, BTreeSet<Name>> = HashMap::new();
    for (emitter, _) in &seen.emitters {
        let is_report = emitter.kind == RowKind::Report && emitter.function != 0;
        if is_report && may_report(seen.names.text(emitter.group), seen.names.text(emitter.function)) {
            homes.entry(emitter.function).or_default().insert(emitter.group);
        }
    }
    homes
}

/// The service of each function that states one: what most of its records state that state any.
///
/// Where a function states a service in most of what it writes, another one that does so in a few of its records alone
/// does not belong to that service: a stranger may have put it there.
fn services_of_functions(
    seen: &Seen,
    speaks: impl Fn(&Emitter) -> bool,
    most: impl Fn(&BTreeMap<Name, Times>) -> Option<Name>,
) -> HashMap<Name, Name> {
    let mut stated: HashMap<Name, BTreeMap<Name, Times>> = HashMap::new();
    let mut written: HashMap<Name, Times> = HashMap::new();
    for (emitter, times) in seen.emitters.iter().filter(|(emitter, _)| emitter.function != 0 && speaks(emitter)) {
        if emitter.service != 0 {
            stated.entry(emitter.function).or_default().entry(emitter.service).or_default().unite(times);
        }
        if emitter.kind == RowKind::Application {
            written.entry(emitter.function).or_default().unite(times);
        }
    }
    let claims: Vec<(Name, Name, bool)> = stated
        .iter()
        .filter_map(|(function, times)| {
            let service = most(times)?;
            let (states, writes) = (times.get(&service)?.count(), written.get(function).map_or(0, Times::count));
            Some((*function, service, states.saturating_mul(2) >= writes))
        })
        .collect();
    let sure: HashSet<Name> = claims.iter().filter(|(.., is_sure)| *is_sure).map(|(_, service, _)| *service).collect();
    let holds = |(_, service, is_sure): &&(Name, Name, bool)| *is_sure || !sure.contains(service);
    claims.iter().filter(holds).map(|(function, service, _)| (*function, *service)).collect()
}

impl Survey {
    /// `first_unix_nano` is the beginning of the first minute.
    pub(super) fn new(mut seen: Seen, records: &ReleaseMap, first_unix_nano: i64) -> Survey {
        for release in records.releases() {
            seen.names.number(release);
        }
        let mut recorded = HashMap::new();
        let latest = seen.names.number(LATEST);
        let deployments: HashSet<Name> =
            (0..).zip(&seen.names.texts).filter(|(_, text)| is_deployment(text)).map(|(name, _)| name).collect();
        for (emitter, _) in &seen.emitters {
            let key = emitter.of_version();
            let [region, function, version] = [key.0, key.1, key.2].map(|name| seen.names.text(name).to_owned());
            if version != LATEST
                && let Some(release) = records.of(&region, &function, &version, i64::MAX)
            {
                let release = release.to_owned();
                recorded.insert(key, seen.names.number(&release));
            }
        }
        let ranks = seen.names.ranks();
        let most = |times: &BTreeMap<Name, Times>, greatest: bool| {
            let rank = |name: &Name| i64::from(ranks[*name as usize]) * if greatest { 1 } else { -1 };
            times.iter().max_by_key(|(name, times)| (times.count(), rank(name))).map(|(name, _)| *name)
        };
        let homes = homes(&seen);
        // What stands elsewhere, and names the function, says nothing of it.
        let speaks = |emitter: &Emitter| {
            homes
                .get(&emitter.function)
                .is_none_or(|groups| emitter.kind == RowKind::Span || groups.contains(&emitter.group))
        };
        let service_of = services_of_functions(&seen, speaks, |times| most(times, false));
        let service = |emitter: &Emitter| match emitter.function {
            0 => emitter.service,
            function => service_of.get(&function).copied().unwrap_or(function),
        };
        let services: Vec<Name> = seen.emitters.iter().map(|(emitter, _)| service(emitter)).collect();
        let mut by_version: HashMap<Version, BTreeMap<Name, Times>> = HashMap::new();
        for ((emitter, times), service) in seen.emitters.iter().zip(&services) {
            let states_it = emitter.service == 0 || emitter.service == *service;
            let is_fixed = emitter.version != 0 && seen.names.text(emitter.version) != LATEST;
            if emitter.function != 0 && is_fixed && emitter.release != 0 && states_it && speaks(emitter) {
                let key = emitter.of_version();
                by_version.entry(key).or_default().entry(emitter.release).or_default().unite(times);
            }
        }
        let stated = by_version.iter().filter_map(|(version, times)| Some((*version, most(times, true)?))).collect();
        let groups = groups(&seen, &services, &homes);
        let Seen { names, numbers, emitters } = seen;
        Survey {
            names,
            numbers,
            emitters,
            ranks,
            services,
            stated,
            deployments,
            latest,
            recorded,
            groups,
            first_unix_nano,
        }
    }

    /// Whether what an emitter writes counts for the service that it is of.
    pub(super) fn speaks(&self, number: u32) -> bool {
        let groups = self.groups.get(&self.service(number));
        groups.is_none_or(|groups| groups.contains(&self.emitter(number).group))
    }

    /// The log groups that may speak for a service, in the order of their names.
    pub(super) fn groups(&self, service: Name) -> Vec<String> {
        let groups = self.groups.get(&service).into_iter().flatten();
        let mut names: Vec<String> = groups.map(|group| self.names.text(*group).to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// About how many records of a time named a service that do not count for it.
    pub(super) fn times_from_elsewhere(&self, service: Name, since_unix_nano: i64, until_unix_nano: i64) -> u64 {
        let mut count = 0;
        for (number, (emitter, times)) in (0..).zip(&self.emitters) {
            let is_its = self.service(number) == service;
            if service != 0 && (is_its || emitter.service == service) && !(is_its && self.speaks(number)) {
                count += times.count_within(since_unix_nano, until_unix_nano);
            }
        }
        count
    }

    pub(super) fn emitter(&self, number: u32) -> &Emitter {
        &self.emitters[number as usize].0
    }

    pub(super) fn find(&self, emitter: &Emitter) -> Option<u32> {
        self.numbers.get(emitter).copied()
    }

    /// Whose the records of an emitter are; 0 if nothing tells.
    pub(super) fn service(&self, number: u32) -> Name {
        self.services[number as usize]
    }

    /// The greater one of two names.
    pub(super) fn greater(&self, one: Name, other: Name) -> Name {
        if self.rank(one) >= self.rank(other) { one } else { other }
    }

    /// The place of a name in their order.
    pub(super) fn rank(&self, name: Name) -> u32 {
        self.ranks[name as usize]
    }

    /// Whether a release is no more than the version's own name, or none: nobody has said which it is.
    pub(super) fn is_unnamed(&self, release: Name, version: Version) -> bool {
        release == 0 || release == self.published(version).2 && self.stated_of(version).is_none()
    }

    /// The version as Lambda names it, whatever deployment of it.
    pub(super) fn published(&self, version: Version) -> Version {
        match self.deployments.contains(&version.2) {
            true => (version.0, version.1, self.latest),
            false => version,
        }
    }

    /// The release that a record states, if it speaks of the service that it is of.
    pub(super) fn stated_release(&self, number: u32) -> Name {
        let emitter = self.emitter(number);
        match emitter.service == 0 || emitter.service == self.service(number) {
            true => emitter.release,
            false => 0,
        }
    }

    /// What a numbered version, or a deployment of `$LATEST`, states most often. It never changes, so that what a call of it
    /// says besides, such as the version of the app that called, is no release of the service.
    pub(super) fn stated_of(&self, version: Version) -> Option<Name> {
        self.stated.get(&version).copied()
    }

    /// Whether a name is that of a function's version.
    pub(super) fn is_version(&self, name: Name) -> bool {
        name != 0 && self.emitters.iter().any(|(emitter, _)| self.published(emitter.of_version()).2 == name)
    }

    /// The release of what a function's version wrote that states this one, or 0: what the numbered version states most
    /// often, else what is stated, else what is recorded for the version, else the version. `latest` looks up what
    /// `$LATEST` was.
    pub(super) fn release_of(&self, version: Version, stated: Name, latest: impl Fn() -> Option<Name>) -> Name {
        match self.stated_of(version).unwrap_or(stated) {
            0 if self.published(version).2 == self.latest => latest().unwrap_or(self.latest),
            0 => self.recorded.get(&version).copied().unwrap_or(version.2),
            release => release,
        }
    }

    /// All services, in the order of their names.
    pub(super) fn services_seen(&self) -> Vec<String> {
        let mut names: Vec<&str> = self.services.iter().map(|name| self.names.text(*name)).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// The releases of each service but one that wrote something in a region from one time until another, where they
    /// were several.
    pub(super) fn shifts(&self, region: Name, but: Name, from: i64, until: i64) -> BTreeMap<Name, Vec<String>> {
        let minute = |time: i64| usize::try_from((time - self.first_unix_nano) / WINDOW_NANO).unwrap_or(0);
        let (from, until) = (minute(from), minute(until));
        let mut by_service: BTreeMap<Name, Vec<String>> = BTreeMap::new();
        for (number, (emitter, times)) in (0..).zip(&self.emitters) {
            let service = self.service(number);
            let is_other = service != but && service != 0 && self.speaks(number);
            if emitter.region != region || !is_other || !times.has_any(from, until) {
                continue;
            }
            let version = emitter.of_version();
            let release = self.release_of(version, self.stated_release(number), || None);
            if release != 0 {
                by_service.entry(service).or_default().push(self.names.text(release).to_owned());
            }
        }
        for releases in by_service.values_mut() {
            releases.sort_unstable();
            releases.dedup();
        }
        by_service.retain(|_, releases| releases.len() > 1);
        by_service
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_the_same_sample_in_any_order_and_however_often() {
        let all: Vec<i64> = (0..50_000).map(|number| 1_795_248_000_000_000_000 + 977_777 * number).collect();
        let of = |times: &mut dyn Iterator<Item = &i64>| {
            let mut seen = Times::default();
            times.for_each(|time| seen.add(*time, 3));
            seen
        };
        let (forward, backward) = (of(&mut all.iter()), of(&mut all.iter().rev().chain(&all)));
        let mut parts = of(&mut all[..30_000].iter());
        parts.unite(&of(&mut all[20_000..].iter()));
        for other in [&backward, &parts] {
            assert_eq!((&forward.sample, forward.hash_max), (&other.sample, other.hash_max));
        }
        assert!((45_000..55_000).contains(&forward.count()), "{}", forward.count());
        // Few are counted one by one.
        assert_eq!(of(&mut all[..1000].iter().chain(&all[..9])).count(), 1000);
        assert!(forward.has_any(3, 4) && !forward.has_any(0, 3));
    }

    #[test]
    fn a_stream_of_latest_is_one_deployment() {
        assert_eq!(deployment_of("2026/11/21/[$LATEST]aa").as_deref(), Some("$LATEST 2026/11/21/[$LATEST]aa"));
        // What Lambda has not made may hold anybody's lines.
        assert_eq!([deployment_of("all"), deployment_of("2026/11/21/[7]aa"), deployment_of("")], [None, None, None]);
        let mut seen = Seen::default();
        let mut add = |stream: &str, release: &str| {
            let version = deployment_of(stream).unwrap_or_else(|| LATEST.to_owned());
            let names = &mut seen.names;
            let [region, function, version, release] = ["us", "pay", &version, release].map(|text| names.number(text));
            let number = seen.number(Emitter { region, function, version, release, ..Emitter::default() });
            seen.times(number).add(i64::from(number), 0);
            number
        };
        add("[$LATEST]aa", "1");
        add("[$LATEST]bb", "2");
        let numbers = [add("[$LATEST]aa", ""), add("[$LATEST]bb", ""), add("[$LATEST]cc", ""), add("all", "")];
        let survey = Survey::new(seen, &ReleaseMap::new(Vec::new()), 0);
        let of = |number: u32| survey.release_of(survey.emitter(number).of_version(), 0, || None);
        assert_eq!(numbers.map(|number| survey.names.text(of(number))), ["1", "2", "$LATEST", "$LATEST"]);
        let unnamed = |number: u32| survey.is_unnamed(of(number), survey.emitter(number).of_version());
        assert_eq!(numbers.map(unnamed), [false, false, true, true]);
        assert!(survey.is_version(survey.latest));
    }

    #[test]
    fn a_record_is_whose_its_function_mostly_is_and_a_crash_is_of_its_version() {
        let mut seen = Seen::default();
        let mut add = |function: &str, version: &str, service: &str, release: &str, times: std::ops::Range<i64>| {
            let names = &mut seen.names;
            let [region, function, version, service, release] =
                ["us", function, version, service, release].map(|text| names.number(text));
            let number = seen.number(Emitter { region, function, version, service, release, ..Emitter::default() });
            times.for_each(|time| seen.times(number).add(time, 0));
            number
        };
        let (stated, other) = (add("pay-api", "7", "pay", "2", 0..9), add("pay-api", "7", "cart", "9", 9..12));
        let (silent, nobody) = (add("pay-api", "7", "", "", 0..99), add("", "", "", "", 0..1));
        let itself = add("cart", "3", "", "", 0..1);
        let survey = Survey::new(seen, &ReleaseMap::new(Vec::new()), 0);
        let service = |number: u32| survey.names.text(survey.service(number));
        assert_eq!([stated, other, silent, nobody, itself].map(service), ["pay", "pay", "pay", "", "cart"]);
        // What was said of another service is no release of this one.
        assert_eq!((survey.stated_release(other), survey.names.text(survey.stated_release(stated))), (0, "2"));
        let of = |number: u32| {
            let emitter = survey.emitter(number);
            survey.names.text(survey.release_of(emitter.of_version(), 0, || None))
        };
        assert_eq!((of(silent), of(itself)), ("2", "3"));
        assert_eq!(survey.services_seen(), ["cart", "pay"]);
    }
}
