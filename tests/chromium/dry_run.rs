//! A dry run of changed risk rules in a browser: they are drawn beside those in force.

use crate::{enters, enters_narrow, looks, plays, starts};
use domain::clearance::Agency;
use proto::rule_file;

#[test]
fn changed_risk_rules_are_drawn_beside_those_in_force() {
    let Some((sandbox, driver)) = starts() else { return };
    let (wide, origin) = enters(&sandbox, &driver);
    let at = |path: &str| format!("{origin}/console{path}");
    for script in ["ACCEPT", "INSPECT"] {
        wide.opens(&at("/sandbox"));
        wide.clicks(&format!("button[value={script}]"));
        wide.arrives("/console/declarations/");
    }
    plays(&wide, &origin, "admin");
    wide.opens(&at("/operation"));
    let page = wide.finds("return document.querySelector('.title a.button').href");
    wide.opens(page.as_str().expect("a link"));

    // By the rules in force alone: every rule of both agencies has its bar.
    wide.clicks("main form button");
    wide.sees("What would be selected");
    let rules = [Agency::Customs, Agency::Quarantine].map(|of| rule_file::sample(of).rules.len());
    let rules: usize = rules.iter().sum();
    let bars = "return document.querySelectorAll('svg rect:not(.rest)').length";
    assert_eq!(wide.finds(bars), rules);
    let read = "return document.querySelector('p[role=status] strong').textContent";
    assert_eq!(wide.finds(read), "2");

    // Where everybody is drawn, both are selected by customs.
    let mut set = rule_file::sample(Agency::Customs).clone();
    set.rates.general_bp = 10_000;
    set.rates.untrusted_bp = 10_000;
    let document = rule_file::print(&set, false).expect("it can be written");
    let types = |text: &str| {
        let text = serde_json::Value::from(text);
        wide.finds(&format!("document.getElementById('document').value = {text}"));
    };
    types(&document);
    wide.clicks("main form button");
    wide.sees("selects then");
    assert_eq!(wide.finds(bars), 2 * rules);
    let then =
        wide.finds("return document.querySelectorAll('p[role=status] strong')[2].textContent");
    assert!(then.as_str().is_some_and(|then| then.starts_with("2, ")), "{then}");
    let longest = "return document.querySelectorAll('svg rect.with[width=\"420\"]').length";
    assert!(wide.finds(longest).as_u64() >= Some(1));
    looks(&wide, "dry-run", &origin, false);

    // What is wrong with a rule set is said, and it stays.
    types(&document.replace("10000", "10001"));
    wide.clicks("main form button");
    wide.sees(domain::Code::RuleSetRefused.id());
    assert_eq!(wide.complaints().len(), 1);
    assert_ne!(wide.finds("return document.getElementById('document').value"), "");
    looks(&wide, "dry-run-refused", &origin, false);
    wide.opens(&at("/language?to=zh&back=/console/dry-run"));
    wide.clicks("main form button");
    wide.sees("将被布控的清单");
    looks(&wide, "dry-run-zh", &origin, false);
    let narrow = enters_narrow(&sandbox, &driver, &origin, "admin");
    narrow.opens(&at("/dry-run"));
    narrow.clicks("main form button");
    narrow.sees("What would be selected");
    looks(&narrow, "dry-run-narrow", &origin, true);
}
