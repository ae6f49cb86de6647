//! What the payment service keeps of money from abroad, and what it tells a bank: written and read here.

use domain::payment::ledger::Currency;
use domain::{DeclarationId, history};
use prost::Message as _;

use crate::schema::single_window::stored::v1 as stored;
use crate::v1;

/// Who paid, and what was written.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ReceiptDetails {
    /// Name of whoever paid.
    pub party: String,
    /// Texts, each as it came.
    pub texts: Vec<String>,
}

impl std::fmt::Debug for ReceiptDetails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiptDetails(masked)")
    }
}

impl ReceiptDetails {
    /// As it is kept, to be encrypted.
    pub fn encode(&self) -> Vec<u8> {
        let Self { party, texts } = self.clone();
        stored::ReceiptDetails { party, texts }.encode_to_vec()
    }

    /// Reads what was kept; `None` when it is none, which only a damaged database can cause.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let stored::ReceiptDetails { party, texts } = stored::ReceiptDetails::decode(bytes).ok()?;
        Some(Self { party, texts })
    }
}

/// The transaction information of an export, for a bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleInformation {
    /// Which one.
    pub declaration: DeclarationId,
    /// Number of its order.
    pub order_no: String,
    /// Supervision mode.
    pub trade_mode: String,
    /// Who exports.
    pub firm: String,
    /// Its currency.
    pub currency: Currency,
    /// What the goods cost, in the minor unit.
    pub amount: i64,
}

/// An order to a bank as the facts of a journal entry.
pub fn order_facts(document: String) -> Vec<u8> {
    notice_facts(v1::bank_notice::What::Document(document))
}

/// The information about an export as the facts of a journal entry.
pub fn sale_facts(sale: &SaleInformation) -> Vec<u8> {
    let SaleInformation { declaration, order_no, trade_mode, firm, currency, amount } = sale;
    notice_facts(v1::bank_notice::What::Trade(v1::TradeInformation {
        declaration: declaration.name(),
        order_no: order_no.clone(),
        trade_mode: trade_mode.clone(),
        firm: firm.clone(),
        currency: currency.letters().to_owned(),
        amount: *amount,
    }))
}

/// For which subscribers these facts are.
pub const BANK_TOPIC: i32 = history::topic::BANK;

fn notice_facts(what: v1::bank_notice::What) -> Vec<u8> {
    let kind = v1::fact::Kind::BankNotice(v1::BankNotice { what: Some(what) });
    let facts = vec![v1::Fact { kind: Some(kind) }];
    v1::Facts { facts, waits_for: Vec::new() }.encode_to_vec()
}

/// What a bank paid of a payment order of bills (缴款书).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyPayment {
    /// Who owes them.
    pub payer: String,
    /// Number of the order.
    pub ent_duty_no: String,
    /// What was paid.
    pub amount_fen: i64,
    /// The bank's reference.
    pub reference: String,
}

impl DutyPayment {
    /// As it waits in its queue.
    pub fn encode(&self) -> Vec<u8> {
        let Self { payer, ent_duty_no, amount_fen, reference } = self.clone();
        stored::DutyPayment { payer, ent_duty_no, amount_fen, reference }.encode_to_vec()
    }

    /// Reads what waited; `None` when it is none, which only a damaged database can cause.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let stored::DutyPayment { payer, ent_duty_no, amount_fen, reference } =
            stored::DutyPayment::decode(bytes).ok()?;
        Some(Self { payer, ent_duty_no, amount_fen, reference })
    }
}

/// Tax of a line of a claim that the tax office paid back (退税), or that it got back again (追回).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRefund {
    /// Whose claim.
    pub firm: String,
    /// Name of the claim.
    pub claim: String,
    /// Its line.
    pub line: u32,
    /// How much.
    pub fen: i64,
    /// The tax office got it back.
    pub is_recovery: bool,
    /// When, in microseconds since 1970.
    pub time: i64,
    /// Number of the payment, or of the negative claim: a line may be recovered in parts.
    pub number: u64,
}

impl TaxRefund {
    /// As it waits in its queue.
    pub fn encode(&self) -> Vec<u8> {
        let Self { firm, claim, line, fen, is_recovery, time, number } = self.clone();
        stored::TaxRefund { firm, claim, line, fen, is_recovery, time, number }.encode_to_vec()
    }

    /// Reads what waited; `None` when it is none, which only a damaged database can cause.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let stored::TaxRefund { firm, claim, line, fen, is_recovery, time, number } =
            stored::TaxRefund::decode(bytes).ok()?;
        Some(Self { firm, claim, line, fen, is_recovery, time, number })
    }
}
