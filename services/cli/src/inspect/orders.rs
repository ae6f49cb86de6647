//! `inspect list` and `inspect show`: joint inspection orders, as rows or as a card.

use domain::clearance::Agency;
use proto::v1;
use tonic::Status;

use super::super::{Exit, Session};
use super::{call, card, fetch, resolve, wire, words};

/// List orders, newest first. Every filter that is set must hold.
#[derive(Debug, clap::Args)]
pub(super) struct List {
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
pub(super) struct Show {
    /// Name (declarations/UUID, with or without /inspection), UUID, preNo or order number.
    name: String,
}

/// Lists orders.
pub(super) async fn list(session: &Session, args: List) -> anyhow::Result<Exit> {
    let List { stage, place, declarant, undecided_by, limit } = args;
    let request = v1::ListOrdersRequest {
        page_size: 0,
        page_token: String::new(),
        stages: stage.into_iter().map(Into::into).collect(),
        place: place.unwrap_or_default(),              // no filter
        declarant_code: declarant.unwrap_or_default(), // no filter
        undecided_by: wire(undecided_by),
    };
    let orders = pages(session, request, limit).await?;
    session.print(&orders, ("no inspection orders", "没有符合条件的查验单"), card::rows)
}

/// The newest orders that a list asks for, over as many pages as it takes.
pub(super) async fn pages(
    session: &Session,
    mut request: v1::ListOrdersRequest,
    limit: usize,
) -> Result<Vec<v1::OrderRecord>, Status> {
    let mut orders = Vec::new();
    while orders.len() < limit {
        let left = i32::try_from(limit - orders.len()).unwrap_or(i32::MAX); // the window gives a page at most
        request.page_size = left.min(domain::limits::PAGE_MAX);
        let list = async || {
            session.window.inspection().list_orders(session.request(request.clone())).await
        };
        let page = call(list).await?;
        orders.extend(page.orders);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    orders.truncate(limit);
    Ok(orders)
}

/// Shows one order.
pub(super) async fn show(session: &Session, args: Show) -> anyhow::Result<Exit> {
    let name = resolve(session, &args.name).await?;
    let found = fetch(session, &name).await?;
    session.print_one(&found, card::whole)
}
