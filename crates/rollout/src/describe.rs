//! What a rollout would do, wave by wave and alias by alias, from what the aliases are. It refuses to change anything: it
//! is given what was read, and gives text.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::alias::{Alias, Routing};
use crate::machine::CloudError;
use crate::moment::render_seconds;
use crate::plan::Plan;
use crate::report::table;
use crate::state::{Ended, Job, Phase, Place, Purpose, State};

/// A change of an alias, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Described {
    /// The wave; nothing for what comes after the last one, or sets back.
    pub wave: Option<String>,
    /// The region.
    pub cloud_region: String,
    /// `shift`, `promote`, `roll_back`, or `none` where it is so already; `conflict` where somebody else has changed the
    /// alias, `refused` where there is no such alias or nobody may read it, `unreachable` where nothing answers.
    pub action: &'static str,
    /// The canary's share after it, in percent.
    pub weight: u8,
    /// The alias before.
    pub from: String,
    /// The alias after.
    pub to: String,
    /// How long it is watched then, as text.
    pub bake: Option<String>,
    /// Requests of the canary that it takes to pass.
    pub min_requests: Option<u64>,
    /// What is in the way.
    pub detail: Option<String>,
}

/// What would be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// In order.
    pub rows: Vec<Described>,
    /// Whether all aliases could be read.
    pub complete: bool,
    /// Regions whose alias could not be read.
    pub missing_regions: Vec<String>,
    /// What should be known before.
    pub warnings: Vec<String>,
}

impl Description {
    /// 0 if it could be done, 3 if an alias could not be read or somebody else has changed it.
    pub fn exit_code(&self) -> u8 {
        let is_bad = |row: &Described| matches!(row.action, "conflict" | "unreachable" | "refused");
        if self.rows.iter().any(is_bad) { 3 } else { 0 }
    }
}

/// A step: after which wave or for what, which region, which share.
struct Step {
    wave: Option<usize>,
    action: &'static str,
    region: String,
    to: u8,
}

/// What would be done from a state, or from the beginning, where the aliases are what was read.
pub fn describe(
    plan: &Plan,
    state: Option<&State>,
    aliases: &BTreeMap<String, Result<Alias, CloudError>>,
) -> Description {
    let begun;
    let state = match state {
        Some(state) => state,
        None => {
            begun = State::begin(plan, crate::moment::Moment(0));
            &begun
        }
    };
    let mut places: BTreeMap<&str, (Place, bool)> =
        state.regions.iter().map(|(region, place)| (region.as_str(), (place.clone(), false))).collect();
    let mut rows = Vec::new();
    let mut missing_regions: Vec<String> = Vec::new();
    for Step { wave, action, region, to } in steps(plan, state) {
        let (Some(routing), Some((place, is_seen))) = (plan.routing(&region, to), places.get_mut(region.as_str()))
        else {
            continue;
        };
        let expected = plan.routing(&region, place.weight).unwrap_or_else(|| routing.clone());
        let intended = place.intended.and_then(|percent| plan.routing(&region, percent));
        let (from, trouble) = match (&*is_seen, aliases.get(&region)) {
            // What was done by the steps before is what it will be then.
            (true, _) => (expected.clone(), None),
            (false, Some(Ok(alias))) => {
                let is_known = [Some(&expected), intended.as_ref(), Some(&routing)].contains(&Some(&alias.routing));
                let conflict = format!("{expected} was expected: somebody else has changed the alias");
                (alias.routing.clone(), (!is_known).then_some(("conflict", conflict)))
            }
            // It answers, and has no such alias, or lets nobody see it.
            (false, Some(Err(CloudError::Refused(reason)))) => (expected.clone(), Some(("refused", reason.clone()))),
            (false, Some(Err(error))) => (expected.clone(), Some(("unreachable", error.to_string()))),
            (false, None) => (expected.clone(), Some(("unreachable", "its alias was not read".to_owned()))),
        };
        if trouble.as_ref().is_some_and(|(action, _)| matches!(*action, "unreachable" | "refused")) {
            missing_regions.push(region.clone());
        }
        let action = match &trouble {
            Some((trouble, _)) => trouble,
            None if from == routing => "none",
            None => action,
        };
        *place = Place { weight: to, ..Place::default() };
        *is_seen = true;
        rows.push(row(plan, wave, action, region, to, &from, &routing, trouble.map(|(_, detail)| detail)));
    }
    let mut warnings = plan.warnings.clone();
    if let Phase::Ended(Ended { outcome, reason, then: None, .. }) = &state.now {
        warnings.push(format!("it is over ({}): {reason}", outcome.name()));
    }
    Description { rows, complete: missing_regions.is_empty(), missing_regions, warnings }
}

#[expect(clippy::too_many_arguments, reason = "a row of a table has columns")]
fn row(
    plan: &Plan,
    wave: Option<usize>,
    action: &'static str,
    cloud_region: String,
    weight: u8,
    from: &Routing,
    to: &Routing,
    detail: Option<String>,
) -> Described {
    let wave = wave.and_then(|wave| plan.waves.get(wave));
    Described {
        wave: wave.map(|wave| wave.name.clone()),
        cloud_region,
        action,
        weight,
        from: from.to_string(),
        to: to.to_string(),
        bake: wave.map(|wave| render_seconds(wave.bake_seconds)),
        min_requests: wave.map(|wave| wave.min_requests),
        detail,
    }
}

/// What is left to be done, if everything passes.
fn steps(plan: &Plan, state: &State) -> Vec<Step> {
    let phase = match &state.now {
        Phase::Ended(Ended { then: Some(then), .. }) => then,
        phase => phase,
    };
    let of_waves = |first: usize| {
        let waves = plan.waves.iter().enumerate().skip(first);
        let waves = waves.flat_map(|(index, wave)| {
            wave.regions.iter().map(move |region| Step {
                wave: Some(index),
                action: "shift",
                region: region.clone(),
                to: wave.baked_weight(),
            })
        });
        waves.chain(promotion(plan)).collect()
    };
    match phase {
        Phase::Ended(_) => Vec::new(),
        Phase::Baking(_) => of_waves(state.wave + 1),
        Phase::Checking { purpose: Purpose::Promote } | Phase::Changing(Job { purpose: Purpose::Promote, .. }) => {
            promotion(plan).collect()
        }
        Phase::Changing(Job { purpose: Purpose::RollBack, changes, .. }) => {
            let step = |change: &crate::state::Change| Step {
                wave: None,
                action: "roll_back",
                region: change.region.clone(),
                to: change.to,
            };
            changes.iter().map(step).collect()
        }
        Phase::Checking { .. } | Phase::Changing(_) => of_waves(state.wave),
    }
}

/// After the last wave the canary gets everything where it has not got it.
fn promotion(plan: &Plan) -> impl Iterator<Item = Step> + '_ {
    let last = plan.waves.len();
    let regions = plan.regions.keys().filter(move |region| plan.weight_after(last, region) != Some(100));
    regions.map(|region| Step { wave: None, action: "promote", region: region.clone(), to: 100 })
}

/// The description as one JSON object, with a line feed behind it.
pub fn render_description_json(description: &Description) -> String {
    // Texts and numbers alone: nothing in it can fail to be written.
    serde_json::to_string(description).map(|text| text + "\n").unwrap_or_default()
}

/// The description for people.
pub fn render_description(description: &Description) -> String {
    let mut rows = vec![
        ["wave", "region", "action", "alias now", "alias then", "bake", "requests", "detail"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for row in &description.rows {
        rows.push(vec![
            row.wave.clone().unwrap_or_else(|| "-".to_owned()),
            row.cloud_region.clone(),
            row.action.to_owned(),
            row.from.clone(),
            row.to.clone(),
            row.bake.clone().unwrap_or_default(),
            row.min_requests.map_or_else(String::new, |requests| requests.to_string()),
            row.detail.clone().unwrap_or_default(),
        ]);
    }
    let mut out = match description.rows.is_empty() {
        true => "Nothing would be done.\n".to_owned(),
        false => table(&rows),
    };
    for warning in &description.warnings {
        out.push_str(&format!("\n{}.\n", warning.trim_end_matches('.')));
    }
    out
}
