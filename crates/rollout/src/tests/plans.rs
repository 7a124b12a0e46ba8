//! What makes a plan, what is refused, and the presets.

use super::fake::*;
use crate::*;

fn parse(waves: &str, map: &str) -> Result<Plan, PlanError> {
    Plan::parse(
        &asked(),
        Document { name: "waves.json", text: waves },
        Document { name: "release-map.json", text: map },
    )
}

/// One wave, with something in it changed.
fn refused(wave: &str, expected: &str) {
    let error = parse(wave, &release_map()).unwrap_err();
    assert_eq!(format!("{error} ({})", error.hint), expected);
}

const KEYS: &str = "a wave has the keys name, regions, weight, bake and min_requests";
const WHOLE: &str =
    "write a list of waves: [{\"name\":\"one region\",\"regions\":[\"us-east-2\"],\"weight\":10,\"bake\":\"30m\"}]";

#[test]
fn a_plan_holds_versions_and_waves() {
    let plan = plan(THREE_WAVES);
    assert_eq!(
        plan.waves[0],
        Wave {
            name: "first".into(),
            regions: vec!["us-east-2".into()],
            weight: 10,
            bake_seconds: 300,
            min_requests: MIN_REQUESTS,
        }
    );
    assert_eq!(plan.regions["eu-west-2"], Versions { baseline: "3".into(), canary: "5".into() });
    assert_eq!(plan.weight_after(0, "us-west-2"), None);
    assert_eq!((plan.weight_after(1, "us-east-2"), plan.weight_after(2, "us-east-2")), (Some(10), Some(50)));
    assert_eq!(plan.warnings, Vec::<String>::new());
    // The form of the file is no part of it.
    let spaced = super::fake::plan(&THREE_WAVES.replace("300s", "5m").replace(' ', "\n"));
    assert_eq!(spaced.hash(), plan.hash());
    assert_ne!(super::fake::plan(&THREE_WAVES.replace("10,", "11,")).hash(), plan.hash());
    assert_eq!(plan.hash().len(), 16);
}

#[test]
fn mistakes_in_waves_are_named_by_wave_and_key() {
    let wave = |rest: &str| {
        format!("[{{\"name\": \"one\", \"regions\": [\"us-east-2\"], \"weight\": 10, \"bake\": \"5m\"{rest}}}]")
    };
    assert!(parse(&wave(""), &release_map()).is_ok());
    refused("", &format!("waves.json: EOF while parsing a value at line 1 column 0 ({WHOLE})"));
    refused("[]", &format!("waves.json: there is no wave in it ({WHOLE})"));
    refused("{}", &format!("waves.json: invalid type: map, expected a sequence at line 1 column 0 ({WHOLE})"));
    refused(
        "[7]",
        &format!(
            "waves.json: invalid type: integer `7`, expected a wave, which is an object at line 1 column 2 ({WHOLE})"
        ),
    );
    refused(&wave(", \"wieght\": 5"), &format!("waves.json: wave 1 \"one\": wieght is no key of a wave ({KEYS})"));
    refused(&wave(", \"weight\": 5"), &format!("waves.json: weight stands twice at line 1 column 83 ({WHOLE})"));
    refused(
        "[{\"name\": \"one\", \"regions\": [\"us-east-2\"], \"weight\": 10}]",
        &format!("waves.json: wave 1 \"one\": bake is missing ({KEYS})"),
    );
    refused(
        "[{\"regions\": [\"us-east-2\"], \"weight\": 10, \"bake\": \"5m\"}]",
        &format!("waves.json: wave 1: name is missing ({KEYS})"),
    );
    let weight = "write the canary's share in percent, a whole number from 1 to 100";
    for wrong in ["0", "101", "10.5", "-1", "\"10\"", "\"10%\"", "null", "0.1"] {
        refused(
            &wave("").replace("10,", &format!("{wrong},")),
            &format!("waves.json: wave 1 \"one\": weight: {wrong} is no weight ({weight})"),
        );
    }
    let bake = "write a text of a whole number and s, m, h or d, such as \"30m\", up to 14d";
    for wrong in ["\"5\"", "5", "\"five minutes\"", "\"15d\"", "\"-5m\"", "null"] {
        refused(
            &wave("").replace("\"5m\"", wrong),
            &format!("waves.json: wave 1 \"one\": bake: {wrong} is no length of time ({bake})"),
        );
    }
    for wrong in ["0", "-1", "1.5", "\"100\""] {
        refused(
            &wave(&format!(", \"min_requests\": {wrong}")),
            &format!(
                "waves.json: wave 1 \"one\": min_requests: {wrong} is no number of requests (write a whole number from 1, or leave it out for 100)"
            ),
        );
    }
    let regions = "write a list of regions, such as [\"us-east-2\", \"eu-west-2\"]";
    for (wrong, what) in
        [("[]", "there is none"), ("\"us-east-2\"", "\"us-east-2\" is no list"), ("[2]", "2 is no text")]
    {
        refused(
            &wave("").replace("[\"us-east-2\"]", wrong),
            &format!("waves.json: wave 1 \"one\": regions: {what} ({regions})"),
        );
    }
    refused(
        &wave("").replace("[\"us-east-2\"]", "[\"us-east-2\", \"us-east-2\"]"),
        "waves.json: wave 1 \"one\": regions: us-east-2 stands twice (name each region of a wave once)",
    );
    refused(
        &wave("").replace("\"one\"", "\" \""),
        "waves.json: wave 1 \" \": name: \" \" is no name (write a text of 1 to 64 characters on one line, such as \"one region\")",
    );
    let two = format!("{},{}", &wave("")[..wave("").len() - 1], &wave("")[1..]);
    refused(
        &two,
        "waves.json: wave 2 has the name of wave 1, \"one\" (give each wave a name of its own: reports go by it)",
    );
    refused(
        &two.replacen("one", "two", 1).replacen("10,", "50,", 1),
        "waves.json: wave 2 \"one\": weight: us-east-2 has 50 % since wave 1 \"two\" and would go down to 10 % (a later wave keeps a region's weight or raises it)",
    );
    let many = format!("[{}]", vec![wave("").trim_matches(['[', ']']); WAVES_MAX + 1].join(","));
    refused(&many, "waves.json: it has 101 waves (write 100 waves at most)");
    // A long text is not repeated whole.
    assert!(
        parse(&wave("").replace("\"5m\"", &format!("\"{}\"", "x".repeat(5000))), &release_map())
            .unwrap_err()
            .to_string()
            .len()
            < 200
    );
}

#[test]
fn regions_must_have_both_releases_of_the_function() {
    let one = "[{\"name\": \"one\", \"regions\": [\"eu-west-9\"], \"weight\": 10, \"bake\": \"5m\"}]";
    refused(
        one,
        "waves.json: wave 1 \"one\": regions: eu-west-9: release-map.json has no version of shop-payments for 1.4.1 there (1.4.1 of shop-payments is in ap-south-1, eu-west-2, us-east-2, us-west-2)",
    );
    let check = |map: &str, expected: &str| {
        let error = parse(&one.replace("eu-west-9", "us-east-2"), map).unwrap_err();
        assert_eq!(format!("{error} ({})", error.hint), expected);
    };
    let map = |baseline: &str, canary: &str| {
        format!(
            "{{\"1.4.1\":{{\"us-east-2\":{{\"shop-payments\":{baseline}}}}},\"1.4.2\":{{\"us-east-2\":{{\"shop-payments\":{canary}}}}}}}"
        )
    };
    // A number is as good as a text.
    assert!(parse(&one.replace("eu-west-9", "us-east-2"), &map("{\"version\":6}", "{\"version\":\"7\"}")).is_ok());
    check(
        &map("{\"version\":\"6\"}", "{\"version\":\"$LATEST\"}"),
        "waves.json: wave 1 \"one\": regions: us-east-2: release-map.json has version $LATEST of shop-payments for 1.4.2 there (a weight takes published versions, which are numbers)",
    );
    check(
        &map("{\"version\":\"6\"}", "{\"version\":\"6\"}"),
        "waves.json: wave 1 \"one\": regions: us-east-2: release-map.json has version 6 of shop-payments for both releases there (publish 1.4.2 there first, or leave the region out)",
    );
    check("{\"1.4.0\":{},\"1.4.1\":{}}", "release-map.json: there is no release 1.4.2 in it (it has 1.4.0, 1.4.1)");
    check(
        "{\"1.4.1\":{\"us-east-2\":{\"shop-orders\":{\"version\":\"1\"}}},\"1.4.2\":{}}",
        "release-map.json: there is no function shop-payments of 1.4.1 or 1.4.2 in it (it has shop-orders)",
    );
    let form = "it is {release: {region: {function: {\"version\": \"7\", \"codeSha256\": \"…\"}}}}";
    check(
        &map("{\"version\":6.5}", "{\"version\":\"7\"}"),
        &format!(
            "release-map.json: invalid type: floating point `6.5`, expected a version such as \"7\" at line 1 column 53 ({form})"
        ),
    );
}

#[test]
fn what_is_asked_must_be_something() {
    let check = |asked: &Asked, expected: &str| {
        let (waves, map) = (Document { name: "w", text: THREE_WAVES }, release_map());
        let error = Plan::parse(asked, waves, Document { name: "m", text: &map }).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(&Asked { baseline: "1.4.2".into(), ..asked() }, "--canary: 1.4.2 is the baseline too");
    check(&Asked { alias: " ".into(), ..asked() }, "--alias: it is empty");
}

#[test]
fn what_should_be_known_is_said() {
    let one = "[{\"name\": \"one\", \"regions\": [\"us-east-2\", \"eu-west-2\"], \"weight\": 100, \"bake\": \"5m\"}]";
    let map = release_map().replacen(
        "\"version\":\"5\",\"codeSha256\":\"code1\"",
        "\"version\":\"5\",\"codeSha256\":\"code0\"",
        1,
    );
    assert_eq!(
        parse(one, &map).unwrap().warnings,
        [
            "no wave comes to ap-south-1, us-west-2: left as it is there",
            "wave \"one\" asks for 100 %: the canary gets 90 % until all waves have passed, so that a baseline runs beside it",
            "1.4.2 is not the same code in all regions: release-map.json has 2 codeSha256 of it",
            "1.4.1 and 1.4.2 are the same code in eu-west-2",
        ]
    );
}

#[test]
fn presets_are_plans_for_three_regions() {
    let usual = include_str!("../../../../deploy/waves.json");
    let presets = [
        usual,
        include_str!("../../../../deploy/waves/all-regions-at-once.json"),
        include_str!("../../../../deploy/waves/canary-in-one-region.json"),
        include_str!("../../../../deploy/waves/one-box-one-region-the-rest.json"),
        include_str!("../../../../deploy/waves/one-region-as-canary.json"),
    ];
    assert_eq!(
        presets[3], usual,
        "deploy/waves.json is the preset one-box-one-region-the-rest.json: copy one over the other"
    );
    for preset in presets {
        let plan = parse(preset, &release_map()).unwrap();
        assert_eq!(plan.regions.keys().collect::<Vec<_>>(), ["eu-west-2", "us-east-2", "us-west-2"]);
        assert_eq!(plan.warnings, ["no wave comes to ap-south-1: left as it is there"]);
        // Something of the baseline runs beside each wave, and a wave bakes longer than records take to arrive.
        assert!(plan.waves.iter().all(|wave| wave.weight <= 50 && wave.bake_seconds >= 1800));
        let world = Hold::new(Fake::new(always(Said::Pass)));
        assert_eq!(world.run(&plan, Options::default()), Outcome::Promoted);
        assert_eq!(world.shows(), ["us-east-2 7", "us-west-2 12", "eu-west-2 5", "ap-south-1 1"]);
    }
}
