//! `inspect`: people at an inspection with nothing but the command line, dry runs of risk rules over
//! what was filed, and statistics of what is over.

use proto::v1;
use serde_json::{Value, json};

use super::command_line::{lines, shown};
use crate::harness::inspection::{PLACE, Stage};
use crate::harness::people::{Enterprise, FIRM_A, export, filing};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// A rule set of one rule that demands an inspection.
fn demand(agency: &str, condition: &Value) -> Value {
    json!({
        "agency": agency,
        "version": 1,
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
    own_rules_select_their_goods(&sandbox, &names[0]);
    mistakes_in_rules_are_listed_at_once(&sandbox);
    clearance_is_measured(&sandbox).await;
}

fn run(sandbox: &Sandbox, args: &[&str]) -> std::process::Output {
    let output = sandbox.command(args);
    assert!(output.status.success(), "{args:?}: {}", shown(&output));
    output
}

/// The values under a key, of those lines that have it.
fn values_of(output: &std::process::Output, key: &str) -> Vec<Value> {
    lines(output).iter().filter_map(|line| line.get(key).cloned()).collect()
}

fn the_samples_select_the_heavy_parcel(sandbox: &Sandbox, heavy: &str) {
    let output = run(sandbox, &["inspect", "dry-run", "--output", "json"]);
    let [summary] = &values_of(&output, "summary")[..] else { panic!("{}", shown(&output)) };
    assert_eq!((&summary["declarations"], &summary["older_not_read"]), (&json!(5), &json!(false)));
    assert_eq!(
        (&summary["seed"], &summary["seed_given"]),
        (&json!("00".repeat(32)), &json!(false))
    );
    for set in summary["rule_sets"].as_array().expect("a list") {
        assert_eq!(set["sample"], true, "{set}");
    }
    let effects = values_of(&output, "effect");
    let parcels: Vec<_> = effects.iter().filter(|effect| effect["rule"] == "C-005").collect();
    let [parcel] = parcels[..] else { panic!("{}", shown(&output)) };
    assert_eq!((&parcel["declaration"], &parcel["draw"]), (&json!(heavy), &Value::Null));
    assert!(effects.iter().all(|effect| effect["selected"] == true), "{}", shown(&output));

    let again = run(sandbox, &["inspect", "dry-run", "--output", "json"]);
    assert_eq!(again.stdout, output.stdout, "draws do not change");
    let all = run(sandbox, &["inspect", "dry-run", "--explain", "--output", "json"]);
    let drawn = values_of(&all, "effect").into_iter().filter(|effect| effect["rule"] == "C-900");
    let digests: Vec<_> = drawn.map(|effect| effect["draw"]["sha256"].to_string()).collect();
    assert_eq!(digests.len(), 5, "draws that did not select are told too");

    let one = run(sandbox, &["inspect", "dry-run", "--limit", "1", "--output", "json"]);
    let [summary] = &values_of(&one, "summary")[..] else { panic!("{}", shown(&one)) };
    assert_eq!((&summary["declarations"], &summary["older_not_read"]), (&json!(1), &json!(true)));

    let table = shown(&run(sandbox, &["inspect", "dry-run"]));
    for expected in ["sample, the rules of no authority", "32 zero bytes", "C-005 Heavy parcel"] {
        assert!(table.contains(expected), "{table}");
    }
    assert!(table.contains("5 declarations, "), "{table}");
}

fn own_rules_select_their_goods(sandbox: &Sandbox, heavy: &str) {
    let customs = rules(sandbox, "customs.json", &demand("customs", &json!({"goods": ["9617"]})));
    let weight = json!({ "gross_weight": { "from_e5": 3_000_000 } });
    let quarantine = rules(sandbox, "quarantine.json", &demand("quarantine", &weight));
    let mut args = vec!["inspect", "dry-run", "--rules", &customs, "--rules", &quarantine];
    args.extend(["--seed", "abab"]);
    let refused = sandbox.command(&args);
    assert_eq!(refused.status.code(), Some(2), "a short seed: {}", shown(&refused));
    args.truncate(6);
    args.extend(["--date", "20261124", "--class", "untrusted"]);

    let table = shown(&run(sandbox, &args));
    let closing = "5 declarations, 5 selected by customs, 1 by quarantine, 1 by both";
    assert!(table.contains(closing) && !table.contains("never drawn"), "{table}");
    let mut chinese = args.clone();
    chinese.extend(["--language", "zh"]);
    let table = shown(&run(sandbox, &chinese));
    let closing = "清单5份，海关布控5份，国检布控1份，其中双方布控1份";
    assert!(table.contains(closing) && table.contains("T-1 此处关注"), "{table}");

    args.extend(["--output", "json"]);
    let output = run(sandbox, &args);
    let [summary] = &values_of(&output, "summary")[..] else { panic!("{}", shown(&output)) };
    let counts = ["customs", "quarantine", "both", "orders"].map(|key| summary[key].clone());
    assert_eq!(counts, [json!(5), json!(1), json!(1), json!(5)], "one joint order each");
    let effects = values_of(&output, "effect");
    assert_eq!(effects.len(), 6, "{}", shown(&output));
    let joint = effects.iter().filter(|effect| effect["declaration"] == heavy).count();
    assert_eq!(joint, 2, "{}", shown(&output));

    let twice = ["inspect", "dry-run", "--rules", &customs, "--rules", &customs];
    assert_eq!(sandbox.command(&twice).status.code(), Some(2));
}

fn mistakes_in_rules_are_listed_at_once(sandbox: &Sandbox) {
    let sample = run(sandbox, &["inspect", "rules", "print", "quarantine"]);
    let short = run(sandbox, &["inspect", "rules", "quarantine"]);
    assert_eq!(short.stdout, sample.stdout);
    let mut sample: Value = serde_json::from_slice(&sample.stdout).expect("JSON");
    let file = rules(sandbox, "sample.json", &sample);
    let summary = run(sandbox, &["inspect", "dry-run", "--rules", &file, "--output", "json"]);
    let [summary] = &values_of(&summary, "summary")[..] else { panic!("{}", shown(&summary)) };
    assert_eq!(
        summary["rule_sets"],
        json!([{"agency": "quarantine", "version": 1, "sample": true}])
    );

    sample["rules"][0]["title"] = json!("");
    sample["rules"][1]["valid_to"] = json!("1999-01-01");
    let file = rules(sandbox, "problems.json", &sample);
    let output = sandbox.command(&["inspect", "dry-run", "--rules", &file]);
    let told = shown(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("I-001") && told.contains("I-002") && told.contains("SW-1621"), "{told}");
    let checked = sandbox.command(&["inspect", "rules", "check", &file]);
    assert_eq!(shown(&checked), told, "to check says the same without a window");
    sample["rules"][0]["titel"] = json!("misspelt");
    let file = rules(sandbox, "unknown.json", &sample);
    let output = sandbox.command(&["inspect", "dry-run", "--rules", &file]);
    let told = shown(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("unknown field `titel`") && told.contains("unknown.json:1:"), "{told}");
    let output = sandbox.command(&["inspect", "dry-run", "--rules", "no-such-file.json"]);
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
    assert!(shown(&output).contains("SW-4007"), "{}", shown(&output));
}

/// The table once the inspection service has heard that so many are over. It is no call that waits:
/// each command that asks takes its time.
async fn statistics(sandbox: &Sandbox, caller: &str, cases: u64) -> Vec<Value> {
    eventually(&format!("{cases} are over"), PATIENCE, async || {
        let asked = ["--as", caller, "inspect", "statistics", "--output", "json"];
        let rows = lines(&run(sandbox, &asked));
        if rows.first().is_some_and(|all| all["cases"] == cases) { Ok(rows) } else { Err(rows) }
    })
    .await
}

async fn clearance_is_measured(sandbox: &Sandbox) {
    let rows = statistics(sandbox, "agent", 5).await;
    let expected = [("all", ""), ("port", "4258"), ("mode", "9610"), ("class", "general")];
    assert_eq!(rows.len(), expected.len(), "{rows:#?}");
    for (row, (group, value)) in rows.iter().zip(expected) {
        assert_eq!((&row["group"], &row["value"]), (&json!(group), &json!(value)));
        let counts = ["cases", "released", "inspected", "inspected_bp", "joint", "joint_bp"];
        let counts = counts.map(|key| row[key].as_u64().expect("a number"));
        assert_eq!(counts, [5, 4, 2, 4_000, 1, 5_000], "{row}");
        let (with, without) = (&row["with_inspection"], &row["without_inspection"]);
        assert_eq!((&with["count"], &without["count"]), (&json!(2), &json!(2)), "{row}");
        let half = with["p50_ms"].as_i64().expect("a number");
        let without = without["p50_ms"].as_i64().expect("a number");
        assert!(half > without, "to look takes longer: {row}");
        assert_eq!(row["waiting_for_documents"]["count"], json!(0), "nobody asked: {row}");
    }

    let csv = run(sandbox, &["inspect", "statistics", "--csv"]);
    let csv = String::from_utf8(csv.stdout).expect("UTF-8");
    let columns: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(columns, [26; 5], "{csv}");
    assert!(csv.starts_with("group,value,cases,released,inspected,inspected_bp,joint,"), "{csv}");
    assert!(csv.contains("\r\nall,,5,4,2,4000,1,5000,2,"), "{csv}");
    let other = run(sandbox, &["inspect", "statistics", "--csv", "--port", "4220"]);
    assert_eq!(shown(&other).lines().count(), 2, "nothing was filed there: {}", shown(&other));

    let table = shown(&run(sandbox, &["inspect", "statistics", "--language", "zh"]));
    assert!(table.contains("2 (40.00 %)") && table.contains("1 (50.00 %)"), "{table}");
    let none = run(sandbox, &["inspect", "statistics", "--csv", "--until", "2020-01-01"]);
    assert!(shown(&none).ends_with(&format!("all,{}\r\n", ",0".repeat(24))));
    let both = sandbox.command(&["inspect", "statistics", "--csv", "--output", "json"]);
    assert_eq!(both.status.code(), Some(2), "{}", shown(&both));
}

/// Writes a rule set into the sandbox's directory.
fn rules(sandbox: &Sandbox, name: &str, rules: &Value) -> String {
    let file = sandbox.directory.path().join(name);
    std::fs::write(&file, rules.to_string()).expect("the directory is ours");
    file.display().to_string()
}

/// One command of somebody; it succeeds, and what it says is JSON.
fn by(sandbox: &Sandbox, caller: &str, args: &[&str]) -> Vec<Value> {
    lines(&run(sandbox, &[&["--as", caller, "--output", "json", "inspect"], args].concat()))
}

/// The only line of it.
fn one(sandbox: &Sandbox, caller: &str, args: &[&str]) -> Value {
    let mut lines = by(sandbox, caller, args);
    let line = lines.pop().expect("a line");
    assert!(lines.is_empty(), "{lines:#?}");
    line
}

/// One that is refused, with its code.
fn refused(sandbox: &Sandbox, caller: &str, args: &[&str], code: &str) {
    let output = sandbox.command(&[&["--as", caller, "inspect"], args].concat());
    assert!(shown(&output).contains(code), "{args:?}: {}", shown(&output));
    assert_eq!(output.status.code(), Some(1), "{args:?}: {}", shown(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_play_a_whole_inspection_by_commands() {
    let mut stage = Stage::set().await;
    let (name, event, _) = stage.orders("BY-HAND-1").await;
    the_enterprise_chooses_a_window(&stage.sandbox, "BY-HAND-1");
    the_site_examines(&stage.sandbox, "BY-HAND-1");
    the_agencies_decide(&stage.sandbox, "BY-HAND-1");
    stage.clear(&event, 2).await;
    stage.firm.sees(&name, v1::State::Released).await;

    let sandbox = &stage.sandbox;
    let watched = by(sandbox, "enterprise-a", &["watch", &name, "--until", "closed"]);
    let last = watched.last().expect("it was told");
    assert_eq!(last["order"]["state"]["stage"], "ORDER_STAGE_CLOSED");
    let card = shown(&run(sandbox, &["inspect", "show", &name, "--language", "zh"]));
    assert!(card.contains("CLOSED 已办结") && card.contains("处置结论：放行"), "{card}");
    assert!(!card.contains("GC-") && !card.contains("CQ-"), "who examined is not told: {card}");

    let rows = statistics(sandbox, "customs", 1).await;
    assert_eq!((&rows[0]["inspected"], &rows[0]["joint"]), (&json!(1), &json!(1)));
    let csv = run(sandbox, &["--as", "quarantine", "inspect", "statistics", "--csv"]);
    let csv = String::from_utf8(csv.stdout).expect("UTF-8");
    assert!(csv.contains("\r\nall,,1,1,1,10000,1,10000,1,"), "{csv}");
    let credit = one(sandbox, "enterprise-a", &["credit", "show", FIRM_A]);
    let conforming = &credit["credit"]["conforming"][0]["count"];
    assert_eq!(conforming, &json!(1), "one examination, however many instructions: {credit}");
}

fn the_enterprise_chooses_a_window(sandbox: &Sandbox, order: &str) {
    let firm = "enterprise-a";
    let waiting = one(sandbox, firm, &["list", "--stage", "ordered"]);
    assert_eq!(waiting["order_no"], order);
    let windows = by(sandbox, firm, &["windows", PLACE, "--days", "2"]);
    // Ten minutes each; an enterprise says so two hours ahead.
    let start = windows[30]["start"].as_str().expect("a time");
    let appoint = ["appoint", order, "--place", PLACE, "--start", start];
    let appointed = one(sandbox, firm, &appoint);
    let state = &appointed["order"]["state"];
    assert_eq!(state["appointment"]["start"], start, "{appointed}");
    refused(sandbox, firm, &["appoint", order, "--place", PLACE, "--seen", "0"], "SW-1603");
    refused(sandbox, firm, &["claim", order], "SW-1303");
    let unknown = sandbox.command(&["--as", "enterprise-b", "inspect", "show", order]);
    assert_eq!(unknown.status.code(), Some(4), "{}", shown(&unknown));
}

/// Sites find an order by its order number, though they cannot list declarations.
fn the_site_examines(sandbox: &Sandbox, order: &str) {
    let site = "site";
    let claimed = one(sandbox, site, &["claim", order]);
    let draw = claimed["draw"].as_array().expect("a draw");
    assert_eq!(draw.len(), 12, "every officer has a place in the draw");
    let officers = claimed["order"]["state"]["work"]["officers"].as_array().expect("officers");
    let officer = officers[0]["officer"].as_str().expect("an id");

    refused(sandbox, site, &["report", "no-show", order], "SW-1613");
    one(sandbox, site, &["report", "present", order]);
    let early = ["report", "find", order, "--result", "conform", "--officer", officer];
    refused(sandbox, site, &early, "SW-1601");
    one(sandbox, site, &["report", "begin", order, "--method", "manual", "--officer", officer]);

    let photo = sandbox.directory.path().join("photo.jpg");
    std::fs::write(&photo, b"an open box").expect("the directory is ours");
    let photo = photo.display().to_string();
    let find = ["--result", "conform", "--officer", officer, "--evidence", &photo];
    let found = one(sandbox, site, &[&["report", "find", order][..], &find].concat());
    let state = &found["order"]["state"];
    assert_eq!(state["stage"], "ORDER_STAGE_FOUND", "every instruction that waited: {found}");
    let findings = state["work"]["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 2, "{found}");
    // SHA-256 as base64, made with another program.
    assert_eq!(findings[0]["evidence"][0], "CHtLFnQIio0vUsQjhkAAVFQvyE7Hn4+WqtE8x+D/ruI=");
}

fn the_agencies_decide(sandbox: &Sandbox, order: &str) {
    for agency in ["customs", "quarantine"] {
        let mine = one(sandbox, agency, &["list", "--undecided-by", agency]);
        assert_eq!(mine["order_no"], order);
        refused(sandbox, agency, &["dispose", order, "return"], "SW-1608");
        one(sandbox, agency, &["dispose", order, "release"]);
        assert!(by(sandbox, agency, &["list", "--undecided-by", agency]).is_empty());
    }
    let closed = one(sandbox, "site", &["report", "close", order]);
    assert_eq!(closed["order"]["state"]["disposal"], "RELEASE", "{closed}");
    // What was decided about the goods is no verdict.
    let waits_for = closed["order"]["waits_for"].as_array().expect("something is missing");
    for verdict in ["AWAITED_CUSTOMS_VERDICT", "AWAITED_QUARANTINE_VERDICT"] {
        assert!(waits_for.contains(&json!(verdict)), "{closed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_put_in_force_and_explain_themselves() {
    let mut stage = Stage::set().await;
    let sandbox = &stage.sandbox;
    let flasks = rules(sandbox, "flasks.json", &demand("customs", &json!({"goods": ["9617"]})));
    refused(sandbox, "quarantine", &["rules", "put", &flasks], "SW-1304");
    let checked = one(sandbox, "customs", &["rules", "put", &flasks, "--check"]);
    assert_eq!(checked["version"], 1);
    assert!(by(sandbox, "customs", &["rules", "list"]).is_empty(), "only checked");
    one(sandbox, "customs", &["rules", "put", &flasks]);
    refused(sandbox, "customs", &["rules", "put", &flasks], "SW-1202");
    let listed = one(sandbox, "customs", &["rules", "list"]);
    assert_eq!((&listed["version"], &listed["in_force"]), (&json!(1), &json!(true)));
    let document = ["--as", "customs", "inspect", "rules", "list", "--agency", "customs"];
    let document = run(sandbox, &[&document[..], &["--document"]].concat());
    let again =
        rules(sandbox, "again.json", &serde_json::from_slice(&document.stdout).expect("JSON"));
    run(sandbox, &["inspect", "rules", "check", &again]);

    let (name, _) = stage.files("BY-RULE-1").await;
    let ordered = |order: &v1::OrderRecord| crate::harness::inspection::instructions(order) == 1;
    stage.site.finds(&name, ordered).await;
    let sandbox = &stage.sandbox;
    refused(sandbox, "enterprise-a", &["assessment", &name], "SW-1303");
    let told = by(sandbox, "customs", &["assessment", &name]);
    let assessment = &told[0]["assessment"]["assessments"][0];
    let matched = &assessment["matched"][0];
    assert_eq!((&matched["rule"], &matched["selected"]), (&json!("T-1"), &json!(true)));
    let draw = &told[1]["draw"];
    assert_eq!((&draw["key"], &draw["selected"]), (&json!("customs/T-2"), &json!(false)));
    assert_eq!(draw["verified"], Value::Null, "the day is not over");
    // By its order number, which agencies look up among the orders.
    let args = ["--as", "customs", "inspect", "assessment", "BY-RULE-1"];
    let text = shown(&run(sandbox, &args));
    for expected in
        ["T-1 wanted here", "begins with 9617", "the seed is published when", "T-1/LOOK"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let seed = by(sandbox, "enterprise-a", &["seeds"]).pop().expect("there was a draw");
    assert_eq!((&seed["day"], &seed["seed"]), (&draw["day"], &Value::Null));
    assert_eq!(seed["commitment"].as_str().map(str::len), Some(64));
}
