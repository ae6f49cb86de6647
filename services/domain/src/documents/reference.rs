//! What a document says of the inventory that it names: every identifier has to be of that one.
//!
//! A cancellation or return names its inventory by customs' number and repeats what identifies the
//! parcel. When the number is of one parcel and the order, buyer or seller of another, nobody knows
//! which is meant, and nothing is done. Source: fields of 605, 213, 623 and 625 in the CEB
//! specification 202205, all mandatory and all of one inventory.

use super::kind::DocumentKind;

/// An element that the document repeats from its inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatedElement {
    /// The XML element, the same in both.
    pub element: &'static str,
    /// Personal data: its value is never shown.
    pub personal: bool,
}

const fn of(element: &'static str) -> RepeatedElement {
    RepeatedElement { element, personal: false }
}

const fn person(element: &'static str) -> RepeatedElement {
    RepeatedElement { element, personal: true }
}

const EXPORT_CANCEL: &[RepeatedElement] = &[of("ebcCode")];

const EXPORT_RETURN: &[RepeatedElement] = &[of("ebcCode"), of("ebpCode")];

const IMPORT: &[RepeatedElement] = &[
    of("orderNo"),
    of("ebpCode"),
    of("ebcCode"),
    of("logisticsCode"),
    of("logisticsNo"),
    person("buyerIdType"),
    person("buyerIdNumber"),
    person("buyerName"),
];

/// What documents of a kind repeat. The telephone is not there: it identifies nobody and may change.
/// Waybill and declarant of exports that come back may be those of the way back.
pub const fn repeated(kind: DocumentKind) -> &'static [RepeatedElement] {
    match kind {
        DocumentKind::ExportCancel => EXPORT_CANCEL,
        DocumentKind::ExportReturn => EXPORT_RETURN,
        DocumentKind::ImportCancel | DocumentKind::ImportRefund => IMPORT,
        _ => &[],
    }
}

/// The elements that contradict the inventory, as a refusal says them; empty when all are of one
/// parcel. What the document leaves empty says nothing. The texts are ours.
pub fn contradictions(
    kind: DocumentKind,
    given: impl Fn(&str) -> String,
    held: impl Fn(&str) -> String,
) -> Vec<String> {
    let mut found = Vec::new();
    for RepeatedElement { element, personal } in repeated(kind) {
        let (given, held) = (given(element), held(element));
        if plain(&given).is_empty() || plain(&given) == plain(&held) {
            continue;
        }
        found.push(if *personal {
            format!("{element}与清单不一致")
        } else {
            format!("{element}[{given}]与清单的[{held}]不一致")
        });
    }
    found
}

/// A value without what differs between spellings of the same: blanks, full-width forms, x for X.
fn plain(value: &str) -> String {
    value
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => {
                char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c).to_ascii_uppercase()
            }
            c => c.to_ascii_uppercase(),
        })
        .collect()
}
