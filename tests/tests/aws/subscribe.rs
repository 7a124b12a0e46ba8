//! `transect subscribe`, a filter in each group: what is found, what is put right, what is left alone, and what happens
//! where AWS does not do as it is told.

use serde_json::json;
use transect_tests::aws::{Fault, When};

use crate::world::{
    FORWARDER, NAME, OWN_GROUPS, REGIONS, World, changes, destination, foreign_filter, of_operation, own_filter,
};

/// 400 in all.
const GROUPS: [usize; 3] = [134, 133, 133];
/// Every so many-th group is not subscribed yet.
const MISSING_EVERY: usize = 10;

fn group(number: usize) -> String {
    format!("/aws/lambda/shop-{number:03}")
}

/// A group in every region, not subscribed.
fn add(world: &World, name: &str) {
    for region in REGIONS {
        world.aws.region(region, |region| {
            region.group(name);
        });
    }
}

fn apply(world: &World, more: &[&str]) -> crate::world::Rows {
    world.rows(&[&["subscribe", "--apply"], more].concat())
}

/// Every region has our filter in these groups, and nothing else.
fn assert_subscribed(world: &World, groups: &[&str]) {
    for region in REGIONS {
        for group in groups {
            assert_eq!(world.filters(region, group), [own_filter(region)], "{region} {group}");
        }
    }
}

#[test]
fn a_region_whose_pages_lead_in_a_circle_is_told_and_the_others_go_on() {
    let world = World::new();
    add(&world, "/aws/lambda/shop");
    let [circular, others @ ..] = REGIONS;
    world.aws.region(circular, |region| region.is_circular = true);
    let told = format!("{circular}: logs:DescribeLogGroups: its pages lead in a circle");
    let asked: [(&[&str], &str); 3] = [
        (&["subscribe", "--apply"], &told),
        (&["tail", "--poll", "--region", circular], &told),
        (&["doctor", "--format", "csv"], "logs:DescribeLogGroups: its pages lead in a circle"),
    ];
    for (asked, told) in asked {
        let answer = world.run(asked);
        let said = format!("{}{}", answer.stdout, answer.stderr);
        assert!(answer.code != 0 && said.contains(told), "{asked:?}: {} {said}", answer.code);
    }
    for region in others {
        assert_eq!(world.filters(region, "/aws/lambda/shop"), [own_filter(region)], "{region}");
    }
}

#[test]
fn four_hundred_groups_are_found_page_by_page_and_put_right_once() {
    let world = World::new();
    for (name, count) in REGIONS.into_iter().zip(GROUPS) {
        world.aws.region(name, |region| {
            for number in 0..count {
                let filter = own_filter(name);
                let group = region.group(&group(number));
                group.stored_bytes = 100_000_000_000;
                group.retention_days = (number % 2 == 0).then_some(30);
                if number % MISSING_EVERY != 0 {
                    group.filters.push(filter);
                }
            }
        });
    }
    let all: usize = GROUPS.iter().sum();
    let missing: usize = GROUPS.iter().map(|count| count.div_ceil(MISSING_EVERY)).sum();

    // The plan is what happens without a word, and it changes nothing.
    let plan = world.rows(&["subscribe"]).well();
    let calls = world.aws.take_calls();
    assert_eq!(changes(&calls), Vec::<&transect_tests::aws::Call>::new());
    assert_eq!(plan.rows.len(), all + REGIONS.len() * OWN_GROUPS.len());
    assert_eq!(
        [plan.count("state", "covered"), plan.count("state", "missing"), plan.count("state", "own")],
        [all - missing, missing, REGIONS.len() * OWN_GROUPS.len()]
    );
    assert_eq!(
        [plan.count("action", "put_filter"), plan.count("action", "none")],
        [missing, plan.rows.len() - missing]
    );
    for (region, count) in REGIONS.into_iter().zip(GROUPS) {
        let pages = of_operation(&calls, "DescribeLogGroups").iter().filter(|call| call.region == region).count();
        assert_eq!(pages, (count + OWN_GROUPS.len()).div_ceil(50), "{region}");
    }
    // What never expires costs money, and what expires is nobody's worry.
    let (kept, expiring) = (plan.of("us-east-2", &group(1)), plan.of("us-east-2", &group(2)));
    assert!(kept["retention_days"].is_null() && kept["stored_bytes"] == json!(100_000_000_000_i64), "{kept}");
    let monthly_usd = kept["monthly_usd"].as_f64().unwrap();
    assert!((1.0..10.0).contains(&monthly_usd), "100 GB for {monthly_usd} a month");
    assert!(expiring["retention_days"] == 30 && expiring["monthly_usd"].is_null(), "{expiring}");

    apply(&world, &[]).well();
    let calls = world.aws.take_calls();
    let put = changes(&calls);
    assert_eq!(put.len(), missing);
    assert!(put.iter().all(|call| call.operation == "PutSubscriptionFilter" && call.status == 200));
    for (region, count) in REGIONS.into_iter().zip(GROUPS) {
        for number in 0..count {
            assert_eq!(world.filters(region, &group(number)), [own_filter(region)]);
        }
        for own in OWN_GROUPS {
            assert_eq!(world.filters(region, own), []);
        }
    }

    let again = apply(&world, &[]).well();
    assert_eq!(changes(&world.aws.take_calls()).len(), 0);
    assert_eq!(again.count("action", "none"), again.rows.len());
    assert_eq!(again.count("state", "covered"), all);
}

#[test]
fn a_service_that_throttles_every_third_call_is_asked_again() {
    let world = World::new();
    let groups: Vec<String> = (0..10).map(group).collect();
    for name in &groups {
        add(&world, name);
    }
    world.aws.fail("*", "*", When::Every(3), Fault::Throttled);
    apply(&world, &["--retention", "30"]).well();
    let throttled = world.aws.calls().iter().filter(|call| call.status == 400).count();
    assert!(throttled > 10, "{throttled} calls were throttled");
    world.aws.heal();
    assert_subscribed(&world, &groups.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn an_answer_that_is_lost_does_no_harm() {
    let world = World::new();
    add(&world, "/aws/lambda/orders");
    world.aws.fail("*", "Put*", When::Every(2), Fault::CutAfter);
    apply(&world, &[]).well();
    assert_subscribed(&world, &["/aws/lambda/orders"]);
}

#[test]
fn filters_of_others_that_fill_a_group_stand_in_the_way_of_nothing_else() {
    let world = World::new();
    add(&world, "/aws/lambda/orders");
    let others = [foreign_filter("siem"), foreign_filter("audit")];
    world.aws.region("us-west-2", |region| {
        region.group("/aws/lambda/crowded").filters = others.to_vec();
        region.group("/aws/lambda/shared").filters = vec![foreign_filter("siem")];
    });
    let plan = world.rows(&["subscribe"]);
    assert_eq!(plan.of("us-west-2", "/aws/lambda/crowded")["state"], "blocked");
    let applied = apply(&world, &[]);
    assert_eq!((applied.code, applied.complete), (3, true), "{}", applied.stderr);
    let row = applied.of("us-west-2", "/aws/lambda/crowded");
    assert_eq!(row["state"], "blocked");
    // Whoever is to make room is told whose filters they are.
    let detail = row["detail"].as_str().unwrap();
    assert!(detail.contains("siem") && detail.contains("audit"), "{detail}");
    assert_eq!(world.filters("us-west-2", "/aws/lambda/crowded"), others);
    // A quota is no throttle, though the SDK holds it for one: it is the same in ten seconds.
    let refused = world.aws.calls().iter().filter(|call| call.status == 400).count();
    assert!(refused <= 1, "asked {refused} times for what is refused each time");
    assert_eq!(world.filters("us-west-2", "/aws/lambda/shared"), [foreign_filter("siem"), own_filter("us-west-2")]);
    assert_subscribed(&world, &["/aws/lambda/orders"]);
}

#[test]
fn a_quota_is_what_the_account_has_and_not_what_is_usual() {
    let world = World::new();
    for (region, quota) in [("us-east-2", 5), ("us-west-2", 1)] {
        world.aws.region(region, |region| {
            region.filters_per_group_max = quota;
            region.group("/aws/lambda/orders").filters =
                (0..quota.min(2)).map(|n| foreign_filter(&format!("siem-{n}"))).collect();
            region.group("/aws/lambda/carts");
        });
    }
    let applied = apply(&world, &[]);
    assert_eq!((applied.code, applied.complete), (3, true), "{}", applied.stderr);
    assert_eq!(world.filters("us-east-2", "/aws/lambda/orders").len(), 3);
    assert_eq!(applied.of("us-east-2", "/aws/lambda/orders")["state"], "covered");
    assert_eq!(world.filters("us-west-2", "/aws/lambda/orders"), [foreign_filter("siem-0")]);
    assert_eq!(applied.of("us-west-2", "/aws/lambda/orders")["state"], "blocked");
    assert_eq!(world.filters("us-west-2", "/aws/lambda/carts"), [own_filter("us-west-2")]);
}

#[test]
fn a_filter_of_ours_that_says_something_else_is_changed_in_its_place() {
    let world = World::new();
    let old = transect_tests::aws::Filter {
        destination: format!("{}-2", destination("us-east-2")),
        ..own_filter("us-east-2")
    };
    let narrow = transect_tests::aws::Filter { pattern: "ERROR".to_owned(), ..own_filter("us-east-2") };
    world.aws.region("us-east-2", |region| {
        // The group is full, and it does not matter: a filter of the same name is replaced.
        region.group("/aws/lambda/moved").filters = vec![foreign_filter("siem"), old];
        region.group("/aws/lambda/narrow").filters = vec![narrow.clone()];
    });
    let plan = world.rows(&["subscribe"]).well();
    for group in ["/aws/lambda/moved", "/aws/lambda/narrow"] {
        let row = plan.of("us-east-2", group);
        assert_eq!((&row["state"], &row["action"]), (&json!("differs"), &json!("put_filter")), "{group}");
    }
    apply(&world, &[]).well();
    assert_eq!(world.filters("us-east-2", "/aws/lambda/moved"), [foreign_filter("siem"), own_filter("us-east-2")]);
    assert_eq!(world.filters("us-east-2", "/aws/lambda/narrow"), [own_filter("us-east-2")]);
    // And the other way round, where a pattern is wished.
    apply(&world, &["--filter", "ERROR"]).well();
    assert_eq!(world.filters("us-east-2", "/aws/lambda/narrow"), [narrow]);
}

#[test]
fn only_what_matches_is_subscribed() {
    let world = World::new();
    for name in ["/aws/lambda/orders", "/aws/lambda/orders-debug", "/ecs/orders"] {
        add(&world, name);
    }
    let applied = apply(&world, &["--match", "/aws/lambda/*", "--exclude", "*-debug", "--retention", "30"]).well();
    assert_subscribed(&world, &["/aws/lambda/orders"]);
    for region in REGIONS {
        for group in ["/aws/lambda/orders-debug", "/ecs/orders"] {
            let row = applied.of(region, group);
            assert_eq!((&row["state"], &row["action"]), (&json!("excluded"), &json!("none")));
            assert_eq!(world.filters(region, group), []);
            assert_eq!(world.aws.region(region, |region| region.groups[group].retention_days), None);
        }
        // Not even who asks for it by name gets a loop.
        let own =
            apply(&world, &["--region", region, "--match", "*forwarder*", "--match", "/aws/kinesisfirehose/*"]).well();
        assert_eq!(own.count("state", "own"), OWN_GROUPS.len());
        assert_eq!(OWN_GROUPS.map(|group| world.filters(region, group).len()), [0, 0]);
    }
}

#[test]
fn retention_is_given_to_what_never_expires_and_taken_from_nobody() {
    let world = World::new();
    add(&world, "/aws/lambda/orders");
    world.aws.region("us-east-2", |region| {
        region.group("/aws/lambda/carts").filters = vec![own_filter("us-east-2")];
        region.group("/aws/lambda/audit").retention_days = Some(3653);
    });
    let plan = world.rows(&["subscribe", "--retention", "30"]).well();
    assert_eq!(plan.of("us-east-2", "/aws/lambda/orders")["action"], "put_filter+put_retention");
    assert_eq!(plan.of("us-east-2", "/aws/lambda/carts")["action"], "put_retention");
    assert_eq!(plan.of("us-east-2", "/aws/lambda/audit")["action"], "put_filter");
    apply(&world, &["--retention", "30"]).well();
    let days = |group: &str| world.aws.region("us-east-2", |region| region.groups[group].retention_days);
    assert_eq!(
        ["orders", "carts", "audit"].map(|name| days(&format!("/aws/lambda/{name}"))),
        [Some(30), Some(30), Some(3653)]
    );
    world.aws.take_calls();
    apply(&world, &["--retention", "30"]).well();
    assert_eq!(changes(&world.aws.take_calls()).len(), 0);
    // CloudWatch Logs knows 22 numbers of days, and 31 is none of them.
    let answer = world.run(&["subscribe", "--apply", "--retention", "31"]);
    assert_eq!(answer.code, 2, "{}", answer.stderr);
    assert!(answer.stderr.contains("30"), "{}", answer.stderr);
    assert_eq!(world.aws.take_calls().len(), 0);
}

#[test]
fn groups_of_a_class_without_subscriptions_are_told_and_left_alone() {
    let world = World::new();
    add(&world, "/aws/lambda/orders");
    world.aws.region("us-east-2", |region| {
        region.group("/aws/lambda/cheap").class = "INFREQUENT_ACCESS".to_owned();
        region.group("/aws/lambda/delivered").class = "DELIVERY".to_owned();
    });
    let applied = apply(&world, &[]);
    assert!(applied.complete, "{}", applied.stderr);
    for group in ["/aws/lambda/cheap", "/aws/lambda/delivered"] {
        let row = applied.of("us-east-2", group);
        assert_eq!((&row["state"], &row["action"]), (&json!("blocked"), &json!("none")));
    }
    // The service refuses even to tell of filters where there cannot be any.
    let refused: Vec<_> = world.aws.calls().into_iter().filter(|call| call.status != 200).collect();
    assert_eq!(refused, []);
    assert_subscribed(&world, &["/aws/lambda/orders"]);
}

#[test]
fn a_region_that_is_down_is_told_and_the_others_are_done() {
    let world = World::new();
    add(&world, "/aws/lambda/orders");
    // The first: nothing may hang on it, whose credentials these are least of all.
    world.aws.fail_region(REGIONS[0]);
    let applied = apply(&world, &[]);
    assert_eq!((applied.code, applied.complete), (3, false), "{}", applied.stderr);
    assert_eq!(applied.missing, [REGIONS[0]]);
    assert!(applied.stderr.contains(REGIONS[0]), "{}", applied.stderr);
    for region in REGIONS {
        let filters = world.filters(region, "/aws/lambda/orders");
        assert_eq!(filters, if region == REGIONS[0] { Vec::new() } else { vec![own_filter(region)] }, "{region}");
    }
    world.aws.heal();
    apply(&world, &[]).well();
    assert_subscribed(&world, &["/aws/lambda/orders"]);
}

#[test]
fn a_region_that_refuses_is_named_with_the_permission_that_is_lacking() {
    let world = World::new();
    add(&world, "/aws/lambda/orders");
    world.aws.fail("us-west-2", "DescribeLogGroups", When::Always, Fault::Denied);
    let plan = world.rows(&["subscribe"]);
    assert_eq!((plan.code, plan.complete, plan.missing.as_slice()), (3, false, &["us-west-2".to_owned()][..]));
    assert!(plan.stderr.contains("logs:DescribeLogGroups"), "{}", plan.stderr);
    world.aws.heal();
    world.aws.fail("us-west-2", "PutSubscriptionFilter", When::Always, Fault::Denied);
    let applied = apply(&world, &[]);
    assert_eq!(applied.code, 3, "{}", applied.stderr);
    let detail = applied.of("us-west-2", "/aws/lambda/orders")["detail"].as_str().unwrap();
    assert!(detail.contains("logs:PutSubscriptionFilter"), "{detail}");
    assert_eq!(world.filters("us-east-2", "/aws/lambda/orders"), [own_filter("us-east-2")]);
    assert_eq!(world.filters("eu-west-2", "/aws/lambda/orders"), [own_filter("eu-west-2")]);
}

#[test]
fn a_group_that_does_not_tell_its_filters_hides_no_other() {
    let world = World::new();
    for name in ["/aws/lambda/orders", "/aws/lambda/secret"] {
        add(&world, name);
    }
    let denied = When::Naming("/aws/lambda/secret");
    world.aws.fail("us-west-2", "DescribeSubscriptionFilters", denied, Fault::Denied);
    let rows = [world.rows(&["subscribe"]), apply(&world, &[])];
    for rows in &rows {
        assert_eq!((rows.code, rows.complete), (3, true), "{}", rows.stderr);
        let row = rows.of("us-west-2", "/aws/lambda/secret");
        assert_eq!((&row["state"], &row["action"]), (&json!("unknown"), &json!("none")));
        let detail = row["detail"].as_str().unwrap();
        assert!(detail.starts_with("logs:DescribeSubscriptionFilters: not allowed"), "{detail}");
    }
    assert!(rows[0].stderr.contains("of 1 of them it could not be found out how they stand"), "{}", rows[0].stderr);
    assert_subscribed(&world, &["/aws/lambda/orders"]);
    assert_eq!(world.filters("us-west-2", "/aws/lambda/secret"), []);
    assert_eq!(world.filters("us-east-2", "/aws/lambda/secret"), [own_filter("us-east-2")]);
    // Who is left out need not tell.
    apply(&world, &["--exclude", "*/secret"]).well();
}

#[test]
fn a_forwarder_that_may_not_be_invoked_takes_no_subscription() {
    let world = World::new();
    add(&world, "/aws/lambda/orders");
    world.aws.region("eu-west-2", |region| {
        region.function(FORWARDER).aliases.get_mut("live").unwrap().is_invoked_by_logs = false;
    });
    let applied = apply(&world, &[]);
    assert_eq!(applied.code, 3, "{}", applied.stderr);
    let row = applied.of("eu-west-2", "/aws/lambda/orders");
    assert_eq!(row["state"], "blocked");
    assert!(row["detail"].as_str().unwrap().contains("InvalidParameter"), "{row}");
    assert_eq!(world.filters("eu-west-2", "/aws/lambda/orders"), []);
    assert_eq!(world.filters("us-west-2", "/aws/lambda/orders"), [own_filter("us-west-2")]);
}

#[test]
fn a_deployment_of_another_name_has_a_forwarder_of_its_own() {
    let world = World::new();
    world.aws.region("us-east-2", |region| {
        region.function("acme-forwarder");
        region.group("/aws/lambda/orders");
        region.group("/aws/lambda/acme-forwarder");
        region.group("/aws/kinesisfirehose/acme");
    });
    let applied = apply(&world, &["--name", "acme", "--region", "us-east-2", "--match", "/aws/lambda/orders"]).well();
    let filters = world.filters("us-east-2", "/aws/lambda/orders");
    assert_eq!((filters[0].name.as_str(), filters.len()), ("acme", 1));
    assert_eq!(filters[0].destination, destination("us-east-2").replace(FORWARDER, "acme-forwarder"));
    assert_eq!(applied.of("us-east-2", "/aws/lambda/acme-forwarder")["state"], "own");
    assert!(world.aws.calls().iter().all(|call| call.region == "us-east-2"));
    for wrong in ["a/b", "", &"n".repeat(33)] {
        assert_eq!(world.run(&["subscribe", "--name", wrong]).code, 2, "{wrong:?}");
    }
    assert_ne!(NAME, "acme");
}

#[test]
fn without_credentials_it_says_so_and_how_to_get_them() {
    let world = World::new();
    let mut command = world.command(&["subscribe", "--apply"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let answer: transect_tests::Answer = command.output().unwrap().into();
    assert!([2, 3].contains(&answer.code), "{}: {}", answer.code, answer.stderr);
    assert!(answer.stderr.contains("no AWS credentials"), "{}", answer.stderr);
    assert!(answer.stderr.contains("AWS_PROFILE") || answer.stderr.contains("aws sso login"), "{}", answer.stderr);
    assert_eq!(world.aws.calls(), []);
}

#[test]
fn a_table_says_what_json_says() {
    let world = World::new();
    add(&world, "/aws/lambda/orders");
    let answer = world.run(&["subscribe", "--region", "us-east-2"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let line = answer.stdout.lines().find(|line| line.contains("/aws/lambda/orders")).unwrap();
    assert!(line.contains("us-east-2") && line.contains("missing") && line.contains("put_filter"), "{line}");
}
