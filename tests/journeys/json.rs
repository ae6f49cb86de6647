//! The whole interface as JSON over HTTP, by programs that have a key and no library.

use domain::Code;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::http::{Answer, Http};
use crate::harness::national::{self, Erp};
use crate::harness::people::export;
use crate::harness::{PATIENCE, Sandbox, eventually};

const JSON: &str = "application/json";

/// A filing of this order as a program would write it: names as JSON has them.
fn filing(order_no: &str) -> Value {
    // The same as the schema's own names; both are taken.
    json!({ "declaration": export(order_no) })
}

async fn posts(http: &mut Http, id: Uuid, target: &str, body: &Value) -> Answer {
    let before = http.headers.clone();
    http.headers.push_str(&format!("Idempotency-Key: {id}\r\n"));
    let answer = http.call("POST", target, JSON, body.to_string().as_bytes()).await;
    http.headers = before;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_with_a_key_files_and_finds_its_declaration_released() {
    let sandbox = Sandbox::start().await;
    let mut http = Http::with_key(&sandbox, &sandbox.api_key("enterprise-a")).await;
    let id = Uuid::now_v7();
    let filed = posts(&mut http, id, "/v1/declarations", &filing("QD-JSON-1")).await;
    assert_eq!((filed.status, filed.header("idempotent-replayed")), (200, ""), "{filed}");
    assert_eq!(filed.header("x-request-id"), id.to_string());
    let receipt = filed.json();
    let name = receipt["name"].as_str().expect("a name").to_owned();

    let found = eventually("it is released", PATIENCE, async || {
        let mut http = Http::with_key(&sandbox, &sandbox.api_key("enterprise-a")).await;
        let found = http.gets("/v1/declarations/number/QD-JSON-1", JSON).await.json();
        if found["record"]["state"] == "STATE_RELEASED" { Ok(found) } else { Err(found) }
    })
    .await;
    assert_eq!(found["record"]["name"], name);
    // Large numbers are texts, times are RFC 3339, and what is empty is there.
    let declared = &found["record"]["declaration"];
    assert_eq!(declared["lines"][0]["totalPrice"]["amountE5"], "9100000");
    assert_eq!(declared["emsNo"], "");
    assert!(found["record"]["releasedTime"].as_str().is_some_and(|time| time.ends_with('Z')));
    assert_eq!(http.gets(&format!("/v1/{name}"), JSON).await.json()["record"]["name"], name);
    let listed = http.gets("/v1/declarations?pageSize=1&orderNo=QD-JSON-1", JSON).await.json();
    assert_eq!(listed["records"].as_array().map(Vec::len), Some(1));

    // The same again is the same, and says so; another content under the same id is not.
    let again = posts(&mut http, id, "/v1/declarations", &filing("QD-JSON-1")).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"), "{again}");
    assert_eq!(again.json()["name"], name);
    let other = posts(&mut http, id, "/v1/declarations", &filing("QD-JSON-2")).await;
    assert_eq!((other.status, other.json()["code"].as_str()), (409, Some("SW-1101")), "{other}");
    let ended = posts(
        &mut http,
        Uuid::now_v7(),
        &format!("/v1/{name}:withdraw"),
        &json!({ "version": 1, "reason": "too late" }),
    )
    .await;
    assert_eq!((ended.status, ended.json()["code"].as_str()), (409, Some("SW-1203")), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_whole_and_in_both_languages() {
    let sandbox = Sandbox::start().await;
    let mut http = Http::with_key(&sandbox, &sandbox.api_key("agent")).await;
    let mut many = export("QD-JSON-3");
    let line = many.lines[0].clone();
    many.lines = (1..=60)
        .map(|gnum| proto::v1::GoodsLine { gnum, gcode: "x".into(), ..line.clone() })
        .collect();
    let answer =
        posts(&mut http, Uuid::now_v7(), "/v1/declarations", &json!({ "declaration": many })).await;
    let problem = answer.json();
    assert_eq!((answer.status, &problem["code"]), (400, &"SW-1001".into()), "{answer}");
    assert_eq!(problem["type"], "/errors/SW-1001");
    let violations = problem["violations"].as_array().expect("a list");
    // More than the trailers of gRPC have room for.
    assert!(violations.len() >= 60, "{}", violations.len());
    for violation in violations {
        let field = violation["field"].as_str().expect("a field");
        assert!(field.starts_with("declaration"), "{field}");
        assert!(violation["text"] != violation["text_zh"], "{violation}");
        assert!(violation["code"].as_str().is_some_and(|code| code.starts_with("SW-2")));
    }
    for (body, says) in [
        (json!({ "colour": 1 }), "colour"),
        (json!({ "declaration": { "packNo": "many" } }), "declaration.packNo"),
        (json!({ "requestId": Uuid::now_v7().to_string() }), "Idempotency-Key"),
    ] {
        let answer = posts(&mut http, Uuid::now_v7(), "/v1/declarations", &body).await;
        let problem = answer.json();
        assert_eq!((answer.status, &problem["code"]), (400, &"SW-3011".into()), "{answer}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(says)), "{answer}");
    }
    let answer = http
        .call("POST", "/v1/declarations", JSON, filing("QD-JSON-4").to_string().as_bytes())
        .await;
    assert_eq!(answer.json()["code"], "SW-1002", "no id of the request");
    for (method, target, status) in [
        ("GET", "/v1/declarations?colour=1", 400),
        ("GET", "/v1/declarations?pageSize=many", 400),
        ("POST", "/v1/declarations?pageSize=1", 400),
        ("PUT", "/v1/declarations", 405),
        ("GET", "/v1/nowhere", 404),
        ("GET", "/v1/declarations/number/NOBODYS", 404),
        ("GET", "/v1/stuck", 403),
    ] {
        let answer = http.call(method, target, JSON, &[]).await;
        assert_eq!(answer.status, status, "{method} {target}: {answer}");
    }
    let deep = format!("{}{}", "[".repeat(70_000), "]".repeat(70_000));
    let answer = http.call("POST", "/v1/declarations", JSON, deep.as_bytes()).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("SW-1008")), "{answer}");
    let large = vec![b' '; domain::limits::MESSAGE_BYTES_MAX + 1];
    let answer = http.call("POST", "/v1/declarations", JSON, &large).await;
    assert_eq!(answer.status, 413, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn news_come_as_events_that_resume_and_as_pages() {
    let sandbox = Sandbox::start().await;
    let key = sandbox.api_key("enterprise-a");
    let mut http = Http::with_key(&sandbox, &key).await;
    let first = http.gets("/v1/declarations:watch?wait=0", JSON).await.json();
    let from_here = first["resumeToken"].as_str().expect("a token").to_owned();
    assert!(!from_here.is_empty() && first["messages"] == json!([]));
    let filed = posts(&mut http, Uuid::now_v7(), "/v1/declarations", &filing("QD-JSON-5")).await;
    let name = filed.json()["name"].clone();

    // A page from there has what came, and its token goes on behind it.
    let (mut token, mut told) = (from_here.clone(), Vec::new());
    while told.last().is_none_or(|it: &Value| it["state"] != "STATE_RELEASED") {
        let target = format!("/v1/declarations:watch?resumeToken={token}&wait=5");
        let page = http.gets(&target, JSON).await.json();
        page["resumeToken"].as_str().expect("a token").clone_into(&mut token);
        told.extend(page["messages"].as_array().expect("a list").clone());
    }
    assert!(told.iter().all(|it| it["name"] == name), "{told:?}");

    // The same as events, by the header that clients send after a break.
    let mut events = Http::with_key(&sandbox, &key).await;
    events.follows("/v1/declarations:watch", &format!("Last-Event-ID: {from_here}\r\n")).await;
    let (mut ids, mut again) = (Vec::new(), Vec::new());
    while again.len() < told.len() {
        let (id, event) = events.event().await;
        ids.push(id);
        if event["name"] != "" {
            again.push(event);
        }
    }
    let states = |all: &[Value]| all.iter().map(|it| it["state"].clone()).collect::<Vec<_>>();
    assert_eq!(states(&again), states(&told));
    let last = ids.iter().rfind(|id| !id.is_empty()).expect("an id").clone();
    let page = format!("/v1/declarations:watch?resumeToken={last}&wait=0");
    assert_eq!(http.gets(&page, JSON).await.json()["messages"], json!([]), "nothing comes twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_and_inspections_come_as_events_that_resume_too() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    national::export("SBX-INSPECT-JSON-6").leaves(&erp).await;
    let key = sandbox.api_key("agent");
    let mut http = Http::with_key(&sandbox, &key).await;

    // Receipts have positions.
    let receipts =
        |after: &str| format!("/v1/ceb/receipts:follow?dxpId={}&after={after}&wait=5", erp.dxp_id);
    let page = http.gets(&receipts("0"), JSON).await.json();
    let all = page["messages"].as_array().expect("a list").clone();
    assert!(all.len() > 2, "{page}");
    let behind = page["after"].as_str().expect("a position").to_owned();
    let target = format!("/v1/ceb/receipts:follow?dxpId={}", erp.dxp_id);
    let mut events = Http::with_key(&sandbox, &key).await;
    events.follows(&target, "Last-Event-ID: 0\r\n").await;
    let (first, event) = events.event().await;
    assert_eq!(event["message"]["xml"], all[0]["message"]["xml"]);
    let (second, _) = events.event().await;
    let mut events = Http::with_key(&sandbox, &key).await;
    events.follows(&target, &format!("Last-Event-ID: {first}\r\n")).await;
    let (again, event) = events.event().await;
    assert_eq!((&again, &event["message"]["xml"]), (&second, &all[1]["message"]["xml"]));
    let nothing = http.gets(&receipts(&behind).replace("wait=5", "wait=0"), JSON).await.json();
    assert_eq!(nothing["messages"], json!([]), "nothing comes twice");

    // Orders have tokens.
    let (mut token, mut stages) = ("beginning".to_owned(), Vec::new());
    while stages.last().is_none_or(|it: &Value| it != "ORDER_STAGE_CLOSED") {
        let target = format!("/v1/inspections:watch?resumeToken={token}&wait=5");
        let page = http.gets(&target, JSON).await.json();
        page["resumeToken"].as_str().expect("a token").clone_into(&mut token);
        let told = page["messages"].as_array().expect("a list").iter();
        stages.extend(told.map(|it| it["order"]["state"]["stage"].clone()));
    }
    let mut events = Http::with_key(&sandbox, &key).await;
    events.follows("/v1/inspections:watch", "Last-Event-ID: beginning\r\n").await;
    for stage in &stages {
        let (_, event) = events.event().await;
        assert_eq!(&event["order"]["state"]["stage"], stage);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_an_answer_for_every_line() {
    let sandbox = Sandbox::start().await;
    let mut http = Http::with_key(&sandbox, &sandbox.api_key("agent")).await;
    let line = |order_no: &str| {
        let (id, declaration) = (Uuid::now_v7().to_string(), export(order_no));
        json!({ "requestId": id, "declaration": declaration }).to_string()
    };
    let mut lines: Vec<_> = (0..200).map(|n| line(&format!("QD-BATCH-{n}"))).collect();
    lines[3] = "{\"colour\": 1}".to_owned();
    lines[5] = json!({ "requestId": Uuid::now_v7().to_string(), "declaration": {} }).to_string();
    let answer =
        http.call("POST", "/v1/declarations:batch", JSON, lines.join("\n").as_bytes()).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-ndjson"));
    let text = String::from_utf8(answer.body).expect("text");
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), lines.len());
    for (n, answer) in answers.iter().enumerate() {
        match n {
            3 => assert_eq!(
                (&answer["line"], &answer["problem"]["code"]),
                (&4.into(), &"SW-3011".into())
            ),
            5 => assert_eq!(answer["refusal"]["code"], "SW-1001", "{answer}"),
            _ => {
                let sent: Value = serde_json::from_str(&lines[n]).expect("ours");
                assert_eq!(answer["requestId"], sent["requestId"], "in order");
                assert_eq!(answer["receipt"]["version"], 1, "{answer}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_ten_thousand_lines_and_not_one_more() {
    const MOST: usize = 10_000;
    let sandbox = Sandbox::with(&["--no-agencies", "--no-inspection"]).await;
    let line = |number: usize| {
        let (id, declaration) = (Uuid::now_v7(), export(&format!("QD-MOST-{number}")));
        json!({ "requestId": id.to_string(), "declaration": declaration }).to_string()
    };
    let lines: Vec<_> = (0..=MOST).map(line).collect();
    let key = sandbox.api_key("agent");
    let directory = tempfile::tempdir().expect("a directory");
    let (sent, answered) = (directory.path().join("sent"), directory.path().join("answered"));
    let address = std::fs::read_to_string(sandbox.directory.path().join("address"));
    let address = address.expect("it serves");
    let port = address.trim().rsplit(':').next().expect("a port");
    let address = format!("https://localhost:{port}/v1/declarations:batch");
    // By a client of others, which reads while it writes; in both versions of HTTP.
    let posts = async |version: &str, lines: &[String]| -> Vec<Value> {
        std::fs::write(&sent, lines.join("\n")).expect("it is written");
        let mut command = tokio::process::Command::new("curl");
        command.args(["--silent", "--show-error", version, "--header"]);
        command.arg(format!("Authorization: Bearer {key}")).arg("--cacert");
        command.arg(sandbox.directory.path().join("identities/authority.pem"));
        command.arg("--data-binary").arg(format!("@{}", sent.display())).arg("--output");
        command.arg(&answered).args(["--write-out", "%{http_version} %{http_code}"]).arg(&address);
        let done = command.output().await.expect("curl is installed");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let expected = if version == "--http2" { "2 200" } else { "1.1 200" };
        assert_eq!(said, expected, "{}", String::from_utf8_lossy(&done.stderr));
        let answers = std::fs::read_to_string(&answered).expect("it is there");
        answers.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };

    let answers = posts("--http2", &lines).await;
    assert_eq!(answers.len(), MOST + 1);
    let (over, filed) = answers.split_last().expect("some");
    assert!(filed.iter().all(|it| it["receipt"]["version"] == 1), "everything before it is filed");
    let known = (&over["line"], &over["problem"]["code"]);
    assert_eq!(known, (&(MOST + 1).into(), &Code::TooManyEntries.id().into()), "{over}");
    assert!(over.to_string().contains(&MOST.to_string()), "{over}");
    // The same once more, as far as it may go.
    let again = posts("--http1.1", &lines[..MOST]).await;
    let names = |answers: &[Value]| -> Vec<Value> {
        answers.iter().map(|it| it["receipt"]["name"].clone()).collect()
    };
    assert_eq!(names(&again), names(filed), "every one is a repetition, in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_is_shown_how_to_ask() {
    let sandbox = Sandbox::start().await;
    let mut http = Http::with(&sandbox.config_without_certificate()).await;
    let described = http.gets("/openapi.json", JSON).await.json();
    assert_eq!(described["openapi"], "3.1.0");
    assert!(described["paths"]["/v1/declarations"]["post"]["description"].is_string());
    let page = http.gets("/docs", "text/html").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let refused = http.gets("/v1/declarations", JSON).await;
    assert_eq!(refused.status, 401);
    let page = http.gets(refused.json()["type"].as_str().expect("a page"), "text/plain").await;
    let page = String::from_utf8(page.body).expect("text");
    assert!(page.starts_with("# SW-1301") && page.contains("Authorization: Bearer"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_say_how_much_may_be_open() {
    let sandbox = Sandbox::start().await;
    let mut http = Http::with_key(&sandbox, &sandbox.api_key("enterprise-a")).await;
    let answer = http.gets("/v1/status", JSON).await;
    assert_eq!(answer.header("ratelimit-policy"), r#""calls";q=1024;qu="concurrent-requests""#);
    assert_eq!(answer.header("ratelimit"), r#""calls";r=1023"#, "all but this one");

    let window = sandbox.connect("enterprise-a").await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let watch = window.declarations().watch(proto::v1::WatchRequest::default()).await;
        held.push(watch.expect("there is room"));
    }
    let answer = http.gets("/v1/declarations:watch", JSON).await;
    assert_eq!(answer.header("ratelimit-policy"), r#""streams";q=128;qu="concurrent-requests""#);
    assert_eq!(answer.header("ratelimit"), r#""streams";r=124"#, "three are held, and this one");
    // What is refused says so as well.
    let refused = http.gets("/v1/stuck", JSON).await;
    assert_eq!(
        (refused.status, refused.header("ratelimit")),
        (403, r#""calls";r=1024"#),
        "{refused}"
    );
    drop(held);
}
