//! Money: what is on the accounts, what is held for which declaration, duties that wait, and bills.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse as _, Redirect, Response};
use cli::{pay, words};
use proto::v1;

use crate::problem::{FieldProblem, PageAnswer, RefusedCall, settle};
use crate::story::duty_tone;
use crate::visit::{Visit, page};

/// An account as a row.
struct AccountRow {
    owner: String,
    purpose: &'static str,
    currency: String,
    balance: String,
    held: String,
    credit_line: String,
    available: String,
}

/// The duty of an import as a row.
struct DutyRow {
    id: String,
    state: &'static str,
    tone: &'static str,
    payer: String,
    amount: String,
    changed: String,
}

/// What is held, as a row.
struct HoldRow {
    owner: String,
    amount: String,
    id: String,
    since: String,
}

/// A tax bill as a row.
struct BillRow {
    id: String,
    number: String,
    payer: String,
    status: &'static str,
    amount: String,
    due: String,
}

#[derive(Template)]
#[template(path = "money.html")]
struct MoneyPage<'a> {
    visit: &'a Visit,
    accounts: Vec<AccountRow>,
    short: Vec<DutyRow>,
    duties: Vec<DutyRow>,
    holds: Vec<HoldRow>,
    bills: Vec<BillRow>,
}

/// `GET /console/money`.
pub(crate) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, listed(&visit).await)
}

async fn listed(visit: &Visit) -> PageAnswer {
    let mut service = visit.payment();
    let request = visit.call(v1::ListAccountsRequest::default());
    let accounts = service.list_accounts(request).await?.into_inner().accounts;
    let state = v1::HoldState::Open.into();
    let request = visit.call(v1::ListHoldsRequest { state, ..Default::default() });
    let holds = service.list_holds(request).await?.into_inner().holds;
    let request = visit.call(v1::ListBillsRequest::default());
    let bills = service.list_bills(request).await?.into_inner().bills;
    let state = v1::DutyState::Short.into();
    let request = visit.call(v1::ListDutiesRequest { state, ..Default::default() });
    let short = service.list_duties(request).await?.into_inner().duties;
    let request = visit.call(v1::ListDutiesRequest::default());
    let duties = service.list_duties(request).await?.into_inner().duties;
    let duty = |it: &v1::ImportDuty| DutyRow {
        id: words::id(&it.declaration).to_owned(),
        state: pay::duty_state(visit.language, it.state()),
        tone: duty_tone(it.state()),
        payer: it.payer.clone(),
        amount: pay::yuan(it.amount_fen),
        changed: words::minute(it.changed_time.and_then(proto::time)),
    };
    let account = |it: &v1::Account| AccountRow {
        owner: it.owner.clone(),
        purpose: pay::purpose(visit.language, it.purpose()),
        currency: it.currency.clone(),
        balance: pay::yuan(it.balance),
        held: pay::yuan(it.held_debits),
        credit_line: pay::yuan(it.credit_line),
        available: pay::yuan(it.available),
    };
    let hold = |it: &v1::Hold| HoldRow {
        owner: it.owner.clone(),
        amount: pay::yuan(it.amount),
        id: words::id(&it.declaration).to_owned(),
        since: words::minute(it.opened_time.and_then(proto::time)),
    };
    let bill = |it: &v1::Bill| BillRow {
        id: words::id(&it.declaration).to_owned(),
        number: it.tax_no.clone(),
        payer: it.payer.clone(),
        status: pay::bill_status(visit.language, it.status()),
        amount: pay::yuan(it.customs_tax_fen + it.vat_fen + it.consumption_fen - it.returned_fen),
        due: format!("{} – {}", it.due_from, it.due_until),
    };
    Ok(page(&MoneyPage {
        visit,
        accounts: accounts.iter().map(account).collect(),
        short: short.iter().map(duty).collect(),
        duties: duties.iter().map(duty).collect(),
        holds: holds.iter().map(hold).collect(),
        bills: bills.iter().map(bill).collect(),
    }))
}

/// `POST /console/money/deposit`: in the sandbox a firm lodges its own.
pub(crate) async fn deposit(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, lodged(&visit).await)
}

async fn lodged(visit: &Visit) -> PageAnswer {
    let amount_fen = pay::parse_yuan(visit.field("amount")).map_err(|_| {
        let code = domain::Code::Invalid;
        let text = visit.t("An amount is in yuan with at most two digits after the point.");
        let (code_id, text) = (code.id().to_owned(), text.to_owned());
        let problem = FieldProblem { code: code_id, field: String::new(), text };
        Box::new(RefusedCall::local(code, visit.language, vec![problem]))
    })?;
    let request = v1::DepositRequest {
        request_id: visit.field("request_id").to_owned(),
        owner: visit.field("owner").to_owned(),
        amount_fen,
        reference: visit.field("reference").to_owned(),
        validate_only: false,
    };
    visit.payment().deposit(visit.call(request)).await?;
    Ok(Redirect::to("/console/money").into_response())
}
