//! A transaction under way: what was loaded, what happened, and what will be written.
//!
//! The invariant: what happened to a declaration becomes an entry of the journal in the same
//! transaction as the rows that it describes.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use domain::DeclarationId;
use domain::clearance::{Joint, awaited};
use domain::history::{HistoryFact, topic};
use sqlx::PgConnection;
use store::Fault;
use store::column::integer;
use store::journal::{Entry, Heads};
use store::request::Requests;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::clear;
use crate::row::{self, DeclarationRow, phase_column};

/// A transaction under way: what was loaded, and what will be written.
pub(crate) struct DeclarationTransaction<'t> {
    pub(crate) tx: &'t mut PgConnection,
    pub(crate) now: OffsetDateTime,
    heads: Heads,
    pub(crate) cases: HashMap<DeclarationId, DeclarationRow>,
    filed: Vec<DeclarationId>,
    /// Facts of a case that are not yet an entry.
    pending: BTreeMap<DeclarationId, Pending>,
    entries: Vec<Entry>,
    pub(crate) requests: Requests,
    pub(crate) clearing: clear::Writes,
}

#[derive(Default)]
struct Pending {
    records: Vec<HistoryFact>,
    body: Option<Bytes>,
}

impl<'t> DeclarationTransaction<'t> {
    pub(crate) fn new(
        tx: &'t mut PgConnection,
        now: OffsetDateTime,
        heads: Heads,
        cases: HashMap<DeclarationId, DeclarationRow>,
        requests: Requests,
    ) -> Self {
        Self {
            tx,
            now,
            heads,
            cases,
            filed: Vec::new(),
            pending: BTreeMap::new(),
            entries: Vec::new(),
            requests,
            clearing: clear::Writes::default(),
        }
    }

    /// Writes down facts about a case; those of one transaction share an entry.
    pub(crate) fn record(
        &mut self,
        id: DeclarationId,
        records: impl IntoIterator<Item = HistoryFact>,
    ) {
        self.pending.entry(id).or_default().records.extend(records);
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
        self.cases.insert(case.id, case);
    }

    /// Makes an entry of what was recorded about a case so far, if anything was: what comes now has one of its
    /// own.
    pub(crate) fn enter_waiting(&mut self, id: DeclarationId) -> Result<(), Fault> {
        if self.pending.contains_key(&id) {
            self.enter(id, "")?;
        }
        Ok(())
    }

    /// Makes an entry of what was recorded about a case so far. Returns its position.
    pub(crate) fn enter(&mut self, id: DeclarationId, trace: &str) -> Result<i64, Fault> {
        let pending = self.pending.remove(&id);
        let Pending { records, body } = pending
            .ok_or_else(|| Fault::Broken("an entry is about nothing that happened".into()))?;
        let position = self.heads.next(id.slot())?;
        let case = loaded(&mut self.cases, id)?;
        case.added.push(position);
        let inspected = match case.clearance.joint {
            Joint::None => 0,
            Joint::Open | Joint::Done | Joint::Cancelled => topic::INSPECTED,
        };
        self.entries.push(Entry {
            slot: id.slot(),
            position,
            event_id: Uuid::now_v7(),
            subject: id.uuid(),
            owner: case.declarant_code.clone(),
            version: integer(case.clearance.version)?,
            round: integer(case.clearance.round)?,
            phase: phase_column(case.clearance.phase),
            topics: records.iter().fold(inspected, |topics, record| topics | record.topic()),
            recorded_time: self.now,
            trace: trace.to_owned(),
            facts: proto::facts::encode(records, &awaited(&case.clearance)),
            body,
        });
        Ok(position)
    }

    /// The content of an entry, of this transaction or an earlier one, for what has to show it again.
    pub(crate) async fn content(
        &mut self,
        id: DeclarationId,
        position: i64,
    ) -> Result<Bytes, Fault> {
        let slot = id.slot();
        let own = self.entries.iter().find(|it| it.slot == slot && it.position == position);
        let body = match own {
            Some(entry) => entry.body.clone(),
            None => sqlx::query_scalar!(
                "select body from journal where slot = $1 and position = $2",
                slot.column(),
                position
            )
            .fetch_optional(&mut *self.tx)
            .await?
            .flatten()
            .map(Bytes::from),
        };
        body.ok_or_else(|| Fault::Broken("a declaration has no content in the journal".into()))
    }

    pub(crate) async fn write(mut self) -> Result<Vec<Entry>, Fault> {
        let waiting: Vec<_> = self.pending.keys().copied().collect();
        for id in waiting {
            self.enter(id, "")?;
        }
        let (new, changed): (Vec<&DeclarationRow>, Vec<&DeclarationRow>) = self
            .cases
            .values()
            .filter(|case| !case.added.is_empty())
            .partition(|case| self.filed.contains(&case.id));
        row::insert(self.tx, &new).await?;
        row::update(self.tx, &changed).await?;
        self.requests.write(self.tx, self.now).await?;
        self.clearing.write(self.tx, self.now).await?;
        self.heads.append(self.tx, &self.entries).await?;
        Ok(self.entries)
    }
}

fn loaded(
    cases: &mut HashMap<DeclarationId, DeclarationRow>,
    id: DeclarationId,
) -> Result<&mut DeclarationRow, Fault> {
    let found = cases.get_mut(&id);
    found.ok_or_else(|| Fault::Broken(format!("declaration {id} was not loaded")))
}
