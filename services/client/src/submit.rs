//! Filing many declarations over one stream, going on after a cut.

use std::collections::VecDeque;

use proto::status::is_worth_repeating;
use proto::v1;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::{Window, backoff};

/// Items that are on their way at once.
const IN_FLIGHT: usize = 512;

/// Files all items and hands over each answer with its place. After a cut the unanswered ones are
/// sent again with their request ids.
///
/// # Errors
///
/// The status that ended the stream when repeating could not help, or did not for long.
pub async fn submit_all(
    window: &Window,
    items: Vec<v1::SubmitRequest>,
    mut answered: impl FnMut(usize, v1::SubmitStreamResponse),
) -> Result<(), Status> {
    let mut waiting: VecDeque<(usize, v1::SubmitRequest)> = items.into_iter().enumerate().collect();
    let mut pauses = backon::BackoffBuilder::build(backoff().with_max_times(12));
    while !waiting.is_empty() {
        let before = waiting.len();
        let outcome = attempt(window, &mut waiting, &mut answered).await;
        if waiting.len() < before {
            pauses = backon::BackoffBuilder::build(backoff().with_max_times(12));
        }
        match outcome {
            Ok(()) => {}
            Err(status) if is_worth_repeating(status.code()) => match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(status),
            },
            Err(status) => return Err(status),
        }
    }
    Ok(())
}

/// One stream, as far as it goes. What was answered is taken off the front; what the window could
/// not take now is put back at the end, for after a pause.
async fn attempt(
    window: &Window,
    waiting: &mut VecDeque<(usize, v1::SubmitRequest)>,
    answered: &mut impl FnMut(usize, v1::SubmitStreamResponse),
) -> Result<(), Status> {
    let (sender, receiver) = tokio::sync::mpsc::channel(IN_FLIGHT);
    let mut answers =
        window.declarations().submit_stream(ReceiverStream::new(receiver)).await?.into_inner();
    let mut sender = Some(sender);
    let mut sent = 0;
    let mut busy = Vec::new();
    while !waiting.is_empty() {
        if sent == waiting.len() {
            // Closing our side lets the window end the stream when all is answered.
            sender = None;
        }
        tokio::select! {
            biased;
            answer = answers.message() => {
                let Some(answer) = answer? else { break };
                let Some((place, item)) = waiting.pop_front() else { break };
                sent -= 1;
                if is_busy(&answer) {
                    busy.push((place, item));
                } else {
                    answered(place, answer);
                }
            }
            permit = reserve(sender.as_ref()), if sent < waiting.len().min(IN_FLIGHT) => {
                let Some(permit) = permit else { break };
                permit.send(v1::SubmitStreamRequest { item: Some(waiting[sent].1.clone()) });
                sent += 1;
            }
        }
    }
    waiting.extend(busy);
    if waiting.is_empty() {
        return Ok(());
    }
    Err(Status::unavailable("the window could not take everything now"))
}

async fn reserve<T>(
    sender: Option<&tokio::sync::mpsc::Sender<T>>,
) -> Option<tokio::sync::mpsc::Permit<'_, T>> {
    sender?.reserve().await.ok()
}

/// The window could not take this item now; it is sent again.
fn is_busy(answer: &v1::SubmitStreamResponse) -> bool {
    matches!(&answer.result, Some(v1::submit_stream_response::Result::Refusal(refusal))
        if is_worth_repeating(tonic::Code::from(refusal.grpc_code)))
}
