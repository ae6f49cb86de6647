//! `get` and `list`: what the window keeps, as a card or a table, or as the schema's JSON.

use domain::refusal::{Code, Refusal};
use proto::v1;
use time::OffsetDateTime;
use time::macros::{format_description, offset};
use tonic::{Response, Status};
use uuid::Uuid;

use super::words::{self, pick};
use super::{Exit, Output, Session, card, say, say_json};

/// Pages that are searched for a preNo, which the window cannot be asked for: its date narrows the
/// search to one day.
const SEARCH_PAGES_MAX: usize = 20;

/// Show one declaration with its history.
#[derive(Debug, clap::Args)]
pub struct Get {
    /// Name (declarations/UUID), UUID, preNo or order number.
    pub name: String,
}

/// List declarations, newest first. Every filter that is set must hold.
#[derive(Debug, clap::Args)]
pub struct List {
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
pub async fn get(session: &Session, args: Get) -> anyhow::Result<Exit> {
    session.settle(show(session, args).await)
}

async fn show(session: &Session, args: Get) -> anyhow::Result<Exit> {
    let name = resolve(session, &args.name).await?;
    let record = fetch(session, &name).await?;
    match session.output {
        Output::Json => say_json(&record)?,
        Output::Table => say(&card::whole(&record, session.language))?,
    }
    Ok(Exit::Done)
}

/// Lists declarations.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn list(session: &Session, args: List) -> anyhow::Result<Exit> {
    session.settle(show_list(session, args).await)
}

async fn show_list(session: &Session, args: List) -> anyhow::Result<Exit> {
    let limit = args.limit;
    let records = pages(session, request(args), limit).await?;
    match session.output {
        Output::Json => records.iter().try_for_each(say_json)?,
        Output::Table if records.is_empty() => {
            say(pick(session.language, "no declarations", "没有符合条件的清单"))?;
        }
        Output::Table => say(&card::rows(&records, session.language))?,
    }
    Ok(Exit::Done)
}

fn request(args: List) -> v1::ListRequest {
    let List { state, mode, order_no, declarant, from, until, limit: _ } = args;
    v1::ListRequest {
        page_size: 0,
        page_token: String::new(),
        state: state.unwrap_or_default().into(),
        trade_mode: mode.unwrap_or_default(),
        order_no: order_no.unwrap_or_default(),
        declarant_code: declarant.unwrap_or_default(),
        filed_from_time: from.map(proto::timestamp),
        filed_until_time: until.map(proto::timestamp),
    }
}

/// The newest records that a list asks for, over as many pages as it takes.
async fn pages(
    session: &Session,
    mut request: v1::ListRequest,
    limit: usize,
) -> Result<Vec<v1::DeclarationRecord>, Status> {
    let mut records = Vec::new();
    while records.len() < limit {
        let left = i32::try_from(limit - records.len()).unwrap_or(i32::MAX);
        request.page_size = left.min(domain::limits::PAGE_MAX);
        let page = page(session, &request).await?;
        records.extend(page.records);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    records.truncate(limit);
    Ok(records)
}

/// One page of a list.
pub(super) async fn page(
    session: &Session,
    request: &v1::ListRequest,
) -> Result<v1::ListResponse, Status> {
    let call = async || {
        let mut declarations = session.window.declarations();
        declarations.list(session.request(request.clone())).await.map(Response::into_inner)
    };
    client::repeat(call).await
}

/// Reads one declaration by its resource name.
pub(super) async fn fetch(session: &Session, name: &str) -> Result<v1::DeclarationRecord, Status> {
    let call = async || {
        let request = session.request(v1::GetRequest { name: name.to_owned(), ..Default::default() });
        session.window.declarations().get(request).await.map(Response::into_inner)
    };
    client::repeat(call).await.map(|response| response.record.unwrap_or_default())
}

/// The resource name of what a person typed.
pub(super) async fn resolve(session: &Session, text: &str) -> anyhow::Result<String> {
    // An unset variable of a script must not stand for "any".
    anyhow::ensure!(!text.trim().is_empty(), "NAME is empty");
    if text.starts_with("declarations/") {
        return Ok(text.to_owned());
    }
    if let Ok(id) = Uuid::try_parse(text) {
        return Ok(format!("declarations/{id}"));
    }
    if let Some(day) = day_of(text)
        && let Some(name) = by_pre_no(session, text, day).await?
    {
        return Ok(name);
    }
    let request = v1::ListRequest { order_no: text.to_owned(), ..Default::default() };
    choose(text, pages(session, request, 50).await?, session)
}

/// The one that is alive among those with an order number, or else the newest: after a rejection or
/// withdrawal the same order may be declared again.
fn choose(
    text: &str,
    mut records: Vec<v1::DeclarationRecord>,
    session: &Session,
) -> anyhow::Result<String> {
    let lives = |record: &v1::DeclarationRecord| {
        !words::is_final(record.state()) || record.state() == v1::State::Released
    };
    if records.iter().any(lives) {
        records.retain(lives);
    } else {
        records.truncate(1);
    }
    match &mut records[..] {
        [] => {
            let refusal = Refusal::of(Code::NotFound).with("name", text);
            Err(proto::status::refused(&refusal, session.language).into())
        }
        [record] => Ok(std::mem::take(&mut record.name)),
        several => {
            let names: Vec<_> = several.iter().map(|record| record.name.as_str()).collect();
            anyhow::bail!("several declarations have order number {text}: {}", names.join(", "))
        }
    }
}

/// The day in a preNo: B, date, nine digits.
fn day_of(pre_no: &str) -> Option<time::Date> {
    let digits = pre_no.strip_prefix('B').filter(|digits| digits.len() == 17)?;
    let (day, serial) = digits.split_at_checked(8)?;
    let is_number = serial.bytes().all(|byte| byte.is_ascii_digit());
    let day = time::Date::parse(day, format_description!("[year][month][day]")).ok()?;
    is_number.then_some(day)
}

async fn by_pre_no(
    session: &Session,
    pre_no: &str,
    day: time::Date,
) -> Result<Option<String>, Status> {
    let from = day.midnight().assume_offset(offset!(+8));
    let mut request = v1::ListRequest {
        page_size: domain::limits::PAGE_MAX,
        filed_from_time: Some(proto::timestamp(from)),
        filed_until_time: Some(proto::timestamp(from.saturating_add(time::Duration::DAY))),
        ..Default::default()
    };
    for _ in 0..SEARCH_PAGES_MAX {
        let page = page(session, &request).await?;
        if let Some(found) = page.records.into_iter().find(|record| record.pre_no == pre_no) {
            return Ok(Some(found.name));
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pre_no_tells_its_day() {
        let day = day_of("B20261124000000001").expect("a preNo");
        assert_eq!((day.year(), u8::from(day.month()), day.day()), (2026, 11, 24));
        for other in
            ["B20261324000000001", "B2026112400000000x", "A20261124000000001", "B1", "订单"]
        {
            assert_eq!(day_of(other), None, "{other}");
        }
    }
}
