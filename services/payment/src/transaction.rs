//! A transaction of the payment service under way: what was loaded, what happened, and what will be written.
//!
//! The invariant: a duty is secured in the same transaction in which its hold is written, and freed in that of
//! its void; what has to be said of it is an item of a queue, written with it.

use std::collections::{BTreeMap, BTreeSet};

use domain::CHINA;
use domain::answer::{ExchangeAnswer, Payload};
use domain::clearance::Outcome;
use domain::history::{DutyProgress, DutyStep, Reason};
use domain::payment::bill::BillStatus;
use domain::payment::duty::{self, AssessmentOutcome, DutyAct, DutyEvent, DutyState};
use domain::payment::guarantee::{alarm, level, levels};
use domain::payment::ledger::{
    Account, Action, Basis, CreditLine, Currency, Entry, EntryCheck, Error, HoldState, Leg,
    Purpose, Totals,
};
use domain::refusal::Code;
use domain::rules::{FEN_E5, decimal};
use domain::subscriber::Subscriber;
use domain::{DeclarationId, RequestId, Slot};
use prost::Message as _;
use sqlx::PgConnection;
use store::Fault;
use store::cipher::Cipher;
use store::journal::JournalEntry;
use store::queue::{self, Item};
use store::request::Requests;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::apply_events::DutyAnswer;
use crate::assess::AssessedDuty;
use crate::bank_journal;
use crate::bill;
use crate::bill_rows::{self, BillRow, DutyOrderRow};
use crate::collect::COLLECTIONS;
use crate::commit::PaymentWriter;
use crate::duty_rows::{self, DutyRow};
use crate::goods_back::{self, RETURN_TERMS};
use crate::guarantee::SANDBOX_LINE_FEN;
use crate::import_return_rows::ImportReturns;
use crate::ledger::{Ledger, Needs};
use crate::notice::{NOTICES, Notice};
use crate::purchases::Purchases;
use crate::read::AccountView;

/// In a sandbox, an import of such an order finds no money when it is filed, whoever stands for it; it is tried again when
/// money comes, like every other one.
const NO_MONEY: &str = "NOMONEY";

/// Ids are made of what they are about, so that they are the same again.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c1d_4a7e_0b52_5f3c_8e1f_0003_5157_0001);

/// The owner of the accounts that money of the bank comes from.
pub(crate) const BANK: &str = "BANK";
/// The owner of the accounts that tax goes to.
pub(crate) const TREASURY: &str = "TREASURY";

/// The queue of what is said to the declaration service. Its subjects are declarations.
pub(crate) const ANSWERS: &str = "answers";
/// The queue of payers whose duties are tried again, since money came.
pub(crate) const RETRIES: &str = "retries";

/// An id that is the same whenever it is made again.
pub(crate) fn id_of(name: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// An account in yuan.
pub(crate) fn yuan(owner: &str, purpose: Purpose) -> Account {
    Account { owner: owner.to_owned(), currency: Currency::Cny, purpose }
}

/// The account that the tax of imports is held on.
pub(crate) fn guarantee(owner: &str) -> Account {
    yuan(owner, Purpose::Guarantee)
}

/// The id of the hold of a version.
pub(crate) fn hold_id(id: DeclarationId, version: u32) -> Uuid {
    id_of(&format!("hold/{id}/{version}"))
}

/// The id of the entry that frees a hold.
fn void_id(hold: Uuid) -> Uuid {
    id_of(&format!("void/{hold}"))
}

/// What a guarantee lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shortage {
    available_fen: i64,
    missing_fen: i64,
}

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
    answers: Vec<ExchangeAnswer>,
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
    needs.id(row.payer_slot(), bill::entry_id(row.id));
}

/// The same for a version that comes, of which nothing is there.
pub(crate) fn needs_of_version(
    needs: &mut Needs,
    (id, version): (DeclarationId, u32),
    payer: &str,
) {
    needs_of_payer(needs, payer);
    let (slot, hold) = (Slot::of(payer), hold_id(id, version));
    for absent in [hold, void_id(hold), bill::entry_id(id)] {
        needs.absent(slot, absent);
    }
}

/// The id of the entry by which a sandbox opens the account of a firm that it sees for the first time.
fn opening_id(payer: &str) -> Uuid {
    id_of(&format!("sandbox/opened/{payer}"))
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

    /// Something happens to a duty; what changes nothing is no fault, since everything may come again.
    pub(crate) fn apply_duty_event(
        &mut self,
        id: DeclarationId,
        event: DutyEvent,
        time: OffsetDateTime,
    ) -> Result<(), Fault> {
        let now = self.now;
        let row = self.duty(id)?;
        let Some((state, acts)) = duty::next(Some(row.state), event) else {
            tracing::debug!(declaration = %id, state = ?row.state, ?event, "nothing follows");
            return Ok(());
        };
        row.state = state;
        row.changed_time = now;
        self.touched.insert(id);
        for act in acts {
            match act {
                DutyAct::Void => self.void(id, time)?,
                DutyAct::Bill => bill::make(self, id, time)?,
                // Said by whoever tried.
                DutyAct::Clear | DutyAct::Reject | DutyAct::TellIncomplete | DutyAct::TellShort => {
                }
            }
        }
        Ok(())
    }

    /// Reserves the purchase and holds what was assessed, and tells the firm where that cannot be done.
    pub(crate) fn assessed(
        &mut self,
        id: DeclarationId,
        assessed: &AssessedDuty,
    ) -> Result<(), Fault> {
        let filed = self.duty(id)?.filed_time;
        if let Some((text, text_zh)) = &assessed.missing {
            self.apply_duty_event(id, DutyEvent::Assessed(AssessmentOutcome::Incomplete), filed)?;
            let code = Code::DutyNotComputable;
            let text = format!("{}: {text}", code.title());
            let text_zh = format!("{}：{text_zh}", code.title_zh());
            return self.report(id, DutyStep::Unassessed, "", Some(code), (text, text_zh), None);
        }
        let reserved = match &assessed.refused {
            Some(refused) => Err(refused.clone()),
            None => self.purchases.reserve(id, &assessed.purchase)?,
        };
        if let Err(refused) = reserved {
            self.duty(id)?.case.refusal = (refused.code(), refused.info);
            return self.apply_duty_event(
                id,
                DutyEvent::Assessed(AssessmentOutcome::OverLimit),
                filed,
            );
        }
        let row = self.duty(id)?;
        let (needed, order_no) = (row.amount_fen, row.case.order_no.clone());
        let held = if self.writer.sandbox && bill::is_scripted(&order_no, NO_MONEY) {
            Err(Shortage { available_fen: 0, missing_fen: needed })
        } else {
            self.hold(id)?
        };
        match held {
            Ok(()) => {
                self.apply_duty_event(id, DutyEvent::Assessed(AssessmentOutcome::Held), filed)
            }
            Err(shortage) => {
                self.apply_duty_event(
                    id,
                    DutyEvent::Assessed(AssessmentOutcome::TooLittle),
                    filed,
                )?;
                self.report_short(id, shortage)
            }
        }
    }

    /// Tries a duty again that waits; whether it is secured now, which is said then.
    pub(crate) fn retry(&mut self, id: DeclarationId) -> Result<bool, Fault> {
        let (now, row) = (self.now, self.duty(id)?);
        if row.state != DutyState::Short || self.hold(id)?.is_err() {
            return Ok(false);
        }
        self.apply_duty_event(id, DutyEvent::Funded, now)?;
        if let Some(answer) = self.duty(id)?.answer(0) {
            self.answers.push(verdict(&answer));
        }
        Ok(true)
    }

    /// Holds the tax of a duty on the guarantee of its payer, a leg for each kind of tax.
    fn hold(&mut self, id: DeclarationId) -> Result<Result<(), Shortage>, Fault> {
        let row = self.duty(id)?.clone();
        let (from, to) = (guarantee(&row.payer), yuan(&row.payer, Purpose::DutyPayable));
        let kinds = [row.case.customs_tax_fen, row.case.vat_fen, row.case.consumption_fen];
        let leg = |amount: i64| Leg { from: from.clone(), to: to.clone(), amount };
        let legs: Vec<Leg> = kinds.into_iter().filter(|it| *it > 0).map(leg).collect();
        if legs.is_empty() {
            return Ok(Ok(()));
        }
        let hold = hold_id(id, row.version);
        let action = Action::Hold { legs, until: None, after: row.hold_id };
        let entry = self.entry(&row, (hold, "duty.secured"), action, row.filed_time)?;
        let before = self.level(&row.payer)?;
        match self.ledger.apply(row.payer_slot(), &entry)? {
            Ok(EntryCheck::New(_) | EntryCheck::Known) => {
                self.duty(id)?.hold_id = Some(hold);
                self.alarm(id, before)?;
                Ok(Ok(()))
            }
            Err(Error::NotEnough { .. }) if self.open_account(&row)? => self.hold(id),
            Err(Error::NotEnough { available, missing, .. }) => {
                // What a column holds fits.
                let fen = |amount: i128| i64::try_from(amount).unwrap_or(i64::MAX);
                Ok(Err(Shortage { available_fen: fen(available), missing_fen: fen(missing) }))
            }
            Err(error) => Err(Fault::Broken(format!("the tax of {id} cannot be held: {error}"))),
        }
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
    fn guarantee_of(&self, payer: &str) -> Result<(Totals, i64), Fault> {
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

    /// In a sandbox, opens the account of a payer that has none with a credit line; whether it did.
    fn open_account(&mut self, row: &DutyRow) -> Result<bool, Fault> {
        let (slot, account) = (row.payer_slot(), guarantee(&row.payer));
        let is_open = self.ledger.balances(slot)?.totals(&account) != Totals::default();
        if !self.writer.sandbox || is_open {
            return Ok(false);
        }
        let from = self.ledger.time(slot, self.now)?;
        let line = CreditLine { account, from, amount: SANDBOX_LINE_FEN };
        let of = (opening_id(&row.payer), "guarantee.credit_line");
        let mut entry = self.entry(row, of, Action::SetCreditLine(line), from)?;
        entry.basis.rule = "沙箱授信额度".to_owned();
        // A line that was taken away since is not given again.
        Ok(matches!(self.ledger.apply(slot, &entry)?, Ok(EntryCheck::New(_))))
    }

    /// Frees what is held for a duty, if anything still is.
    pub(crate) fn void(&mut self, id: DeclarationId, time: OffsetDateTime) -> Result<(), Fault> {
        let row = self.duty(id)?.clone();
        let Some(hold) = row.hold_id else { return Ok(()) };
        let kept = self.ledger.balances(row.payer_slot())?.holds.get(&hold);
        if kept.is_none_or(|kept| kept.state != HoldState::Open) {
            return Ok(());
        }
        let of = (void_id(hold), "duty.freed");
        let mut entry = self.entry(&row, of, Action::Void(hold), time)?;
        entry.basis.bill = (row.state == DutyState::Billed).then(|| bill::entry_id(id));
        match self.ledger.apply(row.payer_slot(), &entry)? {
            Ok(EntryCheck::New(_) | EntryCheck::Known) => {
                self.funded.insert(row.payer);
                Ok(())
            }
            Err(error) => Err(Fault::Broken(format!("the hold of {id} cannot end: {error}"))),
        }
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

    fn report_short(&mut self, id: DeclarationId, shortage: Shortage) -> Result<(), Fault> {
        let row = self.duty(id)?.clone();
        let Shortage { available_fen, missing_fen } = shortage;
        let money = |fen: i64| decimal(fen * FEN_E5);
        let (tax, has, lacks) = (money(row.amount_fen), money(available_fen), money(missing_fen));
        let payer = &row.payer;
        let text = format!(
            "{payer}: tax {tax} CNY, available {has} CNY, missing {lacks} CNY; it is tried again when \
             money comes"
        );
        let text_zh = format!(
            "{payer}：应缴税款{tax}元，可用担保余额{has}元，尚缺{lacks}元；资金到账后自动重试"
        );
        let code = Some(Code::GuaranteeShort);
        self.report(id, DutyStep::Short, "", code, (text, text_zh), Some(shortage))
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
                let last = goods_back::collected_at_last(bill.due_until);
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

/// News of a duty for its firm; `which` of several, where there may be more of a version. The same again has the same id.
pub(crate) fn news(
    row: &DutyRow,
    step: DutyStep,
    which: &str,
    code: Option<Code>,
    (text, text_zh): (String, String),
    shortage: Option<Shortage>,
) -> ExchangeAnswer {
    let id = row.id;
    let tax_no = match step {
        DutyStep::Billed
        | DutyStep::Returned
        | DutyStep::ReturnAllowed
        | DutyStep::ReturnLapsed
        | DutyStep::Collected
        | DutyStep::Paid => bill_rows::tax_no(&row.invt_no),
        DutyStep::Short | DutyStep::Unassessed | DutyStep::Low => String::new(),
    };
    let moved = DutyProgress {
        step,
        code: proto::text(code.map(Code::id)),
        assure_code: row.payer.clone(),
        amount_fen: row.amount_fen,
        available_fen: shortage.map_or(0, |it| it.available_fen),
        missing_fen: shortage.map_or(0, |it| it.missing_fen),
        tax_no,
        text,
        text_zh,
    };
    let (version, what) = (row.version, Payload::Duty(moved));
    let request = RequestId(id_of(&format!("{step:?}/{id}/{version}{which}")));
    let by = Subscriber::PaymentService;
    ExchangeAnswer { request, declaration: id, version, round: 0, by, what }
}

/// That the duty of a version is secured, or that its buyer is over a limit. The same again has the same id.
pub(crate) fn verdict(answer: &DutyAnswer) -> ExchangeAnswer {
    let DutyAnswer { id, version, round, payer, amount_fen, refusal } = answer;
    let amount = decimal(amount_fen * FEN_E5);
    let (word, outcome, reason) = match refusal {
        Some(refusal) => ("over-limit", Outcome::Rejected, refusal.clone()),
        None if *amount_fen == 0 => {
            let text = "无税款 no tax".to_owned();
            ("secured", Outcome::Cleared, Reason { code: "DUTY".to_owned(), text })
        }
        None => {
            let text = format!("{payer} 税款担保已冻结 {amount} CNY held on the guarantee");
            ("secured", Outcome::Cleared, Reason { code: "DUTY".to_owned(), text })
        }
    };
    ExchangeAnswer {
        request: RequestId(id_of(&format!("{word}/{id}/{version}"))),
        declaration: *id,
        version: *version,
        round: *round,
        by: Subscriber::PaymentService,
        what: Payload::Verdict {
            outcome,
            reasons: vec![reason],
            demands: Vec::new(),
            documents: None,
        },
    }
}
