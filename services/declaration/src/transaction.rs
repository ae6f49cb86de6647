//! A transaction under way: what was loaded, what happened, and what will be written.
//!
//! The invariant: what happened to a declaration becomes an entry of the journal in the same
//! transaction as the rows that it describes.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use domain::clearance::{Agency, Joint, awaited};
use domain::declaration::Direction;
use domain::history::{DutyProgress, HistoryFact, topic};
use domain::{DeclarationId, Slot};
use sqlx::PgConnection;
use store::Fault;
use store::cipher::Cipher;
use store::column::integer;
use store::content::{self, ContentKey};
use store::journal::{Heads, JournalEntry, Origin};
use store::request::Requests;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::clearance_rows::ClearanceRows;
use crate::declared_order::DeclaredOrders;
use crate::document_requests::{DocumentRequestRow, DocumentRequests};
use crate::open_declarations::Rows;
use crate::outside_number::OutsideNumbers;
use crate::row::{self, DeclarationRow, phase_column};
use crate::unreleased;

/// A transaction under way: what was loaded, and what will be written.
pub(crate) struct DeclarationTransaction<'t> {
    pub(crate) tx: &'t mut PgConnection,
    cipher: &'t Cipher,
    pub(crate) now: OffsetDateTime,
    heads: Heads,
    pub(crate) cases: Rows,
    filed: Vec<DeclarationId>,
    /// How many ids were made for each declarant.
    fresh_ids: HashMap<&'t str, u16>,
    /// Facts of a case that are not yet an entry.
    pending: BTreeMap<DeclarationId, PendingEntry>,
    entries: Vec<JournalEntry>,
    /// Contents of new versions.
    contents: Vec<(ContentKey, Bytes)>,
    pub(crate) requests: Requests,
    pub(crate) orders: DeclaredOrders,
    pub(crate) outside: OutsideNumbers,
    pub(crate) clearing: ClearanceRows,
    pub(crate) documents: DocumentRequests,
}

/// What is told after the commit.
#[derive(Debug)]
pub(crate) struct DeclarationCommit {
    pub(crate) entries: Vec<JournalEntry>,
    /// Where they are now.
    pub(crate) heads: Heads,
    /// What was loaded or filed, as it is now.
    pub(crate) cases: Rows,
}

#[derive(Default)]
struct PendingEntry {
    records: Vec<HistoryFact>,
    body: Option<Bytes>,
    /// Of the last answer among those that share the entry, which may have been the one that was waited for.
    trace: String,
}

impl<'t> DeclarationTransaction<'t> {
    pub(crate) fn new(
        (tx, cipher): (&'t mut PgConnection, &'t Cipher),
        now: OffsetDateTime,
        heads: Heads,
        cases: Rows,
        requests: Requests,
    ) -> Self {
        Self {
            tx,
            cipher,
            now,
            heads,
            cases,
            filed: Vec::new(),
            fresh_ids: HashMap::new(),
            pending: BTreeMap::new(),
            entries: Vec::new(),
            contents: Vec::new(),
            requests,
            orders: DeclaredOrders::default(),
            outside: OutsideNumbers::default(),
            clearing: ClearanceRows::default(),
            documents: DocumentRequests::default(),
        }
    }

    /// An id for a declaration that is filed now, after those of the same declarant. Counted over all of them, it
    /// would tell a firm how many its neighbours filed.
    pub(crate) fn fresh_id(&mut self, declarant: &'t str, slot: Slot) -> DeclarationId {
        let place = self.fresh_ids.entry(declarant).or_default();
        // A transaction has fewer than there are places.
        *place = place.wrapping_add(1);
        DeclarationId::filed(self.now, *place, Uuid::now_v7(), slot)
    }

    /// Writes down facts about a case; those of one transaction share an entry.
    pub(crate) fn record(
        &mut self,
        id: DeclarationId,
        records: impl IntoIterator<Item = HistoryFact>,
    ) {
        self.pending.entry(id).or_default().records.extend(records);
    }

    /// The `traceparent` of what was decided last about a case.
    pub(crate) fn trace(&mut self, id: DeclarationId, trace: &str) {
        if let Some(pending) = self.pending.get_mut(&id).filter(|_| !trace.is_empty()) {
            trace.clone_into(&mut pending.trace);
        }
    }

    /// Keeps the content of a version, which goes along with the next entry of this case.
    pub(crate) fn keep_content(
        &mut self,
        id: DeclarationId,
        version: u32,
        body: Bytes,
    ) -> Result<(), Fault> {
        self.contents.push((content_key(id, version)?, body.clone()));
        self.show(id, body);
        Ok(())
    }

    /// The content goes along with the next entry of this case.
    pub(crate) fn show(&mut self, id: DeclarationId, body: Bytes) {
        self.pending.entry(id).or_default().body = Some(body);
    }

    /// A case that was loaded or begun.
    pub(crate) fn case(&mut self, id: DeclarationId) -> Result<&mut DeclarationRow, Fault> {
        loaded(&mut self.cases, id)
    }

    /// Begins a case.
    pub(crate) fn open(&mut self, case: DeclarationRow) {
        self.filed.push(case.id);
        self.outside.put(&case);
        self.cases.insert(case.id, case);
    }

    /// Makes an entry of what was recorded about a case so far, if anything was: what comes now has one of its
    /// own.
    pub(crate) fn enter_waiting(&mut self, id: DeclarationId) -> Result<(), Fault> {
        if self.pending.contains_key(&id) {
            self.enter(id, &Origin::default())?;
        }
        Ok(())
    }

    /// Makes an entry of what was recorded about a case so far.
    pub(crate) fn enter(&mut self, id: DeclarationId, origin: &Origin) -> Result<(), Fault> {
        let pending = self.pending.remove(&id);
        let PendingEntry { records, body, trace: decided } = pending
            .ok_or_else(|| Fault::Broken("an entry is about nothing that happened".into()))?;
        let position = self.heads.next(id.slot())?;
        let case = loaded(&mut self.cases, id)?;
        case.added.push(position);
        let inspected = match case.clearance.joint {
            Joint::None => 0,
            Joint::Open | Joint::Done | Joint::Cancelled => topic::INSPECTED,
        };
        let national = if case.national { topic::NATIONAL } else { 0 };
        let direction = match case.direction {
            Direction::Import => topic::INBOUND,
            Direction::Export => topic::OUTBOUND,
        };
        let whole = inspected | national | direction;
        self.entries.push(JournalEntry {
            slot: id.slot(),
            position,
            event_id: Uuid::now_v7(),
            subject: id.uuid(),
            owner: case.declarant_code.clone(),
            version: integer(case.clearance.version)?,
            round: integer(case.clearance.round)?,
            phase: phase_column(case.clearance.phase),
            topics: records.iter().fold(whole, |topics, record| topics | record.topic()),
            recorded_time: self.now,
            trace: if origin.trace.is_empty() { decided } else { origin.trace.clone() },
            actor: origin.actor.as_str().to_owned(),
            facts: proto::facts::encode(records, &awaited(&case.clearance)),
            shows_content: body.is_some(),
            body: Ok(body),
        });
        Ok(())
    }

    /// Tells a firm that stands for the duty of another one's declaration of its own guarantee. It is no part of the
    /// declaration's history.
    pub(crate) fn publish_to_guarantor(
        &mut self,
        case: &DeclarationRow,
        guarantor: &str,
        moved: &DutyProgress,
    ) -> Result<(), Fault> {
        let (slot, fact) = (Slot::of(guarantor), HistoryFact::DutyProgress(moved.clone()));
        self.entries.push(JournalEntry {
            slot,
            position: self.heads.next(slot)?,
            event_id: Uuid::now_v7(),
            subject: case.id.uuid(),
            owner: guarantor.to_owned(),
            version: integer(case.clearance.version)?,
            round: integer(case.clearance.round)?,
            phase: phase_column(case.clearance.phase),
            topics: fact.topic(),
            recorded_time: self.now,
            trace: String::new(),
            actor: String::new(),
            facts: proto::facts::encode(vec![fact], &[]),
            shows_content: false,
            body: Ok(None),
        });
        Ok(())
    }

    /// The content of a version, filed in this transaction or before; `None` when it was archived.
    pub(crate) async fn content(
        &mut self,
        id: DeclarationId,
        version: u32,
    ) -> Result<Option<Bytes>, Fault> {
        let key = content_key(id, version)?;
        match self.contents.iter().find(|(own, _)| *own == key) {
            Some((_, body)) => Ok(Some(body.clone())),
            None => content::read(self.tx, self.cipher, key).await,
        }
    }

    /// The newest request for documents of an agency; `None` when it never asked.
    pub(crate) async fn document_request(
        &mut self,
        id: DeclarationId,
        agency: Agency,
    ) -> Result<Option<DocumentRequestRow>, Fault> {
        self.documents.newest(self.tx, id, agency).await
    }

    /// Writes everything.
    pub(crate) async fn write(mut self) -> Result<DeclarationCommit, Fault> {
        let waiting: Vec<_> = self.pending.keys().copied().collect();
        for id in waiting {
            self.enter(id, &Origin::default())?;
        }
        let (new, changed): (Vec<&DeclarationRow>, Vec<&DeclarationRow>) = self
            .cases
            .values()
            .filter(|case| !case.added.is_empty())
            .partition(|case| self.filed.contains(&case.id));
        row::insert(self.tx, &new).await?;
        row::update(self.tx, &changed).await?;
        let touched: Vec<&DeclarationRow> = new.into_iter().chain(changed).collect();
        unreleased::write(self.tx, &touched).await?;
        self.orders.write(self.tx).await?;
        self.outside.write(self.tx).await?;
        self.requests.write(self.tx, self.now).await?;
        self.clearing.write(self.tx, self.now).await?;
        self.documents.write(self.tx).await?;
        content::write(self.tx, self.cipher, &self.contents).await?;
        self.heads.append(self.tx, self.cipher, &self.entries).await?;
        let Self { entries, heads, cases, .. } = self;
        Ok(DeclarationCommit { entries, heads, cases })
    }
}

fn content_key(id: DeclarationId, version: u32) -> Result<ContentKey, Fault> {
    Ok(ContentKey { slot: id.slot(), subject: id.uuid(), version: integer(version)? })
}

fn loaded(cases: &mut Rows, id: DeclarationId) -> Result<&mut DeclarationRow, Fault> {
    let found = cases.get_mut(&id);
    found.ok_or_else(|| Fault::Broken(format!("declaration {id} was not loaded")))
}
