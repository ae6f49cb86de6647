//! The list of declarations: by state and day, a page after the other, or by any number.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse as _, Redirect, Response};
use cli::words;
use domain::limits;
use proto::{memory, status, v1};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, Duration};

use crate::problem::{PageAnswer, settle};
use crate::visit::{Visit, page};

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// A declaration as a row.
pub(crate) struct ListedDeclaration {
    pub(crate) id: String,
    pub(crate) order_no: String,
    pub(crate) pre_no: String,
    pub(crate) mode: String,
    pub(crate) state: StateBadge,
    pub(crate) waits_for: String,
    pub(crate) filed: String,
}

/// A state with its colour, which never stands without its word.
pub(crate) struct StateBadge {
    pub(crate) word: &'static str,
    pub(crate) tone: &'static str,
}

impl StateBadge {
    pub(crate) fn of(visit: &Visit, state: v1::State) -> Self {
        let tone = match state {
            v1::State::Unspecified => "plain",
            v1::State::UnderReview => "open",
            v1::State::Inspecting => "attention",
            v1::State::Released => "good",
            v1::State::Rejected | v1::State::Returned => "bad",
            v1::State::Withdrawn => "over",
        };
        Self { word: words::state_in(visit.language, state), tone }
    }
}

impl ListedDeclaration {
    fn of(visit: &Visit, record: &v1::DeclarationRecord) -> Self {
        Self {
            id: words::id(&record.name).to_owned(),
            order_no: record.order_no.clone(),
            pre_no: record.pre_no.clone(),
            mode: record.trade_mode.clone(),
            state: StateBadge::of(visit, record.state()),
            waits_for: words::awaited(visit.language, record.waits_for()),
            filed: words::minute(record.filed_time.and_then(proto::time)),
        }
    }

    /// What it takes in memory.
    fn bytes(&self) -> usize {
        let Self { id, order_no, pre_no, mode, state: _, waits_for, filed } = self;
        let texts = [id, order_no, pre_no, mode, waits_for, filed];
        size_of::<Self>() + texts.into_iter().map(String::capacity).sum::<usize>()
    }
}

#[derive(Template)]
#[template(path = "declarations.html")]
struct ListPage<'a> {
    visit: &'a Visit,
    rows: Vec<ListedDeclaration>,
    /// What was looked for and not found.
    missing: &'a str,
    states: Vec<StateChoice>,
    day: &'a str,
    mode: &'a str,
    /// Only what the firm has to do something for.
    waits_for_me: bool,
    is_first: bool,
    /// The next page; empty on the last.
    next: String,
}

/// A state that can be chosen.
struct StateChoice {
    value: i32,
    word: &'static str,
    is_chosen: bool,
}

fn listed_declarations<'r>(
    visit: &Visit,
    records: impl IntoIterator<Item = &'r v1::DeclarationRecord>,
) -> Vec<ListedDeclaration> {
    records.into_iter().map(|record| ListedDeclaration::of(visit, record)).collect()
}

/// Whether a firm has to do something for it: provide documents, or see to its duty.
fn waits_for_firm(record: &v1::DeclarationRecord) -> bool {
    record.waits_for().any(|it| matches!(it, v1::Awaited::Documents | v1::Awaited::Duty))
}

/// `GET /console/declarations?number=…&state=…&day=…&mode=…&waits=me&size=…&page=…`. What waits for the firm is found
/// among as many as a page may have at most; the next page goes on behind them.
pub(crate) async fn list(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, listed(&visit).await)
}

async fn listed(visit: &Visit) -> PageAnswer {
    let (number, waits_for_me) = (visit.query("number"), visit.query("waits") == "me");
    let (mut rows, mut missing, mut next) = (Vec::new(), "", String::new());
    if number.is_empty() {
        let (from, until) = day(visit.query("day"));
        let size = visit.query("size").parse().unwrap_or(0); // as many as usual
        let mut request = v1::ListRequest {
            page_size: if waits_for_me { limits::CONSOLE_ROWS_MAX } else { size },
            page_token: visit.query("page").to_owned(),
            state: visit.query("state").parse().unwrap_or(0), // every one
            trade_mode: visit.query("mode").to_owned(),
            filed_from_time: from,
            filed_until_time: until,
            ..Default::default()
        };
        let mut left = request.page_size.min(limits::CONSOLE_ROWS_MAX);
        loop {
            request.page_size = left.min(limits::PAGE_MAX);
            let asked = visit.call(request.clone());
            let answer = visit.declarations().list(asked).await?.into_inner();
            left -= i32::try_from(answer.records.len()).unwrap_or(left); // no page has more
            let asked_for =
                |record: &&v1::DeclarationRecord| !waits_for_me || waits_for_firm(record);
            let listed = listed_declarations(visit, answer.records.iter().filter(asked_for));
            // Nine pages of these wait for the tenth, and the HTML is counted only when it is whole.
            memory::need(listed.iter().map(ListedDeclaration::bytes).sum())
                .map_err(|refusal| status::refused(&refusal, visit.language))?;
            rows.extend(listed);
            request.page_token = answer.next_page_token;
            if left <= 0 || request.page_token.is_empty() {
                break;
            }
        }
        next = page_after(visit, &request.page_token);
    } else {
        let request = v1::GetRequest { number: number.to_owned(), ..Default::default() };
        match visit.declarations().get(visit.call(request)).await {
            Ok(answer) => match answer.into_inner() {
                v1::GetResponse { record: Some(record), .. } => {
                    let path = format!("/console/declarations/{}", words::id(&record.name));
                    return Ok(Redirect::to(&path).into_response());
                }
                v1::GetResponse { candidates, .. } => {
                    rows = listed_declarations(visit, &candidates)
                }
            },
            Err(status) if status.code() == tonic::Code::NotFound => missing = number,
            Err(status) => return Err(status.into()),
        }
    }
    let chosen = visit.query("state");
    let states = (1..).map_while(|value| v1::State::try_from(value).ok()).map(|state| {
        let value = i32::from(state);
        let word = words::state_in(visit.language, state);
        StateChoice { value, word, is_chosen: chosen == value.to_string() }
    });
    Ok(page(&ListPage {
        visit,
        rows,
        missing,
        states: states.collect(),
        day: visit.query("day"),
        mode: visit.query("mode"),
        waits_for_me,
        is_first: visit.query("page").is_empty() && number.is_empty(),
        next,
    }))
}

type Moment = Option<pbjson_types::Timestamp>;

/// A day in China from its first to its last moment; nothing when it is none.
fn day(text: &str) -> (Moment, Moment) {
    let Ok(day) = Date::parse(text, DAY) else { return (None, None) };
    let from = day.midnight().assume_offset(domain::CHINA);
    let until = from.checked_add(Duration::DAY);
    (Some(proto::timestamp(from)), until.map(proto::timestamp))
}

/// The same page with another token; empty without one.
pub(crate) fn page_after(visit: &Visit, token: &str) -> String {
    if token.is_empty() {
        return String::new();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    let kept = visit.query.iter().filter(|(name, value)| *name != "page" && !value.is_empty());
    for (name, value) in kept {
        query.append_pair(name, value);
    }
    query.append_pair("page", token);
    format!("?{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_in_china() {
        let (from, until) = day("2026-11-25");
        let seconds = |moment: Moment| moment.map(|moment| moment.seconds);
        assert_eq!(seconds(from), Some(1_795_536_000));
        assert_eq!(seconds(until), Some(1_795_536_000 + 86_400));
        assert_eq!(day("tomorrow"), (None, None));
    }
}
