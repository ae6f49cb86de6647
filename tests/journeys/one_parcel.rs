//! One parcel from the order to the tax back in the account, and back again, by public interfaces only: nothing about
//! it is typed that a document or another service says already.

use proto::ceb::Document;
use proto::v1::{self, ClaimLineState, claim_decision::What};
use sha2::{Digest as _, Sha256};

use super::clock::{days, moves};
use super::command_line::{lines, shown};
use super::forex::Treasurer;
use super::payment::Accountant;
use super::refund::{RefundDesk, id, missing, states};
use crate::harness::national::{Erp, Export, app_time, example, export, guid};
use crate::harness::people::{FIRM_A, code};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// The firm of our sample desk exports three shirts.
fn shirts(order_no: &str) -> Export {
    let mut export = export(order_no);
    for code in [
        &mut export.order.head.ebc_code,
        &mut export.inventory.head.ebc_code,
        &mut export.money.ebc_code,
    ] {
        FIRM_A.clone_into(code);
    }
    export
}

/// Shirts in the unit of the export, 30.00 yuan each without tax.
fn bought(number: u32, pieces: i64) -> v1::RefundInvoice {
    v1::RefundInvoice {
        number: format!("{number:020}"),
        seller: "91370200MA3C000001".to_owned(),
        issued: "2026-11-20".to_owned(),
        lines: vec![v1::RefundInvoiceLine {
            gcode: "6109100021".to_owned(),
            unit: "011".to_owned(),
            qty_e5: pieces * 100_000,
            net_fen: pieces * 3_000,
            levy_bp: 1_300,
            tax_fen: pieces * 390,
            used_e5: 0,
        }],
        ..Default::default()
    }
}

/// Sums up what was released until now.
async fn sums_up(erp: &Erp, cop_no: &str) {
    let Document::Ceb701(mut summary) = example(701) else { panic!("a summary") };
    let head = &mut summary.head;
    head.guid = guid();
    head.app_time = app_time(7);
    cop_no.clone_into(&mut head.cop_no);
    FIRM_A.clone_into(&mut head.ebc_code);
    (head.msg_count, head.msg_seq_no) = (1, 1);
    (head.start_time, head.end_time) = (app_time(-3_600), app_time(3_600));
    erp.sends(&[Document::Ceb701(summary)]).await;
    erp.hears(702, cop_no, 399).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_proved_by_its_documents_refunded_and_given_back_when_it_returns() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let parcel = shirts("SBX-INSPECT-ONE-1");
    let invt_no = parcel.leaves(&erp).await;
    sums_up(&erp, "SUM-ONE").await;
    let mut record = erp.documents("SBX-INSPECT-ONE-1").await.into_iter();
    let record = record.rfind(|it| it.message_type == 603).expect("it is kept");
    let name = record.declaration;

    // It left and is in a form, and its money came by itself: only the invoice is missing, and the settlement.
    let found = eventually("its documents prove it", PATIENCE, async || {
        let found = desk.line(&name).await.ok_or_else(|| "it is not known".to_owned())?;
        let line = found.line.as_ref().expect("a line");
        let proved = !line.departed.is_empty() && line.entry_id.len() == 18;
        let paid = line.money() == v1::RefundMoney::Received;
        if proved && paid { Ok(found) } else { Err(format!("{line:?}")) }
    })
    .await;
    let line = found.line.as_ref().expect("a line");
    assert_eq!(line.departed, "2026-11-25", "as the departure says");
    assert_eq!(missing(&found), ["bank", "supplier"]);
    let result = erp.gets(792, &invt_no, 1).await;
    assert!(result[0].contains(&line.entry_id), "the form is that of the 792");

    // What the bank settles is told by the bank.
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);
    treasurer.settles(&name).await;
    let settled = eventually("its settlement is told", PATIENCE, async || {
        let found = desk.line(&name).await.ok_or_else(|| "it is not known".to_owned())?;
        let line = found.line.as_ref().expect("a line");
        if line.money() == v1::RefundMoney::Settled { Ok(found) } else { Err(format!("{line:?}")) }
    })
    .await;
    assert_eq!(missing(&settled), ["supplier"]);
    desk.registers(bought(1, 3)).await;
    desk.stands(&name, v1::RefundStanding::Claimable).await;
    let claim = desk.proposes("").await;
    assert_eq!((claim.lines, claim.amount_fen), (1, 3 * 390));
    desk.submits(&claim).await;
    desk.waits(&claim.name, |it| it.ended && it.paid_fen == 3 * 390).await;

    // One page tells all of it, to whom it concerns.
    let trace = |caller: &str, language: &str, output: &str| {
        sandbox.command(&[
            "trace",
            &name,
            "--as",
            caller,
            "--language",
            language,
            "--output",
            output,
        ])
    };
    let told = trace("admin", "en", "json");
    assert!(told.status.success(), "{}", shown(&told));
    let story = &lines(&told)[0];
    let events = story["events"].as_array().expect("events").clone();
    for (service, who) in [
        ("declaration", "firm"),
        ("declaration", "customs"),
        ("declaration", "site"),
        ("declaration", "bank"),
        ("ceb", "national door"),
        ("payment", "ledger"),
        ("refund", "platform"),
        ("refund", "tax office"),
        ("refund", "treasury"),
    ] {
        let said = events.iter().any(|it| it["service"] == service && it["who"] == who);
        assert!(said, "{service} {who} says nothing: {events:#?}");
    }
    let times: Vec<&str> = events.iter().filter_map(|it| it["time"].as_str()).collect();
    assert!(times.iter().all(|time| !time.is_empty()), "{times:?}");
    let rules = story["rules"].as_array().expect("rules");
    assert!(rules.iter().any(|it| it["rule"] == "refund-trader" || it["law"] != ""), "{rules:?}");
    let money = story["money"].as_array().expect("money");
    assert!(money.iter().any(|it| it["amount"] == 3 * 390), "{money:?}");
    assert_eq!(story["open"].as_array().map(Vec::len), Some(0), "{story:#}");
    let page = trace("admin", "zh", "table");
    let page = shown(&page);
    for part in ["2026-11-25离境", "已退税", "规则", "资金", "未办结"] {
        assert!(page.contains(part), "{part} is missing:\n{page}");
    }
    let own = trace("agent", "en", "json");
    assert!(own.status.success(), "{}", shown(&own));
    let stranger = trace("enterprise-b", "en", "json");
    assert_eq!(stranger.status.code(), Some(4), "{}", shown(&stranger));

    // The claim with its evidence is one folder: documents stand under the digests that the lists name.
    let folder = sandbox.directory.path().join("evidence");
    let place = folder.display().to_string();
    let made = sandbox.command(&["refund", "evidence", &claim.name, &place, "--as", "admin"]);
    assert!(made.status.success(), "{}", shown(&made));
    let list = std::fs::read_to_string(folder.join("evidence.csv")).expect("the list");
    let xml = std::fs::read_to_string(folder.join("claim.xml")).expect("the claim");
    for kind in ["declaration", "invoice"] {
        let row = list.lines().find(|row| row.split(',').nth(1) == Some(kind)).expect(kind);
        let digest = row.rsplit(',').next().expect("a digest");
        let bytes = std::fs::read(folder.join(format!("documents/{digest}.json")));
        let bytes = bytes.unwrap_or_else(|error| panic!("{row}: {error}"));
        let said: String = Sha256::digest(bytes).iter().map(|it| format!("{it:02x}")).collect();
        assert_eq!(digest, said, "a document stands under its own digest");
        assert!(xml.contains(digest), "{xml}");
    }

    // One of the three comes back: the whole refund is taken back, and the other two are claimed anew.
    let mut back = parcel.comes_back("BACK-ONE", &invt_no);
    back.lines[0].qty = 100_000;
    back.lines[0].qty1 = 100_000;
    back.lines[0].qty2 = Some(20_000);
    erp.sends(&[Document::Ceb213(back)]).await;
    let claim = desk.waits(&claim.name, |it| it.repaid_fen == 3 * 390 && it.ended).await;
    assert_eq!(states(&desk.lines(&claim.name).await), [ClaimLineState::Recovered]);
    let found = desk.stands(&name, v1::RefundStanding::Claimable).await;
    let line = found.line.expect("a line");
    assert_eq!((line.returned_e5, line.claimed_e5), (100_000, 0));
    let anew = desk.proposes("").await;
    assert_eq!((anew.lines, anew.amount_fen), (1, 2 * 390));
    let told = shown(&trace("admin", "en", "table"));
    assert!(told.contains("goods may come back by application BACK-ONE"), "{told}");
    assert!(told.contains("paid back"), "{told}");

    // Another piece comes back before anything is decided: its line falls away by itself.
    let mut more = parcel.comes_back("BACK-TWO", &invt_no);
    more.lines[0].qty = 100_000;
    more.lines[0].qty1 = 100_000;
    more.lines[0].qty2 = Some(20_000);
    erp.sends(&[Document::Ceb213(more)]).await;
    let anew = desk.waits(&anew.name, |it| it.undecided == 0).await;
    assert_eq!(states(&desk.lines(&anew.name).await), [ClaimLineState::Dropped]);
    let last = desk.proposes("").await;
    assert_eq!((last.lines, last.amount_fen), (1, 390));
}

/// Goods of a warehouse overseas: refunded when they leave, settled by what was sold (golden vector G16).
#[tokio::test(flavor = "multi_thread")]
async fn an_advance_refund_is_settled_by_sales_and_the_rest_is_claimed_when_it_is_sold() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.connect("admin").await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let name = desk.stocks("SBX-ACCEPT-NOPAY-HWC-1", 1_000).await;
    let line = format!("{name}/lines/1");
    let found = desk.stands(&name, v1::RefundStanding::Claimable).await;
    let judged = found.line.expect("a line").entitlement.expect("judged");
    assert!(judged.advance, "it is not sold, and not paid for");
    let claim = desk.proposes("").await;
    assert_eq!((claim.lines, claim.amount_fen), (1, 390_000));
    desk.submits(&claim).await;
    let claim = desk.waits(&claim.name, |it| it.paid_fen == 390_000).await;
    assert!(!claim.ended, "it is to be settled");
    let paid = desk.lines(&claim.name).await.remove(0);
    assert!(paid.advance && !paid.settle_until.is_empty(), "{paid:?}");

    let settle = async || {
        let request =
            v1::SettleAdvanceRequest { request_id: id(), name: claim.name.clone(), line: 1 };
        desk.calls().settle_advance(request).await
    };
    let early = settle().await.expect_err("it begins on the first of the next month");
    assert_eq!(code(&early).0, "SW-1803");
    let sold = async |number: &str, pieces: i64, amount: i64| {
        let sale = v1::WarehouseSale {
            export_line: line.clone(),
            number: number.to_owned(),
            qty_e5: pieces * 100_000,
            amount_e5: amount * 100_000,
        };
        let request =
            v1::ReportSalesRequest { request_id: id(), firm: String::new(), sales: vec![sale] };
        desk.calls().report_sales(request).await
    };
    sold("W-1", 600, 2_730).await.expect("it left");
    sold("W-1", 600, 2_730).await.expect("the same again is the same");
    let other = sold("W-1", 601, 2_730).await.expect_err("another one under its number");
    assert_eq!(code(&other).0, "SW-1805");
    let more = sold("W-2", 401, 1).await.expect_err("more than left");
    assert_eq!(code(&more).0, "SW-1805");

    moves(&admin, days(35)).await.expect("forward");
    settle().await.expect("it is in time");
    let claim = desk.waits(&claim.name, |it| it.ended).await;
    assert_eq!((claim.paid_fen, claim.repaid_fen), (390_000, 156_000), "600 of 1,000 are kept");
    let kept = claim.clone();
    assert_eq!(states(&desk.lines(&claim.name).await), [ClaimLineState::Settled]);
    let found = desk.stands(&name, v1::RefundStanding::Waiting).await;
    assert_eq!(missing(&found), ["bank", "firm"], "it is to be sold, and paid for");
    let settled = v1::RecordProofRequest {
        request_id: id(),
        declaration: name.clone(),
        money: v1::RefundMoney::Settled.into(),
        ..Default::default()
    };
    desk.calls().record_proof(settled).await.expect("it is its own");

    // The rest is sold later, and claimed again by the ordinary rules.
    sold("W-3", 400, 1_820).await.expect("it left");
    desk.stands(&name, v1::RefundStanding::Claimable).await;
    let again = desk.proposes("").await;
    assert_eq!((again.lines, again.amount_fen), (1, 156_000));
    assert!(!desk.lines(&again.name).await[0].advance);

    // What nobody settles until 30 April is recovered whole.
    let late = desk.stocks("SBX-ACCEPT-NOPAY-HWC-2", 10).await;
    desk.stands(&late, v1::RefundStanding::Claimable).await;
    let claim = desk.proposes("").await;
    desk.submits(&claim).await;
    desk.waits(&claim.name, |it| it.paid_fen == 3_900).await;
    moves(&admin, days(500)).await.expect("forward");
    let claim = desk.waits(&claim.name, |it| it.repaid_fen == 3_900).await;
    assert_eq!(states(&desk.lines(&claim.name).await), [ClaimLineState::Recovered]);

    // What was kept is recovered too, by another negative claim: the ledger has each of them.
    let accountant = Accountant(admin);
    let is_booked = async |fen: i64| {
        eventually("the ledger has the refunds", PATIENCE, async || {
            let found = accountant.account("TAX-OFFICE", v1::Purpose::Revenue).await;
            if found == -fen { Ok(()) } else { Err(found) }
        })
        .await;
    };
    is_booked(234_000).await;
    let reason_code = v1::RecoveryReason::NoMoney.into();
    let recover = What::Recovered(v1::RecoveredLine { reason_code, negative: 77 });
    let request = v1::DecideClaimRequest {
        request_id: id(),
        name: kept.name.clone(),
        round: kept.round,
        decisions: vec![v1::ClaimDecision { line: 1, what: Some(recover) }],
    };
    let office = sandbox.connect("tax-office").await;
    office.refund().decide_claim(request).await.expect("it is settled");
    desk.waits(&kept.name, |it| it.repaid_fen == 390_000).await;
    is_booked(0).await;
}
