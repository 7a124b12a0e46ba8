//! The world that rollouts are tested in. Time passes only while somebody sleeps.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::*;

pub const BEGIN: i64 = 1_795_251_600;
/// Baseline and canary, as a function's versions are: counted in each region by itself.
pub const VERSIONS: [(&str, &str, &str); 4] =
    [("us-east-2", "6", "7"), ("us-west-2", "11", "12"), ("eu-west-2", "3", "5"), ("ap-south-1", "1", "2")];

pub fn asked() -> Asked {
    Asked {
        service: "payments".into(),
        function: "shop-payments".into(),
        alias: "live".into(),
        baseline: "1.4.1".into(),
        canary: "1.4.2".into(),
    }
}

pub fn release_map() -> String {
    let of = |release: usize| {
        let regions = VERSIONS.map(|(region, baseline, canary)| {
            let version = [baseline, canary][release];
            format!("\"{region}\":{{\"shop-payments\":{{\"version\":\"{version}\",\"codeSha256\":\"code{release}\"}}}}")
        });
        format!("{{{}}}", regions.join(","))
    };
    format!("{{\"1.4.1\":{},\"1.4.2\":{}}}", of(0), of(1))
}

pub fn plan(waves: &str) -> Plan {
    let map = release_map();
    let waves = Document { name: "waves.json", text: waves };
    Plan::parse(&asked(), waves, Document { name: "release-map.json", text: &map }).unwrap()
}

/// What a call to the cloud does instead of what it should.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// It is not done, and the caller is told to come later.
    Throttled,
    /// It is done, and the answer is lost.
    LostAnswer,
    /// It is never done.
    Denied,
}

pub type Judging = Rc<dyn Fn(&Question, i64) -> Result<Verdict, JudgeError>>;

/// Sees a change before it is made.
pub type Watching = Rc<dyn Fn(&Fake, &str, &Routing)>;

pub struct Fake {
    pub now: i64,
    pub aliases: BTreeMap<String, Alias>,
    revision: u64,
    /// Region, from, until: it does not answer then.
    pub down: Vec<(String, i64, i64)>,
    /// Faults of the next calls that set an alias, by region, and of those that read one.
    pub set_faults: BTreeMap<String, Vec<Fault>>,
    pub read_faults: BTreeMap<String, Vec<Fault>>,
    /// At a time somebody else sets an alias.
    pub foreign: Vec<(i64, String, Routing)>,
    /// Somebody else sets an alias right after it was read.
    pub foreign_after_read: Option<(String, Routing)>,
    /// Somebody else edits this alias all the time, and leaves it where it sends invocations.
    pub restless: Option<String>,
    pub judge: Judging,
    pub saved: Option<String>,
    pub saves: usize,
    pub disk_is_full: bool,
    /// What was set, in order.
    pub journal: Vec<(String, String)>,
    pub questions: Vec<(i64, Question)>,
    /// Until when each of them was judged, if a minute of it was.
    pub judged: Vec<Option<i64>>,
    /// How long a minute has been over before it is counted, and how many are judged together.
    pub settle_seconds: i64,
    pub block_minutes: i64,
    /// How long a look takes.
    pub look_seconds: i64,
    /// When the clock comes there, it is set back by so many seconds.
    pub set_back: Option<(i64, i64)>,
    /// Looks at every change before it is made.
    pub watch: Option<Watching>,
}

impl Fake {
    pub fn new(judge: Judging) -> Fake {
        let alias = |version: &str| Alias {
            routing: Routing { function_version: version.to_owned(), additional: None },
            revision_id: "r0".to_owned(),
        };
        Fake {
            now: BEGIN,
            aliases: VERSIONS.iter().map(|(region, baseline, _)| ((*region).to_owned(), alias(baseline))).collect(),
            revision: 0,
            down: Vec::new(),
            set_faults: BTreeMap::new(),
            read_faults: BTreeMap::new(),
            foreign: Vec::new(),
            foreign_after_read: None,
            restless: None,
            judge,
            saved: None,
            saves: 0,
            disk_is_full: false,
            journal: Vec::new(),
            questions: Vec::new(),
            judged: Vec::new(),
            settle_seconds: 0,
            block_minutes: 1,
            look_seconds: 0,
            set_back: None,
            watch: None,
        }
    }

    pub fn set_by(&mut self, region: &str, routing: Routing) {
        self.revision += 1;
        let revision_id = format!("r{}", self.revision);
        self.aliases.insert(region.to_owned(), Alias { routing, revision_id });
    }

    /// The aliases as phrases.
    pub fn shows(&self) -> Vec<String> {
        VERSIONS.iter().map(|(region, ..)| format!("{region} {}", self.aliases[*region].routing)).collect()
    }

    fn is_down(&self, region: &str) -> bool {
        self.down.iter().any(|(down, from, until)| down == region && (*from..*until).contains(&self.now))
    }
}

/// All of the world: whoever holds one may reach everything.
#[derive(Clone)]
pub struct Hold(pub Rc<RefCell<Fake>>);

impl Hold {
    pub fn new(fake: Fake) -> Hold {
        Hold(Rc::new(RefCell::new(fake)))
    }

    pub fn shows(&self) -> Vec<String> {
        self.0.borrow().shows()
    }

    pub fn state(&self) -> State {
        State::parse(self.0.borrow().saved.as_ref().unwrap()).unwrap()
    }

    pub fn rollout(&self, plan: &Plan, options: Options, forced: Option<&Override>) -> Result<Rollout, RolloutError> {
        let (state, now) = (self.0.borrow().saved.clone(), self.0.borrow().now);
        let state = state.map(|text| State::parse(&text).unwrap());
        // What is written is what is read.
        if let Some(state) = &state {
            assert_eq!(&State::parse(&state.render()).unwrap(), state);
        }
        Rollout::new(plan, options, state, forced, Moment(now))
    }

    /// As the program does it.
    pub fn run(&self, plan: &Plan, options: Options) -> Outcome {
        let mut rollout = self.rollout(plan, options, None).unwrap();
        self.drive(&mut rollout).unwrap()
    }

    pub fn drive(&self, rollout: &mut Rollout) -> Result<Outcome, DriveError> {
        let (mut cloud, mut judge, mut clock, mut store) = (self.clone(), self.clone(), self.clone(), self.clone());
        let told = &mut |_: &Event| {};
        drive(rollout, &mut World { cloud: &mut cloud, judge: &mut judge, clock: &mut clock, store: &mut store, told })
    }

    /// The same, but asked before and after each action whether it is killed there. Then it is begun again from what was
    /// saved, as often as it takes.
    pub fn run_killed(
        &self,
        plan: &Plan,
        options: Options,
        forced: Option<&Override>,
        is_killed: &mut dyn FnMut() -> bool,
    ) -> Outcome {
        let (mut cloud, mut judge, mut clock, mut store) = (self.clone(), self.clone(), self.clone(), self.clone());
        let told = &mut |_: &Event| {};
        let mut world = World { cloud: &mut cloud, judge: &mut judge, clock: &mut clock, store: &mut store, told };
        'begin: loop {
            let mut rollout = self.rollout(plan, options, forced).unwrap();
            let mut observation = Observation::Nothing;
            for _ in 0..100_000 {
                let now = world.clock.now();
                let action = rollout.step(observation, now);
                if let Action::Finished(outcome) = action {
                    return outcome;
                }
                if is_killed() {
                    continue 'begin;
                }
                observation = perform(&action, &mut rollout, &mut world).unwrap();
                if is_killed() {
                    continue 'begin;
                }
            }
            panic!("it does not end");
        }
    }
}

impl Cloud for Hold {
    fn read_alias(&mut self, region: &str) -> Result<Alias, CloudError> {
        let mut fake = self.0.borrow_mut();
        if fake.is_down(region) {
            return Err(CloudError::Unreachable("timeout".to_owned()));
        }
        let faults = fake.read_faults.entry(region.to_owned()).or_default();
        if !faults.is_empty() {
            return match faults.remove(0) {
                Fault::Denied => Err(CloudError::Refused("AccessDeniedException".to_owned())),
                Fault::Throttled | Fault::LostAnswer => Err(CloudError::Unreachable("throttled".to_owned())),
            };
        }
        let alias = fake.aliases[region].clone();
        if let Some((_, routing)) = fake.foreign_after_read.take_if(|(of, _)| of == region) {
            fake.set_by(region, routing);
        }
        if fake.restless.as_deref() == Some(region) {
            fake.set_by(region, alias.routing.clone());
        }
        Ok(alias)
    }

    fn set_alias(&mut self, region: &str, routing: &Routing, revision_id: &str) -> Result<(), CloudError> {
        let watch = self.0.borrow().watch.clone();
        if let Some(watch) = watch {
            watch(&self.0.borrow(), region, routing);
        }
        let mut fake = self.0.borrow_mut();
        if fake.is_down(region) {
            return Err(CloudError::Unreachable("timeout".to_owned()));
        }
        let faults = fake.set_faults.entry(region.to_owned()).or_default();
        let fault = if faults.is_empty() { None } else { Some(faults.remove(0)) };
        match fault {
            Some(Fault::Throttled) => return Err(CloudError::Unreachable("TooManyRequestsException".to_owned())),
            Some(Fault::Denied) => return Err(CloudError::Refused("AccessDeniedException".to_owned())),
            Some(Fault::LostAnswer) | None => {}
        }
        if fake.aliases[region].revision_id != revision_id {
            return Err(CloudError::Changed);
        }
        let weight = routing.additional.as_ref().map_or(0.0, |(_, weight)| *weight);
        assert!((0.0..=1.0).contains(&weight), "Lambda refuses a weight of {weight}");
        fake.set_by(region, routing.clone());
        fake.journal.push((region.to_owned(), routing.to_string()));
        match fault {
            Some(_) => Err(CloudError::Unreachable("timeout".to_owned())),
            None => Ok(()),
        }
    }
}

impl Judge for Hold {
    fn look(&mut self, question: &Question) -> Result<Verdict, JudgeError> {
        let (judge, now) = (self.0.borrow().judge.clone(), self.0.borrow().now);
        self.0.borrow_mut().questions.push((now, question.clone()));
        let found = judge(question, now - BEGIN);
        let mut fake = self.0.borrow_mut();
        // Whole blocks of minutes that are over, from where the question begins.
        let over =
            question.until.map_or(i64::MAX, |until| until.0).min((now - fake.settle_seconds).div_euclid(60) * 60);
        let block = fake.block_minutes * 60;
        // What ends leaves no block open.
        let judged = match question.until {
            Some(until) if over == until.0 => over,
            _ => question.since.0 + (over - question.since.0).div_euclid(block) * block,
        };
        let judged_until = found.is_ok().then_some(judged).filter(|judged| *judged > question.since.0);
        fake.judged.push(judged_until);
        fake.now += fake.look_seconds;
        drop(fake);
        found.map(|verdict| Verdict { judged_until: judged_until.map(Moment), ..verdict })
    }
}

impl Clock for Hold {
    fn now(&mut self) -> Moment {
        Moment(self.0.borrow().now)
    }

    fn sleep_until(&mut self, until: Moment) -> Result<(), Stop> {
        let mut fake = self.0.borrow_mut();
        fake.now = fake.now.max(until.0);
        let now = fake.now;
        if let Some((_, seconds)) = fake.set_back.take_if(|(at, _)| now >= *at) {
            fake.now -= seconds;
            return Ok(());
        }
        let (due, later) = std::mem::take(&mut fake.foreign).into_iter().partition(|(at, ..)| *at <= now);
        fake.foreign = later;
        let due: Vec<(i64, String, Routing)> = due;
        for (_, region, routing) in due {
            fake.set_by(&region, routing);
        }
        Ok(())
    }
}

impl Store for Hold {
    fn save(&mut self, state: &str) -> Result<(), String> {
        let mut fake = self.0.borrow_mut();
        if fake.disk_is_full {
            return Err("no space left on device".to_owned());
        }
        fake.saved = Some(state.to_owned());
        fake.saves += 1;
        Ok(())
    }
}

/// A verdict that rests on enough requests everywhere.
pub fn says(said: Said, question: &Question) -> Verdict {
    Verdict {
        said,
        reason: "as written".to_owned(),
        roll_back: Vec::new(),
        missing_regions: Vec::new(),
        requests: question.regions.iter().map(|of| (of.region.clone(), 10_000)).collect(),
        is_fine: said != Said::Fail,
        is_hindered: false,
        judged_until: None,
    }
}

/// The same verdict at every look.
pub fn always(said: Said) -> Judging {
    Rc::new(move |question, _| Ok(says(said, question)))
}

/// A pass in the waves before, and this verdict in one.
pub fn in_wave(wave: usize, verdict: impl Fn(&Question) -> Verdict + 'static) -> Judging {
    Rc::new(move |question, _| Ok(if question.wave == wave { verdict(question) } else { says(Said::Pass, question) }))
}

/// One region, then two, then one more.
pub const THREE_WAVES: &str = r#"[
    {"name": "first", "regions": ["us-east-2"], "weight": 10, "bake": "5m"},
    {"name": "second", "regions": ["us-west-2", "eu-west-2"], "weight": 20, "bake": "5m"},
    {"name": "third", "regions": ["ap-south-1", "us-east-2"], "weight": 50, "bake": "5m"}
]"#;
