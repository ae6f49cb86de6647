//! Whoever operates a window is told how it gets on, what is wrong, and what to do.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use proto::v1;
use serde_json::Value;

use crate::harness::browser::Browser;
use crate::harness::exchange::Stream;
use crate::harness::http::Http;
use crate::harness::people::{Enterprise, code, export, filing};
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

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_who_calls_and_what_is_refused_to_each() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let admin = sandbox.connect("admin").await;
    let listed = async |size: i32, token: &str| {
        let request = v1::ListCallersRequest { page_size: size, page_token: token.to_owned() };
        admin.status().list_callers(request).await.expect("an administrator").into_inner()
    };
    let of = async |name: &str| {
        let all = listed(1_000, "").await.callers;
        all.into_iter().find(|it| it.name == name).expect("it is in the registry")
    };
    let never = of("enterprise-b").await;
    assert_eq!((never.role.as_str(), never.customs_code.as_str()), ("enterprise", "3702960002"));
    assert_eq!((never.calls, never.refused, never.last_seen_time), (0, 0, None));

    // Over gRPC and over HTTP; by the service, and at the gate.
    let nothing = || v1::GetRequest {
        name: format!("declarations/{}", uuid::Uuid::nil()),
        ..Default::default()
    };
    let firm = sandbox.connect("enterprise-b").await;
    let before = of("enterprise-b").await;
    firm.status().get_status(v1::GetStatusRequest {}).await.expect("everybody may");
    firm.declarations().get(nothing()).await.expect_err("there is none");
    firm.status().list_callers(v1::ListCallersRequest::default()).await.expect_err("it may not");
    let mut http = Http::connect(&sandbox, "enterprise-b").await;
    assert_eq!(http.gets(&format!("/v1/{}", nothing().name), "application/json").await.status, 404);
    assert_eq!(http.gets("/v1/status", "application/json").await.status, 200);
    let after = of("enterprise-b").await;
    assert_eq!((after.calls - before.calls, after.refused - before.refused), (5, 3));
    let seen = after.last_seen_time.expect("it called").seconds;
    #[expect(clippy::disallowed_methods, reason = "it was now")]
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    assert!((now - 60..=now).contains(&seen), "{seen} {now}");

    // Page by page it is the same; and the operator's page has it.
    let (mut names, mut token) = (Vec::new(), String::new());
    loop {
        let page = listed(4, &token).await;
        assert!(page.callers.len() <= 4);
        names.extend(page.callers.into_iter().map(|it| it.name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let all: Vec<_> = listed(0, "").await.callers.into_iter().map(|it| it.name).collect();
    assert_eq!(names, all);
    let mut person = Browser::of(&sandbox, "admin").await;
    let page = person.opens("/console/operation").await;
    let row = format!("\"number right\">{}</td>", after.calls);
    assert!(page.says("last seen") && page.says(&row), "{}", page.text);
}

/// How often was refused, by code, as administrators are told.
async fn refusals(admin: &client::Window) -> BTreeMap<String, u64> {
    let status = admin.status().get_operating_status(v1::GetOperatingStatusRequest {}).await;
    let status = status.expect("it is an administrator").into_inner();
    let (now, from) = (status.time.expect("it says"), status.refusals_from_time.expect("it says"));
    assert!((29 * 60..30 * 60).contains(&(now.seconds - from.seconds)), "{now:?} {from:?}");
    let counts = status.refusals.into_iter().map(|it| {
        assert_eq!(it.by_minute.len(), 30);
        assert_eq!(it.by_minute.iter().sum::<u64>(), it.count);
        (it.code, it.count)
    });
    counts.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_what_is_refused_by_code() {
    let sandbox = Sandbox::process(&["--no-agencies"]).await;
    let admin = sandbox.connect("admin").await;
    let firm = sandbox.connect("enterprise-a").await;
    let before = refusals(&admin).await;
    let nothing = || v1::GetRequest {
        name: format!("declarations/{}", uuid::Uuid::nil()),
        ..Default::default()
    };
    // Over gRPC, as an item of a stream, and over HTTP: each once, however it is said.
    for _ in 0..3 {
        let refusal = firm.declarations().get(nothing()).await.expect_err("there is none");
        assert_eq!(code(&refusal).0, "SW-1201");
    }
    let mut http = Http::connect(&sandbox, "enterprise-a").await;
    let target = format!("/v1/{}", nothing().name);
    assert_eq!(http.gets(&target, "application/json").await.status, 404);
    let mut wrong = export("QD-REFUSED-1");
    wrong.lines.clear();
    let items = [filing(wrong.clone()), filing(wrong)]
        .map(|item| v1::SubmitStreamRequest { item: Some(item) });
    let items = futures::stream::iter(items);
    let answers = firm.declarations().submit_stream(items).await.expect("a stream").into_inner();
    let answers: Vec<_> = answers.collect().await;
    let is_refused = |it: &v1::SubmitStreamResponse| {
        matches!(it.result, Some(v1::submit_stream_response::Result::Refusal(_)))
    };
    assert!(answers.len() == 2 && answers.iter().flatten().all(is_refused), "{answers:?}");
    // Those that no service sees: what the gate refuses, and what cannot be read.
    let site = sandbox.connect("site").await;
    let refusal = site.declarations().get(nothing()).await.expect_err("sites have orders");
    assert_eq!(code(&refusal).0, "SW-1303");
    assert_eq!(http.call("GET", "/v1/keys", "application/json", b"").await.status, 200);
    let mut stranger = Http::with_key(&sandbox, "swk_wrong").await;
    assert_eq!(stranger.gets(&target, "application/json").await.status, 401);
    let unread = http.call("POST", "/v1/declarations", "application/json", b"{").await;
    assert_eq!(unread.status, 400, "{unread}");
    let unread = unread.json()["code"].as_str().expect("a code").to_owned();

    let after = refusals(&admin).await;
    let more =
        |code: &str| after.get(code).copied().unwrap_or(0) - before.get(code).copied().unwrap_or(0);
    let expected = [("SW-1201", 4), ("SW-1001", 2), ("SW-1303", 1), ("SW-1307", 1), (&unread, 1)];
    for (code, count) in expected {
        assert_eq!(more(code), count, "{code}: {before:?} {after:?}");
    }
    // Reading it refuses nothing, and the command line shows it in words.
    assert_eq!(refusals(&admin).await, after);
    let table = sandbox.command(&["status"]);
    let table = String::from_utf8(table.stdout).expect("it is text");
    let row = table.lines().find(|line| line.contains("SW-1201")).expect("it is shown");
    assert!(row.contains("there is nothing of this name"), "{table}");
    let chinese = sandbox.command(&["--language", "zh", "status"]);
    assert!(String::from_utf8_lossy(&chinese.stdout).contains("30分钟内"), "{chinese:?}");
    let denied = firm.status().get_operating_status(v1::GetOperatingStatusRequest {}).await;
    assert_eq!(code(&denied.expect_err("administrators only")).0, "SW-1303");
    assert_eq!(refusals(&admin).await["SW-1303"], after["SW-1303"] + 1);
}
