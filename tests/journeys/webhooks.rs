//! Webhooks: what happens is posted to real endpoints on loopback, which take it well or badly.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use client::Window;
use proto::v1;
use serde_json::Value;
use sqlx::Row as _;
use uuid::Uuid;

use crate::harness::browser::Browser;
use crate::harness::endpoint::{Endpoint, Posted};
use crate::harness::http::Http;
use crate::harness::people::{Enterprise, code};
use crate::harness::{PATIENCE, Sandbox, binary, eventually, workspace};

const FIRM_A: &str = "3702960001";

fn asked(url: String, types: &[&str]) -> v1::CreateWebhookRequest {
    v1::CreateWebhookRequest {
        request_id: Uuid::now_v7().to_string(),
        url,
        types: types.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    }
}

async fn creates(window: &Window, url: String, types: &[&str]) -> (String, String) {
    let made = window.webhooks().create_webhook(asked(url, types)).await;
    let made = made.expect("it may").into_inner();
    (made.webhook.expect("a webhook").id, made.secret)
}

async fn deliveries(window: &Window, id: &str) -> Vec<v1::WebhookDelivery> {
    let request =
        v1::ListDeliveriesRequest { id: id.to_owned(), page_size: 1_000, ..Default::default() };
    let listed = window.webhooks().list_deliveries(request).await;
    listed.expect("its own").into_inner().deliveries
}

async fn shown(window: &Window, id: &str) -> v1::Webhook {
    let request = v1::GetWebhookRequest { id: id.to_owned() };
    let found = window.webhooks().get_webhook(request).await;
    found.expect("its own").into_inner().webhook.expect("a webhook")
}

/// What came of this type, when it is so many.
async fn comes(endpoint: &Endpoint, path: &str, name: &str, count: usize) -> Vec<Posted> {
    eventually("it is posted", PATIENCE, async || {
        let came: Vec<_> = endpoint.at(path).into_iter().filter(|it| it.is_of(name)).collect();
        if came.len() >= count { Ok(came) } else { Err(came.len()) }
    })
    .await
}

async fn advances(sandbox: &Sandbox, seconds: u64) {
    let to = Some(v1::move_clock_request::To::AdvanceSeconds(seconds));
    let admin = sandbox.connect("admin").await;
    admin.sandbox().move_clock(v1::MoveClockRequest { to }).await.expect("forward");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_posted_signed_to_those_who_may_know() {
    let sandbox = Sandbox::start().await;
    let endpoint = Endpoint::start().await;
    let (a, b) = (sandbox.connect("enterprise-a").await, sandbox.connect("enterprise-b").await);
    let request = asked(endpoint.url("/ok"), &[]);
    let made = a.webhooks().create_webhook(request.clone()).await.expect("it may").into_inner();
    let again = a.webhooks().create_webhook(request.clone()).await.expect("the same").into_inner();
    assert_eq!(made, again, "a repetition has the same answer");
    let other = v1::CreateWebhookRequest { note: "another".to_owned(), ..request };
    let status = a.webhooks().create_webhook(other).await.expect_err("another one");
    assert_eq!(code(&status).0, "SW-1101");
    let (id, secret) = (made.webhook.expect("a webhook").id, made.secret);
    creates(&b, endpoint.url("/other-firm"), &[]).await;
    creates(&a, endpoint.url("/ended"), &["declaration.withdrawn"]).await;

    let filed = Enterprise(a.clone()).files("QD-HOOK-1").await;
    let released = comes(&endpoint, "/ok", "declaration.released", 1).await.remove(0);
    assert!(released.verifies(&secret), "{released:?}");
    assert!(!released.verifies("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    let data = &released.json()["data"];
    assert_eq!((&data["name"], &data["declarant"]), (&filed.name.into(), &FIRM_A.into()));
    assert_eq!(data["eventId"], released.id());

    // The same JSON as over HTTP.
    let mut http = Http::with_key(&sandbox, &sandbox.api_key("enterprise-a")).await;
    let page = http.gets("/v1/declarations:watch?resumeToken=beginning", "application/json").await;
    let told: Vec<Value> = page.json()["messages"].as_array().expect("news").clone();
    let mut same =
        told.into_iter().find(|it| it["eventId"] == data["eventId"]).expect("there, too");
    same["resumeToken"] = "".into();
    assert_eq!(&same, data);

    // One more key, and both sign.
    let rotate = v1::RotateSecretRequest {
        request_id: Uuid::now_v7().to_string(),
        id: id.clone(),
        keep_hours: 1,
    };
    let rotated = a.webhooks().rotate_secret(rotate).await.expect("its own").into_inner();
    a.webhooks().test_webhook(v1::TestWebhookRequest { id: id.clone() }).await.expect("its own");
    let test = comes(&endpoint, "/ok", "webhook.test", 1).await.remove(0);
    assert_eq!(test.signatures(), 2);
    assert!(test.verifies(&secret) && test.verifies(&rotated.secret));
    advances(&sandbox, 3_700).await;
    a.webhooks().test_webhook(v1::TestWebhookRequest { id: id.clone() }).await.expect("its own");
    let test = comes(&endpoint, "/ok", "webhook.test", 2).await.remove(1);
    assert!(!test.verifies(&secret) && test.verifies(&rotated.secret));

    // Once more, under the same id.
    let again = v1::ResendRequest { id: String::new(), message_id: released.id().to_owned() };
    assert_eq!(a.webhooks().resend(again.clone()).await.expect("its own").into_inner().count, 1);
    let twice = comes(&endpoint, "/ok", "declaration.released", 2).await;
    assert!(twice.iter().all(|it| it.id() == released.id()));
    let status = b.webhooks().resend(again).await.expect_err("another's");
    assert_eq!(code(&status).0, "SW-1201");
    let status =
        b.webhooks().get_webhook(v1::GetWebhookRequest { id }).await.expect_err("another's");
    assert_eq!(code(&status).0, "SW-1201");
    assert!(endpoint.at("/other-firm").is_empty() && endpoint.at("/ended").is_empty());

    // Neither addresses nor secrets nor messages stand in the tables as they are.
    let mut database = sandbox.database().await;
    for (table, column, clear) in [
        ("webhook", "url", "localhost"),
        ("signing_key", "encode(secret, 'base64')", &secret["whsec_".len()..]),
        ("delivery", "body", "declarations/"),
    ] {
        let sql = format!(
            "select count(*) from webhooks.{table} where position($1::bytea in {column}::bytea) > 0"
        );
        let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(clear.as_bytes());
        let found: i64 = found.fetch_one(&mut database).await.expect("it is counted").get(0);
        assert_eq!(found, 0, "{table}.{column}");
    }
    let status =
        a.webhooks().create_webhook(asked("ftp://localhost/".to_owned(), &["nothing"])).await;
    let (number, _) = code(&status.expect_err("two faults"));
    assert_eq!(number, "SW-1001");
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_fail_delay_nobody() {
    const FILED: usize = 12;
    let sandbox = Sandbox::start().await;
    let endpoint = Endpoint::start().await;
    let a = sandbox.connect("enterprise-a").await;
    let types = ["declaration.filed", "webhook.paused"];
    let (well, _) = creates(&a, endpoint.url("/ok"), &types).await;
    let filed = ["declaration.filed"];
    let (fail, _) = creates(&a, endpoint.url("/fail"), &filed).await;
    let (redirect, _) = creates(&a, endpoint.url("/redirect"), &filed).await;
    let (dead, _) = creates(&a, "http://localhost:9/".to_owned(), &filed).await;
    creates(&a, endpoint.url("/hang"), &filed).await;
    creates(&a, endpoint.url("/slow"), &filed).await;
    let begun = Instant::now();
    for number in 0..FILED {
        Enterprise(a.clone()).files(&format!("QD-DEAD-{number}")).await;
    }
    let came = comes(&endpoint, "/ok", "declaration.filed", FILED).await;
    let took = came.last().expect("some").time.duration_since(begun);
    println!("{FILED} filed beside five endpoints that fail: all there after {took:?}");
    assert!(took < Duration::from_secs(10), "shorter than one of them takes to hang: {took:?}");
    comes(&endpoint, "/slow", "declaration.filed", FILED).await;

    // Each was tried once there before the next pause, and says why it waits; nothing was followed.
    for (id, status, reason) in
        [(&fail, 500, "500"), (&redirect, 302, "302"), (&dead, 0, "refused")]
    {
        eventually("every one was tried", PATIENCE, async || {
            let tried = deliveries(&a, id).await;
            let is_so = |it: &v1::WebhookDelivery| {
                it.tries > 0
                    && it.status == status
                    && it.reason.contains(reason)
                    && it.next_time.is_some()
            };
            if tried.len() == FILED && tried.iter().all(is_so) { Ok(()) } else { Err(tried) }
        })
        .await;
    }
    assert!(endpoint.at("/redirected").is_empty());
    assert!(shown(&a, &fail).await.failing_since.is_some());

    // Each comes again under its own id, and the days pause it, with a notice.
    let first: BTreeSet<_> = endpoint.at("/fail").iter().map(|it| it.id().to_owned()).collect();
    assert_eq!(first.len(), FILED);
    for hours in [1, 30, 50] {
        // What is under way when the clock moves is due again by the moved clock.
        let before = eventually("what was posted is kept", PATIENCE, async || {
            let tries: u32 = deliveries(&a, &fail).await.iter().map(|it| it.tries).sum();
            let posted = endpoint.at("/fail").len();
            if usize::try_from(tries) == Ok(posted) { Ok(posted) } else { Err((tries, posted)) }
        })
        .await;
        advances(&sandbox, hours * 3_600).await;
        eventually("it comes again", PATIENCE, async || {
            if endpoint.at("/fail").len() > before { Ok(()) } else { Err(before) }
        })
        .await;
    }
    let paused = eventually("it is paused", PATIENCE, async || {
        let it = shown(&a, &fail).await;
        if it.state() == v1::WebhookState::Paused { Ok(it) } else { Err(it) }
    })
    .await;
    assert!(paused.paused_reason.contains("3 days"), "{paused:?}");
    let again: BTreeSet<_> = endpoint.at("/fail").iter().map(|it| it.id().to_owned()).collect();
    assert_eq!(first, again, "no other ids");
    let notices = eventually("there is a notice", PATIENCE, async || {
        let told = endpoint.at("/ok").into_iter().filter(|it| it.is_of("webhook.paused"));
        let told: Vec<_> = told.collect();
        let is_told = told.iter().any(|it| it.json()["data"]["id"] == fail);
        if is_told { Ok(told) } else { Err(told.len()) }
    })
    .await;
    assert!(notices.iter().all(|it| it.json()["data"]["id"] != well));

    // It waits until it is resumed.
    let before = endpoint.at("/fail").len();
    a.webhooks()
        .resume_webhook(v1::ResumeWebhookRequest { id: fail.clone() })
        .await
        .expect("its own");
    eventually("it goes on", PATIENCE, async || {
        if endpoint.at("/fail").len() > before { Ok(()) } else { Err(before) }
    })
    .await;
    for it in [fail, dead, redirect] {
        a.webhooks().delete_webhook(v1::DeleteWebhookRequest { id: it }).await.expect("its own");
    }

    // One that wants nothing more is paused at once.
    let (gone, _) = creates(&a, endpoint.url("/gone"), &[]).await;
    a.webhooks().test_webhook(v1::TestWebhookRequest { id: gone.clone() }).await.expect("its own");
    eventually("it is paused", PATIENCE, async || {
        let it = shown(&a, &gone).await;
        if it.paused_reason.contains("410") { Ok(()) } else { Err(it) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_while_its_caller_paused_it_is_posted_afterwards() {
    const FILED: usize = 30;
    let filed = ["declaration.filed"];
    let sandbox = Sandbox::process(&["--no-agencies"]).await;
    let endpoint = Endpoint::start().await;
    let (a, b) = (sandbox.connect("enterprise-a").await, sandbox.connect("enterprise-b").await);
    let (id, secret) = creates(&a, endpoint.url("/ok"), &filed).await;
    let (other, _) = creates(&a, endpoint.url("/other"), &["webhook.paused", filed[0]]).await;
    let (failing, _) = creates(&a, endpoint.url("/fail"), &filed).await;
    Enterprise(a.clone()).files("QD-PAUSED-BEFORE").await;
    comes(&endpoint, "/ok", "declaration.filed", 1).await;
    comes(&endpoint, "/fail", "declaration.filed", 1).await;
    let pause = async |window: &Window, id: &str| {
        let request = v1::PauseWebhookRequest { id: id.to_owned() };
        let answer = window.webhooks().pause_webhook(request).await;
        answer.map(|answer| answer.into_inner().webhook.expect("a webhook"))
    };
    let refusal = pause(&b, &id).await.expect_err("another firm's");
    assert_eq!(code(&refusal).0, "SW-1201");
    assert_eq!(shown(&a, &id).await.state(), v1::WebhookState::Active);
    let paused = pause(&a, &id).await.expect("its own");
    assert_eq!(paused.state(), v1::WebhookState::Paused);
    assert!(paused.paused_reason.contains("by its caller") && paused.failing_since.is_none());
    // It is paused once, and says since when; on the command line too.
    assert_eq!(pause(&a, &id).await.expect("its own"), paused);
    let said = sandbox.command(&["--as", "enterprise-a", "webhooks", "pause", &failing]);
    assert!(said.status.success(), "{said:?}");
    assert_eq!(shown(&a, &failing).await.state(), v1::WebhookState::Paused);

    // Meanwhile the others of the same caller go on, and nobody is told that one is paused.
    for number in 0..FILED {
        Enterprise(a.clone()).files(&format!("QD-PAUSED-{number}")).await;
    }
    let there = comes(&endpoint, "/other", "declaration.filed", FILED + 1).await;
    assert!(!endpoint.at("/other").iter().any(|it| it.is_of("webhook.paused")));
    // Days go by, and the hours at which one that fails would come again.
    let (before, tried) = (endpoint.at("/ok").len(), endpoint.at("/fail").len());
    advances(&sandbox, 5 * 86_400).await;
    Enterprise(a.clone()).files("QD-PAUSED-LATER").await;
    let there_ids = comes(&endpoint, "/other", "declaration.filed", FILED + 2).await;
    assert_eq!((before, endpoint.at("/ok").len()), (1, 1), "nothing is posted");
    assert_eq!((tried, endpoint.at("/fail").len()), (1, 1), "nothing is tried");
    let waiting = deliveries(&a, &id).await;
    let waits = |it: &&v1::WebhookDelivery| it.state() == v1::WebhookDeliveryState::Waiting;
    assert_eq!(waiting.iter().filter(waits).count(), FILED + 1);
    assert_eq!(there.len(), FILED + 1);

    // Then every one comes, once, under the id that it has for everybody.
    let resume = v1::ResumeWebhookRequest { id: id.clone() };
    let resumed = a.webhooks().resume_webhook(resume).await.expect("its own").into_inner();
    let resumed = resumed.webhook.expect("a webhook");
    assert_eq!((resumed.state(), resumed.paused_reason.as_str()), (v1::WebhookState::Active, ""));
    let came = comes(&endpoint, "/ok", "declaration.filed", FILED + 2).await;
    assert!(came.iter().all(|it| it.verifies(&secret)) && came.len() == FILED + 2);
    let ids =
        |posted: &[Posted]| posted.iter().map(|it| it.id().to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(ids(&came), ids(&there_ids));
    let resume = v1::ResumeWebhookRequest { id: failing };
    a.webhooks().resume_webhook(resume).await.expect("its own");
    comes(&endpoint, "/fail", "declaration.filed", FILED + 3).await;
    drop(other);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_is_posted_again_when_asked() {
    const FILED: usize = 2;
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let endpoint = Endpoint::start().await;
    let (a, b) = (sandbox.connect("enterprise-a").await, sandbox.connect("enterprise-b").await);
    let paths = ["/picky/call", "/picky/command", "/picky/console"];
    let mut hooks = Vec::new();
    for path in paths {
        hooks.push(creates(&a, endpoint.url(path), &["declaration.filed"]).await.0);
    }
    for number in 0..FILED {
        Enterprise(a.clone()).files(&format!("QD-GIVEN-UP-{number}")).await;
    }
    let of = async |id: &str| {
        let all = deliveries(&a, id).await.into_iter();
        all.filter(|it| it.r#type == "declaration.filed").collect::<Vec<_>>()
    };
    let becomes = async |id: &str, state: v1::WebhookDeliveryState, tries: u32| {
        eventually("every one was tried", PATIENCE, async || {
            let all = of(id).await;
            let is_so = |it: &v1::WebhookDelivery| it.state() == state && it.tries == tries;
            if all.len() >= FILED && all.iter().all(is_so) { Ok(()) } else { Err(all) }
        })
        .await;
    };

    // Each try of the law fails. What is taken between them keeps the days from pausing it.
    for (tries, pause) in (1..).zip(domain::webhook::RETRY_PAUSES) {
        for id in &hooks {
            becomes(id, v1::WebhookDeliveryState::Waiting, tries).await;
            let test = v1::TestWebhookRequest { id: id.clone() };
            a.webhooks().test_webhook(test).await.expect("its own");
            eventually("it takes a test", PATIENCE, async || {
                let it = shown(&a, id).await;
                if it.failing_since.is_none() { Ok(()) } else { Err(it) }
            })
            .await;
        }
        advances(&sandbox, u64::from(pause) + 1).await;
    }
    let last = u32::try_from(domain::webhook::RETRY_PAUSES.len()).expect("a few") + 1;
    for (id, path) in hooks.iter().zip(paths) {
        becomes(id, v1::WebhookDeliveryState::GivenUp, last).await;
        let posted = endpoint.at(path).into_iter().filter(|it| it.is_of("declaration.filed"));
        assert_eq!(posted.count(), FILED * usize::try_from(last).expect("a few"), "{path}");
        assert_eq!(shown(&a, id).await.state(), v1::WebhookState::Active, "{path}");
    }

    // All of one webhook again: by a call, on the command line, in the console. What was taken does not come again.
    endpoint.takes_all();
    let all = |id: &str| v1::ResendRequest { id: id.to_owned(), message_id: String::new() };
    let status = b.webhooks().resend(all(&hooks[0])).await.expect_err("another's");
    assert_eq!(code(&status).0, "SW-1201");
    let again = a.webhooks().resend(all(&hooks[0])).await.expect("its own").into_inner();
    assert_eq!(again.count, 2);
    becomes(&hooks[0], v1::WebhookDeliveryState::Delivered, 1).await;
    becomes(&hooks[1], v1::WebhookDeliveryState::GivenUp, last).await;
    let said = ["--as", "enterprise-a", "--output", "json", "webhooks", "resend", &hooks[1]];
    let said = sandbox.command(&said);
    let said: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!(said["count"], 2, "{said}");
    becomes(&hooks[1], v1::WebhookDeliveryState::Delivered, 1).await;
    let mut person = Browser::of(&sandbox, "enterprise-a").await;
    let address = format!("/console/webhooks/{}", hooks[2]);
    let page = person.opens(&address).await;
    assert!(page.says("given up"), "{}", page.text);
    let form = [("token", page.value("token"))];
    let page = person.sends(&format!("{address}/resend"), &form).await;
    assert_eq!(page.status, 200, "{}", page.text);
    becomes(&hooks[2], v1::WebhookDeliveryState::Delivered, 1).await;
    for path in paths {
        let posted = endpoint.at(path).into_iter().filter(|it| it.is_of("declaration.filed"));
        let ids: BTreeSet<_> = posted.map(|it| it.id().to_owned()).collect();
        assert_eq!(ids.len(), FILED, "{path}: under the ids that they had");
        let tests = endpoint.at(path).into_iter().filter(|it| it.is_of("webhook.test")).count();
        assert_eq!(tests, domain::webhook::RETRY_PAUSES.len(), "{path}");
    }
    assert_eq!(a.webhooks().resend(all(&hooks[0])).await.expect("none").into_inner().count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_on_a_developers_machine_is_posted_to_by_a_command() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let sandbox = Sandbox::start().await;
    let endpoint = Endpoint::start().await;
    let mut command = tokio::process::Command::new(binary());
    command.args(["--as", "enterprise-a", "--output", "json", "webhooks", "listen"]);
    command.args(["--type", "declaration.filed", "--type", "declaration.withdrawn"]);
    command.args(["--forward-to", &endpoint.url("/ok")]);
    command.arg("--data-dir").arg(sandbox.directory.path());
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    let mut listening = command.kill_on_drop(true).spawn().expect("it starts");
    let mut said = BufReader::new(listening.stdout.take().expect("it is piped")).lines();
    let mut next = async || {
        let line = tokio::time::timeout(PATIENCE, said.next_line()).await.expect("in time");
        let line = line.expect("text").expect("it goes on");
        serde_json::from_str::<Value>(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    let secret = next().await["secret"].as_str().expect("a secret").to_owned();

    // It follows from now on, so something of its own shows that it does.
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let filed = firm.files("QD-LISTEN-1").await;
    firm.sees(&filed.name, v1::State::Released).await;
    let second = firm.files("QD-LISTEN-2").await;
    let mut told = Vec::new();
    while told.iter().all(|it: &Value| it["name"] != second.name.as_str()) {
        told.push(next().await);
    }
    for line in &told {
        assert_eq!((&line["type"], &line["outcome"]), (&"declaration.filed".into(), &"204".into()));
    }
    let posted = endpoint.at("/ok");
    assert_eq!(posted.len(), told.len(), "the release is of another type");
    for (posted, line) in posted.iter().zip(&told) {
        assert!(posted.verifies(&secret) && posted.is_of("declaration.filed"), "{posted:?}");
        let json = posted.json();
        assert_eq!((posted.id(), &json["data"]["name"]), (text(line, "message_id"), &line["name"]));
    }
    listening.kill().await.expect("it is ours");
    let wrong =
        ["--as", "enterprise-a", "webhooks", "listen", "--forward-to", "https://a.example/"];
    let wrong = sandbox.command(&wrong);
    assert!(!wrong.status.success(), "{wrong:?}");
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("there is no {name}: {value}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_posted_for_a_caller_that_is_revoked() {
    let sandbox = Sandbox::process(&["--no-agencies"]).await;
    let endpoint = Endpoint::start().await;
    let b = sandbox.connect("enterprise-b").await;
    let (id, _) = creates(&b, endpoint.url("/fail"), &[]).await;
    b.webhooks().test_webhook(v1::TestWebhookRequest { id }).await.expect("its own");
    comes(&endpoint, "/fail", "webhook.test", 1).await;
    let registry = sandbox.directory.path().join("identities/registry.json");
    let registry = registry.to_str().expect("a path");
    let revoked = sandbox.command(&["caller", "revoke", "enterprise-b", "--registry", registry]);
    assert!(revoked.status.success(), "{revoked:?}");
    eventually("its connections end", PATIENCE, async || {
        match b.declarations().list(v1::ListRequest::default()).await {
            Ok(_) => Err("it is still a caller"),
            Err(_) => Ok(()),
        }
    })
    .await;
    let before = endpoint.at("/fail").len();
    advances(&sandbox, 3_600).await;
    eventually("its webhook is paused", PATIENCE, async || {
        let log = std::fs::read_to_string(sandbox.log()).unwrap_or_default();
        if log.contains("its caller is not in the registry") { Ok(()) } else { Err(log) }
    })
    .await;
    assert_eq!(endpoint.at("/fail").len(), before, "what waits is not posted");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_posted_though_a_process_is_killed() {
    const FILED: usize = 40;
    let mut first = Sandbox::process(&[]).await;
    first.may_log_errors = true;
    let names = [
        "--inspection-service-name",
        "second",
        "--gateway-name",
        "second",
        "--payment-service-name",
        "second",
        "--refund-service-name",
        "second",
    ];
    let mut second = first.beside(&names).await;
    second.may_log_errors = true;
    let endpoint = Endpoint::start().await;
    let a = second.connect("enterprise-a").await;
    let (id, secret) = creates(&a, endpoint.url("/ok"), &["declaration.filed"]).await;
    let mut filed = BTreeSet::new();
    for number in 0..FILED {
        filed.insert(Enterprise(a.clone()).files(&format!("QD-KILLED-{number}")).await.name);
        if number == FILED / 2 {
            // The first one follows, and both post.
            first.kill();
        }
    }
    let came = eventually("every one is posted", PATIENCE, async || {
        let came = endpoint.at("/ok");
        let names =
            came.iter().map(|it| it.json()["data"]["name"].as_str().expect("a name").to_owned());
        let names: BTreeSet<_> = names.collect();
        if names.is_superset(&filed) { Ok(came) } else { Err(filed.len() - names.len()) }
    })
    .await;
    assert!(came.iter().all(|it| it.verifies(&secret)));
    let ids: BTreeSet<_> = came.iter().map(Posted::id).collect();
    assert_eq!(ids.len(), FILED, "one id each");
    println!("{FILED} messages came {} times over a kill", came.len());

    // How fast one process posts to one endpoint.
    let tests = 400;
    let begun = Instant::now();
    let calls = (0..tests).map(|_| {
        let (a, id) = (a.clone(), id.clone());
        async move { a.webhooks().test_webhook(v1::TestWebhookRequest { id }).await.map(drop) }
    });
    futures::future::try_join_all(calls).await.expect("its own");
    comes(&endpoint, "/ok", "webhook.test", tests).await;
    let rate = 400.0 / begun.elapsed().as_secs_f64();
    println!("{rate:.0} messages a second to one endpoint, each asked for by a call");
    first.spawn();
    first.ready().await;
}

#[test]
fn the_guide_has_the_law_of_retries() {
    let guide =
        std::fs::read_to_string(workspace().join("docs/webhooks.md")).expect("there is a guide");
    for (pause, number) in domain::webhook::RETRY_PAUSES.into_iter().zip(2..) {
        let text = match pause {
            60..3_600 => format!("{} min", pause / 60),
            3_600.. => format!("{} h", pause / 3_600),
            _ => format!("{pause} s"),
        };
        assert!(guide.contains(&format!("| {number} | {text} |")), "{number} {text}");
    }
    for name in proto::webhook::TYPES {
        assert!(guide.contains(&format!("`{name}`")), "{name}");
    }
}
