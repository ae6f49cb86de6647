//! The one transaction of the declaration service. Everything that waits, of every kind, goes
//! through it together: filings, amendments, withdrawals, verdicts and findings.
//!
//! Order: lock the slots' heads; load what is concerned; decide, purely, in memory; write. The lock
//! makes a slot's work serial, so what was loaded stays true until the commit.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use domain::clearance::Phase;
use domain::decision::{Decided, Decision};
use domain::history::Record;
use domain::history::topic::END;
use domain::refusal::Refusal;
use domain::{DeclarationId, RequestId, Slot};
use sqlx::PgConnection;
use store::batch::Work;
use store::journal::{Entry, Heads, Tail};
use store::{Clock, Fault};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::amend::{self, Amendment};
use crate::case::{self, Case, integer, phase_column};
use crate::clear;
use crate::submit::{self, Receipt, Submission};
use crate::withdraw::{self, Withdrawal};

/// A request that waits for its transaction.
#[derive(Debug, Clone)]
pub enum Command {
    /// File a declaration.
    Submit(Box<Submission>),
    /// File a new version.
    Amend(Box<Amendment>),
    /// Take a declaration back.
    Withdraw(Withdrawal),
    /// An agency decided.
    Decide(Decision),
}

impl Command {
    /// The slot of its rows.
    pub fn slot(&self) -> Slot {
        match self {
            Self::Submit(submission) => submission.slot,
            Self::Amend(amendment) => amendment.id.slot(),
            Self::Withdraw(withdrawal) => withdrawal.id.slot(),
            Self::Decide(decision) => decision.declaration().slot(),
        }
    }

    /// The declaration that must exist for it.
    fn subject(&self) -> Option<DeclarationId> {
        match self {
            Self::Submit(_) => None,
            Self::Amend(amendment) => Some(amendment.id),
            Self::Withdraw(withdrawal) => Some(withdrawal.id),
            Self::Decide(decision) => Some(decision.declaration()),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Filed.
    Filed(Receipt),
    /// The new version.
    Amended(u32),
    /// Taken back.
    Withdrawn,
    /// What became of a decision.
    Decided(Decided),
}

/// The answer to a command.
pub(crate) type Answer = Result<Done, Refusal>;

/// The work of the service.
#[derive(Debug)]
pub struct Ledger {
    pub(crate) tail: Tail,
    pub(crate) clock: Clock,
}

impl Work for Ledger {
    type Command = Command;
    type Answer = Answer;
    type Told = Vec<Entry>;

    async fn work(
        &self,
        tx: &mut PgConnection,
        commands: &[Command],
    ) -> Result<(Vec<Answer>, Vec<Entry>), Fault> {
        let mut slots: Vec<i16> = commands.iter().map(|command| command.slot().column()).collect();
        slots.sort_unstable();
        slots.dedup();
        let heads = Heads::lock(&mut *tx, &slots).await?;
        let mut subjects: Vec<_> = commands.iter().filter_map(Command::subject).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let cases = case::load(&mut *tx, &subjects).await?;
        let mut step = Step::new(tx, self.clock.now(), heads, cases);

        let mut answers: Vec<Option<Answer>> = vec![None; commands.len()];
        let mut kinds = Kinds::default();
        for (index, command) in commands.iter().enumerate() {
            match command {
                Command::Submit(submission) => kinds.submissions.push((index, submission)),
                Command::Amend(amendment) => kinds.amendments.push((index, amendment)),
                Command::Withdraw(withdrawal) => kinds.withdrawals.push((index, withdrawal)),
                Command::Decide(decision) => kinds.decisions.push((index, decision)),
            }
        }
        let mut place = |done: Vec<(usize, Answer)>| {
            for (index, answer) in done {
                answers[index] = Some(answer);
            }
        };
        place(submit::commit(&mut step, &kinds.submissions).await?);
        place(amend::commit(&mut step, &kinds.amendments).await?);
        place(withdraw::commit(&mut step, &kinds.withdrawals).await?);
        place(clear::commit(&mut step, &kinds.decisions).await?);
        let entries = step.write().await?;
        let answers = answers
            .into_iter()
            .map(|answer| answer.ok_or_else(|| Fault::Broken("a request has no answer".into())))
            .collect::<Result<_, _>>()?;
        Ok((answers, entries))
    }

    fn tell(&self, entries: Vec<Entry>) {
        let released = |e: &&Entry| e.phase == phase_column(Phase::Released) && e.topics & END != 0;
        let released = entries.iter().filter(released).count();
        metrics::counter!("sw_releases_total").increment(u64::try_from(released).unwrap_or(0));
        self.tail.tell(entries);
    }
}

/// Commands by kind, with their places.
#[derive(Default)]
struct Kinds<'a> {
    submissions: Vec<(usize, &'a Submission)>,
    amendments: Vec<(usize, &'a Amendment)>,
    withdrawals: Vec<(usize, &'a Withdrawal)>,
    decisions: Vec<(usize, &'a Decision)>,
}

/// A transaction under way: what was loaded, and what will be written.
pub(crate) struct Step<'t> {
    pub(crate) tx: &'t mut PgConnection,
    pub(crate) now: OffsetDateTime,
    heads: Heads,
    pub(crate) cases: HashMap<DeclarationId, Case>,
    filed: Vec<DeclarationId>,
    /// Facts of a case that are not yet an entry.
    pending: BTreeMap<DeclarationId, Pending>,
    entries: Vec<Entry>,
    pub(crate) filings: Vec<Filing>,
    pub(crate) clearing: clear::Writes,
}

#[derive(Default)]
struct Pending {
    records: Vec<Record>,
    body: Option<Bytes>,
}

impl<'t> Step<'t> {
    fn new(
        tx: &'t mut PgConnection,
        now: OffsetDateTime,
        heads: Heads,
        cases: HashMap<DeclarationId, Case>,
    ) -> Self {
        Self {
            tx,
            now,
            heads,
            cases,
            filed: Vec::new(),
            pending: BTreeMap::new(),
            entries: Vec::new(),
            filings: Vec::new(),
            clearing: clear::Writes::default(),
        }
    }

    /// Writes down facts about a case; those of one transaction share an entry.
    pub(crate) fn record(&mut self, id: DeclarationId, records: impl IntoIterator<Item = Record>) {
        self.pending.entry(id).or_default().records.extend(records);
    }

    /// The content goes along with the next entry of this case.
    pub(crate) fn show(&mut self, id: DeclarationId, body: Bytes) {
        self.pending.entry(id).or_default().body = Some(body);
    }

    /// Begins a case.
    pub(crate) fn open(&mut self, case: Case) {
        self.filed.push(case.id);
        self.cases.insert(case.id, case);
    }

    /// Makes an entry of what was recorded about a case so far. Returns its position.
    pub(crate) fn enter(&mut self, id: DeclarationId, trace: &str) -> Result<i64, Fault> {
        let Pending { records, body } = self.pending.remove(&id).unwrap_or_default();
        let position = self.heads.next(id.slot());
        let case = self
            .cases
            .get_mut(&id)
            .ok_or_else(|| Fault::Broken("an entry is about nothing that was loaded".into()))?;
        case.added.push(position);
        self.entries.push(Entry {
            slot: id.slot(),
            position,
            event_id: Uuid::now_v7(),
            subject: id.uuid(),
            owner: case.declarant_code.clone(),
            version: integer(case.clearance.version),
            round: integer(case.clearance.round),
            phase: phase_column(case.clearance.phase),
            topics: records.iter().fold(0, |topics, record| topics | record.topic()),
            recorded_time: self.now,
            trace: trace.to_owned(),
            facts: proto::facts::encode(records),
            body,
        });
        Ok(position)
    }

    async fn write(mut self) -> Result<Vec<Entry>, Fault> {
        let waiting: Vec<_> = self.pending.keys().copied().collect();
        for id in waiting {
            self.enter(id, "")?;
        }
        let (new, changed): (Vec<&Case>, Vec<&Case>) = self
            .cases
            .values()
            .filter(|case| !case.added.is_empty())
            .partition(|case| self.filed.contains(&case.id));
        case::insert(self.tx, &new).await?;
        case::update(self.tx, &changed).await?;
        insert_filings(self.tx, &self.filings, self.now).await?;
        self.clearing.write(self.tx, self.now).await?;
        self.heads.append(self.tx, &self.entries).await?;
        Ok(self.entries)
    }
}

/// What an enterprise asked for, as it is kept for repetitions.
#[derive(Debug)]
pub(crate) struct Filing {
    pub(crate) request_id: RequestId,
    pub(crate) kind: Kind,
    pub(crate) digest: Vec<u8>,
    pub(crate) declaration: DeclarationId,
    pub(crate) version: u32,
    pub(crate) position: i64,
}

/// What kind of request a filing was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Submit,
    Amend,
    Withdraw,
}

impl Kind {
    fn column(self) -> i16 {
        match self {
            Self::Submit => 1,
            Self::Amend => 2,
            Self::Withdraw => 3,
        }
    }

    fn of(column: i16) -> Result<Self, Fault> {
        let all = [Self::Submit, Self::Amend, Self::Withdraw];
        let found = all.into_iter().find(|kind| kind.column() == column);
        found.ok_or_else(|| Fault::Broken(format!("a filing of kind {column}")))
    }
}

/// A request that was answered before.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) kind: Kind,
    pub(crate) digest: Vec<u8>,
    pub(crate) declaration: DeclarationId,
    pub(crate) version: u32,
    pub(crate) position: i64,
}

/// Finds requests that were answered before.
pub(crate) async fn known(
    tx: &mut PgConnection,
    requests: impl Iterator<Item = (Slot, RequestId)>,
) -> Result<HashMap<RequestId, Known>, Fault> {
    let (slots, ids): (Vec<i16>, Vec<Uuid>) =
        requests.map(|(slot, request)| (slot.column(), request.0)).unzip();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        "select f.request_id, f.kind, f.digest, f.declaration_id, f.version, f.position
         from unnest($1::smallint[], $2::uuid[]) as wanted (slot, request_id)
         join filing f on f.slot = wanted.slot and f.request_id = wanted.request_id",
        &slots,
        &ids
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let known = Known {
                kind: Kind::of(row.kind)?,
                digest: row.digest,
                declaration: DeclarationId::from_uuid(row.declaration_id),
                version: case::number(row.version)?,
                position: row.position,
            };
            Ok((RequestId(row.request_id), known))
        })
        .collect()
}

async fn insert_filings(
    tx: &mut PgConnection,
    filings: &[Filing],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if filings.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = filings.iter().map(|f| f.declaration.slot().column()).collect();
    let requests: Vec<Uuid> = filings.iter().map(|f| f.request_id.0).collect();
    let kinds: Vec<i16> = filings.iter().map(|f| f.kind.column()).collect();
    let digests: Vec<&[u8]> = filings.iter().map(|f| f.digest.as_slice()).collect();
    let declarations: Vec<Uuid> = filings.iter().map(|f| f.declaration.uuid()).collect();
    let versions: Vec<i32> = filings.iter().map(|f| integer(f.version)).collect();
    let positions: Vec<i64> = filings.iter().map(|f| f.position).collect();
    sqlx::query!(
        "insert into filing (slot, request_id, kind, digest, declaration_id, version, position,
                             recorded_time)
         select slot, request_id, kind, digest, declaration_id, version, position, $8
         from unnest($1::smallint[], $2::uuid[], $3::smallint[], $4::bytea[], $5::uuid[], $6::int[],
                     $7::bigint[])
              as filed (slot, request_id, kind, digest, declaration_id, version, position)",
        &slots,
        &requests,
        &kinds,
        &digests as &[&[u8]],
        &declarations,
        &versions,
        &positions,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The content of an entry, for what has to show it again.
pub(crate) async fn content(
    tx: &mut PgConnection,
    slot: Slot,
    position: i64,
) -> Result<Bytes, Fault> {
    let body = sqlx::query_scalar!(
        "select body from journal where slot = $1 and position = $2",
        slot.column(),
        position
    )
    .fetch_optional(tx)
    .await?;
    body.flatten()
        .map(Bytes::from)
        .ok_or_else(|| Fault::Broken("a declaration has no content in the journal".into()))
}

/// Gives the next numbers of a kind in a period; returns how many were used before, by slot.
pub(crate) async fn use_numbers(
    tx: &mut PgConnection,
    kind: &str,
    period: i32,
    wanted: &BTreeMap<Slot, i64>,
) -> Result<HashMap<Slot, i64>, Fault> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let slots: Vec<i16> = wanted.keys().map(|slot| slot.column()).collect();
    let counts: Vec<i64> = wanted.values().copied().collect();
    let rows = sqlx::query!(
        "insert into number_used (slot, kind, period, used)
         select slot, $3, $4, count from unnest($1::smallint[], $2::bigint[]) as wanted (slot, count)
         on conflict (slot, kind, period) do update set used = number_used.used + excluded.used
         returning slot, used",
        &slots,
        &counts,
        kind,
        period
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let slot = store::journal::slot_of(row.slot)?;
            Some((slot, row.used - wanted.get(&slot).copied().unwrap_or_default()))
        })
        .collect())
}

/// The work of the service, shared by its lanes.
pub(crate) type Shared = Arc<Ledger>;
