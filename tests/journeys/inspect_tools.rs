//! `inspect`: dry runs of risk rules over what was filed, and statistics of what is over.

use proto::v1;
use serde_json::{Value, json};

use super::command_line::{lines, shown};
use crate::harness::Sandbox;
use crate::harness::people::{Enterprise, export, filing};

/// A rule set of one rule that demands an inspection.
fn demand(agency: &str, condition: &Value) -> Value {
    json!({
        "agency": agency,
        "version": 7,
        "rates": { "advanced_bp": 0, "general_bp": 0, "untrusted_bp": 0 },
        "rules": [
            {
                "id": "T-1",
                "title": "wanted here",
                "title_zh": "此处关注",
                "valid_from": "2020-01-01",
                "source": "ours",
                "condition": condition,
                "action": { "demand": { "wanted": [
                    { "code": "LOOK", "text": "look", "text_zh": "看", "method": "manual" }
                ] } }
            },
            {
                "id": "T-2",
                "title": "never drawn",
                "title_zh": "从不抽中",
                "valid_from": "2020-01-01",
                "source": "ours",
                "condition": { "not": "blacklisted" },
                "action": { "random_at": { "wanted": [
                    { "code": "LOOK", "text": "look", "text_zh": "看", "method": "machine" }
                ] } }
            }
        ]
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_tried_on_the_past_and_clearance_is_measured() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let heavy = v1::Declaration {
        gross_weight_e5: 3_500_000,
        net_weight_e5: 3_400_000,
        ..export("INSPECT-TOOLS-1")
    };
    let mut names = vec![firm.tries(filing(heavy)).await.expect("it is valid").name];
    for order_no in ["SBX-ACCEPT-1", "SBX-INSPECT-1", "SBX-CUSTOMSINSPECT-1"] {
        names.push(firm.files(order_no).await.name);
    }
    for name in &names {
        firm.sees(name, v1::State::Released).await;
    }
    let rejected = firm.files("SBX-REJECT-1").await.name;
    firm.sees(&rejected, v1::State::Rejected).await;

    the_samples_select_the_heavy_parcel(&sandbox, &names[0]);
    own_rules_select_what_they_say(&sandbox, &names[0]);
    what_is_wrong_in_rules_is_told_at_once(&sandbox);
    clearance_is_measured(&sandbox);
}

fn run(sandbox: &Sandbox, args: &[&str]) -> std::process::Output {
    let output = sandbox.command(args);
    assert!(output.status.success(), "{args:?}: {}", shown(&output));
    output
}

/// The values under a key, of those lines that have it.
fn told(output: &std::process::Output, key: &str) -> Vec<Value> {
    lines(output).iter().filter_map(|line| line.get(key).cloned()).collect()
}

fn the_samples_select_the_heavy_parcel(sandbox: &Sandbox, heavy: &str) {
    let output = run(sandbox, &["inspect", "dry-run", "--output", "json"]);
    let [summary] = &told(&output, "summary")[..] else { panic!("{}", shown(&output)) };
    assert_eq!((&summary["declarations"], &summary["older_not_read"]), (&json!(5), &json!(false)));
    assert_eq!(
        (&summary["seed"], &summary["seed_given"]),
        (&json!("00".repeat(32)), &json!(false))
    );
    for set in summary["rule_sets"].as_array().expect("a list") {
        assert_eq!(set["sample"], true, "{set}");
    }
    let effects = told(&output, "effect");
    let parcels: Vec<_> = effects.iter().filter(|effect| effect["rule"] == "C-005").collect();
    let [parcel] = parcels[..] else { panic!("{}", shown(&output)) };
    assert_eq!((&parcel["declaration"], &parcel["draw"]), (&json!(heavy), &Value::Null));
    assert!(effects.iter().all(|effect| effect["selected"] == true), "{}", shown(&output));

    let again = run(sandbox, &["inspect", "dry-run", "--output", "json"]);
    assert_eq!(again.stdout, output.stdout, "draws do not change");
    let all = run(sandbox, &["inspect", "dry-run", "--explain", "--output", "json"]);
    let drawn = told(&all, "effect").into_iter().filter(|effect| effect["rule"] == "C-900");
    let digests: Vec<_> = drawn.map(|effect| effect["draw"]["sha256"].to_string()).collect();
    assert_eq!(digests.len(), 5, "draws that did not select are told too");

    let one = run(sandbox, &["inspect", "dry-run", "--limit", "1", "--output", "json"]);
    let [summary] = &told(&one, "summary")[..] else { panic!("{}", shown(&one)) };
    assert_eq!((&summary["declarations"], &summary["older_not_read"]), (&json!(1), &json!(true)));

    let table = shown(&run(sandbox, &["inspect", "dry-run"]));
    for expected in ["sample, the rules of no authority", "32 zero bytes", "C-005 Heavy parcel"] {
        assert!(table.contains(expected), "{table}");
    }
    assert!(table.contains("5 declarations, "), "{table}");
}

fn own_rules_select_what_they_say(sandbox: &Sandbox, heavy: &str) {
    let customs = rules(sandbox, "customs.json", &demand("customs", &json!({"goods": ["9617"]})));
    let weight = json!({ "gross_weight": { "from_e5": 3_000_000 } });
    let inspection = rules(sandbox, "inspection.json", &demand("inspection", &weight));
    let mut args = vec!["inspect", "dry-run", "--rules", &customs, "--rules", &inspection];
    args.extend(["--seed", "abab"]);
    let refused = sandbox.command(&args);
    assert_eq!(refused.status.code(), Some(2), "a short seed: {}", shown(&refused));
    args.truncate(6);
    args.extend(["--date", "20261124", "--class", "untrusted"]);

    let table = shown(&run(sandbox, &args));
    let closing = "5 declarations, 5 selected by customs, 1 by inspection, 1 by both";
    assert!(table.contains(closing) && !table.contains("never drawn"), "{table}");
    let mut chinese = args.clone();
    chinese.extend(["--language", "zh"]);
    let table = shown(&run(sandbox, &chinese));
    let closing = "清单5份，海关布控5份，国检布控1份，其中双方布控1份";
    assert!(table.contains(closing) && table.contains("T-1 此处关注"), "{table}");

    args.extend(["--output", "json"]);
    let output = run(sandbox, &args);
    let [summary] = &told(&output, "summary")[..] else { panic!("{}", shown(&output)) };
    let counts = ["customs", "inspection", "both", "orders"].map(|key| summary[key].clone());
    assert_eq!(counts, [json!(5), json!(1), json!(1), json!(5)], "one joint order each");
    let effects = told(&output, "effect");
    assert_eq!(effects.len(), 6, "{}", shown(&output));
    let joint = effects.iter().filter(|effect| effect["declaration"] == heavy).count();
    assert_eq!(joint, 2, "{}", shown(&output));

    let twice = ["inspect", "dry-run", "--rules", &customs, "--rules", &customs];
    assert_eq!(sandbox.command(&twice).status.code(), Some(2));
}

fn what_is_wrong_in_rules_is_told_at_once(sandbox: &Sandbox) {
    let sample = run(sandbox, &["inspect", "rules", "inspection"]);
    let mut sample: Value = serde_json::from_slice(&sample.stdout).expect("JSON");
    let file = rules(sandbox, "sample.json", &sample);
    let summary = run(sandbox, &["inspect", "dry-run", "--rules", &file, "--output", "json"]);
    let [summary] = &told(&summary, "summary")[..] else { panic!("{}", shown(&summary)) };
    assert_eq!(
        summary["rule_sets"],
        json!([{"agency": "inspection", "version": 1, "sample": true}])
    );

    sample["rules"][0]["title"] = json!("");
    sample["rules"][1]["valid_to"] = json!("1999-01-01");
    let file = rules(sandbox, "problems.json", &sample);
    let output = sandbox.command(&["inspect", "dry-run", "--rules", &file]);
    let told = shown(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("I-001") && told.contains("I-002") && told.contains("SW-3011"), "{told}");
    sample["rules"][0]["titel"] = json!("misspelt");
    let file = rules(sandbox, "unknown.json", &sample);
    let output = sandbox.command(&["inspect", "dry-run", "--rules", &file]);
    let told = shown(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("unknown field `titel`") && told.contains("unknown.json:1:"), "{told}");
    let output = sandbox.command(&["inspect", "dry-run", "--rules", "no-such-file.json"]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert!(shown(&output).contains("SW-4007"), "{}", shown(&output));
}

fn clearance_is_measured(sandbox: &Sandbox) {
    let output = run(sandbox, &["inspect", "statistics", "--output", "json"]);
    let rows = lines(&output);
    let groups: Vec<_> = rows.iter().map(|row| (&row["group"], &row["value"])).collect();
    let expected = [("all", ""), ("port", "4258"), ("mode", "9610")];
    assert_eq!(groups.len(), expected.len(), "{}", shown(&output));
    for (row, (group, value)) in rows.iter().zip(expected) {
        assert_eq!((&row["group"], &row["value"]), (&json!(group), &json!(value)));
        let counts = ["cases", "released", "inspected", "inspected_bp", "joint", "joint_bp"];
        let counts = counts.map(|key| row[key].as_u64().expect("a number"));
        assert_eq!(counts, [5, 4, 2, 4_000, 1, 5_000], "{row}");
        let (with, without) = (&row["with_inspection"], &row["without_inspection"]);
        assert_eq!((&with["count"], &without["count"]), (&json!(2), &json!(2)), "{row}");
        let half = with["p50_ms"].as_i64().expect("a number");
        assert!(half >= 300, "the simulated examination takes so long: {row}");
    }

    let csv = run(sandbox, &["inspect", "statistics", "--csv"]);
    let csv = String::from_utf8(csv.stdout).expect("UTF-8");
    let columns: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(columns, [20; 4], "{csv}");
    assert!(csv.starts_with("group,value,cases,released,inspected,inspected_bp,joint,"), "{csv}");
    assert!(csv.contains("\nall,,5,4,2,4000,1,5000,2,"), "{csv}");

    let table = shown(&run(sandbox, &["inspect", "statistics", "--language", "zh"]));
    assert!(table.contains("2 (40.00 %)") && table.contains("1 (50.00 %)"), "{table}");
    let none = run(sandbox, &["inspect", "statistics", "--csv", "--until", "2020-01-01"]);
    assert!(shown(&none).ends_with("all,,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\n"));
    let both = sandbox.command(&["inspect", "statistics", "--csv", "--output", "json"]);
    assert_eq!(both.status.code(), Some(2), "{}", shown(&both));
}

/// Writes a rule set into the sandbox's directory.
fn rules(sandbox: &Sandbox, name: &str, rules: &Value) -> String {
    let file = sandbox.directory.path().join(name);
    std::fs::write(&file, rules.to_string()).expect("the directory is ours");
    file.display().to_string()
}
