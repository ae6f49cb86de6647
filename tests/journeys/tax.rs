//! Taxes on the command line: what an order costs and why, what held on a day, what changed. No window runs.

use std::process::{Command, Output, Stdio};

use super::command_line::{lines, shown};
use crate::harness::{binary, workspace};

/// A command without a window, a data directory or a home.
pub(super) fn alone(args: &[&str]) -> Output {
    Command::new(binary())
        .args(args)
        .current_dir(workspace())
        .env_clear()
        .env("COLUMNS", "200")
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts")
}

const IMPORT: &str = "docs/examples/import-9610.json";
const MESSAGE: &str = "docs/examples/ceb/ceb621.xml";

#[test]
fn json_and_message_of_an_order_cost_the_same_and_say_why() {
    let output = alone(&["tax", "explain", "--output", "json", IMPORT, MESSAGE]);
    assert!(output.status.success(), "{}", shown(&output));
    let told = lines(&output);
    assert_eq!(told.len(), 3, "{}", shown(&output));
    assert_eq!(told[0]["within"]["lines"], told[1]["within"]["lines"]);
    let (within, full) = (&told[0]["within"], &told[0]["full"]);
    // 268.82 and 278.18 with 13 % and 70 %; in full with duties of 12 and 6 %.
    assert_eq!((&within["total_fen"], &full["total_fen"]), (&4_977.into(), &12_642.into()));
    assert_eq!(
        (&told[0]["applies"], &told[0]["order_says_more_fen"]),
        (&"within".into(), &0.into())
    );
    let vat = &within["trace"]["steps"][0]["parameters"][0];
    assert_eq!((&vat["name"], &vat["value"]), (&"vat.general_bp".into(), &1_300.into()));
    assert_eq!(vat["validity"]["valid_from"], "2019-04-01");
    assert!(vat["validity"]["law_title"].as_str().is_some_and(|law| law.contains("2019年第39号")));

    let csv = alone(&["--output", "csv", "tax", "explain", IMPORT]);
    let text = String::from_utf8(csv.stdout).expect("text");
    assert_eq!(text.lines().count(), 7, "{text}");
    assert!(text.lines().any(|row| row.ends_with("VAT,24.46,39.14,within")), "{text}");
    let chinese = shown(&alone(&["tax", "explain", "--language", "zh", IMPORT]));
    for part in ["限值以内", "增值税基本税率 = 13 %", "订单所列税款与此一致"] {
        assert!(chinese.contains(part), "{part}: {chinese}");
    }
}

#[test]
fn what_customs_would_refuse_ends_with_one() {
    let year = alone(&["tax", "explain", "--year-so-far", "25453.01", IMPORT]);
    assert_eq!(year.status.code(), Some(1), "{}", shown(&year));
    assert!(
        shown(&year).contains("totalPrice：26,000.01 > limitPrice: 26,000;"),
        "{}",
        shown(&year)
    );
    let full = alone(&["tax", "explain", "--year-so-far", "25453", IMPORT]);
    assert!(full.status.success() && shown(&full).contains("becomes 26000.00 of 26000.00"));
    // Several items above the single limit.
    let file = tempfile::NamedTempFile::new().expect("a file");
    let text = std::fs::read_to_string(workspace().join(IMPORT)).expect("the example is there");
    std::fs::write(&file, text.replace("\"25900000\"", "\"500000000\"")).expect("ours");
    let path = file.path().display().to_string();
    let single = alone(&["tax", "explain", "--output", "json", &path]);
    assert_eq!(single.status.code(), Some(1), "{}", shown(&single));
    let told = &lines(&single)[0];
    assert_eq!(
        (&told["applies"], &told["refusal"]["status"]),
        (&"refused".into(), &(-621_005).into())
    );
}

#[test]
fn what_cannot_be_explained_is_told_with_its_place() {
    let message = workspace().join(MESSAGE);
    let text = std::fs::read_to_string(message).expect("the example is there");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, text.replace("<ceb:gcode>2106909090", "<ceb:gcode>9999999999"))
        .expect("ours");
    let path = file.path().display().to_string();
    let output = alone(&["tax", "explain", "--output", "json", &path]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let told = lines(&output);
    let broken = &told[0]["refusal"]["violations"][0];
    assert_eq!(broken["code"], "SW-2005");
    assert!(broken["line"].is_u64(), "{broken}");
    assert!(broken["element"].as_str().is_some_and(|path| path.ends_with("gcode")), "{broken}");
    for (args, code, said) in [
        (&["tax", "explain", "docs/examples/export-9610.json"][..], 1, "pays no import tax"),
        (&["tax", "explain", "docs/examples/ceb/ceb311.xml"], 1, "only inventories are taxed"),
        (&["tax", "explain", "nothing.json"], 2, "does not exist"),
        (&["tax", "explain", "README.md"], 1, "SW-3011"),
        (&["tax", "explain", IMPORT, "--on", "2026-02-30"], 2, "a day is YYYY-MM-DD"),
        (
            &["tax", "explain", IMPORT, "--on", "2016-04-07"],
            1,
            "there is no formula for 2016-04-07",
        ),
        (&["tax", "explain", IMPORT, "--year-so-far", "1,000"], 2, "an amount is in yuan"),
        (&["tax", "rates", "9999", "--on", "2026-11-24"], 4, "has nothing for 9999"),
        (&["tax", "rates", "33x"], 2, "a code has two to ten digits"),
        (&["tax", "diff", "2019-01-01"], 2, "AFTER"),
        (&["submit", "--output", "csv", "none.json"], 2, "has no CSV"),
    ] {
        let output = alone(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", shown(&output));
        assert!(shown(&output).contains(said), "{args:?}: {}", shown(&output));
    }
}

#[test]
fn days_are_told_apart() {
    let rates = |day: &str| {
        let output = alone(&["tax", "rates", "0409000000", "--output", "json", "--on", day]);
        lines(&output).into_iter().map(|line| line["kind"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(rates("2026-11-24"), ["tariff", "listed"]);
    let diff = |before: &str, after: &str| {
        let output = alone(&["tax", "diff", "--output", "json", before, after]);
        lines(&output).iter().map(|line| line["name"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(diff("2019-03-31", "2019-04-01"), ["\"vat.general_bp\"", "\"vat.reduced_bp\""]);
    assert_eq!(diff("2026-11-23", "2026-11-24"), [""; 0]);
    let nothing = shown(&alone(&["tax", "diff", "2026-11-23", "2026-11-24"]));
    assert!(nothing.contains("nothing changes between 2026-11-23 and 2026-11-24"), "{nothing}");
}
