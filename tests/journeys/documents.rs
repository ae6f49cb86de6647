//! An agency asks for documents (补充单证), the firm provides them, and the declaration stays as it is.

use std::ops::Range;

use domain::attachment::AttachmentDigest;
use proto::v1::answer::What;
use proto::v1::fact::Kind;
use proto::v1::{self, Outcome, ResultCode};
use sha2::{Digest as _, Sha256};
use sqlx::Connection as _;
use time::Duration;
use tonic::Status;
use uuid::Uuid;

use crate::harness::exchange::{Stream, answer, explained, verdict};
use crate::harness::http::Http;
use crate::harness::inspection::Stage;
use crate::harness::people::{Enterprise, code, count, export};
use crate::harness::{PATIENCE, Sandbox, eventually};

const DOCUMENTS: i32 = v1::Awaited::Documents as i32;

fn item(kind: &str, text: &str, mandatory: bool) -> v1::RequestedDocument {
    v1::RequestedDocument { kind: kind.to_owned(), text: text.to_owned(), mandatory }
}

/// A verdict that holds and asks, until so long after the event.
fn asks(event: &v1::Event, items: Vec<v1::RequestedDocument>, wait: Duration) -> v1::Answer {
    let until = event.time.and_then(proto::time).expect("an event has a time") + wait;
    let asked = v1::DocumentRequest { items, until_time: Some(proto::timestamp(until)) };
    let reasons = vec![v1::Reason { code: "DOC".to_owned(), text: "请补交单证".to_owned() }];
    let verdict = v1::Verdict {
        outcome: Outcome::Held.into(),
        reasons,
        demands: Vec::new(),
        documents: Some(asked),
    };
    answer(event, What::Verdict(verdict))
}

fn document(kind: &str, sha256: &str, reason: &str) -> v1::ProvidedDocument {
    v1::ProvidedDocument {
        kind: kind.to_owned(),
        number: String::new(),
        sha256: sha256.to_owned(),
        name: String::new(),
        reason: reason.to_owned(),
    }
}

/// An answer to a request, under a fresh request id.
fn provides(
    name: &str,
    version: u32,
    asked: &str,
    documents: Vec<v1::ProvidedDocument>,
) -> v1::ProvideDocumentsRequest {
    v1::ProvideDocumentsRequest {
        request_id: Uuid::now_v7().to_string(),
        name: name.to_owned(),
        version,
        document_request_id: asked.to_owned(),
        documents,
        validate_only: false,
    }
}

async fn tries(
    firm: &Enterprise,
    request: &v1::ProvideDocumentsRequest,
) -> Result<v1::ProvideDocumentsResponse, Status> {
    let provided = firm.0.declarations().provide_documents(request.clone()).await;
    provided.map(tonic::Response::into_inner)
}

/// The violations of a refusal: fields.
fn fields(status: &Status) -> Vec<String> {
    use tonic_types::StatusExt as _;
    let details = status.get_details_bad_request().expect("it lists what is wrong");
    details.field_violations.into_iter().map(|it| it.field).collect()
}

async fn uploads(sandbox: &Sandbox, caller: &str, bytes: &[u8]) -> String {
    let mut http = Http::with_key(sandbox, &sandbox.api_key(caller)).await;
    let digest = AttachmentDigest(Sha256::digest(bytes).into()).to_string();
    let target = format!("/v1/attachments/{digest}");
    let put = http.call("PUT", &target, "application/json", bytes).await;
    assert_eq!(put.status, 200, "{put}");
    digest
}

/// The next thing that an agency is told of documents about a declaration.
async fn next_documents(stream: &mut Stream, id: &str) -> (v1::Event, Kind) {
    loop {
        let event = stream.tells(id).await;
        let facts = event.facts.iter().flat_map(|facts| &facts.facts);
        let told = facts
            .filter_map(|fact| fact.kind.clone())
            .find(|kind| matches!(kind, Kind::DocumentsProvided(_) | Kind::DocumentsWaived(_)));
        if let Some(told) = told {
            return (event, told);
        }
    }
}

fn invoice() -> Vec<u8> {
    b"%PDF-1.7\ninvoice INV-1\n".to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agency_asks_for_is_provided_and_it_goes_on() {
    let mut stage = Stage::set().await;
    let (name, event) = stage.files("QD-DOCUMENTS-1").await;
    let id = event.declaration_id.clone();
    assert_eq!(
        stage.ciq.decides(verdict(&event, Outcome::Cleared)).await.result(),
        ResultCode::Applied
    );

    // A request is told everything that is wrong with it, and has no effect.
    let wrong =
        vec![item("receipt", "", true), item("invoice", "", true), item("invoice", "", false)];
    let refused = stage.customs.decides(asks(&event, wrong, Duration::ZERO)).await;
    assert_eq!((refused.result(), refused.code.as_str()), (ResultCode::Refused, "SW-1001"));
    for field in ["items[0].kind", "items[2].kind", "until_time"] {
        assert!(refused.message.contains(field), "{field}: {}", refused.message);
    }
    let nothing = stage.customs.decides(asks(&event, Vec::new(), Duration::DAY)).await;
    assert!(nothing.message.contains("documents.items"), "{nothing:?}");
    let mut cleared = asks(&event, vec![item("invoice", "", true)], Duration::DAY);
    if let Some(What::Verdict(verdict)) = &mut cleared.what {
        verdict.outcome = Outcome::Cleared.into();
    }
    let unheld = stage.customs.decides(cleared).await;
    assert_eq!((unheld.result(), unheld.code.as_str()), (ResultCode::Refused, "SW-2033"));
    assert_eq!(stage.firm.reads(&name).await.customs(), v1::Stand::Pending);

    // The firm is asked, and told so in every way.
    let items = vec![
        item("invoice", "加盖印章", true),
        item("contract", "", true),
        item("photo", "", false),
    ];
    let ask = asks(&event, items.clone(), Duration::DAY);
    assert_eq!(stage.customs.decides(ask.clone()).await.result(), ResultCode::Applied);
    assert_eq!(stage.customs.decides(ask.clone()).await.result(), ResultCode::Duplicate);
    let record = stage.firm.reads(&name).await;
    assert_eq!((record.version, record.customs()), (1, v1::Stand::Held));
    assert_eq!(record.waits_for, [v1::Awaited::CustomsVerdict.into(), DOCUMENTS]);
    let [asked] = &record.document_requests[..] else { panic!("{record:?}") };
    assert_eq!(asked.document_request_id, ask.request_id, "the agency knows it by its verdict");
    assert_eq!(asked.asked.as_ref().map(|it| &it.items), Some(&items));
    let card = stage.sandbox.command(&["get", "QD-DOCUMENTS-1", "--as", "enterprise-a"]);
    let card = String::from_utf8_lossy(&card.stdout).into_owned();
    assert!(card.contains("customs asks for documents: invoice (加盖印章), contract"), "{card}");

    // Two hours later it answers; what is wrong with the answer is told at once.
    let moved = stage.sandbox.command(&["clock", "advance", "2h"]);
    assert!(moved.status.success(), "{moved:?}");
    let digest = uploads(&stage.sandbox, "enterprise-a", &invoice()).await;
    let asked = asked.document_request_id.as_str();
    let wrong = vec![document("licence", &digest, ""), document("photo", &"b8".repeat(32), "")];
    let refused = tries(&stage.firm, &provides(&name, 1, asked, wrong)).await;
    let refused = refused.expect_err("it answers nothing");
    assert_eq!(code(&refused).0, "SW-1001");
    let expected =
        ["documents[0].kind", "documents[1].sha256", "documents[invoice]", "documents[contract]"];
    assert_eq!(fields(&refused), expected);
    let documents = vec![
        v1::ProvidedDocument {
            number: "INV-1".to_owned(),
            name: "发票.pdf".to_owned(),
            ..document("invoice", &digest, "")
        },
        document("contract", "", "以订单代替"),
    ];
    let fine = provides(&name, 1, asked, documents.clone());
    let other = Enterprise(stage.sandbox.connect("enterprise-b").await);
    let foreign = tries(&other, &fine).await.expect_err("it is another firm's");
    assert_eq!(code(&foreign).0, "SW-1201");
    let check = v1::ProvideDocumentsRequest { validate_only: true, ..fine.clone() };
    tries(&stage.firm, &check).await.expect("it is in order");
    assert_eq!(stage.firm.reads(&name).await.document_requests.len(), 1, "nothing was kept");
    let stale = tries(&stage.firm, &provides(&name, 2, asked, documents.clone())).await;
    assert_eq!(code(&stale.expect_err("there is no version 2")).0, "SW-1202");
    let unknown = provides(&name, 1, &Uuid::now_v7().to_string(), documents.clone());
    let unknown = tries(&stage.firm, &unknown).await.expect_err("nobody asked that");
    assert_eq!(code(&unknown).0, "SW-1214");

    let first = tries(&stage.firm, &fine).await.expect("it is in order");
    assert_eq!((first.name.as_str(), first.version), (name.as_str(), 1));
    assert_eq!(tries(&stage.firm, &fine).await.expect("the same request"), first);
    let changed = v1::ProvideDocumentsRequest { documents: documents[..1].to_vec(), ..fine };
    let reused = tries(&stage.firm, &changed).await.expect_err("the id was used");
    assert_eq!(
        (code(&reused).0.as_str(), &code(&reused).1["field"]),
        ("SW-1101", &"documents".into())
    );
    let twice = tries(&stage.firm, &provides(&name, 1, asked, documents.clone())).await;
    assert_eq!(code(&twice.expect_err("it is answered")).0, "SW-1214");
    let record = stage.firm.reads(&name).await;
    assert_eq!((record.version, record.round, record.document_requests.len()), (1, 1, 0));
    assert_eq!(record.waits_for, [i32::from(v1::Awaited::CustomsVerdict)]);

    // The agency hears it, reads the document, and goes on in the same round.
    let (told, kind) = next_documents(&mut stage.customs, &id).await;
    let Kind::DocumentsProvided(provided) = kind else { panic!("{kind:?}") };
    assert_eq!((told.version, told.round), (1, 1));
    assert_eq!((provided.document_request_id.as_str(), &provided.documents), (asked, &documents));
    let target = format!("/v1/{name}/attachments/{digest}");
    for (caller, status) in
        [("customs", 200), ("quarantine", 200), ("enterprise-b", 404), ("site", 404)]
    {
        let mut http = Http::with_key(&stage.sandbox, &stage.sandbox.api_key(caller)).await;
        let got = http.gets(&target, "*/*").await;
        assert_eq!((got.status, got.body == invoice()), (status, status == 200), "{caller}");
    }
    let clear = verdict(&told, Outcome::Cleared);
    assert_eq!(stage.customs.decides(clear).await.result(), ResultCode::Applied);
    let seen = stage.firm.sees(&name, v1::State::Released).await;
    assert_eq!(count(&seen, |kind| matches!(kind, Kind::DocumentsRequested(_))), 1);
    assert_eq!(count(&seen, |kind| matches!(kind, Kind::DocumentsProvided(_))), 1);
    assert_eq!(count(&seen, |kind| matches!(kind, Kind::DocumentsWaived(_))), 0);

    // The clock stood meanwhile.
    counted(&stage.sandbox, 0..HOUR, 2 * HOUR..3 * HOUR).await;
}

const HOUR: i64 = 3_600_000;

/// The one declaration that was released took so many milliseconds, and documents were awaited for so many besides.
async fn counted(sandbox: &Sandbox, took_ms: Range<i64>, waited_ms: Range<i64>) {
    let admin = sandbox.connect("admin").await;
    eventually("the firm's time is counted apart", PATIENCE, async || {
        let table = admin.inspection().get_statistics(v1::GetStatisticsRequest::default()).await;
        let all = table.expect("it may").into_inner().rows.remove(0);
        let (took, waited) = (all.without_inspection, all.waiting_for_documents);
        match (took, waited) {
            (Some(took), Some(waited)) if (took.count, waited.count) == (1, 1) => {
                assert!(waited_ms.contains(&waited.max_ms), "{waited:?}");
                assert!(took_ms.contains(&took.max_ms), "{took:?}");
                Ok(())
            }
            other => Err(other),
        }
    })
    .await;
}

/// How the events of the hours below come to the inspection service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrival {
    OneByOne,
    /// The new version and the request that follows it are taken in one transaction.
    Together,
}

/// An hour in which the first version waits for documents, one in which the second does not, and one in which it does.
async fn counts_two_hours_of_three(order_no: &str, arrival: Arrival) {
    let mut stage = Stage::set().await;
    let (name, event) = stage.files(order_no).await;
    let amended = v1::Event { version: 2, round: 1, ..event.clone() };
    let asks = |event: &v1::Event| asks(event, vec![item("invoice", "", true)], Duration::DAY);
    let advance = || {
        let moved = stage.sandbox.command(&["clock", "advance", "1h"]);
        assert!(moved.status.success(), "{moved:?}");
    };
    assert_eq!(stage.customs.decides(asks(&event)).await.result(), ResultCode::Applied);
    let mut database = stage.sandbox.database().await;
    inspection_waits(
        &mut database,
        "select count(*) from inspection.consignment where documents_since is not null",
    )
    .await;
    let mut held = database.begin().await.expect("PostgreSQL answers");
    if arrival == Arrival::Together {
        // It gets no further than to another declaration; what comes behind that is there when it goes on.
        let lock = sqlx::query("lock table inspection.consignment in exclusive mode");
        lock.execute(&mut *held).await.expect("it may");
        stage.firm.files(&format!("{order_no}-BEFORE")).await;
        inspection_waits(
            &mut held,
            "select count(*) from pg_locks
             where not granted and relation = 'inspection.consignment'::regclass",
        )
        .await;
    }
    advance();
    stage.firm.amends(&name, 1, export(order_no)).await.expect("it is held, not detained");
    advance();
    let anew = asks(&amended);
    assert_eq!(stage.customs.decides(anew.clone()).await.result(), ResultCode::Applied);
    held.rollback().await.expect("it goes on");
    advance();
    let answer = vec![document("invoice", "", "there is none")];
    tries(&stage.firm, &provides(&name, 2, &anew.request_id, answer)).await.expect("it fits");
    for agency in [&mut stage.customs, &mut stage.ciq] {
        let cleared = agency.decides(verdict(&amended, Outcome::Cleared)).await;
        assert_eq!(cleared.result(), ResultCode::Applied);
    }
    stage.firm.sees(&name, v1::State::Released).await;
    counted(&stage.sandbox, HOUR..2 * HOUR, 2 * HOUR..3 * HOUR).await;
}

/// The inspection service comes to where this counts one.
async fn inspection_waits(database: &mut sqlx::PgConnection, counts: &'static str) {
    eventually(counts, PATIENCE, async || {
        let count = sqlx::query_scalar::<_, i64>(counts).fetch_one(&mut *database).await;
        match count.expect("a count") {
            1 => Ok(()),
            other => Err(other),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_ends_the_time_of_the_firm_and_it_begins_anew() {
    counts_two_hours_of_three("QD-DOCUMENTS-5", Arrival::OneByOne).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_and_the_next_request_that_come_together_count_in_their_order() {
    counts_two_hours_of_three("QD-DOCUMENTS-6", Arrival::Together).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_ends_with_its_version_its_case_or_when_its_agency_goes_on() {
    let mut stage = Stage::set().await;
    let invoices = || vec![item("invoice", "", true)];
    let answers = || vec![document("invoice", "", "there is none")];

    // A new version, on which customs asks anew: the old request is over.
    let (name, event) = stage.files("QD-DOCUMENTS-2").await;
    let old = asks(&event, invoices(), Duration::DAY);
    assert_eq!(stage.customs.decides(old.clone()).await.result(), ResultCode::Applied);
    stage.firm.amends(&name, 1, export("QD-DOCUMENTS-2")).await.expect("it is held, not detained");
    let record = stage.firm.reads(&name).await;
    assert!(record.document_requests.is_empty() && !record.waits_for.contains(&DOCUMENTS));
    for (version, expected) in [(1, "SW-1202"), (2, "SW-1214")] {
        let late = tries(&stage.firm, &provides(&name, version, &old.request_id, answers())).await;
        assert_eq!(code(&late.expect_err("it is over")).0, expected, "of version {version}");
    }
    let amended = v1::Event { version: 2, round: 1, ..event.clone() };
    let first = asks(&amended, invoices(), Duration::DAY);
    let anew = asks(&amended, vec![item("contract", "", false)], Duration::DAY);
    for ask in [&first, &anew] {
        assert_eq!(stage.customs.decides(ask.clone()).await.result(), ResultCode::Applied);
    }
    let overtaken = tries(&stage.firm, &provides(&name, 2, &first.request_id, answers())).await;
    assert_eq!(code(&overtaken.expect_err("a later one counts")).0, "SW-1214");
    let open = stage.firm.reads(&name).await.document_requests;
    assert_eq!(open.len(), 1, "{open:?}");

    // Quarantine asks besides; each has its own answer.
    let ciq = asks(&amended, invoices(), Duration::DAY);
    assert_eq!(stage.ciq.decides(ciq.clone()).await.result(), ResultCode::Applied);
    assert_eq!(stage.firm.reads(&name).await.document_requests.len(), 2);
    tries(&stage.firm, &provides(&name, 2, &ciq.request_id, answers())).await.expect("it fits");
    let record = stage.firm.reads(&name).await;
    let [left] = &record.document_requests[..] else { panic!("{record:?}") };
    assert_eq!((left.agency(), &left.document_request_id), (v1::Agency::Customs, &anew.request_id));
    assert!(record.waits_for.contains(&DOCUMENTS));

    // Customs goes on without them.
    let concluded = verdict(&amended, Outcome::Concluded);
    assert_eq!(stage.customs.decides(concluded).await.result(), ResultCode::Applied);
    let record = stage.firm.reads(&name).await;
    assert!(record.document_requests.is_empty() && !record.waits_for.contains(&DOCUMENTS));
    let waived = record.history.iter().flat_map(|it| &it.facts).any(|fact| {
        matches!(&fact.kind, Some(Kind::DocumentsWaived(it)) if it.document_request_id == anew.request_id)
    });
    assert!(waived, "{record:?}");
    let late =
        provides(&name, 2, &anew.request_id, vec![document("contract", "", "there is none")]);
    assert_eq!(code(&tries(&stage.firm, &late).await.expect_err("it is waived")).0, "SW-1214");

    // The case ends.
    for (order_no, rejects) in [("QD-DOCUMENTS-3", false), ("QD-DOCUMENTS-4", true)] {
        let (name, event) = stage.files(order_no).await;
        let ask = asks(&event, invoices(), Duration::DAY);
        assert_eq!(stage.customs.decides(ask.clone()).await.result(), ResultCode::Applied);
        if rejects {
            let why = vec![v1::Reason { code: "1313".into(), text: "no invoice".into() }];
            let rejected = explained(&event, Outcome::Rejected, why);
            assert_eq!(stage.customs.decides(rejected).await.result(), ResultCode::Applied);
        } else {
            stage.firm.withdraws(&name, 1).await.expect("nothing is detained");
        }
        let late = tries(&stage.firm, &provides(&name, 1, &ask.request_id, answers())).await;
        assert_eq!(code(&late.expect_err("it is over")).0, "SW-1204", "{order_no}");
        let record = stage.firm.reads(&name).await;
        assert!(record.document_requests.is_empty() && record.waits_for.is_empty(), "{record:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_customs_waits_for_documents_and_takes_them() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let [by_http, by_command] = ["SBX-DOCS-1", "SBX-DOCS-2"];
    let waits = |record: &v1::DeclarationRecord| record.waits_for.contains(&DOCUMENTS);
    let mut names = Vec::new();
    for order_no in [by_http, by_command] {
        let name = firm.files(order_no).await.name;
        let record = firm.waits(&name, waits).await;
        assert_eq!(record.customs(), v1::Stand::Held);
        names.push(name);
    }

    // By JSON over HTTP.
    let digest = uploads(&sandbox, "enterprise-a", &invoice()).await;
    let mut http = Http::with_key(&sandbox, &sandbox.api_key("enterprise-a")).await;
    let name = &names[0];
    let record = http.gets(&format!("/v1/{name}"), "application/json").await.json();
    let asked = &record["record"]["documentRequests"][0];
    assert_eq!(asked["asked"]["items"][0]["kind"], "invoice", "{record}");
    assert_eq!(
        record["record"]["waitsFor"],
        serde_json::json!(["AWAITED_CUSTOMS_VERDICT", "AWAITED_DOCUMENTS"])
    );
    let answer = |documents: serde_json::Value| {
        let body = serde_json::json!({
            "requestId": Uuid::now_v7().to_string(),
            "version": 1,
            "documentRequestId": asked["documentRequestId"],
            "documents": documents,
        });
        body.to_string()
    };
    let target = format!("/v1/{name}:provideDocuments");
    let empty = answer(serde_json::json!([]));
    let refused = http.call("POST", &target, "application/json", empty.as_bytes()).await;
    assert_eq!((refused.status, &refused.json()["code"]), (400, &"SW-1001".into()), "{refused}");
    let fine = answer(serde_json::json!([{ "kind": "invoice", "sha256": digest }]));
    let provided = http.call("POST", &target, "application/json", fine.as_bytes()).await;
    assert_eq!((provided.status, &provided.json()["version"]), (200, &1.into()), "{provided}");
    firm.sees(name, v1::State::Released).await;

    // By the command, twice.
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("发票.pdf");
    std::fs::write(&file, invoice()).expect("it can be written");
    let document = format!("invoice={}", file.display());
    let run = |more: &[&str]| {
        let given = ["provide", by_command, "--as", "enterprise-a", "--document", &document];
        let output = sandbox.command(&[&given, more].concat());
        let told = [&output.stdout[..], &output.stderr[..]].concat();
        (output.status.code(), String::from_utf8_lossy(&told).into_owned())
    };
    let without = "contract=the order stands for it";
    let (code, told) = run(&["--without", without, "--number", "licence=1"]);
    assert!(code == Some(2) && told.contains("--number licence=1"), "{code:?} {told}");
    let (code, told) = run(&["--without", "photo=none", "--check"]);
    assert!(code == Some(1) && told.contains("documents[1].kind"), "{code:?} {told}");
    for _ in 0..2 {
        let (code, told) = run(&["--without", without, "--number", "invoice=INV-1"]);
        assert!(code == Some(0) && told.contains("documents provided"), "{code:?} {told}");
    }
    let seen = firm.sees(&names[1], v1::State::Released).await;
    assert_eq!(count(&seen, |kind| matches!(kind, Kind::DocumentsProvided(_))), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_asks_by_the_command_line() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let v1::SubmitResponse { name, filed_time, .. } = firm.files("QD-DOCUMENTS-5").await;
    let run = |args: &[&str]| {
        let output = sandbox.command(args);
        let told = [&output.stdout[..], &output.stderr[..]].concat();
        (output.status.code(), String::from_utf8_lossy(&told).into_owned())
    };
    let given =
        ["verdict", "QD-DOCUMENTS-5", "--as", "quarantine", "--hold", "--reason", "lacking"];
    let asked = ["--ask", "certificate=of origin", "--ask-optional", "photo"];
    let (code, told) = run(&[&given[..], &asked].concat());
    assert!(code == Some(2) && told.contains("--until"), "{code:?} {told}");
    let filed = filed_time.and_then(proto::time).expect("it is filed");
    let until = (filed + Duration::days(3)).date().to_string();
    let (code, told) = run(&[&given[..], &asked, &["--until", &until]].concat());
    assert!(code == Some(0) && told.contains("quarantine"), "{code:?} {told}");
    let record = firm.reads(&name).await;
    let [asked] = &record.document_requests[..] else { panic!("{record:?}") };
    assert_eq!(asked.agency(), v1::Agency::Quarantine);
    let items = vec![item("certificate", "of origin", true), item("photo", "", false)];
    assert_eq!(asked.asked.as_ref().map(|it| &it.items), Some(&items));
}
