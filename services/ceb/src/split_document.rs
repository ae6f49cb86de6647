//! Documents that come in parts (msgCount, msgSeqNo), and under which keys parts are kept.

use domain::documents::{DocumentKind, Split, complete, missing_parts};
use domain::limits;
use proto::ceb::Document;
use uuid::Uuid;

use crate::document_keys::DocumentKeys;
use crate::stored_document::StoredDocument;
use crate::transaction::CebTransaction;

/// Parts that a split document can have; far more than anybody sends.
const PARTS_MAX: u32 = limits::CEB_PARTS_MAX;

/// The keys of all parts of a split document.
fn parts(kind: DocumentKind, document: &Document) -> Vec<String> {
    let count = document.value("msgCount").and_then(|n| n.parse().ok()).unwrap_or(1_u32);
    (1..=count.min(PARTS_MAX))
        .map(|part| {
            let values: Vec<String> = kind
                .key_elements()
                .iter()
                .map(|element| match *element {
                    "msgSeqNo" => part.to_string(),
                    other => document.text(other),
                })
                .collect();
            domain::documents::key(&values.iter().map(String::as_str).collect::<Vec<_>>())
        })
        .collect()
}

pub(crate) fn want_parts(wanted: &mut DocumentKeys, kind: DocumentKind, document: &Document) {
    for key in parts(kind, document) {
        wanted.keys.extend(issued_key(kind, document, &key));
        wanted.keys.insert((kind.number(), key));
    }
}

/// Every part of a split document, when all are in.
pub(crate) fn whole(step: &CebTransaction, stored: &StoredDocument) -> Option<Vec<Uuid>> {
    let parts = parts_there(step, stored);
    let count = split(&stored.document)?.count;
    let whole = matches!(complete(count, &seqs(&parts)), Ok(true));
    whole.then(|| parts.iter().map(|part| part.id).collect())
}

/// The parts of a split document that are in.
pub(crate) fn parts_there<'a>(
    step: &'a CebTransaction,
    stored: &StoredDocument,
) -> Vec<&'a StoredDocument> {
    let own = issuers(stored.kind, &stored.document);
    let there = |key: &String| {
        // A stranger's may stand under the key itself.
        let issued = issued_key(stored.kind, &stored.document, key);
        let issued = issued.and_then(|(_, key)| step.documents.by_key(stored.kind, &key));
        issued.or_else(|| step.documents.by_key(stored.kind, key))
    };
    parts(stored.kind, &stored.document)
        .iter()
        .filter_map(there)
        .filter(|part| part.is_live() && issuers(part.kind, &part.document) == own)
        .collect()
}

pub(crate) fn seqs(parts: &[&StoredDocument]) -> Vec<u32> {
    parts.iter().filter_map(|part| split(&part.document)).map(|split| split.seq).collect()
}

/// Which parts of a split document are still to come, in words; `None` when it is whole.
pub(crate) fn missing(step: &CebTransaction, stored: &StoredDocument) -> Option<String> {
    let count = split(&stored.document)?.count;
    missing_parts(count.min(PARTS_MAX), &seqs(&parts_there(step, stored)))
}

pub(crate) fn split(document: &Document) -> Option<Split> {
    let count = document.value("msgCount")?.parse().ok()?;
    let seq = document.value("msgSeqNo")?.parse().ok()?;
    Some(Split { count, seq })
}

pub(crate) fn issuers(kind: DocumentKind, document: &Document) -> Vec<String> {
    kind.issuer_elements().iter().map(|element| document.text(element)).collect()
}

/// The key of a document with its issuers, where its kind has any.
pub(crate) fn issued_key(
    kind: DocumentKind,
    document: &Document,
    key: &str,
) -> Option<(u16, String)> {
    let issuers = issuers(kind, document);
    let parts = std::iter::once(key).chain(issuers.iter().map(String::as_str));
    let issued = domain::documents::key(&parts.collect::<Vec<_>>());
    (!issuers.is_empty()).then_some((kind.number(), issued))
}
