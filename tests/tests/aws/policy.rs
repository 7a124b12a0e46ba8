//! `transect subscribe --policy account`: one policy for all groups of a region, which must never hold the pipeline's own.

use serde_json::{Value, json};
use transect_tests::aws::Policy;

use crate::world::{FORWARDER, NAME, OWN_GROUPS, REGIONS, Rows, World, changes, destination};

const KIND: &str = "SUBSCRIPTION_FILTER_POLICY";

fn policies(world: &World, region: &str) -> Vec<Policy> {
    world.aws.region(region, |region| region.policies.values().cloned().collect())
}

/// The groups that a policy leaves out, in order.
fn left_out(policy: &Policy) -> Vec<String> {
    let list = policy.selection_criteria.strip_prefix("LogGroupName NOT IN ").unwrap();
    let mut names: Vec<String> = serde_json::from_str(list).unwrap();
    names.sort();
    names
}

fn apply(world: &World, more: &[&str]) -> Rows {
    world.rows(&[&["subscribe", "--policy", "account", "--apply"], more].concat())
}

fn add(world: &World, groups: &[&str]) {
    for region in REGIONS {
        world.aws.region(region, |region| {
            for group in groups {
                region.group(group);
            }
        });
    }
}

#[test]
fn one_policy_a_region_leaves_the_pipelines_own_groups_out() {
    let world = World::new();
    add(&world, &["/aws/lambda/orders", "/aws/lambda/carts"]);
    let plan = world.rows(&["subscribe", "--policy", "account"]).well();
    assert_eq!(changes(&world.aws.take_calls()).len(), 0);
    for region in REGIONS {
        let row = plan.of(region, "*");
        assert_eq!((&row["state"], &row["action"]), (&json!("missing"), &json!("put_policy")));
    }
    assert_eq!(plan.count("action", "put_policy"), REGIONS.len());

    // What the policy covers is told as it is then.
    let applied = apply(&world, &[]).well();
    let row = applied.of("us-east-2", "/aws/lambda/orders");
    assert_eq!((&row["state"], &row["detail"]), (&json!("covered"), &json!("by the account's policy `transect`")));
    let calls = world.aws.take_calls();
    assert!(changes(&calls).iter().all(|call| call.operation == "PutAccountPolicy"), "{calls:#?}");
    for region in REGIONS {
        let policies = policies(&world, region);
        assert_eq!(policies.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>(), [NAME]);
        assert_eq!(left_out(&policies[0]), OWN_GROUPS);
        let document: Value = serde_json::from_str(&policies[0].document).unwrap();
        assert_eq!(
            (&document["DestinationArn"], &document["FilterPattern"]),
            (&json!(destination(region)), &json!(""))
        );
        assert_eq!(world.filters(region, "/aws/lambda/orders"), []);
    }

    let again = apply(&world, &[]).well();
    assert_eq!(changes(&world.aws.take_calls()).len(), 0);
    assert_eq!(again.count("action", "none"), again.rows.len());
    // Who asks group by group is told that they are covered, and nothing is delivered twice.
    let groups = world.rows(&["subscribe", "--apply"]).well();
    assert_eq!(groups.of("us-east-2", "/aws/lambda/orders")["state"], "covered");
    assert_eq!(changes(&world.aws.take_calls()).len(), 0);
    // A filter cannot change what the policy lets through: that is not as wished.
    let otherwise = world.rows(&["subscribe", "--apply", "--filter", "ERROR"]);
    assert_eq!((otherwise.code, otherwise.count("state", "differs")), (3, 2 * REGIONS.len()), "{}", otherwise.stderr);
    assert_eq!(changes(&world.aws.take_calls()).len(), 0);
}

#[test]
fn what_is_not_wished_is_left_out_too() {
    let world = World::new();
    add(&world, &["/aws/lambda/orders", "/aws/lambda/noisy", "/ecs/orders"]);
    apply(&world, &["--exclude", "*/noisy", "--exclude", "/ecs/*", "--filter", "ERROR"]).well();
    for region in REGIONS {
        let policies = policies(&world, region);
        let expected = [OWN_GROUPS[0], "/aws/lambda/noisy", OWN_GROUPS[1], "/ecs/orders"];
        assert_eq!(left_out(&policies[0]), expected);
        let document: Value = serde_json::from_str(&policies[0].document).unwrap();
        assert_eq!(document["FilterPattern"], "ERROR");
    }
    // A policy can only leave out: groups to come that do not match could not be named.
    let answer = world.run(&["subscribe", "--policy", "account", "--match", "/aws/lambda/*"]);
    assert_eq!(answer.code, 2, "{}", answer.stderr);
    // A wider wish changes the policy in its place.
    world.aws.take_calls();
    apply(&world, &[]).well();
    assert_eq!(changes(&world.aws.take_calls()).len(), REGIONS.len());
    assert_eq!(left_out(&policies(&world, "us-east-2")[0]), OWN_GROUPS);
}

#[test]
fn a_policy_of_somebody_else_is_left_alone() {
    let world = World::new();
    add(&world, &["/aws/lambda/orders"]);
    let foreign = Policy {
        name: "siem".to_owned(),
        kind: KIND.to_owned(),
        document: json!({ "DestinationArn": "arn:aws:firehose:us-west-2:123456789012:deliverystream/siem", "FilterPattern": "" }).to_string(),
        selection_criteria: String::new(),
    };
    world
        .aws
        .region("us-west-2", |region| region.policies.insert((KIND.to_owned(), "siem".to_owned()), foreign.clone()));
    let applied = apply(&world, &[]);
    assert_eq!((applied.code, applied.complete), (3, true), "{}", applied.stderr);
    let row = applied.of("us-west-2", "*");
    assert_eq!((&row["state"], &row["action"]), (&json!("blocked"), &json!("none")));
    assert!(row["detail"].as_str().unwrap().contains("siem"), "{row}");
    assert_eq!(policies(&world, "us-west-2"), [foreign]);
    for region in ["us-east-2", "eu-west-2"] {
        assert_eq!(policies(&world, region)[0].name, NAME);
    }
}

#[test]
fn what_the_service_refuses_is_told_and_the_others_are_done() {
    let world = World::new();
    world.aws.fail_region("us-west-2");
    world.aws.region("eu-west-2", |region| {
        region.function(FORWARDER).aliases.get_mut("live").unwrap().is_invoked_by_logs = false;
    });
    let applied = apply(&world, &[]);
    assert_eq!((applied.code, applied.complete, applied.missing.as_slice()), (3, false, &["us-west-2".to_owned()][..]));
    assert_eq!(applied.of("eu-west-2", "*")["state"], "blocked");
    assert_eq!(policies(&world, "us-east-2").len(), 1);
    assert_eq!(policies(&world, "eu-west-2"), []);
}

#[test]
fn a_list_that_no_policy_holds_is_refused_before_it_is_sent() {
    let world = World::new();
    world.aws.region("us-east-2", |region| {
        // 25 KB are 25,600 bytes, and names may be 512 long.
        for number in 0..56 {
            region.group(&format!("/noise/{number:02}/{}", "x".repeat(460)));
        }
        region.group("/aws/lambda/orders");
    });
    let applied = apply(&world, &["--region", "us-east-2", "--exclude", "/noise/*"]);
    assert_eq!(applied.code, 3, "{}", applied.stderr);
    let row = applied.of("us-east-2", "*");
    assert_eq!((&row["state"], &row["action"]), (&json!("blocked"), &json!("none")));
    assert!(row["detail"].as_str().unwrap().contains("bytes"), "{row}");
    assert_eq!(changes(&world.aws.calls()).len(), 0);
    // Fewer fit.
    world.aws.region("us-east-2", |region| region.groups.retain(|name, _| !name.starts_with("/noise/5")));
    apply(&world, &["--region", "us-east-2", "--exclude", "/noise/*"]).well();
    assert_eq!(left_out(&policies(&world, "us-east-2")[0]).len(), 50 + OWN_GROUPS.len());
}
