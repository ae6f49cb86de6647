//! Filing many declarations over one stream, going on after a cut.

use std::collections::VecDeque;
use std::pin::{Pin, pin};

use futures::stream::{self, Fuse};
use futures::{Stream, StreamExt as _};
use proto::status::is_worth_repeating;
use proto::v1;
use tokio::sync::mpsc::{Permit, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::{Window, backoff, pause_after};

/// Items that are on their way at once. No more are held, however many there are.
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
    answered: impl FnMut(usize, v1::SubmitStreamResponse),
) -> Result<(), Status> {
    submit_stream(window, stream::iter(items), answered).await
}

/// The same for items that come one after the other: they are taken as the window answers.
///
/// # Errors
///
/// The status that ended the stream when repeating could not help, or did not for long.
pub async fn submit_stream(
    window: &Window,
    items: impl Stream<Item = v1::SubmitRequest>,
    mut answered: impl FnMut(usize, v1::SubmitStreamResponse),
) -> Result<(), Status> {
    let mut items = Items { coming: pin!(items.fuse()), taken: 0, waiting: VecDeque::new() };
    let mut pauses = backon::BackoffBuilder::build(backoff().with_max_times(12));
    while items.has_more() {
        let before = items.open();
        let outcome = attempt(window, &mut items, &mut answered).await;
        if items.open() != before {
            pauses = backon::BackoffBuilder::build(backoff().with_max_times(12));
        }
        match outcome {
            Ok(()) => {}
            Err(status) if is_worth_repeating(status.code()) => match pauses.next() {
                Some(pause) => tokio::time::sleep(pause_after(&status, pause)).await,
                None => return Err(status),
            },
            Err(status) => return Err(status),
        }
    }
    Ok(())
}

/// What is to be filed: what still comes, and what was taken and has no answer.
struct Items<'a, S> {
    coming: Pin<&'a mut Fuse<S>>,
    /// How many came so far: the place of the next one.
    taken: usize,
    waiting: VecDeque<(usize, v1::SubmitRequest)>,
}

impl<S: Stream<Item = v1::SubmitRequest>> Items<'_, S> {
    fn has_more(&self) -> bool {
        !self.waiting.is_empty() || !self.coming.is_done()
    }

    /// Changes whenever something comes or is answered for good.
    fn open(&self) -> (usize, usize) {
        (self.taken, self.waiting.len())
    }

    fn take(&mut self, item: Option<v1::SubmitRequest>) {
        if let Some(item) = item {
            self.waiting.push_back((self.taken, item));
            self.taken += 1;
        }
    }
}

/// One stream, as far as it goes. What was answered is taken off the front; what the window could
/// not take now is put back at the end, for after a pause.
async fn attempt<S: Stream<Item = v1::SubmitRequest>>(
    window: &Window,
    items: &mut Items<'_, S>,
    answered: &mut impl FnMut(usize, v1::SubmitStreamResponse),
) -> Result<(), Status> {
    let (sender, receiver) = tokio::sync::mpsc::channel(IN_FLIGHT);
    let mut answers =
        window.declarations().submit_stream(ReceiverStream::new(receiver)).await?.into_inner();
    let mut sender = Some(sender);
    let mut sent = 0;
    let mut busy = Vec::new();
    loop {
        // What the window could not take is repeated before more is taken.
        let takes = !items.coming.is_done() && busy.is_empty();
        if sent == items.waiting.len() && !takes {
            if sent == 0 {
                break;
            }
            // Closing our side lets the window end the stream when all is answered.
            sender = None;
        }
        tokio::select! {
            biased;
            answer = answers.message() => {
                let Some(answer) = answer? else { break };
                let Some((place, item)) = items.waiting.pop_front() else { break };
                sent -= 1;
                if is_busy(&answer) {
                    busy.push((place, item));
                } else {
                    answered(place, answer);
                }
            }
            permit = reserve(sender.as_ref()), if sent < items.waiting.len() => {
                let Some(permit) = permit else { break };
                permit.send(v1::SubmitStreamRequest { item: Some(items.waiting[sent].1.clone()) });
                sent += 1;
            }
            item = items.coming.next(), if takes && items.waiting.len() < IN_FLIGHT => {
                items.take(item);
            }
        }
    }
    items.waiting.extend(busy);
    if !items.has_more() {
        return Ok(());
    }
    Err(Status::unavailable("the window could not take everything now"))
}

async fn reserve<T>(sender: Option<&Sender<T>>) -> Option<Permit<'_, T>> {
    sender?.reserve().await.ok()
}

/// The window could not take this item now; it is sent again.
fn is_busy(answer: &v1::SubmitStreamResponse) -> bool {
    matches!(&answer.result, Some(v1::submit_stream_response::Result::Refusal(refusal))
        if is_worth_repeating(tonic::Code::from(refusal.grpc_code)))
}
