//! A statement of a bank against expected receipts, on the command line. No window runs.

use super::command_line::{lines, shown};
use super::tax::alone;
use crate::harness::workspace;

const STATEMENT: &str = "docs/examples/bank/camt053.xml";
const ORDERS: &str = "docs/examples/bank/orders.csv";

fn reconcile(args: &[&str]) -> std::process::Output {
    let words = ["pay", "reconcile", "--orders", ORDERS];
    alone(&[&words[..], args].concat())
}

/// State and orders of each group, and the state of every other entry.
fn states(args: &[&str]) -> Vec<String> {
    let output = reconcile(&[&["--output", "json"][..], args].concat());
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", shown(&output));
    let told = lines(&output).into_iter().map(|line| {
        let orders = line["orders"].as_array().cloned().unwrap_or_default();
        let orders: Vec<_> = orders
            .iter()
            .map(|order| order["order_no"].as_str().unwrap_or("?").to_owned())
            .collect();
        format!("{} {}", line["state"].as_str().unwrap_or("?"), orders.join(" "))
            .trim_end()
            .to_owned()
    });
    told.collect()
}

#[test]
fn receipts_are_matched_and_the_rest_says_why() {
    // 97.50 and 2.00 kept are 0.50 short; 300 pays two; two equal ones are two; 80 of 95 came; nothing came
    // for E, whose money went back.
    let strict = states(&[STATEMENT]);
    let expected = [
        "short QD-A-1",
        "paid QD-B-1 QD-B-2",
        "paid QD-C-1",
        "short QD-D-1",
        "short QD-E-1",
        "unmatched",
        "reversal",
        "not_booked",
    ];
    assert_eq!(strict, expected);
    let kind = states(&["--tolerance", "0.5", STATEMENT]);
    assert_eq!(kind[0], "paid QD-A-1");
    assert_eq!(kind[1..], expected[1..]);
    // The spreadsheet says the same; it has nothing that is not booked, and knows no reversal.
    let spreadsheet = states(&["docs/examples/bank/statement.csv"]);
    assert_eq!(spreadsheet[..6], expected[..6]);
    assert_eq!(spreadsheet[6..], ["paid_out"]);
    // Twice is once, and what comes again is told.
    let twice = states(&[STATEMENT, STATEMENT]);
    assert_eq!(twice[..6], expected[..6]);
    assert_eq!(twice.iter().filter(|state| *state == "repeated").count(), 7);
    let table = reconcile(&[STATEMENT]);
    assert_eq!(table.status.code(), Some(1));
    for part in [
        "0.50 is missing",
        "15.00 is missing",
        "nothing was received",
        "invoice 4711",
        "2 paid, 3 short",
    ] {
        let expected = if part == "invoice 4711" { "name no expected order" } else { part };
        assert!(shown(&table).contains(expected), "{expected}: {}", shown(&table));
    }
    let chinese = shown(&reconcile(&["--language", "zh", STATEMENT]));
    assert!(
        chinese.contains("少收0.50") && chinese.contains("附言中没有待收订单编号"),
        "{chinese}"
    );
    let csv = reconcile(&["--output", "csv", STATEMENT]);
    let text = String::from_utf8(csv.stdout).expect("text");
    assert_eq!(text.lines().count(), 9, "{text}");
}

#[test]
fn everything_that_matches_ends_with_zero() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).expect("ours");
        path.display().to_string()
    };
    let orders = file("orders.json", r#"[{"order_no": "A", "currency": "JPY", "amount": "5000"}]"#);
    let head = "account,statement,booked,currency,amount,text\n";
    let paid = file("paid.csv", &format!("{head}1,1,2026-11-24,JPY,4995,A\n"));
    let run =
        |args: &[&str]| alone(&[&["pay", "reconcile", "--orders", &orders][..], args].concat());
    assert_eq!(run(&[&paid]).status.code(), Some(1));
    let kind = run(&["--tolerance", "5", &paid]);
    assert!(kind.status.success(), "{}", shown(&kind));
    assert!(shown(&kind).contains("paid; banks kept 5"), "{}", shown(&kind));
    // A currency that differs, and one that is none of ours.
    let other = file("other.csv", &format!("{head}1,1,2026-11-24,USD,50,A\n"));
    assert!(shown(&run(&[&other])).contains("different currencies"));
}

#[test]
fn what_cannot_be_matched_is_refused_with_its_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).expect("ours");
        path.display().to_string()
    };
    let sample =
        std::fs::read_to_string(workspace().join(STATEMENT)).expect("the example is there");
    let wrong = file("wrong.xml", &sample.replacen("1554.50", "1554.51", 1));
    let notice = sample
        .replace("camt.053", "camt.054")
        .replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn")
        .replace("Stmt>", "Ntfctn>");
    let (start, end) =
        (notice.find("<Bal>").expect("there"), notice.rfind("</Bal>").expect("there"));
    let notice = file("notice.xml", &format!("{}{}", &notice[..start], &notice[end + 6..]));
    let twice = file("twice.csv", "order_no,currency,amount\nA,USD,1\nA,USD,0\nB,KRW,1\n");
    assert_eq!(states(&[&notice]).len(), 8, "a notice is matched like a statement");
    for both in [[STATEMENT, &notice], [&notice, STATEMENT]] {
        let told = states(&both);
        let repeated = told.iter().filter(|state| *state == "repeated").count();
        assert_eq!((told.len(), repeated), (16, 7), "a statement tells a notice again: {told:?}");
    }
    let zip = file("cut.gz", "\u{1f}");
    for (args, code, said) in [
        (vec!["pay", "reconcile", "--orders", ORDERS, &wrong], 1, "SW-3012"),
        (vec!["pay", "reconcile", "--orders", &twice, STATEMENT], 1, "stands twice"),
        (vec!["pay", "reconcile", "--orders", "nothing.csv", STATEMENT], 2, "SW-4007"),
        (
            vec!["pay", "reconcile", "--orders", ORDERS, "docs/examples/ceb/ceb621.xml"],
            1,
            "SW-3008",
        ),
        (vec!["pay", "reconcile", "--orders", ORDERS, ORDERS], 1, "the column account is missing"),
        (vec!["pay", "reconcile", "--orders", ORDERS, &zip], 1, "SW-"),
        (
            vec!["pay", "reconcile", "--orders", ORDERS, "--tolerance", "1,5", STATEMENT],
            2,
            "a tolerance is",
        ),
        // Without a file of orders a window is asked, and there is none here.
        (vec!["pay", "reconcile", STATEMENT], 2, "single-window sandbox"),
    ] {
        let output = alone(&args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", shown(&output));
        assert!(shown(&output).contains(said), "{args:?}: {}", shown(&output));
    }
}
