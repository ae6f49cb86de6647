//! Whoever operates a window is told how it gets on, what is wrong, and what to do.

use proto::v1;
use serde_json::Value;

use crate::harness::exchange::Stream;
use crate::harness::people::Enterprise;
use crate::harness::{PATIENCE, Sandbox, eventually};

/// What a command prints, an object a line, and how it ended.
fn output_of(sandbox: &Sandbox, args: &[&str]) -> (Vec<Value>, Option<i32>) {
    let output = sandbox.command(&[&["--output", "json"], args].concat());
    let text = String::from_utf8(output.stdout).expect("it is text");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    (lines.collect(), output.status.code())
}

fn findings(sandbox: &Sandbox) -> (Vec<String>, Option<i32>) {
    let (found, exit) = output_of(sandbox, &["doctor"]);
    let line = |it: &Value| format!("{} {}", it["level"], it["what"]["en"]).replace('"', "");
    (found.iter().map(line).collect(), exit)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_who_is_behind_and_what_to_do() {
    let mut sandbox = Sandbox::with(&["--no-agencies"]).await;
    let filed = Enterprise(sandbox.connect("agent").await).files("QD-OPS-1").await;
    let id = filed.name;
    eventually("the services have heard of it", PATIENCE, async || {
        let (status, exit) = output_of(&sandbox, &["status"]);
        let lag = status[0]["consumers"].as_array().expect("a list").iter();
        let behind: Vec<_> = lag.filter(|it| it.get("waiting").is_some()).cloned().collect();
        if behind.is_empty() && exit == Some(0) { Ok(()) } else { Err(status) }
    })
    .await;
    let (status, _) = output_of(&sandbox, &["status"]);
    let waits: Vec<_> = status[0]["waits"].as_array().expect("a list").iter().collect();
    for (wait, who) in waits.iter().zip(["customs", "quarantine"]) {
        assert_eq!(wait["who"], who, "{waits:?}");
        assert_eq!(
            (&wait["declarations"], &wait["oldest"]),
            (&"1".into(), &Value::from(id.clone()))
        );
    }
    assert_eq!(waits.len(), 2, "the risk rules have answered: {waits:?}");
    let certificates = status[0]["certificates"].as_array().expect("a list");
    assert!(certificates.iter().any(|it| it["purpose"] == "window"), "{certificates:?}");
    let (found, exit) = findings(&sandbox);
    assert_eq!(exit, Some(0), "{found:?}");
    let never = ["customs", "quarantine"].map(|it| format!("warning {it} was never connected"));
    assert_eq!(found, never);

    // One that was there and went away is behind, and that is an error.
    let (customs, who) = (sandbox.connect("customs").await, v1::Subscriber::Customs);
    let stream = Stream::open(&customs, who, "first", Vec::new(), 8).await.expect("it is customs");
    let (found, _) = findings(&sandbox);
    assert_eq!(found, never[1..], "customs is there");
    drop((stream, customs));
    let gone = "error customs is not connected to declaration; 1 events wait, the oldest for ";
    eventually("customs is gone", PATIENCE, async || match findings(&sandbox) {
        (found, Some(1)) if found[0].starts_with(gone) => Ok(()),
        seen => Err(seen),
    })
    .await;
    let table = sandbox.command(&["status"]);
    let table = String::from_utf8(table.stdout).expect("it is text");
    for word in ["PostgreSQL", "customs", "quarantine", &id[13..], "single-window doctor"] {
        assert!(table.contains(word), "{word} is missing:\n{table}");
    }
    let denied = sandbox.command(&["--as", "agent", "status"]);
    assert_eq!(denied.status.code(), Some(1), "administrators only");

    // Nobody answers any more.
    sandbox.may_leave_work = true;
    assert_eq!(sandbox.stop(), Some(Ok(())));
    let (found, exit) = output_of(&sandbox, &["doctor"]);
    assert_eq!(exit, Some(3), "{found:?}");
    let remedy = found[0]["remedy"]["en"].as_str().expect("a text");
    assert!(remedy.contains("start it"), "{remedy}");
}
