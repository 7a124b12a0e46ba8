//! The comparison of what is with what is wished, case by case. They refuse to ask AWS for anything.

use super::*;

fn account() -> Account {
    Account { id: "123456789012".into(), partition: "aws".into() }
}

fn wish() -> Wish {
    Wish {
        names: Names::new("transect").unwrap(),
        mode: Mode::Groups,
        include: vec![],
        exclude: vec![],
        retention_days: None,
        filter_pattern: String::new(),
        destination: None,
    }
}

const OURS: &str = "arn:aws:lambda:us-east-2:123456789012:function:transect-forwarder:live";

fn filter(name: &str, destination: &str) -> Filter {
    Filter { name: name.into(), pattern: String::new(), destination: destination.into() }
}

fn group(name: &str, filters: &[Filter]) -> Group {
    Group {
        name: name.into(),
        retention_days: Some(30),
        stored_bytes: 0,
        takes_filters: true,
        filters: filters.to_vec(),
        fault: None,
    }
}

/// The rows as text: group, state, change, detail.
fn check(groups: &[Group], policies: &[Policy], wish: &Wish, expected: &[&str]) {
    let survey = Survey { groups: groups.to_vec(), policies: policies.to_vec() };
    let plan = plan(&survey, wish, &account(), "us-east-2");
    let rows: Vec<String> = plan
        .rows
        .iter()
        .map(|row| {
            format!("{} {} {} {}", row.group, row.state.name(), row.change.name(), row.detail).trim_end().to_owned()
        })
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn every_way_in_which_a_group_can_stand() {
    let denied = Fault { action: "logs:X", reason: "not allowed".into(), code: None };
    let groups = [
        group("/aws/lambda/a", &[filter("transect", OURS)]),
        group("/aws/lambda/b", &[]),
        group("/aws/lambda/c", &[filter("transect", "arn:aws:lambda:us-east-2:123456789012:function:old:live")]),
        group("/aws/lambda/d", &[filter("datadog", "x"), filter("splunk", "y")]),
        group("/aws/lambda/e", &[filter("datadog", "x"), filter("mine", OURS)]),
        group("/aws/lambda/f", &[filter("datadog", "x")]),
        Group { takes_filters: false, ..group("/aws/lambda/rare", &[]) },
        Group { fault: Some(denied), ..group("/aws/lambda/secret", &[]) },
        group("/aws/lambda/transect-forwarder", &[]),
        group("/aws/kinesisfirehose/transect", &[]),
        group("/aws/lambda/transect-forwarder-of-others", &[]),
        Group {
            filters: vec![Filter { pattern: "ERROR".into(), ..filter("transect", OURS) }],
            ..group("/aws/lambda/z", &[])
        },
    ];
    check(
        &groups,
        &[],
        &wish(),
        &[
            "/aws/lambda/a covered none",
            "/aws/lambda/b missing put_filter",
            "/aws/lambda/c differs put_filter another destination",
            "/aws/lambda/d blocked put_filter filters of others fill the group: datadog, splunk",
            "/aws/lambda/e covered none by a filter of another name",
            "/aws/lambda/f missing put_filter",
            "/aws/lambda/rare blocked none its log group class takes no subscriptions",
            "/aws/lambda/secret unknown none logs:X: not allowed",
            "/aws/lambda/transect-forwarder own none written by the pipeline itself",
            "/aws/kinesisfirehose/transect own none written by the pipeline itself",
            "/aws/lambda/transect-forwarder-of-others missing put_filter",
            "/aws/lambda/z differs put_filter another filter pattern",
        ],
    );
}

#[test]
fn patterns_choose_and_a_loop_is_named() {
    let groups = [
        group("/aws/lambda/pay", &[]),
        group("/aws/lambda/pay-test", &[filter("transect", OURS)]),
        group("/ecs/shop", &[]),
        group("/aws/lambda/transect-forwarder", &[filter("all", OURS)]),
    ];
    let wish = Wish { include: vec!["/aws/lambda/*".into()], exclude: vec!["*-test".into()], ..wish() };
    check(
        &groups,
        &[],
        &wish,
        &[
            "/aws/lambda/pay missing put_filter",
            "/aws/lambda/pay-test excluded none not wished, and subscribed",
            "/ecs/shop excluded none",
            "/aws/lambda/transect-forwarder own none forwarded to the forwarder that writes it: a loop; take it out of the subscription",
        ],
    );
}

/// Two installations in a region, one of which already forwards something: neither ever forwards what the other writes.
#[test]
fn two_installations_never_subscribe_each_other() {
    let blue = "arn:aws:lambda:us-east-2:123456789012:function:blue-forwarder:live";
    let groups = [
        group("/aws/kinesisfirehose/blue", &[]),
        group("/aws/kinesisfirehose/transect", &[]),
        group("/aws/lambda/blue-forwarder", &[filter("transect", OURS)]),
        group("/aws/lambda/cart", &[]),
        // Without a group of its stream it is known by what is delivered to it.
        group("/aws/lambda/green-forwarder", &[]),
        group("/aws/lambda/pay", &[filter("g", "arn:aws:lambda:us-east-2:123456789012:function:green-forwarder:live")]),
        group("/aws/lambda/transect-forwarder", &[]),
    ];
    let of_transect = [
        "/aws/kinesisfirehose/blue own none written by the deployment `blue`",
        "/aws/kinesisfirehose/transect own none written by the pipeline itself",
        "/aws/lambda/blue-forwarder own none forwarded, and `blue` writes it, which is another forwarder of this region: a loop as soon as it forwards ours; take it out of the subscription",
        "/aws/lambda/cart missing put_filter",
        "/aws/lambda/green-forwarder own none written by the deployment `green`",
        "/aws/lambda/pay missing put_filter",
        "/aws/lambda/transect-forwarder own none written by the pipeline itself",
    ];
    check(&groups, &[], &wish(), &of_transect);
    let theirs = Wish { names: Names::new("blue").unwrap(), ..wish() };
    check(
        &groups,
        &[],
        &theirs,
        &[
            "/aws/kinesisfirehose/blue own none written by the pipeline itself",
            "/aws/kinesisfirehose/transect own none written by the deployment `transect`",
            "/aws/lambda/blue-forwarder own none written by the pipeline itself",
            "/aws/lambda/cart missing put_filter",
            "/aws/lambda/green-forwarder own none written by the deployment `green`",
            "/aws/lambda/pay missing put_filter",
            "/aws/lambda/transect-forwarder own none written by the deployment `transect`",
        ],
    );
    let account_wide = Wish { mode: Mode::Account, ..theirs };
    let survey = Survey { groups: groups.to_vec(), policies: vec![] };
    let Put { document, selection, .. } = plan(&survey, &account_wide, &account(), "us-east-2").policy.unwrap();
    assert_eq!(document.destination, blue);
    assert_eq!(
        selection,
        r#"LogGroupName NOT IN ["/aws/lambda/blue-forwarder","/aws/kinesisfirehose/blue","/aws/kinesisfirehose/green","/aws/kinesisfirehose/transect","/aws/lambda/green-forwarder","/aws/lambda/transect-forwarder"]"#
    );
    // A function of another name that is delivered to by wish does not get its own lines.
    let custom =
        Wish { destination: Some("arn:aws:lambda:us-east-2:123456789012:function:cart:live".into()), ..wish() };
    let plan = plan(&survey, &custom, &account(), "us-east-2");
    let cart = plan.rows.iter().find(|row| row.group == "/aws/lambda/cart").unwrap();
    assert_eq!(
        (cart.state, cart.detail.as_str()),
        (State::Own, "written by the function `cart` that it is delivered to")
    );
}

/// Whoever gets what we write would hand it back to us, call by call.
#[test]
fn functions_that_get_what_the_pipeline_writes_are_never_forwarded() {
    let dd = filter("dd", "arn:aws:lambda:us-east-2:123456789012:function:datadog-forwarder");
    let groups = [
        group("/aws/lambda/datadog-forwarder", &[filter("transect", OURS)]),
        group("/aws/lambda/pay", std::slice::from_ref(&dd)),
        group("/aws/lambda/transect-forwarder", &[dd]),
    ];
    let loop_of_dd = "/aws/lambda/datadog-forwarder own none forwarded, and `datadog-forwarder` writes it, which gets what the forwarder writes: a loop; take it out of the subscription";
    let of_transect = "/aws/lambda/transect-forwarder own none written by the pipeline itself";
    check(&groups, &[], &wish(), &[loop_of_dd, "/aws/lambda/pay missing put_filter", of_transect]);
    let survey = Survey { groups: groups.to_vec(), policies: vec![] };
    let account_wide = Wish { mode: Mode::Account, ..wish() };
    assert_eq!(
        plan(&survey, &account_wide, &account(), "us-east-2").policy.unwrap().selection,
        r#"LogGroupName NOT IN ["/aws/lambda/transect-forwarder","/aws/kinesisfirehose/transect","/aws/lambda/datadog-forwarder"]"#
    );
    // The same by the account's policy, of a vendor that leaves nothing out; where it leaves ours out, it is anybody.
    let vendor = |excluded: &[&str]| policy("dd", "arn:aws:lambda:us-east-2:123456789012:function:vendor", excluded);
    let groups = [group("/aws/lambda/vendor", &[])];
    let own = "/aws/lambda/vendor own none written by the function `vendor`, which gets what the pipeline writes";
    check(&groups, &[vendor(&[])], &wish(), &[own]);
    let ours = ["/aws/lambda/transect-forwarder", "/aws/kinesisfirehose/transect"];
    check(&groups, &[vendor(&ours)], &wish(), &["/aws/lambda/vendor missing put_filter"]);
}

#[test]
fn retention_is_put_only_where_there_is_none_and_its_lack_costs() {
    let endless =
        Group { retention_days: None, stored_bytes: 100_000_000_000, ..group("/a", &[filter("transect", OURS)]) };
    let own = Group { retention_days: None, ..group("/aws/lambda/transect-forwarder", &[]) };
    let wish = Wish { retention_days: Some(14), ..wish() };
    let survey = Survey { groups: vec![endless, group("/b", &[]), own], policies: vec![] };
    let plan = plan(&survey, &wish, &account(), "us-east-2");
    let rows: Vec<_> = plan.rows.iter().map(|row| (row.change.name(), row.monthly_usd)).collect();
    assert_eq!(rows, [("put_retention", Some(3.0)), ("put_filter", None), ("none", Some(0.0))]);
}

fn policy(name: &str, destination: &str, excluded: &[&str]) -> Policy {
    Policy {
        name: name.into(),
        document: PolicyDocument { destination: destination.into(), ..PolicyDocument::default() },
        excluded: excluded.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[test]
fn the_accounts_policy_leaves_out_the_real_own_groups() {
    let account_wide = Wish { mode: Mode::Account, exclude: vec!["/ecs/*".into()], ..wish() };
    let groups = [group("/a", &[]), group("/ecs/shop", &[])];
    check(
        &groups,
        &[],
        &account_wide,
        &[
            "* missing put_policy leaves out 3 groups",
            "/a missing none comes with the account's policy",
            "/ecs/shop excluded none",
        ],
    );
    let survey = Survey { groups: groups.to_vec(), policies: vec![] };
    let Put { document, selection, .. } = plan(&survey, &account_wide, &account(), "us-east-2").policy.unwrap();
    assert_eq!(document.destination, OURS);
    assert_eq!(
        selection,
        r#"LogGroupName NOT IN ["/aws/lambda/transect-forwarder","/aws/kinesisfirehose/transect","/ecs/shop"]"#
    );
    // Once it is put, there is nothing to do, in whatever order the service keeps the names.
    let put =
        policy("transect", OURS, &["/ecs/shop", "/aws/kinesisfirehose/transect", "/aws/lambda/transect-forwarder"]);
    check(
        &groups,
        &[put],
        &account_wide,
        &["* covered none", "/a covered none by the account's policy `transect`", "/ecs/shop excluded none"],
    );
}

/// A group that is named whole is left out before it is made, and while it is gone; a pattern can name only what is there.
#[test]
fn the_accounts_policy_leaves_out_what_is_to_come() {
    let exclude = ["/trail/to-come", "/ecs/*", "/ecs/shop", "/aws/lambda/transect-forwarder", "/trail/to-come", "/t?"];
    let account_wide = Wish { mode: Mode::Account, exclude: exclude.map(str::to_owned).to_vec(), ..wish() };
    let survey = Survey { groups: vec![group("/ecs/shop", &[])], policies: vec![] };
    assert_eq!(
        plan(&survey, &account_wide, &account(), "us-east-2").policy.unwrap().selection,
        r#"LogGroupName NOT IN ["/aws/lambda/transect-forwarder","/aws/kinesisfirehose/transect","/ecs/shop","/trail/to-come"]"#
    );
}

#[test]
fn a_policy_of_others_stands_in_the_way_and_a_loop_in_ours_is_mended() {
    let account_wide = Wish { mode: Mode::Account, ..wish() };
    check(
        &[],
        &[policy("theirs", "x", &[])],
        &account_wide,
        &["* blocked none a region has one subscription policy, and `theirs` is it: use --policy groups"],
    );
    check(
        &[group("/aws/lambda/transect-forwarder", &[])],
        &[policy("transect", OURS, &["/aws/transect-forwarder"])],
        &account_wide,
        &[
            "* differs put_policy leaves other groups out",
            "/aws/lambda/transect-forwarder own none forwarded to the forwarder that writes it: a loop; take it out of the subscription",
        ],
    );
    // Group by group, the policy counts as well, and a filter beside it delivers twice.
    check(
        &[group("/a", &[filter("transect", OURS)])],
        &[policy("transect", OURS, &[])],
        &wish(),
        &["/a covered none by the account's policy `transect` and by a filter of its own: delivered twice"],
    );
    // A filter cannot mend what the policy lets through.
    check(
        &[group("/a", &[])],
        &[policy("transect", OURS, &[])],
        &Wish { filter_pattern: "ERROR".into(), ..wish() },
        &["/a differs none by the account's policy `transect`, with another filter pattern"],
    );
    // Nor where it delivers to: every event would come twice.
    let blue = OURS.replace(":live", ":blue");
    let beside =
        |name: &str| format!("/a differs none by the account's policy `{name}`, to `blue` of the same function");
    check(&[group("/a", &[])], &[policy("transect", &blue, &[])], &wish(), &[&beside("transect")]);
    check(
        &[group("/a", &[])],
        &[policy("transect", &blue, &[])],
        &account_wide,
        &["* differs put_policy another destination", &beside("transect")],
    );
    check(
        &[group("/a", &[])],
        &[policy("mine", &blue, &[])],
        &account_wide,
        &[
            "* blocked none a region has one subscription policy, and `mine` is it, to `blue` of the same function: delete it first",
            &beside("mine"),
        ],
    );
}

#[test]
fn a_selection_beyond_the_services_limit_is_refused_before_it_is_put() {
    let groups: Vec<Group> = (0..1_000).map(|number| group(&format!("/ecs/{number:030}"), &[])).collect();
    let wish = Wish { mode: Mode::Account, exclude: vec!["/ecs/*".into()], ..wish() };
    let survey = Survey { groups, policies: vec![] };
    let plan = plan(&survey, &wish, &account(), "us-east-2");
    assert_eq!((plan.rows[0].state, plan.rows[0].change.is_any()), (State::Blocked, false));
}

#[test]
fn selections_are_read_as_the_service_writes_them() {
    assert_eq!(parse_selection(r#"LogGroupName NOT IN ["a", "b"]"#), ["a", "b"]);
    assert_eq!(parse_selection("LogGroupName NOT IN []"), Vec::<String>::new());
    assert_eq!(parse_selection("something else"), Vec::<String>::new());
}
