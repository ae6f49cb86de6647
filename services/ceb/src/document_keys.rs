//! The names by which a transaction looks for the documents that it works with.

use std::collections::BTreeSet;

use domain::CHINA;
use domain::documents::DocumentKind;
use domain::documents::summary;
use proto::ceb::Document;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::stored_document::StoredDocument;

/// The names of documents that are looked for.
#[derive(Debug, Default, Clone)]
pub(crate) struct DocumentKeys {
    /// Kind and business key. The slot is told by the order, which is not part of every key, so keys are
    /// looked for in all slots.
    pub(crate) keys: BTreeSet<(u16, String)>,
    /// Cancellations of inventories with these keys.
    pub(crate) cancels: BTreeSet<String>,
    /// Everything of an order.
    pub(crate) orders: BTreeSet<String>,
    /// Parcel numbers with their firms.
    pub(crate) parcels: BTreeSet<(String, String)>,
    pub(crate) invt_nos: BTreeSet<String>,
    pub(crate) pre_nos: BTreeSet<String>,
    pub(crate) bill_nos: BTreeSet<String>,
    pub(crate) declarations: BTreeSet<Uuid>,
    /// Inventories by agentCode and copNo.
    pub(crate) own: BTreeSet<(String, String)>,
    /// Export inventories of a seller that were released in a period.
    pub(crate) released: BTreeSet<Period>,
}

/// A seller (ebcCode), and from when to when.
pub(crate) type Period = (String, OffsetDateTime, OffsetDateTime);

impl DocumentKeys {
    /// Nothing is looked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
            && self.orders.is_empty()
            && self.parcels.is_empty()
            && self.invt_nos.is_empty()
            && self.pre_nos.is_empty()
            && self.bill_nos.is_empty()
            && self.declarations.is_empty()
            && self.own.is_empty()
            && self.released.is_empty()
            && self.cancels.is_empty()
    }

    /// What has to be there as well, given what was found: everything of an inventory's order, its
    /// parcel, what travels under its bill, and the parcels that a list names.
    pub(crate) fn beyond(&self, found: &[StoredDocument]) -> Self {
        let mut beyond = Self::default();
        for stored in found {
            let names = &stored.names;
            let mut parcel = |no: String| {
                let parcel = (names.logistics_code.clone(), no);
                if !parcel.1.is_empty() && !self.parcels.contains(&parcel) {
                    beyond.parcels.insert(parcel);
                }
            };
            if stored.kind.is_inventory() {
                parcel(names.logistics_no.clone());
                if !self.orders.contains(&names.order_no) {
                    beyond.orders.insert(names.order_no.clone());
                }
                if !self.cancels.contains(&stored.key) {
                    beyond.cancels.insert(stored.key.clone());
                }
                let export = stored.kind.is_export() && !names.bill_no.is_empty();
                if export && !self.bill_nos.contains(&names.bill_no) {
                    beyond.bill_nos.insert(names.bill_no.clone());
                }
            } else if !stored.cancels.is_empty() {
                let kind = match stored.kind {
                    DocumentKind::ExportCancel => DocumentKind::ExportInventory,
                    _ => DocumentKind::ImportInventory,
                };
                let key = (kind.number(), stored.cancels.clone());
                if !self.keys.contains(&key) {
                    beyond.keys.insert(key);
                }
            } else if matches!(stored.kind, DocumentKind::WaybillList | DocumentKind::Departure) {
                stored.document.line_values("logisticsNo").into_iter().for_each(parcel);
            } else if stored.kind == DocumentKind::SummaryApply {
                // Another part of a split summary names inventories of its own.
                let listed = stored.document.line_values("invtNo").into_iter();
                beyond.invt_nos.extend(listed.filter(|no| !self.invt_nos.contains(no)));
            }
        }
        beyond
    }

    pub(crate) fn add(&mut self, more: &Self) {
        self.orders.extend(more.orders.iter().cloned());
        self.invt_nos.extend(more.invt_nos.iter().cloned());
        self.parcels.extend(more.parcels.iter().cloned());
        self.bill_nos.extend(more.bill_nos.iter().cloned());
        self.cancels.extend(more.cancels.iter().cloned());
        self.keys.extend(more.keys.iter().cloned());
    }
}

/// The period of a summary application, where it names one: the list counts for nothing then.
///
/// # Errors
///
/// The text of a rejection.
pub(crate) fn period(document: &Document) -> Result<Option<Period>, String> {
    let value = |element| document.text(element);
    let period = summary::period(&value("startTime"), &value("endTime"))?;
    Ok(period.map(|(from, until)| {
        (value("ebcCode"), from.assume_offset(CHINA), until.assume_offset(CHINA))
    }))
}
