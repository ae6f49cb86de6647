//! Messages become questions about money from abroad, and answers become messages.

use domain::DeclarationId;
use domain::payment::amount::shown;
use domain::payment::forex::{BrokenForexRule, Channel, ForexClass, ForexRecord, Lack};
use domain::payment::ledger::Currency;
use domain::payment::workdays::Workdays;
use domain::refusal::{Code, Refusal};
use proto::v1;
use uuid::Uuid;

use super::firm_rows::ForexFirm;
use super::match_rows::MatchRow;
use super::payments_rows::DeclaredPayment;
use super::quote_rows::QuoteRow;
use super::receipt_rows::{ReceiptRow, ReceiptStand};
use super::sale_rows::{SaleRow, SaleState};
use super::settlement_rows::{SettlementRow, SettlementStand};
use super::statement_balance::StatementBalance;

/// The thing of this id.
pub(super) fn id(text: &str, field: &'static str) -> Result<Uuid, Refusal> {
    Uuid::try_parse(text)
        .map_err(|_| Refusal::of(Code::NameMalformed).with("field", field).with("name", text))
}

pub(super) fn sale(row: &SaleRow, announced: i64) -> v1::Sale {
    let state = match row.state {
        SaleState::Filed => v1::SaleState::Filed,
        SaleState::Released => v1::SaleState::Released,
        SaleState::Ended => v1::SaleState::Ended,
    };
    v1::Sale {
        declaration: row.id.name(),
        order_no: row.order_no.clone(),
        firm: row.firm.clone(),
        ebc_code: row.ebc_code.clone(),
        trade_mode: row.trade_mode.clone(),
        state: state.into(),
        currency: row.currency.letters().to_owned(),
        amount: row.amount,
        received: row.received,
        settled: row.settled,
        filed_time: Some(proto::timestamp(row.filed_time)),
        announced,
    }
}

/// A state of receipts that is asked for.
pub(super) fn stand(wire: v1::ForexReceiptState) -> Option<ReceiptStand> {
    match wire {
        v1::ForexReceiptState::Unspecified => None,
        v1::ForexReceiptState::Unmatched => Some(ReceiptStand::Unmatched),
        v1::ForexReceiptState::Matched => Some(ReceiptStand::Matched),
        v1::ForexReceiptState::Reversed => Some(ReceiptStand::Reversed),
        v1::ForexReceiptState::Owed => Some(ReceiptStand::Owed),
    }
}

pub(super) fn receipt(row: &ReceiptRow, matches: &[MatchRow]) -> v1::ForexReceipt {
    let state = match row.state {
        ReceiptStand::Unmatched => v1::ForexReceiptState::Unmatched,
        ReceiptStand::Matched => v1::ForexReceiptState::Matched,
        ReceiptStand::Reversed => v1::ForexReceiptState::Reversed,
        ReceiptStand::Owed => v1::ForexReceiptState::Owed,
    };
    let part = |row: &MatchRow| v1::ReceiptMatch {
        declaration: row.declaration.name(),
        amount: row.amount,
        fee: row.fee,
        by_hand: row.by_hand,
    };
    v1::ForexReceipt {
        id: row.id.to_string(),
        owner: row.owner.clone(),
        line: row.line.clone(),
        currency: row.currency.letters().to_owned(),
        amount: row.amount,
        charges: row.charges,
        booked: row.booked.to_string(),
        reference: row.reference.clone(),
        state: state.into(),
        why: row.why.0.clone(),
        why_zh: row.why.1.clone(),
        matches: matches.iter().map(part).collect(),
        ordered: row.ordered,
        settled: row.settled,
        kept: row.kept,
        available: row.available(),
        owed: row.owed,
    }
}

pub(super) fn quote(row: &QuoteRow) -> v1::ForexQuote {
    v1::ForexQuote {
        id: row.id.to_string(),
        receipt: row.receipt.to_string(),
        currency: row.currency.letters().to_owned(),
        rate_e8: row.rate_e8,
        source: row.source.clone(),
        as_of: Some(proto::timestamp(row.as_of)),
        valid_until: Some(proto::timestamp(row.valid_until)),
        fixes_bought: row.fixes_bought,
        sold: row.sold,
        bought_fen: row.bought_fen,
    }
}

pub(super) fn remark(rule: &BrokenForexRule) -> v1::ForexRemark {
    let BrokenForexRule { code, text, text_zh, refuses: _, law } = rule.clone();
    v1::ForexRemark { code, text, text_zh, law }
}

pub(super) fn settlement(row: &SettlementRow) -> v1::Settlement {
    let state = match row.state {
        SettlementStand::Ordered => v1::SettlementState::Ordered,
        SettlementStand::Taken => v1::SettlementState::Taken,
        SettlementStand::Executed => v1::SettlementState::Executed,
        SettlementStand::PartlyExecuted => v1::SettlementState::PartlyExecuted,
        SettlementStand::Expired => v1::SettlementState::Expired,
        SettlementStand::Rejected => v1::SettlementState::Rejected,
    };
    let (why, why_zh) = late(row);
    v1::Settlement {
        id: row.id.to_string(),
        receipt: row.receipt.to_string(),
        owner: row.owner.clone(),
        currency: row.currency.letters().to_owned(),
        sold: row.sold,
        bought_fen: row.bought_fen,
        state: state.into(),
        executed_sold: row.executed_sold,
        executed_fen: row.executed_fen,
        fee_fen: row.fee_fen,
        reason: row.reason.clone(),
        ordered_time: Some(proto::timestamp(row.ordered_time)),
        changed_time: Some(proto::timestamp(row.changed_time)),
        late_sold: row.late_sold,
        late_fen: row.late_fen,
        why,
        why_zh,
        until_time: row.until_time.map(proto::timestamp),
    }
}

/// The end of a statement, beside what there should be.
pub(super) fn statement_balance(found: &StatementBalance) -> v1::StatementBalance {
    let (why, why_zh) = found.why();
    v1::StatementBalance {
        account: found.row.account.clone(),
        day: found.row.day.to_string(),
        number: found.row.number.clone(),
        currency: found.currency.letters().to_owned(),
        closing: found.row.closing,
        expected: found.row.expected,
        difference: found.difference(),
        why,
        why_zh,
    }
}

/// Why something of an order lies in suspense; empty where nothing does.
fn late(row: &SettlementRow) -> (String, String) {
    if row.late_sold == 0 && row.late_fen == 0 {
        return Default::default();
    }
    let sold = format!("{} {}", shown(row.currency, row.late_sold), row.currency.letters());
    let bought = shown(Currency::Cny, row.late_fen);
    let (english, chinese) = match row.state {
        SettlementStand::Rejected => {
            ("the bank executed it after it had rejected it", "银行拒绝后又执行")
        }
        SettlementStand::Expired => ("the bank executed it after its term", "银行逾期执行"),
        SettlementStand::Ordered
        | SettlementStand::Taken
        | SettlementStand::Executed
        | SettlementStand::PartlyExecuted => {
            ("the bank executed more than the order says", "银行执行金额超过指令")
        }
    };
    (
        format!("{english}: {sold} left, {bought} CNY came; assign it to its receipt"),
        format!("{chinese}：售出{sold}，到账{bought}元，待核查，请人工认领"),
    )
}

/// A receipt as it was declared.
pub(super) fn declared(row: &ReceiptRow, declared: &DeclaredPayment) -> v1::PaymentsRecord {
    let DeclaredPayment { number, record, country, is_refund, time } = declared;
    v1::PaymentsRecord {
        declared_time: Some(proto::timestamp(*time)),
        number: number.unsigned_abs(),
        is_refund: *is_refund,
        ..payments_record(row, record, country)
    }
}

/// A receipt as it would be declared, or what is missing.
pub(super) fn undeclared(
    row: &ReceiptRow,
    record: &Result<ForexRecord, Vec<Lack>>,
    country: &str,
) -> v1::PaymentsRecord {
    match record {
        Ok(record) => payments_record(row, record, country),
        Err(lacks) => v1::PaymentsRecord {
            country: country.to_owned(),
            missing: lacks.iter().map(ToString::to_string).collect(),
            missing_zh: lacks.iter().map(|lack| lack.zh().to_owned()).collect(),
            ..head(row)
        },
    }
}

fn head(row: &ReceiptRow) -> v1::PaymentsRecord {
    v1::PaymentsRecord {
        receipt: row.id.to_string(),
        owner: row.owner.clone(),
        booked: row.booked.to_string(),
        currency: row.currency.letters().to_owned(),
        amount: row.amount,
        is_refund: row.is_reversed(),
        ..v1::PaymentsRecord::default()
    }
}

fn payments_record(row: &ReceiptRow, record: &ForexRecord, country: &str) -> v1::PaymentsRecord {
    v1::PaymentsRecord {
        code: record.code.clone(),
        note: record.note.clone(),
        country: country.to_owned(),
        basic_until: record.basic_until.to_string(),
        declared_until: record.declared_until.to_string(),
        needs_report: record.needs_report,
        is_provisional: is_provisional(record),
        ..head(row)
    }
}

/// Whether a deadline was counted over days of which nobody has said yet whether they are worked.
fn is_provisional(record: &ForexRecord) -> bool {
    [record.basic_until, record.declared_until]
        .iter()
        .any(|day| !Workdays::built_in().is_announced(*day))
}

/// How a firm is supervised, as it is said.
pub(super) fn firm(asked: &v1::SetForexFirmRequest) -> Result<ForexFirm, Refusal> {
    let class = match asked.supervision_class() {
        v1::SupervisionClass::A => ForexClass::A,
        v1::SupervisionClass::B => ForexClass::B,
        v1::SupervisionClass::C => ForexClass::C,
        v1::SupervisionClass::Unspecified => {
            return Err(Refusal::of(Code::Required).with("field", "supervision_class"));
        }
    };
    let channel = match asked.channel() {
        v1::ForexChannel::BankOnDocuments => Channel::BankOnDocuments,
        v1::ForexChannel::Unspecified | v1::ForexChannel::BankOnTransactions => {
            Channel::BankOnTransactions
        }
        v1::ForexChannel::Institution => Channel::Institution,
    };
    Ok(ForexFirm {
        class,
        is_listed: asked.is_listed,
        channel,
        is_institution_listed: !asked.is_institution_unlisted,
    })
}

/// The declarations of these names.
pub(super) fn declarations(names: &[String]) -> Result<Vec<DeclarationId>, Refusal> {
    if names.is_empty() {
        return Err(Refusal::of(Code::Required).with("field", "declarations"));
    }
    names.iter().map(|name| crate::wire::declaration(name)).collect()
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn a_deadline_in_a_year_that_was_not_announced_is_provisional() {
        let record = |declared_until| ForexRecord {
            code: "122030".to_owned(),
            note: String::new(),
            basic_until: date!(2026 - 12 - 31),
            declared_until,
            needs_report: false,
            needs_settlement: true,
        };
        assert!(!is_provisional(&record(date!(2026 - 12 - 31))));
        // Nobody announces so far ahead.
        assert!(is_provisional(&record(date!(2999 - 01 - 04))));
    }
}
