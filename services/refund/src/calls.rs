//! What answers each call: a message in, a message out.

use std::collections::{BTreeMap, BTreeSet};

use domain::CHINA;
use domain::principal::Scope;
use domain::refusal::{Code, Refusal};
use domain::tax_refund::claim::{ClaimEvent, LineEvent};
use domain::tax_refund::entitlement::Entitlement;
use domain::tax_refund::firm_terms::FirmTerms;
use domain::{DeclarationId, Slot};
use futures::{Stream, StreamExt as _};
use kit::rpc::{Call, Change};
use kit::watch::{self, Journal, Watcher};
use proto::v1;
use store::commit_queue;
use store::journal::JournalEntry;
use store::page::Page;
use store::share::Share;
use store::{Fault, ServiceError};

use crate::claim::ClaimAct;
use crate::claim_line_rows::{self, LinesToGiveBack};
use crate::claim_rows::{self, ClaimRow};
use crate::commit::{RefundAnswer, RefundAsk, RefundCommand, RefundRequest, RefundState};
use crate::export_row::ExportRow;
use crate::export_rows;
use crate::names::{ClaimName, month};
use crate::proof::ProofChange;
use crate::propose::Proposal;
use crate::wire::{
    claim, claim_line, claim_name, claim_state, day, decisions, entry_id, export, export_name,
    firm_change, invoice, invoice_status, line_state, may_see, money, note, own, platform_answers,
    reason, sales, shown_invoice, standing, terms, traces, unreadable, vat, watch_response,
};
use crate::{Refunds, firm, invoice_rows, read};

type Answer<A> = Result<A, ServiceError>;

/// What all calls need.
impl Refunds {
    fn today(&self) -> time::Date {
        self.clock.now().to_offset(CHINA).date()
    }

    /// Has something asked once for its request id.
    async fn ask(
        &self,
        call: &Call,
        Change { request_id, digest }: Change,
        firm: String,
        ask: RefundAsk,
    ) -> Answer<RefundAnswer> {
        let (slot, share) = (Slot::of(&firm), Share::of(&call.principal));
        let caller = call.principal.name.clone();
        let request = Box::new(RefundRequest { request_id, caller, digest, firm, ask });
        let command = |reply| RefundCommand::Ask(request, reply);
        Ok(self.requests.try_enqueue(slot, &share, command).await??)
    }

    /// Has something happen to a claim.
    async fn act(
        &self,
        call: &Call,
        change: Change,
        name: &str,
        acts: Vec<ClaimAct>,
    ) -> Answer<(Option<v1::RefundClaim>, bool)> {
        let name = claim_name(&call.principal, name)?;
        let firm = name.firm.clone();
        let answer = self.ask(call, change, firm, RefundAsk::Claim(name, acts)).await?;
        self.shown_claim(answer).await
    }

    async fn shown_claim(&self, answer: RefundAnswer) -> Answer<(Option<v1::RefundClaim>, bool)> {
        let shown = match answer.what {
            RefundState::Claim(row) => Some(self.show(&row).await?),
            RefundState::Nothing | RefundState::Invoice(_) => None,
        };
        Ok((shown, answer.repeated))
    }

    async fn firms(&self, names: BTreeSet<String>) -> Answer<BTreeMap<String, FirmTerms>> {
        let mut connection = self.reads.acquire().await.map_err(Fault::from)?;
        Ok(firm::load(&mut connection, &names).await?)
    }

    async fn show(&self, row: &ClaimRow) -> Answer<v1::RefundClaim> {
        let firms = self.firms([row.name.firm.clone()].into()).await?;
        Ok(self.shown(row, &firms)?)
    }

    fn shown(
        &self,
        row: &ClaimRow,
        firms: &BTreeMap<String, FirmTerms>,
    ) -> Result<v1::RefundClaim, Fault> {
        let terms = firms.get(&row.name.firm);
        let terms = terms.ok_or_else(|| Fault::Broken("a firm was not loaded".to_owned()))?;
        let today = self.today();
        Ok(claim(row, today, terms.on(today).class))
    }

    /// Lines with what they are entitled to today.
    async fn judged(&self, rows: Vec<ExportRow>) -> Answer<Vec<(ExportRow, Entitlement)>> {
        let firms = self.firms(rows.iter().map(|row| row.firm.clone()).collect()).await?;
        let mut connection = self.reads.acquire().await.map_err(Fault::from)?;
        let mut bought = invoice_rows::purchases(&mut connection, rows.iter()).await?;
        let (tables, today) = (self.writer.tables(), self.today());
        let judge = |row: ExportRow| {
            // One without purchases has none.
            let purchases = bought.remove(&row.name).unwrap_or_default();
            let (_, found) = row.judged(purchases, firms.get(&row.firm)?, tables, today);
            Some((row, found))
        };
        Ok(rows.into_iter().filter_map(judge).collect())
    }

    /// The lines of a declaration, or one of them, which the caller has to see.
    async fn lines_of(&self, call: &Call, id: DeclarationId, name: &str) -> Answer<Vec<ExportRow>> {
        let mut connection = self.reads.acquire().await.map_err(Fault::from)?;
        let mut rows = export_rows::of_declarations(&mut connection, &[id].into()).await?;
        rows.retain(|row| may_see(&call.principal, &row.firm));
        if rows.is_empty() {
            return Err(Refusal::of(Code::NotFound).with("name", name).into());
        }
        Ok(rows)
    }
}

/// Exports and invoices.
impl Refunds {
    pub(crate) async fn list_export_lines(
        &self,
        call: &Call,
        asked: v1::ListExportLinesRequest,
    ) -> Answer<v1::ListExportLinesResponse> {
        let standing = standing(asked.standing());
        let v1::ListExportLinesRequest { firm, standing: _, page_size, page_token } = asked;
        let owners = call.principal.owners();
        let filter = ("export lines", &owners, &firm, standing);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let (rows, next_page_token) =
            read::exports(&self.lists.get().await, &page, owners.as_deref(), (&firm, standing))
                .await?;
        let judged = self.judged(rows).await?;
        let lines = judged.iter().map(|(row, found)| export(row, found)).collect();
        Ok(v1::ListExportLinesResponse { lines, next_page_token })
    }

    pub(crate) async fn explain_export_line(
        &self,
        call: &Call,
        asked: v1::ExplainExportLineRequest,
    ) -> Answer<v1::ExplainExportLineResponse> {
        let name = export_name(&asked.name)?;
        let mut rows = self.lines_of(call, name.id, &asked.name).await?;
        rows.retain(|row| row.name == name);
        let found = self.judged(rows).await?.into_iter().next();
        let unknown = || Refusal::of(Code::NotFound).with("name", &asked.name);
        let (row, found) = found.ok_or_else(unknown)?;
        let (traces, traces_zh) = traces(&found);
        let firms = self.firms([row.firm.clone()].into()).await?;
        let on = row.departed.unwrap_or_else(|| self.today()); // it is still to leave
        let terms = firms.get(&row.firm).map(|firm| terms(firm, on));
        let line = Some(export(&row, &found));
        Ok(v1::ExplainExportLineResponse { line, traces, traces_zh, terms })
    }

    pub(crate) async fn get_export_history(
        &self,
        call: &Call,
        asked: v1::GetExportHistoryRequest,
    ) -> Answer<v1::GetExportHistoryResponse> {
        let malformed = || Refusal::of(Code::NameMalformed).with("name", &asked.declaration);
        let id = DeclarationId::parse(&asked.declaration).ok_or_else(malformed)?;
        let rows = self.lines_of(call, id, &asked.declaration).await?;
        // Lines of a declaration are of one firm.
        let slot = rows.first().map(ExportRow::slot);
        let slot = slot.ok_or_else(|| Fault::Broken("an export has no lines".to_owned()))?;
        let to_entry = |entry: &JournalEntry, lines: Option<&[u32]>| {
            let view = crate::wire::entry(entry, lines)?;
            Ok((!view.facts.is_empty()).then_some(view))
        };
        let history = read::history((&self.reads, &self.tail), slot, id, to_entry);
        let (entries, claim_lines) = history.await?;
        let judged = self.judged(rows).await?;
        let lines = judged.iter().map(|(row, found)| export(row, found)).collect();
        let shown = claim_lines.iter().map(|(claim, row)| v1::ExportClaimLine {
            claim: claim.name(),
            line: Some(claim_line(row, self.today())),
        });
        let claim_lines = shown.collect();
        Ok(v1::GetExportHistoryResponse { entries, claim_lines, lines })
    }

    pub(crate) async fn record_proof(
        &self,
        call: &Call,
        change: Change,
        asked: v1::RecordProofRequest,
    ) -> Answer<v1::RecordProofResponse> {
        let malformed = || Refusal::of(Code::NameMalformed).with("name", &asked.declaration);
        let id = DeclarationId::parse(&asked.declaration).ok_or_else(malformed)?;
        let firm = read::firm_of(&self.reads, id).await?;
        let unknown = || Refusal::of(Code::NotFound).with("name", &asked.declaration);
        let firm = firm.filter(|firm| may_see(&call.principal, firm)).ok_or_else(unknown)?;
        let departed = day(&asked.departed, "departed")?;
        if departed.is_some_and(|day| day > self.today()) {
            return Err(Refusal::of(Code::DateWrong).with("field", "departed").into());
        }
        let proof = ProofChange {
            id,
            departed,
            money: money(asked.money)?,
            payment_by: day(&asked.payment_by, "payment_by")?,
            entry_id: entry_id(asked.entry_id)?,
        };
        let answer = self.ask(call, change, firm, RefundAsk::Proof(proof)).await?;
        let rows = self.lines_of(call, id, &asked.declaration).await?;
        let judged = self.judged(rows).await?;
        let lines = judged.iter().map(|(row, found)| export(row, found)).collect();
        Ok(v1::RecordProofResponse { lines, repeated: answer.repeated })
    }

    pub(crate) async fn register_invoice(
        &self,
        call: &Call,
        change: Change,
        asked: v1::RegisterInvoiceRequest,
    ) -> Answer<v1::RegisterInvoiceResponse> {
        let wire =
            asked.invoice.ok_or_else(|| Refusal::of(Code::Required).with("field", "invoice"))?;
        let firm = own(&call.principal, wire.buyer.clone())?;
        let row = invoice(v1::RefundInvoice { buyer: firm.clone(), ..wire })?;
        let ask = RefundAsk::Invoice(row);
        let answer = if asked.validate_only {
            let Change { request_id, digest } = change;
            let caller = call.principal.name.clone();
            let request = Box::new(RefundRequest { request_id, caller, digest, firm, ask });
            let command = |reply| RefundCommand::Ask(request, reply);
            commit_queue::rehearse(&*self.writer, &self.work, command).await??
        } else {
            self.ask(call, change, firm, ask).await?
        };
        let invoice = match answer.what {
            RefundState::Invoice(row) => Some(shown_invoice(&row)),
            RefundState::Nothing | RefundState::Claim(_) => None,
        };
        Ok(v1::RegisterInvoiceResponse { invoice, repeated: answer.repeated })
    }

    pub(crate) async fn list_invoices(
        &self,
        call: &Call,
        asked: v1::ListInvoicesRequest,
    ) -> Answer<v1::ListInvoicesResponse> {
        let status = invoice_status(asked.status());
        let v1::ListInvoicesRequest { firm, status: _, page_size, page_token } = asked;
        let owners = call.principal.owners();
        let filter = ("invoices", &owners, &firm, status);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let (rows, next_page_token) =
            read::invoices(&self.lists.get().await, &page, owners.as_deref(), (&firm, status))
                .await?;
        let invoices = rows.iter().map(shown_invoice).collect();
        Ok(v1::ListInvoicesResponse { invoices, next_page_token })
    }

    pub(crate) async fn verify_invoices(
        &self,
        call: &Call,
        change: Change,
        asked: v1::VerifyInvoicesRequest,
    ) -> Answer<v1::VerifyInvoicesResponse> {
        let (firm, verified) = platform_answers(asked.answers)?;
        let answer = self.ask(call, change, firm, RefundAsk::Verify(verified)).await?;
        Ok(v1::VerifyInvoicesResponse { repeated: answer.repeated })
    }

    pub(crate) async fn set_refund_firm(
        &self,
        call: &Call,
        change: Change,
        asked: v1::SetRefundFirmRequest,
    ) -> Answer<v1::SetRefundFirmResponse> {
        let firm = own(&call.principal, asked.firm.clone())?;
        let ask = RefundAsk::Firm(firm_change(asked)?);
        let answer = self.ask(call, change, firm, ask).await?;
        Ok(v1::SetRefundFirmResponse { repeated: answer.repeated })
    }
}

/// Claims.
impl Refunds {
    pub(crate) async fn propose_claim(
        &self,
        call: &Call,
        change: Change,
        asked: v1::ProposeClaimRequest,
    ) -> Answer<v1::ProposeClaimResponse> {
        let firm = own(&call.principal, asked.firm)?;
        let wrong = || Refusal::of(Code::DateWrong).with("field", "month");
        let month = month(&asked.month).ok_or_else(wrong)?;
        let vat = vat(asked.output_vat_fen, asked.input_vat_fen)?;
        let ask = RefundAsk::Propose(Proposal { month, note: note(asked.note)?, vat });
        let answer = self.ask(call, change, firm, ask).await?;
        let (claim, repeated) = self.shown_claim(answer).await?;
        Ok(v1::ProposeClaimResponse { claim, repeated })
    }

    pub(crate) async fn submit_claim(
        &self,
        call: &Call,
        change: Change,
        asked: v1::SubmitClaimRequest,
    ) -> Answer<v1::SubmitClaimResponse> {
        let event = ClaimEvent::Submit { after: asked.after_round };
        let (claim, repeated) = self.act(call, change, &asked.name, plain(event)).await?;
        Ok(v1::SubmitClaimResponse { claim, repeated })
    }

    pub(crate) async fn withdraw_claim(
        &self,
        call: &Call,
        change: Change,
        asked: v1::WithdrawClaimRequest,
    ) -> Answer<v1::WithdrawClaimResponse> {
        let acts = plain(ClaimEvent::Withdraw);
        let (claim, repeated) = self.act(call, change, &asked.name, acts).await?;
        Ok(v1::WithdrawClaimResponse { claim, repeated })
    }

    pub(crate) async fn answer_claim_line(
        &self,
        call: &Call,
        change: Change,
        asked: v1::AnswerClaimLineRequest,
    ) -> Answer<v1::AnswerClaimLineResponse> {
        let event = LineEvent::Answered { number: asked.query_number };
        let event = ClaimEvent::Line { line: asked.line, event };
        let acts = vec![ClaimAct { event, code: String::new(), text: reason(asked.text)? }];
        let (claim, repeated) = self.act(call, change, &asked.name, acts).await?;
        Ok(v1::AnswerClaimLineResponse { claim, repeated })
    }

    pub(crate) async fn drop_claim_line(
        &self,
        call: &Call,
        change: Change,
        asked: v1::DropClaimLineRequest,
    ) -> Answer<v1::DropClaimLineResponse> {
        let event = ClaimEvent::Line { line: asked.line, event: LineEvent::Drop };
        let (claim, repeated) = self.act(call, change, &asked.name, plain(event)).await?;
        Ok(v1::DropClaimLineResponse { claim, repeated })
    }

    pub(crate) async fn report_sales(
        &self,
        call: &Call,
        change: Change,
        asked: v1::ReportSalesRequest,
    ) -> Answer<v1::ReportSalesResponse> {
        let firm = own(&call.principal, asked.firm)?;
        let ask = RefundAsk::Sales(sales(asked.sales)?);
        let answer = self.ask(call, change, firm, ask).await?;
        Ok(v1::ReportSalesResponse { repeated: answer.repeated })
    }

    pub(crate) async fn settle_advance(
        &self,
        call: &Call,
        change: Change,
        asked: v1::SettleAdvanceRequest,
    ) -> Answer<v1::SettleAdvanceResponse> {
        let name = claim_name(&call.principal, &asked.name)?;
        let firm = name.firm.clone();
        let ask = RefundAsk::Settle(name, asked.line);
        let answer = self.ask(call, change, firm, ask).await?;
        let (claim, repeated) = self.shown_claim(answer).await?;
        Ok(v1::SettleAdvanceResponse { claim, repeated })
    }

    pub(crate) async fn decide_claim(
        &self,
        call: &Call,
        change: Change,
        asked: v1::DecideClaimRequest,
    ) -> Answer<v1::DecideClaimResponse> {
        let mut acts = decisions(asked.decisions, self.today())?;
        for act in &mut acts {
            if let ClaimEvent::FormRefused { round } | ClaimEvent::Accepted { round } =
                &mut act.event
            {
                *round = asked.round;
            }
        }
        let (claim, repeated) = self.act(call, change, &asked.name, acts).await?;
        Ok(v1::DecideClaimResponse { claim, repeated })
    }

    pub(crate) async fn get_claim(
        &self,
        call: &Call,
        asked: v1::GetClaimRequest,
    ) -> Answer<v1::GetClaimResponse> {
        let name = claim_name(&call.principal, &asked.name)?;
        let row = self.claim_of(&name).await?;
        Ok(v1::GetClaimResponse { claim: Some(self.show(&row).await?) })
    }

    async fn claim_of(&self, name: &ClaimName) -> Answer<ClaimRow> {
        let mut connection = self.reads.acquire().await.map_err(Fault::from)?;
        let found = claim_rows::load(&mut connection, name).await?;
        Ok(found.ok_or_else(|| Refusal::of(Code::NotFound).with("name", name.name()))?)
    }

    pub(crate) async fn list_claims(
        &self,
        call: &Call,
        asked: v1::ListClaimsRequest,
    ) -> Answer<v1::ListClaimsResponse> {
        let state = claim_state(asked.state());
        let v1::ListClaimsRequest { firm, state: _, page_size, page_token } = asked;
        let owners = call.principal.owners();
        let filter = ("claims", &owners, &firm, state);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        let after = ClaimName::parse(page.after()?);
        let after = after.as_ref().map_or(("", 0, 0), |it| (it.firm.as_str(), it.month, it.batch));
        let pool = self.lists.get().await;
        let mut connection = pool.acquire().await.map_err(Fault::from)?;
        let only = (firm.as_str(), state);
        let found =
            claim_rows::list(&mut connection, owners.as_deref(), only, after, page.count()).await?;
        drop(connection);
        let (found, next_page_token) = page.cut(found, |row| row.name.name().into_bytes())?;
        let firms = self.firms(found.iter().map(|row| row.name.firm.clone()).collect()).await?;
        let claims = found.iter().map(|row| self.shown(row, &firms)).collect::<Result<_, _>>()?;
        Ok(v1::ListClaimsResponse { claims, next_page_token })
    }

    pub(crate) async fn list_claim_lines(
        &self,
        call: &Call,
        asked: v1::ListClaimLinesRequest,
    ) -> Answer<v1::ListClaimLinesResponse> {
        let state = line_state(asked.state());
        let v1::ListClaimLinesRequest {
            name,
            state: _,
            page_size,
            page_token,
            goods_back,
            invoice_invalid,
        } = asked;
        let name = claim_name(&call.principal, &name)?;
        self.claim_of(&name).await?;
        let filter = ("claim lines", name.name(), state, goods_back, invoice_invalid);
        let page = Page::of(&self.tokens, &call.principal.name, filter, (page_size, &page_token))?;
        // The first page begins before the first line.
        let after = page.after()?.parse().unwrap_or(0);
        let states = state.map(|state| [state]);
        let states = states.as_ref().map(<[i16; 1]>::as_slice);
        let pool = self.lists.get().await;
        let mut connection = pool.acquire().await.map_err(Fault::from)?;
        let found = claim_line_rows::list(
            &mut connection,
            &name,
            (states, LinesToGiveBack { goods_back, invoice_invalid }),
            after,
            page.count(),
        )
        .await?;
        let (found, next_page_token) = page.cut(found, |row| row.number.to_string())?;
        let lines = found.iter().map(|row| claim_line(row, self.today())).collect();
        Ok(v1::ListClaimLinesResponse { lines, next_page_token })
    }

    /// Follows what a caller may see.
    pub(crate) async fn watch_refunds(
        &self,
        call: &Call,
        asked: v1::WatchRefundsRequest,
    ) -> Answer<impl Stream<Item = Answer<v1::WatchRefundsResponse>> + Send + use<>> {
        let owners = call.principal.owners();
        let scope = owners.map_or(Scope::All, Scope::Declarants);
        let journal = Journal {
            reads: &self.reads,
            tail: &self.tail,
            tokens: &self.tokens,
            draining: &self.draining,
        };
        let token = &asked.resume_token;
        let watcher = Watcher { caller: &call.principal.name, token, only: None };
        let slots = scope.slots();
        let concerns = move |entry: &JournalEntry| scope.covers(&entry.owner);
        let news = journal.watch(watcher, slots, async |_| Ok(Vec::new()), concerns).await?;
        let tail = self.tail.clone();
        Ok(news.map(move |news| watch::answer(&tail, news?, watch_response, unreadable)))
    }
}

fn plain(event: ClaimEvent) -> Vec<ClaimAct> {
    vec![ClaimAct { event, code: String::new(), text: String::new() }]
}
