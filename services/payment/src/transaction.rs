//! A transaction of the payment service under way: what was loaded, what happened, and what will be written.
//!
//! The invariant: a duty is secured in the same transaction in which its hold is written, and freed in that of
//! its void; what has to be said of it is an item of a queue, written with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::CHINA;
use domain::answer::ExchangeAnswer;
use domain::history::DutyStep;
use domain::payment::bill::BillStatus;
use domain::payment::guarantee::{alarm, level, levels};
use domain::payment::ledger::{Action, Basis, Entry, Purpose, Totals};
use domain::payment::parameter_set::ParameterSet;
use domain::refusal::Code;
use domain::rules::{FEN_E5, decimal};
use domain::subscriber::Subscriber;
use domain::{DeclarationId, Slot};
use prost::Message as _;
use sqlx::PgConnection;
use store::cipher::Cipher;
use store::journal::JournalEntry;
use store::queue::{self, Item};
use store::request::Requests;
use store::tail::Tail;
use store::{Clock, Fault};
use time::OffsetDateTime;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::account_view::AccountView;
use crate::bank_journal;
use crate::bill_rows::{self, BillRow, DutyOrderRow};
use crate::duty_answer::{Shortage, news};
use crate::duty_rows::{self, DutyRow};
use crate::import_return_rows::ImportReturns;
use crate::ledger::{Ledger, Needs};
use crate::names::{
    BANK, TREASURY, bill_entry_id, guarantee, hold_id, id_of, opening_id, void_id, yuan,
};
use crate::notice::Notice;
use crate::purchases::Purchases;
use crate::queues::{ANSWERS, COLLECTIONS, NOTICES, RETRIES, RETURN_TERMS};

/// A transaction under way.
pub(crate) struct PaymentTransaction<'t> {
    pub(crate) tx: &'t mut PgConnection,
    pub(crate) now: OffsetDateTime,
    pub(crate) writer: &'t PaymentWriter,
    pub(crate) ledger: Ledger,
    pub(crate) duties: BTreeMap<DeclarationId, DutyRow>,
    /// Duties that have to be written.
    pub(crate) touched: BTreeSet<DeclarationId>,
    /// How versions were computed.
    pub(crate) traces: Vec<(DeclarationId, u32, Vec<u8>)>,
    pub(crate) purchases: Purchases,
    pub(crate) returns: ImportReturns,
    /// Goods that may come back, at the end of their term.
    pub(crate) return_terms: Vec<Item>,
    bills: BTreeMap<DeclarationId, BillRow>,
    /// Bills that have to be written.
    touched_bills: BTreeSet<DeclarationId>,
    /// Payment orders that were made or paid.
    pub(crate) orders: Vec<DutyOrderRow>,
    /// What whoever sent inventories is told.
    notices: Vec<Item>,
    /// What has to be said to the declaration service.
    pub(crate) answers: Vec<ExchangeAnswer>,
    /// What banks are told.
    bank_entries: Vec<JournalEntry>,
    /// Whose guarantee has more than before.
    pub(crate) funded: BTreeSet<String>,
    pub(crate) requests: Requests,
}

/// What was committed, and has to be told: who is to be woken, and what banks hear.
#[derive(Debug, Default)]
pub(crate) struct PaymentCommit {
    pub(crate) bank_entries: Vec<JournalEntry>,
    pub(crate) answers: bool,
    pub(crate) retries: bool,
    pub(crate) notices: bool,
}

/// What the ledger has to load for a duty that is there.
pub(crate) fn needs_of(needs: &mut Needs, row: &DutyRow) {
    needs_of_payer(needs, &row.payer);
    if let Some(hold) = row.hold_id {
        needs.id(row.payer_slot(), hold);
        needs.id(row.payer_slot(), void_id(hold));
    }
    needs.id(row.payer_slot(), hold_id(row.id, row.version));
    needs.id(row.payer_slot(), bill_entry_id(row.id));
}

/// The same for a version that comes, of which nothing is there.
pub(crate) fn needs_of_version(
    needs: &mut Needs,
    (id, version): (DeclarationId, u32),
    payer: &str,
) {
    needs_of_payer(needs, payer);
    let (slot, hold) = (Slot::of(payer), hold_id(id, version));
    for absent in [hold, void_id(hold), bill_entry_id(id)] {
        needs.absent(slot, absent);
    }
}

/// What the ledger has to load for whatever happens to the money of a firm.
pub(crate) fn needs_of_payer(needs: &mut Needs, payer: &str) {
    let slot = Slot::of(payer);
    needs.id(slot, opening_id(payer));
    needs.account(slot, guarantee(payer));
    needs.account(slot, yuan(payer, Purpose::DutyPayable));
    needs.account(slot, yuan(TREASURY, Purpose::Revenue));
    needs.account(slot, yuan(BANK, Purpose::Settlement));
}

impl<'t> PaymentTransaction<'t> {
    pub(crate) fn new(
        tx: &'t mut PgConnection,
        now: OffsetDateTime,
        writer: &'t PaymentWriter,
        ledger: Ledger,
        duties: BTreeMap<DeclarationId, DutyRow>,
        (bills, returns, purchases): (BTreeMap<DeclarationId, BillRow>, ImportReturns, Purchases),
        requests: Requests,
    ) -> Self {
        Self {
            tx,
            now,
            writer,
            ledger,
            duties,
            touched: BTreeSet::new(),
            traces: Vec::new(),
            purchases,
            returns,
            return_terms: Vec::new(),
            bills,
            touched_bills: BTreeSet::new(),
            orders: Vec::new(),
            notices: Vec::new(),
            answers: Vec::new(),
            bank_entries: Vec::new(),
            funded: BTreeSet::new(),
            requests,
        }
    }

    /// A duty that was loaded or made.
    pub(crate) fn duty(&mut self, id: DeclarationId) -> Result<&mut DutyRow, Fault> {
        let found = self.duties.get_mut(&id);
        found.ok_or_else(|| Fault::Broken(format!("the duty of {id} was not loaded")))
    }

    /// Whether a firm stands for a duty that was loaded.
    pub(crate) fn is_payer(&self, id: DeclarationId, firm: &str) -> bool {
        self.duties.get(&id).is_some_and(|row| row.payer == firm)
    }

    /// A bill that was loaded or made.
    pub(crate) fn bill(&self, id: DeclarationId) -> Result<&BillRow, Fault> {
        let found = self.bills.get(&id);
        found.ok_or_else(|| Fault::Broken(format!("the bill of {id} was not loaded")))
    }

    /// Keeps a bill as it is now.
    pub(crate) fn keep_bill(&mut self, bill: BillRow) {
        self.touched_bills.insert(bill.id);
        self.bills.insert(bill.id, bill);
    }

    /// Tells banks something. The same again has the same id.
    pub(crate) fn publish_to_bank(
        &mut self,
        slot: Slot,
        of: (&str, Uuid),
        owner: &str,
        facts: Vec<u8>,
    ) {
        self.bank_entries.push(bank_journal::entry(slot, of, owner, facts, self.now));
    }

    /// Whoever sent the inventory of a bill is told what happened to it at that time.
    pub(crate) fn notify(
        &mut self,
        bill: &BillRow,
        notice: Notice,
        time: OffsetDateTime,
    ) -> Result<(), Fault> {
        if bill.case.national {
            self.notices.push(Item {
                slot: bill.id.slot(),
                id: notice.id(bill),
                kind: 0,
                subject: bill.id.uuid(),
                place: i64::from(notice.status()),
                body: notice.message(bill, time).into_bytes(),
                due: self.now,
                tries: 0,
            });
        }
        Ok(())
    }

    /// The accounts in yuan of a firm as they are now, for whoever moved something on them.
    pub(crate) fn accounts_of(&self, firm: &str) -> Result<Vec<AccountView>, Fault> {
        let slot = Slot::of(firm);
        let (balances, at) = (self.ledger.balances(slot)?, self.ledger.time(slot, self.now)?);
        let purposes = [Purpose::Guarantee, Purpose::DutyPayable, Purpose::DutyPaid];
        let view = |purpose| {
            let account = yuan(firm, purpose);
            let (totals, credit_line) =
                (balances.totals(&account), balances.credit_line(&account, at));
            AccountView { account, totals, credit_line }
        };
        Ok(purposes.map(view).into())
    }

    /// The level that the guarantee of a firm is below, in per cent.
    pub(crate) fn level(&self, payer: &str) -> Result<Option<i64>, Fault> {
        let (totals, line) = self.guarantee_of(payer)?;
        Ok(level(&totals, line, &levels(self.now.to_offset(CHINA).date())))
    }

    /// The totals and the credit line of the guarantee of a firm.
    pub(crate) fn guarantee_of(&self, payer: &str) -> Result<(Totals, i64), Fault> {
        let (slot, account) = (Slot::of(payer), guarantee(payer));
        let at = self.ledger.time(slot, self.now)?;
        let balances = self.ledger.balances(slot)?;
        Ok((balances.totals(&account), balances.credit_line(&account, at)))
    }

    /// Tells the payer of a duty when its guarantee has fallen to another level: once each time.
    pub(crate) fn alarm(&mut self, id: DeclarationId, before: Option<i64>) -> Result<(), Fault> {
        let payer = self.duty(id)?.payer.clone();
        let Some(level) = alarm(before, self.level(&payer)?) else { return Ok(()) };
        let (totals, line) = self.guarantee_of(&payer)?;
        let fits = |amount: i128| i64::try_from(amount).unwrap_or(i64::MAX); // what columns hold fits
        let available_fen = fits(totals.free() + i128::from(line));
        let whole_fen = fits(totals.balance() + i128::from(line));
        let [left, whole] = [available_fen, whole_fen].map(|fen| decimal(fen * FEN_E5));
        let english = format!("{payer}: the guarantee has {left} of {whole} CNY left");
        let chinese = format!("{payer}：担保额度{whole}元，仅余{left}元");
        let (english, chinese) = match level {
            0 => (format!("{english}: nothing"), format!("{chinese}，已用尽")),
            level => {
                (format!("{english}, less than {level} %"), format!("{chinese}，不足{level}%"))
            }
        };
        let left = Some(Shortage { available_fen, missing_fen: 0 });
        // A guarantee may fall more than once by one import: a smaller credit line is told by it, too.
        let which = format!("/{}", self.now.unix_timestamp_nanos());
        self.report(id, DutyStep::Low, &which, None, (english, chinese), left)
    }

    /// An entry about a duty. It counts from `time` on, if that is not in the future.
    pub(crate) fn entry(
        &self,
        row: &DutyRow,
        (id, event): (Uuid, &str),
        action: Action,
        time: OffsetDateTime,
    ) -> Result<Entry, Fault> {
        let recorded = self.ledger.time(row.payer_slot(), self.now)?;
        let basis = Basis {
            event: event.to_owned(),
            declaration: Some(row.id.uuid()),
            bill: None,
            actor: Subscriber::PaymentService.row().name.to_owned(),
            rule: "海关总署公告2018年第194号".to_owned(),
        };
        Ok(Entry { id, action, basis, effective: time.min(recorded), recorded })
    }

    /// Tells the firm something; `which` of several, where there may be more of a version.
    pub(crate) fn report(
        &mut self,
        id: DeclarationId,
        step: DutyStep,
        which: &str,
        code: Option<Code>,
        (text, text_zh): (String, String),
        shortage: Option<Shortage>,
    ) -> Result<(), Fault> {
        let answer = news(self.duty(id)?, step, which, code, (text, text_zh), shortage);
        self.answers.push(answer);
        Ok(())
    }

    /// Writes everything.
    pub(crate) async fn write(mut self, cipher: &Cipher) -> Result<PaymentCommit, Fault> {
        self.ledger.write(&mut *self.tx).await?;
        let loaded = |id: &DeclarationId| {
            let found = self.duties.get(id);
            found.ok_or_else(|| Fault::Broken(format!("the duty of {id} was not loaded")))
        };
        let rows: Vec<&DutyRow> = self.touched.iter().map(loaded).collect::<Result<_, _>>()?;
        duty_rows::write(&mut *self.tx, &rows).await?;
        duty_rows::insert_traces(&mut *self.tx, &self.traces, self.now).await?;
        self.write_bills(cipher).await?;
        self.returns.write(&mut *self.tx).await?;
        self.purchases.write(&mut *self.tx).await?;
        self.requests.write(&mut *self.tx, self.now).await?;
        let now = self.now;
        // Those of one declaration are said in the order in which they came about.
        let first = now.unix_timestamp() * 1_000_000 + i64::from(now.microsecond());
        let answer_items: Vec<Item> = (first..)
            .zip(&self.answers)
            .map(|(place, decision)| Item {
                slot: decision.declaration.slot(),
                id: decision.request.0,
                kind: 0,
                subject: decision.declaration.uuid(),
                place,
                body: proto::exchange::answer_to_wire(decision).encode_to_vec(),
                due: now,
                tries: 0,
            })
            .collect();
        queue::enqueue(&mut *self.tx, cipher, ANSWERS, &answer_items).await?;
        // Whoever has more than before, and something that waits, including what began to wait just now.
        let waiting = duty_rows::waiting(&mut *self.tx, &self.funded).await?;
        let retries: Vec<Item> = waiting
            .iter()
            .map(|payer| Item {
                slot: Slot::of(payer),
                // Each is one of its own: money may come while the last one is being tried.
                id: Uuid::now_v7(),
                kind: 0,
                subject: id_of(&format!("payer/{payer}")),
                place: 0,
                body: payer.as_bytes().to_vec(),
                due: now,
                tries: 0,
            })
            .collect();
        queue::enqueue(&mut *self.tx, cipher, RETRIES, &retries).await?;
        bank_journal::append(&mut *self.tx, cipher, &mut self.bank_entries).await?;
        Ok(PaymentCommit {
            bank_entries: self.bank_entries,
            answers: !answer_items.is_empty(),
            retries: !retries.is_empty(),
            notices: !self.notices.is_empty(),
        })
    }

    /// Writes bills, when they are collected, and what is told of them.
    async fn write_bills(&mut self, cipher: &Cipher) -> Result<(), Fault> {
        let touched = self.touched_bills.iter().filter_map(|id| self.bills.get(id));
        let bills: Vec<&BillRow> = touched.collect();
        bill_rows::write(&mut *self.tx, &bills, self.now).await?;
        bill_rows::write_orders(&mut *self.tx, &self.orders).await?;
        // One for all bills of a payer that are collected at the same time.
        let to_collect = bills.iter().filter(|bill| bill.status == BillStatus::MadeOut);
        let collections: Vec<Item> = to_collect
            .map(|bill| {
                let waits = self.returns.are_awaited(bill.id);
                let last = bill_rows::collected_at_last(bill.due_until);
                let due = if waits { last.max(bill.collect_time) } else { bill.collect_time };
                let name = format!("collect/{}/{}", bill.payer, due.unix_timestamp());
                Item {
                    slot: bill.slot(),
                    id: id_of(&name),
                    kind: 0,
                    subject: id_of(&name),
                    place: 0,
                    body: bill.payer.as_bytes().to_vec(),
                    due,
                    tries: 0,
                }
            })
            .collect();
        queue::enqueue(&mut *self.tx, cipher, COLLECTIONS, &collections).await?;
        queue::enqueue(&mut *self.tx, cipher, RETURN_TERMS, &self.return_terms).await?;
        queue::enqueue(&mut *self.tx, cipher, NOTICES, &self.notices).await
    }
}

/// The work of the service.
#[derive(Debug)]
pub(crate) struct PaymentWriter {
    pub(crate) clock: Clock,
    /// Of what waits in queues.
    pub(crate) cipher: Cipher,
    /// What taxes and their days are computed by.
    pub(crate) numbers: Arc<ParameterSet>,
    /// Firms that have no guarantee account yet get one with a credit line.
    pub(crate) sandbox: bool,
    /// Tells banks what was committed.
    pub(crate) tail: Tail,
    /// Wakes the loop that says things to the declaration service.
    pub(crate) answers: Arc<Notify>,
    /// Wakes the loop that tries duties again.
    pub(crate) retries: Arc<Notify>,
    /// Wakes the loop that tells firms of their bills.
    pub(crate) notices: Arc<Notify>,
}
