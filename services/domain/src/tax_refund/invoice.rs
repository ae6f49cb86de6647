//! Special VAT invoices (增值税专用发票): what is registered, and what the invoice platform says of it.
//!
//! ```text
//!  registered ──► PENDING ──► GENUINE ──► RED-LETTERED, VOID      (also after it was used)
//!                  │  ▲ │
//!                  ▼  │ └───► RED-LETTERED, VOID
//!          UNKNOWN, DIFFERS   asked again: an invoice may come to the platform late
//! ```
//!
//! Only a genuine one may be used. Void and red-lettered are final: a new invoice is needed.

use std::collections::BTreeSet;

use time::Date;

use super::arithmetic::{FEN_MAX, ONE_BP, QTY_E5_MAX, QuantityShare, half_up};

/// Fen by which the tax of a line may differ from net × rate: issuers round a line in their own way.
pub const TAX_TOLERANCE_FEN: i64 = 6;
/// Lines of one invoice; digital ones have up to 2,000 (unverified).
pub const INVOICE_LINES_MAX: usize = 2_000;

/// What an invoice is known by: digital ones have 20 digits, older ones a code and eight digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InvoiceNumber {
    code: String,
    number: String,
}

impl InvoiceNumber {
    /// Reads a number: `code` is empty for a digital invoice, otherwise of 10 or 12 digits.
    pub fn parse(code: &str, number: &str) -> Option<Self> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let shape = matches!((code.len(), number.len()), (0, 20) | (10 | 12, 8));
        (shape && digits(code) && digits(number))
            .then(|| Self { code: code.to_owned(), number: number.to_owned() })
    }
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InvoiceLine {
    /// Unit of its quantity.
    pub unit: String,
    /// Quantity, and amount without tax.
    pub whole: QuantityShare,
    /// The rate of its tax, in basis points.
    pub levy_bp: u32,
    /// Its tax.
    pub tax_fen: i64,
}

/// An invoice as a firm registers it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Invoice {
    /// What it is known by.
    pub number: InvoiceNumber,
    /// The supplier's code.
    pub seller: String,
    /// The exporter's code.
    pub buyer: String,
    /// Its day.
    pub issued: Date,
    /// Its lines, from 1.
    pub lines: Vec<InvoiceLine>,
}

/// What is wrong with an invoice on its face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvoiceFault {
    /// It has no line, or too many.
    #[error("an invoice has 1 to 2000 lines")]
    Lines,
    /// A quantity or amount is not above zero, or beyond all reason.
    #[error("line {0}: quantity and amount have to be above zero")]
    Amount(usize),
    /// The tax is not the amount times the rate.
    #[error("line {0}: the tax is not the amount times the rate")]
    Tax(usize),
    /// It is made out to somebody else.
    #[error("the buyer on the invoice is not the exporter")]
    Buyer,
}

impl InvoiceFault {
    /// In Chinese.
    pub fn text_zh(self) -> String {
        match self {
            Self::Lines => "发票须有1至2000行".into(),
            Self::Amount(line) => format!("第{line}行：数量和金额须大于0"),
            Self::Tax(line) => format!("第{line}行：税额与金额乘以税率不符"),
            Self::Buyer => "发票购买方不是出口企业".into(),
        }
    }
}

impl Invoice {
    /// Everything that is wrong with it on its face, when this firm registers it.
    pub fn faults(&self, exporter: &str) -> Vec<InvoiceFault> {
        let mut faults = Vec::new();
        if self.buyer != exporter {
            faults.push(InvoiceFault::Buyer);
        }
        if !(1..=INVOICE_LINES_MAX).contains(&self.lines.len()) {
            faults.push(InvoiceFault::Lines);
        }
        for (at, line) in self.lines.iter().enumerate() {
            let QuantityShare { qty_e5, fen } = line.whole;
            if !(1..=QTY_E5_MAX).contains(&qty_e5) || !(1..=FEN_MAX).contains(&fen) {
                faults.push(InvoiceFault::Amount(at + 1));
                continue;
            }
            let tax = half_up(fen, i64::from(line.levy_bp), ONE_BP);
            let near = tax
                .is_some_and(|tax| tax.abs_diff(line.tax_fen) <= TAX_TOLERANCE_FEN.unsigned_abs());
            if !near || i64::from(line.levy_bp) > ONE_BP {
                faults.push(InvoiceFault::Tax(at + 1));
            }
        }
        faults
    }

    /// Amount and tax of all lines. `None`: beyond all reason.
    pub fn totals(&self) -> Option<(i64, i64)> {
        self.lines.iter().try_fold((0_i64, 0_i64), |(net, tax), line| {
            Some((net.checked_add(line.whole.fen)?, tax.checked_add(line.tax_fen)?))
        })
    }
}

/// An element in which an invoice differs from what the platform has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InvoiceElement {
    /// The supplier.
    Seller,
    /// The exporter.
    Buyer,
    /// The day.
    Issued,
    /// Amount without tax.
    Net,
    /// Tax.
    Tax,
}

/// What the invoice platform answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlatformAnswer {
    /// It knows no such invoice, perhaps not yet.
    Unknown,
    /// The invoice was made void.
    Void,
    /// A red-letter invoice takes it back.
    RedLettered,
    /// It is there, with these elements.
    Found {
        /// The supplier's code.
        seller: String,
        /// The buyer's code.
        buyer: String,
        /// Its day.
        issued: Date,
        /// Amount without tax.
        net_fen: i64,
        /// Tax.
        tax_fen: i64,
    },
}

/// Where the verification of an invoice stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Verification {
    /// The platform was not heard yet.
    Pending,
    /// As the platform has it.
    Genuine,
    /// The platform does not know it.
    Unknown,
    /// The platform has it otherwise.
    Differs(BTreeSet<InvoiceElement>),
    /// Made void.
    Void,
    /// Taken back by a red-letter invoice.
    RedLettered,
}

impl Verification {
    /// Nothing makes it usable any more.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Void | Self::RedLettered)
    }

    /// In English and Chinese.
    pub fn titles(&self) -> (&'static str, &'static str) {
        match self {
            Self::Pending => ("not verified yet", "待核验"),
            Self::Genuine => ("genuine", "相符"),
            Self::Unknown => ("unknown to the invoice platform", "查无此票"),
            Self::Differs(_) => ("differs from the invoice platform", "不一致"),
            Self::Void => ("void", "作废"),
            Self::RedLettered => ("taken back by a red-letter invoice", "已红冲"),
        }
    }
}

/// What an answer makes of an invoice. Final is final, and a genuine one does not become unknown or
/// different again: such an answer is a fault of the platform, or overtaken.
pub fn verify(invoice: &Invoice, now: &Verification, answer: &PlatformAnswer) -> Verification {
    let then = match answer {
        PlatformAnswer::Unknown => Verification::Unknown,
        PlatformAnswer::Void => Verification::Void,
        PlatformAnswer::RedLettered => Verification::RedLettered,
        PlatformAnswer::Found { seller, buyer, issued, net_fen, tax_fen } => {
            let totals = invoice.totals();
            let compared = [
                (InvoiceElement::Seller, *seller == invoice.seller),
                (InvoiceElement::Buyer, *buyer == invoice.buyer),
                (InvoiceElement::Issued, *issued == invoice.issued),
                (InvoiceElement::Net, totals.is_some_and(|(net, _)| net == *net_fen)),
                (InvoiceElement::Tax, totals.is_some_and(|(_, tax)| tax == *tax_fen)),
            ];
            let differs: BTreeSet<_> = compared
                .into_iter()
                .filter(|(_, same)| !same)
                .map(|(element, _)| element)
                .collect();
            if differs.is_empty() { Verification::Genuine } else { Verification::Differs(differs) }
        }
    };
    let stays = now.is_final() || *now == Verification::Genuine && !then.is_final();
    if stays { now.clone() } else { then }
}
