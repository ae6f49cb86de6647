//! People play the agencies: a verdict by a command, and what a release still waits for said wherever it is
//! shown.

use std::process::Output;
use std::time::{Duration, Instant};

use proto::v1::{self, connect_response::Frame as In, fact::Kind};
use serde_json::{Value, json};

use super::command_line::{lines, shown};
use crate::harness::exchange::Stream;
use crate::harness::{Sandbox, eventually};

const IMPORT: &str = "docs/examples/import-9610.json";
const EXPORT: &str = "docs/examples/export-9810.json";
const CUSTOMS: &str = "AWAITED_CUSTOMS_VERDICT";
const QUARANTINE: &str = "AWAITED_QUARANTINE_VERDICT";
const FINDINGS: &str = "AWAITED_FINDINGS";

/// Files an example; its name.
fn filed(sandbox: &Sandbox, file: &str) -> String {
    let output = sandbox.command(&["submit", "--output", "json", file]);
    assert!(output.status.success(), "{}", shown(&output));
    lines(&output)[0]["name"].as_str().expect("a name").to_owned()
}

fn text_of(sandbox: &Sandbox, agency: &str, args: &[&str]) -> String {
    let output = verdict(sandbox, agency, args);
    assert!(output.status.success(), "{}", shown(&output));
    shown(&output)
}

fn verdict(sandbox: &Sandbox, agency: &str, args: &[&str]) -> Output {
    sandbox.command(&[&["--as", agency, "verdict"], args].concat())
}

/// What a record waits for, once this is so: the risk rules are asked by and by.
async fn waits_for(sandbox: &Sandbox, args: &[&str], expected: &[&str]) -> Value {
    let what = format!("{args:?} waits for {expected:?}");
    eventually(&what, Duration::from_secs(20), async || {
        let output = sandbox.command(&[args, &["--output", "json"]].concat());
        assert!(output.status.success(), "{}", shown(&output));
        let record = lines(&output).remove(0);
        let record = record.get("order").cloned().unwrap_or(record);
        let waits = record.get("waits_for").cloned().unwrap_or_else(|| json!([]));
        if waits == json!(expected) { Ok(record) } else { Err(record) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gives_the_verdicts_of_an_agency() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let name = filed(&sandbox, IMPORT);
    let record = waits_for(&sandbox, &["get", &name], &[CUSTOMS, QUARANTINE]).await;
    let (order_no, pre_no) = (&record["order_no"], &record["pre_no"]);
    let (order_no, pre_no) = (order_no.as_str().expect("text"), pre_no.as_str().expect("text"));

    let held = text_of(&sandbox, "customs", &[order_no, "--hold", "--reason", "send the invoice"]);
    assert!(held.contains("applied") && held.contains("DOC send the invoice"), "{held}");
    assert!(held.contains("release waits for: verdict of customs, verdict of quar"), "{held}");
    let cleared = text_of(&sandbox, "customs", &[pre_no, "--clear"]);
    assert!(cleared.contains("applied"), "{cleared}");
    assert!(text_of(&sandbox, "customs", &[order_no, "--clear"]).contains("given before"));
    waits_for(&sandbox, &["get", &name], &[QUARANTINE]).await;
    let card = shown(&sandbox.command(&["get", &name]));
    assert!(card.contains("waits for") && card.contains("verdict of quarantine (CIQ)"), "{card}");

    // By its UUID, version and round nothing needs to be found.
    let id = name.rsplit('/').next().expect("an id");
    let named = [id, "--clear", "--version", "1", "--round", "1"];
    let released = text_of(&sandbox, "quarantine", &named);
    assert!(released.contains("applied"), "{released}");
    waits_for(&sandbox, &["get", &name], &[]).await;
    let told = sandbox.command(&["watch", &name, "--until-end"]);
    assert!(told.status.success(), "{}", shown(&told));
    let told = shown(&told);
    assert!(told.contains("cleared; waits for verdict of quarantine (CIQ)"), "{told}");

    // Whoever is no agency, says not who, or names nothing.
    let agent = verdict(&sandbox, "agent", &[order_no, "--clear"]);
    assert_eq!(agent.status.code(), Some(1), "{}", shown(&agent));
    let nobody = sandbox.command(&["verdict", order_no, "--clear"]);
    assert_eq!(nobody.status.code(), Some(2), "{}", shown(&nobody));
    assert!(shown(&nobody).contains("--as customs"), "{}", shown(&nobody));
    let nothing = verdict(&sandbox, "customs", &["QD-NOTHING", "--clear"]);
    assert_eq!(nothing.status.code(), Some(4), "{}", shown(&nothing));
    let late = verdict(&sandbox, "customs", &[order_no, "--reject", "1300"]);
    assert_eq!(late.status.code(), Some(1), "{}", shown(&late));
    assert!(shown(&late).contains("SW-12"), "{}", shown(&late));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_says_what_the_release_waits_for() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let name = filed(&sandbox, EXPORT);
    waits_for(&sandbox, &["get", &name], &[CUSTOMS, QUARANTINE]).await;
    let look = ["--inspect", "--code", "LOOK", "--reason", "count the boxes"];
    let demanded = text_of(&sandbox, "customs", &[&[name.as_str()], &look[..]].concat());
    assert!(demanded.contains("LOOK count the boxes"), "{demanded}");
    let show = ["--as", "site", "inspect", "show", &name];
    waits_for(&sandbox, &show, &[CUSTOMS, QUARANTINE, FINDINGS]).await;
    waits_for(&sandbox, &["get", &name], &[CUSTOMS, QUARANTINE, FINDINGS]).await;
    let card = shown(&sandbox.command(&show));
    assert!(card.contains("findings of the joint inspection"), "{card}");
    let chinese = shown(&sandbox.command(&[&["--language", "zh"], &show[..]].concat()));
    assert!(chinese.contains("放行尚待") && chinese.contains("联合查验结果"), "{chinese}");
    // A verdict of one agency after the order was made is told with the order too.
    text_of(&sandbox, "quarantine", &[&name, "--hold"]);
    text_of(&sandbox, "customs", &[&name, "--reject", "1300", "--reason", "wrong goods"]);
    waits_for(&sandbox, &show, &[]).await;
}

/// The system of an agency that holds every slot and does nothing keeps nobody of the agency from a verdict by hand,
/// and loses nothing by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_by_hand_waits_for_no_other_consumer() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let customs = sandbox.connect("customs").await;
    let stream = Stream::open(&customs, v1::Agency::Customs, "system", Vec::new(), 0).await;
    let mut stream = stream.expect("it opens");
    assert_eq!(stream.slots, 256);
    let name = filed(&sandbox, EXPORT);
    let record = waits_for(&sandbox, &["get", &name], &[CUSTOMS, QUARANTINE]).await;
    let order_no = record["order_no"].as_str().expect("text");
    let (pre_no, id) = (record["pre_no"].as_str().expect("text"), name.rsplit('/').next());
    let reject = ["--reject", "1300", "--reason", "wrong goods"];
    let verdicts: [(&str, &[&str]); 4] = [
        (pre_no, &["--accept"]),
        (id.expect("an id"), &["--review"]),
        (order_no, &["--hold"]),
        (order_no, &reject),
    ];
    for (number, verdict) in verdicts {
        let start = Instant::now();
        let told = text_of(&sandbox, "customs", &[&[number], verdict].concat());
        println!("{verdict:?} took {:?}", start.elapsed());
        assert!(told.contains("applied"), "{told}");
        // The lease of another consumer is 15 s; what the command itself takes is a second of a slow machine.
        assert!(start.elapsed() < Duration::from_secs(5), "{verdict:?}: {:?}", start.elapsed());
    }
    // Its slots are its own all the time: they are never told anew, and what happened is among its own events.
    let mut facts = Vec::new();
    while !facts.iter().any(|kind| matches!(kind, Kind::Rejected(_))) {
        match stream.next().await.expect("the stream holds") {
            In::Batch(batch) => {
                let told = batch.events.into_iter().filter_map(|event| event.facts);
                facts.extend(told.flat_map(|it| it.facts).filter_map(|fact| fact.kind));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(facts.first(), Some(Kind::Filed(_))), "{facts:?}");
}
