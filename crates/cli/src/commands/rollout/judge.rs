//! `transect canary`, run as a program of its own: whatever becomes of it, the rollout goes on. It refuses to know what a
//! verdict follows from, and to mix what was counted for one question with another's.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use transect_canary::STATISTICS_VERSION;
use transect_rollout::{Judge, JudgeError, Plan, Question, Verdict, Versions, read_canary};

use super::wall_clock;
use crate::arguments::{Global, Rollout};
use crate::commands::canary::fingerprint;

/// How long the judge may take for a look, and how often it is seen whether it is done.
const JUDGE_MAX: Duration = Duration::from_secs(15 * 60);
const JUDGE_TICK: Duration = Duration::from_millis(20);

pub struct Canary<'c> {
    pub interrupted: &'c AtomicBool,
    pub own: &'c Rollout,
    pub global: &'c Global,
    pub plan: &'c Plan,
    pub state: &'c Path,
}

impl Canary<'_> {
    /// What it is asked with, but for where it keeps its counts.
    fn arguments(&self, question: &Question) -> Vec<OsString> {
        let mut all: Vec<OsString> = ["canary", "--format", "json", "--quiet"].map(OsString::from).to_vec();
        let mut add = |name: &str, value: OsString| all.extend([name.into(), value]);
        for place in &self.global.lake {
            add("--lake", place.into());
        }
        if let Some(file) = &self.global.config {
            add("--config", file.into());
        }
        add("--service", (&self.plan.service).into());
        add("--baseline", (&self.plan.baseline).into());
        add("--canary", (&self.plan.canary).into());
        // A version that crashes before its first line states no release.
        add("--release-map", "-".into());
        for region in &question.regions {
            add("--region", (&region.region).into());
        }
        add("--since", question.since.to_string().into());
        if let Some(until) = question.until {
            add("--until", until.to_string().into());
        }
        add("--lateness", (&self.global.lateness).into());
        add("--min-requests", question.min_requests.to_string().into());
        if let Some(weight) = question.weight() {
            add("--weight", format!("{weight}%").into());
        }
        if let Some(policy) = &self.own.policy {
            add("--policy", policy.into());
        }
        if let Some(settle) = &self.own.settle {
            add("--settle", settle.into());
        }
        all
    }

    /// Which version each release is, in every region of the plan.
    fn release_map(&self) -> std::io::Result<File> {
        let Plan { function, baseline, canary, regions, .. } = self.plan;
        let of = |version: fn(&Versions) -> &String| -> Value {
            let deployed = |of: &Versions| json!({ function: { "version": version(of) } });
            regions.iter().map(|(region, of)| (region.clone(), deployed(of))).collect()
        };
        let mut file = tempfile::tempfile()?;
        let map = json!({ baseline: of(|versions| &versions.baseline), canary: of(|versions| &versions.canary) });
        file.write_all(map.to_string().as_bytes())?;
        file.rewind()?;
        Ok(file)
    }

    /// Where it keeps its counts. What was counted by a program with other statistics, by another rollout of the same plan or
    /// for another question (a --settle or a policy that was changed between two runs) is left lying, and counted anew.
    fn kept(&self, question: &Question, arguments: &[OsString]) -> PathBuf {
        // One that cannot be read is the program's to refuse.
        let policy = self.own.policy.as_deref().and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        let mut asked: Vec<u8> = policy;
        for argument in arguments {
            asked.push(0);
            asked.extend(argument.as_encoded_bytes());
        }
        let mut name = self.state.as_os_str().to_owned();
        name.push(format!(
            ".{}.wave{}.series{}.began{}.asked{}.statistics{STATISTICS_VERSION}",
            self.plan.hash(),
            question.wave,
            question.series,
            question.began_at.0,
            fingerprint(&asked)
        ));
        name.into()
    }
}

/// What is asked besides, and makes no other question of it: what would pass undecided is read as a whole.
fn more(question: &Question) -> &'static [&'static str] {
    if question.reads_all { &["--on-inconclusive", "pass"] } else { &[] }
}

impl Judge for Canary<'_> {
    fn look(&mut self, question: &Question) -> Result<Verdict, JudgeError> {
        if question.since > wall_clock() {
            return Err(JudgeError::Unanswered("the first minute has not begun".to_owned()));
        }
        let unanswered =
            |error: std::io::Error| JudgeError::Unanswered(format!("transect canary does not start: {error}"));
        let arguments = self.arguments(question);
        let mut command = Command::new(std::env::current_exe().map_err(unanswered)?);
        command.args(&arguments).arg("--state").arg(self.kept(question, &arguments)).args(more(question));
        let files = [(); 2].map(|()| tempfile::tempfile());
        let [mut out, mut err] = match files {
            [Ok(out), Ok(err)] => [out, err],
            [Err(error), _] | [_, Err(error)] => return Err(unanswered(error)),
        };
        let handle = |file: &File| file.try_clone().map(Stdio::from).map_err(unanswered);
        let mut child = command
            .stdin(self.release_map().map_err(unanswered)?)
            .stdout(handle(&out)?)
            .stderr(handle(&err)?)
            .spawn()
            .map_err(unanswered)?;
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().map_err(unanswered)? {
                break status;
            }
            let is_stopped = self.interrupted.load(Ordering::Relaxed);
            if is_stopped || began.elapsed() > JUDGE_MAX {
                // It has decided nothing, and its state is written whole or not at all.
                let _ = child.kill();
                let _ = child.wait();
                let what = if is_stopped { "was interrupted" } else { "did not answer in time, and was ended" };
                return Err(JudgeError::Unanswered(format!("transect canary {what}")));
            }
            std::thread::sleep(JUDGE_TICK);
        };
        let text = |file: &mut File| {
            let mut bytes = Vec::new();
            file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(unanswered)?;
            Ok::<_, JudgeError>(String::from_utf8_lossy(&bytes).into_owned())
        };
        read_canary(status.code(), &text(&mut out)?, &text(&mut err)?)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use transect_rollout::{Asked, Document, Moment, RegionAsked};

    use super::*;
    use crate::arguments::{Arguments, Command as Named};

    const OWN: &str = "transect rollout --function pay-fn --service payments --baseline 1.4.1 --canary 1.4.2 --waves w --release-map m --state s";

    fn plan() -> Plan {
        let of = |version: &str| format!("{{\"us-east-2\":{{\"pay-fn\":{{\"version\":\"{version}\"}}}}}}");
        let map = format!("{{\"1.4.1\":{},\"1.4.2\":{}}}", of("6"), of("7"));
        let waves =
            "[{\"name\":\"all\",\"regions\":[\"us-east-2\"],\"weight\":10,\"bake\":\"30m\",\"min_requests\":50}]";
        let [service, function, alias, baseline, canary] =
            ["payments", "pay-fn", "live", "1.4.1", "1.4.2"].map(str::to_owned);
        let asked = Asked { service, function, alias, baseline, canary };
        let document = |text| Document { name: "document", text };
        Plan::parse(&asked, document(waves), document(&map)).unwrap()
    }

    /// What it is asked with, and the name under which it keeps its counts.
    fn asked(question: &Question, more: &[&str]) -> (String, PathBuf) {
        let Arguments { command, global } = Arguments::parse_from(OWN.split(' ').chain(more.iter().copied()));
        let Named::Rollout(own) = command else { panic!("it is a rollout") };
        let (interrupted, plan) = (AtomicBool::new(false), plan());
        let canary =
            Canary { interrupted: &interrupted, own: &own, global: &global, plan: &plan, state: Path::new("s") };
        let arguments = canary.arguments(question);
        let kept = canary.kept(question, &arguments);
        (arguments.join(std::ffi::OsStr::new(" ")).into_string().unwrap(), kept)
    }

    #[test]
    fn what_is_asked_otherwise_is_counted_anew() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy.toml");
        let policy_name = policy.to_str().unwrap();
        let write = |text: &str| std::fs::write(&policy, text).unwrap();
        let region = RegionAsked { region: "us-east-2".to_owned(), weight: 10, is_of_wave: true };
        let question = Question {
            wave: 0,
            name: "all".to_owned(),
            series: 1,
            began_at: Moment(1_795_251_600),
            since: Moment(1_795_251_720),
            until: None,
            regions: vec![region],
            min_requests: 50,
            reads_all: false,
        };
        let (words, kept) = asked(&question, &["--lake", "here"]);
        let expected = "canary --format json --quiet --lake here --service payments --baseline 1.4.1 --canary 1.4.2 --release-map - --region us-east-2 \
             --since 2026-11-21T09:02:00Z --lateness 24h --min-requests 50 --weight 10%";
        assert_eq!(words, expected);
        assert_eq!(asked(&question, &["--lake", "here"]).1, kept, "the same question goes on");
        // What is read as a whole is the same question.
        let whole = Question { reads_all: true, ..question.clone() };
        assert_eq!(asked(&whole, &["--lake", "here"]).1, kept);
        assert_eq!([more(&question).len(), more(&whole).len()], [0, 2]);
        // Which version each release is goes with it.
        let (interrupted, plan) = (AtomicBool::new(false), plan());
        let Arguments { command, global } = Arguments::parse_from(OWN.split(' '));
        let Named::Rollout(own) = command else { panic!("it is a rollout") };
        let canary =
            Canary { interrupted: &interrupted, own: &own, global: &global, plan: &plan, state: Path::new("s") };
        let mut map = String::new();
        canary.release_map().unwrap().read_to_string(&mut map).unwrap();
        let of = |version: &str| json!({ "us-east-2": { "pay-fn": { "version": version } } });
        assert_eq!(serde_json::from_str::<Value>(&map).unwrap(), json!({ "1.4.1": of("6"), "1.4.2": of("7") }));
        let mut all = vec![kept];
        // What ends where a wave begins is asked without a share.
        let ends = Question { until: Some(Moment(1_795_252_200)), ..question.clone() };
        let (words, kept) = asked(&ends, &["--lake", "here"]);
        let expected = expected.replace(":00Z --lateness", ":00Z --until 2026-11-21T09:10:00Z --lateness");
        assert_eq!(words, expected.replace(" --weight 10%", ""));
        all.push(kept);
        all.push(asked(&Question { series: 2, ..question.clone() }, &["--lake", "here"]).1);
        all.push(asked(&question, &["--lake", "there"]).1);
        all.push(asked(&question, &["--lake", "here", "--settle", "10m"]).1);
        write("alpha = 0.01\n");
        all.push(asked(&question, &["--lake", "here", "--policy", policy_name]).1);
        write("alpha = 0.02\n");
        all.push(asked(&question, &["--lake", "here", "--policy", policy_name]).1);
        let mut names = all.clone();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all.len(), "{all:?}");
    }
}
