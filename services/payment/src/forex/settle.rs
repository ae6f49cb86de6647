//! What firms ask for: to match and take off, to quote, settle and keep, to declare. And what becomes of an order to
//! settle, once for each.
//!
//! What a bank executes of an order that has ended, or beyond what it says, is booked all the same: both sides lie in
//! suspense under the order until somebody assigns them to its receipt. An order has a term: what the bank did not tell
//! within it is free again.
//!
//! The rules of SAFE (`domain::payment::forex`) are asked when a rate is quoted and again when it is accepted.

use std::collections::BTreeSet;

use domain::CHINA;
use domain::history::ReceiptStep;
use domain::payment::amount::shown;
use domain::payment::buying_rates::{SOURCE, buying_e8};
use domain::payment::forex::{BrokenForexRule, ForexReceipt, rules};
use domain::payment::ledger::{Account, Action, Currency, Leg, Purpose, Totals};
use domain::payment::settlement::{Error as QuoteError, FixedSide, Quote};
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, RequestId, Slot, limits};
use proto::bank::{AccountNumber, BankParty, PaymentBatch, PaymentOrder, Transfer};
use proto::forex::order_facts;
use sqlx::PgConnection;
use store::Fault;
use store::request::{Digest, RequestKey, RequestStatus};
use time::{Date, Duration, Month, OffsetDateTime};
use uuid::Uuid;

use super::announced_rows::Announcements;
use super::bank_account::reference;
use super::execution::posting;
use super::firm_rows::ForexFirm;
use super::match_rows::MatchRow;
use super::matching;
use super::payments::{self, PaymentDetails};
use super::payments_rows::DeclaredPayment;
use super::quote_rows::QuoteRow;
use super::receipt::{matches, read, sales_of, spend};
use super::receipt_rows::{ReceiptRow, ReceiptStand};
use super::sale_rows::{SaleRow, SaleState};
use super::settlement_rows::{SettlementRow, SettlementStand};
use super::transaction::{ForexTransaction, account, bank, leg, settlement, suspense};
use super::{firm_rows, payments_rows, quote_rows, receipt_rows, settlement_rows};
use crate::account_view::AccountView;
use crate::ledger::Needs;

/// What a firm asks for.
#[derive(Debug, Clone)]
pub(crate) enum ForexAct {
    Match(Uuid, Vec<DeclarationId>),
    Unmatch(Uuid),
    /// A rate; without a side, for all that is left.
    Quote(Uuid, Option<FixedSide>),
    Accept(Uuid),
    /// What came late under an order is for its receipt.
    Assign(Uuid),
    Keep(Uuid),
    Declare(Uuid, PaymentDetails),
    Firm(String, ForexFirm),
    /// SAFE registered it under this number.
    Register(Uuid, String),
}

/// A request about money from abroad.
#[derive(Debug, Clone)]
pub(crate) struct ForexChange {
    /// A question about a rate has none: every one has an answer of its own.
    pub(crate) request: Option<(RequestId, Digest)>,
    /// Name of the caller in the registry.
    pub(crate) caller: String,
    /// Whose money it may change; `None` for everybody's.
    pub(crate) owners: Option<Vec<String>>,
    pub(crate) act: ForexAct,
}

impl ForexChange {
    /// Of its request.
    pub(crate) fn key(&self, slot: Slot) -> RequestKey {
        let id = self.request.map_or(RequestId(Uuid::nil()), |(id, _)| id);
        RequestKey { slot, id, caller: self.caller.clone() }
    }

    fn may(&self, owner: &str) -> bool {
        self.owners.as_ref().is_none_or(|owners| owners.iter().any(|it| it == owner))
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) enum ForexOutcome {
    Receipt(ReceiptRow, Vec<MatchRow>, bool),
    Quote(QuoteRow, Vec<BrokenForexRule>),
    Settlement(SettlementRow, bool),
    Declared(ReceiptRow, DeclaredPayment, bool),
    Firm(bool),
}

/// The same, with the accounts of its firm as they are then.
#[derive(Debug, Clone)]
pub(crate) struct ForexAnswer {
    pub(crate) outcome: ForexOutcome,
    pub(crate) accounts: Vec<AccountView>,
}

type Answer<T> = Result<Result<T, Refusal>, Fault>;

/// The slot that a request is about; `None` where there is nothing of its name.
pub(crate) async fn slot(
    tx: &mut PgConnection,
    change: &ForexChange,
) -> Result<Option<Slot>, Fault> {
    Ok(match &change.act {
        ForexAct::Match(id, _)
        | ForexAct::Unmatch(id)
        | ForexAct::Quote(id, _)
        | ForexAct::Keep(id)
        | ForexAct::Register(id, _)
        | ForexAct::Declare(id, _) => {
            let found = receipt_rows::receipt_by_id(tx, *id).await?;
            found.filter(|it| change.may(&it.owner)).map(|it| it.slot)
        }
        ForexAct::Accept(id) => {
            let found = quote_rows::quote(tx, *id).await?;
            found.filter(|it| change.may(&it.owner)).map(|it| it.slot)
        }
        ForexAct::Assign(id) => {
            let found = settlement_rows::settlements(tx, &[*id]).await?.remove(id);
            found.filter(|it| change.may(&it.owner)).map(|it| it.slot)
        }
        ForexAct::Firm(owner, _) => Some(Slot::of(owner)),
    })
}

/// Does what is asked for, once; and says what its firm has then.
pub(crate) async fn change(
    step: &mut ForexTransaction<'_>,
    change: &ForexChange,
    key: Option<RequestKey>,
) -> Answer<ForexAnswer> {
    let outcome = match once(step, change, key).await? {
        Ok(outcome) => outcome,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let accounts = match &outcome {
        ForexOutcome::Receipt(row, ..) => {
            accounts(step, (row.slot, &row.owner), row.currency).await?
        }
        ForexOutcome::Settlement(row, _) => {
            accounts(step, (row.slot, &row.owner), row.currency).await?
        }
        ForexOutcome::Quote(..) | ForexOutcome::Declared(..) | ForexOutcome::Firm(_) => Vec::new(),
    };
    Ok(Ok(ForexAnswer { outcome, accounts }))
}

/// The accounts of a firm in a currency and in yuan, as far as something ever moved there.
async fn accounts(
    step: &mut ForexTransaction<'_>,
    (slot, owner): (Slot, &str),
    currency: Currency,
) -> Result<Vec<AccountView>, Fault> {
    let purposes = [Purpose::Suspense, Purpose::Settlement, Purpose::ReversalPayable];
    let currencies: BTreeSet<Currency> = [currency, Currency::Cny].into();
    let all = currencies
        .into_iter()
        .flat_map(|currency| purposes.map(|purpose| account(owner, currency, purpose)));
    let all: Vec<Account> = all.collect();
    let mut needs = Needs::default();
    all.iter().for_each(|account| needs.account(slot, account.clone()));
    step.ledger.load(&mut *step.tx, &needs).await?;
    let balances = step.ledger.balances(slot)?;
    let view = |account: Account| {
        let totals = balances.totals(&account);
        let moved = totals != Totals::default();
        moved.then_some(AccountView { account, totals, credit_line: 0 })
    };
    Ok(all.into_iter().filter_map(view).collect())
}

async fn once(
    step: &mut ForexTransaction<'_>,
    change: &ForexChange,
    key: Option<RequestKey>,
) -> Answer<ForexOutcome> {
    let Some(key) = key else { return Ok(Err(Refusal::of(Code::NotFound))) };
    if let Some((_, digest)) = &change.request {
        match step.requests.seen(&key, digest) {
            RequestStatus::New => {}
            RequestStatus::Same(_) => return again(step, change).await.map(Ok),
            RequestStatus::Other(_) => return Ok(Err(Refusal::of(Code::RequestIdReused))),
        }
    }
    let done = act(step, change).await?;
    if let (Ok(_), Some((_, digest))) = (&done, change.request) {
        step.requests.keep(key, digest, Vec::new());
    }
    Ok(done)
}

async fn act(step: &mut ForexTransaction<'_>, change: &ForexChange) -> Answer<ForexOutcome> {
    let caller = change.caller.as_str();
    match &change.act {
        ForexAct::Match(id, ids) => {
            let mut receipt = read(step, *id).await?;
            if receipt.state != ReceiptStand::Unmatched {
                return Ok(Err(out_of_step(&receipt)));
            }
            let paid =
                matching::pay(step, &mut receipt, ids, &Announcements::default(), Some(caller))
                    .await?;
            if let Err((english, chinese)) = paid {
                let refusal = Refusal::of(Code::MatchRefused).with("reason", english);
                return Ok(Err(refusal.with("reason_zh", chinese)));
            }
            written(step, receipt, false).await.map(Ok)
        }
        ForexAct::Unmatch(id) => {
            let mut receipt = read(step, *id).await?;
            if receipt.state != ReceiptStand::Matched || receipt.spent() > 0 {
                return Ok(Err(out_of_step(&receipt)));
            }
            matching::take_off(step, &mut receipt, ReceiptStep::Unmatched, caller).await?;
            written(step, receipt, false).await.map(Ok)
        }
        ForexAct::Quote(id, fixed) => {
            let receipt = read(step, *id).await?;
            let asked = quote(step, &receipt, *fixed).await?;
            Ok(asked.map(|(quote, remarks)| ForexOutcome::Quote(quote, remarks)))
        }
        ForexAct::Accept(id) => {
            let accepted = accept(step, *id).await?;
            Ok(accepted.map(|row| ForexOutcome::Settlement(row, false)))
        }
        ForexAct::Assign(id) => {
            let assigned = assign(step, *id, caller).await?;
            Ok(assigned.map(|row| ForexOutcome::Settlement(row, false)))
        }
        ForexAct::Keep(id) => keep(step, *id).await,
        ForexAct::Declare(id, details) => {
            let receipt = read(step, *id).await?;
            let declared = payments::declare(step, &receipt, details, caller).await?;
            Ok(declared.map(|it| ForexOutcome::Declared(receipt, it, false)))
        }
        ForexAct::Register(id, number) => {
            let receipt = read(step, *id).await?;
            let (of, by) = ((receipt.slot, *id), (caller, step.now));
            firm_rows::register(&mut *step.tx, of, number, by).await?;
            let matches = matches(step, &receipt).await?;
            Ok(Ok(ForexOutcome::Receipt(receipt, matches, false)))
        }
        ForexAct::Firm(owner, firm) => {
            firm_rows::write_firm(&mut *step.tx, owner, *firm, step.now).await?;
            Ok(Ok(ForexOutcome::Firm(false)))
        }
    }
}

/// A request that came before, answered with what is now.
async fn again(
    step: &mut ForexTransaction<'_>,
    change: &ForexChange,
) -> Result<ForexOutcome, Fault> {
    let lost = || Fault::Broken("what a request did is lost".to_owned());
    match &change.act {
        ForexAct::Match(id, _)
        | ForexAct::Unmatch(id)
        | ForexAct::Keep(id)
        | ForexAct::Register(id, _)
        | ForexAct::Quote(id, _) => {
            let receipt = read(step, *id).await?;
            let matches = matches(step, &receipt).await?;
            Ok(ForexOutcome::Receipt(receipt, matches, true))
        }
        ForexAct::Accept(id) | ForexAct::Assign(id) => {
            let row = settlement_rows::settlements(&mut *step.tx, &[*id]).await?.remove(id);
            Ok(ForexOutcome::Settlement(row.ok_or_else(lost)?, true))
        }
        ForexAct::Declare(id, _) => {
            let receipt = read(step, *id).await?;
            let key = [(receipt.slot, *id)];
            let declared = payments_rows::declared(&mut *step.tx, &key).await?.remove(id);
            Ok(ForexOutcome::Declared(receipt, declared.ok_or_else(lost)?, true))
        }
        ForexAct::Firm(..) => Ok(ForexOutcome::Firm(true)),
    }
}

async fn written(
    step: &mut ForexTransaction<'_>,
    receipt: ReceiptRow,
    repeated: bool,
) -> Result<ForexOutcome, Fault> {
    receipt_rows::update_receipt(&mut *step.tx, &receipt, step.now).await?;
    let matches = matches(step, &receipt).await?;
    Ok(ForexOutcome::Receipt(receipt, matches, repeated))
}

fn out_of_step(receipt: &ReceiptRow) -> Refusal {
    let state = match receipt.state {
        ReceiptStand::Unmatched => "unmatched 未匹配",
        ReceiptStand::Matched if receipt.spent() > 0 => {
            "settled, ordered or kept 已结汇、已申请或留存"
        }
        ReceiptStand::Matched => "matched 已匹配",
        ReceiptStand::Reversed => "taken back by the bank 银行已冲回",
        ReceiptStand::Owed => "taken back by the bank, and owed to it 银行已冲回，应付银行",
    };
    Refusal::of(Code::ReceiptOutOfStep).with("state", state)
}

/// What the rules of SAFE say of a receipt.
async fn check(
    step: &mut ForexTransaction<'_>,
    receipt: &ReceiptRow,
) -> Result<Vec<BrokenForexRule>, Fault> {
    let firm = firm_rows::firm(&mut *step.tx, &receipt.owner).await?;
    let year = receipt.booked.year();
    let days = |month, day| {
        time::Date::from_calendar_date(year, month, day)
            .map_err(|_| Fault::Broken(format!("the year {year} has no days")))
    };
    let of = (days(Month::January, 1)?, days(Month::December, 31)?);
    let before =
        receipt_rows::received_usd_cents(&mut *step.tx, &receipt.owner, of, receipt.id).await?;
    let is_registered = firm_rows::is_registered(&mut *step.tx, (receipt.slot, receipt.id)).await?;
    let matches = matches(step, receipt).await?;
    let mut broken = Vec::<BrokenForexRule>::new();
    for sale in sales_of(step, &matches).await? {
        let found = rules().check(&ForexReceipt {
            day: receipt.booked,
            channel: firm.channel,
            mode: &sale.trade_mode,
            usd_cents: receipt.usd_cents,
            year_usd_cents: before,
            receiver: &receipt.owner,
            exporter: &sale.ebc_code,
            agent: Some(&sale.firm),
            is_listed: firm.is_listed,
            class: firm.class,
            is_institution_listed: firm.is_institution_listed,
            // The declaration is the document, and the bank is told of the transaction at the release.
            has_documents: sale.state == SaleState::Released,
            has_transactions: sale.state == SaleState::Released,
            has_export: sale.state == SaleState::Released,
            is_advance: sale.state == SaleState::Filed,
            is_registered,
        });
        for rule in found {
            if !broken.iter().any(|it| it.code == rule.code) {
                broken.push(rule);
            }
        }
    }
    Ok(broken)
}

fn forbidden(broken: &[BrokenForexRule]) -> Option<Refusal> {
    let refusing: Vec<&BrokenForexRule> = broken.iter().filter(|rule| rule.refuses).collect();
    let join = |of: fn(&BrokenForexRule) -> &str| {
        refusing.iter().map(|rule| of(rule)).collect::<Vec<_>>().join("; ")
    };
    (!refusing.is_empty()).then(|| {
        Refusal::of(Code::ForexRuleBroken)
            .with("rule", join(|rule| &rule.code))
            .with("text", join(|rule| &rule.text))
            .with("text_zh", join(|rule| &rule.text_zh))
            .with("law", join(|rule| &rule.law))
    })
}

fn money(currency: Currency, amount: i64) -> String {
    format!("{} {}", shown(currency, amount), currency.letters())
}

/// Asks for a rate and writes it down.
async fn quote(
    step: &mut ForexTransaction<'_>,
    receipt: &ReceiptRow,
    fixed: Option<FixedSide>,
) -> Answer<(QuoteRow, Vec<BrokenForexRule>)> {
    let available = receipt.available();
    if receipt.state != ReceiptStand::Matched || receipt.currency == Currency::Cny {
        return Ok(Err(out_of_step(receipt)));
    }
    let broken = check(step, receipt).await?;
    if let Some(refusal) = forbidden(&broken) {
        return Ok(Err(refusal));
    }
    // Whole microseconds, as in the database.
    let as_of = step.now;
    let Some(rate_e8) = buying_e8(receipt.currency, as_of.to_offset(CHINA).date()) else {
        return Ok(Err(Refusal::of(Code::CodeUnknown).with("field", "currency")));
    };
    let fixed = fixed.unwrap_or(FixedSide::Sold(available)); // all that is left
    let offer = Quote {
        sold: receipt.currency,
        bought: Currency::Cny,
        rate_e8,
        source: SOURCE.to_owned(),
        as_of,
        valid_until: as_of + Duration::seconds(limits::QUOTE_SECONDS),
        fixed,
    };
    let amounts = match offer.accept(as_of) {
        Ok(amounts) if amounts.sold <= available => amounts,
        Ok(amounts) => return Ok(Err(short(receipt, amounts.sold))),
        Err(QuoteError::Amount | QuoteError::Senseless | QuoteError::Expired) => {
            return Ok(Err(short(receipt, 0)));
        }
    };
    let row = QuoteRow {
        slot: receipt.slot,
        id: Uuid::now_v7(),
        receipt: receipt.id,
        owner: receipt.owner.clone(),
        currency: receipt.currency,
        rate_e8,
        source: offer.source,
        fixes_bought: matches!(fixed, FixedSide::Bought(_)),
        sold: amounts.sold,
        bought_fen: amounts.bought,
        as_of,
        valid_until: offer.valid_until,
    };
    quote_rows::insert_quote(&mut *step.tx, &row).await?;
    Ok(Ok((row, broken)))
}

fn short(receipt: &ReceiptRow, wanted: i64) -> Refusal {
    Refusal::of(Code::ForexShort)
        .with("available", money(receipt.currency, receipt.available()))
        .with("wanted", money(receipt.currency, wanted))
}

/// A quote is accepted while it binds: the forex is held, and the bank is told.
async fn accept(step: &mut ForexTransaction<'_>, id: Uuid) -> Answer<SettlementRow> {
    let lost = || Fault::Broken(format!("the quote {id} is lost"));
    let offer = quote_rows::quote(&mut *step.tx, id).await?.ok_or_else(lost)?;
    let mut receipt = read(step, offer.receipt).await?;
    if !settlement_rows::settlements(&mut *step.tx, &[id]).await?.is_empty() {
        return Ok(Err(
            Refusal::of(Code::ReceiptOutOfStep).with("state", "the quote was accepted 报价已接受")
        ));
    }
    if step.now >= offer.valid_until {
        let side = if offer.fixes_bought {
            FixedSide::Bought(offer.bought_fen)
        } else {
            FixedSide::Sold(offer.sold)
        };
        return Ok(Err(match quote(step, &receipt, Some(side)).await? {
            Err(refusal) => refusal,
            Ok((fresh, _)) => Refusal::of(Code::QuoteExpired)
                .with("quote", fresh.id)
                .with("rate_e8", fresh.rate_e8)
                .with("sold", money(fresh.currency, fresh.sold))
                .with("bought", money(Currency::Cny, fresh.bought_fen))
                .with("valid_until", fresh.valid_until),
        }));
    }
    if offer.sold > receipt.available() {
        return Ok(Err(short(&receipt, offer.sold)));
    }
    if let Some(refusal) = forbidden(&check(step, &receipt).await?) {
        return Ok(Err(refusal));
    }
    let matches = matches(step, &receipt).await?;
    let sales = sales_of(step, &matches).await?;
    let row = SettlementRow {
        slot: offer.slot,
        id,
        receipt: receipt.id,
        owner: receipt.owner.clone(),
        currency: offer.currency,
        sold: offer.sold,
        bought_fen: offer.bought_fen,
        state: SettlementStand::Ordered,
        executed_sold: 0,
        executed_fen: 0,
        fee_fen: 0,
        late_sold: 0,
        late_fen: 0,
        reason: String::new(),
        ordered_time: step.now,
        changed_time: step.now,
        until_time: Some(until(step.now)?),
        expired_time: None,
    };
    receipt.ordered += row.sold;
    let held = leg(settlement(&row.owner, row.currency), bank(row.currency), row.sold);
    let action = Action::Hold { legs: vec![held], until: row.until_time, after: None };
    step.post(vec![posting(step, &row, ("order", "settlement.ordered"), action)]).await?;
    settlement_rows::write_settlement(&mut *step.tx, &row).await?;
    receipt_rows::update_receipt(&mut *step.tx, &receipt, step.now).await?;
    step.settlement_terms.extend(row.until_time.map(|until| (row.slot, id, until)));
    let document = proto::bank::write_order(&order(&row, &offer, &receipt, &sales));
    let document = document.map_err(|faults| {
        let first = faults.first().map(|fault| fault.text.clone());
        Fault::Broken(format!("the order {id} cannot be written: {}", proto::text(first)))
    })?;
    let name = format!("order/{id}");
    step.publish_to_bank(row.slot, (&name, id), &row.owner, order_facts(document));
    Ok(Ok(row))
}

/// Until when the bank has to tell that it executed an order of now: the end of a day in China.
fn until(now: OffsetDateTime) -> Result<OffsetDateTime, Fault> {
    let day = now.to_offset(CHINA).date();
    let last = rules().order_until(day).and_then(Date::next_day);
    let last = last.ok_or_else(|| Fault::Broken(format!("an order of {day} has no term")))?;
    Ok(last.midnight().assume_offset(CHINA))
}

/// What the bank is ordered: forex of the firm's account is sold, and the yuan come to its account there.
fn order(
    row: &SettlementRow,
    offer: &QuoteRow,
    receipt: &ReceiptRow,
    sales: &[SaleRow],
) -> PaymentOrder {
    let party = |currency: Currency| BankParty {
        name: row.owner.clone(),
        account: AccountNumber::Number(format!("{}-{}", row.owner, currency.letters())),
        bic: String::new(),
    };
    let id = reference(row.id);
    // The bank executes at the rate to which it bound itself.
    let terms = format!("SETTLE {} RATE {}", money(Currency::Cny, row.bought_fen), offer.rate_e8);
    // The bank's own number of what came, and what that was for.
    let receipt = (!receipt.reference.is_empty()).then(|| format!("RECEIPT {}", receipt.reference));
    let orders = receipt.into_iter().chain(sales.iter().map(|sale| sale.order_no.clone()));
    let transfer = Transfer {
        end_to_end: id.clone(),
        currency: row.currency,
        amount: row.sold,
        creditor: party(Currency::Cny),
        texts: std::iter::once(terms).chain(orders).take(10).collect(),
    };
    let payment = PaymentBatch {
        id: id.clone(),
        day: row.ordered_time.to_offset(CHINA).date(),
        debtor: party(row.currency),
        transfers: vec![transfer],
    };
    PaymentOrder {
        message_id: id,
        created: row.ordered_time,
        initiator: row.owner.clone(),
        payments: vec![payment],
    }
}

/// What lies in suspense under an order is for its receipt, when so much of that is still free.
async fn assign(step: &mut ForexTransaction<'_>, id: Uuid, caller: &str) -> Answer<SettlementRow> {
    let found = settlement_rows::settlements(&mut *step.tx, &[id]).await?.remove(&id);
    let lost = || Fault::Broken(format!("the order {id} is lost"));
    let mut row = found.ok_or_else(lost)?;
    let (sold, bought) = (row.late_sold, row.late_fen);
    if sold == 0 && bought == 0 {
        let state = "nothing of it lies in suspense 无待核查款项";
        return Ok(Err(Refusal::of(Code::ReceiptOutOfStep).with("state", state)));
    }
    let mut receipt = read(step, row.receipt).await?;
    if sold > receipt.available() {
        return Ok(Err(short(&receipt, sold)));
    }
    let own = |currency| settlement(&row.owner, currency);
    let waiting = |currency| suspense(&row.owner, currency);
    let legs = [
        leg(own(row.currency), waiting(row.currency), sold),
        leg(waiting(Currency::Cny), own(Currency::Cny), bought),
    ];
    let legs: Vec<Leg> = legs.into_iter().filter(|leg| leg.amount > 0).collect();
    let name = format!("assigned/{}", Uuid::now_v7());
    let of = (name.as_str(), "settlement.assigned");
    let mut posting = posting(step, &row, of, Action::Transfer(legs));
    posting.actor = caller;
    step.post(vec![posting]).await?;
    row.executed_sold += sold;
    row.executed_fen += bought;
    (row.late_sold, row.late_fen, row.changed_time) = (0, 0, step.now);
    row.state = match row.executed_sold {
        0 => row.state,
        executed if executed < row.sold => SettlementStand::PartlyExecuted,
        _ => SettlementStand::Executed,
    };
    receipt.settled += sold;
    receipt_rows::update_receipt(&mut *step.tx, &receipt, step.now).await?;
    spend(step, &receipt, (ReceiptStep::Settled, sold), &name).await?;
    settlement_rows::write_settlement(&mut *step.tx, &row).await?;
    Ok(Ok(row))
}

/// What is left of a receipt stays in forex.
async fn keep(step: &mut ForexTransaction<'_>, id: Uuid) -> Answer<ForexOutcome> {
    let mut receipt = read(step, id).await?;
    let left = receipt.available();
    if receipt.state != ReceiptStand::Matched {
        return Ok(Err(out_of_step(&receipt)));
    }
    if left == 0 {
        return Ok(Err(short(&receipt, 0)));
    }
    receipt.kept += left;
    let attempt = format!("kept {}", receipt.kept);
    spend(step, &receipt, (ReceiptStep::Kept, left), &attempt).await?;
    written(step, receipt, false).await.map(Ok)
}
