//! What answers each call: a message in, a message out.

use std::collections::BTreeSet;

use domain::declaration::Profile;
use domain::documents::limits::{Reservation, annual_limit, single_limit};
use domain::payment::ledger::EntryCheck;
use domain::refusal::{Code, Refusal, Violation};
use domain::{DeclarationId, Kind, Slot, limits};
use kit::rpc::{Call, Change};
use proto::v1;
use store::commit_queue;
use store::page::Page;
use store::share::Share;
use store::{Fault, ServiceError};

use crate::collect::{OrderPayment, PaidOrder};
use crate::commit::PaymentCommand;
use crate::goods_back::{CountedGoods, GoodsCount};
use crate::guarantee::{self, GuaranteeAct, GuaranteeChange, GuaranteeOutcome};
use crate::ledger::{Ledger, Needs};
use crate::names;
use crate::verify::{VerificationLimit, verify_slots};
use crate::wire::{
    account, account_of, account_view, amount, bill, bill_status, calculation, calculation_day,
    declaration, duty, duty_difference, duty_order, duty_state, entry, hold, hold_state,
    import_return, may_see, own, places, reference, return_state, slots_to_verify, time, today,
};
use crate::{Payments, duty_rows, purchases, read, recompute, transaction};

type Answer<A> = Result<A, ServiceError>;

/// Accounts and what moved on them.
impl Payments {
    pub(crate) async fn list_accounts(
        &self,
        call: &Call,
        asked: v1::ListAccountsRequest,
    ) -> Answer<v1::ListAccountsResponse> {
        let v1::ListAccountsRequest { owner, page_size, page_token } = asked;
        let owners = call.principal.owners();
        let filter = ("accounts", &owners, &owner);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let now = self.clock.now();
        let (found, next_page_token) =
            read::accounts(&self.lists.get().await, &page, owners.as_deref(), &owner, now).await?;
        let accounts = found.iter().map(account_view).collect();
        Ok(v1::ListAccountsResponse { accounts, next_page_token })
    }

    pub(crate) async fn get_balance(
        &self,
        call: &Call,
        asked: v1::GetBalanceRequest,
    ) -> Answer<v1::GetBalanceResponse> {
        let v1::GetBalanceRequest { owner, currency, purpose, effective_time, recorded_time } =
            asked;
        let owner = own(&call.principal, owner)?;
        let account = account_of(owner, &currency, purpose)?;
        let now = self.clock.now();
        let effective = time(effective_time, "effective_time")?.unwrap_or(now);
        let recorded = time(recorded_time, "recorded_time")?.unwrap_or(now);
        let balance = read::balance(&self.reads, &account, effective, recorded).await?;
        Ok(v1::GetBalanceResponse {
            owner: account.owner,
            currency: account.currency.letters().to_owned(),
            purpose: crate::wire::purpose(account.purpose).into(),
            balance,
        })
    }

    pub(crate) async fn list_entries(
        &self,
        call: &Call,
        asked: v1::ListEntriesRequest,
    ) -> Answer<v1::ListEntriesResponse> {
        let v1::ListEntriesRequest { owner, declaration: about, page_size, page_token } = asked;
        let owner = own(&call.principal, owner)?;
        let about = if about.is_empty() { None } else { Some(declaration(&about)?.uuid()) };
        let filter = ("entries", &owner, about);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let pool = self.lists.get().await;
        let (found, next_page_token) = read::entries(&pool, &page, &owner, about).await?;
        let entries = found.iter().map(|listed| entry(listed.place, &listed.record));
        Ok(v1::ListEntriesResponse { entries: entries.collect(), next_page_token })
    }

    pub(crate) async fn list_holds(
        &self,
        call: &Call,
        asked: v1::ListHoldsRequest,
    ) -> Answer<v1::ListHoldsResponse> {
        let state = hold_state(asked.state())?;
        let v1::ListHoldsRequest { owner, state: _, page_size, page_token } = asked;
        let owners = call.principal.owners();
        let filter = ("holds", &owners, &owner, state);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let (found, next_page_token) =
            read::holds(&self.lists.get().await, &page, owners.as_deref(), (&owner, state)).await?;
        Ok(v1::ListHoldsResponse { holds: found.iter().map(hold).collect(), next_page_token })
    }

    pub(crate) async fn deposit(
        &self,
        call: &Call,
        change: Change,
        asked: v1::DepositRequest,
    ) -> Answer<v1::DepositResponse> {
        let v1::DepositRequest { request_id: _, owner, amount_fen, reference, validate_only } =
            asked;
        let act = GuaranteeAct::Deposit(amount(amount_fen, 1)?);
        let (account, repeated) =
            self.change_guarantee(call, change, (owner, act, reference), validate_only).await?;
        Ok(v1::DepositResponse { account: Some(account), repeated })
    }

    pub(crate) async fn set_credit_line(
        &self,
        call: &Call,
        change: Change,
        asked: v1::SetCreditLineRequest,
    ) -> Answer<v1::SetCreditLineResponse> {
        let v1::SetCreditLineRequest { request_id: _, owner, amount_fen, reference, validate_only } =
            asked;
        let act = GuaranteeAct::CreditLine(amount(amount_fen, 0)?);
        let (account, repeated) =
            self.change_guarantee(call, change, (owner, act, reference), validate_only).await?;
        Ok(v1::SetCreditLineResponse { account: Some(account), repeated })
    }

    async fn change_guarantee(
        &self,
        call: &Call,
        Change { request_id, digest }: Change,
        (owner, act, given_reference): (String, GuaranteeAct, String),
        validate_only: bool,
    ) -> Answer<(v1::Account, bool)> {
        let principal = &*call.principal;
        let owner = own(principal, owner)?;
        if principal.kind != Kind::Administrator && !self.sandbox {
            return Err(Refusal::of(Code::NotAllowed).into());
        }
        let caller = principal.name.clone();
        let reference = reference(given_reference)?;
        let change = GuaranteeChange { request_id, caller, digest, owner, act, reference };
        let slot = Slot::of(&change.owner);
        let owner = change.owner.clone();
        let changed = if validate_only {
            self.rehearse(&change).await?
        } else {
            let command = |reply| PaymentCommand::Guarantee(Box::new(change), reply);
            self.requests.try_enqueue(slot, &Share::of(principal), command).await??
        };
        let GuaranteeOutcome { totals, credit_line, repeated } = changed;
        Ok((account(&names::guarantee(&owner), &totals, credit_line), repeated))
    }

    /// What would be, in a transaction that is not kept.
    async fn rehearse(&self, change: &GuaranteeChange) -> Answer<GuaranteeOutcome> {
        let mut tx = self.work.begin().await.map_err(Fault::from)?;
        let slot = Slot::of(&change.owner);
        let mut ledger = Ledger::lock(&mut tx, &BTreeSet::from([slot])).await?;
        let mut needs = Needs::default();
        transaction::needs_of_payer(&mut needs, &change.owner);
        needs.id(slot, change.entry_id());
        ledger.load(&mut tx, &needs).await?;
        let recorded = ledger.time(slot, self.clock.now())?;
        match ledger.apply(slot, &change.entry(recorded))? {
            Ok(EntryCheck::New(_) | EntryCheck::Known) => {}
            Err(error) => return Err(guarantee::refused(error)?.into()),
        }
        Ok(guarantee::now(ledger.balances(slot)?, &change.owner, recorded))
    }

    pub(crate) async fn verify_ledger(
        &self,
        _call: &Call,
        asked: v1::VerifyLedgerRequest,
    ) -> Answer<v1::VerifyLedgerResponse> {
        let _turn = self
            .verifying
            .acquire()
            .await
            .map_err(|_| Fault::Away("the payment service ends".to_owned()))?;
        let slots = slots_to_verify(&asked)?;
        let found = verify_slots(&self.reads, slots, VerificationLimit::CALL).await?;
        let (slot, mut difference) =
            found.difference.map_or((0, String::new()), |(slot, text)| (slot.number(), text));
        let mut sums = Vec::new();
        let next_slot = found.next.map_or(0, Slot::number);
        if next_slot == 0 {
            sums = read::sums(&self.reads).await?;
            let years = purchases::years_differing(&self.reads).await?;
            if difference.is_empty() && years > 0 {
                difference =
                    format!("{years} years of persons say something else than their purchases");
            }
        }
        let entries = i64::try_from(found.entries)
            .map_err(|_| Fault::Broken("too many entries to be counted".to_owned()))?;
        let sums = sums.into_iter().map(|(currency, accounts, sum, held)| v1::CurrencySum {
            currency,
            accounts,
            sum,
            held,
        });
        let sums = sums.collect();
        Ok(v1::VerifyLedgerResponse { entries, difference, slot, sums, next_slot })
    }
}

/// Duties and bills.
impl Payments {
    pub(crate) async fn get_duty(
        &self,
        call: &Call,
        asked: v1::GetDutyRequest,
    ) -> Answer<v1::GetDutyResponse> {
        let id = declaration(&asked.declaration)?;
        let unknown = || Refusal::of(Code::NotFound).with("name", &asked.declaration);
        let row = read::duty(&self.reads, id).await?.ok_or_else(unknown)?;
        if !may_see(&call.principal, [&row.payer, &row.case.agent_code]) {
            return Err(unknown().into());
        }
        let version = if asked.version == 0 { row.version } else { asked.version };
        let trace = read::trace(&self.reads, id, version).await?.ok_or_else(unknown)?;
        let trace = proto::duty::decode_trace(&trace)
            .map_err(|_| Fault::Broken(format!("how the duty of {id} was computed is damaged")))?;
        Ok(v1::GetDutyResponse { duty: Some(duty(&row)), ..trace })
    }

    pub(crate) async fn calculate_duty(
        &self,
        _call: &Call,
        asked: v1::CalculateDutyRequest,
    ) -> Answer<v1::CalculateDutyResponse> {
        let v1::CalculateDutyRequest { declaration, day } = asked;
        let required = || Refusal::of(Code::Required).with("field", "declaration");
        let declared: domain::Declaration = declaration.ok_or_else(required)?.into();
        if declared.lines.len() > limits::LINES_MAX_IMPORT {
            let refusal = Refusal::of(Code::TooManyEntries).with("field", "declaration.lines");
            return Err(refusal.with("most", limits::LINES_MAX_IMPORT).into());
        }
        let flawed = flawed_texts(&declared);
        if !flawed.is_empty() {
            return Err(Refusal::invalid(flawed).into());
        }
        let day = calculation_day(&day)?.unwrap_or_else(|| today(self.clock.now()));
        Ok(calculation(&self.numbers, &declared, day))
    }

    pub(crate) async fn verify_duties(
        &self,
        call: &Call,
        asked: v1::VerifyDutiesRequest,
    ) -> Answer<v1::VerifyDutiesResponse> {
        let v1::VerifyDutiesRequest { page_size, page_token } = asked;
        let name = &call.principal.name;
        let page = Page::of(&self.tokens, name, "duties to verify", (page_size, &page_token))?;
        let pool = self.lists.get().await;
        let (duties, next_page_token) = recompute::duties(&pool, &page, &self.numbers).await?;
        let recomputed = i64::try_from(duties.len())
            .map_err(|_| Fault::Broken("too many duties to be counted".to_owned()))?;
        let differences = duties.iter().filter_map(duty_difference).collect();
        Ok(v1::VerifyDutiesResponse { recomputed, differences, next_page_token })
    }

    pub(crate) async fn list_duties(
        &self,
        call: &Call,
        asked: v1::ListDutiesRequest,
    ) -> Answer<v1::ListDutiesResponse> {
        let state = duty_state(asked.state());
        let v1::ListDutiesRequest { payer, state: _, page_size, page_token } = asked;
        let owners = call.principal.owners();
        let filter = ("duties", &owners, &payer, state);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let (found, next_page_token) =
            read::duties(&self.lists.get().await, &page, owners.as_deref(), (&payer, state))
                .await?;
        Ok(v1::ListDutiesResponse { duties: found.iter().map(duty).collect(), next_page_token })
    }

    pub(crate) async fn get_bill(
        &self,
        call: &Call,
        asked: v1::GetBillRequest,
    ) -> Answer<v1::GetBillResponse> {
        let id = declaration(&asked.declaration)?;
        let all = (uuid::Uuid::max(), 1);
        let found = read::bills(&self.reads, all, None, ("", None, Some(id))).await?;
        let unknown = || Refusal::of(Code::NotFound).with("name", &asked.declaration);
        let found = found.into_iter().next().ok_or_else(unknown)?;
        if !may_see(&call.principal, [&found.row.payer, &found.row.case.agent_code]) {
            return Err(unknown().into());
        }
        let lines = found.row.case.bill_lines();
        let bill = bill(&found, today(self.clock.now()));
        Ok(v1::GetBillResponse { bill: Some(v1::Bill { lines, ..bill }) })
    }

    pub(crate) async fn list_bills(
        &self,
        call: &Call,
        asked: v1::ListBillsRequest,
    ) -> Answer<v1::ListBillsResponse> {
        let status = bill_status(asked.status());
        let v1::ListBillsRequest { payer, status: _, page_size, page_token } = asked;
        let owners = call.principal.owners();
        let filter = ("bills", &owners, &payer, status);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let part = (page.before()?, page.count());
        let found =
            read::bills(&self.lists.get().await, part, owners.as_deref(), (&payer, status, None))
                .await?;
        let (found, next_page_token) = page.cut(found, |it| *it.row.id.uuid().as_bytes())?;
        let today = today(self.clock.now());
        let bills = found.iter().map(|it| bill(it, today)).collect();
        Ok(v1::ListBillsResponse { bills, next_page_token })
    }

    pub(crate) async fn get_quota(
        &self,
        call: &Call,
        asked: v1::GetQuotaRequest,
    ) -> Answer<v1::GetQuotaResponse> {
        let today = today(self.clock.now());
        let number = asked.id_number.trim();
        if number.is_empty() {
            return Err(Refusal::of(Code::Required).with("field", "id_number").into());
        }
        let year = if asked.year == 0 { today.year() } else { asked.year };
        let (used_fen, found) =
            purchases::of_year(&self.reads, &self.persons.hash(number), year).await?;
        let ids = found.iter().map(|(id, _)| *id).collect();
        let mut connection = self.reads.acquire().await.map_err(Fault::from)?;
        let duties = duty_rows::load(&mut connection, &ids).await?;
        let is_own = |id| {
            duties.get(id).is_some_and(|duty| {
                may_see(&call.principal, [&duty.payer, &duty.case.agent_code, &duty.case.ebc_code])
            })
        };
        let purchase = |(id, it): &(DeclarationId, Reservation)| v1::Purchase {
            declaration: id.name(),
            amount_fen: it.amount_fen,
            restored_fen: it.restored_fen,
        };
        // What a person bought elsewhere is nothing to a firm (个人信息保护法 art. 6).
        let sees_year = matches!(call.principal.kind, Kind::Customs | Kind::Administrator);
        let limit_fen = annual_limit(today);
        Ok(v1::GetQuotaResponse {
            year,
            limit_fen,
            single_limit_fen: single_limit(today),
            used_fen: sees_year.then_some(used_fen),
            left_fen: sees_year.then_some(limit_fen - used_fen),
            purchases: found.iter().filter(|(id, _)| is_own(id)).map(purchase).collect(),
        })
    }

    pub(crate) async fn list_duty_orders(
        &self,
        call: &Call,
        asked: v1::ListDutyOrdersRequest,
    ) -> Answer<v1::ListDutyOrdersResponse> {
        let v1::ListDutyOrdersRequest { payer, unpaid, page_size, page_token } = asked;
        let owners = call.principal.owners();
        let filter = ("duty orders", &owners, &payer, unpaid);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let (found, next_page_token) =
            read::duty_orders(&self.lists.get().await, &page, owners.as_deref(), (&payer, unpaid))
                .await?;
        let today = today(self.clock.now());
        let orders = found.iter().map(|it| duty_order(it, today)).collect();
        Ok(v1::ListDutyOrdersResponse { orders, next_page_token })
    }

    pub(crate) async fn list_import_returns(
        &self,
        call: &Call,
        asked: v1::ListImportReturnsRequest,
    ) -> Answer<v1::ListImportReturnsResponse> {
        let state = return_state(asked.state());
        let v1::ListImportReturnsRequest {
            payer,
            declaration: about,
            state: _,
            missing,
            page_size,
            page_token,
        } = asked;
        let about = if about.is_empty() { None } else { Some(declaration(&about)?) };
        let (owners, places) = (call.principal.owners(), places(&call.principal));
        let filter = ("import returns", &owners, &places, &payer, about, (state, missing));
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let whose = (owners.as_deref(), places.as_deref());
        let pool = self.lists.get().await;
        let filter = (&*payer, about, state, missing);
        let (found, next_page_token) = read::import_returns(&pool, &page, whose, filter).await?;
        let returns = found.iter().map(import_return).collect();
        Ok(v1::ListImportReturnsResponse { returns, next_page_token })
    }

    pub(crate) async fn report_goods_back(
        &self,
        call: &Call,
        Change { request_id, digest }: Change,
        asked: v1::ReportGoodsBackRequest,
    ) -> Answer<v1::ReportGoodsBackResponse> {
        let v1::ReportGoodsBackRequest {
            request_id: _,
            declaration: about,
            application,
            lines,
            validate_only,
        } = asked;
        let declaration = declaration(&about)?;
        if application.is_empty() {
            return Err(Refusal::of(Code::Required).with("field", "application").into());
        }
        if lines.len() > limits::LINES_MAX_IMPORT {
            return Err(Refusal::of(Code::TooManyEntries).with("field", "lines").into());
        }
        let lines = lines.iter().map(|line| (line.gnum, line.qty_e5));
        let counted = GoodsCount {
            request_id,
            caller: call.principal.name.clone(),
            digest,
            declaration,
            guid: application.to_uppercase(),
            lines: lines.collect(),
            places: places(&call.principal),
        };
        let (slot, share) = (declaration.slot(), Share::of(&call.principal));
        let command = |reply| PaymentCommand::CountGoods(Box::new(counted), reply);
        let CountedGoods { row, repeated, accounts } = if validate_only {
            commit_queue::rehearse(&*self.writer, &self.work, command).await??
        } else {
            self.requests.try_enqueue(slot, &share, command).await??
        };
        // What a firm has is nothing to a site.
        let sees = call.principal.kind == Kind::Administrator;
        let accounts = accounts.iter().filter(|_| sees).map(account_view).collect();
        Ok(v1::ReportGoodsBackResponse { goods: Some(import_return(&row)), repeated, accounts })
    }

    pub(crate) async fn pay_duty_order(
        &self,
        call: &Call,
        Change { request_id, digest }: Change,
        asked: v1::PayDutyOrderRequest,
    ) -> Answer<v1::PayDutyOrderResponse> {
        let v1::PayDutyOrderRequest {
            request_id: _,
            payer,
            ent_duty_no,
            reference: given_reference,
            validate_only,
        } = asked;
        let payer = own(&call.principal, payer)?;
        if call.principal.kind != Kind::Administrator && !self.sandbox {
            return Err(Refusal::of(Code::NotAllowed).into());
        }
        let (caller, reference) = (call.principal.name.clone(), reference(given_reference)?);
        let slot = Slot::of(&payer);
        let payment = OrderPayment {
            request_id,
            caller,
            digest,
            payer,
            ent_duty_no,
            reference,
            amount_fen: None,
        };
        let command = |reply| PaymentCommand::PayOrder(Box::new(payment), reply);
        let paid = if validate_only {
            commit_queue::rehearse(&*self.writer, &self.work, command).await??
        } else {
            self.requests.try_enqueue(slot, &Share::of(&call.principal), command).await??
        };
        let PaidOrder { order, repeated, accounts } = paid;
        let order = Some(duty_order(&order, today(self.clock.now())));
        let accounts = accounts.iter().map(account_view).collect();
        Ok(v1::PayDutyOrderResponse { order, repeated, accounts })
    }
}

/// What is wrong with the texts and units that are there: of a declaration that is only to be computed the rest may be
/// missing.
fn flawed_texts(declared: &domain::Declaration) -> Vec<Violation> {
    let broken = declared.clone().check(&Profile::default()).err();
    let of_amount = |field: &str| field.ends_with(".currency") || field.ends_with(".unit");
    let is_flaw = |it: &Violation| match it.code {
        Code::BadCharacter | Code::TooLong => true,
        Code::CodeUnknown => of_amount(&it.field),
        _ => false,
    };
    broken.into_iter().flatten().filter(is_flaw).collect()
}
