//! What answers each call about money from abroad: a message in, a message out.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::payment::settlement::FixedSide;
use domain::refusal::{Code, Refusal};
use domain::{Slot, limits};
use futures::Stream;
use kit::rpc::{Call, Change};
use proto::v1;
use store::commit_queue;
use store::page::Page;
use store::share::Share;
use store::{Fault, ServiceError};
use uuid::Uuid;

use super::bank::{self, BankFileOutcome};
use super::commit::ForexCommand;
use super::payments::{self, PaymentDetails};
use super::receipt_rows::ReceiptRow;
use super::sale_rows::SaleRow;
use super::settle::{ForexAct, ForexAnswer, ForexChange, ForexOutcome};
use super::statement_balance::StatementBalance;
use super::wire;
use super::{
    announced_rows, firm_rows, match_rows, payments_rows, receipt_rows, sale_rows, settlement_rows,
    statement_rows,
};
use crate::Payments;
use crate::wire::{account_view, amount};

type Answer<A> = Result<A, ServiceError>;

/// How many statements agreed with what there should be, and how many did not.
const STATEMENTS: &str = "sw_bank_statements_total";

/// Begins the figures of statements: a rise from nothing would be seen by nobody.
pub(crate) fn begin_statement_metrics() {
    for agrees in ["yes", "no"] {
        metrics::counter!(STATEMENTS, "agrees" => agrees).increment(0);
    }
}

/// Receipts that are read together.
const PART: i64 = 200;

impl Payments {
    pub(super) async fn list_sales(
        &self,
        call: &Call,
        asked: v1::ListSalesRequest,
    ) -> Answer<v1::ListSalesResponse> {
        let v1::ListSalesRequest { owner, only_open, page_size, page_token } = asked;
        let owners = call.principal.owners();
        let filter = ("sales", &owners, &owner, only_open);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let part = (page.before()?, page.count());
        let pool = self.lists.get().await;
        let found =
            sale_rows::sales_of(&pool, part, owners.as_deref(), (&owner, only_open)).await?;
        let (found, next_page_token) = page.cut(found, |it| *it.id.uuid().as_bytes())?;
        let mut reader = pool.acquire().await.map_err(Fault::from)?;
        let announced = announced_rows::sums(&mut reader, &found).await?;
        let of = |sale: &SaleRow| announced.get(&sale.id).map_or(0, |sum| *sum);
        let sales = found.iter().map(|sale| wire::sale(sale, of(sale))).collect();
        Ok(v1::ListSalesResponse { sales, next_page_token })
    }

    pub(super) async fn list_forex_receipts(
        &self,
        call: &Call,
        asked: v1::ListForexReceiptsRequest,
    ) -> Answer<v1::ListForexReceiptsResponse> {
        let state = wire::stand(asked.state());
        let v1::ListForexReceiptsRequest { owner, state: _, page_size, page_token } = asked;
        let owners = call.principal.owners();
        let filter = ("receipts", &owners, &owner, state);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let part = (page.before()?, page.count());
        let pool = self.lists.get().await;
        let found =
            receipt_rows::receipts_of(&pool, part, owners.as_deref(), (&owner, state)).await?;
        let (found, next_page_token) = page.cut(found, |it| *it.id.as_bytes())?;
        let keys: Vec<(Slot, Uuid)> = found.iter().map(|row| (row.slot, row.id)).collect();
        let mut reader = pool.acquire().await.map_err(Fault::from)?;
        let mut matches = match_rows::matches(&mut reader, &keys).await?;
        let receipt = |row: &ReceiptRow| {
            let pays = matches.remove(&row.id).unwrap_or_default(); // unmatched
            wire::receipt(row, &pays)
        };
        Ok(v1::ListForexReceiptsResponse {
            receipts: found.iter().map(receipt).collect(),
            next_page_token,
        })
    }

    /// Has something done, or says what would be.
    async fn forex(
        &self,
        call: &Call,
        request: Option<Change>,
        act: ForexAct,
        only_check: bool,
    ) -> Answer<ForexAnswer> {
        let change = Box::new(ForexChange {
            request: request.map(|it| (it.request_id, it.digest)),
            caller: call.principal.name.clone(),
            owners: call.principal.owners(),
            act,
        });
        if only_check {
            let command = |reply| ForexCommand::Change(change, reply);
            return Ok(commit_queue::rehearse(&*self.forex_writer, &self.work, command).await??);
        }
        let command = |reply| ForexCommand::Change(change, reply);
        let share = Share::of(&call.principal);
        Ok(self.forex.try_enqueue(Slot::of(""), &share, command).await??)
    }

    async fn receipt(
        &self,
        call: &Call,
        request: Change,
        act: ForexAct,
        only_check: bool,
    ) -> Answer<(Option<v1::ForexReceipt>, bool, Vec<v1::Account>)> {
        let ForexAnswer { outcome, accounts } =
            self.forex(call, Some(request), act, only_check).await?;
        match outcome {
            ForexOutcome::Receipt(row, matches, repeated) => {
                let accounts = accounts.iter().map(account_view).collect();
                Ok((Some(wire::receipt(&row, &matches)), repeated, accounts))
            }
            other => Err(strange(&other).into()),
        }
    }

    pub(super) async fn match_receipt(
        &self,
        call: &Call,
        change: Change,
        asked: v1::MatchReceiptRequest,
    ) -> Answer<v1::MatchReceiptResponse> {
        let id = wire::id(&asked.receipt, "receipt")?;
        let act = ForexAct::Match(id, wire::declarations(&asked.declarations)?);
        let (receipt, repeated, accounts) =
            self.receipt(call, change, act, asked.validate_only).await?;
        Ok(v1::MatchReceiptResponse { receipt, repeated, accounts })
    }

    pub(super) async fn unmatch_receipt(
        &self,
        call: &Call,
        change: Change,
        asked: v1::UnmatchReceiptRequest,
    ) -> Answer<v1::UnmatchReceiptResponse> {
        let act = ForexAct::Unmatch(wire::id(&asked.receipt, "receipt")?);
        let (receipt, repeated, accounts) =
            self.receipt(call, change, act, asked.validate_only).await?;
        Ok(v1::UnmatchReceiptResponse { receipt, repeated, accounts })
    }

    pub(super) async fn quote_settlement(
        &self,
        call: &Call,
        asked: v1::QuoteSettlementRequest,
    ) -> Answer<v1::QuoteSettlementResponse> {
        let id = wire::id(&asked.receipt, "receipt")?;
        let fixed = match (asked.sold, asked.bought_fen) {
            (0, 0) => None,
            (sold, 0) => Some(FixedSide::Sold(amount(sold, 1)?)),
            (0, bought) => Some(FixedSide::Bought(amount(bought, 1)?)),
            (_, _) => {
                let refusal = Refusal::of(Code::NumberOutOfRange).with("field", "bought_fen");
                return Err(refusal.with("reason", "exactly one side is given").into());
            }
        };
        match self.forex(call, None, ForexAct::Quote(id, fixed), false).await?.outcome {
            ForexOutcome::Quote(row, remarks) => Ok(v1::QuoteSettlementResponse {
                quote: Some(wire::quote(&row)),
                remarks: remarks.iter().map(wire::remark).collect(),
            }),
            other => Err(strange(&other).into()),
        }
    }

    pub(super) async fn accept_quote(
        &self,
        call: &Call,
        change: Change,
        asked: v1::AcceptQuoteRequest,
    ) -> Answer<v1::AcceptQuoteResponse> {
        let act = ForexAct::Accept(wire::id(&asked.quote, "quote")?);
        let ForexAnswer { outcome, accounts } =
            self.forex(call, Some(change), act, asked.validate_only).await?;
        match outcome {
            ForexOutcome::Settlement(row, repeated) => {
                let settlement = Some(wire::settlement(&row));
                let accounts = accounts.iter().map(account_view).collect();
                Ok(v1::AcceptQuoteResponse { settlement, repeated, accounts })
            }
            other => Err(strange(&other).into()),
        }
    }

    pub(super) async fn keep_receipt(
        &self,
        call: &Call,
        change: Change,
        asked: v1::KeepReceiptRequest,
    ) -> Answer<v1::KeepReceiptResponse> {
        let act = ForexAct::Keep(wire::id(&asked.receipt, "receipt")?);
        let (receipt, repeated, accounts) =
            self.receipt(call, change, act, asked.validate_only).await?;
        Ok(v1::KeepReceiptResponse { receipt, repeated, accounts })
    }

    pub(super) async fn list_settlements(
        &self,
        call: &Call,
        asked: v1::ListSettlementsRequest,
    ) -> Answer<v1::ListSettlementsResponse> {
        let v1::ListSettlementsRequest { owner, page_size, page_token } = asked;
        let owners = call.principal.owners();
        let filter = ("settlements", &owners, &owner);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let part = (page.before()?, page.count());
        let found = settlement_rows::settlements_of(
            &self.lists.get().await,
            part,
            owners.as_deref(),
            &owner,
        )
        .await?;
        let (found, next_page_token) = page.cut(found, |it| *it.id.as_bytes())?;
        let settlements = found.iter().map(wire::settlement).collect();
        Ok(v1::ListSettlementsResponse { settlements, next_page_token })
    }

    pub(super) async fn assign_settlement(
        &self,
        call: &Call,
        change: Change,
        asked: v1::AssignSettlementRequest,
    ) -> Answer<v1::AssignSettlementResponse> {
        let act = ForexAct::Assign(wire::id(&asked.settlement, "settlement")?);
        let ForexAnswer { outcome, accounts } =
            self.forex(call, Some(change), act, asked.validate_only).await?;
        match outcome {
            ForexOutcome::Settlement(row, repeated) => {
                let settlement = Some(wire::settlement(&row));
                let accounts = accounts.iter().map(account_view).collect();
                Ok(v1::AssignSettlementResponse { settlement, repeated, accounts })
            }
            other => Err(strange(&other).into()),
        }
    }

    /// What is told of receipts, page by page, until there are no more.
    pub(super) async fn export_payments(
        self: &Arc<Self>,
        call: &Call,
        asked: v1::ExportPaymentsRequest,
    ) -> Answer<impl Stream<Item = Answer<v1::PaymentsRecord>> + Send + use<>> {
        let v1::ExportPaymentsRequest { owner, only_missing } = asked;
        let (own, owners) = (Arc::clone(self), call.principal.owners());
        Ok(async_stream::try_stream! {
            let mut before = Uuid::max();
            loop {
                let of = (owner.as_str(), None);
                let found =
                    receipt_rows::receipts_of(&own.reads, (before, PART), owners.as_deref(), of).await?;
                for row in &found {
                    before = row.id;
                    let record = own.payments_record(row).await?;
                    if !only_missing || record.declared_time.is_none() {
                        yield record;
                    }
                }
                if found.is_empty() {
                    break;
                }
            }
        })
    }

    async fn payments_record(&self, row: &ReceiptRow) -> Result<v1::PaymentsRecord, Fault> {
        let mut reader = self.reads.acquire().await?;
        let key = [(row.slot, row.id)];
        let declared = payments_rows::declared(&mut reader, &key).await?.remove(&row.id);
        // What went back since has to be declared once more.
        if let Some(declared) = declared.as_ref().filter(|it| it.is_refund == row.is_reversed()) {
            return Ok(wire::declared(row, declared));
        }
        let matches = match_rows::matches(&mut reader, &key).await?;
        let ids: BTreeSet<_> = matches.values().flatten().map(|it| it.declaration).collect();
        let sales = sale_rows::sales(&mut reader, &ids).await?;
        let channel = firm_rows::firm(&mut reader, &row.owner).await?.channel;
        let nothing = PaymentDetails::default();
        let sale = sales.values().next();
        let (record, country) = payments::record(row, sale, channel, &nothing, declared.as_ref());
        Ok(wire::undeclared(row, &record, &country))
    }

    pub(super) async fn declare_payment(
        &self,
        call: &Call,
        change: Change,
        asked: v1::DeclarePaymentRequest,
    ) -> Answer<v1::DeclarePaymentResponse> {
        let id = wire::id(&asked.receipt, "receipt")?;
        let v1::DeclarePaymentRequest { code, country, goods, validate_only, .. } = asked;
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        for (text, digits, field) in [(&code, 6, "code"), (&country, 3, "country")] {
            if !text.is_empty() && (text.len() != digits || !is_digits(text)) {
                return Err(Refusal::of(Code::CodeUnknown).with("field", field).into());
            }
        }
        if goods.chars().count() > limits::TEXT_MAX {
            return Err(Refusal::of(Code::TooLong).with("field", "goods").into());
        }
        let act = ForexAct::Declare(id, PaymentDetails { code, country, goods });
        match self.forex(call, Some(change), act, validate_only).await?.outcome {
            ForexOutcome::Declared(row, declared, repeated) => {
                let record = Some(wire::declared(&row, &declared));
                Ok(v1::DeclarePaymentResponse { record, repeated })
            }
            other => Err(strange(&other).into()),
        }
    }

    /// Takes a file of a bank, from a call or from the exchange.
    pub(crate) async fn bank_file(&self, document: &str) -> Answer<BankFileOutcome> {
        let news = Arc::new(bank::read(document)?);
        let command = |reply| ForexCommand::Bank(news, reply);
        let outcome = self.forex.enqueue(Slot::of(""), &Share::Kept, command).await?;
        for found in &outcome.balances {
            let agrees = if found.difference() == 0 { "yes" } else { "no" };
            metrics::counter!(STATEMENTS, "agrees" => agrees).increment(1);
            if found.difference() != 0 {
                tracing::warn!("{}", found.why().0);
            }
        }
        Ok(outcome)
    }

    pub(super) async fn take_bank_file(
        &self,
        _call: &Call,
        asked: v1::TakeBankFileRequest,
    ) -> Answer<v1::TakeBankFileResponse> {
        let outcome = if asked.validate_only {
            let news = Arc::new(bank::read(&asked.document)?);
            let command = |reply| ForexCommand::Bank(news, reply);
            commit_queue::rehearse(&*self.forex_writer, &self.work, command).await?
        } else {
            self.bank_file(&asked.document).await?
        };
        let BankFileOutcome { taken, repeated, ignored, balances } = outcome;
        let balances = balances.iter().map(wire::statement_balance).collect();
        Ok(v1::TakeBankFileResponse { taken, repeated, ignored, balances })
    }

    pub(super) async fn list_bank_statements(
        &self,
        call: &Call,
        asked: v1::ListBankStatementsRequest,
    ) -> Answer<v1::ListBankStatementsResponse> {
        let v1::ListBankStatementsRequest { owner, only_differing, page_size, page_token } = asked;
        let owners = call.principal.owners();
        let filter = ("statements", &owners, &owner, only_differing);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let part = (page.before()?, page.count());
        let found = statement_rows::statements_of(
            &self.lists.get().await,
            part,
            owners.as_deref(),
            (&owner, only_differing),
        )
        .await?;
        let (found, next_page_token) = page.cut(found, |it| *it.id.as_bytes())?;
        let found: Result<Vec<_>, Fault> = found.into_iter().map(StatementBalance::of).collect();
        let statements = found?.iter().map(wire::statement_balance).collect();
        Ok(v1::ListBankStatementsResponse { statements, next_page_token })
    }

    pub(super) async fn register_receipt(
        &self,
        call: &Call,
        change: Change,
        asked: v1::RegisterReceiptRequest,
    ) -> Answer<v1::RegisterReceiptResponse> {
        let v1::RegisterReceiptRequest { request_id: _, receipt, number, validate_only } = asked;
        let id = wire::id(&receipt, "receipt")?;
        if number.trim().is_empty() {
            return Err(Refusal::of(Code::Required).with("field", "number").into());
        }
        if number.chars().count() > limits::TEXT_MAX {
            return Err(Refusal::of(Code::TooLong).with("field", "number").into());
        }
        let act = ForexAct::Register(id, number);
        let (receipt, repeated, _) = self.receipt(call, change, act, validate_only).await?;
        Ok(v1::RegisterReceiptResponse { receipt, repeated })
    }

    pub(super) async fn set_forex_firm(
        &self,
        call: &Call,
        change: Change,
        asked: v1::SetForexFirmRequest,
    ) -> Answer<v1::SetForexFirmResponse> {
        let firm = wire::firm(&asked)?;
        let owner = crate::wire::own(&call.principal, asked.owner)?;
        let act = ForexAct::Firm(owner, firm);
        match self.forex(call, Some(change), act, asked.validate_only).await?.outcome {
            ForexOutcome::Firm(repeated) => Ok(v1::SetForexFirmResponse { repeated }),
            other => Err(strange(&other).into()),
        }
    }
}

fn strange(outcome: &ForexOutcome) -> Fault {
    Fault::Broken(format!("a request about money from abroad came to something else: {outcome:?}"))
}
