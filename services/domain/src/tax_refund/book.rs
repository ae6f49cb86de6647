//! What was used: quantity and value of invoice lines and of export lines, each used once.
//!
//! A use joins a quantity of an export line to the same quantity of an invoice line, for one line of
//! one claim; a producer's use has no invoice. It is held from the proposal of the claim on, and freed
//! when the line falls away or its refund was recovered. What came back from abroad is never used
//! again. Sums are kept with each line, so a use costs the same however many there are.

use std::collections::{BTreeMap, BTreeSet};

use super::arithmetic::{FEN_MAX, QTY_E5_MAX, QuantityShare, part_of};
use super::invoice::{Invoice, InvoiceNumber, PlatformAnswer, Verification, verify};

/// A line of a goods declaration form (报关单): its number of 18 digits, and the line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExportKey {
    /// entryId.
    pub entry_id: String,
    /// The line, from 1.
    pub line: u32,
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InvoiceKey {
    /// The invoice.
    pub number: InvoiceNumber,
    /// The line, from 1.
    pub line: u32,
}

/// A line of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimLineKey {
    /// The claim.
    pub claim: u64,
    /// The line, from 1.
    pub line: u32,
}

/// One use.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Use {
    /// What was exported.
    pub export: ExportKey,
    /// What it was bought by; a producer has none.
    pub invoice: Option<InvoiceKey>,
    /// The quantity, 1/100000 of the unit of both.
    pub qty_e5: i64,
    /// What the export line is worth in it, FOB.
    pub fob_fen: i64,
    /// What the invoice line is worth in it, without tax.
    pub net_fen: i64,
}

/// Why something is not used, or not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UseError {
    /// It is there with other content.
    #[error("this is registered already, with other content")]
    Different,
    /// There is no such export line.
    #[error("no such export line is registered")]
    NoExport,
    /// There is no such invoice line.
    #[error("no such invoice line is registered")]
    NoInvoice,
    /// The invoice is not genuine, or not any more.
    #[error("the invoice is not verified as genuine")]
    NotGenuine,
    /// The units differ.
    #[error("the unit of the invoice is not that of the export line")]
    Unit,
    /// More than is left of the export line.
    #[error("the quantity is above what is left of the export line")]
    ExportUsedUp,
    /// More than is left of the invoice line.
    #[error("the quantity is above what is left of the invoice line")]
    InvoiceUsedUp,
    /// A quantity or an amount cannot be.
    #[error("a quantity or amount is not above zero, or too large")]
    Amount,
}

impl UseError {
    /// In Chinese.
    pub fn text_zh(self) -> &'static str {
        match self {
            Self::Different => "已登记，且内容不同",
            Self::NoExport => "没有登记该出口明细",
            Self::NoInvoice => "没有登记该发票明细",
            Self::NotGenuine => "发票未核验相符",
            Self::Unit => "发票计量单位与出口明细不同",
            Self::ExportUsedUp => "数量超过出口明细剩余数量",
            Self::InvoiceUsedUp => "数量超过发票明细剩余数量",
            Self::Amount => "数量或金额须大于0且不可过大",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ExportUse {
    unit: String,
    whole: QuantityShare,
    used: QuantityShare,
    returned_e5: i64,
    users: BTreeSet<ClaimLineKey>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RegisteredInvoice {
    invoice: Invoice,
    verification: Verification,
    /// By line.
    used: Vec<QuantityShare>,
    users: BTreeSet<ClaimLineKey>,
}

/// All exports, invoices and uses of one firm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Book {
    exports: BTreeMap<ExportKey, ExportUse>,
    invoices: BTreeMap<InvoiceNumber, RegisteredInvoice>,
    uses: BTreeMap<ClaimLineKey, Use>,
}

impl Book {
    /// Registers an export line; again with the same content changes nothing.
    ///
    /// # Errors
    ///
    /// It is there with other content, or its quantity or amount cannot be.
    pub fn export(
        &mut self,
        key: ExportKey,
        unit: &str,
        whole: QuantityShare,
    ) -> Result<(), UseError> {
        if !(1..=QTY_E5_MAX).contains(&whole.qty_e5) || !(0..=FEN_MAX).contains(&whole.fen) {
            return Err(UseError::Amount);
        }
        let (used, users) = (QuantityShare::default(), BTreeSet::new());
        let new = ExportUse { unit: unit.to_owned(), whole, used, returned_e5: 0, users };
        let held = self.exports.entry(key).or_insert(new);
        if held.unit == unit && held.whole == whole { Ok(()) } else { Err(UseError::Different) }
    }

    /// Registers an invoice, whose faults were looked for; again with the same content changes nothing.
    ///
    /// # Errors
    ///
    /// It is there with other content.
    pub fn register(&mut self, invoice: Invoice) -> Result<(), UseError> {
        let new = RegisteredInvoice {
            used: vec![QuantityShare::default(); invoice.lines.len()],
            verification: Verification::Pending,
            users: BTreeSet::new(),
            invoice: invoice.clone(),
        };
        let held = self.invoices.entry(invoice.number.clone()).or_insert(new);
        if held.invoice == invoice { Ok(()) } else { Err(UseError::Different) }
    }

    /// Takes an answer of the invoice platform. The claim lines that use an invoice which is not good
    /// any more: what was paid for them is to be recovered, the others fall away.
    ///
    /// # Errors
    ///
    /// There is no such invoice.
    pub fn verified(
        &mut self,
        number: &InvoiceNumber,
        answer: &PlatformAnswer,
    ) -> Result<Vec<ClaimLineKey>, UseError> {
        let held = self.invoices.get_mut(number).ok_or(UseError::NoInvoice)?;
        held.verification = verify(&held.invoice, &held.verification, answer);
        if held.verification == Verification::Genuine {
            return Ok(Vec::new());
        }
        Ok(held.users.iter().copied().collect())
    }

    /// How the verification of an invoice stands.
    pub fn verification(&self, number: &InvoiceNumber) -> Option<&Verification> {
        self.invoices.get(number).map(|held| &held.verification)
    }

    /// Uses a quantity for a line of a claim. Again with the same content gives the same use.
    ///
    /// # Errors
    ///
    /// The quantity is not there, the invoice not genuine, or the claim line has another use.
    pub fn hold(
        &mut self,
        by: ClaimLineKey,
        export: &ExportKey,
        invoice: Option<&InvoiceKey>,
        qty_e5: i64,
    ) -> Result<&Use, UseError> {
        if let Some(held) = self.uses.get(&by) {
            let same =
                held.export == *export && held.invoice.as_ref() == invoice && held.qty_e5 == qty_e5;
            return self.uses.get(&by).filter(|_| same).ok_or(UseError::Different);
        }
        if qty_e5 <= 0 {
            return Err(UseError::Amount);
        }
        let exported = self.exports.get(export).ok_or(UseError::NoExport)?;
        if qty_e5 > exported.left_e5() {
            return Err(UseError::ExportUsedUp);
        }
        let fob_fen =
            part_of(exported.whole, exported.used, qty_e5).ok_or(UseError::ExportUsedUp)?;
        let net_fen = match invoice {
            None => 0,
            Some(key) => self.net_of(key, &exported.unit, qty_e5)?,
        };
        let it =
            Use { export: export.clone(), invoice: invoice.cloned(), qty_e5, fob_fen, net_fen };
        self.change(by, &it, true);
        Ok(self.uses.entry(by).or_insert(it))
    }

    /// What a quantity of an invoice line is worth, if it may be used.
    fn net_of(&self, key: &InvoiceKey, unit: &str, qty_e5: i64) -> Result<i64, UseError> {
        let held = self.invoices.get(&key.number).ok_or(UseError::NoInvoice)?;
        let at = index(key).ok_or(UseError::NoInvoice)?;
        let (line, used) =
            held.invoice.lines.get(at).zip(held.used.get(at)).ok_or(UseError::NoInvoice)?;
        if held.verification != Verification::Genuine {
            return Err(UseError::NotGenuine);
        }
        if line.unit != unit {
            return Err(UseError::Unit);
        }
        part_of(line.whole, *used, qty_e5).ok_or(UseError::InvoiceUsedUp)
    }

    /// Frees what a line of a claim used; nothing when it uses nothing (any more).
    pub fn free(&mut self, by: ClaimLineKey) -> Option<Use> {
        let it = self.uses.remove(&by)?;
        self.change(by, &it, false);
        Some(it)
    }

    /// Frees a part of what a line of a claim uses: an advance refund that was settled in part. The
    /// values that stay used are rounded down.
    ///
    /// # Errors
    ///
    /// The line uses nothing, or not as much.
    pub fn reduce(&mut self, by: ClaimLineKey, keeps_e5: i64) -> Result<&Use, UseError> {
        let held = self.uses.get(&by).ok_or(UseError::NoExport)?.clone();
        let value = |fen| {
            let whole = QuantityShare { qty_e5: held.qty_e5, fen };
            part_of(whole, QuantityShare::default(), keeps_e5).ok_or(UseError::Amount)
        };
        let (fob_fen, net_fen) = (value(held.fob_fen)?, value(held.net_fen)?);
        let kept = Use { qty_e5: keeps_e5, fob_fen, net_fen, ..held.clone() };
        self.change(by, &held, false);
        self.change(by, &kept, true);
        let place = self.uses.entry(by).or_insert_with(|| kept.clone());
        *place = kept;
        Ok(place)
    }

    /// Goods of an export line came back. The claim lines that use more than there is left now, the
    /// latest first: their refund is to be given back.
    ///
    /// # Errors
    ///
    /// There is no such line, or more came back than left.
    pub fn returned(
        &mut self,
        export: &ExportKey,
        qty_e5: i64,
    ) -> Result<Vec<ClaimLineKey>, UseError> {
        let held = self.exports.get_mut(export).ok_or(UseError::NoExport)?;
        let back = held.returned_e5.checked_add(qty_e5).ok_or(UseError::Amount)?;
        if qty_e5 <= 0 || back > held.whole.qty_e5 {
            return Err(UseError::Amount);
        }
        held.returned_e5 = back;
        let mut over_e5 = -held.left_e5();
        let mut affected = Vec::new();
        for key in held.users.iter().rev() {
            if over_e5 <= 0 {
                break;
            }
            over_e5 -= self.uses.get(key).map_or(0, |it| it.qty_e5);
            affected.push(*key);
        }
        Ok(affected)
    }

    /// What is left of an export line; below zero when goods came back that are in a claim.
    pub fn export_left_e5(&self, export: &ExportKey) -> Option<i64> {
        self.exports.get(export).map(ExportUse::left_e5)
    }

    /// What was used of an invoice line.
    pub fn invoice_used(&self, key: &InvoiceKey) -> Option<QuantityShare> {
        self.invoices.get(&key.number)?.used.get(index(key)?).copied()
    }

    /// All uses.
    pub fn uses(&self) -> &BTreeMap<ClaimLineKey, Use> {
        &self.uses
    }

    /// Adds a use to the sums, or takes it off them.
    fn change(&mut self, by: ClaimLineKey, it: &Use, held: bool) {
        let sign = if held { 1 } else { -1 };
        let add = |used: &mut QuantityShare, fen: i64| {
            used.qty_e5 += sign * it.qty_e5;
            used.fen += sign * fen;
        };
        let note = |users: &mut BTreeSet<ClaimLineKey>| {
            if held { users.insert(by) } else { users.remove(&by) }
        };
        if let Some(exported) = self.exports.get_mut(&it.export) {
            add(&mut exported.used, it.fob_fen);
            note(&mut exported.users);
        }
        let Some(key) = &it.invoice else { return };
        let Some(registered) = self.invoices.get_mut(&key.number) else { return };
        note(&mut registered.users);
        if let Some(used) = index(key).and_then(|at| registered.used.get_mut(at)) {
            add(used, it.net_fen);
        }
    }
}

impl ExportUse {
    fn left_e5(&self) -> i64 {
        self.whole.qty_e5 - self.used.qty_e5 - self.returned_e5
    }
}

fn index(key: &InvoiceKey) -> Option<usize> {
    usize::try_from(key.line).ok()?.checked_sub(1)
}
