//! What documents tell of an export goes to the declaration service, which writes it down for the firm and for
//! the tax refund: that it left, the number of its goods declaration form, and what comes back.
//!
//! Each piece of news has an id made of what it tells, so that it has one effect however often it is told.

use domain::CHINA;
use domain::answer::{ExchangeAnswer, Payload};
use domain::documents::refund::ReturnLine;
use domain::documents::summary::C14;
use domain::documents::{DocumentKind, status};
use domain::history::{AnnouncedMoney, BackQuantity, ExportProgress, ExportStep};
use domain::payment::ledger::Currency;
use domain::rules::decimal;
use domain::subscriber::Subscriber;
use domain::{DeclarationId, RequestId};
use prost::Message as _;
use proto::ceb::{Document, parcel};
use store::queue::Item;
use time::{Date, OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use crate::stored_document::StoredDocument;
use crate::transaction::CebTransaction;

/// Ids of news are made of what they tell.
const NAMESPACE: Uuid = Uuid::from_u128(0x5b7e_2f40_91c6_5a1d_8d3a_0003_5157_0002);

/// An inventory left the country on that day.
pub(crate) fn departed(step: &mut CebTransaction, inventory: Uuid, day: Date) {
    let text = format!("left the country on {day}");
    let moved = ExportProgress {
        step: ExportStep::Departed,
        day,
        number: String::new(),
        lines: Vec::new(),
        money: None,
        text,
        text_zh: format!("{day}离境"),
    };
    report(step, inventory, moved);
}

/// An inventory is in a goods declaration form.
pub(crate) fn summarised(step: &mut CebTransaction, inventory: Uuid, entry_id: &str) {
    let moved = ExportProgress {
        step: ExportStep::Summarised,
        day: today(step.now),
        number: entry_id.to_owned(),
        lines: Vec::new(),
        money: None,
        text: format!("in the goods declaration form {entry_id}"),
        text_zh: format!("已汇总为报关单{entry_id}"),
    };
    report(step, inventory, moved);
}

/// Goods of an inventory may come back, by this application (213).
pub(crate) fn return_allowed(
    step: &mut CebTransaction,
    inventory: Uuid,
    application: &StoredDocument,
) {
    let number = application.names.cop_no.clone();
    let moved = ExportProgress {
        step: ExportStep::ReturnAllowed,
        day: today(step.now),
        lines: back(application),
        money: None,
        text: format!("goods may come back by application {number}; the site counts them"),
        text_zh: format!("退货申请{number}已放行，待监管场所理货"),
        number,
    };
    report(step, inventory, moved);
}

/// Goods came back and were counted (215): those of the applications under the number that the tally names.
pub(crate) fn came_back(step: &mut CebTransaction, tally: &StoredDocument) {
    let number = &tally.names.cop_no;
    let applications = step.documents.all().filter(|other| {
        other.kind == DocumentKind::ExportReturn
            && other.is_live()
            && other.status >= status::TAKEN_IN
            && other.names.cop_no == *number
    });
    let applications: Vec<StoredDocument> = applications.cloned().collect();
    for application in applications {
        let inventory = step.documents.find(|other| {
            other.kind == DocumentKind::ExportInventory
                && other.is_live()
                && other.invt_no == application.invt_no
        });
        let Some(inventory) = inventory.map(|found| found.id) else { continue };
        let moved = ExportProgress {
            step: ExportStep::CameBack,
            day: today(step.now),
            number: number.clone(),
            lines: back(&application),
            money: None,
            text: format!("goods of application {number} are back and counted"),
            text_zh: format!("退货申请{number}的货物已退回并理货"),
        };
        report(step, inventory, moved);
    }
}

/// A payment firm announced money for an inventory (403), or took that back.
pub(crate) fn money_announced(
    step: &mut CebTransaction,
    inventory: Uuid,
    stored: &StoredDocument,
    taken_back: bool,
) {
    let Document::Ceb403(notice) = &*stored.document else { return };
    let currency = Currency::ALL.into_iter().find(|it| it.customs_code() == notice.currency);
    let letters = currency.map_or(notice.currency.as_str(), |it| it.letters());
    let (amount, pay_no) = (decimal(notice.charge), notice.pay_no.clone());
    let (text, text_zh) = if taken_back {
        (
            format!("{amount} {letters} {pay_no} are announced no more"),
            format!("收款单{pay_no}已撤销"),
        )
    } else {
        (
            format!("{amount} {letters} are announced, payment {pay_no} by {}", notice.pay_name),
            format!("收款单{pay_no}：{}代收{amount} {letters}", notice.pay_name),
        )
    };
    let amount_e5 = if taken_back { 0 } else { notice.charge };
    let accounted = PrimitiveDateTime::parse(&notice.accounting_date, C14);
    let moved = ExportProgress {
        step: ExportStep::MoneyAnnounced,
        day: accounted.map_or(today(step.now), PrimitiveDateTime::date),
        number: pay_no.clone(),
        lines: Vec::new(),
        money: Some(AnnouncedMoney {
            pay_code: notice.pay_code.clone(),
            pay_no,
            currency: notice.currency.clone(),
            amount_e5,
        }),
        text,
        text_zh,
    };
    // Each version of the document is news of its own.
    let version = format!("{}/{}", stored.guid, stored.app_time);
    report_as(step, inventory, &version, moved);
}

fn back(application: &StoredDocument) -> Vec<BackQuantity> {
    let line = |line: ReturnLine| {
        let [declared, ..] = line.quantities;
        Some(BackQuantity { gnum: line.gnum, qty_e5: declared?.qty_e5 })
    };
    parcel::goods(&application.document).into_iter().filter_map(line).collect()
}

/// Tells it, where the inventory became a declaration.
fn report(step: &mut CebTransaction, inventory: Uuid, moved: ExportProgress) {
    let which = moved.number.clone();
    report_as(step, inventory, &which, moved);
}

/// Tells one of several things of a kind.
fn report_as(step: &mut CebTransaction, inventory: Uuid, which: &str, moved: ExportProgress) {
    let Some(stored) = step.documents.get(inventory) else { return };
    let Some(declaration) = stored.declaration else { return };
    let name = format!("{declaration}/{:?}/{which}", moved.step);
    let id = Uuid::new_v5(&NAMESPACE, name.as_bytes());
    let decision = ExchangeAnswer {
        request: RequestId(id),
        declaration: DeclarationId::from_uuid(declaration),
        // It is about the goods, whatever version was declared last.
        version: 0,
        round: 0,
        by: Subscriber::NationalDoor,
        what: Payload::Export(moved),
    };
    step.news.push(Item {
        slot: stored.slot,
        id,
        kind: 0,
        subject: declaration,
        place: 0,
        body: proto::exchange::answer_to_wire(&decision).encode_to_vec(),
        due: step.now,
        tries: 0,
    });
}

/// The day on which a vehicle left, as its departure (509) says; today, where it says a later one or none.
pub(crate) fn leave_day(departure: &StoredDocument, now: OffsetDateTime) -> Date {
    let left = PrimitiveDateTime::parse(&departure.document.text("leaveTime"), C14);
    left.map_or(today(now), |time| time.date().min(today(now)))
}

fn today(now: OffsetDateTime) -> Date {
    now.to_offset(CHINA).date()
}
