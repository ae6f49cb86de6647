//! Messages become questions, and answers become messages.

use domain::CHINA;
use domain::Declaration;
use domain::documents::ReceiptStatus;
use domain::payment::bill::BillStatus;
use domain::payment::declared;
use domain::payment::duty::DutyState;
use domain::payment::import_list::Remark;
use domain::payment::import_return::{ImportReturnLine, ImportReturnState};
use domain::payment::ledger::{Account, Action, Currency, HoldState, Leg, Purpose, Record, Totals};
use domain::payment::parameter_set::ParameterSet;
use domain::payment::parameters;
use domain::payment::tax::Comparison;
use domain::principal::ALL_PLACES;
use domain::refusal::{Code, Refusal};
use domain::rules::{FEN_E5, decimal};
use domain::{DeclarationId, Kind, Principal, Slot, limits};
use proto::duty::{band_word, parameter_files, tax_step};
use proto::v1;
use time::{Date, OffsetDateTime};

use crate::account_view::AccountView;
use crate::bill_rows::{DutyOrderRow, tax_no};
use crate::duty_rows::DutyRow;
use crate::import_return_rows::{ImportReturnRow, state_column};
use crate::read::{BillView, HoldView};
use crate::recompute::RecomputedDuty;

/// No amount is above this: ten thousand million yuan.
const AMOUNT_FEN_MAX: i64 = 1_000_000_000_000;

/// Whether a caller sees what is about these firms.
pub(crate) fn may_see<'a>(
    principal: &Principal,
    firms: impl IntoIterator<Item = &'a String>,
) -> bool {
    principal.owners().is_none_or(|owners| firms.into_iter().any(|firm| owners.contains(firm)))
}

/// Whose money is asked for: the named firm's, which the caller has to see, or its own.
pub(crate) fn own(principal: &Principal, owner: String) -> Result<String, Refusal> {
    let owner = if owner.is_empty() { principal.customs_code.clone() } else { owner };
    if owner.is_empty() {
        return Err(Refusal::of(Code::Required).with("field", "owner"));
    }
    if owner.len() > OWNER_BYTES_MAX {
        return Err(Refusal::of(Code::TooLong).with("field", "owner"));
    }
    if !may_see(principal, [&owner]) {
        return Err(Refusal::of(Code::NotFound).with("name", owner));
    }
    Ok(owner)
}

/// A firm's code has 10 or 18 letters and digits.
const OWNER_BYTES_MAX: usize = 30;

/// An amount in fen, at least so much.
pub(crate) fn amount(fen: i64, least: i64) -> Result<i64, Refusal> {
    if (least..=AMOUNT_FEN_MAX).contains(&fen) {
        return Ok(fen);
    }
    let refusal = Refusal::of(Code::NumberOutOfRange).with("field", "amount_fen");
    Err(refusal.with("least", least).with("most", AMOUNT_FEN_MAX))
}

/// The slots whose books are to be recomputed, from the one on with which the caller begins.
pub(crate) fn slots_to_verify(asked: &v1::VerifyLedgerRequest) -> Result<Vec<Slot>, Refusal> {
    let all: Vec<Slot> = match asked.owner.as_str() {
        "" => Slot::all().skip_while(|slot| slot.number() < asked.from_slot).collect(),
        owner if asked.from_slot == 0 => vec![Slot::of(owner)],
        _ => Vec::new(),
    };
    if all.is_empty() {
        let most = if asked.owner.is_empty() { u8::MAX } else { 0 };
        let refusal = Refusal::of(Code::NumberOutOfRange).with("field", "from_slot");
        return Err(refusal.with("least", 0).with("most", most));
    }
    Ok(all)
}

/// A reference in the words of the caller.
pub(crate) fn reference(text: String) -> Result<String, Refusal> {
    if text.chars().count() > limits::TEXT_MAX {
        return Err(Refusal::of(Code::TooLong).with("field", "reference"));
    }
    Ok(text)
}

/// The declaration of this name.
pub(crate) fn declaration(name: &str) -> Result<DeclarationId, Refusal> {
    let malformed = || Refusal::of(Code::NameMalformed).with("name", name);
    DeclarationId::parse(name).ok_or_else(malformed)
}

/// A time, where one is given.
pub(crate) fn time(
    wire: Option<pbjson_types::Timestamp>,
    field: &'static str,
) -> Result<Option<OffsetDateTime>, Refusal> {
    let refusal = || Refusal::of(Code::DateWrong).with("field", field);
    wire.map(|wire| proto::time(wire).ok_or_else(refusal)).transpose()
}

/// A purpose on the wire.
pub(crate) fn purpose(purpose: Purpose) -> v1::Purpose {
    match purpose {
        Purpose::Guarantee => v1::Purpose::Guarantee,
        Purpose::DutyPayable => v1::Purpose::DutyPayable,
        Purpose::DutyPaid => v1::Purpose::DutyPaid,
        Purpose::ForexReceivable => v1::Purpose::ForexReceivable,
        Purpose::Settlement => v1::Purpose::Settlement,
        Purpose::Fees => v1::Purpose::Fees,
        Purpose::Suspense => v1::Purpose::Suspense,
        Purpose::Revenue => v1::Purpose::Revenue,
        Purpose::ReversalPayable => v1::Purpose::ReversalPayable,
    }
}

/// The account that is asked for; in yuan and the guarantee, where nothing is said.
pub(crate) fn account_of(owner: String, currency: &str, purpose: i32) -> Result<Account, Refusal> {
    let unknown = |field: &'static str| Refusal::of(Code::CodeUnknown).with("field", field);
    let currency = match currency {
        "" => Currency::Cny,
        letters => Currency::of(letters).ok_or_else(|| unknown("currency"))?,
    };
    let purpose = match v1::Purpose::try_from(purpose) {
        Ok(v1::Purpose::Unspecified) => Purpose::Guarantee,
        Ok(asked) => {
            let found = Purpose::ALL.into_iter().find(|it| self::purpose(*it) == asked);
            found.ok_or_else(|| unknown("purpose"))?
        }
        Err(_) => return Err(unknown("purpose")),
    };
    Ok(Account { owner, currency, purpose })
}

/// An account as it is shown.
pub(crate) fn account(account: &Account, totals: &Totals, credit_line: i64) -> v1::Account {
    // Each total is a column, and so is what is left of them.
    let fits = |amount: i128| i64::try_from(amount).unwrap_or(i64::MAX);
    let Totals { debits, credits, held_debits, held_credits } = *totals;
    v1::Account {
        owner: account.owner.clone(),
        currency: account.currency.letters().to_owned(),
        purpose: purpose(account.purpose).into(),
        debits,
        credits,
        held_debits,
        held_credits,
        balance: fits(totals.balance()),
        credit_line,
        available: fits(totals.free() + i128::from(credit_line)),
    }
}

/// An account as it was read.
pub(crate) fn account_view(view: &AccountView) -> v1::Account {
    account(&view.account, &view.totals, view.credit_line)
}

/// An entry as it is shown.
pub(crate) fn entry(number: i64, record: &Record) -> v1::LedgerEntry {
    let (entry, basis) = (&record.entry, &record.entry.basis);
    let (action, held): (_, &[Leg]) = match &entry.action {
        Action::Transfer(_) => ("transfer", &[]),
        Action::Hold { legs, .. } => ("hold", legs),
        Action::Post { .. } => ("post", &[]),
        Action::Void(_) => ("void", &[]),
        Action::Expire(_) => ("expire", &[]),
        Action::Reverse { .. } => ("reverse", &[]),
        Action::SetCreditLine(_) => ("credit-line", &[]),
    };
    let leg = |leg: &Leg, held| v1::Leg {
        from_owner: leg.from.owner.clone(),
        from_purpose: purpose(leg.from.purpose).into(),
        to_owner: leg.to.owner.clone(),
        to_purpose: purpose(leg.to.purpose).into(),
        currency: leg.from.currency.letters().to_owned(),
        amount: leg.amount,
        held,
    };
    let kept = held.iter().map(|it| leg(it, true));
    let legs = kept.chain(record.moved.iter().map(|it| leg(it, false))).collect();
    v1::LedgerEntry {
        number,
        id: entry.id.to_string(),
        action: action.to_owned(),
        event: basis.event.clone(),
        declaration: proto::text(basis.declaration.map(|id| DeclarationId::from_uuid(id).name())),
        actor: basis.actor.clone(),
        rule: basis.rule.clone(),
        // A bill has no name of its own: it is that of its declaration.
        bill: proto::text(
            basis
                .declaration
                .filter(|_| basis.bill.is_some())
                .map(|id| format!("{}/bill", DeclarationId::from_uuid(id).name())),
        ),
        effective_time: Some(proto::timestamp(entry.effective)),
        recorded_time: Some(proto::timestamp(entry.recorded)),
        legs,
    }
}

/// A state of holds that is asked for.
pub(crate) fn hold_state(wire: v1::HoldState) -> Result<Option<HoldState>, Refusal> {
    Ok(match wire {
        v1::HoldState::Unspecified => None,
        v1::HoldState::Open => Some(HoldState::Open),
        v1::HoldState::Posted => Some(HoldState::Posted),
        v1::HoldState::Voided => Some(HoldState::Voided),
        v1::HoldState::Expired => Some(HoldState::Expired),
    })
}

/// A hold as it is shown.
pub(crate) fn hold(hold: &HoldView) -> v1::Hold {
    let state = match hold.state {
        HoldState::Open => v1::HoldState::Open,
        HoldState::Posted => v1::HoldState::Posted,
        HoldState::Voided => v1::HoldState::Voided,
        HoldState::Expired => v1::HoldState::Expired,
    };
    v1::Hold {
        id: hold.id.to_string(),
        owner: hold.owner.clone(),
        currency: hold.currency.clone(),
        amount: hold.amount,
        state: state.into(),
        declaration: proto::text(hold.declaration.map(|id| DeclarationId::from_uuid(id).name())),
        opened_time: Some(proto::timestamp(hold.opened_time)),
        ended_time: hold.ended_time.map(proto::timestamp),
    }
}

/// A state of duties that is asked for.
pub(crate) fn duty_state(wire: v1::DutyState) -> Option<DutyState> {
    match wire {
        v1::DutyState::Unspecified => None,
        v1::DutyState::Unassessed => Some(DutyState::Unassessed),
        v1::DutyState::Short => Some(DutyState::Short),
        v1::DutyState::Secured => Some(DutyState::Secured),
        v1::DutyState::Ended => Some(DutyState::Ended),
        v1::DutyState::Billed => Some(DutyState::Billed),
        v1::DutyState::OverLimit => Some(DutyState::OverLimit),
    }
}

/// A duty as it is shown.
pub(crate) fn duty(row: &DutyRow) -> v1::ImportDuty {
    let state = match row.state {
        // Never kept.
        DutyState::Open => v1::DutyState::Unspecified,
        DutyState::Unassessed => v1::DutyState::Unassessed,
        DutyState::Short => v1::DutyState::Short,
        DutyState::Secured => v1::DutyState::Secured,
        DutyState::Ended => v1::DutyState::Ended,
        DutyState::Billed => v1::DutyState::Billed,
        DutyState::OverLimit => v1::DutyState::OverLimit,
    };
    v1::ImportDuty {
        declaration: row.id.name(),
        version: row.version,
        state: state.into(),
        payer: row.payer.clone(),
        amount_fen: row.amount_fen,
        hold_id: proto::text(row.hold_id.map(|id| id.to_string())),
        invt_no: row.invt_no.clone(),
        filed_time: Some(proto::timestamp(row.filed_time)),
        changed_time: Some(proto::timestamp(row.changed_time)),
    }
}

/// The day by whose numbers a tax is asked for, where one is named.
pub(crate) fn calculation_day(text: &str) -> Result<Option<Date>, Refusal> {
    let refusal = || Refusal::of(Code::DateWrong).with("field", "day");
    if text.is_empty() {
        return Ok(None);
    }
    parameters::date(text).map(Some).ok_or_else(refusal)
}

/// What an import would cost by the numbers of a day, or everything that is missing to say so.
pub(crate) fn calculation(
    set: &ParameterSet,
    declared: &Declaration,
    day: Date,
) -> v1::CalculateDutyResponse {
    let (parameters, files) = (&set.parameters, parameter_files(set));
    let unknown = v1::CalculateDutyResponse { day: day.to_string(), files, ..Default::default() };
    let assessed = match declared::assess(parameters, declared, Some(day)) {
        Ok(assessed) => assessed,
        Err(violations) => {
            let missing = violations.into_iter().map(v1::Violation::from).collect();
            return v1::CalculateDutyResponse { missing, ..unknown };
        }
    };
    let Comparison { within, full, applies } = &assessed.comparison;
    let remark = |it: &Remark| v1::ImportRemark { text: it.to_string(), text_zh: it.zh() };
    let reason = |it: &ReceiptStatus| v1::Reason { code: it.code(), text: it.info.clone() };
    v1::CalculateDutyResponse {
        applies: proto::text(applies.as_ref().ok().map(|band| band_word(*band).to_owned())),
        within: Some(tax_step(&within.trace, parameters)),
        full: Some(tax_step(&full.trace, parameters)),
        refusal: applies.as_ref().err().map(reason),
        remarks: assessed.remarks.iter().map(remark).collect(),
        ..unknown
    }
}

/// A duty that comes out otherwise than it was kept; `None` when nothing does.
pub(crate) fn duty_difference(duty: &RecomputedDuty) -> Option<v1::DutyDifference> {
    let RecomputedDuty { id, version, amount_fen, found } = duty;
    let mut differences = found.differences.clone();
    if found.kept_fen != *amount_fen {
        let [was, is] = [*amount_fen, found.kept_fen].map(|fen| decimal(fen * FEN_E5));
        let english = format!("the duty is {was}, and its calculation comes to {is}");
        differences.push((english, format!("税款为{was}，而其计算结果为{is}")));
    }
    let (texts, texts_zh): (Vec<_>, Vec<_>) = differences.into_iter().unzip();
    let found = v1::DutyDifference {
        declaration: id.name(),
        version: *version,
        kept_fen: found.kept_fen,
        computed_fen: found.computed_fen,
        by_other_files: found.by_other_files,
        texts,
        texts_zh,
    };
    (!found.texts.is_empty()).then_some(found)
}

/// A status of bills that is asked for, as it is in its column.
pub(crate) fn bill_status(wire: v1::BillStatus) -> Option<i16> {
    match wire {
        v1::BillStatus::Unspecified => None,
        v1::BillStatus::MadeOut => Some(1),
        v1::BillStatus::Collected => Some(2),
        v1::BillStatus::Void => Some(3),
    }
}

/// The day in China.
pub(crate) fn today(now: OffsetDateTime) -> Date {
    now.to_offset(CHINA).date()
}

/// A bill as it is shown on a day, without its lines.
pub(crate) fn bill(bill: &BillView, today: Date) -> v1::Bill {
    let BillView { row, paid_time } = bill;
    let status = match row.status {
        BillStatus::MadeOut => v1::BillStatus::MadeOut,
        BillStatus::Collected => v1::BillStatus::Collected,
        BillStatus::Void => v1::BillStatus::Void,
    };
    let owed = paid_time.is_none() && row.left_fen() > 0;
    v1::Bill {
        declaration: row.id.name(),
        tax_no: tax_no(&row.invt_no),
        invt_no: row.invt_no.clone(),
        payer: row.payer.clone(),
        status: status.into(),
        customs_tax_fen: row.case.customs_tax_fen,
        vat_fen: row.case.vat_fen,
        consumption_fen: row.case.consumption_fen,
        returned_fen: row.returned_fen,
        released_time: Some(proto::timestamp(row.released_time)),
        due_from: row.due_from.to_string(),
        due_until: row.due_until.to_string(),
        ent_duty_no: row.ent_duty_no.clone(),
        lines: Vec::new(),
        paid_time: paid_time.map(proto::timestamp),
        overdue: owed && row.due_until < today,
    }
}

/// A payment order as it is shown on a day.
pub(crate) fn duty_order(order: &DutyOrderRow, today: Date) -> v1::DutyOrder {
    v1::DutyOrder {
        ent_duty_no: order.ent_duty_no.clone(),
        payer: order.payer.clone(),
        amount_fen: order.amount_fen,
        bills: order.bills,
        made_time: Some(proto::timestamp(order.made_time)),
        due_until: order.due_until.to_string(),
        paid_time: order.paid_time.map(proto::timestamp),
        overdue: order.paid_time.is_none() && order.due_until < today,
        paid_fen: order.paid_fen,
        reason: order.reason.clone(),
    }
}

/// A state of returns that is asked for, as it is in its column.
pub(crate) fn return_state(wire: v1::ImportReturnState) -> Option<i16> {
    let state = match wire {
        v1::ImportReturnState::Unspecified => return None,
        v1::ImportReturnState::Awaited => ImportReturnState::Awaited,
        v1::ImportReturnState::Back => ImportReturnState::Back,
        v1::ImportReturnState::Lapsed => ImportReturnState::Lapsed,
        v1::ImportReturnState::Late => ImportReturnState::Late,
    };
    Some(state_column(state))
}

/// Goods that may come back as they are shown.
pub(crate) fn import_return(row: &ImportReturnRow) -> v1::ImportReturn {
    let state = match row.state {
        ImportReturnState::Awaited => v1::ImportReturnState::Awaited,
        ImportReturnState::Back => v1::ImportReturnState::Back,
        ImportReturnState::Lapsed => v1::ImportReturnState::Lapsed,
        ImportReturnState::Late => v1::ImportReturnState::Late,
    };
    let line = |line: &ImportReturnLine| {
        let ImportReturnLine { gnum, applied_e5, counted_e5 } = *line;
        v1::ImportReturnLine { gnum, applied_e5, counted_e5 }
    };
    v1::ImportReturn {
        application: row.goods.guid.clone(),
        cop_no: row.goods.cop_no.clone(),
        declaration: row.declaration.name(),
        invt_no: row.goods.invt_no.clone(),
        order_no: row.order_no.clone(),
        logistics_no: row.goods.logistics_no.clone(),
        loct_no: row.loct_no.clone(),
        payer: row.payer.clone(),
        state: state.into(),
        back_until: row.back_until.to_string(),
        lines: row.goods.lines.iter().map(line).collect(),
        returned_fen: row.returned_fen,
        allowed_time: Some(proto::timestamp(row.allowed_time)),
        changed_time: Some(proto::timestamp(row.changed_time)),
    }
}

/// At which places a caller counts goods, or sees those that are counted; `None` for every one.
pub(crate) fn places(principal: &Principal) -> Option<Vec<String>> {
    let is_site = principal.kind == Kind::Site;
    let everywhere = principal.places.iter().any(|place| place == ALL_PLACES);
    (is_site && !everywhere).then(|| principal.places.clone())
}
