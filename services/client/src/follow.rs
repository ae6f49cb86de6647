//! Following a stream without end: after a cut it goes on where it stopped.

use std::future::ready;

use futures::{Stream, StreamExt as _};
use proto::status::is_worth_repeating;
use proto::v1;
use tonic::{Response, Status, Streaming};

use crate::{Window, backoff, pause_after};

/// What who follows hears: what happened, and how the connection is.
#[derive(Debug, Clone)]
pub enum Update<T> {
    /// Something happened.
    Entry(T),
    /// Nothing happened for a while.
    Heartbeat,
    /// The window is away. Nothing is missed: it goes on where it stopped.
    Lost(Status),
    /// The window is there again.
    Back,
}

/// Follows declarations from where the request says, reconnecting by itself. Heartbeats are not
/// shown. Ends with a status when repeating cannot help.
pub fn watch(
    window: Window,
    request: v1::WatchRequest,
) -> impl Stream<Item = Result<v1::WatchResponse, Status>> + Send {
    entries(watch_updates(window, request))
}

/// The same with heartbeats, and tells once when the window is lost and once when it is back.
pub fn watch_updates(
    window: Window,
    request: v1::WatchRequest,
) -> impl Stream<Item = Result<Update<v1::WatchResponse>, Status>> + Send {
    let open = move |request| {
        let window = window.clone();
        async move { window.declarations().watch(request).await }
    };
    follow(request, open, |request, news: v1::WatchResponse| {
        if !news.resume_token.is_empty() {
            request.resume_token.clone_from(&news.resume_token);
        }
        (!news.name.is_empty()).then_some(news)
    })
}

/// Follows inspection orders from where the request says, and tells once when the window is lost and
/// once when it is back. Ends with a status when repeating cannot help.
pub fn order_updates(
    window: Window,
    request: v1::WatchOrdersRequest,
) -> impl Stream<Item = Result<Update<v1::WatchOrdersResponse>, Status>> + Send {
    let open = move |request| {
        let window = window.clone();
        async move { window.inspection().watch_orders(request).await }
    };
    follow(request, open, |request, news: v1::WatchOrdersResponse| {
        if !news.resume_token.is_empty() {
            request.resume_token.clone_from(&news.resume_token);
        }
        news.order.is_some().then_some(news)
    })
}

/// Follows refunds from where the request says, reconnecting by itself. Heartbeats are not shown. Ends with a
/// status when repeating cannot help.
pub fn refunds(
    window: Window,
    request: v1::WatchRefundsRequest,
) -> impl Stream<Item = Result<v1::WatchRefundsResponse, Status>> + Send {
    let open = move |request| {
        let window = window.clone();
        async move { window.refund().watch_refunds(request).await }
    };
    entries(follow(request, open, |request, news: v1::WatchRefundsResponse| {
        if !news.resume_token.is_empty() {
            request.resume_token.clone_from(&news.resume_token);
        }
        (!news.name.is_empty() || news.unreadable).then_some(news)
    }))
}

/// Follows the receipts of an exchange number (dxpId) after a position, reconnecting by itself.
/// Heartbeats are not shown. Ends with a status when repeating cannot help.
pub fn receipts(
    window: Window,
    dxp_id: String,
    after: u64,
) -> impl Stream<Item = Result<v1::OutgoingMessage, Status>> + Send {
    entries(receipt_updates(window, dxp_id, after))
}

/// The same with heartbeats, and tells once when the window is lost and once when it is back.
pub fn receipt_updates(
    window: Window,
    dxp_id: String,
    after: u64,
) -> impl Stream<Item = Result<Update<v1::OutgoingMessage>, Status>> + Send {
    let open = move |request| {
        let window = window.clone();
        async move { window.ceb().follow_receipts(request).await }
    };
    let request = v1::FollowReceiptsRequest { dxp_id, after };
    follow(request, open, |request, news: v1::FollowReceiptsResponse| {
        request.after = request.after.max(news.position);
        // What was told before a cut is not told again.
        let position = news.message.as_ref().map_or(0, |message| message.position);
        request.after = request.after.max(position);
        news.message
    })
}

fn entries<T: Send>(
    updates: impl Stream<Item = Result<Update<T>, Status>> + Send,
) -> impl Stream<Item = Result<T, Status>> + Send {
    updates.filter_map(|update| {
        ready(match update {
            Ok(Update::Entry(entry)) => Some(Ok(entry)),
            Ok(Update::Heartbeat | Update::Lost(_) | Update::Back) => None,
            Err(status) => Some(Err(status)),
        })
    })
}

/// Opens a stream again and again. `take` writes into the request where to go on, and says what of a
/// message is to be told.
fn follow<Q, M, T, F>(
    mut request: Q,
    open: impl Fn(Q) -> F + Send,
    mut take: impl FnMut(&mut Q, M) -> Option<T> + Send,
) -> impl Stream<Item = Result<Update<T>, Status>> + Send
where
    Q: Clone + Send,
    M: Send,
    T: Send,
    F: Future<Output = Result<Response<Streaming<M>>, Status>> + Send,
{
    async_stream::try_stream! {
        let mut pauses = backon::BackoffBuilder::build(backoff().without_max_times());
        let mut lost = false;
        loop {
            let status = match open(request.clone()).await {
                Ok(stream) => {
                    if std::mem::take(&mut lost) {
                        yield Update::Back;
                    }
                    let mut stream = stream.into_inner();
                    loop {
                        match stream.message().await {
                            Ok(Some(news)) => {
                                pauses = backon::BackoffBuilder::build(backoff().without_max_times());
                                let entry = take(&mut request, news);
                                yield entry.map_or(Update::Heartbeat, Update::Entry);
                            }
                            Ok(None) => break Status::unavailable("the stream ended"),
                            Err(status) => break status,
                        }
                    }
                }
                Err(status) => status,
            };
            if !is_worth_repeating(status.code()) {
                Err(status.clone())?;
            }
            let pause = pauses.next().map(|pause| pause_after(&status, pause));
            if !std::mem::replace(&mut lost, true) {
                yield Update::Lost(status);
            }
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
        }
    }
}
