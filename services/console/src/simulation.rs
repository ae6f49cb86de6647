//! The sandbox in a browser: a declaration whose order number tells the simulated agencies what to say, the
//! clock, and whom one plays.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse as _, Redirect, Response};
use cli::words;
use domain::Kind;
use proto::v1;
use proto::v1::move_clock_request::To;

use crate::filing::{EXAMPLES, example};
use crate::problem::{PageAnswer, bare, settle};
use crate::visit::{Visit, page};

/// What the agencies can be told to do, in the words of an order number.
const SCRIPTS: [(&str, &str); 10] = [
    ("ACCEPT", "Approve"),
    ("INSPECT", "Inspect"),
    ("INSPECT-FAIL", "Inspect, and find less than declared"),
    ("INSPECT-LAB", "Inspect, with a laboratory"),
    ("HOLD", "Hold for documents"),
    ("DOCS", "Ask for documents by a list"),
    ("REJECT", "Reject"),
    ("RETURN", "Send back abroad"),
    ("DELAY30", "Answer after half a minute"),
    ("SILENT", "Never answer"),
];
/// Hours by which the clock can be moved.
const MOVES: [(u64, &str); 3] = [(1, "1 hour"), (24, "1 day"), (31 * 24, "31 days")];

/// Somebody who can be played.
struct Role {
    name: &'static str,
    purpose: &'static str,
    is_played: bool,
}

#[derive(Template)]
#[template(path = "sandbox.html")]
struct SandboxPage<'a> {
    visit: &'a Visit,
    scripts: [(&'static str, &'static str); 10],
    examples: [(&'static str, &'static str); 5],
    time: String,
    moves: Option<[(u64, &'static str); 3]>,
    roles: Vec<Role>,
}

/// `GET /console/sandbox`.
pub(crate) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Response {
    if !visit.is_sandbox() {
        return bare(&visit, http::StatusCode::NOT_FOUND);
    }
    settle(&visit, shown(&visit).await)
}

async fn shown(visit: &Visit) -> PageAnswer {
    let answer = visit.sandbox().get_clock(visit.call(v1::GetClockRequest {})).await?;
    let clock = answer.into_inner().clock.unwrap_or_default(); // a sandbox has one
    let roles = visit.console.sandbox.iter().flat_map(|link| link.people().iter());
    let role = |&(name, purpose): &(&'static str, &'static str)| Role {
        name,
        purpose: visit.t(purpose),
        is_played: visit.caller() == name,
    };
    Ok(page(&SandboxPage {
        visit,
        scripts: SCRIPTS,
        examples: EXAMPLES,
        time: words::when(clock.time.and_then(proto::time)),
        moves: visit.is_operator().then_some(MOVES),
        roles: if visit.plays_everybody() { roles.map(role).collect() } else { Vec::new() },
    }))
}

/// `POST /console/sandbox/file`: files an example under an order number of its own.
pub(crate) async fn file(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, filed(&visit).await)
}

async fn filed(visit: &Visit) -> PageAnswer {
    let script = SCRIPTS.iter().map(|(script, _)| *script);
    let script = script.into_iter().find(|script| *script == visit.field("script"));
    let Some(script) = script else { return Ok(bare(visit, http::StatusCode::NOT_FOUND)) };
    let request_id = visit.field("request_id").to_owned();
    // Of the request, so that a form that is sent twice files once.
    let unique: String =
        request_id.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_uppercase();
    let unique = unique.get(20..).unwrap_or(&unique);
    let mut declaration = example(visit.field("example"));
    declaration.order_no = format!("SBX-{script}-{unique}");
    declaration.cop_no = format!("C{unique}");
    declaration.logistics_no = format!("W{unique}");
    let principal = visit.person.as_ref().map(|person| &person.principal);
    // An agent files for the firm of the example.
    if let Some(firm) = principal.filter(|principal| principal.kind == Kind::Enterprise) {
        for party in [&mut declaration.declarant, &mut declaration.agent].into_iter().flatten() {
            party.code.clone_from(&firm.customs_code);
        }
        if !declaration.assure_code.is_empty() {
            declaration.assure_code.clone_from(&firm.customs_code);
        }
    }
    let request = v1::SubmitRequest {
        request_id,
        declaration: Some(declaration),
        validate_only: false,
        pre_no: String::new(),
    };
    let receipt = visit.declarations().submit(visit.call(request)).await?.into_inner();
    let path = format!("/console/declarations/{}", words::id(&receipt.name));
    Ok(Redirect::to(&path).into_response())
}

/// `POST /console/sandbox/clock`: moves the clock forward by so many hours.
pub(crate) async fn advance(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, advanced(&visit).await)
}

async fn advanced(visit: &Visit) -> PageAnswer {
    let hours: u64 = visit.field("hours").parse().unwrap_or(0); // nothing moves
    let to = Some(To::AdvanceSeconds(hours.saturating_mul(3_600)));
    visit.sandbox().move_clock(visit.call(v1::MoveClockRequest { to })).await?;
    Ok(Redirect::to("/console/sandbox").into_response())
}
