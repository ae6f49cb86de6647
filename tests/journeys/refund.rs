//! The export tax refund: from a released export to the money and back, by public interfaces only.

use futures::StreamExt as _;
use proto::v1::{self, ClaimLineState, RefundStep};
use sqlx::Executor as _;
use uuid::Uuid;

use super::clock::{days, moves};
use crate::harness::people::{Enterprise, FIRM_A, code, export, filing, finds_no_difference};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// What is exported here: two shirts for 91.00 yuan, refunded at 13 %.
pub(super) const SHIRTS: &str = "6109100021";

/// A firm's accountant.
pub(super) struct RefundDesk {
    pub(super) firm: Enterprise,
    window: client::Window,
}

pub(super) fn id() -> String {
    Uuid::now_v7().to_string()
}

pub(super) fn shirts(order_no: &str) -> v1::Declaration {
    let mut shirts = export(order_no);
    shirts.statistics_flag = "B".to_owned();
    shirts.logistics_no = format!("L{order_no}");
    SHIRTS.clone_into(&mut shirts.lines[0].gcode);
    shirts
}

/// A genuine invoice for so many shirts, 30.00 yuan each without tax.
pub(super) fn invoice(number: u32, pieces: i64, note: &str) -> v1::RefundInvoice {
    v1::RefundInvoice {
        number: format!("{number:020}"),
        seller: "91370200MA3C000001".to_owned(),
        issued: "2026-11-20".to_owned(),
        note: note.to_owned(),
        lines: vec![v1::RefundInvoiceLine {
            gcode: SHIRTS.to_owned(),
            unit: "007".to_owned(),
            qty_e5: pieces * 100_000,
            net_fen: pieces * 3_000,
            levy_bp: 1_300,
            tax_fen: pieces * 390,
            used_e5: 0,
        }],
        ..Default::default()
    }
}

impl RefundDesk {
    pub(super) async fn of(sandbox: &Sandbox, caller: &str) -> Self {
        let window = sandbox.connect(caller).await;
        Self { firm: Enterprise(window.clone()), window }
    }

    pub(super) fn calls(
        &self,
    ) -> proto::v1::refund_service_client::RefundServiceClient<client::Line> {
        self.window.refund()
    }

    /// Exports shirts; they are released, have left, and the money is in.
    pub(super) async fn exports(&self, order_no: &str) -> String {
        let name = self.firm.tries(filing(shirts(order_no))).await.expect("it is valid").name;
        self.firm.sees(&name, v1::State::Released).await;
        self.proves(&name).await;
        name
    }

    pub(super) async fn proves(&self, name: &str) {
        self.leaves(name, "2026-11-25").await;
    }

    /// Shirts for a warehouse overseas, which left and were bought: 4.55 yuan each.
    pub(super) async fn stocks(&self, order_no: &str, pieces: i64) -> String {
        let mut stock = shirts(order_no);
        stock.trade_mode = "9810".to_owned();
        let line = &mut stock.lines[0];
        if let Some(qty) = &mut line.qty {
            qty.value_e5 = pieces * 100_000;
        }
        if let Some(total) = &mut line.total_price {
            total.amount_e5 = pieces * 455_000;
        }
        if let Some(price) = &mut line.price {
            price.amount_e5 = 455_000;
        }
        let name = self.firm.tries(filing(stock)).await.expect("it is valid").name;
        self.firm.sees(&name, v1::State::Released).await;
        eventually("the export is known", PATIENCE, async || {
            self.line(&name).await.ok_or("it is not")
        })
        .await;
        let proof = v1::RecordProofRequest {
            request_id: id(),
            declaration: name.clone(),
            departed: "2026-11-25".to_owned(),
            entry_id: "422920260000000001".to_owned(),
            ..Default::default()
        };
        self.calls().record_proof(proof).await.expect("it is its own");
        let number = u32::try_from(pieces).expect("few");
        self.registers(invoice(number, pieces, "")).await;
        name
    }

    /// Exports shirts, whose tax is claimed and paid.
    pub(super) async fn is_refunded(&self, order_no: &str) -> String {
        let name = self.exports(order_no).await;
        self.registers(invoice(1, 3, "")).await;
        self.stands(&name, v1::RefundStanding::Claimable).await;
        let claim = self.proposes("").await;
        self.submits(&claim).await;
        self.waits(&claim.name, |it| it.ended && it.paid_fen > 0).await;
        name
    }

    pub(super) async fn leaves(&self, name: &str, day: &str) {
        eventually("the export is known", PATIENCE, async || {
            self.line(name).await.ok_or("it is not")
        })
        .await;
        let proof = v1::RecordProofRequest {
            request_id: id(),
            declaration: name.to_owned(),
            departed: day.to_owned(),
            entry_id: "422920260000000001".to_owned(),
            money: v1::RefundMoney::Settled.into(),
            payment_by: String::new(),
        };
        self.calls().record_proof(proof).await.expect("it is its own");
    }

    pub(super) async fn line(&self, name: &str) -> Option<v1::ExplainExportLineResponse> {
        let request = v1::ExplainExportLineRequest { name: name.to_owned() };
        let found = self.calls().explain_export_line(request).await.ok()?.into_inner();
        found.line.as_ref()?.released_time.as_ref()?;
        Some(found)
    }

    /// Waits until a line stands there.
    pub(super) async fn stands(
        &self,
        name: &str,
        standing: v1::RefundStanding,
    ) -> v1::ExplainExportLineResponse {
        eventually("the line stands there", PATIENCE, async || {
            let found = self.line(name).await.ok_or_else(|| "it is not known".to_owned())?;
            let line = found.line.as_ref().expect("a line");
            let is = line.entitlement.as_ref().expect("judged").standing();
            if is == standing { Ok(found) } else { Err(format!("{line:?}")) }
        })
        .await
    }

    pub(super) async fn registers(
        &self,
        invoice: v1::RefundInvoice,
    ) -> v1::RegisterInvoiceResponse {
        let request = v1::RegisterInvoiceRequest {
            request_id: id(),
            invoice: Some(invoice),
            validate_only: false,
        };
        self.calls().register_invoice(request).await.expect("it is right").into_inner()
    }

    pub(super) async fn invoices(&self) -> Vec<v1::RefundInvoice> {
        let request = v1::ListInvoicesRequest { page_size: 1_000, ..Default::default() };
        self.calls().list_invoices(request).await.expect("it answers").into_inner().invoices
    }

    pub(super) async fn proposes(&self, note: &str) -> v1::RefundClaim {
        let request = v1::ProposeClaimRequest {
            request_id: id(),
            firm: String::new(),
            month: "2026-11".to_owned(),
            note: note.to_owned(),
            ..Default::default()
        };
        let claim = self.calls().propose_claim(request).await.expect("it is allowed").into_inner();
        let name = claim.claim.expect("a claim").name;
        self.waits(&name, |claim| claim.complete).await
    }

    pub(super) async fn submits(&self, claim: &v1::RefundClaim) {
        let request = v1::SubmitClaimRequest {
            request_id: id(),
            name: claim.name.clone(),
            after_round: claim.round,
        };
        self.calls().submit_claim(request).await.expect("it is complete");
    }

    pub(super) async fn claim(&self, name: &str) -> v1::RefundClaim {
        let request = v1::GetClaimRequest { name: name.to_owned() };
        let found = self.calls().get_claim(request).await.expect("it is its own").into_inner();
        found.claim.expect("a claim")
    }

    pub(super) async fn waits(
        &self,
        name: &str,
        is: impl Fn(&v1::RefundClaim) -> bool,
    ) -> v1::RefundClaim {
        eventually("the claim looks so", PATIENCE, async || {
            let claim = self.claim(name).await;
            if is(&claim) { Ok(claim) } else { Err(format!("{claim:?}")) }
        })
        .await
    }

    pub(super) async fn lines(&self, name: &str) -> Vec<v1::RefundClaimLine> {
        let mut request =
            v1::ListClaimLinesRequest { name: name.to_owned(), page_size: 2, ..Default::default() };
        let mut lines = Vec::new();
        loop {
            let page = self.calls().list_claim_lines(request.clone()).await.expect("it answers");
            let page = page.into_inner();
            lines.extend(page.lines);
            if page.next_page_token.is_empty() {
                return lines;
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Everything that happened to this firm.
    async fn steps_until(
        &self,
        until: impl Fn(&v1::WatchRefundsResponse) -> bool,
    ) -> Vec<RefundStep> {
        let request = v1::WatchRefundsRequest { resume_token: "beginning".to_owned() };
        let mut news = std::pin::pin!(client::refunds(self.window.clone(), request));
        let mut steps = Vec::new();
        let all = async {
            while let Some(told) = news.next().await {
                let told = told.expect("watching goes on");
                steps.extend(told.facts.iter().map(v1::RefundFact::step));
                if until(&told) {
                    return;
                }
            }
        };
        let done = tokio::time::timeout(PATIENCE, all).await;
        assert!(done.is_ok(), "it was never told; told {steps:?}");
        steps
    }
}

pub(super) fn missing(found: &v1::ExplainExportLineResponse) -> Vec<&str> {
    let line = found.line.as_ref().and_then(|line| line.entitlement.as_ref());
    line.into_iter().flat_map(|it| &it.missing).map(|it| it.who.as_str()).collect()
}

pub(super) fn states(lines: &[v1::RefundClaimLine]) -> Vec<ClaimLineState> {
    lines.iter().map(v1::RefundClaimLine::state).collect()
}

#[tokio::test]
async fn an_export_is_claimed_and_paid_and_says_what_is_missing_until_then() {
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let name = desk.firm.tries(filing(shirts("SBX-NOPAY-REF-1"))).await.expect("it is valid").name;
    desk.firm.sees(&name, v1::State::Released).await;
    let found = desk.stands(&name, v1::RefundStanding::Waiting).await;
    assert_eq!(missing(&found), ["logistics", "firm", "bank", "supplier"]);

    desk.proves(&name).await;
    let found = desk.stands(&name, v1::RefundStanding::Waiting).await;
    assert_eq!(missing(&found), ["supplier"], "{found:#?}");
    let due = found.line.expect("a line").entitlement.expect("judged").due.expect("a day");
    assert_eq!((due.title.as_str(), due.last.as_str()), ("claim", "2027-04-30"));

    // A claim of nothing is complete, and cannot be handed in.
    let empty = desk.proposes("").await;
    assert_eq!((empty.lines, empty.amount_fen), (0, 0));
    let asked = v1::SubmitClaimRequest { request_id: id(), name: empty.name, after_round: 0 };
    let refused = desk.calls().submit_claim(asked).await.expect_err("nothing is in it");
    assert_eq!(code(&refused).0, "SW-1803");

    // Three shirts were bought; two belong to this export.
    let kept = desk.registers(invoice(1, 3, "")).await;
    assert!(!kept.repeated);
    let found = desk.stands(&name, v1::RefundStanding::Claimable).await;
    assert_eq!(found.traces.len(), 1);
    assert!(found.traces[0].contains("refund = 60.00 × 13 % = 7.80 CNY"), "{}", found.traces[0]);
    assert_eq!(desk.invoices().await[0].lines[0].used_e5, 200_000);
    // The same again is the same; another one under its number is refused.
    desk.registers(invoice(1, 3, "")).await;
    let other = v1::RegisterInvoiceRequest {
        request_id: id(),
        invoice: Some(invoice(1, 4, "")),
        validate_only: false,
    };
    let refused = desk.calls().register_invoice(other).await.expect_err("another one");
    assert_eq!(code(&refused).0, "SW-1802");

    let claim = desk.proposes("").await;
    assert_eq!((claim.lines, claim.amount_fen), (1, 780));
    assert_eq!(claim.name, format!("refunds/{FIRM_A}-202611-2"));
    desk.stands(&name, v1::RefundStanding::Done).await;
    desk.submits(&claim).await;
    let claim = desk.waits(&claim.name, |claim| claim.ended).await;
    assert_eq!((claim.paid_fen, claim.approved_fen, claim.repaid_fen), (780, 0, 0));
    let lines = desk.lines(&claim.name).await;
    assert_eq!(states(&lines), [ClaimLineState::Paid]);
    assert_eq!((lines[0].paid_fen, lines[0].net_fen), (780, 6_000));

    let steps = desk
        .steps_until(|told| told.facts.iter().any(|it| it.step() == RefundStep::LinePaid))
        .await;
    let expected = [
        RefundStep::ExportReleased,
        RefundStep::ProofRecorded,
        RefundStep::ClaimProposed,
        RefundStep::InvoiceRegistered,
        RefundStep::InvoiceVerified,
        RefundStep::ClaimProposed,
        RefundStep::ClaimSubmitted,
        RefundStep::ClaimAccepted,
        RefundStep::LineApproved,
        RefundStep::LinePaid,
    ];
    assert_eq!(steps, expected);

    // Nobody else is told.
    let stranger = RefundDesk::of(&sandbox, "enterprise-b").await;
    assert!(stranger.line(&name).await.is_none());
    assert!(stranger.invoices().await.is_empty());
    let asked = v1::GetClaimRequest { name: claim.name.clone() };
    let refused = stranger.calls().get_claim(asked).await.expect_err("another firm");
    assert_eq!(code(&refused).0, "SW-1201");
}

#[tokio::test]
async fn a_doubt_about_one_line_holds_up_no_other_and_a_refund_is_recovered() {
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let mut names = Vec::new();
    for number in 1..=5 {
        names.push(desk.exports(&format!("QD-DOUBT-{number}")).await);
    }
    desk.registers(invoice(1, 10, "")).await;
    for name in &names {
        desk.stands(name, v1::RefundStanding::Claimable).await;
    }
    let claim = desk.proposes("SBX-FORM-DOUBT2-PART3-REFUSE4-RECOVER5").await;
    assert_eq!((claim.lines, claim.amount_fen), (5, 5 * 780));
    desk.submits(&claim).await;
    let refused = desk.waits(&claim.name, |it| it.state() == v1::ClaimState::FormRefused).await;
    assert!(refused.reason.contains("签章"), "{}", refused.reason);
    desk.submits(&refused).await;

    // The others go on, and the fifth is paid and recovered.
    let claim = desk.waits(&claim.name, |it| it.repaid_fen == 780 && it.queried == 1).await;
    assert_eq!((claim.paid_fen, claim.undecided, claim.ended), (780 + 390 + 780, 1, false));
    let lines = desk.lines(&claim.name).await;
    let expected = [
        ClaimLineState::Paid,
        ClaimLineState::Queried,
        ClaimLineState::Paid,
        ClaimLineState::Refused,
        ClaimLineState::Recovered,
    ];
    assert_eq!(states(&lines), expected);
    assert_eq!((lines[1].code.as_str(), lines[1].answered), ("Y02", false));
    assert!(!lines[3].law.is_empty());

    let answer = v1::AnswerClaimLineRequest {
        request_id: id(),
        name: claim.name.clone(),
        line: 2,
        query_number: 2,
        text: "两件，见装箱单".to_owned(),
    };
    let wrong = desk.calls().answer_claim_line(answer.clone()).await.expect_err("no such query");
    assert_eq!(code(&wrong).0, "SW-1804");
    let answer = v1::AnswerClaimLineRequest { query_number: 1, ..answer };
    desk.calls().answer_claim_line(answer).await.expect("it is asked");
    let claim = desk.waits(&claim.name, |claim| claim.ended).await;
    assert_eq!((claim.paid_fen, claim.queried), (780 + 390 + 780 + 780, 0));

    // It is in the firm's ledger, what was recovered too.
    let operator = sandbox.connect("admin").await;
    eventually("the ledger has it", PATIENCE, async || {
        let found = refunded(&operator).await;
        if found == claim.paid_fen - claim.repaid_fen { Ok(()) } else { Err(found) }
    })
    .await;
    finds_no_difference(&operator).await;

    // What was refused and what was given back may be claimed again; what is paid may not.
    let again = desk.proposes("").await;
    assert_eq!((again.lines, again.amount_fen), (2, 2 * 780));
    let withdraw = v1::WithdrawClaimRequest { request_id: id(), name: again.name.clone() };
    desk.calls().withdraw_claim(withdraw).await.expect("it is a draft");
    desk.waits(&again.name, |claim| claim.undecided == 0).await;
    let third = desk.proposes("").await;
    assert_eq!((third.lines, third.amount_fen), (2, 2 * 780));
}

/// What the tax office paid and did not get back, by the ledger.
pub(super) async fn refunded(operator: &client::Window) -> i64 {
    let request = v1::GetBalanceRequest {
        owner: "TAX-OFFICE".to_owned(),
        currency: "CNY".to_owned(),
        purpose: v1::Purpose::Revenue.into(),
        ..Default::default()
    };
    -operator.payment().get_balance(request).await.expect("it answers").into_inner().balance
}

/// A refund is an entry of the ledger, whenever the window is killed, and once, though everything is heard again.
#[tokio::test]
async fn a_refund_is_booked_once_whatever_is_killed_and_repeated() {
    let mut sandbox = Sandbox::process(&[]).await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let name = desk.exports("QD-BOOK-1").await;
    desk.registers(invoice(1, 2, "")).await;
    desk.stands(&name, v1::RefundStanding::Claimable).await;
    let claim = desk.proposes("").await;
    desk.submits(&claim).await;
    desk.waits(&claim.name, |claim| claim.paid_fen == 780).await;
    sandbox.kill();
    sandbox.spawn();
    sandbox.ready().await;
    let booked = async |sandbox: &Sandbox| {
        let operator = sandbox.connect("admin").await;
        eventually("it is booked", PATIENCE, async || {
            let found = refunded(&operator).await;
            if found == 780 { Ok(()) } else { Err(found) }
        })
        .await;
    };
    booked(&sandbox).await;
    // As if nothing had been heard yet.
    sandbox.kill();
    let mut database = sandbox.database().await;
    let forgotten = sqlx::query("delete from payment.refund_watch").execute(&mut database).await;
    assert_eq!(forgotten.expect("a table").rows_affected(), 1);
    drop(database);
    sandbox.spawn();
    sandbox.ready().await;
    let mut database = sandbox.database().await;
    eventually("everything is heard again, and done", PATIENCE, async || {
        let query = "select (select count(*) from payment.refund_watch) * 2
                          - (select count(*) from payment.queue_item where queue = 'tax-refunds')";
        let found: Result<i64, _> = sqlx::query_scalar(query).fetch_one(&mut database).await;
        if found.as_ref().is_ok_and(|it| *it == 2) { Ok(()) } else { Err(found) }
    })
    .await;
    booked(&sandbox).await;
    let entries = "select count(*) from payment.entry where event = 'tax_refund.paid'";
    let entries: i64 = sqlx::query_scalar(entries).fetch_one(&mut database).await.expect("a count");
    assert_eq!(entries, 1);
    finds_no_difference(&sandbox.connect("admin").await).await;
}

#[tokio::test]
async fn an_invoice_counts_when_it_is_genuine_and_no_longer_than_that() {
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let office = sandbox.connect("tax-office").await;
    let name = desk.exports("QD-INV-1").await;
    for (number, note) in [(1, "SBX-UNKNOWN"), (2, "SBX-DIFFERS"), (3, "SBX-VOID"), (4, "SBX-RED")]
    {
        desk.registers(invoice(number, 2, note)).await;
    }
    let settled = eventually("the platform is heard", PATIENCE, async || {
        let all = desk.invoices().await;
        let pending = all.iter().any(|it| it.status() == v1::InvoiceStatus::Pending);
        if pending { Err(format!("{all:?}")) } else { Ok(all) }
    });
    let statuses: Vec<_> = settled.await.iter().map(v1::RefundInvoice::status).collect();
    use v1::InvoiceStatus::{Differs, RedLettered, Unknown, Void};
    assert_eq!(statuses, [Unknown, Differs, Void, RedLettered]);
    desk.stands(&name, v1::RefundStanding::Waiting).await;

    // A good one, taken back before it was claimed: the export looks for another one.
    desk.registers(invoice(5, 2, "")).await;
    desk.stands(&name, v1::RefundStanding::Claimable).await;
    let answer = v1::InvoiceAnswer {
        firm: FIRM_A.to_owned(),
        number: format!("{:020}", 5),
        status: RedLettered.into(),
        ..Default::default()
    };
    let heard = v1::VerifyInvoicesRequest { request_id: id(), answers: vec![answer] };
    office.refund().verify_invoices(heard).await.expect("it is the platform");
    let found = desk.stands(&name, v1::RefundStanding::Waiting).await;
    assert_eq!(missing(&found), ["supplier"]);
    desk.registers(invoice(6, 2, "")).await;
    desk.stands(&name, v1::RefundStanding::Claimable).await;
    assert_eq!(desk.proposes("").await.amount_fen, 780);
}

#[tokio::test]
async fn what_the_tax_office_says_twice_or_too_late_has_no_effect() {
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let office = sandbox.connect("tax-office").await;
    let name = desk.exports("QD-TWICE-1").await;
    desk.registers(invoice(1, 2, "")).await;
    desk.stands(&name, v1::RefundStanding::Claimable).await;
    // The simulated office says nothing: the test does.
    let claim = desk.proposes("SBX-SILENT").await;
    desk.submits(&claim).await;
    let decide = async |round, line, what: v1::claim_decision::What| {
        let decisions = vec![v1::ClaimDecision { line, what: Some(what) }];
        let request_id = id();
        let name = claim.name.clone();
        let request = v1::DecideClaimRequest { request_id, name, round, decisions };
        office.refund().decide_claim(request).await.map(tonic::Response::into_inner)
    };
    use v1::claim_decision::What;
    let early = decide(1, 1, What::ApprovedFen(780)).await.expect_err("it is not accepted");
    assert_eq!(code(&early).0, "SW-1803");
    let wrong = decide(2, 0, What::Accepted(2)).await.expect_err("another round");
    assert_eq!(code(&wrong).0, "SW-1804");
    decide(1, 0, What::Accepted(1)).await.expect("it is submitted");
    let more = decide(1, 1, What::ApprovedFen(781)).await.expect_err("more than was claimed");
    assert_eq!(code(&more).0, "SW-1805");
    decide(1, 1, What::ApprovedFen(780)).await.expect("it is claimed");
    let paid = |payment, amount_fen| What::Paid(v1::PaidLine { payment, amount_fen });
    decide(1, 1, paid(7, 779)).await.expect_err("not what was approved");
    for _ in 0..3 {
        let said =
            decide(1, 1, paid(7, 780)).await.expect("it is approved").claim.expect("a claim");
        assert_eq!(said.paid_fen, 780, "once");
    }
    let twice = decide(1, 1, paid(8, 780)).await.expect_err("it is paid");
    assert_eq!(code(&twice).0, "SW-1803");
    let other = decide(1, 1, paid(7, 1)).await.expect_err("the number was used");
    assert_eq!(code(&other).0, "SW-1805");
    assert_eq!(desk.claim(&claim.name).await.paid_fen, 780);
}

/// Two processes have a refund service each; one is killed, with the tax office, while exports come, while a claim
/// is put together, and while it is paid.
#[tokio::test]
async fn two_processes_and_kills_claim_and_pay_everything_once() {
    let mut first = Sandbox::process(&["--refund-service-name", "one"]).await;
    let second = first.beside(&["--no-agencies", "--refund-service-name", "two"]).await;
    first.may_log_errors = true;
    let desk = RefundDesk::of(&second, "enterprise-a").await;
    let count = 30;
    let (names, ()) = tokio::join!(
        async {
            let mut names = Vec::new();
            for number in 1..=count {
                let order = format!("QD-KILL-{number}");
                names.push(desk.firm.tries(filing(shirts(&order))).await.expect("valid").name);
            }
            names
        },
        async {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            first.kill();
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            first.spawn();
            first.ready().await;
        }
    );
    for name in &names {
        desk.firm.sees(name, v1::State::Released).await;
        desk.proves(name).await;
    }
    desk.registers(invoice(1, 2 * count - 2, "")).await;
    desk.registers(invoice(2, 2, "")).await;
    for name in &names {
        desk.stands(name, v1::RefundStanding::Claimable).await;
    }
    let proposal = v1::ProposeClaimRequest {
        request_id: id(),
        month: "2026-11".to_owned(),
        ..Default::default()
    };
    let begun = desk.calls().propose_claim(proposal.clone()).await.expect("it is allowed");
    let name = begun.into_inner().claim.expect("a claim").name;
    first.kill();
    // Asked again, it is the same claim.
    let again = desk.calls().propose_claim(proposal).await.expect("it is known").into_inner();
    assert!(again.repeated);
    assert_eq!(again.claim.expect("a claim").name, name);
    let claim = desk.waits(&name, |claim| claim.complete).await;
    let expected = i64::from(u32::try_from(count).expect("few")) * 780;
    assert_eq!((i64::from(claim.lines), claim.amount_fen), (count, expected));
    desk.submits(&claim).await;
    for _ in 0..3 {
        first.spawn();
        first.ready().await;
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        first.kill();
    }
    first.spawn();
    first.ready().await;
    let claim = desk.waits(&name, |claim| claim.ended).await;
    assert_eq!(claim.paid_fen, expected, "everything once");
    let lines = desk.lines(&name).await;
    assert_eq!(lines.iter().map(|line| line.paid_fen).sum::<i64>(), expected);
    let exports: std::collections::HashSet<&str> =
        lines.iter().map(|line| line.export_line.as_str()).collect();
    assert_eq!(exports.len(), names.len(), "each export once");
    for invoice in desk.invoices().await {
        assert_eq!(invoice.lines[0].used_e5, invoice.lines[0].qty_e5, "{invoice:?}");
    }
    let empty = desk.proposes("").await;
    assert_eq!(empty.lines, 0, "nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firm_is_reminded_and_what_was_not_claimed_in_time_is_taxed() {
    let sandbox = Sandbox::process(&[]).await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let name = desk.exports("QD-DAYS-1").await;
    let reminders = async |count: usize| {
        let seen = std::sync::atomic::AtomicUsize::new(0);
        desk.steps_until(|told| {
            let is = |fact: &&v1::RefundFact| fact.step() == RefundStep::Reminder;
            let new = told.facts.iter().filter(is).count();
            seen.fetch_add(new, std::sync::atomic::Ordering::Relaxed) + new >= count
        })
        .await
    };
    for (day, count) in [("2027-03-05", 1), ("2027-04-02", 2), ("2027-04-29", 3)] {
        let output = sandbox.command(&["clock", "set", day]);
        assert!(output.status.success(), "{output:?}");
        reminders(count).await;
    }
    // 36 months later it is a sale at home.
    let output = sandbox.command(&["clock", "set", "2029-11-26"]);
    assert!(output.status.success(), "{output:?}");
    let found = desk.stands(&name, v1::RefundStanding::NotRefunded).await;
    let line = found.line.expect("a line").entitlement.expect("judged");
    assert_eq!(line.rule, "taxed-as-domestic-sale");
    // The list has it there, too, once the day went by.
    eventually("the list knows it", PATIENCE, async || {
        let request = v1::ListExportLinesRequest {
            standing: v1::RefundStanding::NotRefunded.into(),
            ..Default::default()
        };
        let found = desk.calls().list_export_lines(request).await.expect("it answers");
        let found = found.into_inner().lines.len();
        if found == 1 { Ok(()) } else { Err(found) }
    })
    .await;
}

/// Reminders of the day until which the filing documents of a claim are kept: days that were left.
async fn keep_reminders(desk: &RefundDesk, claim: &str, count: usize) -> Vec<i64> {
    let request = v1::WatchRefundsRequest { resume_token: "beginning".to_owned() };
    let mut news = std::pin::pin!(client::refunds(desk.window.clone(), request));
    let mut days = Vec::new();
    let all = async {
        while days.len() < count {
            let told = news.next().await.expect("no end").expect("watching goes on");
            let kept = told.facts.iter().filter(|fact| {
                told.name == claim
                    && fact.step() == RefundStep::Reminder
                    && fact.text.starts_with("filing documents kept: until ")
            });
            days.extend(kept.map(|fact| {
                let left = fact.text.split(", ").nth(1).and_then(|it| it.split(' ').next());
                left.and_then(|it| it.parse::<i64>().ok()).expect("days that are left")
            }));
        }
    };
    let done = tokio::time::timeout(PATIENCE, all).await;
    assert!(done.is_ok(), "not so many reminders: {days:?}");
    days
}

/// The filing documents of a claim are kept for ten years (备案单证): the firm is told before they are over, and then.
#[tokio::test(flavor = "multi_thread")]
async fn a_firm_is_told_how_long_it_keeps_the_documents_of_a_claim() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.connect("admin").await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    desk.is_refunded("QD-KEEP-1").await;
    // It was handed in some time ago: the clock of a sandbox goes 3,600 days ahead, and ten years are more.
    let mut database = sandbox.database().await;
    let earlier = "update refund.claim set submitted = submitted - 100, due = due - 100";
    database.execute(earlier).await.expect("it may");
    let claim = desk.claim(&format!("refunds/{FIRM_A}-202611-1")).await;
    let day = |text: &str| {
        let format = time::macros::format_description!("[year]-[month]-[day]");
        time::Date::parse(text, format).expect("a day")
    };
    // Ready 15 days after it was handed in, and kept ten years from then on.
    let handed_in = day(&claim.documents_until) - time::Duration::days(15);
    let kept = day(&claim.keep_until);
    assert_eq!(handed_in.replace_year(handed_in.year() + 10), Ok(kept), "{claim:?}");
    let now = moves(&admin, days(1)).await.expect("forward");
    let mut today = now.to_offset(time::macros::offset!(+8)).date();
    let mut told = Vec::new();
    for left in [60, 30, 15, 7, 1, -1] {
        let to = kept - time::Duration::days(left);
        let advance = format!("{}d", (to - today).whole_days());
        let output = sandbox.command(&["--as", "admin", "clock", "advance", &advance]);
        assert!(output.status.success(), "{output:?}");
        today = to;
        told.push(left);
        assert_eq!(keep_reminders(&desk, &claim.name, told.len()).await, told);
    }
    // Nothing of the claim is left to be told.
    let due = "select count(*) from refund.claim where due is not null";
    let due: i64 = sqlx::query_scalar(due).fetch_one(&mut database).await.expect("it answers");
    assert_eq!(due, 0);
}

/// What is said of a firm holds for the lines that are there, however many: they are judged some hundred at a time.
#[tokio::test(flavor = "multi_thread")]
async fn lines_are_judged_anew_when_their_firm_is_refunded_otherwise() {
    const LINES: i64 = 1_700;
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let mut database = sandbox.database().await;
    // Lines of a trading firm that wait for invoices; each in a transaction of its own does not matter here.
    let statement = "insert into refund.export_line
            (slot, declaration_id, line, firm, version, order_no, mode, gcode, gname, unit, qty_e5, currency,
             amount_e5, released_time, departed, entry_id, money, standing, urgency, due)
        select $1, (lpad(to_hex(g), 30, '0') || lpad(to_hex($1), 2, '0'))::uuid, 1, $2, 1, 'OLD-' || g, 1,
               '6109100021', '衬衫', '007', 200000, '142', 9100000, now(), '2026-11-25', '422920260000000001', 3,
               3, '1' || g, '2027-04-30'
        from generate_series(1, $3) g";
    let slot = i32::try_from(domain::Slot::of(FIRM_A).number()).expect("it is small");
    sqlx::query(statement)
        .bind(slot)
        .bind(FIRM_A)
        .bind(i32::try_from(LINES).expect("few"))
        .execute(&mut database)
        .await
        .expect("it fits");
    let standing = async |standing: v1::RefundStanding| {
        let mut request = v1::ListExportLinesRequest {
            standing: standing.into(),
            page_size: 1_000,
            ..Default::default()
        };
        let mut found = 0;
        loop {
            let page = desk.calls().list_export_lines(request.clone()).await.expect("it answers");
            let page = page.into_inner();
            found += page.lines.len();
            if page.next_page_token.is_empty() {
                return i64::try_from(found).expect("few");
            }
            request.page_token = page.next_page_token;
        }
    };
    assert_eq!(standing(v1::RefundStanding::Waiting).await, LINES);
    // A producer needs no invoices.
    let said = terms(v1::RefundMethod::Producer, 2, v1::RefundParity::DayOfExport);
    sandbox.connect("tax-office").await.refund().set_refund_firm(said).await.expect("it may");
    eventually("all are judged", PATIENCE, async || {
        let found = standing(v1::RefundStanding::Claimable).await;
        if found == LINES { Ok(()) } else { Err(found) }
    })
    .await;
    let most = "select max(lines) from (select count(*) as lines from refund.export_line group by xmin::text) of";
    let most: i64 = sqlx::query_scalar(most).fetch_one(&mut database).await.expect("it answers");
    assert_eq!(most, 500, "no transaction judges more");
}

/// What is said of a firm: it gets its refunds by this method, is of this class, and takes this parity.
fn terms(
    method: v1::RefundMethod,
    class: u32,
    parity: v1::RefundParity,
) -> v1::SetRefundFirmRequest {
    v1::SetRefundFirmRequest {
        request_id: id(),
        firm: FIRM_A.to_owned(),
        method: method.into(),
        class,
        parity: parity.into(),
        ..Default::default()
    }
}

/// The class of the firm says until when the tax office decides, and the office keeps it.
#[tokio::test(flavor = "multi_thread")]
async fn the_class_of_a_firm_decides_how_fast_it_is_refunded() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.connect("admin").await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    // It is the same request as often as it is made, and another class under its id is none.
    let day = v1::RefundParity::DayOfExport;
    let slow = terms(v1::RefundMethod::Trader, 4, day);
    for _ in 0..2 {
        admin.refund().set_refund_firm(slow.clone()).await.expect("it may");
    }
    let name = desk.exports("QD-CLASS-1").await;
    desk.registers(invoice(1, 3, "")).await;
    let found = desk.stands(&name, v1::RefundStanding::Claimable).await;
    let said = found.terms.expect("they hold");
    assert_eq!((said.class, said.working_days), (4, 20));
    let claim = desk.proposes("SBX-CLASS").await;
    assert_eq!((claim.class, claim.answer_until.as_str()), (4, ""));
    desk.submits(&claim).await;
    let claim = desk.waits(&claim.name, |it| it.state() == v1::ClaimState::UnderReview).await;
    // Twenty working days are four weeks, and a weekend more when it was accepted on one.
    assert!((26..=28).contains(&claim.answer_days_left), "{claim:?}");
    assert!(!claim.documents_until.is_empty() && !claim.keep_until.is_empty(), "{claim:?}");
    // A better class does not hurry what was accepted before.
    let fast = v1::SetRefundFirmRequest { request_id: id(), class: 1, ..slow };
    admin.refund().set_refund_firm(fast).await.expect("it may be corrected on its day");
    moves(&admin, days(claim.answer_days_left - 1)).await.expect("forward");
    let told =
        desk.steps_until(|told| told.facts.iter().any(|it| it.step() == RefundStep::Reminder));
    told.await;
    let waiting = desk.claim(&claim.name).await;
    assert_eq!((waiting.undecided, waiting.answer_days_left, waiting.class), (1, 1, 4));
    moves(&admin, days(1)).await.expect("forward");
    let claim = desk.waits(&claim.name, |it| it.ended).await;
    assert_eq!(claim.paid_fen, 780);
    let shown = sandbox.command(&["--as", "enterprise-a", "refund", "explain", &name]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("1: decided in 5 working days"), "{shown}");
    // The filing documents of the claim were due in between.
    let told = sandbox.command(&["trace", &name, "--as", "admin"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    for what in ["filing documents ready: until", "answer of the tax office: until"] {
        assert!(told.contains(what), "{what}: {told}");
    }
}

/// A producer's dollars are yuan by the parity that it chose, which it keeps for a year.
#[tokio::test]
async fn a_producer_keeps_the_parity_that_it_chose_for_a_year() {
    let sandbox = Sandbox::start().await;
    let office = sandbox.connect("tax-office").await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let (producer, first) = (v1::RefundMethod::Producer, v1::RefundParity::FirstOfMonth);
    let from = |day: &str, said| v1::SetRefundFirmRequest {
        valid_from: day.to_owned(),
        ..terms(producer, 2, said)
    };
    let say = async |said| office.refund().set_refund_firm(said).await;
    say(from("2026-03-01", first)).await.expect("it is the first choice");
    let day = v1::RefundParity::DayOfExport;
    let refused = say(from("2027-02-28", day)).await.expect_err("the year is not over");
    assert_eq!(code(&refused).0, "SW-1806");
    assert!(code(&refused).1["why"].contains("2027-03-01"), "{refused:?}");
    let refused = say(from("2026-02-01", first)).await.expect_err("other terms begin later");
    assert_eq!(code(&refused).0, "SW-1806");
    say(from("2027-03-01", day)).await.expect("the year is over");

    // 20.00 dollars at 710.79 for 100, that of the first of November; 13 % of 142.16 yuan is the cap.
    let mut sold = shirts("QD-PARITY-1");
    let usd = |amount_e5| Some(v1::Money { currency: "502".to_owned(), amount_e5 });
    let line = &mut sold.lines[0];
    (line.price, line.total_price) = (usd(1_000_000), usd(2_000_000));
    let name = desk.firm.tries(filing(sold)).await.expect("it is valid").name;
    desk.firm.sees(&name, v1::State::Released).await;
    // What was told last counts: the bank's dollars are there before they are proved to be settled.
    eventually("its money came", PATIENCE, async || {
        let line = desk.line(&name).await;
        let stands = line.as_ref().and_then(|it| it.line.as_ref());
        let came = stands.is_some_and(|it| it.money() == v1::RefundMoney::Received);
        if came { Ok(()) } else { Err(line) }
    })
    .await;
    desk.proves(&name).await;
    let found = desk.stands(&name, v1::RefundStanding::Claimable).await;
    let estimate = found.line.and_then(|it| it.entitlement).and_then(|it| it.estimate_fen);
    assert_eq!(estimate, Some(1_848), "{:?}", found.traces);
    for part in ["710.7900 CNY", "of the first of the month 当月首日 (2026-03-01)"] {
        assert!(found.traces[0].contains(part), "{}", found.traces[0]);
    }
}

#[tokio::test]
async fn a_producer_is_refunded_month_by_month_and_carries_over() {
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let set = v1::SetRefundFirmRequest {
        request_id: id(),
        firm: FIRM_A.to_owned(),
        method: v1::RefundMethod::Producer.into(),
        class: 1,
        ..Default::default()
    };
    sandbox.connect("admin").await.refund().set_refund_firm(set).await.expect("it may");
    for (order, day) in
        [("QD-PROD-1", "2026-10-08"), ("QD-PROD-2", "2026-10-09"), ("QD-PROD-3", "2026-11-09")]
    {
        let name = desk.firm.tries(filing(shirts(order))).await.expect("it is valid").name;
        desk.firm.sees(&name, v1::State::Released).await;
        desk.leaves(&name, day).await;
        // It needs no invoices.
        desk.stands(&name, v1::RefundStanding::Claimable).await;
    }
    let propose = async |month: &str, input_vat_fen| {
        let request = v1::ProposeClaimRequest {
            request_id: id(),
            month: month.to_owned(),
            input_vat_fen,
            ..Default::default()
        };
        let begun = desk.calls().propose_claim(request).await?.into_inner();
        let name = begun.claim.expect("a claim").name;
        Ok::<_, tonic::Status>(desk.waits(&name, |claim| claim.complete).await)
    };
    // Two exports of 91.00 at 13/13: the cap is 23.66, of 30.00 of input VAT 6.34 are left.
    let first = propose("2026-10", 3_000).await.expect("the first month");
    let month = first.producer.expect("of a producer");
    assert_eq!((first.lines, first.amount_fen, month.cap_fen), (2, 2_366, 2_366));
    assert_eq!((month.refund_fen, month.carry_credit_fen), (2_366, 634));
    let second = propose("2026-11", 0).await.expect("the next month");
    let month = second.producer.expect("of a producer");
    assert_eq!(
        (month.brought_credit_fen, month.refund_fen, month.exempt_credit_fen),
        (634, 634, 549)
    );
    assert_eq!((second.amount_fen, month.carry_credit_fen), (634, 0));
    // Months are claimed in their order, and what another one goes on from stays.
    let refused = propose("2026-10", 0).await.expect_err("a later month is claimed");
    assert_eq!(code(&refused).0, "SW-1803");
    let withdraw = v1::WithdrawClaimRequest { request_id: id(), name: first.name.clone() };
    let refused =
        desk.calls().withdraw_claim(withdraw).await.expect_err("the next goes on from it");
    assert_eq!(code(&refused).0, "SW-1803");
    for claim in [first, second] {
        desk.submits(&claim).await;
        let paid = desk.waits(&claim.name, |claim| claim.ended).await;
        assert_eq!(paid.paid_fen, claim.amount_fen);
        assert_eq!(paid.working_days, 5, "the first class");
    }
}

#[tokio::test]
async fn an_accountant_works_from_the_command_line() {
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let name = desk.firm.tries(filing(shirts("QD-CLI-1"))).await.expect("it is valid").name;
    desk.firm.sees(&name, v1::State::Released).await;
    desk.stands(&name, v1::RefundStanding::Waiting).await;
    let run = |args: &[&str]| {
        let output = sandbox.command(&[&["--as", "enterprise-a", "refund"], args].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{args:?}: {text} {output:?}");
        text
    };
    let shown = run(&["lines"]);
    assert!(shown.contains("waits") && shown.contains("QD-CLI-1"), "{shown}");
    let form = "422920260000000001";
    run(&["prove", &name, "--departed", "2026-11-25", "--form", form, "--money", "settled"]);
    let shown = run(&["explain", &name, "--language", "zh"]);
    assert!(shown.contains("没有增值税专用发票") && shown.contains("申报期限"), "{shown}");
    let header = "code,number,seller,issued,gcode,unit,quantity,net,rate,tax,note";
    let row = |number: u32| format!(",{number:020},S,2026-11-20,{SHIRTS},007,2,60.00,13,7.80,");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{header}\n{}\n{}\n", row(1), row(2))).expect("written");
    let path = file.path().to_str().expect("a path");
    let shown = run(&["register", path, "--output", "csv"]);
    assert_eq!(shown.lines().count(), 3, "{shown}");
    run(&["register", path]);
    desk.stands(&name, v1::RefundStanding::Claimable).await;
    assert_eq!(desk.invoices().await.len(), 2, "again is nothing new");
    let shown = run(&["propose", "2026-11", "--note", "SBX-DOUBT", "--submit", "--output", "json"]);
    let claim: v1::RefundClaim = serde_json::from_str(&shown).expect("a claim");
    assert_eq!(claim.amount_fen, 780);
    desk.waits(&claim.name, |claim| claim.queried == 1).await;
    let shown = run(&["claim", &claim.name]);
    assert!(shown.contains("doubt") && shown.contains("Y02"), "{shown}");
    run(&["answer", &claim.name, "1", "两件"]);
    desk.waits(&claim.name, |claim| claim.ended).await;
    let shown = run(&["claims", "--output", "csv"]);
    assert!(
        shown.contains(&format!("{},under review,1,1,0,0,7.80,7.80,0.00", claim.name)),
        "{shown}"
    );
    // What is refused is told, and the rest goes on.
    let wrong = row(3).replace("7.80", "9.80");
    std::fs::write(file.path(), format!("{header}\n{wrong}\n{}\n", row(4))).expect("written");
    let output = sandbox.command(&["--as", "enterprise-a", "refund", "register", path]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("SW-1801"), "{output:?}");
    assert_eq!(desk.invoices().await.len(), 3);
}

/// `SW_CLAIM_LINES=100000` is the claim of a large firm.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_many_lines_needs_no_more_memory() {
    const LINES: usize = 100;
    #[expect(clippy::disallowed_methods, reason = "a long run is asked for by it")]
    let wanted = std::env::var("SW_CLAIM_LINES").ok().and_then(|text| text.parse().ok());
    let declarations = wanted.unwrap_or(2_000_usize) / LINES; // a short run
    let sandbox = Sandbox::process(&[]).await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let all = i64::try_from(declarations * LINES).expect("few");
    desk.registers(invoice(1, 2 * all, "")).await;
    let filed = async |number: usize| {
        let mut many = shirts(&format!("QD-MANY-{number}"));
        let line = many.lines[0].clone();
        many.lines = (1..).take(LINES).map(|gnum| v1::GoodsLine { gnum, ..line.clone() }).collect();
        let name = desk.firm.tries(filing(many)).await.expect("it is valid").name;
        desk.firm.sees(&name, v1::State::Released).await;
        desk.proves(&name).await;
    };
    futures::stream::iter(0..declarations)
        .map(filed)
        .buffer_unordered(16)
        .collect::<Vec<()>>()
        .await;
    let patience = PATIENCE * u32::try_from(declarations / 20 + 1).expect("few");
    eventually("every line was bought", patience, async || {
        let used = desk.invoices().await[0].lines[0].used_e5;
        if used == 2 * all * 100_000 { Ok(()) } else { Err(used) }
    })
    .await;
    let before = sandbox.resident_bytes();
    let began = std::time::Instant::now();
    let proposal = v1::ProposeClaimRequest {
        request_id: id(),
        month: "2026-11".to_owned(),
        ..Default::default()
    };
    let begun = desk.calls().propose_claim(proposal).await.expect("it is allowed").into_inner();
    let name = begun.claim.expect("a claim").name;
    let done = |what, is: fn(&v1::RefundClaim) -> bool| {
        let (desk, name) = (&desk, name.clone());
        eventually(what, patience, async move || {
            let claim = desk.claim(&name).await;
            if is(&claim) { Ok(claim) } else { Err((claim.lines, claim.paid_fen)) }
        })
    };
    let claim = done("it is complete", |claim| claim.complete).await;
    let proposed = began.elapsed();
    assert_eq!((i64::from(claim.lines), claim.amount_fen), (all, all * 780));
    desk.submits(&claim).await;
    let claim = done("it is paid", |claim| claim.ended).await;
    assert_eq!(claim.paid_fen, all * 780);
    let more = sandbox.resident_bytes().saturating_sub(before) / 1024 / 1024;
    println!(
        "{all} lines: proposed in {proposed:?}, paid in {:?}, {more} MB more",
        began.elapsed()
    );
    assert!(more < 100, "{more} MB more for {all} lines");
}
