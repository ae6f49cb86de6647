//! A refusal tells nothing of another firm: whatever a firm names, what is somebody else's is answered
//! exactly like what does not exist.

use std::collections::{BTreeMap, HashMap};

use domain::Slot;
use proto::ceb::Document;
use proto::v1;
use serde_json::Value;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::harness::national::{Erp, Export, Import, app_time, example, export, guid, import};
use crate::harness::people::{self, Enterprise, FIRM_A, filing};
use crate::harness::{PATIENCE, Sandbox};

/// The firm that asks, and its number.
const FIRM_B: &str = "3702960002";
const DXP_B: &str = "DXPENT0000000002";

/// Documents that name an inventory or its parcel, by message number.
const NAMING: [u16; 7] = [605, 623, 625, 607, 213, 215, 701];

/// What a document may name, as the elements are called here.
const NAMES: [&str; 5] = ["invt_no", "pre_no", "order_no", "logistics_no", "co_el_no"];

/// Sets every element of these names, wherever it stands.
fn set(document: &Document, values: &[(&str, &str)]) -> Document {
    fn walk(node: &mut Value, name: &str, value: &str) {
        match node {
            Value::Object(fields) => {
                for (field, inner) in fields.iter_mut() {
                    if field == name {
                        *inner = Value::String(value.to_owned());
                    } else {
                        walk(inner, name, value);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, name, value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut json = serde_json::to_value(document).expect("documents are values");
    for (name, value) in values {
        walk(&mut json, name, value);
    }
    serde_json::from_value(json).expect("it is the same kind")
}

fn has(document: &Document, name: &str) -> bool {
    serde_json::to_string(document).expect("it is a value").contains(&format!("\"{name}\":"))
}

/// A number of the same shape that nobody has.
fn unknown(number: &str) -> String {
    let reversed: String = number.chars().rev().collect();
    let (head, tail) = number.split_at(number.len() - number.len() / 2);
    let other: String = tail.chars().map(|c| if c == '9' { '8' } else { '9' }).collect();
    if head.is_empty() { reversed } else { format!("{head}{other}") }
}

/// Everything that is told, but for what is new in every answer: times, ids, the number that the document
/// got, and what the sender wrote itself.
async fn answered(erp: &Erp, document: &Document, own: &[&str]) -> String {
    let before = erp.log().await.last().map_or(0, |message| message.position);
    let first = erp.sends(std::slice::from_ref(document)).await;
    let mut told = format!("{first:#?}");
    for message in erp.log().await.into_iter().filter(|message| message.position > before) {
        told.push_str(&message.xml);
    }
    for receipt in &first {
        told = told.replace(&receipt.document_guid, "GUID");
        if !receipt.pre_no.is_empty() && !own.contains(&receipt.pre_no.as_str()) {
            told = told.replace(&receipt.pre_no, "PRE");
        }
    }
    for own in own {
        told = told.replace(own, "SENT");
    }
    let is_new = |line: &&str| !line.contains("uid") && !line.contains("returnTime");
    told.lines().filter(is_new).collect::<Vec<_>>().join("\n")
}

/// One of a pair: `kind` in the name of firm B, naming `number` as `name`.
fn naming(kind: u16, name: &str, number: &str, (seller, tail): (&str, &str)) -> (Document, String) {
    let base = example(kind);
    let own = format!("X{tail}");
    let mut values = vec![
        ("guid", guid()),
        ("app_time", app_time(0)),
        ("agent_code", FIRM_B.to_owned()),
        ("operator_code", FIRM_B.to_owned()),
        ("ebc_code", seller.to_owned()),
        ("cop_no", own.clone()),
        ("co_el_no", own.clone()),
        ("order_no", format!("NONE-{tail}")),
        ("logistics_no", format!("NOL{tail}")),
        ("invt_no", format!("42202026I{}", &tail[..9])),
        ("pre_no", format!("B20260101{}", &tail[..9])),
        ("bill_no", format!("BILL{tail}")),
    ];
    values.push((name, number.to_owned()));
    let values: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
    (set(&base, &values), own)
}

/// Digits that no other document has.
fn tail() -> String {
    let digits = Uuid::now_v7().as_u128() % 10_u128.pow(12);
    format!("{digits:012}")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_looks_like_nothing_in_national_messages() {
    let sandbox = Sandbox::start().await;
    let owner = Erp::as_caller(&sandbox, "enterprise-a", FIRM_A, "DXPENT0000000001").await;
    let everybody = Erp::of(&sandbox).await;
    let stranger = Erp::as_caller(&sandbox, "enterprise-b", FIRM_B, DXP_B).await;
    let (released, held) = (import("QDMINE-1"), import("SBX-HOLD-MINE-2"));
    let gone: Export = export("QDMINE-3");
    for import in [&released, &held] {
        for document in [import.order(), import.payment(), import.waybill()] {
            everybody.sends(&[document]).await;
        }
        owner.sends(&[import.inventory()]).await;
    }
    for document in gone.all() {
        everybody.sends(&[document]).await;
    }
    let copy = |import: &Import| import.inventory.head.cop_no.clone();
    owner.hears(622, &copy(&released), 899).await;
    owner.hears(622, &copy(&held), 300).await;
    everybody.hears(604, &gone.inventory.head.cop_no, 399).await;

    let mut pairs = 0;
    for kind in NAMING {
        let is_export = !matches!(kind, 623 | 625);
        let orders: Vec<(String, String)> = if is_export {
            vec![(gone.order.head.order_no.clone(), gone.inventory.head.logistics_no.clone())]
        } else {
            [&released, &held]
                .map(|it| (it.order.head.order_no.clone(), it.inventory.head.logistics_no.clone()))
                .to_vec()
        };
        for (order_no, logistics_no) in orders {
            let erp = if is_export { &everybody } else { &owner };
            let found = erp.documents(&order_no).await;
            let inventory = |found: &&v1::DocumentRecord| matches!(found.message_type, 603 | 621);
            let found = found.iter().find(inventory).expect("it is the owner's").clone();
            for name in NAMES {
                let number = match name {
                    "invt_no" => found.invt_no.clone(),
                    "pre_no" => found.pre_no.clone(),
                    "order_no" => order_no.clone(),
                    "logistics_no" => logistics_no.clone(),
                    // The number of an application is its owner's own.
                    _ => continue,
                };
                if !has(&example(kind), name) {
                    continue;
                }
                let sellers = [FIRM_B.to_owned(), gone.inventory.head.ebc_code.clone()];
                for seller in sellers {
                    let mut told = Vec::new();
                    for number in [number.clone(), unknown(&number)] {
                        let tail = tail();
                        let (document, own) = naming(kind, name, &number, (&seller, &tail));
                        let sent = [own.as_str(), number.as_str(), tail.as_str(), &tail[..9]];
                        told.push(answered(&stranger, &document, &sent).await);
                    }
                    assert_eq!(told[0], told[1], "CEB{kind} that names {name} {number}");
                    pairs += 1;
                }
            }
        }
    }
    assert!(pairs >= 20, "{pairs} pairs");

    // The test would see a difference: the owner is told of its own.
    let (tail, number) = (tail(), found_number(&owner, "QDMINE-1").await);
    let (document, _) = naming(623, "invt_no", &number, (FIRM_A, &tail));
    let document = set(&document, &[("agent_code", FIRM_A)]);
    let said = owner.sends(&[document]).await;
    assert!(said.iter().all(|said| said.return_status != -623_003), "{said:?}");
}

async fn found_number(erp: &Erp, order_no: &str) -> String {
    let found = erp.documents(order_no).await;
    let invt_no = found.into_iter().find(|found| found.message_type == 621);
    invt_no.expect("it is there").invt_no
}

/// All of a status, but for the name that was sent.
fn shown(answer: Result<String, Status>, sent: &str) -> String {
    let told = match answer {
        Ok(answer) => answer,
        Err(status) => {
            let mut details = status.get_error_details();
            let data = details.error_info().map(|info| info.metadata.clone()).unwrap_or_default();
            // A map is shown in any order.
            let data: BTreeMap<String, String> = data.into_iter().collect();
            let reason = details.error_info().map(|info| info.reason.clone());
            details.set_error_info("", "", HashMap::<String, String>::new());
            let (code, message) = (status.code(), status.message());
            format!("{code:?} {message} {reason:?} {data:?} {details:#?}")
        }
    };
    told.replace(sent, "SENT")
}

/// The first answer of a stream. One that stays open says so, with a heartbeat at the latest.
async fn first<T: std::fmt::Debug>(
    stream: Result<Response<tonic::Streaming<T>>, Status>,
) -> Result<String, Status> {
    let mut stream = stream?.into_inner();
    let told = tokio::time::timeout(PATIENCE, stream.message()).await.expect("a word in time")?;
    Ok(format!("{told:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_looks_like_nothing_in_every_call() {
    let sandbox = Sandbox::start().await;
    let owner = Enterprise(sandbox.connect("enterprise-a").await);
    let stranger = sandbox.connect("enterprise-b").await;
    let receipt = owner.files("SBX-INSPECT-MINE").await;
    owner.sees(&receipt.name, v1::State::Released).await;
    let name = receipt.name.clone();
    // Another id of the same slot.
    let nobody = format!(
        "{}{}",
        &name[..name.len() - 4],
        if name.ends_with("0000") { "1111" } else { "0000" }
    );

    let id = || Uuid::now_v7().to_string();
    for (what, names) in [
        ("declaration", [name.clone(), nobody.clone()]),
        ("order", [format!("{name}/inspection"), format!("{nobody}/inspection")]),
    ] {
        let mut told: Vec<Vec<(&str, String)>> = Vec::new();
        for name in &names {
            let mut all = Vec::new();
            let text = |answer| shown(answer, name);
            let (declarations, orders) = (stranger.declarations(), stranger.inspection());
            if what == "declaration" {
                let request = v1::GetRequest { name: name.clone(), ..Default::default() };
                all.push(("Get", text(body(declarations.clone().get(request).await))));
                let request = v1::AmendRequest {
                    request_id: id(),
                    name: name.clone(),
                    version: 1,
                    declaration: Some(people::export("SBX-INSPECT-MINE")),
                    validate_only: false,
                };
                let rehearsed = v1::AmendRequest { validate_only: true, ..request.clone() };
                all.push(("Amend", text(body(declarations.clone().amend(request).await))));
                all.push((
                    "Amend, only check",
                    text(body(declarations.clone().amend(rehearsed).await)),
                ));
                let request = v1::WithdrawRequest {
                    request_id: id(),
                    name: name.clone(),
                    version: 1,
                    reason: "x".to_owned(),
                    validate_only: false,
                };
                all.push(("Withdraw", text(body(declarations.clone().withdraw(request).await))));
                let request = v1::WatchRequest { name: name.clone(), ..Default::default() };
                all.push(("Watch", text(first(declarations.clone().watch(request).await).await)));
                let request = v1::GetAssessmentRequest { name: name.clone(), version: 0 };
                all.push((
                    "GetAssessment",
                    text(body(orders.clone().get_assessment(request).await)),
                ));
            } else {
                let request = v1::GetOrderRequest { name: name.clone() };
                all.push(("GetOrder", text(body(orders.clone().get_order(request).await))));
                let request = v1::WatchOrdersRequest { name: name.clone(), ..Default::default() };
                all.push((
                    "WatchOrders",
                    text(first(orders.clone().watch_orders(request).await).await),
                ));
                let request = v1::AppointRequest {
                    request_id: id(),
                    name: name.clone(),
                    place: "SIM-1".to_owned(),
                    ..Default::default()
                };
                all.push(("Appoint", text(body(orders.clone().appoint(request).await))));
                let request = v1::ObjectRequest {
                    request_id: id(),
                    name: name.clone(),
                    examination: 1,
                    reason: "x".to_owned(),
                };
                all.push(("Object", text(body(orders.clone().object(request).await))));
            }
            told.push(all);
        }
        for (one, other) in told[0].iter().zip(&told[1]) {
            assert_eq!(one, other, "{what}");
            // What only agencies may ask is refused before it is looked at.
            let refused = one.1.contains("NotFound") || one.1.contains("SW-1303");
            assert!(refused, "{one:?}");
        }
    }

    // Every number that a declaration has, named as what it is and as anything.
    let record = owner.reads(&name).await;
    let declared = record.declaration.clone().expect("it has a content");
    use v1::NumberKind as N;
    for (kind, number) in [
        (N::OrderNo, record.order_no.as_str()),
        (N::CopNo, &declared.cop_no),
        (N::LogisticsNo, &declared.logistics_no),
        (N::PreNo, &record.pre_no),
        (N::InvtNo, &record.invt_no),
        (N::ReleaseId, &record.release_id),
    ] {
        for kind in [kind, N::Unspecified] {
            let mut told = Vec::new();
            let other = format!("{}{}", &number[..number.len() - 3], "999");
            for number in [number, &other] {
                let (number_kind, number) = (kind.into(), number.to_owned());
                let request = v1::GetRequest { name: String::new(), number, number_kind };
                let sent = request.number.clone();
                told.push(shown(body(stranger.declarations().get(request).await), &sent));
            }
            assert_eq!(told[0], told[1], "{kind:?} {number}");
            assert!(told[0].contains("NotFound"), "{}", told[0]);
        }
    }

    // Filters: a firm's code, an order number, an exchange number.
    for (mine, none) in [(FIRM_A, "3702969999"), ("SBX-INSPECT-MINE", "SBX-INSPECT-NONE")] {
        let mut told = Vec::new();
        for sent in [mine, none] {
            let of_firm = v1::ListRequest { declarant_code: sent.to_owned(), ..Default::default() };
            let of_order = v1::ListRequest { order_no: sent.to_owned(), ..Default::default() };
            let documents =
                v1::ListDocumentsRequest { order_no: sent.to_owned(), ..Default::default() };
            let orders =
                v1::ListOrdersRequest { declarant_code: sent.to_owned(), ..Default::default() };
            let credit = v1::GetCreditRequest { firm: sent.to_owned() };
            let appeal = v1::AppealRequest {
                request_id: id(),
                firm: sent.to_owned(),
                source: "x".to_owned(),
                reason: "x".to_owned(),
            };
            told.push([
                shown(body(stranger.declarations().list(of_firm).await), sent),
                shown(body(stranger.declarations().list(of_order).await), sent),
                shown(body(stranger.ceb().list_documents(documents).await), sent),
                shown(body(stranger.inspection().list_orders(orders).await), sent),
                shown(body(stranger.inspection().get_credit(credit).await), sent),
                shown(body(stranger.inspection().appeal(appeal).await), sent),
            ]);
        }
        assert_eq!(told[0], told[1], "filtered by {mine}");
    }
    let mut told = Vec::new();
    for dxp_id in ["DXPENT0000000001", "DXPENT0000009999"] {
        let list = v1::ListReceiptsRequest { dxp_id: dxp_id.to_owned(), ..Default::default() };
        let follow = v1::FollowReceiptsRequest { dxp_id: dxp_id.to_owned(), after: 0 };
        told.push([
            shown(body(stranger.ceb().list_receipts(list).await), dxp_id),
            shown(first(stranger.ceb().follow_receipts(follow).await).await, dxp_id),
        ]);
    }
    assert_eq!(told[0], told[1], "logs of exchange numbers");

    // A request id of another firm tells nothing either, in the same slot.
    let request = filing(people::export("QDMINE-9"));
    let filed = owner.tries(request.clone()).await.expect("it is valid").name;
    let mut told = Vec::new();
    for (name, request_id) in [(filed.clone(), request.request_id.clone()), (nobody, id())] {
        let request = v1::WithdrawRequest {
            request_id: request_id.clone(),
            name: name.clone(),
            version: 1,
            reason: "x".to_owned(),
            validate_only: false,
        };
        told.push(shown(body(stranger.declarations().withdraw(request).await), &name));
    }
    assert_eq!(told[0], told[1]);
    owner.sees(&filed, v1::State::Released).await;
}

/// The message of an answer, without what the transport adds.
fn body<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> Result<String, Status> {
    answer.map(|answer| format!("{:#?}", answer.into_inner()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_is_answered_with_what_is_there() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let stranger = Erp::as_caller(&sandbox, "enterprise-b", FIRM_B, DXP_B).await;
    let mut import = import("QDTWICE-1");
    for document in import.all() {
        erp.sends(&[document]).await;
    }
    let copy = import.inventory.head.cop_no.clone();
    erp.hears(622, &copy, 899).await;
    let found = erp.documents("QDTWICE-1").await;
    let there = found.into_iter().find(|found| found.message_type == 621).expect("it is there");
    let next_number = async |seller: &str| {
        let mut fresh = crate::harness::national::import("QDTWICE-1");
        fresh.inventory.head.ebc_code = seller.to_owned();
        fresh.inventory.head.assure_code = fresh.inventory.head.agent_code.clone();
        let said = erp.sends(&[fresh.inventory()]).await;
        assert_eq!(said[0].pre_no.len(), 18, "{said:?}");
    };
    let mut database = sandbox.database().await;
    let mut numbers_used = async || -> i64 {
        let used = "select sum(used)::bigint from ceb.number_used where kind = 'preNo'";
        sqlx::query_scalar(used).fetch_one(&mut database).await.expect("numbers were given")
    };
    next_number("3702960098").await;
    let before = numbers_used().await;

    // New, faulty, stale, changed, deleted; under the first key and under the second.
    type Spoil = (&'static str, fn(&mut Import));
    let spoils: [Spoil; 6] = [
        ("new", |_| {}),
        ("weights", |it| it.inventory.head.gross_weight = 1),
        ("no time", |it| it.inventory.head.app_time = "20269999999999".to_owned()),
        ("stale", |it| it.inventory.head.app_time = "20200101000000".to_owned()),
        ("change", |it| it.inventory.head.app_type = "2".to_owned()),
        ("other order", |it| it.inventory.head.order_no = "QDTWICE-2".to_owned()),
    ];
    for (what, spoil) in spoils {
        let mut again = import.clone();
        (again.inventory.head.guid, again.inventory.head.app_time) = (guid(), app_time(60));
        spoil(&mut again);
        let said = erp.sends(&[again.inventory()]).await;
        assert_eq!(said.len(), 1, "{what}: {said:?}");
        assert!(said[0].return_status < 0, "{what}: {said:?}");
        let numbers = (&said[0].pre_no, &said[0].invt_no);
        assert_eq!(numbers, (&there.pre_no, &there.invt_no), "{what}: {said:?}");
    }
    assert_eq!(numbers_used().await, before, "no number was used up");
    next_number("3702960099").await;
    assert_eq!(numbers_used().await, before + 1, "and a new one is");
    let statuses = erp.statuses(622, &copy).await;
    assert!(!statuses.contains(&100), "nothing looks like a rejection: {statuses:?}");

    // A stranger who has everything right, order, payment and waybill, is told that it is declared, and
    // nothing of what is there.
    (import.inventory.head.guid, import.inventory.head.app_time) = (guid(), app_time(60));
    import.inventory.head.agent_code = FIRM_B.to_owned();
    import.inventory.head.assure_code = FIRM_B.to_owned();
    let said = stranger.sends(&[import.inventory()]).await;
    assert_eq!(said.last().map(|said| said.return_status), Some(-621_004), "{said:?}");
    let is_silent = |it: &v1::Receipt| it.pre_no != there.pre_no && it.invt_no.is_empty();
    assert!(said.iter().all(is_silent), "{said:?}");

    // Over gRPC, the answer names it in fields.
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let filed = firm.files("QDTWICE-3").await;
    firm.sees(&filed.name, v1::State::Released).await;
    let record = firm.reads(&filed.name).await;
    let again = firm.tries(filing(people::export("QDTWICE-3"))).await.expect_err("it is there");
    let request = filing(people::export("QDTWICE-4"));
    let other = firm.tries(request.clone()).await.expect("it is valid");
    let mut reused = request;
    reused.declaration = Some(people::export("QDTWICE-5"));
    let reused = firm.tries(reused).await.expect_err("the id is used");
    for (status, record) in [(&again, &record), (&reused, &firm.reads(&other.name).await)] {
        let (_, data) = people::code(status);
        assert_eq!(data.get("existing"), Some(&record.name), "{data:?}");
        assert_eq!(data.get("pre_no"), Some(&record.pre_no), "{data:?}");
        assert!(data.get("state").is_some_and(|state| state.starts_with("STATE_")), "{data:?}");
    }
    let (code, data) = people::code(&again);
    assert_eq!((code.as_str(), data.get("invt_no")), ("SW-1102", Some(&record.invt_no)));
    assert_eq!(data.get("state").map(String::as_str), Some("STATE_RELEASED"));
}

/// A declarant of this slot, other than firm A.
fn declarant_in(slot: Slot) -> String {
    let mut all = (1..).map(|number| format!("3702{number:06}"));
    all.find(|code| code != FIRM_A && Slot::of(code) == slot).expect("there are enough")
}

/// In the name of this declarant, an order of firm A: A stays the seller.
fn by(declarant: &str, order_no: &str) -> v1::SubmitRequest {
    let mut content = people::export(order_no);
    content.declarant = Some(v1::Party { code: declarant.to_owned(), name: "邻居".to_owned() });
    content.cop_no = format!("{}{order_no}", &declarant[6..]);
    filing(content)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_declared_once_whoever_declares_it() {
    let sandbox = Sandbox::start().await;
    let owner = Enterprise(sandbox.connect("enterprise-a").await);
    // The agent files for both neighbours; what is refused is decided by the declarant.
    let agent = Enterprise(sandbox.connect("agent").await);
    for (slot, of) in [(Slot::of(FIRM_A), "SAME"), (Slot::of(FIRM_B), "OTHER")] {
        let neighbour = declarant_in(slot);
        let order = |number: u32| format!("QD{of}-{number}");
        // A check tells nothing of what another declarant has.
        owner.files(&order(1)).await;
        let mut told = Vec::new();
        for number in [1, 2] {
            let check = v1::SubmitRequest { validate_only: true, ..by(&neighbour, &order(number)) };
            let answer = agent.tries(check).await.map(|mut answer| {
                answer.filed_time = None;
                format!("{answer:#?}")
            });
            told.push(shown(answer, &order(number)));
        }
        assert_eq!(told[0], told[1], "an order that is there looks like one that is not");

        // Whoever comes second is told that it is declared, and nothing of what is there.
        let second = agent.tries(by(&neighbour, &order(1))).await.expect_err("it is declared");
        let (code, data) = people::code(&second);
        assert_eq!((code.as_str(), second.code()), ("SW-1104", Code::AlreadyExists), "{of}");
        let told: Vec<&str> = data.keys().map(String::as_str).collect();
        assert_eq!(told, ["key"], "{data:?}");

        // One that ended gives way, and does not come back beside the one that took its place.
        let order_no = format!("SBX-REJECT1313-{of}");
        let first = agent.tries(by(&neighbour, &order_no)).await.expect("nobody has it");
        agent.sees(&first.name, v1::State::Rejected).await;
        let second = owner.files(&order_no).await;
        let amended = by(&neighbour, &order_no).declaration.expect("it has one");
        let back = agent.amends(&first.name, 1, amended).await.expect_err("it gave way");
        assert_eq!(people::code(&back).0, "SW-1104", "{of}");
        // The one that took it may go on.
        owner.sees(&second.name, v1::State::Rejected).await;
        let amended = owner.amends(&second.name, 1, people::export(&order_no)).await;
        assert_eq!(amended.expect("it has the order").version, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn declarants_who_race_for_an_order_declare_it_once() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let agent = Enterprise(sandbox.connect("agent").await);
    // Of every part of the slots, so that both lanes have some.
    let slots = (0..16).filter_map(|number| Slot::new(number * 16 + number % 2));
    let declarants: Vec<String> = slots.map(declarant_in).collect();
    for round in 0..8 {
        let order_no = format!("QDRACE-{round}");
        let racing = declarants.iter().map(|declarant| agent.tries(by(declarant, &order_no)));
        let racing = futures::future::join_all(racing).await;
        let won = racing.iter().flatten().count();
        let lost = racing.iter().filter_map(|outcome| outcome.as_ref().err());
        let lost: Vec<String> = lost.map(|status| people::code(status).0).collect();
        assert_eq!(won, 1, "{order_no}: {lost:?}");
        assert!(lost.iter().all(|code| code == "SW-1104"), "{order_no}: {lost:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_national_order_is_neither_probed_nor_squatted_by_another_firm() {
    let sandbox = Sandbox::start().await;
    let owner = Erp::of(&sandbox).await;
    let stranger = Erp::as_caller(&sandbox, "enterprise-b", FIRM_B, DXP_B).await;
    // The same order of the same seller, which the stranger says was placed with it and it declares.
    let claimed = |order_no: &str| {
        let mut claimed = import(order_no);
        claimed.inventory.head.agent_code = FIRM_B.to_owned();
        claimed.inventory.head.assure_code = FIRM_B.to_owned();
        let ebp = [("ebp_code", FIRM_B)];
        (set(&claimed.order(), &ebp), set(&claimed.inventory(), &ebp))
    };
    let statuses = |said: &[v1::Receipt]| -> Vec<(i32, String)> {
        said.iter().map(|said| (said.return_status, said.key.clone())).collect()
    };

    // Squatting: it comes first, with the same numbers.
    let mine = import("QDSQUAT-9");
    let (order, inventory) = claimed("QDSQUAT-9");
    let first = [stranger.sends(&[order]).await, stranger.sends(&[inventory]).await];
    assert!(first.iter().flatten().all(|said| said.return_status > 0), "{first:?}");
    for document in mine.all() {
        owner.sends(&[document]).await;
    }
    owner.hears(622, &mine.inventory.head.cop_no, 899).await;

    // Probing: what is there is answered like what is not, but for the number in it.
    let mut told = Vec::new();
    let there = import("QDSQUAT-7");
    for document in there.all() {
        owner.sends(&[document]).await;
    }
    owner.hears(622, &there.inventory.head.cop_no, 899).await;
    for order_no in ["QDSQUAT-7", "QDSQUAT-8"] {
        let (order, inventory) = claimed(order_no);
        let mut said = statuses(&stranger.sends(&[order]).await);
        said.extend(statuses(&stranger.sends(&[inventory]).await));
        told.push(format!("{said:?}").replace(order_no, "SENT"));
    }
    assert_eq!(told[0], told[1]);
    let found = stranger.documents("QDSQUAT-9").await;
    assert_eq!(found.len(), 2, "its own: {found:?}");
    assert!(found.iter().all(|found| !found.key.contains(FIRM_B)), "{found:?}");
    let found = owner.documents("QDSQUAT-9").await;
    assert!(found.iter().any(|it| it.message_type == 621 && it.return_status == 899), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arrival_is_not_squatted_by_a_carrier_that_names_another_site() {
    let sandbox = Sandbox::start().await;
    let owner = Erp::of(&sandbox).await;
    let stranger = Erp::as_caller(&sandbox, "enterprise-b", FIRM_B, DXP_B).await;
    // Of one site, whose numbers anybody may use; in two parts, of which each belongs to its own.
    let arrival = |carrier: &str, cop_no: &str, part: u32| {
        let Document::Ceb507(mut arrival) = example(507) else { panic!("an arrival") };
        arrival.head.guid = guid();
        arrival.head.app_time = app_time(0);
        arrival.head.operator_code = FIRM_A.to_owned();
        arrival.head.logistics_code = carrier.to_owned();
        arrival.head.cop_no = cop_no.to_owned();
        (arrival.head.msg_count, arrival.head.msg_seq_no) = (2, part);
        Document::Ceb507(arrival)
    };
    stranger.sends(&[arrival(FIRM_B, "SQUATTED", 1)]).await;
    let mut told = Vec::new();
    for cop_no in ["SQUATTED", "FREE"] {
        let mut statuses = Vec::new();
        for part in [1, 2] {
            let said = owner.sends(&[arrival(FIRM_A, cop_no, part)]).await;
            statuses.extend(said.iter().map(|said| said.return_status));
        }
        told.push(statuses);
    }
    assert_eq!(told[0], told[1], "somebody else's arrival is not in the way");
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_that_come_back_are_not_squatted_by_another_firm() {
    let sandbox = Sandbox::start().await;
    let owner = Erp::of(&sandbox).await;
    let stranger = Erp::as_caller(&sandbox, "enterprise-b", FIRM_B, DXP_B).await;
    let sold = export("QDSQUAT-R");
    let invt_no = sold.leaves(&owner).await;
    let end = |said: &[v1::Receipt]| -> Vec<(i32, String)> {
        said.iter().map(|said| (said.return_status, said.return_info.clone())).collect()
    };

    // The goods of somebody else are like goods that nobody sent.
    let mut told = Vec::new();
    let nobody = format!("{}000000000", &invt_no[..9]);
    for of in [&invt_no, &nobody] {
        for declares in [false, true] {
            let number = format!("PROBE-{}", told.len());
            let mut back = sold.comes_back(if told.len() == 1 { "SQUATTED" } else { &number }, of);
            if declares {
                // It says that it declares them and that they were its own.
                back.head.agent_code = FIRM_B.to_owned();
                back.head.ebc_code = FIRM_B.to_owned();
            }
            let said = stranger.sends(&[Document::Ceb213(back)]).await;
            told.push(end(&said));
        }
    }
    let statuses = |said: &Vec<(i32, String)>| said.iter().map(|(it, _)| *it).collect::<Vec<_>>();
    let same: Vec<_> = told.iter().map(statuses).collect();
    assert_eq!(same[..2], same[2..], "whether they are there cannot be told");
    assert!(told.iter().flatten().all(|(status, _)| *status < 120), "{told:?}");

    // Under the number that the stranger used, and under one that nobody used.
    let first = sold.comes_back("SQUATTED", &invt_no);
    let said = end(&owner.sends(&[Document::Ceb213(first)]).await);
    let accepted = said.last().is_some_and(|(status, _)| *status >= 2);
    assert!(accepted, "it is its owner's: {said:?}");
    let again = sold.comes_back("FREE", &invt_no);
    let said = end(&owner.sends(&[Document::Ceb213(again)]).await);
    assert!(said.iter().any(|(status, _)| *status == 100), "nothing is left: {said:?}");
}
