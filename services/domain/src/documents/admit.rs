//! Whether an incoming document may be stored over the one that is there under the same key.
//!
//! The answer never changes the state of the document that is held: a refusal here, even one with
//! status 100, is about the message that came, not about what is stored.
//!
//! The rules, in their order; the first that applies decides:
//!
//! | # | incoming | held | answer | code |
//! |---|---|---|---|---|
//! | A0 | new | somebody else's | refuse, and tell nothing of it | as A4 |
//! | A0 | anything else | somebody else's | as if there were none | |
//! | A1 | same guid, same content | any | repeat | the same answer as before |
//! | A2 | change or delete | none, or deleted | refuse | -301009, -401006, -504014, -621011 |
//! | A3 | anything | none | store | |
//! | A4 | new | neither deleted nor draft, rejected, in error | refuse | -301010, -401007, -504012, -621004, -304001 |
//! | A5 | appTime not newer | any | refuse | -301014, -401012, -505016, -800005 |
//! | A6 | new | any other | replace | |
//! | A7 | change or delete | draft | replace, delete | |
//! | A8 | change or delete | used in a declared inventory | refuse | -301011, -401008, -504016 |
//! | A9 | change, not back to a draft | in a state that can be changed | replace | |
//! | A10 | delete | in a state that can be deleted | delete | |
//! | A11 | change or delete | any other state | refuse | -621012 |
//!
//! What stands is told before what is wrong with the document that came ([`stands`], [`unchanged`]): the
//! receipt of a faulty repetition must not look like the rejection of what it repeats, so it never has
//! status 100.
//!
//! Sources: error code list and glossary (appType, appTime, appStatus) of the CEB specification
//! 202205; re-submission (A4, A6) after the receipt simulators of the trade, which name the states 2,
//! 120, 399 and 899 (way-bill list: 2, 399, 500, 800) as taken. The states between those are taken
//! just as well.

use super::errors;
use super::kind::DocumentKind;
use super::returns::{ReceiptStatus, status};

/// What a document wants to do (appType).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentIntent {
    /// 1: a new document.
    New,
    /// 2: a change of the one with the same key.
    Change,
    /// 3: the deletion of the one with the same key.
    Delete,
}

impl DocumentIntent {
    /// Reads the element; the specification's default is 1.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "1" => Some(Self::New),
            "2" => Some(Self::Change),
            "3" => Some(Self::Delete),
            _ => None,
        }
    }
}

/// A document that came.
#[derive(Debug, Clone, Copy)]
pub struct IncomingDocument<'a> {
    /// Which kind.
    pub kind: DocumentKind,
    /// Its business key as [`super::kind::key`] made it, for the texts.
    pub key: &'a str,
    /// The document's own guid, unique for each version that is sent.
    pub guid: &'a str,
    /// What it wants.
    pub app_type: DocumentIntent,
    /// When the sender made it, 14 digits, China Standard Time.
    pub app_time: &'a str,
    /// appStatus 1: it is stored and not declared.
    pub draft: bool,
}

/// The document that is stored under the same key.
#[derive(Debug, Clone, Copy)]
pub struct EarlierDocument<'a> {
    /// The sender of the incoming one may know of it and change it.
    pub own: bool,
    /// Guid of the version, or of the deletion, that counts.
    pub guid: &'a str,
    /// Its appTime.
    pub app_time: &'a str,
    /// Whether its content is that of the incoming document.
    pub same_content: bool,
    /// It is a draft.
    pub draft: bool,
    /// The last status that counts.
    pub status: i32,
    /// It was deleted, or it is an inventory that was cancelled.
    pub deleted: bool,
    /// An inventory that uses it is declared and not rejected or cancelled.
    pub used: bool,
}

impl EarlierDocument<'_> {
    /// A new document may take its place.
    fn is_replaceable(&self) -> bool {
        let open = self.is_draft() || self.status == status::REJECTED || self.status < 0;
        self.deleted || open && !self.used
    }

    fn is_draft(&self) -> bool {
        self.draft || self.status == status::DRAFT
    }

    /// It was declared and nothing has ended it, or an inventory that stands uses it.
    fn stands(&self) -> bool {
        !self.is_replaceable()
    }
}

/// What to do with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Store it: it is the first with its key.
    Store,
    /// Store it over the one that is there.
    Replace,
    /// Mark the one that is there as deleted.
    Delete,
    /// It is the one that is there: answer again, no effect.
    Repeat,
}

/// The codes of one kind.
struct Codes {
    /// A2.
    missing: i32,
    /// A5.
    stale: i32,
    /// A4.
    exists: i32,
    /// A8 and A11.
    frozen: i32,
    /// What is wrong with a change of a document that stands.
    faulty: i32,
}

const fn row(missing: i32, stale: i32, exists: i32, frozen: i32, faulty: i32) -> Codes {
    Codes { missing, stale, exists, frozen, faulty }
}

const ORDER: Codes = row(-301_009, -301_014, -301_010, -301_011, -301_008);
const PAYMENT: Codes = row(-401_006, -401_012, -401_007, -401_008, -401_009);
const WAYBILL: Codes = row(-504_014, -505_016, -504_012, -504_016, -504_011);
const WAYBILL_STATUS: Codes = row(-505_014, -505_016, -505_012, -505_014, -505_011);
const INVENTORY: Codes = row(-621_011, -621_003, -621_004, -621_012, -621_001);
const CANCEL: Codes = row(-623_004, -623_001, -623_009, -623_001, -623_001);
const REFUND: Codes = row(-625_016, -625_004, -625_033, -625_022, -625_001);
const SITE: Codes = row(-800_001, -800_005, -800_003, -800_001, -800_001);

/// Codes whose text has a place for the reason. There are no codes of their own for an older message
/// about an inventory, a cancellation or a return.
const TAKE_A_REASON: [i32; 4] = [-621_003, -623_001, -625_004, -800_001];

/// The codes of a kind, and whether their texts are about it. Most documents around a parcel on its
/// way out have no published codes: they borrow those of the nearest import document.
fn codes(kind: DocumentKind) -> (&'static Codes, bool) {
    use DocumentKind as K;
    match kind {
        K::ImportOrder | K::ExportOrder => (&ORDER, true),
        K::Payment => (&PAYMENT, true),
        K::MoneyReceipt => (&PAYMENT, false),
        K::ImportWaybill | K::ExportWaybill => (&WAYBILL, true),
        K::WaybillStatus => (&WAYBILL_STATUS, true),
        K::ImportInventory | K::ExportInventory => (&INVENTORY, true),
        K::ImportCancel | K::ExportCancel => (&CANCEL, true),
        K::ImportRefund => (&REFUND, true),
        K::ExportReturn => (&REFUND, false),
        K::Delivery => (&SITE, true),
        K::Arrival | K::Departure | K::WaybillList | K::Tally | K::SummaryApply => (&SITE, false),
    }
}

/// Decides about a document. `held` is what is stored under its key, deleted or not.
///
/// Two decisions of ours. A document whose appTime equals the stored one's is not newer, because
/// nothing tells which of the two was meant last; only the step from a draft to its declaration may
/// happen within one second. And the states of an inventory that can be changed are those before
/// release in which the goods are neither examined nor detained; one that was declared is not
/// deleted but cancelled (605, 623), so only drafts, rejected ones and errors are deleted.
///
/// # Errors
///
/// The receipt that refuses it.
pub fn admit(
    incoming: &IncomingDocument<'_>,
    held: Option<&EarlierDocument<'_>>,
) -> Result<Admission, ReceiptStatus> {
    let kind = incoming.kind;
    let (codes, _) = codes(kind);
    let held = match held {
        Some(held) if !held.own && incoming.app_type == DocumentIntent::New && held.stands() => {
            return Err(exists(kind, incoming.key));
        }
        held => held.filter(|held| held.own),
    };
    if held.is_some_and(|held| is_repeat(incoming, held)) {
        return Ok(Admission::Repeat);
    }
    let Some(held) = held.filter(|held| incoming.app_type == DocumentIntent::New || !held.deleted)
    else {
        return match incoming.app_type {
            DocumentIntent::New => Ok(Admission::Store),
            DocumentIntent::Change | DocumentIntent::Delete => {
                Err(refuse(incoming, codes.missing, "appType不正确，未找到操作的单证"))
            }
        };
    };
    // Whoever sends a new document wants to hear that its key is taken, not that it is old.
    if incoming.app_type == DocumentIntent::New && held.stands() {
        return Err(exists(kind, incoming.key));
    }
    if is_stale(incoming, held) {
        return Err(refuse(incoming, codes.stale, "接收报文为旧报文数据，不做处理"));
    }
    match incoming.app_type {
        DocumentIntent::New => Ok(Admission::Replace),
        DocumentIntent::Change if held.is_draft() => Ok(Admission::Replace),
        DocumentIntent::Delete if held.is_draft() => Ok(Admission::Delete),
        DocumentIntent::Change if may_change(incoming, held) => Ok(Admission::Replace),
        DocumentIntent::Delete if !held.used && deletable(kind, held.status) => {
            Ok(Admission::Delete)
        }
        DocumentIntent::Change | DocumentIntent::Delete => {
            Err(refuse(incoming, codes.frozen, "状态不符，不允许变更或删除"))
        }
    }
}

/// A draft takes no declared document's place: that would withdraw it without a cancellation.
fn may_change(incoming: &IncomingDocument<'_>, held: &EarlierDocument<'_>) -> bool {
    let undone = held.status == status::REJECTED || held.status < 0;
    !held.used && changeable(incoming.kind, held.status) && (undone || !incoming.draft)
}

fn is_repeat(incoming: &IncomingDocument<'_>, held: &EarlierDocument<'_>) -> bool {
    held.same_content && incoming.guid.eq_ignore_ascii_case(held.guid)
}

/// Fourteen digits compare as text.
fn is_stale(incoming: &IncomingDocument<'_>, held: &EarlierDocument<'_>) -> bool {
    let declares = held.is_draft() && !held.deleted && !incoming.draft;
    if declares { incoming.app_time < held.app_time } else { incoming.app_time <= held.app_time }
}

/// The states in which a declared document may be changed.
///
/// Documents that an inventory uses are frozen by that use alone; orders, payments and waybills that
/// are not used can be changed in any state. Inventories: see [`admit`]. Cancellations and returns
/// are decided by customs once they are taken in. Source for the use: -301011, -401008, -504016; the
/// rest is unverified.
pub fn changeable(kind: DocumentKind, held: i32) -> bool {
    use DocumentKind as K;
    let early = held <= status::SENDING_FAILED || held == status::REJECTED;
    match kind {
        K::ExportOrder
        | K::MoneyReceipt
        | K::ExportWaybill
        | K::ImportOrder
        | K::Payment
        | K::ImportWaybill
        | K::WaybillStatus => true,
        K::ExportInventory | K::ImportInventory => {
            early || (status::TAKEN_IN..=status::CONCLUDED).contains(&held)
        }
        K::Arrival
        | K::Departure
        | K::ExportCancel
        | K::WaybillList
        | K::ExportReturn
        | K::Tally
        | K::SummaryApply
        | K::ImportCancel
        | K::ImportRefund
        | K::Delivery => early,
    }
}

/// The states in which a declared document may be deleted.
pub fn deletable(kind: DocumentKind, held: i32) -> bool {
    if kind.is_inventory() {
        held <= status::DRAFT || held == status::REJECTED
    } else {
        changeable(kind, held)
    }
}

/// The receipt that says that a document with this key stands. Exports of the trade's simulators answer
/// with -304001 for an order, which is kept, and with 100 for everything else, which is not: nobody could
/// tell it from a rejection of what stands.
pub fn exists(kind: DocumentKind, key: &str) -> ReceiptStatus {
    match kind {
        DocumentKind::ExportOrder => ReceiptStatus::refused(status::KEY_TAKEN, &[key]),
        kind => refused(kind, key, codes(kind).0.exists, "业务主键重复"),
    }
}

/// Whether the sender's document stands under the key, so that a refusal is about a repetition or a change
/// of it.
pub fn stands(held: Option<&EarlierDocument<'_>>) -> bool {
    held.is_some_and(|held| held.own && held.stands())
}

/// The refusal of a document by itself, as it is told where another stands under its key and goes on
/// standing: not as a rejection (100).
pub fn unchanged(kind: DocumentKind, refusal: &ReceiptStatus) -> ReceiptStatus {
    if refusal.status != status::REJECTED {
        return refusal.clone();
    }
    let faulty = codes(kind).0.faulty;
    match errors::find(faulty).map_or(0, |(text, _)| text.matches(errors::PLACE).count()) {
        // The list has no text with room for what is wrong.
        0 => ReceiptStatus::new(
            faulty,
            format!("{}，{}", ReceiptStatus::refused(faulty, &[]).info, refusal.info),
        ),
        _ => ReceiptStatus::refused(faulty, &[&refusal.info]),
    }
}

fn refuse(incoming: &IncomingDocument<'_>, code: i32, reason: &str) -> ReceiptStatus {
    refused(incoming.kind, incoming.key, code, reason)
}

/// A code of the list with what its text has room for: a reason, the key, or nothing.
fn refused(kind: DocumentKind, key: &str, code: i32, reason: &str) -> ReceiptStatus {
    let places = errors::find(code).map_or(0, |(text, _)| text.matches(errors::PLACE).count());
    match places {
        0 => ReceiptStatus::refused(code, &[]),
        _ if TAKE_A_REASON.contains(&code) => {
            ReceiptStatus::refused(code, &[&format!("{}：{reason}", kind.title_zh())])
        }
        _ => ReceiptStatus::refused(code, &[key]),
    }
}

/// One part of a split document (msgCount, msgSeqNo).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// How many parts there are.
    pub count: u32,
    /// Which part this is, from 1.
    pub seq: u32,
}

impl Split {
    /// Checks a part against the number of parts that earlier ones told.
    ///
    /// # Errors
    ///
    /// A rejection (100) when there is no such part, or the parts disagree about their number. The
    /// text is unverified.
    pub fn check(self, earlier_count: Option<u32>) -> Result<(), ReceiptStatus> {
        let fits = (1..=self.count).contains(&self.seq);
        if fits && earlier_count.is_none_or(|earlier_count| earlier_count == self.count) {
            return Ok(());
        }
        let earlier_count = earlier_count.map_or_else(String::new, |earlier_count| {
            format!("，此前报文msgCount[{earlier_count}]")
        });
        let text = format!(
            "拆分报文序号不符，msgCount[{}]msgSeqNo[{}]{earlier_count}",
            self.count, self.seq
        );
        Err(ReceiptStatus::new(status::REJECTED, text))
    }
}

/// Whether every part is in. Parts arrive in any order, so a gap only means that one is still to
/// come; a part that came twice counts once.
///
/// # Errors
///
/// As [`Split::check`], for the first part that does not exist.
pub fn complete(count: u32, seen: &[u32]) -> Result<bool, ReceiptStatus> {
    for &seq in seen {
        Split { count, seq }.check(None)?;
    }
    let mut parts = seen.to_vec();
    parts.sort_unstable();
    parts.dedup();
    Ok(count > 0 && u32::try_from(parts.len()).is_ok_and(|parts| parts == count))
}

/// The parts that are still to come, in words for the sender; `None` when every part is in. Shown are
/// the first few.
pub fn missing_parts(count: u32, seen: &[u32]) -> Option<String> {
    const SHOWN: usize = 10;
    let mut missing = (1..=count).filter(|seq| !seen.contains(seq));
    let shown: Vec<String> = missing.by_ref().take(SHOWN).map(|seq| seq.to_string()).collect();
    if shown.is_empty() {
        return None;
    }
    let more = if missing.next().is_some() { "等" } else { "" };
    Some(format!("报文未齐，msgCount[{count}]，待收msgSeqNo[{}]{more}", shown.join(",")))
}
