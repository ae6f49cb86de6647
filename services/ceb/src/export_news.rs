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
use domain::{DeclarationId, RequestId, Slot, limits};
use prost::Message as _;
use proto::ceb::{Document, parcel};
use store::Fault;
use store::numbers::NumberSeries;
use store::permutation::NumberKey;
use store::queue::Item;
use time::{Date, OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use crate::stored_document::StoredDocument;
use crate::transaction::{CebTransaction, pre_nos};

/// The queue of what is to be told. Its subjects are declarations.
pub(crate) const EXPORT_NEWS: &str = "export-news";

/// Ids of news are made of what they tell.
const NAMESPACE: Uuid = Uuid::from_u128(0x5b7e_2f40_91c6_5a1d_8d3a_0003_5157_0002);

/// Goods declaration forms that a slot may number on a day: with day and slot that makes nine digits.
const FORMS_PER_SLOT_A_DAY: i64 = 10_000;

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
    let applications = step.shelf.papers().filter(|other| {
        other.kind == DocumentKind::ExportReturn
            && other.is_live()
            && other.status >= status::TAKEN_IN
            && other.names.cop_no == *number
    });
    let applications: Vec<StoredDocument> = applications.cloned().collect();
    for application in applications {
        let inventory = step.shelf.find(|other| {
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
    paper: &StoredDocument,
    taken_back: bool,
) {
    let Document::Ceb403(notice) = &*paper.document else { return };
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
    let version = format!("{}/{}", paper.guid, paper.app_time);
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
    let Some(paper) = step.shelf.get(inventory) else { return };
    let Some(declaration) = paper.declaration else { return };
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
        slot: paper.slot,
        id,
        kind: 0,
        subject: declaration,
        place: 0,
        body: proto::exchange::wire_answer(&decision).encode_to_vec(),
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

/// The number of a goods declaration form, of its summary's: customs house, year, 0 for exports, and nine digits
/// that no other of the year has. `None`: too many were numbered in that slot on that day; customs tells it later.
pub(crate) fn entry_id(
    key: &NumberKey,
    customs_code: &str,
    decl_seq_no: &str,
) -> Result<Option<String>, Fault> {
    let Some((date, slot, number)) = parts(decl_seq_no) else { return Ok(None) };
    let period =
        date.year() * 10_000 + i32::from(u8::from(date.month())) * 100 + i32::from(date.day());
    // The first numbers of the day have forms; those again in an order that says nothing of how many there were.
    let Some(place) = pre_nos(key, period).of(slot)?.place(number)? else { return Ok(None) };
    let forms = NumberSeries { key, kind: "form", period, count: FORMS_PER_SLOT_A_DAY };
    let Some(form) = forms.of(slot)?.number(place)? else { return Ok(None) };
    let day = i64::from(date.ordinal()) - 1;
    let number = (day * 256 + i64::from(slot.column())) * FORMS_PER_SLOT_A_DAY + form;
    let (year, number) = (date.year(), number + 1);
    Ok((customs_code.len() == 4).then(|| format!("{customs_code}{year}0{number:09}")))
}

/// The day of a number of the door, its slot, and which of its slot's numbers it is.
fn parts(decl_seq_no: &str) -> Option<(Date, Slot, i64)> {
    let (day, serial) = decl_seq_no.get(1..)?.split_at_checked(8)?;
    let date = Date::parse(day, time::macros::format_description!("[year][month][day]")).ok()?;
    let serial: i64 = serial.parse().ok()?;
    let slot = Slot::new(u32::try_from(serial / limits::NUMBERS_PER_SLOT).ok()?)?;
    Some((date, slot, serial % limits::NUMBERS_PER_SLOT - limits::NUMBERS_OF_DOOR_FROM))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_forms_of_a_year_have_one_number() {
        let key = NumberKey::new(&[7; 32]);
        let of = |day: i32, slot: u32, place: i64| {
            let slot = Slot::new(slot).expect("a slot");
            let number = pre_nos(&key, day).of(slot).expect("a series").number(place);
            let number = number.expect("computed").expect("not used up");
            let base = i64::from(slot.column()) * limits::NUMBERS_PER_SLOT;
            let serial = base + limits::NUMBERS_OF_DOOR_FROM + number;
            entry_id(&key, "4229", &format!("E{day}{serial:09}")).expect("computed")
        };
        let days = [20_260_101, 20_261_231, 20_261_130];
        let all = days.iter().flat_map(|day| {
            [0, 7, 255].into_iter().flat_map(move |slot| [0, 1, 9_999].map(|at| (*day, slot, at)))
        });
        let numbers: BTreeSet<String> =
            all.filter_map(|(day, slot, place)| of(day, slot, place)).collect();
        assert_eq!(numbers.len(), 27);
        assert!(numbers.iter().all(|number| number.len() == 18 && number.starts_with("422920260")));
        let whole: BTreeSet<String> =
            (0..10_000).filter_map(|place| of(20_260_101, 0, place)).collect();
        assert_eq!(whole.len(), 10_000, "as many as the slot may number");
        assert_eq!(whole.first().map(String::as_str), Some("422920260000000001"));
        assert_eq!(whole.last().map(String::as_str), Some("422920260000010000"));
        assert_eq!(of(20_260_101, 0, 10_000), None, "one more than there are");
        for none in ["E2026", "", "E20260101999999999", "E20260101000000000"] {
            assert_eq!(entry_id(&key, "4229", none).expect("computed"), None, "{none}");
        }
    }
}
