//! The export tax refund (出口退税): exports with what is missing and until when, the next last days, claims with
//! their lines, and invoices.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use cli::refund;
use proto::v1;

use crate::declarations::page_after;
use crate::listing::{ListedTable, RowForm};
use crate::problem::{PageAnswer, RefusedCall, bare, settle};
use crate::visit::{Visit, page};

/// Rows that are asked of a list: one more than is shown.
const ROWS_ASKED: i32 = 201;
/// A page of export lines.
const LINES_SHOWN: i32 = 100;
/// A last day that is nearer is told apart.
const DAYS_NEAR: i64 = 30;

/// A last day that is near or over.
struct RefundDeadline {
    id: String,
    order_no: String,
    what: String,
    last: String,
    days_left: i64,
}

/// A standing that can be chosen.
struct StandingChoice {
    value: i32,
    word: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "refund.html")]
struct RefundPage<'a> {
    visit: &'a Visit,
    deadlines: Vec<RefundDeadline>,
    standings: Vec<StandingChoice>,
    lines: ListedTable,
    next: String,
    others: Vec<ListedTable>,
}

#[derive(Template)]
#[template(path = "claim.html")]
struct ClaimPage<'a> {
    visit: &'a Visit,
    claim: &'a v1::RefundClaim,
    tables: Vec<ListedTable>,
    may_submit: bool,
    may_withdraw: bool,
}

/// `GET /console/refund?standing=…&page=…`.
pub(crate) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, listed(&visit).await)
}

async fn listed(visit: &Visit) -> PageAnswer {
    let mut service = visit.refunds();
    let chosen = visit.query("standing");
    let request = v1::ListExportLinesRequest {
        standing: chosen.parse().unwrap_or(0), // every one
        page_size: LINES_SHOWN,
        page_token: visit.query("page").to_owned(),
        ..Default::default()
    };
    let answer = service.list_export_lines(visit.call(request)).await?.into_inner();
    let request = v1::ListClaimsRequest { page_size: ROWS_ASKED, ..Default::default() };
    let claims = service.list_claims(visit.call(request)).await?.into_inner().claims;
    let request = v1::ListInvoicesRequest { page_size: ROWS_ASKED, ..Default::default() };
    let invoices = service.list_invoices(visit.call(request)).await?.into_inner().invoices;
    let standings = (1..).map_while(|value| v1::RefundStanding::try_from(value).ok());
    let standings = standings.map(|standing| {
        let value = i32::from(standing);
        let word = refund::standing(visit.language, standing);
        StandingChoice { value, word, is_chosen: chosen == value.to_string() }
    });
    let table = "Exports, by urgency";
    Ok(page(&RefundPage {
        visit,
        deadlines: answer.lines.iter().filter_map(|line| deadline(visit, line)).collect(),
        standings: standings.collect(),
        lines: ListedTable::new(visit, table, &refund::EXPORT_LINES, &answer.lines, |_| Vec::new()),
        next: page_after(visit, &answer.next_page_token),
        others: vec![
            ListedTable::new(visit, "Claims", &refund::CLAIMS, &claims, |_| Vec::new()),
            ListedTable::new(visit, "Invoices", &refund::INVOICES, &invoices, |_| Vec::new()),
        ],
    }))
}

fn deadline(visit: &Visit, line: &v1::ExportLine) -> Option<RefundDeadline> {
    let due = line.entitlement.as_ref()?.due.as_ref()?;
    (due.days_left <= DAYS_NEAR).then(|| RefundDeadline {
        id: line.name.split('/').nth(1).map_or_else(String::new, str::to_owned),
        order_no: line.order_no.clone(),
        what: if visit.lang() == "en" { due.title.clone() } else { due.title_zh.clone() },
        last: due.last.clone(),
        days_left: due.days_left,
    })
}

/// `GET /console/refund/claim?name=refunds/…`.
pub(crate) async fn claim(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, claimed(&visit).await)
}

async fn read(visit: &Visit, name: &str) -> Result<v1::RefundClaim, Box<RefusedCall>> {
    let request = v1::GetClaimRequest { name: name.to_owned() };
    let found = visit.refunds().get_claim(visit.call(request)).await?.into_inner();
    Ok(found.claim.unwrap_or_default()) // by its name there is one, or a refusal
}

async fn claimed(visit: &Visit) -> PageAnswer {
    let claim = read(visit, visit.query("name")).await?;
    let request = v1::ListClaimLinesRequest {
        name: claim.name.clone(),
        page_size: ROWS_ASKED,
        ..Default::default()
    };
    let lines = visit.refunds().list_claim_lines(visit.call(request)).await?.into_inner().lines;
    let state = claim.state();
    let (draft, refused) = (v1::ClaimState::Draft, v1::ClaimState::FormRefused);
    let is_firm = visit.is_firm();
    let of_line = |line: &v1::RefundClaimLine| line_forms(visit, &claim, line);
    let (own, each) = (std::slice::from_ref(&claim), "Lines of the claim");
    Ok(page(&ClaimPage {
        visit,
        tables: vec![
            ListedTable::new(visit, "Claim", &refund::CLAIMS, own, |_| Vec::new()),
            ListedTable::new(visit, each, &refund::CLAIM_LINES, &lines, of_line),
        ],
        may_submit: is_firm
            && claim.complete
            && claim.lines > 0
            && [draft, refused].contains(&state),
        may_withdraw: is_firm && [draft, refused, v1::ClaimState::Submitted].contains(&state),
        claim: &claim,
    }))
}

fn line_forms(visit: &Visit, claim: &v1::RefundClaim, line: &v1::RefundClaimLine) -> Vec<RowForm> {
    let mut forms = Vec::new();
    if !visit.is_firm() {
        return forms;
    }
    let hidden = || {
        vec![
            ("name", claim.name.clone()),
            ("line", line.line.to_string()),
            ("query", line.query_number.to_string()),
        ]
    };
    let asked = line.state() == v1::ClaimLineState::Queried;
    if asked && !line.answered {
        let (button, inputs) =
            (visit.t("Answer the tax office"), vec![("text", visit.t("Answer"))]);
        forms.push(RowForm { action: "/console/refund/answer", button, hidden: hidden(), inputs });
    }
    let is_open = line.state() == v1::ClaimLineState::Open;
    if asked || (is_open && claim.state() == v1::ClaimState::Draft) {
        let (button, inputs) = (visit.t("Take it out"), Vec::new());
        forms.push(RowForm { action: "/console/refund/drop", button, hidden: hidden(), inputs });
    }
    if !line.settle_from.is_empty() {
        let (button, inputs) = (visit.t("Settle by what was sold"), Vec::new());
        forms.push(RowForm { action: "/console/refund/settle", button, hidden: hidden(), inputs });
    }
    forms
}

/// `POST /console/refund/{act}`.
pub(crate) async fn act(
    Extension(visit): Extension<Arc<Visit>>,
    Path(act): Path<String>,
) -> Response {
    settle(&visit, acted(&visit, &act).await)
}

async fn acted(visit: &Visit, act: &str) -> PageAnswer {
    let field = |name: &str| visit.field(name).to_owned();
    let number = |name: &str| visit.field(name).parse().unwrap_or(0); // none that there is, and so refused
    let (request_id, name) = (field("request_id"), field("name"));
    let mut service = visit.refunds();
    let claim = match act {
        "propose" => {
            let request = v1::ProposeClaimRequest {
                request_id,
                month: field("month"),
                note: field("note"),
                ..Default::default()
            };
            service.propose_claim(visit.call(request)).await?.into_inner().claim
        }
        "submit" => {
            let request = v1::SubmitClaimRequest { request_id, name, after_round: number("round") };
            service.submit_claim(visit.call(request)).await?.into_inner().claim
        }
        "withdraw" => {
            let request = v1::WithdrawClaimRequest { request_id, name };
            service.withdraw_claim(visit.call(request)).await?.into_inner().claim
        }
        "answer" => {
            let request = v1::AnswerClaimLineRequest {
                request_id,
                name,
                line: number("line"),
                query_number: number("query"),
                text: field("text"),
            };
            service.answer_claim_line(visit.call(request)).await?.into_inner().claim
        }
        "drop" => {
            let request = v1::DropClaimLineRequest { request_id, name, line: number("line") };
            service.drop_claim_line(visit.call(request)).await?.into_inner().claim
        }
        "settle" => {
            let request = v1::SettleAdvanceRequest { request_id, name, line: number("line") };
            service.settle_advance(visit.call(request)).await?.into_inner().claim
        }
        _ => return Ok(bare(visit, http::StatusCode::NOT_FOUND)),
    };
    let name = proto::text(claim.map(|claim| claim.name));
    let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    Ok(Redirect::to(&format!("/console/refund/claim?name={name}")).into_response())
}
