//! What a service cannot handle is set aside, and nobody else waits for it.

use std::process::Output;

use futures::StreamExt as _;
use proto::v1;
use sqlx::{Connection as _, PgConnection};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::exchange::{Stream, verdict};
use crate::harness::national::{Erp, Import, import};
use crate::harness::people::Enterprise;
use crate::harness::{PATIENCE, Sandbox, eventually};

/// The stuck items that an administrator sees.
fn stuck(sandbox: &Sandbox) -> Vec<serde_json::Value> {
    let listed = sandbox.command(&["--as", "admin", "--output", "json", "stuck", "list"]);
    let listed = String::from_utf8(done(listed)).expect("it is text");
    listed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn done(output: Output) -> Vec<u8> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

async fn health(sandbox: &Sandbox, service: &str) -> ServingStatus {
    let channel = sandbox.connect("admin").await.channel();
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(channel).check(request).await.expect("it is known");
    answer.into_inner().status()
}

async fn sends(erp: &Erp, import: &Import) {
    for document in import.all() {
        erp.sends(&[document]).await;
    }
}

async fn comes_true(what: &str, mut is: impl AsyncFnMut() -> bool) {
    eventually(what, PATIENCE, async || if is().await { Ok(()) } else { Err("no") }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_cannot_be_read_keeps_nobody_elses_receipts() {
    let mut sandbox = Sandbox::process(&["--no-agencies"]).await;
    sandbox.may_log_errors = true;
    let erp = Erp::of(&sandbox).await;
    let (bad, good, later) = (import("QDCEB-91"), import("QDCEB-92"), import("QDCEB-93"));
    let mut customs =
        Stream::open(&sandbox.connect("customs").await, v1::Agency::Customs, "one", vec![], 0)
            .await
            .expect("it may");
    let mut events = Vec::new();
    for (import, order_no) in [(&bad, "QDCEB-91"), (&good, "QDCEB-92")] {
        sends(&erp, import).await;
        assert_eq!(erp.hears(622, &import.inventory.head.cop_no, 3).await, [2, 3], "{order_no}");
        events.extend(customs.events(1).await);
    }

    // The inventory cannot be read any more when customs has something to say of both.
    let mut database = sandbox.database().await;
    let body = spoil(&mut database, "QDCEB-91").await;
    for outcome in [v1::Outcome::Accepted, v1::Outcome::Concluded] {
        for event in &events {
            customs.decides(verdict(event, outcome)).await;
        }
    }
    let seen = erp.hears(622, &good.inventory.head.cop_no, 399).await;
    assert_eq!(seen, [2, 3, 120, 399], "everybody else goes on");
    comes_true("it is set aside", async || !stuck(&sandbox).is_empty()).await;
    let items = stuck(&sandbox);
    let [item] = &items[..] else { panic!("one is stuck: {items:#?}") };
    assert_eq!((&item["service"], &item["queue"]), (&"ceb".into(), &"events".into()), "{item}");
    assert_eq!(item["behind"], 1, "what customs said next waits behind it: {item}");
    let about = item["subject"].as_str().expect("an id");
    assert_eq!(about, events[0].declaration_id);
    assert_eq!(health(&sandbox, "single_window.ceb.v1.CebService").await, ServingStatus::Serving);

    // A restart keeps it, and who comes later is served.
    sandbox.kill();
    sandbox.spawn();
    sandbox.ready().await;
    let erp = Erp::of(&sandbox).await;
    sends(&erp, &later).await;
    assert_eq!(erp.hears(622, &later.inventory.head.cop_no, 3).await, [2, 3]);
    let id = item["id"].as_str().expect("an id");
    let shown = sandbox.command(&["--as", "admin", "stuck", "show", id]);
    let shown = String::from_utf8(done(shown)).expect("it is text");
    assert!(shown.contains("ceb.events") && shown.contains("ceb.document.body"), "{shown}");
    let denied = sandbox.command(&["--as", "agent", "stuck", "list"]);
    assert!(!denied.status.success(), "administrators only");

    // The cause goes, and it is tried again.
    let mut database = sandbox.database().await;
    restore(&mut database, "QDCEB-91", &body).await;
    done(sandbox.command(&["--as", "admin", "stuck", "retry", id]));
    let seen = erp.hears(622, &bad.inventory.head.cop_no, 399).await;
    assert_eq!(seen, [2, 3, 120, 399], "nothing is missing, in order");
    comes_true("nothing is stuck", async || stuck(&sandbox).is_empty()).await;
    let gone = sandbox.command(&["--as", "admin", "stuck", "drop", id]);
    assert_eq!(gone.status.code(), Some(4), "there is nothing to give up");
}

async fn spoil(database: &mut PgConnection, order_no: &str) -> Vec<u8> {
    let of = "from ceb.document where kind = 621 and order_no = $1";
    let body: Vec<u8> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select body {of}")))
        .bind(order_no)
        .fetch_one(&mut *database)
        .await
        .expect("it is kept");
    restore(database, order_no, b"{").await;
    body
}

async fn restore(database: &mut PgConnection, order_no: &str, body: &[u8]) {
    let put = "update ceb.document set body = $2 where kind = 621 and order_no = $1";
    let put = sqlx::query(put).bind(order_no).bind(body).execute(database).await;
    assert_eq!(put.expect("it is ours").rows_affected(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_taken_keeps_only_its_own_declaration() {
    let mut sandbox = Sandbox::start().await;
    sandbox.may_log_errors = true;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    // No assessment of this firm's goods can be written down.
    let mut database = sandbox.database().await;
    let forbid = "alter table inspection.consignment add constraint planted \
                  check (port_code <> '4201')";
    sqlx::raw_sql(forbid).execute(&mut database).await.expect("it is ours");
    let mut declaration = crate::harness::people::export("SBX-STUCK-1");
    declaration.port_code = "4201".to_owned();
    let filing = crate::harness::people::filing(declaration);
    let bad = firm.tries(filing).await.expect("it is filed");
    let good = firm.files("SBX-STUCK-2").await;
    firm.sees(&good.name, v1::State::Released).await;
    comes_true("it is set aside", async || !stuck(&sandbox).is_empty()).await;
    let items = stuck(&sandbox);
    assert_eq!(items.len(), 1, "{items:#?}");
    assert_eq!(items[0]["queue"], "events");
    assert!(bad.name.ends_with(items[0]["subject"].as_str().expect("an id")));
    assert_ne!(firm.reads(&bad.name).await.state(), v1::State::Released, "nobody assessed it");

    let allow = "alter table inspection.consignment drop constraint planted";
    sqlx::raw_sql(allow).execute(&mut database).await.expect("it is ours");
    done(sandbox.command(&["--as", "admin", "stuck", "retry", "--all"]));
    firm.sees(&bad.name, v1::State::Released).await;
    database.close().await.expect("it closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_when_a_loop_stands_still() {
    let mut sandbox = Sandbox::start().await;
    sandbox.may_log_errors = true;
    let door = "single_window.ceb.v1.CebService";
    for component in [door, "ceb.events", "inspection.events"] {
        assert_eq!(health(&sandbox, component).await, ServingStatus::Serving, "{component}");
    }
    let mut database = sandbox.database().await;
    let away = "alter table ceb.inbox rename to elsewhere";
    sqlx::raw_sql(away).execute(&mut database).await.expect("it is ours");
    sends(&Erp::of(&sandbox).await, &import("QDCEB-94")).await;
    comes_true("it is noticed", async || {
        health(&sandbox, "ceb.events").await == ServingStatus::NotServing
    })
    .await;
    assert_eq!(health(&sandbox, door).await, ServingStatus::NotServing);
    let other = "single_window.inspection.v1.InspectionService";
    assert_eq!(health(&sandbox, other).await, ServingStatus::Serving, "that one goes on");
    let back = "alter table ceb.elsewhere rename to inbox";
    sqlx::raw_sql(back).execute(&mut database).await.expect("it is ours");
    comes_true("it goes on", async || health(&sandbox, door).await == ServingStatus::Serving).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_entry_of_a_journal_ends_no_stream() {
    let mut sandbox = Sandbox::process(&["--no-agencies"]).await;
    (sandbox.may_log_errors, sandbox.may_leave_work) = (true, true);
    let erp = Erp::of(&sandbox).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let [first, bad, last] = ["QD-WHOLE-1", "QD-DAMAGED", "QD-WHOLE-2"];
    let first = firm.files(first).await;
    let bad = firm.files(bad).await;
    let last = firm.files(last).await;
    let (one, two) = (import("QDCEB-95"), import("QDCEB-96"));
    for import in [&one, &two] {
        sends(&erp, import).await;
        assert_eq!(erp.hears(622, &import.inventory.head.cop_no, 3).await, [2, 3]);
    }
    let before = erp.log().await;

    // What is kept of one declaration, and about what a receipt is, cannot be read any more.
    let mut database = sandbox.database().await;
    let id = bad.name.trim_start_matches("declarations/");
    let damage = format!(
        "update declaration.journal set facts = '{{' where subject = '{id}';
         update ceb.journal set facts = '{{', version = -1
         where (slot, position) in (select slot, position from ceb.journal order by 1, 2 limit 1)"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(damage)).execute(&mut database).await.expect("it is ours");

    // The firm is told that there is something, and what came after it.
    let beginning = "beginning".to_owned();
    let request = v1::WatchRequest { resume_token: beginning, ..Default::default() };
    let mut news = std::pin::pin!(client::watch(firm.0.clone(), request));
    let mut heard = Vec::new();
    while heard.last().is_none_or(|(name, _)| *name != last.name) {
        let told = tokio::time::timeout(PATIENCE, news.next()).await.expect("in time");
        let told = told.expect("it has no end").expect("it goes on");
        assert_eq!(told.unreadable, told.facts.is_empty(), "{told:?}");
        heard.push((told.name, told.unreadable));
    }
    let own = |name: &str| heard.iter().find(|(other, _)| other == name).map(|(_, bad)| *bad);
    let told = [&first, &bad, &last].map(|receipt| own(&receipt.name));
    assert_eq!(told, [Some(false), Some(true), Some(false)]);
    // Every receipt is carried as before.
    let after = erp.log().await;
    let xml = |log: &[v1::OutgoingMessage]| -> Vec<String> {
        log.iter().map(|message| message.xml.clone()).collect()
    };
    assert_eq!(xml(&after), xml(&before));

    // Customs gets everything else, and people see what it did not get.
    let window = sandbox.connect("customs").await;
    let mut customs =
        Stream::open(&window, v1::Agency::Customs, "one", vec![], 0).await.expect("may");
    let events = customs.events(4).await;
    assert!(events.iter().all(|event| !bad.name.ends_with(&event.declaration_id)));
    comes_true("it is set aside", async || !stuck(&sandbox).is_empty()).await;
    let items = stuck(&sandbox);
    let [item] = &items[..] else { panic!("one is stuck: {items:#?}") };
    assert_eq!(
        (&item["service"], &item["queue"]),
        (&"declaration".into(), &"parked-customs".into())
    );
    let about = item["subject"].as_str().expect("an id");
    assert!(bad.name.ends_with(about), "{item}");

    // The damage is mended, and the event is sent after all.
    let mend = format!("update declaration.journal set facts = '' where subject = '{id}'");
    sqlx::raw_sql(sqlx::AssertSqlSafe(mend)).execute(&mut database).await.expect("it is ours");
    for event in &events {
        customs.acknowledge(event).await;
    }
    done(sandbox.command(&["--as", "admin", "stuck", "retry", "--all"]));
    let [again] = &customs.events(1).await[..] else { panic!("one event") };
    assert_eq!(again.declaration_id, about);
    customs.acknowledge(again).await;
    let left = "select count(*) from declaration.queue_item";
    comes_true("it is out of the queue", async || {
        let left = sqlx::query_scalar::<_, i64>(left).fetch_one(&mut database).await;
        left.expect("it is ours") == 0
    })
    .await;
}
