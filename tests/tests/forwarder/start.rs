//! How the forwarder starts, and what it is made of.

use std::process::Command;

use serde_json::Value;

use crate::world::forwarder;

#[test]
fn a_wrong_value_ends_the_start_with_its_name_its_fault_and_what_is_allowed() {
    for (name, value, sentence) in [
        ("TRANSECT_SAMPLE_RATE", "2", "TRANSECT_SAMPLE_RATE: 2 is out of range; it takes a number above 0 and up to 1"),
        ("TRANSECT_REDACT", "maybe", "TRANSECT_REDACT: `maybe` is neither; it takes `on` or `off`"),
        ("TRANSECT_DELIVERY_STREAM", "", "TRANSECT_DELIVERY_STREAM is not set: it takes the name of a Firehose stream"),
        (
            "TRANSECT_SAMPEL_RATE",
            "1",
            "TRANSECT_SAMPEL_RATE is no variable of the forwarder; did you mean TRANSECT_SAMPLE_RATE?",
        ),
        ("AWS_REGION", "", "AWS_REGION is not set"),
    ] {
        // Nobody listens there: the forwarder must not get as far as asking.
        let output = forwarder("us-east-2", "127.0.0.1:1", "http://127.0.0.1:1", &[(name, value)]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(sentence) && stderr.lines().count() == 1, "{stderr}");
    }
}

/// The forwarder starts fast and stays small because of what it does not link.
#[test]
fn neither_arrow_nor_parquet_nor_datafusion_is_linked() {
    // Of this machine's kind: what others would link was never downloaded.
    let compiler = Command::new("rustc").arg("-vV").output().unwrap();
    let compiler = String::from_utf8(compiler.stdout).unwrap();
    let host = compiler.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let names: std::collections::HashMap<String, String> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let nodes: std::collections::HashMap<String, &Value> =
        metadata["resolve"]["nodes"].as_array().unwrap().iter().map(|node| (text(&node["id"]), node)).collect();
    let start = names.iter().find(|(_, name)| *name == "transect-forwarder").unwrap().0.clone();
    let mut linked = std::collections::HashSet::from([start.clone()]);
    let mut waiting = vec![start];
    while let Some(id) = waiting.pop() {
        for dependency in nodes[&id]["deps"].as_array().unwrap() {
            // Kinds: null is a normal dependency, which is what ends up in the binary.
            let is_normal = dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
            let id = text(&dependency["pkg"]);
            if is_normal && linked.insert(id.clone()) {
                waiting.push(id);
            }
        }
    }
    let mut heavy: Vec<&String> = linked
        .iter()
        .map(|id| &names[id])
        .filter(|name| {
            ["arrow", "parquet", "datafusion", "object_store", "transect-lake"]
                .iter()
                .any(|heavy| name.starts_with(heavy))
        })
        .collect();
    heavy.sort();
    assert!(heavy.is_empty(), "{heavy:?}");
    assert!(linked.iter().any(|id| names[id] == "aws-sdk-firehose"), "the walk went nowhere");
}
