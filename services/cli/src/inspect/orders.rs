//! `inspect list` and `inspect show`: joint inspection orders, as rows or as a card.

use domain::clearance::Agency;
use proto::v1;
use tonic::Status;

use super::super::{Exit, Session};
use super::{card, fetch, resolve, wire, words};

/// List orders, newest first. Every filter that is set must hold.
#[derive(Debug, clap::Args)]
pub(super) struct OrderListArgs {
    /// Only at this stage, for example ordered or found; may be given several times.
    #[arg(long, value_name = "STAGE", value_parser = words::parse_stage)]
    stage: Vec<v1::OrderStage>,
    /// Only with an appointment at this place.
    #[arg(long, value_name = "ID")]
    place: Option<String>,
    /// Only of this declarant (customs code).
    #[arg(long, value_name = "CODE")]
    declarant: Option<String>,
    /// Only those that this agency has not decided about: customs or quarantine.
    #[arg(long, value_name = "AGENCY", value_parser = words::parse_agency)]
    undecided_by: Option<Agency>,
    /// At most this many.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
}

/// Show one order: where it stands, instructions, findings, decisions and history.
#[derive(Debug, clap::Args)]
pub(super) struct OrderShowArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID, preNo or order number.
    name: String,
}

/// Lists orders.
pub(super) async fn list(session: &Session, args: OrderListArgs) -> anyhow::Result<Exit> {
    let OrderListArgs { stage, place, declarant, undecided_by, limit } = args;
    let request = v1::ListOrdersRequest {
        page_size: 0,
        page_token: String::new(),
        stages: stage.into_iter().map(Into::into).collect(),
        place: place.unwrap_or_default(),              // no filter
        declarant_code: declarant.unwrap_or_default(), // no filter
        undecided_by: wire(undecided_by),
    };
    session.print(&pages(session, request, limit).await?)
}

/// The newest orders that a list asks for.
pub(super) async fn pages(
    session: &Session,
    request: v1::ListOrdersRequest,
    limit: usize,
) -> Result<Vec<v1::OrderRecord>, Status> {
    session.pages(request, limit, async |it, ask| it.inspection().list_orders(ask).await).await
}

/// Shows one order.
pub(super) async fn show(session: &Session, args: OrderShowArgs) -> anyhow::Result<Exit> {
    let name = resolve(session, &args.name).await?;
    let found = fetch(session, &name).await?;
    session.print_one(&found, card::whole)
}
