//! Frames of a stream: what is sent and how, and answers that come in them.

use std::sync::Arc;

use domain::history::topic;
use domain::refusal::{Code, Refusal};
use domain::subscriber::Subscriber;
use domain::{Slot, limits};
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use proto::raw::connect_response::Frame as Out;
use proto::{exchange as wire, raw, status, v1};
use store::journal::JournalEntry;
use store::{Fault, column};
use tonic::Status;

use crate::ExchangeState;

/// Answers that are being decided, in the order in which they came.
pub(crate) type PendingResults = FuturesOrdered<BoxFuture<'static, raw::Result>>;

pub(crate) fn frame(frame: Out) -> raw::ConnectResponse {
    raw::ConnectResponse { frame: Some(frame) }
}

pub(crate) fn unavailable(fault: &Fault) -> Status {
    fault.report("the exchange cannot read or write the database");
    status::plain(Code::Unavailable)
}

pub(crate) fn refuse(refusal: Refusal) -> Status {
    status::refused(&refusal, status::Language::English)
}

pub(crate) fn positions(
    of: impl Iterator<Item = (Slot, i64)>,
) -> Result<Vec<raw::Position>, Fault> {
    of.map(|(slot, position)| {
        Ok(raw::Position { slot: slot.number(), position: column::unsigned(position)? })
    })
    .collect()
}

/// An entry as it is sent. Its payload goes out as it is kept; one that is no message would end every stream
/// that it is sent on, whoever reads it, so that is seen here.
pub(crate) fn event(entry: &JournalEntry, attempt: u32) -> Result<raw::Event, Fault> {
    let body = entry.body.clone()?;
    wire::check(&entry.facts, body.as_deref())
        .map_err(|error| Fault::Broken(format!("it is kept as no message: {error}")))?;
    Ok(raw::Event {
        slot: entry.slot.number(),
        position: column::unsigned(entry.position)?,
        event_id: entry.event_id.to_string(),
        attempt,
        declaration_id: entry.subject.to_string(),
        version: column::number(entry.version)?,
        round: column::number(entry.round)?,
        trace_id: entry.trace.clone(),
        time: Some(proto::timestamp(entry.recorded_time)),
        facts: entry.facts.clone(),
        // Most entries carry no content; none is no bytes on the wire.
        declaration: body.unwrap_or_default(), // most have none, which is no bytes on the wire
        again: false,
        ie_flag: direction(entry.topics).into(),
    })
}

/// Which way the goods of its declaration go; what banks are told is about none.
fn direction(topics: i32) -> v1::Direction {
    match topics & (topic::INBOUND | topic::OUTBOUND) {
        topic::INBOUND => v1::Direction::Import,
        topic::OUTBOUND => v1::Direction::Export,
        _ => v1::Direction::Unspecified,
    }
}

/// Decides what is said in one frame.
pub(crate) fn decide_all(
    shared: &Arc<ExchangeState>,
    by: Subscriber,
    answers: Vec<raw::Answer>,
    deciding: &mut PendingResults,
) -> Result<(), Status> {
    if answers.len() > limits::ANSWERS_MAX {
        let refusal = Refusal::of(Code::TooLong).with("field", "answers");
        return Err(refuse(refusal.with("most", limits::ANSWERS_MAX)));
    }
    deciding.extend(answers.into_iter().map(|answer| decide(Arc::clone(shared), by, answer)));
    Ok(())
}

fn decide(
    shared: Arc<ExchangeState>,
    by: Subscriber,
    answer: raw::Answer,
) -> BoxFuture<'static, raw::Result> {
    let request_id = answer.request_id.clone();
    let trace = proto::call::kept_trace(Some(&answer.trace_id));
    let read = wire::answer_from_wire(by, answer);
    Box::pin(async move {
        match read {
            Err(refusal) => wire::result(request_id, Err(refusal)),
            Ok(decision) => match shared.handler.handle(decision, trace).await {
                Ok(decided) => wire::result(request_id, decided),
                // The lane that met the fault has logged it.
                Err(Fault::Broken(_)) => wire::retry(request_id, Code::Internal),
                Err(Fault::Away(_) | Fault::Full(_)) => wire::retry(request_id, Code::Unavailable),
            },
        }
    })
}
