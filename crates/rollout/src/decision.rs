//! What is done with what a look tells: one table of what was heard, the policy, and how far the wave has come. It refuses
//! to promote what nobody has seen, by any policy.

use crate::machine::OnInconclusive;

/// What a look has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The canary is worse, or a region of it is to be rolled back.
    Fail,
    /// It passes, with enough requests in each region of the wave.
    Pass,
    /// It had passed in this wave before, and nothing bad is known since.
    PassedBefore,
    /// It passes, and a region of the wave has too few requests.
    PassOfFew,
    /// Neither can be said.
    Inconclusive,
    /// Nothing was counted of the canary, or nothing in a region of the wave.
    NoData,
    /// Its share is off.
    Invalid,
    /// A region did not answer, or something else was not seen.
    RegionMissing,
    /// There was no verdict, and there may be one later.
    Unanswered,
    /// There was none, and never any: the question is wrong.
    Refused,
}

impl Heard {
    /// All of them.
    pub const ALL: [Heard; 10] = [
        Heard::Fail,
        Heard::Pass,
        Heard::PassedBefore,
        Heard::PassOfFew,
        Heard::Inconclusive,
        Heard::NoData,
        Heard::Invalid,
        Heard::RegionMissing,
        Heard::Unanswered,
        Heard::Refused,
    ];
}

/// How far a wave has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its bake is not over.
    Baking,
    /// It is, and there is time until the deadline.
    BakeOver,
    /// The deadline has come.
    Deadline,
}

impl Stage {
    /// All of them.
    pub const ALL: [Stage; 3] = [Stage::Baking, Stage::BakeOver, Stage::Deadline];
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// The regions that the verdict names are set back at once, or those of the wave where it names none.
    SetBackNamed,
    /// The regions of the wave are set back, because the policy says so of what is undecided.
    SetBackWave,
    /// The wave has passed.
    Pass,
    /// The wave counts as passed, because the policy says so of what is undecided.
    PassByPolicy,
    /// It is looked again.
    Wait,
    /// Weights stay as they are, and the rollout stops.
    Hold,
}

/// The table. A failure is acted on at any moment; a pass counts once the bake is over; what is undecided at the deadline is
/// the policy's to decide; and what nobody has seen (no data, a share that is off, a region or a judge that does not
/// answer) is promoted by no policy.
pub fn course(heard: Heard, policy: OnInconclusive, stage: Stage) -> Course {
    let unseen = match policy {
        OnInconclusive::Rollback => Course::SetBackWave,
        OnInconclusive::Promote | OnInconclusive::Hold => Course::Hold,
    };
    match (heard, stage) {
        (Heard::Fail, _) => Course::SetBackNamed,
        // Waiting would not help, and nobody watches the canary.
        (Heard::Refused, _) => unseen,
        (Heard::Pass | Heard::PassedBefore, Stage::BakeOver | Stage::Deadline) => Course::Pass,
        (_, Stage::Baking | Stage::BakeOver) => Course::Wait,
        (Heard::PassOfFew | Heard::Inconclusive, Stage::Deadline) => match policy {
            OnInconclusive::Rollback => Course::SetBackWave,
            OnInconclusive::Promote => Course::PassByPolicy,
            OnInconclusive::Hold => Course::Hold,
        },
        (Heard::NoData | Heard::Invalid | Heard::RegionMissing | Heard::Unanswered, Stage::Deadline) => unseen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_the_table() {
        // Rows: what was heard. Columns: while it bakes; once the bake is over; at the deadline with rollback, promote, hold.
        let table = "
            Fail          SetBackNamed SetBackNamed SetBackNamed SetBackNamed SetBackNamed
            Pass          Wait         Pass         Pass         Pass         Pass
            PassedBefore  Wait         Pass         Pass         Pass         Pass
            PassOfFew     Wait         Wait         SetBackWave  PassByPolicy Hold
            Inconclusive  Wait         Wait         SetBackWave  PassByPolicy Hold
            NoData        Wait         Wait         SetBackWave  Hold         Hold
            Invalid       Wait         Wait         SetBackWave  Hold         Hold
            RegionMissing Wait         Wait         SetBackWave  Hold         Hold
            Unanswered    Wait         Wait         SetBackWave  Hold         Hold";
        let policies = [OnInconclusive::Rollback, OnInconclusive::Promote, OnInconclusive::Hold];
        let mut rows = table.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut cells = 0;
        for heard in Heard::ALL.into_iter().filter(|heard| *heard != Heard::Refused) {
            let row: Vec<&str> = rows.next().unwrap().split_whitespace().collect();
            assert_eq!(row[0], format!("{heard:?}"));
            for (place, policy) in policies.into_iter().enumerate() {
                for (stage, expected) in Stage::ALL.into_iter().zip([row[1], row[2], row[3 + place]]) {
                    let found = format!("{:?}", course(heard, policy, stage));
                    assert_eq!(found, expected, "{heard:?} {policy:?} {stage:?}");
                    cells += 1;
                }
            }
        }
        for (policy, expected) in policies.into_iter().zip([Course::SetBackWave, Course::Hold, Course::Hold]) {
            for stage in Stage::ALL {
                assert_eq!(course(Heard::Refused, policy, stage), expected);
                cells += 1;
            }
        }
        assert_eq!((rows.next(), cells), (None, Heard::ALL.len() * policies.len() * Stage::ALL.len()));
    }
}
