//! `get` and `list`: what the window keeps, as a card or a table, or as the schema's JSON.

use std::io::{self, Write as _};

use proto::v1;
use time::OffsetDateTime;
use tonic::{Code as Grpc, Status};
use uuid::Uuid;

use super::session::rows;
use super::words;
use super::{BilingualText, Exit, Output, Session, card, clean, print_json, print_line};

/// Show one declaration with its history.
#[derive(Debug, clap::Args)]
pub struct GetArgs {
    /// Name (declarations/UUID), UUID, or any number of it: preNo, order number, own number (copNo),
    /// way-bill, invtNo, release.
    pub name: String,
}

/// List declarations, newest first. Every filter that is set must hold.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only in this state: under-review, inspecting, released, rejected, withdrawn or returned.
    #[arg(long, value_parser = words::parse_state)]
    pub state: Option<v1::State>,
    /// Only this supervision mode: 9610, 9710, 9810, 1210 or 1239.
    #[arg(long)]
    pub mode: Option<String>,
    /// Only this order number.
    #[arg(long)]
    pub order_no: Option<String>,
    /// Only this declarant (10 or 18 characters).
    #[arg(long, value_name = "CODE")]
    pub declarant: Option<String>,
    /// Filed at or after: YYYY-MM-DD (a day in China) or RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = words::parse_from)]
    pub from: Option<OffsetDateTime>,
    /// Filed before; a day counts as a whole.
    #[arg(long, value_name = "TIME", value_parser = words::parse_until)]
    pub until: Option<OffsetDateTime>,
    /// At most this many.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub limit: usize,
}

/// Shows one declaration.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn get(session: &Session, args: GetArgs) -> anyhow::Result<Exit> {
    let record = match find(session, &args.name).await? {
        NumberMatch::One(record) => record,
        NumberMatch::Several(candidates) => return choose(session, &args.name, &candidates),
    };
    session.print_one(&*record, card::whole)
}

/// Several have the number: the caller says which.
fn choose(
    session: &Session,
    text: &str,
    candidates: &[v1::DeclarationRecord],
) -> anyhow::Result<Exit> {
    match session.output {
        Output::Json => print_json(&serde_json::json!({ "candidates": candidates }))?,
        Output::Table => {
            print_line(&rows(candidates, session.language))?;
            let text = several(text, candidates.len(), "");
            writeln!(io::stderr(), "{}", clean(text.text(session.language)))?;
        }
    }
    Ok(Exit::Usage)
}

/// Lists declarations.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn list(session: &Session, args: ListArgs) -> anyhow::Result<Exit> {
    let limit = args.limit;
    session.print(
        &session
            .pages(request(args), limit, async |it, ask| it.declarations().list(ask).await)
            .await?,
    )
}

fn request(args: ListArgs) -> v1::ListRequest {
    let ListArgs { state, mode, order_no, declarant, from, until, limit: _ } = args;
    v1::ListRequest {
        page_size: 0,
        page_token: String::new(),
        state: state.unwrap_or_default().into(), // no filter
        trade_mode: mode.unwrap_or_default(),    // no filter
        order_no: order_no.unwrap_or_default(),  // no filter
        declarant_code: declarant.unwrap_or_default(), // no filter
        filed_from_time: from.map(proto::timestamp),
        filed_until_time: until.map(proto::timestamp),
    }
}

/// One page of a list.
pub(super) async fn page(
    session: &Session,
    request: &v1::ListRequest,
) -> Result<v1::ListResponse, Status> {
    session.ask(request.clone(), async |it, ask| it.declarations().list(ask).await).await
}

/// Reads one declaration by its resource name.
pub(super) async fn fetch(session: &Session, name: &str) -> Result<v1::DeclarationRecord, Status> {
    let request = v1::GetRequest { name: name.to_owned(), ..Default::default() };
    let record =
        session.ask(request, async |it, ask| it.declarations().get(ask).await).await?.record;
    record.ok_or_else(|| Status::internal(format!("the answer about {name} holds no declaration")))
}

/// What a person typed, as the window knows it.
enum NumberMatch {
    /// The declaration that is meant.
    One(Box<v1::DeclarationRecord>),
    /// Several have this number.
    Several(Vec<v1::DeclarationRecord>),
}

async fn find(session: &Session, text: &str) -> anyhow::Result<NumberMatch> {
    // An unset variable of a script must not stand for "any".
    let empty = || BilingualText::new("NAME is empty", "NAME为空");
    anyhow::ensure!(!text.trim().is_empty(), empty());
    let named = text.starts_with("declarations/");
    let (name, number) = if named { (text, "") } else { ("", text) };
    let request = v1::GetRequest {
        name: name.to_owned(),
        number: number.to_owned(),
        number_kind: v1::NumberKind::Unspecified.into(),
    };
    let v1::GetResponse { record, candidates } =
        session.ask(request, async |it, ask| it.declarations().get(ask).await).await?;
    Ok(match record {
        Some(record) => NumberMatch::One(Box::new(record)),
        None => NumberMatch::Several(candidates),
    })
}

/// The resource name of what a person typed.
pub(super) async fn resolve(session: &Session, text: &str) -> anyhow::Result<String> {
    if text.starts_with("declarations/") {
        return Ok(text.to_owned());
    }
    let found = match find(session, text).await {
        Ok(found) => found,
        Err(error) => return own_name(text, &error).ok_or(error),
    };
    match found {
        NumberMatch::One(record) => Ok(record.name),
        NumberMatch::Several(candidates) => {
            let names: Vec<_> = candidates.iter().map(|record| record.name.as_str()).collect();
            let names = names.join(", ");
            Err(several(text, candidates.len(), &format!(": {names}")).into())
        }
    }
}

/// What is an id by itself needs no look-up, which not everybody may do.
fn own_name(text: &str, error: &anyhow::Error) -> Option<String> {
    let status = error.downcast_ref::<Status>()?;
    let id = Uuid::try_parse(text).ok()?;
    (status.code() == Grpc::PermissionDenied).then(|| format!("declarations/{id}"))
}

fn several(text: &str, count: usize, names: &str) -> BilingualText {
    let (more, more_zh) = match count >= usize::from(domain::limits::CANDIDATES_MAX) {
        true => (" or more", "以上"),
        false => ("", ""),
    };
    BilingualText::new(
        format!("{count}{more} declarations have {text}; say which by its id{names}"),
        format!("有{count}份{more_zh}清单的编号为{text}，请用编号（id）指明{names}"),
    )
}
