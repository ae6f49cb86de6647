//! What ended long ago is archived: its content and its history go, everything that others are told by it stays.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use proto::v1::{self, State};

use super::clock::{days, moves};
use super::command_line::shown;
use crate::harness::Sandbox;
use crate::harness::people::{Enterprise, code, export, filing};

async fn count(sandbox: &Sandbox, what: &str) -> i64 {
    let mut database = sandbox.database().await;
    let count = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {what}")));
    count.fetch_one(&mut database).await.expect("the table is there")
}

async fn listed(firm: &Enterprise) -> Vec<String> {
    let list = firm.0.declarations().list(v1::ListRequest::default()).await.expect("a list");
    list.into_inner().records.into_iter().map(|record| record.name).collect()
}

/// Until every agency has stored what it was told.
async fn all_is_stored(sandbox: &Sandbox) {
    let waiting =
        "subscription s join journal_head h on h.slot = s.slot where s.position < h.position";
    for _ in 0..200 {
        if count(sandbox, waiting).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("somebody does not store what it was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_long_ago_leaves_all_but_its_content_and_history() {
    // Money that comes would be told after the release.
    let sandbox = Sandbox::with(&["--no-payment"]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let admin = sandbox.connect("admin").await;
    let request = filing(export("ARCHIVE-1"));
    let released = firm.tries(request.clone()).await.expect("it is valid");
    firm.sees(&released.name, State::Released).await;
    let rejected = firm.files("SBX-REJECT1313-9").await;
    firm.sees(&rejected.name, State::Rejected).await;
    let open = firm.files("SBX-SILENT-9").await;
    let before = (firm.reads(&released.name).await, listed(&firm).await);
    all_is_stored(&sandbox).await;

    let file = tempfile::tempdir().expect("a directory");
    let file = file.path().join("archive.jsonl");
    let path = file.to_str().expect("a path");
    let archive = ["archive", "--older-than", "400d", "--to", path];
    let output = sandbox.command(&archive);
    assert!(shown(&output).contains("0 archived"), "{output:?}");
    moves(&admin, days(401)).await.expect("forward");
    let recent = firm.files("ARCHIVE-2").await;
    firm.sees(&recent.name, State::Released).await;
    all_is_stored(&sandbox).await;

    // What a subscriber has not stored stays.
    let mut database = sandbox.database().await;
    let away =
        "insert into subscription (slot, agency) select slot, 99 from generate_series(0, 255) slot";
    sqlx::query(away).execute(&mut database).await.expect("it is new");
    let told = shown(&sandbox.command(&archive));
    assert!(told.contains("0 archived; 2 stay"), "{told}");
    let gone =
        sqlx::query("delete from subscription where agency = 99").execute(&mut database).await;
    gone.expect("it was there");

    let output = sandbox.command(&archive);
    assert!(output.status.success() && shown(&output).contains("2 archived"), "{output:?}");
    let kept = std::fs::read_to_string(&file).expect("it was made");
    let kept: Vec<v1::DeclarationRecord> =
        kept.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    let mut names: Vec<_> = kept.iter().map(|record| &record.name).collect();
    names.sort();
    let mut wanted = [&released.name, &rejected.name];
    wanted.sort();
    assert_eq!(names, wanted);
    assert_eq!(kept.iter().find(|it| it.name == released.name), Some(&before.0), "whole");
    let mode = std::fs::metadata(&file).expect("it was made").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(shown(&sandbox.command(&archive)).contains("0 archived"), "nothing is left to do");
    assert_eq!(count(&sandbox, "content").await, 2, "of the open one and of the recent one");
    let entries =
        "journal where subject not in (select id from declaration where positions <> '{}')";
    assert_eq!(count(&sandbox, entries).await, 0);

    // It says so, and is all that it was besides.
    let record = firm.reads(&released.name).await;
    assert!(record.archived_time.is_some(), "{record:?}");
    let rest = v1::DeclarationRecord {
        archived_time: None,
        declaration: before.0.declaration.clone(),
        history: before.0.history.clone(),
        ..record.clone()
    };
    assert_eq!((rest, record.declaration, record.history.len()), (before.0, None, 0));
    let mut all = before.1;
    all.insert(0, recent.name.clone());
    assert_eq!(listed(&firm).await, all);
    let card = shown(&sandbox.command(&["get", "ARCHIVE-1"]));
    assert!(card.contains("archived") && card.contains(&record.release_id), "{card}");
    assert_eq!(firm.reads(&open.name).await.archived_time, None);

    // Its order stays declared, and its request answered.
    let again = firm.tries(filing(export("ARCHIVE-1"))).await.expect_err("it was released");
    assert_eq!(code(&again).0, "SW-1102");
    let same = firm.tries(request.clone()).await.expect("the same request");
    assert!(same.repeated && same.name == released.name);
    let other = v1::SubmitRequest { declaration: Some(export("ARCHIVE-3")), ..request };
    assert_eq!(code(&firm.tries(other).await.expect_err("another content")).0, "SW-1101");
    // One that was rejected is amended as ever, and shows what it is from then on.
    firm.amends(&rejected.name, 1, export("SBX-REJECT1313-9")).await.expect("it was rejected");
    let amended = firm.reads(&rejected.name).await;
    assert!(amended.declaration.is_some() && amended.archived_time.is_some(), "{amended:?}");

    // Who reads from the beginning goes on behind what is gone.
    let beginning = v1::WatchRequest { resume_token: "beginning".into(), ..Default::default() };
    let mut news = firm.0.declarations().watch(beginning).await.expect("a watch").into_inner();
    let mut seen = std::collections::BTreeSet::new();
    while !(seen.contains(&open.name) && seen.contains(&recent.name)) {
        let told = tokio::time::timeout(Duration::from_secs(20), news.message()).await;
        let told = told.expect("it goes on").expect("it is served").expect("it has no end");
        seen.insert(told.name);
    }
    assert!(!seen.contains(&released.name));
    let next = firm.files("ARCHIVE-4").await;
    firm.sees(&next.name, State::Released).await;

    // Not for everybody, and not for what ended yesterday.
    let days =
        |older_than_days| v1::ArchiveRequest { older_than_days, names: vec![open.name.clone()] };
    let refused = firm.0.declarations().archive(days(400)).await.expect_err("not for firms");
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    let refused = admin.declarations().archive(days(1)).await.expect_err("too early");
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    let none = admin.declarations().archive(days(400)).await.expect("a step").into_inner();
    assert_eq!(none.archived, 0, "what is open stays");
}
