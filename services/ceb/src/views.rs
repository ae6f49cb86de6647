//! Stored documents as the rules of summaries see them.

use domain::documents::status;
use domain::documents::summary;
use proto::ceb::{Document, export};

use crate::stored_document::StoredDocument;

/// An export inventory (603) as a summary sees it.
pub(crate) fn summed(stored: &StoredDocument, sum_no: &str) -> Option<summary::SummaryInventory> {
    let Document::Ceb603(export::Inventory { head, lines }) = &*stored.document else {
        return None;
    };
    Some(summary::SummaryInventory {
        invt_no: stored.invt_no.clone(),
        logistics_no: head.logistics_no.clone(),
        statistics_flag: head.statistics_flag.clone(),
        closed: stored.status == status::CLOSED && !stored.deleted,
        summed: !stored.sum_no.is_empty() && stored.sum_no != sum_no,
        ebc_code: head.ebc_code.clone(),
        owner_code: head.owner_code.clone(),
        trade_mode: head.trade_mode.clone(),
        traf_mode: head.traf_mode.clone(),
        country: head.country.clone(),
        port_code: head.port_code.clone(),
        gross_weight_e5: head.gross_weight,
        net_weight_e5: head.net_weight,
        lines: lines
            .iter()
            .map(|line| summary::SummaryLine {
                gnum: line.gnum,
                gcode: line.gcode.clone(),
                item_name: line.item_name.clone(),
                country: line.country.clone(),
                currency: line.currency.clone(),
                units: [line.unit.clone(), line.unit1.clone(), line.unit2.clone()],
                quantities_e5: [line.qty, line.qty1, line.qty2.unwrap_or(0)],
                total_price_e5: line.total_price,
            })
            .collect(),
    })
}
