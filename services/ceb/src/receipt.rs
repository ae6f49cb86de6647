//! Receipts (回执): what is said about a document, as the message of its kind.

use std::sync::Arc;

use bytes::Bytes;
use domain::CHINA;
use domain::documents::{DocumentKind, ReceiptStatus};
use proto::ceb::{Document, MessageType};
use store::Fault;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::stored_document::StoredDocument;

/// A receipt about a document. Its elements are those of the document with the same name, and the
/// numbers that the window and customs gave.
pub(crate) fn about(
    stored: &StoredDocument,
    what: &ReceiptStatus,
    now: OffsetDateTime,
) -> IssuedReceipt {
    let message_type = MessageType::from_number(stored.kind.reply()).unwrap_or(MessageType::Ceb900);
    let guid = Uuid::now_v7().to_string().to_uppercase();
    let value = |element: &str| match element {
        "guid" => Some(guid.clone()),
        "returnStatus" => Some(what.status.to_string()),
        "returnTime" => Some(time(now)),
        "returnInfo" => Some(what.info.clone()),
        "preNo" => Some(stored.pre_no.clone()),
        "invtNo" => {
            let own_number = stored.document.value("invtNo").filter(|no| is_whole(stored.kind, no));
            Some(stored.invt_no.clone())
                .filter(|no| !no.is_empty())
                .or(own_number)
                // Until customs gave one.
                .or_else(|| Some(String::new()))
        }
        // The numbers of deliveries and summaries are the window's own.
        "rkdNo" => Some(stored.pre_no.replacen('R', "K", 1)),
        "sumNo" => Some(stored.pre_no.clone()),
        // Required in the receipt, optional in the document.
        "copNo" => {
            let own = stored.document.value("copNo").filter(|no| !no.is_empty());
            own.or_else(|| Some(stored.pre_no.clone()))
        }
        _ => None,
    };
    let value = |element: &str| value(element).or_else(|| stored.document.value(element));
    IssuedReceipt {
        message_type,
        document: Arc::new(Document::from_values(message_type, value)),
        about: DocumentRef::of(stored),
        position: 0,
        event: Uuid::now_v7(),
        time: now,
    }
}

/// The time of the next receipt of a document: now, and later than the last one by a millisecond at
/// least, which is the finest that returnTime tells. So receipts of one document can be put in order by
/// it, also those of one transaction, and when a clock is set back.
pub(crate) fn after(last: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
    let whole = now.truncate_to_millisecond();
    whole.max(last.truncate_to_millisecond() + time::Duration::MILLISECOND)
}

/// An import receipt has room for a whole number of customs and for nothing shorter.
fn is_whole(kind: DocumentKind, invt_no: &str) -> bool {
    kind.is_export() || invt_no.chars().count() == 18
}

/// A time as receipts write it: China Standard Time to the millisecond, digits only.
pub(crate) fn time(now: OffsetDateTime) -> String {
    let now = now.to_offset(CHINA);
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, second, ms) = now.to_hms_milli();
    let month = u8::from(month);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}{ms:03}")
}

/// A receipt that was written.
#[derive(Debug, Clone)]
pub(crate) struct IssuedReceipt {
    pub(crate) message_type: MessageType,
    pub(crate) document: Arc<Document>,
    /// What it is about.
    pub(crate) about: DocumentRef,
    /// Where it stands in the log of the sender; 0 when it was not written there.
    pub(crate) position: u64,
    /// The same as in the log.
    pub(crate) event: Uuid,
    /// Its returnTime.
    pub(crate) time: OffsetDateTime,
}

/// The document that a receipt is about: receipts themselves name it by some of its numbers only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DocumentRef {
    pub(crate) guid: String,
    pub(crate) key: String,
}

impl DocumentRef {
    pub(crate) fn of(stored: &StoredDocument) -> Self {
        Self { guid: stored.guid.clone(), key: stored.kind.shown_key(&stored.key) }
    }

    /// As it is kept beside the receipt.
    pub(crate) fn kept(&self) -> Bytes {
        Bytes::from([self.guid.as_str(), &self.key].join("\u{1e}"))
    }

    /// What it is about, as it is looked for: everything of an order lies together, also what was said
    /// about documents that were not kept.
    pub(crate) fn subject(order_no: &str, key: &str) -> Uuid {
        let name = match order_no {
            "" => format!("key {}", key.replace('\u{1f}', " ")),
            order_no => format!("order {order_no}"),
        };
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
    }

    pub(crate) fn read(kept: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(kept).ok();
        let (guid, key) = text
            .and_then(|text| text.split_once('\u{1e}'))
            .ok_or_else(|| Fault::Broken("a receipt is kept about nothing".to_owned()))?;
        Ok(Self { guid: guid.to_owned(), key: key.to_owned() })
    }
}
