//! Goods that come back (退货): an application that customs accepted lets them come, the site counts them, and with
//! that their tax is given back; a bill whose goods are all back is void. Without the site nothing is given back,
//! and a bill waits for its goods before it is collected, until its last day.
//!
//! An application counts once, by its guid, and so does each count of a site, by its request. What is given back is
//! a part of what was billed, moved back from the treasury by an entry that names the bill's.

use domain::CHINA;
use domain::history::DutyStep;
use domain::payment::bill::{BillEvent, GivenBack, give_back, is_all_back};
use domain::payment::import_return::{
    CountFault, ImportReturnEvent, ImportReturnLine, ImportReturnState, count, missing, next,
};
use domain::payment::ledger::Action;
use domain::payment::{bill as bill_rules, tax};
use domain::refusal::{Code, Refusal, Violation};
use domain::rules::{FEN_E5, decimal};
use domain::{DeclarationId, RequestId};
use proto::duty::ReturnedGoods;
use store::Fault;
use store::queue::Item;
use store::request::{Digest, RequestKey, RequestStatus};
use uuid::Uuid;

use crate::account_view::AccountView;
use crate::bill_rows::tax_no;
use crate::import_return_rows::ImportReturnRow;
use crate::names::{bill_entry_id, id_of};
use crate::notice::Notice;
use crate::transaction::PaymentTransaction;

/// The law of all of it.
const LAW: &str = "海关总署公告2020年第45号";

/// A site counted goods.
#[derive(Debug, Clone)]
pub(crate) struct GoodsCount {
    pub(crate) request_id: RequestId,
    /// Name of the caller in the registry.
    pub(crate) caller: String,
    pub(crate) digest: Digest,
    pub(crate) declaration: DeclarationId,
    /// guid of the application.
    pub(crate) guid: String,
    /// Number and quantity of each line; nothing is all that is missing.
    pub(crate) lines: Vec<(u32, i64)>,
    /// The places of the site; `None` for who counts everywhere.
    pub(crate) places: Option<Vec<String>>,
}

/// The goods as they stand then.
#[derive(Debug, Clone)]
pub(crate) struct CountedGoods {
    pub(crate) row: ImportReturnRow,
    /// The request came before.
    pub(crate) repeated: bool,
    /// The accounts of the payer then.
    pub(crate) accounts: Vec<AccountView>,
}

impl GoodsCount {
    /// Of its request.
    pub(crate) fn key(&self) -> RequestKey {
        let (slot, id) = (self.declaration.slot(), self.request_id);
        RequestKey { slot, id, caller: self.caller.clone() }
    }

    /// Of the entry that it makes.
    pub(crate) fn entry_id(&self) -> Uuid {
        id_of(&format!("return/{}/{}/{}", self.guid, self.caller, self.request_id.0))
    }
}

/// Customs lets goods of a declaration come back: the site waits for them.
pub(crate) fn allow(
    step: &mut PaymentTransaction<'_>,
    id: DeclarationId,
    goods: &ReturnedGoods,
) -> Result<(), Fault> {
    if step.returns.get(&goods.guid).is_some() {
        return Ok(());
    }
    let bill = step.bill(id)?.clone();
    let released = bill.released_time.to_offset(CHINA).date();
    let days = tax::deadlines(&step.writer.numbers.parameters, released);
    let until = days
        .map_err(|absent| Fault::Broken(format!("the return of {id} has no days: {absent}")))?
        .goods_back;
    let term_over = until.next_day().unwrap_or(until).midnight().assume_offset(CHINA);
    step.return_terms.push(Item {
        slot: bill.slot(),
        id: id_of(&format!("return-term/{}", goods.guid)),
        kind: 0,
        subject: id_of(&format!("return/{}", goods.guid)),
        place: 0,
        body: term_body(id, &goods.guid),
        due: term_over,
        tries: 0,
    });
    let row = ImportReturnRow {
        id: Uuid::now_v7(),
        declaration: id,
        payer: bill.payer.clone(),
        agent_code: bill.case.agent_code.clone(),
        order_no: bill.case.order_no.clone(),
        loct_no: bill.case.loct_no.clone(),
        state: ImportReturnState::Awaited,
        back_until: until,
        returned_fen: 0,
        allowed_time: step.now,
        changed_time: step.now,
        goods: goods.clone(),
    };
    let (application, site) = (&goods.cop_no, site_of(&row));
    let (what, what_zh) = lines_in_words(&missing(&goods.lines));
    let text = format!(
        "goods may come back by application {application}: {what}; {site} waits for them until {until} [{LAW}]"
    );
    let text_zh =
        format!("退货申请{application}已放行：{what_zh}，待退回监管场所，期限{until}［{LAW}］");
    step.report(id, DutyStep::ReturnAllowed, &goods.guid, None, (text, text_zh), None)?;
    step.returns.keep(row);
    // It is collected when they are back, or on its last day.
    step.keep_bill(bill);
    Ok(())
}

/// What an item of the queue of terms says: the declaration and the application.
fn term_body(id: DeclarationId, guid: &str) -> Vec<u8> {
    [id.uuid().as_bytes().as_slice(), guid.as_bytes()].concat()
}

/// Reads it.
pub(crate) fn term_of(body: &[u8]) -> Option<(DeclarationId, String)> {
    let (id, guid) = body.split_at_checked(16)?;
    let id = DeclarationId::from_uuid(Uuid::from_slice(id).ok()?);
    Some((id, String::from_utf8(guid.to_vec()).ok()?))
}

fn site_of(row: &ImportReturnRow) -> String {
    if row.loct_no.is_empty() { "the site".to_owned() } else { format!("the site {}", row.loct_no) }
}

/// Quantities of lines in words, in both languages.
fn lines_in_words(lines: &[(u32, i64)]) -> (String, String) {
    let one = |(gnum, qty_e5): &(u32, i64)| format!("{} of line {gnum}", decimal(*qty_e5));
    let one_zh = |(gnum, qty_e5): &(u32, i64)| format!("第{gnum}项{}", decimal(*qty_e5));
    let english: Vec<String> = lines.iter().map(one).collect();
    let chinese: Vec<String> = lines.iter().map(one_zh).collect();
    (english.join(", "), chinese.join("、"))
}

/// A site counted goods. Within their term their tax is given back.
pub(crate) fn report(
    step: &mut PaymentTransaction<'_>,
    counted: &GoodsCount,
) -> Result<Result<CountedGoods, Refusal>, Fault> {
    let unknown = || Refusal::of(Code::NotFound).with("application", &counted.guid);
    let row = step.returns.get(&counted.guid).filter(|row| row.declaration == counted.declaration);
    let row = row.filter(|row| may_count(counted.places.as_deref(), &row.loct_no)).cloned();
    let Some(row) = row else { return Ok(Err(unknown())) };
    match step.requests.seen(&counted.key(), &counted.digest) {
        RequestStatus::New => {}
        RequestStatus::Same(_) => {
            let accounts = step.accounts_of(&row.payer)?;
            return Ok(Ok(CountedGoods { row, repeated: true, accounts }));
        }
        RequestStatus::Other(_) => return Ok(Err(Refusal::of(Code::RequestIdReused))),
    }
    let lines =
        if counted.lines.is_empty() { missing(&row.goods.lines) } else { counted.lines.clone() };
    let after = match count(&row.goods.lines, &lines) {
        Ok(_) if !matches!(row.state, ImportReturnState::Awaited | ImportReturnState::Lapsed) => {
            return Ok(Err(Refusal::of(Code::ReturnEnded).with("application", &counted.guid)));
        }
        Ok(_) if lines.is_empty() => {
            return Ok(Err(Refusal::of(Code::ReturnEnded).with("application", &counted.guid)));
        }
        Ok(after) => after,
        Err(faults) => return Ok(Err(Refusal::invalid(faults.iter().map(violation).collect()))),
    };
    // Its item may not have been looked at yet.
    if step.now.to_offset(CHINA).date() > row.back_until {
        end_term(step, &counted.guid)?;
    }
    let all = missing(&after).is_empty();
    let event = if all { ImportReturnEvent::AllCounted } else { ImportReturnEvent::PartCounted };
    let state = step.returns.get(&counted.guid).map_or(row.state, |row| row.state);
    let Some(state) = next(state, event) else {
        return Ok(Err(Refusal::of(Code::ReturnEnded).with("application", &counted.guid)));
    };
    let row = match state {
        ImportReturnState::Late => came_late(step, row, counted, &lines)?,
        ImportReturnState::Awaited | ImportReturnState::Back | ImportReturnState::Lapsed => {
            came(step, ImportReturnRow { state, ..row }, counted, (&lines, after))?
        }
    };
    step.requests.keep(counted.key(), counted.digest, Vec::new());
    let accounts = step.accounts_of(&row.payer)?;
    Ok(Ok(CountedGoods { row, repeated: false, accounts }))
}

/// Whether a site with these places counts goods there; one that is named by nobody counts where it is.
pub(crate) fn may_count(places: Option<&[String]>, loct_no: &str) -> bool {
    places.is_none_or(|places| loct_no.is_empty() || places.iter().any(|place| place == loct_no))
}

fn violation(fault: &CountFault) -> Violation {
    let CountFault { at, gnum, given_e5, missing_e5 } = *fault;
    let [counted, awaited] = [given_e5, missing_e5].map(decimal);
    Violation {
        code: Code::CountWrong,
        field: format!("$.lines[{at}].qty_e5"),
        text: format!("{counted} of line {gnum} were counted, {awaited} are awaited"),
        text_zh: format!("第{gnum}项理货{counted}，待退{awaited}"),
        customs_code: None,
    }
}

/// Goods are back: their tax is given back, and counts no more to the year of their buyer.
fn came(
    step: &mut PaymentTransaction<'_>,
    mut row: ImportReturnRow,
    counted: &GoodsCount,
    (lines, after): (&[(u32, i64)], Vec<ImportReturnLine>),
) -> Result<ImportReturnRow, Fault> {
    let (id, now) = (row.declaration, step.now);
    row.goods.lines = after;
    row.changed_time = now;
    let mut bill = step.bill(id)?.clone();
    let mut billed = bill.billed();
    let GivenBack { taxes, value_fen } = give_back(&mut billed, lines);
    for (line, billed) in bill.case.lines.iter_mut().zip(&billed) {
        line.billed = *billed;
    }
    let given: i64 = taxes.iter().sum();
    let duty = step.duty(id)?.clone();
    if given > 0 {
        // The bill has a leg for each tax that is not nothing.
        let of = bill.case.taxes().into_iter().zip(taxes);
        let amounts = of.filter(|(billed, _)| *billed > 0).map(|(_, back)| back).collect();
        let action = Action::Reverse { of: bill_entry_id(id), amounts };
        let mut entry = step.entry(&duty, (counted.entry_id(), "bill.given_back"), action, now)?;
        entry.basis.bill = Some(bill_entry_id(id));
        entry.basis.actor.clone_from(&counted.caller);
        entry.basis.rule = LAW.to_owned();
        step.ledger.apply(bill.slot(), &entry)?.map_err(|error| {
            Fault::Broken(format!("the tax of {id} cannot be given back: {error}"))
        })?;
        bill.returned_fen += given;
        row.returned_fen += given;
    }
    // Freight and insurance come back only with everything.
    step.purchases.restore(id, (!is_all_back(&billed)).then_some(value_fen))?;
    let all_back = is_all_back(&billed).then_some(BillEvent::AllBack);
    let void = all_back.and_then(|event| bill_rules::next(bill.status, event));
    if let Some(status) = void {
        bill.status = status;
        step.void(id, now)?;
        step.notify(&bill, Notice::Void, now)?;
    }
    let (payer, number) = (&bill.payer, tax_no(&bill.invt_no));
    let [back, left] = [given, bill.left_fen()].map(|fen| decimal(fen * FEN_E5));
    let (what, what_zh) = lines_in_words(lines);
    let (mut text, mut text_zh) = (
        format!(
            "{payer}: the site counted {what}: tax bill {number}, {back} CNY given back, {left} CNY left"
        ),
        format!("{payer}：监管场所已理货（{what_zh}），税单{number}，退还税款{back}元，余{left}元"),
    );
    if void.is_some() {
        text.push_str("; the bill is void");
        text_zh.push_str("，税单作废");
    }
    let missing = missing(&row.goods.lines);
    if !missing.is_empty() {
        let ((rest, rest_zh), until) = (lines_in_words(&missing), row.back_until);
        text.push_str(&format!("; the site waits for {rest} until {until}"));
        text_zh.push_str(&format!("；尚待退回{rest_zh}，期限{until}"));
    }
    let which = counted.entry_id().to_string();
    step.report(id, DutyStep::Returned, &which, None, (text, text_zh), None)?;
    step.returns.keep(row.clone());
    step.keep_bill(bill);
    Ok(row)
}

/// Goods came when their term was over: their tax stays.
fn came_late(
    step: &mut PaymentTransaction<'_>,
    row: ImportReturnRow,
    counted: &GoodsCount,
    lines: &[(u32, i64)],
) -> Result<ImportReturnRow, Fault> {
    let row = ImportReturnRow { state: ImportReturnState::Late, changed_time: step.now, ..row };
    let ((what, what_zh), until) = (lines_in_words(lines), row.back_until);
    let text = format!("the site counted {what} after {until}: too late, their tax stays [{LAW}]");
    let text_zh = format!("监管场所于{until}之后理货（{what_zh}）：已逾期，税款不退［{LAW}］");
    let which = format!("late/{}", counted.entry_id());
    let id = row.declaration;
    step.report(id, DutyStep::ReturnLapsed, &which, None, (text, text_zh), None)?;
    step.returns.keep(row.clone());
    Ok(row)
}

/// The last day of goods is over: the tax of what did not come stays, and the bill waits no more.
pub(crate) fn end_term(step: &mut PaymentTransaction<'_>, guid: &str) -> Result<(), Fault> {
    let Some(row) = step.returns.get(guid).cloned() else { return Ok(()) };
    let Some(state) = next(row.state, ImportReturnEvent::TermOver) else { return Ok(()) };
    let (id, until) = (row.declaration, row.back_until);
    let (application, site) = (&row.goods.cop_no, site_of(&row));
    let (what, what_zh) = lines_in_words(&missing(&row.goods.lines));
    let text = format!(
        "{site} did not report {what} of application {application} until {until}: their tax stays [{LAW}]"
    );
    let text_zh =
        format!("退货申请{application}：{what_zh}截至{until}未退回监管场所，税款不退［{LAW}］");
    step.report(id, DutyStep::ReturnLapsed, guid, None, (text, text_zh), None)?;
    step.returns.keep(ImportReturnRow { state, changed_time: step.now, ..row });
    let bill = step.bill(id)?.clone();
    step.keep_bill(bill);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_counts_at_its_places_and_where_none_is_named() {
        let places = ["4258000001".to_owned()];
        for (places, loct_no, may) in [
            (None, "4258000002", true),
            (Some(&places[..]), "4258000001", true),
            (Some(&places[..]), "4258000002", false),
            (Some(&places[..]), "", true),
            (Some(&[][..]), "4258000001", false),
        ] {
            assert_eq!(may_count(places, loct_no), may, "{places:?} {loct_no}");
        }
    }

    #[test]
    fn the_end_of_a_term_says_what_it_is_about() {
        let id = DeclarationId::from_uuid(Uuid::from_u128(7));
        assert_eq!(term_of(&term_body(id, "A-1")), Some((id, "A-1".to_owned())));
        assert_eq!(term_of(b"too short"), None);
    }
}
