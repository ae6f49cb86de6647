//! Money from abroad (外汇): receipts and what they pay, quotes, orders to settle, and what is still to be told to
//! the balance of payments.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use cli::pay;
use futures::StreamExt as _;
use proto::v1;

use crate::listing::{ListedTable, ROWS_SHOWN, RowForm};
use crate::problem::{PageAnswer, RefusedCall, bare, settle};
use crate::visit::{Visit, page};

/// Rows that are asked of a list: one more than is shown.
const ROWS_ASKED: i32 = 201;

#[derive(Template)]
#[template(path = "forex.html")]
struct ForexPage<'a> {
    visit: &'a Visit,
    tables: Vec<ListedTable>,
    /// A rate that was asked for now.
    quote: Option<QuoteCard>,
}

/// A quote, with what is worth a remark.
struct QuoteCard {
    id: String,
    rows: Vec<(&'static str, String)>,
    remarks: Vec<String>,
}

/// `GET /console/forex`.
pub(crate) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, listed(&visit, None).await)
}

async fn listed(visit: &Visit, quote: Option<QuoteCard>) -> PageAnswer {
    let mut service = visit.forex();
    let request = v1::ListForexReceiptsRequest { page_size: ROWS_ASKED, ..Default::default() };
    let receipts = service.list_forex_receipts(visit.call(request)).await?.into_inner().receipts;
    let request = v1::ListSettlementsRequest { page_size: ROWS_ASKED, ..Default::default() };
    let orders = service.list_settlements(visit.call(request)).await?.into_inner().settlements;
    let request =
        v1::ListSalesRequest { only_open: true, page_size: ROWS_ASKED, ..Default::default() };
    let sales = service.list_sales(visit.call(request)).await?.into_inner().sales;
    let missing = undeclared(visit).await?;
    let nothing = Vec::new;
    let tables = vec![
        ListedTable::new(visit, "Receipts", &pay::RECEIPTS, &receipts, |it| {
            receipt_forms(visit, it)
        }),
        ListedTable::new(visit, "Orders to settle", &pay::SETTLEMENTS, &orders, |it| {
            settlement_forms(visit, it)
        }),
        ListedTable::new(
            visit,
            "To be told to the balance of payments",
            &pay::PAYMENTS,
            &missing,
            |it| payment_forms(visit, it),
        ),
        ListedTable::new(visit, "Exports that wait for money", &pay::SALES, &sales, |_| nothing()),
    ];
    Ok(page(&ForexPage { visit, tables, quote }))
}

/// Receipts that are not declared yet.
async fn undeclared(visit: &Visit) -> Result<Vec<v1::PaymentsRecord>, Box<RefusedCall>> {
    let request = v1::ExportPaymentsRequest { owner: String::new(), only_missing: true };
    let records = visit.forex().export_payments(visit.call(request)).await?.into_inner();
    let mut records = records.take(ROWS_SHOWN + 1);
    let mut missing = Vec::new();
    while let Some(record) = records.next().await {
        missing.push(record?);
    }
    Ok(missing)
}

fn receipt_forms(visit: &Visit, it: &v1::ForexReceipt) -> Vec<RowForm> {
    let mut forms = Vec::new();
    if !visit.is_firm() {
        return forms;
    }
    let hidden = || vec![("receipt", it.id.clone())];
    if it.state() == v1::ForexReceiptState::Unmatched {
        let (button, inputs) = (visit.t("Match"), vec![("declaration", visit.t("declaration"))]);
        forms.push(RowForm { action: "/console/forex/match", button, hidden: hidden(), inputs });
    }
    if it.state() == v1::ForexReceiptState::Matched && it.available > 0 {
        let inputs = Vec::new();
        let button = visit.t("Ask for a rate");
        forms.push(RowForm { action: "/console/forex/quote", button, hidden: hidden(), inputs });
        let (button, inputs) = (visit.t("Keep in forex"), Vec::new());
        forms.push(RowForm { action: "/console/forex/keep", button, hidden: hidden(), inputs });
    }
    forms
}

fn settlement_forms(visit: &Visit, it: &v1::Settlement) -> Vec<RowForm> {
    if !visit.is_firm() || it.why.is_empty() {
        return Vec::new();
    }
    let hidden = vec![("settlement", it.id.clone())];
    let (button, inputs) = (visit.t("Assign to its receipt"), Vec::new());
    vec![RowForm { action: "/console/forex/assign", button, hidden, inputs }]
}

fn payment_forms(visit: &Visit, it: &v1::PaymentsRecord) -> Vec<RowForm> {
    if !visit.is_firm() {
        return Vec::new();
    }
    let inputs = vec![
        ("code", visit.t("transaction code")),
        ("country", visit.t("country")),
        ("goods", visit.t("goods")),
    ];
    let hidden = vec![("receipt", it.receipt.clone())];
    vec![RowForm { action: "/console/forex/declare", button: visit.t("Declare"), hidden, inputs }]
}

/// `POST /console/forex/{act}`.
pub(crate) async fn act(
    Extension(visit): Extension<Arc<Visit>>,
    Path(act): Path<String>,
) -> Response {
    settle(&visit, acted(&visit, &act).await)
}

async fn acted(visit: &Visit, act: &str) -> PageAnswer {
    let field = |name: &str| visit.field(name).to_owned();
    let (request_id, receipt) = (field("request_id"), field("receipt"));
    let mut service = visit.forex();
    match act {
        "quote" => {
            let request = v1::QuoteSettlementRequest { receipt, ..Default::default() };
            let found = service.quote_settlement(visit.call(request)).await?.into_inner();
            return listed(visit, card(visit, &found)).await;
        }
        "accept" => {
            let quote = field("quote");
            let request = v1::AcceptQuoteRequest { request_id, quote, validate_only: false };
            service.accept_quote(visit.call(request)).await?;
        }
        "keep" => {
            let request = v1::KeepReceiptRequest { request_id, receipt, ..Default::default() };
            service.keep_receipt(visit.call(request)).await?;
        }
        "match" => {
            let id = field("declaration");
            let id = id.trim_start_matches("declarations/");
            let request = v1::MatchReceiptRequest {
                request_id,
                receipt,
                declarations: vec![format!("declarations/{id}")],
                validate_only: false,
            };
            service.match_receipt(visit.call(request)).await?;
        }
        "assign" => {
            let request = v1::AssignSettlementRequest {
                request_id,
                settlement: field("settlement"),
                ..Default::default()
            };
            service.assign_settlement(visit.call(request)).await?;
        }
        "declare" => {
            let request = v1::DeclarePaymentRequest {
                request_id,
                receipt,
                code: field("code"),
                country: field("country"),
                goods: field("goods"),
                validate_only: false,
            };
            service.declare_payment(visit.call(request)).await?;
        }
        _ => return Ok(bare(visit, http::StatusCode::NOT_FOUND)),
    }
    Ok(Redirect::to("/console/forex").into_response())
}

fn card(visit: &Visit, found: &v1::QuoteSettlementResponse) -> Option<QuoteCard> {
    let quote = found.quote.as_ref()?;
    let names = pay::QUOTES.columns(visit.language);
    let values = pay::QUOTES.cells(quote, visit.language);
    let text = |it: &v1::ForexRemark| {
        let text = if visit.lang() == "en" { &it.text } else { &it.text_zh };
        format!("{}: {text} [{}]", it.code, it.law)
    };
    Some(QuoteCard {
        id: quote.id.clone(),
        rows: names.into_iter().zip(values).collect(),
        remarks: found.remarks.iter().map(text).collect(),
    })
}
