//! Rule sets as documents: what is read is what is written, and what is unknown is refused.

use domain::clearance::Agency;
use proto::rule_file::{RuleFileError, parse, print, sample};
use serde_json::{Value, json};

fn sample_json(agency: Agency) -> Value {
    let text = print(sample(agency), false).expect("it can be written");
    serde_json::from_str(&text).expect("it is JSON")
}

fn with(condition: Value) -> Value {
    let mut file = sample_json(Agency::Customs);
    file["rules"][0]["condition"] = condition;
    file
}

#[test]
fn samples_are_sound_and_printed_as_they_are_kept() {
    let files = [
        (Agency::Customs, include_str!("../../docs/examples/rules/customs.json")),
        (Agency::Quarantine, include_str!("../../docs/examples/rules/quarantine.json")),
    ];
    for (agency, file) in files {
        let set = sample(agency);
        assert_eq!((set.agency, set.sample, set.problems()), (agency, true, Vec::new()));
        assert_eq!(print(set, true).expect("it can be written"), file.trim_end());
    }
}

#[test]
fn samples_survive_json() {
    for agency in [Agency::Customs, Agency::Quarantine] {
        for pretty in [false, true] {
            let text = print(sample(agency), pretty).expect("it can be written");
            let marked = format!("\u{feff}{text}");
            for text in [text, marked] {
                assert_eq!(&parse(text.as_bytes()).expect("it can be read"), sample(agency));
            }
        }
    }
}

#[test]
fn the_example_of_the_guide_is_right() {
    let guide = include_str!("../../docs/inspection.md");
    let (_, rest) = guide.split_once("```json\n").expect("it has an example");
    let (example, _) = rest.split_once("```").expect("it ends");
    let set = parse(example.as_bytes()).expect("it is right");
    assert!(!set.sample);
}

#[test]
fn every_condition_survives_json() {
    let all = json!({"any": [
        {"goods": ["22"]}, {"origin": ["116"]}, {"dispatch": ["142"]}, {"destination": ["502"]},
        {"mode": ["9610"]}, {"direction": "import"}, {"house": ["42"]},
        {"value": {"from_e5": 1}}, {"gross_weight": {"below_e5": 2}},
        {"class": ["advanced", "general", "untrusted"]}, "blacklisted", "wooden_packing",
        "quarantine_area", "first_shipment", {"all": ["blacklisted"]}, {"not": "blacklisted"},
    ]});
    let mut file = with(all.clone());
    // Without areas, one of the conditions could never hold.
    file["areas"] = sample_json(Agency::Quarantine)["areas"].clone();
    let set = parse(file.to_string().as_bytes()).expect("it is right");
    let again = print(&set, false).expect("it can be written");
    let again: Value = serde_json::from_str(&again).expect("it is JSON");
    assert_eq!(again["rules"][0]["condition"], all);
}

#[test]
fn what_is_unknown_is_refused_with_its_place() {
    let mut misspelt = sample_json(Agency::Customs);
    misspelt["rules"][0]["valid_till"] = json!("2026-11-24");
    let mut no_day = sample_json(Agency::Customs);
    no_day["rules"][0]["valid_from"] = json!("24.11.2026");
    let mut action = sample_json(Agency::Customs);
    action["rules"][0]["action"]["demand"]["rates"] = json!({});
    for (file, expected) in [
        (misspelt, "unknown field `valid_till`"),
        (no_day, "`24.11.2026` is no day"),
        (action, "unknown field `rates`"),
        (with(json!({"colour": ["red"]})), "unknown variant `colour`"),
        (with(json!({"value": {"from": 1}})), "unknown field `from`"),
        (with(json!({"class": ["aeo"]})), "unknown variant `aeo`"),
    ] {
        let broken = parse(file.to_string().as_bytes()).expect_err("it is refused");
        let [RuleFileError::Json { text, line: 1, column }] = &broken[..] else {
            panic!("{broken:?}")
        };
        assert!(*column > 1 && text.contains(expected), "{text}");
        assert!(!text.contains(" at line "), "the place is told once: {text}");
    }
}

#[test]
fn every_problem_is_told_at_once_with_its_rule() {
    let mut file = sample_json(Agency::Customs);
    file["rates"]["general_bp"] = json!(10_001);
    file["rules"][0]["title"] = json!("");
    file["rules"][1]["valid_to"] = json!("2001-01-01");
    let broken = parse(file.to_string().as_bytes()).expect_err("it is refused");
    let about = |broken: &RuleFileError| match broken {
        RuleFileError::Rule(problem) => problem.rule.clone(),
        RuleFileError::Json { .. } => panic!("{broken:?}"),
    };
    assert_eq!(broken.iter().map(about).collect::<Vec<_>>(), ["", "C-001", "C-002"]);
}
