//! Watching without end: after a cut it goes on from the last token.

use std::future::ready;

use futures::{Stream, StreamExt as _};
use proto::status::is_worth_repeating;
use proto::v1;
use tonic::Status;

use crate::{Window, backoff};

/// What a watch hears, of declarations and of its own connection.
#[derive(Debug, Clone)]
pub enum News {
    /// Something happened to a declaration.
    Entry(v1::WatchResponse),
    /// Nothing happened for a while.
    Heartbeat,
    /// The window is away. Nothing is missed: the watch goes on where it stopped.
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
    watch_news(window, request).filter_map(|news| {
        ready(match news {
            Ok(News::Entry(entry)) => Some(Ok(entry)),
            Ok(News::Heartbeat | News::Lost(_) | News::Back) => None,
            Err(status) => Some(Err(status)),
        })
    })
}

/// The same, and shows heartbeats, and tells once when the window is lost and once when it is back.
pub fn watch_news(
    window: Window,
    mut request: v1::WatchRequest,
) -> impl Stream<Item = Result<News, Status>> + Send {
    async_stream::try_stream! {
        let mut pauses = backon::BackoffBuilder::build(backoff().without_max_times());
        let mut lost = false;
        loop {
            let status = match window.declarations().watch(request.clone()).await {
                Ok(stream) => {
                    if std::mem::take(&mut lost) {
                        yield News::Back;
                    }
                    let mut stream = stream.into_inner();
                    loop {
                        match stream.message().await {
                            Ok(Some(news)) => {
                                pauses = backon::BackoffBuilder::build(backoff().without_max_times());
                                if !news.resume_token.is_empty() {
                                    request.resume_token.clone_from(&news.resume_token);
                                }
                                yield if news.name.is_empty() {
                                    News::Heartbeat
                                } else {
                                    News::Entry(news)
                                };
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
            if !std::mem::replace(&mut lost, true) {
                yield News::Lost(status);
            }
            if let Some(pause) = pauses.next() {
                tokio::time::sleep(pause).await;
            }
        }
    }
}
