//! The export tax refund: from a released export to the money and back, by public interfaces only.

use futures::StreamExt as _;
use proto::v1::{self, ClaimLineState, RefundStep};
use uuid::Uuid;

use crate::harness::people::{Enterprise, FIRM_A, code, export, filing};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// What is exported here: two shirts for 91.00 yuan, refunded at 13 %.
const SHIRTS: &str = "6109100021";

/// A firm's accountant.
struct RefundDesk {
    firm: Enterprise,
    window: client::Window,
}

fn id() -> String {
    Uuid::now_v7().to_string()
}

fn shirts(order_no: &str) -> v1::Declaration {
    let mut shirts = export(order_no);
    shirts.statistics_flag = "B".to_owned();
    shirts.logistics_no = format!("L{order_no}");
    SHIRTS.clone_into(&mut shirts.lines[0].gcode);
    shirts
}

/// A genuine invoice for so many shirts, 30.00 yuan each without tax.
fn invoice(number: u32, pieces: i64, note: &str) -> v1::RefundInvoice {
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
    async fn of(sandbox: &Sandbox, caller: &str) -> Self {
        let window = sandbox.connect(caller).await;
        Self { firm: Enterprise(window.clone()), window }
    }

    fn calls(
        &self,
    ) -> proto::v1::refund_service_client::RefundServiceClient<tonic::transport::Channel> {
        self.window.refund()
    }

    /// Exports shirts; they are released, have left, and the money is in.
    async fn exports(&self, order_no: &str) -> String {
        let name = self.firm.tries(filing(shirts(order_no))).await.expect("it is valid").name;
        self.firm.sees(&name, v1::State::Released).await;
        self.proves(&name).await;
        name
    }

    async fn proves(&self, name: &str) {
        eventually("the export is known", PATIENCE, async || {
            self.line(name).await.ok_or("it is not")
        })
        .await;
        let proof = v1::RecordProofRequest {
            request_id: id(),
            declaration: name.to_owned(),
            departed: "2026-11-25".to_owned(),
            entry_id: "422920260000000001".to_owned(),
            money: v1::RefundMoney::Settled.into(),
            payment_by: String::new(),
        };
        self.calls().record_proof(proof).await.expect("it is its own");
    }

    async fn line(&self, name: &str) -> Option<v1::ExplainExportLineResponse> {
        let request = v1::ExplainExportLineRequest { name: name.to_owned() };
        let found = self.calls().explain_export_line(request).await.ok()?.into_inner();
        found.line.as_ref()?.released_time.as_ref()?;
        Some(found)
    }

    /// Waits until a line stands there.
    async fn stands(
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

    async fn registers(&self, invoice: v1::RefundInvoice) -> v1::RegisterInvoiceResponse {
        let request = v1::RegisterInvoiceRequest {
            request_id: id(),
            invoice: Some(invoice),
            validate_only: false,
        };
        self.calls().register_invoice(request).await.expect("it is right").into_inner()
    }

    async fn invoices(&self) -> Vec<v1::RefundInvoice> {
        let request = v1::ListInvoicesRequest { page_size: 1_000, ..Default::default() };
        self.calls().list_invoices(request).await.expect("it answers").into_inner().invoices
    }

    async fn proposes(&self, note: &str) -> v1::RefundClaim {
        let request = v1::ProposeClaimRequest {
            request_id: id(),
            firm: String::new(),
            month: "2026-11".to_owned(),
            note: note.to_owned(),
        };
        let claim = self.calls().propose_claim(request).await.expect("it is allowed").into_inner();
        let name = claim.claim.expect("a claim").name;
        self.waits(&name, |claim| claim.complete).await
    }

    async fn submits(&self, claim: &v1::RefundClaim) {
        let request = v1::SubmitClaimRequest {
            request_id: id(),
            name: claim.name.clone(),
            after_round: claim.round,
        };
        self.calls().submit_claim(request).await.expect("it is complete");
    }

    async fn claim(&self, name: &str) -> v1::RefundClaim {
        let request = v1::GetClaimRequest { name: name.to_owned() };
        let found = self.calls().get_claim(request).await.expect("it is its own").into_inner();
        found.claim.expect("a claim")
    }

    async fn waits(&self, name: &str, is: impl Fn(&v1::RefundClaim) -> bool) -> v1::RefundClaim {
        eventually("the claim looks so", PATIENCE, async || {
            let claim = self.claim(name).await;
            if is(&claim) { Ok(claim) } else { Err(format!("{claim:?}")) }
        })
        .await
    }

    async fn lines(&self, name: &str) -> Vec<v1::RefundClaimLine> {
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
    async fn told(&self, until: impl Fn(&v1::WatchRefundsResponse) -> bool) -> Vec<RefundStep> {
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

fn missing(found: &v1::ExplainExportLineResponse) -> Vec<&str> {
    let line = found.line.as_ref().and_then(|line| line.entitlement.as_ref());
    line.into_iter().flat_map(|it| &it.missing).map(|it| it.who.as_str()).collect()
}

fn states(lines: &[v1::RefundClaimLine]) -> Vec<ClaimLineState> {
    lines.iter().map(v1::RefundClaimLine::state).collect()
}

#[tokio::test]
async fn an_export_is_claimed_and_paid_and_says_what_is_missing_until_then() {
    let sandbox = Sandbox::with(&["--refund"]).await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let name = desk.firm.tries(filing(shirts("QD-REF-1"))).await.expect("it is valid").name;
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

    let steps =
        desk.told(|told| told.facts.iter().any(|it| it.step() == RefundStep::LinePaid)).await;
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
    let sandbox = Sandbox::with(&["--refund"]).await;
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

    // What was refused and what was given back may be claimed again; what is paid may not.
    let again = desk.proposes("").await;
    assert_eq!((again.lines, again.amount_fen), (2, 2 * 780));
    let withdraw = v1::WithdrawClaimRequest { request_id: id(), name: again.name.clone() };
    desk.calls().withdraw_claim(withdraw).await.expect("it is a draft");
    desk.waits(&again.name, |claim| claim.undecided == 0).await;
    let third = desk.proposes("").await;
    assert_eq!((third.lines, third.amount_fen), (2, 2 * 780));
}

#[tokio::test]
async fn an_invoice_counts_when_it_is_genuine_and_no_longer_than_that() {
    let sandbox = Sandbox::with(&["--refund"]).await;
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
    let sandbox = Sandbox::with(&["--refund"]).await;
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
