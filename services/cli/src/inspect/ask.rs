//! `inspect appoint`, `object`, `claim` and `dispose`: what changes an order, apart from the reports of
//! the site. What a person does not say is read from the order as it stands now.

use domain::inspection::finding::Disposal;
use proto::v1;
use serde::Serialize;
use time::OffsetDateTime;

use super::super::words as shared;
use super::super::{Exit, Language, Output, Session, print_json, print_line};
use super::{card, either, hex, order, request_id, state, words};

/// Choose place and time of an inspection, or move it. An enterprise says so two hours ahead and may
/// move it twice.
#[derive(Debug, clap::Args)]
pub(super) struct AppointArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID, preNo or order number.
    name: String,
    /// The place, one of `inspect places`.
    #[arg(long, value_name = "ID")]
    place: String,
    /// When the window begins, one of `inspect windows`: 2026-11-26T09:00 (in China) or RFC 3339
    /// [default: the next one that is free].
    #[arg(long, value_name = "TIME", value_parser = words::parse_moment)]
    start: Option<OffsetDateTime>,
    /// Appointments so far, as you saw them [default: as they are now].
    #[arg(long, value_name = "N")]
    seen: Option<u32>,
}

/// Object to the findings: a second examination (复验) by other officers, once.
#[derive(Debug, clap::Args)]
pub(super) struct ObjectArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID, preNo or order number.
    name: String,
    /// Why; it is kept and the agencies read it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Take an order on as its site; officers are drawn by lot (双随机).
#[derive(Debug, clap::Args)]
pub(super) struct ClaimArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
}

/// Decide as an agency what happens to the goods (处置); the strictest decision counts.
#[derive(Debug, clap::Args)]
pub(super) struct DisposeArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
    /// RELEASE, AMEND_AND_RELEASE, TREAT, RETURN, DESTROY, OTHER_DETAIN, TRANSFER_CLEARANCE,
    /// TRANSFER_LEGAL or TRANSFER_ANTISMUGGLING.
    #[arg(value_parser = words::parse_disposal)]
    disposal: Disposal,
    /// On the findings of which examination, 1 or 2, as you saw them [default: the current one].
    #[arg(long, value_name = "N")]
    examination: Option<u32>,
}

/// Makes or moves an appointment.
pub(super) async fn appoint(session: &Session, args: AppointArgs) -> anyhow::Result<Exit> {
    let order = order(session, &args.name).await?;
    let request = v1::AppointRequest {
        request_id: request_id(),
        seen: args.seen.unwrap_or(state(&order).appointments),
        name: order.name,
        place: args.place,
        start: args.start.map(proto::timestamp),
    };
    let answer = session.ask(request, async |it, ask| it.inspection().appoint(ask).await).await?;
    print_order(session, &answer, answer.order.as_ref())
}

/// Objects.
pub(super) async fn object(session: &Session, args: ObjectArgs) -> anyhow::Result<Exit> {
    let order = order(session, &args.name).await?;
    let request = v1::ObjectRequest {
        request_id: request_id(),
        examination: state(&order).examination,
        name: order.name,
        reason: args.reason,
    };
    let answer = session.ask(request, async |it, ask| it.inspection().object(ask).await).await?;
    print_order(session, &answer, answer.order.as_ref())
}

/// Takes an order on, and tells the draw.
pub(super) async fn claim(session: &Session, args: ClaimArgs) -> anyhow::Result<Exit> {
    let order = order(session, &args.name).await?;
    let request = v1::ClaimRequest {
        request_id: request_id(),
        examination: state(&order).examination,
        name: order.name,
    };
    let answer = session.ask(request, async |it, ask| it.inspection().claim(ask).await).await?;
    print_order(session, &answer, answer.order.as_ref())?;
    if session.output == Output::Table && !answer.draw.is_empty() {
        print_line(&draw(&answer.draw, session.language))?;
    }
    Ok(Exit::Done)
}

/// Everybody who might have been drawn, in the order of the draw.
fn draw(officers: &[v1::DrawnOfficer], language: Language) -> String {
    let english = ["agency", "officer", "drawn", "why not", "digest"];
    let chinese = ["机关", "人员", "选派", "回避原因", "摘要"];
    let mut table = shared::table(&either(language, english, chinese), Some(3));
    for it in officers {
        table.add_row([
            shared::agency(language, it.agency()).to_owned(),
            it.officer.clone(),
            words::yes(language, it.chosen).to_owned(),
            it.conflicts.join(", "),
            hex(&it.digest).chars().take(16).collect(),
        ]);
    }
    table.to_string()
}

/// Decides.
pub(super) async fn dispose(session: &Session, args: DisposeArgs) -> anyhow::Result<Exit> {
    let order = order(session, &args.name).await?;
    let request = v1::DisposeRequest {
        request_id: request_id(),
        examination: args.examination.unwrap_or(state(&order).examination),
        name: order.name,
        disposal: args.disposal.code().to_owned(),
    };
    let answer = session.ask(request, async |it, ask| it.inspection().dispose(ask).await).await?;
    print_order(session, &answer, answer.order.as_ref())
}

/// The order after a change.
pub(super) fn print_order(
    session: &Session,
    answer: &impl Serialize,
    order: Option<&v1::OrderRecord>,
) -> anyhow::Result<Exit> {
    match (session.output, order) {
        (Output::Json, _) => print_json(answer)?,
        (Output::Table, Some(order)) => print_line(&card::brief(order, session.language))?,
        (Output::Table, None) => {}
    }
    Ok(Exit::Done)
}
