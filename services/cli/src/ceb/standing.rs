//! Where documents stand, as their receipts tell.

use domain::documents::DocumentKind;
use domain::documents::returns::{self, status};
use proto::ceb::{self, Document};
use proto::status::Language;
use proto::v1;

use super::super::Exit;
use super::super::words::pick;

/// A status in words.
pub(super) fn meaning(status: i32, language: Language) -> &'static str {
    pick(language, returns::title(status), returns::title_zh(status))
}

/// Whether a document with this status waits for nothing. `receipt` is the type of the message that
/// told, for example 622.
///
/// An import ends when its formalities are closed, which is with its release; an export is released and
/// closed when its vehicle has left, which may be days later. The documents around them end when customs
/// has taken them in or concluded them.
pub(super) fn is_end(receipt: u32, of: i32) -> bool {
    match of {
        status::RELEASED => receipt != 622,
        status::DRAFT | status::REJECTED | status::RETURNED | status::CLOSED => true,
        status::TAKEN_IN => matches!(receipt, 304 | 312 | 404 | 412 | 506 | 512 | 514),
        status::CONCLUDED => !matches!(receipt, 604 | 622 | 626 | 214),
        _ => of < 0,
    }
}

/// Whether this is a "no".
pub(super) fn is_refusal(of: i32) -> bool {
    of < 0 || matches!(of, status::REJECTED | status::RETURNED)
}

/// The last receipt of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Last {
    /// Type of the message, for example 622.
    pub(super) message_type: u32,
    pub(super) receipt: v1::Receipt,
}

impl Last {
    pub(super) fn is_end(&self) -> bool {
        is_end(self.message_type, self.receipt.return_status)
    }
}

/// Elements that a receipt has in common with its document.
const SHARED: [&str; 12] = [
    "ebcCode",
    "agentCode",
    "payCode",
    "logisticsCode",
    "operatorCode",
    "logisticsStatus",
    "orderNo",
    "payNo",
    "payTransactionId",
    "logisticsNo",
    "copNo",
    "coElNo",
];
/// Those among them that tell documents of one firm apart.
const TELLING: [&str; 6] =
    ["orderNo", "payNo", "payTransactionId", "logisticsNo", "copNo", "coElNo"];

/// A document whose receipts are waited for.
struct DocumentProgress {
    document: Document,
    /// returnTime of its first receipt: earlier ones are about an earlier version.
    since: String,
    last: Option<Last>,
}

impl DocumentProgress {
    /// Whether a receipt is about this document. By its guid where the window says it; else as the
    /// specification has it, by the business key: a receipt's own guid is a new one.
    fn is_meant(&self, parsed: &v1::Receipt, receipt: Option<&Document>) -> bool {
        // The log also has what was said when it was sent before, even with this guid.
        if receipt.is_some_and(|receipt| value(receipt, "returnTime") < self.since) {
            return false;
        }
        if parsed.document_guid.eq_ignore_ascii_case(self.document.guid()) {
            return true;
        }
        let Some(receipt) = receipt else { return false };
        let guid_is_known =
            !parsed.document_guid.is_empty() && parsed.document_guid != receipt.guid();
        let replies = receipt.message_type().number() == self.document.message_type().number() + 1;
        if guid_is_known || !replies {
            return false;
        }
        let both = |element: &&str| {
            let (one, other) = (value(receipt, element), value(&self.document, element));
            (!one.is_empty() && !other.is_empty()).then_some(one == other)
        };
        SHARED.iter().filter_map(both).all(|same| same)
            && TELLING.iter().filter_map(both).any(|same| same)
    }
}

impl DocumentProgress {
    /// A receipt with the names that its document has with its sender: receipts of the specification
    /// leave out some of them.
    fn named(&self, mut last: Last) -> Last {
        let number = self.document.message_type().number();
        let key = DocumentKind::from_number(number).map(DocumentKind::key_elements);
        let key = key.unwrap_or_default().iter().map(|element| value(&self.document, element)); // no kind, no key
        let key: Vec<_> = key.filter(|part| !part.is_empty()).collect();
        last.receipt.key = key.join(" ");
        last.receipt.document_guid = self.document.guid().to_owned();
        last
    }
}

fn value(document: &Document, element: &str) -> String {
    document.value(element).unwrap_or_default() // an empty one is shown empty
}

/// The last receipts of documents, which are known by their numbers here.
#[derive(Default)]
pub(super) struct Standings(Vec<DocumentProgress>);

impl Standings {
    /// Waits for the receipts of a document, too.
    pub(super) fn add(&mut self, document: Document) -> usize {
        self.0.push(DocumentProgress { document, since: String::new(), last: None });
        self.0.len() - 1
    }

    /// Takes a message of receipts down. They may come in any order: nothing follows an end but
    /// another end. Gives back the receipts that are about none of the documents.
    pub(super) fn record(&mut self, message: &v1::OutgoingMessage) -> Vec<Last> {
        let read = ceb::read(message.xml.as_bytes()).ok();
        let read = read.map(|read| read.documents).unwrap_or_default(); // then the parsed receipts have to do
        let mut strange = Vec::new();
        for (index, receipt) in message.receipts.iter().enumerate() {
            // The message has them in the order in which they are told.
            let fits = read.len() == message.receipts.len();
            let document = read.get(index).filter(|_| fits).map(|read| &read.document);
            let new = Last { message_type: message.message_type, receipt: receipt.clone() };
            let mut meant = false;
            for known in self.0.iter_mut().filter(|known| known.is_meant(receipt, document)) {
                meant = true;
                if known.since.is_empty() {
                    known.since = document.map(|it| value(it, "returnTime")).unwrap_or_default(); // not known
                }
                if known.last.as_ref().is_none_or(|held| !held.is_end() || new.is_end()) {
                    known.last = Some(known.named(new.clone()));
                }
            }
            if !meant {
                strange.push(new);
            }
        }
        strange
    }

    /// The last receipt of a document.
    pub(super) fn of(&self, document: usize) -> Option<&Last> {
        self.0.get(document).and_then(|known| known.last.as_ref())
    }

    /// Its guid, as its sender spelt it.
    pub(super) fn guid(&self, document: usize) -> &str {
        self.0.get(document).map_or("", |known| known.document.guid())
    }

    /// How a command ends that waited for this document.
    pub(super) fn exit(&self, document: usize) -> Exit {
        match self.of(document) {
            Some(last) if is_refusal(last.receipt.return_status) => Exit::Refused,
            Some(last) if last.is_end() => Exit::Done,
            Some(_) | None => Exit::Unreachable,
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::ceb::{MessageType, import};

    use super::*;

    const GUID: &str = "5B0C26A1-0101-4F6E-9A10-202611240001";

    fn payment(number: &str) -> Document {
        let mut payment = import::Payment::default();
        payment.head.guid = GUID.to_owned();
        payment.head.pay_code = "3702960001".to_owned();
        payment.head.pay_transaction_id = number.to_owned();
        Document::Ceb411(payment)
    }

    /// What a window says that does not know the guid.
    fn receipt_message(number: &str, status: i32, time: &str) -> v1::OutgoingMessage {
        let values = |element: &str| match element {
            "guid" => Some("5B0C26A1-0101-4F6E-9A10-2026112400FF".to_owned()),
            "payCode" => Some("3702960001".to_owned()),
            "payTransactionId" => Some(number.to_owned()),
            "returnStatus" => Some(status.to_string()),
            "returnTime" => Some(time.to_owned()),
            "returnInfo" => Some("x".to_owned()),
            _ => None,
        };
        let document = Document::from_values(MessageType::Ceb412, values);
        let receipt = v1::Receipt {
            document_guid: document.guid().to_owned(),
            return_status: status,
            ..Default::default()
        };
        v1::OutgoingMessage {
            message_type: 412,
            xml: ceb::write(MessageType::Ceb412, GUID, &[document]),
            receipts: vec![receipt],
            ..Default::default()
        }
    }

    #[test]
    fn the_end_depends_on_the_document() {
        assert!(is_end(622, 899) && is_end(622, 100) && is_end(622, -621_005) && is_end(622, 1));
        assert!(is_end(604, 800) && !is_end(622, 800));
        assert!(!is_end(622, 120) && !is_end(622, 399) && !is_end(622, 500) && !is_end(622, 2));
        assert!(is_end(312, 120) && is_end(624, 399) && is_end(508, 399));
        assert!(!is_end(624, 120) && !is_end(626, 399));
    }

    #[test]
    fn receipts_find_their_document_by_its_business_key() {
        let mut standings = Standings::default();
        let (one, two) = (standings.add(payment("1")), standings.add(payment("2")));
        assert!(standings.record(&receipt_message("2", 2, "20261124080000000")).is_empty());
        assert_eq!(standings.exit(one), Exit::Unreachable);
        assert_eq!(standings.of(two).map(|last| last.receipt.return_status), Some(2));
        assert_eq!(standings.record(&receipt_message("3", 2, "20261124080000000")).len(), 1);
        // The log also has what was said about an earlier version.
        standings.record(&receipt_message("2", 100, "20261123080000000"));
        assert_eq!(standings.exit(two), Exit::Unreachable);
        standings.record(&receipt_message("2", 120, "20261124080000001"));
        assert_eq!(standings.exit(two), Exit::Done);
    }

    #[test]
    fn what_was_said_when_it_was_sent_before_does_not_count() {
        let mut standings = Standings::default();
        let document = standings.add(payment("1"));
        for (status, time, exit) in [
            (2, "20261124080000000", Exit::Unreachable),
            (-401_012, "20261124075959999", Exit::Unreachable),
            (120, "20261124080000000", Exit::Done),
        ] {
            let mut message = receipt_message("1", status, time);
            message.receipts[0].document_guid = GUID.to_owned();
            standings.record(&message);
            assert_eq!(standings.exit(document), exit, "{status}");
        }
    }

    #[test]
    fn late_receipts_do_not_undo_an_end() {
        let mut standings = Standings::default();
        let document = standings.add(payment("1"));
        for (status, exit) in [
            (2, Exit::Unreachable),
            (800, Exit::Done),
            (2, Exit::Done),
            (899, Exit::Done),
            (700, Exit::Refused),
        ] {
            let mut message = receipt_message("1", status, "20261124080000000");
            message.receipts[0].document_guid = GUID.to_lowercase();
            assert!(standings.record(&message).is_empty());
            assert_eq!(standings.exit(document), exit, "{status}");
        }
    }
}
