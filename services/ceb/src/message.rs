//! From bytes to documents that wait for their transaction: unpack, take off the envelope, verify the
//! signature, read, and see who sends. Nothing here touches the database.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use domain::CHINA;
use domain::declaration::Profile;
use domain::documents::summary::C14;
use domain::documents::{DocumentKind, ReceiptStatus, check, refusal, status};
use domain::principal::CUSTOMS_LOG;
use domain::refusal::{Code, Refusal, Violation};
use domain::rules::SINGLE_LIMIT_E5;
use domain::{Principal, limits};
use proto::ceb::{self, Document, MessageFault, MessageType, dxp};
use sha2::{Digest as _, Sha256};
use signature::{MixedDigest, SignatureRefusal, Trust, VerifiedMessage, Verifier};
use store::ServiceError;
use time::OffsetDateTime;

use crate::received_document::{Copies, MalformedMessage, ReceivedDocument, Sender, responsible};
use crate::stored_document::{key, slot};

/// What a message is held to.
#[derive(Debug, Clone)]
pub struct MessagePolicy {
    profile: Profile,
    verifier: Verifier,
}

impl MessagePolicy {
    /// Rules for declarations, and whose certificates count when they sign.
    pub fn new(profile: Profile, trust: Trust) -> Self {
        // Real client software signs with SM2 and leaves the digest at SHA-1, which rsa-sha1 allows too.
        let verifier = Verifier::new(trust).with_mixed_digest(MixedDigest::AcceptSha1);
        Self { profile, verifier }
    }
}

/// A message that was read.
#[derive(Debug)]
pub(crate) enum IncomingMessage {
    /// Its documents.
    Documents(DocumentMessage),
    /// It breaks the schema.
    Broken(Box<SchemaBreach>),
}

/// A message that breaks the schema.
#[derive(Debug)]
pub(crate) struct SchemaBreach {
    pub(crate) malformed: MalformedMessage,
    pub(crate) faults: Vec<MessageFault>,
    pub(crate) envelope_id: String,
    /// The answer, which is also in the log of its sender where that is known.
    pub(crate) answer: Document,
}

/// A message whose documents can be taken.
#[derive(Debug)]
pub(crate) struct DocumentMessage {
    pub(crate) guid: String,
    pub(crate) message_type: MessageType,
    pub(crate) envelope_id: String,
    pub(crate) documents: Vec<ReceivedDocument>,
}

/// Unpacks and reads what a caller sent.
pub(crate) fn read(
    policy: &MessagePolicy,
    principal: &Arc<Principal>,
    bytes: &[u8],
    trace: &str,
    now: OffsetDateTime,
) -> Result<IncomingMessage, ServiceError> {
    let bytes = unpacked(bytes)?;
    let (message, envelope) = opened(&bytes)?;
    let broken = |faults: Vec<MessageFault>, text: String| {
        broken(&message, envelope.as_ref(), principal, faults, text, now)
    };
    let (read, signature) = match verified(policy, &message, now) {
        Ok(read) => read,
        Err(faults) => {
            let text = faults_text(&faults);
            return Ok(broken(faults, text));
        }
    };
    let Some(kind) = DocumentKind::from_number(read.message_type.number()) else {
        let name = read.message_type.name();
        let text_zh = format!("{name}由海关或电子口岸发送，企业不能发送");
        let fault = MessageFault {
            code: Code::XmlTypeUnsupported,
            line: ceb::root(&message).map_or(1, |root| root.line),
            element: String::new(),
            text: format!("{name} is sent by customs or the e-port, not by firms"),
            text_zh: text_zh.clone(),
        };
        return Ok(broken(vec![fault], text_zh));
    };
    admit_sender(principal, &read)?;
    let sender = sender(&read);
    let copies = Arc::new(copies(&read, &message));
    let mut documents = Vec::with_capacity(read.documents.len());
    for document in read.documents {
        let refusal = match &signature {
            Err(refused) => Some(unsigned(kind, &document.document, refused)),
            Ok(verified) => too_new(&document.document, now)
                .or_else(|| own_refusal(policy, principal, kind, &document, verified.as_ref())),
        };
        let document = document.document;
        let key = key(kind, &document);
        // As it is kept, and what it is told apart from others by.
        let body = serde_json::to_vec(&document)
            .map_err(|error| store::Fault::Broken(format!("a document has no JSON: {error}")))?;
        documents.push(ReceivedDocument {
            kind,
            slot: slot(&document, &key),
            key,
            digest: Sha256::digest(&body).to_vec(),
            body: Bytes::from(body),
            document: Arc::new(document),
            sender: sender.clone(),
            refusal,
            signed: matches!(signature, Ok(Some(_))),
            principal: Arc::clone(principal),
            copies: Arc::clone(&copies),
            trace: trace.to_owned(),
        });
    }
    let envelope_id = envelope.map_or_else(String::new, |e| e.trans_info.cop_msg_id);
    let (guid, message_type) = (read.guid, read.message_type);
    Ok(IncomingMessage::Documents(DocumentMessage { guid, message_type, envelope_id, documents }))
}

/// What a signature came to: none, good, or refused.
type Signature = Result<Option<VerifiedMessage>, SignatureRefusal>;

/// Verifies the signature, when there is one, and reads the bytes that it covers.
fn verified(
    policy: &MessagePolicy,
    message: &[u8],
    now: OffsetDateTime,
) -> Result<(ceb::Message, Signature), Vec<MessageFault>> {
    if !mentions_signature(message) {
        return Ok((ceb::read(message)?, Ok(None)));
    }
    match policy.verifier.verify(message, now) {
        Ok(verified) => {
            let read = ceb::read_verified(verified.canonical.as_bytes());
            let lines = |mut fault: MessageFault| {
                fault.line = verified.lines.original(fault.line);
                fault
            };
            match read {
                Ok(read) => Ok((read, Ok(Some(verified)))),
                Err(faults) => Err(faults.into_iter().map(lines).collect()),
            }
        }
        // Nothing of it counts, but its sender is told document by document.
        Err(refused) => Ok((ceb::read(message)?, Err(refused))),
    }
}

/// Plain bytes, of gzip or as they are.
fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let most = limits::CEB_ENVELOPE_BYTES_MAX;
    if !bytes.starts_with(b"\x1f\x8b") {
        return if bytes.len() > most { Err(too_large()) } else { Ok(bytes.to_vec()) };
    }
    let mut plain = Vec::new();
    // One more than may be, so that what is too large shows.
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    // Several members are one file, as for gzip itself; what follows the last and is none is an error.
    flate2::read::MultiGzDecoder::new(bytes).take(bound).read_to_end(&mut plain).map_err(
        |error| {
            Refusal::of(Code::XmlMalformed)
                .with("reason", format!("not a whole gzip file: {error}"))
        },
    )?;
    if plain.len() > most { Err(too_large()) } else { Ok(plain) }
}

fn too_large() -> Refusal {
    Refusal::of(Code::XmlTooLarge).with("most_bytes", limits::CEB_ENVELOPE_BYTES_MAX)
}

/// The message in an envelope, or the message itself.
fn opened(bytes: &[u8]) -> Result<(Vec<u8>, Option<dxp::DxpMsg>), Refusal> {
    if !dxp::is_envelope(bytes) {
        return Ok((bytes.to_vec(), None));
    }
    match dxp::read(bytes) {
        Ok(mut envelope) => Ok((std::mem::take(&mut envelope.data), Some(envelope))),
        Err(faults) => Err(Refusal::invalid(faults.into_iter().map(violation).collect())),
    }
}

pub(crate) fn violation(fault: MessageFault) -> Violation {
    Violation {
        code: fault.code,
        field: fault.element,
        text: format!("line {}: {}", fault.line, fault.text),
        text_zh: format!("第{}行：{}", fault.line, fault.text_zh),
        customs_code: None,
    }
}

/// The platform's code for what breaks the schema, as a negative status.
const SCHEMA: i32 = -2;

fn faults_text(faults: &[MessageFault]) -> String {
    let text =
        |fault: &MessageFault| format!("第{}行{}：{}", fault.line, fault.element, fault.text_zh);
    faults.iter().map(text).collect::<Vec<_>>().join("；")
}

/// A signature may stand in the message. Only then is its cost paid.
fn mentions_signature(message: &[u8]) -> bool {
    let name = b"Signature";
    message.windows(name.len()).any(|window| window == name)
}

/// CEB900 with everything that is wrong; to the log of the sender when it may be believed.
fn broken(
    message: &[u8],
    envelope: Option<&dxp::DxpMsg>,
    principal: &Principal,
    faults: Vec<MessageFault>,
    text: String,
    now: OffsetDateTime,
) -> IncomingMessage {
    let echoed = message.get(..limits::CEB_ECHO_BYTES_MAX).unwrap_or(message);
    let source = String::from_utf8_lossy(echoed).into_owned();
    let kind = ceb::root(message).map_or("Unknown", |root| root.message_type.root());
    let envelope_id = envelope.map_or_else(String::new, |e| e.trans_info.cop_msg_id.clone());
    let info: String = text.chars().take(CEB900_INFO_MAX).collect();
    let answer = Document::from_values(MessageType::Ceb900, |element| {
        Some(match element {
            "guid" => uuid::Uuid::now_v7().to_string().to_uppercase(),
            "returnStatus" => SCHEMA.to_string(),
            "returnInfo" => info.clone(),
            "returnTime" => crate::receipt::time(now),
            "oriCopMsgId" => envelope_id.clone(),
            "oriMessageType" => kind.to_owned(),
            "oriBizMessage" => source.clone(),
            _ => return None,
        })
    });
    let guid = uuid::Uuid::now_v7().to_string().to_uppercase();
    let body = Bytes::from(ceb::write(MessageType::Ceb900, &guid, std::slice::from_ref(&answer)));
    let claimed = envelope.map(|envelope| envelope.trans_info.sender_id.clone());
    let claimed = claimed.or_else(|| {
        // The block stands at the end of a message.
        between(&String::from_utf8_lossy(message), "dxpId>", "<")
    });
    // Nobody's log, where the sender cannot be known: the caller is told in the answer.
    let dxp_id = claimed.filter(|id| id.len() <= 30 && principal.holds(id)).unwrap_or_default();
    let malformed = MalformedMessage { dxp_id, status: SCHEMA, body };
    IncomingMessage::Broken(Box::new(SchemaBreach { malformed, faults, envelope_id, answer }))
}

/// Characters in the returnInfo of CEB900.
const CEB900_INFO_MAX: usize = 5_000;

/// What stands between two marks, the first time; for a message that cannot be read as a whole.
fn between(text: &str, from: &str, until: &str) -> Option<String> {
    let start = text.find(from)? + from.len();
    let rest = text.get(start..)?;
    rest.find(until).and_then(|end| rest.get(..end)).map(|found| found.trim().to_owned())
}

/// The caller transmits for itself or for whom it stands, under its own exchange number. The log of
/// customs is nobody's, and nobody subscribes it to anything.
fn admit_sender(principal: &Principal, read: &ceb::Message) -> Result<(), Refusal> {
    let ceb::Transfer { dxp_id, cop_code, .. } = &read.transfer;
    if !principal.holds(dxp_id) {
        return Err(Refusal::of(Code::ExchangeNumberForeign).with("dxp_id", dxp_id));
    }
    if !principal.transmits_for(cop_code) {
        return Err(Refusal::of(Code::DeclarantForeign).with("cop_code", cop_code));
    }
    let reserved = read.subscribers.iter().find(|subscriber| subscriber.dxp_address == CUSTOMS_LOG);
    match reserved {
        Some(subscriber) => {
            Err(Refusal::of(Code::ExchangeNumberForeign)
                .with("dxp_address", &subscriber.dxp_address))
        }
        None => Ok(()),
    }
}

/// An appTime decides which of two documents is newer: one from the future would stand for ever. One that
/// is no time at all is told with what else is wrong.
fn too_new(document: &Document, now: OffsetDateTime) -> Option<ReceiptStatus> {
    let text = document.text("appTime");
    let time = time::PrimitiveDateTime::parse(&text, C14).ok()?;
    let late = time.assume_offset(CHINA) > now + time::Duration::days(1);
    late.then(|| {
        ReceiptStatus::new(status::REJECTED, format!("appTime[{text}]晚于当前时间一日以上"))
    })
}

fn sender(read: &ceb::Message) -> Sender {
    let mut receipts = BTreeSet::new();
    for subscriber in &read.subscribers {
        let wants = matches!(subscriber.status.as_str(), "ALL" | "RET");
        if wants && subscriber.dxp_address != read.transfer.dxp_id {
            receipts.insert(subscriber.dxp_address.clone());
        }
    }
    Sender { dxp_id: read.transfer.dxp_id.clone(), subscribers: receipts.into_iter().collect() }
}

/// Copies of the whole message for those who subscribed to data.
fn copies(read: &ceb::Message, message: &[u8]) -> Copies {
    let wants: BTreeSet<&String> = read
        .subscribers
        .iter()
        .filter(|subscriber| matches!(subscriber.status.as_str(), "ALL" | "DATA"))
        .map(|subscriber| &subscriber.dxp_address)
        .collect();
    let body = if wants.is_empty() { Bytes::new() } else { Bytes::copy_from_slice(message) };
    Copies { message: uuid::Uuid::now_v7(), to: wants.into_iter().cloned().collect(), body }
}

/// The receipt for a message whose signature is not good, with the codes of its kind where it has some.
fn unsigned(kind: DocumentKind, document: &Document, refused: &SignatureRefusal) -> ReceiptStatus {
    let empty = matches!(refused, SignatureRefusal::Empty { .. });
    match (kind, empty) {
        (_, true) => ReceiptStatus::refused(unsigned_code(kind), &[]),
        (DocumentKind::ImportCancel, false) => {
            ReceiptStatus::refused(-623_029, &[&format!("，{}", refused.text_zh())])
        }
        (DocumentKind::ImportRefund, false) => {
            ReceiptStatus::refused(-625_005, &[&key(kind, document)])
        }
        (_, false) => {
            let code = refused.business_code().and_then(|code| code.parse().ok());
            ReceiptStatus::refused(code.unwrap_or(-621_029), &[])
        }
    }
}

/// The code for a document without the signature that it needs.
fn unsigned_code(kind: DocumentKind) -> i32 {
    match kind {
        DocumentKind::ImportCancel => -623_017,
        DocumentKind::ImportRefund => -625_028,
        _ => -621_026,
    }
}

/// The receipt for a document that somebody else's certificate signed.
fn signed_by_another(
    kind: DocumentKind,
    document: &Document,
    firm: &str,
    card: &str,
) -> ReceiptStatus {
    let parameters = ["企业代码", firm, card];
    match kind {
        DocumentKind::ImportCancel => ReceiptStatus::refused(-623_021, &parameters),
        DocumentKind::ImportRefund => ReceiptStatus::refused(-625_013, &[&key(kind, document)]),
        _ => ReceiptStatus::refused(-621_015, &parameters),
    }
}

/// What is wrong with one document by itself: its signer, its declarant, or the rules.
fn own_refusal(
    policy: &MessagePolicy,
    principal: &Principal,
    kind: DocumentKind,
    document: &ceb::ReadDocument,
    verified: Option<&VerifiedMessage>,
) -> Option<ReceiptStatus> {
    let value = |element: &str| document.document.text(element);
    let optional = matches!(kind, DocumentKind::ImportCancel | DocumentKind::ImportRefund);
    let empty = kind.key_elements().iter().find(|element| {
        // Receipts of money may come without a number, some cancellations without their own.
        let may = **element == "payNo" || optional && **element == "copNo";
        !may && value(element).trim().is_empty()
    });
    if let Some(element) = empty {
        return Some(ReceiptStatus::new(status::REJECTED, format!("业务主键{element}为空")));
    }
    let draft = value("appStatus") == "1";
    let firms: Vec<String> =
        responsible(kind).iter().map(|e| value(e)).filter(|code| !code.is_empty()).collect();
    let first = proto::text(firms.first().cloned());
    if !firms.iter().any(|code| principal.transmits_for(code)) {
        return Some(ReceiptStatus::refused(-10_102, &[]));
    }
    if let Some(verified) = verified {
        if !firms.iter().any(|code| signs_for(policy, principal, verified, code)) {
            let document = &document.document;
            return Some(signed_by_another(kind, document, &first, &verified.key_name));
        }
    } else if !draft && wants_signature(kind) {
        return Some(ReceiptStatus::refused(unsigned_code(kind), &[]));
    }
    let own = refusal(kind, &check(kind, &document.document, &policy.profile));
    if !kind.is_inventory() || draft {
        return own;
    }
    match (own, broken_rules(policy, kind, document, verified)) {
        // Both lists in one receipt; a code for just what is wrong comes first.
        (Some(own), Some(declared)) if declared.status < 0 => Some(declared.with_more(&[own.info])),
        (Some(own), Some(declared)) => Some(own.with_more(&[declared.info])),
        (own, declared) => own.or(declared),
    }
}

/// The import documents that the schema wants signed.
fn wants_signature(kind: DocumentKind) -> bool {
    MessageType::from_number(kind.number()).is_some_and(MessageType::signature_required)
}

/// Whether a certificate signs for a firm: the registry says so, or the certificate does.
fn signs_for(
    policy: &MessagePolicy,
    principal: &Principal,
    verified: &VerifiedMessage,
    code: &str,
) -> bool {
    let certificate = &verified.certificate;
    let fingerprint: String = certificate.fingerprint.iter().map(|b| format!("{b:02x}")).collect();
    let registered = principal
        .signers
        .iter()
        .any(|signer| signer.eq_ignore_ascii_case(&fingerprint) || certificate.is_numbered(signer));
    let own = registered && principal.transmits_for(code);
    // A card that names no firm at all says nothing; the sandbox takes it for whoever uses it.
    let silent = policy.profile.sandbox && certificate.codes.is_empty();
    own || silent || certificate.belongs_to(code)
}

/// Every rule of a declaration that an inventory breaks, as one receipt. Where customs has a code of its
/// own for one of them, that is the status, and its text comes first.
fn broken_rules(
    policy: &MessagePolicy,
    kind: DocumentKind,
    document: &ceb::ReadDocument,
    verified: Option<&VerifiedMessage>,
) -> Option<ReceiptStatus> {
    let declared = ceb::declaration(&document.document)?;
    // A signed document was read from its canonical text, whose lines count differently.
    let line = |line| verified.map_or(line, |verified| verified.lines.original(line));
    let violations = domain::Declaration::from(declared).check(&policy.profile).err()?;
    let text_of = |violation: &Violation| {
        let place = document.place(&violation.field);
        let place = place.map(|place| format!("第{}行{}：", line(place.line), place.element));
        // A rule about the whole document has no place.
        let place = place.unwrap_or_default();
        format!("[Code:{};Desc:{place}{}]", violation.code.id(), violation.text_zh)
    };
    let coded = |violation: &Violation| {
        let code = violation.customs_code?.parse::<i32>().ok()?;
        let key = key(kind, &document.document);
        Some(match code {
            -621_005 => {
                ReceiptStatus::refused(code, &[&key, &domain::rules::decimal(SINGLE_LIMIT_E5)])
            }
            code => ReceiptStatus::refused(code, &[]),
        })
    };
    let first = violations.iter().enumerate().find_map(|(at, it)| Some((at, coded(it)?)));
    let others = violations.iter().enumerate().filter(|(at, _)| {
        // What the text of the code says already is not told twice.
        first.as_ref().is_none_or(|(first, _)| at != first)
    });
    let texts: Vec<String> = others.map(|(_, violation)| text_of(violation)).collect();
    match first {
        Some((_, first)) if texts.is_empty() => Some(first),
        Some((_, first)) => Some(first.with_more(&[texts.join(",")])),
        None => Some(ReceiptStatus::new(status::REJECTED, texts.join(","))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(plain).expect("memory");
        packed.finish().expect("memory")
    }

    #[test]
    fn a_packed_message_is_read_whole_or_refused() {
        let (head, tail) = (gzip(b"<a>one"), gzip(b" two</a>"));
        assert_eq!(unpacked(&head).expect("a member"), b"<a>one");
        let both = [head.clone(), tail.clone()].concat();
        assert_eq!(unpacked(&both).expect("two members are one file"), b"<a>one two</a>");
        for (what, packed) in [
            ("garbage after the last member", [head.clone(), b"more".to_vec()].concat()),
            ("zeros after the last member", [head.clone(), vec![0; 512]].concat()),
            ("half a second member", [head.clone(), tail[..tail.len() / 2].to_vec()].concat()),
            ("only the magic number of a second", [head.clone(), tail[..2].to_vec()].concat()),
            ("no end", head[..head.len() - 1].to_vec()),
            ("a wrong sum", [head[..head.len() - 8].to_vec(), vec![1; 8]].concat()),
        ] {
            let refused = unpacked(&packed).expect_err(what);
            assert_eq!(refused.code, Code::XmlMalformed, "{what}");
        }
    }

    #[test]
    fn members_together_are_bounded_as_one_file() {
        let half = gzip(&vec![b' '; limits::CEB_ENVELOPE_BYTES_MAX / 2 + 1]);
        assert!(unpacked(&half).is_ok());
        let refused = unpacked(&[half.clone(), half].concat()).expect_err("too large together");
        assert_eq!(refused.code, Code::XmlTooLarge);
    }

    #[test]
    fn a_second_message_behind_the_first_is_refused_with_it() {
        let message = include_bytes!("../../../docs/examples/ceb/ceb311.xml");
        assert!(ceb::read(message).is_ok());
        let root = message.windows(7).rposition(|at| at == b"<ceb:CE").unwrap_or_default();
        assert!(ceb::read(&[&message[..], &message[root..]].concat()).is_err(), "two roots");
    }
}
