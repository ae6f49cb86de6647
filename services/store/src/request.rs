//! Requests that change something, kept once for each id of whoever made it up, with what is needed to
//! answer them again.
//!
//! The invariant: a request has its effect once. Whoever holds the heads of the slots loads the requests,
//! sees whether one is new, and keeps it in the transaction of its effect; a request that comes twice in
//! one transaction is seen like one that came before.

use std::collections::HashMap;

use domain::principal::ActingPerson;
use domain::{RequestId, Slot};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Fault, column};

/// SHA-256 of a request, to tell a repetition from another request under the same id.
pub type Digest = [u8; 32];

/// Which request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// Of what it changes.
    pub slot: Slot,
    /// Made up by the caller.
    pub id: RequestId,
    /// Whose ids they are: every caller makes up its own.
    pub caller: String,
}

/// Whether a request came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestStatus<'r> {
    /// It did not.
    New,
    /// It did; what was kept to answer it.
    Same(&'r [u8]),
    /// Another one did, under the same id; what was kept of that one.
    Other(&'r [u8]),
}

#[derive(Debug)]
struct Record {
    digest: Digest,
    outcome: Vec<u8>,
    actor: ActingPerson,
}

/// The requests of a transaction.
#[derive(Debug, Default)]
pub struct Requests {
    known: HashMap<RequestKey, Record>,
    new: Vec<RequestKey>,
}

impl Requests {
    /// Finds those that came before.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database.
    pub async fn load(
        tx: &mut PgConnection,
        keys: impl IntoIterator<Item = RequestKey>,
    ) -> Result<Self, Fault> {
        let (mut slots, mut ids, mut callers) = (Vec::new(), Vec::new(), Vec::new());
        for RequestKey { slot, id, caller } in keys {
            slots.push(slot.column());
            ids.push(id.0);
            callers.push(caller);
        }
        if ids.is_empty() {
            return Ok(Self::default());
        }
        let rows = sqlx::query!(
            "select r.slot, r.request_id, r.caller, r.digest, r.outcome
             from unnest($1::smallint[], $2::uuid[], $3::text[]) as wanted (slot, request_id, caller)
             join request r on r.slot = wanted.slot and r.request_id = wanted.request_id
               and r.caller = wanted.caller",
            &slots,
            &ids,
            &callers
        )
        .fetch_all(tx)
        .await?;
        let mut known = HashMap::with_capacity(rows.len());
        for row in rows {
            let digest = Digest::try_from(row.digest)
                .map_err(|_| Fault::Broken("a request is kept without its digest".to_owned()))?;
            let id = RequestId(row.request_id);
            let key = RequestKey { slot: column::slot(row.slot)?, id, caller: row.caller };
            let actor = ActingPerson::default(); // of those that came before it is not asked
            known.insert(key, Record { digest, outcome: row.outcome, actor });
        }
        Ok(Self { known, new: Vec::new() })
    }

    /// Whether this one came before, or earlier in this transaction.
    pub fn seen(&self, key: &RequestKey, digest: &Digest) -> RequestStatus<'_> {
        match self.known.get(key) {
            None => RequestStatus::New,
            Some(record) if record.digest == *digest => RequestStatus::Same(&record.outcome),
            Some(record) => RequestStatus::Other(&record.outcome),
        }
    }

    /// Whether none of them came before, which is the usual case.
    pub fn are_new(&self) -> bool {
        self.known.is_empty()
    }

    /// What was kept of a request, the same or another one under its id.
    pub fn outcome(&self, key: &RequestKey) -> Option<&[u8]> {
        self.known.get(key).map(|record| record.outcome.as_slice())
    }

    /// Keeps a new one. A refusal is not kept: what is asked again is decided again.
    pub fn keep(&mut self, key: RequestKey, digest: Digest, outcome: Vec<u8>) {
        self.keep_by(&ActingPerson::default(), key, digest, outcome);
    }

    /// The same of somebody who acted in the caller's name.
    pub fn keep_by(
        &mut self,
        actor: &ActingPerson,
        key: RequestKey,
        digest: Digest,
        outcome: Vec<u8>,
    ) {
        self.known.insert(key.clone(), Record { digest, outcome, actor: actor.clone() });
        self.new.push(key);
    }

    /// Writes the new ones.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database, and where a request was kept twice.
    pub async fn write(&self, tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), Fault> {
        if self.new.is_empty() {
            return Ok(());
        }
        let count = self.new.len();
        let mut slots: Vec<i16> = Vec::with_capacity(count);
        let mut ids: Vec<Uuid> = Vec::with_capacity(count);
        let mut callers: Vec<&str> = Vec::with_capacity(count);
        let mut digests: Vec<&[u8]> = Vec::with_capacity(count);
        let mut outcomes: Vec<&[u8]> = Vec::with_capacity(count);
        let mut actors: Vec<&str> = Vec::with_capacity(count);
        for key in &self.new {
            let record = self.known.get(key);
            let record =
                record.ok_or_else(|| Fault::Broken("a kept request is lost".to_owned()))?;
            slots.push(key.slot.column());
            ids.push(key.id.0);
            callers.push(&key.caller);
            digests.push(&record.digest);
            outcomes.push(&record.outcome);
            actors.push(record.actor.as_str());
        }
        sqlx::query!(
            "insert into request (slot, request_id, caller, digest, outcome, recorded_time, actor)
             select slot, request_id, caller, digest, outcome, $6, actor
             from unnest($1::smallint[], $2::uuid[], $3::text[], $4::bytea[], $5::bytea[], $7::text[])
                  as kept (slot, request_id, caller, digest, outcome, actor)",
            &slots,
            &ids,
            &callers as &[&str],
            &digests as &[&[u8]],
            &outcomes as &[&[u8]],
            now,
            &actors as &[&str]
        )
        .execute(tx)
        .await?;
        Ok(())
    }
}
