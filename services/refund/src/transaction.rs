//! A transaction of the refund service under way: what it judges by, what happened, and what will be written.
//!
//! The invariant: a line is written together with where it stands, and whatever happens is told in the
//! transaction in which it happens.

use std::collections::{BTreeMap, BTreeSet};

use domain::CHINA;
use domain::Slot;
use domain::tax_refund::entitlement::Tables;
use sqlx::PgConnection;
use store::Fault;
use store::cipher::Cipher;
use store::journal::{Heads, JournalEntry};
use store::queue::{self, Item};
use store::request::Requests;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::export_row::{ExportRow, Goods};
use crate::export_rows::{self, JudgingDay};
use crate::names::{ClaimName, id_of};
use crate::note::{RefundNote, encode_notes};
use crate::queues::{CLAIMS, INVALID_INVOICES, JUDGEMENTS, MATCHES};
use crate::{firm, unreleased_rows};

/// A transaction under way.
pub(crate) struct RefundTransaction<'t> {
    pub(crate) tx: &'t mut PgConnection,
    pub(crate) now: OffsetDateTime,
    pub(crate) tables: Tables<'t>,
    pub(crate) requests: Requests,
    /// Goods of which there is a new export or a new invoice.
    pub(crate) unmatched: BTreeSet<Goods>,
    /// Claims to which lines are to be added, or whose lines are to be freed.
    pub(crate) under_way: BTreeSet<ClaimName>,
    /// Firms whose lines are to be judged anew.
    pub(crate) judgements: Vec<Item>,
    /// Invoices that are not good any more, to be taken from what they bought.
    pub(crate) invalid_invoices: Vec<Item>,
    notes: BTreeMap<(String, String), Vec<RefundNote>>,
}

/// What is told and woken after the commit.
#[derive(Debug, Default)]
pub(crate) struct RefundCommit {
    pub(crate) entries: Vec<JournalEntry>,
    pub(crate) matches: bool,
    pub(crate) claims: bool,
    pub(crate) judgements: bool,
    pub(crate) invalid_invoices: bool,
}

impl<'t> RefundTransaction<'t> {
    pub(crate) fn new(
        tx: &'t mut PgConnection,
        now: OffsetDateTime,
        tables: Tables<'t>,
        requests: Requests,
    ) -> Self {
        let (unmatched, under_way, judgements, invalid_invoices, notes) = Default::default();
        Self {
            tx,
            now,
            tables,
            requests,
            unmatched,
            under_way,
            judgements,
            invalid_invoices,
            notes,
        }
    }

    /// The day in China.
    pub(crate) fn today(&self) -> Date {
        self.now.to_offset(CHINA).date()
    }

    /// Tells a firm something about a thing of this name.
    pub(crate) fn add_note(&mut self, firm: &str, name: String, note: RefundNote) {
        self.notes.entry((firm.to_owned(), name)).or_default().push(note);
    }

    /// Writes lines with where they stand now. Of an export that is not released, all of them.
    pub(crate) async fn write_exports(
        &mut self,
        rows: impl IntoIterator<Item = &ExportRow>,
    ) -> Result<(), Fault> {
        let rows = rows.into_iter();
        let (rows, unreleased): (Vec<_>, Vec<_>) = rows.partition(|row| row.released.is_some());
        unreleased_rows::write(&mut *self.tx, &unreleased).await?;
        let names: BTreeSet<String> = rows.iter().map(|row| row.firm.clone()).collect();
        let firms = firm::load(&mut *self.tx, &names).await?;
        let by = JudgingDay { tables: self.tables, today: self.today() };
        export_rows::write(&mut *self.tx, &rows, &firms, by).await
    }

    /// Writes what is left to be written.
    pub(crate) async fn write(
        self,
        cipher: &Cipher,
        heads: &mut Heads,
    ) -> Result<RefundCommit, Fault> {
        let Self { tx, now, requests, unmatched, under_way, judgements, notes, .. } = self;
        let invalid = self.invalid_invoices;
        let mut entries = Vec::with_capacity(notes.len());
        for ((firm, name), notes) in notes {
            let slot = Slot::of(&firm);
            entries.push(JournalEntry {
                slot,
                position: heads.next(slot)?,
                event_id: Uuid::now_v7(),
                subject: id_of(&name),
                owner: firm,
                version: 0,
                round: 0,
                phase: 0,
                topics: 1,
                recorded_time: now,
                trace: String::new(),
                actor: String::new(),
                facts: encode_notes(name, notes).into(),
                shows_content: false,
                body: Ok(None),
            });
        }
        heads.append(&mut *tx, cipher, &entries).await?;
        requests.write(&mut *tx, now).await?;
        let matches = unmatched.iter().map(|goods| {
            let body = format!("{}\n{}\n{}", goods.firm, goods.gcode, goods.unit);
            item(Slot::of(&goods.firm), &format!("goods/{body}"), body.clone(), now)
        });
        let matches: Vec<Item> = matches.collect();
        queue::enqueue(&mut *tx, cipher, MATCHES, &matches).await?;
        let claims =
            under_way.iter().map(|claim| item(claim.slot(), &claim.name(), claim.name(), now));
        let claims: Vec<Item> = claims.collect();
        queue::enqueue(&mut *tx, cipher, CLAIMS, &claims).await?;
        queue::enqueue(&mut *tx, cipher, JUDGEMENTS, &judgements).await?;
        queue::enqueue(&mut *tx, cipher, INVALID_INVOICES, &invalid).await?;
        Ok(RefundCommit {
            entries,
            matches: !matches.is_empty(),
            claims: !claims.is_empty(),
            judgements: !judgements.is_empty(),
            invalid_invoices: !invalid.is_empty(),
        })
    }
}

/// Something to do about a subject. Each is one of its own: more may come while the last one is being done.
fn item(slot: Slot, subject: &str, body: String, due: OffsetDateTime) -> Item {
    let subject = id_of(subject);
    Item {
        slot,
        id: Uuid::now_v7(),
        kind: 0,
        subject,
        place: 0,
        body: body.into_bytes(),
        due,
        tries: 0,
    }
}
