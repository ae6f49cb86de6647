//! The simulated tax office with its invoice platform: a client of the refund service like the system of any tax
//! office. By default every invoice is genuine, every claim is accepted, and every line approved and paid at once.
//!
//! It remembers nothing but when it first saw what it lets wait: what is next follows from what the window shows,
//! and what is said again has no second effect. Words in the note of an invoice or claim script it: `SBX-` and
//! words joined by hyphens, until the first that is none. Documented for integrators in `docs/refund.md`.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use client::Window;
use domain::rules::SCRIPT_PREFIX;
use futures::StreamExt as _;
use proto::v1::{self, ClaimLineState, ClaimState, claim_decision::What};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use crate::NAMESPACE;
use crate::orders::is_final;

/// Invoices and lines that are looked at together.
const PAGE: i32 = 1_000;
/// How often is looked without news.
const LOOK: Duration = Duration::from_secs(5);
/// The same while something is to be done later.
const LOOK_SOON: Duration = Duration::from_millis(200);
/// How long a letter, a suspension and a payment back take.
const LATER: Duration = Duration::from_millis(500);
/// How long a slow office takes when nothing is said.
const SLOW_SECONDS: u64 = 3;

/// What is to be done about one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineWish {
    Doubt,
    Suspend,
    Letter,
    /// A letter that nobody answers.
    Unanswered,
    Part,
    Refuse,
}

/// A script: what is done about the claim, and about some of its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct TaxScript {
    /// Says nothing at all.
    silent: bool,
    /// Refuses the form of the first round.
    form: bool,
    /// Before it accepts.
    delay: Duration,
    /// Decides on the last day that the class of the firm gives it, by the clock of the window.
    by_class: bool,
    lines: BTreeMap<u32, LineWish>,
    /// Recovers this line when it is paid.
    recover: Option<u32>,
}

impl TaxScript {
    /// Reads a note: `SBX-DOUBT2-PART3-SLOW`. A number is the line, 1 when there is none; of SLOW it is seconds.
    fn of(note: &str) -> Self {
        let mut script = Self::default();
        for word in words(note) {
            let digits = word.trim_start_matches(|c: char| c.is_ascii_uppercase());
            let (name, number) = (word.trim_end_matches(digits), digits.parse::<u32>().ok());
            let line = number.unwrap_or(1); // the first line
            let wish = match name {
                "SILENT" => {
                    script.silent = true;
                    continue;
                }
                "FORM" => {
                    script.form = true;
                    continue;
                }
                "CLASS" => {
                    script.by_class = true;
                    continue;
                }
                "SLOW" => {
                    let seconds = number.map_or(SLOW_SECONDS, u64::from);
                    script.delay = Duration::from_secs(seconds);
                    continue;
                }
                "RECOVER" => {
                    script.recover = Some(line);
                    continue;
                }
                "DOUBT" => LineWish::Doubt,
                "SUSPEND" => LineWish::Suspend,
                "LETTER" => LineWish::Letter,
                "NOREPLY" => LineWish::Unanswered,
                "PART" => LineWish::Part,
                "REFUSE" => LineWish::Refuse,
                _ => break,
            };
            script.lines.insert(line, wish);
        }
        script
    }
}

fn words(note: &str) -> impl Iterator<Item = &str> {
    note.strip_prefix(SCRIPT_PREFIX).into_iter().flat_map(|words| words.split('-'))
}

/// Runs the office until `shutdown`.
///
/// # Errors
///
/// A status against which connecting again does not help.
pub async fn run(window: Window, shutdown: CancellationToken) -> Result<(), Status> {
    let mut office = TaxOffice { window: window.clone(), seen: HashMap::new(), later: false };
    let mut news = std::pin::pin!(client::refunds(window, v1::WatchRefundsRequest::default()));
    loop {
        office.later = false;
        match office.look().await {
            Ok(()) => {}
            Err(status) if is_final(&status) => return Err(status),
            Err(status) => tracing::warn!(%status, "the tax office waits for the window"),
        }
        let pause = if office.later { LOOK_SOON } else { LOOK };
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep_until(until) => break,
                Some(update) = news.next() => if update?.facts.iter().any(concerns) { break },
            }
        }
    }
}

/// Whether something is to be done about it.
fn concerns(fact: &v1::RefundFact) -> bool {
    use v1::RefundStep::{
        ClaimSubmitted, GoodsBack, InvoiceInvalid, InvoiceRegistered, LineDropped, QueryAnswered,
    };
    matches!(
        fact.step(),
        InvoiceRegistered
            | ClaimSubmitted
            | QueryAnswered
            | LineDropped
            | GoodsBack
            | InvoiceInvalid
    )
}

struct TaxOffice {
    window: Window,
    /// When it first saw what it lets wait.
    seen: HashMap<String, Instant>,
    /// Something is to be done later.
    later: bool,
}

impl TaxOffice {
    /// Does what there is to do now.
    async fn look(&mut self) -> Result<(), Status> {
        self.verify().await?;
        for state in [ClaimState::Submitted, ClaimState::UnderReview] {
            let mut request = v1::ListClaimsRequest {
                state: state.into(),
                page_size: PAGE,
                ..Default::default()
            };
            loop {
                let list = || async { self.window.refund().list_claims(request.clone()).await };
                let page = client::repeat(list).await?.into_inner();
                for claim in page.claims.iter().filter(|claim| !claim.ended) {
                    self.review(claim).await?;
                }
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
        }
        Ok(())
    }

    /// Says of every invoice that waits what the platform has.
    async fn verify(&self) -> Result<(), Status> {
        loop {
            let request = v1::ListInvoicesRequest {
                status: v1::InvoiceStatus::Pending.into(),
                page_size: PAGE,
                ..Default::default()
            };
            let list = || async { self.window.refund().list_invoices(request.clone()).await };
            let pending = client::repeat(list).await?.into_inner().invoices;
            if pending.is_empty() {
                return Ok(());
            }
            let mut firms: BTreeMap<String, Vec<v1::InvoiceAnswer>> = BTreeMap::new();
            for invoice in pending {
                firms.entry(invoice.buyer.clone()).or_default().push(answer(invoice));
            }
            for answers in firms.into_values() {
                let request_id = Uuid::now_v7().to_string();
                let request = v1::VerifyInvoicesRequest { request_id, answers };
                let verify =
                    || async { self.window.refund().verify_invoices(request.clone()).await };
                client::repeat(verify).await?;
            }
        }
    }

    /// Carries a claim as far as it goes now.
    async fn review(&mut self, claim: &v1::RefundClaim) -> Result<(), Status> {
        let script = TaxScript::of(&claim.note);
        if script.silent {
            return Ok(());
        }
        if claim.state() == ClaimState::Submitted {
            if !self.has_waited(&format!("{}/{}", claim.name, claim.round), script.delay) {
                return Ok(());
            }
            let what = if script.form && claim.round == 1 {
                What::FormRefused(ground("F01", "申报表缺少签章"))
            } else {
                What::Accepted(claim.round)
            };
            return self.decide(claim, vec![v1::ClaimDecision { line: 0, what: Some(what) }]).await;
        }
        if script.by_class && claim.answer_days_left > 0 {
            self.later = true;
            return Ok(());
        }
        loop {
            let open = self.lines(claim, ClaimLineState::Open).await?;
            if open.is_empty() {
                break;
            }
            let decide = |line: &v1::RefundClaimLine| first_look(&script, line);
            self.decide(claim, open.iter().map(decide).collect()).await?;
        }
        let mut decisions = Vec::new();
        for line in self.lines(claim, ClaimLineState::Queried).await? {
            let what = self.next_look(claim, &script, &line);
            decisions
                .extend(what.map(|what| v1::ClaimDecision { line: line.line, what: Some(what) }));
        }
        if !decisions.is_empty() {
            self.later = true;
            self.decide(claim, decisions).await?;
        }
        loop {
            let approved = self.lines(claim, ClaimLineState::Approved).await?;
            let Some(first) = approved.first() else { break };
            // The same page is paid under the same number, so that it is paid once.
            let payment = number(&format!("{}/paid/{}", claim.name, first.line));
            let pay = |line: &v1::RefundClaimLine| v1::ClaimDecision {
                line: line.line,
                what: Some(What::Paid(v1::PaidLine { payment, amount_fen: line.approved_fen })),
            };
            self.decide(claim, approved.iter().map(pay).collect()).await?;
        }
        self.take_back(claim, v1::RecoveryReason::Returned).await?;
        self.take_back(claim, v1::RecoveryReason::Invoice).await?;
        self.settle(claim).await?;
        self.recover(claim, &script).await
    }

    /// What is said of a line that was asked about; `None` while there is nothing to say.
    fn next_look(
        &mut self,
        claim: &v1::RefundClaim,
        script: &TaxScript,
        line: &v1::RefundClaimLine,
    ) -> Option<What> {
        if line.invoice_invalid {
            return Some(invalid_invoice());
        }
        if line.answered {
            return Some(What::Lifted(line.query_number));
        }
        if script.lines.get(&line.line) == Some(&LineWish::Unanswered) {
            // What the firm has beside it may still clear it up.
            let text = "函调逾期未复函，暂缓办理";
            let number = line.query_number + 1;
            return line
                .query_overdue
                .then(|| ask(number, v1::ClaimQuery::Suspension, "H02", text));
        }
        let waits_for_the_firm = line.query() == v1::ClaimQuery::Doubt;
        let name = format!("{}/{}/{}", claim.name, line.line, line.query_number);
        let is_cleared = !waits_for_the_firm && self.has_waited(&name, LATER);
        is_cleared.then_some(What::Lifted(line.query_number))
    }

    /// Recovers what was paid for goods that came back, or by an invoice that is not good any more.
    async fn take_back(
        &mut self,
        claim: &v1::RefundClaim,
        reason: v1::RecoveryReason,
    ) -> Result<(), Status> {
        let (count, word) = match reason {
            v1::RecoveryReason::Returned => (claim.goods_back, "returned"),
            v1::RecoveryReason::Invoice => (claim.invoice_invalid, "invoice"),
            v1::RecoveryReason::Unspecified
            | v1::RecoveryReason::NoMoney
            | v1::RecoveryReason::Unsettled => return Ok(()),
        };
        if count == 0 {
            return Ok(());
        }
        let mut request = lines_request(claim, ClaimLineState::Unspecified);
        request.goods_back = reason == v1::RecoveryReason::Returned;
        request.invoice_invalid = reason == v1::RecoveryReason::Invoice;
        let mut decisions = Vec::new();
        for line in self.list(request).await? {
            let name = format!("{}/{word}/{}", claim.name, line.line);
            let negative = number(&name);
            let what = match line.state() {
                ClaimLineState::Paid | ClaimLineState::Settled => {
                    self.later = true;
                    let reason_code = reason.into();
                    What::Recovered(v1::RecoveredLine { reason_code, negative })
                }
                ClaimLineState::Recovering if self.has_waited(&name, LATER) => {
                    What::Repaid(line.negative)
                }
                _ => continue,
            };
            decisions.push(v1::ClaimDecision { line: line.line, what: Some(what) });
        }
        if decisions.is_empty() { Ok(()) } else { self.decide(claim, decisions).await }
    }

    /// Recovers advance refunds that nobody settled in time, and books what is paid back of those that were.
    async fn settle(&mut self, claim: &v1::RefundClaim) -> Result<(), Status> {
        let mut decisions = Vec::new();
        for line in self.lines(claim, ClaimLineState::Paid).await? {
            if line.overdue {
                let negative = number(&format!("{}/unsettled/{}", claim.name, line.line));
                let reason_code = v1::RecoveryReason::Unsettled.into();
                let recover = What::Recovered(v1::RecoveredLine { reason_code, negative });
                decisions.push(v1::ClaimDecision { line: line.line, what: Some(recover) });
            }
        }
        for line in self.lines(claim, ClaimLineState::Recovering).await? {
            let name = format!("{}/negative/{}", claim.name, line.negative);
            let is_taken_back = line.goods_back || line.invoice_invalid;
            if line.advance && !is_taken_back && self.has_waited(&name, LATER) {
                let what = Some(What::Repaid(line.negative));
                decisions.push(v1::ClaimDecision { line: line.line, what });
            }
        }
        if decisions.is_empty() { Ok(()) } else { self.decide(claim, decisions).await }
    }

    async fn recover(&mut self, claim: &v1::RefundClaim, script: &TaxScript) -> Result<(), Status> {
        let Some(recovered) = script.recover else { return Ok(()) };
        let negative = number(&format!("{}/recovered/{recovered}", claim.name));
        let decision = |what| vec![v1::ClaimDecision { line: recovered, what: Some(what) }];
        let paid = self.lines(claim, ClaimLineState::Paid).await?;
        if paid.iter().any(|line| line.line == recovered) {
            self.later = true;
            let reason_code = v1::RecoveryReason::NoMoney.into();
            let recover = What::Recovered(v1::RecoveredLine { reason_code, negative });
            return self.decide(claim, decision(recover)).await;
        }
        if self.lines(claim, ClaimLineState::Recovering).await?.is_empty() {
            return Ok(());
        }
        if self.has_waited(&format!("{}/back/{recovered}", claim.name), LATER) {
            self.decide(claim, decision(What::Repaid(negative))).await?;
        }
        Ok(())
    }

    /// The first lines at a state.
    async fn lines(
        &self,
        claim: &v1::RefundClaim,
        state: ClaimLineState,
    ) -> Result<Vec<v1::RefundClaimLine>, Status> {
        self.list(lines_request(claim, state)).await
    }

    async fn list(
        &self,
        request: v1::ListClaimLinesRequest,
    ) -> Result<Vec<v1::RefundClaimLine>, Status> {
        let list = || async { self.window.refund().list_claim_lines(request.clone()).await };
        Ok(client::repeat(list).await?.into_inner().lines)
    }

    /// Says it. What the firm was faster with is decided anew the next time.
    async fn decide(
        &self,
        claim: &v1::RefundClaim,
        decisions: Vec<v1::ClaimDecision>,
    ) -> Result<(), Status> {
        let request = v1::DecideClaimRequest {
            request_id: Uuid::now_v7().to_string(),
            name: claim.name.clone(),
            round: claim.round,
            decisions,
        };
        let decide = || async { self.window.refund().decide_claim(request.clone()).await };
        client::repeat(decide).await.map(drop)
    }

    /// Whether so much time went by since it was first seen.
    fn has_waited(&mut self, what: &str, time: Duration) -> bool {
        let seen = self.seen.entry(what.to_owned()).or_insert_with(Instant::now);
        let waited = seen.elapsed() >= time;
        if waited {
            self.seen.remove(what);
        } else {
            self.later = true;
        }
        waited
    }
}

/// What the platform has of an invoice.
fn answer(invoice: v1::RefundInvoice) -> v1::InvoiceAnswer {
    let mut words = words(&invoice.note);
    let (status, more) = match words.next() {
        Some("UNKNOWN") => (v1::InvoiceStatus::Unknown, 0),
        Some("VOID") => (v1::InvoiceStatus::Void, 0),
        Some("RED") => (v1::InvoiceStatus::RedLettered, 0),
        Some("DIFFERS") => (v1::InvoiceStatus::Genuine, 1),
        Some(_) | None => (v1::InvoiceStatus::Genuine, 0),
    };
    v1::InvoiceAnswer {
        firm: invoice.buyer.clone(),
        code: invoice.code,
        number: invoice.number,
        status: status.into(),
        seller: invoice.seller,
        buyer: invoice.buyer,
        issued: invoice.issued,
        net_fen: invoice.net_fen + more,
        tax_fen: invoice.tax_fen,
    }
}

/// The first lines of a claim at a state.
fn lines_request(claim: &v1::RefundClaim, state: ClaimLineState) -> v1::ListClaimLinesRequest {
    v1::ListClaimLinesRequest {
        name: claim.name.clone(),
        state: state.into(),
        page_size: PAGE,
        ..Default::default()
    }
}

/// Asks about a line, by the number of the query.
fn ask(number: u32, query: v1::ClaimQuery, code: &str, text: &str) -> What {
    let (code, text) = (code.to_owned(), text.to_owned());
    What::Raised(v1::RaisedQuery { number, query: query.into(), code, text })
}

/// The firm may claim it anew with another invoice.
fn invalid_invoice() -> What {
    What::Refused(v1::RefusedLine {
        ground: Some(ground("P01", "发票已作废或红冲")),
        then: v1::RefusedConsequence::Correct.into(),
    })
}

/// What is said of a line that nothing is decided about.
fn first_look(script: &TaxScript, line: &v1::RefundClaimLine) -> v1::ClaimDecision {
    if line.invoice_invalid {
        return v1::ClaimDecision { line: line.line, what: Some(invalid_invoice()) };
    }
    let wish = script.lines.get(&line.line).filter(|_| line.query_number == 0);
    let what = match wish {
        Some(LineWish::Doubt) => ask(1, v1::ClaimQuery::Doubt, "Y02", "报关单数量与发票数量不一致"),
        Some(LineWish::Suspend) => ask(1, v1::ClaimQuery::Suspension, "Z01", "暂缓办理，待核实"),
        Some(LineWish::Letter | LineWish::Unanswered) => {
            ask(1, v1::ClaimQuery::Letter, "H01", "已向供货企业主管税务机关发函")
        }
        Some(LineWish::Part) => What::ApprovedFen(line.amount_fen - line.amount_fen / 2),
        Some(LineWish::Refuse) => What::Refused(v1::RefusedLine {
            ground: Some(ground("B17", "供货企业纳税信用异常")),
            then: v1::RefusedConsequence::Correct.into(),
        }),
        // The firm may claim the rest of it anew.
        None if line.goods_back => What::Refused(v1::RefusedLine {
            ground: Some(ground("T01", "货物已退运")),
            then: v1::RefusedConsequence::Correct.into(),
        }),
        None => What::ApprovedFen(line.amount_fen),
    };
    v1::ClaimDecision { line: line.line, what: Some(what) }
}

fn ground(code: &str, text: &str) -> v1::RefundGround {
    v1::RefundGround {
        law: "国家税务总局公告2026年第5号".to_owned(),
        code: code.to_owned(),
        text: text.to_owned(),
    }
}

/// A number that is the same whenever it is made of the same.
fn number(of: &str) -> u64 {
    let id = Uuid::new_v5(&NAMESPACE, of.as_bytes());
    // It has to fit into a signed column, and is not nothing.
    (id.as_u64_pair().0 >> 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_is_done_about_which_line() {
        let script = TaxScript::of("SBX-DOUBT2-PART3-REFUSE-RECOVER4-SLOW7-FORM");
        let lines = [(1, LineWish::Refuse), (2, LineWish::Doubt), (3, LineWish::Part)];
        assert_eq!(script.lines, BTreeMap::from(lines));
        assert_eq!((script.form, script.recover), (true, Some(4)));
        assert_eq!(script.delay, Duration::from_secs(7));
        for (note, count) in
            [("DOUBT", 0), ("SBX-", 0), ("SBX-LETTER-X-SUSPEND2", 1), ("SBX-NOREPLY", 1), ("", 0)]
        {
            assert_eq!(TaxScript::of(note).lines.len(), count, "{note}");
        }
    }

    #[test]
    fn a_line_is_asked_about_once_and_approved_afterwards() {
        let script = TaxScript::of("SBX-DOUBT-PART2");
        let line = |line, query_number| v1::RefundClaimLine {
            line,
            query_number,
            amount_fen: 101,
            ..Default::default()
        };
        let look = |line| first_look(&script, &line).what.expect("something");
        assert!(matches!(look(line(1, 0)), What::Raised(_)));
        assert_eq!(look(line(1, 1)), What::ApprovedFen(101));
        assert_eq!(look(line(2, 0)), What::ApprovedFen(51));
        assert_eq!(look(line(3, 0)), What::ApprovedFen(101));
    }

    #[test]
    fn a_number_fits_and_is_the_same_again() {
        assert_eq!(number("a"), number("a"));
        assert_ne!(number("a"), number("b"));
        assert!(i64::try_from(number("a")).is_ok());
    }
}
