//! What log groups say at this moment, in all regions at once: live tail sessions of CloudWatch, or polling where there are
//! none, normalised and merged in the order of time, so that a line is the record that the lake is going to hold. Only its id
//! is another where it came by live tail, which tells none.
//!
//! It refuses to print, to store, and to be silent about what is not shown: what CloudWatch sampled, what is polled instead,
//! a session that broke off and a region that does not answer come as notes between the records, and what is missing in the
//! end stands in the summary.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::{BoxFuture, join};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use transect_normalize::{Normalizer, Options};
use transect_schema::Record;
use wildmatch::WildMatch;

use self::order::Order;
use self::read::{Reader, Wanted};
use self::standing::Standing;
use crate::clock::Stopwatch;
use crate::subscribe::{self, Group};
use crate::{Account, Missing, Names, OwnGroups, Pace, Region, account_of};

mod live;
mod order;
mod poll;
mod read;
mod seen;
mod standing;

/// Log groups of one session (StartLiveTail).
const SESSION_GROUPS_MAX: usize = 10;
/// Sessions in a region: each is paid for by the minute, and the account's quota is shared with whoever else is looking. Beyond
/// the groups that they hold, all are polled, which costs nothing but the calls.
const SESSIONS_MAX: usize = 5;
/// DescribeLogGroups in all regions (CloudWatch Logs quotas).
const LISTS_PER_SECOND: u32 = 10;
/// FilterLogEvents in most regions; some allow more (CloudWatch Logs quotas).
const POLLS_PER_SECOND: u32 = 5;
/// Answers of FilterLogEvents that may be awaited at the same time in a region: one that is slow is not to lower the pace, and
/// each may hold 1 MB.
const POLLS_IN_FLIGHT_MAX: usize = 4;
/// When it is said that a region is still awaited.
const SLOW_AFTER: Duration = Duration::from_secs(10);
/// Waits between tries double from the first to the last.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// How often is looked for log groups that are made meanwhile, and how many are told for that: with more, as much more seldom,
/// because listing takes a call for each fifty.
const LIST_EVERY: Duration = Duration::from_secs(10);
const LIST_GROUPS: usize = 500;
/// How late an event may arrive and be shown by polling, unless somebody says otherwise: agents send what they hold in batches,
/// and again after a fault.
pub const LATENESS: Duration = Duration::from_secs(300);
/// Batches that wait for the merge: enough that one region's burst does not hold up another's, and no more.
const ARRIVALS_MAX: usize = 64;

/// What is to be followed and shown.
#[derive(Clone, Debug)]
pub struct Request {
    /// The names of the deployment, whose own log groups are left out.
    pub names: Names,
    /// Patterns of log groups, with `*` and `?`; all, where there is none.
    pub groups: Vec<String>,
    /// CloudWatch's filter pattern, which CloudWatch applies; everything, where there is none.
    pub pattern: Option<String>,
    /// Services, or functions where no service is stated; any if empty.
    pub services: Vec<String>,
    /// OpenTelemetry's number of the least severity; records that failed count as errors.
    pub severity_min: Option<i32>,
    /// Whether to poll although there is live tail.
    pub poll: bool,
    /// How late an event may arrive and be shown, where it is polled.
    pub lateness: Duration,
    /// How long; for ever, where there is none.
    pub duration: Option<Duration>,
    /// How lines are read, redaction included.
    pub normalize: Options,
}

/// What comes, in the order in which it is to be shown.
#[derive(Clone, Debug)]
pub enum Tailed {
    /// A log record.
    Record(Box<Record<'static>>),
    /// Something to know about a region.
    Note {
        /// Which.
        region: String,
        /// What.
        text: String,
    },
}

/// What was shown, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records handed out.
    pub records: u64,
    /// Log groups that were followed, over all regions. Where it is 0 and nothing is missing, no log group matched.
    pub groups: usize,
    /// Whether CloudWatch left events out, because more came than a session takes.
    pub sampled: bool,
    /// Regions, or log groups of them, that were not followed in the end.
    pub missing: Vec<Missing>,
}

/// What a region sends to the merge.
enum Arrival {
    Records(Vec<Record<'static>>),
    Note { region: String, text: String },
    Sampled,
}

/// What all regions share.
struct Shared<'t> {
    request: &'t Request,
    reader: Reader,
    now_unix_nano: &'t (dyn Fn() -> i64 + Sync),
    census: Census,
}

/// What all regions have to follow, so that one with nothing knows whether to wait for what may be made.
struct Census(watch::Sender<Count>);

#[derive(Clone, Copy, Debug)]
struct Count {
    /// Regions that have not told their log groups yet.
    awaited: usize,
    /// Regions of which something is followed.
    following: usize,
}

impl Census {
    fn of(regions: usize) -> Census {
        Census(watch::Sender::new(Count { awaited: regions, following: 0 }))
    }

    /// A region has told its log groups, and is about to be followed; or has not, and is not going to be.
    fn answered(&self, is_followed: bool) {
        self.0.send_modify(|count| {
            count.awaited -= 1;
            count.following += usize::from(is_followed);
        });
    }

    /// A region with nothing to follow has something again.
    fn begin(&self) {
        self.0.send_modify(|count| count.following += 1);
    }

    /// Nothing of a region is followed any more.
    fn end(&self) {
        self.0.send_modify(|count| count.following -= 1);
    }

    /// Waits until no region has anything to follow.
    async fn is_over(&self) {
        // The sender is here, so that there always is one.
        let _ = self.0.subscribe().wait_for(|count| count.awaited == 0 && count.following == 0).await;
    }
}

/// One region that is followed.
struct Watch<'t> {
    shared: &'t Shared<'t>,
    region: &'t Region,
    /// Whose it is; unknown where the Security Token Service did not say.
    account: Option<Account>,
    /// By how much this machine's clock is ahead of that of AWS, which dates what arrives.
    ahead_ms: i64,
    standing: &'t Standing,
    pace: Pace,
    in_flight: Semaphore,
    out: mpsc::Sender<Arrival>,
}

/// Hands out every record and note by `each`, until that returns false, the request's duration is over, or there is nothing
/// left to follow. Dropping the future ends it, too, and with it all sessions. `now_unix_nano` is the clock, in nanoseconds
/// since 1970.
///
/// While `each` does not return, nothing is read; CloudWatch keeps ten seconds of a session for a slow reader and drops the
/// oldest then, without a word (StartLiveTail).
pub async fn tail(
    regions: &[Region],
    request: &Request,
    now_unix_nano: &(dyn Fn() -> i64 + Sync),
    mut each: impl FnMut(Tailed) -> bool,
) -> Summary {
    let end = request.duration.and_then(|duration| Instant::now().checked_add(duration));
    let wanted = Wanted { services: request.services.clone(), severity_min: request.severity_min };
    let reader = Reader::new(Normalizer::new(&request.normalize), wanted);
    let shared = Shared { request, reader, now_unix_nano, census: Census::of(regions.len()) };
    let standings: Vec<Standing> = regions.iter().map(|_| Standing::default()).collect();
    let (out, mut arrivals) = mpsc::channel(ARRIVALS_MAX);
    let followed =
        regions.iter().zip(&standings).map(|(region, standing)| follow(&shared, region, standing, out.clone()));
    let mut followed: FuturesUnordered<_> = followed.collect();
    drop(out);
    let mut merge = Merge { order: Order::default(), each: &mut each, records: 0, sampled: false };
    loop {
        let due = merge.order.next_due();
        let is_wanted = tokio::select! {
            () = at(end) => break,
            Some(()) = followed.next() => true,
            arrival = arrivals.recv() => match arrival {
                Some(arrival) => merge.take(arrival),
                None => break,
            },
            () = at(due) => true,
        };
        if !(is_wanted && merge.release()) {
            return merge.summary(regions, &standings);
        }
    }
    let mut is_wanted = true;
    while is_wanted && let Ok(arrival) = arrivals.try_recv() {
        is_wanted = merge.take(arrival);
    }
    if is_wanted {
        merge.finish();
    }
    merge.summary(regions, &standings)
}

/// The records of all regions on their way to whoever shows them.
struct Merge<'m, E> {
    order: Order<Box<Record<'static>>>,
    each: &'m mut E,
    records: u64,
    sampled: bool,
}

impl<E: FnMut(Tailed) -> bool> Merge<'_, E> {
    /// Whether more is wanted.
    fn take(&mut self, arrival: Arrival) -> bool {
        match arrival {
            Arrival::Records(records) => {
                let now = Instant::now();
                for record in records {
                    self.order.push(record.time_unix_nano, read::text_bytes(&record), Box::new(record), now);
                }
                true
            }
            Arrival::Note { region, text } => (self.each)(Tailed::Note { region, text }),
            Arrival::Sampled => {
                self.sampled = true;
                true
            }
        }
    }

    fn release(&mut self) -> bool {
        let due = self.order.release(Instant::now());
        self.hand_out(due)
    }

    fn finish(&mut self) {
        let rest = self.order.drain();
        self.hand_out(rest);
    }

    fn hand_out(&mut self, records: impl IntoIterator<Item = Box<Record<'static>>>) -> bool {
        records.into_iter().all(|record| {
            self.records += 1;
            (self.each)(Tailed::Record(record))
        })
    }

    fn summary(&self, regions: &[Region], standings: &[Standing]) -> Summary {
        let missing = regions.iter().zip(standings).filter_map(|(region, standing)| {
            Some(Missing { region: region.name.clone(), reason: standing.missing()? })
        });
        Summary {
            records: self.records,
            groups: standings.iter().map(Standing::followed).sum(),
            sampled: self.sampled,
            missing: missing.collect(),
        }
    }
}

/// At that instant, or never.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// The wait after so many failures in a row.
fn backoff(failures: u32) -> Duration {
    BACKOFF_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(BACKOFF_MAX)
}

impl Watch<'_> {
    async fn send(&self, arrival: Arrival) {
        // Who has nobody to tell is about to be dropped.
        let _ = self.out.send(arrival).await;
    }

    async fn note(&self, text: impl Into<String>) {
        self.send(Arrival::Note { region: self.region.name.clone(), text: text.into() }).await;
    }

    /// Says it, unless it was said about this region before.
    async fn note_once(&self, text: String) {
        if self.standing.is_new(&text) {
            self.note(text).await;
        }
    }

    fn now_ms(&self) -> i64 {
        (self.shared.now_unix_nano)().div_euclid(1_000_000).saturating_sub(self.ahead_ms)
    }

    fn owner(&self) -> &str {
        self.account.as_ref().map_or("", |account| &account.id)
    }
}

/// Follows a region until there is nothing left of it to follow.
async fn follow(shared: &Shared<'_>, region: &Region, standing: &Standing, out: mpsc::Sender<Arrival>) {
    let mut watch = Watch {
        shared,
        region,
        account: None,
        ahead_ms: 0,
        standing,
        pace: Pace::per_second(POLLS_PER_SECOND),
        in_flight: Semaphore::new(POLLS_IN_FLIGHT_MAX),
        out,
    };
    let begun_ms = watch.now_ms();
    let (dated, stopwatch) = Stopwatch::of_sts(region);
    let lists = Pace::per_second(LISTS_PER_SECOND);
    let (groups, account) = {
        let mut asked = std::pin::pin!(join(subscribe::groups(region, &lists), account_of(&dated)));
        match timeout(SLOW_AFTER, &mut asked).await {
            Ok(answers) => answers,
            Err(_) => {
                watch.note("has not answered yet").await;
                asked.await
            }
        }
    };
    // An answer that refuses has a date, too.
    watch.ahead_ms = stopwatch.skew().map_or(0, |skew| i64::try_from(skew.ahead.as_millis()).unwrap_or_default());
    let since_ms = begun_ms.saturating_sub(watch.ahead_ms) - poll::OVERLAP_MS;
    shared.census.answered(groups.is_ok());
    let groups = match groups {
        Ok(groups) => groups,
        Err(fault) => {
            standing.fail(fault.to_string());
            watch.note(format!("is not followed: {fault}")).await;
            return;
        }
    };
    let account = match account {
        Ok(account) => {
            watch.account = Some(account.clone());
            Ok(account)
        }
        Err(fault) => Err(fault.to_string()),
    };
    let listed = groups.len();
    let groups = choose(groups, shared.request);
    let known = groups.iter().map(|group| group.name.clone()).collect();
    let plan = Plan::of(groups, shared.request.poll, account.as_ref().map_err(String::as_str));
    standing.list(plan.sessions.iter().flatten().chain(&plan.polled).cloned());
    if plan.left_out > 0 {
        watch.note(format!("{} log groups are left out: only Logs Insights reads their class", plan.left_out)).await;
    }
    if let Some(why) = &plan.why {
        watch.note_once(format!("polled instead of live tail: {why}")).await;
    }
    let arns = account.as_ref().map(|account| plan.arns(account, &region.name)).unwrap_or_default();
    let followed = FuturesUnordered::new();
    for (groups, arns) in plan.sessions.into_iter().zip(arns) {
        followed.push(live::follow(&watch, groups, arns, since_ms).boxed());
    }
    if !plan.polled.is_empty() {
        followed.push(poll::follow(&watch, plan.polled, since_ms, seen::Seen::default()).boxed());
    }
    Following { watch: &watch, lists: &lists, known, listed, since_ms, followed }.go_on().await;
    if standing.is_given_up() {
        watch.note("is given up").await;
    }
}

/// The log groups of a region that are followed, and those that are made meanwhile.
struct Following<'f> {
    watch: &'f Watch<'f>,
    lists: &'f Pace,
    /// Log groups that were dealt with.
    known: BTreeSet<String>,
    /// Log groups that were told the last time.
    listed: usize,
    /// Since when new ones are wished.
    since_ms: i64,
    followed: FuturesUnordered<BoxFuture<'f, ()>>,
}

impl Following<'_> {
    /// Until nothing is followed any more, here because it is refused, or in all regions because nothing is there.
    async fn go_on(mut self) {
        let census = &self.watch.shared.census;
        let mut next_list = Instant::now() + self.pause();
        loop {
            while !self.followed.is_empty() {
                tokio::select! {
                    Some(()) = self.followed.next() => {}
                    () = sleep_until(next_list) => {
                        self.look_for_new().await;
                        next_list = Instant::now() + self.pause();
                    }
                }
            }
            census.end();
            // What is refused is not asked again. Where all was deleted, or nothing was there, something may be made.
            if self.watch.standing.missing().is_some() {
                return;
            }
            while self.followed.is_empty() {
                tokio::select! {
                    () = census.is_over() => return,
                    () = sleep(self.pause()) => self.look_for_new().await,
                }
            }
            census.begin();
        }
    }

    fn pause(&self) -> Duration {
        let times = u32::try_from(self.listed / LIST_GROUPS).unwrap_or(u32::MAX).saturating_add(1);
        LIST_EVERY.saturating_mul(times)
    }

    /// Polls what was made since the last time: a live tail session would miss what was written until it began.
    async fn look_for_new(&mut self) {
        let watch = self.watch;
        let begun_ms = watch.now_ms();
        let groups = match subscribe::groups(watch.region, self.lists).await {
            Ok(groups) => groups,
            Err(fault) => {
                watch.note_once(format!("log groups that are made meanwhile may be missing: {fault}")).await;
                return;
            }
        };
        self.listed = groups.len();
        let since_ms = std::mem::replace(&mut self.since_ms, begun_ms.saturating_sub(poll::OVERLAP_MS));
        let mut new = Vec::new();
        for group in choose(groups, watch.shared.request) {
            // One of the same name that was deleted is another one.
            if !self.known.insert(group.name.clone()) && !watch.standing.is_gone(&group.name) {
                continue;
            }
            match group.takes_filters {
                true => new.push(group.name),
                false => {
                    watch
                        .note(format!("log group {} is left out: only Logs Insights reads its class", group.name))
                        .await;
                }
            }
        }
        if new.is_empty() {
            return;
        }
        watch.note(format!("follows what was made meanwhile: {}", new.join(", "))).await;
        watch.standing.add(&new);
        self.followed.push(poll::follow(watch, new, since_ms, seen::Seen::default()).boxed());
    }
}

/// The groups that are wished, without those that forwarders write: who tails is not to read the tail's own trail.
fn choose(groups: Vec<Group>, request: &Request) -> Vec<Group> {
    let names = groups.iter().map(|group| group.name.as_str());
    let own = OwnGroups::find(&request.names, names, &[], None);
    let patterns: Vec<WildMatch> = request.groups.iter().map(|pattern| WildMatch::new(pattern)).collect();
    let is_wished = |group: &Group| {
        !own.contains(&group.name)
            && (patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(&group.name)))
    };
    groups.into_iter().filter(is_wished).collect()
}

/// How the groups of a region are followed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// The groups of each session.
    sessions: Vec<Vec<String>>,
    /// The groups that are polled.
    polled: Vec<String>,
    /// Groups that nothing can follow.
    left_out: usize,
    /// Why groups are polled for which live tail was wished.
    why: Option<String>,
}

impl Plan {
    /// Pure. The standard class alone has live tail and FilterLogEvents, as it alone takes subscription filters (CloudWatch
    /// Logs, log classes).
    fn of(groups: Vec<Group>, poll: bool, account: Result<&Account, &str>) -> Plan {
        let count = groups.len();
        let names = groups.into_iter().filter(|group| group.takes_filters).map(|group| group.name);
        let names: Vec<String> = names.collect();
        let left_out = count - names.len();
        let why = match account {
            _ if poll || names.is_empty() => None,
            Err(reason) => Some(reason.to_owned()),
            Ok(_) if names.len() > SESSIONS_MAX * SESSION_GROUPS_MAX => Some(format!(
                "{} log groups are more than {SESSIONS_MAX} sessions of {SESSION_GROUPS_MAX} hold \
                 (fewer match a narrower --group)",
                names.len()
            )),
            Ok(_) => {
                let sessions = names.chunks(SESSION_GROUPS_MAX).map(<[String]>::to_vec).collect();
                return Plan { sessions, left_out, ..Plan::default() };
            }
        };
        Plan { polled: names, left_out, why, ..Plan::default() }
    }

    /// The groups of each session as StartLiveTail wants them: whole, and without the `:*` that DescribeLogGroups adds.
    fn arns(&self, account: &Account, region: &str) -> Vec<Vec<String>> {
        let arn = |name: &String| format!("arn:{}:logs:{region}:{}:log-group:{name}", account.partition, account.id);
        self.sessions.iter().map(|groups| groups.iter().map(arn).collect()).collect()
    }
}

#[cfg(test)]
mod tests;
