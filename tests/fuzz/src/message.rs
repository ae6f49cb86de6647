//! What must hold for every message that may come from outside, in either direction.

use domain::declaration::Profile;
use domain::limits;
use proto::ceb::{
    self, Document, Message, MessageFault, MessageType, OutgoingMessage, ReadDocument,
};

/// Reads a message and checks whatever can be checked without knowing what it should say.
pub fn check(bytes: &[u8]) {
    let root = ceb::root(bytes);
    let message = match ceb::read(bytes) {
        Ok(message) => message,
        Err(faults) => return check_faults(bytes, &faults),
    };
    assert_eq!(root.map(|root| root.message_type), Some(message.message_type));
    let lines = lines(bytes);
    for read in &message.documents {
        assert!((1..=lines).contains(&read.line));
        places(read, lines, bytes.len());
        stored(&read.document);
        inventory(read);
    }
    rewritten(&message);
    respelt(bytes, &message);
}

/// A refusal has reasons, not too many, and each stands in a line of the message.
pub fn check_faults(bytes: &[u8], faults: &[MessageFault]) {
    assert!((1..=limits::VIOLATIONS_MAX).contains(&faults.len()));
    let lines = lines(bytes);
    for fault in faults {
        assert!((1..=lines).contains(&fault.line), "{fault:?}");
        assert!(!fault.text.is_empty() && !fault.text_zh.is_empty());
    }
}

fn lines(bytes: &[u8]) -> u32 {
    let breaks = bytes.iter().filter(|&&byte| byte == b'\n').count();
    u32::try_from(breaks + 1).expect("inputs are short")
}

/// A field of each group, another one for each length of the input, is found where the document
/// stands.
fn places(read: &ReadDocument, lines: u32, any: usize) {
    for group in read.document.message_type().groups() {
        let element = group.fields[any % group.fields.len()].element;
        let path = match group.field {
            "" => element.to_owned(),
            "lines" => format!("lines[{}].{element}", any % 3),
            head => format!("{head}.{element}"),
        };
        if let Some(place) = read.place(&path) {
            assert!((read.line..=lines).contains(&place.line), "{place:?}");
        }
    }
}

/// What is stored as JSON comes back the same.
fn stored(document: &Document) {
    let text = serde_json::to_string(document).expect("a document is JSON");
    let again: Document = serde_json::from_str(&text).expect("it is the same document");
    assert_eq!(&again, document);
}

/// An inventory becomes a declaration and is judged by the rules of customs.
fn inventory(read: &ReadDocument) {
    let Some(declared) = ceb::declaration(&read.document) else { return };
    let declaration = domain::Declaration::from(declared);
    if let Err(violations) = declaration.check(&Profile::default()) {
        assert!(!violations.is_empty());
        for violation in violations {
            let _ = read.place(&violation.field);
        }
    }
}

/// What was read and is written again is read as the same.
fn rewritten(message: &Message) {
    let documents: Vec<Document> = message.documents.iter().map(|it| it.document.clone()).collect();
    // CEB900 quotes a message as CDATA, which cannot hold carriage returns.
    let carriage = |it: &Document| it.value("oriBizMessage").is_some_and(|it| it.contains('\r'));
    if documents.iter().any(carriage) {
        return;
    }
    let text = written(message.message_type, message, &documents);
    // Signatures are put in by who makes them, so the text has none.
    let again = ceb::read_verified(text.as_bytes())
        .unwrap_or_else(|faults| panic!("written and refused: {faults:#?}\n{text}"));
    same(message, &again, &text);
}

fn written(message_type: MessageType, message: &Message, documents: &[Document]) -> String {
    if !message_type.is_inbound() {
        return ceb::write(message_type, &message.guid, documents);
    }
    ceb::write_message(&OutgoingMessage {
        message_type,
        guid: &message.guid,
        transfer: &message.transfer,
        subscribers: &message.subscribers,
        documents,
    })
}

/// Two readers must not understand one text in two ways: the canonical spelling, which is what is
/// signed, says the same as the original.
fn respelt(bytes: &[u8], message: &Message) {
    // Canonicalisation may refuse what the reader takes; a signed message is then refused.
    let Ok(canonical) = signature::canonical(bytes) else { return };
    let again = ceb::read(canonical.as_bytes())
        .unwrap_or_else(|faults| panic!("canonical and refused: {faults:#?}\n{canonical}"));
    assert_eq!(message.signed, again.signed, "{canonical}");
    assert_eq!(message.version, again.version, "{canonical}");
    same(message, &again, &canonical);
}

fn same(message: &Message, again: &Message, text: &str) {
    assert_eq!(message.message_type, again.message_type);
    assert_eq!(message.guid, again.guid, "{text}");
    assert_eq!(message.transfer, again.transfer, "{text}");
    assert_eq!(message.subscribers, again.subscribers, "{text}");
    assert_eq!(message.documents.len(), again.documents.len(), "{text}");
    for (one, other) in message.documents.iter().zip(&again.documents) {
        assert!(
            one.document == other.document,
            "{}\n{}\n{text}",
            serde_json::to_string(&one.document).expect("a document is JSON"),
            serde_json::to_string(&other.document).expect("a document is JSON"),
        );
    }
}
