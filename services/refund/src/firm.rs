//! How firms get their refunds, from day to day.

use std::collections::{BTreeMap, BTreeSet};

use domain::Slot;
use domain::refusal::{Code, Refusal};
use domain::tax_refund::entitlement::{Firm, FirmClass, FirmKind, WithoutInvoice};
use domain::tax_refund::firm_terms::FirmTerms;
use domain::tax_refund::parity::ParityBasis;
use sqlx::PgConnection;
use store::{Fault, column};
use time::{Date, OffsetDateTime};

/// How a firm gets its refunds, as the tax office or the operator says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FirmChange {
    pub(crate) firm: String,
    /// `None` for today.
    pub(crate) valid_from: Option<Date>,
    pub(crate) kind: FirmKind,
    pub(crate) class: FirmClass,
    pub(crate) exempt_without_invoice: bool,
    pub(crate) waived_from: Option<Date>,
    pub(crate) parity: ParityBasis,
}

impl FirmChange {
    /// The terms that it says.
    fn terms(&self) -> Firm {
        let without_invoice = match self.exempt_without_invoice {
            true => WithoutInvoice::Exempt,
            false => WithoutInvoice::Domestic,
        };
        Firm {
            kind: self.kind,
            class: self.class,
            parity: self.parity,
            parity_since: None,
            waived_from: self.waived_from,
            without_invoice,
        }
    }
}

pub(crate) fn kind_column(kind: FirmKind) -> i16 {
    match kind {
        FirmKind::Trader => 1,
        FirmKind::Producer => 2,
    }
}

pub(crate) fn kind(found: i16) -> Result<FirmKind, Fault> {
    column::value("method of a firm", [FirmKind::Trader, FirmKind::Producer], kind_column, found)
}

fn parity_column(parity: ParityBasis) -> i16 {
    match parity {
        ParityBasis::DayOfExport => 1,
        ParityBasis::FirstOfMonth => 2,
    }
}

pub(crate) fn class_column(class: FirmClass) -> i16 {
    match class {
        FirmClass::First => 1,
        FirmClass::Second => 2,
        FirmClass::Third => 3,
        FirmClass::Fourth => 4,
    }
}

fn parity(found: i16) -> Result<ParityBasis, Fault> {
    let all = [ParityBasis::DayOfExport, ParityBasis::FirstOfMonth];
    column::value("parity of a firm", all, parity_column, found)
}

/// The class of this number.
pub(crate) fn class(number: i16) -> Option<FirmClass> {
    let all = [FirmClass::First, FirmClass::Second, FirmClass::Third, FirmClass::Fourth];
    all.into_iter().find(|class| class_column(*class) == number)
}

/// The method of this firm today.
pub(crate) async fn terms_of(tx: &mut PgConnection, firm: &str) -> Result<FirmTerms, Fault> {
    let mut found = load(tx, &[firm.to_owned()].into()).await?;
    found.remove(firm).ok_or_else(|| Fault::Broken("a firm was not loaded".to_owned()))
}

/// How these firms get their refunds.
pub(crate) async fn load(
    tx: &mut PgConnection,
    firms: &BTreeSet<String>,
) -> Result<BTreeMap<String, FirmTerms>, Fault> {
    let mut found: BTreeMap<&String, Vec<(Date, Firm)>> =
        firms.iter().map(|firm| (firm, Vec::new())).collect();
    let names: Vec<&str> = firms.iter().map(String::as_str).collect();
    let slots: Vec<i16> = firms.iter().map(|firm| Slot::of(firm).column()).collect();
    let rows = sqlx::query!(
        "select f.firm, f.valid_from, f.method, f.class, f.exempt_without_invoice, f.waived_from, f.parity
         from unnest($1::smallint[], $2::text[]) as wanted (slot, firm)
         join refund_firm f on f.slot = wanted.slot and f.firm = wanted.firm",
        &slots,
        &names as &[&str]
    )
    .fetch_all(tx)
    .await?;
    for row in rows {
        let unknown = || Fault::Broken(format!("a firm has the class {}", row.class));
        let without = match row.exempt_without_invoice {
            true => WithoutInvoice::Exempt,
            false => WithoutInvoice::Domestic,
        };
        let firm = Firm {
            kind: kind(row.method)?,
            class: class(row.class).ok_or_else(unknown)?,
            parity: parity(row.parity)?,
            parity_since: None,
            waived_from: row.waived_from,
            without_invoice: without,
        };
        if let Some(rows) = found.get_mut(&row.firm) {
            rows.push((row.valid_from, firm));
        }
    }
    Ok(found.into_iter().map(|(name, rows)| (name.clone(), FirmTerms::kept(rows))).collect())
}

/// Writes it down, where the terms that hold allow it.
pub(crate) async fn write(
    tx: &mut PgConnection,
    change: &FirmChange,
    (today, now): (Date, OffsetDateTime),
) -> Result<Result<(), Refusal>, Fault> {
    let terms = terms_of(&mut *tx, &change.firm).await?;
    let from = change.valid_from.unwrap_or(today); // from now on
    if let Err(error) = terms.check(from, &change.terms(), today) {
        let refusal = Refusal::of(Code::TermsBound).with("why", error);
        return Ok(Err(refusal.with("why_zh", error.text_zh())));
    }
    sqlx::query!(
        "insert into refund_firm (slot, firm, method, class, exempt_without_invoice, waived_from, changed_time,
                                  parity, valid_from)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (slot, firm, valid_from) do update
         set method = excluded.method, class = excluded.class,
             exempt_without_invoice = excluded.exempt_without_invoice,
             waived_from = excluded.waived_from, parity = excluded.parity, changed_time = excluded.changed_time",
        Slot::of(&change.firm).column(),
        change.firm,
        kind_column(change.kind),
        class_column(change.class),
        change.exempt_without_invoice,
        change.waived_from,
        now,
        parity_column(change.parity),
        from
    )
    .execute(tx)
    .await?;
    Ok(Ok(()))
}
