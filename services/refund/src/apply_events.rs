//! What the declaration service told becomes export lines: kept when an export is filed, to be claimed when it
//! is released, and gone when it ends otherwise.
//!
//! Everything here may come again: a version is kept once, and a release that is known is none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::DeclarationId;
use domain::history::ExportProgress;
use domain::tax_refund::entitlement::{ExportMode, MoneyStatus};
use store::Fault;
use time::OffsetDateTime;

use crate::export_row::ExportRow;
use crate::export_rows;
use crate::moved;
use crate::names::ExportName;
use crate::note::{NoteKind, RefundNote};
use crate::transaction::RefundTransaction;
use crate::unreleased_rows;

/// One entry of the declaration service's journal, as far as it concerns the refund.
#[derive(Debug)]
pub(crate) struct ExportEvent {
    pub(crate) id: DeclarationId,
    pub(crate) version: i32,
    pub(crate) time: OffsetDateTime,
    pub(crate) changes: Vec<ExportChange>,
}

/// What happened to a declaration.
#[derive(Debug)]
pub(crate) enum ExportChange {
    /// A version of an export was filed.
    Filed(Box<FiledExport>),
    Released,
    /// Money came for it, was settled, or was taken back.
    Money(MoneyStatus),
    /// Documents of customs told something of it.
    Moved(ExportProgress),
    /// Rejected, withdrawn or sent back.
    Ended,
}

/// An export as it was declared.
#[derive(Debug)]
pub(crate) struct FiledExport {
    pub(crate) firm: String,
    pub(crate) order_no: String,
    pub(crate) mode: ExportMode,
    pub(crate) lines: Vec<FiledLine>,
}

/// A line of it.
#[derive(Debug)]
pub(crate) struct FiledLine {
    pub(crate) line: i32,
    pub(crate) gcode: String,
    pub(crate) gname: String,
    pub(crate) unit: String,
    pub(crate) qty_e5: i64,
    pub(crate) currency: String,
    pub(crate) amount_e5: i64,
}

impl ExportEvent {
    /// The firm of a version that it brings.
    pub(crate) fn firm(&self) -> Option<&str> {
        self.changes.iter().find_map(|change| match change {
            ExportChange::Filed(filed) => Some(filed.firm.as_str()),
            ExportChange::Released
            | ExportChange::Money(_)
            | ExportChange::Moved(_)
            | ExportChange::Ended => None,
        })
    }
}

/// Takes events down, in order.
pub(crate) async fn apply(
    step: &mut RefundTransaction<'_>,
    events: &[Arc<ExportEvent>],
) -> Result<(), Fault> {
    let ids: BTreeSet<DeclarationId> = events.iter().map(|event| event.id).collect();
    let mut known: BTreeMap<DeclarationId, Vec<ExportRow>> = BTreeMap::new();
    let mut unreleased = BTreeSet::new();
    for row in export_rows::of_declarations(&mut *step.tx, &ids).await? {
        if row.released.is_none() {
            unreleased.insert((row.slot(), row.name.id));
        }
        known.entry(row.name.id).or_default().push(row);
    }
    let (mut changed, mut back) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        let rows = known.entry(event.id).or_default();
        for change in &event.changes {
            let released = rows.iter().any(|row| row.released.is_some());
            match change {
                ExportChange::Filed(filed) => {
                    let newer = rows.iter().all(|row| row.version < event.version);
                    if newer && !released {
                        *rows = filed.rows(event);
                        changed.insert(event.id);
                    }
                }
                ExportChange::Released if !released && !rows.is_empty() => {
                    for row in rows.iter_mut() {
                        row.released = Some(event.time);
                        step.unmatched.insert(row.goods());
                    }
                    changed.insert(event.id);
                    let note = RefundNote::of(
                        NoteKind::ExportReleased,
                        "released: it may be claimed when it is proved",
                        "已放行：凭证齐全后可申报退税",
                    );
                    let firm = rows.first().map(|row| row.firm.clone());
                    firm.iter().for_each(|firm| step.add_note(firm, event.id.name(), note.clone()));
                }
                // An import, an export of before there was a refund service, or one that is known.
                ExportChange::Released => {}
                ExportChange::Money(money) => {
                    for row in rows.iter_mut().filter(|row| row.money != *money) {
                        row.money = *money;
                        changed.insert(event.id);
                    }
                }
                ExportChange::Moved(moved) => {
                    if moved::take(step, rows, moved).await? {
                        changed.insert(event.id);
                        back.insert(event.id);
                    }
                }
                ExportChange::Ended => {
                    if !released {
                        rows.clear();
                        changed.insert(event.id);
                    }
                }
            }
        }
    }
    // What is not written as unreleased again was released, has ended, or lies with another firm.
    unreleased.retain(|(slot, id)| {
        let row = known.get(id).and_then(|rows| rows.first());
        changed.contains(id) && row.is_none_or(|row| row.released.is_some() || row.slot() != *slot)
    });
    unreleased_rows::delete(&mut *step.tx, &unreleased).await?;
    let rows: Vec<&ExportRow> = changed.iter().filter_map(|id| known.get(id)).flatten().collect();
    step.write_exports(rows).await?;
    moved::give_back(step, &back).await
}

impl FiledExport {
    fn rows(&self, event: &ExportEvent) -> Vec<ExportRow> {
        let row = |line: &FiledLine| ExportRow {
            name: ExportName { id: event.id, line: line.line },
            firm: self.firm.clone(),
            version: event.version,
            order_no: self.order_no.clone(),
            mode: self.mode,
            gcode: line.gcode.clone(),
            gname: line.gname.clone(),
            unit: line.unit.clone(),
            qty_e5: line.qty_e5,
            currency: line.currency.clone(),
            amount_e5: line.amount_e5,
            released: None,
            departed: None,
            entry_id: String::new(),
            money: MoneyStatus::Awaited,
            payment_by: None,
            bought_e5: 0,
            claimed_e5: 0,
            returned_e5: 0,
            reminded: None,
            sold_e5: 0,
            settled: false,
            settle_by: None,
        };
        self.lines.iter().map(row).collect()
    }
}
