//! Documents that declarations name by their digest: their bytes come, and are shown to those whom it concerns.

use std::os::unix::fs::PermissionsExt as _;

use domain::attachment::AttachmentDigest;
use proto::v1;
use sha2::{Digest as _, Sha256};

use super::refund::RefundDesk;
use crate::harness::http::{Answer, Http};
use crate::harness::inspection::{PLACE, Stage};
use crate::harness::people::{Enterprise, code, export, filing};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// A file that looks like a PDF, with these words in it and so many bytes.
fn pdf(words: &str, length: usize) -> Vec<u8> {
    let mut bytes = format!("%PDF-1.7\n{words}\n").into_bytes();
    // No two parts of it are alike, and it cannot be compressed away.
    let mut state = 0x9e37_79b9_u32;
    bytes.resize_with(length, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    bytes
}

fn digest(bytes: &[u8]) -> AttachmentDigest {
    AttachmentDigest(Sha256::digest(bytes).into())
}

async fn http(sandbox: &Sandbox, caller: &str) -> Http {
    Http::with_key(sandbox, &sandbox.api_key(caller)).await
}

async fn puts(http: &mut Http, bytes: &[u8]) -> Answer {
    let target = format!("/v1/attachments/{}", digest(bytes));
    http.call("PUT", &target, "application/json", bytes).await
}

/// An export that names a file.
fn export_with(order_no: &str, bytes: &[u8]) -> v1::Declaration {
    let named = v1::Attachment {
        kind: "invoice".to_owned(),
        name: "发票 1.pdf".to_owned(),
        sha256: digest(bytes).0.to_vec(),
        size_bytes: bytes.len().try_into().expect("small"),
    };
    v1::Declaration { attachments: vec![named], ..export(order_no) }
}

async fn count(sandbox: &Sandbox, table: &str) -> i64 {
    let mut database = sandbox.database().await;
    let query = format!("select count(*) from {table}");
    let counted = sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&mut database).await;
    counted.expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_kept_once_and_shown_to_those_whom_it_concerns() {
    let sandbox = Sandbox::start().await;
    let mut firm = http(&sandbox, "enterprise-a").await;
    let invoice = pdf("INVOICE-OF-NOBODY-ELSE", 700_000);
    let first = puts(&mut firm, &invoice).await;
    assert_eq!(first.status, 200, "{first}");
    let kept = first.json();
    assert_eq!(kept["sha256"], digest(&invoice).to_string());
    assert_eq!(
        (&kept["mediaType"], &kept["sizeBytes"]),
        (&"application/pdf".into(), &"700000".into())
    );
    assert_eq!((&kept["repeated"], first.header("idempotent-replayed")), (&false.into(), ""));
    let again = puts(&mut firm, &invoice).await;
    assert_eq!(again.json()["storedTime"], kept["storedTime"], "{again}");
    assert_eq!(
        (&again.json()["repeated"], again.header("idempotent-replayed")),
        (&true.into(), "true")
    );
    assert_eq!(
        (count(&sandbox, "attachment").await, count(&sandbox, "attachment_part").await),
        (1, 3)
    );

    // Nobody reads in the tables what is in it.
    let mut database = sandbox.database().await;
    let parts: Vec<Vec<u8>> = sqlx::query_scalar("select body from attachment_part")
        .fetch_all(&mut database)
        .await
        .expect("parts");
    let words = b"INVOICE-OF-NOBODY-ELSE";
    assert!(parts.iter().all(|part| !part.windows(words.len()).any(|at| at == words)));

    // Before a declaration names it, it is the firm's own.
    let own = format!("/v1/attachments/{}", digest(&invoice));
    let got = firm.gets(&own, "*/*").await;
    assert_eq!((got.status, got.body == invoice), (200, true));
    let mut other = http(&sandbox, "enterprise-b").await;
    assert_eq!(other.gets(&own, "*/*").await.json()["code"], "SW-1201");
    let foreign = other.gets(&format!("{own}?declarant=3702960001"), "*/*").await;
    assert_eq!((foreign.status, &foreign.json()["code"]), (403, &"SW-1305".into()), "{foreign}");

    let enterprise = Enterprise(sandbox.connect("enterprise-a").await);
    let late = pdf("the contract", 1_000);
    let mut declared = export_with("QD-ATTACHED-1", &invoice);
    declared.attachments.extend(export_with("", &late).attachments);
    let name = enterprise.tries(filing(declared)).await.expect("it is valid").name;
    let listed = firm.gets(&format!("/v1/{name}/attachments"), "application/json").await.json();
    let here: Vec<_> = listed["attachments"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| (it["name"].clone(), it["storedTime"].is_string(), it["version"].clone()))
        .collect();
    assert_eq!(
        here,
        [("发票 1.pdf".into(), true, 1.into()), ("发票 1.pdf".into(), false, 1.into())]
    );

    // Customs and quarantine are concerned, and another firm is not, whatever it knows.
    let named = format!("/v1/{name}/attachments/{}", digest(&invoice));
    for caller in ["enterprise-a", "agent", "customs", "quarantine", "admin"] {
        let got = http(&sandbox, caller).await.gets(&named, "*/*").await;
        assert_eq!((got.status, got.body == invoice), (200, true), "{caller}: {}", got.status);
        assert_eq!(got.header("content-type"), "application/pdf");
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        let disposition = got.header("content-disposition");
        assert!(disposition.starts_with("attachment; filename*=UTF-8''%E5%8F%91"), "{disposition}");
        assert_eq!(got.header("etag"), format!("\"{}\"", digest(&invoice)));
    }
    for (caller, target, expected) in [
        ("enterprise-b", named.clone(), "SW-1201"),
        ("site", named.clone(), "SW-1201"),
        ("customs", format!("/v1/{name}/attachments/{}", digest(&late)), "SW-1213"),
        ("customs", format!("/v1/{name}/attachments/{}", digest(b"unnamed")), "SW-1201"),
        ("enterprise-b", format!("/v1/{name}/attachments"), "SW-1201"),
    ] {
        let answer = http(&sandbox, caller).await.gets(&target, "*/*").await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (404, &expected.into()),
            "{caller} {target}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_document_of_that_digest_is_not_kept() {
    let sandbox = Sandbox::start().await;
    let mut firm = http(&sandbox, "enterprise-a").await;
    let script = b"#!/bin/sh\nrm -rf /\n";
    let other = format!("/v1/attachments/{}", digest(b"another one"));
    let large = pdf("large", 20 * 1024 * 1024 + 1);
    for (target, bytes, status, expected) in [
        (other.clone(), &pdf("cut on its way", 300_000)[..], 400, "SW-2029"),
        (format!("/v1/attachments/{}", digest(script)), script, 400, "SW-2030"),
        (format!("/v1/attachments/{}", digest(b"")), b"", 400, "SW-2032"),
        ("/v1/attachments/a7b1".to_owned(), b"text", 400, "SW-1001"),
        (format!("{other}?declarant=3702960002"), b"text", 403, "SW-1305"),
    ] {
        let answer = firm.call("PUT", &target, "application/json", bytes).await;
        assert_eq!((answer.status, &answer.json()["code"]), (status, &expected.into()), "{answer}");
    }
    // What it announces is too much, whatever comes.
    let target = format!("/v1/attachments/{}", digest(&large));
    let mut refused = http(&sandbox, "enterprise-a").await;
    refused.begins("PUT", &target, large.len(), &[]).await;
    let answer = refused.call("GET", "/v1/status", "application/json", &[]).await;
    assert_eq!((answer.status, &answer.json()["code"]), (413, &"SW-2032".into()), "{answer}");
    // Over gRPC nothing is announced.
    let pieces = large.chunks(1 << 20).map(|piece| v1::PutAttachmentRequest {
        sha256: digest(&large).to_string(),
        content: piece.to_vec().into(),
        ..Default::default()
    });
    let pieces: Vec<_> = pieces.collect();
    let window = sandbox.connect("enterprise-a").await;
    let status = window.attachments().put_attachment(futures::stream::iter(pieces)).await;
    assert_eq!(code(&status.expect_err("it is too large")).0, "SW-2032");
    for table in ["attachment", "attachment_part", "attachment_upload", "attachment_budget"] {
        eventually("nothing is left", PATIENCE, async || match count(&sandbox, table).await {
            0 => Ok(()),
            left => Err((table, left)),
        })
        .await;
    }
    // The largest one comes whole, and goes out whole.
    let largest = &large[..20 * 1024 * 1024];
    let answer = puts(&mut firm, largest).await;
    assert_eq!(answer.status, 200, "{answer}");
    let got = firm.gets(&format!("/v1/attachments/{}", digest(largest)), "*/*").await;
    assert!(got.status == 200 && got.body == largest, "{}", got.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_a_kill_cut_is_nobodys_and_is_removed() {
    let mut sandbox = Sandbox::process(&[]).await;
    let invoice = pdf("invoice", 900_000);
    let target = format!("/v1/attachments/{}", digest(&invoice));
    let mut firm = http(&sandbox, "enterprise-a").await;
    firm.begins("PUT", &target, invoice.len(), &invoice[..600_000]).await;
    eventually("two parts came", PATIENCE, async || {
        match count(&sandbox, "attachment_part").await {
            2 => Ok(()),
            parts => Err(parts),
        }
    })
    .await;
    sandbox.kill();
    sandbox.spawn();
    sandbox.ready().await;
    let mut firm = http(&sandbox, "enterprise-a").await;
    assert_eq!(firm.gets(&target, "*/*").await.json()["code"], "SW-1201", "it never came whole");
    assert_eq!(count(&sandbox, "attachment_part").await, 2, "it may still come");
    let whole = puts(&mut firm, &invoice).await;
    assert_eq!((whole.status, &whole.json()["repeated"]), (200, &false.into()), "{whole}");

    // Whoever lost the answer to the last step gives up an upload that is an attachment: it stays one.
    let again = "insert into attachment_upload (slot, id, started_time)
                 select slot, upload_id, stored_time from attachment";
    let mut database = sandbox.database().await;
    sqlx::query(again).execute(&mut database).await.expect("it is none any more");

    // An hour later nobody sends it any more.
    let moved = sandbox.command(&["clock", "advance", "1h"]);
    assert!(moved.status.success(), "{moved:?}");
    sandbox.stop();
    sandbox.spawn();
    sandbox.ready().await;
    eventually("the rest is removed", PATIENCE, async || {
        let (parts, uploads) =
            (count(&sandbox, "attachment_part").await, count(&sandbox, "attachment_upload").await);
        if (parts, uploads) == (4, 0) { Ok(()) } else { Err((parts, uploads)) }
    })
    .await;
    let got = http(&sandbox, "enterprise-a").await.gets(&target, "*/*").await;
    assert!(got.status == 200 && got.body == invoice, "{}", got.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_is_asked_and_a_day_has_a_budget() {
    let directory = tempfile::tempdir().expect("a directory");
    let scanner = directory.path().join("scan");
    let script = "#!/bin/sh\nbytes=$(tr -d '\\0')\ncase \"$bytes\" in\n  \
                  *EICAR*) echo 'stream: Eicar FOUND'; exit 1;;\n  *BREAKS*) exit 2;;\nesac\n";
    std::fs::write(&scanner, script).expect("it can be written");
    let runs = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&scanner, runs).expect("it is ours");
    let scanner = scanner.display().to_string();
    let args = ["--virus-scanner", &scanner, "--attachments-per-day", "1"];
    let sandbox = Sandbox::with(&args).await;
    let mut firm = http(&sandbox, "enterprise-a").await;
    let infected = puts(&mut firm, b"an invoice with EICAR in it").await;
    assert_eq!((infected.status, &infected.json()["code"]), (400, &"SW-2031".into()), "{infected}");
    assert_eq!(infected.json()["data"]["found"], "stream: Eicar FOUND");
    let unknown = puts(&mut firm, b"an invoice that BREAKS it").await;
    assert_eq!((unknown.status, &unknown.json()["code"]), (503, &"SW-1501".into()), "{unknown}");
    assert_eq!(count(&sandbox, "attachment").await, 0, "nothing was clean");

    let (one, two) = (pdf("one", 700_000), pdf("two", 700_000));
    assert_eq!(puts(&mut firm, &one).await.status, 200);
    let refused = puts(&mut firm, &two).await;
    assert_eq!((refused.status, &refused.json()["code"]), (429, &"SW-1405".into()), "{refused}");
    assert_eq!(puts(&mut firm, &one).await.status, 200, "what is there costs nothing");
    let small = puts(&mut firm, &pdf("three", 300_000)).await;
    assert_eq!(small.status, 200, "there is room for a small one: {small}");
    let mut other = http(&sandbox, "enterprise-b").await;
    assert_eq!(puts(&mut other, &two).await.status, 200, "another firm has its own");
    let moved = sandbox.command(&["clock", "advance", "1d"]);
    assert!(moved.status.success(), "{moved:?}");
    assert_eq!(puts(&mut firm, &two).await.status, 200, "a day has a budget of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_sees_documents_from_its_appointment_on_and_adds_evidence() {
    let mut stage = Stage::set().await;
    let invoice = pdf("invoice", 10_000);
    let declared = export_with("QD-ATTACHED-SITE", &invoice);
    let name = stage.firm.tries(filing(declared)).await.expect("it is valid").name;
    let mut firm = http(&stage.sandbox, "enterprise-a").await;
    assert_eq!(puts(&mut firm, &invoice).await.status, 200);
    let named = format!("/v1/{name}/attachments/{}", digest(&invoice));
    let mut site = http(&stage.sandbox, "site").await;
    let id = name.trim_start_matches("declarations/").to_owned();
    let event = stage.customs.tells(&id).await;
    let look = crate::harness::inspection::wants(&event, "查验");
    assert_eq!(stage.customs.decides(look).await.result(), v1::ResultCode::Applied);
    let order = stage.site.finds(&name, |_| true).await;
    assert_eq!(site.gets(&named, "*/*").await.json()["code"], "SW-1201", "no place is fixed");
    let photo = b"\xff\xd8\xff\xe0 an open box";
    let put = format!("/v1/attachments/{}?declaration={name}", digest(photo));
    let early = site.call("PUT", &put, "application/json", photo).await;
    assert_eq!((early.status, &early.json()["code"]), (404, &"SW-1201".into()), "{early}");
    stage.site.appoints(&order, PLACE, None).await.expect("there is room");
    eventually("its site may see it", PATIENCE, async || {
        let got = site.gets(&named, "*/*").await;
        if got.status == 200 && got.body == invoice { Ok(()) } else { Err(got.status) }
    })
    .await;

    let story = stage.sandbox.command(&["trace", &name, "--as", "enterprise-a"]);
    let story = String::from_utf8_lossy(&story.stdout).into_owned();
    assert!(story.contains("the goods are expected at"), "{story}");

    let bare = format!("/v1/attachments/{}", digest(photo));
    let nowhere = site.call("PUT", &bare, "application/json", photo).await;
    assert_eq!((nowhere.status, &nowhere.json()["code"]), (400, &"SW-1001".into()), "{nowhere}");
    let kept = site.call("PUT", &put, "application/json", photo).await;
    assert_eq!((kept.status, &kept.json()["mediaType"]), (200, &"image/jpeg".into()), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_come_and_go_by_the_command_line() {
    let sandbox = Sandbox::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("invoice.pdf");
    let invoice = pdf("invoice", 400_000);
    std::fs::write(&file, &invoice).expect("it can be written");
    let file = file.display().to_string();
    let run = |args: &[&str]| {
        let output = sandbox.command(args);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, told) =
        run(&["attachment", "upload", &file, "--as", "agent", "--declarant", "3702960001"]);
    assert!(code == Some(0) && told.contains(&digest(&invoice).to_string()), "{told}");
    let enterprise = Enterprise(sandbox.connect("enterprise-a").await);
    let declared = export_with("QD-ATTACHED-CLI", &invoice);
    enterprise.tries(filing(declared)).await.expect("it is valid");
    let (code, told) = run(&["attachment", "list", "QD-ATTACHED-CLI", "--as", "enterprise-a"]);
    assert!(code == Some(0) && told.contains("application/pdf"), "{told}");
    let to = directory.path().join("down").display().to_string();
    std::fs::create_dir(&to).expect("it can be made");
    let (code, told) =
        run(&["attachment", "download", "QD-ATTACHED-CLI", "--to", &to, "--as", "enterprise-a"]);
    assert_eq!(code, Some(0), "{told}");
    let down = std::path::Path::new(&to).join(digest(&invoice).to_string());
    assert!(std::fs::read(down).expect("it was written") == invoice);
    let (code, _) = run(&["attachment", "list", "QD-ATTACHED-CLI", "--as", "enterprise-b"]);
    assert_eq!(code, Some(4), "it is not there for another firm");
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_of_a_claim_has_the_bytes_of_what_was_attached() {
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let contract = pdf("CONTRACT", 50_000);
    let mut firm = http(&sandbox, "enterprise-a").await;
    assert_eq!(puts(&mut firm, &contract).await.status, 200);
    let mut sold = export_with("QD-EVIDENCE-1", &contract);
    sold.statistics_flag = "B".to_owned();
    sold.logistics_no = "LQD-EVIDENCE-1".to_owned();
    sold.lines[0].gcode = "6109100021".to_owned();
    let name = desk.firm.tries(filing(sold)).await.expect("it is valid").name;
    desk.firm.sees(&name, v1::State::Released).await;
    desk.proves(&name).await;
    let line = v1::RefundInvoiceLine {
        gcode: "6109100021".to_owned(),
        unit: "007".to_owned(),
        qty_e5: 300_000,
        net_fen: 9_000,
        levy_bp: 1_300,
        tax_fen: 1_170,
        used_e5: 0,
    };
    let invoice = v1::RefundInvoice {
        number: format!("{:020}", 1),
        seller: "91370200MA3C000001".to_owned(),
        issued: "2026-11-20".to_owned(),
        lines: vec![line],
        ..Default::default()
    };
    desk.registers(invoice).await;
    desk.stands(&name, v1::RefundStanding::Claimable).await;
    let claim = desk.proposes("").await;

    let folder = sandbox.directory.path().join("evidence");
    let place = folder.display().to_string();
    let made =
        sandbox.command(&["refund", "evidence", &claim.name, &place, "--as", "enterprise-a"]);
    assert!(made.status.success(), "{made:?}");
    let digest = digest(&contract).to_string();
    let list = std::fs::read_to_string(folder.join("evidence.csv")).expect("the list");
    let row = list.lines().find(|row| row.split(',').nth(1) == Some("attachment"));
    assert!(row.expect("a row").ends_with(&digest), "{list}");
    let bytes = std::fs::read(folder.join("documents").join(&digest)).expect("its bytes");
    assert!(bytes == contract, "another file");
}
