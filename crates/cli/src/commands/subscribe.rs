//! `transect subscribe`: what is forwarded and what is not. It refuses to decide; `transect-cloudwatch` compares and applies.

use transect_cloudwatch::Progress;
use transect_cloudwatch::subscribe::{Mode, RETENTION_DAYS, Row, State, Wish, apply, plan, survey};

use crate::arguments::{Global, PolicyName, Subscribe};
use crate::cloud;
use crate::failure::Failure;
use crate::output;
use crate::rows::Rows;

pub fn run(own: &Subscribe, global: &Global) -> Result<(), Failure> {
    output::row_format(global)?;
    let wish = wish(own)?;
    let does = own.apply && !global.dry_run;
    let regions = cloud::regions(global)?;
    let progress = Progress::default();
    let watch = cloud::watch(global, "log groups", &progress);
    let (found, completeness) = output::block_on(Some(&watch), async {
        let regions = cloud::connect(&regions).await;
        let account = cloud::account(&regions).await?;
        let (found, completeness) = cloud::in_each(&regions, |region| {
            let (wish, account, progress) = (&wish, &account, &progress);
            async move {
                let plan = plan(&survey(region, progress).await?, wish, account, &region.name);
                Ok::<_, transect_cloudwatch::Fault>(if does { apply(region, &plan, progress).await } else { plan.rows })
            }
        })
        .await;
        let found: Vec<(String, Vec<Row>)> =
            found.into_iter().map(|(region, rows)| (region.name.clone(), rows)).collect();
        Ok::<_, Failure>((found, completeness))
    })??;
    let rows: Vec<(&str, &Row)> =
        found.iter().flat_map(|(region, rows)| rows.iter().map(move |row| (region.as_str(), row))).collect();
    // A policy that stands in the way leaves every group of its region as it was. A group whose class takes no subscription is
    // nobody's omission.
    let is_left = |row: &Row| {
        row.change.is_any()
            || matches!(row.state, State::Missing | State::Differs | State::Unknown)
            || (row.group == "*" && row.state == State::Blocked)
    };
    let left = rows.iter().filter(|(_, row)| is_left(row)).count();
    let answered = table(&rows).print(global, &completeness);
    summary(&rows, does, global);
    answered?;
    if does && left > 0 {
        return Err(Failure::incomplete(anyhow::anyhow!("{left} of them are not as wished; `detail` says why")));
    }
    match rows.iter().filter(|(_, row)| row.state == State::Unknown).count() {
        0 => Ok(()),
        unknown => Err(Failure::incomplete(anyhow::anyhow!(
            "of {unknown} of them it could not be found out how they stand; `detail` says why"
        ))),
    }
}

fn wish(own: &Subscribe) -> Result<Wish, Failure> {
    if let Some(days) = own.retention
        && !RETENTION_DAYS.contains(&days)
    {
        let allowed: Vec<String> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(
            format!("--retention {days}: not a number of days that CloudWatch Logs takes"),
            format!("it takes {}", allowed.join(", ")),
        ));
    }
    let mode = match own.policy {
        PolicyName::Groups => Mode::Groups,
        PolicyName::Account => Mode::Account,
    };
    if mode == Mode::Account && !own.include.is_empty() {
        return Err(Failure::usage(
            "--match with --policy account: the account's policy can only leave groups out",
            "name what to leave out with --exclude, or subscribe with --policy groups",
        ));
    }
    Ok(Wish {
        names: cloud::names(&own.deployment)?,
        mode,
        include: own.include.clone(),
        exclude: own.exclude.clone(),
        retention_days: own.retention,
        filter_pattern: own.filter.clone(),
        destination: own.destination.clone(),
    })
}

fn table(rows: &[(&str, &Row)]) -> Rows {
    Rows::new()
        .text("cloud_region", rows.iter().map(|(region, _)| region))
        .text("log_group", rows.iter().map(|(_, row)| row.group.as_str()))
        .text("state", rows.iter().map(|(_, row)| row.state.name()))
        .text("action", rows.iter().map(|(_, row)| row.change.name()))
        .text("detail", rows.iter().map(|(_, row)| row.detail.as_str()))
        .int("retention_days", rows.iter().map(|(_, row)| row.retention_days.map(i64::from)))
        .int("stored_bytes", rows.iter().map(|(_, row)| Some(row.stored_bytes)))
        .number("monthly_usd", rows.iter().map(|(_, row)| row.monthly_usd.map(|usd| (usd * 100.0).round() / 100.0)))
}

/// One line that says how it stands.
fn summary(rows: &[(&str, &Row)], does: bool, global: &Global) {
    let groups: Vec<&Row> = rows.iter().map(|(_, row)| *row).filter(|row| row.group != "*").collect();
    let states: Vec<String> = ["covered", "missing", "differs", "blocked", "unknown", "own", "excluded"]
        .into_iter()
        .filter_map(|state| {
            let count = groups.iter().filter(|row| row.state.name() == state).count();
            (count > 0).then(|| format!("{count} {state}"))
        })
        .collect();
    let endless: Vec<f64> = groups.iter().filter_map(|row| row.monthly_usd).collect();
    let mut text = format!("{} log groups", groups.len());
    if !states.is_empty() {
        text.push_str(&format!(": {}", states.join(", ")));
    }
    if !endless.is_empty() {
        text.push_str(&format!(
            "; {} never expire (at most ${:.2} a month)",
            endless.len(),
            endless.iter().sum::<f64>()
        ));
    }
    let changes = rows.iter().filter(|(_, row)| row.change.is_any()).count();
    if !does && changes > 0 {
        text.push_str(&format!("; --apply changes {changes}"));
    }
    output::say(global, &text);
}
