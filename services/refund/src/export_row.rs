//! A line of an export, as every transaction sees it.

use domain::Slot;
use domain::tax_refund::arithmetic::QuantityShare;
use domain::tax_refund::entitlement::{
    Entitlement, ExportLine, ExportMode, Firm, MoneyStatus, Purchase, Tables, entitlement,
};
use domain::tax_refund::firm_terms::FirmTerms;
use domain::tax_refund::parity::ForeignAmount;
use store::{Fault, column};
use time::{Date, OffsetDateTime};

use crate::names::ExportName;

/// A line of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExportRow {
    pub(crate) name: ExportName,
    pub(crate) firm: String,
    pub(crate) version: i32,
    pub(crate) order_no: String,
    pub(crate) mode: ExportMode,
    pub(crate) gcode: String,
    pub(crate) gname: String,
    pub(crate) unit: String,
    pub(crate) qty_e5: i64,
    pub(crate) currency: String,
    pub(crate) amount_e5: i64,
    pub(crate) released: Option<OffsetDateTime>,
    pub(crate) departed: Option<Date>,
    pub(crate) entry_id: String,
    pub(crate) money: MoneyStatus,
    pub(crate) payment_by: Option<Date>,
    pub(crate) bought_e5: i64,
    pub(crate) claimed_e5: i64,
    pub(crate) returned_e5: i64,
    pub(crate) reminded: Option<Date>,
    /// Sold by a warehouse overseas.
    pub(crate) sold_e5: i64,
    /// Its advance refund was settled or recovered.
    pub(crate) settled: bool,
    /// An advance refund was paid, to be settled until then.
    pub(crate) settle_by: Option<Date>,
}

/// Goods as invoices and exports have them in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Goods {
    pub(crate) firm: String,
    pub(crate) gcode: String,
    pub(crate) unit: String,
}

impl ExportRow {
    /// Where it lies.
    pub(crate) fn slot(&self) -> Slot {
        Slot::of(&self.firm)
    }

    pub(crate) fn goods(&self) -> Goods {
        Goods { firm: self.firm.clone(), gcode: self.gcode.clone(), unit: self.unit.clone() }
    }

    /// What is left to be claimed.
    pub(crate) fn left_e5(&self) -> i64 {
        self.qty_e5 - self.claimed_e5 - self.returned_e5
    }

    /// How its firm got its refunds when it left; today before that.
    pub(crate) fn terms(&self, terms: &FirmTerms, today: Date) -> Firm {
        terms.on(self.departed.unwrap_or(today)) // it is still to leave
    }

    /// What it is entitled to on a day.
    pub(crate) fn judged(
        &self,
        purchases: Vec<Purchase>,
        terms: &FirmTerms,
        tables: Tables<'_>,
        today: Date,
    ) -> (ExportLine, Entitlement) {
        let line = ExportLine {
            name: self.name.name(),
            mode: self.mode,
            code: self.gcode.clone(),
            qty_e5: self.qty_e5,
            fob: ForeignAmount { currency: self.currency.clone(), amount_e5: self.amount_e5 },
            released: self.released.is_some(),
            departed: self.departed,
            entry_id: Some(self.entry_id.clone()).filter(|id| !id.is_empty()),
            money: self.money,
            payment_by: self.payment_by,
            purchases,
            claimed_e5: self.claimed_e5,
            returned_e5: self.returned_e5,
            sold_e5: self.settled.then_some(self.sold_e5),
            settle_by: self.settle_by,
        };
        let found = entitlement(&self.terms(terms, today), &line, tables, today);
        (line, found)
    }
}

pub(crate) fn mode_column(mode: ExportMode) -> i16 {
    match mode {
        ExportMode::Summarised => 1,
        ExportMode::StatisticsOnly => 2,
        ExportMode::WithForm => 3,
        ExportMode::Overseas => 4,
    }
}

pub(crate) fn money_column(money: MoneyStatus) -> i16 {
    match money {
        MoneyStatus::Awaited => 1,
        MoneyStatus::Received => 2,
        MoneyStatus::Settled => 3,
    }
}

pub(crate) fn mode_of(found: i16) -> Result<ExportMode, Fault> {
    let modes = [
        ExportMode::Summarised,
        ExportMode::StatisticsOnly,
        ExportMode::WithForm,
        ExportMode::Overseas,
    ];
    column::value("mode of an export", modes, mode_column, found)
}

pub(crate) fn money_of(found: i16) -> Result<MoneyStatus, Fault> {
    let monies = [MoneyStatus::Awaited, MoneyStatus::Received, MoneyStatus::Settled];
    column::value("money of an export", monies, money_column, found)
}

/// A purchase of which the whole, and what was used before, are known.
pub(crate) fn share(qty_e5: i64, fen: i64) -> QuantityShare {
    QuantityShare { qty_e5, fen }
}
