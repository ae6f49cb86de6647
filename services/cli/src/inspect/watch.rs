//! `inspect watch`: follows what happens to orders, one line an entry.

use std::pin::pin;

use proto::v1;

use super::super::watch::{ConnectionNotice, unreadable, waits_for};
use super::super::words as shared;
use super::super::{Exit, Language, Output, Session, print_json, print_line};
use super::{fetch, resolve, stage, words};

/// Columns of the longest stage.
const STAGE_COLUMNS: usize = 11;

/// Follow what happens to orders, from now on.
#[derive(Debug, clap::Args)]
pub(super) struct OrderWatchArgs {
    /// Only this order, its whole history first: name, UUID, preNo or order number.
    name: Option<String>,
    /// Go on after this resume token of an earlier entry.
    #[arg(long, value_name = "TOKEN")]
    resume_token: Option<String>,
    /// End when the order stands at this stage or a later one; the exit code is 1 when it fell away
    /// before.
    #[arg(long, value_name = "STAGE", value_parser = words::parse_stage, requires = "name")]
    until: Option<v1::OrderStage>,
}

/// Follows until the end that was asked for, or Ctrl-C.
pub(super) async fn run(session: &Session, args: OrderWatchArgs) -> anyhow::Result<Exit> {
    let mut request = v1::WatchOrdersRequest {
        resume_token: args.resume_token.unwrap_or_default(), // from now on
        name: String::new(),
    };
    // What happened before the order was opened again is part of the history and not its end.
    let mut newest = (0, 0);
    if let Some(name) = &args.name {
        request.name = resolve(session, name).await?;
        if args.until.is_some() {
            newest = fetch(session, &request.name).await?.order.as_ref().map_or((0, 0), round);
        }
    }
    let mut connection = ConnectionNotice::new(session.language);
    let mut updates = pin!(client::order_updates(session.window.clone(), request));
    while let Some(entry) = connection.next(&mut updates).await? {
        let Some(order) = &entry.order else { continue };
        match session.output {
            Output::Json => print_json(&entry)?,
            Output::Table => print_line(&line(&entry, order, session.language))?,
        }
        let ended = args.until.filter(|_| round(order) >= newest);
        if let Some(exit) = ended.and_then(|until| end(stage(order), until)) {
            return Ok(exit);
        }
    }
    Ok(Exit::Done)
}

/// Version and examination: an order that is opened again has a later one.
fn round(order: &v1::OrderRecord) -> (u32, u32) {
    order.state.as_ref().map_or((0, 0), |state| (state.version, state.examination))
}

/// How the command ends when the order stands there, if it does.
fn end(stage: v1::OrderStage, until: v1::OrderStage) -> Option<Exit> {
    let number = i32::from;
    match stage {
        v1::OrderStage::Cancelled if until == v1::OrderStage::Cancelled => Some(Exit::Done),
        v1::OrderStage::Cancelled => Some(Exit::Refused),
        v1::OrderStage::Closed if until == v1::OrderStage::Cancelled => Some(Exit::Refused),
        v1::OrderStage::Unspecified
        | v1::OrderStage::Ordered
        | v1::OrderStage::Appointed
        | v1::OrderStage::Presented
        | v1::OrderStage::Examining
        | v1::OrderStage::Sampled
        | v1::OrderStage::Laboratory
        | v1::OrderStage::Found
        | v1::OrderStage::Treating
        | v1::OrderStage::Disposed
        | v1::OrderStage::Closed => (number(stage) >= number(until)).then_some(Exit::Done),
    }
}

/// One entry: when, which, where it stands, what happened.
fn line(news: &v1::WatchOrdersResponse, order: &v1::OrderRecord, language: Language) -> String {
    let time = shared::when(news.time.and_then(proto::time));
    let stage = shared::padded(words::stage_in(language, stage(order)), STAGE_COLUMNS);
    let facts = if news.unreadable {
        unreadable(language).to_owned()
    } else {
        words::facts(&news.facts, language)
    };
    let waits_for = waits_for(language, order.waits_for());
    let id = order.name.trim_end_matches("/inspection");
    // The end of an id: its beginning is a time, which declarations of one moment share.
    let id = id.rsplit('-').next().unwrap_or(id);
    format!("{time}  {id}  {stage}  {facts}{waits_for}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_ends_where_it_is_waited_for_or_falls_away() {
        use v1::OrderStage as S;
        assert_eq!(end(S::Examining, S::Found), None);
        assert_eq!(end(S::Found, S::Found), Some(Exit::Done));
        assert_eq!(end(S::Closed, S::Found), Some(Exit::Done));
        assert_eq!(end(S::Cancelled, S::Found), Some(Exit::Refused));
        assert_eq!(end(S::Cancelled, S::Cancelled), Some(Exit::Done));
        assert_eq!(end(S::Disposed, S::Cancelled), None);
    }
}
